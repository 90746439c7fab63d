//! `status`: the whole picture on one screen.

use clap::{ArgMatches, Args as _};
use serde_json::{Value, json};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, describe, identity::Identity, queue, refusal};
use crate::{domain::Place, host};

pub(super) const SPEC: Spec = Spec {
    name: "status",
    aliases: &[],
    about: "Where you are, who you are, how many locks there are, and which are yours",
    prints: "lines that begin with checkout, directory, agent, locks, mine for each lease of yours, queue, wanted for each place of yours in line, and what you should hear of: lost, waits, turn",
    args: Args::augment_args,
    run: status,
};

#[derive(Debug, clap::Args)]
struct Args {}

#[derive(Debug, Default)]
struct Counts {
    live: usize,
    mine: usize,
    over: usize,
    unreadable: usize,
}

fn status(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let Args {} = args::of(matches)?;
    let identity = context.identity_if_known()?;
    let checkout = context.checkout()?;
    let root = checkout.root().to_string_lossy().into_owned();
    let dir = checkout.state_path().to_string_lossy().into_owned();
    let open = context.open(&checkout, report)?;
    let mut counts = Counts::default();
    let (mut mine, mut mine_json, mut code) = (Vec::new(), Vec::<Value>::new(), Code::Done);
    let now = host::now();
    if let Some(open) = &open {
        open.locks().for_each(|_, found| match found {
            Ok(found) if found.verdict.is_over() => counts.over += 1,
            Ok(found) => {
                counts.live += 1;
                if identity.as_ref().is_some_and(|identity| identity.id == found.lease.agent_id) {
                    counts.mine += 1;
                    let until = describe::until_column(&found, now);
                    mine.push((found.head.text(), found.lease.lease.clone(), until));
                    mine_json.push(describe::json(&found, now));
                }
            }
            Err(error) => {
                counts.unreadable += 1;
                let failure = Failure::from(error);
                code = code.max(failure.code);
                report.failure(&failure);
            }
        })?;
    }
    let places = open.as_ref().map(|open| open.locks().places()).transpose()?.unwrap_or_default();
    let is_own = |place: &&Place| identity.as_ref().is_some_and(|identity| identity.id == place.ticket.agent_id);
    let own: Vec<&Place> = places.iter().filter(is_own).collect();
    let notices = match (&open, &identity) {
        (Some(open), Some(identity)) => describe::news(report, open.notices(&identity.id)),
        _ => Vec::new(),
    };
    let era =
        open.as_ref().map(|open| open.state().current_era(open.machine())).transpose()?.and_then(|era| era.number);
    if context.format().json {
        report.data(&[], || {
            json!({
                "root": root, "worktree": checkout.worktree().name(), "dir": dir, "exists": open.is_some(), "era": era,
                "agent": identity.as_ref().map(Identity::json),
                "locks": { "live": counts.live, "mine": counts.mine, "over": counts.over,
                           "unreadable": counts.unreadable },
                "mine": mine_json, "notices": notices,
                "queue": places.iter().map(|place| refusal::place_json(place, now)).collect::<Vec<_>>(),
            })
        });
        return Ok(code);
    }
    match checkout.worktree().name() {
        Some(name) => report.data(&["checkout", &root, &format!("worktree {name}")], || ()),
        None => report.data(&["checkout", &root], || ()),
    }
    match open {
        Some(_) => report.data(&["directory", &dir], || ()),
        None => report.data(&["directory", &dir, "not made yet: the first acquire makes it"], || ()),
    }
    match &identity {
        Some(identity) => {
            let reliable = if identity.reliable() { "" } else { ", unreliable" };
            let source = format!("by {}{reliable}", identity.source.words());
            report.data(&["agent", identity.id.as_str(), &source], || ());
        }
        None => report.data(&["agent", "-", "nothing tells who you are"], || ()),
    }
    report.data(&["locks", &counts.words()], || ());
    show_line(report, places.len(), &own);
    for (resource, lease, until) in &mine {
        report.data(&["mine", resource, lease, until], || ());
    }
    for event in &notices {
        let [at, what, resource, by, more] = describe::notice(event);
        report.data(&[describe::notice_word(event), &resource, &at, &what, &by, &more], || ());
    }
    Ok(code)
}

impl Counts {
    fn words(&self) -> String {
        let Self { live, mine, over, unreadable } = self;
        format!("{live} live ({mine} yours), {over} over, {unreadable} unreadable")
    }
}

/// How many wait, and the agent's own places.
fn show_line(report: &mut Report, count: usize, own: &[&Place]) {
    if count > 0 {
        report.data(&["queue", &format!("{count} wait ({} of them you)", own.len())], || ());
    }
    for place in own {
        let [resources, ticket, state, since] = queue::waiting_line(place);
        report.data(&["wanted", &resources, &ticket, &state, &since], || ());
    }
}
