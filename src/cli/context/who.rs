//! Who is asking, and what the registry keeps of that.

use super::{
    super::{
        Failure,
        identity::{self, Identity, Source, Told, Tried},
    },
    Context,
};
use crate::{
    config::Config,
    domain::{
        AgentId, Liveness, Mark, Origin, Party, Process, Whereabouts,
        agents::{Enrolment, Key, PaneKey, Place, id_in_pane, known_as},
    },
    host,
    store::{self, StateDir, layout},
};

impl Context {
    /// Who is asking.
    pub(in crate::cli) fn identity(&self) -> Result<Identity, Failure> {
        self.identity_if_known()?.ok_or_else(identity::unknown)
    }

    /// The agent, as far as it decides what is in its way.
    pub(in crate::cli) fn party(&self, identity: &Identity) -> Party {
        self.party_of(identity.id.clone())
    }

    /// The same of this agent.
    pub(in crate::cli) fn party_of(&self, agent: AgentId) -> Party {
        Party { inside: self.inside.clone(), ..Party::agent(agent) }
    }

    /// Says what a hook was told of who calls, before anybody asks.
    pub(in crate::cli) fn tell(&self, told: Told) {
        self.told.get_or_init(|| told);
    }

    /// Who is asking, for what can be done without knowing.
    pub(in crate::cli) fn identity_if_known(&self) -> Result<Option<Identity>, Failure> {
        if let Some(known) = self.identity.get() {
            return Ok(known.clone());
        }
        let found = {
            let mut ancestors = self.ancestors.borrow_mut();
            let flag = self.global.agent.as_deref();
            match self.told.get().map(|told| Identity::told(told, flag, &self.environment)).transpose()?.flatten() {
                Some(found) => Some(found),
                None => {
                    ancestors.also(self.harnesses());
                    Identity::find(flag, &self.environment, &mut ancestors)?
                }
            }
        };
        let found = found.map(|found| self.as_registered(found));
        let found = found.map(|found| match self.told.get() {
            Some(told) => found.of_subagent(told),
            None => found,
        });
        Ok(self.identity.get_or_init(|| found).clone())
    }

    /// The harnesses that only the configuration names. What is wrong with it is said where it is needed.
    fn harnesses(&self) -> Vec<String> {
        let read = |state: &StateDir| Config::load(state).map(|config| (state.path().to_owned(), config));
        let Ok(Some(Ok(read))) = self.in_state(read) else { return Vec::new() };
        self.config.get_or_init(|| read).1.harnesses.clone()
    }

    /// The process that stands for whoever asks: the harness, else the pane's own; `None` if there is none to be seen.
    pub(in crate::cli) fn process(&self) -> store::Result<Option<Process>> {
        if let Some(known) = self.process.get() {
            return Ok(known.clone());
        }
        let found = self.ancestors.borrow_mut().agent(self.environment.tmux_server())?;
        Ok(self.process.get_or_init(|| found).clone())
    }

    /// The same as evidence that the agent is alive: `None` too if it is not certain which agent it is.
    pub(in crate::cli) fn agent_process(&self) -> Result<Option<Process>, Failure> {
        match self.identity_if_known()? {
            Some(identity) if identity.reliable() => Ok(self.process()?),
            _ => Ok(None),
        }
    }

    /// The same identity under the id that its session or pane is registered with, if it is.
    fn as_registered(&self, identity: Identity) -> Identity {
        match identity.source {
            Source::Session { guessed: false, .. } | Source::Hook | Source::Pane => {}
            Source::Session { .. } | Source::Flag | Source::Environment | Source::TerminalSession => return identity,
        }
        match self.registered(&identity) {
            Ok(Some(id)) if id != identity.id => {
                let why = format!("registered as {id}; {}", identity.why);
                Identity { id, why: why.into(), ..identity }
            }
            Ok(_) => identity,
            // The rule by which ids are made needs no registry.
            Err(failure) => {
                let mut identity = identity;
                identity.tried.push(Tried { source: "the registry", why: failure.message.into(), ignored: true });
                identity
            }
        }
    }

