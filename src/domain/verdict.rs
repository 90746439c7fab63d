//! When is a lease over? (docs/protocol.md 4.2)

use super::{Holder, Now};
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

/// What is known of the holder's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing: only time can end the lease.
    Nothing,
    /// It is provably gone.
    Gone,
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
/// A time in the future counts as now. Age alone never ends a lease that is renewed.
#[must_use]
pub fn verdict(lease: &Holder, facts: &Facts, evidence: Evidence) -> Verdict {
    if facts.era.number != Some(lease.era) {
        return Verdict::Orphaned { why: "granted before the machine was restarted or the directory copied" };
    }
    if evidence == Evidence::Gone {
        return Verdict::Orphaned { why: "the holder's process is gone" };
    }
    let (elapsed, limit) = match lease.renewed_mono_ms {
        Some(renewed) if facts.era.same_boot => (facts.now.mono_ms.saturating_sub(renewed), lease.ttl_s.ms()),
        _ => (lease.renewed_at.ms_before(facts.now.wall), lease.ttl_s.ms() + WALL_GRACE_MS),
    };
    match limit.checked_sub(elapsed) {
        Some(left_ms) if left_ms > 0 => Verdict::Live { left_ms },
        _ => Verdict::Expired { ago_ms: elapsed.saturating_sub(limit) },
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AgentId, LockFile, PathKey, Resource, Timestamp, Token, Ttl, Worktree, lock_file::NewLease},
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
            resource: &resource,
            number: ERA + 1,
            era: ERA,
            same_boot,
            token: Token::from_bits(0),
            ttl: Ttl::try_from(10).unwrap(),
            reason: String::new(),
            host: "box",
            now: Now { wall: Timestamp::from_unix_ms(WALL), mono_ms: MONO },
        };
        LockFile::grant(new).lease().clone()
    }

    #[test]
    fn the_whole_table() {
        use Evidence::{Gone, Nothing};
        let live = |left_ms| Verdict::Live { left_ms };
        let expired = |ago_ms| Verdict::Expired { ago_ms };
        let other_era = Verdict::Orphaned { why: "granted before the machine was restarted or the directory copied" };
        let gone = Verdict::Orphaned { why: "the holder's process is gone" };
        // (monotonic time in the lease, era now, same boot now, evidence, wall now - WALL, mono now - MONO, verdict)
        let table = [
            // The same boot: only the monotonic clock counts, whatever was done to the wall clock.
            (true, Some(ERA), true, Nothing, 0, 0, live(10_000)),
            (true, Some(ERA), true, Nothing, 9_999, 9_999, live(1)),
            (true, Some(ERA), true, Nothing, 10_000, 10_000, expired(0)),
            (true, Some(ERA), true, Nothing, 12_000, 12_000, expired(2_000)),
            (true, Some(ERA), true, Nothing, 100_000_000, 5_000, live(5_000)),
            (true, Some(ERA), true, Nothing, -100_000_000, 5_000, live(5_000)),
            (true, Some(ERA), true, Nothing, -100_000_000, 10_000, expired(0)),
            // A monotonic time in the future counts as now.
            (true, Some(ERA), true, Nothing, 0, -4_000, live(10_000)),
            // Monotonic clocks that do not compare: wall time and a minute.
            (false, Some(ERA), true, Nothing, 0, 1_000_000, live(70_000)),
            (false, Some(ERA), true, Nothing, 69_999, 0, live(1)),
            (false, Some(ERA), true, Nothing, 70_000, 0, expired(0)),
            (true, Some(ERA), false, Nothing, 69_999, 1_000_000, live(1)),
            (true, Some(ERA), false, Nothing, 70_001, 0, expired(1)),
            (false, Some(ERA), false, Nothing, -1_000_000, 0, live(70_000)),
            // The process is gone.
            (true, Some(ERA), true, Gone, 0, 0, gone),
            (true, Some(ERA), true, Gone, 20_000, 20_000, gone),
            // Another era, or one that is over: nobody holds anything, however fresh.
            (true, Some(ERA + 1), true, Nothing, 0, 0, other_era),
            (true, Some(ERA - 1), true, Nothing, 0, 0, other_era),
            (true, None, false, Nothing, 0, 0, other_era),
            (false, None, false, Gone, 0, 0, other_era),
        ];
        for (row, (mono_kept, era, same_boot, evidence, wall, mono, wanted)) in table.into_iter().enumerate() {
            let facts = Facts {
                era: CurrentEra { number: era, recorded: era.unwrap_or(ERA), same_boot },
                now: Now {
                    wall: Timestamp::from_unix_ms(WALL.checked_add_signed(wall).unwrap()),
                    mono_ms: MONO.checked_add_signed(mono).unwrap(),
                },
            };
            assert_eq!(verdict(&lease(mono_kept), &facts, evidence), wanted, "row {row}");
        }
    }
}
