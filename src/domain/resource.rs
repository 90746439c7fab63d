//! What can be locked: a path in the checkout, or a name.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    fs::FileName,
    store::{CLAIM_ENDING, ClaimKey, Place},
};

/// The longest file name made by encoding alone, in bytes without its ending.
const LONGEST: usize = 180;
/// How much of a longer one is kept before its digest.
const KEPT: usize = 120;

/// What names begin with where paths may stand too.
pub const NAME_PREFIX: &str = "name:";

/// What a lock is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A file of the checkout.
    Path(PathKey),
    /// Something that only has a name.
    Name(NameKey),
}

/// A canonical path relative to the root of its checkout: components joined by `/`, none empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathKey(Vec<u8>);

/// A name: 1 to 200 bytes of UTF-8 that print, in segments joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError(pub &'static str);

/// How a lock file names its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Path,
    Name,
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

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl NameKey {
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

impl Resource {
    /// The resource as a person writes it in the root; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.key_text();
        if matches!(self, Self::Path(_)) && text.starts_with(NAME_PREFIX) { format!("./{text}") } else { text }
    }

    /// The same as lock files keep it, where the kind stands beside it: a path may be spelled as a name is.
    pub(super) fn key_text(&self) -> String {
        match self {
            Self::Path(PathKey(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Name(NameKey(name)) => format!("{NAME_PREFIX}{name}"),
        }
    }

    /// The bytes of a path that is not UTF-8, in hexadecimal: [`Resource::text`] loses them.
    #[must_use]
    pub fn hex(&self) -> Option<String> {
        match self {
            Self::Path(PathKey(bytes)) if std::str::from_utf8(bytes).is_err() => Some(hex(bytes)),
            Self::Path(_) | Self::Name(_) => None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Path(_) => Kind::Path,
            Self::Name(_) => Kind::Name,
        }
    }

    /// The resource that a lock file says it is about.
    pub(super) fn from_file(kind: Kind, filepath: &str, filepath_hex: Option<&str>) -> Option<Self> {
        match (kind, filepath_hex) {
            (Kind::Path, None) => PathKey::new(filepath.as_bytes().split(|b| *b == b'/')).map(Self::Path),
            (Kind::Path, Some(digits)) => PathKey::new(unhex(digits)?.split(|b| *b == b'/')).map(Self::Path),
            (Kind::Name, None) => NameKey::new(filepath.strip_prefix(NAME_PREFIX)?).ok().map(Self::Name),
            (Kind::Name, Some(_)) => None,
        }
    }

    /// Where its lock file stands.
    #[must_use]
    pub fn claim(&self) -> ClaimKey {
        match self {
            Self::Path(PathKey(key)) => Place::Paths.claim(file_name(key)),
            Self::Name(NameKey(name)) => Place::Names.claim(file_name(name.as_bytes())),
        }
    }
}

/// Percent-encodes a key into one file name; a long one is cut and told apart by its digest.
fn file_name(key: &[u8]) -> FileName {
    const LAST_RESORT: FileName = FileName::literal("unnamed.lock");
    let mut name = String::with_capacity(key.len() + CLAIM_ENDING.len());
    for byte in key {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            name.push(char::from(*byte));
        } else {
            name.push('%');
            push_hex(&mut name, *byte, true);
        }
    }
    if name.len() > LONGEST {
        name.truncate(KEPT);
        name.push('~');
        for byte in Sha256::digest(key).iter().take(16) {
            push_hex(&mut name, *byte, false);
        }
    }
    name.push_str(CLAIM_ENDING);
    // It is one component by construction.
    FileName::new(name).unwrap_or(LAST_RESORT)
}

fn push_hex(text: &mut String, byte: u8, upper: bool) {
    // Writing to a string cannot fail.
    match if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") } {
        Ok(()) | Err(_) => {}
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut text, *byte, false);
    }
    text
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(value(high)? * 16 + value(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(key: &[u8]) -> Resource {
        Resource::Path(PathKey::new(key.split(|b| *b == b'/')).unwrap())
    }

    #[test]
    fn file_names_are_readable_and_one_to_one() {
        let file = |r: &Resource| r.claim().file();
        assert_eq!(file(&path(b"src/auth.rs")), "paths/-/src%2Fauth.rs.lock");
        assert_eq!(file(&path(b"a b%\n\xff")), "paths/-/a%20b%25%0A%FF.lock");
        assert_eq!(file(&Resource::Name(NameKey::new("deploy/staging").unwrap())), "names/deploy%2Fstaging.lock");
        let (long, longer) = (path(&[b'x'; 180]), path(&[b'x'; 181]));
        assert_eq!(long.claim().name().as_str().len(), 185);
        assert_eq!(longer.claim().name().as_str().len(), 120 + 1 + 32 + 5);
        assert_ne!(file(&path(&[b'y'; 4000])), file(&path(&[b'y'; 4001])));
        assert!(file(&path(&[b'/', b'a'].repeat(2000)[1..])).len() < 255);
    }

    #[test]
    fn what_a_file_names_is_what_was_locked() {
        for key in [&b"src/auth.rs"[..], b"\xff/\xfe", b"a\nb", "é/ü".as_bytes()] {
            let resource = path(key);
            let read = Resource::from_file(Kind::Path, &resource.key_text(), resource.hex().as_deref());
            assert_eq!(read, Some(resource));
        }
        let name = Resource::Name(NameKey::new("deploy").unwrap());
        assert_eq!(Resource::from_file(Kind::Name, &name.text(), None), Some(name));
        for (kind, text, hex) in [
            (Kind::Path, "", None),
            (Kind::Path, "/etc/passwd", None),
            (Kind::Path, "a/../b", None),
            (Kind::Path, "x", Some("2e2e")),
            (Kind::Path, "x", Some("6")),
            (Kind::Path, "x", Some("zz")),
            (Kind::Name, "deploy", None),
            (Kind::Name, "name:deploy", Some("00")),
        ] {
            assert_eq!(Resource::from_file(kind, text, hex), None, "{text} {hex:?}");
        }
    }

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
