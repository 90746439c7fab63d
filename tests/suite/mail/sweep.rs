//! Every change of messages and agents, stopped at every system call: killed before the call, or the call answered with
//! an error.

use std::{fs, process::Command, time::Instant};

use super::{
    soak,
    sweep_judge::Stage,
    sweep_table::{CHANGES, Change, Effect, IN_PARTS, UNTRACKED},
};
use crate::{
    harness::{BINARY, Run, skip, without_identity},
    proof::{
        strace::{self, Point},
        sweep::{Fault, applies, judge_run},
    },
};

#[test]
fn killed_at_any_call_a_message_is_sent_or_not_and_nothing_is_untracked_doubled_or_skipped() {
    sweep("killed_at_any_call_a_message_is_sent_or_not_and_nothing_is_untracked_doubled_or_skipped", Fault::Kill);
}

#[test]
fn an_input_output_error_at_any_call_about_messages_is_told_and_leaves_the_logs_whole() {
    sweep("an_input_output_error_at_any_call_about_messages_is_told_and_leaves_the_logs_whole", Fault::Error("EIO"));
}

#[test]
fn a_full_disk_at_any_call_about_messages_is_told_and_leaves_the_logs_whole() {
    sweep("a_full_disk_at_any_call_about_messages_is_told_and_leaves_the_logs_whole", Fault::Error("ENOSPC"));
}

#[test]
fn an_interruption_at_any_call_about_messages_leaves_the_logs_whole() {
    sweep("an_interruption_at_any_call_about_messages_leaves_the_logs_whole", Fault::Error("EINTR"));
}

#[test]
fn control_a_line_that_is_written_in_parts_is_caught() {
    caught("control_a_line_that_is_written_in_parts_is_caught", &IN_PARTS, "is torn");
}

#[test]
fn control_an_entry_that_is_taken_out_without_a_line_is_caught() {
    caught("control_an_entry_that_is_taken_out_without_a_line_is_caught", &UNTRACKED, "untracked");
}

fn caught(test: &str, change: &Change, what: &str) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let faults = sweep_one(change, Fault::Kill);
    assert!(faults.iter().any(|fault| fault.contains(what)), "the sweep does not see it: {faults:#?}");
}

fn sweep(test: &str, fault: Fault) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let found: Vec<String> = CHANGES.iter().flat_map(|change| sweep_one(change, fault)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Whether it is swept at a point, which is the `at`th: unless `SWARMLOCK_SOAK` is set, at some only. Between two calls
/// that change something the state is the same, whichever of the others it is killed at; and of errors most of those are
/// told in one way.
fn is_swept(fault: Fault, at: usize, point: &Point) -> bool {
    const CHANGING: [&str; 10] = [
        "fchmod",
        "fdatasync",
        "fsync",
        "ftruncate",
        "mkdirat",
        "pwrite64",
        "renameat",
        "renameat2",
        "unlinkat",
        "write",
    ];
    let others = match fault {
        Fault::Kill => 5,
        Fault::Error("EIO") => 4,
        Fault::Error(_) => 12,
    };
    // A `close` that is made to fail is not made; the kernel closes all the same. Two stays inside the guard would be one.
    let real = fault == Fault::Kill || point.name != "close";
    real && applies(fault, point) && (soak() > 1 || CHANGING.contains(&&*point.name) || at.is_multiple_of(others))
}

/// Everything that is wrong with a change that is stopped so.
fn sweep_one(change: &Change, fault: Fault) -> Vec<String> {
    let began = Instant::now();
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let mut stage = Stage::new(change);
    stage.prepare();
    let clean = run(&stage, change, strace::under::<&str>(&[], &trace));
    assert_eq!(clean.code, 0, "{}: {clean}", change.name);
    let points = strace::own_points(&trace);
    assert!(points.len() >= change.least, "{}: only {}: {points:?}", change.name, points.len());
    let swept = |(at, point): (usize, Point)| is_swept(fault, at, &point).then_some(point);
    let points: Vec<Point> = points.into_iter().enumerate().filter_map(swept).collect();
    let (mut found, mut hit) = (Vec::new(), 0);
    for point in &points {
        let before = stage.prepare();
        let (what, done) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let only = format!("trace={}", point.name);
        let how = ["-e", &only, "-e", &inject, strace::QUICK];
        let asked = Instant::now();
        let run = run(&stage, change, strace::under(if fault == Fault::Kill { &how[..4] } else { &how }, &trace));
        let is_hit = fs::read_to_string(&trace).unwrap().contains(done);
        hit += usize::from(is_hit);
        // What is read of processes is another number of calls each time.
        let judged = match is_hit {
            false => stage.judge(change, &before, &run, run.code == 0),
            true => judge_run(fault, point, &run)
                .and_then(|()| stage.judge(change, &before, &run, fault != Fault::Kill && run.code == 0)),
        };
        let judged = judged.and_then(|()| match asked.elapsed().as_secs() {
            ..20 => Ok(()),
            took => Err(format!("took {took} s: {run}")),
        });
        if let Err(why) = judged {
            found.push(format!("{}, {fault:?} at {} {}: {why}", change.name, point.name, point.nth));
            stage = Stage::new(change);
        }
    }
    eprintln!("{fault:?}, {}: {hit} of {} points hit, {:.1?}", change.name, points.len(), began.elapsed());
    // What a script calls is another matter.
    let enough = change.effect == Effect::Script || hit * 10 >= points.len() * 8;
    assert!(enough, "{}: only {hit} of {} were hit", change.name, points.len());
    found
}

fn run(stage: &Stage, change: &Change, mut strace: Command) -> Run {
    let script = change.args[0] == "sh";
    strace.arg(if script { "sh" } else { BINARY });
    strace.args(change.args.iter().skip(usize::from(script)).map(|arg| arg.replace("ID", &stage.id)));
    without_identity(&mut strace).env("SWARMLOCK_AGENT", change.agent);
    // PWD: without it a shell asks for its directory, which is where a sweep begins. And no tmux is found.
    strace.env_remove("PWD").env("TMUX_TMPDIR", stage.site().root());
    Run::from(strace.current_dir(stage.site().root()).output().unwrap())
}
