//! Beats: one line an agent, overwritten in place.

use std::cell::OnceCell;

use super::{Result, StateDir, layout};
use crate::fs::{Dir, Entry, FileName};

/// Width of the line in bytes.
pub(super) const WIDTH: usize = 512;

/// The most that is read of one.
const LIMIT: usize = 4096;

/// The beats in a state directory, for one look or one stay inside the guard.
#[derive(Debug)]
pub struct Beats<'a> {
    state: &'a StateDir,
    dir: OnceCell<Option<Dir>>,
}

impl<'a> Beats<'a> {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, dir: OnceCell::new() }
    }

    fn dir(&self) -> Result<Option<&Dir>> {
        if self.dir.get().is_none() {
            let opened = self.state.dir().subdir(&[&layout::BEATS])?;
            return Ok(self.dir.get_or_init(|| opened).as_ref());
        }
        Ok(self.dir.get().and_then(Option::as_ref))
    }

    /// Reads the beat of the agent with this id; `None` if there is none.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read(&self, agent: &FileName) -> Result<Option<Vec<u8>>> {
        match self.dir()? {
            Some(dir) => Ok(dir.read(&[agent], LIMIT)?),
            None => Ok(None),
        }
    }

    /// The agents that have left one.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn agents(&self) -> Result<Vec<FileName>> {
        let Some(dir) = self.dir()? else { return Ok(Vec::new()) };
        let names = dir.entries()?.into_iter().filter_map(|entry| match entry {
            Entry::Name(name) => Some(name),
            Entry::Odd(_) => None,
        });
        Ok(names.collect())
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
