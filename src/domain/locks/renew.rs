//! Renewing (L2; L1 for a lease that is over).

use std::collections::BTreeMap;

use super::{
    Locks,
    acquire::vanished,
    give_up::{Selected, worst_of},
    stay::{Announced, Stay},
    survey::Lock,
};
use crate::{
    domain::{
        Acquired, Changed, Claimant, Class, Found, Holder, Mode, Outcome, Party, RenewDecision, Request, Result,
        Selector, Ttl, decide_renew, verdict_on_renewed,
    },
    store::{ClaimKey, Logged, kind},
};

/// What a renewal changes beside the time.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    pub(super) ttl: Option<Ttl>,
    pub(super) reason: Option<String>,
    /// An automatic lease is explicit from now on.
    pub(super) asked_for: bool,
}

/// The leases renewed by one call, by where they stand and their fence now: whether they had been over.
type Renewed = BTreeMap<(ClaimKey, u64), bool>;

impl Locks<'_> {
    /// Renews leases, each by itself; a lease over several resources as a whole.
    ///
    /// # Errors
    /// If the guard is busy; what goes wrong with one lease is its outcome.
    pub fn renew(&self, who: &Claimant, which: &Selector, ttl: Option<Ttl>) -> Result<Vec<Changed>> {
        let mut stay = self.enter()?;
        let mut changed = Vec::new();
        let selected = stay.select(who, which, &mut changed)?;
        let mut renewed = Renewed::new();
        for Selected { resource, key } in selected {
            let one = self.renew_one(&mut stay, who, &key, ttl, &mut renewed);
            changed.push(match one {
                Ok((outcome, logged)) => Changed { resource, outcome, logged },
                Err(error) => Changed::failed(resource, error),
            });
        }
        Ok(changed)
    }

    fn renew_one(
        &self,
        stay: &mut Stay<'_>,
        who: &Claimant,
        key: &ClaimKey,
        ttl: Option<Ttl>,
        renewed: &mut Renewed,
    ) -> Result<(Outcome, Logged)> {
        let Some(lock) = stay.survey.read(key)? else { return Ok((Outcome::Nobody(None), Logged::Yes)) };
        let facts: Vec<(bool, bool)> =
            lock.standing().map(|(lease, verdict)| (who.owns(lease), verdict.is_over())).collect();
        let theirs = lock.standing().find(|(lease, _)| who.owns(lease)).map(|(lease, _)| lease.fence);
        let found = theirs.and_then(|fence| lock.found(fence));
        let again = found.as_ref().and_then(|found| renewed.get(&(found.lease.home(key), found.lease.fence)));
        if let (Some(found), Some(again)) = (found, again.copied()) {
            return Ok((Outcome::Renewed { found: Box::new(found), again }, Logged::Yes));
        }
        match (decide_renew(&facts), theirs) {
            (RenewDecision::Renew, Some(fence)) => {
                stay.lives()?;
                let (found, logged) = stay.renew(&lock, fence, Renewal { ttl, ..Renewal::default() })?;
                renewed.insert((found.lease.home(key), fence), false);
                Ok((Outcome::Renewed { found: Box::new(found), again: false }, logged))
            }
            (RenewDecision::GrantAgain, Some(fence)) if stay.is_past(&lock, fence)? => {
                Ok((Outcome::Nobody(lock.found(fence).map(Box::new)), Logged::Yes))
            }
            (RenewDecision::GrantAgain, Some(fence)) => {
                let request = self.same_again(stay, &lock, fence, ttl)?;
                match self.acquire_as(stay, &request, None)? {
                    Acquired::Granted { granted, logged, .. } => {
                        let now = granted.into_iter().find(|one| one.found.key == *key);
                        let found = now.ok_or_else(|| vanished(key))?.found;
                        renewed.insert((found.lease.home(key), found.lease.fence), true);
                        Ok((Outcome::Renewed { found: Box::new(found), again: true }, worst_of(logged)))
                    }
                    Acquired::Refused(refusal) => match refusal.held.into_iter().next() {
                        Some(found) => Ok((Outcome::NotYours(Box::new(found)), Logged::Yes)),
                        None => Ok((Outcome::Behind(refusal.before), Logged::Yes)),
                    },
                    Acquired::Deadlock(_) | Acquired::Dropped => Err(vanished(key)),
                }
            }
            (RenewDecision::Refuse, _) => {
                let holder = lock.into_found().find(|found| !found.verdict.is_over());
                Ok((holder.map_or(Outcome::Nobody(None), |found| Outcome::NotYours(Box::new(found))), Logged::Yes))
            }
            _ => Ok((Outcome::Nobody(lock.into_found().next().map(Box::new)), Logged::Yes)),
        }
    }

    /// What a lease that is over was on, as a request for a new one.
    fn same_again(&self, stay: &Stay<'_>, lock: &Lock, fence: u64, ttl: Option<Ttl>) -> Result<Request> {
        let (lease, _) = lock.lease(fence).ok_or_else(|| vanished(&lock.key))?;
        let (mut resources, mut mode) = (Vec::new(), Mode::Shared);
        for key in lease.claims(&lock.key) {
            let Some(part) = stay.survey.read(&key)?.filter(|part| part.lease(fence).is_some()) else { continue };
            // If it was exclusive on one of them, its holder counts on that.
            if part.head().mode == Mode::Exclusive {
                mode = Mode::Exclusive;
            }
            resources.extend(part.head().resource());
        }
        Ok(Request {
            resources,
            mode,
            party: Party::agent(lease.agent_id.clone()),
            wrapper: None,
            max_hold: lease.max_hold_s.and_then(|seconds| Ttl::try_from(seconds).ok()),
            ttl: Some(ttl.unwrap_or(lease.ttl_s)),
            default_ttl: lease.ttl_s,
            reason: Some(lease.reason.clone()),
            token: lease.token.clone(),
        })
    }
}

