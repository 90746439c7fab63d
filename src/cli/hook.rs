//! `hook`: what a harness calls before and after its tools, at the ends of turns and of sessions.
//!
//! Its exit code is 0, or 2 to refuse the use of a tool: nothing else may ever keep an agent from working.

mod args;
mod call;
mod edit;
mod inbox;
mod news;
mod place;
mod session;
mod trouble;
mod turn;
mod words;

use std::{cell::Cell, time::Duration};

use clap::{ArgMatches, Args as _};

pub(super) use args::{Args, quick};
use call::{Call, Reply};

use super::{Context, Outcome, Report, Spec, tick};
use crate::{
    domain::hooks::{Moment, Payload, is_whole},
    host::{self, End},
};

pub(super) const SPEC: Spec = Spec {
    name: "hook",
    aliases: &[],
    about: "For the hooks of a harness, which `init` installs: reads what the harness says on stdin, and answers in its language",
    prints: "what the harness understands: nothing, or one object of JSON. Exit code 2 refuses the use of a tool",
    args: Args::augment_args,
    run: |matches: &ArgMatches, context, report| {
        let args: Args = super::args::of(matches)?;
        hook(&args, context, report)
    },
};

/// The exit code that refuses the use of a tool.
const DENY: u8 = 2;
/// The most that is read of a payload, in bytes.
const LONGEST_PAYLOAD: usize = 32 * 1024 * 1024;
/// How long a payload is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers one call.
pub(super) fn hook(args: &Args, context: &Context, report: &mut Report) -> Outcome {
    let (event, harness) = (args.event.as_str(), args.harness());
    let mut reply = Reply::default();
    let input = host::read_stdin(LONGEST_PAYLOAD, PATIENCE, now_and_then(is_whole));
    let unread = match &input.end {
        End::Whole => None,
        End::TooLong => Some("what the harness says is longer than 32 MiB".to_owned()),
        End::Late if is_whole(&input.bytes) => None,
        End::Late => Some("what the harness says did not come within half a second".to_owned()),
        End::Terminal => Some("nobody says anything: a harness calls this with JSON on stdin".to_owned()),
        End::Failed(error) => Some(format!("read stdin: {error}")),
    };
    let parsed = match unread {
        None => Payload::parse(&input.bytes).map_err(|error| error.to_string()),
        Some(why) => Err(why),
    };
    reply.warnings.extend(args.odd());
    let moment = Moment::from_name(event);
    match (moment, parsed) {
        (None, _) => reply.warn(words::unknown_event(event)),
        (Some(moment), Ok(payload)) => {
            let call = Call::new(harness, moment, event, payload, context);
            answer(&call, &mut reply);
        }
        (Some(moment), Err(why)) => {
            let call = Call::new(harness, moment, event, Payload::default(), context);
            trouble::of_payload(&call, &why, &mut reply);
        }
    }
    let inbox = reply.inbox.take();
    let rendered = reply.into_answer().render(harness, moment.unwrap_or(Moment::Compact), event);
    if !rendered.stdout.is_empty() {
        report.json_line(&rendered.stdout);
    }
    report.tell(&rendered.stderr);
    // Only what has certainly been put out is read.
    if let Some(inbox) = inbox
        && report.is_out()
    {
        inbox.move_on()?;
    }
    if context.is_something_due() {
        report.put_out();
        tick::chore(context, report);
    }
    report.pass_on(if rendered.deny { DENY } else { 0 });
    Ok(super::Code::Done)
}

/// Looks at what has come in each time while it is short, and then only when it has grown by half: it may never end, and
/// each look is at all of it.
fn now_and_then(is_whole: fn(&[u8]) -> bool) -> impl Fn(&[u8]) -> bool {
    const SHORT: usize = 64 * 1024;
    let next = Cell::new(0);
    move |bytes| {
        if bytes.len() > SHORT && bytes.len() < next.get() {
            return false;
        }
        next.set(bytes.len().saturating_add(bytes.len() / 2));
        is_whole(bytes)
    }
}

fn answer(call: &Call<'_>, reply: &mut Reply) {
    match call.moment {
        Moment::BeforeTool => edit::before_tool(call, reply),
        Moment::AfterTool | Moment::Compact => news::tell(call, reply),
        Moment::Prompt => turn::begins(call, reply),
        Moment::Stop => turn::ends(call, reply),
        Moment::SessionStart => session::starts(call, reply),
        Moment::SessionEnd => session::ends(call, reply),
        Moment::SubagentStart => session::subagent_starts(call, reply),
        Moment::SubagentStop => session::subagent_ends(call, reply),
    }
}
