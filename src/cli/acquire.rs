//! `acquire`: take or renew leases, all or none.

use std::{collections::BTreeSet, ffi::OsString};

use clap::Args as _;
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args,
    context::AGENT_VARIABLE,
    describe,
    identity::Identity,
    locate::{Many, Standpoint},
    waiting::{self, Asker, Lease, Patience},
};
use crate::{
    domain::{Caller, Class, Grant, Granted, Mode, Party, Request, Token, Ttl},
    host,
};

/// What both forms print.
const PRINTS: &str =
    "acquired, renewed, upgraded, downgraded or taken_over; resource; lease; until when; token; one line a resource";

pub(super) const SPEC: Spec = Spec {
    name: "acquire",
    aliases: &["lock"],
    about: "Lock files, directories, patterns or names, all or none; or renew what you hold",
    prints: PRINTS,
    args: Args::augment_args,
    run: |matches, context, report| {
        let args: Args = args::of(matches)?;
        args.waiting.no_duration_among(&args.target.resources)?;
        let mode = if args.shared { Mode::Shared } else { Mode::Exclusive };
        let asked = Asked {
            target: args.target,
            mode,
            ttl: args.ttl,
            reason: args.reason,
            id_only: args.id_only,
            patience: args.waiting.patience(),
            max_hold: args.max_hold,
            class: if args.for_edit { Class::Automatic } else { Class::Explicit },
        };
        acquire(&asked, context, report)
    },
};

/// The form with the reason behind the file, as scripts of that name elsewhere take it.
pub(super) const POSITIONAL_SPEC: Spec = Spec {
    name: "acquire-file-lock",
    aliases: &[],
    about: "The same as acquire, with the reason as second argument",
    prints: PRINTS,
    args: PositionalArgs::augment_args,
    run: |matches, context, report| {
        let args: PositionalArgs = args::of(matches)?;
        let target = Many { resources: vec![args.resource], literal: args.literal };
        let asked = Asked {
            target,
            mode: Mode::Exclusive,
            ttl: args.ttl,
            reason: args.reason,
            id_only: false,
            patience: Patience::None,
            max_hold: None,
            class: Class::Explicit,
        };
        acquire(&asked, context, report)
    },
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: Many,
    /// Share it with all others who do so too
    #[arg(long)]
    shared: bool,
    /// How long the lease lasts without a sign of life, from 1s to 24h [default: 15m, or default_ttl in config.toml;
    /// renewing: as before]
    #[arg(long, value_name = "DURATION", value_parser = args::ttl, allow_hyphen_values = true)]
    ttl: Option<Ttl>,
    /// Why, for those who find it held, at most 1024 bytes (max_reason in config.toml); - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    #[command(flatten)]
    waiting: waiting::Flags,
    /// How long the lease may last at all, from 1s to 24h, renewed or not
    #[arg(long, value_name = "DURATION", value_parser = args::ttl, allow_hyphen_values = true)]
    max_hold: Option<Ttl>,
    /// Print the id of the lease and nothing else
    #[arg(long)]
    id_only: bool,
    /// As an edit locks a file where hooks are installed: for five minutes after its last edit, and at most until your turn
    /// ends
    #[arg(long, conflicts_with_all = ["shared", "ttl", "max_hold"])]
    for_edit: bool,
}

#[derive(Debug, clap::Args)]
struct PositionalArgs {
    /// A file, a directory or a quoted pattern, relative to the current directory; or name:NAME
    #[arg(value_name = "RESOURCE")]
    resource: OsString,
    /// Why, for those who find it held
    #[arg(value_name = "REASON")]
    reason: Option<String>,
    /// No pattern: take *, ?, [ and { as they are
    #[arg(long)]
    literal: bool,
    /// How long the lease lasts without a sign of life, from 1s to 24h [default: 15m, or default_ttl in config.toml;
    /// renewing: as before]
    #[arg(long, value_name = "DURATION", value_parser = args::ttl, allow_hyphen_values = true)]
    ttl: Option<Ttl>,
}

#[derive(Debug)]
struct Asked {
    target: Many,
    mode: Mode,
    ttl: Option<Ttl>,
    reason: Option<String>,
    id_only: bool,
    patience: Patience,
    max_hold: Option<Ttl>,
    class: Class,
}

