//! `uninstall`: take out of the checkout what `init` has entered, and with `--state` the state directory too.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args,
    context::Open,
    describe,
    install::{self, Removal},
};
use crate::{
    checkout::Checkout,
    domain::{
        AgentId,
        settings::{Installation, Installed},
    },
    fs::Dir,
    host, store,
};

pub(super) const SPEC: Spec = Spec {
    name: "uninstall",
    aliases: &[],
    about: "Take the hooks out of the settings of harnesses; the state directory stays unless --state is given",
    prints: "removed, restored or taken_out; harness; file. With --state also live leases, and would_remove or removed; directory",
    args: Args::augment_args,
    run: uninstall,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Change nothing, and show what would be
    #[arg(long)]
    dry_run: bool,
    /// Also remove the state directory. Only shows what is in it unless --yes is given
    #[arg(long)]
    state: bool,
    /// Do it, and not only show it
    #[arg(long, requires = "state", conflicts_with = "dry_run")]
    yes: bool,
}

fn uninstall(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    let checkout = context.checkout()?;
    let open = context.open(&checkout, report)?;
    let installed = noted(open.as_ref(), report)?;
    let removal = install::removal(context, &checkout, &installed)?;
    if args.state {
        return with_state(&args, context, &checkout, open, &removal, &installed, report);
    }
    take_out(&removal, open.as_ref(), args.dry_run, report)?;
    if let Some(open) = open {
        let dir = open.state().path().display();
        report.note(&format!("{dir}: the state directory stays; swarmlock uninstall --state shows what is in it"));
    }
    Ok(Code::Done)
}

