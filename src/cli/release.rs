//! `release`: give leases up.

use std::{cell::LazyCell, collections::HashMap, ffi::OsString, path::Path};

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Outcome as Done, Report, Spec, args, describe,
    locate::{self, Standpoint},
    select::{Chosen, Select, tell},
};
use crate::{
    domain::{Claimant, Class, Found, Outcome, Selector},
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "release",
    aliases: &["unlock", "release-file-lock"],
    about: "Give up what you hold",
    prints: "released or free; resource; lease",
    args: Args::augment_args,
    run: release,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    select: Select,
}

fn release(matches: &ArgMatches, context: &Context, report: &mut Report) -> Done {
    let args: Args = args::of(matches)?;
    let chosen = args.select.choose(context, report)?;
    let changed = chosen.change(context, |locks| locks.release(&chosen.who, &chosen.which))?;
    if changed.is_empty() && matches!(chosen.which, Selector::All) {
        report.note(if holds_by_runs(&chosen) {
            "nothing of yours is locked but what runs of yours hold; --mine=all releases that too"
        } else {
            chosen.nothing()
        });
    }
    let here = Standpoint::new(context, &context.checkout()?)?;
    let mine = LazyCell::new(|| mine_by_name(&chosen));
    Ok(tell(report, &chosen, changed, |report, resource, outcome| {
        match outcome {
            Outcome::Released(found) => {
                let lease = &found.lease;
                report.data(&["released", resource, &lease.lease], || {
                    json!({
                        "result": "released", "resource": resource, "lease": lease.lease, "fence": lease.fence,
                        "holder": describe::json(&found, host::now()),
                    })
                });
            }
            Outcome::Nobody(found) => {
                let over = found.as_deref();
                let overlapping = overlapping(&chosen, resource);
                let whole = overlapping.as_ref().filter(|found| chosen.who.owns(&found.lease));
                let whole =
                    whole.map(|found| format!("; that is yours: swarmlock release {}", here.word(&found.head.text())));
                nobody(report, resource, over, overlapping.as_ref(), &whole.unwrap_or_default(), &mine);
            }
            Outcome::Renewed { .. } | Outcome::NotYours(_) | Outcome::Failed(_) | Outcome::Behind(_) => {}
        }
        Code::Done
    }))
}

/// Nobody holds it, which is what was wanted; but perhaps something else was meant.
fn nobody(
    report: &mut Report,
    resource: &str,
    over: Option<&Found>,
    overlapping: Option<&Found>,
    whole: &str,
    mine: &MineByName,
) {
    let mut note = describe::free(resource, overlapping) + whole;
    if let (Some(over), None) = (over, overlapping) {
        note.push_str(&format!(": {}", describe::holding(over, host::now())));
    }
    // Leases of theirs on another file of the same name: the path may have been meant from elsewhere.
    for mine in mine.get(&last_part(resource)).into_iter().flatten() {
        note.push_str(&format!("; you hold {mine}"));
    }
    report.note(&note);
    report.data(&["free", resource, "-"], || json!({ "result": "free", "resource": resource }));
}

/// For how many resources of a call it is looked at what overlaps them.
const HINTED: usize = 100;

/// Who holds what overlaps it. It is a hint: where it cannot be had, there is none.
fn overlapping(chosen: &Chosen, resource: &str) -> Option<Found> {
    let (Some(open), Selector::On(resources)) = (&chosen.open, &chosen.which) else { return None };
    let named = resources.iter().take(HINTED).find(|one| one.text() == resource)?;
    locate::overlapping(open, named).ok().flatten()
}

/// Whether commands hold something that the claimant runs. It is a hint: where it cannot be had, there is none.
fn holds_by_runs(chosen: &Chosen) -> bool {
    let (Some(open), Claimant::Agent(agent)) = (&chosen.open, &chosen.who) else { return false };
    let mut some = false;
    let looked = open.locks().for_each(|_, lock| {
        some |= lock.is_ok_and(|found| {
            found.lease.agent_id == *agent && found.lease.class == Class::Run && !found.verdict.is_over()
        });
    });
    looked.is_ok() && some
}

/// What the claimant holds, by the last part of its path.
type MineByName = HashMap<Option<OsString>, Vec<String>>;

fn mine_by_name(chosen: &Chosen) -> MineByName {
    let mut mine = MineByName::new();
    if let Some(open) = &chosen.open {
        let looked = open.locks().for_each(|_, lock| {
            if let Ok(found) = lock
                && chosen.who.owns(&found.lease)
            {
                mine.entry(last_part(&found.head.text())).or_default().push(found.head.text());
            }
        });
        // It is a hint: where it cannot be had, there is none.
        match looked {
            Ok(()) | Err(_) => {}
        }
    }
    mine
}

fn last_part(path: &str) -> Option<OsString> {
    Path::new(path).file_name().map(ToOwned::to_owned)
}
