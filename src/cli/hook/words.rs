//! What hooks say, in words. All that others wrote stands in one line, neutral, and free text of theirs in a frame.

use std::borrow::Cow;

use super::super::{Failure, args::shell_word, describe, escape, refusal};
use crate::{
    domain::{
        AgentId, Class, Found, Now, Place, Refusal, Resource,
        hooks::Loss,
        messages::{Frame, neutral},
        overlap,
    },
    host,
    store::{Event, kind},
};

/// How many of several leases or places are named.
const NAMED: usize = 5;

/// The most that is said of one name or reason, in bytes: a harness shows a line.
const LONGEST: usize = 1024;
/// The longest warning, in bytes: a few of them.
const LONGEST_WARNING: usize = 4 * LONGEST;

/// A text that others may have written, in one line that is no other's.
pub(super) fn clean(text: &str) -> String {
    neutral(&escape::line(text)).into_owned()
}

/// The name of a file, as harnesses may tell it: of any length.
fn named(path: &str) -> String {
    clean(&short(path))
}

/// A name or a reason, of which harnesses decide how long it is.
pub(super) fn short(text: &str) -> Cow<'_, str> {
    cut(text, LONGEST)
}

/// A text without what would only fill the place of others, which is said.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()))
}

/// A frame for one text.
pub(super) fn frame() -> Frame {
    #[expect(clippy::cast_possible_truncation, reason = "any 64 of the random bits will do")]
    Frame::new(host::random().map_or(0, |bits| bits as u64))
}

/// One line for whoever watches the harness.
pub(super) fn warning(line: &str) -> String {
    format!("swarmlock: {}", clean(&cut(line, LONGEST_WARNING)))
}

pub(super) fn unknown_event(event: &str) -> String {
    if event.is_empty() {
        return "hook: no event was named; see swarmlock hook --help".to_owned();
    }
    let likely = crate::config::nearest(event, crate::domain::hooks::Moment::names());
    let likely = likely.map_or(String::new(), |likely| format!("; did you mean {likely}?"));
    format!("hook: {event}: that event is not known, and nothing was done{likely}")
}

pub(super) fn bad_payload(event: &str, why: &str) -> String {
    format!("hook {event}: {why}; nothing was looked at")
}

pub(super) fn unprotected(path: Option<&str>, why: &str) -> String {
    let file = path.map_or_else(|| "a file".to_owned(), |path| format!("the file {}", short(path)));
    format!("{file} is edited WITHOUT protection: {}; see swarmlock status", short(why))
}

/// The refusal where the configuration wants none to go on unprotected.
pub(super) fn closed(path: Option<&str>, failure: &Failure) -> String {
    let path = named(path.unwrap_or("a file"));
    let mut text = format!(
        "swarmlock: the edit of {path} was refused: who holds it cannot be told: {}\n\
         (config.toml says fail = \"closed\": nothing is edited without protection.)",
        named(&failure.message)
    );
    for help in &failure.help {
        text.push_str(&format!("\nhelp: {}", clean(help)));
    }
    text + "\nnext: swarmlock status"
}

pub(super) fn own_file(path: &str) -> String {
    format!(
        "swarmlock: the edit of {} was refused: it is a file of swarmlock's own, which only its commands change: an edit \
         would take locks from others.\n\
         next: swarmlock status",
        named(path)
    )
}

/// Whether this lease is on the resource.
pub(super) fn is_on(found: &Found, resource: &Resource) -> bool {
    match (found.head.resource().as_ref().and_then(Resource::files), resource.files()) {
        (Some(there), Some(here)) => overlap(here, there),
        _ => false,
    }
}

/// Who holds a file, what of it, since when, whether there is a sign of life, until when; why they say; and what next.
/// The shell of the agent is told who it is, unless it knows.
pub(super) fn refused(path: &str, refusal: &Refusal, agent: Option<&AgentId>, is_known_in_shell: bool) -> String {
    let now = host::now();
    let mut text = format!("swarmlock: the edit of {} was refused, nothing was changed.", named(path));
    let mut reasons = Vec::new();
    for found in refusal.held.iter().take(NAMED) {
        // No line may begin with the name of what is held: that is of others.
        let sooner = if found.lease.class == Class::Automatic { ", or until its turn ends" } else { "" };
        let whole = format!("The lock on {} is held by {}{sooner}.", found.head.text(), describe::standing(found, now));
        text.push_str(&format!("\n{}", clean(&whole)));
        reasons.push((found.lease.agent_id.to_string(), found.lease.reason.clone()));
    }
    for place in refusal.before.iter().take(NAMED) {
        text.push_str(&format!("\n{}", clean(&in_line(place, now))));
        reasons.push((place.ticket.agent_id.to_string(), place.ticket.reason.clone()));
    }
    let more = refusal.held.len().max(refusal.before.len()).saturating_sub(NAMED);
    if more > 0 {
        text.push_str(&format!("\nand {more} more: swarmlock list"));
    }
    reasons.retain(|(_, reason)| !reason.is_empty());
    let lines: Vec<String> = reasons.iter().map(|(agent, reason)| clean(&format!("{agent}: {reason}"))).collect();
    text.push_str(&framed("What they say it is for follows", &lines, &frame()));
    if let Some((agent, found)) = agent.and_then(|agent| Some((agent, refusal.relative(Some(agent))?))) {
        return format!("{text}\n{}\n{}", relative(&found.lease.agent_id, agent), next("who", path, ""));
    }
    let told = agent.filter(|_| !is_known_in_shell).map_or(String::new(), |agent| format!("--agent {agent} "));
    format!(
        "{text}\nDo something else meanwhile, or wait for it and then edit again; do not write the file in another way.\n{}",
        next(&format!("{told}acquire"), path, " --wait --for-edit")
    )
}

