//! `tick`: what is due, for cron.

use std::time::Duration;

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Failure, Outcome, Report, Spec, args, panes, post};
use crate::{
    domain::{
        agents::{Agent, Presence},
        mail::{Message, Settled, short_id},
    },
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "tick",
    aliases: &[],
    about: "Do what is due: show messages again that nobody has acknowledged, tell of those in vain, remove old logs",
    prints: "again or escalated; the message's id; who is to acknowledge it, or everybody who is told; where it is",
    args: Args::augment_args,
    run: tick,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Only into inboxes, and not into panes
    #[arg(long)]
    no_pane: bool,
}

fn tick(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(Code::Done) };
    let mail = open.mail(None);
    let (settled, done) = mail.settle(&|| true, &host::random);
    let agents: Vec<_> = open.locks().agents()?.into_iter().map(|(agent, presence, _)| (agent, presence)).collect();
    for message in settled.reminded.iter().chain(&settled.escalated) {
        report.changed();
        let harnesses = &open.config().harnesses;
        say(report, message, &agents, (!args.no_pane).then_some(harnesses));
    }
    done?;
    let pruned = mail.prune()?;
    if pruned.removed > 0 {
        report.note(&format!("old logs of messages removed: {}", pruned.removed));
    }
    if pruned.kept > 0 {
        report.note(&format!(
            "old logs of messages kept, for they are still to be read or acknowledged: {}",
            pruned.kept
        ));
    }
    Ok(Code::Done)
}

fn say(report: &mut Report, message: &Message, agents: &[(Agent, Presence)], harnesses: Option<&Vec<String>>) {
    let to: Vec<(Agent, Presence)> = agents.iter().filter(|(agent, _)| message.is_for(&agent.id)).cloned().collect();
    let delivered = match harnesses {
        None => panes::queued(&to),
        Some(harnesses) => panes::deliver(message, &to, None, harnesses),
    };
    let word = if message.retry.is_some() { "again" } else { "escalated" };
    let id = message.original_msg_id.as_deref().unwrap_or(&message.msg_id);
    let place = delivered.iter().map(|one| format!("{}: {}", one.recipient, one.place)).collect::<Vec<_>>().join("; ");
    report.data(&[word, short_id(id), &message.recipients.join(","), &place], || {
        let deliveries: Vec<_> = delivered.iter().map(panes::Delivered::json).collect();
        json!({ "result": word, "message": post::json(message), "deliveries": deliveries })
    });
}

/// How long a command that does something else may take for what is due, in milliseconds.
const CHORE_MS: u64 = 5;

/// Does some of what is due after another command. What it comes to is a matter for `tick`; what goes wrong is said.
pub(super) fn chore(context: &Context, report: &Report) {
    let began = host::now().mono_ms;
    let go_on = || host::now().mono_ms.saturating_sub(began) < CHORE_MS;
    match some(context, report, &go_on) {
        Ok(_) => {}
        // Somebody else is at work, and does it perhaps.
        Err(failure) if failure.code == Code::Busy => {}
        Err(failure) => report.warning(&format!("what is due could not be done: {}", failure.message)),
    }
}

fn some(context: &Context, report: &Report, go_on: &dyn Fn() -> bool) -> Result<Option<Settled>, Failure> {
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(None) };
    let mut mail = open.mail(None);
    // Who holds the guard keeps nobody waiting for what can be done later.
    mail.locks.guard_wait = Duration::from_millis(CHORE_MS);
    let (settled, done) = mail.settle(go_on, &host::random);
    done?;
    Ok(Some(settled))
}
