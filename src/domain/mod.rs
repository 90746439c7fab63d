//! What a lock is and what may be done to it (docs/protocol.md 4). Decisions are pure functions over values.

mod agent;
mod decide;
mod encode;
mod glob;
mod history;
mod key;
mod lock_file;
mod locks;
mod outcome;
mod overlap;
mod process;
pub mod redact;
mod resource;
mod time;
mod token;
mod verdict;

pub use agent::AgentId;
pub use decide::{AcquireDecision, Claimant, GiveUp, RenewDecision, decide_acquire, decide_release, decide_renew};
pub use glob::{Glob, GlobError};
pub use history::{Filter, history};
pub use key::{NameError, NameKey, PathKey, TreeKey, Worktree, is_invisible};
pub use lock_file::{Class, Holder, LockFile, Mode, parse_lock};
pub use locks::Locks;
pub use outcome::{Acquired, Changed, Cleaned, Found, Grant, Outcome, Request, Selector};
pub use overlap::{Files, overlap};
pub use process::{Liveness, PidNamespace, Process};
pub use resource::{Kind, NAME_PREFIX, Resource};
pub use time::{Now, Timestamp, Ttl, TtlError};
pub use token::Token;
pub use verdict::{Evidence, Facts, Verdict, verdict};

/// Errors are the store's: the domain adds outcomes, not failures.
pub type Result<T> = crate::store::Result<T>;
