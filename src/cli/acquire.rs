//! `acquire`: take or renew a lease.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Outcome, Report, Spec, args, args::One, describe};
use crate::{
    domain::{Acquired, Found, Grant, Request, Ttl, Verdict},
    host,
};

pub(super) const SPEC: Spec = Spec {
    name: "acquire",
    aliases: &["lock"],
    about: "Lock a file or a name, or renew what you hold",
    prints: "acquired, renewed or taken_over; resource; lease; until when; token",
    args: Args::augment_args,
    run: |matches, context, report| {
        let args: Args = args::of(matches)?;
        acquire(&args.target, args.ttl, args.reason.as_deref(), args.id_only, context, report)
    },
};

/// The form with the reason behind the file, as scripts of that name elsewhere take it.
pub(super) const POSITIONAL_SPEC: Spec = Spec {
    name: "acquire-file-lock",
    aliases: &[],
    about: "The same as acquire, with the reason as second argument",
    prints: "acquired, renewed or taken_over; resource; lease; until when; token",
    args: PositionalArgs::augment_args,
    run: positional,
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: One,
    /// How long the lease lasts after its last renewal, from 1s to 24h [default: 15m; renewing: as before]
    #[arg(long, value_name = "DURATION", value_parser = args::ttl, allow_hyphen_values = true)]
    ttl: Option<Ttl>,
    /// Why, for those who find it held, at most 1024 bytes (max_reason in config.toml); - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Print the id of the lease and nothing else
    #[arg(long)]
    id_only: bool,
}

#[derive(Debug, clap::Args)]
struct PositionalArgs {
    #[command(flatten)]
    target: One,
    /// Why, for those who find it held
    #[arg(value_name = "REASON")]
    reason: Option<String>,
    /// How long the lease lasts after its last renewal, from 1s to 24h [default: 15m; renewing: as before]
    #[arg(long, value_name = "DURATION", value_parser = args::ttl, allow_hyphen_values = true)]
    ttl: Option<Ttl>,
}

fn positional(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: PositionalArgs = args::of(matches)?;
    acquire(&args.target, args.ttl, args.reason.as_deref(), false, context, report)
}

fn acquire(
    target: &One,
    ttl: Option<Ttl>,
    reason: Option<&str>,
    id_only: bool,
    context: &Context,
    report: &mut Report,
) -> Outcome {
    args::only_one_format(id_only, context)?;
    let identity = context.identity()?;
    let checkout = context.checkout()?;
    let target = target.target(context, &checkout)?;
    let (open, made) = context.open_or_init(&checkout)?;
    if made {
        report.note(&format!("made {}", checkout.state_path().display()));
    }
    let reason = args::reason(reason, &open, report)?;
    let locks = open.locks();
    let token = crate::domain::Token::from_bits(host::random()?);
    let request = Request { resource: target.resource.clone(), agent: identity.id.clone(), ttl, reason, token };
    match locks.acquire(request)? {
        Acquired::Held(found) => {
            let failure = describe::held_for(Code::Held, &found, host::now(), Some(&identity));
            Err(failure.next(format!("swarmlock check {}", target.again())))
        }
        Acquired::Granted { lock, how, logged } => {
            report.changed();
            describe::mention_unlogged(report, &logged);
            if !identity.reliable() && how == Grant::Renewed {
                report.note(&format!(
                    "{} was locked in this terminal session before: if that was another agent, it holds it, not you",
                    lock.text()
                ));
            } else if !identity.reliable() {
                report.note(&format!(
                    "you are {} only by this terminal session; set SWARMLOCK_AGENT or keep the token to be known again",
                    identity.id
                ));
            }
            let left_ms = lock.lease().ttl_s.ms();
            say(report, &Found { lock: *lock, verdict: Verdict::Live { left_ms } }, &how, id_only);
            Ok(Code::Done)
        }
    }
}

fn say(report: &mut Report, found: &Found, how: &Grant, id_only: bool) {
    let lease = found.lock.lease();
    let word = match how {
        Grant::New | Grant::Again => "acquired",
        Grant::Renewed => "renewed",
        Grant::TookOver(_) => "taken_over",
    };
    match how {
        Grant::TookOver(former) => {
            report.note(&format!("taken over from {}, whose lease was {}", former.agent_id, former.was))
        }
        Grant::Again => report.note("your lease was over; this is a new one, and others may have held it in between"),
        Grant::New | Grant::Renewed => {}
    }
    let now = host::now();
    if id_only {
        report.text(&lease.lease);
        return;
    }
    let until = describe::until_column(found, now);
    report.data(&[word, &found.lock.text(), &lease.lease, &until, &lease.token.to_string()], || {
        let former = match how {
            Grant::TookOver(former) => Some(former),
            Grant::New | Grant::Again | Grant::Renewed => None,
        };
        json!({
            "result": word, "holder": describe::Lease::new(found, now), "token": lease.token, "former": former,
        })
    });
}