impl Stay<'_> {
    /// Whether a lease that is over cannot be granted anew to whoever it was: the command under it has lost it, or its
    /// agent is gone, and a new one would be over at once. Then somebody else asks, who bears the token.
    fn is_past(&self, lock: &Lock, fence: u64) -> Result<bool> {
        match lock.lease(fence) {
            Some((lease, _)) => Ok(lease.class == Class::Run || self.survey.evidence(&lease.agent_id)?.gone),
            None => Ok(false),
        }
    }

    /// Renews a lease where its life is kept. The lease as it then stands in `lock`.
    pub(super) fn renew(&mut self, lock: &Lock, fence: u64, renewal: Renewal) -> Result<(Found, Logged)> {
        let Renewal { ttl, reason, asked_for } = renewal;
        let mut found = lock.found(fence).ok_or_else(|| vanished(&lock.key))?;
        let elsewhere = match found.lease.granted_by(&lock.key) {
            Some(last) => Some(self.survey.read(&last)?.ok_or_else(|| vanished(&last))?),
            None => None,
        };
        let home = elsewhere.as_ref().unwrap_or(lock);
        let (file, mut holders) = home.whole()?;
        let same_boot = self.session.same_boot();
        let mut renewed: Option<Holder> = None;
        for holder in holders.iter_mut().filter(|holder| holder.fence == fence) {
            holder.renew(self.now, same_boot, ttl, reason.clone());
            if asked_for {
                holder.class = Class::Explicit;
            }
            renewed = Some(holder.clone());
        }
        found.lease.live_as(&renewed.ok_or_else(|| vanished(&home.key))?);
        found.verdict = verdict_on_renewed(&found.lease, &self.survey.facts());
        let event = self.event(kind::RENEWED, &found, self.session.number()?);
        let logged = self.rewrite(home, &file, home.head().mode, holders, Announced::Yes(Box::new(event)))?;
        Ok((found, logged))
    }
}
