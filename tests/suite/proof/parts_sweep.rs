//! Shared leases and leases over several resources, stopped before every call that changes something.
//!
//! Between two such calls nothing on disk is different, so a kill at each of them is a kill anywhere.

use std::{fs, path::Path, process::Command, time::Instant};

use serde_json::Value;
use swarmlock::domain::Mode;

use super::{
    lib_agent::{Lib, name, path},
    parts_table::{CASES, Case},
    parts_view::{Seen, View, replayed, seen},
    strace::{self, Point},
    sweep::{Fault, judge_run},
};
use crate::harness::{Run, Site, skip};

/// Calls that change something, and the end.
pub const CHANGES: &[&str] =
    &["exit_group", "fchmod", "mkdirat", "pwrite64", "renameat", "renameat2", "unlinkat", "utimensat", "write"];

/// Calls that an error may come from, beside those; the sweep of single resources covers the rest.
const LOOKS: &[&str] = &["newfstatat", "pread64", "statx"];

/// A checkout that is used for one fault after another.
pub struct Stage {
    pub site: Site,
    pub lib: Lib,
}

/// What stood there before a fault.
pub struct Before {
    pub seen: Seen,
    log: usize,
    lines: usize,
    last: u64,
}

#[test]
fn killed_at_any_change_several_are_held_whole_or_not() {
    sweep("killed_at_any_change_several_are_held_whole_or_not", Fault::Kill, &[CHANGES]);
}

#[test]
fn after_an_input_output_error_several_are_held_whole_or_not() {
    sweep("after_an_input_output_error_several_are_held_whole_or_not", Fault::Error("EIO"), &[CHANGES, LOOKS]);
}

#[test]
fn on_a_full_disk_several_are_held_whole_or_not() {
    sweep("on_a_full_disk_several_are_held_whole_or_not", Fault::Error("ENOSPC"), &[CHANGES]);
}

#[test]
fn control_one_by_one_several_are_held_by_half() {
    if let Err(why) = strace::usable() {
        return skip("control_one_by_one_several_are_held_by_half", &why);
    }
    let by_parts = Case {
        name: "control: one by one",
        prepare: |stage| {
            drop(stage.lib.acquire_all("bob", &[path("a"), path("b"), path("c")], Mode::Exclusive).unwrap())
        },
        run: &["release", "c", "b"],
        old: "a=bob b=bob c=bob",
        between: &[],
        new: "a=bob",
    };
    let faults = sweep_one(&by_parts, Fault::Kill, &[CHANGES]);
    assert!(faults.iter().any(|fault| fault.contains("half")), "the sweep does not see half of it: {faults:#?}");
}

