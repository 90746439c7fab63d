//! Regular expressions of the user's own.

use std::{borrow::Cow, fmt};

use regex_lite::{Regex, RegexBuilder};

use super::line::MASK;

/// The most patterns.
const MOST: usize = 64;
/// The longest pattern, in bytes.
const LONGEST: usize = 1024;
/// The most memory for one compiled pattern, in bytes.
const LARGEST: usize = 64 * 1024;

/// What is wrong with a pattern. It does not quote it: a pattern may hold a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Which of them, from 1; 0 if it is about all.
    pub number: usize,
    /// Why it cannot be used.
    pub why: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "the patterns: {}", self.why),
            number => write!(f, "pattern {number}: {}", self.why),
        }
    }
}

impl std::error::Error for PatternError {}

/// Compiled patterns.
#[derive(Debug, Default)]
pub(super) struct Patterns(Vec<Regex>);

impl Patterns {
    pub(super) fn new(patterns: &[String]) -> Result<Self, PatternError> {
        if patterns.len() > MOST {
            return Err(PatternError { number: 0, why: "more than 64" });
        }
        let compile = |(index, pattern): (usize, &String)| {
            compile(pattern).map_err(|why| PatternError { number: index + 1, why })
        };
        Ok(Self(patterns.iter().enumerate().map(compile).collect::<Result<_, _>>()?))
    }

    /// The text with the mask in place of what matches, line by line, but for a carriage return at the end.
    pub(super) fn mask_lines<'t>(&self, text: Cow<'t, [u8]>) -> Cow<'t, [u8]> {
        if self.0.is_empty() || text.is_empty() {
            return text;
        }
        let mut result = Vec::with_capacity(text.len());
        let mut changed = false;
        for whole in text.split_inclusive(|b| *b == b'\n') {
            let line = whole.strip_suffix(b"\n").unwrap_or(whole);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            for chunk in line.utf8_chunks() {
                let masked = self.mask(chunk.valid());
                changed |= matches!(masked, Cow::Owned(_));
                result.extend_from_slice(masked.as_bytes());
                result.extend_from_slice(chunk.invalid());
            }
            result.extend_from_slice(whole.get(line.len()..).unwrap_or_default());
        }
        if changed { Cow::Owned(result) } else { text }
    }

    fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for pattern in &self.0 {
            if let Some(masked) = mask(pattern, &text) {
                text = Cow::Owned(masked);
            }
        }
        text
    }
}

fn mask(pattern: &Regex, text: &str) -> Option<String> {
    let (mut result, mut kept) = (None, 0);
    for found in pattern.find_iter(text).filter(|found| !found.is_empty() && found.as_str().as_bytes() != MASK) {
        let result = result.get_or_insert_with(|| String::with_capacity(text.len()));
        result.push_str(text.get(kept..found.start()).unwrap_or_default());
        result.push_str("***");
        kept = found.end();
    }
    result.map(|result| result + text.get(kept..).unwrap_or_default())
}

fn compile(pattern: &str) -> Result<Regex, &'static str> {
    if pattern.len() > LONGEST {
        return Err("longer than 1024 bytes");
    }
    let regex = RegexBuilder::new(pattern).size_limit(LARGEST).build();
    let regex = regex.map_err(|_error| "it is no regular expression that can be used, or it is too large")?;
    if regex.is_match("") {
        return Err("it matches an empty text");
    }
    if regex.is_match("***") {
        return Err("it matches the mask *** itself");
    }
    Ok(regex)
}
