//! `runs cancel`, `gc --yes` and `cleanup`, stopped at every system call: every record stays readable, and the same call
//! made again does what it was for.

use std::{collections::BTreeSet, fs, process::Command};

use swarmlock::domain::records::How;

use super::{
    lib_agent::gone_process,
    strace::{self, Point},
    sweep::{Fault, judge_run},
};
use crate::{
    harness::{BINARY, Run, Site, skip},
    keeper::{Keeper, rewrite, whole, written},
    processes::usable,
};

/// A change of records: the call, and the states that records may have after it was stopped, and have once it is done.
struct Change {
    name: &'static str,
    args: &'static [&'static str],
    prepare: fn(&Keeper, &Site),
    /// What is true of a record once the change took place; `None` if it is gone then.
    done: fn(&Site) -> bool,
}

const CHANGES: &[Change] = &[
    Change {
        name: "cancel",
        args: &["runs", "cancel", "abcd"],
        prepare: |keeper, _| keeper.begin("abcd", "alice", &["make"], None),
        done: |site| written(site, "abcd")["cancel_requested_by"] == "bob",
    },
    Change {
        name: "gc",
        args: &["gc", "--older-than", "1d", "--yes"],
        prepare: |keeper, site| {
            keeper.begin("abcd", "alice", &["make"], None);
            keeper.end("abcd", How::Ended, Some(1), Some("said\n"));
            rewrite(site, "abcd", "ended_at", "2020-01-01T00:00:00.000Z");
        },
        done: |site| files(site) == expected(&["ffff"]),
    },
    Change {
        name: "cleanup",
        args: &["cleanup"],
        prepare: |keeper, _| keeper.begin("abcd", "alice", &["make"], Some(&gone_process())),
        done: |site| written(site, "abcd")["state"] == "abandoned",
    },
];

/// The control: a mark that is written in place.
const IN_PLACE: Change = Change {
    name: "in place",
    args: &["sh", "-c", "cd . && printf '{\"v\": 1,' >FILE && printf ' \"id\"' >>FILE"],
    ..CHANGES[0]
};

fn expected(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| format!("{}.json", whole(id))).collect()
}

fn files(site: &Site) -> BTreeSet<String> {
    let names = fs::read_dir(site.state("tasks")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A checkout with a record that nothing is done to, and one for the change.
fn prepared(change: &Change) -> Site {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    keeper.ended("ffff", How::Ended, Some(0));
    (change.prepare)(&keeper, &site);
    site
}

fn run(site: &Site, change: &Change, mut strace: Command) -> Run {
    let file = site.state(format!("tasks/{}.json", whole("abcd")));
    let program = if change.args[0] == "sh" { "sh" } else { BINARY };
    let args = change.args.iter().skip(usize::from(program == "sh"));
    let args = args.map(|arg| arg.replace("FILE", &file.display().to_string()));
    strace.arg(program).args(args).current_dir(site.root()).env("SWARMLOCK_AGENT", "bob").env_remove("PWD");
    Run::from(strace.env_remove("SWARMLOCK_DIR").output().unwrap())
}

/// Everything that is wrong with a change that is stopped so.
fn sweep_one(change: &Change, fault: Fault) -> Vec<String> {
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let clean = run(&prepared(change), change, strace::under::<&str>(&[], &trace));
    assert_eq!(clean.code, 0, "{}: {clean}", change.name);
    let points = strace::own_points(&trace);
    let points: Vec<Point> = points.into_iter().filter(|point| fault == Fault::Kill || on_files(point)).collect();
    assert!(points.len() > 2, "{}: only {points:?}", change.name);
    let mut found = Vec::new();
    for point in &points {
        let site = prepared(change);
        let (what, hit) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let stopped = run(&site, change, strace::under(&["-e", &inject], &trace));
        let judged = match fs::read_to_string(&trace).unwrap().contains(hit) {
            false => Err(format!("it was not hit: {stopped}")),
            true => judge_run(fault, point, &stopped).and_then(|()| judge(&site, change)),
        };
        found.extend(judged.err().map(|why| format!("{}, {fault:?} at {point:?}: {why}", change.name)));
    }
    eprintln!("{fault:?}, records, {}: {} points hit", change.name, points.len());
    found
}

fn on_files(point: &Point) -> bool {
    ["openat2", "openat", "renameat", "unlinkat", "write", "pread64", "statx", "flock"].contains(&&*point.name)
}

/// Both records can be read, whatever became of the change; and the same call again makes it.
fn judge(site: &Site, change: &Change) -> Result<(), String> {
    let list = site.nobody().run(["runs", "--json"]);
    if list.code != 0 {
        return Err(format!("a record is torn: {list}"));
    }
    let gone = !site.state(format!("tasks/{}.json", whole("abcd"))).exists();
    if list.json_lines().len() != 2 - usize::from(gone) || gone && change.name != "gc" {
        return Err(format!("a record is missing: {list}"));
    }
    let again = site.agent("bob").run(change.args);
    let cleaned = site.nobody().run(["cleanup"]);
    match again.code == 0 && cleaned.code == 0 && (change.done)(site) {
        true if fs::read_dir(site.state("tmp")).unwrap().count() == 0 => Ok(()),
        true => Err("litter is left".to_owned()),
        false => Err(format!("it cannot be made again: {again} {cleaned}")),
    }
}

fn sweep(test: &str, fault: Fault) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    // Without processes that can be judged nothing is ever abandoned.
    let judged = usable(test);
    let changes = CHANGES.iter().filter(|change| judged || change.name != "cleanup");
    let found: Vec<String> = changes.flat_map(|change| sweep_one(change, fault)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn killed_at_any_call_a_change_of_records_leaves_every_record_readable() {
    sweep("killed_at_any_call_a_change_of_records_leaves_every_record_readable", Fault::Kill);
}

#[test]
fn an_error_at_any_call_on_files_leaves_every_record_readable_and_is_told() {
    sweep("an_error_at_any_call_on_files_leaves_every_record_readable_and_is_told", Fault::Error("EIO"));
}

#[test]
fn control_a_record_written_in_place_is_caught() {
    if let Err(why) = strace::usable() {
        return skip("control_a_record_written_in_place_is_caught", &why);
    }
    let faults = sweep_one(&IN_PLACE, Fault::Kill);
    assert!(faults.iter().any(|fault| fault.contains("is torn")), "the sweep sees no torn record: {faults:#?}");
}
