//! Leases in words and as JSON.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Code, Failure, Report, args::shell_word, context::AGENT_VARIABLE, identity::Identity, locate::Standpoint};
use crate::{
    domain::{Class, Found, Mode, Now, Timestamp, Verdict},
    host,
    store::{Event, Logged, kind},
};

/// A lease as JSON output shows it.
#[derive(Debug, Serialize)]
pub(super) struct Lease<'a> {
    resource: String,
    /// The bytes of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_hex: Option<&'a str>,
    /// A path may be spelled as a name is.
    kind: &'static str,
    /// `null` for the main checkout and for names.
    worktree: Option<&'a str>,
    mode: &'static str,
    state: &'static str,
    agent_id: &'a str,
    lease: &'a str,
    class: &'static str,
    /// The process that runs a command under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    fence: u64,
    acquired_at: Timestamp,
    renewed_at: Timestamp,
    until: Option<Timestamp>,
    left_ms: Option<u64>,
    ttl_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_hold_s: Option<u64>,
    /// All resources of the lease, if it is over several.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    resources: &'a [String],
    host: &'a str,
    reason: &'a str,
}

impl<'a> Lease<'a> {
    pub(super) fn new(found: &'a Found, now: Now) -> Self {
        let lease = &found.lease;
        let left_ms = match found.verdict {
            Verdict::Live { left_ms } => Some(left_ms),
            Verdict::Expired { .. } | Verdict::Orphaned { .. } => None,
        };
        Self {
            resource: found.head.text(),
            resource_hex: found.head.filepath_hex(),
            kind: found.head.kind().word(),
            worktree: found.head.worktree(),
            mode: found.head.mode.word(),
            state: found.verdict.word(),
            agent_id: lease.agent_id.as_str(),
            lease: &lease.lease,
            class: lease.class.word(),
            pid: lease.wrapper.as_ref().map(|wrapper| wrapper.process.pid),
            fence: lease.fence,
            acquired_at: lease.acquired_at,
            renewed_at: lease.renewed_at,
            until: until(found, now),
            left_ms,
            ttl_s: lease.ttl_s.seconds(),
            max_hold_s: lease.max_hold_s,
            resources: if lease.resources.len() > 1 { &lease.resources } else { &[] },
            host: &lease.host,
            reason: &lease.reason,
        }
    }
}

/// The same as a value. Plain data: it can always be one.
pub(super) fn json(found: &Found, now: Now) -> Value {
    serde_json::to_value(Lease::new(found, now)).unwrap_or_default()
}

/// When a lease ends unless it is renewed, or when it ended; `None` for one that ended with its era.
pub(super) fn until(found: &Found, now: Now) -> Option<Timestamp> {
    let counted = match found.verdict {
        Verdict::Live { left_ms } => now.wall.plus_ms(left_ms),
        Verdict::Expired { ago_ms } => Timestamp::from_unix_ms(now.wall.unix_ms().saturating_sub(ago_ms)),
        Verdict::Orphaned { .. } => return None,
    };
    // Counted from now it differs by a few milliseconds from call to call; what is on record does not.
    let lease = &found.lease;
    let at_most = lease.max_hold_s.map(|max_hold_s| lease.acquired_at.plus_ms(max_hold_s.saturating_mul(1000)));
    let mut recorded = [Some(lease.renewed_at.plus_ms(lease.ttl_s.ms())), at_most].into_iter().flatten();
    let near = recorded.find(|time| time.unix_ms().abs_diff(counted.unix_ms()) < 1000);
    Some(near.unwrap_or(counted))
}

/// [`until()`] as a column.
pub(super) fn until_column(found: &Found, now: Now) -> String {
    until(found, now).map_or_else(|| "-".to_owned(), |time| time.to_string())
}

/// A span as people say it: `42s`, `3m 20s`, `2h 5m`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let rounded = if seconds >= 3600 { seconds - seconds % 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(rounded)).to_string()
}

/// Who has it, since when, whether there is a sign of life, until when, and why.
pub(super) fn holding(found: &Found, now: Now) -> String {
    let reason = &found.lease.reason;
    let reason = if reason.is_empty() { String::new() } else { format!(", for: {reason}") };
    standing(found, now) + &reason
}

/// The same without the holder's words.
pub(super) fn standing(found: &Found, now: Now) -> String {
    let lease = &found.lease;
    let since = span(lease.acquired_at.ms_before(now.wall));
    let state = match found.verdict {
        Verdict::Live { left_ms } => {
            // Its renewal, or a later beat, from which the rest of its time is counted.
            let counted = lease.ttl_s.ms().saturating_sub(left_ms);
            let sign = span(lease.renewed_at.ms_before(now.wall).min(counted));
            format!("last sign of life {sign} ago, until {} (in {})", until_column(found, now), span(left_ms))
        }
        Verdict::Expired { ago_ms } => format!("expired {} ago", span(ago_ms)),
        Verdict::Orphaned { why } => format!("orphaned: {why}"),
    };
    let shared = if found.head.mode == Mode::Shared { " (shared)" } else { "" };
    let run = match (&lease.class, &lease.wrapper) {
        (Class::Run, Some(wrapper)) => format!(", by a run (process {})", wrapper.process.pid),
        (Class::Run, None) => ", by a run".to_owned(),
        (Class::Automatic, _) => ", by editing it".to_owned(),
        (Class::Explicit, _) => String::new(),
    };
    format!("{}{shared}{run} since {} ({since} ago), {state}", lease.agent_id, lease.acquired_at)
}

