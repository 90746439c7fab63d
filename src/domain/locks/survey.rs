//! What stands: lock files read, and what each lease in them counts for.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use super::{Kernel, Locks};
use crate::{
    domain::{
        AgentId, Beat, Candidates, Class, Evidence, Facts, Found, Head, Here, Holder, Liveness, LockFile, PidNamespace,
        Process, Resource, Result, Verdict, candidates, may_overlap, overlap, parse_lock, verdict,
    },
    fs::{self, FileName},
    store::{Beats, ClaimKey, Claims, Error, Family, Machine, StateDir},
};

/// One look at the locks, by one clock.
pub(super) struct Survey<'a> {
    pub(super) claims: Rc<Claims<'a>>,
    beats: Rc<Beats<'a>>,
    state: &'a StateDir,
    machine: &'a Machine,
    kernel: Kernel,
    host: fn() -> String,
    facts: Cell<Facts>,
    evidence: RefCell<BTreeMap<AgentId, Evidence>>,
    namespace: OnceCell<Option<PidNamespace>>,
}

/// A lock file as it was read.
pub(super) struct Lock {
    pub(super) key: ClaimKey,
    pub(super) file: LockFile,
    bytes: Vec<u8>,
    /// What each of its leases counts for; `None` for one that was never granted, or given up as a whole.
    verdicts: Vec<Option<Verdict>>,
}

/// A lock file, and what each of its leases counts for.
type Judged = (LockFile, Vec<Option<Verdict>>);

/// How often a file is read again that changes while it is looked at.
const REREADS: usize = 8;

impl<'a> Survey<'a> {
    pub(super) fn new(locks: &Locks<'a>, claims: Rc<Claims<'a>>, beats: Rc<Beats<'a>>, facts: Facts) -> Self {
        Self {
            claims,
            beats,
            state: locks.state,
            machine: locks.machine,
            kernel: locks.kernel,
            host: locks.host,
            facts: Cell::new(facts),
            evidence: RefCell::default(),
            namespace: OnceCell::new(),
        }
    }

    /// What verdicts rest on.
    pub(super) fn facts(&self) -> Facts {
        self.facts.get()
    }

    /// Reads one lock.
    pub(super) fn read(&self, key: &ClaimKey) -> Result<Option<Lock>> {
        let mut bytes = Vec::new();
        if !self.claims.read(key, &mut bytes)? {
            return Ok(None);
        }
        let (file, verdicts) = self.judged(key, &bytes)?;
        Ok(Some(Lock { key: key.clone(), file, bytes, verdicts }))
    }

    /// Calls `each` with every lease that stands, by the place of its lock file, or with why a file cannot be read.
    pub(super) fn for_each(&self, mut each: impl FnMut(&ClaimKey, Result<Found>)) -> Result<()> {
        self.for_each_lock(|key, lock| match lock {
            Ok((file, verdicts)) => found(key.clone(), file, verdicts).for_each(|found| each(key, Ok(found))),
            Err(error) => each(key, Err(error)),
        })
    }

