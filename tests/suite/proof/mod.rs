//! The promises that matter most, attacked: by processes that race, by kills and errors at every system call, by an
//! attacker who swaps directories, by a busy reader, by everything that ends an era. Each has a control: something
//! unsafe in the same harness that the harness catches.

mod arena;
mod contests;
mod counter;
mod crash_states;
pub mod eras;
mod hooks_judge;
mod hooks_races;
mod hooks_sweep;
mod hooks_table;
pub mod lib_agent;
mod numbers;
mod parts_sweep;
mod parts_table;
mod parts_twice;
mod parts_view;
mod races;
pub mod reader;
mod records_sweep;
mod run_sweep;
mod several;
pub mod strace;
mod swap;
pub mod sweep;
mod sweep_judge;
mod sweep_table;
mod upgrades;

use std::{env, process::Command};

/// Names what a worker is to do; a JSON list of texts.
const TASK: &str = "SWARMLOCK_PROOF_TASK";

/// Rounds are multiplied by this: `SWARMLOCK_SOAK`, 1 unless set.
pub fn soak() -> usize {
    env::var("SWARMLOCK_SOAK").map_or(1, |text| text.parse().expect("SWARMLOCK_SOAK is a number"))
}

/// This test binary once more, to do `task` in the test `worker`: a real process that uses the library.
fn worker(worker: &str, task: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([worker, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(TASK, serde_json::to_string(task).unwrap()).env_remove("SWARMLOCK_DIR");
    command
}

/// The task of this process, if it is a worker.
fn task() -> Option<Vec<String>> {
    env::var(TASK).ok().map(|text| serde_json::from_str(&text).unwrap())
}
