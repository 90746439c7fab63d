//! `check`: may I edit this?

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Outcome, Report, Spec, args, args::One, describe};
use crate::host;

pub(super) const SPEC: Spec = Spec {
    name: "check",
    aliases: &[],
    about: "Whether a resource is free, yours or held: 0 for the first two, 10 when held",
    prints: "free, mine, held, expired or orphaned (nobody holds it then); resource; last holder; until when",
    args: Args::augment_args,
    run: check,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: One,
}

fn check(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let identity = context.identity_if_known()?;
    let (target, found) = args.target.look(context, report)?;
    let resource = target.resource.text();
    let Some(found) = found else {
        report.data(&["free", &resource, "-", "-"], || json!({ "state": "free", "resource": resource }));
        return Ok(Code::Done);
    };
    let now = host::now();
    let lease = found.lock.lease();
    let (state, code) = match (found.verdict.is_over(), identity.is_some_and(|identity| identity.id == lease.agent_id))
    {
        (true, _) => (found.verdict.word(), Code::Done),
        (false, true) => ("mine", Code::Done),
        (false, false) => ("held", Code::Held),
    };
    let until = describe::until_column(&found, now);
    report.data(
        &[state, &resource, lease.agent_id.as_str(), &until],
        || json!({ "state": state, "resource": resource, "holder": describe::Lease::new(&found, now) }),
    );
    if code == Code::Held {
        report.note(&describe::held_by(&found, now));
    }
    Ok(code)
}
