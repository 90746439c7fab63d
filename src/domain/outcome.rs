//! What is asked of the locks, and what came of it.

use std::rc::Rc;

use super::{AgentId, Head, Holder, Mode, Party, Presence, Resource, Ticket, Token, Ttl, Turn, Verdict, Wrapper};
use crate::store::{ClaimKey, Error, Former, Logged};

/// A lease on one resource that stands, and whether it is over.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its lock file.
    pub key: ClaimKey,
    /// What it is on.
    pub head: Rc<Head>,
    /// The lease.
    pub lease: Holder,
    /// Whether it still excludes others.
    pub verdict: Verdict,
}

/// What stands on a resource and on all that overlaps it.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The leases, over or not.
    pub found: Vec<Found>,
    /// Leases of others on the same files in other worktrees: no obstacle now, a merge conflict later.
    pub also_held: Vec<Found>,
    /// Where nobody holds it: those who wait for it and come first.
    pub before: Vec<Place>,
}

/// What somebody wants to hold.
#[derive(Clone, Debug)]
pub struct Request {
    /// What: all of it or nothing.
    pub resources: Vec<Resource>,
    /// Whether others may share it.
    pub mode: Mode,
    /// Who.
    pub party: Party,
    /// The process that runs a command under the lease, if it is one that can be told from others.
    pub wrapper: Option<Wrapper>,
    /// How long the lease may last at all.
    pub max_hold: Option<Ttl>,
    /// For how long; `None` keeps what it was for what is already held.
    pub ttl: Option<Ttl>,
    /// For how long if nothing else is said.
    pub default_ttl: Ttl,
    /// Why; `None` keeps what it was for what is already held.
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
    /// It was the same agent's and shared, and is exclusive now.
    Upgraded,
    /// It was the same agent's and exclusive, and is shared now.
    Downgraded,
    /// It was another's, or others' leases overlapped it, and they were over.
    TookOver(Vec<Former>),
}

/// One resource granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The lease as it stands now.
    pub found: Found,
    /// How.
    pub how: Grant,
    /// Leases of others on the same files in other worktrees: no obstacle now, a merge conflict later.
    pub also_held: Vec<Found>,
}

impl Grant {
    /// How, in one word, as output names it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::New | Self::Again => "acquired",
            Self::Renewed => "renewed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::TookOver(_) => "taken_over",
        }
    }
}

/// What came of an acquire.
#[derive(Debug)]
pub enum Acquired {
    /// All of it is granted.
    Granted {
        /// Each resource, in the order of the request.
        granted: Vec<Granted>,
        /// What else there is to say of each change that took place.
        logged: Vec<Logged>,
    },
    /// Others are in the way; nothing is granted.
    Refused(Box<Refusal>),
    /// It would wait for itself: each of these waits for the next, the last for the first.
    Deadlock(Vec<Link>),
    /// The place in line is gone: it was cancelled, or its turn has passed twice.
    Dropped,
}

/// Who is in the way.
#[derive(Debug, Default)]
pub struct Refusal {
    /// Those who hold it, or what overlaps it.
    pub held: Vec<Found>,
    /// Those who come first, in the order of the line; empty while others hold it.
    pub before: Vec<Place>,
    /// The place in line of whoever asked, if it has one.
    pub place: Option<Place>,
}

impl Refusal {
    /// The first lease in the way that is of a relative of this agent.
    #[must_use]
    pub fn relative(&self, agent: Option<&AgentId>) -> Option<&Found> {
        let agent = agent?;
        self.held.iter().find(|found| found.lease.agent_id.is_relative(agent))
    }
}

/// A place in line.
#[derive(Clone, Debug)]
pub struct Place {
    /// The ticket.
    pub ticket: Ticket,
    /// Whether somebody stands behind it.
    pub presence: Presence,
    /// Whether its turn has come.
    pub turn: Turn,
    /// Those who hold what it wants, or what overlaps it.
    pub held: Vec<Found>,
    /// The number of the ticket that comes before it, if nobody holds what it wants.
    pub behind: Option<u64>,
}

/// One wait in a circle.
#[derive(Clone, Debug)]
pub struct Link {
    /// Who waits.
    pub agent: AgentId,
    /// For what, as people write it.
    pub wants: Vec<String>,
    /// What the next one holds of it; `None` if the next one only stands before this one in line.
    pub held: Option<Found>,
}

/// Which leases to release or renew.
#[derive(Clone, Debug)]
pub enum Selector {
    /// Those on these resources.
    On(Vec<Resource>),
    /// Those in these lock files.
    Files(Vec<ClaimKey>),
    /// All that are the claimant's.
    All,
}

/// What came of releasing or renewing one resource.
#[derive(Debug)]
pub enum Outcome {
    /// It is free now.
    Released(Box<Found>),
    /// It goes on, as it stands now; under a new fence if it was over.
    Renewed {
        /// The lease.
        found: Box<Found>,
        /// Whether it had been over.
        again: bool,
    },
    /// Nobody holds it; a lease of another that is over may stand there.
    Nobody(Option<Box<Found>>),
    /// Another holds it; nothing has changed.
    NotYours(Box<Found>),
    /// It was over, and others who wait come first; nothing has changed.
    Behind(Vec<Place>),
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
    /// How many half-made files and leases are gone.
    pub swept: usize,
    /// How many beats of agents that hold nothing are gone.
    pub beats: usize,
    /// How many ledgers of agents that are gone are gone too.
    pub ledgers: usize,
    /// How many records say now that their run was abandoned.
    pub abandoned: usize,
    /// Why lock files were left: they cannot be read, or not be removed.
    pub left: Vec<Error>,
    /// Why events of changes that took place are not written yet.
    pub unlogged: Vec<Error>,
}
