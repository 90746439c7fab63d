//! The inbox of one agent: what it has not read yet, oldest first.

use std::{ops::ControlFlow, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Mail,
    line::{Address, Older},
    unread::Item,
};
use crate::{
    domain::{
        AgentId, Result,
        agents::{Enrolment, Registry},
    },
    fs::FileName,
    store::{Cursor, Error, FORMAT, StateDir, Versioned, layout, messages_backwards, parse_json},
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
    /// Whether the agent was registered by this very call.
    pub new: bool,
    /// Whether what was read before could not be told, so that things may be shown again; why.
    pub again: Option<&'static str>,
    /// How far it is read with that; `None` for who only looks.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
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
        match &self.kept {
            Some(Kept { cursor, read_to, at }) if read_to != at => {
                cursor.write(serde_json::to_vec(read_to).unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    /// Notes that there is nothing to show. What was sent before the agent registered is still to be told of then.
    ///
    /// # Errors
    /// If it cannot be written: then the same is looked at again.
    pub fn pass_over(&self) -> Result<()> {
        let Some(Kept { cursor, read_to, at }) = self.kept.as_ref().filter(|_| self.items.is_empty()) else {
            return Ok(());
        };
        let fresh = at.fresh && self.earlier.is_some_and(|earlier| earlier > 0);
        let read_to = Position { fresh, ..read_to.clone() };
        if read_to == *at { Ok(()) } else { cursor.write(serde_json::to_vec(&read_to).unwrap_or_default()) }
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
        let (since, end, new, again) = self.locks.visit(|inside| {
            let state = self.locks.state;
            let (registry, new) = Registry::enrol_in(inside.session, state, agent, enrolment, inside.now)?;
            let since = registry.get(agent).map_or(0, |entry| entry.since);
            // Numbers that were never given out would hide what is to come.
            let end = inside.session.messages_end()?;
            let found = match read_position(state, &name, agent) {
                Ok(found) => found.map(|at| (at.messages < end && at.events < end).then_some(at)),
                Err(Error::Damaged { .. }) => Some(None),
                Err(error) => return Err(error),
            };
            if let Some(Some(_)) = found {
                return Ok((since, end, new || inside.newcomer, None));
            }
            let start = Position { v: FORMAT, agent_id: agent.clone(), messages: since, events: since, fresh: true };
            inside.session.write_cursor(&name, serde_json::to_vec(&start).unwrap_or_default())?;
            let damaged = found.is_some();
            Ok((
                since,
                end,
                new || inside.newcomer,
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
        let page = self.page(agent, (at.messages, at.events), end, limit)?;
        let earlier = if at.fresh { Some(self.count_before(agent, since)?) } else { None };
        let (messages, events) = page.read_to;
        let read_to = Position { messages, events, fresh: false, ..at.clone() };
        let kept = Kept { cursor, read_to, at };
        Ok(Inbox { items: page.items, remaining: page.remaining, earlier, new, again, kept: Some(kept) })
    }

    /// The same for who only looks: nothing is written, no guard is taken, and all of it stays unread.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn peek(&self, agent: &AgentId, limit: usize) -> Result<Inbox> {
        let since = Registry::read(self.locks.state)?.get(agent).map(|entry| entry.since);
        let name = FileName::new(agent.to_string());
        let at = match name.map(|name| read_position(self.locks.state, &name, agent)).transpose() {
            Ok(at) => at.flatten(),
            Err(Error::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let (from, fresh) = match (at, since) {
            (Some(at), _) => ((at.messages, at.events), at.fresh),
            (None, Some(since)) => ((since, since), true),
            // Who is not registered has nothing to read, and all there is was sent before.
            (None, None) => ((u64::MAX, u64::MAX), true),
        };
        let page = self.page(agent, from, self.locks.state.beyond_messages(), limit)?;
        let earlier = if fresh { Some(self.count_before(agent, since.unwrap_or(u64::MAX))?) } else { None };
        Ok(Inbox { items: page.items, remaining: page.remaining, earlier, new: false, again: None, kept: None })
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
        let (mut older, end) = (Older::default(), self.locks.state.beyond_messages());
        messages_backwards(self.locks.state, |line| {
            let Some(head) = Address::parse(line).filter(|head| head.seq < end) else {
                return ControlFlow::Continue(());
            };
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

    /// The number of the last message that an agent has read; of the last before it registered, if it has read none. Who
    /// is not registered has nothing to read.
    pub(super) fn read_so_far(&self, registry: &Registry, agent: &AgentId) -> Result<u64> {
        let Some(name) = FileName::new(agent.to_string()) else { return Ok(0) };
        let since = registry.get(agent).map_or(u64::MAX, |entry| entry.since);
        match read_position(self.locks.state, &name, agent) {
            Ok(found) => Ok(found.map_or(since, |at| at.messages)),
            Err(Error::Damaged { .. }) => Ok(since),
            Err(error) => Err(error),
        }
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
    let path = || state.path().join(layout::CURSORS.as_str()).join(name.as_str());
    let at: Position = parse_json(path, &bytes)?;
    if at.agent_id == *agent {
        return Ok(Some(at));
    }
    Err(Error::Damaged { path: path(), why: "it is the cursor of another agent".to_owned() })
}
