//! Kills and errors at chosen system calls, by `strace --inject`.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::harness::without_harnesses;

/// Stops only at the calls that are traced. Signals are not injected under it: errors are.
pub const QUICK: &str = "--seccomp-bpf";

/// Whether strace is there and may trace; else why not.
pub fn usable() -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let probe = under(&[QUICK, "-e", "trace=chdir", "-e", "inject=chdir:error=EIO"], &trace).args(["true"]).output();
    match probe {
        Err(error) => Err(format!("strace: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// strace, following threads, killed with what it traces if that hangs. The traced command is still to be added.
pub fn under<A: AsRef<OsStr>>(args: &[A], trace: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "600", "strace", "-f", "-o"]).arg(trace).args(args).stdin(Stdio::null());
    without_harnesses(&mut command);
    command
}

/// A system call as a trace shows it: its name, and which of its name it is, counted from 1. strace counts so, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    pub name: String,
    pub nth: usize,
}

/// The calls in a trace from the first `getcwd` on, which is the first of ours: before it the loader and the runtime
/// start the program.
pub fn own_points(trace: &Path) -> Vec<Point> {
    let text = fs::read_to_string(trace).unwrap();
    let mut counts = std::collections::HashMap::new();
    let (mut ours, mut points) = (false, Vec::new());
    for line in text.lines() {
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let Some((name, _)) = call.split_once('(') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let nth = counts.entry(name.to_owned()).and_modify(|n| *n += 1).or_insert(1_usize);
        ours |= name == "getcwd";
        if ours {
            points.push(Point { name: name.to_owned(), nth: *nth });
        }
    }
    points
}
