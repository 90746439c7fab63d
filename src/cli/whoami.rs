//! `whoami`: the identity of this call, and why.

use clap::{ArgMatches, Args as _};

use super::{Code, Context, Outcome, Report, Spec, args};

pub(super) const SPEC: Spec = Spec {
    name: "whoami",
    aliases: &[],
    about: "Your identity, where it comes from, and whether it is reliable",
    prints: "id; where it comes from; reliable or unreliable",
    args: Args::augment_args,
    run: whoami,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Print the id and nothing else
    #[arg(long)]
    id_only: bool,
}

fn whoami(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    args::only_one_format(args.id_only, context)?;
    let identity = context.identity()?;
    if args.id_only {
        report.text(identity.id.as_str());
        return Ok(Code::Done);
    }
    let reliable = identity.reliable();
    let word = if reliable { "reliable" } else { "unreliable" };
    report.data(&[identity.id.as_str(), identity.source.words(), word], || identity.json());
    if !reliable {
        report.note("calls from another terminal session are another agent; set SWARMLOCK_AGENT or say --agent");
    }
    Ok(Code::Done)
}
