//! Registering and retiring, inside the guard.

use super::{Agent, Enrolment, Presence, Registry, Signs, presence};
use crate::{
    domain::{AgentId, Liveness, Locks, Now, Process, Result},
    fs::FileName,
    store::{Error, Session, StateDir, layout},
};

/// What came of registering.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The agent.
    pub agent: Agent,
    /// Whether it was not registered before.
    pub new: bool,
}

/// An agent that was found in a pane.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// The id that it gets if it is nobody who is known.
    pub id: AgentId,
    /// What is known of it.
    pub enrolment: Enrolment,
}

/// What was taken out of the registry because nobody has seen it for long.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    /// The agents.
    pub agents: Vec<AgentId>,
    /// How many cursors, theirs and those of nobody.
    pub cursors: usize,
}

/// How long an agent is in the registry after its last sign of life, in milliseconds.
const KEPT_MS: u64 = 7 * 24 * 3600 * 1000;

fn is_old(agent: &Agent, signs: &Signs, now: Now) -> bool {
    let there = presence(signs, now);
    let seen = signs.seen.map_or(agent.last_seen, |seen| seen.wall.max(agent.last_seen));
    (there == Presence::Gone || there == Presence::Stale) && seen.ms_before(now.wall) >= KEPT_MS
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
    /// Registers an agent in a stay inside the guard: what is sent from here on is for it. Whether it is new.
    ///
    /// # Errors
    /// If the registry cannot be written.
    pub fn enrol_in(
        session: &mut Session<'_>,
        state: &StateDir,
        id: &AgentId,
        known: &Enrolment,
        now: Now,
    ) -> Result<(Self, bool)> {
        let mut registry = Self::open(session, state, now)?;
        // Ids are told apart without regard to case: so are the files that are named by them, on some systems.
        if let Some(other) = registry.agents.iter().map(|agent| &agent.id).find(|other| other.is_alike(id)) {
            return Err(Error::Taken { id: id.to_string(), by: other.to_string() });
        }
        let since = session.number()?.saturating_sub(1);
        let (new, changed) = registry.enrol(id, known, since, now);
        if changed {
            registry.write(session, now)?;
        }
        Ok((registry, new))
    }
}

