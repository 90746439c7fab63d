//! `run`, stopped at every system call: the next one gets the lease at once, and nothing is left of the first.

use std::{fs, process::Command};

use super::strace::{self, Point};
use crate::{
    harness::{BINARY, Run, Site, skip},
    processes::usable,
};

/// What is done to `run` at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Error(&'static str),
}

fn prepared() -> Site {
    let site = Site::new();
    // So that all directories are there.
    site.agent("alice").run(["run", "name:x", "--", "true"]).expect(0);
    site.agent("alice").run(["acquire", "name:y"]).expect(0);
    site.agent("bob").run(["acquire", "name:y", "--queue"]).expect(10);
    site
}

/// One that takes a place in line first, and is granted at the second look.
fn run(site: &Site, mut strace: Command) -> Run {
    let args = ["run", "name:x", "src/a.rs", "--", "sh", "-c", "echo ran >>ran"];
    strace.arg(BINARY).args(args).current_dir(site.root()).env("SWARMLOCK_AGENT", "alice").env_remove("PWD");
    Run::from(strace.env_remove("SWARMLOCK_DIR").output().unwrap())
}

/// What the process that was started first calls.
fn points(trace: &std::path::Path) -> Vec<Point> {
    let text = fs::read_to_string(trace).unwrap();
    let first = text.split_whitespace().next().unwrap().to_owned();
    let own: String = text.lines().filter(|line| line.starts_with(&first)).map(|line| format!("{line}\n")).collect();
    fs::write(trace, own).unwrap();
    strace::own_points(trace)
}

fn sweep(test: &str, fault: Fault) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    if !usable(test) {
        return;
    }
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let clean = run(&prepared(), strace::under::<&str>(&[], &trace));
    assert_eq!(clean.code, 0, "{clean}");
    let of_interest = |point: &Point| match fault {
        Fault::Kill => true,
        Fault::Error(_) => ["openat2", "pwrite64", "renameat", "renameat2", "unlinkat", "write", "flock", "statx"]
            .contains(&&*point.name),
    };
    let points: Vec<Point> = points(&trace).into_iter().filter(of_interest).collect();
    assert!(points.len() > 20, "{points:?}");
    let (mut wrong, mut hit) = (Vec::new(), 0);
    for point in &points {
        let site = prepared();
        let (what, sign) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let stopped = run(&site, strace::under(&["-e", &inject], &trace));
        hit += usize::from(fs::read_to_string(&trace).unwrap().contains(sign));
        wrong.extend(judge(&site).err().map(|why| format!("{fault:?} at {point:?}: {why}; stopped: {stopped}")));
    }
    eprintln!("{fault:?}: {hit} of {} points hit", points.len());
    assert!(hit * 10 > points.len() * 9, "the control: {hit} of {} were hit", points.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Another gets it at once; the records can be read; and after a clean-up nothing is left but what was there.
fn judge(site: &Site) -> Result<(), String> {
    let next = site.agent("carol").run(["run", "name:x", "src/", "--wait=5s", "--", "true"]);
    let cleaned = site.agent("carol").run(["cleanup"]);
    let records = site.agent("carol").run(["runs", "--json"]);
    let held = site.agent("carol").run(["list"]);
    let line = site.agent("carol").run(["queue"]);
    let all = [&next, &cleaned, &records, &held, &line];
    if let Some(failed) = all.iter().find(|run| run.code != 0) {
        return Err(failed.to_string());
    }
    let running = records.json_lines().iter().any(|record| record["state"] == "running");
    let only = |run: &Run, word: &str| run.out.lines().count() == 1 && run.out.contains(word);
    match (running, only(&held, "name:y\talice"), only(&line, "bob")) {
        (false, true, true) => Ok(()),
        _ => Err(format!("something is left: {records} {held} {line}")),
    }
}

#[test]
fn killed_at_any_call_a_run_is_free_at_once_and_leaves_nothing() {
    sweep("killed_at_any_call_a_run_is_free_at_once_and_leaves_nothing", Fault::Kill);
}

#[test]
fn after_an_error_at_any_call_a_run_is_free_at_once_and_leaves_nothing() {
    for errno in ["EIO", "ENOSPC"] {
        sweep("after_an_error_at_any_call_a_run_is_free_at_once", Fault::Error(errno));
    }
}
