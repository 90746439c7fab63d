//! `history`: what happened, from events.log.

use std::ffi::OsString;

use clap::{ArgMatches, Args as _};
use serde_json::Value;

use super::{Code, Context, Outcome, Report, Spec, args, locate};
use crate::{
    domain::{Filter, Timestamp, history as select},
    host,
    store::{Event, kind, read_events},
};

pub(super) const SPEC: Spec = Spec {
    name: "history",
    aliases: &["log"],
    about: "What happened, oldest first",
    prints: "time; event; resource; by whom; fence; details",
    args: Args::augment_args,
    run: history,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Only what happened to locks on this path, directory, pattern or name:NAME, whatever it is now
    #[arg(value_name = "RESOURCE")]
    resource: Option<OsString>,
    /// No pattern: take *, ?, [ and { as they are
    #[arg(long, requires = "resource")]
    literal: bool,
    /// Only what this agent did or what happened to its leases
    #[arg(long, value_name = "ID")]
    by: Option<String>,
    /// Only the last this many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Only since this time (in UTC, as 2026-11-21T02:31:19Z), or for this long until now (as 2h)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Since>,
}

/// From when on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Since {
    Time(Timestamp),
    AgoMs(u64),
}

/// `--since`.
pub(super) fn moment(text: &str) -> Result<Since, String> {
    if let Ok(duration) = humantime::parse_duration(text) {
        return Ok(Since::AgoMs(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)));
    }
    text.parse().map(Since::Time).map_err(|why| format!("{why} (as 2h or 2026-11-21T02:31:19Z)"))
}

impl Since {
    /// The moment itself.
    pub(super) fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::AgoMs(ms) => Timestamp::from_unix_ms(now.unix_ms().saturating_sub(ms)),
        }
    }
}

fn history(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let checkout = context.checkout()?;
    let about = match &args.resource {
        Some(text) => Some(locate::ever_named(context, &checkout, text, args.literal)?),
        None => None,
    };
    let since = args.since.map(|since| since.time(host::now().wall));
    let Some(open) = context.open(&checkout, report)? else { return Ok(Code::Done) };
    let (events, odd) = read_events(open.state())?;
    for (event, line) in select(events, &Filter { about, by: args.by, since, limit: args.limit }) {
        let resource = event.resource.as_deref().or(event.file.as_deref()).unwrap_or("-");
        let by = event.by.as_deref().unwrap_or("-");
        let fence = event.fence.map_or_else(|| "-".to_owned(), |fence| fence.to_string());
        report.data(&[&event.at, &event.event, resource, by, &fence, &details(&event)], || {
            // The line as it stands, so that keys of a later version are shown too.
            serde_json::from_str(&line).or_else(|_| serde_json::to_value(&event)).unwrap_or(Value::Null)
        });
    }
    if odd > 0 {
        report.warning(&format!("lines of events.log that cannot be read and are not shown: {odd}"));
    }
    Ok(Code::Done)
}

fn details(event: &Event) -> String {
    let former = event
        .former
        .as_ref()
        .map(|former| format!("from {} ({}, fence {})", former.agent_id, former.was, former.fence));
    let mode = event.mode.as_deref().map(|mode| match &*event.event {
        kind::MODE_CHANGED => format!("{mode} now"),
        _ => mode.to_owned(),
    });
    let class = event.class.as_deref().map(|class| format!("{class} lease"));
    let together = (!event.resources.is_empty()).then(|| format!("on {}", event.resources.join(", ")));
    let completed = event.completed.then(|| "written by the next process".to_owned());
    let parts = [former, mode, class, together, event.reason.clone(), completed];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
