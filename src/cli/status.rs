//! `status`: the whole picture on one screen.

use clap::{ArgMatches, Args as _};
use serde_json::{Value, json};

use super::{
    Code, Context, Failure, Outcome, Report, Spec, agents, args, context::Open, describe, identity::Identity,
    locate::Standpoint, queue, refusal,
};
use crate::{
    checkout::Checkout,
    domain::{
        AgentId, Found, Now, Place,
        agents::{Agent, Presence, Signs},
        hooks::Unprotected,
        mail::{Entry, Pending, short_id},
    },
    host,
};

/// How many of a kind are shown of what is others'.
const SHOWN: usize = 20;

pub(super) const SPEC: Spec = Spec {
    name: "status",
    aliases: &[],
    about: "All on one screen: where and who you are, who else is here, who holds what, who waits, what you have not read",
    prints: "lines that begin with checkout, directory, agent, agents, here for each agent, locks, mine (resource, lease, until, since, reason) for each lease of yours, held (with the holder in place of the lease) for those of others, queue, wanted for each place of yours in line, waiting for those of others, unread, owed and awaited for what is to be acknowledged by you and to you, unprotected if hooks had to let edits through in the last day, and what you should hear of: lost, waits, turn",
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
    let open = context.open(&checkout, report)?;
    let now = host::now();
    let mut code = Code::Done;
    let leases = match &open {
        Some(open) => Leases::look(open, identity.as_ref(), report, &mut code)?,
        None => Leases::default(),
    };
    let places = open.as_ref().map(|open| open.locks().places()).transpose()?.unwrap_or_default();
    let notices = match (&open, &identity) {
        (Some(open), Some(identity)) => describe::news(report, open.notices(&identity.id)),
        _ => Vec::new(),
    };
    let around = open.as_ref().map(|open| around(open, identity.as_ref(), report, &mut code)).unwrap_or_default();
    let acks = open.as_ref().map(|open| acks(open, identity.as_ref(), report, &mut code)).unwrap_or_default();
    let unprotected = open.as_ref().map(|open| unprotected(open, report, &mut code)).unwrap_or_default();
    if context.format().json {
        let era =
            open.as_ref().map(|open| open.state().current_era(open.machine())).transpose()?.and_then(|era| era.number);
        let Leases { counts, mine_json, held_json, .. } = &leases;
        report.data(&[], || {
            json!({
                "root": checkout.root().to_string_lossy(), "worktree": checkout.worktree().name(),
                "dir": checkout.state_path().to_string_lossy(), "exists": open.is_some(), "era": era,
                "agent": identity.as_ref().map(Identity::json),
                "locks": { "live": counts.live, "mine": counts.mine, "over": counts.over,
                           "unreadable": counts.unreadable },
                "mine": mine_json, "held": held_json, "notices": notices, "agents": around.json(),
                "unread": around.unread, "unprotected": unprotected,
                "acks": acks.iter().map(|(_, entry)| entry).collect::<Vec<_>>(),
                "queue": places.iter().map(|place| refusal::place_json(place, now)).collect::<Vec<_>>(),
            })
        });
        return Ok(code);
    }
    show_place(report, &checkout, open.is_some());
    match &identity {
        Some(identity) => {
            let reliable = if identity.reliable() { "" } else { ", unreliable" };
            let source = format!("by {}{reliable}", identity.source.words());
            report.data(&["agent", identity.id.as_str(), &source], || ());
        }
        None => report.data(&["agent", "-", "nothing tells who you are"], || ()),
    }
    around.show(report);
    leases.show(report);
    let is_own = |place: &&Place| identity.as_ref().is_some_and(|identity| identity.id == place.ticket.agent_id);
    let own: Vec<&Place> = places.iter().filter(is_own).collect();
    show_line(report, &places, &own);
    if let Some(unread) = around.unread.filter(|unread| *unread > 0) {
        report.data(&["unread", &unread.to_string(), "messages for you: swarmlock inbox"], || ());
    }
    show_acks(report, &acks);
    show_unprotected(report, &unprotected);
    let here = Standpoint::new(context, &checkout)?;
    for event in &notices {
        let [at, what, resource, by, more] = describe::notice(event, Some(&here));
        report.data(&[describe::notice_word(event), &resource, &at, &what, &by, &more], || ());
    }
    Ok(code)
}

