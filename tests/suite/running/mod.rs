//! `run` and the process that it watches: how it ends, what it hears of, what it prints, where its terminal is.

mod ends;
mod lease;
mod lost;
mod output;
mod record;
mod signals;
mod terminal;

use std::{
    fs,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::Site;

/// Nothing that is waited for takes nearly as long.
const NEVER: Duration = Duration::from_secs(45);

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < NEVER, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The first line of a file that a command writes, once it is whole.
#[track_caller]
fn line_of(path: &Path) -> String {
    let mut line = String::new();
    until(&format!("a line in {}", path.display()), || {
        line = fs::read_to_string(path).unwrap_or_default();
        line.contains('\n')
    });
    line.lines().next().unwrap().to_owned()
}

/// The process whose number a command has written to this file.
#[track_caller]
fn pid_in(path: &Path) -> Pid {
    Pid::from_raw(line_of(path).trim().parse().unwrap()).unwrap()
}

/// The state of a process, as `/proc` shows it; `None` if there is none.
fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

fn is_gone(pid: Pid) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Whether nobody holds this name.
fn is_free(site: &Site, name: &str) -> bool {
    site.agent("somebody").run(["check", name]).out.starts_with("free")
}
