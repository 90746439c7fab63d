//! What becomes of a request, given what stands there. Pure.

use super::{AgentId, Class, Holder, Mode, Token, Whose};

/// Who asks to release or renew.
#[derive(Clone, Debug)]
pub enum Claimant {
    /// An agent, by its identity: what it holds itself.
    Agent(AgentId),
    /// The same, and what commands hold that it runs.
    AgentAndRuns(AgentId),
    /// An agent, by its identity: what the edit hook took for it.
    Automatic(AgentId),
    /// Whoever bears the token of the lease.
    Bearer(Token),
}

impl Claimant {
    /// Whether this lease is theirs.
    #[must_use]
    pub fn owns(&self, lease: &Holder) -> bool {
        match self {
            // What a command runs under is the wrapper's, who has the token.
            Self::Agent(agent) => lease.agent_id == *agent && lease.class.is_own(),
            Self::Automatic(agent) => lease.agent_id == *agent && lease.class == Class::Automatic,
            Self::AgentAndRuns(agent) => lease.agent_id == *agent,
            Self::Bearer(token) => lease.token == *token,
        }
    }
}

/// A lease that overlaps what is wanted, as far as the decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Whose it is to whoever asks.
    pub whose: Whose,
    /// It is on the very resource that is wanted.
    pub same: bool,
    /// Its mode.
    pub mode: Mode,
    /// It is over: expired or orphaned.
    pub over: bool,
}

/// What becomes of an acquire of one resource (docs/protocol.md 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireDecision {
    /// L1, L3, L4: a new lease, after every overlapping one that is over has been ended.
    Grant,
    /// L2: the same lease goes on.
    Renew,
    /// L2: the same lease goes on, exclusive from now; what is over beside it is ended first.
    Upgrade,
    /// L2: the same lease goes on, shared from now.
    Downgrade,
    /// Another holds it, or what overlaps it.
    Refuse,
}

/// Decides an acquire in mode `wanted`.
#[must_use]
pub fn decide_acquire(wanted: Mode, overlaps: &[Overlap]) -> AcquireDecision {
    let excludes = |other: &Overlap| wanted == Mode::Exclusive || other.mode == Mode::Exclusive;
    if overlaps.iter().any(|other| other.whose == Whose::Other && !other.over && excludes(other)) {
        return AcquireDecision::Refuse;
    }
    let own = overlaps.iter().find(|other| other.whose == Whose::Mine && other.same && !other.over);
    // What a command of the same agent needs on the very file keeps it exclusive.
    let kin = overlaps.iter().any(|other| other.whose == Whose::Kin && other.same && !other.over);
    match (own.map(|own| own.mode), wanted) {
        (None, _) => AcquireDecision::Grant,
        (Some(Mode::Exclusive), Mode::Shared) if kin => AcquireDecision::Renew,
        (Some(Mode::Exclusive), Mode::Exclusive) | (Some(Mode::Shared), Mode::Shared) => AcquireDecision::Renew,
        (Some(Mode::Shared), Mode::Exclusive) => AcquireDecision::Upgrade,
        (Some(Mode::Exclusive), Mode::Shared) => AcquireDecision::Downgrade,
    }
}

/// What becomes of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// L5: there is one of theirs, over or not.
    Remove,
    /// Nobody holds it: what stands there, if anything, is over and another's.
    Nobody,
    /// Another holds it.
    Refuse,
}

/// Decides a release of one resource, given the leases on it: whether each is the claimant's, and over.
#[must_use]
pub fn decide_release(found: &[(bool, bool)]) -> GiveUp {
    if found.iter().any(|(theirs, _)| *theirs) {
        GiveUp::Remove
    } else if found.iter().any(|(_, over)| !over) {
        GiveUp::Refuse
    } else {
        GiveUp::Nobody
    }
}

/// What becomes of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewDecision {
    /// L2: the same lease goes on.
    Renew,
    /// It is theirs, but over: L1 with all its checks and a new fence.
    GrantAgain,
    /// There is nothing of theirs, nor of anybody else.
    Nobody,
    /// Another holds it.
    Refuse,
}

/// Decides a renewal of one resource, given the leases on it: whether each is the claimant's, and over.
#[must_use]
pub fn decide_renew(found: &[(bool, bool)]) -> RenewDecision {
    match found.iter().find(|(theirs, _)| *theirs) {
        Some((_, false)) => RenewDecision::Renew,
        Some((_, true)) => RenewDecision::GrantAgain,
        None if found.iter().any(|(_, over)| !over) => RenewDecision::Refuse,
        None => RenewDecision::Nobody,
    }
}

