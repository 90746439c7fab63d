//! A difference between two texts, as `diff -u` shows it.

/// Lines around a change.
const CONTEXT: usize = 3;

/// More changed lines than this are shown as all taken out and all added.
const MOST: usize = 1000;

/// A line of the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'t> {
    Both(&'t str),
    Old(&'t str),
    New(&'t str),
}

/// The unified difference from `old` to `new`, with these names; empty if there is none. `None` stands for no file.
#[must_use]
pub fn diff(name: &str, old: Option<&str>, new: Option<&str>) -> String {
    let lines = lines(old.unwrap_or_default(), new.unwrap_or_default());
    if !lines.iter().any(|line| !matches!(line, Line::Both(_))) && old.is_some() == new.is_some() {
        return String::new();
    }
    let side = |text: Option<&str>, prefix: &str| text.map_or("/dev/null".to_owned(), |_| format!("{prefix}/{name}"));
    let mut shown = format!("--- {}\n+++ {}\n", side(old, "a"), side(new, "b"));
    let (mut at, mut number) = (0, (1, 1));
    while let Some(change) = lines.iter().skip(at).position(|line| !matches!(line, Line::Both(_))).map(|n| n + at) {
        let start = change.saturating_sub(CONTEXT).max(at);
        advance(&mut number, lines.get(at..start).unwrap_or_default());
        let end = hunk_end(&lines, change);
        let hunk = lines.get(start..end).unwrap_or_default();
        let mut after = number;
        advance(&mut after, hunk);
        let range = |from: usize, to: usize| match to - from {
            0 => format!("{},0", from - 1),
            1 => from.to_string(),
            length => format!("{from},{length}"),
        };
        shown.push_str(&format!("@@ -{} +{} @@\n", range(number.0, after.0), range(number.1, after.1)));
        for line in hunk {
            let (sign, text) = match line {
                Line::Both(text) => (' ', text),
                Line::Old(text) => ('-', text),
                Line::New(text) => ('+', text),
            };
            shown.push(sign);
            shown.push_str(text);
            if !text.ends_with('\n') {
                shown.push_str("\n\\ No newline at end of file\n");
            }
        }
        (number, at) = (after, end);
    }
    shown
}

/// Counts lines of both sides.
fn advance(number: &mut (usize, usize), lines: &[Line<'_>]) {
    number.0 += lines.iter().filter(|line| !matches!(line, Line::New(_))).count();
    number.1 += lines.iter().filter(|line| !matches!(line, Line::Old(_))).count();
}

/// Where the hunk ends in which this change is: with the lines around it, and with the changes that are near.
fn hunk_end(lines: &[Line<'_>], change: usize) -> usize {
    let (mut end, mut same) = (change, 0);
    for (at, line) in lines.iter().enumerate().skip(change) {
        match line {
            Line::Both(_) if same >= 2 * CONTEXT => break,
            Line::Both(_) => same += 1,
            Line::Old(_) | Line::New(_) => (end, same) = (at + 1, 0),
        }
    }
    (end + CONTEXT).min(lines.len())
}

fn lines<'t>(old: &'t str, new: &'t str) -> Vec<Line<'t>> {
    let (a, b): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle_a = rest_a.get(..rest_a.len() - tail).unwrap_or_default();
    let middle_b = rest_b.get(..rest_b.len() - tail).unwrap_or_default();
    let both = |lines: &[&'t str]| lines.iter().map(|line| Line::Both(line)).collect::<Vec<_>>();
    let mut found = both(a.get(..head).unwrap_or_default());
    found.extend(middle(middle_a, middle_b));
    found.extend(both(rest_a.get(rest_a.len() - tail..).unwrap_or_default()));
    // Of what is changed together, the old comes first.
    for run in found.chunk_by_mut(|a, b| matches!(a, Line::Both(_)) == matches!(b, Line::Both(_))) {
        run.sort_by_key(|line| matches!(line, Line::New(_)));
    }
    found
}

/// The shortest way from one to the other (Myers): for each number of changes, how far each diagonal comes.
fn middle<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<Line<'t>> {
    let most = (a.len() + b.len()).min(MOST);
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for changes in 0..=most {
        let mut reach = vec![0; 2 * changes + 1];
        for k in (0..=2 * changes).step_by(2) {
            let mut x = start(rounds.last(), changes, k);
            let mut y = (x + changes).saturating_sub(k);
            while a.get(x).is_some_and(|line| b.get(y) == Some(line)) {
                (x, y) = (x + 1, y + 1);
            }
            if let Some(slot) = reach.get_mut(k) {
                *slot = x;
            }
            if (x, y) == (a.len(), b.len()) {
                return trace(&rounds, a, b, changes, k);
            }
        }
        rounds.push(reach);
    }
    a.iter().map(|line| Line::Old(line)).chain(b.iter().map(|line| Line::New(line))).collect()
}

/// How far a diagonal comes by one change from the round before; `k` counts diagonals from 0 in this round's row, where
/// x - y is `k - changes`.
fn start(before: Option<&Vec<usize>>, changes: usize, k: usize) -> usize {
    let Some(before) = before else { return 0 };
    let left = k.checked_sub(2).and_then(|left| before.get(left)).map(|x| x + 1);
    let down = before.get(k).copied().filter(|_| k < 2 * changes);
    left.max(down).unwrap_or(0)
}

fn trace<'t>(rounds: &[Vec<usize>], a: &[&'t str], b: &[&'t str], changes: usize, k: usize) -> Vec<Line<'t>> {
    let (mut x, mut y, mut k, mut changes) = (a.len(), b.len(), k, changes);
    let mut found = Vec::new();
    let both = |found: &mut Vec<Line<'t>>, x: usize| found.extend(a.get(x).map(|line| Line::Both(line)));
    while changes > 0 {
        let before = rounds.get(changes - 1);
        let begin = start(before, changes, k);
        while x > begin {
            x -= 1;
            y -= 1;
            both(&mut found, x);
        }
        let left = k.checked_sub(2).and_then(|left| before?.get(left)).map(|x| x + 1);
        if left == Some(begin) {
            x -= 1;
            found.extend(a.get(x).map(|line| Line::Old(line)));
            k -= 2;
        } else {
            y -= 1;
            found.extend(b.get(y).map(|line| Line::New(line)));
        }
        changes -= 1;
    }
    while x > 0 {
        x -= 1;
        both(&mut found, x);
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the new text from the old one by what a difference says.
    fn patched(old: &str, shown: &str) -> String {
        let (mut rest, mut made) = (old.split_inclusive('\n').collect::<Vec<_>>().into_iter(), String::new());
        let (mut at, mut lines) = (1, shown.lines().skip(2).peekable());
        while let Some(line) = lines.next() {
            let open = lines.peek().is_some_and(|next| next.starts_with('\\'));
            let end = if open { "" } else { "\n" };
            if let Some(header) = line.strip_prefix("@@ -") {
                let (start, length) = header
                    .split(' ')
                    .next()
                    .unwrap()
                    .split_once(',')
                    .unwrap_or((header.split(' ').next().unwrap(), "1"));
                let start: usize = start.parse().unwrap();
                let start = if length == "0" { start + 1 } else { start };
                while at < start {
                    made.push_str(rest.next().unwrap());
                    at += 1;
                }
            } else if let Some(text) = line.strip_prefix('+') {
                made.push_str(&format!("{text}{end}"));
            } else if let Some(text) = line.strip_prefix(['-', ' ']) {
                assert_eq!(rest.next().unwrap(), format!("{text}{end}"));
                at += 1;
                if line.starts_with(' ') {
                    made.push_str(&format!("{text}{end}"));
                }
            }
        }
        made.extend(rest);
        made
    }

    #[test]
    fn a_difference_leads_from_the_old_to_the_new() {
        let mut seed = 7_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..2000 {
            let mut text = || (0..random(14)).map(|_| ["a\n", "b\n", "c\n"][random(3) as usize]).collect::<String>();
            let (old, mut new) = (text(), text());
            if random(3) == 0 {
                new.pop();
            }
            let shown = diff("f", Some(&old), Some(&new));
            assert_eq!(patched(&old, &shown), new, "{old:?} {shown}");
            assert_eq!(shown.is_empty(), old == new);
        }
    }

    #[test]
    fn it_looks_as_people_know_it() {
        let old = "1\n2\n3\n4\n5\n6\n";
        let shown = diff("d/f", Some(old), Some("1\n2\n3\n4\nx\n5\n6"));
        let wanted =
            "--- a/d/f\n+++ b/d/f\n@@ -2,5 +2,6 @@\n 2\n 3\n 4\n+x\n 5\n-6\n+6\n\\ No newline at end of file\n";
        assert_eq!(shown, wanted);
        assert_eq!(diff("f", None, Some("a\n")), "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(diff("f", Some("a\n"), None), "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    }

    #[test]
    fn two_texts_with_nothing_in_common_are_shown_in_time() {
        let many = |word: &str| (0..20_000).map(|n| format!("{word} {n}\n")).collect::<String>();
        let shown = diff("f", Some(&many("a")), Some(&many("b")));
        assert_eq!(shown.lines().count(), 40_003);
    }
}
