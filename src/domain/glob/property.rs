//! Overlap against trying every path, for random patterns, trees and paths.

use std::fmt;

use super::{
    Glob, GlobError,
    brute::{Brute, Mistake, characters},
};
use crate::domain::{Files, overlap};

/// What the paths and patterns are made of.
const TEXT: Alphabet = Alphabet {
    letters: &[b"0", b"b", b".", b"/", "é".as_bytes()],
    classes: &[b"[0b]", b"[!0]", b"[^.]", b"[.-0]", b"[!.-0]", "[b-é]".as_bytes(), "[!é]".as_bytes(), b"[/b]"],
};
/// The same with the two bytes of `é`, each alone no valid UTF-8.
const BYTES: Alphabet = Alphabet {
    letters: &[b"a", b"/", b"\xc3", b"\xa9"],
    classes: &[b"[!a]", b"[^a]", b"[\xc3]", b"[!\xc3]", b"[\xa9]", b"[!\xa9]", b"[a\xc3]", "[é]".as_bytes()],
};

/// Letters, and classes of them. Two classes that have a character in common have a letter in common.
struct Alphabet {
    letters: &'static [&'static [u8]],
    classes: &'static [&'static [u8]],
}

/// How many paths are compared with each resource one by one, the shortest ones.
const SHORT_PATHS: usize = 400;

/// A generator of numbers that are the same in each run (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % bound as u64).unwrap()
    }
}

/// What is compared, and how.
struct Trial {
    alphabet: Alphabet,
    /// The longest path that is tried, in letters.
    longest: usize,
    /// How many resources are compared with each other.
    resources: usize,
    seed: u64,
    mistake: Mistake,
}

enum Kind {
    Path,
    Tree,
    Glob(Glob),
}

/// A resource, and every path that it is about.
struct Tried {
    kind: Kind,
    text: Vec<u8>,
    /// One bit for each path.
    about: Vec<u64>,
    /// How much it adds to the length of the shortest path in common with another, in letters.
    size: usize,
}

impl Tried {
    fn files(&self) -> Files<'_> {
        match &self.kind {
            Kind::Path => Files::Path(&self.text),
            Kind::Tree => Files::Tree(&self.text),
            Kind::Glob(glob) => Files::Glob(glob),
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Path => "path",
            Kind::Tree => "tree",
            Kind::Glob(_) => "glob",
        };
        write!(f, "{kind} {}", self.text.escape_ascii())
    }
}

/// What came out: pairs compared, pairs that overlap, and those on which the two disagree.
struct Outcome {
    pairs: usize,
    overlapping: usize,
    wrong: Vec<String>,
}

impl Trial {
    fn run(&self) -> Outcome {
        let paths = self.paths();
        let mut random = Random(self.seed);
        let tried: Vec<Tried> =
            std::iter::repeat_with(|| self.resource(&mut random, &paths)).flatten().take(self.resources).collect();
        let mut outcome = Outcome { pairs: 0, overlapping: 0, wrong: Vec::new() };
        for resource in &tried {
            for (number, path) in paths.iter().enumerate().take(SHORT_PATHS) {
                let expected = resource.about[number / 64] & (1 << (number % 64)) != 0;
                if overlap(resource.files(), Files::Path(path)) != expected {
                    outcome.wrong.push(format!("{resource} and path {}: {expected} by trying", path.escape_ascii()));
                }
            }
        }
        for (number, a) in tried.iter().enumerate() {
            for b in &tried[..=number] {
                // A path that both are about is then short enough to be among those tried.
                if a.size + b.size > self.longest {
                    continue;
                }
                let expected = a.about.iter().zip(&b.about).any(|(a, b)| a & b != 0);
                outcome.pairs += 1;
                outcome.overlapping += usize::from(expected);
                if overlap(a.files(), b.files()) != expected || overlap(b.files(), a.files()) != expected {
                    outcome.wrong.push(format!("{a} and {b}: {expected} by trying"));
                }
            }
        }
        outcome
    }

    /// Every canonical path of at most the longest length.
    fn paths(&self) -> Vec<Vec<u8>> {
        let (mut all, mut last) = (Vec::new(), vec![Vec::new()]);
        for _ in 0..self.longest {
            last = last
                .iter()
                .flat_map(|path| self.alphabet.letters.iter().map(move |letter| [path, *letter].concat()))
                .collect();
            all.extend(last.iter().filter(|path| is_canonical(path)).cloned());
        }
        all
    }

