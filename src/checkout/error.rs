//! Why a checkout cannot be found, or a path in it names nothing that can be locked.

use std::{fmt, path::PathBuf};

use crate::fs;

/// A checkout with locks of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its root.
    pub checkout: PathBuf,
    /// The directory that its state directory stands in.
    pub home: PathBuf,
}

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
    /// A `.git` that is a file or a link leads to no repository.
    GitFile {
        /// That file.
        git: PathBuf,
        /// What is wrong with it.
        why: String,
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
    /// No pattern.
    BadPattern {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// The path leads out of the checkout and all its worktrees.
    Outside {
        /// As it was given.
        text: String,
        /// The root of the worktree that the current directory is in.
        root: PathBuf,
        /// The checkout that it is in.
        other: Option<Other>,
    },
    /// The path is in another checkout inside this one.
    Nested {
        /// As it was given.
        text: String,
        /// That checkout.
        other: Other,
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
            Self::GitFile { git, why } => write!(f, "{}: it leads to no repository: {why}", git.display()),
            Self::BadStateDir { path } => {
                write!(f, "{}: a state directory is a plain name in a directory that exists", path.display())
            }
            Self::IsCheckout { path } => {
                write!(f, "{}: it is a checkout, not the state directory in it", path.display())
            }
            Self::BadName { text, why } | Self::BadPath { text, why } | Self::NotLockable { text, why } => {
                write!(f, "{}: {why}", Short(text))
            }
            Self::BadPattern { text, why } => write!(f, "{}: {why}", Short(text)),
            Self::Outside { text, root, other: None } => {
                write!(f, "{}: it is outside the checkout {}", Short(text), root.display())
            }
            Self::Outside { text, root, other: Some(other) } => write!(
                f,
                "{}: it is outside the checkout {}, in another one, {}, whose locks are its own",
                Short(text),
                root.display(),
                other.checkout.display()
            ),
            Self::Nested { text, other } => {
                let checkout = other.checkout.display();
                write!(f, "{}: it is in another checkout, {checkout}, whose locks are its own", Short(text))
            }
        }
    }
}

impl std::error::Error for Error {}

/// What was given, cut if it is so long that what is wrong with it would be overlooked.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 300;
        match self.0.char_indices().nth(LONGEST) {
            Some((end, _)) => write!(f, "{}… ({} bytes)", self.0.get(..end).unwrap_or_default(), self.0.len()),
            None => f.write_str(self.0),
        }
    }
}
