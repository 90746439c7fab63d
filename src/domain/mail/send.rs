//! Sending: the log first, which is the truth; panes are the caller's.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{
    Mail, Message,
    line::{Head, Older},
    pending::Pending,
};
use crate::{
    domain::{
        AgentId, Inside, Result,
        agents::{Agent, Enrolment, Presence, Registry, presence},
        messages::{FirstWait, Kind, Tally, Text, Wait},
    },
    store::{MessageLog, layout, messages_backwards},
};

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// One agent.
    Agent(AgentId),
    /// Everybody with this role.
    Role(String),
    /// Everybody.
    All,
}

impl To {
    /// As people write it: `alice`, `@reviewer`, `@all`.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        match text.strip_prefix('@') {
            None => AgentId::new(text).map(Self::Agent),
            Some("all") => Ok(Self::All),
            Some(role) => AgentId::new(role)
                .map(|role| Self::Role(role.as_str().to_owned()))
                .map_err(|why| why.replace("an agent id", "a role")),
        }
    }

    /// As it was addressed, if that was no agent by name.
    #[must_use]
    pub fn group(&self) -> Option<String> {
        match self {
            Self::Agent(_) => None,
            Self::Role(role) => Some(format!("@{role}")),
            Self::All => Some("@all".to_owned()),
        }
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// From whom.
    pub sender: &'a AgentId,
    /// What is known of the sender.
    pub enrolment: &'a Enrolment,
    /// To whom.
    pub to: To,
    /// Also to the sender, if it is for a group.
    pub include_self: bool,
    /// Its type.
    pub kind: Kind,
    /// What it says.
    pub text: &'a Text,
    /// The id of the message that it answers.
    pub reply_to: Option<String>,
    /// When it is shown again if nobody acknowledges it; `None` if nobody needs to.
    pub ack: Option<FirstWait>,
    /// Random bits.
    pub id: u128,
}

/// What came of sending.
#[derive(Debug)]
pub enum Sent {
    /// It is in the log.
    Done(Box<Sending>),
    /// There is no such agent or role; there are these.
    Nobody(Vec<String>),
    /// There is no agent to send it to but the sender.
    Alone,
    /// A limit is reached.
    Limited(Wait),
}

/// A message that is in the log, but not certain to survive a power cut before [`Sending::sync`].
#[derive(Debug)]
pub struct Sending {
    /// The message.
    pub message: Message,
    /// Its recipients, and whether they are there.
    pub recipients: Vec<(Agent, Presence)>,
    log: MessageLog,
}

impl Sending {
    /// Makes it survive a power cut.
    ///
    /// # Errors
    /// If the kernel refuses: the message is there, but may be lost.
    pub fn sync(&self) -> Result<()> {
        self.log.sync()
    }
}

