//! Stand-ins for harnesses that edit the same files at once, each a process of its own, with nothing but the hooks between
//! them.

use std::{collections::BTreeMap, fs, process::Command, thread, time::Instant};

use serde::Deserialize;
use serde_json::json;

use super::stand_in::{Report, Task, WORKER};
use crate::harness::{Site, without_identity};

/// How many files they share.
const FILES: usize = 50;

fn soak() -> usize {
    std::env::var("SWARMLOCK_SOAK").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

fn prepared() -> Site {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    for at in 0..FILES {
        let file = site.file(format!("files/f{at}.txt"));
        fs::write(file, "0\n").unwrap();
    }
    fs::create_dir(site.path("marks")).unwrap();
    fs::write(site.path("edits"), "").unwrap();
    site
}

/// Lets so many stand-ins, of Claude Code and of Codex in turn, make `edits` edits in all.
fn play(site: &Site, stand_ins: usize, edits: usize, hooks: bool, kills: bool) -> Vec<Report> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..stand_ins)
            .map(|at| {
                let harness = if at % 2 == 0 { "claude-code" } else { "codex" };
                let (root, edits) = (site.root().to_owned(), edits / stand_ins);
                let session = format!("session {at}");
                let task = Task { root, harness: harness.to_owned(), session, files: FILES, edits, hooks, kills };
                scope.spawn(move || run(&task))
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// A stand-in as a process: this binary, which plays it instead of testing.
fn run(task: &Task) -> Report {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "hooks::stand_in::worker_that_plays_a_harness", "--nocapture"]);
    without_identity(&mut command).env(WORKER, serde_json::to_string(task).unwrap());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().find_map(|line| line.split_once("report: "));
    let (_, report) = said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(report).unwrap()
}

/// What became of the files.
#[derive(Debug)]
struct Outcome {
    /// Edits of single files that were made, and how many of them the files have.
    made: usize,
    there: usize,
    refused: usize,
    intruded: usize,
    killed: usize,
    unprotected: usize,
}

fn outcome(site: &Site, reports: &[Report]) -> Outcome {
    let log = fs::read_to_string(site.path("edits")).unwrap();
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    log.lines().for_each(|line| *made.entry(line.split_once(' ').unwrap().1).or_default() += 1);
    let counter = |file: &&str| fs::read_to_string(site.path(file)).unwrap().trim().parse::<usize>().unwrap_or(0);
    let there = made.keys().map(counter).sum();
    assert!(made.values().sum::<usize>() == reports.iter().map(|one| one.files).sum::<usize>());
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum();
    Outcome {
        made: log.lines().count(),
        there,
        refused: sum(|one| one.refused),
        intruded: sum(|one| one.intruded),
        killed: sum(|one| one.killed),
        unprotected: sum(|one| one.unprotected),
    }
}

/// All turns are over: nothing is held, and a third may edit every file.
fn nothing_is_stuck(site: &Site) {
    let list = site.nobody().run(["list", "--json"]).expect(0);
    assert_eq!(list.json_lines(), Vec::<serde_json::Value>::new());
    let third = super::Session::new(site, "the third");
    for at in 0..FILES {
        third.edit(format!("files/f{at}.txt")).expect(0);
    }
    third.hook("Stop", json!({ "stop_hook_active": false })).expect(0);
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(fs::read_dir(site.state("tmp")).unwrap().count(), 0);
}

/// Each number of a change stands in the log once, in order.
fn the_log_is_whole(site: &Site) {
    #[derive(Deserialize)]
    struct Line {
        n: u64,
    }
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Line>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let numbers: Vec<u64> = lines.map(|line| line.n).filter(|n| *n > 0).collect();
    assert!(numbers.windows(2).all(|two| two[0] < two[1]));
}

#[test]
fn two_harnesses_edit_the_same_files_through_their_hooks_and_no_edit_gets_lost() {
    let (site, edits, began) = (prepared(), (200 * soak()).min(2_000), Instant::now());
    let reports = play(&site, 2, edits, true, false);
    let outcome = outcome(&site, &reports);
    eprintln!("{edits} edits in {:.1?}: {outcome:?}", began.elapsed());
    assert_eq!(outcome.intruded, 0, "edits of what the other holds: {outcome:?}");
    assert_eq!(outcome.made, outcome.there, "{outcome:?}");
    assert!(outcome.made >= edits && outcome.refused > 0, "else this shows nothing: {outcome:?}");
    // A machine that stands still for as long as a hook waits for the guard.
    assert!(outcome.unprotected * 100 <= edits, "{outcome:?}");
    the_log_is_whole(&site);
    nothing_is_stuck(&site);
}

#[test]
fn control_without_hooks_edits_get_lost() {
    let mut seen = Vec::new();
    for _ in 0..5 {
        let site = prepared();
        let reports = play(&site, 2, 200, false, false);
        let outcome = outcome(&site, &reports);
        if outcome.there < outcome.made && outcome.intruded > 0 {
            return;
        }
        seen.push(outcome);
    }
    panic!("none got lost: {seen:?}");
}

#[test]
fn with_hooks_killed_at_any_moment_nothing_is_stuck_and_nobody_edits_what_another_holds() {
    let (site, began) = (prepared(), Instant::now());
    // 2 of them, and up to 8 at length.
    let (stand_ins, edits) = ((2 * soak()).min(8), (120 * soak()).min(2_000));
    let reports = play(&site, stand_ins, edits, true, true);
    let outcome = outcome(&site, &reports);
    eprintln!("{stand_ins} stand-ins, {edits} edits in {:.1?}: {outcome:?}", began.elapsed());
    assert_eq!(outcome.intruded, 0, "edits of what another holds: {outcome:?}");
    assert_eq!(outcome.made, outcome.there, "{outcome:?}");
    assert!(outcome.killed > 10 && outcome.refused > 0, "else this shows nothing: {outcome:?}");
    nothing_is_stuck(&site);
}
