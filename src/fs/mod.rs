//! The only system calls on files in this crate.
//!
//! Everything goes through [`Dir`], an open directory. A name is one component by type ([`FileName`]), no call follows
//! a symbolic link, and no call falls back to a path when the kernel lacks a safe one. `.clippy.toml` refuses every
//! other way to the file system outside this module.
#![expect(clippy::disallowed_methods, reason = "the one module that may make these calls")]

mod change;
mod dir;
mod error;
mod file;
mod flock;
mod kept;
mod list;
mod name;
mod resolve;
mod system;
mod watch;

pub use change::{Published, Stamp, Sync};
pub use dir::{Dir, Entry};
pub use error::{Error, Hazard};
pub use file::{File, FileId, Meta};
pub use flock::{Flocked, flock_holder};
pub use kept::Kept;
pub use name::FileName;
pub use system::{
    Kind, executable_at, given_umask, is_null, link_target, look_at, numbers_in, open_terminal, own_program,
    own_sockets, process_numbers, read_foreign, read_system_file, read_system_line, read_system_start,
    set_private_umask, set_umask,
};
pub use watch::Watch;

/// The result of a file system call.
pub type Result<T> = std::result::Result<T, Error>;
