//! One line of the log of messages.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::domain::{AgentId, Timestamp, agent::OURSELVES, messages::FirstWait};

/// A message, as `agent_messages.log` keeps it. The first nine keys are those of claude-swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it.
    pub sender: String,
    /// When.
    pub timestamp: Timestamp,
    /// Its type.
    #[serde(default)]
    pub msg_type: String,
    /// What it says, without secrets.
    #[serde(default)]
    pub content: String,
    /// Whose inboxes it is in.
    pub recipients: Vec<String>,
    /// Its id, a UUID.
    pub msg_id: String,
    /// Of each recipient, that it is in its inbox.
    #[serde(default)]
    pub delivery_status: BTreeMap<String, bool>,
    /// How many recipients there are.
    #[serde(default)]
    pub success_count: usize,
    /// 0: what could not be delivered is not in the log.
    #[serde(default)]
    pub failure_count: usize,
    /// Its number: larger than that of every message before it, and never given out again.
    pub seq: u64,
    /// Whom it was addressed to, if that was no agent by name: `@all` or `@ROLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The message that it answers, or acknowledges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_msg_id: Option<String>,
    /// Whether its recipients are to acknowledge it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requires_ack: bool,
    /// After how many seconds it is shown again for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_after_s: Option<FirstWait>,
    /// Of a message that is shown again: the number of the reminder, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<u32>,
    /// Of one that is shown again or escalated: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_msg_id: Option<String>,
    /// Of an escalation: who has not acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacknowledged_by: Option<String>,
}

impl Message {
    /// A message with nothing said yet.
    pub(super) fn new(seq: u64, id: u128, sender: &str, at: Timestamp, recipients: Vec<String>) -> Self {
        Self {
            sender: sender.to_owned(),
            timestamp: at,
            msg_type: String::new(),
            content: String::new(),
            delivery_status: recipients.iter().map(|recipient| (recipient.clone(), true)).collect(),
            success_count: recipients.len(),
            failure_count: 0,
            recipients,
            msg_id: uuid(id),
            seq,
            to: None,
            parent_msg_id: None,
            requires_ack: false,
            ack_after_s: None,
            retry: None,
            original_msg_id: None,
            unacknowledged_by: None,
        }
    }

    /// Reads a line; `None` for what is no message.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|message: &Self| message.seq > 0)
    }

    pub(super) fn to_line(&self) -> Vec<u8> {
        // Plain data with keys of text: it can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The id that it is acknowledged by: of one that is shown again, that of the first.
    #[must_use]
    pub fn thread_id(&self) -> &str {
        match (&self.retry, &self.original_msg_id) {
            (Some(_), Some(original)) => original,
            _ => &self.msg_id,
        }
    }

    /// Whether it was sent to all, not to an agent or a role.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.to.as_deref() == Some("@all")
    }

    /// Whether it is in this agent's inbox.
    #[must_use]
    pub fn is_for(&self, agent: &AgentId) -> bool {
        self.recipients.iter().any(|recipient| recipient == agent.as_str())
    }
}

/// The number of a message, and whose inboxes it is in.
#[derive(Debug)]
pub(super) struct Address<'a> {
    pub(super) seq: u64,
    recipients: Recipients<'a>,
    for_all: bool,
    first: bool,
}

#[derive(Debug)]
enum Recipients<'a> {
    /// As they stand in the line: `"alice","bob"`.
    Listed(&'a [u8]),
    Parsed(Vec<Name<'a>>),
}

#[derive(Deserialize)]
struct Parsed<'a> {
    seq: u64,
    #[serde(borrow)]
    recipients: Vec<Name<'a>>,
    #[serde(borrow, default)]
    to: Option<Name<'a>>,
    #[serde(default)]
    retry: Option<u32>,
}

impl<'a> Address<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        Self::of_ours(line).or_else(|| Self::of_any(line))
    }

    fn of_any(line: &'a [u8]) -> Option<Self> {
        let Parsed { seq, recipients, to, retry } = serde_json::from_slice(line).ok()?;
        let (for_all, first) = (to.is_some_and(|to| to.0 == "@all"), retry.is_none());
        Some(Self { seq, recipients: Recipients::Parsed(recipients), for_all, first }).filter(|address| address.seq > 0)
    }

    /// A line as we write it, without looking at what it says: of many, most are only counted. `None` for all others.
    fn of_ours(line: &'a [u8]) -> Option<Self> {
        let body = line.strip_prefix(b"{\"sender\":\"")?.strip_suffix(b"}")?;
        // Behind the recipients, nothing of ours is a list; and in what a message says a quotation mark has a backslash
        // before it.
        let (before, list) = body.split_at_checked(memchr::memrchr(b'[', body)?)?;
        let list = list.get(1..).filter(|_| before.ends_with(b",\"recipients\":"))?;
        let (names, rest) = list.split_at_checked(memchr::memchr(b']', list)?)?;
        let rest = rest.strip_prefix(b"],\"msg_id\":\"")?;
        let digits = rest.get(memchr::memmem::find(rest, b",\"seq\":")?..)?.strip_prefix(b",\"seq\":")?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        let seq = std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok().filter(|seq| *seq > 0)?;
        let others = digits.get(end..).filter(|rest| rest.is_empty() || rest.starts_with(b","))?;
        let plain = !names.contains(&b'\\') && !others.contains(&b'\\');
        let has = |key: &[u8]| memchr::memmem::find(others, key).is_some();
        Some(Self {
            seq,
            recipients: Recipients::Listed(names),
            for_all: has(b",\"to\":\"@all\""),
            first: !has(b",\"retry\":"),
        })
        .filter(|_| plain)
    }

    pub(super) fn is_for(&self, agent: &str) -> bool {
        match &self.recipients {
            Recipients::Listed(names) => names.split(|byte| *byte == b',').any(|name| {
                name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) == Some(agent.as_bytes())
            }),
            Recipients::Parsed(names) => names.iter().any(|name| name.0 == agent),
        }
    }

    /// Whether it was sent to everybody.
    pub(super) fn is_for_all(&self) -> bool {
        self.for_all
    }

    /// Whether it is no message that is shown again.
    pub(super) fn is_first(&self) -> bool {
        self.first
    }
}

