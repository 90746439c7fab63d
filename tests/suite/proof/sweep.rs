//! Every transition, stopped at every system call: killed before the call, or the call answered with an error.

use std::{collections::BTreeMap, fs, process::Command, time::Instant};

use super::{
    strace::{self, Point},
    sweep_judge::Stage,
    sweep_table::{AGENT, IN_PLACE, TRANSITIONS, Transition, UNTOLD},
};
use crate::harness::{Run, skip};

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill,
    Error(&'static str),
}

/// Calls on files, with a word that an error about them holds.
const FILE_CALLS: &[(&str, &str)] = &[
    ("close", "close"),
    ("fchmod", "fchmod"),
    ("fcntl", "fcntl"),
    ("fdatasync", "fdatasync"),
    ("flock", "flock"),
    ("fstat", "stat"),
    ("fsync", "fsync"),
    ("ftruncate", "ftruncate"),
    ("getcwd", "getcwd"),
    ("getdents64", "getdents"),
    ("lseek", "lseek"),
    ("mkdirat", "mkdir"),
    ("newfstatat", "stat"),
    ("openat", "open"),
    ("openat2", "open"),
    ("pread64", "read"),
    ("pwrite64", "write"),
    ("read", "read"),
    ("readlinkat", "readlink"),
    ("renameat", "rename"),
    ("renameat2", "rename"),
    ("statx", "stat"),
    ("unlinkat", "unlink"),
    ("utimensat", "utimensat"),
    ("write", "write"),
];

/// Calls that get no error: they have none of these (ids, names, random bits), or the runtime makes them for memory and
/// signals before and beside our code and aborts when they fail, as any Rust program does. They are killed at, too.
const OTHER_CALLS: &[&str] = &[
    "brk",
    "exit_group",
    "futex",
    "geteuid",
    "getpid",
    "getppid",
    "getrandom",
    "gettid",
    "getuid",
    "ioctl",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "poll",
    "ppoll",
    "prctl",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
    "uname",
];

#[test]
fn killed_at_any_call_a_change_is_done_or_not() {
    sweep("killed_at_any_call_a_change_is_done_or_not", Fault::Kill);
}

#[test]
fn an_input_output_error_at_any_call_is_told_and_leaves_the_state_whole() {
    sweep("an_input_output_error_at_any_call_is_told_and_leaves_the_state_whole", Fault::Error("EIO"));
}

#[test]
fn a_full_disk_at_any_call_is_told_and_leaves_the_state_whole() {
    sweep("a_full_disk_at_any_call_is_told_and_leaves_the_state_whole", Fault::Error("ENOSPC"));
}

#[test]
fn an_interruption_at_any_call_leaves_the_state_whole() {
    sweep("an_interruption_at_any_call_leaves_the_state_whole", Fault::Error("EINTR"));
}

#[test]
fn control_a_lock_written_in_place_is_caught() {
    if let Err(why) = strace::usable() {
        return skip("control_a_lock_written_in_place_is_caught", &why);
    }
    let faults = sweep_one(&IN_PLACE, Fault::Kill);
    assert!(faults.iter().any(|fault| fault.contains("is torn")), "the sweep does not see a torn file: {faults:#?}");
}

#[test]
fn control_a_change_that_tells_no_event_is_caught() {
    if let Err(why) = strace::usable() {
        return skip("control_a_change_that_tells_no_event_is_caught", &why);
    }
    let faults = sweep_one(&UNTOLD, Fault::Kill);
    assert!(faults.iter().any(|fault| fault.contains("events []")), "the sweep does not miss an event: {faults:#?}");
}

fn sweep(test: &str, fault: Fault) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let found: Vec<String> = TRANSITIONS.iter().flat_map(|transition| sweep_one(transition, fault)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Everything that is wrong with the transition.
fn sweep_one(transition: &Transition, fault: Fault) -> Vec<String> {
    let began = Instant::now();
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let mut stage = Stage::new();
    stage.prepare(transition);
    let clean = run(&stage, transition, strace::under::<&str>(&[], &trace));
    assert_eq!(clean.code, 0, "{}: {clean}", transition.name);
    let points: Vec<Point> = strace::own_points(&trace).into_iter().filter(|point| applies(fault, point)).collect();
    assert!(points.len() >= transition.least, "{}: only {points:?}", transition.name);
    let mut found = Vec::new();
    for point in &points {
        let before = stage.prepare(transition);
        let (what, done) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let only = format!("trace={}", point.name);
        let how = ["-e", &only, "-e", &inject, strace::QUICK];
        let how = if fault == Fault::Kill { &how[..4] } else { &how };
        let run = run(&stage, transition, strace::under(how, &trace));
        let text = fs::read_to_string(&trace).unwrap();
        let judged = match text.contains(done) {
            false => Err(format!("it was not hit: {run}")),
            true => judge_run(fault, point, &run)
                .and_then(|()| stage.judge(transition, &before, (fault != Fault::Kill).then_some(run.code))),
        };
        if let Err(why) = judged {
            found.push(format!("{}, {fault:?} at {} {}: {why}", transition.name, point.name, point.nth));
            stage = Stage::new();
        }
    }
    let mut names = BTreeMap::new();
    for point in &points {
        *names.entry(&*point.name).or_insert(0) += 1;
    }
    eprintln!("{fault:?}, {}: {} points hit, {:.1?} {names:?}", transition.name, points.len(), began.elapsed());
    found
}

/// Whether a fault of this kind is made at a call.
pub fn applies(fault: Fault, point: &Point) -> bool {
    let file = FILE_CALLS.iter().any(|(name, _)| *name == point.name);
    fault == Fault::Kill || file || {
        assert!(OTHER_CALLS.contains(&&*point.name), "{} is in neither list of calls", point.name);
        false
    }
}

fn run(stage: &Stage, transition: &Transition, mut strace: Command) -> Run {
    let (program, args) = stage.command(transition.run);
    // PWD: without it a shell asks for its directory, which is where a sweep begins.
    strace.arg(program).args(args).current_dir(stage.site().root()).env("SWARMLOCK_AGENT", AGENT).env_remove("PWD");
    Run::from(strace.env_remove("SWARMLOCK_DIR").output().unwrap())
}

/// Dead, or a plain answer: no panic, and an error names the call that failed.
pub fn judge_run(fault: Fault, point: &Point, run: &Run) -> Result<(), String> {
    if fault == Fault::Kill {
        return if run.code == 128 + 9 { Ok(()) } else { Err(format!("not killed: {run}")) };
    }
    let word = FILE_CALLS.iter().find(|(name, _)| *name == point.name).unwrap().1;
    match run.code {
        0 => Ok(()),
        1 | 65 | 73 | 75 if run.err.contains(word) => Ok(()),
        _ => Err(format!("no clear error: {run}")),
    }
}
