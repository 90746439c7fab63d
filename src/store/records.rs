//! Records of what was run: `tasks/<id>.json`, each with what was last said in `<id>.log` beside it (docs/protocol.md 7).

use std::path::PathBuf;

use super::{Error, Result, Session, StateDir, document, layout};
use crate::fs::{FileName, Stamp, Sync};

/// How the names of records end.
const ENDING: &str = ".json";

/// How the names of their logs end.
const LOG_ENDING: &str = ".log";

/// The most that a record may hold, in bytes.
const RECORD_LIMIT: usize = 256 * 1024;

/// The most that is kept of a log, in bytes.
pub const RECORD_LOG_LIMIT: usize = 64 * 1024;

/// The records in a state directory, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct RecordFiles<'a> {
    state: &'a StateDir,
}

/// The file names of one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordName {
    file: FileName,
    log: FileName,
}

impl RecordName {
    /// The names of the record with this id; `None` if it cannot be a part of a file name.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let name = |ending: &str| FileName::new(format!("{id}{ending}"));
        Some(Self { file: name(ENDING)?, log: name(LOG_ENDING)? })
    }

    /// The name of the log, as the record tells it.
    #[must_use]
    pub fn log(&self) -> &FileName {
        &self.log
    }

    /// The record below the state directory, as errors name it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(layout::TASKS.as_str()).join(self.file.as_str())
    }
}

impl<'a> RecordFiles<'a> {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(state: &'a StateDir) -> Self {
        Self { state }
    }

    /// Reads a record; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is too large; unsafe objects and refusals as they are.
    pub fn read(&self, name: &RecordName) -> Result<Option<Vec<u8>>> {
        Ok(self.state.dir().read(&[&layout::TASKS, &name.file], RECORD_LIMIT)?)
    }

    /// Reads the log of a record; `None` if there is none.
    ///
    /// # Errors
    /// Those of [`RecordFiles::read`].
    pub fn read_log(&self, name: &RecordName) -> Result<Option<Vec<u8>>> {
        Ok(self.state.dir().read(&[&layout::TASKS, &name.log], RECORD_LOG_LIMIT)?)
    }

    /// What stands before `.json` in the names of the files there, sorted; it need not be an id.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let Some(dir) = self.state.dir().subdir(&[&layout::TASKS])? else { return Ok(Vec::new()) };
        let names = dir.names(|name| name.ends_with(ENDING))?;
        Ok(names.iter().filter_map(|name| name.as_str().strip_suffix(ENDING)).map(str::to_owned).collect())
    }
}

impl Session<'_> {
    /// The records as they stand.
    #[must_use]
    pub fn records(&self) -> RecordFiles<'_> {
        RecordFiles::new(self.state)
    }

    /// Writes a record in place of the one before. It is not written durably: after a power cut its wrapper is gone.
    ///
    /// # Errors
    /// If it is too large or could not be written: then the one before stands.
    pub fn write_record(&mut self, name: &RecordName, bytes: &[u8]) -> Result<()> {
        self.write_in_tasks(&name.file, bytes, RECORD_LIMIT)
    }

    /// Writes the log of a record, at most [`RECORD_LOG_LIMIT`] bytes.
    ///
    /// # Errors
    /// As [`Session::write_record`].
    pub fn write_record_log(&mut self, name: &RecordName, bytes: &[u8]) -> Result<()> {
        self.write_in_tasks(&name.log, bytes, RECORD_LOG_LIMIT)
    }

    fn write_in_tasks(&mut self, name: &FileName, bytes: &[u8], limit: usize) -> Result<()> {
        if bytes.len() > limit {
            let path = self.state.path().join(layout::TASKS.as_str()).join(name.as_str());
            return Err(Error::TooLarge { path, limit });
        }
        let dir = self.state.dir().ensure_subdir(&layout::TASKS)?;
        document::stage(&self.tmp, bytes, Sync::Volatile, Stamp::Now)?;
        let done = self.guard.check(self.state).and_then(|()| Ok(self.tmp.rename(&layout::PENDING, &dir, name)?));
        done.inspect_err(|_| document::unstage(&self.tmp))
    }

    /// Removes a record and its log; whether the record was there. The log goes first: a record without one is whole.
    ///
    /// # Errors
    /// If either cannot be removed.
    pub fn remove_record(&mut self, name: &RecordName) -> Result<bool> {
        let Some(dir) = self.state.dir().subdir(&[&layout::TASKS])? else { return Ok(false) };
        self.guard.check(self.state)?;
        dir.remove(&name.log)?;
        Ok(dir.remove(&name.file)?)
    }
}
