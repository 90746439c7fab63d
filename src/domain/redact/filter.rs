//! Redaction of a stream, in memory that does not grow with it.

use std::borrow::Cow;

use super::{
    Redactor, again,
    block::{self, State},
    bytes::{is_blank, is_word},
    masked, masked_line,
};

/// The longest line that is looked at as a whole, in bytes; of a longer one, parts.
const LONGEST: usize = 1 << 20;
/// How much of the part before is looked at again with the next one, in bytes.
const CONTEXT: usize = 1024;

/// A line, or a part of one that is very long.
#[derive(Debug)]
pub struct Piece<'f> {
    /// The text without its line end.
    pub text: Cow<'f, [u8]>,
    /// Whether something was masked in it.
    pub redacted: bool,
    /// The line end: `\n`, or nothing at the end of the stream or before the next part of a long line.
    pub end: &'static [u8],
}

/// Takes bytes as they come, and gives back whole lines.
#[derive(Debug)]
pub struct Filter<'r> {
    redactor: &'r Redactor,
    state: State,
    held: Vec<u8>,
    /// How much of what is held was given out already, and is there for what follows.
    given: usize,
    /// Whether the rest of the line belongs to what was masked last.
    swallow: bool,
}

impl<'r> Filter<'r> {
    /// A filter with these rules.
    #[must_use]
    pub fn new(redactor: &'r Redactor) -> Self {
        Self { redactor, state: State::default(), held: Vec::new(), given: 0, swallow: false }
    }

    /// Takes the next bytes; gives each line that they end.
    pub fn take(&mut self, bytes: &[u8], give: &mut impl FnMut(Piece<'_>)) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let line = part.strip_suffix(b"\n");
            for some in line.unwrap_or(part).chunks(LONGEST / 2) {
                if !self.swallow {
                    self.held.extend_from_slice(some);
                }
                if self.held.len() >= LONGEST {
                    self.part(give);
                }
            }
            if line.is_some() {
                self.line(b"\n", give);
            }
        }
    }

    /// Gives what is left when the stream has ended.
    pub fn finish(mut self, give: &mut impl FnMut(Piece<'_>)) {
        if self.held.len() > self.given {
            self.line(b"", give);
        }
    }

    /// The rest of a line.
    fn line(&mut self, end: &'static [u8], give: &mut impl FnMut(Piece<'_>)) {
        let mut held = std::mem::take(&mut self.held);
        let bare = held.strip_suffix(b"\r").unwrap_or(&held).len();
        let line = held.get(..bare).unwrap_or_default();
        if self.given == 0 && !self.swallow {
            let (text, state) = masked_line(self.state, line);
            self.state = state;
            let text = self.redactor.patterns.mask_lines(text);
            let end = match (bare < held.len(), end) {
                (false, end) => end,
                (true, b"") => b"\r",
                (true, _) => b"\r\n",
            };
            give(Piece { redacted: matches!(text, Cow::Owned(_)), text, end });
        } else {
            let mut found = Vec::new();
            self.state = block::next_line(self.state, line, &mut found);
            give(self.piece(&held, found, end));
        }
        held.clear();
        held.shrink_to(64 * 1024);
        (self.held, self.given, self.swallow) = (held, 0, false);
    }

    /// The first part of a line that is too long.
    fn part(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        let mut found = Vec::new();
        let state = block::next_line(self.state, &held, &mut found);
        let last = found.last().map_or(0, |range| range.end);
        if last == held.len()
            && let Some(open) = found.pop_if(|range| range.start > LONGEST / 2)
        {
            // Its end comes with the next part.
            let cut = open.start;
            self.keep_from(&held, found, cut, give);
            return;
        }
        if last == held.len() {
            // Nobody knows where the secret ends before the line does.
            self.swallow = true;
            self.state = state;
            give(self.piece(&held, found, b""));
            self.given = 0;
            return;
        }
        // Best between two words, and behind the last secret.
        let half = held.len() / 2;
        let rest = held.get(half..).unwrap_or_default();
        let blank = rest.iter().rposition(|b| is_blank(*b)).or_else(|| rest.iter().rposition(|b| !is_word(*b)));
        let cut = blank.map_or(held.len(), |at| half + at + 1).max(last);
        self.keep_from(&held, found, cut, give);
    }

    /// Gives what stands before the cut, and keeps the rest with something before it.
    fn keep_from(
        &mut self,
        held: &[u8],
        found: Vec<std::ops::Range<usize>>,
        cut: usize,
        give: &mut impl FnMut(Piece<'_>),
    ) {
        let context = cut.saturating_sub(CONTEXT).max(found.last().map_or(0, |range| range.end)).min(cut);
        give(self.piece(held.get(..cut).unwrap_or_default(), found, b""));
        self.given = cut - context;
        self.held = held.get(context..).unwrap_or_default().to_vec();
    }

    /// What was not given out yet.
    fn piece<'f>(&self, held: &'f [u8], mut found: Vec<std::ops::Range<usize>>, end: &'static [u8]) -> Piece<'f> {
        found.retain(|range| range.end > self.given);
        for range in &mut found {
            *range = range.start.saturating_sub(self.given)..range.end - self.given;
        }
        let fresh = held.get(self.given..).unwrap_or_default();
        let text = self.redactor.patterns.mask_lines(again(masked(fresh, &found)));
        Piece { redacted: matches!(text, Cow::Owned(_)), text, end }
    }
}
