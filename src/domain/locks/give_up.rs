//! Giving leases up: released by their holders (L5), or ended by force (L6).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Locks,
    acquire::vanished,
    stay::{Announced, Ending, Stay},
    survey::Lock,
};
use crate::{
    domain::{Changed, Claimant, Found, GiveUp, Holder, Outcome, Resource, Result, Selector, decide_release},
    store::{ClaimKey, Logged, Session},
};

/// A lock that a request is about.
pub(super) struct Selected {
    /// As a person writes it.
    pub(super) resource: String,
    pub(super) key: ClaimKey,
}

impl Locks<'_> {
    /// Releases leases; of one over several resources also some of them.
    ///
    /// # Errors
    /// If the guard is busy; what goes wrong with one lease is its outcome.
    pub fn release(&self, who: &Claimant, which: &Selector) -> Result<Vec<Changed>> {
        self.release_then(who, which, |_| ())
    }

    /// The same, and then whatever else is to be done in the same stay inside the guard.
    ///
    /// # Errors
    /// Those of [`Locks::release`].
    pub fn release_then(
        &self,
        who: &Claimant,
        which: &Selector,
        then: impl FnOnce(&mut Session<'_>),
    ) -> Result<Vec<Changed>> {
        let mut stay = self.enter()?;
        let changed = stay.release(who, which)?;
        then(&mut stay.session);
        stay.settle();
        Ok(changed)
    }

    /// Ends every lease on these resources, whoever holds it; each holder is told.
    ///
    /// # Errors
    /// If the guard is busy; what goes wrong with one lease is its outcome.
    pub fn force_release(&self, resources: &[Resource], reason: Option<&str>) -> Result<Vec<Changed>> {
        let mut stay = self.enter()?;
        stay.reason = reason.map(ToOwned::to_owned);
        let mut changed = Vec::new();
        for resource in resources {
            let key = resource.claim();
            let keys = BTreeSet::from([key.clone()]);
            let found = match stay.survey.read(&key) {
                Ok(lock) => lock.map(|lock| lock.into_found().collect()).unwrap_or_default(),
                Err(error) => {
                    changed.push(Changed::failed(resource.text(), error));
                    continue;
                }
            };
            let found: Vec<Found> = found;
            if found.is_empty() {
                changed.push(Changed {
                    resource: resource.text(),
                    outcome: Outcome::Nobody(None),
                    logged: Logged::Yes,
                });
            }
            for found in found {
                let mut giving = Giving { keys: keys.clone(), ended: BTreeMap::new() };
                let lock = stay.survey.read(&key).and_then(|lock| lock.ok_or_else(|| vanished(&key)));
                let ended = lock.and_then(|lock| stay.give_up(lock, found.lease.fence, Ending::Forced, &mut giving));
                changed.push(match ended {
                    Ok((outcome, logged)) => Changed { resource: resource.text(), outcome, logged },
                    Err(error) => Changed::failed(resource.text(), error),
                });
            }
        }
        stay.settle();
        Ok(changed)
    }
}

/// What one call gives up.
struct Giving {
    keys: BTreeSet<ClaimKey>,
    /// The leases ended as a whole so far, by fence, with what stood in each of their files.
    ended: BTreeMap<u64, BTreeMap<ClaimKey, Found>>,
}

