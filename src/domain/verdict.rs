//! When is a lease over? (docs/protocol.md 4.2)

use super::{Class, Evidence, Holder, Moment, Now};
use crate::store::CurrentEra;

/// What another clock may be off by, in milliseconds, when monotonic times do not compare.
const WALL_GRACE_MS: u64 = 60_000;

/// What a verdict rests on beside the lease.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The era as it stands.
    pub era: CurrentEra,
    /// Now.
    pub now: Now,
}

/// Whether a lease still excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does, for this many milliseconds more unless it is renewed.
    Live {
        /// Milliseconds left.
        left_ms: u64,
    },
    /// It has not been renewed for its TTL.
    Expired {
        /// Milliseconds since then.
        ago_ms: u64,
    },
    /// Its holder cannot come back.
    Orphaned {
        /// Why not.
        why: &'static str,
    },
}

impl Verdict {
    /// Whether anybody may take it.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Live { .. })
    }

    /// The state in one word, as files and output name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live { .. } => "live",
            Self::Expired { .. } => "expired",
            Self::Orphaned { .. } => "orphaned",
        }
    }
}

/// Whether `lease` is over.
///
/// A renewal in the future counts as now; a beat in the future is none. Age alone ends no lease that is renewed, but one that was
/// taken for a limited time.
#[must_use]
pub fn verdict(lease: &Holder, facts: &Facts, evidence: &Evidence) -> Verdict {
    if facts.era.number != Some(lease.era) {
        return Verdict::Orphaned { why: "granted before the machine was restarted or the directory copied" };
    }
    if evidence.gone {
        let why = match lease.class {
            Class::Explicit | Class::Automatic => "its agent's process is gone",
            Class::Run => "the process that ran its command is gone",
        };
        return Verdict::Orphaned { why };
    }
    let renewed = Moment { wall: lease.renewed_at, mono_ms: lease.renewed_mono_ms };
    // A working agent renews by working what it asked for.
    let seen = match lease.class {
        Class::Explicit => evidence.seen,
        // It is renewed by touching the file alone, or by the wrapper, as long as it does.
        Class::Automatic | Class::Run => None,
    };
    let at_most = match at_most(lease, facts) {
        Some((0, ago_ms)) => return Verdict::Expired { ago_ms },
        Some((left_ms, _)) => left_ms,
        None => u64::MAX,
    };
    let spans = [Some(renewed), seen].into_iter().flatten().map(|sign| left(sign, lease.ttl_s.ms(), facts));
    match spans.max_by_key(|(left, over)| (*left, std::cmp::Reverse(*over))) {
        Some((left_ms, _)) if left_ms > 0 => Verdict::Live { left_ms: left_ms.min(at_most) },
        Some((_, ago_ms)) => Verdict::Expired { ago_ms },
        None => Verdict::Expired { ago_ms: 0 },
    }
}

/// The verdict on a lease that was granted or renewed just now.
#[must_use]
pub fn verdict_on_renewed(lease: &Holder, facts: &Facts) -> Verdict {
    let at_most = at_most(lease, facts).map_or(u64::MAX, |(left_ms, _)| left_ms);
    Verdict::Live { left_ms: lease.ttl_s.ms().min(at_most) }
}

/// How much is left of the time that a lease may last at all, or else how long ago it ran out, in milliseconds; `None` if
/// it may last for ever.
fn at_most(lease: &Holder, facts: &Facts) -> Option<(u64, u64)> {
    let granted = Moment { wall: lease.acquired_at, mono_ms: lease.acquired_mono_ms };
    lease.max_hold_s.map(|max_hold_s| left(granted, max_hold_s.saturating_mul(1000), facts))
}

