//! `ack`: say that a message was seen.

use std::ffi::OsString;

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Failure, Outcome, Report, Spec, args, post};
use crate::{
    domain::{
        Caller,
        mail::{Acknowledged, short_id},
    },
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "ack",
    aliases: &["acknowledge-message"],
    about: "Acknowledge a message that was sent to you; its sender has that in the inbox",
    prints: "acknowledged or already; the message's id; its sender",
    args: Args::augment_args,
    run: ack,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// The message's id, or at least the first four digits
    #[arg(value_name = "ID")]
    id: String,
    /// A word to its sender; - for stdin
    #[arg(value_name = "TEXT")]
    text: Option<OsString>,
}

fn ack(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let identity = context.identity()?;
    let Some(open) = context.open(&context.checkout()?, report)? else {
        return Err(Failure::new(Code::Nothing, "there are no messages here").next("swarmlock status"));
    };
    let text = args.text.as_deref().map(|text| post::given(text, &open, report)).transpose()?;
    let whereabouts = context.asking(Some(&identity));
    let mail = open.mail(Some(Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: true }));
    let message = match post::one(mail.find(&args.id, |message| message.is_for(&identity.id))?, &args.id, "to you") {
        Ok(message) => message,
        Err(failure) if failure.code == Code::Nothing => {
            return Err(match post::one(mail.find(&args.id, |_| true)?, &args.id, "") {
                Ok(other) => Failure::new(
                    Code::NotYours,
                    format!("{}: it was sent to {}, and not to you", args.id, other.recipients.join(", ")),
                )
                .next("swarmlock messages"),
                Err(_) => failure,
            });
        }
        Err(failure) => return Err(failure),
    };
    let enrolment = context.enrolment(&identity)?;
    let done = mail.acknowledge(&identity.id, &enrolment, &message, text.as_ref(), host::random()?)?;
    let word = match &done {
        Acknowledged::Done(..) => {
            report.changed();
            "acknowledged"
        }
        Acknowledged::Before => "already",
    };
    done.sync()?;
    let id = message.thread_id();
    report.data(
        &[word, short_id(id), &message.sender],
        || json!({ "result": word, "msg_id": id, "sender": message.sender }),
    );
    Ok(Code::Done)
}
