//! One lease in a lock file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AgentId, Here, Now, PidNamespace, Process, Resource, Timestamp, Token, Ttl};
use crate::store::ClaimKey;

/// Whether others may hold the resource too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody else.
    Exclusive,
    /// Others who share it.
    Shared,
}

impl Mode {
    /// The mode in one word, as files and output name it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
        }
    }
}

/// How a lease came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Somebody asked for it.
    Explicit,
    /// The edit hook took it for an agent that edits a file: it is renewed only by touching that file, and ends with the
    /// agent's turn.
    Automatic,
    /// A command runs under it: it belongs to the process that runs the command, not to all of its agent.
    Run,
}

impl Class {
    /// Whether it is the agent's own, not that of one command that it runs.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(self, Self::Explicit | Self::Automatic)
    }

    /// How it came about in one word, as files and output name it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Automatic => "automatic",
            Self::Run => "run",
        }
    }
}

/// The process that runs a command under a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapper {
    /// The boot that it is of.
    pub boot_id: String,
    /// The process.
    pub process: Process,
    /// Where it has its number.
    pub pid_ns: PidNamespace,
}

impl Wrapper {
    /// The process, if it has its number where we are.
    #[must_use]
    pub fn process_here(&self, here: &Here<'_>) -> Option<&Process> {
        let same_boot = !self.boot_id.is_empty() && self.boot_id == here.boot_id;
        let same = same_boot && here.own_clock && here.pid_ns == Some(&self.pid_ns);
        Some(&self.process).filter(|_| same)
    }
}

/// Who asks for a lease, as far as it decides what is in the way.
#[derive(Clone, Debug)]
pub struct Party {
    /// The agent.
    pub agent: AgentId,
    /// How the lease comes about.
    pub class: Class,
    /// The run leases that the call is made under, by their ids: a command calls for itself what it was run for.
    pub inside: Vec<String>,
}

/// Whose a lease is to somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Theirs: it goes on.
    Mine,
    /// It is no obstacle, and stays beside theirs: the own agent's to a command that it runs, and that of the command
    /// to what runs inside of it.
    Kin,
    /// Another's.
    Other,
}

impl Party {
    /// An agent that asks for itself.
    #[must_use]
    pub fn agent(agent: AgentId) -> Self {
        Self { agent, class: Class::Explicit, inside: Vec::new() }
    }

    /// Whose this lease is to them.
    #[must_use]
    pub fn relation(&self, lease: &Holder) -> Whose {
        match (lease.class, self.class) {
            _ if lease.agent_id != self.agent => Whose::Other,
            (Class::Run, _) if self.inside.contains(&lease.lease) => Whose::Kin,
            (Class::Run, _) => Whose::Other,
            (Class::Explicit | Class::Automatic, Class::Run) => Whose::Kin,
            (Class::Explicit | Class::Automatic, Class::Explicit | Class::Automatic) => Whose::Mine,
        }
    }
}

/// One lease in a lock file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Whose it is.
    pub agent_id: AgentId,
    /// `l-` and the fence.
    pub lease: String,
    /// The fencing token: larger than that of every earlier grant in this directory.
    pub fence: u64,
    /// The era that it was granted in.
    pub era: u64,
    /// Proves that a lease is the bearer's.
    pub token: Token,
    /// How it came about.
    pub class: Class,
    /// When it was granted.
    pub acquired_at: Timestamp,
    /// When its holder last asked for it or renewed it.
    pub renewed_at: Timestamp,
    /// The same by `CLOCK_MONOTONIC` of the boot that the era is of; `None` if written by another machine.
    pub renewed_mono_ms: Option<u64>,
    /// How long it lasts after that, in seconds.
    pub ttl_s: Ttl,
    /// How long it may last at all, in seconds.
    pub max_hold_s: Option<u64>,
    /// When it was granted, by `CLOCK_MONOTONIC`; only if it may not last for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquired_mono_ms: Option<u64>,
    /// The machine that it was granted on.
    pub host: String,
    /// Why it was taken, in the holder's words.
    pub reason: String,
    /// All resources of the lease.
    pub resources: Vec<String>,
    /// Their lock files, below `locks/`, sorted; empty if this is the only one. The lease is granted if and only if it
    /// stands in the last of them, and what that one says of its life counts for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The process that runs a command under it, if it is a [`Class::Run`] and its number can be told from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapper: Option<Wrapper>,
    /// Keys that this version does not know, kept when it rewrites the file.
    #[serde(flatten, skip_deserializing)]
    pub(super) unknown: Option<Map<String, Value>>,
}

