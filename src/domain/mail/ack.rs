//! Acknowledging.

use std::ops::ControlFlow;

use super::{Mail, Message, line::short_id, pending::Pending};
use crate::{
    domain::{
        AgentId, Result,
        agents::{Enrolment, Registry},
        messages::{Kind, Text},
    },
    store::MessageLog,
};

/// What came of acknowledging a message.
#[derive(Debug)]
pub enum Acknowledged {
    /// The sender has it in the inbox; to be made durable by [`Acknowledged::sync`].
    Done(Box<Message>, MessageLog),
    /// This agent had done so before.
    Before,
}

impl Acknowledged {
    /// Makes it survive a power cut.
    ///
    /// # Errors
    /// If the kernel refuses: it is there, but may be lost.
    pub fn sync(&self) -> Result<()> {
        match self {
            Self::Done(_, log) => log.sync(),
            Self::Before => Ok(()),
        }
    }
}

impl Mail<'_> {
    /// Acknowledges a message of which `agent` is a recipient, with a word to its sender if there is one; `id` is random
    /// bits.
    ///
    /// # Errors
    /// If the guard is busy, or it cannot be written: then nothing is acknowledged.
    pub fn acknowledge(
        &self,
        agent: &AgentId,
        enrolment: &Enrolment,
        message: &Message,
        note: Option<&Text>,
        id: u128,
    ) -> Result<Acknowledged> {
        let original = message.thread_id();
        self.locks.visit(|inside| {
            Registry::enrol_in(inside.session, self.locks.state, agent, enrolment, inside.now)?;
            let mut before = false;
            self.backwards(|line| {
                let own = line.msg_type == Kind::Ack.word() && line.sender == agent.as_str();
                before |= own && line.parent_msg_id.as_deref() == Some(original);
                if before || line.msg_id == original { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            let mut log = None;
            if !before {
                let seq = inside.session.reserve_message()?;
                let content = match note {
                    Some(note) => note.as_str().to_owned(),
                    None => format!("acknowledged {}", short_id(original)),
                };
                let ack = Message {
                    msg_type: Kind::Ack.word().to_owned(),
                    content,
                    parent_msg_id: Some(original.to_owned()),
                    ..Message::new(seq, id, agent.as_str(), inside.now.wall, vec![message.sender.clone()])
                };
                // The line first: an entry that says otherwise is corrected by it when it is due.
                log = Some((self.append(inside, std::slice::from_ref(&ack))?, ack));
            }
            if before {
                // Whoever wrote it may have been killed before it was durable.
                inside.session.message_log(self.settings.log_size)?.sync()?;
            }
            if message.requires_ack {
                let mut pending = Pending::open(inside, self)?;
                let count = pending.pending_acks.len();
                pending.pending_acks.retain(|entry| entry.msg_id != original || entry.recipient_id != agent.as_str());
                if pending.pending_acks.len() != count {
                    // The document is durable at once: who loses the line with the power is to be reminded.
                    match &log {
                        Some((log, _)) => log.sync()?,
                        None => self.make_durable(inside)?,
                    }
                    pending.write(inside.session)?;
                }
            }
            Ok(match log {
                Some((log, ack)) => Acknowledged::Done(Box::new(ack), log),
                None => Acknowledged::Before,
            })
        })
    }
}
