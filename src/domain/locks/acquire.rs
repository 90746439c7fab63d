//! Acquiring: one resource or several, all or nothing (L1 to L4, L7).

use std::collections::BTreeMap;

use super::{
    Locks,
    grant::New,
    line::Line,
    renew::Renewal,
    stay::{Announced, Ending, Stay, former},
    survey::Lock,
};
use crate::{
    domain::{
        AcquireDecision, Acquired, AgentId, Class, Found, Grant, Granted, Holder, Mode, Overlap, Refusal, Request,
        Resource, Result, Verdict, Whose, decide_acquire, is_worth_renewing,
    },
    store::{ClaimKey, Former, Logged, Session, kind},
};

/// What is to be done about one resource.
struct Step {
    resource: Resource,
    key: ClaimKey,
    decision: AcquireDecision,
    /// What overlaps it, with its own lock file if there is one.
    locks: Vec<Lock>,
    also_held: Vec<Found>,
}

impl Locks<'_> {
    /// Acquires leases.
    ///
    /// # Errors
    /// If the guard is busy, something is damaged or unsafe, or a lease could not be written. Then nothing is granted;
    /// what was held already may have been renewed.
    pub fn acquire(&self, request: &Request) -> Result<Acquired> {
        self.acquire_as(&mut self.enter()?, request, None)
    }

    /// The same; what is granted is told to `then` in the same stay inside the guard.
    ///
    /// # Errors
    /// Those of [`Locks::acquire`].
    pub fn acquire_then(&self, request: &Request, then: impl FnOnce(&mut Session<'_>, &[Granted])) -> Result<Acquired> {
        let mut stay = self.enter()?;
        let acquired = self.acquire_as(&mut stay, request, None)?;
        if let Acquired::Granted { granted, .. } = &acquired {
            then(&mut stay.session, granted);
        }
        Ok(acquired)
    }

    /// The same inside the guard, by the place in line that has this number.
    pub(super) fn acquire_as(&self, stay: &mut Stay<'_>, request: &Request, number: Option<u64>) -> Result<Acquired> {
        Ok(self.acquire_in_line(stay, request, number)?.0)
    }

    /// The same, with the line as it was found.
    pub(super) fn acquire_in_line(
        &self,
        stay: &mut Stay<'_>,
        request: &Request,
        number: Option<u64>,
    ) -> Result<(Acquired, Line)> {
        let mut order: Vec<ClaimKey> = Vec::new();
        let mut steps: BTreeMap<ClaimKey, Step> = BTreeMap::new();
        let mut covered: BTreeMap<ClaimKey, Granted> = BTreeMap::new();
        for resource in &request.resources {
            let key = resource.claim();
            if steps.contains_key(&key) || covered.contains_key(&key) {
                continue;
            }
            let locks = stay.survey.overlapping(resource)?;
            let decision = decide_acquire(request.mode, &overlaps(&locks, &key, request));
            if let Some(found) = covering(&locks, decision, request) {
                order.push(key.clone());
                covered.insert(key, Granted { found, how: Grant::Renewed, also_held: Vec::new() });
                continue;
            }
            order.push(key.clone());
            steps.insert(key.clone(), Step { resource: resource.clone(), key, decision, locks, also_held: Vec::new() });
        }
        let line = stay.survey.line(&stay.session.tickets())?;
        if number.is_some() && line.own(request, number).is_none() {
            return Ok((Acquired::Dropped, line));
        }
        let held = held(steps.values().filter(|step| step.decision == AcquireDecision::Refuse), request);
        // What was waited for by a call that has ended is taken up by the next one.
        let place = line.own(request, number).map(|place| place.ticket.number);
        let before = if held.is_empty() {
            line.before(Some(&request.party), request.mode, place, &taken(&steps))
        } else {
            Vec::new()
        };
        if !(held.is_empty() && before.is_empty()) {
            if number.is_none() {
                stay.settle_line(&line);
            }
            return Ok((Acquired::Refused(Box::new(Refusal { held, before, place: None })), line));
        }
        stay.lives()?;
        for step in steps.values_mut() {
            step.also_held = stay.survey.elsewhere(&step.resource)?;
            step.also_held.retain(|found| found.lease.agent_id != request.party.agent);
        }
        let (mut logged, mut done) = (Vec::new(), covered);
        let (again, new): (Vec<Step>, Vec<Step>) =
            steps.into_values().partition(|step| step.decision != AcquireDecision::Grant);
        // What is held already stays under its own lease. Before the grant: an upgrade alone takes nothing from anybody.
        for mut step in again {
            let (found, how) = stay.renew_step(&mut step, request, &mut logged)?;
            done.insert(step.key, Granted { found, how, also_held: step.also_held });
        }
        done.extend(stay.grant_steps(new, request, self.host, &mut logged)?);
        if !line.is_empty() {
            stay.pass(&line, request, place);
            for number in line.served(request, place) {
                // Should it stay, nobody waits with it, and it is swept.
                logged.extend(stay.session.discard_ticket(number).err().map(Logged::Untidy));
            }
            stay.settle();
        }
        let granted = order.iter().filter_map(|key| done.remove(key)).collect();
        Ok((Acquired::Granted { granted, logged }, line))
    }
}