    /// A random resource; none if it is refused or about long paths only.
    fn resource(&self, random: &mut Random, paths: &[Vec<u8>]) -> Option<Tried> {
        let (kind, text) = match random.below(6) {
            0 => (Kind::Path, paths[random.below(paths.len().min(200))].clone()),
            1 => (Kind::Tree, if random.below(20) == 0 { Vec::new() } else { paths[random.below(200)].clone() }),
            _ => {
                let text = self.pattern(random, 4, 2);
                match Glob::new(&text) {
                    Ok(glob) => {
                        assert_eq!(Glob::new(glob.as_bytes()).as_ref(), Ok(&glob), "normal text is a fixed point");
                        // Read in either way.
                        let kept = Glob::kept(glob.as_bytes()).unwrap();
                        (Kind::Glob(if text.len().is_multiple_of(2) { kept } else { glob }), text)
                    }
                    Err(GlobError::MatchesNothing) => {
                        let brute = Brute::new(&text, Mistake::None);
                        let matched = paths.iter().find(|path| brute.matches(&characters(path)));
                        assert_eq!(matched, None, "{} is refused", text.escape_ascii());
                        return None;
                    }
                    Err(_) => return None,
                }
            }
        };
        let brute = Brute::new(&text, self.mistake);
        let is_about = |path: &[u8]| match kind {
            Kind::Path => path == text,
            Kind::Tree => text.is_empty() || path == text || path.starts_with(&[&text[..], b"/"].concat()),
            Kind::Glob(_) => brute.matches(&characters(path)),
        };
        let mut about = vec![0; paths.len().div_ceil(64)];
        for (number, _) in paths.iter().enumerate().filter(|(_, path)| is_about(path)) {
            about[number / 64] |= 1 << (number % 64);
        }
        let size = match kind {
            Kind::Path => text.len(),
            Kind::Tree => text.len() + 1,
            Kind::Glob(_) => brute.size(),
        };
        (size < self.longest).then_some(Tried { kind, text, about, size })
    }

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
                _ => text.extend_from_slice(self.alphabet.letters[random.below(self.alphabet.letters.len())]),
            }
        }
        text
    }
}

fn is_canonical(path: &[u8]) -> bool {
    path.split(|b| *b == b'/').all(|part| !part.is_empty() && part != b"." && part != b"..")
}

#[expect(clippy::print_stdout, reason = "the figures are what the run is for")]
fn assert_right(trial: &Trial, at_least: usize) {
    let outcome = trial.run();
    println!("{} pairs, {} overlap, {} wrong", outcome.pairs, outcome.overlapping, outcome.wrong.len());
    let some: Vec<_> = outcome.wrong.iter().take(20).collect();
    assert!(some.is_empty(), "{} of {} are wrong: {some:#?}", outcome.wrong.len(), outcome.pairs);
    assert!(outcome.pairs >= at_least, "only {} pairs", outcome.pairs);
    assert!((outcome.pairs / 5..outcome.pairs * 4 / 5).contains(&outcome.overlapping), "both answers are common");
}

#[test]
fn overlap_is_what_trying_every_path_finds() {
    let trial = Trial { alphabet: TEXT, longest: 6, resources: 640, seed: 1, mistake: Mistake::None };
    assert_right(&trial, 100_000);
}

#[test]
fn overlap_is_exact_for_bytes_that_are_not_utf8() {
    let trial = Trial { alphabet: BYTES, longest: 6, resources: 320, seed: 2, mistake: Mistake::None };
    assert_right(&trial, 20_000);
}

#[test]
#[ignore = "half a minute in a release build: cargo test --release --lib a_million -- --ignored --nocapture"]
fn overlap_is_what_trying_every_path_finds_in_a_million_pairs() {
    let trial = Trial { alphabet: TEXT, longest: 7, resources: 2100, seed: 3, mistake: Mistake::None };
    assert_right(&trial, 1_000_000);
    let trial = Trial { alphabet: BYTES, longest: 7, resources: 1200, seed: 4, mistake: Mistake::None };
    assert_right(&trial, 300_000);
}

/// The control of the three above.
#[test]
fn a_mistake_in_one_rule_would_be_noticed() {
    for mistake in Mistake::ALL {
        let outcome = Trial { alphabet: TEXT, longest: 4, resources: 300, seed: 5, mistake }.run();
        assert!(!outcome.wrong.is_empty(), "{mistake:?} is noticed in {} pairs", outcome.pairs);
    }
}
