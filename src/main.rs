//! The `swarmlock` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    swarmlock::cli::main(std::env::args_os().collect())
}
