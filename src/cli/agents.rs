//! `agents`: who is registered here, and registering oneself.

use clap::{ArgMatches, Args as _, ValueEnum};
use serde_json::{Value, json};

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args, describe, discover_agents, escape, identity::Source, post,
};
use crate::{
    domain::{
        AgentId, Caller, Now,
        agents::{Agent, Enrolment, Presence, Registered, Retired, Signs},
        is_invisible,
    },
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "agents",
    aliases: &["list-agents"],
    about: "Who is registered here; register yourself under a name; take out who has gone; find agents in tmux",
    prints: "list: id; active, idle, stale or gone; harness; role; last sign of life; pane; worktree; capabilities. register: registered or known; id. retire: retired; id. discover: as discover-agents",
    args: Args::augment_args,
    run: agents,
};

/// The longest role or capability, in bytes.
const WORD_LIMIT: usize = 64;

/// The most capabilities of one agent.
const CAPABILITIES: usize = 32;

#[derive(Debug, clap::Args)]
struct Args {
    /// What to do
    #[arg(value_name = "ACTION", value_enum, default_value_t = Action::List)]
    action: Action,
    /// register: the name that you want; retire: which agents
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// list: also those that are gone
    #[arg(long)]
    all: bool,
    /// list: only those with this role; register: what you do, in a word; empty for nothing
    #[arg(long, value_name = "WORD", value_parser = role)]
    role: Option<String>,
    /// register: what you can do, as often as you like
    #[arg(long = "capability", value_name = "WORD", value_parser = word)]
    capabilities: Vec<String>,
    /// register: print the id and nothing else
    #[arg(long)]
    id_only: bool,
    /// retire: also an agent that is still there
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Print a line for each
    List,
    /// Register yourself, under this name if it is free
    Register,
    /// Take yourself out, or these; their ids are not given to others
    Retire,
    /// Look for agents in the panes of tmux
    Discover,
}

fn role(text: &str) -> Result<String, String> {
    if text.is_empty() || AgentId::new(text).is_ok_and(|_| !text.eq_ignore_ascii_case("all")) {
        return Ok(text.to_owned());
    }
    Err("a role is letters, digits, '.', '_' and '-', starts with a letter or digit, and is not 'all'".to_owned())
}

fn word(text: &str) -> Result<String, String> {
    let odd = text.chars().any(|c| c.is_control() || is_invisible(c));
    if text.trim().is_empty() || text.len() > WORD_LIMIT || odd {
        return Err(format!("a capability is 1 to {WORD_LIMIT} bytes of text in one line"));
    }
    Ok(text.trim().to_owned())
}

fn agents(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let wrong = match args.action {
        Action::List | Action::Discover if !args.ids.is_empty() => Some("list and discover take no id"),
        Action::Register if args.ids.len() > 1 => Some("register takes one name"),
        Action::List | Action::Register | Action::Retire | Action::Discover => None,
    };
    if let Some(wrong) = wrong {
        return Err(Failure::new(Code::Usage, wrong).next("swarmlock agents --help"));
    }
    match args.action {
        Action::List => list(&args, context, report),
        Action::Register => register(&args, context, report),
        Action::Retire => retire(&args, context, report),
        Action::Discover => discover_agents::discover(context, report),
    }
}

fn list(args: &Args, context: &Context, report: &mut Report) -> Outcome {
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(Code::Done) };
    let mut hidden = 0;
    for (agent, presence, signs) in open.locks().agents()? {
        let wanted = args.role.as_ref().is_none_or(|role| agent.has_role(role));
        if presence == Presence::Gone && !args.all {
            hidden += usize::from(wanted);
        } else if wanted {
            row(report, &agent, presence, &signs);
        }
    }
    if hidden > 0 {
        report.note(&format!("{hidden} that are gone are not shown: --all shows them"));
    }
    Ok(Code::Done)
}

fn row(report: &mut Report, agent: &Agent, presence: Presence, signs: &Signs) {
    let or = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
    let columns = [
        agent.id.to_string(),
        presence.word().to_owned(),
        or(agent.harness.as_ref()),
        or(agent.role.as_ref()),
        seen(signs, host::now()),
        pane(agent),
        or(agent.worktree.as_ref()),
        or(Some(agent.capabilities.join(", ")).filter(|words| !words.is_empty()).as_ref()),
    ];
    report.data(&columns.each_ref().map(String::as_str), || json(agent, presence, signs));
}

/// How long ago its last sign of life was.
pub(super) fn seen(signs: &Signs, now: Now) -> String {
    signs.seen.map_or_else(
        || "-".to_owned(),
        |seen| {
            let ago = seen.mono_ms.map_or_else(|| seen.wall.ms_before(now.wall), |at| now.mono_ms.saturating_sub(at));
            format!("{} ago", describe::span(ago))
        },
    )
}

