//! What changes the line, stopped at every system call: killed before the call, or the call answered with an error.

use std::collections::BTreeSet;

use crate::{
    harness::{BINARY, skip, without_identity},
    proof::strace::{self, Point},
};

use super::*;

/// A change to the line by bob; alice holds `name:x` at first.
struct Change {
    name: &'static str,
    args: fn(&Site) -> Vec<String>,
    prepare: fn(&Site),
    /// How the command ends undisturbed.
    code: i32,
    /// How the same command may end after one that was disturbed.
    again: &'static [i32],
    /// Fewer system calls than this are not the whole command.
    least: usize,
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(ToString::to_string).collect()
}

const CHANGES: &[Change] = &[
    Change {
        name: "takes a place and leaves it",
        args: |_| words(&["acquire", "--wait=0s", "name:x"]),
        prepare: |_| {},
        code: 11,
        again: &[11],
        least: 60,
    },
    Change {
        name: "leaves a ticket",
        args: |_| words(&["acquire", "--queue", "name:x"]),
        prepare: |_| {},
        code: 10,
        again: &[10],
        least: 60,
    },
    Change {
        name: "is granted what it waited for",
        args: |_| words(&["acquire", "--wait=0s", "name:x"]),
        prepare: |site| {
            site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10);
            site.agent("carol").run(["acquire", "--queue", "name:x"]).expect(10);
            site.agent("alice").run(["release", "name:x"]).expect(0);
        },
        code: 0,
        again: &[0],
        least: 60,
    },
    Change {
        name: "releases what another waits for",
        args: |_| words(&["release", "name:x"]),
        prepare: |site| {
            site.agent("alice").run(["release", "name:x"]).expect(0);
            site.agent("bob").run(["acquire", "name:x"]).expect(0);
            site.agent("carol").run(["acquire", "--queue", "name:x"]).expect(10);
        },
        code: 0,
        again: &[0],
        least: 60,
    },
    Change {
        name: "cancels a place",
        args: |site| words(&["queue", "cancel", &format!("t-{}", ticket_of(site, "bob").number)]),
        prepare: |site| drop(site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10)),
        code: 0,
        again: &[0, 13],
        least: 50,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Error(&'static str),
}

#[test]
fn killed_at_any_call_nobody_has_it_twice_and_nobody_is_blocked() {
    sweep("killed_at_any_call_nobody_has_it_twice_and_nobody_is_blocked", Fault::Kill);
}

#[test]
fn an_error_at_any_call_on_a_file_leaves_a_line_that_goes_on() {
    sweep("an_error_at_any_call_on_a_file_leaves_a_line_that_goes_on", Fault::Error("EIO"));
}

