//! One file a command (`tests/architecture.rs` sees to it), named as the command.

mod acquire;
mod capabilities;
mod check;
mod cleanup;
mod completions;
mod config;
mod force_release;
mod gc;
mod history;
mod init;
mod list;
mod queue;
mod redact;
mod release;
mod renew;
mod run;
mod runs;
mod status;
mod wait;
mod who;
mod whoami;
