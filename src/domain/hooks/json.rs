//! Looking into JSON without building a tree of it.
//!
//! A payload may hold a file of megabytes, and only a few short texts of it are wanted. So values are stepped over as
//! they stand, without a stack that could overflow, and only what is wanted is decoded. Bytes that are no UTF-8 and
//! halves of surrogate pairs, which harnesses write, harm only the text that they are in: a reader that refuses the whole
//! payload for them would let the edit go by.

use std::borrow::Cow;

use memchr::memchr2;

/// Where in a text of JSON we are.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

/// That it is no JSON, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends before the value does.
    Ends,
    /// The byte there does not belong there.
    At(usize),
}

impl<'a> Cursor<'a> {
    /// At the beginning of this text.
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is no blank.
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(Fault::Ends)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.peek()? != wanted {
            return Err(Fault::At(self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over a text, and gives what is between its quotes.
    fn string(&mut self) -> Result<&'a [u8], Fault> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(found) = next_special(rest) else { return Err(Fault::Ends) };
            let end = self.at + found;
            if rest.get(found) == Some(&b'"') {
                self.at = end + 1;
                return Ok(self.text.get(start..end).unwrap_or_default());
            }
            self.at = end + 2;
        }
    }

    /// Steps over `true`, `false`, `null` or a number.
    fn scalar(&mut self) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
        let word = rest.get(..length).unwrap_or_default();
        if !matches!(word, b"true" | b"false" | b"null") && !is_number(word) {
            return Err(Fault::At(self.at));
        }
        self.at += length;
        Ok(())
    }

    /// Steps over a key and its colon.
    fn key(&mut self) -> Result<&'a [u8], Fault> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Steps over a value of any depth.
    pub(super) fn value(&mut self) -> Result<Raw<'a>, Fault> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => drop(self.string()?),
            b'{' | b'[' => self.container()?,
            _ => self.scalar()?,
        }
        Ok(Raw(self.text.get(start..self.at).unwrap_or_default()))
    }

    /// Steps over an object; `take` is called with each key and has to step over its value.
    pub(super) fn object(
        &mut self,
        mut take: impl FnMut(&mut Self, &str) -> Result<(), Fault>,
    ) -> Result<Raw<'a>, Fault> {
        self.peek()?;
        let (start, mut begun) = (self.at, false);
        while self.next_of(b'{', &mut begun)? {
            let key = decoded(self.key()?);
            take(self, &key)?;
        }
        Ok(Raw(self.text.get(start..self.at).unwrap_or_default()))
    }

    /// Steps to the next member or element; false if there is none, then the end is stepped over.
    fn next_of(&mut self, kind: u8, begun: &mut bool) -> Result<bool, Fault> {
        if *begun {
            if self.peek()? == b',' {
                self.at += 1;
                return Ok(true);
            }
        } else {
            self.expect(kind)?;
            *begun = true;
            if self.peek()? != closing(kind) {
                return Ok(true);
            }
        }
        self.expect(closing(kind))?;
        Ok(false)
    }

    /// Steps over an object or an array: the kinds of those that are open are kept, so depth costs a byte a level.
    fn container(&mut self) -> Result<(), Fault> {
        let mut open = Vec::new();
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                kind @ (b'{' | b'[') => {
                    self.at += 1;
                    if self.peek()? == closing(kind) {
                        self.at += 1;
                    } else {
                        open.push(kind);
                        if kind == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            loop {
                let Some(&kind) = open.last() else { return Ok(()) };
                let next = self.peek()?;
                if next == b',' {
                    self.at += 1;
                    if kind == b'{' {
                        self.key()?;
                    }
                    break;
                }
                self.expect(closing(kind))?;
                open.pop();
            }
        }
    }
}

const fn closing(kind: u8) -> u8 {
    if kind == b'{' { b'}' } else { b']' }
}

fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    digits.first().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// A value as it stands in the payload, without the blanks around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// A value that was stepped over before, or a text that was never looked at: then what is no JSON ends the reading.
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The value as it was written.
    pub(super) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// A text, or a number as it is written; what is not UTF-8 in it is replaced.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        match inner {
            Some(inner) => Some(decoded(inner)),
            None => is_number(self.0).then(|| lossy(self.0)),
        }
    }

    /// `true`, also as a text or as the number 1.
    pub(super) fn is_true(self) -> bool {
        matches!(self.0, b"true" | b"\"true\"" | b"1" | b"\"1\"")
    }

    /// The members of an object, in order; nothing for all else.
    pub(super) fn members(self) -> Members<'a> {
        Members { cursor: Cursor::new(self.0), begun: false }
    }

    /// The elements of an array; nothing for all else.
    pub(super) fn elements(self) -> Elements<'a> {
        Elements { cursor: Cursor::new(self.0), begun: false }
    }

    /// Whether it is an array.
    pub(super) fn is_array(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    /// Whether it is an object.
    pub(super) fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }
}

/// The first value of the text; what stands behind it is not looked at.
pub(super) fn first_value(text: &[u8]) -> Result<Raw<'_>, Fault> {
    Cursor::new(text).value()
}

/// See `Raw::members`.
pub(super) struct Members<'a> {
    cursor: Cursor<'a>,
    begun: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.cursor.next_of(b'{', &mut self.begun).ok()? {
            return None;
        }
        let key = self.cursor.key().ok()?;
        Some((decoded(key), self.cursor.value().ok()?))
    }
}

/// See `Raw::elements`.
pub(super) struct Elements<'a> {
    cursor: Cursor<'a>,
    begun: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next_of(b'[', &mut self.begun).ok()?.then(|| self.cursor.value().ok()).flatten()
    }
}

/// How far from here a text is looked through word by word: escapes are often near, and a search of long reach is dear to
/// begin.
const NEAR: usize = 3;

/// Where the next quote or backslash is.
fn next_special(rest: &[u8]) -> Option<usize> {
    let (words, _) = rest.as_chunks::<8>();
    for (at, word) in words.iter().take(NEAR).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ every(b'"')) | zeros(word ^ every(b'\\'));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let seen = words.len().min(NEAR) * 8;
    memchr2(b'"', b'\\', rest.get(seen..)?).map(|found| seen + found)
}

const fn every(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The high bit of each byte that is zero; above the first of them of others too.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(every(1)) & !word & every(0x80)
}

/// A text without its escapes.
fn decoded(raw: &[u8]) -> Cow<'_, str> {
    let Some(first) = next_special(raw) else { return lossy(raw) };
    let mut text = Vec::with_capacity(raw.len());
    let (mut at, mut next) = (0, Some(first));
    // A quote stands only behind a backslash, so what is found is always an escape.
    while let Some(found) = next {
        text.extend_from_slice(raw.get(at..found).unwrap_or_default());
        at = found + escape(raw.get(found..).unwrap_or_default(), &mut text);
        next = raw.get(at..).and_then(next_special).map(|more| at + more);
    }
    text.extend_from_slice(raw.get(at..).unwrap_or_default());
    match String::from_utf8(text) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// The text, with what is no UTF-8 replaced, which is hardly ever there.
fn lossy(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(raw),
    }
}

/// Decodes the escape that `raw` begins with, and tells how long it is.
fn escape(raw: &[u8], text: &mut Vec<u8>) -> usize {
    let plain = match raw.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'u') => return unicode(raw, text),
        Some(other) => *other,
        None => b'\\',
    };
    text.push(plain);
    2
}

/// The same for `\uXXXX`, or two of them that make one character. Half of a pair becomes U+FFFD, as in a file name that
/// a harness writes.
fn unicode(raw: &[u8], text: &mut Vec<u8>) -> usize {
    let unit = hex(raw.get(2..6));
    let (code, length) = match (unit, raw.get(6..8), hex(raw.get(8..12))) {
        (Some(high @ 0xd800..=0xdbff), Some(b"\\u"), Some(low @ 0xdc00..=0xdfff)) => {
            (Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12)
        }
        (Some(_), ..) => (unit, 6),
        (None, ..) => (None, 2),
    };
    let c = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    length
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
