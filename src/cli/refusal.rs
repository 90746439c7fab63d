//! Why a lease is not granted, in words: who holds it, who comes first, who waits for whom.

use serde_json::{Value, json};

use super::{Code, Failure, describe, identity::Identity, locate::Standpoint};
use crate::{
    domain::{Found, Link, Mode, Now, Place, Presence, Refusal, Turn},
    host,
};

/// Of a lease of the agent's own subagent, or of the agent that it is a subagent of.
pub(super) const RELATIVE: &str = "that is a subagent of the same agent, or the agent that yours is a subagent of: waiting for each other would not end";

/// How many leases or places in the way are named beside the first; a directory may hold thousands.
const NAMED: usize = 9;

/// What stands in the way of an acquire, without what to do about it.
pub(super) fn refused(code: Code, refusal: &Refusal, identity: Option<&Identity>, several: bool) -> Failure {
    let now = host::now();
    let failure = match refusal.held.split_first() {
        Some((first, others)) => {
            let failure = describe::held_for(code, first, now, identity);
            others.iter().take(NAMED).fold(failure, |failure, found| failure.help(describe::held_by(found, now)))
        }
        None => behind(code, &refusal.before, now),
    };
    let failure = match refusal.held.len().max(refusal.before.len()).saturating_sub(NAMED + 1) {
        0 => failure,
        more if refusal.held.is_empty() => failure.help(format!("and {more} more, which swarmlock queue shows")),
        more => failure.help(format!("and {more} more, which swarmlock list shows")),
    };
    let failure = if several { failure.help("nothing was locked: it is all or none") } else { failure };
    let held = refusal.held.iter().map(|found| describe::json(found, now)).collect();
    let before = refusal.before.iter().map(|place| place_json(place, now)).collect();
    let failure = failure.detail("holders", Value::Array(held)).detail("before", Value::Array(before));
    match &refusal.place {
        Some(place) => failure.detail("ticket", place_json(place, now)),
        None => failure,
    }
}

/// That others come first.
pub(super) fn behind(code: Code, before: &[Place], now: Now) -> Failure {
    let Some((first, others)) = before.split_first() else { return Failure::new(code, "others come first") };
    let failure = Failure::new(code, format!("others come first: {}", place_line(first, now)));
    others.iter().take(NAMED).fold(failure, |failure, place| failure.help(place_line(place, now)))
}

/// That it would wait for itself.
pub(super) fn deadlock(links: &[Link], here: &Standpoint) -> Failure {
    let now = host::now();
    let count = links.len();
    let mut failure = match links {
        [only] => Failure::new(
            Code::Deadlock,
            format!("{} would wait for what it holds itself: {}", only.agent, only.wants.join(", ")),
        ),
        _ => Failure::new(Code::Deadlock, format!("it would never end: {count} agents would wait for each other")),
    };
    for (at, link) in links.iter().enumerate() {
        let next = links.get((at + 1) % count.max(1)).map(|next| next.agent.to_string()).unwrap_or_default();
        let wants = link.wants.join(", ");
        failure = failure.help(match &link.held {
            Some(found) => format!("{} waits for {wants}; {}", link.agent, describe::held_by(found, now)),
            None => format!("{} waits for {wants}, behind {next} in line", link.agent),
        });
    }
    // The one who asked is the first: what the last one waits for is its own.
    let own: Vec<&Found> = links.last().and_then(|link| link.held.as_ref()).into_iter().collect();
    for found in &own {
        failure = failure.next(format!("swarmlock release {}", here.word(&found.head.text())));
    }
    let circle: Vec<Value> = links
        .iter()
        .map(|link| {
            let held = link.held.as_ref().map(|found| describe::json(found, now));
            json!({ "agent_id": link.agent, "wants": link.wants, "held": held })
        })
        .collect();
    let failure = failure.detail("circle", Value::Array(circle));
    if own.is_empty() { failure.next("swarmlock queue") } else { failure }
}

/// A place in line as one sentence.
pub(super) fn place_line(place: &Place, now: Now) -> String {
    let ticket = &place.ticket;
    let since = describe::span(ticket.made_at.ms_before(now.wall));
    let reason = if ticket.reason.is_empty() { String::new() } else { format!(", for: {}", ticket.reason) };
    let shared = if ticket.mode == Mode::Shared { " (shared)" } else { "" };
    let state = state(place);
    format!(
        "{} ({state}) has asked for {}{shared} since {} ({since} ago), {}{reason}",
        ticket.agent_id,
        ticket.resources.join(", "),
        ticket.made_at,
        ticket.ticket,
    )
}

/// What a place is at, in one word.
pub(super) fn state(place: &Place) -> &'static str {
    match (place.turn, place.presence) {
        (Turn::Running, _) => "turn",
        (_, Presence::Waiting) => "waiting",
        (_, Presence::Away | Presence::Absent) => "away",
    }
}

/// A place in line as JSON.
pub(super) fn place_json(place: &Place, now: Now) -> Value {
    let ticket = &place.ticket;
    json!({
        "ticket": ticket.ticket, "agent_id": ticket.agent_id, "state": state(place), "mode": ticket.mode.word(),
        "resources": ticket.resources, "made_at": ticket.made_at, "turn_at": ticket.state.turn_at,
        "passed": ticket.state.passed, "reason": ticket.reason, "host": ticket.host,
        "behind": place.behind.map(|number| format!("t-{number}")),
        "holders": place.held.iter().map(|found| describe::json(found, now)).collect::<Vec<_>>(),
    })
}
