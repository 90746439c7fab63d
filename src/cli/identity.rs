//! Who is asking.

use std::ffi::OsStr;

use serde_json::{Value, json};

use super::{Code, Failure, context::AGENT_VARIABLE};
use crate::{domain::AgentId, store};

/// An identity and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: AgentId,
    pub(super) source: Source,
}

/// Where an identity comes from, the first that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Flag,
    Environment,
    TerminalSession,
}

impl Source {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Flag => "--agent",
            Self::Environment => AGENT_VARIABLE,
            Self::TerminalSession => "the terminal session",
        }
    }
}

impl Identity {
    /// The identity of this call; `None` if nothing tells.
    pub(super) fn find(
        flag: Option<&str>,
        environment: Option<&OsStr>,
        session: impl FnOnce() -> store::Result<Option<String>>,
    ) -> Result<Option<Self>, Failure> {
        let (text, source) = match (flag, environment) {
            (Some(flag), _) => (flag.to_owned(), Source::Flag),
            (None, Some(variable)) => (variable.to_string_lossy().into_owned(), Source::Environment),
            (None, None) => match session()? {
                Some(session) => (format!("session-{session}"), Source::TerminalSession),
                None => return Ok(None),
            },
        };
        match AgentId::new(&text) {
            Ok(id) => Ok(Some(Self { id, source })),
            Err(why) => {
                let message = format!("{}: {text}: {why}", source.words());
                Err(Failure::new(Code::Usage, message).next("swarmlock whoami --help"))
            }
        }
    }

    /// Whether a later call of the same agent certainly has the same identity, and another agent's has not.
    pub(super) fn reliable(&self) -> bool {
        self.source != Source::TerminalSession
    }

    /// As JSON output shows it.
    pub(super) fn json(&self) -> Value {
        json!({ "id": self.id, "source": self.source.words(), "reliable": self.reliable() })
    }

    /// Refuses what would touch another's leases if the identity were wrong.
    pub(super) fn require_reliable(&self) -> Result<(), Failure> {
        if self.reliable() {
            return Ok(());
        }
        Err(Failure::new(
            Code::Usage,
            format!("--mine: you are {} only by your terminal session, which others may share", self.id),
        )
        .help("say who you are with --agent ID")
        .help(format!("or set {AGENT_VARIABLE}=ID in the environment of every call"))
        .help("or name the lease by the token that acquire printed: --token TOKEN")
        .next("swarmlock whoami"))
    }
}

/// In a sandbox with its own process numbers every terminal session looks like any other.
pub(super) fn unknown() -> Failure {
    Failure::new(Code::Usage, "nothing tells who you are: your terminal session was begun outside of this sandbox")
        .help(format!("say who you are with --agent ID, or set {AGENT_VARIABLE}=ID in the environment of every call"))
        .next("swarmlock whoami --help")
}