/// Whether a lease is renewed when it is acquired again and nothing else about it changes: only when less than three
/// quarters of its TTL are left, so that touching it often costs nothing.
#[must_use]
pub fn is_worth_renewing(left_ms: u64, ttl_ms: u64) -> bool {
    left_ms.saturating_mul(4) < ttl_ms.saturating_mul(3)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{NameKey, Now, Party, Resource, Timestamp, Ttl, holder::NewLease},
        *,
    };

    const CLASSES: [Class; 3] = [Class::Explicit, Class::Automatic, Class::Run];

    fn agent(id: &str) -> AgentId {
        AgentId::new(id).unwrap()
    }

    fn lease(of: &str, class: Class) -> Holder {
        Holder::grant(NewLease {
            agent: &agent(of),
            resources: &[Resource::Name(NameKey::new("x").unwrap())],
            class,
            max_hold: None,
            wrapper: None,
            number: 1001,
            era: 1000,
            same_boot: true,
            token: Token::from_bits(7),
            ttl: Ttl::DEFAULT,
            reason: String::new(),
            host: "box",
            now: Now { wall: Timestamp::from_unix_ms(0), mono_ms: 0 },
        })
    }

    #[test]
    fn the_table_of_whose_a_lease_is() {
        use Class::{Automatic, Explicit, Run};
        use Whose::{Kin, Mine, Other};
        // (class of the lease, class that is asked for, inside that run, whose)
        let table = [
            (Explicit, Explicit, false, Mine),
            (Explicit, Automatic, false, Mine),
            (Explicit, Run, false, Kin),
            (Automatic, Explicit, false, Mine),
            (Automatic, Automatic, false, Mine),
            (Automatic, Run, false, Kin),
            (Run, Explicit, false, Other),
            (Run, Automatic, false, Other),
            (Run, Run, false, Other),
            (Run, Explicit, true, Kin),
            (Run, Automatic, true, Kin),
            (Run, Run, true, Kin),
        ];
        for (row, (held, asked, is_inside, whose)) in table.into_iter().enumerate() {
            let inside = if is_inside { vec!["l-1001".to_owned()] } else { vec!["l-1".to_owned()] };
            let party = Party { agent: agent("alice"), class: asked, inside };
            assert_eq!(party.relation(&lease("alice", held)), whose, "row {row}");
            for other in ["bob", "alice.7d21e0aa"] {
                assert_eq!(party.relation(&lease(other, held)), Other, "row {row}, {other}");
            }
        }
        assert_eq!(CLASSES.map(Class::is_own), [true, true, false]);
    }

    /// What is said of it in words: what is over stops nobody; another's does, and so does a command of the own agent; the
    /// agent's own lease goes on, whichever way it came about, but a command has one of its own.
    #[test]
    fn each_class_against_each() {
        let mut rows = 0;
        for (held, asked) in CLASSES.into_iter().flat_map(|held| CLASSES.map(|asked| (held, asked))) {
            for (of, over) in [("alice", false), ("alice", true), ("bob", false), ("bob", true)] {
                let party = Party { agent: agent("alice"), class: asked, inside: Vec::new() };
                let whose = party.relation(&lease(of, held));
                let overlap = Overlap { whose, same: true, mode: Mode::Exclusive, over };
                let wanted = match (over, of, held, asked) {
                    (true, ..) => AcquireDecision::Grant,
                    (false, "bob", ..) | (false, _, Class::Run, _) => AcquireDecision::Refuse,
                    (false, _, _, Class::Run) => AcquireDecision::Grant,
                    (false, ..) => AcquireDecision::Renew,
                };
                let found = decide_acquire(Mode::Exclusive, &[overlap]);
                assert_eq!(found, wanted, "{held:?} of {of}, over: {over}; {asked:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, 36);
    }

    #[test]
    fn the_table_of_whose_a_lease_is_to_release() {
        let (alice, token) = (|| agent("alice"), |bits| Claimant::Bearer(Token::from_bits(bits)));
        // By class: explicit, automatic, run.
        for (row, (claimant, of, wanted)) in [
            (Claimant::Agent(alice()), "alice", [true, true, false]),
            (Claimant::Automatic(alice()), "alice", [false, true, false]),
            (Claimant::AgentAndRuns(alice()), "alice", [true; 3]),
            (token(7), "alice", [true; 3]),
            (Claimant::Agent(alice()), "bob", [false; 3]),
            (Claimant::Automatic(alice()), "bob", [false; 3]),
            (Claimant::AgentAndRuns(alice()), "bob", [false; 3]),
            (token(7), "bob", [true; 3]),
            (token(8), "alice", [false; 3]),
            // A subagent is another agent.
            (Claimant::Agent(alice()), "alice.7d21e0aa", [false; 3]),
            (Claimant::Automatic(alice()), "alice.7d21e0aa", [false; 3]),
            (Claimant::AgentAndRuns(alice()), "alice.7d21e0aa", [false; 3]),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(CLASSES.map(|class| claimant.owns(&lease(of, class))), wanted, "row {row}");
        }
    }

    #[test]
    fn the_table_of_acquiring() {
        use AcquireDecision::{Downgrade, Grant, Refuse, Renew, Upgrade};
        use Mode::{Exclusive, Shared};
        let lease = |mine, same, mode, over| {
            let whose = if mine { Whose::Mine } else { Whose::Other };
            Overlap { whose, same, mode, over }
        };
        let kin = |same, mode| Overlap { whose: Whose::Kin, same, mode, over: false };
        let mine = |mode| lease(true, true, mode, false);
        let other = |mode| lease(false, true, mode, false);
        let beside = |mode| lease(false, false, mode, false);
        let table: Vec<(Mode, Vec<Overlap>, AcquireDecision)> = vec![
            (Exclusive, vec![], Grant),
            (Shared, vec![], Grant),
            (Exclusive, vec![other(Exclusive)], Refuse),
            (Exclusive, vec![other(Shared)], Refuse),
            (Shared, vec![other(Exclusive)], Refuse),
            (Shared, vec![other(Shared)], Grant),
            (Exclusive, vec![beside(Exclusive)], Refuse),
            (Exclusive, vec![beside(Shared)], Refuse),
            (Shared, vec![beside(Exclusive)], Refuse),
            (Shared, vec![beside(Shared)], Grant),
            (Exclusive, vec![mine(Exclusive)], Renew),
            (Shared, vec![mine(Shared)], Renew),
            (Shared, vec![mine(Shared), other(Shared)], Renew),
            (Exclusive, vec![mine(Shared)], Upgrade),
            (Exclusive, vec![mine(Shared), other(Shared)], Refuse),
            (Exclusive, vec![mine(Shared), beside(Shared)], Refuse),
            (Exclusive, vec![mine(Shared), lease(false, true, Shared, true)], Upgrade),
            (Shared, vec![mine(Exclusive)], Downgrade),
            // One's own lease on something that overlaps is no obstacle, and not this lease.
            (Exclusive, vec![lease(true, false, Exclusive, false)], Grant),
            (Shared, vec![lease(true, false, Exclusive, false)], Grant),
            // That of a command to its agent, or of the agent to its command, is no obstacle either, and never renewed.
            (Exclusive, vec![kin(true, Exclusive)], Grant),
            (Exclusive, vec![kin(false, Exclusive)], Grant),
            (Shared, vec![kin(true, Exclusive)], Grant),
            (Exclusive, vec![kin(true, Shared), other(Shared)], Refuse),
            (Shared, vec![mine(Exclusive), kin(true, Exclusive)], Renew),
            (Shared, vec![mine(Exclusive), kin(false, Exclusive)], Downgrade),
            // What is over excludes nobody, not even when it was one's own.
            (Exclusive, vec![lease(false, true, Exclusive, true)], Grant),
            (Exclusive, vec![lease(false, false, Shared, true)], Grant),
            (Exclusive, vec![lease(true, true, Exclusive, true)], Grant),
            (Shared, vec![lease(true, true, Exclusive, true), other(Shared)], Grant),
            (Exclusive, vec![lease(false, true, Shared, true), other(Shared)], Refuse),
        ];
        for (row, (wanted, overlaps, decision)) in table.into_iter().enumerate() {
            assert_eq!(decide_acquire(wanted, &overlaps), decision, "row {row}");
        }
    }

    #[test]
    fn the_tables_of_releasing_and_renewing() {
        let rows = [
            (vec![], GiveUp::Nobody, RenewDecision::Nobody),
            (vec![(true, false)], GiveUp::Remove, RenewDecision::Renew),
            (vec![(true, true)], GiveUp::Remove, RenewDecision::GrantAgain),
            (vec![(false, false)], GiveUp::Refuse, RenewDecision::Refuse),
            (vec![(false, true)], GiveUp::Nobody, RenewDecision::Nobody),
            (vec![(false, false), (true, false)], GiveUp::Remove, RenewDecision::Renew),
            (vec![(false, true), (false, false)], GiveUp::Refuse, RenewDecision::Refuse),
        ];
        for (found, release, renew) in rows {
            assert_eq!((decide_release(&found), decide_renew(&found)), (release, renew), "{found:?}");
        }
    }

    #[test]
    fn a_lease_is_renewed_by_acquiring_it_in_its_last_three_quarters() {
        assert!(!is_worth_renewing(750, 1000));
        assert!(is_worth_renewing(749, 1000));
        assert!(is_worth_renewing(0, 1000));
        assert!(!is_worth_renewing(1000, 1000));
    }
}