/// What is asked for that is not held in that way yet: only that is a matter of who comes first.
fn taken(steps: &BTreeMap<ClaimKey, Step>) -> Vec<Resource> {
    let new = |step: &&Step| matches!(step.decision, AcquireDecision::Grant | AcquireDecision::Upgrade);
    steps.values().filter(new).map(|step| step.resource.clone()).collect()
}

fn overlaps(locks: &[Lock], key: &ClaimKey, request: &Request) -> Vec<Overlap> {
    let of_lock = |lock: &Lock| {
        let (same, mode) = (lock.key == *key, lock.head().mode);
        let overlap = |(lease, verdict): (&Holder, Verdict)| Overlap {
            whose: request.party.relation(lease),
            same,
            mode,
            over: verdict.is_over(),
        };
        lock.standing().map(overlap).collect::<Vec<_>>()
    };
    locks.iter().flat_map(of_lock).collect()
}

/// The lease of the agent's own, on a directory or a pattern, that makes an automatic one on a file needless.
fn covering(locks: &[Lock], decision: AcquireDecision, request: &Request) -> Option<Found> {
    if decision != AcquireDecision::Grant || request.party.class != Class::Automatic {
        return None;
    }
    let exclusive = locks.iter().filter(|lock| lock.head().mode == Mode::Exclusive);
    exclusive.flat_map(|lock| lock.standing().map(move |(lease, verdict)| (lock, lease, verdict))).find_map(
        |(lock, lease, verdict)| {
            let theirs = request.party.relation(lease) != Whose::Other && !verdict.is_over();
            if theirs { lock.found(lease.fence) } else { None }
        },
    )
}

/// What others hold of these, each lease once.
fn held<'s>(refused: impl Iterator<Item = &'s Step>, request: &Request) -> Vec<Found> {
    let mut held: Vec<Found> = Vec::new();
    for lock in refused.flat_map(|step| &step.locks) {
        let excludes = request.mode == Mode::Exclusive || lock.head().mode == Mode::Exclusive;
        for (lease, verdict) in lock.standing() {
            let live = excludes && request.party.relation(lease) == Whose::Other && !verdict.is_over();
            let known = held.iter().any(|found| found.lease.fence == lease.fence && found.key == lock.key);
            if live && !known {
                held.extend(lock.found(lease.fence));
            }
        }
    }
    held
}

