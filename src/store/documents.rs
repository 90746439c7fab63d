//! Documents with an entry for each of many: the registry of agents, the acknowledgements that are due.

use super::{Error, Event, Result, Session, StateDir, document, event::kind, layout};
use crate::fs::{Dir, FileName, Published, Stamp, Sync};

impl StateDir {
    /// Reads a document; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is too large; unsafe objects and refusals as they are.
    pub fn read_document(&self, name: &FileName) -> Result<Option<Vec<u8>>> {
        Ok(self.dir().read(&[name], layout::LARGE_DOCUMENT_LIMIT)?)
    }

    /// The first bytes of a document, at most `length`; `None` if there is none.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read_document_start(&self, name: &FileName, length: usize) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.dir().open_file(&[name])? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_range(0, length, &mut bytes)?;
        Ok(Some(bytes))
    }
}

impl Session<'_> {
    /// Writes a document in place of the one before, durably.
    ///
    /// # Errors
    /// If it is too large or could not be written: then the one before stands.
    pub fn write_document(&mut self, name: &FileName, bytes: &[u8]) -> Result<()> {
        if bytes.len() > layout::LARGE_DOCUMENT_LIMIT {
            let path = self.state.path().join(name.as_str());
            return Err(Error::TooLarge { path, limit: layout::LARGE_DOCUMENT_LIMIT });
        }
        document::stage(&self.tmp, bytes, Sync::Durable, Stamp::Now)?;
        let done = self.check().and_then(|()| Ok(self.tmp.rename(&layout::PENDING, self.state.dir(), name)?));
        done.inspect_err(|_| document::unstage(&self.tmp))?;
        Ok(self.state.dir().sync()?)
    }

    /// Removes a document, durably.
    ///
    /// # Errors
    /// If it cannot be removed: then it stands.
    pub fn remove_document(&mut self, name: &FileName) -> Result<()> {
        self.check()?;
        if self.state.dir().remove(name)? {
            self.state.dir().sync()?;
        }
        Ok(())
    }

    /// Moves a damaged document to `quarantine/`, with an event before it that says why; `now` in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub fn set_aside(&mut self, name: &FileName, why: String, now: u64) -> Result<()> {
        let to = self.quarantine_for(name, why, now)?;
        self.publish_aside(self.state.dir(), name, &to, name)
    }

    /// Keeps a copy of a damaged document in `quarantine/`, with an event before it that says why. For one that others are
    /// made of: it stands until the next is written in its place, whoever is killed in between.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn copy_aside(&mut self, name: &FileName, bytes: &[u8], why: String, now: u64) -> Result<()> {
        let to = self.quarantine_for(name, why, now)?;
        document::stage(&self.tmp, bytes, Sync::Durable, Stamp::Now)?;
        let done = self.publish_aside(&self.tmp, &layout::PENDING, &to, name);
        done.inspect_err(|_| document::unstage(&self.tmp))
    }

    fn quarantine_for(&mut self, name: &FileName, why: String, now: u64) -> Result<Dir> {
        self.complete_log()?;
        self.check()?;
        let to = self.state.dir().ensure_subdir(&layout::QUARANTINE)?;
        let file = Some(name.as_str().to_owned());
        self.log_event(&Event { file, reason: Some(why), ..Event::new(kind::QUARANTINED, now) })?;
        Ok(to)
    }

    fn publish_aside(&self, from: &Dir, what: &FileName, to: &Dir, name: &FileName) -> Result<()> {
        for attempt in 0..u32::MAX {
            let aside = FileName::new(format!("{}-{attempt}-{}", self.era(), name.as_str()));
            let aside = aside.unwrap_or_else(|| name.clone());
            if from.publish(what, to, &aside)? == Published::Done {
                break;
            }
        }
        Ok(())
    }
}
