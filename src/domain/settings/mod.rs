//! The settings files of harnesses, in which our hooks are entered and from which they are taken out. Text in, text out.

mod block;
mod diff;
mod edit;
mod harnesses;
mod merge;
mod ours;
mod plugin;
mod record;
mod scan;

use std::fmt;

pub use block::{BLOCK, defers, with_block, without_block};
pub use diff::diff;
pub use harnesses::{Event, HARNESSES, Harness, Shape};
pub use merge::{Stripped, holds_hooks, is_bare, with_hooks, without_hooks};
pub use ours::Binary;
pub use plugin::{Plugin, plugin, recognise_plugin};
pub use record::{Guarded, Installation, Installed, sha256};

/// The longest file that is changed, in bytes.
pub const LONGEST: usize = 4 * 1024 * 1024;

/// Why a file cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The line, counted from 1, if it is one that is wrong.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}
