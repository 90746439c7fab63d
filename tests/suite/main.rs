//! Tests of the built binary and of the library with real processes in real directories.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests make and break files by every way there is, and fail by panicking"
)]
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "modules of one test binary")]

mod commands;
mod docs;
mod durable;
mod escapes;
mod example;
mod harness;
mod hooks;
mod hostile;
mod identity;
mod identity_registry;
mod install;
mod keeper;
mod life;
mod load;
mod locks;
mod mail;
mod naming;
mod output;
mod panes;
mod paths;
mod processes;
mod proof;
mod reads;
mod recipes;
mod refusals;
mod release;
mod running;
mod scale;
mod tmux;
mod told;
mod waiting;
mod worktrees;
