//! What the hooks of an agent make of the log: which automatic leases it has taken, and which leases it has lost. Pure.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{AgentId, Class, Resource},
    store::{ClaimKey, Event, FORMAT, kind},
};

/// How many lost leases are remembered; the oldest are forgotten.
const LOSSES: usize = 64;
/// How many automatic leases are remembered; those that are not end by themselves.
const AUTOMATIC: usize = 512;
/// How many later holders of a lost lease are remembered.
const LATER: usize = 8;
/// How many parts of a lost lease that the agent had again are remembered; the oldest are forgotten.
const PARTS: usize = 256;

/// What the log says of one agent and its subagents, as far as their hooks have read it: `hooks/<agent>`. It follows
/// from the log, but for what the agent has been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    v: u64,
    /// Whose it is.
    pub agent_id: AgentId,
    /// How far the log has been read, in bytes from its start; `None` if it has not.
    pub offset: Option<u64>,
    /// The automatic leases that have not been given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automatic: Vec<Taken>,
    /// The leases that were lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Loss>,
    /// The number of the last message for which the agent was kept from stopping.
    #[serde(default)]
    pub stopped: u64,
}

/// An automatic lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Its lock file, below `locks/`; the last of them.
    pub file: String,
    /// Whose it is: the agent, or a subagent of it.
    pub agent_id: String,
}

/// A lease that others ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The number of the change.
    pub n: u64,
    /// When it was, as the log says.
    pub at: String,
    /// What happened: one of [`kind`].
    pub event: String,
    /// Its lock file, below `locks/`; the last of them.
    pub file: String,
    /// What it was on, as people write it.
    pub resources: Vec<String>,
    /// Who did it.
    pub by: Option<String>,
    /// Why, in the words of whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the lease was: `expired`, `orphaned` or `live`.
    pub was: String,
    /// Who was granted it since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub since: Vec<String>,
    /// The number of the change by which the agent had it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<u64>,
    /// What is part of it and the agent had again by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether the agent has been told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

/// A part of a lost lease that the agent had again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The number of the change.
    pub n: u64,
    /// What it is, as people write it.
    pub resource: String,
}

impl Ledger {
    /// One in which nothing stands.
    #[must_use]
    pub fn new(agent: &AgentId) -> Self {
        let agent_id = agent.clone();
        Self { v: FORMAT, agent_id, offset: None, automatic: Vec::new(), lost: Vec::new(), stopped: 0 }
    }

    /// The one of this agent in these bytes; `None` if it is damaged, of another, or of a newer version: it is made
    /// again from the log.
    #[must_use]
    pub fn parse(agent: &AgentId, bytes: &[u8]) -> Option<Self> {
        let mut ledger: Self = serde_json::from_slice(bytes).ok()?;
        if ledger.v != FORMAT || ledger.agent_id != *agent {
            return None;
        }
        // What it names is given up: nobody gives up what is of others, whoever wrote it.
        ledger.automatic.retain(|taken| is_own(agent, &taken.agent_id));
        Some(ledger)
    }

    /// As it is written, in at most `limit` bytes: what is too much is forgotten, the oldest first. Leases that are
    /// forgotten end by themselves.
    #[must_use]
    pub fn to_bytes(&self, limit: usize) -> Vec<u8> {
        let bytes = self.whole();
        if bytes.len() <= limit {
            return bytes;
        }
        let mut less = self.clone();
        loop {
            let (lost, automatic) = (less.lost.len(), less.automatic.len());
            if lost > automatic / 8 {
                forget_oldest(&mut less.lost, lost / 2);
            } else {
                forget_oldest(&mut less.automatic, automatic / 2);
            }
            let bytes = less.whole();
            if bytes.len() <= limit || (less.lost.is_empty() && less.automatic.is_empty()) {
                return bytes;
            }
        }
    }

