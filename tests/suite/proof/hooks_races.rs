//! Agents that are about to edit the same file at the same moment, each by the hook of its harness: one is let through,
//! and its file is locked. What a contender wants is said in cells, as in the other contests.

use std::{fs, path::Path, process::Command, time::Instant};

use serde_json::{Value, json};

use super::{
    arena::{Arena, LOST, PROCESSES, WON, contend},
    hooks_judge::{Answer, answer, stdin},
    lib_agent::{Lib, path},
    soak, task,
};
use crate::{
    harness::{BINARY, Run, Site, without_identity},
    hooks::{digits, edit_of},
};

/// Let through, with the warning that nothing could be locked.
const UNPROTECTED: u8 = b'U';

/// What a contender does.
enum Want {
    Edit(&'static str),
    Patch(&'static [&'static str]),
    Acquire(&'static [&'static str]),
}

struct Contest {
    name: &'static str,
    /// By the number of the contender: what it does, and the cells that this covers.
    want: fn(usize) -> (Want, &'static [usize]),
    /// Files that an agent holds whose lease is over, when a round begins.
    expired: &'static [&'static str],
}

const CONTESTS: &[Contest] = &[
    Contest { name: "fresh", want: |_| (Want::Edit("r/a"), &[0]), expired: &[] },
    Contest { name: "expired", want: |_| (Want::Edit("r/a"), &[0]), expired: &["r/a"] },
    Contest {
        name: "acquire",
        want: |me| match me % 2 {
            0 => (Want::Edit("r/a"), &[0]),
            _ => (Want::Acquire(&["r/a"]), &[0]),
        },
        expired: &[],
    },
    Contest {
        name: "tree and glob",
        want: |me| match me % 4 {
            0 => (Want::Acquire(&["r/"]), &[0, 1]),
            1 => (Want::Acquire(&["r/[ab]"]), &[0, 1]),
            2 => (Want::Edit("r/a"), &[0]),
            _ => (Want::Edit("r/b"), &[1]),
        },
        expired: &[],
    },
    Contest {
        name: "several",
        want: |me| match me % 4 {
            0 => (Want::Patch(&["r/a", "r/b", "r/c"]), &[0, 1, 2]),
            1 => (Want::Patch(&["r/c", "r/b"]), &[1, 2]),
            2 => (Want::Edit("r/a"), &[0]),
            _ => (Want::Edit("r/c"), &[2]),
        },
        expired: &["r/b"],
    },
];

/// Rounds in which something is wrong.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    /// Two were let through who exclude each other.
    doubles: usize,
    /// Nobody was.
    nobody: usize,
    /// A lock stands that nobody was told of, or one is missing.
    halves: usize,
}

macro_rules! contests {
    ($($test:ident, $name:literal, $rounds:literal;)*) => {
        $(#[test]
        fn $test() {
            let tally = race($name, "hook", $rounds * soak());
            assert_eq!(tally, Tally::default());
        })*
    };
}

contests! {
    of_agents_that_edit_a_free_file_one_is_let_through, "fresh", 150;
    of_agents_that_edit_what_was_held_one_is_let_through, "expired", 100;
    an_agent_that_edits_wins_or_one_that_asks_does, "acquire", 100;
    an_edit_wins_or_a_directory_or_a_pattern_does, "tree and glob", 100;
    a_patch_of_several_files_is_let_through_whole_or_refused, "several", 50;
}

#[test]
fn control_hooks_that_look_and_then_write_let_two_through() {
    let seen = (0..20).any(|_| race("fresh", "naive", 20).doubles > 0);
    assert!(seen, "the harness does not see two that are let through");
}

fn contest(name: &str) -> &'static Contest {
    CONTESTS.iter().find(|contest| contest.name == name).unwrap()
}

