//! Taking secrets out of free text before it is stored.
//!
//! Passwords, tokens and keys become `***`, one mask for all: it tells neither kind nor length, and of the secret not
//! even the beginning stays. What names the secret stays (`password=***`). The rules are one pass over each line, with
//! work that grows with its length; where there is nothing to mask nothing is allocated. docs/design.md tells what is
//! taken for a secret and what is not.

mod block;
mod bytes;
mod filter;
mod line;
mod name;
mod patterns;
mod shape;
mod token;
mod value;
mod web;

use std::{borrow::Cow, ops::Range};

use block::State;
pub use filter::{Filter, Piece};
pub use patterns::PatternError;
use patterns::Patterns;

/// The text with `***` in place of each secret that the built-in rules see.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    Redactor::default().redact(text)
}

/// Whether a variable, flag or key of this name may hold a secret.
#[must_use]
pub fn says_secret(name: &[u8]) -> bool {
    name::name(name).is_some()
}

/// The built-in rules with patterns of the user's.
#[derive(Debug, Default)]
pub struct Redactor {
    patterns: Patterns,
}

impl Redactor {
    /// With these regular expressions besides the built-in rules; what each matches in one line is masked.
    ///
    /// Compiles them: to be called when there is text to look at.
    ///
    /// # Errors
    /// If there are too many, or one is too long, cannot be compiled, matches nothing at all (the empty text) or the
    /// mask itself. The error tells which by its place in the list, and does not quote it.
    pub fn new(patterns: &[String]) -> Result<Self, PatternError> {
        Ok(Self { patterns: Patterns::new(patterns)? })
    }

    /// The text with `***` in place of each secret.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                // A secret ends next to ASCII, so this does not happen.
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// Whether there is a secret in it; it need not be text.
    #[must_use]
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        matches!(self.redact_bytes(bytes), Cow::Owned(_))
    }

    /// The same for what need not be UTF-8.
    #[must_use]
    pub fn redact_bytes<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut state = State::default();
        let (mut result, mut kept, mut start) = (None::<Vec<u8>>, 0, 0);
        for whole in text.split_inclusive(|b| *b == b'\n') {
            let line = whole.strip_suffix(b"\n").unwrap_or(whole);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let masked;
            (masked, state) = masked_line(state, line);
            if let Cow::Owned(masked) = masked {
                let result = result.get_or_insert_with(|| Vec::with_capacity(text.len()));
                result.extend_from_slice(bytes::part(text, kept..start));
                result.extend_from_slice(&masked);
                kept = start + line.len();
            }
            start += whole.len();
        }
        let masked = result.map(|mut result| {
            result.extend_from_slice(bytes::from(text, kept));
            result
        });
        self.patterns.mask_lines(masked.map_or(Cow::Borrowed(text), Cow::Owned))
    }
}

/// The most times that a line is looked at.
const PASSES: usize = 8;

/// The line with its secrets masked, and what it means for the next one.
///
/// A mask may make a name or a boundary of what stands beside it, so what was masked is looked at again.
fn masked_line(state: State, line: &[u8]) -> (Cow<'_, [u8]>, State) {
    let mut found = Vec::new();
    let next = block::next_line(state, line, &mut found);
    let (mut text, mut then) = (masked(line, &found), next);
    let open = if state == State::Key { State::Open } else { state };
    for _ in 1..PASSES {
        if found.is_empty() {
            break;
        }
        found.clear();
        then = block::next_line(open, &text, &mut found);
        if let Cow::Owned(more) = masked(&text, &found) {
            text = Cow::Owned(more);
        }
    }
    // A key that was begun or goes on is no longer seen in what was masked.
    (text, if next == State::Key || state == State::Key { next } else { then })
}

/// The same for a part of a line.
fn again(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(text) => Cow::Owned(masked_line(State::default(), &text).0.into_owned()),
    }
}

/// The text with the mask in place of these parts of it, which are in order and apart.
fn masked<'t>(text: &'t [u8], parts: &[Range<usize>]) -> Cow<'t, [u8]> {
    if parts.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut result, mut kept) = (Vec::with_capacity(text.len()), 0);
    for part in parts {
        result.extend_from_slice(bytes::part(text, kept..part.start));
        result.extend_from_slice(line::MASK);
        kept = part.end;
    }
    result.extend_from_slice(bytes::from(text, kept));
    Cow::Owned(result)
}

#[cfg(test)]
mod tests;
