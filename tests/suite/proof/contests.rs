//! Processes that want different resources at the same moment, some of which overlap.
//!
//! What a contender wants is also said in *cells*, by hand: two wants exclude each other if they share a cell, unless
//! both only read. Nobody gives a lease back within a round, so two winners that exclude each other are exactly two
//! holders at once, whatever the state directory says. Afterwards the judge looks whether each winner holds all that it
//! wanted and the losers nothing.

use std::{collections::BTreeSet, fs, path::Path, time::Instant};

use swarmlock::{
    domain::{Acquired, Mode, Resource},
    host,
};

use super::{
    arena::{Arena, LOST, PROCESSES, WON, contend},
    lib_agent::{Lib, glob, gone_process, path, tree},
    soak, task,
};
use crate::harness::{Site, skip};

/// What a contender wants, and the cells that this covers.
struct Want {
    resources: Vec<Resource>,
    mode: Mode,
    cells: &'static [usize],
}

/// What a contest is about, by the number of the contender.
struct Contest {
    name: &'static str,
    want: fn(usize) -> Want,
    /// What an agent that is gone holds when a round begins.
    left: fn() -> Vec<Resource>,
}

/// How the contenders go about it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Library,
    /// They look whether others are there, and write down that they are: no guard.
    Naive,
    /// One resource after the other, each by itself.
    OneByOne,
}

/// Rounds in which something is wrong.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    /// Two winners exclude each other.
    doubles: usize,
    /// Nobody wins.
    nobody: usize,
    /// A loser holds something, or a winner not all.
    halves: usize,
}

fn exclusive(resources: Vec<Resource>, cells: &'static [usize]) -> Want {
    Want { resources, mode: Mode::Exclusive, cells }
}

/// All of these name `r/x/a.rs`.
const GLOBS: [&str; 6] = ["r/**/*.rs", "r/x/*", "**/a.rs", "r/?/[ab].rs", "{r,s}/x/a.*", "r/**"];

const CONTESTS: &[Contest] = &[
    Contest {
        name: "pattern against path",
        want: |me| match me % 2 {
            0 => exclusive(vec![glob(GLOBS[me / 2 % GLOBS.len()])], &[0]),
            _ => exclusive(vec![path("r/x/a.rs")], &[0]),
        },
        left: Vec::new,
    },
    Contest {
        name: "tree against path",
        want: |me| match me % 4 {
            0 => exclusive(vec![tree("r")], &[0, 1]),
            1 => exclusive(vec![tree("r/x")], &[0, 1]),
            2 => exclusive(vec![path("r/x/a.rs")], &[0]),
            _ => exclusive(vec![path("r/x/b.rs")], &[1]),
        },
        left: Vec::new,
    },
    Contest {
        name: "pattern against pattern",
        want: |me| exclusive(vec![glob(GLOBS[me % GLOBS.len()])], &[0]),
        left: Vec::new,
    },
    Contest { name: "several against single", want: several_or_single, left: Vec::new },
    Contest {
        name: "several in different orders",
        want: |me| {
            let mut all = abc().to_vec();
            all.rotate_left(me % 3);
            if me % 2 == 0 {
                all.reverse();
            }
            exclusive(all, &[0, 1, 2])
        },
        left: Vec::new,
    },
    Contest {
        name: "readers against a writer",
        want: |me| Want {
            resources: vec![path("r/x/a.rs")],
            mode: if me % 8 == 0 { Mode::Exclusive } else { Mode::Shared },
            cells: &[0],
        },
        left: Vec::new,
    },
    Contest { name: "what a dead agent held", want: |_| exclusive(vec![path("a")], &[0]), left: || vec![path("a")] },
    Contest { name: "several that a dead agent held", want: several_or_single, left: || abc().to_vec() },
];

fn abc() -> [Resource; 3] {
    // Of three kinds, so that the last lock file is not the last by name.
    [tree("a"), path("b"), glob("c/*")]
}

fn several_or_single(me: usize) -> Want {
    let [a, b, c] = abc();
    match me % 4 {
        0 => exclusive(vec![a], &[0]),
        1 => exclusive(vec![path("a/x"), b], &[0, 1]),
        2 => exclusive(vec![c, b, a], &[0, 1, 2]),
        _ => exclusive(vec![path("c/x")], &[2]),
    }
}

fn contest(name: &str) -> &'static Contest {
    CONTESTS.iter().find(|contest| contest.name == name).unwrap()
}

macro_rules! contests {
    ($($test:ident, $name:literal, $rounds:literal;)*) => {
        $(#[test]
        fn $test() {
            assert_sound(stringify!($test), $name, $rounds);
        })*
    };
}

