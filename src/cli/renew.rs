//! `renew`: let leases last for their TTL from now.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome as Done, Report, Spec, args, describe,
    select::{Select, tell},
};
use crate::{
    domain::{Outcome, Selector, Ttl},
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "renew",
    aliases: &[],
    about: "Keep what you hold for its TTL from now",
    prints: "renewed, or acquired if it had been over; resource; lease; until when",
    args: Args::augment_args,
    run: renew,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    select: Select,
    /// A new TTL, from 1s to 24h [default: as before]
    #[arg(long, value_name = "DURATION", value_parser = args::ttl, allow_hyphen_values = true)]
    ttl: Option<Ttl>,
}

fn renew(matches: &ArgMatches, context: &Context, report: &mut Report) -> Done {
    let args: Args = args::of(matches)?;
    let chosen = args.select.choose(context, report)?;
    let changed = chosen.change(context, |locks| locks.renew(&chosen.who, &chosen.which, args.ttl))?;
    if changed.is_empty() && matches!(chosen.which, Selector::All) {
        return Err(Failure::new(Code::Nothing, chosen.nothing()).next("swarmlock list"));
    }
    Ok(tell(report, &chosen, changed, |report, resource, outcome| match outcome {
        Outcome::Renewed { found, again } => {
            if again {
                report.note(&format!(
                    "{resource}: your lease was over; this is a new one, and others may have held it in between"
                ));
            }
            let (lease, now) = (&found.lease, host::now());
            let word = if again { "acquired" } else { "renewed" };
            report.data(
                &[word, resource, &lease.lease, &describe::until_column(&found, now)],
                || json!({ "result": word, "resource": resource, "holder": describe::json(&found, now), "again": again }),
            );
            Code::Done
        }
        Outcome::Nobody(found) => {
            let who = found.map(|found| format!(": {}", describe::holding(&found, host::now()))).unwrap_or_default();
            let message = format!("{resource}: you hold nothing there that could be renewed{who}");
            report.failure(&Failure::new(Code::Nothing, message).next("swarmlock list"));
            Code::Nothing
        }
        Outcome::Released(_) | Outcome::NotYours(_) | Outcome::Failed(_) | Outcome::Behind(_) => Code::Done,
    }))
}
