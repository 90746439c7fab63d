//! What of a path that looks like a pattern is one.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path},
};

use super::{
    Error,
    resolve::{Resolved, TOO_LONG, is_directory_spelling, resolve},
};

/// A path, or a directory and a pattern below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    /// The path to follow.
    pub(super) path: Vec<u8>,
    /// The pattern below it.
    pub(super) pattern: Option<Vec<u8>>,
}

/// What `text`, which holds wildcards, means in `base`: leading parts that exist as they are written, or hold no
/// wildcard, are a path, the rest is a pattern.
pub(super) fn split(base: &Path, text: &[u8]) -> Result<Spelling, Error> {
    let mut path = if text.starts_with(b"/") { b"/".to_vec() } else { Vec::new() };
    let mut rest = parts(text).peekable();
    while let Some(part) = rest.peek() {
        let literal = literal(part);
        let literal = if literal.as_deref() == Some(*part) || stands(base, &joined(&path, part))? {
            part.to_vec()
        } else if let Some(literal) = literal {
            literal
        } else {
            break;
        };
        path = joined(&path, &literal);
        rest.next();
    }
    let directory = is_directory_spelling(text);
    if rest.peek().is_none() {
        if directory {
            path.push(b'/');
        }
        return Ok(Spelling { path, pattern: None });
    }
    let rest: Vec<_> = rest.collect();
    if rest.contains(&&b".."[..]) {
        let why = "in a pattern, '..' may only stand before the first part with a wildcard".to_owned();
        return Err(Error::BadPattern { text: String::from_utf8_lossy(text).into_owned(), why });
    }
    path.push(b'/');
    if path == b"/" && !text.starts_with(b"/") {
        path.clear();
    }
    Ok(Spelling { path, pattern: Some(pattern_of(&rest, directory)) })
}

/// The same without looking anything up: the directory is the longest without wildcards.
pub(super) fn split_as_written(text: &[u8]) -> Spelling {
    let mut rest = parts(text).peekable();
    let mut path = if text.starts_with(b"/") { b"/".to_vec() } else { Vec::new() };
    while let Some(literal) = rest.peek().and_then(|part| literal(part)) {
        path = joined(&path, &literal);
        rest.next();
    }
    let rest: Vec<_> = rest.collect();
    let pattern = (!rest.is_empty()).then(|| pattern_of(&rest, is_directory_spelling(text)));
    Spelling { path, pattern }
}

/// Whether `text` holds anything that makes it a pattern.
pub(super) fn has_wildcards(text: &[u8]) -> bool {
    text.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'{'))
}

/// Whether `..` follows a name in `path`: where that leads cannot be told without looking.
pub(super) fn turns_back(path: &[u8]) -> bool {
    parts(path).skip_while(|part| *part == b"..").any(|part| part == b"..")
}

/// `path` from `base`, if nothing is looked up.
pub(super) fn lexical(base: &Path, path: &[u8]) -> std::path::PathBuf {
    let mut at = base.to_owned();
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::Prefix(_) | Component::RootDir => at = "/".into(),
            Component::CurDir => {}
            Component::ParentDir => drop(at.pop()),
            Component::Normal(name) => at.push(name),
        }
    }
    at
}

fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".")
}

fn joined(path: &[u8], part: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if path.is_empty() || path.ends_with(b"/") { b"" } else { b"/" };
    [path, slash, part].concat()
}

/// A directory's pattern is all that is below it.
fn pattern_of(parts: &[&[u8]], directory: bool) -> Vec<u8> {
    let mut pattern = parts.join(&b'/');
    if directory {
        pattern.extend_from_slice(b"/**");
    }
    pattern
}

/// The part that a part of a pattern without wildcards means.
fn literal(part: &[u8]) -> Option<Vec<u8>> {
    let mut literal = Vec::with_capacity(part.len());
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' | b'{' => return None,
            b'\\' => literal.push(*bytes.next()?),
            other => literal.push(*other),
        }
    }
    // Written with a backslash they would be names, and nothing can have them.
    (literal == part || (literal != b"." && literal != b"..")).then_some(literal)
}

/// Whether anything stands there, be it a link that leads nowhere.
fn stands(base: &Path, path: &[u8]) -> Result<bool, Error> {
    match resolve(base, OsStr::from_bytes(path)) {
        Ok(Resolved { kind, links, .. }) => Ok(kind.is_some() || !links.is_empty()),
        Err(Error::BadPath { why: TOO_LONG, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_wildcards_means_what_is_behind_its_backslashes() {
        for (part, meant) in [
            (&b"src"[..], Some(&b"src"[..])),
            (br"\[id\]", Some(b"[id]")),
            (br"a\\b", Some(br"a\b")),
            (br"\*", Some(b"*")),
            (b"..", Some(b"..")),
            (br"\.\.", None),
            (br"\[id]*", None),
            (b"*", None),
            (br"a\", None),
            (b"a}", Some(b"a}")),
        ] {
            assert_eq!(literal(part).as_deref(), meant, "{}", String::from_utf8_lossy(part));
        }
    }

    #[test]
    fn the_pattern_begins_at_the_first_wildcard() {
        for (text, path, pattern) in [
            ("src/*.rs", "src", Some("*.rs")),
            ("*.rs", "", Some("*.rs")),
            ("./a//b/./*/./c//d", "a/b", Some("*/c/d")),
            ("/a/*/", "/a", Some("*/**")),
            ("/*", "/", Some("*")),
            ("../x/{a/b,c}/d", "../x", Some("{a/b,c}/d")),
            (r"app/\[id\]/*", "app/[id]", Some("*")),
            (r"app/\[id\]", "app/[id]", None),
        ] {
            let split = split_as_written(text.as_bytes());
            assert_eq!(split.path, path.as_bytes(), "{text}");
            assert_eq!(split.pattern.as_deref(), pattern.map(str::as_bytes), "{text}");
        }
    }
}
