//! The name of one file in one directory.

use std::{borrow::Cow, fmt};

/// A single path component: never empty, `.`, `..`, longer than 255 bytes, nor with `/` or NUL inside.
///
/// A call that takes a `FileName` therefore cannot leave the directory it is made in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Cow<'static, str>);

impl FileName {
    /// A name known when the program is built.
    ///
    /// # Panics
    /// If `name` is not a single component; in a `const` that is an error of compilation.
    #[must_use]
    pub const fn literal(name: &'static str) -> Self {
        assert!(is_component(name.as_bytes()), "not a single path component");
        Self(Cow::Borrowed(name))
    }

    /// A name made at run time; `None` if it is not a single component.
    #[must_use]
    pub fn new(name: String) -> Option<Self> {
        is_component(name.as_bytes()).then_some(Self(Cow::Owned(name)))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_component(bytes: &[u8]) -> bool {
    match bytes {
        [] | b"." | b".." => return false,
        _ => {}
    }
    if bytes.len() > 255 {
        return false;
    }
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if *first == b'/' || *first == 0 {
            return false;
        }
        rest = tail;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::FileName;

    #[test]
    fn only_single_components_are_names() {
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "a/b", "/", "a\0b", long.as_str()] {
            assert!(FileName::new(bad.to_owned()).is_none(), "{bad:?}");
        }
        for good in ["a", "...", ".guard", "a%2Fb.lock", "-", "é"] {
            assert_eq!(FileName::new(good.to_owned()).unwrap().as_str(), good);
        }
    }
}
