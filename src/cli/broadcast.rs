//! `broadcast`: a message to everybody.

use clap::{ArgMatches, Args as _};

use super::{
    Context, Outcome, Report, Spec, args,
    post::{self, Said},
    send::{Options, Post, post},
};
use crate::domain::{mail::To, messages::Kind};

pub(super) const SPEC: Spec = Spec {
    name: "broadcast",
    aliases: &["broadcast-message"],
    about: "Send a message to all agents that are registered here; it counts as one",
    prints: "for each recipient [DELIVERED] or [QUEUED]; the beginning of the message's id; recipient; where it is",
    args: Args::augment_args,
    run: broadcast,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// What it is about, in one of these words, in capitals or not: INFO, QUESTION, URGENT, BLOCKED, COMPLETED, …
    #[arg(value_name = "TYPE", value_parser = post::kind)]
    kind: Kind,
    #[command(flatten)]
    said: Said,
    /// Into your own inbox too
    #[arg(long)]
    include_self: bool,
    #[command(flatten)]
    options: Options,
}

fn broadcast(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let (to, include_self) = (To::All, args.include_self);
    post(&Post { to, kind: args.kind, said: &args.said, options: &args.options, include_self }, context, report)
}
