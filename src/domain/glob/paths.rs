//! Whether a pattern matches a path, for random ones: directly, by the automaton, and by trying every way through.

use super::{
    Glob, GlobError,
    brute::{Brute, Mistake, characters},
    direct::{Walk, text},
    parse::{Part, parse},
    property::Random,
};

/// What the patterns and paths of a run are made of.
struct Alphabet {
    letters: &'static [&'static [u8]],
    classes: &'static [&'static [u8]],
}

const TEXT: Alphabet = Alphabet {
    letters: &[b"a", b"b", b".", b"/", b"/", "é".as_bytes(), "\u{1f600}".as_bytes()],
    classes: &[
        b"[ab]",
        b"[!a]",
        b"[^.]",
        b"[.-0]",
        b"[--a]",
        b"[!.-0]",
        b"[]a]",
        br"[\]-b]",
        br"[!\--\.b]",
        b"[/b]",
        "[b-é]".as_bytes(),
        "[!a-é]".as_bytes(),
        "[é-\u{1f600}]".as_bytes(),
    ],
};
/// Letters that are signs where they are not escaped.
const SIGNS: Alphabet = Alphabet {
    letters: &[b"*", b"?", b"[", b"]", b"{", b",", b"}", b"\\", b"-", b"/"],
    classes: &[b"[*?]", b"[!*]", b"[[]", b"[],]", b"[,-]", b"[{}]", b"[!{-}]", b"[+--]", br"[!\\-\]]", br"[\!*]"],
};
/// Letters and single bytes of them.
const BYTES: Alphabet = Alphabet {
    letters: &[b"a", b"/", "é".as_bytes(), b"\xc3", b"\xa9", b"\xff", b"\xe2\x82"],
    classes: &[b"[!a]", b"[\xc3]", b"[!\xc3]", b"[\x80-\xff]", b"[!\xa0-\xff]", b"[a\xff]", "[é-\u{ff00}]".as_bytes()],
};

struct Trial {
    alphabet: &'static Alphabet,
    patterns: usize,
    seed: u64,
    mistake: Mistake,
}

/// Paths that each pattern is compared with.
const PATHS: usize = 60;

#[derive(Default)]
struct Outcome {
    cases: usize,
    matched: usize,
    wrong: Vec<String>,
}

impl Trial {
    fn run(&self) -> Outcome {
        let mut random = Random(self.seed);
        let mut outcome = Outcome::default();
        for _ in 0..self.patterns {
            // Some lie so far behind that the paths are of several words of places.
            let far = if random.below(3) == 0 { 50 + random.below(100) } else { 0 };
            let pad = [&b"p".repeat(far)[..], if far % 2 == 1 { b"/" } else { b"" }].concat();
            let pattern = [&pad, &self.pattern(&mut random, 6, 3)[..]].concat();
            let Ok(parsed) = parse(&pattern) else { continue };
            let (glob, kept) = (Glob::new(&parsed.text), Glob::kept(&parsed.text).unwrap());
            assert_eq!(parse(&parsed.text).unwrap().text, parsed.text, "normal text is a fixed point");
            let brute = Brute::new(&pattern, self.mistake);
            for _ in 0..PATHS {
                let path = [&pad, &self.path(&mut random)[..]].concat();
                let expected = brute.matches(&characters(&path));
                outcome.cases += 1;
                outcome.matched += usize::from(expected);
                let mut found = vec![Walk::new(&text(&path)).reaches_the_end(&parsed.parts), kept.matches(&path)];
                match &glob {
                    Ok(glob) => found.extend([glob.matches(&path), glob.nfa().unwrap().matches(&path)]),
                    Err(GlobError::MatchesNothing) => found.push(false),
                    Err(error) => assert!(matches!(error, GlobError::TooLarge { .. }), "{error}"),
                }
                if found.iter().any(|found| *found != expected) {
                    let (pattern, path) = (pattern.escape_ascii(), path.escape_ascii());
                    outcome.wrong.push(format!("{pattern} and {path}: {expected} by trying, {found:?}"));
                }
            }
        }
        outcome
    }

