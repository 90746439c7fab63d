//! The call in the command's own process.

use std::{ffi::OsString, process::ExitCode};

use serde_json::json;

use crate::{
    cli::{Code, Failure, Report, report::Format},
    host::child::{Handed, Refused},
};

/// Becomes the command, if these arguments hand one over. Comes back only if it cannot, with the exit code.
pub(in crate::cli) fn handed(args: &[OsString]) -> Option<ExitCode> {
    let handed = Handed::read(args)?;
    let format = Format { json: handed.json, quiet: false };
    let refused = handed.become_it();
    let (code, is_text) = (refused.code(), refused.is_no_program());
    // Whoever it was for is gone.
    if let Refused::Exec { command, error } = refused {
        let message = format!("exec {}: {error}", command.to_string_lossy());
        let failure = Failure::new(Code::Failed, message).detail("exit_code", json!(code));
        let failure = match code {
            127 => failure
                .help("there is no such command, by that path or in PATH; or no interpreter that its first line names"),
            _ if is_text => failure
                .help("it is no program, and names none in a first line with #!: give its interpreter, as in: sh FILE"),
            _ => failure.help("it is not a program that may be run, or a directory of PATH may not be searched"),
        };
        Report::new(format).of("run", Vec::new()).failure(&failure.next("swarmlock run --help"));
    }
    Some(ExitCode::from(code))
}
