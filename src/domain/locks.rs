//! Locks in a state directory: looking at them, and changing them inside the guard.

use std::{borrow::Cow, time::Duration};

use super::{
    AcquireDecision, Acquired, AgentId, Changed, Claimant, Cleaned, Evidence, Facts, Found, GiveUp, Grant, LockFile,
    Now, Outcome, RenewDecision, Request, Resource, Result, Selector, Timestamp, Ttl, Verdict, decide_acquire,
    decide_release, decide_renew, lock_file::NewLease, parse_lock, verdict,
};
use crate::{
    fs::Stamp,
    store::{ClaimKey, Claims, CurrentEra, Entry, Error, Event, Former, Logged, Machine, Put, Session, StateDir, kind},
};

/// How many leases `cleanup` removes in one stay inside the guard.
const STAY: usize = 500;

/// The locks of one state directory, as one process sees and changes them.
#[derive(Clone, Copy)]
pub struct Locks<'a> {
    /// The state directory.
    pub state: &'a StateDir,
    /// The machine this runs on.
    pub machine: &'a Machine,
    /// Tells the time.
    pub clock: fn() -> Now,
    /// The machine's name, for people.
    pub host: &'a str,
    /// How long to wait for the guard.
    pub guard_wait: Duration,
}

/// A claim as it was read inside the guard.
struct Read {
    found: Found,
    bytes: Vec<u8>,
}

