//! A ticket: what somebody waits for, and what has become of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{AgentId, Class, Evidence, Facts, Kind, Mode, Resource, Result, Timestamp, Ttl},
    store::{Error, FORMAT, STATE_WIDTH, TICKET_PREFIX, Versioned, parse_json, ticket_file},
};

use super::{Presence, Turn};

/// How long a place is kept for somebody whose call has ended, in milliseconds.
const AWAY_MS: u64 = 120_000;
/// How long the turn of a process that waits lasts, in milliseconds: it has been woken and need only run.
const TURN_WAITING_MS: u64 = 1_000;
/// How long the turn of an agent that is away lasts, in milliseconds: it has to be told.
pub(in crate::domain) const TURN_AWAY_MS: u64 = 60_000;

/// How long a ticket is kept for an agent whose call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// For two minutes: it waits, and its call may have been killed.
    Wait,
    /// For as long as the lease would last: it has only left the ticket.
    Queue,
}

/// One thing that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Want {
    kind: Kind,
    worktree: Option<String>,
    filepath: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filepath_hex: Option<String>,
}

/// What has become of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketState {
    /// The change that wrote this.
    pub change: u64,
    /// How often its turn has passed unused.
    pub passed: u8,
    /// When its turn came.
    pub turn_at: Option<Timestamp>,
    /// The same by `CLOCK_MONOTONIC`.
    pub turn_mono_ms: Option<u64>,
    /// When it was first seen that nobody waits with it.
    pub away_at: Option<Timestamp>,
    /// The same by `CLOCK_MONOTONIC`.
    pub away_mono_ms: Option<u64>,
}

/// A place in line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// What has become of it.
    pub state: TicketState,
    v: u64,
    /// `t-` and the number.
    pub ticket: String,
    /// Its place: those with smaller numbers come first.
    pub number: u64,
    /// The era that it was made in.
    pub era: u64,
    /// Who waits.
    pub agent_id: AgentId,
    /// How the lease would come about.
    pub class: Class,
    /// How long it is kept.
    pub keep: Keep,
    /// Whether others may share what is wanted.
    pub mode: Mode,
    /// What is wanted, as people write it.
    pub resources: Vec<String>,
    wants: Vec<Want>,
    /// The run leases that the wait is inside of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<String>,
    /// How long the lease would last, in seconds.
    pub ttl_s: Ttl,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The same by `CLOCK_MONOTONIC`; `None` if it is another clock than the machine's own.
    pub made_mono_ms: Option<u64>,
    /// The machine, for people.
    pub host: String,
}

impl Versioned for Ticket {
    fn version(&self) -> u64 {
        self.v
    }
}

/// What a new ticket is made of.
#[derive(Debug)]
pub(in crate::domain) struct NewTicket<'a> {
    pub(in crate::domain) number: u64,
    pub(in crate::domain) era: u64,
    pub(in crate::domain) agent: &'a AgentId,
    pub(in crate::domain) class: Class,
    pub(in crate::domain) keep: Keep,
    pub(in crate::domain) mode: Mode,
    pub(in crate::domain) resources: &'a [Resource],
    pub(in crate::domain) inside: &'a [String],
    pub(in crate::domain) ttl: Ttl,
    pub(in crate::domain) reason: String,
    pub(in crate::domain) made_at: Timestamp,
    pub(in crate::domain) made_mono_ms: Option<u64>,
    pub(in crate::domain) host: String,
}

impl Ticket {
    pub(in crate::domain) fn new(new: NewTicket<'_>) -> Self {
        let want = |resource: &Resource| Want {
            kind: resource.kind(),
            worktree: resource.worktree().and_then(|worktree| worktree.name()).map(ToOwned::to_owned),
            filepath: resource.key_text(),
            filepath_hex: resource.hex(),
        };
        Self {
            state: TicketState { change: new.number, ..TicketState::default() },
            v: FORMAT,
            ticket: format!("{TICKET_PREFIX}{}", new.number),
            number: new.number,
            era: new.era,
            agent_id: new.agent.clone(),
            class: new.class,
            keep: new.keep,
            mode: new.mode,
            resources: new.resources.iter().map(Resource::text).collect(),
            wants: new.resources.iter().map(want).collect(),
            inside: new.inside.to_vec(),
            ttl_s: new.ttl,
            reason: new.reason,
            made_at: new.made_at,
            made_mono_ms: new.made_mono_ms,
            host: new.host,
        }
    }

    /// Takes up the place of `before`: it was asked for then. If it is left for later, it is kept from now on.
    pub(in crate::domain) fn take_up(&mut self, before: &Self, same_reason: bool) {
        self.state = TicketState { away_at: None, away_mono_ms: None, ..before.state };
        if before.keep == Keep::Queue {
            self.keep = Keep::Queue;
            self.ttl_s = self.ttl_s.max(before.ttl_s);
        }
        if self.keep == Keep::Wait {
            (self.made_at, self.made_mono_ms) = (before.made_at, before.made_mono_ms);
        }
        if same_reason {
            self.reason.clone_from(&before.reason);
        }
    }

