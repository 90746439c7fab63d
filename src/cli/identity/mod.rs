//! Who is asking.

mod pane;
mod session;

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
};

use serde_json::{Value, json};

use super::{Code, Failure, context::AGENT_VARIABLE};
use crate::{
    domain::{AgentId, agents::PaneKey},
    host::{self, Ancestors, Pane},
    store,
};
pub(super) use pane::agent_id as pane_agent_id;
pub(super) use session::VARIABLES as SESSION_VARIABLES;
use session::{Choice, Variable};

/// What the environment tells of who is asking; what is empty is not set.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `SWARMLOCK_AGENT`.
    pub(super) agent: Option<OsString>,
    /// The variables of sessions that are set, in the order of the table.
    pub(super) sessions: Vec<(&'static Variable, OsString)>,
    /// `TMUX`.
    pub(super) tmux: Option<OsString>,
    /// `TMUX_PANE`.
    pub(super) tmux_pane: Option<OsString>,
}

/// What a harness tells its hooks of who calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The harness, by the name that its processes are known by too.
    pub(super) harness: &'static str,
    /// The session.
    pub(super) session: Option<String>,
    /// The subagent in it, if it is one that acts.
    pub(super) subagent: Option<String>,
}

/// An identity and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: AgentId,
    pub(super) source: Source,
    /// The harness whose session it is.
    pub(super) harness: Option<&'static str>,
    /// What was found there.
    pub(super) why: Cow<'static, str>,
    /// What was asked before and did not answer.
    pub(super) tried: Vec<Tried>,
}

/// Where an identity comes from, the first that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Flag,
    Environment,
    /// The variable of a harness's session; a guess if it may be that of a harness around the one that calls.
    Session {
        variable: &'static str,
        guessed: bool,
    },
    /// What the harness tells its hooks of its session.
    Hook,
    Pane,
    TerminalSession,
}

/// A source that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) source: &'static str,
    pub(super) why: Cow<'static, str>,
    /// It was there and was passed over.
    pub(super) ignored: bool,
}

const SESSION: &str = "the harness session";
const PANE: &str = "the tmux pane";

impl Source {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Flag => "--agent",
            Self::Environment => AGENT_VARIABLE,
            Self::Session { variable, .. } => variable,
            Self::Hook => "the hook's session",
            Self::Pane => PANE,
            Self::TerminalSession => "the terminal session",
        }
    }
}

impl Environment {
    /// The pane that a process with these ancestors is in, as the registry knows panes.
    pub(super) fn pane_key(&self, ancestors: &mut Ancestors) -> store::Result<Option<PaneKey>> {
        let Ok(Some(tmux)) = pane::parse(self.tmux.as_deref(), self.tmux_pane.as_deref()) else { return Ok(None) };
        Ok(match ancestors.pane(tmux.server)? {
            Pane::Inside { server_started, .. } | Pane::Detached { server_started } => Some(tmux.key(server_started)),
            Pane::Elsewhere | Pane::NoServer => None,
        })
    }

    /// The pid of the tmux server that it names, checked for form only.
    pub(super) fn tmux_server(&self) -> Option<u32> {
        let tmux = pane::parse(self.tmux.as_deref(), self.tmux_pane.as_deref());
        tmux.ok().flatten().map(|tmux| tmux.server)
    }
}

impl Identity {
    /// The identity of this call; `None` if nothing tells.
    pub(super) fn find(
        flag: Option<&str>,
        environment: &Environment,
        ancestors: &mut Ancestors,
    ) -> Result<Option<Self>, Failure> {
        let mut search = Search { tried: Vec::new() };
        if let Some(flag) = flag {
            return search.found(flag, Source::Flag, None, "given on the command line");
        }
        search.not_set("--agent", "not given");
        if let Some(agent) = environment.agent.as_deref() {
            return search.found(&agent.to_string_lossy(), Source::Environment, None, "set in the environment");
        }
        search.not_set(AGENT_VARIABLE, "not set");
        if let Some((id, source, harness, why)) = search.session(&environment.sessions, ancestors)? {
            return search.found(&id, source, Some(harness), why);
        }
        if let Some((id, why)) =
            search.pane(environment.tmux.as_deref(), environment.tmux_pane.as_deref(), ancestors)?
        {
            return search.found(&id, Source::Pane, None, why);
        }
        match host::terminal_session()? {
            Some(session) => {
                let id = format!("session-{session}");
                search.found(&id, Source::TerminalSession, None, "by the leader of the terminal session")
            }
            None => Ok(None),
        }
    }

