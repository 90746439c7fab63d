//! Cursors: how far each agent has read, one line an agent, overwritten in place under a `flock` of its reader.

use std::time::Duration;

use super::{Error, Result, Session, StateDir, document, layout};
use crate::fs::{self, File, FileName, Flocked, Stamp, Sync};

/// Width of the line in bytes.
const WIDTH: usize = 256;

/// The most that is read of one.
const LIMIT: usize = 4096;

/// A cursor, kept from other readers of the same agent as long as this value lives.
#[derive(Debug)]
pub struct Cursor {
    file: File,
}

impl StateDir {
    /// Opens the cursor of an agent to read on from it, waiting up to `wait` for another reader; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::Busy`]; if it is unsafe or cannot be opened.
    pub fn open_cursor(&self, agent: &FileName, wait: Duration) -> Result<Option<Cursor>> {
        // Opened by itself, the directory is looked at too: others must not be able to change what is in it.
        let Some(dir) = self.dir().subdir(&[&layout::CURSORS])? else { return Ok(None) };
        let Some(file) = dir.open_writable(&[agent])? else { return Ok(None) };
        if file.flock(wait)? == Flocked::Busy {
            let holder = fs::flock_holder(&file);
            return Err(Error::Busy { path: file.path().to_owned(), holder, waited: wait });
        }
        Ok(Some(Cursor { file }))
    }

    /// The line of an agent's cursor, for who only looks; `None` if it has none.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read_cursor(&self, agent: &FileName) -> Result<Option<Vec<u8>>> {
        let Some(dir) = self.dir().subdir(&[&layout::CURSORS])? else { return Ok(None) };
        Ok(dir.read(&[agent], LIMIT)?)
    }

    /// The agents that have one.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn cursors(&self) -> Result<Vec<FileName>> {
        match self.dir().subdir(&[&layout::CURSORS])? {
            Some(dir) => Ok(dir.names(|_| true)?),
            None => Ok(Vec::new()),
        }
    }
}

impl Cursor {
    /// Its line.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.read_into(0, LIMIT, &mut bytes)?;
        Ok(bytes)
    }

    /// Overwrites it. What stands in it after a power cut may be the line before.
    ///
    /// # Errors
    /// If it is too long for its line, or cannot be written.
    pub fn write(&self, json: Vec<u8>) -> Result<()> {
        let line = line(json, self.file.path())?;
        Ok(self.file.overwrite_start(&line)?)
    }
}

impl Session<'_> {
    /// Writes the cursor of an agent in place of what stands there.
    ///
    /// # Errors
    /// If it could not be written: then nothing has changed.
    pub fn write_cursor(&mut self, agent: &FileName, json: Vec<u8>) -> Result<()> {
        let dir = self.state.dir().ensure_subdir(&layout::CURSORS)?;
        let line = line(json, &dir.path().join(agent.as_str()))?;
        document::stage(&self.tmp, &line, Sync::Volatile, Stamp::Now)?;
        let done = self.check().and_then(|()| Ok(self.tmp.rename(&layout::PENDING, &dir, agent)?));
        done.inspect_err(|_| document::unstage(&self.tmp))
    }

    /// Removes the cursor of an agent.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_cursor(&mut self, agent: &FileName) -> Result<()> {
        let Some(dir) = self.state.dir().subdir(&[&layout::CURSORS])? else { return Ok(()) };
        self.check()?;
        dir.remove(agent)?;
        Ok(())
    }
}

/// The line as it stands in the file: JSON, blanks, a newline.
fn line(mut json: Vec<u8>, path: &std::path::Path) -> Result<Vec<u8>> {
    if json.len() >= WIDTH {
        return Err(Error::TooLarge { path: path.to_owned(), limit: WIDTH });
    }
    json.resize(WIDTH - 1, b' ');
    json.push(b'\n');
    Ok(json)
}
