//! `check`: may I edit this?

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Outcome, Report, Spec, args, describe, locate::One};
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
    let (target, looked) = args.target.look(context, report)?;
    let resource = target.resource.text();
    let now = host::now();
    let mine = |found: &&_| identity.as_ref().is_some_and(|identity| describe::is_of(found, identity));
    let live = || looked.found.iter().filter(|found| !found.verdict.is_over());
    let others = live().find(|found| !mine(found));
    let (state, found, code) = match (others, live().find(|found| mine(found)), looked.found.first()) {
        (Some(found), _, _) => ("held", Some(found), Code::Held),
        (None, Some(found), _) => ("mine", Some(found), Code::Done),
        (None, None, Some(found)) => (found.verdict.word(), Some(found), Code::Done),
        (None, None, None) => ("free", None, Code::Done),
    };
    let until = found.map_or_else(|| "-".to_owned(), |found| describe::until_column(found, now));
    let agent = found.map_or("-", |found| found.lease.agent_id.as_str());
    report.data(&[state, &resource, agent, &until], || {
        let leases =
            |found: &[_]| found.iter().map(|found| json!(describe::Lease::new(found, now))).collect::<Vec<_>>();
        let mut json = json!({ "state": state, "resource": resource });
        if let (Some(map), Some(found)) = (json.as_object_mut(), found) {
            map.insert("holder".to_owned(), json!(describe::Lease::new(found, now)));
            map.insert("holders".to_owned(), json!(leases(&looked.found)));
        }
        if let Some(map) = json.as_object_mut().filter(|_| !looked.also_held.is_empty()) {
            map.insert("also_held".to_owned(), json!(leases(&looked.also_held)));
        }
        json
    });
    if let Some(found) = found.filter(|_| code == Code::Held) {
        report.note(&describe::held_by(found, now));
    }
    for other in looked.also_held.iter().filter(|found| !mine(found)) {
        report.note(&describe::also_held(other, now));
    }
    Ok(code)
}
