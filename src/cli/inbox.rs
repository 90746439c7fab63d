//! `inbox`: what you have not read, oldest first.

use clap::{ArgMatches, Args as _};
use serde_json::{Value, json};

use super::{Code, Context, Outcome, Report, Spec, args, describe, locate::Standpoint, post};
use crate::{
    domain::{
        Caller,
        mail::{Inbox, Item, short_id},
        messages::{Frame, neutral},
    },
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "inbox",
    aliases: &["check-messages"],
    about: "What you have not read: messages to you, and what others did about your locks; it is read once it is shown",
    prints: "between two lines that frame it: time; id; from; to; type; ack, again N, re ID or -; text; and for what became of your locks time; notice; from; -; what; resource; details",
    args: Args::augment_args,
    run: inbox,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// At most this many; the rest stays unread
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = at_least_one)]
    limit: usize,
    /// Only look: what is shown stays unread
    #[arg(long)]
    peek: bool,
    /// Say nothing if there is nothing
    #[arg(long, hide = true)]
    new_only: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}

fn inbox(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let identity = context.identity()?;
    let checkout = context.checkout()?;
    let here = Standpoint::new(context, &checkout)?;
    if args.peek {
        let Some(open) = context.open(&checkout, report)? else { return Ok(Code::Done) };
        context.only_look();
        let inbox = open.mail(None).peek(&identity.id, args.limit)?;
        show(report, &args, identity.id.as_str(), &inbox, &here)?;
        return Ok(Code::Done);
    }
    let (open, _) = context.open_or_init(&checkout)?;
    let whereabouts = context.asking(Some(&identity));
    let mail = open.mail(Some(Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: true }));
    let enrolment = context.enrolment(&identity)?;
    let wait = context.guard_wait().unwrap_or(open.config().guard_wait);
    let inbox = mail.inbox(&identity.id, &enrolment, args.limit, wait)?;
    show(report, &args, identity.id.as_str(), &inbox, &here)?;
    // Only what has certainly been put out is read.
    if report.is_out() {
        inbox.move_on()?;
    } else {
        report.note("nothing was marked as read, for the output did not get out");
    }
    Ok(Code::Done)
}

fn show(report: &mut Report, args: &Args, agent: &str, inbox: &Inbox, here: &Standpoint) -> Result<(), super::Failure> {
    if let Some(why) = inbox.again {
        report.warning(why);
    }
    if report.is_json() {
        say_json(report, agent, inbox);
    } else {
        say(report, inbox, here)?;
    }
    for id in to_acknowledge(&inbox.items) {
        report.note(&format!("to be acknowledged: swarmlock ack {id}"));
    }
    if inbox.remaining > 0 {
        report.note(&format!("{} more: swarmlock inbox", inbox.remaining));
    }
    if inbox.new {
        report.note(&format!("{agent} is registered here from now on"));
    }
    if inbox.items.is_empty() && !args.new_only {
        report.note("nothing that you have not read");
    }
    if let Some(earlier) = inbox.earlier.filter(|earlier| *earlier > 0) {
        report.note(&format!("sent before you registered: {earlier}; swarmlock messages shows them"));
    }
    Ok(())
}

/// The ids of messages that are to be acknowledged, each once although it may be there again.
fn to_acknowledge(items: &[Item]) -> Vec<&str> {
    let mut ids = Vec::new();
    for item in items {
        if let Item::Message(message) = item
            && message.requires_ack
        {
            let id = short_id(message.thread_id());
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    ids
}

fn say(report: &mut Report, inbox: &Inbox, here: &Standpoint) -> Result<(), super::Failure> {
    if inbox.items.is_empty() {
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "any 64 of the random bits will do")]
    let frame = Frame::new(host::random()? as u64);
    for line in frame.open().lines() {
        report.text(line);
    }
    for item in &inbox.items {
        let columns = match item {
            Item::Message(message) => post::columns(message),
            Item::Notice(event) => {
                let [at, what, resource, by, more] = describe::notice(event, Some(here));
                let word = describe::notice_word(event).to_owned();
                let details = if more.is_empty() { what } else { format!("{what}; {more}") };
                [at, "notice".to_owned(), by, "-".to_owned(), word, resource, details]
            }
        };
        let columns = columns.map(|column| neutral(&column).into_owned());
        report.data(&columns.each_ref().map(String::as_str), || ());
    }
    for line in frame.close().lines() {
        report.text(line);
    }
    Ok(())
}

fn say_json(report: &mut Report, agent: &str, inbox: &Inbox) {
    let items: Vec<Value> = inbox
        .items
        .iter()
        .map(|item| match item {
            Item::Message(message) => json!({ "message": post::json(message) }),
            Item::Notice(event) => json!({ "notice": event }),
        })
        .collect();
    report.data(&[], || {
        json!({
            "agent": agent, "trust": "untrusted", "items": items, "remaining": inbox.remaining,
            "earlier": inbox.earlier,
        })
    });
}
