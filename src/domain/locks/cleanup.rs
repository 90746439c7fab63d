//! Cleaning up: what is over, and what killed processes left half made.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Locks,
    stay::{Announced, Ending, Life, Stay},
};
use crate::{
    domain::{AgentId, Cleaned, Result, agents::Registry, records::Records},
    fs::FileName,
    store::{ClaimKey, Logged, StateDir},
};

/// How many changes are made in one stay inside the guard.
const STAY: usize = 500;

/// How long the beat of an agent that holds nothing is kept, in milliseconds.
const BEAT_KEPT_MS: u64 = 24 * 3600 * 1000;

enum Job {
    /// End this lease, which is over.
    End(u64),
    /// Take out these, which count for nothing.
    Sweep(Vec<u64>),
}

impl Locks<'_> {
    /// Removes every lease that is over, what killed processes left half made, and beats and ledgers of agents long gone;
    /// records whose wrapper is gone say so afterwards.
    ///
    /// # Errors
    /// If the guard is busy, or the state directory cannot be read.
    pub fn cleanup(&self) -> Result<Cleaned> {
        let mut cleaned = Cleaned::default();
        // First, because it ends an era that is over: what is damaged goes to quarantine before it is called damaged.
        let mut stay = Stay::enter(self, Life::Unseen)?;
        match stay.session.sweep() {
            Ok(swept) => cleaned.swept = swept,
            Err(error) => cleaned.left.push(error),
        }
        let mut holding = BTreeSet::new();
        let mut jobs = stay.jobs(&mut holding, &mut cleaned)?.into_iter().peekable();
        while jobs.peek().is_some() {
            for (key, job) in jobs.by_ref().take(STAY) {
                if let Err(error) = stay.clean(&key, job, &mut cleaned) {
                    cleaned.left.push(error);
                }
            }
            if jobs.peek().is_some() {
                // Out and in again, so that nobody waits for all of it.
                drop(stay);
                stay = Stay::enter(self, Life::Unseen)?;
            }
        }
        stay.settle();
        cleaned.left.append(&mut stay.unsettled);
        match stay.sweep_queue() {
            Ok(swept) => cleaned.swept += swept,
            Err(error) => cleaned.left.push(error),
        }
        if let Err(error) = stay.sweep_beats(&holding, &mut cleaned) {
            cleaned.left.push(error);
        }
        if let Err(error) = stay.sweep_ledgers(self.state, &holding, &mut cleaned) {
            cleaned.left.push(error);
        }
        drop(stay);
        // What was removed is told whatever becomes of the records.
        match Records::of(self).abandon() {
            Ok(abandoned) => {
                cleaned.abandoned = abandoned.found.len();
                cleaned.left.extend(abandoned.left);
            }
            Err(error) => cleaned.left.push(error),
        }
        Ok(cleaned)
    }
}

impl Stay<'_> {
    fn jobs(&self, holding: &mut BTreeSet<AgentId>, cleaned: &mut Cleaned) -> Result<Vec<(ClaimKey, Job)>> {
        let mut jobs = Vec::new();
        // A lease over several resources ends as a whole, from whichever of its files is met first.
        let mut over = BTreeMap::new();
        self.survey.for_each_lock(|key, lock| match lock {
            Err(error) => cleaned.left.push(error),
            Ok((file, verdicts)) => {
                let mut litter = Vec::new();
                for (holder, verdict) in file.holders().iter().zip(verdicts) {
                    match verdict {
                        None => litter.push(holder.fence),
                        Some(verdict) if verdict.is_over() => {
                            over.entry((holder.home(key), holder.fence)).or_insert_with(|| key.clone());
                        }
                        Some(_) => {
                            holding.insert(holder.agent_id.clone());
                        }
                    }
                }
                if !litter.is_empty() {
                    jobs.push((key.clone(), Job::Sweep(litter)));
                }
            }
        })?;
        jobs.extend(over.into_iter().map(|((_, fence), key)| (key, Job::End(fence))));
        Ok(jobs)
    }

    fn clean(&mut self, key: &ClaimKey, job: Job, cleaned: &mut Cleaned) -> Result<()> {
        match job {
            Job::Sweep(fences) => {
                for fence in fences {
                    let Some(lock) = self.survey.read(key)? else { return Ok(()) };
                    if lock.lease(fence).is_none() && lock.file.holder(fence).is_some() {
                        let swept = self.drop_from(&lock, fence, Announced::No)?;
                        cleaned.swept += usize::from(matches!(swept, Logged::Yes));
                    }
                }
            }
            Job::End(fence) => {
                let Some(lock) = self.survey.read(key)? else { return Ok(()) };
                // Taken or released since it was looked at.
                let Some(found) = lock.found(fence).filter(|found| found.verdict.is_over()) else { return Ok(()) };
                match self.end(&lock, fence, Ending::Cleaned)? {
                    Logged::Yes => {}
                    Logged::Later(error) => cleaned.unlogged.push(error),
                    Logged::Untidy(error) => cleaned.left.push(error),
                }
                cleaned.removed.push(found);
            }
        }
        Ok(())
    }

    fn sweep_beats(&mut self, holding: &BTreeSet<AgentId>, cleaned: &mut Cleaned) -> Result<()> {
        let agents: Vec<FileName> = self.session.beats().agents()?;
        for name in agents {
            let Ok(agent) = AgentId::new(name.as_str()) else { continue };
            if holding.contains(&agent) {
                continue;
            }
            let old = match self.survey.beat(&agent)? {
                Some(beat) => beat.at.ms_before(self.now.wall) > BEAT_KEPT_MS,
                // What says nothing is of no use to anybody.
                None => true,
            };
            if old {
                self.session.remove_beat(&name)?;
                cleaned.beats += 1;
            }
        }
        Ok(())
    }

    /// Of those who hold nothing, have left no sign of life that stands, and are not registered: to them nothing is told
    /// any more.
    fn sweep_ledgers(&mut self, state: &StateDir, holding: &BTreeSet<AgentId>, cleaned: &mut Cleaned) -> Result<()> {
        let ledgers = state.ledgers()?;
        if ledgers.is_empty() {
            return Ok(());
        }
        let registry = Registry::read(state)?;
        for name in ledgers {
            let Ok(agent) = AgentId::new(name.as_str()) else { continue };
            // What a subagent holds ends with the agent, by what the agent's ledger says.
            let holds = holding.iter().any(|id| *id == agent || id.parent().as_ref() == Some(&agent));
            if !holds && registry.get(&agent).is_none() && self.survey.beat(&agent)?.is_none() {
                self.session.remove_ledger(&name)?;
                cleaned.ledgers += 1;
            }
        }
        Ok(())
    }
}
