//! What is due about acknowledgements: messages shown again, and in the end escalated.

use std::ops::ControlFlow;

use super::{
    Mail, Message,
    line::Older,
    pending::{Entry, Pending, Seen},
};
use crate::{
    domain::{
        Inside, Result,
        agent::OURSELVES,
        agents::{Registry, presence},
        messages::{Kind, Step, step},
    },
    store::layout,
};

/// How many are dealt with in one stay inside the guard.
const STAY: usize = 64;

/// What was done about what was due.
#[derive(Debug, Default)]
pub struct Settled {
    /// Messages that were shown again.
    pub reminded: Vec<Message>,
    /// Messages that tell of others which nobody acknowledged.
    pub escalated: Vec<Message>,
    /// How many entries turned out to be of messages that were acknowledged, or never sent.
    pub corrected: usize,
    /// Whether something that is due was left for another call.
    pub left: bool,
}

impl Mail<'_> {
    /// Does what is due, as long as `go_on` says so; `random` makes ids. What was done is told also if it could not be
    /// gone on with: because the guard is busy, or something cannot be read or written.
    pub fn settle(&self, go_on: &dyn Fn() -> bool, random: &dyn Fn() -> Result<u128>) -> (Settled, Result<()>) {
        let mut settled = Settled::default();
        loop {
            let more = self.locks.visit_unseen(|inside| self.settle_some(inside, go_on, random, &mut settled));
            settled.left = !matches!(more, Ok(false));
            match more {
                Ok(true) if go_on() => {}
                done => return (settled, done.map(drop)),
            }
        }
    }

    /// Deals with some of what is due; whether there is more.
    fn settle_some(
        &self,
        inside: &mut Inside<'_, '_>,
        go_on: &dyn Fn() -> bool,
        random: &dyn Fn() -> Result<u128>,
        settled: &mut Settled,
    ) -> Result<bool> {
        let there = self.locks.state.dir().look(&layout::ACKS)?.is_some();
        if !there && self.locks.state.dir().look(&layout::MESSAGES)?.is_none() {
            return Ok(false);
        }
        let mut pending = Pending::open(inside, self)?;
        let now = inside.now.wall;
        let (mut due, rest): (Vec<Entry>, Vec<Entry>) =
            std::mem::take(&mut pending.pending_acks).into_iter().partition(|entry| entry.next_retry_at <= now);
        if due.is_empty() {
            pending.pending_acks = rest;
            // One that promises what is not in it would make every command look again.
            if !there || pending.promises_more() {
                pending.write(inside.session)?;
            }
            return Ok(false);
        }
        due.sort_by_key(|entry| entry.message.seq);
        let later = due.split_off(due.len().min(STAY));
        let Some(seen) = self.look_back(&due, go_on)? else { return Ok(true) };
        let registry = Registry::open(inside.session, self.locks.state, inside.now)?;
        let mut kept = Vec::new();
        let mut lines = Vec::new();
        for mut entry in due {
            let Some(message) = seen.message(&entry).filter(|_| seen.still(&mut entry)) else {
                settled.corrected += 1;
                continue;
            };
            match step(entry.sent_at, entry.first(), entry.retry_count, now) {
                Step::Wait(_) => kept.push(entry),
                Step::Remind(retry) => {
                    lines.push(reminder(inside, &entry, message, retry, random()?)?);
                    entry.reminded(retry);
                    kept.push(entry);
                }
                Step::Escalate => lines.push(escalation(inside, &registry, &entry, message, random()?)?),
            }
        }
        // The document is durable at once: what it takes for told must not be lost with the power.
        if lines.is_empty() {
            self.make_durable(inside)?;
        } else {
            self.append(inside, &lines)?.sync()?;
        }
        for line in lines {
            if line.retry.is_some() { settled.reminded.push(line) } else { settled.escalated.push(line) }
        }
        let more = !later.is_empty();
        pending.pending_acks = kept.into_iter().chain(later).chain(rest).collect();
        pending.write(inside.session)?;
        Ok(more)
    }

    /// What the log says of these, back to the oldest of them; `None` if that takes too long.
    fn look_back(&self, due: &[Entry], go_on: &dyn Fn() -> bool) -> Result<Option<Seen>> {
        let oldest = due.iter().map(|entry| entry.message.seq).min().unwrap_or(0);
        let (mut seen, mut older, mut lines, mut stopped) = (Seen::default(), Older::default(), 0_usize, false);
        self.backwards(|message| {
            lines += 1;
            if older.are_all(message.seq < oldest) {
                return ControlFlow::Break(());
            }
            seen.take(&message);
            stopped = lines.is_multiple_of(256) && !go_on();
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(Some(seen).filter(|_| !stopped))
    }
}

/// What tells the others and the sender that a message was not acknowledged.
fn escalation(
    inside: &mut Inside<'_, '_>,
    registry: &Registry,
    entry: &Entry,
    message: &Message,
    id: u128,
) -> Result<Message> {
    let mut told = vec![entry.sender_id.clone()];
    for agent in &registry.agents {
        let there = presence(&inside.signs(agent)?, inside.now);
        let other = agent.id.as_str() != entry.recipient_id && agent.id.as_str() != entry.sender_id;
        if other && inside.may_come_back(agent, there)? {
            told.push(agent.id.to_string());
        }
    }
    let seq = inside.session.reserve_message()?;
    let content: String = message.content.chars().take(1000).collect();
    let Entry { recipient_id, sender_id, retry_count, .. } = entry;
    Ok(Message {
        msg_type: Kind::Blocked.word().to_owned(),
        content: format!(
            "[UNACKNOWLEDGED] Message to {recipient_id} unacknowledged after {retry_count} reminders. Original \
             ({}, from {sender_id}): {content}",
            message.msg_type
        ),
        original_msg_id: Some(entry.msg_id.clone()),
        unacknowledged_by: Some(recipient_id.clone()),
        ..Message::new(seq, id, OURSELVES, inside.now.wall, told)
    })
}

/// The message as it is shown again.
fn reminder(inside: &mut Inside<'_, '_>, entry: &Entry, message: &Message, retry: u32, id: u128) -> Result<Message> {
    let seq = inside.session.reserve_message()?;
    Ok(Message {
        msg_type: message.msg_type.clone(),
        content: message.content.clone(),
        to: message.to.clone(),
        parent_msg_id: message.parent_msg_id.clone(),
        requires_ack: true,
        retry: Some(retry),
        original_msg_id: Some(entry.msg_id.clone()),
        ..Message::new(seq, id, &entry.sender_id, inside.now.wall, vec![entry.recipient_id.clone()])
    })
}