    fn letter(&self, random: &mut Random) -> &'static [u8] {
        self.alphabet.letters[random.below(self.alphabet.letters.len())]
    }

    /// A random path of a few letters.
    fn path(&self, random: &mut Random) -> Vec<u8> {
        loop {
            let path: Vec<u8> = (0..=random.below(6)).flat_map(|_| self.letter(random)).copied().collect();
            if path.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b"..")) {
                return path;
            }
        }
    }

    /// A random text that most often is a pattern, with `**` at its ends and between them.
    fn pattern(&self, random: &mut Random, most: usize, depth: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..=random.below(most) {
            match random.below(12) {
                0 | 1 => text.extend_from_slice(b"*"),
                2 => text.extend_from_slice(b"**"),
                3 => text.extend_from_slice([&b"/"[..], b"/**", b"**/", b"/**/"][random.below(4)]),
                4 => text.extend_from_slice(b"?"),
                5 => text.extend_from_slice(self.alphabet.classes[random.below(self.alphabet.classes.len())]),
                6 | 7 if depth > 0 => {
                    text.push(b'{');
                    for number in 0..=random.below(3) {
                        text.extend(if number > 0 { &b","[..] } else { b"" });
                        if random.below(4) > 0 {
                            text.extend(self.pattern(random, 2, depth - 1));
                        }
                    }
                    text.push(b'}');
                }
                8 => text.extend([b"\\", self.letter(random)].concat()),
                _ => text.extend(Glob::escape(self.letter(random))),
            }
        }
        text
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what the run is for")]
fn assert_right(alphabet: &'static Alphabet, patterns: usize, seed: u64, at_least: usize) {
    let outcome = Trial { alphabet, patterns, seed, mistake: Mistake::None }.run();
    println!("{} cases, {} match, {} wrong", outcome.cases, outcome.matched, outcome.wrong.len());
    let some: Vec<_> = outcome.wrong.iter().take(20).collect();
    assert!(some.is_empty(), "{} of {} are wrong: {some:#?}", outcome.wrong.len(), outcome.cases);
    assert!(outcome.cases >= at_least, "only {} cases", outcome.cases);
    assert!((outcome.cases / 20..outcome.cases / 2).contains(&outcome.matched), "both answers are common");
}

#[test]
fn a_path_is_matched_as_trying_every_way_finds() {
    assert_right(&TEXT, 1500, 1, 50_000);
    assert_right(&SIGNS, 800, 2, 30_000);
    assert_right(&BYTES, 800, 3, 30_000);
}

#[test]
#[ignore = "half a minute in a release build: cargo test --release --lib a_million -- --ignored --nocapture"]
fn a_path_is_matched_as_trying_every_way_finds_in_a_million_cases() {
    assert_right(&TEXT, 30_000, 4, 1_000_000);
    assert_right(&SIGNS, 30_000, 5, 1_000_000);
    assert_right(&BYTES, 30_000, 6, 1_000_000);
}

/// The control of the two above.
#[test]
fn a_mistake_in_one_rule_would_be_noticed_in_a_path() {
    for mistake in Mistake::ALL {
        let outcome = Trial { alphabet: &TEXT, patterns: 300, seed: 8, mistake }.run();
        assert!(!outcome.wrong.is_empty(), "{mistake:?} is noticed in {} cases", outcome.cases);
    }
}

/// How many parts and alternatives there are.
fn size(parts: &[Part]) -> usize {
    let of = |part: &Part| match part {
        Part::Either(alternatives) => 1 + alternatives.iter().map(|parts| 1 + size(parts)).sum::<usize>(),
        Part::One(_) | Part::Star | Part::Globstar => 1,
    };
    parts.iter().map(of).sum()
}

#[test]
fn no_pattern_makes_the_walk_through_a_long_path_longer_than_the_two_lengths_together() {
    let paths = [b"a".repeat(4096), [&b"a/".repeat(2047)[..], b"ab"].concat(), "aé".repeat(1365).into_bytes()];
    let mut patterns: Vec<String> = [
        "*a",
        "**a",
        "**/*",
        "**/a/",
        "?",
        "*?",
        "**?",
        "[!b]",
        "*[!b]",
        "{a,}",
        "{*,a,}",
        "{**,}",
        "{**/,}",
        "{*a,**}*",
        "{a,{a,{a,}}}",
        "{,,,,,,,,,,,,,,,,,,,,}",
        "{**,?,**/a,a,}",
    ]
    .iter()
    .flat_map(|unit| [100, 195, 390].map(|count| format!("**{}b", unit.repeat(count))))
    .collect();
    patterns.push(format!("{}b", "*a".repeat(199)));
    patterns.push(format!("{}a{}b", "{**,".repeat(32), "}".repeat(32)));
    let mut most = 0;
    for (pattern, path) in patterns.iter().flat_map(|pattern| paths.iter().map(move |path| (pattern, path))) {
        let Ok(parsed) = parse(pattern.as_bytes()) else { continue };
        let text = text(path);
        let mut walk = Walk::new(&text);
        let matched = walk.reaches_the_end(&parsed.parts);
        let words = text.len() / 64 + 1;
        let bound = (size(&parsed.parts) + 2) * (65 * words);
        assert!(walk.steps() <= bound, "{pattern}: {} steps, of at most {bound}", walk.steps());
        if let Ok(glob) = Glob::new(pattern.as_bytes()) {
            assert_eq!(glob.matches(path), matched, "{pattern}");
            most = most.max(walk.steps());
        }
    }
    // A step is a few nanoseconds.
    assert!((100_000..1_800_000).contains(&most), "{most}");
}
