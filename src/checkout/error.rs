//! Why a checkout cannot be found, or a path in it names nothing that can be locked.

use std::{fmt, path::PathBuf};

use crate::fs;

/// All of these are faults of what was asked for, except refusals of the kernel.
#[derive(Debug)]
pub enum Error {
    /// The kernel refused to let us look.
    Fs(fs::Error),
    /// Neither a git checkout nor a state directory upwards from here.
    NotFound {
        /// From here.
        cwd: PathBuf,
    },
    /// `.git` is a file: a linked worktree or a submodule.
    GitFile {
        /// That file.
        git: PathBuf,
    },
    /// What was given as state directory cannot be one.
    BadStateDir {
        /// As it was given.
        path: PathBuf,
    },
    /// What was given as state directory is a checkout.
    IsCheckout {
        /// As it was given.
        path: PathBuf,
    },
    /// No name.
    BadName {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No path.
    BadPath {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The path leads out of the checkout.
    Outside {
        /// As it was given.
        text: String,
        /// The root that it should be under.
        root: PathBuf,
    },
    /// The path is in another checkout inside this one.
    Nested {
        /// As it was given.
        text: String,
        /// The root of that checkout.
        nested: PathBuf,
    },
    /// Nothing that this version can lock.
    NotLockable {
        /// As it was given.
        text: String,
        /// Why not.
        why: &'static str,
    },
}

impl From<fs::Error> for Error {
    fn from(error: fs::Error) -> Self {
        Self::Fs(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fs(error) => error.fmt(f),
            Self::NotFound { cwd } => write!(
                f,
                "{}: neither in a git checkout nor below a directory with a state directory (.agent_locks)",
                cwd.display()
            ),
            Self::GitFile { git } => write!(
                f,
                "{}: it is a file: this is a linked worktree or a submodule, which this version does not follow",
                git.display()
            ),
            Self::BadStateDir { path } => {
                write!(f, "{}: a state directory is a plain name in a directory that exists", path.display())
            }
            Self::IsCheckout { path } => {
                write!(f, "{}: it is a checkout, not the state directory in it", path.display())
            }
            Self::BadName { text, why } | Self::BadPath { text, why } | Self::NotLockable { text, why } => {
                write!(f, "{text}: {why}")
            }
            Self::Outside { text, root } => write!(f, "{text}: it is outside the checkout {}", root.display()),
            Self::Nested { text, nested } => {
                write!(f, "{text}: it is in another checkout, {}, whose locks are its own", nested.display())
            }
        }
    }
}

impl std::error::Error for Error {}
