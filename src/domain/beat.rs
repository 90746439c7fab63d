//! Signs of life: what an agent leaves when it changes something, and what follows from it.

use serde::{Deserialize, Serialize};

use super::{AgentId, Liveness, Mark, Now, PidNamespace, Process, Timestamp};
use crate::store::{FORMAT, Machine};

/// How old the last beat is, in milliseconds, before another is written.
const INTERVAL_MS: u64 = 10_000;

/// How far in the future a beat may lie, in milliseconds, by clocks that differ.
const TOLERANCE_MS: u64 = 60_000;

/// An agent's newest sign of life, as `beats/<agent>` keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    v: u64,
    /// Whose it is.
    pub agent_id: AgentId,
    /// The boot that it is of.
    pub boot_id: String,
    /// The agent's own process: its harness, or that of its pane. `None` if there is none to tell.
    pub process: Option<Process>,
    /// If there is none: the nearest processes above the call that left the beat. Until the next one is due, a call
    /// from below one of them comes from no harness above it either, and need not look further up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<Mark>,
    /// Where that process has its number.
    pub pid_ns: Option<PidNamespace>,
    /// Whether the agent is in the registry, as this process of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub registered: bool,
    /// When it was.
    pub at: Timestamp,
    /// The same by `CLOCK_MONOTONIC`; `None` if it was another clock than the machine's own.
    pub mono_ms: Option<u64>,
    /// The machine's name.
    pub host: String,
}

/// A moment by the clocks that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the wall clock.
    pub wall: Timestamp,
    /// By `CLOCK_MONOTONIC` of this boot.
    pub mono_ms: Option<u64>,
}

/// What is known of a lease's holder beside the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether its process is provably gone.
    pub gone: bool,
    /// Its last sign of life.
    pub seen: Option<Moment>,
}

impl Evidence {
    /// Nothing: only the time of the lease itself can end it.
    pub const NOTHING: Self = Self { gone: false, seen: None };
}

/// Where a beat is judged.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// This boot.
    pub boot_id: &'a str,
    /// The pid namespace of this process; `None` if it cannot be told.
    pub pid_ns: Option<&'a PidNamespace>,
    /// Whether monotonic times of this boot compare with ours.
    pub own_clock: bool,
    /// Now.
    pub now: Now,
}

impl Beat {
    /// A beat of now.
    #[must_use]
    pub fn new(
        agent: &AgentId,
        process: Option<(Process, PidNamespace)>,
        above: Vec<Mark>,
        machine: &Machine,
        host: &str,
        now: Now,
    ) -> Self {
        let (process, pid_ns) = process.unzip();
        Self {
            v: FORMAT,
            agent_id: agent.clone(),
            boot_id: machine.boot_id.clone(),
            process,
            above,
            pid_ns,
            registered: false,
            at: now.wall,
            mono_ms: machine.own_clock.then_some(now.mono_ms),
            host: host.chars().take(64).collect(),
        }
    }