/// What is noted of the files; where the note is damaged, our entries are known by what they call.
fn noted(open: Option<&Open>, report: &Report) -> Result<Installed, Failure> {
    match open.map(|open| Installed::read(open.state())).transpose() {
        Ok(installed) => Ok(installed.unwrap_or_default()),
        Err(error @ store::Error::Damaged { .. }) => {
            report.warning(&format!("{error}; going on by what is seen in the files"));
            Ok(Installed::default())
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes the hooks out, or shows it.
fn take_out(removal: &Removal, open: Option<&Open>, look: bool, report: &mut Report) -> Result<(), Failure> {
    if !look {
        removal.apply(open)?;
    }
    for difference in removal.show(!look, look, report) {
        report.text(&difference);
    }
    if removal.changes_nothing() {
        report.note("no hooks are installed here");
    } else if look {
        report.note("nothing was changed");
    } else {
        report.changed();
    }
    Ok(())
}

fn with_state(
    args: &Args,
    context: &Context,
    checkout: &Checkout,
    open: Option<Open>,
    removal: &Removal,
    installed: &Installed,
    report: &mut Report,
) -> Outcome {
    let agent = context.identity_if_known()?.map(|identity| identity.id);
    let Some(open) = open else {
        take_out(removal, None, !args.yes, report)?;
        report.note("there is no state directory");
        return if args.yes { sweep(checkout, report) } else { Ok(Code::Done) };
    };
    let mut held = Vec::new();
    open.locks().for_each(|_, found| held.extend(found.ok().filter(|found| !found.verdict.is_over())))?;
    let now = host::now();
    if !args.yes {
        take_out(removal, Some(&open), true, report)?;
        for found in &held {
            report.data(&["held", &found.head.text(), found.lease.agent_id.as_str()], || describe::json(found, now));
        }
    }
    let elsewhere = |note: &&Installation| note.worktree.as_deref() != checkout.worktree().name();
    for note in installed.files.iter().filter(elsewhere) {
        let place =
            note.worktree.as_deref().map_or_else(|| "the main checkout".to_owned(), |name| format!("worktree {name}"));
        report.warning(&format!("{place}: {} has hooks too; call uninstall there", note.path));
    }
    let dir = open.state().path().to_string_lossy().into_owned();
    if !args.yes {
        let messages = open.state().dir().look(&store::layout::MESSAGES)?.map_or(0, |found| found.size);
        report.data(
            &["would_remove", &dir],
            || json!({ "result": "would_remove", "dir": dir, "leases": held.len(), "message_bytes": messages }),
        );
        let first = if held.iter().any(|found| Some(&found.lease.agent_id) != agent.as_ref()) {
            "once what others hold is released, with --yes it will be"
        } else {
            "with --yes it will be"
        };
        report.note(&format!("nothing was changed; {first}: live leases: {}, messages: {messages} bytes", held.len()));
        return Ok(Code::Done);
    }
    take_out_all(&open, removal, installed, checkout, agent.as_ref(), report)?;
    report.changed();
    report.data(
        &["removed", &dir],
        || json!({ "result": "removed", "dir": dir, "leases": held.len(), "message_bytes": 0 }),
    );
    sweep(checkout, report)
}

/// Removes what calls that were killed have left beside the state directory.
fn sweep(checkout: &Checkout, report: &mut Report) -> Outcome {
    let Some(parent) = Dir::open(checkout.home())? else { return Ok(Code::Done) };
    let (swept, left) = store::sweep_dead_inits(&parent, checkout.state_name())?;
    if swept > 0 {
        report.changed();
    }
    let mut code = Code::Done;
    for failure in left.into_iter().map(Failure::from) {
        report.failure(&failure);
        code = code.max(failure.code);
    }
    Ok(code)
}

/// Takes the hooks out and removes the state directory, unless another agent holds something in it.
fn take_out_all(
    open: &Open,
    removal: &Removal,
    installed: &Installed,
    checkout: &Checkout,
    agent: Option<&AgentId>,
    report: &mut Report,
) -> Result<(), Failure> {
    let refuse = |found: &crate::domain::Found, done: &str| {
        let (resource, holder) = (found.head.text(), &found.lease.agent_id);
        Failure::new(Code::Held, format!("{resource}: held by {holder}; the state directory was left, and {done}"))
            .help("wait until it is released, or take it away with force-release")
            .next("swarmlock list")
    };
    let others = |done: &str| -> Result<Option<Failure>, Failure> {
        let mut found = None;
        open.locks().for_each(|_, lease| {
            // One that cannot be read may be live: it is for a person to look at.
            let theirs =
                |lease: &crate::domain::Found| !lease.verdict.is_over() && Some(&lease.lease.agent_id) != agent;
            match lease {
                Ok(lease) => found = found.take().or_else(|| theirs(&lease).then(|| refuse(&lease, done))),
                Err(error) => found = found.take().or_else(|| Some(error.into())),
            }
        })?;
        Ok(found)
    };
    if let Some(refusal) = others("nothing was changed")? {
        return Err(refusal);
    }
    take_out(removal, Some(open), false, report)?;
    let Some(parent) = Dir::open(checkout.home())? else {
        return Err(store::Error::Replaced { path: checkout.state_path() }.into());
    };
    let guarded = open.locks().installing()?;
    // Again, now that nobody can take another one.
    if let Some(refusal) = others("the hooks are taken out")? {
        return Err(refusal);
    }
    // What an init has entered in between would be forgotten with the directory. What is damaged says nothing either way.
    let here = |note: &&Installation| note.worktree.as_deref() == checkout.worktree().name();
    let anew = |note: &&Installation| !installed.files.contains(note);
    if let Some(note) = guarded.installed().unwrap_or_default().files.iter().filter(here).find(anew) {
        return Err(Failure::new(
            Code::Busy,
            format!("{}: hooks were entered just now; the state directory was left", note.path),
        )
        .help("ask again when nobody else enters hooks here")
        .next("swarmlock uninstall --state --yes"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "any 64 of the random bits will do")]
    let nonce = host::random()? as u64;
    Ok(guarded.remove_state(&parent, checkout.state_name(), nonce)?)
}