impl Mail<'_> {
    /// Sends a message: it is in the inboxes of its recipients once this returns.
    ///
    /// # Errors
    /// If the guard is busy, or anything cannot be written: then the message is in no inbox.
    pub fn send(&self, draft: &Draft<'_>) -> Result<Sent> {
        self.locks.visit(|inside| self.send_in(inside, draft))
    }

    fn send_in(&self, inside: &mut Inside<'_, '_>, draft: &Draft<'_>) -> Result<Sent> {
        let (registry, _) =
            Registry::enrol_in(inside.session, self.locks.state, draft.sender, draft.enrolment, inside.now)?;
        let recipients = match recipients(inside, &registry, draft)? {
            Ok(recipients) => recipients,
            Err(none) => return Ok(none),
        };
        if let Err(wait) = self.may_send(inside, draft.sender)? {
            return Ok(Sent::Limited(wait));
        }
        let seq = inside.session.reserve_message()?;
        let names = recipients.iter().map(|(agent, _)| agent.id.to_string()).collect();
        let message = Message {
            msg_type: draft.kind.word().to_owned(),
            content: draft.text.as_str().to_owned(),
            to: draft.to.group(),
            parent_msg_id: draft.reply_to.clone(),
            requires_ack: draft.ack.is_some(),
            ack_after_s: draft.ack,
            ..Message::new(seq, draft.id, draft.sender.as_str(), inside.now.wall, names)
        };
        if let Some(first) = draft.ack {
            // Before the line: what is written here and not in the log was never sent, which is seen when it is due.
            let mut pending = Pending::open(inside, self)?;
            pending.add(&message, first);
            pending.write(inside.session)?;
        }
        let log = self.append(inside, std::slice::from_ref(&message))?;
        Ok(Sent::Done(Box::new(Sending { message, recipients, log })))
    }

    /// Appends messages to the log, and removes old logs that nobody needs if it was rotated by that.
    pub(super) fn append(&self, inside: &mut Inside<'_, '_>, messages: &[Message]) -> Result<MessageLog> {
        let mut log = inside.session.message_log(self.settings.log_size)?;
        for message in messages {
            inside.session.append_message(&mut log, &message.to_line())?;
        }
        if log.was_rotated() {
            // They are in nobody's way: what cannot be removed now is removed by the next rotation.
            self.prune_in(inside).map(drop).unwrap_or_default();
        }
        Ok(log)
    }

    /// Makes durable what others have appended to the log, and may have been killed over.
    pub(super) fn make_durable(&self, inside: &Inside<'_, '_>) -> Result<()> {
        match self.locks.state.dir().look(&layout::MESSAGES)? {
            Some(_) => inside.session.message_log(self.settings.log_size)?.sync(),
            None => Ok(()),
        }
    }

    fn may_send(&self, inside: &Inside<'_, '_>, sender: &AgentId) -> Result<std::result::Result<(), Wait>> {
        let mut tally = Tally::new(inside.now.wall, &self.settings.limits, sender.as_str());
        let (mut allowed, mut older) = (Ok(()), Older::default());
        messages_backwards(self.locks.state, |line| {
            let Some(head) = Head::parse(line) else { return ControlFlow::Continue(()) };
            if head.counts() {
                allowed = tally.count(&head.sender, head.timestamp);
            }
            let over = allowed.is_err() || older.are_all(tally.is_old(head.timestamp));
            if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(allowed)
    }
}

type Chosen = std::result::Result<Vec<(Agent, Presence)>, Sent>;

/// The roles that agents have, as recipients.
fn roles(registry: &Registry) -> BTreeSet<String> {
    registry.agents.iter().filter_map(|agent| Some(format!("@{}", agent.role.as_ref()?))).collect()
}

fn recipients(inside: &Inside<'_, '_>, registry: &Registry, draft: &Draft<'_>) -> Result<Chosen> {
    let there = |agent: &Agent| -> Result<(Agent, Presence)> {
        Ok((agent.clone(), presence(&inside.signs(agent)?, inside.now)))
    };
    let wanted = |agent: &&Agent| draft.include_self || agent.id != *draft.sender;
    let group: Vec<&Agent> = match &draft.to {
        To::Agent(id) => {
            return match registry.get(id) {
                Some(agent) => Ok(Ok(vec![there(agent)?])),
                None => {
                    let ids = registry.agents.iter().map(|agent| agent.id.to_string());
                    Ok(Err(Sent::Nobody(ids.chain(roles(registry)).collect())))
                }
            };
        }
        To::Role(role) => {
            let named = |agent: &&Agent| agent.has_role(role);
            if !registry.agents.iter().any(|agent| named(&agent)) {
                let all = std::iter::once("@all".to_owned());
                return Ok(Err(Sent::Nobody(roles(registry).into_iter().chain(all).collect())));
            }
            registry.agents.iter().filter(named).filter(wanted).collect()
        }
        To::All => registry.agents.iter().filter(wanted).collect(),
    };
    let mut reachable = Vec::new();
    for agent in group {
        let (agent, presence) = there(agent)?;
        if inside.may_come_back(&agent, presence)? {
            reachable.push((agent, presence));
        }
    }
    Ok(if reachable.is_empty() { Err(Sent::Alone) } else { Ok(reachable) })
}
