//! A stay inside the guard, and what is done to lock files there.

use std::borrow::Cow;

use super::{
    Caller, Locks,
    survey::{Lock, Survey, named},
};
use crate::{
    domain::{
        AgentId, Beat, Class, Facts, Found, Holder, LockFile, Mode, Now, Origin, Result, Standing, agents::Registry,
        damage, standing,
    },
    fs::{FileName, Stamp},
    store::{CurrentEra, Entry, Error, Event, Former, Logged, Put, Session, kind, layout},
};

/// The guard, held by somebody who looks at locks and changes them.
pub(super) struct Stay<'a> {
    pub(super) session: Session<'a>,
    pub(super) survey: Survey<'a>,
    pub(super) now: Now,
    by: Option<AgentId>,
    /// Whether the caller was registered by this very call.
    pub(super) newcomer: bool,
    /// Why the caller's sign of life could not be left.
    lifeless: Option<Error>,
    /// What could not be written of the places of others in line.
    pub(super) unsettled: Vec<Error>,
    /// Why leases are ended by force.
    pub(super) reason: Option<String>,
}

/// What a change to one lock file is.
pub(super) enum Announced {
    /// A change that counts, with the event that tells of it.
    Yes(Box<Event>),
    /// One that changes nothing for anybody.
    No,
}

/// Whether the caller leaves a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It does.
    Shown,
    /// It does not: it is no agent's work.
    Unseen,
}

/// Why a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its holder gave it up.
    Released,
    /// It was over, and is swept away.
    Cleaned,
    /// It was over, and another takes what it was on.
    TakenOver,
    /// Somebody ended it although it was not over.
    Forced,
}

impl<'a> Stay<'a> {
    /// Enters the guard, and leaves the caller's sign of life there.
    ///
    /// # Errors
    /// Those of [`Session::enter`]; [`Error::Elsewhere`] if the caller's id is that of another living process.
    pub(super) fn enter(locks: &Locks<'a>, life: Life) -> Result<Self> {
        let entry = Entry { machine: locks.machine, wait: locks.guard_wait, damage: &damage };
        let session = Session::enter(locks.state, entry)?;
        let now = (locks.clock)();
        let era = CurrentEra { number: Some(session.era()), recorded: session.era(), same_boot: session.same_boot() };
        let survey = Survey::new(locks, session.claims(), session.beats(), Facts { era, now });
        let by = locks.caller.map(|caller| caller.agent.clone());
        let mut stay =
            Self { session, survey, now, by, newcomer: false, lifeless: None, unsettled: Vec::new(), reason: None };
        stay.beat(locks, life)?;
        Ok(stay)
    }

    fn beat(&mut self, locks: &Locks<'_>, life: Life) -> Result<()> {
        let Some(caller) = locks.caller.filter(|_| life != Life::Unseen) else { return Ok(()) };
        let recorded = self.survey.own_beat(caller.agent)?;
        self.survey.learn(caller.agent, recorded.as_ref())?;
        let due = match &recorded {
            None => true,
            Some(beat) => beat.is_due(&self.survey.here(false)?),
        };
        // Also where the last beat names no process: another one may have this id, and its beat is not due either.
        let known = match &recorded {
            Some(beat) => beat.known_above(&self.survey.here(false)?),
            None => &[],
        };
        let Origin { process: own, above } = caller.whereabouts.origin(known)?;
        let before = match &recorded {
            Some(beat) => beat.process.as_ref().zip(self.survey.liveness(beat)?),
            None => None,
        };
        let process = match standing(before, own.clone(), locks.kernel.pane_of) {
            Standing::Clear(process) => process,
            Standing::Elsewhere(_) if !caller.exclusive => return Ok(()),
            Standing::Elsewhere(other) => {
                return Err(Error::Elsewhere {
                    agent: caller.agent.to_string(),
                    other: named(&other),
                    own: own.as_ref().map(named).unwrap_or_default(),
                });
            }
        };
        let same = before.map(|(process, _)| process) == process.as_ref();
        if same && !due {
            return Ok(());
        }
        let process = match process {
            Some(process) => self.survey.namespace()?.cloned().map(|namespace| (process, namespace)),
            None => None,
        };
        let mut beat = Beat::new(caller.agent, process, above, locks.machine, &(locks.host)(), self.now);
        let known_so = same && recorded.as_ref().is_some_and(|before| before.registered);
        // The registry may have been removed by hand: then those who go on working are entered again.
        let known_so = known_so && matches!(locks.state.dir().look(&layout::AGENTS), Ok(Some(_)));
        beat.registered = known_so
            || match self.enrol(locks, &caller) {
                Err(taken @ Error::Taken { .. }) => return Err(taken),
                // The next beat tries again: locks do not depend on the registry.
                enrolled => enrolled.unwrap_or(false),
            };
        let name = FileName::new(caller.agent.to_string());
        self.lifeless = name.and_then(|name| self.session.write_beat(&name, beat.to_line()).err());
        Ok(())
    }

    /// Registers the caller, if it is to be; whether it is registered then.
    fn enrol(&mut self, locks: &Locks<'_>, caller: &Caller<'_>) -> Result<bool> {
        let Some(known) = caller.whereabouts.enrolment()? else { return Ok(false) };
        let (_, new) = Registry::enrol_in(&mut self.session, locks.state, caller.agent, &known, self.now)?;
        self.newcomer = new;
        Ok(true)
    }

    /// Who makes the changes.
    pub(super) fn by(&self) -> Option<&AgentId> {
        self.by.as_ref()
    }

    /// Fails unless the caller has left a sign of life: by an older one, what it is to hold might be another's soon.
    pub(super) fn lives(&mut self) -> Result<()> {
        self.lifeless.take().map_or(Ok(()), Err)
    }

