//! The lease that a command runs under.

use std::{mem::ManuallyDrop, time::Duration};

use crate::{
    cli::{
        Context, Failure, Report,
        context::Open,
        describe,
        identity::Identity,
        locate::{Standpoint, Target},
        waiting::{self, Asker, Patience},
    },
    domain::{
        AgentId, Caller, Changed, Claimant, Class, Found, Granted, Locks, Mode, Now, Outcome, Party, Request, Resource,
        Selector, Token, Ttl, Wrapper,
    },
    fs::Watch,
    host,
    store::{Session, StateDir},
};

/// How long a renewal waits for the guard: signals wait meanwhile, and the next try is a second later.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the lease is renewed within its TTL.
const RENEWALS: u64 = 3;

/// What lease is wanted.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) mode: Mode,
    pub(super) ttl: Ttl,
    pub(super) reason: Option<String>,
    pub(super) agent: &'a AgentId,
    pub(super) wrapper: Option<Wrapper>,
    pub(super) max_hold: Option<Ttl>,
    pub(super) patience: Patience,
}

/// A lease that is ours.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    open: &'a Open,
    parts: Vec<Part>,
    ttl: Ttl,
    /// By `CLOCK_MONOTONIC`, in milliseconds.
    renewed_ms: u64,
    tried_ms: u64,
    /// What woke us while we waited, until the command runs.
    watch: Option<ManuallyDrop<Watch>>,
}

/// One resource of it.
#[derive(Debug)]
struct Part {
    resource: Resource,
    id: String,
    fence: u64,
    token: Token,
}

/// Whether it still stands.
#[derive(Debug)]
pub(super) enum State {
    Still,
    Lost(Lost),
}

/// Why it does not stand any more.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) why: String,
    /// Who has it now.
    pub(super) holder: Option<Box<Found>>,
}

impl<'a> Lease<'a> {
    /// Takes it, with patience; `begun` writes what else is to be written in the same stay inside the guard.
    pub(super) fn take(
        open: &'a Open,
        context: &Context,
        identity: Option<&Identity>,
        targets: &[Target],
        wanted: Wanted<'_>,
        report: &Report,
        mut begun: impl FnMut(&mut Session<'_>, &Self),
    ) -> Result<Self, Failure> {
        let whereabouts = context.asking(identity);
        let caller =
            identity.map(|identity| Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: true });
        let request = Request {
            resources: targets.iter().map(|target| target.resource.clone()).collect(),
            mode: wanted.mode,
            party: Party { class: Class::Run, ..context.party_of(wanted.agent.clone()) },
            wrapper: wanted.wrapper,
            max_hold: wanted.max_hold,
            ttl: Some(wanted.ttl),
            default_ttl: wanted.ttl,
            reason: wanted.reason,
            token: Token::from_bits(host::random()?),
        };
        let locks = open.locks_of(caller);
        let asker = Asker::for_run(identity, targets, wanted.mode, Standpoint::new(context, &context.checkout()?)?);
        let mut ours = None;
        let waited =
            waiting::acquire_then(&locks, &request, wanted.patience, &asker, report, &mut |session, granted| {
                let lease = Self::of(open, granted, wanted.ttl);
                begun(session, &lease);
                ours = Some(lease);
            })?;
        waited.logged.iter().for_each(|logged| describe::mention_unlogged(report, logged));
        let ours = ours.unwrap_or_else(|| Self::of(open, &waited.granted, wanted.ttl));
        Ok(Self { watch: waited.watch, ..ours })
    }

    fn of(open: &'a Open, granted: &[Granted], ttl: Ttl) -> Self {
        let now = host::now();
        let parts = granted.iter().filter_map(|granted| {
            let Found { head, lease, .. } = &granted.found;
            let (id, token) = (lease.lease.clone(), lease.token.clone());
            Some(Part { resource: head.resource()?, id, fence: lease.fence, token })
        });
        Self { open, parts: parts.collect(), ttl, renewed_ms: now.mono_ms, tried_ms: now.mono_ms, watch: None }
    }

    /// Its fence: no earlier lease in this directory has one as large.
    pub(super) fn fence(&self) -> u64 {
        self.parts.iter().map(|part| part.fence).max().unwrap_or(0)
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        self.parts.iter().max_by_key(|part| part.fence).map_or("", |part| &part.id)
    }

