//! Registering and retiring, inside the guard.

use super::{Agent, Enrolment, Presence, Registry, presence};
use crate::{
    domain::{AgentId, Inside, Locks, Result},
    fs::FileName,
    store::{Error, Session, StateDir},
};

/// What came of registering.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The agent.
    pub agent: Agent,
    /// Whether it was not registered before.
    pub new: bool,
}

/// What came of retiring an agent.
#[derive(Clone, Debug)]
pub enum Retired {
    /// It is out of the registry.
    Done(Box<Agent>),
    /// There is no such agent; these are.
    Nothing(Vec<AgentId>),
    /// It is another one, which is still there.
    Present(Box<Agent>, Presence),
}

impl Registry {
    /// Registers an agent in a stay inside the guard, and gives it a cursor: what is sent from here on is for it.
    ///
    /// # Errors
    /// If the registry or the cursor cannot be written.
    pub fn enrol_in(
        session: &mut Session<'_>,
        state: &StateDir,
        id: &AgentId,
        known: &Enrolment,
        now: crate::domain::Now,
    ) -> Result<(Self, bool)> {
        let mut registry = Self::open(session, state, now)?;
        let since = session.number()?.saturating_sub(1);
        let (new, changed) = registry.enrol(id, known, since, now);
        if changed {
            registry.write(session, now)?;
        }
        Ok((registry, new))
    }
}

impl Locks<'_> {
    /// Every agent that is registered, with whether it is there. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the registry is damaged or unsafe.
    pub fn agents(&self) -> Result<Vec<(Agent, Presence)>> {
        let registry = Registry::read(self.state)?;
        let now = (self.clock)();
        let look = |agent: Agent| {
            let signs = self.signs(&agent)?;
            Ok((agent, presence(&signs, now)))
        };
        registry.agents.into_iter().map(look).collect()
    }

    /// Registers whoever asks: under the id that its session or pane has already, else under `wanted`, or one like it if
    /// that is another's. `certain` says that the id is given by whoever set the agent up, and not made up by us.
    ///
    /// # Errors
    /// If the guard is busy, or the registry cannot be written.
    pub fn register(&self, wanted: &AgentId, known: &Enrolment, certain: bool) -> Result<Registered> {
        self.visit_unseen(|inside| {
            let mut registry = Registry::open(inside.session, self.state, inside.now)?;
            let bound = registry.owner(known).map(|agent| agent.id.clone());
            let other = |agent: &Agent| {
                let told = agent.session.is_some() && known.session.is_some() && agent.session != known.session;
                let seated = agent.pane().is_some() && known.pane.is_some() && agent.pane() != known.pane;
                told || seated
            };
            let id = match bound {
                Some(bound) if !certain || bound == *wanted => bound,
                _ => match registry.get(wanted) {
                    Some(agent) if !other(agent) => wanted.clone(),
                    _ => {
                        let path = self.state.path().join(crate::store::layout::AGENTS.as_str());
                        let why = "too many agents have a name like this".to_owned();
                        registry.free_id(wanted).ok_or(Error::Damaged { path, why })?
                    }
                },
            };
            let since = inside.session.number()?.saturating_sub(1);
            let (new, changed) = registry.enrol(&id, known, since, inside.now);
            if changed {
                registry.write(inside.session, inside.now)?;
            }
            let agent = registry.get(&id).cloned().unwrap_or_else(|| Agent::new(id, since, inside.now));
            Ok(Registered { agent, new })
        })
    }

    /// Takes an agent out of the registry, with its cursor: `by` itself, one that is gone, or anybody if `force`.
    ///
    /// # Errors
    /// If the guard is busy, or the registry cannot be written.
    pub fn retire(&self, id: &AgentId, by: &AgentId, force: bool) -> Result<Retired> {
        self.visit_unseen(|inside| {
            let mut registry = Registry::open(inside.session, self.state, inside.now)?;
            let Some(agent) = registry.get(id) else {
                return Ok(Retired::Nothing(registry.agents.into_iter().map(|agent| agent.id).collect()));
            };
            let there = presence(&inside.signs(agent)?, inside.now);
            if id != by && there != Presence::Gone && !force {
                return Ok(Retired::Present(Box::new(agent.clone()), there));
            }
            let Some(agent) = registry.retire(id) else { return Ok(Retired::Nothing(Vec::new())) };
            registry.write(inside.session, inside.now)?;
            if let Some(name) = FileName::new(id.to_string()) {
                inside.session.remove_cursor(&name)?;
            }
            Ok(Retired::Done(Box::new(agent)))
        })
    }
}

/// Those of `agents` that may read what is sent to them: all but who has been gone for longer than a day.
pub(crate) fn reachable(inside: &Inside<'_, '_>, agents: &[Agent]) -> Result<Vec<(AgentId, Presence)>> {
    const AWAY_MS: u64 = 24 * 3600 * 1000;
    let mut found = Vec::new();
    for agent in agents {
        let signs = inside.signs(agent)?;
        let there = presence(&signs, inside.now);
        let seen = signs.seen.map_or(agent.last_seen, |seen| seen.wall);
        if there == Presence::Active || there == Presence::Idle || seen.ms_before(inside.now.wall) < AWAY_MS {
            found.push((agent.id.clone(), there));
        }
    }
    Ok(found)
}