impl Locks<'_> {
    /// Looks at one resource. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the state directory or the lock file is damaged or unsafe: such a lock is not free.
    pub fn look(&self, resource: &Resource) -> Result<Option<Found>> {
        let (key, mut bytes) = (resource.claim(), Vec::new());
        let there = Claims::new(self.state).read(&key, &mut bytes)?;
        // The era after the lock: an era that begins between the two must not make a lease of its own look orphaned.
        let facts = self.facts()?;
        if there { judge(&key, &bytes, &facts).map(Some) } else { Ok(None) }
    }

    /// Calls `each` with every lock, by kind and then by file name, or with why one cannot be read.
    ///
    /// # Errors
    /// If the state directory cannot be read.
    pub fn for_each(&self, mut each: impl FnMut(&ClaimKey, Result<Found>)) -> Result<()> {
        let mut facts = self.facts()?;
        let claims = Claims::new(self.state);
        for place in claims.places()? {
            claims.for_each(&place, |key, bytes| {
                let mut found = bytes.and_then(|bytes| judge(&key, bytes, &facts));
                if let Ok(Found { lock, .. }) = &found
                    && lock.lease().era > facts.era.recorded
                {
                    // An era has begun since we looked.
                    facts = self.facts()?;
                    let evidence = Evidence::Nothing;
                    found =
                        found.map(|found| Found { verdict: verdict(found.lock.lease(), &facts, evidence), ..found });
                }
                each(&key, found);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Acquires an exclusive lease (L1, L2, L4).
    ///
    /// # Errors
    /// If the guard is busy, something is damaged or unsafe, or the lease could not be written.
    pub fn acquire(&self, request: Request) -> Result<Acquired> {
        let mut session = self.enter()?;
        let now = (self.clock)();
        let key = request.resource.claim();
        let found = read(self.state, &key, &facts_in(&session, now))?;
        let decision =
            decide_acquire(found.as_ref().map(|read| (&read.found.lock, read.found.verdict)), &request.agent);
        let (how, put, before) = match (decision, found) {
            (AcquireDecision::Grant, _) | (_, None) => (Grant::New, Put::New, None),
            (AcquireDecision::GrantAgain, Some(_)) => (Grant::Again, Put::Replace, None),
            (AcquireDecision::Renew, Some(read)) => (Grant::Renewed, Put::Replace, Some(read)),
            (AcquireDecision::TakeOver, Some(read)) => (Grant::TookOver(former(&read.found)), Put::Replace, None),
            (AcquireDecision::Refuse, Some(read)) => return Ok(Acquired::Held(Box::new(read.found))),
        };
        let number = session.number()?;
        let lock = match &before {
            Some(read) => renewed(&key, read, &session, number, now, request.ttl, request.reason)?,
            None => LockFile::grant(NewLease {
                agent: &request.agent,
                resource: &request.resource,
                number,
                era: session.era(),
                same_boot: session.same_boot(),
                token: request.token,
                ttl: request.ttl.unwrap_or(Ttl::DEFAULT),
                reason: request.reason.unwrap_or_default(),
                host: self.host,
                now,
            }),
        };
        let mut event = self.event(grant_kind(&how), &lock, &key, number, Some(&request.agent), now);
        if let Grant::TookOver(former) = &how {
            event.to = Some(former.agent_id.clone());
            event.former = Some(former.clone());
        }
        let logged = session.put(&key, &lock.to_bytes()?, put, acquisition_time(&lock), event)?;
        Ok(Acquired::Granted { lock: Box::new(lock), how, logged })
    }

    /// Releases leases (L5), each by itself.
    ///
    /// # Errors
    /// If the guard is busy; what goes wrong with one lease is its outcome.
    pub fn release(&self, who: &Claimant, by: Option<&AgentId>, which: &Selector) -> Result<Vec<Changed>> {
        self.change(who, which, |session, now, key, found| {
            let found = match (decide_release(found.as_ref().map(Read::pair), who), found) {
                (GiveUp::Remove, Some(read)) => read.found,
                (GiveUp::Refuse, Some(read)) => return Ok((Outcome::NotYours(Box::new(read.found)), Logged::Yes)),
                (_, found) => return Ok((nobody(found), Logged::Yes)),
            };
            let event = self.event(kind::RELEASED, &found.lock, key, session.number()?, by, now);
            let logged = session.remove(key, event)?;
            Ok((Outcome::Released(Box::new(found.lock)), logged))
        })
    }

    /// Renews leases (L2; L1 for one that is over), each by itself.
    ///
    /// # Errors
    /// If the guard is busy; what goes wrong with one lease is its outcome.
    pub fn renew(
        &self,
        who: &Claimant,
        by: Option<&AgentId>,
        which: &Selector,
        ttl: Option<Ttl>,
    ) -> Result<Vec<Changed>> {
        self.change(who, which, |session, now, key, found| {
            let decision = decide_renew(found.as_ref().map(Read::pair), who);
            let (read, again) = match (decision, found) {
                (RenewDecision::Renew, Some(read)) => (read, false),
                (RenewDecision::GrantAgain, Some(read)) => (read, true),
                (RenewDecision::Refuse, Some(read)) => {
                    return Ok((Outcome::NotYours(Box::new(read.found)), Logged::Yes));
                }
                (_, found) => return Ok((nobody(found), Logged::Yes)),
            };
            let number = session.number()?;
            let old = read.found.lock.lease();
            let lock = match read.found.lock.resource().filter(|_| again) {
                Some(resource) => LockFile::grant(NewLease {
                    agent: &old.agent_id,
                    resource: &resource,
                    number,
                    era: session.era(),
                    same_boot: session.same_boot(),
                    token: old.token.clone(),
                    ttl: ttl.unwrap_or(old.ttl_s),
                    reason: old.reason.clone(),
                    host: self.host,
                    now,
                }),
                None => renewed(key, &read, session, number, now, ttl, None)?,
            };
            let event = self.event(if again { kind::ACQUIRED } else { kind::RENEWED }, &lock, key, number, by, now);
            let logged = session.put(key, &lock.to_bytes()?, Put::Replace, acquisition_time(&lock), event)?;
            Ok((Outcome::Renewed { lock: Box::new(lock), again }, logged))
        })
    }

    /// Removes every lease that is over, and what killed processes left half made.
    ///
    /// # Errors
    /// If the guard is busy, or the state directory cannot be read.
    pub fn cleanup(&self, by: Option<&AgentId>) -> Result<Cleaned> {
        let mut cleaned = Cleaned::default();
        // First, because it ends an era that is over: what is damaged goes to quarantine before it is called damaged.
        let mut session = self.enter()?;
        match session.sweep() {
            Ok(swept) => cleaned.swept = swept,
            Err(error) => cleaned.left.push(error),
        }
        let mut over = Vec::new();
        self.for_each(|key, found| match found {
            Ok(found) if found.verdict.is_over() => over.push(key.clone()),
            Ok(_) => {}
            Err(error) => cleaned.left.push(error),
        })?;
        let mut keys = over.as_slice();
        while let Some((now, later)) = keys.split_at_checked(STAY.min(keys.len())).filter(|(now, _)| !now.is_empty()) {
            for key in now {
                self.remove_if_over(&mut session, key, by, &mut cleaned);
            }
            keys = later;
            if !keys.is_empty() {
                // Out and in again, so that nobody waits for all of it.
                drop(session);
                session = self.enter()?;
            }
        }
        Ok(cleaned)
    }

    fn remove_if_over(&self, session: &mut Session<'_>, key: &ClaimKey, by: Option<&AgentId>, cleaned: &mut Cleaned) {
        let now = (self.clock)();
        let found = match read(self.state, key, &facts_in(session, now)) {
            Ok(Some(Read { found, .. })) if found.verdict.is_over() => found,
            // Taken or released since it was looked at.
            Ok(_) => return,
            Err(error) => return cleaned.left.push(error),
        };
        let removed = session.number().and_then(|n| {
            let event = Event {
                n,
                resource: Some(found.lock.text().into_owned()),
                file: Some(key.file()),
                by: by.map(ToString::to_string),
                former: Some(former(&found)),
                to: Some(found.lock.lease().agent_id.to_string()),
                ..Event::new(kind::CLEANED, now.wall.unix_ms())
            };
            session.remove(key, event)
        });
        match removed {
            Ok(Logged::Yes) => {}
            Ok(Logged::Later(error)) => cleaned.unlogged.push(error),
            Err(error) => return cleaned.left.push(error),
        }
        cleaned.removed.push(found);
    }

    fn change(
        &self,
        who: &Claimant,
        which: &Selector,
        mut one: impl FnMut(&mut Session<'_>, Now, &ClaimKey, Option<Read>) -> Result<(Outcome, Logged)>,
    ) -> Result<Vec<Changed>> {
        let mut session = self.enter()?;
        let mut changed = Vec::new();
        let keys: Vec<(String, ClaimKey)> = match which {
            Selector::On(resources) => resources.iter().map(|r| (r.text(), r.claim())).collect(),
            Selector::All => self.all_of(who, &mut changed)?,
        };
        for (resource, key) in keys {
            let now = (self.clock)();
            let found = match read(self.state, &key, &facts_in(&session, now)) {
                Ok(found) => found,
                Err(error) => {
                    changed.push(Changed::failed(resource, error));
                    continue;
                }
            };
            match one(&mut session, now, &key, found) {
                Ok((outcome, logged)) => changed.push(Changed { resource, outcome, logged }),
                Err(error) => changed.push(Changed::failed(resource, error)),
            }
        }
        Ok(changed)
    }

    /// Every lock of theirs; those that cannot be read, and may be, go to `unreadable`.
    fn all_of(&self, who: &Claimant, unreadable: &mut Vec<Changed>) -> Result<Vec<(String, ClaimKey)>> {
        let mut mine = Vec::new();
        self.for_each(|key, found| match found {
            Ok(found) if who.owns(&found.lock) => mine.push((found.lock.text().into_owned(), key.clone())),
            Ok(_) => {}
            Err(error) => unreadable.push(Changed::failed(key.file(), error)),
        })?;
        Ok(mine)
    }

    fn enter(&self) -> Result<Session<'_>> {
        let damage = |key: &ClaimKey, bytes: &[u8]| match parse_lock(key, bytes) {
            Err(Error::Damaged { why, .. }) => Some(why),
            Ok(_) | Err(_) => None,
        };
        Session::enter(self.state, Entry { machine: self.machine, wait: self.guard_wait, damage: &damage })
    }

    fn facts(&self) -> Result<Facts> {
        Ok(Facts { era: self.state.current_era(self.machine)?, now: (self.clock)() })
    }

    fn event(
        &self,
        kind: &'static str,
        lock: &LockFile,
        key: &ClaimKey,
        n: u64,
        by: Option<&AgentId>,
        now: Now,
    ) -> Event {
        let lease = lock.lease();
        Event {
            n,
            resource: Some(lock.text().into_owned()),
            file: Some(key.file()),
            by: by.map(ToString::to_string),
            agent_id: Some(lease.agent_id.to_string()),
            fence: Some(lease.fence),
            ttl_s: Some(lease.ttl_s.seconds()),
            reason: Some(lease.reason.clone()).filter(|reason| !reason.is_empty()),
            ..Event::new(kind, now.wall.unix_ms())
        }
    }
}

impl Read {
    fn pair(&self) -> (&LockFile, Verdict) {
        (&self.found.lock, self.found.verdict)
    }
}

fn facts_in(session: &Session<'_>, now: Now) -> Facts {
    Facts {
        era: CurrentEra { number: Some(session.era()), recorded: session.era(), same_boot: session.same_boot() },
        now,
    }
}

fn read(state: &StateDir, key: &ClaimKey, facts: &Facts) -> Result<Option<Read>> {
    let mut bytes = Vec::new();
    if !Claims::new(state).read(key, &mut bytes)? {
        return Ok(None);
    }
    Ok(Some(Read { found: judge(key, &bytes, facts)?, bytes }))
}

fn judge(key: &ClaimKey, bytes: &[u8], facts: &Facts) -> Result<Found> {
    let lock = parse_lock(key, bytes)?;
    let verdict = verdict(lock.lease(), facts, Evidence::Nothing);
    Ok(Found { lock, verdict })
}

fn renewed(
    key: &ClaimKey,
    read: &Read,
    session: &Session<'_>,
    number: u64,
    now: Now,
    ttl: Option<Ttl>,
    reason: Option<String>,
) -> Result<LockFile> {
    let mut lock = read.found.lock.renewed(number, now, session.same_boot(), ttl, reason);
    lock.keep_unknown(key, &read.bytes)?;
    Ok(lock)
}

fn nobody(found: Option<Read>) -> Outcome {
    Outcome::Nobody(found.map(|read| Box::new(read.found)))
}

fn former(found: &Found) -> Former {
    let lease = found.lock.lease();
    Former { agent_id: lease.agent_id.to_string(), fence: lease.fence, was: Cow::Borrowed(found.verdict.word()) }
}

fn grant_kind(how: &Grant) -> &'static str {
    match how {
        Grant::New | Grant::Again => kind::ACQUIRED,
        Grant::Renewed => kind::RENEWED,
        Grant::TookOver(_) => kind::TAKEN_OVER,
    }
}

/// A lock file keeps the modification time of its acquisition: people search for old locks by it.
fn acquisition_time(lock: &LockFile) -> Stamp {
    let acquired: Timestamp = lock.lease().acquired_at;
    Stamp::At(acquired.system())
}