/// What limits and ages are counted by.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) sender: Cow<'a, str>,
    pub(super) timestamp: Timestamp,
    #[serde(borrow, default)]
    msg_type: Cow<'a, str>,
    #[serde(borrow)]
    recipients: Vec<Name<'a>>,
    #[serde(default)]
    retry: Option<u32>,
    #[serde(default)]
    parent_msg_id: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Head<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|head: &Self| head.seq > 0)
    }

    pub(super) fn is_for(&self, agent: &str) -> bool {
        self.recipients.iter().any(|name| name.0 == agent)
    }

    /// Whether it counts against the limits: what an agent said of its own accord. An acknowledgement is of a message, and
    /// of each there is one.
    pub(super) fn counts(&self) -> bool {
        let acknowledges = self.msg_type == "ACK" && self.parent_msg_id.is_some();
        self.retry.is_none() && self.sender != OURSELVES && !acknowledges
    }
}

/// How many lines in a row are older than what is looked for before all others are taken to be older too.
const OLDER: usize = 64;

/// Numbers only grow from line to line; but a few lines that are not ours, or stand where they do not belong, hide
/// nothing that is behind them.
#[derive(Debug, Default)]
pub struct Older {
    in_a_row: usize,
}

impl Older {
    /// Takes notice of a line: it is older than what is looked for, or not. Whether all others are.
    pub fn are_all(&mut self, older: bool) -> bool {
        self.in_a_row = if older { self.in_a_row.saturating_add(1) } else { 0 };
        self.in_a_row >= OLDER
    }
}

/// Random bits as a UUID of version 4.
fn uuid(bits: u128) -> String {
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// The beginning of an id, as it is shown.
#[must_use]
pub fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid() {
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn an_address_is_the_same_whether_the_line_is_read_or_looked_at() {
        let says =
            ["x", "[", "\"recipients\":[\"eve\"],\"msg_id\":\"", "],\"seq\":9,", "\\", "\\\"", "é\u{1f469}\u{200d}"];
        let lists: [&[&str]; 4] = [&["bob"], &["alice", "bob"], &["seq", "retry"], &["bobby", "all"]];
        for (content, names) in says.iter().flat_map(|content| lists.iter().map(move |names| (content, names))) {
            for (to, retry, parent) in
                [(None, None, None), (Some("@all"), None, Some("p")), (Some("@x"), Some(2), None)]
            {
                let names = names.iter().map(|name| (*name).to_owned()).collect();
                let message = Message {
                    content: (*content).to_owned(),
                    msg_type: "INFO".to_owned(),
                    to: to.map(str::to_owned),
                    parent_msg_id: parent.map(str::to_owned),
                    retry,
                    ..Message::new(77, 5, "alice", Timestamp::EXAMPLE, names)
                };
                let line = message.to_line();
                let (read, seen) = (Address::of_any(&line).unwrap(), Address::parse(&line).unwrap());
                let named_so = message.recipients.iter().any(|name| name == "seq");
                assert_eq!(Address::of_ours(&line).is_some(), !named_so, "{message:?}");
                for name in ["bob", "alice", "eve", "seq", "bobby", "bo", ""] {
                    assert_eq!(seen.is_for(name), read.is_for(name), "{name} {message:?}");
                }
                let rest = |address: &Address<'_>| (address.seq, address.is_for_all(), address.is_first());
                assert_eq!(rest(&seen), rest(&read), "{message:?}");
                // Cut off anywhere, it is none.
                for end in 0..line.len() {
                    assert!(Address::parse(&line[..end]).is_none(), "{message:?} up to {end}");
                }
            }
        }
        let strange = br#"{"sender":"a","recipients":["\u0062ob"],"msg_id":"x","seq":3,"more":[1]}"#;
        assert!(Address::of_ours(strange).is_none() && Address::parse(strange).unwrap().is_for("bob"));
    }

    #[test]
    fn a_line_is_one_line_with_the_keys_that_recipes_expect() {
        let mut message = Message::new(7, 1, "alice", Timestamp::EXAMPLE, vec!["bob".to_owned()]);
        message.content = "two\nlines \u{1f469}\u{200d}\u{1f4bb}".to_owned();
        let line = message.to_line();
        assert!(!line.contains(&b'\n'));
        assert_eq!(Message::parse(&line).unwrap(), message);
        let head = Head::parse(&line).unwrap();
        assert!(head.is_for("bob") && !head.is_for("alice") && head.counts() && head.seq == 7);
        for bad in [&b"123"[..], b"", b"{}", b"[]", b"{\"seq\":0}", b"null"] {
            assert!(Message::parse(bad).is_none() && Head::parse(bad).is_none());
        }
    }
}
