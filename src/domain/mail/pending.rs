//! Acknowledgements that are due: `PENDING_ACKS.json`. The log is the truth; this is what of it is not done yet.

use std::{collections::BTreeMap, ops::ControlFlow};

use serde::{Deserialize, Serialize};

use super::{Mail, Message};
use crate::{
    domain::{
        Inside, Result, Timestamp,
        messages::{FirstWait, next_at},
    },
    store::{Error, FORMAT, Session, StateDir, Versioned, layout, parse_json},
};

/// As much of a message's content as is kept here, in characters: the log has all of it.
const CONTENT: usize = 200;

/// How much of the document tells when something is due, in bytes.
const START: usize = 96;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    v: u64,
    /// When the next one is due, in milliseconds since 1970; `null` if nothing is. First, so that it is cheap to see.
    due_ms: Option<u64>,
    /// That of claude-swarm's document.
    #[serde(rename = "version")]
    form: u64,
    /// One for each message and recipient.
    pub pending_acks: Vec<Entry>,
}

/// One acknowledgement that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The message.
    pub msg_id: String,
    /// Who sent it.
    pub sender_id: String,
    /// Who is to acknowledge it.
    pub recipient_id: String,
    /// The message itself, with the beginning of its content.
    pub message: Message,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How often it was shown again.
    pub retry_count: u32,
    /// When something is due next.
    pub next_retry_at: Timestamp,
}

impl Versioned for Pending {
    fn version(&self) -> u64 {
        self.v
    }
}

impl Entry {
    /// Each has one recipient: with all in each it would grow by the square of how many there are.
    fn new(message: &Message, recipient: &str, first: FirstWait) -> Self {
        let message = Message {
            recipients: vec![recipient.to_owned()],
            delivery_status: BTreeMap::from([(recipient.to_owned(), true)]),
            ..message.clone()
        };
        Self {
            msg_id: message.msg_id.clone(),
            sender_id: message.sender.clone(),
            recipient_id: recipient.to_owned(),
            sent_at: message.timestamp,
            retry_count: 0,
            next_retry_at: next_at(message.timestamp, first, 0),
            message,
        }
    }

    /// When it is shown again for the first time.
    pub(super) fn first(&self) -> FirstWait {
        self.message.ack_after_s.unwrap_or(FirstWait::DEFAULT)
    }

    /// Notes that it was shown again.
    pub(super) fn reminded(&mut self, retry: u32) {
        self.retry_count = self.retry_count.max(retry);
        self.next_retry_at = next_at(self.sent_at, self.first(), self.retry_count);
    }
}

impl Pending {
    fn empty() -> Self {
        Self { v: FORMAT, due_ms: None, form: 2, pending_acks: Vec::new() }
    }

    /// Reads it without the guard; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged or unsafe.
    pub fn read(state: &StateDir) -> Result<Option<Self>> {
        let Some(bytes) = state.read_document(&layout::ACKS)? else { return Ok(None) };
        parse_json(|| state.path().join(layout::ACKS.as_str()), &bytes).map(Some)
    }

    /// Reads it inside the guard; builds it again from the log if it is missing, or damaged and so set aside.
    pub(super) fn open(inside: &mut Inside<'_, '_>, mail: &Mail<'_>) -> Result<Self> {
        match Self::read(mail.locks.state) {
            Ok(Some(pending)) => Ok(pending),
            Ok(None) => Self::rebuilt(mail),
            Err(Error::Damaged { why, .. }) => {
                inside.session.set_aside(&layout::ACKS, why, inside.now.wall.unix_ms())?;
                let mut pending = Self::rebuilt(mail)?;
                pending.write(inside.session)?;
                Ok(pending)
            }
            Err(error) => Err(error),
        }
    }

