//! `init`: make the state directory, and enter the hooks of the harnesses that are used here.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args,
    install::{self, Applied, Planned, Wanted},
};
use crate::{checkout::Checkout, domain::settings::Installed};

pub(super) const SPEC: Spec = Spec {
    name: "init",
    aliases: &[],
    about: "Make the state directory, and enter hooks in the settings of the harnesses that are used here",
    prints: "made or exists; directory. Then for each harness: installed, updated or unchanged; harness; file; how it was found",
    args: Args::augment_args,
    run: init,
};

/// How often it is computed anew when somebody else has changed a file meanwhile.
const AGAIN: u32 = 8;

#[derive(Debug, clap::Args)]
struct Args {
    /// Only for these: auto is every one of which there is a sign, none is none [default: auto]
    #[arg(long = "harness", value_name = "HARNESS", value_delimiter = ',', value_parser = ["auto", "claude-code", "codex", "gemini", "cursor", "opencode", "none"])]
    harnesses: Vec<String>,
    /// Change nothing; exit with 20 if something that is installed, or was asked for, is not as it would be made
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Change nothing, and show what would be
    #[arg(long)]
    dry_run: bool,
    /// Also tell agents about the locks, in AGENTS.md or CLAUDE.md
    #[arg(long)]
    instructions: bool,
}

fn init(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let checkout = context.checkout_for_init()?;
    let wanted = install::wanted(&args.harnesses, args.check, context, &checkout, report)?;
    // All of it is found to be possible before anything is made.
    let mut planned = install::plan(context, &checkout, &wanted, args.instructions)?;
    if args.check && asks_for_none(&args.harnesses) {
        let state = context.state(&checkout, report)?;
        let noted = state.map(|state| Installed::read(&state)).transpose()?.unwrap_or_default();
        planned.retain_installed(&noted);
    }
    if args.check || args.dry_run {
        return look(&args, context, &checkout, &planned, &wanted, report);
    }
    let (open, made) = context.open_or_init(&checkout)?;
    // One that is there must also be sound.
    let era = open.state().current_era(open.machine())?;
    if made {
        report.changed();
    }
    let word = if made { "made" } else { "exists" };
    let dir = open.state().path().to_string_lossy().into_owned();
    report.data(&[word, &dir], || json!({ "result": word, "dir": dir, "era": era.number }));
    for tries in 0.. {
        match planned.apply(&open)? {
            Applied::Nothing => break,
            Applied::Done => {
                report.changed();
                break;
            }
            Applied::Overtaken(path) if tries == AGAIN => return Err(install::overtaken(path, "init")),
            Applied::Overtaken(_) => planned = install::plan(context, &checkout, &wanted, args.instructions)?,
        }
    }
    planned.show(&wanted, true, false, report);
    remark(&planned, &checkout, report);
    Ok(Code::Done)
}

/// Whether no harness was named.
fn asks_for_none(harnesses: &[String]) -> bool {
    harnesses.iter().all(|name| name == "auto")
}

/// Says what would be done.
fn look(
    args: &Args,
    context: &Context,
    checkout: &Checkout,
    planned: &Planned,
    wanted: &[Wanted],
    report: &mut Report,
) -> Outcome {
    let dir = checkout.state_path().to_string_lossy().into_owned();
    let state = context.state(checkout, report)?;
    let (word, era) = match state {
        Some(state) => ("exists", state.current_era(&crate::host::machine()?)?.number),
        None => ("would_make", None),
    };
    report.data(&[word, &dir], || json!({ "result": word, "dir": dir, "era": era }));
    for difference in planned.show(wanted, false, args.dry_run, report) {
        report.text(&difference);
    }
    if args.check && planned.is_empty() {
        report.note(&none_installed(wanted));
    }
    if args.dry_run {
        report.note("nothing was changed");
        return Ok(Code::Done);
    }
    if word == "exists" && !planned.differs() {
        return Ok(Code::Done);
    }
    let mut next = "swarmlock init".to_owned();
    for name in &args.harnesses {
        next.push_str(&format!(" --harness {name}"));
    }
    if args.instructions {
        next.push_str(" --instructions");
    }
    let failure = Failure::new(Code::Attention, "not everything is as it would be made; nothing was changed");
    report.failure(&failure.help("init --dry-run shows how it differs").next(next));
    Ok(Code::Attention)
}

/// That there are no hooks, and for which harnesses `init` would enter some.
fn none_installed(wanted: &[Wanted]) -> String {
    let used: Vec<_> = wanted.iter().filter(|one| !one.signs.is_empty()).map(|one| one.harness.name).collect();
    if used.is_empty() {
        return "no hooks are installed here; swarmlock init --harness NAME enters them".to_owned();
    }
    format!("no hooks are installed here; swarmlock init enters them for {}", used.join(", "))
}

/// What a person has still to do.
fn remark(planned: &Planned, checkout: &Checkout, report: &Report) {
    let changed: Vec<_> = planned.changed_harnesses().collect();
    for harness in &changed {
        if let Some(remark) = harness.remark {
            report.note(&format!("{}: {remark}", harness.name));
        }
        if harness.name == "codex" && checkout.worktree().name().is_some() {
            report.note("codex: current versions read the hooks of the main checkout for all worktrees: call init --harness codex there too");
        }
    }
    if !changed.is_empty() {
        report.note("sessions that run already see the hooks when they are started again");
    }
}