fn sweep(test: &str, fault: Fault, calls: &[&[&str]]) {
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let found: Vec<String> = CASES.iter().flat_map(|case| sweep_one(case, fault, calls)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Everything that is wrong with the case.
fn sweep_one(case: &Case, fault: Fault, calls: &[&[&str]]) -> Vec<String> {
    let began = Instant::now();
    let mut stage = Stage::new();
    stage.prime(case);
    let points = stage.points(case.run, "bob", calls);
    let (mut found, mut hit) = (Vec::new(), 0);
    for point in points.iter().filter(|point| fault == Fault::Kill || point.name != "exit_group") {
        let before = stage.prepare(case);
        let (run, was_hit) = stage.stopped(case.run, "bob", fault, point);
        hit += usize::from(was_hit);
        // The worst of several: an error, and another that follows from it.
        let told = case.run[0] == "renew" && run.code == 13 && run.err.contains("(os error ");
        let judged = match was_hit {
            false => Err(format!("it was not hit: {run}")),
            true if told => Ok(()),
            true => judge_run(fault, point, &run),
        };
        let exit = (fault != Fault::Kill).then_some(run.code);
        if let Err(why) = judged.and_then(|()| stage.judge(case, &before, exit)) {
            found.push(format!("{}, {fault:?} at {} {}: {why}", case.name, point.name, point.nth));
            stage = Stage::new();
            stage.prime(case);
        }
    }
    eprintln!("{fault:?}, {}: {hit} points hit, {:.1?}", case.name, began.elapsed());
    found
}

impl Stage {
    pub fn new() -> Self {
        let site = Site::new();
        let lib = Lib::init(site.root());
        Self { site, lib }
    }

    /// Brings about the old state, whatever the last fault has left.
    pub fn prepare(&self, case: &Case) -> Before {
        for dir in ["locks/paths/-", "locks/trees/-", "locks/names", "beats", "tmp"] {
            for entry in fs::read_dir(self.site.state(dir)).into_iter().flatten() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        // Else the first run alone would enter its agent there.
        fs::remove_file(self.site.state("ACTIVE_AGENTS.json")).unwrap_or_default();
        (case.prepare)(self);
        let before = self.before();
        assert_eq!(before.seen.view.brief(), case.old, "{}", case.name);
        before
    }

    /// Once for the directories that are made, then the old state.
    fn prime(&self, case: &Case) {
        self.prepare(case);
        self.site.agent("bob").run(case.run).expect(0);
        self.prepare(case);
    }

    pub fn before(&self) -> Before {
        let log = self.log();
        let last =
            log.lines().last().map_or(0, |line| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap());
        Before { seen: seen(&self.site).unwrap(), log: log.len(), lines: log.lines().count(), last }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.site.state("events.log")).unwrap_or_default()
    }

    /// Makes the beat of an agent one that is due to be written again.
    pub fn age_beat(&self, agent: &str) {
        let file = self.site.state("beats").join(agent);
        let mut beat: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        beat["mono_ms"] = 0.into();
        fs::write(&file, format!("{beat:<511}\n")).unwrap();
    }

    /// The calls of a clean run.
    pub fn points(&self, args: &[&str], agent: &str, calls: &[&[&str]]) -> Vec<Point> {
        let traces = tempfile::tempdir().unwrap();
        let trace = traces.path().join("trace");
        let clean = self.run(args, agent, strace::under::<&str>(&[], &trace));
        assert_eq!(clean.code, 0, "{args:?}: {clean}");
        chosen(&trace, calls)
    }

    /// The same of a command that may be refused.
    pub fn points_of_any(&self, args: &[&str], agent: &str, calls: &[&[&str]]) -> Vec<Point> {
        let traces = tempfile::tempdir().unwrap();
        let trace = traces.path().join("trace");
        self.run(args, agent, strace::under::<&str>(&[], &trace));
        chosen(&trace, calls)
    }

    /// How many lines the log has more.
    pub fn events_since(&self, before: &Before) -> usize {
        self.log().lines().count() - before.lines
    }

    /// Runs a command with a fault; also whether it was hit.
    pub fn stopped(&self, args: &[&str], agent: &str, fault: Fault, point: &Point) -> (Run, bool) {
        let traces = tempfile::tempdir().unwrap();
        let trace = traces.path().join("trace");
        let (what, done) = match fault {
            Fault::Kill => ("signal=KILL".to_owned(), "+++ killed by SIGKILL +++"),
            Fault::Error(errno) => (format!("error={errno}"), "(INJECTED)"),
        };
        let inject = format!("inject={}:{what}:when={}", point.name, point.nth);
        let only = format!("trace={}", point.name);
        let how = ["-e", &only, "-e", &inject, strace::QUICK];
        let how = if fault == Fault::Kill { &how[..4] } else { &how };
        let run = self.run(args, agent, strace::under(how, &trace));
        (run, fs::read_to_string(&trace).unwrap().contains(done))
    }

    fn run(&self, args: &[&str], agent: &str, mut strace: Command) -> Run {
        strace.arg(crate::harness::BINARY).args(args).current_dir(self.site.root());
        crate::harness::without_identity(&mut strace);
        Run::from(strace.env("SWARMLOCK_AGENT", agent).output().unwrap())
    }

    fn judge(&self, case: &Case, before: &Before, exit: Option<i32>) -> Result<(), String> {
        let after = self.whole(before)?;
        let brief = after.view.brief();
        let told = exit.is_some_and(|code| code != 0);
        let each_by_itself = told && case.run.contains(&"--mine");
        if !each_by_itself && ![&[case.old, case.new], case.between].concat().contains(&&*brief) {
            return Err(format!("half of it: {brief:?} between {:?} and {:?}", case.old, case.new));
        }
        if exit == Some(0) && brief != case.new {
            return Err(format!("success was reported, and there stands {brief:?}"));
        }
        let again = self.site.agent("bob").run(case.run.iter().chain(&["--guard-wait", "0s"]));
        let then = self.whole(before)?.view.brief();
        // What others share and bob no longer does is theirs.
        let not_mine = again.code == 12 && brief == case.new && case.run[0] == "release";
        // A lease that was over is ended before it is granted anew.
        let over = again.code == 13 && brief.is_empty() && then.is_empty() && case.run[0] == "renew";
        let led_on = then == case.new && (again.code == 0 || not_mine);
        if !led_on && !over {
            return Err(format!("again: {then:?}, {again}"));
        }
        self.judge_end(before)
    }

    /// What stands there now, if nothing is torn, what others hold is untouched and readers say the same.
    pub fn whole(&self, before: &Before) -> Result<Seen, String> {
        let after = seen(&self.site)?;
        let others = |seen: &Seen| {
            let mut others = seen.leases.clone();
            others.retain(|(_, agent, _)| agent == "alice");
            others
        };
        if others(&after) != others(&before.seen) {
            return Err(format!("what another holds has changed: {after:?}"));
        }
        for entry in fs::read_dir(self.site.state("beats")).into_iter().flatten() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            serde_json::from_slice::<Value>(&bytes).map_err(|error| format!("a beat is torn: {error}"))?;
        }
        let listed = self.lib.holders().len();
        if listed != after.leases.len() {
            return Err(format!("{listed} leases are listed: {after:?}"));
        }
        for (resource, (_, held)) in after.view.0.iter().filter(|(resource, _)| !resource.ends_with('/')) {
            let on = if let Some(plain) = resource.strip_prefix("name:") { name(plain) } else { path(resource) };
            let found: Vec<u64> =
                self.lib.locks().on(&on).unwrap().into_iter().map(|found| found.lease.fence).collect();
            if found.len() != held.len() || !held.iter().all(|(_, fence)| found.contains(fence)) {
                return Err(format!("a look at {resource} says {found:?}: {after:?}"));
            }
        }
        Ok(after)
    }

    /// The next change works; the log tells all; cleanup leaves nothing half made.
    pub fn judge_end(&self, before: &Before) -> Result<(), String> {
        self.lib.acquire("dora", &name("next")).map_err(|error| format!("the next change: {error}"))?;
        self.judge_log(before)?;
        let cleaned = self.lib.locks().cleanup().map_err(|error| format!("cleanup: {error}"))?;
        let end = self.whole(before)?;
        let litter = fs::read_dir(self.site.state("tmp")).unwrap().count();
        if !cleaned.left.is_empty() || end.idle > 0 || litter > 0 {
            return Err(format!("cleanup leaves {litter} files and {end:?}: {cleaned:?}"));
        }
        self.judge_log(before)
    }

    fn judge_log(&self, before: &Before) -> Result<(), String> {
        let log = self.log();
        let new = log.get(before.log..).ok_or("the log has shrunk")?;
        let (told, stands): (View, View) = (replayed(&before.seen.view, before.last, new)?, seen(&self.site)?.view);
        if told == stands { Ok(()) } else { Err(format!("the log says {told:?}, there stands {stands:?}: {new}")) }
    }
}

fn chosen(trace: &Path, calls: &[&[&str]]) -> Vec<Point> {
    let calls = calls.concat();
    strace::own_points(trace).into_iter().filter(|point| calls.contains(&&*point.name)).collect()
}
