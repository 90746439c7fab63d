//! What can go wrong at the file system: the call, the path, and why.

use std::{fmt, io, path::PathBuf};

use rustix::io::Errno;

/// A failure of a file system call, or a refusal to touch an object that is not safe.
#[derive(Debug)]
pub enum Error {
    /// The kernel refused a call.
    Call {
        /// The system call, as its manual page is named.
        call: &'static str,
        /// What it was applied to.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// An object is not what swarmlock would have made there.
    Unsafe {
        /// Where it stands.
        path: PathBuf,
        /// What is wrong with it.
        hazard: Hazard,
    },
    /// A file is larger than anything swarmlock writes there.
    TooLarge {
        /// Where it stands.
        path: PathBuf,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Why an object is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// A symbolic link where a file or directory belongs.
    Link,
    /// Not a directory where one belongs.
    NotADirectory,
    /// A FIFO, socket, device or directory where a regular file belongs.
    NotAFile,
    /// More than one name for one file: a hard link.
    HardLink,
    /// Owned by this other user id.
    ForeignOwner(u32),
    /// Open to its group or to everyone; these are its permission bits.
    LoosePermissions(u32),
    /// A directory further down than swarmlock makes any.
    TooDeep,
    /// On another file system than the state directory: something is mounted there.
    Mount,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("it is a symbolic link"),
            Self::NotADirectory => f.write_str("it is not a directory"),
            Self::NotAFile => f.write_str("it is not a regular file"),
            Self::HardLink => f.write_str("it has more than one hard link"),
            Self::ForeignOwner(uid) => write!(f, "it belongs to another user (uid {uid})"),
            Self::LoosePermissions(mode) => write!(f, "it is open to others (mode {mode:04o})"),
            Self::TooDeep => f.write_str("it is further down than any directory of swarmlock's"),
            Self::Mount => f.write_str("it is on another file system than the state directory"),
        }
    }
}

impl Error {
    /// The kernel's refusal of `call` on `path`.
    pub fn call(call: &'static str, path: impl Into<PathBuf>, errno: Errno) -> Self {
        Self::Call { call, path: path.into(), errno }
    }

    /// Whether the kernel answered with `errno`.
    #[must_use]
    pub fn is(&self, wanted: Errno) -> bool {
        matches!(self, Self::Call { errno, .. } if *errno == wanted)
    }

    /// Whether the object was not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.is(Errno::NOENT)
    }

    /// Whether a directory could not be renamed because something stands there that it does not replace.
    #[must_use]
    pub fn is_in_the_way(&self) -> bool {
        [Errno::EXIST, Errno::NOTEMPTY, Errno::NOTDIR].iter().any(|errno| self.is(*errno))
    }

    /// Whether permission was denied.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.is(Errno::ACCESS) || self.is(Errno::PERM)
    }

    /// Whether a part of a path on the way was no directory.
    #[must_use]
    pub fn is_no_directory(&self) -> bool {
        self.is(Errno::NOTDIR)
    }

    /// Whether a name or path was too long for the file system.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.is(Errno::NAMETOOLONG)
    }

    /// Whether a file was locked by another process.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.is(Errno::WOULDBLOCK)
    }

    /// Whether something had the name already.
    #[must_use]
    pub fn is_occupied(&self) -> bool {
        self.is(Errno::EXIST)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { call, path, errno } => {
                write!(f, "{call} {}: {}", path.display(), io::Error::from_raw_os_error(errno.raw_os_error()))
            }
            Self::Unsafe { path, hazard } => write!(f, "{}: {hazard}", path.display()),
            Self::TooLarge { path, limit } => write!(f, "{}: larger than {limit} bytes", path.display()),
        }
    }
}

impl std::error::Error for Error {}
