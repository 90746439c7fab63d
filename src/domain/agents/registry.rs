//! The registry of agents: `ACTIVE_AGENTS.json`.

use std::{borrow::Cow, collections::BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Agent, Enrolment,
    bound::{Bound, Key, bound_to, may_be_one},
    salvage::salvage,
};
use crate::{
    domain::{AgentId, Now, Process, Result, Timestamp},
    store::{Error, FORMAT, Session, StateDir, Versioned, layout, parse_json},
};

/// The registry as a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    v: u64,
    /// The tmux session of the first agent that is in one; `unknown` if none is.
    #[serde(default)]
    session_name: String,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Every agent, in the order in which they registered.
    pub agents: Vec<Agent>,
    /// The tmux sessions that agents are in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    session_names: Vec<String>,
    /// Ids that were given up: they are not given to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<AgentId>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Versioned for Registry {
    fn version(&self) -> u64 {
        self.v
    }
}

impl Registry {
    pub(super) fn empty(now: Timestamp) -> Self {
        Self {
            v: FORMAT,
            session_name: "unknown".to_owned(),
            updated_at: now,
            agents: Vec::new(),
            session_names: Vec::new(),
            former: Vec::new(),
            more: Map::new(),
        }
    }

    /// Reads it; empty if there is none. Takes no guard.
    ///
    /// # Errors
    /// If it is damaged or unsafe.
    pub fn read(state: &StateDir) -> Result<Self> {
        match state.read_document(&layout::AGENTS)? {
            Some(bytes) => Self::parse(state, &bytes),
            None => Ok(Self::empty(Timestamp::from_unix_ms(0))),
        }
    }

    fn parse(state: &StateDir, bytes: &[u8]) -> Result<Self> {
        let path = || state.path().join(layout::AGENTS.as_str());
        let registry: Self = parse_json(path, bytes)?;
        let mut ids = BTreeSet::new();
        if !registry.agents.iter().all(|agent| ids.insert(&agent.id)) {
            return Err(Error::Damaged { path: path(), why: "an agent is in it twice".to_owned() });
        }
        Ok(registry)
    }

    /// Reads it inside the guard. A damaged one is set aside, and begun again from what of it can be read, and from what
    /// agents have left elsewhere: beats and cursors.
    ///
    /// # Errors
    /// If it is unsafe or newer, or cannot be set aside.
    pub fn open(session: &mut Session<'_>, state: &StateDir, now: Now) -> Result<Self> {
        match Self::read(state) {
            Err(Error::Damaged { why, .. }) => {
                let mut registry = Self::empty(now.wall);
                match state.read_document(&layout::AGENTS) {
                    Ok(Some(bytes)) => {
                        (registry.agents, registry.former) = salvage(&bytes);
                        session.copy_aside(&layout::AGENTS, &bytes, why, now.wall.unix_ms())?;
                    }
                    // One that is too large is none of ours.
                    Ok(None) | Err(_) => session.set_aside(&layout::AGENTS, why, now.wall.unix_ms())?,
                }
                let mut names = session.beats().agents()?;
                names.extend(state.cursors()?);
                names.sort_unstable();
                names.dedup();
                for id in names.iter().filter_map(|name| AgentId::new(name.as_str()).ok()) {
                    if registry.get(&id).is_none() && !registry.former.contains(&id) {
                        // Since when is not known any more: better told twice than never.
                        registry.agents.push(Agent::new(id, 0, now));
                    }
                }
                registry.write(session, now)?;
                Ok(registry)
            }
            read => read,
        }
    }

    /// Writes it inside the guard.
    ///
    /// # Errors
    /// If it cannot be written: then it is as it was.
    pub fn write(&mut self, session: &mut Session<'_>, now: Now) -> Result<()> {
        self.updated_at = now.wall;
        self.session_names.clear();
        for agent in self.agents.iter().filter(|agent| agent.tmux_pane_id.is_some()) {
            if !self.session_names.contains(&agent.session_name) && agent.session_name != "unknown" {
                self.session_names.push(agent.session_name.clone());
            }
        }
        self.session_name = self.session_names.first().map_or_else(|| "unknown".to_owned(), Clone::clone);
        session.write_document(&layout::AGENTS, &self.to_bytes()?)
    }

