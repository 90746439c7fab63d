//! `completions`: the script that completes the command line in a shell.

use clap::{ArgMatches, Args as _};
use clap_complete::Shell;

use super::{Code, Context, Outcome, Report, Spec, args, command};

pub(super) const SPEC: Spec = Spec {
    name: "completions",
    aliases: &[],
    about: "Print the completion script for a shell",
    prints: "the script",
    args: Args::augment_args,
    run: completions,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Which shell
    shell: Shell,
}

fn completions(matches: &ArgMatches, _: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "swarmlock", &mut script);
    report.text(&String::from_utf8_lossy(&script));
    Ok(Code::Done)
}
