//! `force-release`: end leases of others.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome as Done, Report, Spec, args, describe,
    locate::{self, Many},
};
use crate::{
    domain::{Caller, Changed, Found, Outcome},
    host, store,
};

pub(super) const SPEC: Spec = Spec {
    name: "force-release",
    aliases: &[],
    about: "End leases whoever holds them; the log tells each of them. Only shows what it would do unless --yes is given",
    prints: "would_release, released or free; resource; holder; lease",
    args: Args::augment_args,
    run: force_release,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: Many,
    /// Do it, and not only show it
    #[arg(long)]
    yes: bool,
    /// Why, for those who lose their lease; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

fn force_release(matches: &ArgMatches, context: &Context, report: &mut Report) -> Done {
    let args: Args = args::of(matches)?;
    let identity = context.identity()?;
    let checkout = context.checkout()?;
    let open = context.open(&checkout, report)?;
    let locks = open.as_ref().map(|open| open.locks());
    let mut resources = Vec::new();
    for text in &args.target.resources {
        let resource = locate::held(context, &checkout, locks.as_ref(), text, args.target.literal, |_| true)?;
        if !resources.contains(&resource) {
            resources.push(resource);
        }
    }
    let Some(open) = open.as_ref() else {
        resources.iter().for_each(|resource| free(report, &resource.text(), None));
        return Ok(Code::Done);
    };
    let reason = args::reason(args.reason.as_deref(), open, report)?;
    let now = host::now();
    let mut code = Code::Done;
    if !args.yes {
        let mut some = false;
        context.only_look();
        for resource in &resources {
            match open.locks().on(resource) {
                Ok(on) if on.is_empty() => {
                    free(report, &resource.text(), locate::overlapping(open, resource)?.as_ref())
                }
                Ok(on) => {
                    some = true;
                    on.iter().for_each(|found| say(report, "would_release", found));
                    on.iter().for_each(|found| report.note(&describe::held_by(found, now)));
                }
                // The others would be ended all the same.
                Err(error) => code = code.max(fail(report, error)),
            }
        }
        if some {
            report.note("nothing was changed; with --yes it will be");
        }
        return Ok(code);
    }
    let whereabouts = context.asking(Some(&identity));
    let locks = open.locks_of(Some(Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: false }));
    for Changed { resource, outcome, logged } in locks.force_release(&resources, reason.as_deref())? {
        describe::mention_unlogged(report, &logged);
        match outcome {
            Outcome::Released(found) => {
                report.changed();
                say(report, "released", &found);
            }
            Outcome::Failed(error) => code = code.max(fail(report, error)),
            Outcome::Nobody(_) | Outcome::NotYours(_) | Outcome::Renewed { .. } | Outcome::Behind(_) => {
                let named = resources.iter().find(|one| one.text() == resource);
                // It is a hint: where it cannot be had, there is none.
                let overlapping = named.and_then(|named| locate::overlapping(open, named).ok().flatten());
                free(report, &resource, overlapping.as_ref());
            }
        }
    }
    Ok(code)
}

fn fail(report: &Report, error: store::Error) -> Code {
    let failure = Failure::from(error);
    report.failure(&failure);
    failure.code
}

fn say(report: &mut Report, word: &'static str, found: &Found) {
    let lease = &found.lease;
    report.data(
        &[word, &found.head.text(), lease.agent_id.as_str(), &lease.lease],
        || json!({ "result": word, "resource": found.head.text(), "holder": describe::json(found, host::now()) }),
    );
}

fn free(report: &mut Report, resource: &str, overlapping: Option<&Found>) {
    report.note(&describe::free(resource, overlapping));
    report.data(&["free", resource, "-", "-"], || json!({ "result": "free", "resource": resource }));
}
