//! Records of commands that were run under a lease (docs/protocol.md 7): made at the start, changed at the end, and
//! looked at in between.

mod change;
mod command;
mod id;
mod record;
mod state;
mod tail;

use std::{cell::OnceCell, time::Duration};

use super::{Here, Kernel, Liveness, Locks, Now, PidNamespace, Result, redact::Redactor};
use crate::store::{CurrentEra, Error, Machine, RecordFiles, StateDir};

pub use change::{Abandoned, Cancelled, Finished, Gathered};
pub use id::{Prefix, RecordId};
pub use record::{Ending, NewRecord, Record, RecordKind};
pub use state::{How, State, Step, next_state};
pub use tail::{LogTail, Tail};

/// The records of one state directory, as one process sees and changes them.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The state directory.
    pub state: &'a StateDir,
    /// The machine this runs on.
    pub machine: &'a Machine,
    /// Tells the time.
    pub clock: fn() -> Now,
    /// Tells of processes.
    pub kernel: Kernel,
    /// How long to wait for the guard.
    pub guard_wait: Duration,
}

/// A record, and what has become of it as far as can be told: a record that says that it goes on may be abandoned.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The record as it is written.
    pub record: Record,
    /// Its state.
    pub state: State,
}

/// What the beginning of an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// This record.
    One(RecordId),
    /// None.
    None,
    /// One of these, and of more if there are three.
    Several(Vec<RecordId>),
}

/// By what records are judged, found out when it is first needed.
struct Bench<'a> {
    records: Records<'a>,
    era: CurrentEra,
    now: Now,
    namespace: OnceCell<Option<PidNamespace>>,
}

impl<'a> Records<'a> {
    /// Those beside the locks.
    #[must_use]
    pub fn of(locks: &Locks<'a>) -> Self {
        let Locks { state, machine, clock, kernel, guard_wait, .. } = *locks;
        Self { state, machine, clock, kernel, guard_wait }
    }

    /// Reads a record and judges it; `None` if there is none. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If it is damaged or unsafe.
    pub fn read(&self, id: &RecordId) -> Result<Option<Judged>> {
        let Some(record) = read(RecordFiles::new(self.state), id)? else { return Ok(None) };
        self.bench()?.judged(record).map(Some)
    }

    /// Whether somebody has asked for the end of what this record is about. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the record is damaged or unsafe. A record that is not there asks for nothing.
    pub fn is_cancel_requested(&self, id: &RecordId) -> Result<bool> {
        let record = read(RecordFiles::new(self.state), id)?;
        Ok(record.is_some_and(|record| record.cancel_requested_at.is_some()))
    }

    /// The end of what its command said; `None` if nothing of that is kept.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn log(&self, record: &Record) -> Result<Option<Vec<u8>>> {
        match &record.log {
            Some(_) => RecordFiles::new(self.state).read_log(&record.id.name()?),
            None => Ok(None),
        }
    }

    /// Every record, judged, in the order of their ids, or why one cannot be read: it hides none of the others. What is
    /// not named by an id is no record.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn all(&self) -> Result<Vec<Result<Judged>>> {
        let files = RecordFiles::new(self.state);
        let ids = ids(files)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let bench = self.bench()?;
        let judged = |id: &RecordId| match read(files, id) {
            Ok(record) => record.map(|record| bench.judged(record)),
            Err(error) => Some(Err(error)),
        };
        Ok(ids.iter().filter_map(judged).collect())
    }

    /// The record that an id or its beginning stands for.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn choose(&self, prefix: &Prefix) -> Result<Chosen> {
        let files = RecordFiles::new(self.state);
        if let Some(id) = prefix.whole() {
            return Ok(if files.read(&id.name()?)?.is_some() { Chosen::One(id) } else { Chosen::None });
        }
        let mut found: Vec<RecordId> = ids(files)?.into_iter().filter(|id| prefix.fits(id)).take(3).collect();
        Ok(match (found.len(), found.pop()) {
            (_, None) => Chosen::None,
            (1, Some(id)) => Chosen::One(id),
            (_, Some(id)) => {
                found.push(id);
                Chosen::Several(found)
            }
        })
    }

    fn bench(&self) -> Result<Bench<'a>> {
        let era = self.state.current_era(self.machine)?;
        Ok(Bench { records: *self, era, now: (self.clock)(), namespace: OnceCell::new() })
    }
}

impl Bench<'_> {
    fn judged(&self, record: Record) -> Result<Judged> {
        let state = if self.is_abandoned(&record)? { State::Abandoned } else { record.state };
        Ok(Judged { record, state })
    }

    fn is_abandoned(&self, record: &Record) -> Result<bool> {
        if record.state != State::Running {
            return Ok(false);
        }
        if record.is_abandoned(&self.era, None) {
            return Ok(true);
        }
        let liveness = self.liveness(record)?;
        Ok(record.is_abandoned(&self.era, liveness))
    }

    fn liveness(&self, record: &Record) -> Result<Option<Liveness>> {
        let Some(wrapper) = &record.wrapper else { return Ok(None) };
        let namespace = match self.namespace.get() {
            Some(known) => *known,
            None => {
                let found = (self.records.kernel.pid_namespace)()?;
                *self.namespace.get_or_init(|| found)
            }
        };
        let here = Here {
            boot_id: &self.records.machine.boot_id,
            pid_ns: namespace.as_ref(),
            own_clock: self.records.machine.own_clock,
            now: self.now,
        };
        Ok(wrapper.process_here(&here).map(|process| (self.records.kernel.liveness)(process)))
    }
}

fn read(files: RecordFiles<'_>, id: &RecordId) -> Result<Option<Record>> {
    let name = id.name()?;
    match files.read(&name) {
        Ok(bytes) => bytes.map(|bytes| Record::parse(id, &bytes)).transpose(),
        Err(Error::Damaged { why, .. }) => Err(Error::Damaged { path: name.path(), why }),
        Err(error) => Err(error),
    }
}

fn ids(files: RecordFiles<'_>) -> Result<Vec<RecordId>> {
    Ok(files.ids()?.into_iter().filter_map(|id| RecordId::try_from(id).ok()).collect())
}

#[cfg(test)]
mod tests;
