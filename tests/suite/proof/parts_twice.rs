//! Two kills: one command over several resources is killed at each of its changes, and whatever comes next at each of
//! its own. Every order of writes that two processes can leave behind stands there once.

use std::{collections::BTreeSet, time::Instant};

use swarmlock::domain::Mode;

use super::{
    parts_sweep::{Before, CHANGES, Stage},
    parts_table::{Case, paths},
    parts_view::seen,
    strace::{self, Point},
    sweep::Fault,
};
use crate::harness::skip;

/// Bob's command, killed; then another's, killed.
struct Pair {
    first: Case,
    by: &'static str,
    second: &'static [&'static str],
    /// What may stand there after both.
    allowed: &'static [&'static str],
}

/// Of all changes those that a lease can depend on: files on the way are made anew by whoever needs them.
const COMMITS: [&str; 5] = ["pwrite64", "renameat", "renameat2", "unlinkat", "write"];

fn nothing(_: &Stage) {}

fn bobs(stage: &Stage) {
    stage.lib.acquire_all("bob", &paths(&["a", "b", "c"]), Mode::Exclusive).unwrap();
}

fn ghosts(stage: &Stage) {
    stage.lib.plant_expired_all("ghost", &paths(&["a", "b", "c"]));
}

const ALL: &str = "a=bob b=bob c=bob";
const GHOST: &str = "a=ghost b=ghost c=ghost";
const ACQUIRE: &[&str] = &["acquire", "a", "b", "c"];
const RELEASE: &[&str] = &["release", "a", "b", "c"];

const fn case(prepare: fn(&Stage), old: &'static str, run: &'static [&'static str]) -> Case {
    Case { name: "", prepare, run, old, between: &[], new: "" }
}

const PAIRS: &[Pair] = &[
    Pair {
        first: case(nothing, "", ACQUIRE),
        by: "carol",
        second: &["acquire", "c", "b", "d"],
        allowed: &["", ALL, "b=carol c=carol d=carol"],
    },
    Pair {
        first: case(ghosts, GHOST, ACQUIRE),
        by: "carol",
        second: &["acquire", "b", "c"],
        allowed: &[GHOST, "", ALL, "b=carol c=carol"],
    },
    Pair {
        first: case(bobs, ALL, RELEASE),
        by: "carol",
        second: &["acquire", "a", "b", "c"],
        allowed: &[ALL, "", "a=carol b=carol c=carol"],
    },
    Pair {
        first: case(bobs, ALL, &["release", "c"]),
        by: "carol",
        second: &["acquire", "c"],
        allowed: &[ALL, "a=bob b=bob", "a=bob b=bob c=carol"],
    },
    Pair {
        first: case(bobs, ALL, &["release", "c"]),
        by: "bob",
        second: &["release", "b"],
        allowed: &[ALL, "a=bob b=bob", "a=bob c=bob", "a=bob"],
    },
    Pair { first: case(bobs, ALL, &["release", "c"]), by: "bob", second: ACQUIRE, allowed: &[ALL, "a=bob b=bob"] },
    Pair {
        first: case(bobs, ALL, &["release", "c"]),
        by: "bob",
        second: RELEASE,
        // The first release has cut it in two, which end one after the other.
        allowed: &[ALL, "a=bob b=bob", "b=bob", "c=bob", ""],
    },
    Pair {
        first: case(ghosts, GHOST, &["cleanup"]),
        by: "carol",
        second: &["acquire", "a", "c"],
        allowed: &[GHOST, "", "a=carol c=carol"],
    },
];

#[test]
fn after_two_kills_several_are_held_whole_or_not() {
    if let Err(why) = strace::usable() {
        return skip("after_two_kills_several_are_held_whole_or_not", &why);
    }
    let found: Vec<String> = PAIRS.iter().flat_map(sweep_pair).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn control_two_kills_of_what_is_no_unit_are_caught() {
    if let Err(why) = strace::usable() {
        return skip("control_two_kills_of_what_is_no_unit_are_caught", &why);
    }
    let first = case(bobs, ALL, &["release", "c", "b"]);
    let pair = Pair { first, by: "carol", second: &["acquire", "c"], allowed: &[ALL, "a=bob", "a=bob c=carol"] };
    let found = sweep_pair(&pair);
    assert!(found.iter().any(|fault| fault.contains("half")), "{found:#?}");
}

fn sweep_pair(pair: &Pair) -> Vec<String> {
    let began = Instant::now();
    let Pair { first, by, second, .. } = pair;
    let mut stage = Stage::new();
    // For the directories that are made.
    stage.prepare(first);
    stage.site.agent("bob").run(first.run).expect(0);
    stage.prepare(first);
    let firsts = stage.points(first.run, "bob", &[CHANGES]);
    let (mut found, mut known, mut runs) = (Vec::new(), BTreeSet::new(), 0);
    for one in &firsts {
        let before = stage.prepare(first);
        stage.stopped(first.run, "bob", Fault::Kill, one);
        if !known.insert(signature(&stage, &before)) {
            continue;
        }
        for other in later_points(&stage, by, second) {
            let before = stage.prepare(first);
            stage.stopped(first.run, "bob", Fault::Kill, one);
            let (run, hit) = stage.stopped(second, by, Fault::Kill, &other);
            runs += 1;
            let judged = if hit { judge(&stage, pair, &before) } else { Err(format!("it was not hit: {run}")) };
            if let Err(why) = judged {
                found.push(format!("{first:?} at {one:?}, {second:?} at {other:?}: {why}", first = first.run));
                stage = Stage::new();
            }
        }
    }
    let states = known.len();
    eprintln!("{:?}, then {second:?}: {states} states, {runs} pairs of kills, {:.1?}", first.run, began.elapsed());
    found
}

/// What can make a difference to whoever comes next.
fn signature(stage: &Stage, before: &Before) -> String {
    let seen = seen(&stage.site).unwrap();
    let events = stage.events_since(before);
    let files: Vec<usize> = seen.leases.iter().map(|(_, _, lease)| lease.matches(".lock").count()).collect();
    format!("{} {} {files:?} {events}", seen.view.brief(), seen.idle)
}

/// Where the second command changes something, if it starts from here. It may be refused.
fn later_points(stage: &Stage, by: &str, args: &[&str]) -> Vec<Point> {
    stage.points_of_any(args, by, &[&COMMITS])
}

fn judge(stage: &Stage, pair: &Pair, before: &Before) -> Result<(), String> {
    let brief = stage.whole(before)?.view.brief();
    if !pair.allowed.contains(&&*brief) {
        return Err(format!("half of it: {brief:?}"));
    }
    let again = stage.site.agent(pair.by).run(pair.second.iter().chain(&["--guard-wait", "0s"]));
    if ![0, 10].contains(&again.code) {
        return Err(format!("the second command again: {again}"));
    }
    stage.judge_end(before)?;
    for agent in ["bob", "carol", "ghost"] {
        let released = stage.site.agent(agent).run(["release", "--mine"]);
        if ![0, 13].contains(&released.code) {
            return Err(format!("the end: {released}"));
        }
    }
    match &*stage.whole(before)?.view.brief() {
        "name:next=dora" => stage.judge_end(before),
        left => Err(format!("it is not released: {left:?}")),
    }
}
