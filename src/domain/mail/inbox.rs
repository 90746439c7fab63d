//! The inbox of one agent: what it has not read yet, oldest first.

use std::{collections::VecDeque, ops::ControlFlow, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Mail, Message, line::Address};
use crate::{
    domain::{
        AgentId, Result, Timestamp,
        agents::{Enrolment, Registry},
        notices,
    },
    fs::FileName,
    store::{Cursor, Error, Event, FORMAT, StateDir, Tickets, events_after, kind, layout, messages_backwards},
};

/// How far an agent has read: the numbers of the last message and of the last event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    v: u64,
    agent_id: AgentId,
    messages: u64,
    events: u64,
    /// Whether nothing has been read yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fresh: bool,
}

struct Unread {
    oldest: Vec<Message>,
    count: usize,
    /// The largest number in the logs, whoever it is for.
    newest: u64,
}

/// One thing in an inbox.
#[derive(Clone, Debug)]
pub enum Item {
    /// A message.
    Message(Box<Message>),
    /// What became of the agent's locks by others.
    Notice(Box<Event>),
}

/// What an agent has not read, or the first page of it. Other calls of the same agent wait until it is dropped.
#[derive(Debug)]
pub struct Inbox {
    /// What there is, oldest first.
    pub items: Vec<Item>,
    /// How many more there are.
    pub remaining: usize,
    /// How many messages for everybody or for an agent of this name were sent before it registered; only asked at the
    /// first time.
    pub earlier: Option<usize>,
    /// Whether what was read before could not be told, so that things may be shown again; why.
    pub again: Option<&'static str>,
    cursor: Cursor,
    read_to: Position,
    at: Position,
}

impl Inbox {
    /// Notes that all of it has been shown. To be called when it certainly has.
    ///
    /// # Errors
    /// If it cannot be written: then it is shown again.
    pub fn move_on(&self) -> Result<()> {
        if self.read_to == self.at {
            return Ok(());
        }
        self.cursor.write(serde_json::to_vec(&self.read_to).unwrap_or_default())
    }
}

impl Item {
    fn number(&self) -> u64 {
        match self {
            Self::Message(message) => message.seq,
            Self::Notice(event) => event.n,
        }
    }
}

