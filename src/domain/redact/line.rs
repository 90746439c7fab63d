//! The secrets in one line: each byte is looked at a bounded number of times.

use std::{cell::OnceCell, ops::Range};

use super::{
    bytes::{at, before, begins, is_blank, is_word, part, run, step},
    name::{Name, name},
    shape, token, value, web,
};

/// What is put in place of a secret. It tells nothing of it, not even its kind or length.
pub(super) const MASK: &[u8] = b"***";

/// A line on its way through the rules.
struct Line<'a> {
    bytes: &'a [u8],
    /// Up to where random text has been looked for.
    blobs: usize,
    /// The first dot not before where it was last asked for.
    dot: Option<usize>,
    /// The end of the word that was last begun.
    word_end: usize,
    /// The end of the last long value that was none: what stands in it is none either.
    no_value: usize,
    /// What the beginning of the line says of the rest of it, once asked.
    begins: OnceCell<Begins>,
}

/// What the first bytes of a line hold.
#[derive(Clone, Copy)]
struct Begins {
    /// A command that asks the web.
    web: bool,
    /// `login`, as in a netrc file.
    login: bool,
}

/// Adds the secrets of a line, in order and apart from each other.
///
/// The ends of a secret are next to ASCII or at an end of the line, so in UTF-8 they are ends of characters.
pub(super) fn secrets(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    let begins = OnceCell::new();
    let mut line = Line { bytes, blobs: 0, dot: None, word_end: 0, no_value: 0, begins };
    let mut index = 0;
    while index < bytes.len() {
        step(1);
        let secret = match at(bytes, index) {
            byte if is_word(byte) => {
                if line.word_end <= index {
                    line.word_end = run(bytes, index, is_word);
                }
                let end = line.word_end;
                let secret = line.word(index, end);
                if secret.is_none() {
                    index = end;
                }
                secret
            }
            b':' if at(bytes, index + 1) == b'/' && at(bytes, index + 2) == b'/' => {
                let secret = web::userinfo(bytes, index);
                index += 3;
                secret
            }
            _ => {
                index += 1;
                None
            }
        };
        if let Some(secret) = secret {
            index = index.max(secret.end);
            push(bytes, secret, found);
        }
    }
}

/// What is masked already stays.
fn push(bytes: &[u8], secret: Range<usize>, found: &mut Vec<Range<usize>>) {
    let masked = part(bytes, secret.clone()) == MASK;
    let after = found.last().is_none_or(|last| last.end <= secret.start);
    if !secret.is_empty() && !masked && after {
        found.push(secret);
    }
}

