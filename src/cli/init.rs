//! `init`: make the state directory.

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Outcome, Report, Spec, args};

pub(super) const SPEC: Spec = Spec {
    name: "init",
    aliases: &[],
    about: "Make the state directory; needed only outside git",
    prints: "made or exists; directory",
    args: Args::augment_args,
    run: init,
};

#[derive(Debug, clap::Args)]
struct Args {}

fn init(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let Args {} = args::of(matches)?;
    let checkout = context.checkout_for_init()?;
    let (open, made) = context.open_or_init(&checkout)?;
    // One that is there must also be sound.
    let era = open.state().current_era(open.machine())?;
    if made {
        report.changed();
    }
    let word = if made { "made" } else { "exists" };
    let dir = open.state().path().to_string_lossy().into_owned();
    report.data(&[word, &dir], || json!({ "result": word, "dir": dir, "era": era.number }));
    Ok(Code::Done)
}
