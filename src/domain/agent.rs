//! Who holds a lease.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name that our own messages are from.
pub(in crate::domain) const OURSELVES: &str = "swarmlock";

/// An agent's id: a letter or digit, then up to 63 letters, digits, `.`, `_` or `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId(String);

impl AgentId {
    /// Checks an id.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(id: &str) -> Result<Self, String> {
        Self::try_from(id.to_owned())
    }

    /// Whether it is the name that our own messages are from, in any case: no agent has it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.0.eq_ignore_ascii_case(OURSELVES)
    }

    /// Whether this is another id, and differs only in capitals.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self != other && self.0.eq_ignore_ascii_case(&other.0)
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AgentId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if id.is_empty() {
            Err("an agent id is at least one character".to_owned())
        } else if id.len() > 64 {
            Err("an agent id is at most 64 characters".to_owned())
        } else if !id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) || !id.bytes().all(legal) {
            Err("an agent id is letters, digits, '.', '_' and '-', and starts with a letter or digit".to_owned())
        } else {
            Ok(Self(id))
        }
    }
}

impl From<AgentId> for String {
    fn from(id: AgentId) -> Self {
        id.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::AgentId;

    #[test]
    fn ids_are_plain_words() {
        let long = "a".repeat(65);
        for bad in ["", "-a", ".a", "_a", "a b", "a/b", "a\n", "é", "a:b", long.as_str()] {
            assert!(AgentId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "7", "claude-3f9a2c1b.7d21e0aa", "A_b-C.d", &long[..64]] {
            assert_eq!(AgentId::new(good).unwrap().as_str(), good);
        }
    }
}