impl Mail<'_> {
    /// Opens an agent's inbox: the first `limit` of what it has not read.
    ///
    /// # Errors
    /// If the guard or the inbox is busy for longer than `wait`, or something cannot be read or written.
    pub fn inbox(&self, agent: &AgentId, enrolment: &Enrolment, limit: usize, wait: Duration) -> Result<Inbox> {
        let name = FileName::new(agent.to_string())
            .ok_or_else(|| Error::Damaged { path: agent.as_str().into(), why: "it is no file name".to_owned() })?;
        let (since, again) = self.locks.visit(|inside| {
            let state = self.locks.state;
            let (registry, _) = Registry::enrol_in(inside.session, state, agent, enrolment, inside.now)?;
            let since = registry.get(agent).map_or(0, |entry| entry.since);
            // Numbers that were never given out would hide what is to come.
            let end = inside.session.number()?;
            let found = match read_position(state, &name, agent) {
                Ok(found) => found.map(|at| (at.messages < end && at.events < end).then_some(at)),
                Err(Error::Damaged { .. }) => Some(None),
                Err(error) => return Err(error),
            };
            if let Some(Some(_)) = found {
                return Ok((since, None));
            }
            let start = Position { v: FORMAT, agent_id: agent.clone(), messages: since, events: since, fresh: true };
            inside.session.write_cursor(&name, serde_json::to_vec(&start).unwrap_or_default())?;
            let damaged = found.is_some();
            Ok((
                since,
                damaged.then_some("the cursor said nothing that can be; all since you registered is shown again"),
            ))
        })?;
        let Some(cursor) = self.locks.state.open_cursor(&name, wait)? else {
            return Err(Error::Replaced { path: self.locks.state.path().to_owned() });
        };
        let at = serde_json::from_slice::<Position>(&cursor.read()?).unwrap_or(Position {
            v: FORMAT,
            agent_id: agent.clone(),
            messages: since,
            events: since,
            fresh: false,
        });
        // Messages first, then events: each log has its own cursor, so what comes in between is in the next page.
        let unread = self.unread_messages(agent, at.messages, limit.max(1))?;
        let (events, newest_event) = self.unread_notices(agent, at.events)?;
        let earlier = if at.fresh { Some(self.count_before(agent, since)?) } else { None };
        let total = unread.count.saturating_add(events.len());
        let oldest = unread.oldest.last().map(|message| message.seq).filter(|_| unread.count > unread.oldest.len());
        let mut items: Vec<Item> = unread.oldest.into_iter().map(|message| Item::Message(Box::new(message))).collect();
        items.extend(events.into_iter().map(|event| Item::Notice(Box::new(event))));
        items.sort_by_key(Item::number);
        let rest = items.split_off(limit.max(1).min(items.len()));
        // What is not shown now must be found again: the cursor stays before it.
        let mut read_to =
            Position { messages: oldest.unwrap_or(unread.newest), events: newest_event, fresh: false, ..at.clone() };
        for item in &rest {
            match item {
                Item::Message(message) => read_to.messages = read_to.messages.min(message.seq.saturating_sub(1)),
                Item::Notice(event) => read_to.events = read_to.events.min(event.n.saturating_sub(1)),
            }
        }
        let remaining = total.saturating_sub(items.len());
        Ok(Inbox { items, remaining, earlier, again, cursor, read_to, at })
    }

    /// How many messages an agent has not read. Takes no guard.
    ///
    /// # Errors
    /// If the registry or a log cannot be read.
    pub fn unread(&self, agents: &[AgentId]) -> Result<Vec<usize>> {
        let registry = Registry::read(self.locks.state)?;
        let mut counts = Vec::with_capacity(agents.len());
        for agent in agents {
            counts.push((self.read_so_far(&registry, agent)?, 0));
        }
        let oldest = counts.iter().map(|(at, _)| *at).min().unwrap_or(u64::MAX);
        messages_backwards(self.locks.state, |line| {
            let Some(head) = Address::parse(line) else { return ControlFlow::Continue(()) };
            if head.seq <= oldest {
                return ControlFlow::Break(());
            }
            for (agent, (at, count)) in agents.iter().zip(&mut counts) {
                *count += usize::from(head.seq > *at && head.is_for(agent.as_str()));
            }
            ControlFlow::Continue(())
        })?;
        Ok(counts.into_iter().map(|(_, count)| count).collect())
    }

    /// The number of the last message that an agent has read; of the last before it registered, if it has read none.
    pub(super) fn read_so_far(&self, registry: &Registry, agent: &AgentId) -> Result<u64> {
        let Some(name) = FileName::new(agent.to_string()) else { return Ok(0) };
        let since = registry.get(agent).map_or(0, |entry| entry.since);
        match read_position(self.locks.state, &name, agent) {
            Ok(found) => Ok(found.map_or(since, |at| at.messages)),
            Err(Error::Damaged { .. }) => Ok(since),
            Err(error) => Err(error),
        }
    }

    /// Only the oldest `limit` are kept: there may be very many.
    fn unread_messages(&self, agent: &AgentId, after: u64, limit: usize) -> Result<Unread> {
        let (mut kept, mut count, mut newest) = (VecDeque::new(), 0_usize, after);
        messages_backwards(self.locks.state, |line| {
            let Some(address) = Address::parse(line) else { return ControlFlow::Continue(()) };
            if address.seq <= after {
                return ControlFlow::Break(());
            }
            newest = newest.max(address.seq);
            if address.is_for(agent.as_str()) {
                count += 1;
                // The buffer of the one that has to go serves again.
                let mut bytes: Vec<u8> =
                    if kept.len() >= limit { kept.pop_front().unwrap_or_default() } else { Vec::new() };
                bytes.clear();
                bytes.extend_from_slice(line);
                kept.push_back(bytes);
            }
            ControlFlow::Continue(())
        })?;
        let read = kept.iter().rev().map(|line| {
            Message::parse(line).ok_or_else(|| Error::Damaged {
                path: self.locks.state.path().join(layout::MESSAGES.as_str()),
                why: "a message in it has keys of other types than they should be".to_owned(),
            })
        });
        Ok(Unread { oldest: read.collect::<Result<_>>()?, count, newest })
    }

    fn unread_notices(&self, agent: &AgentId, after: u64) -> Result<(Vec<Event>, u64)> {
        let events = events_after(self.locks.state, after)?;
        let newest = events.iter().map(|event| event.n).max().unwrap_or(after);
        let told = |event: &&Event| {
            event.to.iter().any(|to| to == agent.as_str()) && event.by.as_deref() != Some(agent.as_str())
        };
        let told: Vec<Event> = events.iter().filter(told).cloned().collect();
        if told.is_empty() {
            return Ok((told, newest));
        }
        // A lost lease is told whatever became of it; that somebody waits, or that it is my turn, only while it is so.
        let now: Timestamp = (self.locks.clock)().wall;
        let current: Vec<u64> = notices(events, agent, now).iter().map(|event| event.n).collect();
        let tickets = Tickets::new(self.locks.state);
        let mut news = Vec::with_capacity(told.len());
        for event in told {
            let passes = [kind::QUEUED, kind::TURN].contains(&event.event.as_ref());
            // The place that it is about may be lost.
            if !passes || (current.contains(&event.n) && tickets.is_there(&event)? != Some(false)) {
                news.push(event);
            }
        }
        Ok((news, newest))
    }

    fn count_before(&self, agent: &AgentId, since: u64) -> Result<usize> {
        let mut count = 0;
        messages_backwards(self.locks.state, |line| {
            let before = Address::parse(line).filter(|address| address.seq <= since && address.is_first());
            count += usize::from(before.is_some_and(|address| address.is_for_all() || address.is_for(agent.as_str())));
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

fn read_position(state: &StateDir, name: &FileName, agent: &AgentId) -> Result<Option<Position>> {
    let Some(bytes) = state.read_cursor(name)? else { return Ok(None) };
    match serde_json::from_slice::<Position>(&bytes) {
        Ok(at) if at.agent_id == *agent => Ok(Some(at)),
        Ok(_) | Err(_) => {
            let path = state.path().join(layout::CURSORS.as_str()).join(name.as_str());
            Err(Error::Damaged { path, why: "it is no cursor of this agent".to_owned() })
        }
    }
}
