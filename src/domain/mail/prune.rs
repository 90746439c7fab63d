//! Old logs of messages, removed when there are too many or they are too old, and nobody needs them.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{Mail, line::Head, pending::Pending};
use crate::{
    domain::{
        AgentId, Inside, Result,
        agents::{Registry, presence},
    },
    store::OlderLog,
};

/// What came of removing old logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many were removed.
    pub removed: usize,
    /// How many are too many or too old, and are kept because what is in them is still to be read or acknowledged.
    pub kept: usize,
}

/// What keeps an old log.
struct Wanted {
    /// Those who may still read, and how far each has.
    readers: Vec<(AgentId, u64)>,
    /// The numbers of the messages that are to be acknowledged: what is shown again, or escalated, is taken from the log.
    awaited: BTreeSet<u64>,
}

impl Mail<'_> {
    /// Removes the oldest logs as far as they are too many or too old.
    ///
    /// # Errors
    /// If the guard is busy, or one cannot be read or removed.
    pub fn prune(&self) -> Result<Pruned> {
        if self.locks.state.older_message_logs()?.is_empty() {
            return Ok(Pruned::default());
        }
        self.locks.visit_unseen(|inside| self.prune_in(inside))
    }

    pub(super) fn prune_in(&self, inside: &mut Inside<'_, '_>) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let logs = self.locks.state.older_message_logs()?;
        let mut wanted: Option<Wanted> = None;
        let end = inside.session.messages_end()?;
        for (at, log) in logs.iter().enumerate().rev() {
            if at < self.settings.log_count && !self.is_too_old(inside, log)? {
                break;
            }
            let wanted = match &wanted {
                Some(known) => known,
                None => wanted.insert(self.wanted(inside, end)?),
            };
            if self.is_needed(log, wanted, end)? {
                // Whatever is younger has to stay too, for there must be no gap.
                pruned.kept = at.saturating_add(1).saturating_sub(self.settings.log_count).max(1);
                break;
            }
            inside.session.remove_older_log(log)?;
            pruned.removed += 1;
        }
        Ok(pruned)
    }

    fn is_too_old(&self, inside: &Inside<'_, '_>, log: &OlderLog) -> Result<bool> {
        let mut old = false;
        self.locks.state.read_older_log(log, |line| match Head::parse(line) {
            Some(head) => {
                old = head.timestamp.ms_before(inside.now.wall) > self.settings.log_age_ms;
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        })?;
        Ok(old)
    }

    fn wanted(&self, inside: &Inside<'_, '_>, end: u64) -> Result<Wanted> {
        // If it is missing, nothing has ever been waited for, or it was removed by hand. `tick` builds it again first; here
        // that would be to read all logs inside the guard.
        let pending = Pending::read(self.locks.state)?.map(|pending| pending.pending_acks).unwrap_or_default();
        let awaited = pending.iter().map(|entry| entry.message.seq).collect();
        Ok(Wanted { readers: self.readers(inside, end)?, awaited })
    }

    /// Those who may still read, and how far each has. Nobody has read what was never sent: `end` and beyond.
    fn readers(&self, inside: &Inside<'_, '_>, end: u64) -> Result<Vec<(AgentId, u64)>> {
        let registry = Registry::read(self.locks.state)?;
        let mut readers = Vec::new();
        for agent in &registry.agents {
            let there = presence(&inside.signs(agent)?, inside.now);
            if inside.may_come_back(agent, there)? {
                let at = self.read_so_far(&registry, &agent.id)?;
                readers.push((agent.id.clone(), if at < end { at } else { agent.since }));
            }
        }
        Ok(readers)
    }

    fn is_needed(&self, log: &OlderLog, wanted: &Wanted, end: u64) -> Result<bool> {
        let mut needed = false;
        self.locks.state.read_older_log(log, |line| {
            if let Some(head) = Head::parse(line).filter(|head| head.seq < end) {
                let unread = |(agent, at): &(AgentId, u64)| head.seq > *at && head.is_for(agent.as_str());
                needed = wanted.awaited.contains(&head.seq) || wanted.readers.iter().any(unread);
            }
            if needed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(needed)
    }
}
