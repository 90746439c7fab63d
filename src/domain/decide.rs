//! What becomes of a request, given what stands there. Pure.

use super::{AgentId, LockFile, Token, Verdict};

/// Who asks to release or renew.
#[derive(Clone, Debug)]
pub enum Claimant {
    /// An agent, by its identity.
    Agent(AgentId),
    /// Whoever bears the token of the lease.
    Bearer(Token),
}

impl Claimant {
    /// Whether the lease in `lock` is theirs.
    #[must_use]
    pub fn owns(&self, lock: &LockFile) -> bool {
        match self {
            Self::Agent(agent) => lock.lease().agent_id == *agent,
            Self::Bearer(token) => lock.lease().token == *token,
        }
    }
}

/// What becomes of an acquire (docs/protocol.md 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireDecision {
    /// L1: nothing stands there.
    Grant,
    /// L1 over a lease of one's own that is over: a new fence, because others could have held it.
    GrantAgain,
    /// L2: the same lease goes on.
    Renew,
    /// L4: another's lease is over.
    TakeOver,
    /// Another holds it.
    Refuse,
}

/// Decides an acquire by `agent`.
#[must_use]
pub fn decide_acquire(found: Option<(&LockFile, Verdict)>, agent: &AgentId) -> AcquireDecision {
    match found {
        None => AcquireDecision::Grant,
        Some((lock, verdict)) => match (lock.lease().agent_id == *agent, verdict.is_over()) {
            (true, false) => AcquireDecision::Renew,
            (true, true) => AcquireDecision::GrantAgain,
            (false, true) => AcquireDecision::TakeOver,
            (false, false) => AcquireDecision::Refuse,
        },
    }
}

/// What becomes of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// L5: it is theirs, over or not.
    Remove,
    /// Nobody holds it: what stands there, if anything, is another's lease that is over.
    Nobody,
    /// Another holds it.
    Refuse,
}

/// Decides a release.
#[must_use]
pub fn decide_release(found: Option<(&LockFile, Verdict)>, who: &Claimant) -> GiveUp {
    match found {
        Some((lock, _)) if who.owns(lock) => GiveUp::Remove,
        Some((_, verdict)) if !verdict.is_over() => GiveUp::Refuse,
        Some(_) | None => GiveUp::Nobody,
    }
}

/// What becomes of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewDecision {
    /// L2: the same lease goes on.
    Renew,
    /// It is theirs, but over: L1 with a new fence.
    GrantAgain,
    /// There is nothing of theirs, nor of anybody else.
    Nobody,
    /// Another holds it, or held it last.
    Refuse,
}

/// Decides a renewal.
#[must_use]
pub fn decide_renew(found: Option<(&LockFile, Verdict)>, who: &Claimant) -> RenewDecision {
    match found {
        None => RenewDecision::Nobody,
        Some((lock, verdict)) => match (who.owns(lock), verdict.is_over()) {
            (true, false) => RenewDecision::Renew,
            (true, true) => RenewDecision::GrantAgain,
            (false, true) => RenewDecision::Nobody,
            (false, false) => RenewDecision::Refuse,
        },
    }
}
