//! `who`: the holder of one resource.

use clap::{ArgMatches, Args as _};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, args::One, describe, list::row};
use crate::host;

pub(super) const SPEC: Spec = Spec {
    name: "who",
    aliases: &["who-has-lock"],
    about: "Who holds a resource: 0 when somebody does, 13 when nobody does",
    prints: "resource; holder; state; since when; until when; reason",
    args: Args::augment_args,
    run: who,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: One,
}

fn who(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let (target, found) = args.target.look(context, report)?;
    let now = host::now();
    match found {
        Some(found) if !found.verdict.is_over() => {
            row(report, &found, now);
            Ok(Code::Done)
        }
        found => {
            let last = found.map(|found| format!(": {}", describe::holding(&found, now))).unwrap_or_default();
            let message = format!("{}: nobody holds it{last}", target.resource.text());
            Err(Failure::new(Code::Nothing, message).next(format!("swarmlock acquire {}", target.again())))
        }
    }
}
