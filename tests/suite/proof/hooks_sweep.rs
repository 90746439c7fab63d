//! Calls of hooks, stopped at every system call: killed before the call, or the call answered with an error. A hook
//! answers 0 or 2 whatever happens, and what another holds is never let through without a word.

use std::{fs, process::Command, time::Instant};

use super::{
    hooks_judge::{Answer, Stage, answer, stdin},
    hooks_table::{CARELESS, CHANGES, Change, IN_PLACE, Program, READ_FIRST, REFUSED},
    soak,
    strace::{self, Point},
    sweep::{Fault, applies},
};
use crate::harness::{Run, skip, without_identity};

#[test]
fn killed_at_any_call_a_hook_has_done_its_work_or_not() {
    sweep("killed_at_any_call_a_hook_has_done_its_work_or_not", Fault::Kill);
}

#[test]
fn an_input_output_error_at_any_call_of_a_hook_lets_the_agent_work_and_is_told() {
    sweep("an_input_output_error_at_any_call_of_a_hook_lets_the_agent_work_and_is_told", Fault::Error("EIO"));
}

#[test]
fn a_full_disk_at_any_call_of_a_hook_lets_the_agent_work_and_is_told() {
    sweep("a_full_disk_at_any_call_of_a_hook_lets_the_agent_work_and_is_told", Fault::Error("ENOSPC"));
}

#[test]
fn an_interruption_at_any_call_of_a_hook_lets_the_agent_work() {
    sweep("an_interruption_at_any_call_of_a_hook_lets_the_agent_work", Fault::Error("EINTR"));
}

#[test]
fn with_an_error_at_any_call_what_another_holds_is_refused_or_somebody_is_told() {
    let test = "with_an_error_at_any_call_what_another_holds_is_refused_or_somebody_is_told";
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let mut found = Vec::new();
    for errno in ["EIO", "ENOSPC"].into_iter().take(if soak() > 1 { 2 } else { 1 }) {
        let (wrong, warned) = sweep_one(&REFUSED, Fault::Error(errno), true);
        found.extend(wrong);
        for (point, said) in &warned {
            eprintln!("{errno} at {} {}: let through, with a warning: {}", point.name, point.nth, said.trim_end());
        }
        // What is written, and the guard, have nothing to do with whether another holds it.
        let written = warned.iter().filter(|(point, _)| CHANGING.contains(&&*point.name));
        found.extend(written.map(|(point, said)| format!("{errno} at {point:?}: let through: {said}")));
    }
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn control_a_hook_that_writes_a_lock_in_place_is_caught() {
    caught("control_a_hook_that_writes_a_lock_in_place_is_caught", &IN_PLACE, Fault::Kill, "is torn");
}

#[test]
fn control_a_hook_that_reads_messages_before_it_shows_them_is_caught() {
    let test = "control_a_hook_that_reads_messages_before_it_shows_them_is_caught";
    caught(test, &READ_FIRST, Fault::Kill, "never shown");
}

#[test]
fn control_a_hook_that_lets_through_what_it_cannot_read_is_caught() {
    let test = "control_a_hook_that_lets_through_what_it_cannot_read_is_caught";
    caught(test, &CARELESS, Fault::Error("EIO"), "not what was to be answered");
}

fn caught(test: &str, change: &Change, fault: Fault, what: &str) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let (faults, _) = sweep_one(change, fault, true);
    assert!(faults.iter().any(|fault| fault.contains(what)), "the sweep does not see it: {faults:#?}");
}

fn sweep(test: &str, fault: Fault) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let found: Vec<String> = CHANGES.iter().flat_map(|change| sweep_one(change, fault, soak() > 1).0).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Calls that change something, and the guard; of the others a sample is stopped at unless `SWARMLOCK_SOAK` is set.
const CHANGING: [&str; 12] = [
    "fchmod",
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "mkdirat",
    "pwrite64",
    "renameat",
    "renameat2",
    "unlinkat",
    "utimensat",
    "write",
];

fn is_swept(fault: Fault, at: usize, point: &Point) -> bool {
    let others = match fault {
        Fault::Kill => 8,
        Fault::Error("EIO") => 5,
        Fault::Error(_) => 16,
    };
    CHANGING.contains(&&*point.name) || at.is_multiple_of(others)
}

/// Everything that is wrong with a call that is stopped so, and where it was let through with a warning.
fn sweep_one(change: &Change, fault: Fault, all: bool) -> (Vec<String>, Vec<(Point, String)>) {
    let began = Instant::now();
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let stage = Stage::new(change);
    let clean = run(&stage, change, strace::under::<&str>(&[], &trace));
    assert!([0, 2].contains(&clean.code), "{}: {clean}", change.name);
    let points = strace::own_points(&trace);
    assert!(points.len() >= change.least, "{}: only {}: {points:?}", change.name, points.len());
    let of_fault = |(at, point): (usize, Point)| {
        // A `close` that is made to fail is not made; the kernel closes all the same.
        let real = fault == Fault::Kill || point.name != "close";
        let made = match change.run {
            Program::Hook(..) => applies(fault, &point),
            Program::Shell(_) => fault == Fault::Kill || ["openat", "read"].contains(&&*point.name),
        };
        let swept = real && made && (all || is_swept(fault, at, &point));
        swept.then_some(point)
    };
    let points: Vec<Point> = points.into_iter().enumerate().filter_map(of_fault).collect();
    let (mut found, mut warned, mut hit) = (Vec::new(), Vec::new(), 0);
    for point in &points {
        let stage = Stage::new(change);
        let before = stage.state().unwrap();
        let (what, done) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let only = format!("trace={}", point.name);
        let how = ["-e", &only, "-e", &inject, strace::QUICK];
        let asked = Instant::now();
        let run = run(&stage, change, strace::under(if fault == Fault::Kill { &how[..4] } else { &how }, &trace));
        let took = asked.elapsed();
        hit += usize::from(fs::read_to_string(&trace).unwrap().contains(done));
        let answer = answer(&run);
        if answer == Answer::Warned {
            warned.push((point.clone(), run.out.clone()));
        }
        let judged = judge_run(point, &run)
            .and_then(|()| stage.judge(change, &before, &run, answer))
            .and_then(|()| if took.as_secs() < 10 { Ok(()) } else { Err(format!("took {took:?}: {run}")) });
        if let Err(why) = judged {
            found.push(format!("{}, {fault:?} at {} {}: {why}", change.name, point.name, point.nth));
        }
    }
    eprintln!("{fault:?}, {}: {hit} of {} points hit, {:.1?}", change.name, points.len(), began.elapsed());
    // What a script calls is another matter.
    let enough = matches!(change.run, Program::Shell(_)) || hit * 10 >= points.len() * 8;
    assert!(enough, "{}: only {hit} of {} were hit", change.name, points.len());
    (found, warned)
}

fn run(stage: &Stage, change: &Change, mut strace: Command) -> Run {
    let (program, args, payload) = stage.command(change);
    without_identity(strace.arg(program).args(args).current_dir(stage.site().root()));
    // PWD: without it a shell asks for its directory, which is where a sweep begins. And no tmux is found.
    strace.env_remove("PWD").env("TMUX_TMPDIR", stage.site().root()).stdin(stdin(&payload));
    Run::from(strace.output().unwrap())
}

/// Killed, or 0 or 2; what cannot be put out at all is told by another code.
fn judge_run(point: &Point, run: &Run) -> Result<(), String> {
    match run.code {
        0 | 2 | 137 => Ok(()),
        1 if point.name == "write" && run.err.contains("write stdout") => Ok(()),
        _ => Err(format!("no answer of a hook: {run}")),
    }
}
