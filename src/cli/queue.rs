//! `queue`: who waits for what, and giving up a place in line.

use clap::{ArgMatches, Args as _, ValueEnum};
use serde_json::json;

use super::{Code, Context, Failure, Outcome, Report, Spec, args, describe, refusal};
use crate::{
    domain::{Caller, CancelledPlace, Place},
    host,
    store::TICKET_PREFIX,
};

pub(super) const SPEC: Spec = Spec {
    name: "queue",
    aliases: &[],
    about: "Who waits for what, in order; or give up a place in line",
    prints: "list: ticket; agent; waiting, away or turn; resources, separated by blanks; since when; the holder or ticket before it, or -; exclusive or shared; reason. cancel: cancelled; ticket",
    args: Args::augment_args,
    run: queue,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// What to do
    #[arg(value_name = "ACTION", value_enum, default_value_t = Action::List)]
    action: Action,
    /// cancel: which, as queue lists them
    #[arg(value_name = "TICKET", required_if_eq("action", "cancel"))]
    tickets: Vec<String>,
    /// list: only yours
    #[arg(long)]
    mine: bool,
    /// cancel: also what is another's; its agent is told
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Print every place in line
    List,
    /// Give up these
    Cancel,
}

fn queue(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    match args.action {
        Action::List => list(&args, context, report),
        Action::Cancel => cancel(&args, context, report),
    }
}

fn list(args: &Args, context: &Context, report: &mut Report) -> Outcome {
    if !args.tickets.is_empty() {
        return Err(Failure::new(Code::Usage, "list takes no ticket").next("swarmlock queue --help"));
    }
    let mine = args::only_mine(args.mine, context)?;
    let Some(open) = context.open(&context.checkout()?, report)? else { return Ok(Code::Done) };
    for place in open.locks().places()? {
        if mine.as_ref().is_none_or(|mine| place.ticket.agent_id == *mine) {
            row(report, &place);
        }
    }
    Ok(Code::Done)
}

/// One place as a line.
fn row(report: &mut Report, place: &Place) {
    let now = host::now();
    let ticket = &place.ticket;
    let before = match (place.held.first(), place.behind) {
        (Some(found), _) => found.lease.agent_id.to_string(),
        (None, Some(number)) => format!("{TICKET_PREFIX}{number}"),
        (None, None) => "-".to_owned(),
    };
    let columns = [
        &ticket.ticket,
        ticket.agent_id.as_str(),
        refusal::state(place),
        &ticket.resources.join(" "),
        &ticket.made_at.to_string(),
        &before,
        ticket.mode.word(),
        &ticket.reason,
    ];
    report.data(&columns, || refusal::place_json(place, now));
}

fn cancel(args: &Args, context: &Context, report: &mut Report) -> Outcome {
    let mut numbers = Vec::new();
    for text in &args.tickets {
        let number = text
            .strip_prefix(TICKET_PREFIX)
            .and_then(|digits| digits.parse().ok().filter(|number: &u64| number.to_string() == digits));
        let Some(number) = number else {
            let message = format!("{text}: it is no ticket (as t-217415347119342)");
            return Err(Failure::new(Code::Usage, message).next("swarmlock queue list"));
        };
        numbers.push(number);
    }
    let identity = context.identity()?;
    let Some(open) = context.open(&context.checkout()?, report)? else {
        return Err(Failure::new(Code::Nothing, "nobody waits here").next("swarmlock queue list"));
    };
    let whereabouts = context.asking(Some(&identity));
    let locks = open.locks_of(Some(Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: true }));
    let mut worst = Code::Done;
    for number in numbers {
        let own = (!args.yes).then_some(&identity.id);
        let failure = match locks.cancel(number, own)? {
            CancelledPlace::Done(place, logged) => {
                report.changed();
                describe::mention_unlogged(report, &logged);
                let ticket = &place.ticket.ticket;
                report.data(
                    &["cancelled", ticket],
                    || json!({ "result": "cancelled", "ticket": refusal::place_json(&place, host::now()) }),
                );
                continue;
            }
            CancelledPlace::Nothing => {
                Failure::new(Code::Nothing, format!("{TICKET_PREFIX}{number}: there is no such ticket (any more)"))
                    .next("swarmlock queue list")
            }
            CancelledPlace::NotYours(place) => {
                Failure::new(Code::NotYours, format!("it is another's: {}", refusal::place_line(&place, host::now())))
                    .help("with --yes it is cancelled all the same, and its agent is told")
                    .next("swarmlock queue list")
            }
        };
        worst = worst.max(failure.code);
        report.failure(&failure);
    }
    Ok(worst)
}

/// One place of an agent as `status` shows it.
pub(super) fn waiting_line(place: &Place) -> [String; 4] {
    let ticket = &place.ticket;
    let since = describe::span(ticket.made_at.ms_before(host::now().wall));
    [ticket.resources.join(" "), ticket.ticket.clone(), refusal::state(place).to_owned(), format!("for {since}")]
}
