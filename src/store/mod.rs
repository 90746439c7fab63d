//! The state directory: its guard, its era, and the three shapes of file in it (docs/protocol.md 1 to 3).
//!
//! This layer knows how a change is made so that it survives a kill at any instruction; what the changes mean is the
//! domain's.

mod ahead;
mod beats;
mod claim;
mod claims;
mod cursors;
mod document;
mod documents;
mod era;
mod error;
mod event;
mod guard;
mod init;
mod journal;
mod ledgers;
mod messages;
mod records;
mod remove;
mod session;
mod state_dir;
mod tickets;

pub use beats::Beats;
pub use claim::{CLAIM_ENDING, ClaimKey, Family, MAIN_WORKTREE, Place};
pub use claims::Claims;
pub use cursors::Cursor;
pub use document::{FORMAT, Versioned, parse_json};
pub use era::{CurrentEra, Machine};
pub use error::Error;
pub use event::{Event, Former, kind};
pub use init::{Created, init, sweep_dead_inits};
pub use journal::{events_after, events_from, read_events, read_last_events};
pub use messages::{MessageLog, OlderLog, messages_backwards};
pub use records::{RECORD_LOG_LIMIT, RecordFiles, RecordName};
pub use session::{Entry, Logged, Put, Session};
pub use state_dir::{StateDir, layout};
pub use tickets::{STATE_WIDTH, TICKET_PREFIX, Ticket, Tickets, ticket_file};

/// The result of working in the state directory.
pub type Result<T> = std::result::Result<T, Error>;
