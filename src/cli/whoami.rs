//! `whoami`: the identity of this call, and why.

use clap::{ArgMatches, Args as _};
use serde_json::{Value, json};

use super::{
    Code, Context, Outcome, Report, Spec, args, describe,
    identity::{Identity, Source},
    locate::Standpoint,
};
use crate::{domain::Process, store::Event};

pub(super) const SPEC: Spec = Spec {
    name: "whoami",
    aliases: &[],
    about: "Your identity, where it comes from, and whether it is reliable",
    prints: "id; where it comes from; reliable or unreliable; why; the process that stands for you, or -",
    args: Args::augment_args,
    run: whoami,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Print the id and nothing else
    #[arg(long)]
    id_only: bool,
}

fn whoami(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    args::only_one_format(args.id_only, context)?;
    let identity = context.identity()?;
    if args.id_only {
        report.text(identity.id.as_str());
        return Ok(Code::Done);
    }
    let process = context.process()?;
    let shown = process.as_ref().map(|process| format!("{} {}", process.name, process.pid));
    let evidence = context.agent_process()?.is_some();
    let notices = describe::news(report, context.notices(&identity.id));
    let word = if identity.reliable() { "reliable" } else { "unreliable" };
    report.data(
        &[identity.id.as_str(), identity.source.words(), word, &identity.why, shown.as_deref().unwrap_or("-")],
        || json(&identity, process.as_ref(), evidence, &notices),
    );
    if !notices.is_empty() {
        let here = Standpoint::new(context, &context.checkout()?)?;
        notices.iter().for_each(|event| report.note(&describe::notice_line(event, Some(&here))));
    }
    for tried in identity.tried.iter().filter(|tried| tried.ignored) {
        report.note(&format!("{} is ignored: {}", tried.source, tried.why));
    }
    if let Some(advice) = advice(&identity) {
        report.note(advice);
    }
    Ok(Code::Done)
}

fn advice(identity: &Identity) -> Option<&'static str> {
    match identity.source {
        Source::TerminalSession => {
            Some("calls from another terminal session are another agent; set SWARMLOCK_AGENT or say --agent")
        }
        Source::Session { guessed: true, .. } => {
            Some("several harnesses have left their sessions here; set SWARMLOCK_AGENT or say --agent")
        }
        Source::Session { .. } | Source::Flag | Source::Environment | Source::Hook | Source::Pane => None,
    }
}

fn json(identity: &Identity, process: Option<&Process>, evidence: bool, notices: &[Event]) -> Value {
    let mut json = identity.json();
    if let Value::Object(map) = &mut json {
        let tried: Vec<_> = identity
            .tried
            .iter()
            .map(|tried| json!({ "source": tried.source, "ignored": tried.ignored, "why": tried.why }))
            .collect();
        map.insert("why".to_owned(), json!(identity.why));
        map.insert("tried".to_owned(), json!(tried));
        map.insert("process".to_owned(), json!(process));
        map.insert("evidence".to_owned(), json!(evidence));
        map.insert("notices".to_owned(), json!(notices));
    }
    json
}
