//! The `swarmlock` command.

use std::process::ExitCode;

/// That of musl asks the kernel for memory at nearly every request: dozens of system calls before a command begins.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    swarmlock::cli::main(std::env::args_os().collect())
}
