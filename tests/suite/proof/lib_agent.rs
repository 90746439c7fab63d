//! An agent that uses the library instead of the binary.

use std::{path::Path, time::Duration};

use swarmlock::{
    checkout::STATE_NAME,
    domain::{
        Acquired, AgentId, Caller, Changed, Claimant, Found, Glob, Grant, Granted, Kernel, Locks, Mode, NameKey, Now,
        Origin, Outcome, Party, PathKey, Process, Request, Resource, Selector, Token, TreeKey, Ttl, Worktree,
    },
    fs::Dir,
    host,
    store::{self, ClaimKey, Machine, StateDir},
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
        let kernel = Kernel { pid_namespace: host::pid_namespace, liveness: host::liveness, pane_of: host::is_pane_of };
        let guard_wait = Duration::from_secs(30);
        Locks {
            state: &self.state,
            machine: &self.machine,
            clock,
            kernel,
            host: || "proof".to_owned(),
            guard_wait,
            caller: None,
        }
    }

    pub fn acquire(&self, agent: &str, resource: &Resource) -> store::Result<Acquired> {
        self.acquire_all(agent, std::slice::from_ref(resource), Mode::Exclusive)
    }

    /// All of these or none, leaving a sign of life.
    pub fn acquire_all(&self, agent: &str, resources: &[Resource], mode: Mode) -> store::Result<Acquired> {
        let request = request(agent, resources, mode, None);
        let (id, none) = (request.party.agent.clone(), Origin::default());
        let locks = Locks { caller: Some(Caller { agent: &id, whereabouts: &none, exclusive: true }), ..self.locks() };
        locks.acquire(&request)
    }

    /// Leaves a lease of `agent` that was over long ago: it was granted for a second when this boot began.
    pub fn plant_expired(&self, agent: &str, resource: &Resource) {
        self.plant_expired_all(agent, std::slice::from_ref(resource));
    }

    /// The same over several.
    pub fn plant_expired_all(&self, agent: &str, resources: &[Resource]) {
        let granted = self.locks_by(when_booted).acquire(&request(agent, resources, Mode::Exclusive, Some(1))).unwrap();
        let new = |granted: &[Granted]| granted.iter().all(|one| one.how == Grant::New);
        assert!(matches!(&granted, Acquired::Granted { granted, .. } if new(granted)), "{granted:?}");
        assert!(resources.iter().all(|one| self.look(one).unwrap().verdict.is_over()));
    }

    /// The same, of a share beside those of others.
    pub fn plant_expired_share(&self, agent: &str, resource: &Resource) {
        let request = request(agent, std::slice::from_ref(resource), Mode::Shared, Some(1));
        assert!(matches!(self.locks_by(when_booted).acquire(&request).unwrap(), Acquired::Granted { .. }));
    }

    /// Leaves a lease over these of `agent`, whose recorded process is this one, which is gone.
    pub fn plant_orphan(&self, agent: &str, resources: &[Resource], gone: &Process) {
        let request = request(agent, resources, Mode::Exclusive, None);
        let origin = Origin { process: Some(gone.clone()), above: Vec::new() };
        let id = request.party.agent.clone();
        let locks =
            Locks { caller: Some(Caller { agent: &id, whereabouts: &origin, exclusive: true }), ..self.locks() };
        assert!(matches!(locks.acquire(&request).unwrap(), Acquired::Granted { .. }));
        assert!(resources.iter().all(|one| self.look(one).unwrap().verdict.word() == "orphaned"));
    }

    /// Gives up all that `agent` holds.
    pub fn release_all(&self, agent: &str) {
        let agent = AgentId::new(agent).unwrap();
        let changed = self.locks().release(&Claimant::Agent(agent), &Selector::All).unwrap();
        assert!(changed.iter().all(|one| matches!(one.outcome, Outcome::Released(_))), "{changed:?}");
    }

    /// Who holds what: each lock file with the agents of the leases in it that stand, and their fences.
    pub fn holders(&self) -> Vec<(String, String, u64)> {
        let mut holders = Vec::new();
        let each = |key: &ClaimKey, found: store::Result<Found>| {
            let lease = found.unwrap().lease;
            holders.push((key.file(), lease.agent_id.to_string(), lease.fence));
        };
        self.locks().for_each(each).unwrap();
        holders
    }

    pub fn release(&self, agent: &str, resource: &Resource) -> store::Result<Vec<Changed>> {
        let agent = AgentId::new(agent).unwrap();
        self.locks().release(&Claimant::Agent(agent), &Selector::On(vec![resource.clone()]))
    }

    pub fn look(&self, resource: &Resource) -> Option<Found> {
        self.locks().look(resource).unwrap().found.into_iter().next()
    }
}

pub fn name(text: &str) -> Resource {
    Resource::Name(NameKey::new(text).unwrap())
}

pub fn tree(text: &str) -> Resource {
    Resource::Tree(Worktree::MAIN, TreeKey::new(text.split('/').map(str::as_bytes)).unwrap())
}

pub fn glob(text: &str) -> Resource {
    Resource::Glob(Worktree::MAIN, Glob::new(text.as_bytes()).unwrap())
}

/// A process that has ended.
pub fn gone_process() -> Process {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    Process::new(pid, 1, "gone")
}

pub fn path(text: &str) -> Resource {
    Resource::Path(Worktree::MAIN, PathKey::new(text.split('/').map(str::as_bytes)).unwrap())
}

fn request(agent: &str, resources: &[Resource], mode: Mode, ttl: Option<u64>) -> Request {
    Request {
        resources: resources.to_vec(),
        mode,
        default_ttl: Ttl::DEFAULT,
        party: Party::agent(AgentId::new(agent).unwrap()),
        wrapper: None,
        max_hold: None,
        ttl: ttl.map(|seconds| Ttl::new(Duration::from_secs(seconds)).unwrap()),
        reason: None,
        token: Token::from_bits(host::random().unwrap()),
    }
}

fn when_booted() -> Now {
    Now { mono_ms: 0, ..host::now() }
}
