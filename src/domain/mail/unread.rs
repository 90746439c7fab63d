//! What an agent has not read, from both logs.

use std::ops::ControlFlow;

use super::{
    Mail, Message,
    line::{Address, Older},
};
use crate::{
    domain::{AgentId, Result, Timestamp, notices},
    store::{Event, Tickets, events_after, kind, messages_backwards},
};

/// One thing in an inbox.
#[derive(Clone, Debug)]
pub enum Item {
    /// A message.
    Message(Box<Message>),
    /// What became of the agent's locks by others.
    Notice(Box<Event>),
}

/// The first of what an agent has not read.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) remaining: usize,
    /// The numbers of the last message and of the last event that are read with it.
    pub(super) read_to: (u64, u64),
}

/// A line of the log behind its number.
type Line = (u64, Vec<u8>);

/// One thing that is not read, as little of it as is needed before it is known whether it is on the page.
enum Unread {
    Message(Vec<u8>),
    Notice(Box<Event>),
}

impl Mail<'_> {
    /// The first `limit` behind these numbers of a message and of an event, and below `end`.
    pub(super) fn page(&self, agent: &AgentId, after: (u64, u64), end: u64, limit: usize) -> Result<Page> {
        // Messages first, then events: each log has its own cursor, so what comes in between is in the next page.
        let (messages, newest_message) = self.unread_messages(agent, after.0, end)?;
        let (events, newest_event) = self.unread_notices(agent, after.1, end)?;
        let mut all: Vec<(u64, Unread)> =
            messages.into_iter().map(|(seq, line)| (seq, Unread::Message(line))).collect();
        all.extend(events.into_iter().map(|event| (event.n, Unread::Notice(Box::new(event)))));
        all.sort_by_key(|(number, _)| *number);
        let rest = all.split_off(page_end(&all, limit));
        // What is not shown now must be found again: the cursor stays before it.
        let mut read_to = (newest_message, newest_event);
        for (number, one) in &rest {
            let before = number.saturating_sub(1);
            match one {
                Unread::Message(_) => read_to.0 = read_to.0.min(before),
                Unread::Notice(_) => read_to.1 = read_to.1.min(before),
            }
        }
        // A line whose other keys are no message's has nothing to show.
        let items = all.into_iter().filter_map(|(_, one)| match one {
            Unread::Message(line) => Message::parse(&line).map(|message| Item::Message(Box::new(message))),
            Unread::Notice(event) => Some(Item::Notice(event)),
        });
        Ok(Page { items: items.collect(), remaining: rest.len(), read_to })
    }

    /// The messages to an agent with a number above `after` and below `end`, in the order of their numbers, each once; and
    /// the largest number there is below `end`.
    fn unread_messages(&self, agent: &AgentId, after: u64, end: u64) -> Result<(Vec<Line>, u64)> {
        let (mut found, mut newest, mut older) = (Vec::new(), after, Older::default());
        messages_backwards(self.locks.state, |line| {
            let Some(address) = Address::parse(line).filter(|address| address.seq < end) else {
                return ControlFlow::Continue(());
            };
            let read = address.seq <= after;
            if older.are_all(read) {
                return ControlFlow::Break(());
            }
            newest = newest.max(address.seq);
            if !read && address.is_for(agent.as_str()) {
                found.push((address.seq, line.to_vec()));
            }
            ControlFlow::Continue(())
        })?;
        found.sort();
        found.dedup();
        Ok((found, newest))
    }

    fn unread_notices(&self, agent: &AgentId, after: u64, end: u64) -> Result<(Vec<Event>, u64)> {
        let mut events = events_after(self.locks.state, after)?;
        events.retain(|event| event.n < end);
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
}

/// How many of these are shown if `limit` are asked for: those with the same number go together, for what is read is told
/// by one.
fn page_end(all: &[(u64, Unread)], limit: usize) -> usize {
    let wanted = limit.max(1).min(all.len());
    let number = |at: usize| all.get(at).map(|(number, _)| *number);
    let last = wanted.checked_sub(1).and_then(number);
    let same = (wanted..all.len()).take_while(|at| number(*at) == last);
    wanted.saturating_add(same.count())
}
