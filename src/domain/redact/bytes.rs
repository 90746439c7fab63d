//! Looking at the bytes of a line, with a count of the looks for the tests of growth.

use std::ops::Range;

/// The byte there; a line feed, which no line holds, behind the end.
pub(super) fn at(line: &[u8], index: usize) -> u8 {
    line.get(index).copied().unwrap_or(b'\n')
}

/// The byte before; a line feed at the start.
pub(super) fn before(line: &[u8], index: usize) -> u8 {
    index.checked_sub(1).map_or(b'\n', |index| at(line, index))
}

/// That part of the line, or nothing.
pub(super) fn part(line: &[u8], range: Range<usize>) -> &[u8] {
    line.get(range).unwrap_or_default()
}

/// The line from there on.
pub(super) fn from(line: &[u8], index: usize) -> &[u8] {
    line.get(index..).unwrap_or_default()
}

/// The end of the run of bytes of this class that begins there.
pub(super) fn run(line: &[u8], start: usize, class: impl Fn(u8) -> bool) -> usize {
    let rest = from(line, start);
    let length = rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len());
    step(length);
    start.saturating_add(length)
}

/// As [`run()`], and no further than `limit` bytes.
pub(super) fn run_up_to(line: &[u8], start: usize, limit: usize, class: impl Fn(u8) -> bool) -> usize {
    let end = start.saturating_add(limit).min(line.len());
    run(line.get(..end).unwrap_or_default(), start, class)
}

/// Letters, digits, `_` and `-`: what names and most tokens are made of.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether the text is one of these, without regard to case.
pub(super) fn is_any(text: &[u8], of: &[&str]) -> bool {
    of.iter().any(|one| text.eq_ignore_ascii_case(one.as_bytes()))
}

/// Whether the text begins so, without regard to case.
pub(super) fn begins(text: &[u8], with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
}

#[cfg(test)]
thread_local! {
    /// Bytes looked at, for tests that the work grows with the text and not with its square.
    pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts bytes looked at.
#[cfg(test)]
pub(super) fn step(count: usize) {
    STEPS.set(STEPS.get() + count + 1);
}

#[cfg(not(test))]
pub(super) fn step(_: usize) {}
