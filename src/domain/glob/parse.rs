//! From the text of a pattern to its parts.

use std::ops::Range;

use super::{
    chars::{CharSet, DOT, SLASH, chars, push},
    error::GlobError,
};

/// The longest pattern, in bytes: a path that the kernel takes is no longer.
pub(super) const LONGEST: usize = 4096;
/// How deep braces may be in braces.
pub(super) const DEEPEST: usize = 32;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One character of these.
    One(CharSet),
    /// `*`: any run of characters but `/`.
    Star,
    /// `**`: any run of characters; as a whole component also no component.
    Globstar,
    /// `{a,b}`: one of these.
    Either(Vec<Vec<Part>>),
}

/// A pattern in parts.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Its text, with stars in a row put together.
    pub(super) text: Vec<u8>,
    /// What it is made of.
    pub(super) parts: Vec<Part>,
    /// The leading components that have no wildcards, joined by `/`.
    pub(super) prefix: Vec<u8>,
}

/// A part and the characters it was written as.
struct Piece {
    part: Part,
    written: Range<usize>,
}

/// Reads a pattern.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, GlobError> {
    if text.is_empty() {
        return Err(GlobError::Empty);
    }
    if text.len() > LONGEST {
        return Err(GlobError::TooLong { bytes: text.len(), limit: LONGEST });
    }
    if text.contains(&0) {
        return Err(GlobError::Nul);
    }
    let text: Vec<u32> = chars(text).collect();
    let mut reader = Reader { text: &text, at: 0 };
    let mut pieces = Vec::new();
    while let Some(piece) = reader.piece(0)? {
        pieces.push(piece);
    }
    let components = join_globstars(split(pieces));
    for component in &components {
        check_component(component)?;
    }
    Ok(put_together(&text, components))
}

/// Splits at each `/` that stands outside of braces.
fn split(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut components = vec![Vec::new()];
    for piece in pieces {
        if literal(&piece.part) == Some(SLASH) {
            components.push(Vec::new());
        } else if let Some(last) = components.last_mut() {
            last.push(piece);
        }
    }
    components
}

/// `**/**` is `**`.
fn join_globstars(components: Vec<Vec<Piece>>) -> Vec<Vec<Piece>> {
    let mut joined = components;
    joined.dedup_by(|next, kept| is_globstar(next) && is_globstar(kept));
    joined
}

fn is_globstar(component: &[Piece]) -> bool {
    matches!(component, [Piece { part: Part::Globstar, .. }])
}

fn check_component(component: &[Piece]) -> Result<(), GlobError> {
    let is_dot = |piece: &Piece| literal(&piece.part) == Some(DOT);
    match component {
        [] => Err(GlobError::EmptyComponent),
        [dot] if is_dot(dot) => Err(GlobError::DotComponent { component: "." }),
        [one, two] if is_dot(one) && is_dot(two) => Err(GlobError::DotComponent { component: ".." }),
        _ => Ok(()),
    }
}

fn put_together(text: &[u32], components: Vec<Vec<Piece>>) -> Parsed {
    let mut parsed = Parsed { text: Vec::new(), parts: Vec::new(), prefix: Vec::new() };
    let mut literal_so_far = true;
    for (number, component) in components.into_iter().enumerate() {
        if number > 0 {
            parsed.text.push(b'/');
            parsed.parts.push(Part::One(CharSet::one(SLASH)));
        }
        literal_so_far &= component.iter().all(|piece| literal(&piece.part).is_some());
        if literal_so_far && number > 0 {
            parsed.prefix.push(b'/');
        }
        for Piece { part, written } in component {
            if let (true, Some(c)) = (literal_so_far, literal(&part)) {
                push(&mut parsed.prefix, c);
            }
            let written: &[u32] =
                if part == Part::Globstar { &[STAR, STAR] } else { text.get(written).unwrap_or_default() };
            for c in written {
                push(&mut parsed.text, *c);
            }
            parsed.parts.push(part);
        }
    }
    parsed
}

/// The character that a part is, if it is just one.
pub(super) fn literal(part: &Part) -> Option<u32> {
    match part {
        Part::One(set) => match set.ranges() {
            [(low, high)] if low == high => Some(*low),
            _ => None,
        },
        Part::Star | Part::Globstar | Part::Either(_) => None,
    }
}