/// What is held by whom.
pub(super) fn held_by(found: &Found, now: Now) -> String {
    format!("{} is held by {}", found.head.text(), holding(found, now))
}

/// What is held in another worktree.
pub(super) fn also_held(found: &Found, now: Now) -> String {
    let worktree =
        found.head.worktree().map_or_else(|| "the main checkout".to_owned(), |name| format!("worktree {name}"));
    format!("also held in {worktree}, which will be a merge conflict: {}", held_by(found, now))
}

/// The refusal because another holds it.
pub(super) fn held(code: Code, found: &Found, now: Now) -> Failure {
    Failure::new(code, held_by(found, now)).detail("holder", json(found, now))
}

/// The same, for an agent who may be the holder and not know it.
pub(super) fn held_for(code: Code, found: &Found, now: Now, identity: Option<&Identity>) -> Failure {
    let failure = held(code, found, now);
    match identity.and_then(Identity::doubt) {
        Some(doubt) => failure.help(format!(
            "{doubt}; if that lease is yours, its --token releases or renews it; or set {AGENT_VARIABLE} for every call"
        )),
        None => failure,
    }
}

/// That nobody holds this, and who holds what overlaps it.
pub(super) fn free(resource: &str, overlapping: Option<&Found>) -> String {
    match overlapping {
        Some(found) => format!("{resource}: no lease is on it; but {}", held_by(found, host::now())),
        None => format!("{resource}: nobody holds it"),
    }
}

/// What an agent should hear of; where the log cannot be read, that is said instead: all else is told nevertheless.
pub(super) fn news(report: &Report, notices: Result<Vec<Event>, Failure>) -> Vec<Event> {
    notices.unwrap_or_else(|failure| {
        report.warning(&format!("which leases you lost cannot be told: {}", failure.message));
        Vec::new()
    })
}

/// An event that an agent should hear of, as columns: when, what, on what, by whom, and more.
///
/// A command to go on with names the resource from `here`, or else from the root of the checkout.
pub(super) fn notice(event: &Event, here: Option<&Standpoint>) -> [String; 5] {
    let by = event.by.clone().unwrap_or_else(|| "-".to_owned());
    let resource = event.resource.as_ref().or(event.file.as_ref()).cloned().unwrap_or_default();
    let was = event.former.as_ref().map(|former| format!("your lease was {}", former.was));
    let word = || here.map_or_else(|| shell_word(resource.as_ref()), |here| here.word(&resource));
    let next = match event.event.as_ref() {
        kind::QUEUED => Some(format!("when you are done: swarmlock release {}", word())),
        kind::TURN => Some(format!("swarmlock acquire {}, within a minute", word())),
        _ => None,
    };
    let more = was.into_iter().chain(event.reason.clone()).chain(next).collect::<Vec<_>>().join("; ");
    [event.at.clone(), event.event.to_string(), resource, by, more]
}

/// What it is about, in one word.
pub(super) fn notice_word(event: &Event) -> &'static str {
    match event.event.as_ref() {
        kind::QUEUED => "waits",
        kind::TURN => "turn",
        _ => "lost",
    }
}

/// The same as a remark.
pub(super) fn notice_line(event: &Event, here: Option<&Standpoint>) -> String {
    let [at, what, resource, by, more] = notice(event, here);
    match notice_word(event) {
        "waits" => format!("{by} waits for {resource}, which you hold, since {at} ({more})"),
        "turn" => format!("it is your turn for {resource} since {at} ({more})"),
        _ => {
            let more = if more.is_empty() { more } else { format!(" ({more})") };
            if event.event == kind::CANCELLED {
                format!("your place in line for {resource} was given up by {by} at {at}{more}")
            } else {
                format!("you lost {resource} at {at}: {what} by {by}{more}")
            }
        }
    }
}

/// Says so if the event of a change could not be written.
pub(super) fn mention_unlogged(report: &Report, logged: &Logged) {
    match logged {
        Logged::Yes => {}
        Logged::Later(error) => report.warning(&format!(
            "the change took place, but events.log does not tell of it yet ({error}); the next change writes it"
        )),
        Logged::Untidy(error) => report.warning(&format!(
            "the change took place, but a file that counts for nothing any more is left ({error}); cleanup removes it"
        )),
    }
}