fn acquire(asked: &Asked, context: &Context, report: &mut Report) -> Outcome {
    args::only_one_format(asked.id_only, context)?;
    let identity = context.identity()?;
    let checkout = context.checkout()?;
    let targets = asked.target.targets(context, &checkout)?;
    let (open, made) = context.open_or_init(&checkout)?;
    if made {
        report.note(&format!("made {}", checkout.state_path().display()));
    }
    let config = open.config();
    let reason = args::reason(asked.reason.as_deref(), &open, report)?;
    if targets.len() > config.max_resources {
        let message = format!("{} resources, and at most {} are locked together", targets.len(), config.max_resources);
        return Err(Failure::new(Code::Limit, message)
            .help("lock the directory that they are in, or a pattern; or raise max_resources in config.toml")
            .next("swarmlock acquire --help"));
    }
    let whereabouts = context.asking(Some(&identity));
    let locks = open.locks_of(Some(Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive: true }));
    let request = Request {
        resources: targets.iter().map(|target| target.resource.clone()).collect(),
        mode: asked.mode,
        party: Party { class: asked.class, ..context.party(&identity) },
        wrapper: None,
        max_hold: asked.max_hold,
        ttl: asked.ttl,
        default_ttl: if asked.class == Class::Automatic { Ttl::AUTOMATIC } else { config.default_ttl },
        reason,
        token: Token::from_bits(host::random()?),
    };
    let asker =
        Asker::new(Some(&identity), &targets, asked.mode, "acquire --wait", Standpoint::new(context, &checkout)?);
    let Lease { granted, logged, .. } = waiting::acquire(&locks, &request, asked.patience, &asker, report)?;
    if !logged.is_empty() {
        report.changed();
    }
    logged.iter().for_each(|logged| describe::mention_unlogged(report, logged));
    mention_identity(report, &identity, &granted);
    let mut shown = Vec::new();
    mention_former(report, &granted, asked.max_hold.is_some());
    for one in &granted {
        // One lease may be over several resources: its id is one answer.
        if asked.id_only && shown.contains(&one.found.lease.lease) {
            continue;
        }
        shown.push(one.found.lease.lease.clone());
        say(report, one, asked.id_only);
    }
    Ok(Code::Done)
}

fn mention_identity(report: &Report, identity: &Identity, granted: &[Granted]) {
    let Some(doubt) = identity.doubt() else { return };
    let before = |one: &&Granted| matches!(one.how, Grant::Renewed | Grant::Upgraded | Grant::Downgraded);
    report.note(&match granted.iter().find(before) {
        Some(one) => format!(
            "{doubt}; {} was locked under that id before: if that was another agent, it holds it, not you",
            one.found.head.text()
        ),
        None => format!("{doubt}; set {AGENT_VARIABLE} or keep the token to be known again"),
    });
}

fn mention_former(report: &Report, granted: &[Granted], limited: bool) {
    let formers = granted.iter().flat_map(|one| match &one.how {
        Grant::TookOver(formers) => formers.as_slice(),
        Grant::New | Grant::Again | Grant::Renewed | Grant::Upgraded | Grant::Downgraded => &[],
    });
    let mut told = BTreeSet::new();
    for former in formers.filter(|former| told.insert(former.fence)) {
        report.note(&format!("taken over from {}, whose lease was {}", former.agent_id, former.was));
    }
    if limited && granted.iter().any(|one| matches!(one.how, Grant::Renewed | Grant::Upgraded | Grant::Downgraded)) {
        report.note("--max-hold counts for leases that are granted; what you hold goes on as it was granted");
    }
    if granted.iter().any(|one| one.how == Grant::Again) {
        report.note("your lease was over; this is a new one, and others may have held it in between");
    }
}

fn say(report: &mut Report, granted: &Granted, id_only: bool) {
    let Granted { found, how, also_held } = granted;
    let word = how.word();
    let now = host::now();
    for other in also_held {
        report.note(&describe::also_held(other, now));
    }
    let lease = &found.lease;
    if id_only {
        report.text(&lease.lease);
        return;
    }
    let until = describe::until_column(found, now);
    report.data(&[word, &found.head.text(), &lease.lease, &until, &lease.token.to_string()], || {
        let former = match how {
            Grant::TookOver(formers) => formers.first(),
            Grant::New | Grant::Again | Grant::Renewed | Grant::Upgraded | Grant::Downgraded => None,
        };
        let also_held: Vec<_> = also_held.iter().map(|other| describe::json(other, now)).collect();
        json!({
            "result": word, "resource": found.head.text(), "holder": describe::json(found, now), "token": lease.token,
            "former": former, "also_held": also_held,
        })
    });
}