/// What to do about a lease of a relative, which is not waited for.
fn relative(holder: &AgentId, agent: &AgentId) -> &'static str {
    if agent.parent().as_ref() == Some(holder) {
        "That is the agent that started you: do not wait, but end, and say that you need the file; it gives it back with \
         swarmlock release."
    } else if holder.parent().as_ref() == Some(agent) {
        "That is a subagent of yours: the file is free when it has ended."
    } else {
        "That is another subagent of the agent that started you: do something else meanwhile, or end, and say that you need \
         the file."
    }
}

/// The next command about a path. One that reads as a frame cannot stand in it: changed, it would be another path.
fn next(command: &str, path: &str, more: &str) -> String {
    let word = path_word(path);
    match neutral(&word) {
        Cow::Borrowed(word) => format!("next: swarmlock {command} {word}{more}"),
        Cow::Owned(_) => "next: swarmlock list".to_owned(),
    }
}

fn in_line(place: &Place, now: Now) -> String {
    let ticket = &place.ticket;
    format!(
        "nobody holds it, but {} comes first: it has asked for {} since {} ({} ago), {}",
        ticket.agent_id,
        ticket.resources.join(", "),
        ticket.made_at,
        describe::span(ticket.made_at.ms_before(now.wall)),
        match refusal::state(place) {
            "turn" => "and it is its turn now.",
            "waiting" => "and waits.",
            _ => "and is away for now.",
        },
    )
}

/// A path as an argument of the next command; what could be a pattern is taken as it is.
fn path_word(path: &str) -> String {
    let literal = if path.contains(['*', '?', '[', '{']) { "--literal " } else { "" };
    // What begins like a flag or a name is still a path.
    let plain = if path.starts_with('-') || path.starts_with("name:") { "./" } else { "" };
    format!("{literal}{}", shell_word(format!("{plain}{path}").as_ref()))
}

/// Lines of others in a frame, with a line end before each line; nothing for none.
fn framed(what: &str, lines: &[String], frame: &Frame) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let (open, close) = (frame.open_with(what), frame.close());
    format!("\n{open}\n{}\n{close}", lines.join("\n"))
}

/// Why the first edit after these losses is refused.
pub(super) fn lost_before(path: &str, losses: &[&Loss]) -> String {
    let each: Vec<String> = losses.iter().take(NAMED).map(|loss| clean(&lost_since(loss))).collect();
    let more = losses.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("\nand {more} more: swarmlock history") } else { String::new() };
    format!(
        "swarmlock: the edit of {} was refused, this once. {}{more}\n\
         It is yours again from now on, but what you know of it may be old: read the file, then edit it again; that will go through.\n\
         {}",
        named(path),
        each.join("\n"),
        next("history", path, "")
    )
}

/// That a lease was lost, and to whom it went after that.
fn lost_since(loss: &Loss) -> String {
    let mut text = lost(loss);
    if !loss.since.is_empty() {
        text.push_str(&format!(" Since then it was held by {}.", loss.since.join(", ")));
    }
    text
}

/// That a lease was lost.
fn lost(loss: &Loss) -> String {
    let what = if loss.resources.is_empty() { "a lease".to_owned() } else { loss.resources.join(", ") };
    let by = loss.by.as_deref().unwrap_or("somebody");
    let was = if loss.was == "live" { String::new() } else { format!(" (your lease was {})", loss.was) };
    match loss.event.as_str() {
        kind::FORCED => format!("You lost {what} at {}: {by} released it by force.", loss.at),
        kind::CLEANED => format!("You lost {what} at {}: it was over{was}, and was swept away.", loss.at),
        _ => format!("You lost {what} at {}: {by} took it over{was}.", loss.at),
    }
}

/// Leases that were lost, for the agent to hear of.
pub(super) fn losses(losses: &[&mut Loss]) -> String {
    let mut lines: Vec<String> = losses.iter().take(NAMED).map(|loss| clean(&lost(loss))).collect();
    let more = losses.len().saturating_sub(NAMED);
    lines.extend((more > 0).then(|| format!("and {more} more: swarmlock inbox")));
    lines.push("Do not go on writing these files before you have them again: swarmlock check FILE tells.".to_owned());
    format!("swarmlock: {}", lines.join("\n"))
}

/// What is held in another worktree.
pub(super) fn also_held(found: &Found, now: Now) -> String {
    let worktree =
        found.head.worktree().map_or_else(|| "the main checkout".to_owned(), |name| format!("worktree {name}"));
    let whole = format!(
        "also held in {worktree}, which will be a merge conflict: {} is held by {}",
        found.head.text(),
        describe::standing(found, now)
    );
    format!("swarmlock: {}", clean(&whole))
}

/// What became of a place in line or of what others wait for, in one neutral line.
pub(super) fn notice(event: &Event) -> String {
    clean(&describe::notice_line(event, None))
}