    /// The identity that a hook tells, where nobody has given the agent a name; `None` if it tells none.
    pub(super) fn told(told: &Told, flag: Option<&str>, environment: &Environment) -> Result<Option<Self>, Failure> {
        if flag.is_some() || environment.agent.is_some() {
            return Ok(None);
        }
        let Some(session) = told.session.as_deref() else { return Ok(None) };
        let mut search = Search { tried: Vec::new() };
        match session::id_of(told.harness, session.as_ref()) {
            Ok(id) => search.found(&id, Source::Hook, Some(told.harness), "told by the harness that calls the hook"),
            Err(why) => {
                search.ignored("the hook's session", why);
                Ok(None)
            }
        }
    }

    /// The same for the subagent that a hook tells of; its own where it tells of none.
    pub(super) fn of_subagent(self, told: &Told) -> Self {
        let Some(subagent) = told.subagent.as_deref().filter(|subagent| !subagent.is_empty()) else { return self };
        match AgentId::new(&format!("{}.{}", self.id, session::digits(subagent.as_ref()))) {
            Ok(id) => Self { id, source: Source::Hook, ..self },
            // A name so long that nothing goes behind it: then it acts as its parent.
            Err(_) => self,
        }
    }

    /// Whether a later call of the same agent certainly has the same identity, and another agent's has not.
    pub(super) fn reliable(&self) -> bool {
        self.doubt().is_none()
    }

    /// Who an unreliable identity says you are, and what is doubtful about it; `None` for a reliable one.
    pub(super) fn doubt(&self) -> Option<String> {
        let why = match self.source {
            Source::Flag
            | Source::Environment
            | Source::Hook
            | Source::Pane
            | Source::Session { guessed: false, .. } => return None,
            Source::Session { variable, guessed: true } => {
                format!("by {variable}, which may be that of a harness around yours")
            }
            Source::TerminalSession => "by your terminal session, which others may share".to_owned(),
        };
        Some(format!("you are {} only {why}", self.id))
    }

    /// As JSON output shows it.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "source": self.source.words(), "reliable": self.reliable(), "harness": self.harness,
        })
    }

    /// Refuses what would touch another's leases if the identity were wrong.
    pub(super) fn require_reliable(&self) -> Result<(), Failure> {
        let Some(doubt) = self.doubt() else { return Ok(()) };
        Err(Failure::new(Code::Usage, format!("--mine: {doubt}"))
            .help("say who you are with --agent ID")
            .help(format!("or set {AGENT_VARIABLE}=ID in the environment of every call"))
            .help("or name the lease by the token that acquire printed: --token TOKEN")
            .next("swarmlock whoami"))
    }
}

/// The way to an identity.
struct Search {
    tried: Vec<Tried>,
}

impl Search {
    fn not_set(&mut self, source: &'static str, why: &'static str) {
        self.tried.push(Tried { source, why: Cow::Borrowed(why), ignored: false });
    }

    fn ignored(&mut self, source: &'static str, why: impl Into<Cow<'static, str>>) {
        self.tried.push(Tried { source, why: why.into(), ignored: true });
    }

