//! What can be wrong with the state directory as a whole or with one file in it.

use std::{fmt, path::PathBuf, time::Duration};

use crate::fs;

/// A failure of the store. The old state is intact wherever one is returned, unless a variant says otherwise.
#[derive(Debug)]
pub enum Error {
    /// The file system refused.
    Fs(fs::Error),
    /// A state file does not hold what it should.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A state file was written by a later version of swarmlock.
    Newer {
        /// The file.
        path: PathBuf,
        /// The format version that it names.
        version: u64,
    },
    /// The state directory has no `.guard`: a part of it was deleted, and what is left cannot be trusted.
    NoGuard {
        /// The state directory.
        path: PathBuf,
    },
    /// Another process kept the guard for the whole time that this one could wait.
    Busy {
        /// The guard.
        path: PathBuf,
        /// The process that holds it, if the kernel tells.
        holder: Option<u32>,
        /// How long was waited.
        waited: Duration,
    },
    /// The state directory was moved, removed or replaced while this process worked in it.
    Replaced {
        /// Where it stood.
        path: PathBuf,
    },
    /// A file would be larger than any that is read: there is too much in a lease, or another version added it; or there are
    /// too many agents, or acknowledgements that are due.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The agent acts from another living process too: two agents with one id would exclude nobody.
    Elsewhere {
        /// The agent's id.
        agent: String,
        /// The other process, by name and number.
        other: String,
        /// The process that this call comes from.
        own: String,
    },
    /// Another agent is called the same but for capitals.
    Taken {
        /// The id.
        id: String,
        /// That of the other agent.
        by: String,
    },
    /// The era has used up its numbers.
    Exhausted {
        /// The era file.
        path: PathBuf,
    },
}

impl From<fs::Error> for Error {
    fn from(error: fs::Error) -> Self {
        match error {
            fs::Error::TooLarge { path, limit } => {
                Self::Damaged { path, why: format!("it is larger than {limit} bytes") }
            }
            error @ (fs::Error::Call { .. } | fs::Error::Unsafe { .. }) => Self::Fs(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fs(error) => error.fmt(f),
            Self::Damaged { path, why } => write!(f, "{}: damaged: {why}", path.display()),
            Self::Newer { path, version } => {
                write!(f, "{}: written by a newer swarmlock (format {version})", path.display())
            }
            Self::NoGuard { path } => {
                write!(
                    f,
                    "{}: the file .guard is missing: it is no state directory, or a part of it was deleted",
                    path.display()
                )
            }
            Self::Busy { path, holder, waited } => {
                write!(f, "{}: flock: held by ", path.display())?;
                match holder {
                    Some(pid) => write!(f, "process {pid}")?,
                    None => f.write_str("another process")?,
                }
                write!(f, " for more than {}", humantime::format_duration(*waited))
            }
            Self::Replaced { path } => {
                write!(f, "{}: the state directory was moved or replaced while this ran", path.display())
            }
            Self::TooLarge { path, limit } => write!(f, "{}: it would be larger than {limit} bytes", path.display()),
            Self::Elsewhere { agent, other, own } => {
                write!(f, "{agent} is the id of {other}, which is alive; this call comes from {own}")
            }
            Self::Taken { id, by } => {
                write!(f, "{id}: another agent is called {by}, and ids are told apart without regard to case")
            }
            Self::Exhausted { path } => write!(f, "{}: this era has no numbers left", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fs(error) => Some(error),
            Self::Damaged { .. }
            | Self::Newer { .. }
            | Self::NoGuard { .. }
            | Self::Busy { .. }
            | Self::Replaced { .. }
            | Self::TooLarge { .. }
            | Self::Elsewhere { .. }
            | Self::Taken { .. }
            | Self::Exhausted { .. } => None,
        }
    }
}
