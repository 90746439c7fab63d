//! `messages`: what was said, from the logs.

use std::{ops::ControlFlow, time::Duration};

use clap::{ArgMatches, Args as _};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, context::Open, history::Since, post};
use crate::{
    domain::{
        Timestamp,
        mail::{Mail, Message, Older, Thread},
        messages::neutral,
    },
    fs::Watch,
    host,
    store::layout,
};

/// How often it looks while it follows and nothing wakes it.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) const SPEC: Spec = Spec {
    name: "messages",
    aliases: &[],
    about: "What was said, oldest first; whoever it was for, read or not",
    prints: "time; id; from; to; type; ack, again N, re ID or -; text",
    args: Args::augment_args,
    run: messages,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Only from this agent
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// Only to this agent, @ROLE or @all
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only the thread that the message whose id begins so is in
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// Only since this time (in UTC, as 2026-11-21T02:31:19Z), or for this long until now (as 2h)
    #[arg(long, value_name = "WHEN", value_parser = super::history::moment)]
    since: Option<Since>,
    /// Only the last this many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Go on with what is said from now on, for this long, at most 24h [default: 90s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "90s", value_parser = args::waiting)]
    follow: Option<Duration>,
}

struct Filter<'a> {
    args: &'a Args,
    kind: Option<String>,
    thread: Option<Thread>,
    since: Option<Timestamp>,
}

impl Filter<'_> {
    fn wants(&self, message: &Message) -> bool {
        let Args { from, to, .. } = self.args;
        let for_to = |to: &String| {
            message.recipients.contains(to) || message.to.as_ref().is_some_and(|group| group.eq_ignore_ascii_case(to))
        };
        from.as_ref().is_none_or(|from| message.sender == *from)
            && to.as_ref().is_none_or(for_to)
            && self.kind.as_ref().is_none_or(|kind| message.msg_type == *kind)
            && self.thread.as_ref().is_none_or(|thread| thread.has(message))
            && self.since.is_none_or(|since| message.timestamp >= since)
    }
}

fn messages(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(Code::Done) };
    let mail = open.mail(None);
    let thread = match &args.thread {
        Some(given) => Some(mail.thread(&post::one(mail.find(given, |_| true)?, given, "")?)?),
        None => None,
    };
    let since = args.since.map(|since| since.time(host::now().wall));
    let kind = args.kind.as_ref().map(|kind| kind.to_ascii_uppercase().replace('_', "-"));
    let filter = Filter { kind, thread, since, args: &args };
    let (found, odd, last) = after(&mail, 0, &filter, args.limit)?;
    found.iter().for_each(|message| say(report, message));
    if odd > 0 {
        report.warning(&format!("lines of agent_messages.log that are no messages, and are not shown: {odd}"));
    }
    if found.is_empty() && args.follow.is_none() {
        let unknown = args.kind.as_ref().and_then(|kind| Some(format!("{kind}: {}", post::kind(kind).err()?)));
        report.note(unknown.as_deref().unwrap_or("no message fits"));
    }
    if let Some(limit) = args.follow {
        follow(&open, &mail, &filter, last, limit, report)?;
    }
    Ok(Code::Done)
}

fn follow(
    open: &Open,
    mail: &Mail<'_>,
    filter: &Filter<'_>,
    mut last: u64,
    limit: Duration,
    report: &mut Report,
) -> Result<(), Failure> {
    let began = host::now().mono_ms;
    let spent = || Duration::from_millis(host::now().mono_ms.saturating_sub(began));
    let left = || limit.saturating_sub(spent()).min(PAUSE);
    let watch = Watch::on(open.state().dir());
    // From now on a new line wakes us; what came before is looked for first.
    while report.is_out() {
        let (found, _, newest) = after(mail, last, filter, None)?;
        found.iter().for_each(|message| say(report, message));
        last = newest.max(last);
        if left().is_zero() || !report.is_out() || !open.state().is_in_place()? {
            break;
        }
        match &watch {
            Ok(watch) => {
                watch.wait(&layout::MESSAGES, left(), left)?;
            }
            Err(_) => host::pause(left()),
        }
    }
    Ok(())
}

/// The messages behind this number that are wanted, oldest first; how many lines are none; and the largest number.
fn after(
    mail: &Mail<'_>,
    number: u64,
    filter: &Filter<'_>,
    limit: Option<usize>,
) -> Result<(Vec<Message>, usize, u64), Failure> {
    let (mut found, mut newest, mut older) = (Vec::new(), number, Older::default());
    // Such a number would hide all that is said from now on.
    let (end, mut beyond) = (mail.locks.state.beyond_messages(), 0);
    let odd = mail.backwards(|message| {
        if message.seq >= end {
            beyond += 1;
            return ControlFlow::Continue(());
        }
        let full = limit.is_some_and(|limit| found.len() >= limit);
        let shown = message.seq <= number;
        if full {
            newest = newest.max(message.seq);
        }
        if older.are_all(shown) || full {
            return ControlFlow::Break(());
        }
        if shown {
            return ControlFlow::Continue(());
        }
        newest = newest.max(message.seq);
        if filter.wants(&message) {
            found.push(message);
        }
        ControlFlow::Continue(())
    })?;
    found.reverse();
    Ok((found, odd + beyond, newest))
}

fn say(report: &mut Report, message: &Message) {
    // No frame is around it, and so nothing in it may look like one.
    let columns = post::columns(message).map(|column| neutral(&column).into_owned());
    report.data(&columns.each_ref().map(String::as_str), || post::json(message));
}
