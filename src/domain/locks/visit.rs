//! Stays inside the guard for what is no matter of locks.

use super::{
    Locks,
    stay::{Life, Stay},
    survey::Survey,
};
use crate::{
    domain::{
        Liveness, Now, Result,
        agents::{Agent, Presence, Signs},
    },
    store::Session,
};

/// How long after its last sign of life what is sent to everybody is sent to an agent too, in milliseconds.
const AWAY_MS: u64 = 24 * 3600 * 1000;

/// The guard, held for something else than locks.
pub struct Inside<'s, 'a> {
    /// What changes are made with.
    pub session: &'s mut Session<'a>,
    /// Now.
    pub now: Now,
    /// Whether the caller was registered by this very call.
    pub newcomer: bool,
    survey: &'s Survey<'a>,
}

impl<'a> Locks<'a> {
    /// Does something inside the guard; the caller leaves its sign of life there.
    ///
    /// # Errors
    /// If the guard is busy, the caller's id is that of another living process, or `work` fails.
    pub fn visit<T>(&self, work: impl FnOnce(&mut Inside<'_, 'a>) -> Result<T>) -> Result<T> {
        self.inside(Life::Shown, work)
    }

    /// The same without a sign of life: it is no agent's work, or it is not certain yet whose.
    ///
    /// # Errors
    /// If the guard is busy, or `work` fails.
    pub fn visit_unseen<T>(&self, work: impl FnOnce(&mut Inside<'_, 'a>) -> Result<T>) -> Result<T> {
        self.inside(Life::Unseen, work)
    }

    fn inside<T>(&self, life: Life, work: impl FnOnce(&mut Inside<'_, 'a>) -> Result<T>) -> Result<T> {
        let mut stay = Stay::enter(self, life)?;
        stay.lives()?;
        work(&mut Inside { session: &mut stay.session, now: stay.now, newcomer: stay.newcomer, survey: &stay.survey })
    }

    /// The signs of life of each of these agents. Takes no guard.
    ///
    /// # Errors
    /// If they cannot be read for a reason that may pass.
    pub fn signs_of(&self, agents: &[Agent]) -> Result<Vec<Signs>> {
        let survey = self.survey()?;
        agents.iter().map(|agent| survey.signs(agent)).collect()
    }
}

impl Inside<'_, '_> {
    /// The signs of life of an agent.
    ///
    /// # Errors
    /// If they cannot be read for a reason that may pass.
    pub fn signs(&self, agent: &Agent) -> Result<Signs> {
        self.survey.signs(agent)
    }
}

impl Inside<'_, '_> {
    /// Whether an agent of this presence may still read what is sent to it: not one that has been away for a day.
    ///
    /// # Errors
    /// Those of [`Inside::signs`].
    pub fn may_come_back(&self, agent: &Agent, presence: Presence) -> Result<bool> {
        if presence == Presence::Active || presence == Presence::Idle {
            return Ok(true);
        }
        let seen = self.signs(agent)?.seen.map_or(agent.last_seen, |seen| seen.wall);
        Ok(seen.ms_before(self.now.wall) < AWAY_MS)
    }
}

impl Survey<'_> {
    fn signs(&self, agent: &Agent) -> Result<Signs> {
        let here = self.here(true)?;
        let known = !agent.boot_id.is_empty() && agent.boot_id == here.boot_id;
        let same = known && here.own_clock && agent.pid_ns.is_some() && agent.pid_ns.as_ref() == here.pid_ns;
        let entered = || agent.process.as_ref().filter(|_| same).map(|process| self.liveness_of(process));
        let Some(beat) = self.beat(&agent.id)? else {
            // One that was found and has not said anything yet.
            return Ok(Signs { seen: None, process: entered(), before_boot: false });
        };
        let left = self.liveness(&beat)?;
        let signs = Signs {
            seen: beat.moment(&here),
            process: left,
            before_boot: beat.is_of_earlier_boot(&here, self.host_name()),
        };
        // It may have been found again since, in another process, and not have said anything there yet.
        let again = left == Some(Liveness::Gone) || signs.before_boot;
        Ok(match entered().filter(|entered| again && *entered == Liveness::Alive) {
            Some(alive) => Signs { process: Some(alive), before_boot: false, ..signs },
            None => signs,
        })
    }
}
