//! `cleanup`: remove what is over.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Failure, Outcome, Report, Spec, args, describe};
use crate::{domain::Caller, fs::Dir, host, store};

pub(super) const SPEC: Spec = Spec {
    name: "cleanup",
    aliases: &["cleanup-stale-locks"],
    about: "Remove leases that are over, and what killed processes left half made",
    prints: "removed; resource; holder; expired or orphaned",
    args: Args::augment_args,
    run: cleanup,
};

#[derive(Debug, clap::Args)]
struct Args {}

fn cleanup(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let Args {} = args::of(matches)?;
    let identity = context.identity_if_known()?;
    let checkout = context.checkout()?;
    let (mut swept, mut left) = match Dir::open(checkout.home())? {
        Some(root) => store::sweep_dead_inits(&root, checkout.state_name())?,
        None => (0, Vec::new()),
    };
    let (mut code, mut beats, mut ledgers, mut abandoned, mut forgotten, mut logs) = (Code::Done, 0, 0, 0, 0, 0);
    if let Some(open) = context.open(&checkout, report)? {
        let whereabouts = context.asking(identity.as_ref());
        let caller = identity.as_ref().map(|identity| Caller {
            agent: &identity.id,
            whereabouts: &whereabouts,
            exclusive: false,
        });
        let locks = open.locks_of(caller);
        let cleaned = locks.cleanup()?;
        swept += cleaned.swept;
        beats = cleaned.beats;
        ledgers = cleaned.ledgers;
        abandoned = cleaned.abandoned;
        let now = host::now();
        for found in &cleaned.removed {
            report.changed();
            let lease = &found.lease;
            report.data(
                &["removed", &found.head.text(), lease.agent_id.as_str(), found.verdict.word()],
                || json!({ "result": "removed", "resource": found.head.text(), "holder": describe::json(found, now) }),
            );
        }
        for error in cleaned.unlogged {
            describe::mention_unlogged(report, &store::Logged::Later(error));
        }
        left.extend(cleaned.left);
        match locks.forget() {
            Ok(gone) => forgotten = gone.agents.len(),
            Err(error) => left.push(error),
        }
        match open.mail(None).prune() {
            Ok(pruned) => logs = pruned.removed,
            Err(error) => left.push(error),
        }
    }
    for error in left {
        let failure = Failure::from(error);
        code = code.max(failure.code);
        report.failure(&failure);
    }
    if swept > 0 {
        report.note(&format!("half-made files or directories removed: {swept}"));
    }
    if abandoned > 0 {
        report.note(&format!("records whose run was killed, which say so now: {abandoned}"));
    }
    if beats > 0 {
        report
            .note(&format!("signs of life removed, of agents that hold nothing and were not seen for a day: {beats}"));
    }
    if ledgers > 0 {
        report.note(&format!("ledgers of hooks removed, of agents that are gone: {ledgers}"));
    }
    if forgotten > 0 {
        report.note(&format!("agents taken out of the registry, who were not seen for a week: {forgotten}"));
    }
    if logs > 0 {
        report.note(&format!("old logs of messages removed: {logs}"));
    }
    Ok(code)
}