    /// What it is on.
    pub(super) fn resources(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.resource.text()).collect()
    }

    /// Renews it when it is time, and tells whether it still stands.
    pub(super) fn check(&mut self, now: Now) -> State {
        drop(self.watch.take().map(ManuallyDrop::into_inner));
        // Shortly after the start there is nothing to be seen.
        if now.mono_ms.saturating_sub(self.tried_ms) < PATIENCE.as_millis().try_into().unwrap_or(u64::MAX) {
            return State::Still;
        }
        let due = now.mono_ms.saturating_sub(self.renewed_ms) >= self.ttl.ms() / RENEWALS;
        match self.look().and_then(|()| if due { self.renew(now) } else { Ok(()) }) {
            Ok(()) => State::Still,
            Err(Trouble::Lost(lost)) => State::Lost(lost),
            Err(Trouble::Failed(failure)) if now.mono_ms.saturating_sub(self.renewed_ms) < self.ttl.ms() => {
                // The next try may do better.
                drop(failure);
                State::Still
            }
            Err(Trouble::Failed(failure)) => {
                let why = format!("the lease could not be renewed within its TTL: {}", failure.message);
                State::Lost(Lost { why, holder: None })
            }
        }
    }

    /// Gives back what is left of it, and then does what else is to be done in the same stay inside the guard; what went
    /// wrong, if anything.
    pub(super) fn give_back(self, report: &Report, then: impl FnOnce(&mut Session<'_>)) -> Option<String> {
        let locks = self.open.locks();
        let token = Claimant::Bearer(self.token()?);
        let resources = self.parts.iter().map(|part| part.resource.clone()).collect();
        let changed = match locks.release_then(&token, &Selector::On(resources), then) {
            Ok(changed) => changed,
            Err(error) => return Some(format!("the lease was not released: {error}")),
        };
        let mut wrong = None;
        for Changed { resource, outcome, logged } in changed {
            describe::mention_unlogged(report, &logged);
            let why = match outcome {
                Outcome::Released(_) => continue,
                Outcome::NotYours(found) => describe::held_by(&found, host::now()),
                Outcome::Failed(error) => error.to_string(),
                Outcome::Nobody(_) | Outcome::Renewed { .. } | Outcome::Behind(_) => {
                    "the lease was gone already".to_owned()
                }
            };
            wrong = wrong.or(Some(format!("{resource} was not released: {why}")));
        }
        wrong
    }

    fn look(&self) -> Result<(), Trouble> {
        let stands = self.open.state();
        match StateDir::open(stands.path())? {
            Some(there) if there.dir().id() == stands.dir().id() => {}
            there => {
                let became = if there.is_some() { "was replaced" } else { "is gone" };
                return Err(Trouble::lost(format!("the lease was lost: {} {became}", stands.path().display()), None));
            }
        }
        let locks = self.open.locks();
        for part in &self.parts {
            if !locks.leases_on(&part.resource)?.iter().any(|lease| lease.fence == part.fence) {
                return Err(Trouble::Lost(gone(&locks, &part.resource)));
            }
        }
        Ok(())
    }

    fn renew(&mut self, now: Now) -> Result<(), Trouble> {
        self.tried_ms = now.mono_ms;
        let open = self.open.locks();
        let locks = Locks { guard_wait: open.guard_wait.min(PATIENCE), ..open };
        let Some(token) = self.token() else { return Ok(()) };
        let resources = self.parts.iter().map(|part| part.resource.clone()).collect();
        for changed in locks.renew(&Claimant::Bearer(token), &Selector::On(resources), None)? {
            match changed.outcome {
                Outcome::Renewed { again: false, .. } => {}
                Outcome::Renewed { again: true, .. } => {
                    let why = format!(
                        "the lease on {} was over before it was renewed: others may have held it in between",
                        changed.resource
                    );
                    return Err(Trouble::lost(why, None));
                }
                Outcome::NotYours(found) => {
                    let why = format!("the lease was lost: {}", describe::held_by(&found, now));
                    return Err(Trouble::lost(why, Some(found)));
                }
                Outcome::Nobody(_) | Outcome::Released(_) | Outcome::Behind(_) => {
                    return Err(Trouble::lost(
                        format!("the lease was lost: nobody holds {} now", changed.resource),
                        None,
                    ));
                }
                Outcome::Failed(error) => return Err(error.into()),
            }
        }
        self.renewed_ms = now.mono_ms;
        Ok(())
    }

    /// That of all its parts: it is one lease.
    fn token(&self) -> Option<Token> {
        self.parts.first().map(|part| part.token.clone())
    }
}

/// Who has a resource whose lease is gone.
fn gone(locks: &Locks<'_>, resource: &Resource) -> Lost {
    let found =
        locks.look(resource).ok().and_then(|looked| looked.found.into_iter().find(|one| !one.verdict.is_over()));
    let now = match &found {
        Some(found) => describe::held_by(found, host::now()),
        None => format!("nobody holds {} now", resource.text()),
    };
    Lost { why: format!("the lease was lost: {now}"), holder: found.map(Box::new) }
}

/// Why a lease is not known to stand.
enum Trouble {
    Lost(Lost),
    Failed(Failure),
}

impl Trouble {
    fn lost(why: String, holder: Option<Box<Found>>) -> Self {
        Self::Lost(Lost { why, holder })
    }
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