    fn rebuilt(mail: &Mail<'_>) -> Result<Self> {
        let mut pending = Self::empty();
        let mut seen = Seen::default();
        mail.backwards(|message| {
            seen.take(&message);
            if let Some(first) = message.ack_after_s.filter(|_| message.requires_ack && message.retry.is_none()) {
                pending.add(&message, first);
            }
            ControlFlow::Continue(())
        })?;
        // Stable: the recipients of one message stay in their order.
        pending.pending_acks.sort_by_key(|entry| entry.message.seq);
        pending.pending_acks.retain_mut(|entry| seen.still(entry));
        Ok(pending)
    }

    /// Adds an entry for each recipient.
    pub(super) fn add(&mut self, message: &Message, first: FirstWait) {
        let mut bare = message.clone();
        bare.content = bare.content.chars().take(CONTENT).collect();
        bare.delivery_status.clear();
        let recipients = std::mem::take(&mut bare.recipients);
        self.pending_acks.extend(recipients.iter().map(|recipient| Entry::new(&bare, recipient, first)));
    }

    fn next_ms(&self) -> Option<u64> {
        self.pending_acks.iter().map(|entry| entry.next_retry_at.unix_ms()).min()
    }

    /// Whether it says that something is due earlier than any entry does.
    pub(super) fn promises_more(&self) -> bool {
        self.due_ms.is_some_and(|due| self.next_ms().is_none_or(|next| due < next))
    }

    /// Writes it.
    pub(super) fn write(&mut self, session: &mut Session<'_>) -> Result<()> {
        self.due_ms = self.next_ms();
        let mut bytes = serde_json::to_vec(self)
            .map_err(|error| Error::Damaged { path: layout::ACKS.as_str().into(), why: error.to_string() })?;
        bytes.push(b'\n');
        session.write_document(&layout::ACKS, &bytes)
    }
}

/// Whether something is due, by the first bytes of the document: a few calls where there is one, one where there is none.
/// Where that is not what they tell, something is: to look at all of it.
///
/// # Errors
/// If it is unsafe or cannot be read.
pub fn is_due(state: &StateDir, now: Timestamp) -> Result<bool> {
    let Some(start) = state.read_document_start(&layout::ACKS, START)? else { return Ok(false) };
    let text = String::from_utf8_lossy(&start);
    let Some((_, due)) = text.split_once("\"due_ms\":") else { return Ok(true) };
    let digits: String = due.trim_start().chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse().is_ok_and(|due: u64| due <= now.unix_ms()))
}

/// What the log says of messages that are to be acknowledged.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What became of a message at one recipient.
    of: BTreeMap<(String, String), Fate>,
    /// The messages that are in the log.
    sent: BTreeMap<String, Message>,
}

#[derive(Debug, Default)]
struct Fate {
    over: bool,
    retry: u32,
}

impl Seen {
    /// Takes notice of a line.
    pub(super) fn take(&mut self, message: &Message) {
        let mut note = |id: &str, agent: &str, over: bool, retry: u32| {
            let fate = self.of.entry((id.to_owned(), agent.to_owned())).or_default();
            fate.over |= over;
            fate.retry = fate.retry.max(retry);
        };
        if message.msg_type == "ACK"
            && let Some(parent) = &message.parent_msg_id
        {
            note(parent, &message.sender, true, 0);
        }
        if let Some(original) = &message.original_msg_id {
            if let Some(by) = &message.unacknowledged_by {
                note(original, by, true, 0);
            } else if let Some(retry) = message.retry {
                message.recipients.iter().for_each(|recipient| note(original, recipient, false, retry));
            }
        }
        if message.requires_ack && message.retry.is_none() {
            self.sent.insert(message.msg_id.clone(), message.clone());
        }
    }

    /// Whether an entry still waits, by what has been taken notice of; if so it learns how often it was shown again.
    pub(super) fn still(&self, entry: &mut Entry) -> bool {
        let Some(fate) = self.of.get(&(entry.msg_id.clone(), entry.recipient_id.clone())) else { return true };
        entry.reminded(fate.retry);
        !fate.over
    }

    /// The message of an entry, as it was sent; `None` if it never was, or if the log that it was in is gone.
    pub(super) fn message(&self, entry: &Entry) -> Option<&Message> {
        self.sent.get(&entry.msg_id)
    }
}
