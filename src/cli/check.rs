//! `check`: may I edit this?

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Outcome, Report, Spec, args, describe, locate::One, refusal};
use crate::{
    domain::{Found, Whose},
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "check",
    aliases: &[],
    about: "Whether a resource is free, yours or held: 0 for the first two, 10 when held or when others who wait come first",
    prints: "free, mine, held, queued (nobody holds it, but others come first), expired or orphaned (nobody holds it then); resource; last holder; until when",
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
    let party = identity.as_ref().map(|identity| context.party(identity));
    let (target, looked) = args.target.look(context, party.as_ref(), report)?;
    let resource = target.resource.text();
    let now = host::now();
    let mine = |found: &&Found| party.as_ref().is_some_and(|party| party.relation(&found.lease) != Whose::Other);
    let live = || looked.found.iter().filter(|found| !found.verdict.is_over());
    let others = live().find(|found| !mine(found));
    let (state, found, code) = match (others, live().find(|found| mine(found)), looked.found.first()) {
        (Some(found), _, _) => ("held", Some(found), Code::Held),
        (None, Some(found), _) => ("mine", Some(found), Code::Done),
        (None, None, _) if !looked.before.is_empty() => ("queued", None, Code::Held),
        (None, None, Some(found)) => (found.verdict.word(), Some(found), Code::Done),
        (None, None, None) => ("free", None, Code::Done),
    };
    let also_held: Vec<_> = looked.also_held.iter().filter(|found| !mine(found)).collect();
    let until = found.map_or_else(|| "-".to_owned(), |found| describe::until_column(found, now));
    let agent = found.map_or("-", |found| found.lease.agent_id.as_str());
    report.data(&[state, &resource, agent, &until], || {
        let json = |found| describe::json(found, now);
        json!({
            "state": state, "resource": resource, "holder": found.map(json),
            "holders": looked.found.iter().map(json).collect::<Vec<_>>(),
            "before": looked.before.iter().map(|place| refusal::place_json(place, now)).collect::<Vec<_>>(),
            "also_held": also_held.iter().copied().map(json).collect::<Vec<_>>(),
        })
    });
    if let Some(found) = found.filter(|_| code == Code::Held) {
        report.note(&describe::held_by(found, now));
    }
    if let (None, Some(first)) = (found, looked.before.first()) {
        report.note(&format!("others come first: {}", refusal::place_line(first, now)));
    }
    for other in also_held {
        report.note(&describe::also_held(other, now));
    }
    Ok(code)
}