contests! {
    of_patterns_and_a_path_that_overlap_one_wins, "pattern against path", 1000;
    of_trees_and_paths_that_overlap_one_wins, "tree against path", 1000;
    of_patterns_that_overlap_one_wins, "pattern against pattern", 1000;
    several_are_won_whole_or_not_against_single_ones, "several against single", 1000;
    several_in_different_orders_are_won_by_one, "several in different orders", 500;
    a_writer_wins_or_readers_do, "readers against a writer", 500;
    what_a_dead_agent_held_is_taken_over_by_one, "what a dead agent held", 1000;
    several_that_a_dead_agent_held_are_taken_over_by_those_who_share_nothing, "several that a dead agent held", 500;
}

#[test]
fn control_without_the_guard_two_win_each_contest() {
    for contest in CONTESTS {
        let seen = (0..20).any(|_| race(contest, Way::Naive, 200).doubles > 0);
        assert!(seen, "{}: the harness does not see two holders", contest.name);
    }
}

#[test]
fn control_one_by_one_a_loser_holds_something() {
    let seen = (0..20).any(|_| race(contest("several in different orders"), Way::OneByOne, 100).halves > 0);
    assert!(seen, "the harness does not see half of what was wanted");
}

fn assert_sound(test: &str, name: &str, rounds: usize) {
    if !(contest(name).left)().is_empty() && host::pid_namespace().unwrap().is_none() {
        return skip(test, "no process can be judged here");
    }
    assert_eq!(race(contest(name), Way::Library, rounds * soak()), Tally::default());
}

fn race(contest: &Contest, way: Way, rounds: usize) -> Tally {
    let began = Instant::now();
    let site = Site::new();
    let lib = Lib::init(site.root());
    let args = [site.root().to_str().unwrap(), &*format!("{way:?}"), contest.name];
    let mut arena = Arena::start("proof::contests::contender", rounds, &args);
    let (mut tally, gone, mut wins) = (Tally::default(), gone_process(), 0);
    for round in 0..rounds {
        let left = (contest.left)();
        if way == Way::Library && !left.is_empty() {
            lib.plant_orphan("ghost", &left, &gone);
        }
        let heard = arena.round(round);
        let winners: Vec<usize> = heard.iter().filter(|(_, what)| *what == WON).map(|(who, _)| (*who).into()).collect();
        wins += winners.len();
        tally.nobody += usize::from(winners.is_empty());
        tally.doubles += usize::from(exclude_each_other(contest, &winners));
        if way == Way::Naive {
            for who in 0..PROCESSES {
                fs::remove_file(naive_file(site.root(), who)).unwrap_or_default();
            }
            continue;
        }
        let (mut held, mut wanted) = (lib.holders(), Vec::new());
        for who in &winners {
            let agent = format!("w{who}");
            let fence = held.iter().find(|(_, holder, _)| *holder == agent).map_or(0, |(_, _, fence)| *fence);
            let resources = (contest.want)(*who).resources;
            wanted.extend(resources.iter().map(|one| (one.claim().file(), agent.clone(), fence)));
        }
        wanted.sort();
        held.sort();
        tally.halves += usize::from(wanted != held);
        // Nobody is in the guard now.
        for file in held.iter().map(|(file, ..)| file).collect::<BTreeSet<_>>() {
            fs::remove_file(site.state("locks").join(file)).unwrap();
        }
    }
    arena.end();
    eprintln!("{}, {way:?}: {rounds} rounds, {wins} wins, {tally:?}, {:.1?}", contest.name, began.elapsed());
    tally
}

fn exclude_each_other(contest: &Contest, winners: &[usize]) -> bool {
    let excludes = |one: &Want, other: &Want| {
        let both_read = one.mode == Mode::Shared && other.mode == Mode::Shared;
        !both_read && one.cells.iter().any(|cell| other.cells.contains(cell))
    };
    let wants: Vec<Want> = winners.iter().map(|who| (contest.want)(*who)).collect();
    wants.iter().enumerate().any(|(at, one)| wants[at + 1..].iter().any(|other| excludes(one, other)))
}

#[test]
fn contender() {
    let Some(task) = task() else { return };
    let [_, _, _, root, way, name] = &*task else { panic!("{task:?}") };
    let (root, contest) = (Path::new(root), contest(name));
    let lib = Lib::open(root);
    contend(&task, |me, _, _| {
        let me = usize::from(me);
        let Want { resources, mode, .. } = (contest.want)(me);
        let agent = format!("w{me}");
        let all = |some: &[Resource]| matches!(lib.acquire_all(&agent, some, mode).unwrap(), Acquired::Granted { .. });
        let won = match &**way {
            "Library" => all(&resources),
            "OneByOne" => resources.chunks(1).all(all),
            _ => naively(root, contest, me),
        };
        if won { WON } else { LOST }
    });
}

fn naive_file(root: &Path, who: usize) -> std::path::PathBuf {
    root.join(format!("naive-{who}"))
}

fn naively(root: &Path, contest: &Contest, me: usize) -> bool {
    let there: Vec<usize> = (0..PROCESSES).filter(|who| naive_file(root, *who).exists()).collect();
    let free = there.iter().all(|who| !exclude_each_other(contest, &[*who, me]));
    free && fs::write(naive_file(root, me), "mine").is_ok()
}