impl Stay<'_> {
    /// The locks that a selector means; those that cannot be read, and may be theirs, go to `unreadable`.
    pub(super) fn select(
        &self,
        who: &Claimant,
        which: &Selector,
        unreadable: &mut Vec<Changed>,
    ) -> Result<Vec<Selected>> {
        let mut selected = Vec::new();
        match which {
            Selector::On(resources) => {
                selected.extend(resources.iter().map(|one| Selected { resource: one.text(), key: one.claim() }));
            }
            Selector::Files(keys) => {
                let mut whole = BTreeSet::new();
                for key in keys {
                    // A lease over several goes as a whole, by whichever of its files it is named.
                    let lock = match self.survey.read(key) {
                        Ok(lock) => lock,
                        Err(error) => {
                            unreadable.push(Changed::failed(key.file(), error));
                            continue;
                        }
                    };
                    let leases = lock.iter().flat_map(Lock::standing).filter(|(lease, _)| who.owns(lease));
                    whole.extend(leases.flat_map(|(lease, _)| lease.claims(key)));
                }
                selected.extend(whole.into_iter().map(|key| Selected { resource: key.file(), key }));
            }
            Selector::All => self.survey.for_each(|key, found| match found {
                Ok(found) if who.owns(&found.lease) => {
                    selected.push(Selected { resource: found.head.text(), key: key.clone() });
                }
                Ok(_) => {}
                Err(error) => unreadable.push(Changed::failed(key.file(), error)),
            })?,
        }
        Ok(selected)
    }

    pub(super) fn release(&mut self, who: &Claimant, which: &Selector) -> Result<Vec<Changed>> {
        let mut changed = Vec::new();
        let selected = self.select(who, which, &mut changed)?;
        let mut giving = Giving { keys: selected.iter().map(|one| one.key.clone()).collect(), ended: BTreeMap::new() };
        for Selected { resource, key } in selected {
            let theirs = |lease: &Holder| who.owns(lease);
            changed.push(match self.release_one(&key, theirs, &mut giving) {
                Ok((outcome, logged)) => Changed { resource, outcome, logged },
                Err(error) => Changed::failed(resource, error),
            });
        }
        Ok(changed)
    }

    fn release_one(
        &mut self,
        key: &ClaimKey,
        theirs: impl Fn(&Holder) -> bool,
        giving: &mut Giving,
    ) -> Result<(Outcome, Logged)> {
        if let Some(found) = giving.ended.values_mut().find_map(|files| files.remove(key)) {
            return Ok((Outcome::Released(Box::new(found)), Logged::Yes));
        }
        let Some(lock) = self.survey.read(key)? else { return Ok((Outcome::Nobody(None), Logged::Yes)) };
        let facts: Vec<(bool, bool)> =
            lock.standing().map(|(lease, verdict)| (theirs(lease), verdict.is_over())).collect();
        let fence = lock.standing().find(|(lease, _)| theirs(lease)).map(|(lease, _)| lease.fence);
        match (decide_release(&facts), fence) {
            (GiveUp::Remove, Some(fence)) => self.give_up(lock, fence, Ending::Released, giving),
            (GiveUp::Refuse, _) => {
                let holder = lock.into_found().find(|found| !found.verdict.is_over());
                Ok((holder.map_or(Outcome::Nobody(None), |found| Outcome::NotYours(Box::new(found))), Logged::Yes))
            }
            _ => Ok((Outcome::Nobody(lock.into_found().next().map(Box::new)), Logged::Yes)),
        }
    }

    /// Gives up what a lease has in this file: all of the lease if all of it is to go, else this part.
    fn give_up(&mut self, lock: Lock, fence: u64, why: Ending, giving: &mut Giving) -> Result<(Outcome, Logged)> {
        let found = lock.found(fence).ok_or_else(|| vanished(&lock.key))?;
        let parts = if found.lease.files.is_empty() { Vec::new() } else { self.parts(&lock, fence)? };
        let logged = if parts.iter().all(|part| giving.keys.contains(&part.key)) {
            let logged = self.end(&lock, fence, why)?;
            let others = parts.iter().filter(|part| part.key != lock.key);
            let files = others.filter_map(|part| Some((part.key.clone(), part.found(fence)?)));
            giving.ended.entry(fence).or_default().extend(files);
            logged
        } else {
            self.give_up_part(&lock, fence, why, &parts)?
        };
        Ok((Outcome::Released(Box::new(found)), logged))
    }

    /// The files in which a lease stands by the same one, in its order.
    fn parts(&self, lock: &Lock, fence: u64) -> Result<Vec<Lock>> {
        let (lease, _) = lock.lease(fence).ok_or_else(|| vanished(&lock.key))?;
        let mut parts = Vec::new();
        let home = lease.home(&lock.key);
        for key in lease.claims(&lock.key) {
            parts.extend(self.survey.read(&key)?.filter(|part| part.stands_by(fence, &home)));
        }
        Ok(parts)
    }

    /// If it is the last of its lease that goes, the others are first told which is the last from now on: at every
    /// moment each of them names a file in which the lease stands.
    fn give_up_part(&mut self, lock: &Lock, fence: u64, why: Ending, parts: &[Lock]) -> Result<Logged> {
        let left: Vec<ClaimKey> = parts.iter().map(|part| part.key.clone()).filter(|key| *key != lock.key).collect();
        let found = lock.found(fence).ok_or_else(|| vanished(&lock.key))?;
        let is_last = found.lease.granted_by(&lock.key).is_none();
        if is_last {
            // The new last one first: the others must not name it before it says that it is.
            for part in parts.iter().rev().filter(|part| part.key != lock.key) {
                let (file, mut holders) = part.whole()?;
                for holder in holders.iter_mut().filter(|holder| holder.fence == fence) {
                    holder.live_as(&found.lease);
                    holder.shrink(&left);
                }
                let logged = self.rewrite(part, &file, part.head().mode, holders, Announced::No)?;
                if !matches!(logged, Logged::Yes) {
                    return Ok(logged);
                }
            }
        }
        let mut event = self.ending(why, &found)?;
        if let Announced::Yes(event) = &mut event {
            event.file = Some(lock.key.file());
            event.last = left.last().filter(|_| is_last).map(ClaimKey::file);
            event.resource = Some(found.head.text());
            event.resources.clear();
        }
        self.drop_from(lock, fence, event)
    }
}

/// Of what there is to say of several changes, the most important.
pub(super) fn worst_of(logged: Vec<Logged>) -> Logged {
    logged.into_iter().find(|logged| !matches!(logged, Logged::Yes)).unwrap_or(Logged::Yes)
}
