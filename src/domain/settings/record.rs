//! `installed.json`: which files were changed, and how they were before.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{Locks, Result, damage},
    fs::{Dir, FileName},
    store::{Entry, Error, FORMAT, Session, StateDir, Versioned, layout, parse_json},
};

/// A text that is longer is not kept, in bytes.
const KEPT: usize = 256 * 1024;

/// What was changed in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The linked worktree that the file is in; `None` for the main checkout.
    pub worktree: Option<String>,
    /// The file, relative to the root of the worktree.
    pub path: String,
    /// Whether we made the file.
    pub made: bool,
    /// The directories that we made for it, from the outermost inwards, relative to the root.
    pub made_dirs: Vec<String>,
    /// What was in the file before; `None` if it was not there, or that is too long to be kept.
    pub before: Option<String>,
    /// The SHA-256 of what we wrote, in hexadecimal digits.
    pub sha256: String,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    v: u64,
    /// Every file that was changed.
    pub files: Vec<Installation>,
}

impl Default for Installed {
    fn default() -> Self {
        Self { v: FORMAT, files: Vec::new() }
    }
}

impl Versioned for Installed {
    fn version(&self) -> u64 {
        self.v
    }
}

impl Installation {
    /// Keeps what was in the file, if that is not too long.
    #[must_use]
    pub fn keeping(self, before: Option<&str>) -> Self {
        let before = before.filter(|text| text.len() <= KEPT).map(str::to_owned);
        Self { before, ..self }
    }
}

impl Installed {
    /// Reads the document; an empty one if there is none.
    ///
    /// # Errors
    /// If it is damaged, unsafe, or cannot be read.
    pub fn read(state: &StateDir) -> Result<Self> {
        match state.read_document(&layout::INSTALLED)? {
            Some(bytes) => parse_json(|| state.path().join(layout::INSTALLED.as_str()), &bytes),
            None => Ok(Self::default()),
        }
    }

    /// What was changed in this file.
    #[must_use]
    pub fn of(&self, worktree: Option<&str>, path: &str) -> Option<&Installation> {
        self.files.iter().find(|file| file.worktree.as_deref() == worktree && file.path == path)
    }

    /// Takes out what is noted of this file.
    pub fn forget(&mut self, worktree: Option<&str>, path: &str) {
        self.files.retain(|file| file.worktree.as_deref() != worktree || file.path != path);
    }

    /// Notes this in place of what was noted of the same file.
    pub fn note(&mut self, file: Installation) {
        self.forget(file.worktree.as_deref(), &file.path);
        self.files.push(file);
    }
}

/// The SHA-256 in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A stay inside the guard, in which the document may be changed.
#[derive(Debug)]
pub struct Guarded<'a> {
    session: Session<'a>,
    state: &'a StateDir,
}

impl Guarded<'_> {
    /// The document as it stands.
    ///
    /// # Errors
    /// As [`Installed::read`].
    pub fn installed(&self) -> Result<Installed> {
        Installed::read(self.state)
    }

    /// Writes the document, durably; one in which nothing stands is removed.
    ///
    /// # Errors
    /// If it cannot be written: then the one before stands.
    pub fn write(&mut self, installed: &Installed) -> Result<()> {
        if installed.files.is_empty() {
            return self.session.remove_document(&layout::INSTALLED);
        }
        let mut bytes = serde_json::to_vec_pretty(installed).map_err(|error| Error::Damaged {
            path: self.state.path().join(layout::INSTALLED.as_str()),
            why: error.to_string(),
        })?;
        bytes.push(b'\n');
        self.session.write_document(&layout::INSTALLED, &bytes)
    }

    /// Removes the whole state directory, which stands in `parent` under `name`: it is renamed first, in one call, so that
    /// nobody ever sees half of it. `nonce` is a fresh random number.
    ///
    /// # Errors
    /// If it cannot be renamed: then it stands. If something in it cannot be removed, what is left stands under a name
    /// that `cleanup` knows.
    pub fn remove_state(self, parent: &Dir, name: &FileName, nonce: u64) -> Result<()> {
        self.session.remove_state(parent, name, nonce)
    }
}

impl<'a> Locks<'a> {
    /// Enters the guard to change what is installed.
    ///
    /// # Errors
    /// Those of [`Session::enter`].
    pub fn installing(&self) -> Result<Guarded<'a>> {
        let entry = Entry { machine: self.machine, wait: self.guard_wait, damage: &damage };
        Ok(Guarded { session: Session::enter(self.state, entry)?, state: self.state })
    }
}