const STAR: u32 = '*' as u32;
const QUESTION: u32 = '?' as u32;
const OPEN_BRACKET: u32 = '[' as u32;
const CLOSE_BRACKET: u32 = ']' as u32;
const OPEN_BRACE: u32 = '{' as u32;
const CLOSE_BRACE: u32 = '}' as u32;
const COMMA: u32 = ',' as u32;
const BACKSLASH: u32 = '\\' as u32;
const DASH: u32 = '-' as u32;
const COLON: u32 = ':' as u32;

struct Reader<'a> {
    text: &'a [u32],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u32> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u32> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// The next part; in braces `,` and `}` are left for the caller, and end it.
    fn piece(&mut self, depth: usize) -> Result<Option<Piece>, GlobError> {
        let from = self.at;
        let Some(c) = self.peek() else { return Ok(None) };
        if depth > 0 && (c == COMMA || c == CLOSE_BRACE) {
            return Ok(None);
        }
        self.at += 1;
        let part = match c {
            STAR => {
                while self.peek() == Some(STAR) {
                    self.at += 1;
                }
                if self.at - from == 1 { Part::Star } else { Part::Globstar }
            }
            QUESTION => Part::One(CharSet::not_slash()),
            OPEN_BRACKET => Part::One(self.class(from + 1)?),
            OPEN_BRACE => Part::Either(self.alternatives(depth + 1, from + 1)?),
            BACKSLASH => Part::One(CharSet::one(self.next().ok_or(GlobError::DanglingEscape)?)),
            c => Part::One(CharSet::one(c)),
        };
        Ok(Some(Piece { part, written: from..self.at }))
    }

    fn alternatives(&mut self, depth: usize, opened: usize) -> Result<Vec<Vec<Part>>, GlobError> {
        if depth > DEEPEST {
            return Err(GlobError::TooDeep { limit: DEEPEST });
        }
        let mut alternatives = vec![Vec::new()];
        loop {
            while let Some(piece) = self.piece(depth)? {
                if let Some(last) = alternatives.last_mut() {
                    last.push(piece.part);
                }
            }
            match self.next() {
                Some(COMMA) => alternatives.push(Vec::new()),
                Some(_) => return Ok(alternatives),
                None => return Err(GlobError::Unclosed { open: '{', at: opened }),
            }
        }
    }

    /// The inside of `[…]`: never `/`.
    fn class(&mut self, opened: usize) -> Result<CharSet, GlobError> {
        let unclosed = GlobError::Unclosed { open: '[', at: opened };
        let negated = matches!(self.peek(), Some(c) if c == '!' as u32 || c == '^' as u32);
        if negated {
            self.at += 1;
        }
        let mut ranges = Vec::new();
        let first = self.at;
        loop {
            let at = self.at;
            let c = self.next().ok_or_else(|| unclosed.clone())?;
            match c {
                CLOSE_BRACKET if at > first => break,
                OPEN_BRACKET if self.names_class() => return Err(GlobError::NamedClass { at: opened }),
                _ => {}
            }
            let low = self.escaped(c)?;
            let high = match self.text.get(self.at..) {
                Some([DASH, next, ..]) if *next != CLOSE_BRACKET => {
                    self.at += 2;
                    self.escaped(*next)?
                }
                _ => low,
            };
            if high < low {
                return Err(GlobError::ReversedRange { at: opened });
            }
            ranges.push((low, high));
        }
        let named = CharSet::of(ranges);
        let set = if negated { named.complement() } else { named };
        Ok(set.and(&CharSet::not_slash()))
    }

    /// The character that `c`, just read, stands for in brackets.
    fn escaped(&mut self, c: u32) -> Result<u32, GlobError> {
        if c == BACKSLASH { self.next().ok_or(GlobError::DanglingEscape) } else { Ok(c) }
    }

    /// Whether `:name:]` follows.
    fn names_class(&self) -> bool {
        let Some([COLON, rest @ ..]) = self.text.get(self.at..) else { return false };
        let letters = rest.iter().take_while(|c| (0x61..=0x7a).contains(*c)).count();
        letters > 0 && matches!(rest.get(letters..), Some([COLON, CLOSE_BRACKET, ..]))
    }
}