    /// The document as it is written.
    ///
    /// # Errors
    /// If a key of others cannot be written again.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Damaged { path: layout::AGENTS.as_str().into(), why: error.to_string() })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn position(&self, id: &AgentId) -> Option<usize> {
        self.agents.iter().position(|agent| agent.id == *id)
    }

    /// The agent with this id.
    #[must_use]
    pub fn get(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == *id)
    }

    /// Registers an agent, or learns what is new about it. Whether it is new, and whether anything has changed.
    pub fn enrol(&mut self, id: &AgentId, known: &Enrolment, since: u64, now: Now) -> (bool, bool) {
        // A session is one agent's: whoever had it before has gone.
        let taken = |agent: &Agent| {
            agent.id != *id
                && known.session.is_some()
                && agent.session == known.session
                && may_be_one(agent.harness.as_deref(), known.harness.as_deref())
        };
        let mut changed = false;
        for agent in self.agents.iter_mut().filter(|agent| taken(agent)) {
            agent.session = None;
            changed = true;
        }
        if let Some(at) = self.position(id) {
            let learned = self.agents.get_mut(at).is_some_and(|agent| agent.learn(known, now));
            return (false, learned || changed);
        }
        let mut agent = Agent::new(id.clone(), since, now);
        agent.only_named = known.named == Some(true);
        agent.learn(known, now);
        self.agents.push(agent);
        self.former.retain(|former| former != id);
        (true, true)
    }

    /// The agent that a session or a pane belongs to. `gone` says of a process whether it is.
    #[must_use]
    pub fn owner(&self, known: &Enrolment, gone: impl Fn(&Process) -> bool) -> Option<&Agent> {
        let found = self.agents.iter().map(|agent| Bound {
            id: agent.id.as_str().into(),
            harness: agent.harness.as_deref().map(Cow::Borrowed),
            session: agent.session.as_deref().map(Cow::Borrowed),
            socket: agent.socket.as_deref().map(Cow::Borrowed),
            server: agent.server,
            tmux_pane_id: agent.tmux_pane_id.as_deref().map(Cow::Borrowed),
            process: agent.process.clone(),
            boot_id: agent.boot_id.as_str().into(),
            pid_ns: agent.pid_ns,
            only_named: agent.only_named,
        });
        let key = Key {
            harness: known.harness.as_deref(),
            session: known.session.as_deref(),
            pane: known.pane.as_ref(),
            here: known.place_of_process(),
        };
        let at = bound_to(found, &key, || known.process.as_ref().map(|(process, _)| process.clone()), gone)?;
        self.agents.get(at)
    }

    /// The agent that this very process is, whatever session it has told, before one that it was only named as; else as
    /// [`Registry::owner`].
    #[must_use]
    pub fn occupant(&self, known: &Enrolment, gone: impl Fn(&Process) -> bool) -> Option<&Agent> {
        let this = |agent: &&Agent| match (&agent.process, &known.process) {
            (Some(process), Some((own, namespace))) => {
                process.is(own) && agent.pid_ns == Some(*namespace) && agent.boot_id == known.boot_id
            }
            _ => false,
        };
        let found = |named| self.agents.iter().rev().filter(|agent| agent.only_named == named).find(this);
        found(false).or_else(|| self.owner(known, gone)).or_else(|| found(true))
    }

    /// An id like `wanted` that no other agent has or had: the next `alice` is `alice-2`. Ids are told apart without
    /// regard to case. `None` if there are thousands.
    #[must_use]
    pub fn free_id(&self, wanted: &AgentId) -> Option<AgentId> {
        let taken = |id: &AgentId| {
            let same = |other: &AgentId| other.as_str().eq_ignore_ascii_case(id.as_str());
            id.is_ours() || self.agents.iter().any(|agent| same(&agent.id)) || self.former.iter().any(same)
        };
        let numbered = (2..10_000).filter_map(|number| {
            let ending = format!("-{number}");
            let start: String = wanted.as_str().chars().take(64_usize.saturating_sub(ending.len())).collect();
            AgentId::new(&format!("{start}{ending}")).ok()
        });
        std::iter::once(wanted.clone()).chain(numbered).find(|id| !taken(id))
    }

    /// Takes an agent out; its id is not given to others.
    pub fn retire(&mut self, id: &AgentId) -> Option<Agent> {
        let agent = self.agents.remove(self.position(id)?);
        self.former.push(agent.id.clone());
        Some(agent)
    }

    /// Takes out an agent that has not been seen for long. A name that people gave is not given to others; one that was
    /// made of a session or a pane is nobody else's anyway.
    pub(super) fn forget(&mut self, id: &AgentId) -> Option<Agent> {
        let agent = self.retire(id)?;
        if is_made_up(agent.id.as_str()) {
            self.former.retain(|former| former != id);
        }
        Some(agent)
    }
}

