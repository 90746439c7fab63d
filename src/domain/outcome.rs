//! What is asked of the locks, and what came of it.

use super::{AgentId, LockFile, Resource, Token, Ttl, Verdict};
use crate::store::{Error, Former, Logged};

/// A lock that stands, and whether it is over.
#[derive(Clone, Debug)]
pub struct Found {
    /// The lock.
    pub lock: LockFile,
    /// Whether it still excludes others.
    pub verdict: Verdict,
}

/// What somebody wants to hold.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub resource: Resource,
    /// Who.
    pub agent: AgentId,
    /// For how long; when renewing, `None` keeps what it was.
    pub ttl: Option<Ttl>,
    /// Why; when renewing, `None` keeps what it was.
    pub reason: Option<String>,
    /// The token of the lease if a new one is granted.
    pub token: Token,
}

/// How a lease was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Nobody held it.
    New,
    /// It was the same agent's, and over.
    Again,
    /// It was the same agent's, and goes on.
    Renewed,
    /// It was another's, and over.
    TookOver(Former),
}

/// What came of an acquire.
#[derive(Debug)]
pub enum Acquired {
    /// The lease is granted.
    Granted {
        /// It, as it stands now.
        lock: Box<LockFile>,
        /// How.
        how: Grant,
        /// Whether its event is written.
        logged: Logged,
    },
    /// Another holds it; nothing has changed.
    Held(Box<Found>),
}

/// Which leases to release or renew.
#[derive(Clone, Debug)]
pub enum Selector {
    /// Those on these resources.
    On(Vec<Resource>),
    /// All that are the claimant's.
    All,
}

/// What came of releasing or renewing one resource.
#[derive(Debug)]
pub enum Outcome {
    /// It is free now.
    Released(Box<LockFile>),
    /// It goes on, as it stands now; under a new fence if it was over.
    Renewed {
        /// The lock.
        lock: Box<LockFile>,
        /// Whether it had been over.
        again: bool,
    },
    /// Nobody holds it; a lease of another that is over may stand there.
    Nobody(Option<Box<Found>>),
    /// Another holds it; nothing has changed.
    NotYours(Box<Found>),
    /// Its file is damaged or unsafe, or the change failed; the others are tried all the same.
    Failed(Error),
}

/// One resource that a release or renewal was about.
#[derive(Debug)]
pub struct Changed {
    /// The resource, as a person writes it.
    pub resource: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the event of the change is written.
    pub logged: Logged,
}

impl Changed {
    pub(super) fn failed(resource: String, error: Error) -> Self {
        Self { resource, outcome: Outcome::Failed(error), logged: Logged::Yes }
    }
}

/// What `cleanup` did.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// Leases that were over and are gone.
    pub removed: Vec<Found>,
    /// Half-made files removed.
    pub swept: usize,
    /// Why lock files were left: they cannot be read, or not be removed.
    pub left: Vec<Error>,
    /// Why events of changes that took place are not written yet.
    pub unlogged: Vec<Error>,
}