    fn whole(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads on with a line of the log.
    pub fn read(&mut self, line: &[u8]) {
        // Most lines are about others; to parse them all would take longer than all the rest.
        let about_me = memmem::find(line, self.agent_id.as_str().as_bytes()).is_some();
        // Who has had what was lost may have asked for a part of it, or for more.
        let bears = |loss: &Loss| loss.again.is_none() && loss.since.len() < LATER;
        let about_lost = || self.lost.iter().any(bears) && memmem::find(line, b"\"fence\"").is_some();
        if (about_me || about_lost() || memmem::find(line, kind::ERA_BEGAN.as_bytes()).is_some())
            && let Ok(event) = serde_json::from_slice(line)
        {
            self.apply(&event);
        }
    }

    fn apply(&mut self, event: &Event) {
        if event.event == kind::ERA_BEGAN {
            self.automatic.clear();
            return;
        }
        let Some(file) = event.file.clone() else { return };
        let me = self.agent_id.clone();
        let own = |id: &str| is_own(&me, id);
        let granted = event.fence.is_some() && event.event != kind::RELEASED;
        if let Some(id) = event.agent_id.clone().filter(|id| own(id)) {
            self.give_up(event, &file, &id);
            if granted && event.class.as_deref() == Some(Class::Automatic.word()) {
                self.automatic.push(Taken { file: file.clone(), agent_id: id.clone() });
                forget_oldest(&mut self.automatic, AUTOMATIC);
            }
            if granted && id == self.agent_id.as_str() {
                let open = |loss: &&mut Loss| loss.again.is_none() && loss.n < event.n;
                self.lost.iter_mut().filter(open).for_each(|loss| loss.regain(event, &file));
            }
        } else if granted && let Some(id) = &event.agent_id {
            let resources = resources(event, &file);
            for loss in self.lost.iter_mut().filter(|loss| loss.again.is_none() && loss.n <= event.n) {
                let same = loss.file == file || resources.iter().any(|resource| loss.is_about(resource));
                if same && !loss.since.contains(id) && loss.since.len() < LATER {
                    loss.since.push(id.clone());
                }
            }
        }
        let Some(former) = event.former.as_ref().filter(|former| own(&former.agent_id)) else { return };
        self.give_up(event, &file, &former.agent_id);
        let theirs = event.by.as_deref() == Some(former.agent_id.as_str());
        if former.agent_id == self.agent_id.as_str() && !theirs && !self.lost.iter().any(|loss| loss.n == event.n) {
            self.lost.push(Loss {
                n: event.n,
                at: event.at.clone(),
                event: event.event.to_string(),
                file,
                resources: texts(event).cloned().collect(),
                by: event.by.clone(),
                reason: event.reason.clone().filter(|_| event.event == kind::FORCED),
                was: former.was.to_string(),
                since: event.agent_id.clone().filter(|id| *id != former.agent_id).into_iter().collect(),
                again: None,
                parts: Vec::new(),
                told: false,
            });
            forget_oldest(&mut self.lost, LOSSES);
        }
    }

    /// The lease in this file is not what it was; if only its last part is gone, the rest is in another file now.
    fn give_up(&mut self, event: &Event, file: &str, agent: &str) {
        let at = self.automatic.iter().position(|taken| taken.file == file && taken.agent_id == agent);
        let Some(taken) = at.map(|at| self.automatic.remove(at)) else { return };
        if let Some(last) = &event.last {
            self.automatic.push(Taken { file: last.clone(), ..taken });
        }
    }

    /// What the agent had lost of this resource, and others may have changed, when it was granted it by the change `grant`.
    #[must_use]
    pub fn lost_before(&self, resource: &Resource, grant: u64) -> Option<&Loss> {
        let text = resource.text();
        let had = |part: &Part| part.n < grant && part.resource == text;
        let open = |loss: &&Loss| {
            loss.n < grant && loss.again.is_none_or(|again| again >= grant) && !loss.parts.iter().any(had)
        };
        self.lost.iter().rev().filter(open).find(|loss| loss.was_taken() && loss.is_about(resource))
    }

    /// The losses that the agent has not been told of and still bears.
    pub fn untold(&mut self) -> impl Iterator<Item = &mut Loss> {
        self.lost.iter_mut().filter(|loss| !loss.told && loss.again.is_none())
    }
}

impl Loss {
    /// Whether somebody else has had it: not if it was only swept away.
    #[must_use]
    pub fn was_taken(&self) -> bool {
        self.event != kind::CLEANED || !self.since.is_empty()
    }

