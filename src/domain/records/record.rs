//! A record: one command that was run under a lease, from its start to its end.

use std::{ffi::OsString, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    RecordId, State, Step, command,
    state::{How, next_state},
};
use crate::{
    domain::{AgentId, Depth, Liveness, Now, Result, Timestamp, Wrapper, redact::Redactor},
    store::{CurrentEra, Error, FORMAT, Versioned, parse_json},
};

/// The most bytes of names of resources that are kept: the lock files have them all.
const RESOURCES: usize = 16 * 1024;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A command under a lease.
    Run,
    /// A piece of work.
    Task,
}

/// `tasks/<id>.json`. Keys that are not known are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    v: u64,
    /// Its id, which is also the name of its file.
    pub id: RecordId,
    /// What it is about.
    pub kind: RecordKind,
    /// What has become of it, as far as it is written.
    pub state: State,
    /// The command and its first arguments, without secrets.
    pub command: Vec<String>,
    /// Whether there were more arguments, or longer ones.
    pub command_cut: bool,
    /// Whose it is.
    pub agent_id: AgentId,
    /// The first resources of its lease, as people write them.
    pub resources: Vec<String>,
    /// The id of its lease.
    pub lease: Option<String>,
    /// The fence of its lease.
    pub fence: Option<u64>,
    /// The era that it began in: with it, its wrapper has ended.
    pub era: u64,
    /// The process that runs the command, if it has a number that means the same to others.
    pub wrapper: Option<Wrapper>,
    /// How many runs the command is in, this one included.
    pub depth: u32,
    /// Where it is run.
    pub cwd: Option<String>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the command was started.
    pub started_at: Timestamp,
    /// When it ended, if that is known.
    pub ended_at: Option<Timestamp>,
    /// Its exit code.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// How many bytes it said; `None` if nobody listened.
    pub bytes: Option<u64>,
    /// When somebody asked for its end.
    pub cancel_requested_at: Option<Timestamp>,
    /// Who did.
    pub cancel_requested_by: Option<String>,
    /// The file beside it with the end of what it said.
    pub log: Option<String>,
    /// The number that the next change of a lock would have had when this was written: it never becomes smaller.
    pub change: u64,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What is known of a command when it is started.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// The id that it gets.
    pub id: &'a RecordId,
    /// Whose it is.
    pub agent: &'a AgentId,
    /// The resources of its lease, as people write them.
    pub resources: &'a [String],
    /// The id of its lease.
    pub lease: Option<&'a str>,
    /// The fence of its lease.
    pub fence: Option<u64>,
    /// The command and its arguments.
    pub argv: &'a [OsString],
    /// The process that runs the command, if it has a number that means the same to others.
    pub wrapper: Option<&'a Wrapper>,
    /// How many runs the command is in, this one included.
    pub depth: Depth,
    /// Where it is run.
    pub cwd: Option<&'a Path>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// Why.
    pub how: How,
    /// Its exit code, if it had one.
    pub exit: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// How many bytes it said, if anybody listened.
    pub bytes: Option<u64>,
    /// The last of it, if anybody listened.
    pub log: Option<&'a super::LogTail>,
}

impl Versioned for Record {
    fn version(&self) -> u64 {
        self.v
    }
}

impl Record {
    pub(super) fn begin(new: &NewRecord<'_>, era: u64, now: Now, redactor: &Redactor) -> Self {
        let (command, command_cut) = command::kept(new.argv, redactor);
        Self {
            v: FORMAT,
            id: new.id.clone(),
            kind: RecordKind::Run,
            state: State::Running,
            command,
            command_cut,
            agent_id: new.agent.clone(),
            resources: command::first(new.resources.to_vec(), RESOURCES).0,
            lease: new.lease.map(str::to_owned),
            fence: new.fence,
            era,
            wrapper: new.wrapper.cloned(),
            depth: new.depth.number(),
            cwd: new.cwd.map(|path| path.to_string_lossy().into_owned()),
            created_at: now.wall,
            started_at: now.wall,
            ended_at: None,
            exit: None,
            signal: None,
            bytes: None,
            cancel_requested_at: None,
            cancel_requested_by: None,
            log: None,
            change: 0,
            unknown: Map::new(),
        }
    }

    /// Reads the record with this id.
    ///
    /// # Errors
    /// [`Error::Damaged`], also if it has another id inside or contradicts itself; [`Error::Newer`].
    pub fn parse(id: &RecordId, bytes: &[u8]) -> Result<Self> {
        let name = id.name()?;
        let record: Self = parse_json(|| name.path(), bytes)?;
        let known = matches!(record.state, State::Done | State::Failed | State::Cancelled | State::Lost);
        let why = if record.v != FORMAT {
            "its version is impossible"
        } else if record.id != *id {
            "it has the id of another record inside"
        } else if record.log.as_ref().is_some_and(|log| log != name.log().as_str()) {
            "its log is not its own"
        } else if known != record.ended_at.is_some() {
            "its state and its end contradict each other"
        } else {
            return Ok(record);
        };
        Err(Error::Damaged { path: name.path(), why: why.to_owned() })
    }

    /// The record as JSON.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let failed =
            |error: serde_json::Error| Error::Damaged { path: self.id.as_str().into(), why: error.to_string() };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Takes a step, if one leads on from here; whether it did.
    pub(super) fn step(&mut self, step: Step) -> bool {
        let next = next_state(self.state, step);
        self.state = next.unwrap_or(self.state);
        next.is_some()
    }

    /// When it was over, as far as that is known: what has no end counts from its start.
    #[must_use]
    pub fn over_since(&self) -> Timestamp {
        self.ended_at.unwrap_or(self.started_at)
    }

    /// Whether its wrapper is provably gone: its era is over, or its process is. `liveness` is that of
    /// [`Wrapper::process_here`].
    #[must_use]
    pub fn is_abandoned(&self, era: &CurrentEra, liveness: Option<Liveness>) -> bool {
        // One of a later era shows that another has begun since the era was looked at.
        let over = era.number != Some(self.era) && self.era <= era.recorded;
        self.state == State::Running && (over || liveness == Some(Liveness::Gone))
    }
}
