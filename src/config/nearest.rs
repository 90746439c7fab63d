//! What somebody may have meant.

/// The name among `names` that is nearest to `given`, if any is near: a few letters wrong, missing, too many or swapped,
/// or written with dashes or capitals.
#[must_use]
pub fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = given.chars().map(alike).take(64).collect();
    let with_distance = names.map(|name| (distance(&given, name), name));
    let near = with_distance.filter(|(distance, name)| *distance <= name.len().div_ceil(4));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Dashes and capitals are no difference.
fn alike(c: char) -> char {
    if c == '-' { '_' } else { c.to_ascii_lowercase() }
}

/// How many letters have to be changed, added, removed or swapped with their neighbour.
fn distance(given: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().map(alike).collect();
    let first: Vec<usize> = (0..=name.len()).collect();
    let (mut before, mut above) = (Vec::new(), first);
    let mut last: Option<char> = None;
    for (row, &g) in given.iter().enumerate() {
        let mut now = vec![row + 1];
        let mut previous: Option<char> = None;
        for (at, &n) in name.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let changed = cell(&above, at) + usize::from(g != n);
            let mut best = changed.min(cell(&above, at + 1) + 1).min(cell(&now, at) + 1);
            if last == Some(n) && previous == Some(g) && at > 0 {
                best = best.min(cell(&before, at - 1) + 1);
            }
            now.push(best);
            previous = Some(n);
        }
        before = std::mem::replace(&mut above, now);
        last = Some(g);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["default_ttl", "guard_wait", "max_reason", "redact"];

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        for (given, meant) in [
            ("defaul_ttl", "default_ttl"),
            ("default-ttl", "default_ttl"),
            ("DEFAULT_TTL", "default_ttl"),
            ("gaurd_wait", "guard_wait"),
            ("guardwait", "guard_wait"),
            ("max_reasons", "max_reason"),
            ("redcat", "redact"),
        ] {
            assert_eq!(nearest(given, NAMES.into_iter()), Some(meant), "{given}");
        }
        for given in ["", "x", "timeout", "ttl", "max", &"redact".repeat(10_000)] {
            assert_eq!(nearest(given, NAMES.into_iter()), None);
        }
        for (given, meant) in [("TASK-UPDAT", "TASK-UPDATE"), ("infoo", "INFO"), ("claude-ba7817bf", "claude-ba7816bf")]
        {
            assert_eq!(nearest(given, ["INFO", "TASK-UPDATE", "claude-ba7816bf"].into_iter()), Some(meant), "{given}");
        }
    }

    #[test]
    fn the_distance_counts_letters() {
        let count = |given: &str, name| distance(&given.chars().collect::<Vec<_>>(), name);
        for (given, name, letters) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abd", "abc", 1),
            ("acb", "abc", 1),
            ("é", "e", 1),
        ] {
            assert_eq!(count(given, name), letters, "{given} {name}");
        }
    }
}
