//! The state directory that a call works in.

use std::{path::Path, time::Duration};

use super::super::{Code, Failure};
use crate::{
    config::{Config, Loaded},
    domain::{AgentId, Caller, Kernel, Locks, notices, records::Records, redact::Redactor},
    host,
    store::{self, Event, Machine, StateDir, Tickets, kind},
};

/// How much of the end of events.log is looked at for what an agent should hear of, in bytes.
const NEWS: u64 = 256 * 1024;

/// An open state directory and what is needed to work in it.
#[derive(Debug)]
pub(in crate::cli) struct Open {
    pub(super) state: StateDir,
    pub(super) machine: Machine,
    pub(super) guard_wait: Duration,
    pub(super) config: Config,
}

/// The state directory, unless somebody made an empty one by hand.
pub(super) fn made(path: &Path) -> Result<Option<StateDir>, Failure> {
    match StateDir::open(path)? {
        Some(state) if state.is_empty()? => Ok(None),
        state => Ok(state),
    }
}

pub(super) fn notices_in(state: &StateDir, agent: &AgentId) -> Result<Vec<Event>, Failure> {
    let mut news = notices(store::read_last_events(state, NEWS)?, agent, host::now().wall);
    let tickets = Tickets::new(state);
    let mut failed = None;
    // Who waited is no news any more when it has gone.
    news.retain(|event| match tickets.is_there(event) {
        Ok(there) => there != Some(false) || event.event == kind::DROPPED || event.event == kind::CANCELLED,
        Err(error) => {
            failed = Some(error);
            true
        }
    });
    failed.map_or(Ok(news), |error| Err(error.into()))
}

pub(super) fn redactor(state: &StateDir, config: &Config) -> Result<Redactor, Failure> {
    if let Ok(redactor) = Redactor::new(&config.redact) {
        return Ok(redactor);
    }
    // Read again with every pattern looked at, the error names the line.
    Loaded::load(state, &usable_pattern)?;
    let message = "config.toml: redact: the patterns are too large together";
    Err(Failure::new(Code::Config, message).next("swarmlock config check"))
}

/// Whether one pattern can be used.
pub(in crate::cli) fn usable_pattern(pattern: &str) -> Result<(), String> {
    Redactor::new(&[pattern.to_owned()]).map(drop).map_err(|error| error.why.to_owned())
}

impl Open {
    /// The locks, to be looked at.
    pub(in crate::cli) fn locks(&self) -> Locks<'_> {
        Locks {
            state: &self.state,
            machine: &self.machine,
            clock: host::now,
            host: host::name,
            guard_wait: self.guard_wait,
            kernel: Kernel { pid_namespace: host::pid_namespace, liveness: host::liveness, pane_of: host::is_pane_of },
            caller: None,
        }
    }

    /// The records of what was run.
    pub(in crate::cli) fn records(&self) -> Records<'_> {
        Records::of(&self.locks())
    }

    /// The state directory that stands at the same path now, if there is one, with the same settings.
    pub(in crate::cli) fn again(self) -> Result<Option<Self>, Failure> {
        Ok(made(self.state.path())?.map(|state| Self { state, ..self }))
    }

    /// What takes secrets out of free text. To be asked for when there is text, for it compiles the patterns.
    pub(in crate::cli) fn redactor(&self) -> Result<Redactor, Failure> {
        redactor(&self.state, &self.config)
    }

    /// The locks, to be changed by this caller.
    pub(in crate::cli) fn locks_of<'a>(&'a self, caller: Option<Caller<'a>>) -> Locks<'a> {
        Locks { caller, ..self.locks() }
    }

    /// What this agent should hear of.
    pub(in crate::cli) fn notices(&self, agent: &AgentId) -> Result<Vec<Event>, Failure> {
        notices_in(&self.state, agent)
    }

    /// The settings, from config.toml or their defaults.
    pub(in crate::cli) fn config(&self) -> &Config {
        &self.config
    }

    /// How long to wait for the guard.
    pub(in crate::cli) fn guard_wait(&self) -> Duration {
        self.guard_wait
    }

    pub(in crate::cli) fn state(&self) -> &StateDir {
        &self.state
    }

    pub(in crate::cli) fn machine(&self) -> &Machine {
        &self.machine
    }
}
