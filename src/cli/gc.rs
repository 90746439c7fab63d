//! `gc`: remove old records of what was run.

use std::time::Duration;

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Failure, Outcome, Report, Spec, args, runs};
use crate::domain::records::Judged;

pub(super) const SPEC: Spec = Spec {
    name: "gc",
    aliases: &[],
    about: "Remove records of runs that ended long ago. Only shows which unless --yes is given",
    prints: "would_remove or removed; id; state; since when; until when; agent; command",
    args: Args::augment_args,
    run: gc,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Only those that have been over for this long (as 7d); of an abandoned one, it counts from its start
    #[arg(long, value_name = "DURATION", value_parser = age, allow_hyphen_values = true)]
    older_than: Duration,
    /// Do it, and not only show it
    #[arg(long)]
    yes: bool,
}

fn age(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (as 7d, 12h)"))?;
    // It would take what ended just now from under those who wait for it.
    if duration.is_zero() { Err("it must be more than 0".to_owned()) } else { Ok(duration) }
}

fn gc(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(Code::Done) };
    if !args.yes {
        context.only_look();
    }
    let older_than = u64::try_from(args.older_than.as_millis()).unwrap_or(u64::MAX).max(1);
    let gathered = open.records().gather(older_than, args.yes)?;
    let word = if args.yes { "removed" } else { "would_remove" };
    for judged in &gathered.old {
        if args.yes {
            report.changed();
        }
        row(report, word, judged);
    }
    for judged in &gathered.future {
        let (id, at) = (&judged.record.id, judged.record.over_since());
        report.warning(&format!("{id}: it ended at {at}, which is still to come by this clock; it was left"));
    }
    let mut code = Code::Done;
    for error in gathered.left {
        let failure = Failure::from(error);
        code = code.max(failure.code);
        report.failure(&failure);
    }
    if !args.yes {
        let none = gathered.old.is_empty();
        report.note(if none { "no record is that old" } else { "nothing was changed; with --yes it will be" });
    }
    Ok(code)
}

fn row(report: &mut Report, word: &str, judged: &Judged) {
    let record = &judged.record;
    let ended = record.ended_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let (created, command) = (record.created_at.to_string(), runs::command_line(judged));
    let columns = [word, record.id.as_str(), judged.state.word(), &created, &ended, record.agent_id.as_str(), &command];
    report.data(&columns, || json!({ "result": word, "run": runs::json(judged) }));
}
