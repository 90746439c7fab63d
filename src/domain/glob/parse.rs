//! From the text of a pattern to its parts.

use super::{
    chars::{Char, CharSet, DOT, SLASH, chars},
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
    let mut reader = Reader { text, at: 0 };
    let mut parsed = Parsed { text: Vec::with_capacity(text.len()), parts: Vec::with_capacity(text.len()) };
    // Where the component begins that is read, and whether the one before it is `**`.
    let (mut start, mut after_globstar) = (0, false);
    loop {
        let from = reader.at;
        let part = reader.part(0)?;
        let is_slash = part.as_ref().and_then(literal) == Some(SLASH);
        if is_slash || part.is_none() {
            let component = parsed.parts.get(start..).unwrap_or_default();
            check_component(component)?;
            let is_globstar = *component == [Part::Globstar];
            if is_globstar && after_globstar {
                // `**/**` is `**`.
                parsed.parts.truncate(start - 1);
                parsed.text.truncate(parsed.text.len() - b"/**".len());
            }
            after_globstar = is_globstar;
        }
        let Some(part) = part else { return Ok(parsed) };
        parsed.text.extend_from_slice(match part {
            Part::Globstar => b"**",
            Part::One(_) if is_slash => b"/",
            Part::One(_) | Part::Star | Part::Either(_) => text.get(from..reader.at).unwrap_or_default(),
        });
        parsed.parts.push(part);
        if is_slash {
            start = parsed.parts.len();
        }
    }
}

fn check_component(component: &[Part]) -> Result<(), GlobError> {
    let is_dot = |part: &Part| literal(part) == Some(DOT);
    match component {
        [] => Err(GlobError::EmptyComponent),
        [dot] if is_dot(dot) => Err(GlobError::DotComponent { component: "." }),
        [one, two] if is_dot(one) && is_dot(two) => Err(GlobError::DotComponent { component: ".." }),
        _ => Ok(()),
    }
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

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Char> {
        let byte = self.peek()?;
        if byte.is_ascii() {
            self.at += 1;
            return Some(byte.into());
        }
        // No character is longer than four bytes.
        let c = chars(self.rest().get(..4).unwrap_or(self.rest())).next()?;
        self.at += char::from_u32(c).map_or(1, char::len_utf8);
        Some(c)
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The character, counted from 1, that begins at this byte.
    fn position(&self, at: usize) -> usize {
        chars(self.text.get(..at).unwrap_or_default()).count() + 1
    }

    /// The next part; in braces `,` and `}` are left for the caller, and end it.
    fn part(&mut self, depth: usize) -> Result<Option<Part>, GlobError> {
        let from = self.at;
        if depth > 0 && matches!(self.peek(), Some(b',' | b'}')) {
            return Ok(None);
        }
        let Some(c) = self.next() else { return Ok(None) };
        Ok(Some(match u8::try_from(c) {
            Ok(b'*') => {
                while self.peek() == Some(b'*') {
                    self.at += 1;
                }
                if self.at - from == 1 { Part::Star } else { Part::Globstar }
            }
            Ok(b'?') => Part::One(CharSet::not_slash()),
            Ok(b'[') => Part::One(self.class(from)?),
            Ok(b'{') => Part::Either(self.alternatives(depth + 1, from)?),
            Ok(b'\\') => Part::One(CharSet::one(self.next().ok_or(GlobError::DanglingEscape)?)),
            _ => Part::One(CharSet::one(c)),
        }))
    }

    fn alternatives(&mut self, depth: usize, opened: usize) -> Result<Vec<Vec<Part>>, GlobError> {
        if depth > DEEPEST {
            return Err(GlobError::TooDeep { limit: DEEPEST });
        }
        let mut alternatives = vec![Vec::new()];
        loop {
            while let Some(part) = self.part(depth)? {
                if let Some(last) = alternatives.last_mut() {
                    last.push(part);
                }
            }
            match self.next() {
                Some(c) if c == u32::from(b',') => alternatives.push(Vec::new()),
                Some(_) => return Ok(alternatives),
                None => return Err(GlobError::Unclosed { open: '{', at: self.position(opened) }),
            }
        }
    }

    /// The inside of `[…]`: never `/`.
    fn class(&mut self, opened: usize) -> Result<CharSet, GlobError> {
        let negated = matches!(self.peek(), Some(b'!' | b'^'));
        if negated {
            self.at += 1;
        }
        let mut ranges = Vec::new();
        let first = self.at;
        loop {
            let is_first = self.at == first;
            match self.rest() {
                [] => return Err(GlobError::Unclosed { open: '[', at: self.position(opened) }),
                [b']', ..] if !is_first => break,
                [b'[', b':', rest @ ..] if names_class(rest) => {
                    return Err(GlobError::NamedClass { at: self.position(opened) });
                }
                _ => {}
            }
            let low = self.member(opened)?;
            let high = match self.rest() {
                [b'-', next, ..] if *next != b']' => {
                    self.at += 1;
                    self.member(opened)?
                }
                _ => low,
            };
            if high < low {
                return Err(GlobError::ReversedRange { at: self.position(opened) });
            }
            ranges.push((low, high));
        }
        self.at += 1;
        let named = CharSet::of(ranges);
        let set = if negated { named.complement() } else { named };
        Ok(set.and(&CharSet::not_slash()))
    }

    /// The next character in brackets.
    fn member(&mut self, opened: usize) -> Result<Char, GlobError> {
        match self.next() {
            Some(c) if c == u32::from(b'\\') => self.next().ok_or(GlobError::DanglingEscape),
            Some(c) => Ok(c),
            None => Err(GlobError::Unclosed { open: '[', at: self.position(opened) }),
        }
    }
}

/// Whether this is the rest of `[:name:]`.
fn names_class(rest: &[u8]) -> bool {
    let letters = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    letters > 0 && rest.get(letters..).is_some_and(|rest| rest.starts_with(b":]"))
}
