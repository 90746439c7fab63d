//! `runs`: what was run under a lease, and asking for the end of what still runs.

use clap::{
    ArgMatches, Args as _, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::{Value, json};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, context::Open, describe, escape};
use crate::{
    config::Config,
    domain::records::{Cancelled, Chosen, Judged, Prefix, RecordId, Records, State},
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "runs",
    aliases: &[],
    about: "What was run under a lease, newest first; or one of these; or ask for the end of one",
    prints: "list: id; state; since when; until when; exit code; agent; resources; command. show: key; value. cancel: requested or already; id; agent; command",
    args: Args::augment_args,
    run: runs,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// What to do
    #[arg(value_name = "ACTION", value_enum, default_value_t = Action::List)]
    action: Action,
    /// Which: its id, or at least the first four digits if no other begins with them
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// list: only those in this state
    #[arg(long, value_name = "STATE", value_parser = states())]
    state: Option<State>,
    /// list: only the newest this many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Print a line for each
    List,
    /// Print all that is known of one, with the end of what it said
    Show,
    /// Ask its wrapper to end it; no process is signalled from here
    Cancel,
}

fn states() -> impl TypedValueParser<Value = State> {
    let state = |word: String| State::ALL.into_iter().find(|state| state.word() == word).unwrap_or(State::Running);
    PossibleValuesParser::new(State::ALL.map(State::word)).map(state)
}

fn runs(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let usage = |message: &str| Err(Failure::new(Code::Usage, message).next("swarmlock runs --help"));
    if args.action != Action::List && (args.state.is_some() || args.limit.is_some()) {
        return usage("--state and --limit are for runs list");
    }
    let prefix = match (args.action, &args.id) {
        (Action::List, None) => None,
        (Action::List, Some(_)) => return usage("runs list takes no id: runs show ID prints one"),
        (Action::Show | Action::Cancel, None) => return usage("which one? it takes an id, as runs prints it"),
        (Action::Show | Action::Cancel, Some(id)) => match Prefix::new(id) {
            Ok(prefix) => Some((id.as_str(), prefix)),
            Err(why) => {
                return Err(Failure::new(Code::Usage, format!("{id}: {why}")).next("swarmlock runs"));
            }
        },
    };
    let open = context.open(&context.checkout()?, report)?;
    let Some((text, prefix)) = prefix else {
        return open.map_or(Ok(Code::Done), |open| list(&open, &args, report));
    };
    let nothing =
        || Failure::new(Code::Nothing, format!("{text}: there is no such record")).next("swarmlock runs list");
    let open = open.ok_or_else(nothing)?;
    let records = open.records();
    let id = match records.choose(&prefix)? {
        Chosen::One(id) => id,
        Chosen::None => return Err(nothing()),
        Chosen::Several(ids) => {
            let failure = Failure::new(Code::Usage, format!("{text}: several records begin with it"));
            let failure = ids.iter().fold(failure, |failure, id| failure.help(format!("one of them is {id}")));
            return Err(failure.next("swarmlock runs"));
        }
    };
    if args.action == Action::Show {
        show(&records, &records.read(&id)?.ok_or_else(nothing)?, report)
    } else {
        // It is a change, and waits for a configuration that is valid.
        Config::load(open.state())?;
        cancel(&records, &id, context, report, nothing)
    }
}

fn list(open: &Open, args: &Args, report: &mut Report) -> Outcome {
    let (mut code, mut found) = (Code::Done, Vec::new());
    for judged in open.records().all()? {
        match judged {
            Ok(judged) => found.extend(Some(judged).filter(|one| args.state.is_none_or(|state| one.state == state))),
            Err(error) => {
                let failure = Failure::from(error);
                code = code.max(failure.code);
                report.failure(&failure);
            }
        }
    }
    found.sort_by_key(|judged| std::cmp::Reverse(judged.record.created_at));
    found.iter().take(args.limit.unwrap_or(usize::MAX)).for_each(|judged| row(report, judged));
    Ok(code)
}

