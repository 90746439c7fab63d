//! Ids of records.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::store::RecordName;

/// How long an id is, in digits.
const LENGTH: usize = 32;

/// The shortest beginning of an id that may stand for it, in digits.
const SHORTEST: usize = 4;

/// 128 random bits as 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(String);

impl RecordId {
    /// An id of these bits.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its files.
    ///
    /// # Errors
    /// None: 32 digits are a part of a file name.
    pub(super) fn name(&self) -> crate::store::Result<RecordName> {
        RecordName::new(&self.0)
            .ok_or_else(|| crate::store::Error::Damaged { path: self.0.clone().into(), why: "no id".to_owned() })
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl TryFrom<String> for RecordId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == LENGTH && is_digits(&text) {
            Ok(Self(text))
        } else {
            Err(format!("an id is {LENGTH} of the digits 0-9 and a-f"))
        }
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of an id, or all of it, as a person gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if (SHORTEST..=LENGTH).contains(&text.len()) && is_digits(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("an id is {LENGTH} of the digits 0-9 and a-f, or at least the first {SHORTEST} of them"))
        }
    }

    /// Whether it is a whole id.
    pub(super) fn whole(&self) -> Option<RecordId> {
        RecordId::try_from(self.0.clone()).ok()
    }

    pub(super) fn fits(&self, id: &RecordId) -> bool {
        id.0.starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_32_lower_case_digits_and_nothing_else() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(RecordId::try_from(id.to_owned()).unwrap().as_str(), id);
        assert_eq!(RecordId::from_bits(1).as_str(), format!("{:0>32}", 1));
        for bad in [
            String::new(),
            id[1..].to_owned(),
            format!("{id}0"),
            format!("{id}\n"),
            format!("\n{}", &id[1..]),
            format!("{}\n", &id[1..]),
            format!("{}\0", &id[1..]),
            format!("../{}", &id[3..]),
            format!("{}/", &id[1..]),
            id.to_uppercase(),
            format!("{}g", &id[1..]),
            format!(" {}", &id[1..]),
            "\u{661}".repeat(16),
        ] {
            assert!(RecordId::try_from(bad.clone()).is_err(), "{bad:?}");
            assert!(bad == id[1..] || Prefix::new(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_beginning_is_at_least_four_digits() {
        for bad in ["", "0", "abc", "abcg", "ABCD", "abc\n", "../a", "abcd/"] {
            assert!(Prefix::new(bad).is_err(), "{bad:?}");
        }
        let prefix = Prefix::new("00ab").unwrap();
        let id = |text: &str| RecordId::try_from(format!("{text:0<32}")).unwrap();
        assert!(prefix.fits(&id("00abc")) && !prefix.fits(&id("00aa")) && prefix.whole().is_none());
    }
}