    /// Whether the lease was on this resource, or on what it is part of.
    #[must_use]
    pub fn is_about(&self, resource: &Resource) -> bool {
        let Some(key) = ClaimKey::from_file(&self.file) else { return false };
        // The files of a lease over several are all of one worktree, or names.
        let worktree = key.place().worktree();
        let same = || worktree.is_none() || resource.claim().place().worktree() == worktree;
        let text = || self.resources.len() > 1 && same() && self.resources.contains(&resource.text());
        resource.may_be_held_at(&key) || text()
    }

    /// The agent was granted something again: all of it, a part, or nothing of it.
    fn regain(&mut self, event: &Event, file: &str) {
        let mine: Vec<String> =
            resources(event, file).iter().filter(|one| self.is_about(one)).map(Resource::text).collect();
        for resource in mine {
            // The first time counts: what is granted now may be a later one.
            if !self.parts.iter().any(|part| part.resource == resource) {
                self.parts.push(Part { n: event.n, resource });
            }
        }
        forget_oldest(&mut self.parts, PARTS);
        let had = |resource: &String| self.parts.iter().any(|part| part.resource == *resource);
        let same = self.file == file && self.resources.len() < 2;
        if same || !self.resources.is_empty() && self.resources.iter().all(had) {
            self.again = Some(event.n);
            self.parts.clear();
        }
    }
}

/// Whether this is the id of the agent, or of a subagent of it. A name that only begins like it, with a dot behind it, is
/// another agent's.
fn is_own(agent: &AgentId, id: &str) -> bool {
    id == agent.as_str() || AgentId::new(id).is_ok_and(|id| id.parent().as_ref() == Some(agent))
}

/// What an event is about; the log tells the kind of each by how it is written, and the worktree by the lock file.
fn resources(event: &Event, file: &str) -> Vec<Resource> {
    let Some(key) = ClaimKey::from_file(file) else { return Vec::new() };
    texts(event).filter_map(|text| Resource::from_text(text, &key)).collect()
}

fn texts(event: &Event) -> impl Iterator<Item = &String> {
    let only = event.resource.iter().filter(|_| event.resources.is_empty());
    event.resources.iter().chain(only)
}

fn forget_oldest<T>(list: &mut Vec<T>, most: usize) {
    list.drain(..list.len().saturating_sub(most));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 * 1024;

    fn ledger(automatic: usize, lost: usize) -> Ledger {
        let agent = AgentId::new("alice").unwrap();
        let file = |n: usize| format!("paths/-/{n:0180}.lock");
        let loss = |n: usize| Loss {
            n: n as u64,
            at: "2026-11-21T02:31:19.860Z".to_owned(),
            event: kind::TAKEN_OVER.to_owned(),
            file: file(n),
            resources: (0..100).map(|part| format!("src/a/long/name/{n}/{part}")).collect(),
            by: Some("bob".to_owned()),
            reason: None,
            was: "expired".to_owned(),
            since: vec!["bob".to_owned()],
            again: None,
            parts: Vec::new(),
            told: false,
        };
        Ledger {
            automatic: (0..automatic).map(|n| Taken { file: file(n), agent_id: agent.to_string() }).collect(),
            lost: (0..lost).map(loss).collect(),
            offset: Some(7),
            stopped: 9,
            ..Ledger::new(&agent)
        }
    }

    #[test]
    fn of_too_much_the_oldest_is_forgotten() {
        for (automatic, lost) in [(AUTOMATIC, LOSSES), (AUTOMATIC, 0), (0, LOSSES)] {
            let full = ledger(automatic, lost);
            assert!(full.whole().len() > LIMIT, "{automatic} {lost}");
            let bytes = full.to_bytes(LIMIT);
            assert!(bytes.len() <= LIMIT, "{automatic} {lost}: {}", bytes.len());
            let left = Ledger::parse(&full.agent_id, &bytes).unwrap();
            assert!(left.automatic.len() + left.lost.len() > 8, "{left:?}");
            assert!(full.automatic.ends_with(&left.automatic) && full.lost.ends_with(&left.lost));
            assert_eq!((left.offset, left.stopped), (full.offset, full.stopped));
        }
        let small = ledger(2, 2);
        assert_eq!(Ledger::parse(&small.agent_id, &small.to_bytes(LIMIT)), Some(small));
    }
}
