//! `send`: a message to one agent or to a group.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args, panes,
    post::{self, Said},
};
use crate::{
    domain::{
        Caller,
        mail::{Draft, Sent, To},
        messages::{FirstWait, Kind},
    },
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "send",
    aliases: &["send-message"],
    about: "Send a message: it is in the inbox at once, and in the pane where that is safe",
    prints: "for each recipient [DELIVERED] or [QUEUED]; the beginning of the message's id; recipient; where it is",
    args: Args::augment_args,
    run: send,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// An agent, @ROLE, or @all
    #[arg(value_name = "TO", value_parser = To::parse)]
    to: To,
    /// What it is about, in one of these words, in capitals or not: INFO, QUESTION, URGENT, BLOCKED, COMPLETED, …
    #[arg(value_name = "TYPE", value_parser = post::kind)]
    kind: Kind,
    #[command(flatten)]
    said: Said,
    #[command(flatten)]
    options: Options,
}

/// What `send` and `broadcast` take.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// It answers the message whose id begins so
    #[arg(long, value_name = "ID")]
    pub(super) reply_to: Option<String>,
    /// Its recipients are to acknowledge it; else it is shown again after this long, twice and four times as long, and
    /// after eight times as long everybody is told [default: 30s, at most 1h]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "30s", value_parser = first_wait)]
    pub(super) ack: Option<FirstWait>,
    /// Only into inboxes, and not into panes
    #[arg(long)]
    pub(super) no_pane: bool,
    /// Print the message's id and nothing else
    #[arg(long)]
    pub(super) id_only: bool,
}

fn first_wait(text: &str) -> Result<FirstWait, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (as 30s, 2m)"))?;
    FirstWait::new(duration).map_err(|error| error.to_string())
}

fn send(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let include_self = args.to == To::Agent(context.identity()?.id);
    post(
        &Post { to: args.to, kind: args.kind, said: &args.said, options: &args.options, include_self },
        context,
        report,
    )
}

/// What is to be sent.
pub(super) struct Post<'a> {
    pub(super) to: To,
    pub(super) kind: Kind,
    pub(super) said: &'a Said,
    pub(super) options: &'a Options,
    pub(super) include_self: bool,
}

/// Sends it, and says what became of it.
pub(super) fn post(post: &Post<'_>, context: &Context, report: &mut Report) -> Outcome {
    args::only_one_format(post.options.id_only, context)?;
    let identity = context.identity()?;
    let checkout = context.checkout()?;
    let (open, made) = context.open_or_init(&checkout)?;
    if made {
        report.note(&format!("made {}", checkout.state_path().display()));
    }
    let text = post.said.read(context, &open, report)?;
    let whereabouts = context.asking(Some(&identity));
    let mail = open.mail(Some(Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: true }));
    let reply_to = match &post.options.reply_to {
        Some(given) if post.kind == Kind::Ack => {
            // Only of that there is one for each message, and so it counts against no limit.
            let message = "an ACK that answers a message is said with swarmlock ack";
            return Err(Failure::new(Code::Usage, message).next(format!("swarmlock ack {}", post::word(given))));
        }
        Some(given) => Some(post::one(mail.find(given, |_| true)?, given, "")?),
        None => None,
    };
    let enrolment = context.enrolment(&identity)?;
    let draft = Draft {
        sender: &identity.id,
        enrolment: &enrolment,
        to: post.to.clone(),
        include_self: post.include_self,
        kind: post.kind,
        text: &text,
        reply_to: reply_to.map(|message| message.thread_id().to_owned()),
        ack: post.options.ack,
        id: host::random()?,
    };
    let sending = match mail.send(&draft)? {
        Sent::Done(sending) => sending,
        Sent::Nobody(there) => return Err(post::nobody(&named(&post.to), &there)),
        Sent::Alone => {
            let message = format!("{}: there is nobody else here to read it", named(&post.to));
            return Err(Failure::new(Code::Nothing, message)
                .help("who registers later does not see what was sent before")
                .next("swarmlock agents list"));
        }
        Sent::Limited(wait) => {
            return Err(Failure::new(Code::Limit, wait.to_string())
                .help("say more in one message; or raise message_rate in config.toml")
                .next("swarmlock config show")
                .detail("wait_ms", wait.for_ms.into()));
        }
    };
    report.changed();
    sending.sync()?;
    if let Some(doubt) = identity.doubt() {
        report.note(&format!("{doubt}; an answer goes to that id"));
    }
    let message = &sending.message;
    if post.options.id_only {
        report.text(&message.msg_id);
    }
    let delivered = match post.options.no_pane {
        true => panes::queued(&sending.recipients),
        false => panes::deliver(message, &sending.recipients, Some(&identity), &open.config().harnesses),
    };
    if report.is_json() {
        let deliveries: Vec<_> = delivered.iter().map(panes::Delivered::json).collect();
        report.data(&[], || json!({ "result": "sent", "message": post::json(message), "deliveries": deliveries }));
    } else if !post.options.id_only {
        delivered.iter().for_each(|one| one.say(report, message));
    }
    Ok(Code::Done)
}

fn named(to: &To) -> String {
    match to {
        To::Agent(id) => id.to_string(),
        To::Role(_) | To::All => to.group().unwrap_or_default(),
    }
}