/// What a lease to be granted is made of.
#[derive(Clone, Debug)]
pub(super) struct NewLease<'a> {
    pub(super) agent: &'a AgentId,
    /// All its resources, in the order of their lock files.
    pub(super) resources: &'a [Resource],
    pub(super) class: Class,
    pub(super) max_hold: Option<Ttl>,
    pub(super) wrapper: Option<Wrapper>,
    pub(super) number: u64,
    pub(super) era: u64,
    pub(super) same_boot: bool,
    pub(super) token: Token,
    pub(super) ttl: Ttl,
    pub(super) reason: String,
    pub(super) host: &'a str,
    pub(super) now: Now,
}

impl Holder {
    pub(super) fn grant(new: NewLease<'_>) -> Self {
        let at = new.now.wall;
        let files =
            if let [_] = new.resources { Vec::new() } else { new.resources.iter().map(|r| r.claim().file()).collect() };
        Self {
            agent_id: new.agent.clone(),
            lease: format!("l-{}", new.number),
            fence: new.number,
            era: new.era,
            token: new.token,
            class: new.class,
            acquired_at: at,
            renewed_at: at,
            renewed_mono_ms: new.same_boot.then_some(new.now.mono_ms),
            ttl_s: new.ttl,
            max_hold_s: new.max_hold.map(Ttl::seconds),
            acquired_mono_ms: new.max_hold.filter(|_| new.same_boot).map(|_| new.now.mono_ms),
            host: new.host.to_owned(),
            reason: new.reason,
            resources: new.resources.iter().map(Resource::text).collect(),
            files,
            wrapper: new.wrapper,
            unknown: None,
        }
    }

    /// The lock file that says whether the lease is granted, if it is another than `key`.
    #[must_use]
    pub fn granted_by(&self, key: &ClaimKey) -> Option<ClaimKey> {
        self.files.last().and_then(|file| ClaimKey::from_file(file)).filter(|last| last != key)
    }

    /// The lock file that says whether the lease is granted, of which `key` is one. After a killed release of some of its
    /// files there may be two: each ends and is renewed by itself.
    #[must_use]
    pub fn home(&self, key: &ClaimKey) -> ClaimKey {
        self.granted_by(key).unwrap_or_else(|| key.clone())
    }

    /// The lock files of the lease, of which `key` is one.
    #[must_use]
    pub fn claims(&self, key: &ClaimKey) -> Vec<ClaimKey> {
        if self.files.is_empty() {
            return vec![key.clone()];
        }
        self.files.iter().filter_map(|file| ClaimKey::from_file(file)).collect()
    }

    /// Takes over what `other`, the same lease in another file, says of its life.
    pub(super) fn live_as(&mut self, other: &Self) {
        self.renewed_at = other.renewed_at;
        self.renewed_mono_ms = other.renewed_mono_ms;
        self.ttl_s = other.ttl_s;
        self.max_hold_s = other.max_hold_s;
        self.class = other.class;
        self.reason.clone_from(&other.reason);
    }

    /// Says that only these of its resources are left.
    pub(super) fn shrink(&mut self, left: &[ClaimKey]) {
        if self.files.is_empty() {
            // Said already, by a release that was killed after it.
            return;
        }
        let files: Vec<String> = left.iter().map(ClaimKey::file).collect();
        // In the same order, so that each text goes with its file.
        let texts = self.files.iter().zip(&self.resources).filter(|(file, _)| files.contains(file));
        self.resources = texts.map(|(_, text)| text.clone()).collect();
        self.files = if files.len() > 1 { files } else { Vec::new() };
    }

    /// Renews it now.
    pub(super) fn renew(&mut self, now: Now, same_boot: bool, ttl: Option<Ttl>, reason: Option<String>) {
        self.renewed_at = now.wall;
        self.renewed_mono_ms = same_boot.then_some(now.mono_ms);
        self.ttl_s = ttl.unwrap_or(self.ttl_s);
        if let Some(reason) = reason {
            self.reason = reason;
        }
    }
}