    /// Writes what becomes of a lock file: in this mode with these leases, or nothing if there are none.
    pub(super) fn rewrite(
        &mut self,
        lock: &Lock,
        file: &LockFile,
        mode: Mode,
        holders: Vec<Holder>,
        announced: Announced,
    ) -> Result<Logged> {
        let Some(first) = holders.first() else {
            return match announced {
                Announced::Yes(event) => self.session.remove(&lock.key, *event),
                Announced::No => self.session.remove_part(&lock.key).map(|()| Logged::Yes),
            };
        };
        let stamp = acquisition_time(first);
        match announced {
            Announced::Yes(event) => {
                let bytes = file.rewritten(event.n, mode, holders).to_bytes()?;
                self.session.put(&lock.key, &bytes, Put::Replace, stamp, *event)
            }
            Announced::No => {
                let bytes = file.rewritten(file.change(), mode, holders).to_bytes()?;
                self.session.put_part(&lock.key, &bytes, stamp).map(|()| Logged::Yes)
            }
        }
    }

    /// Takes one lease out of a lock file.
    pub(super) fn drop_from(&mut self, lock: &Lock, fence: u64, announced: Announced) -> Result<Logged> {
        let (file, mut holders) = lock.whole()?;
        holders.retain(|holder| holder.fence != fence);
        self.rewrite(lock, &file, lock.head().mode, holders, announced)
    }

    /// Ends a lease on all of its resources: first where it says that it is granted, so that it ends at once.
    pub(super) fn end(&mut self, lock: &Lock, fence: u64, why: Ending) -> Result<Logged> {
        let Some(found) = lock.found(fence) else { return Ok(Logged::Yes) };
        let home = found.lease.home(&lock.key);
        let elsewhere = if home == lock.key { None } else { self.survey.read(&home)? };
        let granted = elsewhere.as_ref().unwrap_or(lock);
        // What has been given up before, or stands by itself since a release that was killed, does not end here.
        let (mut parts, mut texts, mut unread) = (Vec::new(), Vec::new(), None);
        let claims = found.lease.claims(&lock.key).into_iter().zip(&found.lease.resources);
        for (key, text) in claims.filter(|(key, _)| *key != home) {
            match self.survey.read(&key) {
                Ok(Some(part)) if part.stands_by(fence, &home) => parts.push(part),
                Ok(_) => continue,
                // Whatever is in it, it ends too.
                Err(error) => unread = Some(error),
            }
            texts.push(text.clone());
        }
        let mut event = self.ending(why, &found)?;
        if let Announced::Yes(event) = &mut event {
            let last = granted.head().text();
            texts.extend((!texts.is_empty()).then(|| last.clone()));
            event.resources = texts;
            event.resource = Some(last);
        }
        let logged = self.drop_from(granted, fence, event)?;
        for part in parts {
            // It counts for nothing now; what cannot be removed is litter.
            unread = self.drop_from(&part, fence, Announced::No).err().or(unread);
        }
        Ok(match (logged, unread) {
            (Logged::Yes, Some(error)) => Logged::Untidy(error),
            (logged, _) => logged,
        })
    }

    /// The event of a change to a lease.
    pub(super) fn event(&self, kind: &'static str, found: &Found, n: u64) -> Event {
        let lease = &found.lease;
        let several = lease.resources.len() > 1;
        let file = lease.granted_by(&found.key).unwrap_or_else(|| found.key.clone());
        let last = lease.resources.last().filter(|_| several).cloned();
        Event {
            n,
            resource: Some(last.unwrap_or_else(|| found.head.text())),
            resources: if several { lease.resources.clone() } else { Vec::new() },
            file: Some(file.file()),
            by: self.by.as_ref().map(ToString::to_string),
            agent_id: Some(lease.agent_id.to_string()),
            mode: (found.head.mode == Mode::Shared).then_some(Cow::Borrowed("shared")),
            class: (lease.class == Class::Automatic).then_some(Cow::Borrowed(Class::Automatic.word())),
            fence: Some(lease.fence),
            ttl_s: Some(lease.ttl_s.seconds()),
            reason: Some(lease.reason.clone()).filter(|reason| !reason.is_empty()),
            ..Event::new(kind, self.now.wall.unix_ms())
        }
    }

    /// The event of ending a lease; if it was another's, that agent is told.
    pub(super) fn ending(&self, why: Ending, found: &Found) -> Result<Announced> {
        let n = self.session.number()?;
        let kind = match why {
            Ending::Released => return Ok(Announced::Yes(Box::new(self.event(kind::RELEASED, found, n)))),
            Ending::Cleaned => kind::CLEANED,
            Ending::TakenOver => kind::TAKEN_OVER,
            Ending::Forced => kind::FORCED,
        };
        let event = Event {
            agent_id: None,
            mode: None,
            class: None,
            fence: None,
            ttl_s: None,
            reason: self.reason.clone().filter(|_| why == Ending::Forced),
            former: Some(former(found)),
            to: Some(&found.lease.agent_id)
                .filter(|agent| self.by.as_ref() != Some(*agent))
                .map(ToString::to_string)
                .into_iter()
                .collect(),
            ..self.event(kind, found, n)
        };
        Ok(Announced::Yes(Box::new(event)))
    }
}

pub(super) fn former(found: &Found) -> Former {
    let lease = &found.lease;
    Former { agent_id: lease.agent_id.to_string(), fence: lease.fence, was: Cow::Borrowed(found.verdict.word()) }
}

/// A lock file keeps the modification time of its acquisition: people search for old locks by it.
pub(super) fn acquisition_time(lease: &Holder) -> Stamp {
    Stamp::At(lease.acquired_at.system())
}
