//! Ledgers: what the hooks of each agent have made of the log so far, one document an agent, and the log of edits that
//! went on without protection.

use super::{Error, Event, Result, Session, StateDir, document, layout};
use crate::fs::{FileName, Stamp, Sync};

/// The size from which the log of unprotected edits grows no further, in bytes: its lines are all alike.
const UNPROTECTED_LIMIT: u64 = 1024 * 1024;

impl StateDir {
    /// The ledger of an agent; `None` if it has none.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read_ledger(&self, agent: &FileName) -> Result<Option<Vec<u8>>> {
        Ok(self.dir().read(&[&layout::HOOKS, agent], layout::DOCUMENT_LIMIT)?)
    }

    /// The agents that have one.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn ledgers(&self) -> Result<Vec<FileName>> {
        match self.dir().subdir(&[&layout::HOOKS])? {
            Some(dir) => Ok(dir.names(|_| true)?),
            None => Ok(Vec::new()),
        }
    }

    /// Appends a line to the log of edits that went on without protection. Without the guard, for that may be what is in
    /// the way: a line is one write at the end of the file. `false` if the log is full, and nothing was written.
    ///
    /// # Errors
    /// If it is unsafe or cannot be written.
    pub fn note_unprotected(&self, mut line: Vec<u8>) -> Result<bool> {
        let file = self.dir().open_append(&layout::UNPROTECTED)?;
        if file.size() >= UNPROTECTED_LIMIT {
            return Ok(false);
        }
        line.push(b'\n');
        file.append_beside_others(&line)?;
        Ok(true)
    }

    /// The log of edits that went on without protection; empty if there is none.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read_unprotected(&self) -> Result<Vec<u8>> {
        #[expect(clippy::cast_possible_truncation, reason = "a megabyte")]
        let limit = 2 * UNPROTECTED_LIMIT as usize;
        Ok(self.dir().read(&[&layout::UNPROTECTED], limit)?.unwrap_or_default())
    }
}

impl Session<'_> {
    /// Writes the ledger of an agent in place of the one before. It is made from the log: a power cut may take it.
    ///
    /// # Errors
    /// If it is too large or could not be written: then the one before stands.
    pub fn write_ledger(&mut self, agent: &FileName, json: &[u8]) -> Result<()> {
        let dir = self.state.dir().ensure_subdir(&layout::HOOKS)?;
        if json.len() > layout::DOCUMENT_LIMIT {
            return Err(Error::TooLarge { path: dir.path().join(agent.as_str()), limit: layout::DOCUMENT_LIMIT });
        }
        document::stage(&self.tmp, json, Sync::Volatile, Stamp::Now)?;
        let done = self.check().and_then(|()| Ok(self.tmp.rename(&layout::PENDING, &dir, agent)?));
        done.inspect_err(|_| document::unstage(&self.tmp))
    }

    /// Writes an event that is no change.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn note(&mut self, event: &Event) -> Result<()> {
        self.complete_log()?;
        self.check()?;
        self.log_event(event)
    }

    /// Removes the ledger of an agent.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_ledger(&mut self, agent: &FileName) -> Result<()> {
        let Some(dir) = self.state.dir().subdir(&[&layout::HOOKS])? else { return Ok(()) };
        self.check()?;
        dir.remove(agent)?;
        Ok(())
    }
}
