//! `who`: the holders of one resource and of what overlaps it.

use clap::{ArgMatches, Args as _};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, describe, list::row, locate::One};
use crate::{domain::Found, host};

pub(super) const SPEC: Spec = Spec {
    name: "who",
    aliases: &["who-has-lock"],
    about: "Who holds a resource, or what overlaps it: 0 when somebody does, 13 when nobody does",
    prints: "resource; holder; state; since when; until when; reason; exclusive or shared; worktree or -; explicit, automatic (a hook took it for an edit) or run",
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
    let (target, looked) = args.target.look(context, None, report)?;
    let now = host::now();
    let (live, over): (Vec<Found>, Vec<Found>) = looked.found.into_iter().partition(|found| !found.verdict.is_over());
    for found in &live {
        row(report, found, now);
    }
    if !live.is_empty() {
        return Ok(Code::Done);
    }
    let last = over.first().map(|found| format!(": {}", describe::holding(found, now))).unwrap_or_default();
    let message = format!("{}: nobody holds it{last}", target.resource.text());
    Err(Failure::new(Code::Nothing, message).next(format!("swarmlock acquire {}", target.again())))
}
