//! The checkout: which worktree of which repository the current directory is in, where the state directory is, and
//! which resource a path names.

mod error;
mod git;
mod naming;
mod pattern;
mod place;
mod resolve;
mod target;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

pub use error::{Error, Other};
use git::{Located, around};
use place::Place;
use resolve::resolve;
pub use target::{ReadAs, Target, also_read_as, taken_literally};

use crate::{
    domain::Worktree,
    fs::{FileName, Kind, look_at},
};

/// The name of the state directory.
pub const STATE_NAME: FileName = FileName::literal(".agent_locks");

/// The longest name of a state directory, in bytes: one under construction has a longer one.
const LONGEST_STATE: usize = 200;

/// A worktree and the state directory that holds its locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    home: PathBuf,
    state: FileName,
    root: PathBuf,
    worktree: Worktree,
}

/// What a path is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find a lock that may stand there, whatever the path is now.
    Find {
        /// Take characters such as `*` as they are.
        literal: bool,
    },
    /// To lock it, or to learn whether it could be locked: what is there must be lockable.
    Lock {
        /// Take characters such as `*` as they are.
        literal: bool,
    },
}

impl Checkout {
    /// Finds what `cwd` (absolute, without links) is in: the innermost worktree of a git repository, whose locks are kept
    /// in the main checkout, or in the common directory if that is not called `.git`; else the nearest directory upwards
    /// with a state directory. `state` overrides where the locks are kept: if that is not where the repository keeps
    /// them, the checkout is the directory that it stands in.
    ///
    /// # Errors
    /// If there is none, or a `.git` stands in the way that leads to no repository.
    pub fn find(cwd: &Path, state: Option<&Path>) -> Result<Self, Error> {
        match Self::find_for_init(cwd, state)? {
            (checkout, true) => Ok(checkout),
            (_, false) => Err(Error::NotFound { cwd: cwd.to_owned() }),
        }
    }

    /// Where `init` makes the state directory, and whether anything speaks for that place: else it is `cwd` itself.
    ///
    /// # Errors
    /// As [`Checkout::find`].
    pub fn find_for_init(cwd: &Path, state: Option<&Path>) -> Result<(Self, bool), Error> {
        if let Some(state) = state {
            return Ok((Self::at(cwd, state)?, true));
        }
        if let Some(Located { root, worktree, home, .. }) = around(cwd)? {
            return Ok((Self { home, state: STATE_NAME, root, worktree }, true));
        }
        for dir in cwd.ancestors() {
            if look_at(&dir.join(STATE_NAME.as_str()))?.is_some() {
                return Ok((Self::plain(dir.to_owned(), STATE_NAME), true));
            }
        }
        Ok((Self::plain(cwd.to_owned(), STATE_NAME), false))
    }

    /// A checkout that is the directory its state directory stands in.
    fn plain(home: PathBuf, state: FileName) -> Self {
        Self { root: home.clone(), home, state, worktree: Worktree::MAIN }
    }

    /// The checkout whose state directory is at `state`.
    fn at(cwd: &Path, state: &Path) -> Result<Self, Error> {
        let bad = || Error::BadStateDir { path: state.to_owned() };
        let name = state.file_name().and_then(OsStr::to_str).ok_or_else(bad)?;
        let name =
            FileName::new(name.to_owned()).filter(|name| name.as_str().len() <= LONGEST_STATE).ok_or_else(bad)?;
        let parent = state.parent().unwrap_or_else(|| Path::new(""));
        let found = resolve(cwd, parent.as_os_str())?;
        for sign in [".git", STATE_NAME.as_str()] {
            if look_at(&found.path.join(name.as_str()).join(sign)).is_ok_and(|there| there.is_some()) {
                return Err(Error::IsCheckout { path: state.to_owned() });
            }
        }
        if found.kind != Some(Kind::Directory) {
            return Err(bad());
        }
        match around(cwd) {
            Ok(Some(Located { root, worktree, home, .. })) if home == found.path => {
                Ok(Self { home, state: name, root, worktree })
            }
            // Also where nothing can be told of the current directory: what was given is to serve instead.
            Ok(_) | Err(_) => Ok(Self::plain(found.path, name)),
        }
    }

    /// The directory that the state directory stands in.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The root of the worktree that the current directory is in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The worktree that the current directory is in.
    #[must_use]
    pub fn worktree(&self) -> &Worktree {
        &self.worktree
    }

    /// The name of the state directory in its home.
    #[must_use]
    pub fn state_name(&self) -> &FileName {
        &self.state
    }

    /// The path of the state directory.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        self.home.join(self.state.as_str())
    }

    /// The main checkout, if it is where the state directory is.
    fn main(&self) -> Place {
        Place { root: self.home.clone(), worktree: Worktree::MAIN }
    }
}
