//! Entering hooks in the settings of harnesses, and taking them out.

mod binary;
mod files;
mod plan;
mod remove;
mod signs;

pub(in crate::cli) use binary::binary;
pub(in crate::cli) use files::Files;
pub(in crate::cli) use plan::{Applied, Planned, plan};
pub(in crate::cli) use remove::{Removal, removal};
pub(in crate::cli) use signs::{Wanted, wanted};

use super::{Code, Context, Failure};
use crate::{
    checkout::Checkout,
    domain::settings::{Flaw, Harness},
};

/// The files in which instructions for agents stand.
const INSTRUCTIONS: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// The label of instructions, where a file of settings has its harness.
const INSTRUCTIONS_LABEL: &str = "instructions";

/// A file that somebody else goes on changing.
pub(in crate::cli) fn overtaken(path: &str, command: &str) -> Failure {
    Failure::new(Code::Busy, format!("{path}: it was changed by somebody else just now; nothing was written"))
        .help("ask again when nobody else writes to it")
        .next(format!("swarmlock {command}"))
}

/// A file that cannot be changed because of what is in it.
fn flawed(path: &str, flaw: &Flaw) -> Failure {
    Failure::new(Code::Config, format!("{path}: {flaw}"))
        .help("repair the file and ask again; nothing was written")
        .next("swarmlock init --harness none")
}

/// Whether the checkout's own settings of the harness with this name have hooks that call us.
///
/// # Errors
/// If they cannot be read.
pub(in crate::cli) fn is_entered(context: &Context, checkout: &Checkout, harness: &str) -> Result<bool, Failure> {
    let Some(harness) = Harness::named(harness) else { return Ok(false) };
    let Some(there) = Files::of(checkout)?.read(harness.path)? else { return Ok(false) };
    Ok(plan::holds(&there.text, Some(harness), &binary(context)?))
}
