//! What hooks ask of the locks: whether an edit needs anything at all, what the log says of an agent, and the end of a turn.

use std::rc::Rc;

use super::{
    Locks,
    stay::Stay,
    survey::{Lock, Survey},
};
use crate::{
    domain::{
        AgentId, Changed, Claimant, Evidence, Facts, Found, Mode, Party, Resource, Result, Selector, Verdict, Whose,
        hooks::Ledger, is_worth_renewing, verdict,
    },
    fs::FileName,
    store::{Beats, ClaimKey, Claims, CurrentEra, Error, events_from, layout},
};

/// The most of the log that is read at once, in bytes: more than a turn of a busy swarm writes.
const BACKLOG: u64 = 8 * 1024 * 1024;
/// How much of it is read of an agent whose hooks have not read any.
const FIRST_LOOK: u64 = 256 * 1024;
/// How much may have been read anew before that is worth being written down, in bytes.
const WORTH_WRITING: u64 = 16 * 1024;

/// A ledger that has been read on to the end of the log.
#[derive(Clone, Debug)]
pub struct Account {
    /// What it says now.
    pub ledger: Ledger,
    /// Whether so much has been read that it should be written.
    pub behind: bool,
}

impl Locks<'_> {
    /// Whether `party` holds this resource by itself and need not renew that yet, by a process that is its agent's. Takes no
    /// guard and writes nothing.
    ///
    /// # Errors
    /// If something cannot be read, or is damaged.
    pub fn is_held_well(&self, party: &Party, resource: &Resource) -> Result<bool> {
        let key = resource.claim();
        if Claims::new(self.state).is_absent(&key) {
            return Ok(false);
        }
        let survey = self.survey()?;
        if !self.is_where_it_was(&survey)? {
            return Ok(false);
        }
        let Some(lock) = survey.read(&key)?.filter(|lock| lock.head().mode == Mode::Exclusive) else {
            return Ok(false);
        };
        let own = lock.standing().find(|(lease, _)| party.relation(lease) == Whose::Mine);
        Ok(own.is_some_and(|(lease, verdict)| match verdict {
            Verdict::Live { left_ms } => !is_worth_renewing(left_ms, lease.ttl_s.ms()),
            Verdict::Expired { .. } | Verdict::Orphaned { .. } => false,
        }))
    }

    /// Whether the caller's last beat is of the process that it calls from: then that is no other, and not gone.
    fn is_where_it_was(&self, survey: &Survey<'_>) -> Result<bool> {
        let Some(caller) = self.caller else { return Ok(true) };
        let Some(beat) = survey.beat(caller.agent)? else { return Ok(false) };
        let origin = caller.whereabouts.origin(beat.known_above(&survey.here(false)?))?;
        let namespace = beat.process.is_some();
        if beat.process_here(&survey.here(namespace)?) != origin.process.as_ref() {
            return Ok(false);
        }
        survey.learn(caller.agent, Some(&beat))?;
        Ok(true)
    }

    /// What stands on a resource and on all that overlaps it in its own worktree. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// As [`Locks::look`].
    pub fn standing_on(&self, resource: &Resource) -> Result<Vec<Found>> {
        let locks = self.survey()?.overlapping(resource)?;
        Ok(locks.into_iter().flat_map(Lock::into_found).collect())
    }

    /// The same as far as it can be read: what is damaged beside it hides no lease. Where the era cannot be told, a lease
    /// counts as one of it for as long as the wall clock says.
    #[must_use]
    pub fn in_sight(&self, resource: &Resource) -> Vec<Found> {
        if let Ok(survey) = self.survey() {
            return survey.in_sight(resource).into_iter().flat_map(Lock::into_found).collect();
        }
        let era = CurrentEra { number: None, recorded: u64::MAX, same_boot: false };
        let facts = Facts { era, now: (self.clock)() };
        let (claims, beats) = (Rc::new(Claims::new(self.state)), Rc::new(Beats::new(self.state)));
        let survey = Survey::new(self, claims, beats, facts);
        let mut found: Vec<Found> = survey.in_sight(resource).into_iter().flat_map(Lock::into_found).collect();
        for one in &mut found {
            let evidence = survey.evidence(&one.lease.agent_id).unwrap_or(Evidence::NOTHING);
            let era = CurrentEra { number: Some(one.lease.era), recorded: one.lease.era, same_boot: false };
            one.verdict = verdict(&one.lease, &Facts { era, ..facts }, &evidence);
        }
        found
    }

    /// Whether an agent has not left a sign of life for so long that it should.
    ///
    /// # Errors
    /// If the last one cannot be read for a reason that may pass.
    pub fn is_beat_due(&self, agent: &AgentId) -> Result<bool> {
        let survey = self.survey()?;
        match survey.beat(agent)? {
            Some(beat) => Ok(beat.is_due(&survey.here(false)?)),
            None => Ok(true),
        }
    }

    /// What the log says of an agent. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn account(&self, agent: &AgentId) -> Result<Account> {
        let name = file_name(agent)?;
        let before = match self.state.read_ledger(&name) {
            Ok(bytes) => bytes.and_then(|bytes| Ledger::parse(agent, &bytes)),
            // It follows from the log.
            Err(Error::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let mut ledger = before.unwrap_or_else(|| Ledger::new(agent));
        let offset = ledger.offset;
        let most = if offset.is_some() { BACKLOG } else { FIRST_LOOK };
        let end = events_from(self.state, offset, most, |line| ledger.read(line))?;
        ledger.offset = Some(end);
        let read = end.saturating_sub(offset.unwrap_or(0));
        Ok(Account { ledger, behind: offset.is_none_or(|offset| offset > end) || read > WORTH_WRITING })
    }

    /// Leaves a sign of life, and writes a ledger if one is given.
    ///
    /// # Errors
    /// If the guard is busy, or it cannot be written.
    pub fn show_up(&self, ledger: Option<&Ledger>) -> Result<()> {
        let mut stay = self.enter()?;
        stay.lives()?;
        stay.keep(ledger)
    }

    /// Gives up the automatic leases that a ledger names, those of subagents too if `all`, and writes it.
    ///
    /// # Errors
    /// If the guard is busy, or the ledger cannot be written; what goes wrong with one lease is its outcome.
    pub fn end_turn(&self, ledger: &Ledger, all: bool) -> Result<Vec<Changed>> {
        let mut stay = self.enter()?;
        let mut changed = Vec::new();
        let mut agents: Vec<&str> = ledger.automatic.iter().map(|taken| taken.agent_id.as_str()).collect();
        agents.sort_unstable();
        agents.dedup();
        for agent in agents.into_iter().filter_map(|id| AgentId::new(id).ok()) {
            if !all && agent != ledger.agent_id {
                continue;
            }
            let theirs = ledger.automatic.iter().filter(|taken| taken.agent_id == agent.as_str());
            let files = theirs.filter_map(|taken| ClaimKey::from_file(&taken.file)).collect();
            changed.extend(stay.release(&Claimant::Automatic(agent), &Selector::Files(files))?);
        }
        stay.keep(Some(ledger))?;
        stay.settle();
        Ok(changed)
    }

    /// The leases of an agent and of its subagents that are not over, on each of their resources.
    ///
    /// # Errors
    /// If the state directory cannot be read.
    pub fn leases_of(&self, agent: &AgentId) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        self.for_each(|_, one| {
            let theirs = |holder: &AgentId| holder == agent || holder.parent().as_ref() == Some(agent);
            found.extend(one.ok().filter(|one| theirs(&one.lease.agent_id) && !one.verdict.is_over()));
        })?;
        Ok(found)
    }
}

impl Stay<'_> {
    fn keep(&mut self, ledger: Option<&Ledger>) -> Result<()> {
        let Some(ledger) = ledger else { return Ok(()) };
        self.session.write_ledger(&file_name(&ledger.agent_id)?, &ledger.to_bytes(layout::DOCUMENT_LIMIT))
    }
}

fn file_name(agent: &AgentId) -> Result<FileName> {
    FileName::new(agent.to_string())
        .ok_or_else(|| Error::Damaged { path: agent.as_str().into(), why: "it is no file name".to_owned() })
}