fn sweep(test: &str, fault: Fault) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let found: Vec<String> = CHANGES.iter().flat_map(|change| sweep_one(change, fault)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

fn prepared(change: &Change) -> Site {
    let site = held_by_alice();
    (change.prepare)(&site);
    site
}

/// bob's command under strace.
fn run(site: &Site, args: &[String], how: &[&str]) -> (Run, String) {
    let trace = site.path("trace");
    let mut command = strace::under(how, &trace);
    command.arg(BINARY).args(args).current_dir(site.root());
    without_identity(&mut command).env("SWARMLOCK_AGENT", "bob");
    (Run::from(command.output().unwrap()), fs::read_to_string(trace).unwrap())
}

/// Calls whose errors are the kernel's affair or the runtime's.
fn applies(fault: Fault, point: &Point) -> bool {
    const OTHERS: [&str; 19] = [
        "brk",
        "exit_group",
        "futex",
        "geteuid",
        "getpid",
        "getppid",
        "getrandom",
        "gettid",
        "madvise",
        "mmap",
        "mprotect",
        "mremap",
        "munmap",
        "prctl",
        "rt_sigaction",
        "rt_sigprocmask",
        "sigaltstack",
        "uname",
        "execve",
    ];
    fault == Fault::Kill || !OTHERS.contains(&&*point.name)
}

fn sweep_one(change: &Change, fault: Fault) -> Vec<String> {
    let (began, mut found) = (Instant::now(), Vec::new());
    let site = prepared(change);
    let (clean, _) = run(&site, &(change.args)(&site), &[]);
    assert_eq!(clean.code, change.code, "{}: {clean}", change.name);
    let points = strace::own_points(&site.path("trace"));
    let points: Vec<Point> = points.into_iter().filter(|point| applies(fault, point)).collect();
    assert!(points.len() >= change.least, "{}: only {}: {points:?}", change.name, points.len());
    for point in &points {
        let site = prepared(change);
        let args = (change.args)(&site);
        let (what, done) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let only = format!("trace={}", point.name);
        let how = ["-e", &only, "-e", &inject, strace::QUICK];
        let (run, trace) = run(&site, &args, if fault == Fault::Kill { &how[..4] } else { &how });
        let judged = match trace.contains(done) {
            false => Err(format!("it was not hit: {run}")),
            true => judge(change, fault, &site, &args, &run),
        };
        found.extend(
            judged.err().map(|why| format!("{}, {fault:?} at {} {}: {why}", change.name, point.name, point.nth)),
        );
    }
    eprintln!("{fault:?}, {}: {} points hit, {:.1?}", change.name, points.len(), began.elapsed());
    found
}

fn judge(change: &Change, fault: Fault, site: &Site, args: &[String], run: &Run) -> Result<(), String> {
    let answers = [change.code, 0, 1, 10, 11, 13, 65, 73, 75];
    if fault == Fault::Kill && run.code != 128 + 9 || fault != Fault::Kill && !answers.contains(&run.code) {
        return Err(format!("no clear end: {run}"));
    }
    holds_once(site)?;
    if tickets(site).iter().any(|ticket| ticket.held) {
        return Err("somebody waits who is gone".to_owned());
    }
    let again = site.agent("bob").run(args);
    let success = fault != Fault::Kill && run.code == 0;
    let goes_on = change.again.contains(&again.code) || success && again.code == 13;
    if !goes_on {
        return Err(format!("the same again, after {run}: {again}"));
    }
    holds_once(site)?;
    told_whole(site)?;
    // Nobody is blocked for ever: once all leases are gone and all turns are over the next one has it.
    site.nobody().run(["force-release", "name:x", "--yes"]).expect(0);
    for _ in 0..3 {
        for ticket in tickets(site) {
            if ticket.json["state"]["turn_mono_ms"].is_u64() {
                age(site, ticket.number, "turn", 60);
            }
        }
        let next = site.agent("dora").run(["acquire", "name:x"]);
        if next.code != 0 {
            let turns: Vec<_> = tickets(site).into_iter().map(|ticket| ticket.json["state"].to_string()).collect();
            return Err(format!("the next: {next}{turns:?}"));
        }
        site.agent("dora").run(["release", "name:x"]).expect(0);
        if tickets(site).is_empty() {
            break;
        }
    }
    site.nobody().run(["cleanup"]).expect(0);
    told_whole(site)?;
    let left: Vec<_> = tickets(site).into_iter().map(|ticket| ticket.agent).collect();
    let litter = fs::read_dir(site.state("tmp")).into_iter().flatten().count();
    if left.is_empty() && litter == 0 { Ok(()) } else { Err(format!("left: {left:?} and {litter} in tmp")) }
}

fn holds_once(site: &Site) -> Result<(), String> {
    let Ok(bytes) = fs::read(site.state("locks/names/x.lock")) else { return Ok(()) };
    let lock: Value = serde_json::from_slice(&bytes).map_err(|error| format!("a torn lock: {error}"))?;
    if lock["holders"].as_array().is_some_and(|holders| holders.len() == 1) {
        Ok(())
    } else {
        Err(format!("two at once: {lock}"))
    }
}

/// Each change once, in order; each lease and each ticket that is there has its event.
fn told_whole(site: &Site) -> Result<(), String> {
    let log = log(site);
    let numbers: Vec<u64> = log.iter().map(|event| event["n"].as_u64().unwrap()).collect();
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(format!("out of order: {log:?}"));
    }
    let of = |kinds: &[&str]| -> BTreeSet<u64> {
        let wanted = log.iter().filter(|event| kinds.contains(&event["event"].as_str().unwrap()));
        wanted.map(|event| event["n"].as_u64().unwrap()).collect()
    };
    let (queued, granted) = (of(&["queued"]), of(&["acquired", "taken_over"]));
    if let Some(ticket) = tickets(site).iter().find(|ticket| !queued.contains(&ticket.number)) {
        return Err(format!("nobody was told of t-{}: {log:?}", ticket.number));
    }
    let Ok(bytes) = fs::read(site.state("locks/names/x.lock")) else { return Ok(()) };
    let lock: Value = serde_json::from_slice(&bytes).map_err(|error| format!("a torn lock: {error}"))?;
    let fence = lock["holders"][0]["fence"].as_u64().unwrap();
    if granted.contains(&fence) { Ok(()) } else { Err(format!("no event of fence {fence}: {log:?}")) }
}