/// Whether an id is one that is made of a session, `claude-3f9a2c1b`, or of a pane, `pane-3-9c41`.
fn is_made_up(id: &str) -> bool {
    let is_hex = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some((kind, rest)) = id.split_once('-') else { return false };
    match rest.split_once('-') {
        Some((number, server)) => kind == "pane" && number.parse::<u32>().is_ok() && is_hex(server, 4),
        None => is_hex(rest.split('.').next().unwrap_or(rest), 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { wall: Timestamp::EXAMPLE, mono_ms: 7 };

    fn id(text: &str) -> AgentId {
        AgentId::new(text).unwrap()
    }

    fn registry(agents: &[(&str, &Enrolment)]) -> Registry {
        let mut registry = Registry::empty(NOW.wall);
        for (name, known) in agents {
            assert_eq!(registry.enrol(&id(name), known, 1, NOW), (true, true));
        }
        registry
    }

    fn session(name: &str) -> Enrolment {
        Enrolment { session: Some(name.to_owned()), ..Enrolment::default() }
    }

    #[test]
    fn an_id_is_never_given_to_another() {
        let mut registry = registry(&[("alice", &session("s1")), ("Bob", &session("s2"))]);
        let free = |registry: &Registry, wanted| registry.free_id(&id(wanted)).unwrap().to_string();
        assert_eq!(free(&registry, "carol"), "carol");
        assert_eq!(free(&registry, "alice"), "alice-2");
        assert_eq!(free(&registry, "bob"), "bob-2", "whatever the case");
        assert_eq!(free(&registry, "swarmlock"), "swarmlock-2");
        assert_eq!(registry.retire(&id("alice")).unwrap().id, id("alice"));
        assert!(registry.retire(&id("alice")).is_none());
        assert_eq!(free(&registry, "alice"), "alice-2", "also when she has gone");
        registry.enrol(&id("alice-2"), &session("s3"), 1, NOW);
        assert_eq!(free(&registry, "alice"), "alice-3");
        let long = "a".repeat(64);
        registry.enrol(&id(&long), &session("s4"), 1, NOW);
        assert_eq!(free(&registry, &long), format!("{}-2", "a".repeat(62)));
    }

    #[test]
    fn only_an_id_that_was_made_up_may_come_again_after_its_agent_was_forgotten() {
        let seated = Enrolment { session: Some("s1".to_owned()), ..Enrolment::default() };
        for (name, again) in [
            ("claude-3f9a2c1b", true),
            ("claude-3f9a2c1b.7d21e0aa", true),
            ("pane-3-9c41", true),
            ("alice", false),
            ("pane-3-9c41-2", false),
            ("claude-2", false),
            ("pane-x-9c41", false),
            ("team-3-9c41", false),
        ] {
            let mut registry = registry(&[(name, &seated)]);
            assert!(registry.forget(&id(name)).is_some());
            assert_eq!(registry.free_id(&id(name)) == Some(id(name)), again, "{name}");
        }
    }

    #[test]
    fn a_session_is_one_agents() {
        let mut registry = registry(&[("alice", &session("s1"))]);
        registry.enrol(&id("bob"), &session("s1"), 1, NOW);
        assert_eq!(registry.owner(&session("s1"), |_| false).unwrap().id, id("bob"));
        assert_eq!(registry.get(&id("alice")).unwrap().session, None);
        assert_eq!(registry.enrol(&id("bob"), &session("s1"), 9, NOW), (false, false), "nothing new");
        assert_eq!(registry.get(&id("bob")).unwrap().since, 1);
    }

    #[test]
    fn keys_of_others_are_kept() {
        let text =
            br#"{"v":1,"updated_at":"2026-11-21T02:38:22Z","agents":[{"id":"a","last_seen":"2026-11-21T02:38:22Z",
            "registered_at":"2026-11-21T02:38:22Z","colour":"red"}],"motto":[1]}"#;
        let registry: Registry = serde_json::from_slice(text).unwrap();
        let again: Value = serde_json::from_slice(&registry.to_bytes().unwrap()).unwrap();
        assert_eq!((&again["motto"][0], &again["agents"][0]["colour"]), (&1.into(), &"red".into()));
        assert_eq!(again["agents"][0]["pane_index"], "unknown");
    }
}