fn show_place(report: &mut Report, checkout: &Checkout, made: bool) {
    let root = checkout.root().to_string_lossy().into_owned();
    let dir = checkout.state_path().to_string_lossy().into_owned();
    match checkout.worktree().name() {
        Some(name) => report.data(&["checkout", &root, &format!("worktree {name}")], || ()),
        None => report.data(&["checkout", &root], || ()),
    }
    if made {
        report.data(&["directory", &dir], || ());
    } else {
        report.data(&["directory", &dir, "not made yet: the first acquire makes it"], || ());
    }
}

/// Who holds what.
#[derive(Default)]
struct Leases {
    counts: Counts,
    /// Resource, lease, end, beginning and reason of each of the agent's own.
    mine: Vec<[String; 5]>,
    mine_json: Vec<Value>,
    /// Resource, agent, end, beginning and reason of some of the others'.
    held: Vec<[String; 5]>,
    held_json: Vec<Value>,
}

impl Leases {
    fn look(open: &Open, identity: Option<&Identity>, report: &Report, code: &mut Code) -> Result<Self, Failure> {
        let (mut leases, now) = (Self::default(), host::now());
        open.locks().for_each(|_, found| match found {
            Ok(found) if found.verdict.is_over() => leases.counts.over += 1,
            Ok(found) => leases.add(&found, identity, now),
            Err(error) => {
                leases.counts.unreadable += 1;
                let failure = Failure::from(error);
                *code = (*code).max(failure.code);
                report.failure(&failure);
            }
        })?;
        Ok(leases)
    }

    fn add(&mut self, found: &Found, identity: Option<&Identity>, now: Now) {
        self.counts.live += 1;
        let lease = &found.lease;
        let row = |whose: String| {
            let (until, since) = (describe::until_column(found, now), lease.acquired_at.to_string());
            [found.head.text(), whose, until, since, lease.reason.clone()]
        };
        if identity.is_some_and(|identity| identity.id == lease.agent_id) {
            self.counts.mine += 1;
            self.mine.push(row(lease.lease.clone()));
            self.mine_json.push(describe::json(found, now));
        } else if self.held.len() < SHOWN {
            self.held.push(row(lease.agent_id.to_string()));
            self.held_json.push(describe::json(found, now));
        }
    }

    fn show(&self, report: &mut Report) {
        report.data(&["locks", &self.counts.words()], || ());
        for (word, rows) in [("mine", &self.mine), ("held", &self.held)] {
            for [resource, whose, until, since, reason] in rows {
                report.data(&[word, resource, whose, until, since, reason], || ());
            }
        }
        let unseen = self.counts.live.saturating_sub(self.counts.mine).saturating_sub(self.held.len());
        if unseen > 0 {
            report.data(&["held", &format!("{unseen} more: swarmlock list")], || ());
        }
    }
}

impl Counts {
    fn words(&self) -> String {
        let Self { live, mine, over, unreadable } = self;
        format!("{live} live ({mine} yours), {over} over, {unreadable} unreadable")
    }
}

/// Who is here.
#[derive(Default)]
struct Around {
    agents: Vec<(Agent, Presence, Signs, usize)>,
    /// What the one who asks has not read; `None` if nothing tells who that is.
    unread: Option<usize>,
}

/// Who is here; where that cannot be told, all else is told nevertheless.
fn around(open: &Open, identity: Option<&Identity>, report: &Report, code: &mut Code) -> Around {
    look_around(open, identity).unwrap_or_else(|failure| {
        *code = (*code).max(failure.code);
        report.failure(&failure);
        Around::default()
    })
}

fn look_around(open: &Open, identity: Option<&Identity>) -> Result<Around, Failure> {
    let locks = open.locks();
    let agents = locks.agents()?;
    let mut ids: Vec<AgentId> = agents.iter().map(|(agent, _, _)| agent.id.clone()).collect();
    ids.extend(identity.map(|identity| identity.id.clone()));
    let unread = open.mail(None).unread(&ids)?;
    let own = identity.and_then(|_| unread.last().copied());
    let with_unread = |((agent, presence, signs), unread)| (agent, presence, signs, unread);
    Ok(Around { agents: agents.into_iter().zip(unread).map(with_unread).collect(), unread: own })
}

