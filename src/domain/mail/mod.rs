//! Messages in a state directory: sending, reading, acknowledging (docs/protocol.md 9). What they may hold and when
//! something is due is decided in [`super::messages`].

mod ack;
mod due;
mod find;
mod inbox;
mod line;
mod pending;
mod prune;
mod send;
mod unread;

pub use ack::Acknowledged;
pub use due::Settled;
pub use find::{Found, Thread};
pub use inbox::Inbox;
pub use line::{Message, Older, short_id};
pub use pending::{Entry, Pending, is_due};
pub use prune::Pruned;
pub use send::{Draft, Sending, Sent, To};
pub use unread::Item;

use super::{Locks, messages::Limits};

/// The messages of one state directory, as one process sees and changes them.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// The way into the guard, and to signs of life.
    pub locks: Locks<'a>,
    /// The settings.
    pub settings: Settings,
}

/// What is set about messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many may be sent.
    pub limits: Limits,
    /// The size at which the log is rotated, in bytes.
    pub log_size: u64,
    /// How many older logs are kept; more as long as they are needed.
    pub log_count: usize,
    /// How long they are kept, in milliseconds; longer as long as they are needed.
    pub log_age_ms: u64,
}
