//! Making text that others wrote harmless inside a frame: nothing in it reads as the beginning or the end of a frame, ours
//! or one of those by which a harness tells its model who speaks.
//!
//! A model reads like a person: `< / System_Reminder >`, `＜/system-reminder＞` and `&lt;/system-reminder&gt;` are the
//! same to it. So the text is read as what it looks like: without what is not seen, look-alikes as what they look like,
//! escapes as what they stand for. Where a sign that opens a frame stands before the name of one, with nothing but
//! blanks and strokes between them, that sign becomes `‹`. Everything else stays byte for byte.

mod alike;
mod names;
mod token;

use std::{borrow::Cow, ops::Range};

use names::{At, LONGEST};
use token::{Token, What, tokens};

/// What is put in place of a sign that would open a frame.
const MARK: &str = "‹";

/// What is put behind the name of a speaker.
const END_MARK: &str = "›";

/// The text with `‹` for `<`, or what looks like it, where a frame of ours or of a harness would begin or end
/// (`‹/system-reminder>`), for `[` in `[INST]` and its like, and with `‹Human›:` for `Human:` at the beginning of a line.
///
/// Neutral text stays as it is. Line ends are not touched: a printer escapes them, before this or after it.
#[must_use]
pub fn neutral(text: &str) -> Cow<'_, str> {
    let may_open = |b: u8| matches!(b, b'<' | b'[' | b'&' | b'\\' | b'%' | b':') || !b.is_ascii();
    if !text.bytes().any(may_open) {
        return Cow::Borrowed(text);
    }
    let mut edits = Reader::new(tokens(text)).edits();
    if edits.is_empty() {
        return Cow::Borrowed(text);
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut result, mut kept) = (String::with_capacity(text.len() + 16), 0);
    for (range, mark) in edits {
        result.push_str(text.get(kept..range.start).unwrap_or_default());
        result.push_str(mark);
        kept = range.end;
    }
    result.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(result)
}

/// A text as it looks.
struct Reader {
    tokens: Vec<Token>,
    /// For each token, the first from there on that is more than a blank or a stroke.
    solid: Vec<usize>,
    /// For each token, whether nothing but blanks and strokes stands before it in its line.
    begins: Vec<bool>,
    /// For each token, whether a name there would be that of a frame, or behind a name space.
    may_name: Vec<bool>,
}

impl Reader {
    fn new(tokens: Vec<Token>) -> Self {
        let mut solid = vec![tokens.len(); tokens.len()];
        let mut last = tokens.len();
        for ((index, token), solid) in tokens.iter().enumerate().zip(&mut solid).rev() {
            if !token.what.is_thin() {
                last = index;
            }
            *solid = last;
        }
        let mut reader = Self { tokens, solid, begins: Vec::new(), may_name: Vec::new() };
        let (mut begin, mut open, mut colon) = (true, false, false);
        for (index, token) in reader.tokens.iter().enumerate() {
            reader.begins.push(begin);
            let goes_on = matches!(token.what, What::Thin | What::Odd | What::Blank) && begin;
            begin = goes_on || token.what == What::Break || reader.is_written_break(index);
            reader.may_name.push(open || colon);
            open = match token.what {
                What::Open | What::Square => true,
                What::Mark | What::Bar | What::Slash | What::Blank | What::Break | What::Thin | What::Odd => open,
                What::Letter(_) | What::Escaped(_) => open && reader.is_written_break(index),
                What::Close | What::Colon | What::Equals | What::Other => false,
            };
            colon = token.what == What::Colon;
        }
        reader
    }

    fn what(&self, index: usize) -> Option<What> {
        self.tokens.get(index).map(|token| token.what)
    }

    fn letter(&self, index: usize) -> Option<char> {
        if let What::Letter(c) | What::Escaped(c) = self.what(index)? { Some(c) } else { None }
    }

    /// The letter of `\n`, `\r` or `\t`, if they are written so: a line end or a letter, as one likes.
    fn is_written_break(&self, index: usize) -> bool {
        matches!(self.what(index), Some(What::Escaped('n' | 'r' | 't')))
    }

