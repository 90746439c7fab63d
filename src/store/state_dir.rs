//! The state directory and what stands where in it.

use std::path::Path;

use super::{Error, Result};
use crate::fs::{self, Dir, Hazard, Meta};

/// The names in the state directory.
pub mod layout {
    use crate::fs::FileName;

    /// The lock on the whole directory, and in it the counter and the change under way.
    pub const GUARD: FileName = FileName::literal(".guard");
    /// The document that names the era.
    pub const ERA: FileName = FileName::literal("era.json");
    /// Keeps git from seeing the directory.
    pub const GITIGNORE: FileName = FileName::literal(".gitignore");
    /// Settings, written by people; nothing in them is needed to read the rest.
    pub const CONFIG: FileName = FileName::literal("config.toml");
    /// The journal of changes.
    pub const EVENTS: FileName = FileName::literal("events.log");
    /// Where lock files stand, by kind.
    pub const LOCKS: FileName = FileName::literal("locks");
    /// Locks on paths, by worktree.
    pub const PATHS: FileName = FileName::literal("paths");
    /// Locks on directories and all below them, by worktree.
    pub const TREES: FileName = FileName::literal("trees");
    /// Locks on patterns, by worktree.
    pub const GLOBS: FileName = FileName::literal("globs");
    /// The main checkout among the worktrees.
    pub const MAIN: FileName = FileName::literal("-");
    /// Locks on names.
    pub const NAMES: FileName = FileName::literal("names");
    /// Signs of life, by agent.
    pub const BEATS: FileName = FileName::literal("beats");
    /// Tickets of those who wait.
    pub const QUEUE: FileName = FileName::literal("queue");
    /// Records of what was run, by id.
    pub const TASKS: FileName = FileName::literal("tasks");
    /// The registry of agents.
    pub const AGENTS: FileName = FileName::literal("ACTIVE_AGENTS.json");
    /// The log of messages; older ones are called the same with `.1`, `.2`, … behind it.
    pub const MESSAGES: FileName = FileName::literal("agent_messages.log");
    /// Messages that wait to be acknowledged.
    pub const ACKS: FileName = FileName::literal("PENDING_ACKS.json");
    /// How far each agent has read, by agent.
    pub const CURSORS: FileName = FileName::literal("cursors");
    /// What the hooks of each agent know of the log, by agent.
    pub const HOOKS: FileName = FileName::literal("hooks");
    /// The log of edits that went on without protection.
    pub const UNPROTECTED: FileName = FileName::literal("unprotected.log");
    /// Which settings files of harnesses were changed.
    pub const INSTALLED: FileName = FileName::literal("installed.json");
    /// Damaged files, set aside.
    pub const QUARANTINE: FileName = FileName::literal("quarantine");
    /// Half-made files.
    pub const TMP: FileName = FileName::literal("tmp");
    /// The one half-made file: it is only ever made inside the guard.
    pub const PENDING: FileName = FileName::literal("pending");

    /// The most that a lock file may hold, in bytes: a path of 4096 bytes and a reason, escaped, several times over.
    pub const CLAIM_LIMIT: usize = 256 * 1024;
    /// The most that a document may hold, in bytes.
    pub const DOCUMENT_LIMIT: usize = 64 * 1024;
    /// The most that a document with an entry for each of many may hold, in bytes.
    pub const LARGE_DOCUMENT_LIMIT: usize = 16 * 1024 * 1024;
}

/// An open state directory: ours alone to write.
#[derive(Debug)]
pub struct StateDir {
    dir: Dir,
}

impl StateDir {
    /// Whether its path still leads to it.
    ///
    /// # Errors
    /// If that cannot be looked at.
    pub fn is_in_place(&self) -> Result<bool> {
        Ok(crate::fs::look_at(self.path())?.is_some_and(|(_, here)| here == self.dir.id()))
    }

    /// Opens the state directory at `path`; `None` if there is none.
    ///
    /// # Errors
    /// If it is a link or no directory, another user owns it or may write to it.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        Ok(Dir::open_private(path)?.map(|dir| Self { dir }))
    }

    /// The directory itself.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Whether nothing is in it: somebody made the directory by hand.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(!self.dir.has_subdirs() && self.dir.look(&layout::GUARD)?.is_none() && self.dir.entries()?.is_empty())
    }

    pub(super) fn guard_meta(&self) -> Result<Meta> {
        let guard = self.dir.look(&layout::GUARD)?.ok_or_else(|| Error::NoGuard { path: self.path().to_owned() })?;
        if guard.regular {
            return Ok(guard);
        }
        let path = self.path().join(layout::GUARD.as_str());
        Err(fs::Error::Unsafe { path, hazard: Hazard::NotAFile }.into())
    }
}