/// What the one who asks is to acknowledge, and then what it waits for; where that cannot be told, all else is.
fn acks(open: &Open, identity: Option<&Identity>, report: &Report, code: &mut Code) -> Vec<(bool, Entry)> {
    let Some(id) = identity.map(|identity| identity.id.as_str()) else { return Vec::new() };
    let pending = Pending::read(open.state()).map_err(Failure::from).unwrap_or_else(|failure| {
        *code = (*code).max(failure.code);
        report.failure(&failure);
        None
    });
    let mut acks: Vec<(bool, Entry)> = pending
        .into_iter()
        .flat_map(|pending| pending.pending_acks)
        .filter(|entry| entry.recipient_id == id || entry.sender_id == id)
        .map(|entry| (entry.recipient_id == id, entry))
        .collect();
    acks.sort_by_key(|(owed, _)| !owed);
    acks
}

impl Around {
    fn json(&self) -> Vec<Value> {
        let one = |(agent, presence, signs, unread): &(Agent, Presence, Signs, usize)| {
            let mut value = agents::json(agent, *presence, signs);
            if let Value::Object(map) = &mut value {
                map.insert("unread".to_owned(), json!(unread));
            }
            value
        };
        self.agents.iter().map(one).collect()
    }

    fn show(&self, report: &mut Report) {
        if self.agents.is_empty() {
            return;
        }
        let count = |presence| self.agents.iter().filter(|(_, there, _, _)| *there == presence).count();
        let words: Vec<String> =
            Presence::ALL.iter().map(|presence| format!("{} {}", count(*presence), presence.word())).collect();
        report.data(&["agents", &words.join(", ")], || ());
        let present = self.agents.iter().filter(|(_, presence, _, _)| *presence != Presence::Gone);
        for (agent, presence, signs, unread) in present {
            let columns = [
                "here".to_owned(),
                agent.id.to_string(),
                presence.word().to_owned(),
                agents::seen(signs, host::now()),
                agent.harness.clone().unwrap_or_else(|| "-".to_owned()),
                agent.role.clone().unwrap_or_else(|| "-".to_owned()),
                agents::pane(agent),
                format!("{unread} unread"),
            ];
            report.data(&columns.each_ref().map(String::as_str), || ());
        }
    }
}

/// What is to be acknowledged, by the one who asks and to it.
fn show_acks(report: &mut Report, acks: &[(bool, Entry)]) {
    for (owed, entry) in acks.iter().take(SHOWN) {
        let id = short_id(&entry.msg_id);
        let since = format!("for {}", describe::span(entry.sent_at.ms_before(host::now().wall)));
        if *owed {
            report.data(&["owed", id, &entry.sender_id, &since, &format!("swarmlock ack {id}")], || ());
        } else {
            report.data(&["awaited", id, &entry.recipient_id, &since], || ());
        }
    }
}

/// The edits that hooks let through without protection; where that cannot be told, all else is.
fn unprotected(open: &Open, report: &Report, code: &mut Code) -> Unprotected {
    match open.state().read_unprotected() {
        Ok(log) => Unprotected::of(&log, host::now()),
        Err(error) => {
            let failure = Failure::from(error);
            *code = (*code).max(failure.code);
            report.failure(&failure);
            Unprotected::default()
        }
    }
}

fn show_unprotected(report: &mut Report, unprotected: &Unprotected) {
    if unprotected.edits == 0 {
        return;
    }
    let columns = [
        "unprotected".to_owned(),
        format!(
            "{} in the last day",
            if unprotected.edits == 1 { "1 edit".to_owned() } else { format!("{} edits", unprotected.edits) }
        ),
        unprotected.last_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
        unprotected.last_path.clone().unwrap_or_else(|| "-".to_owned()),
        unprotected.last_why.clone().unwrap_or_default(),
    ];
    report.data(&columns.each_ref().map(String::as_str), || ());
}

/// How many wait, the agent's own places, and those of others.
fn show_line(report: &mut Report, places: &[Place], own: &[&Place]) {
    if !places.is_empty() {
        report.data(&["queue", &format!("{} wait ({} of them you)", places.len(), own.len())], || ());
    }
    for place in own {
        let [resources, ticket, state, since] = queue::waiting_line(place);
        report.data(&["wanted", &resources, &ticket, &state, &since], || ());
    }
    let of_others = |place: &&Place| !own.iter().any(|own| own.ticket.number == place.ticket.number);
    for place in places.iter().filter(of_others).take(SHOWN) {
        let [resources, ticket, state, since] = queue::waiting_line(place);
        report.data(&["waiting", &resources, &ticket, &state, &since, place.ticket.agent_id.as_str()], || ());
    }
}