    /// The same with whole files, also those in which nothing stands.
    pub(super) fn for_each_lock(&self, mut each: impl FnMut(&ClaimKey, Result<Judged>)) -> Result<()> {
        for place in self.claims.places()? {
            self.claims.for_each(&place, |key, bytes| {
                each(&key, bytes.and_then(|bytes| self.judged(&key, bytes)));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn judged(&self, key: &ClaimKey, bytes: &[u8]) -> Result<Judged> {
        let mut judged = self.judged_once(key, bytes)?;
        // Without the guard, this file may have been read before a release of a part and its last file after it: what
        // names another last file by now is not free.
        let mut before = Cow::Borrowed(bytes);
        for _ in 0..REREADS {
            let mut now = Vec::new();
            if judged.1.iter().all(Option::is_some) || !self.claims.read(key, &mut now)? || *before == *now {
                break;
            }
            judged = self.judged_once(key, &now)?;
            before = Cow::Owned(now);
        }
        Ok(judged)
    }

    fn judged_once(&self, key: &ClaimKey, bytes: &[u8]) -> Result<Judged> {
        let mut file = parse_lock(key, bytes)?;
        let mut verdicts = Vec::with_capacity(file.holders().len());
        for holder in file.holders_mut() {
            verdicts.push(match holder.granted_by(key) {
                None => Some(self.verdict(holder)?),
                Some(last) => match life(&self.claims, &last, holder)? {
                    Some(life) => {
                        holder.live_as(&life);
                        Some(self.verdict(holder)?)
                    }
                    None => None,
                },
            });
        }
        Ok((file, verdicts))
    }

    /// What is known of the process that runs a command under a lease.
    fn evidence_of_wrapper(&self, lease: &Holder) -> Result<Evidence> {
        let process = match &lease.wrapper {
            // Its number means nothing to a clock that does not compare.
            Some(wrapper) if lease.renewed_mono_ms.is_some() => wrapper.process_here(&self.here(true)?),
            _ => None,
        };
        let liveness = process.map(|process| (self.kernel.liveness)(process));
        Ok(Evidence { gone: liveness == Some(Liveness::Gone), seen: None })
    }

    fn verdict(&self, lease: &Holder) -> Result<Verdict> {
        if lease.era > self.facts.get().era.recorded {
            // An era has begun since we looked.
            let era = self.state.current_era(self.machine)?;
            self.facts.set(Facts { era, ..self.facts.get() });
        }
        let facts = self.facts.get();
        let evidence = match (facts.era.number == Some(lease.era), lease.class) {
            (false, _) => Evidence::NOTHING,
            (true, Class::Explicit | Class::Automatic) => self.evidence(&lease.agent_id)?,
            (true, Class::Run) => self.evidence_of_wrapper(lease)?,
        };
        Ok(verdict(lease, &facts, &evidence))
    }

    /// What is known of an agent beside its leases.
    pub(super) fn evidence(&self, agent: &AgentId) -> Result<Evidence> {
        if let Some(known) = self.evidence.borrow().get(agent) {
            return Ok(*known);
        }
        let evidence = match self.beat(agent)? {
            None => Evidence::NOTHING,
            Some(beat) => beat.evidence(&self.here(beat.process.is_some())?, self.liveness(&beat)?),
        };
        self.evidence.borrow_mut().insert(agent.clone(), evidence);
        Ok(evidence)
    }

    /// Takes the beat that an agent left before it called as its evidence, and the call itself as proof that it is not
    /// gone. Its own leases are judged without the sign of life that it gives by calling: what had run out until then is
    /// granted anew.
    pub(super) fn learn(&self, agent: &AgentId, recorded: Option<&Beat>) -> Result<()> {
        let evidence = match recorded {
            Some(beat) => beat.evidence(&self.here(false)?, None),
            None => Evidence::NOTHING,
        };
        self.evidence.borrow_mut().insert(agent.clone(), evidence);
        Ok(())
    }

    /// The newest beat of an agent; one that is torn, unsafe or not to be read says nothing.
    pub(super) fn beat(&self, agent: &AgentId) -> Result<Option<Beat>> {
        self.beat_read(agent, |name| self.beats.read(name))
    }

    /// The same of the caller, who may be about to leave another.
    pub(super) fn own_beat(&self, agent: &AgentId) -> Result<Option<Beat>> {
        self.beat_read(agent, |name| self.beats.read_own(name))
    }

    fn beat_read(
        &self,
        agent: &AgentId,
        read: impl FnOnce(&FileName) -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Beat>> {
        let Some(name) = FileName::new(agent.to_string()) else { return Ok(None) };
        match read(&name) {
            Ok(bytes) => Ok(bytes.and_then(|bytes| Beat::parse(agent, &bytes))),
            Err(Error::Damaged { .. } | Error::Fs(fs::Error::Unsafe { .. })) => Ok(None),
            Err(Error::Fs(error)) if error.is_denied() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the process of a beat still runs; `None` if there is none, or none that has its number here.
    pub(super) fn liveness(&self, beat: &Beat) -> Result<Option<Liveness>> {
        Ok(match &beat.process {
            None => None,
            Some(_) => beat.process_here(&self.here(true)?).map(|process| (self.kernel.liveness)(process)),
        })
    }

    /// The name of this machine.
    pub(super) fn host_name(&self) -> String {
        (self.host)()
    }

    pub(super) fn liveness_of(&self, process: &Process) -> Liveness {
        (self.kernel.liveness)(process)
    }

    /// Where this process is; its pid namespace only if that matters.
    pub(super) fn here(&self, with_namespace: bool) -> Result<Here<'_>> {
        let pid_ns = if with_namespace { self.namespace()? } else { None };
        let facts = self.facts.get();
        let own_clock = self.machine.own_clock;
        Ok(Here { boot_id: &self.machine.boot_id, pid_ns, own_clock, now: facts.now })
    }

    pub(super) fn namespace(&self) -> Result<Option<&PidNamespace>> {
        if self.namespace.get().is_none() {
            let found = (self.kernel.pid_namespace)()?;
            return Ok(self.namespace.get_or_init(|| found).as_ref());
        }
        Ok(self.namespace.get().and_then(Option::as_ref))
    }

    /// Every lock that overlaps a resource.
    pub(super) fn overlapping(&self, resource: &Resource) -> Result<Vec<Lock>> {
        let Candidates { read: mut keys, scan } = candidates(resource);
        let mut locks = Vec::new();
        // Its own file before the patterns: it leads through `locks/`, which is all that is needed where there are none.
        self.read_overlapping(resource, keys.drain(..), &mut locks)?;
        if let Some((files, worktree)) = resource.files().zip(resource.worktree()) {
            let mut buffer = Vec::new();
            for family in scan {
                let wanted = |name: &str| may_overlap(&files, family, name, &mut buffer);
                keys.extend(self.claims.keys(&worktree.place(family), wanted)?);
            }
        }
        self.read_overlapping(resource, keys.into_iter(), &mut locks)?;
        Ok(locks)
    }

    /// The same as far as they can be read.
    pub(super) fn in_sight(&self, resource: &Resource) -> Vec<Lock> {
        let Candidates { read: mut keys, scan } = candidates(resource);
        if let Some((files, worktree)) = resource.files().zip(resource.worktree()) {
            let mut buffer = Vec::new();
            for family in scan {
                let wanted = |name: &str| may_overlap(&files, family, name, &mut buffer);
                keys.extend(self.claims.keys(&worktree.place(family), wanted).unwrap_or_default());
            }
        }
        let mut locks = Vec::new();
        for key in keys {
            self.read_overlapping(resource, std::iter::once(key), &mut locks).unwrap_or_default();
        }
        locks
    }

    fn read_overlapping(
        &self,
        resource: &Resource,
        keys: impl Iterator<Item = ClaimKey>,
        locks: &mut Vec<Lock>,
    ) -> Result<()> {
        for key in keys {
            let Some(lock) = self.read(&key)? else { continue };
            let there = lock.file.head().resource();
            let overlaps = match (resource.files(), there.as_ref().and_then(Resource::files)) {
                (Some(here), Some(there)) => overlap(here, there),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if overlaps {
                locks.push(lock);
            }
        }
        Ok(())
    }

    /// The same files in other worktrees, as far as somebody holds them: no obstacle now, a merge conflict later.
    pub(super) fn elsewhere(&self, resource: &Resource) -> Result<Vec<Found>> {
        let Some(own) = resource.worktree() else { return Ok(Vec::new()) };
        let mut names: Vec<FileName> = Vec::new();
        for family in Family::OF_FILES {
            let Some(dir) = own.place(family).worktree().cloned() else { continue };
            names.extend(self.claims.other_worktrees(family, &dir)?);
        }
        names.sort_unstable();
        names.dedup();
        let mut elsewhere = Vec::new();
        for name in names {
            for lock in self.overlapping(&resource.in_worktree(&name))? {
                elsewhere.extend(lock.into_found().filter(|found| !found.verdict.is_over()));
            }
        }
        Ok(elsewhere)
    }
}

impl Lock {
    /// The leases that stand, over or not.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&Holder, Verdict)> {
        self.file.holders().iter().zip(&self.verdicts).filter_map(|(holder, verdict)| Some((holder, (*verdict)?)))
    }

    pub(super) fn lease(&self, fence: u64) -> Option<(&Holder, Verdict)> {
        self.standing().find(|(holder, _)| holder.fence == fence)
    }

    /// Whether a lease stands here because it is granted there.
    pub(super) fn stands_by(&self, fence: u64, home: &ClaimKey) -> bool {
        self.lease(fence).is_some_and(|(lease, _)| lease.home(&self.key) == *home)
    }

    pub(super) fn head(&self) -> &Head {
        self.file.head()
    }

    /// The file with all that it held, for a rewrite; without leases that count for nothing.
    pub(super) fn whole(&self) -> Result<(LockFile, Vec<Holder>)> {
        let mut file = self.file.clone();
        file.keep_unknown(&self.key, &self.bytes)?;
        let standing = file.holders().iter().zip(&self.verdicts).filter(|(_, verdict)| verdict.is_some());
        let holders = standing.map(|(holder, _)| holder.clone()).collect();
        Ok((file, holders))
    }

    pub(super) fn into_found(self) -> impl Iterator<Item = Found> {
        found(self.key, self.file, self.verdicts)
    }

    pub(super) fn found(&self, fence: u64) -> Option<Found> {
        let (lease, verdict) = self.lease(fence)?;
        Some(Found { key: self.key.clone(), head: Rc::new(self.head().clone()), lease: lease.clone(), verdict })
    }
}

/// The leases that stand in one lock file, over or not.
pub(super) fn leases(claims: &Claims<'_>, key: &ClaimKey) -> Result<Vec<Holder>> {
    let mut bytes = Vec::new();
    if !claims.read(key, &mut bytes)? {
        return Ok(Vec::new());
    }
    let mut leases = Vec::new();
    for holder in parse_lock(key, &bytes)?.into_parts().1 {
        let stands = match holder.granted_by(key) {
            None => true,
            Some(last) => life(claims, &last, &holder)?.is_some(),
        };
        leases.extend(Some(holder).filter(|_| stands));
    }
    Ok(leases)
}

/// The same lease in the file that says whether it is granted.
fn life(claims: &Claims<'_>, last: &ClaimKey, holder: &Holder) -> Result<Option<Holder>> {
    let mut bytes = Vec::new();
    if !claims.read(last, &mut bytes)? {
        return Ok(None);
    }
    let file = parse_lock(last, &bytes)?;
    Ok(file.holder(holder.fence).filter(|life| life.agent_id == holder.agent_id).cloned())
}

fn found(key: ClaimKey, file: LockFile, verdicts: Vec<Option<Verdict>>) -> impl Iterator<Item = Found> {
    let (head, holders) = file.into_parts();
    let head = Rc::new(head);
    holders.into_iter().zip(verdicts).filter_map(move |(lease, verdict)| {
        Some(Found { key: key.clone(), head: Rc::clone(&head), lease, verdict: verdict? })
    })
}

/// The process of this call, as a refusal names it.
pub(super) fn named(process: &Process) -> String {
    format!("{} (process {})", process.name, process.pid)
}
