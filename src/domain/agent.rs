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

    /// The agent that this one is a subagent of: the id without the dot and the eight digits behind it.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, digits) = self.0.rsplit_once('.')?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 8 && digits.bytes().all(hex)).then(|| Self::new(parent).ok()).flatten()
    }

    /// Whether one of these is a subagent of the other, or both are of the same agent: neither goes on while the other
    /// waits.
    #[must_use]
    pub fn is_relative(&self, other: &Self) -> bool {
        let root = |id: &Self| id.parent().unwrap_or_else(|| id.clone());
        self != other && root(self) == root(other)
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
    fn subagents_are_relatives_of_their_parent_and_of_each_other() {
        let id = |text: &str| AgentId::new(text).unwrap();
        let (parent, one, other) =
            (id("claude-3f9a2c1b"), id("claude-3f9a2c1b.7d21e0aa"), id("claude-3f9a2c1b.00000000"));
        assert_eq!((one.parent().as_ref(), parent.parent()), (Some(&parent), None));
        assert!(parent.is_relative(&one) && one.is_relative(&parent) && one.is_relative(&other));
        assert!(!one.is_relative(&one) && !one.is_relative(&id("claude-3f9a2c1c.7d21e0aa")));
        for plain in ["a.b", "a.7D21E0AA", "a.7d21e0a", "a.7d21e0aaa", "7d21e0aa"] {
            assert_eq!(id(plain).parent(), None, "{plain}");
            assert!(!id(plain).is_relative(&id("a")), "{plain}");
        }
    }

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
