//! What a lock is and what may be done to it (docs/protocol.md 4). Decisions are pure functions over values.

mod agent;
pub mod agents;
mod beat;
mod decide;
mod depth;
mod encode;
pub mod environment;
mod glob;
mod history;
mod holder;
pub mod hooks;
mod key;
mod lock_file;
mod locks;
pub mod mail;
pub mod messages;
mod notices;
mod outcome;
mod overlap;
mod process;
pub mod queue;
pub mod records;
pub mod redact;
mod resource;
pub mod settings;
mod time;
mod token;
mod verdict;

pub use agent::AgentId;
pub use beat::{Beat, Evidence, Here, Moment, Standing, standing};
pub use decide::{
    AcquireDecision, Claimant, GiveUp, Overlap, RenewDecision, decide_acquire, decide_release, decide_renew,
    is_worth_renewing,
};
pub use depth::{DEPTH_VARIABLE, Depth, DepthError};
pub use glob::{Glob, GlobError};
pub use history::{Filter, history};
pub use holder::{Class, Holder, Mode, Party, Whose, Wrapper};
pub use key::{NameError, NameKey, PathKey, TreeKey, Worktree, is_invisible};
use lock_file::damage;
pub use lock_file::{Head, LockFile, parse_lock};
pub use locks::{Account, Caller, CancelledPlace, Inside, Kernel, Locks, Waiter, Whereabouts};
pub use notices::notices;
pub use outcome::{
    Acquired, Changed, Cleaned, Found, Grant, Granted, Link, Looked, Outcome, Place, Refusal, Request, Selector,
};
pub use overlap::{Files, overlap};
pub use process::{Liveness, Mark, Origin, PidNamespace, Process};
pub use queue::{Keep, Presence, Stand, Ticket, TicketState, Turn};
use resource::may_overlap;
pub use resource::{Candidates, Kind, NAME_PREFIX, Resource, candidates};
pub use time::{Now, Timestamp, Ttl, TtlError};
pub use token::Token;
pub use verdict::{Facts, Verdict, verdict, verdict_on_renewed};

/// Errors are the store's: the domain adds outcomes, not failures.
pub type Result<T> = crate::store::Result<T>;
