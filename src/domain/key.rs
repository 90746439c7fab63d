//! What resources are told apart by.

use super::encode::encoded;
use crate::{
    fs::FileName,
    store::{Family, MAIN_WORKTREE, Place},
};

/// A worktree of the repository, by the name that git keeps it under; the main checkout has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worktree(Option<String>);

/// A canonical path relative to the root of its checkout: components joined by `/`, none empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathKey(Vec<u8>);

/// The same for a directory; empty for the root itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeKey(Vec<u8>);

/// A name: 1 to 200 bytes of UTF-8 that print, in segments joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError(pub &'static str);

impl Worktree {
    /// The main checkout.
    pub const MAIN: Self = Self(None);

    /// A linked worktree; bytes of its name that file names cannot hold plainly are percent-encoded.
    #[must_use]
    pub fn linked(name: &[u8]) -> Self {
        let name = encoded(name);
        // The main checkout has this directory.
        Self(Some(if name == MAIN_WORKTREE.as_str() { "%2D".to_owned() } else { name }))
    }

    /// The name; `None` for the main checkout.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The worktree that has this directory among those of its kind.
    #[must_use]
    pub fn of_dir(dir: &FileName) -> Self {
        if *dir == MAIN_WORKTREE { Self(None) } else { Self(Some(dir.as_str().to_owned())) }
    }

    /// What a lock file says; `None` for what names no directory.
    pub(super) fn from_file(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::MAIN),
            Some(name) => {
                FileName::new(name.to_owned()).filter(|dir| *dir != MAIN_WORKTREE).map(|_| Self(Some(name.to_owned())))
            }
        }
    }

    /// Where its locks of one kind stand.
    #[must_use]
    pub fn place(&self, family: Family) -> Place {
        let dir = self.0.as_ref().and_then(|name| FileName::new(name.clone()));
        Place::new(family, dir.unwrap_or(MAIN_WORKTREE))
    }
}

impl TreeKey {
    /// The whole checkout.
    pub const ROOT: Self = Self(Vec::new());

    /// A directory below the root, or [`TreeKey::ROOT`] for no components; `None` if one of them is not a component.
    #[must_use]
    pub fn new<'a>(components: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut components = components.into_iter().peekable();
        if components.peek().is_none() {
            Some(Self::ROOT)
        } else {
            PathKey::new(components).map(|PathKey(key)| Self(key))
        }
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PathKey {
    /// A key of these components; `None` if there is none, or one of them is not a component.
    #[must_use]
    pub fn new<'a>(components: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut key = Vec::new();
        for component in components {
            if component.is_empty() || component == b"." || component == b".." || component.contains(&b'/') {
                return None;
            }
            if !key.is_empty() {
                key.push(b'/');
            }
            key.extend_from_slice(component);
        }
        (!key.is_empty()).then_some(Self(key))
    }

    /// The key with these bytes: as [`PathKey::new`] of what stands between the `/`.
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        is_key(key).then(|| Self(key.to_vec()))
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Whether these bytes are a key of a path: the components, joined by `/`, are what [`PathKey::new`] takes.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'/').all(|component| !matches!(component, b"" | b"." | b".."))
}

impl NameKey {
    /// The name, without `name:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks a name (without `name:`).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(name: &str) -> Result<Self, NameError> {
        // Variation selectors belong into texts with emoji; in a name they only make look-alikes.
        let selects_variation = |c| matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
        let invisible = |c: char| c.is_control() || is_invisible(c) || selects_variation(c);
        if name.is_empty() {
            Err(NameError("a name is at least one character"))
        } else if name.len() > 200 {
            Err(NameError("a name is at most 200 bytes"))
        } else if name.chars().any(invisible) {
            Err(NameError("a name holds no control characters and nothing invisible"))
        } else if name.trim() != name {
            Err(NameError("a name neither starts nor ends with a blank"))
        } else if name.starts_with('-') {
            Err(NameError("a name does not start with '-'"))
        } else if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            Err(NameError("the parts of a name between '/' are not empty, '.' or '..'"))
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

/// Whether a character shows nothing or changes the direction of what follows: text that hides or forges other text.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_as_they_are() {
        let long = "n".repeat(201);
        for bad in [
            "",
            "-n",
            " n",
            "n ",
            "a\nb",
            "a\0",
            "a\x1b[31m",
            "a\u{202e}b",
            "a\u{200b}",
            "a\u{3164}",
            "a\u{fe0f}",
            "a//b",
            "../a",
            "a/.",
            &long,
        ] {
            assert!(NameKey::new(bad).is_err(), "{bad:?}");
        }
        for good in ["deploy-staging", "a/b", "port 8080", "デプロイ", &long[..200]] {
            assert!(NameKey::new(good).is_ok(), "{good:?}");
        }
    }
}