impl Line<'_> {
    /// The first secret in or behind the word that stands there.
    fn word(&mut self, start: usize, end: usize) -> Option<Range<usize>> {
        if let Some(secret) = self.of_shape(start, end) {
            return Some(secret);
        }
        let word = part(self.bytes, start..end);
        self.of_name(start, end, word).or_else(|| self.random(start))
    }

    /// A token of a provider, also behind `_` or `-` (`job_ghp_...`).
    fn of_shape(&mut self, start: usize, end: usize) -> Option<Range<usize>> {
        for index in start..end {
            if before(self.bytes, index).is_ascii_alphanumeric() {
                continue;
            }
            if let Some((start, end)) = token::known(self.bytes, index) {
                return Some(start..end);
            }
            if at(self.bytes, index) == b'e' && at(self.bytes, index + 1) == b'y' {
                let dot = match self.dot {
                    Some(dot) if dot >= index => dot,
                    _ => *self.dot.insert(run(self.bytes, index, |b| b != b'.')),
                };
                let in_word = dot == end;
                if let Some(end) = in_word.then(|| token::json_web_token(self.bytes, index, dot)).flatten() {
                    return Some(index..end);
                }
            }
        }
        None
    }

    /// The value of what the word names.
    fn of_name(&mut self, start: usize, end: usize, word: &[u8]) -> Option<Range<usize>> {
        let line = self.bytes;
        if let Some((separator, value_start)) = value::separator(line, end) {
            if value_start < self.no_value {
                return None;
            }
            let name = name(word)?;
            return match name {
                Name::Authorization => web::authorization(line, start, value_start),
                Name::Cookie => web::cookies(line, start, value_start),
                Name::Strong | Name::Weak | Name::Long => {
                    match value::secret(line, value_start, name, word, separator) {
                        Ok(secret) => Some(secret),
                        Err(looked_at) => {
                            if looked_at > value_start + shape::LONGEST_REFERENCE {
                                self.no_value = looked_at;
                            }
                            docker_auth(line, word, value_start)
                        }
                    }
                }
            };
        }
        if !is_blank(at(line, end)) {
            return None;
        }
        if word.starts_with(b"-") {
            return match name(word) {
                Some(name @ (Name::Strong | Name::Weak)) => value::of_flag(line, end, name),
                _ if self.begins().web => web::user_flag(line, word, end),
                _ => None,
            };
        }
        web::bare(line, word, end).or_else(|| self.told(word, end))
    }

    fn begins(&self) -> Begins {
        *self.begins.get_or_init(|| {
            let first = part(self.bytes, 0..self.bytes.len().min(512));
            step(first.len());
            let holds = |what: &[u8]| first.windows(what.len()).any(|some| some == what);
            Begins { web: holds(b"curl") || holds(b"wget") || holds(b"http"), login: holds(b"login ") }
        })
    }

    /// `DB_PASSWORD hunter2`, `password is hunter2`, `PASSWORD 'hunter2'`, and `login x password y` of a netrc file.
    fn told(&self, word: &[u8], end: usize) -> Option<Range<usize>> {
        let line = self.bytes;
        let name = name(word)?;
        if name != Name::Strong {
            return None;
        }
        let mut start = run(line, end, is_blank);
        if at(line, start) == b'\'' && begins(word, "passw") {
            return value::quoted(line, start).filter(|inner| !shape::is_reference(part(line, inner.clone())));
        }
        if begins(part(line, start..start + 3), "is ") {
            start = run(line, start + 3, is_blank);
        }
        if let Some(inner) = value::quoted(line, start) {
            return shape::is_mixture(part(line, inner.clone())).then_some(inner);
        }
        let end = value::unquoted_end(line, start);
        let told = part(line, start..end);
        let path = told.contains(&b'/') || told.contains(&b'(') || told.contains(&b'_');
        let fits =
            !told.is_empty() && !shape::is_reference(told) && (self.begins().login || shape::is_mixture(told) && !path);
        fits.then_some(start..end)
    }

    /// Random text that begins with this word, looked at once for all words in it.
    fn random(&mut self, start: usize) -> Option<Range<usize>> {
        if start < self.blobs {
            return None;
        }
        let line = self.bytes;
        self.blobs = token::blob_end(line, start);
        if self.blobs - start < 32 || is_public(line, start) {
            return None;
        }
        let padded = |end: usize| {
            let padding = run(line, end, |b| b == b'=').min(end + 2);
            if padding < line.len() && at(line, padding).is_ascii_alphanumeric() { end } else { padding }
        };
        if token::is_random(part(line, start..self.blobs)) {
            // A sign of base64 in front belongs to it.
            let begin = if matches!(before(line, start), b'+' | b'/') { start - 1 } else { start };
            return Some(begin..padded(self.blobs));
        }
        let mut piece = start;
        while piece < self.blobs {
            let end = run(line, piece, |b| b != b'/').min(self.blobs);
            if token::is_random(part(line, piece..end)) {
                return Some(piece..padded(end));
            }
            piece = end + 1;
        }
        None
    }
}

/// `"auth": "dXNlcjpwYXNz"`, as container tools keep it.
fn docker_auth(line: &[u8], word: &[u8], start: usize) -> Option<Range<usize>> {
    let inner = value::quoted(line, start).filter(|_| word.ends_with(b"auth"))?;
    web::is_user_and_password(part(line, inner.clone())).then_some(inner)
}

/// Whether what stands before says that it is no secret: a fingerprint, a checksum, a path of a package.
fn is_public(line: &[u8], start: usize) -> bool {
    let before = part(line, start.saturating_sub(16)..start);
    ["SHA256:", "sha256:", "sha512:", "h1:", "nix/store/"].iter().any(|known| before.ends_with(known.as_bytes()))
        || part(line, start..start + 10) == b"nix/store/"
}
