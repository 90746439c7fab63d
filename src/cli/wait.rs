//! `wait`: until nobody else holds something. It only looks, and keeps nothing.

use std::time::Duration;

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args, describe,
    locate::{self, Many},
    refusal,
};
use crate::{
    domain::{Found, Mode, Whose},
    host,
};

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) const SPEC: Spec = Spec {
    name: "wait",
    aliases: &[],
    about: "Wait until nobody else holds any of these; it only looks, and keeps no place for you",
    prints: "free; resource; for each, once all are free",
    args: Args::augment_args,
    run: wait,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: Many,
    /// Do not wait for those who share it
    #[arg(long)]
    shared: bool,
    /// How long to wait, at most 24h; then the exit code is 11
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = args::waiting, allow_hyphen_values = true)]
    timeout: Duration,
}

fn wait(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let identity = context.identity_if_known()?;
    let party = identity.as_ref().map(|identity| context.party(identity));
    let checkout = context.checkout()?;
    let limit_ms = u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX);
    let began_ms = host::now().mono_ms;
    let matters = |found: &Found| {
        let mine = party.as_ref().is_some_and(|party| party.relation(&found.lease) != Whose::Other);
        let shares = args.shared && found.head.mode == Mode::Shared;
        !mine && !shares && !found.verdict.is_over()
    };
    let kin = |found: &Found| identity.as_ref().is_some_and(|identity| identity.id.is_relative(&found.lease.agent_id));
    let mut open = context.open(&checkout, report)?;
    loop {
        let mut free = Vec::new();
        let mut holder = None;
        for text in &args.target.resources {
            let (target, looked) = locate::look(context, &checkout, open.as_ref(), text, args.target.literal)?;
            free.push(target.resource.text());
            for found in looked.found.into_iter().filter(|found| matters(found)) {
                // One that is never waited for comes first.
                if holder.is_none() || kin(&found) {
                    holder = Some(found);
                }
            }
        }
        let Some(holder) = holder else {
            for resource in &free {
                report.data(&["free", resource], || json!({ "result": "free", "resource": resource }));
            }
            return Ok(Code::Done);
        };
        let now = host::now();
        if kin(&holder) {
            return Err(Failure::new(Code::Held, describe::held_by(&holder, now))
                .help(refusal::RELATIVE)
                .detail("holder", describe::json(&holder, now))
                .next(format!(
                    "swarmlock who {}",
                    locate::Standpoint::new(context, &checkout)?.word(&holder.head.text())
                )));
        }
        let waited_ms = now.mono_ms.saturating_sub(began_ms);
        if waited_ms >= limit_ms {
            let message = format!("{}; waited for {}", describe::held_by(&holder, now), describe::span(waited_ms));
            return Err(Failure::new(Code::TimedOut, message)
                .detail("holder", describe::json(&holder, now))
                .next("swarmlock list"));
        }
        host::pause(PAUSE.min(Duration::from_millis(limit_ms - waited_ms)));
        // Another directory may stand there by now; what there is to say of it has been said.
        open = match open {
            Some(open) => open.again()?,
            None => None,
        };
    }
}