fn race(name: &str, way: &str, rounds: usize) -> Tally {
    let (began, contest) = (Instant::now(), contest(name));
    let site = Site::new();
    let lib = Lib::init(site.root());
    fs::create_dir(site.path("r")).unwrap();
    let args = [site.root().to_str().unwrap(), way, name];
    let mut arena = Arena::start("proof::hooks_races::contender", rounds, &args);
    let (mut tally, mut wins, mut unprotected) = (Tally::default(), 0, 0);
    for round in 0..rounds {
        for file in contest.expired.iter().filter(|_| way == "hook") {
            lib.plant_expired("ghost", &path(file));
        }
        let heard = arena.round(round);
        let who = |wanted: u8| -> Vec<usize> {
            heard.iter().filter(|(_, what)| *what == wanted).map(|(who, _)| (*who).into()).collect()
        };
        let (winners, odd) = (who(WON), who(UNPROTECTED));
        wins += winners.len();
        unprotected += odd.len();
        tally.nobody += usize::from(winners.is_empty() && odd.is_empty());
        tally.doubles += usize::from(exclude_each_other(contest, &winners));
        fs::remove_file(site.path("naive")).unwrap_or_default();
        let held = lib.holders();
        let mut holders: Vec<String> =
            held.iter().map(|(_, agent, _)| agent.clone()).filter(|agent| agent != "ghost").collect();
        holders.sort();
        let mut wanted: Vec<String> = winners
            .iter()
            .flat_map(|who| {
                let (want, _) = (contest.want)(*who);
                vec![agent(*who, &want); if let Want::Patch(files) = want { files.len() } else { 1 }]
            })
            .collect();
        wanted.sort();
        tally.halves += usize::from(wanted != holders && way == "hook");
        // Nobody is in the guard now.
        for (file, ..) in held {
            fs::remove_file(site.state("locks").join(file)).unwrap_or_default();
        }
    }
    arena.end();
    let took = began.elapsed();
    eprintln!("{name}, {way}: {rounds} rounds, {wins} wins, {unprotected} without protection, {tally:?}, {took:.1?}");
    tally
}

fn exclude_each_other(contest: &Contest, winners: &[usize]) -> bool {
    let cells: Vec<usize> = winners.iter().flat_map(|who| (contest.want)(*who).1).copied().collect();
    (0..cells.len()).any(|at| cells[at + 1..].contains(&cells[at]))
}

fn agent(me: usize, want: &Want) -> String {
    match want {
        Want::Acquire(_) => format!("w{me}"),
        Want::Edit(_) | Want::Patch(_) => format!("claude-{}", digits(&format!("w{me}"))),
    }
}

#[test]
fn contender() {
    let Some(task) = task() else { return };
    let [_, _, _, root, way, name] = &*task else { panic!("{task:?}") };
    let (root, contest) = (Path::new(root), contest(name));
    contend(&task, |me, _, _| {
        let me = usize::from(me);
        assert!(me < PROCESSES);
        let (want, _) = (contest.want)(me);
        let run = match (&**way, &want) {
            ("naive", _) => naive(root, me),
            (_, Want::Edit(file)) => hook(root, me, edit_of(&root.join(file))),
            (_, Want::Patch(files)) => hook(root, me, patch_of(files)),
            (_, Want::Acquire(args)) => acquire(root, &agent(me, &want), args),
        };
        if answer(&run) == Answer::Warned && !matches!(want, Want::Acquire(_)) {
            eprintln!("{run}");
        }
        match (run.code, answer(&run)) {
            (0, Answer::Silent) => WON,
            (0, Answer::Warned) if run.out.contains("WITHOUT protection") => UNPROTECTED,
            (0, _) if matches!(want, Want::Acquire(_)) => WON,
            (2 | 10, _) => LOST,
            _ => panic!("{run}"),
        }
    });
}

fn patch_of(files: &[&str]) -> Value {
    let updates: String = files.iter().map(|file| format!("*** Update File: {file}\n@@\n-x\n+y\n")).collect();
    json!({ "tool_name": "apply_patch", "tool_input": { "command": format!("*** Begin Patch\n{updates}*** End Patch\n") } })
}

fn hook(root: &Path, me: usize, more: Value) -> Run {
    let mut payload = json!({ "session_id": format!("w{me}"), "cwd": root, "hook_event_name": "PreToolUse" });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut command = Command::new(BINARY);
    command.args(["hook", "PreToolUse"]).stdin(stdin(&payload.to_string()));
    output(root, command)
}

fn acquire(root: &Path, agent: &str, args: &[&str]) -> Run {
    let mut command = Command::new(BINARY);
    command.args(["acquire", "--agent", agent, "--guard-wait", "30s"]).args(args);
    output(root, command)
}

/// Looks whether another has written there, and if not, writes.
fn naive(root: &Path, me: usize) -> Run {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("if [ -s naive ]; then exit 2; fi; echo {me} >naive")]);
    output(root, command)
}

fn output(root: &Path, mut command: Command) -> Run {
    Run::from(without_identity(&mut command).current_dir(root).output().unwrap())
}