    /// The beat as one line of JSON.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        // Plain data: it can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the beat of `agent`; `None` for what is none: a torn one, or another's, says nothing.
    #[must_use]
    pub fn parse(agent: &AgentId, bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|beat: &Self| beat.v == FORMAT && beat.agent_id == *agent)
    }

    /// The process, if it has its number where we are.
    #[must_use]
    pub fn process_here(&self, here: &Here<'_>) -> Option<&Process> {
        let known = !self.boot_id.is_empty() && self.boot_id == here.boot_id;
        // In a time namespace a process seems to have started at another time.
        let known = known && here.own_clock && self.mono_ms.is_some();
        let same = known && self.pid_ns.is_some() && self.pid_ns.as_ref() == here.pid_ns;
        self.process.as_ref().filter(|_| same)
    }

    /// The processes that a call need not look above; none if they may be of another boot or clock.
    #[must_use]
    pub fn known_above(&self, here: &Here<'_>) -> &[Mark] {
        let same_boot = !self.boot_id.is_empty() && self.boot_id == here.boot_id;
        if same_boot && here.own_clock && self.mono_ms.is_some() && !self.is_due(here) { &self.above } else { &[] }
    }

    /// When it was; `None` if it lies in the future, and so says nothing.
    #[must_use]
    pub fn moment(&self, here: &Here<'_>) -> Option<Moment> {
        match self.mono_ms.filter(|_| here.own_clock && !self.boot_id.is_empty() && self.boot_id == here.boot_id) {
            Some(mono_ms) => (mono_ms <= here.now.mono_ms).then_some(Moment { wall: self.at, mono_ms: Some(mono_ms) }),
            None => (self.at.unix_ms() <= here.now.wall.unix_ms().saturating_add(TOLERANCE_MS))
                .then_some(Moment { wall: self.at, mono_ms: None }),
        }
    }

    /// Whether it was left before this machine was last restarted, so that whoever left it has gone; `host` is the
    /// machine's name.
    #[must_use]
    pub fn is_of_earlier_boot(&self, here: &Here<'_>, host: String) -> bool {
        let known = !self.boot_id.is_empty() && !here.boot_id.is_empty();
        known && self.boot_id != here.boot_id && self.host == host.chars().take(64).collect::<String>()
    }

    /// What it says of a lease; `liveness` is that of [`Beat::process_here`].
    #[must_use]
    pub fn evidence(&self, here: &Here<'_>, liveness: Option<Liveness>) -> Evidence {
        Evidence { gone: liveness == Some(Liveness::Gone), seen: self.moment(here) }
    }

    /// Whether it is time for another.
    #[must_use]
    pub fn is_due(&self, here: &Here<'_>) -> bool {
        match self.moment(here) {
            Some(Moment { mono_ms: Some(mono_ms), .. }) => here.now.mono_ms.saturating_sub(mono_ms) >= INTERVAL_MS,
            Some(Moment { wall, mono_ms: None }) => wall.ms_before(here.now.wall) >= INTERVAL_MS || here.own_clock,
            None => true,
        }
    }
}

/// Whether an agent may act, by its newest beat and the process that it acts from now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may, and its next beat names this process.
    Clear(Option<Process>),
    /// Another living process has the same id: two agents with one id would exclude nobody.
    Elsewhere(Process),
}

/// Decides whether an agent acts from one process only. `recorded` is the process of its newest beat, if it has its
/// number here; `pane_of` that of [`super::Kernel::pane_of`].
#[must_use]
pub fn standing(
    recorded: Option<(&Process, Liveness)>,
    own: Option<Process>,
    pane_of: impl Fn(&Process, &Process) -> bool,
) -> Standing {
    match (recorded, own) {
        (Some((recorded, Liveness::Alive)), Some(own)) if !recorded.is(&own) => {
            if pane_of(recorded, &own) {
                Standing::Clear(Some(own))
            } else if pane_of(&own, recorded) {
                Standing::Clear(Some(recorded.clone()))
            } else {
                Standing::Elsewhere(recorded.clone())
            }
        }
        (Some((recorded, Liveness::Alive)), None) => Standing::Clear(Some(recorded.clone())),
        (_, own) => Standing::Clear(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_standing() {
        use Liveness::{Alive, Gone, Unknown};
        let process = |pid| Process::new(pid, 1, "p");
        // 1 is the shell of a pane, 2 a harness in it; 3 and 4 are others.
        let pane_of = |pane: &Process, inside: &Process| (pane.pid, inside.pid) == (1, 2);
        let clear = |pid: u32| Standing::Clear(Some(process(pid)));
        let elsewhere = |pid: u32| Standing::Elsewhere(process(pid));
        for (recorded, own, expected) in [
            (None, None, Standing::Clear(None)),
            (None, Some(3), clear(3)),
            (Some((3, Alive)), None, clear(3)),
            (Some((3, Gone)), None, Standing::Clear(None)),
            (Some((3, Unknown)), None, Standing::Clear(None)),
            (Some((3, Alive)), Some(3), clear(3)),
            (Some((3, Alive)), Some(4), elsewhere(3)),
            (Some((3, Gone)), Some(4), clear(4)),
            (Some((3, Unknown)), Some(4), clear(4)),
            // The harness is the closer evidence, whoever of the two calls.
            (Some((1, Alive)), Some(2), clear(2)),
            (Some((2, Alive)), Some(1), clear(2)),
            (Some((2, Gone)), Some(1), clear(1)),
            (Some((1, Alive)), Some(3), elsewhere(1)),
            (Some((3, Alive)), Some(1), elsewhere(3)),
        ] {
            let before = recorded.map(|(pid, liveness)| (process(pid), liveness));
            let before = before.as_ref().map(|(process, liveness)| (process, *liveness));
            assert_eq!(standing(before, own.map(process), pane_of), expected, "{recorded:?} {own:?}");
        }
    }
}