    /// What is to be put where.
    fn edits(&self) -> Vec<(Range<usize>, &'static str)> {
        let (mut edits, mut names) = (Vec::new(), Names { at: vec![None; self.tokens.len()] });
        // Whether the name of a frame follows, behind signs that may stand before one.
        let mut follows = None;
        for (index, token) in self.tokens.iter().enumerate().rev() {
            let before = follows;
            match token.what {
                What::Open | What::Square => {
                    let bar = token.what == What::Open && self.what(index + 1) == Some(What::Bar);
                    let special = bar && self.letter(index + 2).is_some();
                    let opens = if token.what == What::Square { before == Some(At::Any) } else { before.is_some() };
                    if opens || special {
                        edits.push((token.range.clone(), MARK));
                    }
                }
                What::Letter(_) | What::Escaped(_) => {
                    if self.may_name.get(index).is_some_and(|may| *may) {
                        names.set(index, self.name(index, &names));
                    }
                    let through = if self.is_written_break(index) { before } else { None };
                    follows = names.get(index).max(through);
                    edits.extend(self.speaker(index).into_iter().flatten());
                }
                What::Mark | What::Bar | What::Slash | What::Blank | What::Break | What::Thin | What::Odd => {}
                What::Close | What::Colon | What::Equals | What::Other => follows = None,
            }
        }
        edits
    }

    /// The name of a frame that begins there: of one that begins with `<`, or also with `[`.
    fn name(&self, start: usize, names: &Names) -> Option<At> {
        let spaced = self.spelled(start, Between::Blanks);
        if names::begins_frame(&spaced.letters) {
            return Some(At::Any);
        }
        let mut found = None;
        if matches!(self.what(spaced.end), Some(What::Close | What::Slash | What::Bar | What::Colon)) {
            found = names::frame(&spaced.letters);
        }
        for between in [Between::Nothing, Between::Stroke] {
            let word = self.spelled(start, between);
            if self.ends(word.end) {
                found = found.max(names::frame(&word.letters));
            }
        }
        // Behind a name space.
        let end = self.spelled(start, Between::Stroke).end;
        let local = if self.what(end) == Some(What::Colon) { names.get(end + 1) } else { None };
        found.max(local)
    }

    /// Whether a name may end before this token.
    fn ends(&self, end: usize) -> bool {
        match self.what(end) {
            Some(What::Letter(_) | What::Escaped(_) | What::Other) => false,
            // `user::Id`, `user.name`
            Some(What::Colon) => self.what(end + 1) != Some(What::Colon),
            Some(What::Thin) => self.letter(end + 1).is_none(),
            Some(_) | None => true,
        }
    }

    /// The letters from there on with no more between them than said, and no more of them than any name has; and the first
    /// token behind.
    fn spelled(&self, start: usize, between: Between) -> Spelled {
        let (mut letters, mut index) = (String::new(), start);
        // The letters of names are one byte each.
        while letters.len() <= LONGEST {
            if let Some(c) = self.letter(index) {
                letters.push(c);
                index += 1;
                continue;
            }
            index = match (self.what(index), between) {
                (Some(What::Thin | What::Odd), Between::Stroke) if self.letter(index + 1).is_some() => index + 1,
                (Some(what), Between::Blanks) if what.is_thin() => self.solid.get(index).copied().unwrap_or(index + 1),
                _ => break,
            };
        }
        Spelled { letters, end: index }
    }

    /// The marks around the name of a speaker that stands there, at the beginning of a line and before a colon.
    fn speaker(&self, start: usize) -> Option<[(Range<usize>, &'static str); 2]> {
        if !self.begins.get(start).is_some_and(|begins| *begins) {
            return None;
        }
        let spelled = self.spelled(start, Between::Blanks);
        if self.what(spelled.end) != Some(What::Colon) || !names::is_speaker(&spelled.letters) {
            return None;
        }
        let last = (start..spelled.end).rev().find(|index| self.letter(*index).is_some())?;
        let (from, to) = (self.tokens.get(start)?.range.start, self.tokens.get(last)?.range.end);
        Some([(from..from, MARK), (to..to, END_MARK)])
    }
}

/// What may stand between the letters of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    /// One stroke, dot or quote.
    Stroke,
    /// Any number of these and of blanks.
    Blanks,
}

/// Letters in a row.
struct Spelled {
    letters: String,
    end: usize,
}

/// The names that were found, by the token at which they begin.
struct Names {
    at: Vec<Option<At>>,
}

impl Names {
    fn get(&self, index: usize) -> Option<At> {
        self.at.get(index).copied().flatten()
    }

    fn set(&mut self, index: usize, name: Option<At>) {
        if let Some(at) = self.at.get_mut(index) {
            *at = name;
        }
    }
}

#[cfg(test)]
mod tests;
