//! An agent that uses the library instead of the binary.

use std::{path::Path, time::Duration};

use swarmlock::{
    checkout::STATE_NAME,
    domain::{
        Acquired, AgentId, Changed, Claimant, Found, Grant, Locks, NameKey, Now, PathKey, Request, Resource, Selector,
        Token, Ttl, Worktree,
    },
    fs::Dir,
    host,
    store::{self, Machine, StateDir},
};

/// A state directory opened through the library, with what is needed to work in it.
pub struct Lib {
    pub state: StateDir,
    pub machine: Machine,
}

impl Lib {
    /// Opens the state directory of the checkout at `root`.
    pub fn open(root: &Path) -> Self {
        Self::try_open(root).unwrap().expect("there is a state directory")
    }

    pub fn try_open(root: &Path) -> store::Result<Option<Self>> {
        let state = StateDir::open(&root.join(STATE_NAME.as_str()))?;
        Ok(state.map(|state| Self { state, machine: host::machine().unwrap() }))
    }

    /// Makes it first.
    pub fn init(root: &Path) -> Self {
        let parent = Dir::open(root).unwrap().unwrap();
        let nonce = || host::random().map(|bits| bits as u64);
        store::init(&parent, &STATE_NAME, &host::machine().unwrap(), &nonce).unwrap();
        Self::open(root)
    }

    pub fn locks(&self) -> Locks<'_> {
        self.locks_by(host::now)
    }

    /// With a clock of one's own.
    pub fn locks_by(&self, clock: fn() -> Now) -> Locks<'_> {
        Locks { state: &self.state, machine: &self.machine, clock, host: "proof", guard_wait: Duration::from_secs(30) }
    }

    pub fn acquire(&self, agent: &str, resource: &Resource) -> store::Result<Acquired> {
        self.locks().acquire(request(agent, resource, None))
    }

    /// Leaves a lease of `agent` that was over long ago: it was granted for a second when this boot began.
    pub fn plant_expired(&self, agent: &str, resource: &Resource) {
        let granted = self.locks_by(when_booted).acquire(request(agent, resource, Some(1))).unwrap();
        assert!(matches!(granted, Acquired::Granted { how: Grant::New, .. }), "{granted:?}");
        assert!(self.look(resource).unwrap().verdict.is_over());
    }

    pub fn release(&self, agent: &str, resource: &Resource) -> store::Result<Vec<Changed>> {
        let agent = AgentId::new(agent).unwrap();
        self.locks().release(&Claimant::Agent(agent.clone()), Some(&agent), &Selector::On(vec![resource.clone()]))
    }

    pub fn look(&self, resource: &Resource) -> Option<Found> {
        self.locks().look(resource).unwrap()
    }
}

pub fn name(text: &str) -> Resource {
    Resource::Name(NameKey::new(text).unwrap())
}

pub fn path(text: &str) -> Resource {
    Resource::Path(Worktree::MAIN, PathKey::new(text.split('/').map(str::as_bytes)).unwrap())
}

fn request(agent: &str, resource: &Resource, ttl: Option<u64>) -> Request {
    Request {
        resource: resource.clone(),
        agent: AgentId::new(agent).unwrap(),
        ttl: ttl.map(|seconds| Ttl::new(Duration::from_secs(seconds)).unwrap()),
        reason: None,
        token: Token::from_bits(host::random().unwrap()),
    }
}

fn when_booted() -> Now {
    Now { mono_ms: 0, ..host::now() }
}