impl Locks<'_> {
    /// Every agent that is registered, with whether it is there and by which signs of life. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the registry is damaged or unsafe.
    pub fn agents(&self) -> Result<Vec<(Agent, Presence, Signs)>> {
        let registry = Registry::read(self.state)?;
        let (now, signs) = ((self.clock)(), self.signs_of(&registry.agents)?);
        let look = |(agent, signs): (Agent, Signs)| (agent, presence(&signs, now), signs);
        Ok(registry.agents.into_iter().zip(signs).map(look).collect())
    }

    /// Registers whoever asks: under the id that its session or pane has already, else under `wanted`, or one like it if
    /// that is another's. `own` is the id that whoever set the agent up has given it, if we have not made it up.
    ///
    /// # Errors
    /// If the guard is busy, or the registry cannot be written.
    pub fn register(&self, wanted: &AgentId, known: &Enrolment, own: Option<&AgentId>) -> Result<Registered> {
        self.visit_unseen(|inside| {
            let mut registry = Registry::open(inside.session, self.state, inside.now)?;
            let bound = registry.owner(known, |process| self.is_gone(process)).map(|agent| agent.id.clone());
            let other = |agent: &Agent| {
                let told = agent.session.is_some() && known.session.is_some() && agent.session != known.session;
                let seated = agent.pane().is_some() && known.pane.is_some() && agent.pane() != known.pane;
                told || seated
            };
            let id = match bound {
                Some(bound) if own.is_none() || bound == *wanted => bound,
                _ => match registry.get(wanted) {
                    Some(agent) if !other(agent) && own.is_none_or(|own| own == wanted) => wanted.clone(),
                    _ => {
                        let taken = || Error::Taken { id: wanted.to_string(), by: wanted.to_string() };
                        registry.free_id(wanted).ok_or_else(taken)?
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

    fn is_gone(&self, process: &Process) -> bool {
        (self.kernel.liveness)(process) == Liveness::Gone
    }

    /// Registers agents that were found in panes; each with whether it is new.
    ///
    /// # Errors
    /// If the guard is busy, or the registry cannot be written.
    pub fn enrol_found(&self, found: &[Discovered]) -> Result<Vec<(Agent, bool)>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.visit_unseen(|inside| {
            let mut registry = Registry::open(inside.session, self.state, inside.now)?;
            let since = inside.session.number()?.saturating_sub(1);
            let (mut enrolled, mut changed) = (Vec::new(), false);
            for Discovered { id, enrolment } in found {
                let gone = |process: &Process| self.is_gone(process);
                let named = enrolment.named == Some(true);
                if named && registry.get(id).is_some_and(|agent| agent.is_another(enrolment, gone)) {
                    // Its own calls are refused as long as the other lives.
                    continue;
                }
                let id = match registry.occupant(enrolment, gone).filter(|_| !named) {
                    Some(agent) => agent.id.clone(),
                    None if named => id.clone(),
                    // The id of the pane, unless another session has had it.
                    None => match registry.get(id).filter(|agent| agent.session.is_some()) {
                        Some(_) => registry.free_id(id).unwrap_or_else(|| id.clone()),
                        None => id.clone(),
                    },
                };
                let (new, learned) = registry.enrol(&id, enrolment, since, inside.now);
                changed |= learned;
                enrolled.push((id, new));
            }
            if changed {
                registry.write(inside.session, inside.now)?;
            }
            Ok(enrolled.into_iter().filter_map(|(id, new)| Some((registry.get(&id)?.clone(), new))).collect())
        })
    }

    /// Takes agents out of the registry that are gone or silent, hold nothing, and were not seen for a week; and cursors of
    /// those that are in it no more. Looks first, and enters the guard only if there are any.
    ///
    /// # Errors
    /// If the guard is busy, or the registry is damaged or cannot be written.
    pub fn forget(&self) -> Result<Forgotten> {
        if self.state.dir().look(&layout::AGENTS)?.is_none() {
            // It was removed: the cursors are of those who will be entered again, and are to go on from there.
            return Ok(Forgotten::default());
        }
        let registry = Registry::read(self.state)?;
        let now = (self.clock)();
        let mut old = Vec::new();
        for (agent, signs) in registry.agents.iter().zip(self.signs_of(&registry.agents)?) {
            let asks = self.caller.is_some_and(|caller| *caller.agent == agent.id);
            if !asks && is_old(agent, &signs, now) {
                old.push(agent.id.clone());
            }
        }
        if !old.is_empty() {
            self.for_each(|_, found| {
                let holder = found.map(|found| found.lease.agent_id);
                old.retain(|id| holder.as_ref().is_ok_and(|holder| holder != id));
            })?;
        }
        let lost: Vec<FileName> = self.cursors_of_nobody(&registry)?;
        if old.is_empty() && lost.is_empty() {
            return Ok(Forgotten::default());
        }
        self.visit_unseen(|inside| {
            let mut registry = Registry::read(self.state)?;
            let mut forgotten = Forgotten::default();
            for id in old {
                // It may have come back since we looked.
                let still = match registry.get(&id) {
                    Some(agent) => is_old(agent, &inside.signs(agent)?, inside.now),
                    None => false,
                };
                forgotten.agents.extend(still.then(|| registry.forget(&id)).flatten().map(|agent| agent.id));
            }
            if !forgotten.agents.is_empty() {
                registry.write(inside.session, inside.now)?;
            }
            for name in self.cursors_of_nobody(&registry)? {
                inside.session.remove_cursor(&name)?;
                forgotten.cursors += 1;
            }
            Ok(forgotten)
        })
    }

    fn cursors_of_nobody(&self, registry: &Registry) -> Result<Vec<FileName>> {
        let known = |name: &FileName| AgentId::new(name.as_str()).is_ok_and(|id| registry.get(&id).is_some());
        Ok(self.state.cursors()?.into_iter().filter(|name| !known(name)).collect())
    }

    /// How many leases an agent holds that are not over.
    ///
    /// # Errors
    /// If the state directory cannot be read.
    pub fn held_by(&self, agent: &AgentId) -> Result<usize> {
        let mut held = 0;
        self.for_each(|_, found| {
            held += usize::from(found.is_ok_and(|found| found.lease.agent_id == *agent && !found.verdict.is_over()));
        })?;
        Ok(held)
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