/// How much of the TTL is left after this sign of life, or else how long ago it ran out, in milliseconds.
fn left(sign: Moment, ttl_ms: u64, facts: &Facts) -> (u64, u64) {
    let (elapsed, limit) = match sign.mono_ms {
        Some(mono_ms) if facts.era.same_boot => (facts.now.mono_ms.saturating_sub(mono_ms), ttl_ms),
        _ => (sign.wall.ms_before(facts.now.wall), ttl_ms + WALL_GRACE_MS),
    };
    (limit.saturating_sub(elapsed), elapsed.saturating_sub(limit))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AgentId, PathKey, Resource, Timestamp, Token, Ttl, Worktree, holder::NewLease},
        *,
    };

    const WALL: u64 = 1_795_228_279_000;
    const MONO: u64 = 5_000_000;
    const ERA: u64 = 1000;

    /// Granted at WALL and MONO in ERA, for 10 s.
    fn lease(same_boot: bool) -> Holder {
        let resource = Resource::Path(Worktree::MAIN, PathKey::new([&b"a"[..]]).unwrap());
        let new = NewLease {
            agent: &AgentId::new("alice").unwrap(),
            resources: &[resource],
            class: Class::Explicit,
            max_hold: None,
            wrapper: None,
            number: ERA + 1,
            era: ERA,
            same_boot,
            token: Token::from_bits(0),
            ttl: Ttl::try_from(10).unwrap(),
            reason: String::new(),
            host: "box",
            now: Now { wall: Timestamp::from_unix_ms(WALL), mono_ms: MONO },
        };
        Holder::grant(new)
    }

    #[test]
    fn a_lease_for_a_limited_time_ends_however_often_it_is_renewed() {
        let mut lease = lease(true);
        (lease.max_hold_s, lease.acquired_mono_ms) = (Some(60), Some(MONO));
        let at = |after_ms: u64, lease: &mut Holder| {
            (lease.renewed_at, lease.renewed_mono_ms) =
                (Timestamp::from_unix_ms(WALL + after_ms), Some(MONO + after_ms));
            let now = Now { wall: Timestamp::from_unix_ms(WALL + after_ms), mono_ms: MONO + after_ms };
            let era = CurrentEra { number: Some(ERA), recorded: ERA, same_boot: true };
            verdict(lease, &Facts { era, now }, &Evidence::NOTHING)
        };
        assert_eq!(at(0, &mut lease), Verdict::Live { left_ms: 10_000 });
        assert_eq!(at(55_000, &mut lease), Verdict::Live { left_ms: 5_000 });
        assert_eq!(at(60_001, &mut lease), Verdict::Expired { ago_ms: 1 });
        lease.max_hold_s = None;
        assert_eq!(at(60_001, &mut lease), Verdict::Live { left_ms: 10_000 }, "the control");
    }

    #[test]
    fn the_table_of_classes() {
        let live = |left_ms| Verdict::Live { left_ms };
        let expired = |ago_ms| Verdict::Expired { ago_ms };
        let orphaned = |why| Verdict::Orphaned { why };
        let agent = "its agent's process is gone";
        let run = "the process that ran its command is gone";
        let over = "granted before the machine was restarted or the directory copied";
        // A beat 8 s after the grant.
        let seen = Some(Moment { wall: Timestamp::from_unix_ms(WALL + 8_000), mono_ms: Some(MONO + 8_000) });
        let (silent, working) = (Evidence::NOTHING, Evidence { gone: false, seen });
        let (gone, gone_since) = (Evidence { gone: true, seen: None }, Evidence { gone: true, seen });
        // (evidence, era, milliseconds after the grant, verdict by class: explicit, automatic, run)
        let table = [
            (silent, ERA, 0, [live(10_000); 3]),
            (silent, ERA, 9_999, [live(1); 3]),
            (silent, ERA, 10_000, [expired(0); 3]),
            // A sign of life prolongs only what was asked for.
            (working, ERA, 9_000, [live(9_000), live(1_000), live(1_000)]),
            (working, ERA, 10_000, [live(8_000), expired(0), expired(0)]),
            (working, ERA, 17_999, [live(1), expired(7_999), expired(7_999)]),
            (working, ERA, 18_000, [expired(0), expired(8_000), expired(8_000)]),
            // Whose process is gone holds nothing, however fresh.
            (gone, ERA, 0, [orphaned(agent), orphaned(agent), orphaned(run)]),
            (gone_since, ERA, 9_000, [orphaned(agent), orphaned(agent), orphaned(run)]),
            (gone, ERA, 20_000, [orphaned(agent), orphaned(agent), orphaned(run)]),
            (working, ERA + 1, 9_000, [orphaned(over); 3]),
            (gone, ERA + 1, 0, [orphaned(over); 3]),
        ];
        for (row, (evidence, era, after, wanted)) in table.into_iter().enumerate() {
            let now = Now { wall: Timestamp::from_unix_ms(WALL + after), mono_ms: MONO + after };
            let facts = Facts { era: CurrentEra { number: Some(era), recorded: era, same_boot: true }, now };
            let found = [Class::Explicit, Class::Automatic, Class::Run]
                .map(|class| verdict(&Holder { class, ..lease(true) }, &facts, &evidence));
            assert_eq!(found, wanted, "row {row}");
        }
    }

    #[test]
    fn the_whole_table() {
        let live = |left_ms| Verdict::Live { left_ms };
        let expired = |ago_ms| Verdict::Expired { ago_ms };
        let other_era = Verdict::Orphaned { why: "granted before the machine was restarted or the directory copied" };
        let gone = Verdict::Orphaned { why: "its agent's process is gone" };
        let nothing = Evidence::NOTHING;
        let gone_then = Evidence { gone: true, seen: None };
        // Seen so long after the grant, by the wall clock and by the monotonic one.
        let seen = |wall: i64, mono: Option<i64>| Evidence {
            gone: false,
            seen: Some(Moment {
                wall: Timestamp::from_unix_ms(WALL.checked_add_signed(wall).unwrap()),
                mono_ms: mono.map(|mono| MONO.checked_add_signed(mono).unwrap()),
            }),
        };
        // (monotonic time in the lease, era now, same boot now, evidence, wall now - WALL, mono now - MONO, verdict)
        let table = [
            // The same boot: only the monotonic clock counts, whatever was done to the wall clock.
            (true, Some(ERA), true, nothing, 0, 0, live(10_000)),
            (true, Some(ERA), true, nothing, 9_999, 9_999, live(1)),
            (true, Some(ERA), true, nothing, 10_000, 10_000, expired(0)),
            (true, Some(ERA), true, nothing, 12_000, 12_000, expired(2_000)),
            (true, Some(ERA), true, nothing, 100_000_000, 5_000, live(5_000)),
            (true, Some(ERA), true, nothing, -100_000_000, 5_000, live(5_000)),
            (true, Some(ERA), true, nothing, -100_000_000, 10_000, expired(0)),
            // A monotonic time in the future counts as now.
            (true, Some(ERA), true, nothing, 0, -4_000, live(10_000)),
            // Monotonic clocks that do not compare: wall time and a minute.
            (false, Some(ERA), true, nothing, 0, 1_000_000, live(70_000)),
            (false, Some(ERA), true, nothing, 69_999, 0, live(1)),
            (false, Some(ERA), true, nothing, 70_000, 0, expired(0)),
            (true, Some(ERA), false, nothing, 69_999, 1_000_000, live(1)),
            (true, Some(ERA), false, nothing, 70_001, 0, expired(1)),
            (false, Some(ERA), false, nothing, -1_000_000, 0, live(70_000)),
            // A beat after the renewal: the agent works, so the lease goes on. One before it changes nothing.
            (true, Some(ERA), true, seen(0, Some(8_000)), 0, 15_000, live(3_000)),
            (true, Some(ERA), true, seen(0, Some(8_000)), 0, 18_000, expired(0)),
            (true, Some(ERA), true, seen(0, Some(-8_000)), 0, 9_000, live(1_000)),
            (true, Some(ERA), true, seen(0, Some(-8_000)), 0, 11_000, expired(1_000)),
            (true, Some(ERA), true, seen(8_000, None), 15_000, 15_000, live(63_000)),
            (false, Some(ERA), false, seen(60_000, Some(60_000)), 100_000, 0, live(30_000)),
            (false, Some(ERA), false, seen(60_000, Some(60_000)), 130_000, 0, expired(0)),
            // The process is gone, however fresh lease and beat.
            (true, Some(ERA), true, gone_then, 0, 0, gone),
            (true, Some(ERA), true, gone_then, 20_000, 20_000, gone),
            (true, Some(ERA), true, Evidence { gone: true, ..seen(0, Some(0)) }, 0, 0, gone),
            // Another era, or one that is over: nobody holds anything, however fresh.
            (true, Some(ERA + 1), true, nothing, 0, 0, other_era),
            (true, Some(ERA - 1), true, nothing, 0, 0, other_era),
            (true, Some(ERA + 1), true, seen(0, Some(0)), 0, 0, other_era),
            (true, None, false, nothing, 0, 0, other_era),
            (false, None, false, gone_then, 0, 0, other_era),
        ];
        for (row, (mono_kept, era, same_boot, evidence, wall, mono, wanted)) in table.into_iter().enumerate() {
            let facts = Facts {
                era: CurrentEra { number: era, recorded: era.unwrap_or(ERA), same_boot },
                now: Now {
                    wall: Timestamp::from_unix_ms(WALL.checked_add_signed(wall).unwrap()),
                    mono_ms: MONO.checked_add_signed(mono).unwrap(),
                },
            };
            assert_eq!(verdict(&lease(mono_kept), &facts, &evidence), wanted, "row {row}");
        }
    }
}
