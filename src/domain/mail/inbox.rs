//! The inbox of one agent: what it has not read yet, oldest first.

use std::{ops::ControlFlow, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Mail, Message,
    line::{Head, Older},
};
use crate::{
    domain::{
        AgentId, Result, Timestamp,
        agents::{Enrolment, Registry},
        notices,
    },
    fs::FileName,
    store::{
        Cursor, Error, Event, FORMAT, StateDir, Versioned, events_after, kind, layout, messages_backwards, parse_json,
    },
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

impl Versioned for Position {
    fn version(&self) -> u64 {
        self.v
    }
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
        let (since, end, again) = self.locks.visit(|inside| {
            let state = self.locks.state;
            let (registry, _) = Registry::enrol_in(inside.session, state, agent, enrolment, inside.now)?;
            let since = registry.get(agent).map_or(0, |entry| entry.since);
            // Numbers that were never given out would hide what is to come.
            let end = inside.session.messages_end()?;
            let found = match read_position(state, &name, agent) {
                Ok(found) => found.map(|at| (at.messages < end && at.events < end).then_some(at)),
                Err(Error::Damaged { .. }) => Some(None),
                Err(error) => return Err(error),
            };
            if let Some(Some(_)) = found {
                return Ok((since, end, None));
            }
            let start = Position { v: FORMAT, agent_id: agent.clone(), messages: since, events: since, fresh: true };
            inside.session.write_cursor(&name, serde_json::to_vec(&start).unwrap_or_default())?;
            let damaged = found.is_some();
            Ok((
                since,
                end,
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
        let (messages, newest) = self.unread_messages(agent, at.messages, end)?;
        let (events, newest_event) = self.unread_notices(agent, at.events, end)?;
        let earlier = if at.fresh { Some(self.count_before(agent, since)?) } else { None };
        let mut items: Vec<Item> = messages.into_iter().map(|message| Item::Message(Box::new(message))).collect();
        items.extend(events.into_iter().map(|event| Item::Notice(Box::new(event))));
        items.sort_by_key(Item::number);
        let rest = items.split_off(page(&items, limit));
        let mut read_to = Position { messages: newest, events: newest_event, fresh: false, ..at.clone() };
        // What is not shown now must be found again: the cursor stays before it.
        for item in &rest {
            match item {
                Item::Message(message) => read_to.messages = read_to.messages.min(message.seq.saturating_sub(1)),
                Item::Notice(event) => read_to.events = read_to.events.min(event.n.saturating_sub(1)),
            }
        }
        Ok(Inbox { items, remaining: rest.len(), earlier, again, cursor, read_to, at })
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
        let mut older = Older::default();
        messages_backwards(self.locks.state, |line| {
            let Some(head) = Head::parse(line) else { return ControlFlow::Continue(()) };
            if older.are_all(head.seq <= oldest) {
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

    /// The messages to an agent with a number above `after` and below `end`, in the order of their numbers, each once; and
    /// the largest number there is below `end`.
    fn unread_messages(&self, agent: &AgentId, after: u64, end: u64) -> Result<(Vec<Message>, u64)> {
        let (mut found, mut newest, mut older) = (Vec::new(), after, Older::default());
        messages_backwards(self.locks.state, |line| {
            let Some(head) = Head::parse(line).filter(|head| head.seq < end) else { return ControlFlow::Continue(()) };
            let read = head.seq <= after;
            if older.are_all(read) {
                return ControlFlow::Break(());
            }
            newest = newest.max(head.seq);
            if !read && head.is_for(agent.as_str()) {
                found.extend(Message::parse(line));
            }
            ControlFlow::Continue(())
        })?;
        found.sort_by(|one, other| (one.seq, &one.msg_id).cmp(&(other.seq, &other.msg_id)));
        found.dedup_by(|one, other| (one.seq, &one.msg_id) == (other.seq, &other.msg_id));
        Ok((found, newest))
    }

    fn unread_notices(&self, agent: &AgentId, after: u64, end: u64) -> Result<(Vec<Event>, u64)> {
        let mut events = events_after(self.locks.state, after)?;
        events.retain(|event| event.n < end);
        let newest = events.iter().map(|event| event.n).max().unwrap_or(after);
        let told = |event: &&Event| {
            event.to.iter().any(|to| to == agent.as_str()) && event.by.as_deref() != Some(agent.as_str())
        };
        let mut told: Vec<Event> = events.iter().filter(told).cloned().collect();
        if told.is_empty() {
            return Ok((told, newest));
        }
        // A lost lease is told whatever became of it; that somebody waits, or that it is my turn, only while it is so.
        let now: Timestamp = (self.locks.clock)().wall;
        let current: Vec<u64> = notices(events, agent, now).iter().map(|event| event.n).collect();
        told.retain(|event| ![kind::QUEUED, kind::TURN].contains(&event.event.as_ref()) || current.contains(&event.n));
        Ok((told, newest))
    }

    fn count_before(&self, agent: &AgentId, since: u64) -> Result<usize> {
        let mut count = 0;
        self.backwards(|message| {
            let meant = message.to.as_deref() == Some("@all") || message.is_for(agent);
            count += usize::from(message.seq <= since && meant && message.retry.is_none());
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

/// How many of these are shown if `limit` are asked for: those with the same number go together, for what is read is told
/// by one.
fn page(items: &[Item], limit: usize) -> usize {
    let wanted = limit.max(1).min(items.len());
    let last = wanted.checked_sub(1).and_then(|last| items.get(last)).map(Item::number);
    let same = items.iter().skip(wanted).take_while(|item| Some(item.number()) == last);
    wanted.saturating_add(same.count())
}

fn read_position(state: &StateDir, name: &FileName, agent: &AgentId) -> Result<Option<Position>> {
    let Some(bytes) = state.read_cursor(name)? else { return Ok(None) };
    let path = || state.path().join(layout::CURSORS.as_str()).join(name.as_str());
    let at: Position = parse_json(path, &bytes)?;
    if at.agent_id == *agent {
        return Ok(Some(at));
    }
    Err(Error::Damaged { path: path(), why: "it is the cursor of another agent".to_owned() })
}
