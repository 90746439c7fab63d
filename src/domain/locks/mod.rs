//! Locks in a state directory: looking at them, and changing them inside the guard.

mod acquire;
mod cleanup;
mod give_up;
mod grant;
mod hooks;
mod line;
mod queue;
mod renew;
mod settle;
mod stay;
mod survey;
mod visit;

use std::{rc::Rc, time::Duration};

use super::{
    AgentId, Facts, Found, Holder, Liveness, Looked, Mark, Now, Origin, PidNamespace, Process, Resource, Result,
    agents::Enrolment,
};
use crate::store::{Beats, ClaimKey, Claims, Machine, StateDir};
pub use hooks::Account;
pub use queue::{CancelledPlace, Waiter};
use stay::{Life, Stay};
use survey::Survey;
pub use visit::Inside;

/// The locks of one state directory, as one process sees and changes them.
#[derive(Clone, Copy)]
pub struct Locks<'a> {
    /// The state directory.
    pub state: &'a StateDir,
    /// The machine this runs on.
    pub machine: &'a Machine,
    /// Tells the time.
    pub clock: fn() -> Now,
    /// Tells of processes.
    pub kernel: Kernel,
    /// Tells the machine's name, for people; only who writes something asks.
    pub host: fn() -> String,
    /// How long to wait for the guard.
    pub guard_wait: Duration,
    /// Who makes the changes, if that is known.
    pub caller: Option<Caller<'a>>,
}

/// What the kernel tells of processes.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// The pid namespace of this process; `None` if it cannot be told.
    pub pid_namespace: fn() -> Result<Option<PidNamespace>>,
    /// Whether a process of this pid namespace still runs.
    pub liveness: fn(&Process) -> Liveness,
    /// Whether the first is the own process of a terminal's pane, and no harness, and the second runs in that pane: a
    /// person's shell, and the harness started from it.
    pub pane_of: fn(&Process, &Process) -> bool,
}

/// What is known of where a call comes from, looked for when it is needed.
pub trait Whereabouts {
    /// The agent's own process: its harness, or that of its pane. Above the processes given, there is none.
    ///
    /// # Errors
    /// If what is there cannot be read for a reason that may pass.
    fn origin(&self, above: &[Mark]) -> Result<Origin>;

    /// What the registry keeps of the agent; `None` if it is not to be registered unless it asks for that.
    ///
    /// # Errors
    /// As [`Whereabouts::origin`].
    fn enrolment(&self) -> Result<Option<Enrolment>>;
}

/// One that is known already, of an agent that is not registered.
impl Whereabouts for Origin {
    fn origin(&self, _above: &[Mark]) -> Result<Origin> {
        Ok(self.clone())
    }

    fn enrolment(&self) -> Result<Option<Enrolment>> {
        Ok(None)
    }
}

/// Who makes a change.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The agent.
    pub agent: &'a AgentId,
    /// Tells where it calls from.
    pub whereabouts: &'a dyn Whereabouts,
    /// Whether the agent acts by its id, so that no other living process may have the same; else by a token.
    pub exclusive: bool,
}

impl<'a> Locks<'a> {
    /// Looks at a resource, and at what overlaps it. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the state directory or a lock file is damaged or unsafe: such a lock is not free.
    pub fn look(&self, resource: &Resource) -> Result<Looked> {
        let survey = self.survey()?;
        let locks = survey.overlapping(resource)?;
        let mut found: Vec<Found> = locks.into_iter().flat_map(survey::Lock::into_found).collect();
        // The very resource comes before what only overlaps it.
        let own = resource.claim();
        found.sort_by_key(|found| (found.verdict.is_over(), found.key != own));
        Ok(Looked { found, also_held: survey.elsewhere(resource)?, before: Vec::new() })
    }

    /// The leases on exactly this resource, over or not.
    ///
    /// # Errors
    /// As [`Locks::look`].
    pub fn on(&self, resource: &Resource) -> Result<Vec<Found>> {
        Ok(self.survey()?.read(&resource.claim())?.map(|lock| lock.into_found().collect()).unwrap_or_default())
    }

    /// The same without a look at whether they are over, which costs most of it.
    ///
    /// # Errors
    /// If the lock file is damaged or unsafe.
    pub fn leases_on(&self, resource: &Resource) -> Result<Vec<Holder>> {
        survey::leases(&Claims::new(self.state), &resource.claim())
    }

    /// Calls `each` with every lease on each of its resources, by kind and then by file name, or with why a lock file
    /// cannot be read.
    ///
    /// # Errors
    /// If the state directory cannot be read.
    pub fn for_each(&self, each: impl FnMut(&ClaimKey, Result<Found>)) -> Result<()> {
        self.survey()?.for_each(each)
    }

    fn survey(&self) -> Result<Survey<'a>> {
        let facts = Facts { era: self.state.current_era(self.machine)?, now: (self.clock)() };
        let (claims, beats) = (Rc::new(Claims::new(self.state)), Rc::new(Beats::new(self.state)));
        Ok(Survey::new(self, claims, beats, facts))
    }

    fn enter(&self) -> Result<Stay<'a>> {
        Stay::enter(self, Life::Shown)
    }
}
