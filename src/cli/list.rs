//! `list`: all locks.

use clap::{ArgMatches, Args as _};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, describe};
use crate::{
    domain::{Found, Now},
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "list",
    aliases: &["ls", "list-all-locks"],
    about: "Who holds what: a line for each resource of each lease, over or not",
    prints: "resource; holder; live, expired or orphaned; since when; until when; reason; exclusive or shared; worktree or -; explicit, automatic (a hook took it for an edit) or run",
    args: Args::augment_args,
    run: list,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Only yours
    #[arg(long)]
    mine: bool,
}

/// One lock as a line.
pub(super) fn row(report: &mut Report, found: &Found, now: Now) {
    let lease = &found.lease;
    let (since, until) = (lease.acquired_at.to_string(), describe::until_column(found, now));
    let (mode, worktree) = (found.head.mode.word(), found.head.worktree().unwrap_or("-"));
    let text = found.head.text();
    let agent = lease.agent_id.as_str();
    let columns =
        [&text, agent, found.verdict.word(), &since, &until, &lease.reason, mode, worktree, lease.class.word()];
    report.data(&columns, || describe::Lease::new(found, now));
}

fn list(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let mine = args::only_mine(args.mine, context)?;
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(Code::Done) };
    let now = host::now();
    let mut code = Code::Done;
    open.locks().for_each(|_, found| match found {
        Ok(found) if mine.as_ref().is_none_or(|mine| found.lease.agent_id == *mine) => {
            row(report, &found, now);
        }
        Ok(_) => {}
        Err(error) => {
            let failure = Failure::from(error);
            code = code.max(failure.code);
            report.failure(&failure);
        }
    })?;
    Ok(code)
}
