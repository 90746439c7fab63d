//! What a message is about, in one word.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The type of a message that is sent. A line of the log may have any word there: who reads it keeps the word as text, so
/// that no line is lost for a type that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Kind {
    /// Asks something.
    Question,
    /// Asks for a review.
    ReviewRequest,
    /// The sender cannot go on.
    Blocked,
    /// Something is done.
    Completed,
    /// Doubts what another said or did.
    Challenge,
    /// Tells something.
    Info,
    /// Says that a message was seen.
    Ack,
    /// Gives a task to another.
    TaskDelegation,
    /// What came of a task.
    TaskResult,
    /// How far a task is.
    TaskUpdate,
    /// Two are in each other's way.
    Conflict,
    /// Looks for a way that suits both.
    Negotiation,
    /// Asks who can do something.
    CapabilityQuery,
    /// Says what the sender can do.
    CapabilityResponse,
    /// What a review found.
    ReviewFeedback,
    /// Something that others should know has changed.
    ContextUpdate,
    /// Should be read before everything else.
    Urgent,
}

/// A word that is no type of message. Its text lists those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl Kind {
    /// Every type, in the order in which help lists them.
    pub const ALL: [Self; 17] = [
        Self::Info,
        Self::Question,
        Self::Urgent,
        Self::Blocked,
        Self::Completed,
        Self::Conflict,
        Self::Challenge,
        Self::Negotiation,
        Self::ReviewRequest,
        Self::ReviewFeedback,
        Self::TaskDelegation,
        Self::TaskUpdate,
        Self::TaskResult,
        Self::CapabilityQuery,
        Self::CapabilityResponse,
        Self::ContextUpdate,
        Self::Ack,
    ];

    /// The word, as the log has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Question => "QUESTION",
            Self::ReviewRequest => "REVIEW-REQUEST",
            Self::Blocked => "BLOCKED",
            Self::Completed => "COMPLETED",
            Self::Challenge => "CHALLENGE",
            Self::Info => "INFO",
            Self::Ack => "ACK",
            Self::TaskDelegation => "TASK-DELEGATION",
            Self::TaskResult => "TASK-RESULT",
            Self::TaskUpdate => "TASK-UPDATE",
            Self::Conflict => "CONFLICT",
            Self::Negotiation => "NEGOTIATION",
            Self::CapabilityQuery => "CAPABILITY-QUERY",
            Self::CapabilityResponse => "CAPABILITY-RESPONSE",
            Self::ReviewFeedback => "REVIEW-FEEDBACK",
            Self::ContextUpdate => "CONTEXT-UPDATE",
            Self::Urgent => "URGENT",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    /// In upper or lower case, with `-` or `_`.
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let word = text.replace('_', "-");
        Self::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(&word)).ok_or(UnknownKind)
    }
}

impl TryFrom<String> for Kind {
    type Error = UnknownKind;

    fn try_from(text: String) -> Result<Self, UnknownKind> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.word().to_owned()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no type of message; it is one of ")?;
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            write!(f, "{}{kind}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_in_any_case_and_with_either_stroke() {
        for kind in Kind::ALL {
            let word = kind.word();
            let mixed: String =
                word.chars().enumerate().map(|(at, c)| if at % 2 == 0 { c } else { c.to_ascii_lowercase() }).collect();
            for text in
                [word, &word.to_lowercase(), &word.replace('-', "_"), &word.to_lowercase().replace('-', "_"), &mixed]
            {
                assert_eq!(text.parse(), Ok(kind), "{text}");
            }
            assert_eq!(Kind::ALL.iter().filter(|other| other.word() == word).count(), 1, "{word} is there once");
        }
        for bad in
            ["", "-", "INF", "INFOS", " INFO", "INFO\n", "TASK RESULT", "TASKRESULT", "TASK-", "İNFO", "ＩＮＦＯ"]
        {
            assert_eq!(bad.parse::<Kind>(), Err(UnknownKind), "{bad:?}");
        }
    }

    #[test]
    fn in_json_it_is_the_word_and_the_error_lists_them_all() {
        for kind in Kind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.word()));
            assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), kind);
            assert!(UnknownKind.to_string().contains(kind.word()), "{kind}");
        }
        assert!(serde_json::from_str::<Kind>("\"SHOUT\"").unwrap_err().to_string().contains("REVIEW-REQUEST"));
    }
}