    fn registered(&self, identity: &Identity) -> Result<Option<AgentId>, Failure> {
        let read = self.in_state(|state| state.read_document(&layout::AGENTS))?;
        let Some(bytes) = read.transpose()?.flatten() else { return Ok(None) };
        let session = self.session_of(identity);
        let key = Key { harness: identity.harness, session: session.as_deref(), pane: None, here: None };
        if session.is_some()
            && let Some(id) = known_as(&bytes, &key, || None, |_| false)
        {
            return Ok(Some(id));
        }
        let Some(pane) = self.pane()? else { return Ok(None) };
        let (boot_id, namespace) = (host::machine()?.boot_id, host::pid_namespace()?);
        let here = namespace.map(|pid_ns| Place { boot_id: &boot_id, pid_ns });
        let (key, process) = (Key { pane: Some(&pane), here, ..key }, self.process()?);
        let known = known_as(&bytes, &key, || process, |process| host::liveness(process) == Liveness::Gone);
        Ok(known.or_else(|| id_in_pane(&bytes, &identity.id).filter(|_| identity.source == Source::Pane)))
    }

    /// The session that an identity is of, as its harness tells it.
    fn session_of(&self, identity: &Identity) -> Option<String> {
        let variable = match identity.source {
            Source::Session { variable, .. } => variable,
            Source::Hook => return self.told.get()?.session.clone(),
            Source::Flag | Source::Environment | Source::Pane | Source::TerminalSession => return None,
        };
        let (_, value) = self.environment.sessions.iter().find(|(known, _)| known.name == variable)?;
        Some(value.to_string_lossy().into_owned())
    }

    /// The pane that this call comes from.
    fn pane(&self) -> store::Result<Option<PaneKey>> {
        self.environment.pane_key(&mut self.ancestors.borrow_mut())
    }

    /// What the registry keeps of the agent with this identity.
    pub(in crate::cli) fn enrolment(&self, identity: &Identity) -> store::Result<Enrolment> {
        let process = if identity.reliable() { self.process()? } else { None };
        let namespace = if process.is_some() { host::pid_namespace()? } else { None };
        let harness = match identity.harness {
            Some(harness) => Some(harness.to_owned()),
            None if identity.reliable() => self.ancestors.borrow_mut().harness()?.map(|(_, process)| process.name),
            None => None,
        };
        let worktree = self.checkout().ok().and_then(|checkout| checkout.worktree().name().map(str::to_owned));
        Ok(Enrolment {
            harness,
            session: self.session_of(identity),
            pane: self.pane()?,
            place: None,
            process: process.zip(namespace),
            boot_id: host::machine()?.boot_id,
            worktree,
            role: None,
            capabilities: None,
            host: host::name(),
            named: Some(matches!(identity.source, Source::Flag | Source::Environment)),
        })
    }

    /// What finds out where the agent with this identity calls from, when it is needed.
    pub(in crate::cli) fn asking<'a>(&'a self, identity: Option<&'a Identity>) -> Asking<'a> {
        Asking { context: self, identity: identity.filter(|identity| identity.reliable()) }
    }
}

/// Where an agent calls from. Of one that is not certain, nothing is told.
#[derive(Debug)]
pub(in crate::cli) struct Asking<'a> {
    context: &'a Context,
    identity: Option<&'a Identity>,
}

impl Whereabouts for Asking<'_> {
    fn origin(&self, above: &[Mark]) -> store::Result<Origin> {
        match self.identity {
            Some(_) => self.context.ancestors.borrow_mut().origin(self.context.environment.tmux_server(), above),
            None => Ok(Origin::default()),
        }
    }

    fn enrolment(&self) -> store::Result<Option<Enrolment>> {
        // A subagent comes and goes with its agent, which is entered.
        let agent = self.identity.filter(|identity| identity.id.parent().is_none());
        agent.map(|identity| self.context.enrolment(identity)).transpose()
    }
}
