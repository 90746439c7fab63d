//! One agent in the registry.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Place;
use crate::domain::{AgentId, Now, PidNamespace, Process, Timestamp};

/// An agent, as `ACTIVE_AGENTS.json` keeps it. The first seven keys are those of claude-swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Where its pane stands, `session:window.pane`, when that was last asked for; `unknown` before.
    #[serde(default = "unknown")]
    pub pane_index: String,
    /// Its process; `null` if there is none to be seen.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Its presence at `last_seen`, in a word; what it is now is computed from its signs of life.
    #[serde(default)]
    pub status: String,
    /// When this entry was last written.
    pub last_seen: Timestamp,
    /// The tmux session of its pane.
    #[serde(default = "unknown")]
    pub session_name: String,
    /// Its pane, `%3`.
    #[serde(default)]
    pub tmux_pane_id: Option<String>,
    /// The harness that it runs in.
    #[serde(default)]
    pub harness: Option<String>,
    /// The id of its session, as its harness tells it.
    #[serde(default)]
    pub session: Option<String>,
    /// The socket of the tmux server that its pane is of.
    #[serde(default)]
    pub socket: Option<String>,
    /// That server: its process, and when that started, in clock ticks since boot. Pane numbers of another server mean
    /// other panes, also on the same socket.
    #[serde(default)]
    pub server: Option<(u32, u64)>,
    /// The agent's own process, if there is one to tell.
    #[serde(default)]
    pub process: Option<Process>,
    /// The boot that processes were seen in.
    #[serde(default)]
    pub boot_id: String,
    /// Where they have their numbers.
    #[serde(default)]
    pub pid_ns: Option<PidNamespace>,
    /// The linked worktree that it was last seen in; `null` if it was in none yet.
    #[serde(default)]
    pub worktree: Option<String>,
    /// What it does, in a word: `@ROLE` is everybody who has it.
    #[serde(default)]
    pub role: Option<String>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The last number given out before it was registered: what was sent later is for it to read.
    #[serde(default)]
    pub since: u64,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The machine, for people.
    #[serde(default)]
    pub host: String,
    /// Its id was only ever said with each call: whoever does not say it, in the same pane, is somebody else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub only_named: bool,
    /// Keys of others.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// A pane of a tmux server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneKey {
    /// The server's socket.
    pub socket: String,
    /// The server's process and when it started.
    pub server: (u32, u64),
    /// The number behind the `%`.
    pub number: u32,
}

/// What is known of an agent that registers or is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// The harness that it runs in.
    pub harness: Option<String>,
    /// The id of its session, as its harness tells it.
    pub session: Option<String>,
    /// Its pane.
    pub pane: Option<PaneKey>,
    /// Where the pane stands, and in which tmux session, if tmux was asked.
    pub place: Option<(String, String)>,
    /// Its own process, and where that has its number.
    pub process: Option<(Process, PidNamespace)>,
    /// This boot.
    pub boot_id: String,
    /// The linked worktree that it works in.
    pub worktree: Option<String>,
    /// What it does, if that is to be set; empty for nothing.
    pub role: Option<String>,
    /// What it can do, if that is to be set.
    pub capabilities: Option<Vec<String>>,
    /// The machine, for people.
    pub host: String,
    /// Whether the call has said the id itself; `None` of one that was found.
    pub named: Option<bool>,
}

impl Enrolment {
    /// Where its process has its number; `None` if it has none.
    pub(super) fn place_of_process(&self) -> Option<Place<'_>> {
        let (_, pid_ns) = self.process.as_ref()?;
        Some(Place { boot_id: &self.boot_id, pid_ns: *pid_ns })
    }
}

impl Agent {
    /// An agent of which nothing is known but its id.
    #[must_use]
    pub fn new(id: AgentId, since: u64, now: Now) -> Self {
        Self {
            id,
            pane_index: unknown(),
            pid: None,
            status: "active".to_owned(),
            last_seen: now.wall,
            session_name: unknown(),
            tmux_pane_id: None,
            harness: None,
            session: None,
            socket: None,
            server: None,
            process: None,
            boot_id: String::new(),
            pid_ns: None,
            worktree: None,
            role: None,
            capabilities: Vec::new(),
            since,
            registered_at: now.wall,
            host: String::new(),
            only_named: false,
            more: Map::new(),
        }
    }

    /// Whether this is its role, whatever the case.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.role.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(role))
    }

    /// Its pane, if it is known as a whole.
    #[must_use]
    pub fn pane(&self) -> Option<PaneKey> {
        let number = self.tmux_pane_id.as_deref()?.strip_prefix('%')?;
        let number = Some(number).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        Some(PaneKey { socket: self.socket.clone()?, server: self.server?, number })
    }

    /// Whether it has a process that is not this one's, and not gone.
    pub(super) fn is_another(&self, known: &Enrolment, gone: impl Fn(&Process) -> bool) -> bool {
        // In another place its number may be another's.
        let judged = known.place_of_process().is_some_and(|here| {
            self.pid_ns == Some(here.pid_ns) && !here.boot_id.is_empty() && self.boot_id == here.boot_id
        });
        let own = known.process.as_ref().map(|(process, _)| process);
        self.process
            .as_ref()
            .is_some_and(|process| !(own.is_some_and(|own| own.is(process)) || (judged && gone(process))))
    }

    /// Takes over what is known by now; what is not known stays as it was. Whether that is worth writing.
    pub fn learn(&mut self, known: &Enrolment, now: Now) -> bool {
        let before = self.clone();
        put(&mut self.harness, known.harness.as_ref());
        put(&mut self.session, known.session.as_ref());
        if let Some(pane) = &known.pane {
            if self.pane().as_ref() != Some(pane) {
                (self.pane_index, self.session_name) = (unknown(), unknown());
            }
            self.tmux_pane_id = Some(format!("%{}", pane.number));
            (self.socket, self.server) = (Some(pane.socket.clone()), Some(pane.server));
            self.boot_id.clone_from(&known.boot_id);
        }
        if let Some((index, session)) = &known.place {
            (self.pane_index, self.session_name) = (index.clone(), session.clone());
        }
        if let Some((process, namespace)) = &known.process {
            (self.pid, self.process, self.pid_ns) = (Some(process.pid), Some(process.clone()), Some(*namespace));
            self.boot_id.clone_from(&known.boot_id);
        }
        put(&mut self.worktree, known.worktree.as_ref());
        if let Some(role) = &known.role {
            self.role = Some(role.clone()).filter(|role| !role.is_empty());
        }
        if let Some(capabilities) = &known.capabilities {
            self.capabilities.clone_from(capabilities);
        }
        if known.named == Some(false) {
            self.only_named = false;
        }
        if !known.host.is_empty() {
            self.host.clone_from(&known.host);
        }
        let changed = *self != before;
        if changed {
            self.last_seen = now.wall;
            "active".clone_into(&mut self.status);
        }
        changed
    }
}

fn put(old: &mut Option<String>, new: Option<&String>) {
    if let Some(new) = new {
        *old = Some(new.clone());
    }
}
