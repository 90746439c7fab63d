//! Beats: one line an agent, overwritten in place.

use std::cell::{OnceCell, RefCell};

use super::{Result, StateDir, layout};
use crate::fs::{File, FileName};

/// Width of the line in bytes.
pub(super) const WIDTH: usize = 512;

/// The most that is read of one.
const LIMIT: usize = 4096;

/// The beats in a state directory, for one look or one stay inside the guard.
#[derive(Debug)]
pub struct Beats<'a> {
    state: &'a StateDir,
    there: OnceCell<bool>,
    /// The one to be overwritten, if it could be opened for that; without a file if there is none.
    own: RefCell<Option<(FileName, Option<File>)>>,
}

impl<'a> Beats<'a> {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, there: OnceCell::new(), own: RefCell::default() }
    }

    /// Whether there is a directory of them, looked at once: most commands read one beat, and need not open it.
    fn there(&self) -> Result<bool> {
        if let Some(known) = self.there.get() {
            return Ok(*known);
        }
        let there = self.state.dir().links_of(&[&layout::BEATS])?.is_some();
        Ok(*self.there.get_or_init(|| there))
    }

    /// Reads the beat of the agent with this id; `None` if there is none.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read(&self, agent: &FileName) -> Result<Option<Vec<u8>>> {
        if self.there()? { Ok(self.state.dir().read(&[&layout::BEATS, agent], LIMIT)?) } else { Ok(None) }
    }

    /// The same for one that may be overwritten in this stay inside the guard, which then need not be opened again.
    ///
    /// # Errors
    /// Those of [`Beats::read`].
    pub fn read_own(&self, agent: &FileName) -> Result<Option<Vec<u8>>> {
        if !self.there()? {
            return Ok(None);
        }
        // What cannot be opened for writing may still be read, and perhaps it need not be written.
        let Ok(file) = self.state.dir().open_writable(&[&layout::BEATS, agent]) else { return self.read(agent) };
        let mut bytes = Vec::new();
        if let Some(file) = &file {
            file.read_into(0, LIMIT, &mut bytes)?;
        }
        let found = file.is_some().then_some(bytes);
        self.own.replace(Some((agent.clone(), file)));
        Ok(found)
    }

    /// The beat of an agent, open to be overwritten; `None` if there is none.
    pub(super) fn open_writable(&self, agent: &FileName) -> Result<Option<File>> {
        match self.own.take() {
            Some((whose, file)) if whose == *agent => Ok(file),
            _ if self.there()? => Ok(self.state.dir().open_writable(&[&layout::BEATS, agent])?),
            _ => Ok(None),
        }
    }

    /// The agents that have left one.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn agents(&self) -> Result<Vec<FileName>> {
        match self.state.dir().subdir(&[&layout::BEATS])? {
            Some(dir) => Ok(dir.names(|_| true)?),
            None => Ok(Vec::new()),
        }
    }
}

/// The line as it stands in the file: JSON, blanks, a newline. `None` if it does not fit.
pub(super) fn line(mut json: Vec<u8>) -> Option<Vec<u8>> {
    if json.len() >= WIDTH {
        return None;
    }
    json.resize(WIDTH - 1, b' ');
    json.push(b'\n');
    Some(json)
}