    /// Reads the ticket with this number.
    ///
    /// # Errors
    /// [`Error::Newer`] or [`Error::Damaged`]: it says nothing about anybody's place.
    pub fn parse(number: u64, bytes: &[u8]) -> Result<Self> {
        let path = || PathBuf::from(ticket_file(number));
        let ticket: Self = parse_json(path, bytes)?;
        let named = ticket.number == number && ticket.ticket == format!("{TICKET_PREFIX}{number}");
        let wanted = !ticket.wants.is_empty() && ticket.wanted().len() == ticket.resources.len();
        if ticket.v == FORMAT && named && wanted && ticket.era < number {
            Ok(ticket)
        } else {
            Err(Error::Damaged { path: path(), why: "its number or what it wants do not fit together".to_owned() })
        }
    }

    /// What is wanted.
    #[must_use]
    pub fn wanted(&self) -> Vec<Resource> {
        let resource = |want: &Want| {
            Resource::from_file(want.kind, want.worktree.as_deref(), &want.filepath, want.filepath_hex.as_deref())
        };
        self.wants.iter().filter_map(resource).collect()
    }

    /// The ticket as it is written: the state, in [`STATE_WIDTH`] bytes, and the rest.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let damaged = |why: String| Error::Damaged { path: PathBuf::from(ticket_file(self.number)), why };
        let mut whole = serde_json::to_value(self).map_err(|error| damaged(error.to_string()))?;
        if let Some(whole) = whole.as_object_mut() {
            whole.shift_remove("state");
        }
        let rest = serde_json::to_vec_pretty(&whole).map_err(|error| damaged(error.to_string()))?;
        let mut bytes = self.state.to_bytes().ok_or_else(|| damaged("its state is too long".to_owned()))?;
        bytes.extend_from_slice(rest.strip_prefix(b"{\n").unwrap_or(&rest));
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl TicketState {
    /// The first bytes of a ticket, [`STATE_WIDTH`] of them; `None` if it does not fit.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = b"{\n  \"state\": ".to_vec();
        bytes.extend(serde_json::to_vec(self).ok()?);
        bytes.push(b',');
        if bytes.len() >= STATE_WIDTH {
            return None;
        }
        bytes.resize(STATE_WIDTH - 1, b' ');
        bytes.push(b'\n');
        Some(bytes)
    }
}

/// What a ticket counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It keeps its place.
    InLine(Presence, Turn),
    /// It does not: its agent is gone, or has not come back in time.
    Dead,
}

/// What a ticket counts for, given whether a process waits with it and what is known of its agent.
#[must_use]
pub fn stand(ticket: &Ticket, held: bool, facts: &Facts, evidence: &Evidence) -> Stand {
    if facts.era.number != Some(ticket.era) {
        return Stand::Dead;
    }
    let ago = |at: Option<Timestamp>, mono_ms: Option<u64>| match mono_ms.filter(|_| facts.era.same_boot) {
        Some(mono_ms) => Some(facts.now.mono_ms.saturating_sub(mono_ms)),
        None => at.map(|at| at.ms_before(facts.now.wall)),
    };
    let presence = match (held, ticket.class) {
        (true, _) => Presence::Waiting,
        // The command that was to be run has ended with its wrapper.
        (false, Class::Run) => Presence::Absent,
        (false, Class::Explicit | Class::Automatic) => Presence::Away,
    };
    let allowed = if held { TURN_WAITING_MS } else { TURN_AWAY_MS };
    let ahead = match ticket.state.turn_mono_ms.filter(|_| facts.era.same_boot) {
        Some(mono_ms) => mono_ms > facts.now.mono_ms,
        None => ticket.state.turn_at.is_some_and(|at| at > facts.now.wall),
    };
    let turn = match ago(ticket.state.turn_at, ticket.state.turn_mono_ms) {
        // A turn in the future would never be over: it is written down anew.
        Some(_) if ahead => Turn::NotYet,
        None => Turn::NotYet,
        Some(ago) if ago < allowed => Turn::Running,
        Some(_) => Turn::Lapsed,
    };
    if presence != Presence::Waiting {
        let kept = match ticket.keep {
            Keep::Wait => ago(ticket.state.away_at, ticket.state.away_mono_ms).map(|ago| ago < AWAY_MS),
            Keep::Queue => ago(Some(ticket.made_at), ticket.made_mono_ms).map(|ago| ago < ticket.ttl_s.ms()),
        };
        // Whose turn has come is told so, and has its time.
        let told = presence == Presence::Away && turn == Turn::Running;
        if evidence.gone || (kept == Some(false) && !told) {
            return Stand::Dead;
        }
    }
    Stand::InLine(presence, turn)
}

#[cfg(test)]
#[path = "ticket_tests.rs"]
mod tests;
