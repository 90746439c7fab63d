//! Whether an agent is there, by its signs of life. Pure.

use crate::domain::{Liveness, Moment, Now};

/// How long after its last sign of life an agent is active, in milliseconds.
const ACTIVE_MS: u64 = 60_000;

/// How long after it an agent of which nothing else is known may still be there, in milliseconds: as long as its leases.
const IDLE_MS: u64 = 15 * 60_000;

/// What is known of an agent beside its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// Its last sign of life.
    pub seen: Option<Moment>,
    /// Whether its process still runs; `None` if there is none to be judged from here.
    pub process: Option<Liveness>,
    /// Whether what is known of it is of an earlier boot of this machine.
    pub before_boot: bool,
}

/// Whether an agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// It did something within the last minute.
    Active,
    /// Its process runs, or it did something within the last 15 minutes.
    Idle,
    /// Nothing tells whether it is still there.
    Stale,
    /// Its process has ended, or the machine was restarted.
    Gone,
}

impl Presence {
    /// Every one, the most present first.
    pub const ALL: [Self; 4] = [Self::Active, Self::Idle, Self::Stale, Self::Gone];

    /// It in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Stale => "stale",
            Self::Gone => "gone",
        }
    }
}

/// Whether an agent with these signs is there.
#[must_use]
pub fn presence(signs: &Signs, now: Now) -> Presence {
    let ago_ms = signs.seen.map(|seen| match seen.mono_ms {
        Some(mono_ms) => now.mono_ms.saturating_sub(mono_ms),
        None => seen.wall.ms_before(now.wall),
    });
    match (signs.process, ago_ms) {
        (Some(Liveness::Gone), _) => Presence::Gone,
        _ if signs.before_boot => Presence::Gone,
        (_, Some(ago)) if ago < ACTIVE_MS => Presence::Active,
        (Some(Liveness::Alive), _) => Presence::Idle,
        (_, Some(ago)) if ago < IDLE_MS => Presence::Idle,
        (Some(Liveness::Unknown) | None, _) => Presence::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn the_table_of_presence() {
        use Liveness::{Alive, Gone, Unknown};
        let now = Now { wall: Timestamp::from_unix_ms(10_000_000), mono_ms: 5_000_000 };
        let mono = |ago| Some(Moment { wall: Timestamp::from_unix_ms(0), mono_ms: Some(5_000_000 - ago) });
        let wall = |ago| Some(Moment { wall: Timestamp::from_unix_ms(10_000_000 - ago), mono_ms: None });
        for (seen, process, before_boot, wanted) in [
            (mono(0), Some(Alive), false, Presence::Active),
            (mono(ACTIVE_MS - 1), None, false, Presence::Active),
            (mono(ACTIVE_MS), Some(Alive), false, Presence::Idle),
            (mono(ACTIVE_MS), None, false, Presence::Idle),
            (wall(ACTIVE_MS - 1), Some(Unknown), false, Presence::Active),
            (wall(IDLE_MS - 1), Some(Unknown), false, Presence::Idle),
            (wall(IDLE_MS), Some(Unknown), false, Presence::Stale),
            (mono(IDLE_MS), None, false, Presence::Stale),
            (mono(4_000_000), Some(Alive), false, Presence::Idle),
            (None, Some(Alive), false, Presence::Idle),
            (None, None, false, Presence::Stale),
            (mono(0), Some(Gone), false, Presence::Gone),
            (None, Some(Gone), false, Presence::Gone),
            (wall(0), None, true, Presence::Gone),
        ] {
            assert_eq!(presence(&Signs { seen, process, before_boot }, now), wanted, "{seen:?} {process:?}");
        }
    }
}
