//! Unread messages and notices as a hook shows them: framed, and no more than an agent can take in at once.

use super::{
    super::{Failure, post},
    call::{Call, Scene},
    words,
};
use crate::domain::{
    mail::{Inbox, Item, short_id},
    messages::Frame,
};

/// The most that is shown at once, in bytes; harnesses cut what is longer.
const LIMIT: usize = 8 * 1024;
/// The most that is said about it behind the frame, in bytes.
const ABOUT: usize = 512;
/// The most messages that are looked at for one page.
const PAGE: usize = 50;

/// A page, and the inbox that it is of, which moves on when the page has certainly been shown.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) inbox: Inbox,
}

/// The first page of what an agent has not read; `None` if there is nothing.
pub(super) fn page(call: &Call<'_>, scene: &Scene) -> Result<Option<Page>, Failure> {
    let asking = call.asking(scene);
    let mail = scene.open.mail(Some(scene.caller(&asking)));
    let enrolment = call.context.enrolment(&scene.identity)?;
    let open = |limit| mail.inbox(scene.id(), &enrolment, limit, scene.open.guard_wait());
    let mut inbox = open(PAGE)?;
    if inbox.items.is_empty() {
        // Or all that others do would be read again at each turn, and more of it each time.
        inbox.pass_over()?;
        return Ok(None);
    }
    let frame = words::frame();
    let mut lines: Vec<String> = inbox.items.iter().map(line).collect();
    let fit = frame.fit(&lines, LIMIT - ABOUT).max(1);
    if fit < lines.len() {
        // Only what is shown is read.
        drop(inbox);
        inbox = open(fit)?;
        lines = inbox.items.iter().map(line).collect();
    }
    if let [only] = lines.as_mut_slice() {
        cut(only, &frame);
    }
    Ok(Some(Page { text: text(&frame, &lines, &inbox), inbox }))
}

fn text(frame: &Frame, lines: &[String], inbox: &Inbox) -> String {
    let mut text = format!("{}\n{}\n{}", frame.open(), lines.join("\n"), frame.close());
    let mut owed: Vec<&str> = inbox.items.iter().filter_map(to_acknowledge).collect();
    owed.dedup();
    for id in owed.iter().take(5) {
        text.push_str(&format!("\nto be acknowledged: swarmlock ack {}", words::clean(&post::word(id))));
    }
    if inbox.remaining > 0 {
        text.push_str(&format!("\n{} more: swarmlock inbox", inbox.remaining));
    }
    text
}

fn to_acknowledge(item: &Item) -> Option<&str> {
    match item {
        Item::Message(message) if message.requires_ack => Some(short_id(message.thread_id())),
        Item::Message(_) | Item::Notice(_) => None,
    }
}

fn line(item: &Item) -> String {
    match item {
        Item::Message(message) => words::clean(&post::columns(message).join(" | ")),
        Item::Notice(event) => words::notice(event),
    }
}

/// Cuts a line that does not fit by itself.
fn cut(line: &mut String, frame: &Frame) {
    const WHOLE: &str = "… (cut; swarmlock messages shows all of it)";
    let room = LIMIT.saturating_sub(ABOUT + WHOLE.len() + frame.open().len() + frame.close().len() + 3);
    if line.len() <= room {
        return;
    }
    let end = (0..=room).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
    line.truncate(end);
    line.push_str(WHOLE);
}
