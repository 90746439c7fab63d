//! `discover-agents`: agents in the panes of tmux, by the programs that run there.

use std::{path::Path, time::Duration};

use clap::{ArgMatches, Args as _};
use serde_json::{Value, json};

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args,
    context::{AGENT_VARIABLE, Open},
    identity::pane_agent_id,
};
use crate::{
    checkout::Checkout,
    domain::{
        AgentId,
        agents::{Agent, Discovered, Enrolment, PaneKey},
    },
    host::{
        self,
        tmux::{self, Pane, Table, Tmux, Unreachable},
    },
};

pub(super) const SPEC: Spec = Spec {
    name: "discover-agents",
    aliases: &[],
    about: "Look for agents in the panes of tmux that work in this checkout, and register them",
    prints: "found or known; id; harness; process; pane; its place; the server's socket",
    args: Args::augment_args,
    run: discover_agents,
};

#[derive(Debug, clap::Args)]
struct Args {}

/// How long one server may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

fn discover_agents(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let Args {} = args::of(matches)?;
    discover(context, report)
}

/// One server, and whether it told of its panes.
struct Asked {
    socket: String,
    panes: usize,
    trouble: Option<Unreachable>,
}

/// Looks, registers what is found, and says so.
pub(super) fn discover(context: &Context, report: &mut Report) -> Outcome {
    let checkout = context.checkout()?;
    let (open, made) = context.open_or_init(&checkout)?;
    if made {
        report.note(&format!("made {}", open.state().path().display()));
    }
    let (found, asked) = look(context, &open, report)?;
    let registered = open.locks().enrol_found(&found)?;
    if registered.iter().any(|(_, new)| *new) {
        report.changed();
    }
    for server in &asked {
        if let Some(trouble) = &server.trouble {
            report.note(&format!("{}: {trouble}", server.socket));
        }
    }
    if asked.is_empty() {
        report.note("no tmux server of this user is to be seen; agents elsewhere register themselves");
    }
    if report.is_json() {
        let agents: Vec<Value> =
            registered.iter().map(|(agent, new)| json!({ "result": word(*new), "agent": agent })).collect();
        let servers: Vec<Value> = asked.iter().map(Asked::json).collect();
        report.data(&[], || json!({ "agents": agents, "servers": servers }));
        return Ok(Code::Done);
    }
    for (agent, new) in &registered {
        row(report, agent, *new);
    }
    if registered.is_empty() {
        report.note("no agent was found in a pane of this checkout");
    }
    Ok(Code::Done)
}

fn word(new: bool) -> &'static str {
    if new { "found" } else { "known" }
}

fn row(report: &mut Report, agent: &Agent, new: bool) {
    let or = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
    let columns = [
        word(new).to_owned(),
        agent.id.to_string(),
        or(agent.harness.as_ref()),
        agent.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        or(agent.tmux_pane_id.as_ref()),
        agent.pane_index.clone(),
        or(agent.socket.as_ref()),
    ];
    report.data(&columns.each_ref().map(String::as_str), || ());
}

impl Asked {
    fn json(&self) -> Value {
        let state = self.trouble.as_ref().map_or("asked", Unreachable::word);
        let why = self.trouble.as_ref().map(ToString::to_string);
        json!({ "socket": self.socket, "state": state, "why": why, "panes": self.panes })
    }
}

fn look(context: &Context, open: &Open, report: &Report) -> Result<(Vec<Discovered>, Vec<Asked>), Failure> {
    let (mut found, mut asked) = (Vec::new(), Vec::new());
    let (tmux, table) = (Tmux::default(), Table::look()?);
    let namespace = host::pid_namespace()?;
    for path in context.tmux_servers() {
        let socket = path.to_string_lossy().into_owned();
        let listing = match tmux.panes(&path, LIMIT) {
            Ok(listing) => listing,
            Err(trouble) => {
                let missing = trouble == Unreachable::NoProgram;
                asked.push(Asked { socket, panes: 0, trouble: Some(trouble) });
                // The next one would say the same.
                if missing {
                    break;
                }
                continue;
            }
        };
        if listing.malformed > 0 {
            report.warning(&format!("{socket}: lines of tmux that are no panes: {}", listing.malformed));
        }
        for pane in listing.panes.iter().filter(|pane| !pane.dead) {
            let Some(agent) = table.agent_in(pane, &open.config().harnesses)? else { continue };
            let Some(worktree) = agent.cwd.as_deref().and_then(|cwd| worktree(cwd, open)) else { continue };
            let Some(pane_key) = key(&socket, pane)? else { continue };
            // What it says of itself with each call goes before what its pane says.
            let named = tmux::started_with(&agent.process, AGENT_VARIABLE)?.and_then(|id| AgentId::new(&id).ok());
            let enrolment = Enrolment {
                named: named.is_some().then_some(true),
                harness: Some(agent.harness),
                pane: Some(pane_key.clone()),
                place: Some((pane.place.clone(), pane.session.clone())),
                process: namespace.map(|namespace| (agent.process, namespace)),
                boot_id: open.machine().boot_id.clone(),
                worktree,
                host: host::name(),
                ..Enrolment::default()
            };
            if let Some(id) = named.or_else(|| AgentId::new(&pane_agent_id(&pane_key)).ok()) {
                found.push(Discovered { id, enrolment });
            }
        }
        asked.push(Asked { socket, panes: listing.panes.len(), trouble: None });
    }
    Ok((found, asked))
}

/// The worktree of this state directory that a directory is in; `None` if it is in none.
#[expect(clippy::option_option, reason = "the main checkout has no name")]
fn worktree(cwd: &Path, open: &Open) -> Option<Option<String>> {
    let theirs = Checkout::find(cwd, None).ok()?;
    (theirs.state_path() == open.state().path()).then(|| theirs.worktree().name().map(str::to_owned))
}

fn key(socket: &str, pane: &Pane) -> Result<Option<PaneKey>, Failure> {
    let started = tmux::server_started(pane.server)?;
    Ok(started.map(|started| PaneKey {
        socket: socket.to_owned(),
        server: (pane.server, started),
        number: pane.number,
    }))
}
