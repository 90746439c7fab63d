//! Patterns over paths, and whether two of them can match the same one.
//!
//! `*` is any run of characters but `/`, `?` one of them, `[a-z]` and `[!a-z]` one of these or of the others (never `/`),
//! `{a,b}` one of several patterns, `**` any run of characters and, as a whole component, also no component; `\x` is `x`.
//! A character is what UTF-8 says, or one byte that is not valid UTF-8.

#[cfg(test)]
mod brute;
mod chars;
mod direct;
mod error;
mod mode;
mod nfa;
mod parse;
#[cfg(test)]
mod paths;
mod product;
#[cfg(test)]
mod property;
mod raw;
#[cfg(test)]
mod tests;

use std::{
    cmp::Ordering,
    fmt,
    sync::{Arc, OnceLock},
};

use chars::push;
pub use error::GlobError;
use nfa::Nfa;
use parse::{Part, literal};

/// A pattern over canonical paths relative to a root, as bytes, e.g. `src/**/*.rs`. Two are equal if their texts are.
#[derive(Clone)]
pub struct Glob {
    text: Vec<u8>,
    parts: Arc<Parts>,
}

/// Literal text at both ends of a pattern: most patterns are told apart by it, without an automaton.
struct Ends {
    first: Vec<u8>,
    /// How much of `first` are whole components.
    whole: usize,
    last: Vec<u8>,
}

/// What a pattern is made of; what each path that it matches begins and ends with, and its automaton, once they were
/// needed.
struct Parts {
    parts: Vec<Part>,
    /// Whether it names a byte that is not valid UTF-8.
    bytes: bool,
    ends: OnceLock<Ends>,
    nfa: OnceLock<Option<Nfa>>,
}

/// Up to how many bytes a pattern of UTF-8 without braces is far from the limit: a byte is at most five states, and adds at most three
/// ranges of characters.
const SURELY_SMALL: usize = 40;

impl Glob {
    /// Reads a pattern of at most 4,096 bytes. Stars in a row are put together; otherwise its text stays as it is.
    ///
    /// # Errors
    /// What is wrong with it, and [`GlobError::TooLarge`] if comparing it could take more than milliseconds.
    pub fn new(text: &[u8]) -> Result<Self, GlobError> {
        let parsed = parse::parse(text)?;
        let bytes = std::str::from_utf8(text).is_err();
        let nfa = if !bytes && is_surely_valid(&parsed) {
            OnceLock::new()
        } else {
            OnceLock::from(Some(Nfa::new(&parsed.parts, bytes)?))
        };
        Ok(Self::of(parsed, bytes, nfa))
    }

    /// The pattern that [`Glob::as_bytes`] once told, cheaper: of a hundred that are held, few need an automaton. `None` if
    /// the text is no pattern, or not as it is told. One that [`Glob::new`] refuses as too large, or because nothing
    /// matches it, is not noticed here: it is matched as it says, and overlaps what its ends do not rule out.
    #[must_use]
    pub fn kept(text: &[u8]) -> Option<Self> {
        let parsed = parse::parse(text).ok().filter(|parsed| parsed.text == text)?;
        Some(Self::of(parsed, std::str::from_utf8(text).is_err(), OnceLock::new()))
    }

    fn of(parsed: parse::Parsed, bytes: bool, nfa: OnceLock<Option<Nfa>>) -> Self {
        let parts = Parts { parts: parsed.parts, bytes, ends: OnceLock::new(), nfa };
        Self { text: parsed.text, parts: Arc::new(parts) }
    }

    /// Its text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Whether it matches this path: components joined by `/`, none empty, `.` or `..`.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        direct::matches(&self.parts.parts, path)
    }

    /// Whether there is a path that both match. Exact and symmetric.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.ends().agree(other.ends())
            && self.nfa().zip(other.nfa()).is_none_or(|(ours, theirs)| product::meet(ours, theirs))
    }

    /// Whether it matches `tree` itself or a path below it; `""` is the root, with every path.
    #[must_use]
    pub fn overlaps_tree(&self, tree: &[u8]) -> bool {
        touch(self.ends().prefix(), tree) && self.nfa().is_none_or(|nfa| nfa.enters(tree))
    }

    /// A text that as a pattern matches exactly this path. [`Glob::new`] refuses it as too large if the path has more than
    /// some 390 characters.
    #[must_use]
    pub fn escape(literal: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(literal.len());
        for byte in literal {
            if matches!(byte, b'*' | b'?' | b'[' | b'{' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text
    }

    /// Its leading components without wildcards, unescaped and joined by `/`; may be empty. Each path that it matches is
    /// this one or lies below it.
    #[must_use]
    pub fn literal_prefix(&self) -> &[u8] {
        self.ends().prefix()
    }

    fn ends(&self) -> &Ends {
        self.parts.ends.get_or_init(|| Ends::of(&self.parts.parts))
    }

    /// The automaton; `None` if it is too large or empty, which [`Glob::new`] refuses. To take it for an overlap is safe.
    fn nfa(&self) -> Option<&Nfa> {
        self.parts.nfa.get_or_init(|| Nfa::new(&self.parts.parts, self.parts.bytes).ok()).as_ref()
    }
}

impl Ends {
    fn of(parts: &[Part]) -> Self {
        let count = parts.iter().rev().take_while(|part| literal(part).is_some()).count();
        let (mut first, mut last) = (bytes(parts), bytes(parts.get(parts.len() - count..).unwrap_or_default()));
        let whole =
            if count == parts.len() { first.len() } else { first.iter().rposition(|b| *b == b'/').unwrap_or(0) };
        // A '/' beside what may be no component is not there when it is none.
        if first.last() == Some(&b'/') {
            first.pop();
        }
        if last.first() == Some(&b'/') {
            last.remove(0);
        }
        Self { first, whole, last }
    }

    /// The leading components without wildcards.
    fn prefix(&self) -> &[u8] {
        self.first.get(..self.whole).unwrap_or_default()
    }

    /// Whether a path could have both these and the others.
    fn agree(&self, other: &Self) -> bool {
        let begins = self.first.starts_with(&other.first) || other.first.starts_with(&self.first);
        let ends = self.last.ends_with(&other.last) || other.last.ends_with(&self.last);
        begins && ends && touch(self.prefix(), other.prefix())
    }
}

/// The letters that these parts begin with.
fn bytes(parts: &[Part]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.len());
    for c in parts.iter().map_while(literal) {
        push(&mut bytes, c);
    }
    bytes
}

/// Whether a pattern of UTF-8 cannot fail to be an automaton: it is small, and each of its components can be a name.
fn is_surely_valid(parsed: &parse::Parsed) -> bool {
    let is_simple = |part: &Part| match part {
        Part::One(set) => !set.ranges().is_empty(),
        Part::Star | Part::Globstar => true,
        Part::Either(_) => false,
    };
    parsed.text.len() <= SURELY_SMALL && parsed.parts.iter().all(is_simple)
}

/// Whether a path is the tree's own or lies below it.
pub(super) fn covers(tree: &[u8], path: &[u8]) -> bool {
    tree.is_empty() || path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether two trees have a path in common.
pub(super) fn touch(a: &[u8], b: &[u8]) -> bool {
    covers(a, b) || covers(b, a)
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({})", self.text.escape_ascii())
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl PartialOrd for Glob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Glob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}