    fn found(
        self,
        text: &str,
        source: Source,
        harness: Option<&'static str>,
        why: impl Into<Cow<'static, str>>,
    ) -> Result<Option<Identity>, Failure> {
        let id = AgentId::new(text).and_then(|id| match id.is_ours() {
            true => Err("messages of swarmlock itself are from that name, and no agent has it".to_owned()),
            false => Ok(id),
        });
        match id {
            Ok(id) => Ok(Some(Identity { id, source, harness, why: why.into(), tried: self.tried })),
            Err(why) => {
                let message = format!("{}: {text}: {why}", source.words());
                Err(Failure::new(Code::Usage, message).next("swarmlock whoami --help"))
            }
        }
    }

    fn session(
        &mut self,
        sessions: &[(&'static Variable, OsString)],
        ancestors: &mut Ancestors,
    ) -> Result<Option<(String, Source, &'static str, String)>, Failure> {
        let mut set = Vec::new();
        for (variable, value) in sessions {
            match session::agent_id(variable, value) {
                Ok(id) => set.push((*variable, id)),
                Err(why) => self.ignored(variable.name, why),
            }
        }
        if set.is_empty() {
            self.not_set(SESSION, "no variable of a harness is set");
            return Ok(None);
        }
        let innermost = ancestors.harness()?.map(|(name, _)| name);
        let variables: Vec<_> = set.iter().map(|(variable, _)| *variable).collect();
        let (chosen, guessed) = match session::choose(&variables, innermost) {
            Some(Choice::Told(variable)) => (variable, false),
            Some(Choice::Guessed(variable)) => (variable, true),
            Some(Choice::Inherited(inner)) => {
                for variable in variables {
                    self.ignored(variable.name, around(variable, inner));
                }
                return Ok(None);
            }
            None => return Ok(None),
        };
        let why = match (innermost, guessed) {
            (Some(_), _) => format!("set by the {} that calls", chosen.harness),
            (None, true) => "set, the first of several; no harness is to be seen that would tell which".to_owned(),
            (None, false) => "set; no harness is to be seen that would contradict".to_owned(),
        };
        let mut id = String::new();
        for (variable, found) in set {
            if variable == chosen {
                id = found;
            } else if variable.harness != chosen.harness && guessed {
                self.ignored(variable.name, "it is not the first of those that are set");
            } else if variable.harness != chosen.harness {
                self.ignored(variable.name, around(variable, chosen.harness));
            }
        }
        Ok(Some((id, Source::Session { variable: chosen.name, guessed }, chosen.harness, why)))
    }

    fn pane(
        &mut self,
        tmux: Option<&OsStr>,
        pane: Option<&OsStr>,
        ancestors: &mut Ancestors,
    ) -> Result<Option<(String, String)>, Failure> {
        let tmux = match pane::parse(tmux, pane) {
            Ok(Some(tmux)) => tmux,
            Ok(None) => {
                self.not_set(PANE, "TMUX_PANE is not set");
                return Ok(None);
            }
            Err(why) => {
                self.ignored(PANE, why);
                return Ok(None);
            }
        };
        let (name, server) = (tmux.name(), tmux.server);
        match ancestors.pane(server)? {
            Pane::Inside { server_started, process } => {
                let why = format!("pane {name} of tmux server {server}, with process {}", process.pid);
                Ok(Some((tmux.agent_id(server_started), why)))
            }
            Pane::Detached { server_started } => {
                Ok(Some((tmux.agent_id(server_started), format!("detached from pane {name} of tmux server {server}"))))
            }
            Pane::Elsewhere => {
                self.ignored(PANE, format!("this is another terminal, started from pane {name}"));
                Ok(None)
            }
            Pane::NoServer => {
                self.ignored(PANE, format!("there is no tmux server {server} to be seen"));
                Ok(None)
            }
        }
    }
}

fn around(variable: &Variable, inner: &str) -> String {
    format!("the {inner} that calls has it from a {} around it", variable.harness)
}

/// In a sandbox with its own process numbers every terminal session looks like any other.
pub(super) fn unknown() -> Failure {
    Failure::new(Code::Usage, "nothing tells who you are: your terminal session was begun outside of this sandbox")
        .help(format!("say who you are with --agent ID, or set {AGENT_VARIABLE}=ID in the environment of every call"))
        .next("swarmlock whoami --help")
}
