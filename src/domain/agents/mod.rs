//! Agents: who is registered, how they are known again, and whether they are still there (docs/protocol.md 8).

mod bound;
mod change;
mod entry;
mod registry;
mod salvage;
mod status;

pub use bound::{Key, Place, id_in_pane, known_as};
pub use change::{Discovered, Forgotten, Registered, Retired};
pub use entry::{Agent, Enrolment, PaneKey};
pub use registry::Registry;
pub use status::{Presence, Signs, presence};