fn row(report: &mut Report, judged: &Judged) {
    let record = &judged.record;
    let ended = record.ended_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let (created, resources, command) =
        (record.created_at.to_string(), record.resources.join(", "), command_line(judged));
    let columns = [
        record.id.as_str(),
        judged.state.word(),
        &created,
        &ended,
        &exit(judged),
        record.agent_id.as_str(),
        &resources,
        &command,
    ];
    report.data(&columns, || json(judged));
}

/// The exit code, the signal, or neither.
fn exit(judged: &Judged) -> String {
    match (judged.record.exit, judged.record.signal) {
        (_, Some(signal)) => format!("signal {signal}"),
        (Some(code), None) => code.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// The command as a shell reads it, as far as it is kept.
pub(super) fn command_line(judged: &Judged) -> String {
    let mut words: Vec<String> = judged.record.command.iter().map(|arg| escape::word(arg.as_bytes())).collect();
    words.extend(judged.record.command_cut.then(|| "...".to_owned()));
    words.join(" ")
}

/// The record with the state that it is in. Plain data: it can always be a value.
pub(super) fn json(judged: &Judged) -> Value {
    let mut value = serde_json::to_value(&judged.record).unwrap_or_default();
    if let Some(state) = value.get_mut("state") {
        *state = judged.state.word().into();
    }
    value
}

fn show(records: &Records<'_>, judged: &Judged, report: &mut Report) -> Outcome {
    let record = &judged.record;
    let log = match (records.log(record), &record.log) {
        (Ok(None), Some(name)) => {
            report.note(&format!("tasks/{name}: it is not there any more"));
            None
        }
        (Ok(log), _) => log,
        (Err(error), _) => {
            report.warning(&format!("what it said cannot be told: {error}"));
            None
        }
    };
    let log = log.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut value = json(judged);
    if report.is_json() {
        if let Value::Object(map) = &mut value {
            map.insert("log_tail".to_owned(), json!(log));
        }
        report.data(&[], || value);
        return Ok(Code::Done);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let text = match (key.as_str(), value) {
            ("command", _) => command_line(judged),
            (_, Value::Null) => continue,
            (_, Value::String(text)) => text.clone(),
            (_, Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Number(_)) => value.to_string(),
        };
        report.data(&[key, &text], || Value::Null);
    }
    for line in log.iter().flat_map(|text| text.lines()) {
        report.data(&["log_tail", line], || Value::Null);
    }
    Ok(Code::Done)
}

fn cancel(
    records: &Records<'_>,
    id: &RecordId,
    context: &Context,
    report: &mut Report,
    nothing: impl Fn() -> Failure,
) -> Outcome {
    let identity = context.identity_if_known()?;
    let (word, record) = match records.cancel(id, identity.as_ref().map(|identity| &identity.id))? {
        Cancelled::Asked(record) => {
            report.changed();
            ("requested", record)
        }
        Cancelled::Before(record) => ("already", record),
        Cancelled::Final(judged) => return Err(is_final(&judged)),
        Cancelled::Missing => return Err(nothing()),
    };
    let judged = Judged { state: record.state, record: *record };
    let columns = [word, judged.record.id.as_str(), judged.record.agent_id.as_str(), &command_line(&judged)];
    report.data(&columns, || json!({ "result": word, "run": json(&judged) }));
    report.note("its wrapper ends it as soon as it looks, and says so in the record");
    Ok(Code::Done)
}

fn is_final(judged: &Judged) -> Failure {
    let (id, state) = (&judged.record.id, judged.state);
    let message = match judged.record.ended_at {
        Some(at) => format!(
            "{id} is {state}, since {at} ({} ago)",
            describe::span(at.ms_before(host::now().wall)),
            state = state.word()
        ),
        None => format!("{id} is {}: its wrapper is gone, and there is nobody to end it", state.word()),
    };
    Failure::new(Code::Refused, message)
        .help("what has ended cannot be cancelled; nothing was changed")
        .next(format!("swarmlock runs show {id}"))
        .detail("run", json(judged))
}
