//! Everything that touches tmux: which servers there are, their panes, the agents in front of them, and typing a line
//! to one. Nothing else in the crate starts tmux.
//!
//! A pane is a courtesy and the inbox the truth, so whatever is doubtful ends in nothing being typed.

mod call;
mod deliver;
mod front;
mod line;
mod list;
mod readers;
mod servers;

use std::ffi::OsString;

pub use deliver::{Delivery, Target};
pub(super) use front::called_like;
pub use front::{Found, Table, agent_in, is_in_front, started_with};
pub use line::{LINE_LIMIT, Line};
pub use list::{Listing, Pane, Unreachable};
pub use servers::{server_started, servers};

/// The program `tmux`.
#[derive(Clone, Debug)]
pub struct Tmux {
    program: OsString,
}

impl Default for Tmux {
    /// The one on `PATH`.
    fn default() -> Self {
        Self::at("tmux")
    }
}

impl Tmux {
    /// A program that is called like `tmux`: a path, or a name to be looked for on `PATH`.
    pub fn at(program: impl Into<OsString>) -> Self {
        Self { program: program.into() }
    }
}