impl Stay<'_> {
    /// L2: the same lease goes on, perhaps in another mode.
    fn renew_step(&mut self, step: &mut Step, request: &Request, logged: &mut Vec<Logged>) -> Result<(Found, Grant)> {
        let at = step.locks.iter().position(|lock| lock.key == step.key);
        let mut own = at.map(|at| step.locks.swap_remove(at)).ok_or_else(|| vanished(&step.key))?;
        let mine = |lease: &Holder| request.party.relation(lease) == Whose::Mine;
        let fence = own.standing().find(|(lease, verdict)| mine(lease) && !verdict.is_over());
        let fence = fence.map(|(lease, _)| lease.fence).ok_or_else(|| vanished(&step.key))?;
        if !logged.is_empty() {
            // A step before may have renewed the same lease in this file.
            own = self.survey.read(&step.key)?.ok_or_else(|| vanished(&step.key))?;
        }
        let how = match step.decision {
            AcquireDecision::Upgrade => Grant::Upgraded,
            AcquireDecision::Downgrade => Grant::Downgraded,
            AcquireDecision::Grant | AcquireDecision::Renew | AcquireDecision::Refuse => Grant::Renewed,
        };
        if how == Grant::Upgraded {
            // With the others that overlap, those that are over in the file itself.
            step.locks.push(own);
            self.end_all_over(&step.locks, None, logged)?;
            own = self.survey.read(&step.key)?.ok_or_else(|| vanished(&step.key))?;
        }
        if how != Grant::Renewed {
            logged.push(self.change_mode(&own, fence, request.mode)?);
            own = self.survey.read(&step.key)?.ok_or_else(|| vanished(&step.key))?;
        }
        let found = own.found(fence).ok_or_else(|| vanished(&step.key))?;
        let Verdict::Live { left_ms } = found.verdict else { return Err(vanished(&step.key)) };
        let lease = &found.lease;
        // What is asked for does not end with a turn.
        let asked_for = lease.class == Class::Automatic && request.party.class == Class::Explicit;
        let ttl = request.ttl.or_else(|| asked_for.then_some(request.default_ttl));
        let other = asked_for
            || ttl.is_some_and(|ttl| ttl != lease.ttl_s)
            || request.reason.as_ref().is_some_and(|reason| *reason != lease.reason);
        if !other && !is_worth_renewing(left_ms, lease.ttl_s.ms()) {
            return Ok((found, how));
        }
        let renewal = Renewal { ttl, reason: request.reason.clone(), asked_for };
        let (found, written) = self.renew(&own, fence, renewal)?;
        logged.push(written);
        Ok((found, how))
    }

    fn change_mode(&mut self, own: &Lock, fence: u64, mode: Mode) -> Result<Logged> {
        let found = own.found(fence).ok_or_else(|| vanished(&own.key))?;
        let mut event = self.event(kind::MODE_CHANGED, &found, self.session.number()?);
        // It is this file that changes, whichever says that the lease is granted.
        event.file = Some(own.key.file());
        event.resource = Some(found.head.text());
        event.resources.clear();
        event.mode = Some(mode.word().into());
        let (file, holders) = own.whole()?;
        self.rewrite(own, &file, mode, holders, Announced::Yes(Box::new(event)))
    }

    fn grant_steps(
        &mut self,
        steps: Vec<Step>,
        request: &Request,
        host: fn() -> String,
        logged: &mut Vec<Logged>,
    ) -> Result<BTreeMap<ClaimKey, Granted>> {
        let single = steps.len() == 1;
        let replaced = |step: &Step| single.then(|| replaceable(step)).flatten();
        for step in &steps {
            self.end_all_over(&step.locks, replaced(step), logged)?;
        }
        // What was changed for one step may have been in the file of another.
        let touched = !logged.is_empty();
        let mut new = Vec::new();
        for mut step in steps {
            let replaced = replaced(&step);
            let how = how_granted(&step, &request.party.agent);
            let own = if touched {
                self.survey.read(&step.key)?
            } else {
                let at = step.locks.iter().position(|lock| lock.key == step.key);
                at.map(|at| step.locks.swap_remove(at))
            };
            let replaced = replaced.filter(|fence| own.as_ref().is_some_and(|own| own.lease(*fence).is_some()));
            new.push(New { resource: step.resource, key: step.key, own, replaced, how, also_held: step.also_held });
        }
        if new.is_empty() { Ok(BTreeMap::new()) } else { self.grant(new, request, host, logged) }
    }

    /// Ends every lease in `locks` that is over, but for the one given.
    fn end_all_over(&mut self, locks: &[Lock], but: Option<u64>, logged: &mut Vec<Logged>) -> Result<()> {
        for lock in locks {
            for (lease, _) in lock.standing().filter(|(lease, verdict)| verdict.is_over() && Some(lease.fence) != but) {
                // Ending one may have rewritten the file, or ended this one with it.
                let Some(now) = self.survey.read(&lock.key)? else { continue };
                if now.lease(lease.fence).is_some() {
                    logged.push(self.end(&now, lease.fence, Ending::TakenOver)?);
                }
            }
        }
        Ok(())
    }
}

/// How a resource is granted on which nothing stands but what is over, shared by others, or the agent's own.
fn how_granted(step: &Step, agent: &AgentId) -> Grant {
    let mut formers: Vec<Former> = Vec::new();
    let mut again = false;
    for lock in &step.locks {
        for (lease, _) in lock.standing().filter(|(_, verdict)| verdict.is_over()) {
            if lease.agent_id == *agent {
                again |= lock.key == step.key;
            } else if !formers.iter().any(|former| former.fence == lease.fence) {
                formers.extend(lock.found(lease.fence).map(|found| former(&found)));
            }
        }
    }
    match (formers.is_empty(), again) {
        (false, _) => Grant::TookOver(formers),
        (true, true) => Grant::Again,
        (true, false) => Grant::New,
    }
}

/// The lease that a grant of this one resource replaces in one change, because it is over and alone in its file.
fn replaceable(step: &Step) -> Option<u64> {
    let own = step.locks.iter().find(|lock| lock.key == step.key)?;
    match own.file.holders() {
        [lease] if lease.files.is_empty() => {
            own.lease(lease.fence).filter(|(_, verdict)| verdict.is_over()).map(|(lease, _)| lease.fence)
        }
        _ => None,
    }
}

/// Inside the guard a lease that was just read is there until we remove it.
pub(super) fn vanished(key: &ClaimKey) -> crate::store::Error {
    crate::store::Error::Damaged { path: key.path(), why: "it changed without the guard".to_owned() }
}