/// Its pane, and where that stands if that is known.
pub(super) fn pane(agent: &Agent) -> String {
    match &agent.tmux_pane_id {
        Some(pane) if agent.pane_index == "unknown" => pane.clone(),
        Some(pane) => format!("{pane} {}", agent.pane_index),
        None => "-".to_owned(),
    }
}

/// The entry as it stands, with what its signs of life make of it now.
pub(super) fn json(agent: &Agent, presence: Presence, signs: &Signs) -> Value {
    let mut value = serde_json::to_value(agent).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.insert("status".to_owned(), presence.word().into());
        let seen = signs.seen.map_or(agent.last_seen, |seen| seen.wall);
        map.insert("last_seen".to_owned(), json!(seen));
    }
    value
}

fn register(args: &Args, context: &Context, report: &mut Report) -> Outcome {
    args::only_one_format(args.id_only, context)?;
    if args.capabilities.len() > CAPABILITIES {
        let message = format!("{} capabilities, and at most {CAPABILITIES} are kept", args.capabilities.len());
        return Err(Failure::new(Code::Limit, message).next("swarmlock agents --help"));
    }
    let identity = context.identity()?;
    let given = args.ids.first();
    let wanted = match given {
        Some(text) => AgentId::new(text)
            .map_err(|why| Failure::new(Code::Usage, format!("{text}: {why}")).next("swarmlock agents --help"))?,
        None => identity.id.clone(),
    };
    let (open, made) = context.open_or_init(&context.checkout()?)?;
    if made {
        report.note(&format!("made {}", open.state().path().display()));
    }
    let known = Enrolment {
        role: args.role.clone(),
        capabilities: Some(args.capabilities.clone()).filter(|capabilities| !capabilities.is_empty()),
        ..context.enrolment(&identity)?
    };
    let certain = matches!(identity.source, Source::Flag | Source::Environment);
    let Registered { agent, new } = open.locks().register(&wanted, &known, Some(&identity.id).filter(|_| certain))?;
    if new || args.role.is_some() || !args.capabilities.is_empty() {
        report.changed();
    }
    let id = agent.id.clone();
    // A sign of life, so that it is known to be there from now on.
    let whereabouts = context.asking(Some(&identity));
    open.locks_of(Some(Caller { agent: &id, whereabouts: &whereabouts, exclusive: true })).visit(|_| Ok(()))?;
    if id != wanted {
        report.note(&match given {
            Some(given) if !new => format!(
                "{given} was not taken: an agent keeps its id, and yours is {id}; one that is to have a name is started with SWARMLOCK_AGENT={}",
                post::word(given)
            ),
            _ => format!("{wanted} is or was another agent's; you are {id}"),
        });
    }
    let reached = id == identity.id || known.session.is_some() || known.pane.is_some();
    if !reached || (certain && id != identity.id) {
        report.note(&format!(
            "nothing but its name tells who you are: export SWARMLOCK_AGENT={}",
            post::word(id.as_str())
        ));
    }
    if args.id_only {
        report.text(id.as_str());
        return Ok(Code::Done);
    }
    let word = if new { "registered" } else { "known" };
    report.data(&[word, id.as_str()], || json!({ "result": word, "agent": agent }));
    Ok(Code::Done)
}

fn retire(args: &Args, context: &Context, report: &mut Report) -> Outcome {
    let identity = context.identity()?;
    let mut ids = Vec::new();
    for text in &args.ids {
        ids.push(
            AgentId::new(text)
                .map_err(|why| Failure::new(Code::Usage, format!("{text}: {why}")).next("swarmlock agents list"))?,
        );
    }
    if ids.is_empty() {
        ids.push(identity.id.clone());
    }
    let Some(open) = context.open(&context.checkout()?, report)? else {
        return Err(Failure::new(Code::Nothing, "nobody is registered here").next("swarmlock agents list"));
    };
    let mut worst = Code::Done;
    for id in ids {
        let failure = match open.locks().retire(&id, &identity.id, args.yes)? {
            Retired::Done(agent) => {
                report.changed();
                report.data(&["retired", id.as_str()], || json!({ "result": "retired", "agent": agent }));
                let held = open.locks().held_by(&id)?;
                if held > 0 {
                    report.note(&format!(
                        "{id} still holds {held} locks, until they are released or over: swarmlock list"
                    ));
                }
                continue;
            }
            Retired::Nothing(there) => {
                let there: Vec<String> = there.iter().map(ToString::to_string).collect();
                post::nobody(id.as_str(), &there)
            }
            Retired::Present(_, presence) => {
                Failure::new(Code::NotYours, format!("{id} is {}, and another agent than you", presence.word()))
                    .help("with --yes it is taken out all the same")
                    .next(format!("swarmlock agents retire {} --yes", escape::word(id.as_str().as_bytes())))
            }
        };
        worst = worst.max(failure.code);
        report.failure(&failure);
    }
    Ok(worst)
}
