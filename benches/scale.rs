//! `cargo bench --bench scale`: what commands cost with 100,000 locks held, against bounds. Exit code 1 if one is missed.
//!
//! Needs `strace` and `valgrind`; what cannot be measured counts as missed. Measures the same binary as the benchmark
//! `speed`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark of the built binary: it makes its own files, and stops at the first surprise"
)]
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "modules shared with tests and benchmarks")]

mod binary;
#[path = "../tests/suite/load.rs"]
mod load;

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use load::{Load, works};

const BUILT: &str = env!("CARGO_BIN_EXE_swarmlock");

/// Locks held for the comparison of one command with itself.
const HELD: usize = 100_000;
/// Locks held for `list`, with the one that is always there.
const LISTED: usize = 10_000;
/// Runs of each side of a comparison of times.
const RUNS: usize = 41;

/// Patterns held beside them.
const PATTERNS: usize = 100;

const MOST_INSTRUCTIONS: f64 = 1.02;
const MOST_LIST: f64 = 1.6;
/// Of `list` of the same locks.
const MOST_PATTERN: f64 = 0.5;
/// What `PATTERNS` of them may add to an acquire of a path.
const MOST_PATTERNS: Duration = Duration::from_micros(400);

/// The argument that makes this program the other side of the comparison of `list`.
const READ_ALL: &str = "--read-all";

fn main() -> ExitCode {
    let args: Vec<_> = env::args().collect();
    if let [_, flag, dir] = &args[..]
        && flag == READ_ALL
    {
        read_all(Path::new(dir));
        return ExitCode::SUCCESS;
    }
    let (binary, _) = binary::choose(BUILT);
    println!("{}", binary.display());
    let mut bounds = Bounds { missed: 0 };
    commands(&binary, &mut bounds);
    list(&binary, &mut bounds);
    pattern(&binary, &mut bounds);
    patterns(&binary, &mut bounds);
    if bounds.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Bounds {
    missed: usize,
}

impl Bounds {
    fn tell(&mut self, held: bool, what: &str) {
        println!("{} {what}", if held { "ok    " } else { "MISSED" });
        self.missed += usize::from(!held);
    }
}

/// `acquire` and `check`, with one lock held and with 100,000 more.
fn commands(binary: &PathBuf, bounds: &mut Bounds) {
    let (few, many) = (Load::plant(binary, 0), Load::plant(binary, HELD));
    let measured = [("acquire, new", "acquire"), ("acquire, again", "acquire"), ("check", "check")];
    if works(&["strace", "-f", "-o", "/dev/null"]) {
        for (name, command) in measured {
            let args = [command, "traced.rs"];
            few.show_life();
            many.show_life();
            let (before, after) = (few.system_calls(&args), many.system_calls(&args));
            let (a, b): (usize, usize) = (before.values().sum(), after.values().sum());
            bounds.tell(before == after, &format!("{name}: {a} system calls, with {HELD} locks {b} (bound: equal)"));
        }
    } else {
        bounds.tell(false, "system calls: not measured, strace does not work here");
    }
    if works(&["valgrind", "--tool=none"]) {
        for (name, command) in measured {
            let args = [command, "counted.rs"];
            few.show_life();
            many.show_life();
            let (a, b) = (instructions(&few, &args), instructions(&many, &args));
            let ratio = b as f64 / a as f64;
            let held = ratio <= MOST_INSTRUCTIONS;
            let what =
                format!("{name}: {a} instructions, with {HELD} locks {b}: {ratio:.4} (at most {MOST_INSTRUCTIONS})");
            bounds.tell(held, &what);
        }
    } else {
        bounds.tell(false, "instructions: not measured, valgrind does not work here");
    }
}

fn instructions(load: &Load, args: &[&str]) -> u64 {
    let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let run = load.call_under(callgrind, args).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap().1;
    collected.trim().parse().unwrap()
}

/// `list` against a process that opens and reads the same files, in turns.
fn list(binary: &PathBuf, bounds: &mut Bounds) {
    let load = Load::plant(binary, LISTED - 1);
    let lines = String::from_utf8(load.call(["list"]).output().unwrap().stdout).unwrap().lines().count();
    assert_eq!(lines, LISTED);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(time(load.call(["list"])));
        let mut reader = Command::new(env::current_exe().unwrap());
        reader.arg(READ_ALL).arg(load.locks()).env_remove("LD_LIBRARY_PATH");
        plain.push(time(reader));
    }
    let (ours, plain) = (median(ours), median(plain));
    let ratio = ours.as_secs_f64() / plain.as_secs_f64();
    let what = format!(
        "list of {LISTED} locks: {ours:.1?}, open and read of the same files {plain:.1?}: {ratio:.2} (at most {MOST_LIST}; medians of {RUNS})"
    );
    bounds.tell(ratio <= MOST_LIST, &what);
}

/// A pattern against paths, all of them below the directory that it is about: every name is looked at, and no file.
/// That is linear in the number of paths, but what `list` does to each of them costs more.
fn pattern(binary: &PathBuf, bounds: &mut Bounds) {
    let load = Load::plant(binary, LISTED - 1);
    for pattern in ["load/**/*.py", "load/[!0]*", "**/*[!a-z]"] {
        load.show_life();
        let (mut ours, mut lists) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(time(load.call(["acquire", pattern])));
            time(load.call(["release", pattern]));
            lists.push(time(load.call(["list"])));
        }
        let (ours, list) = (median(ours), median(lists));
        let ratio = ours.as_secs_f64() / list.as_secs_f64();
        let what = format!(
            "acquire {pattern} with {LISTED} paths held: {ours:.1?}, list of them {list:.1?}: {ratio:.2} (at most {MOST_PATTERN}; medians of {RUNS})"
        );
        bounds.tell(ratio <= MOST_PATTERN, &what);
    }
}

/// An acquire of a path, with patterns held and without: such that begin elsewhere, and such that have to be matched.
fn patterns(binary: &PathBuf, bounds: &mut Bounds) {
    let kinds = [
        ("in other directories", "module#/**/*.rs"),
        ("in its directory", "src/**/part#*.rs"),
        ("everywhere", "**/part#/*.{ts,tsx}"),
    ];
    for (kind, pattern) in kinds {
        let (without, with) = (Load::plant(binary, 0), Load::plant(binary, 0));
        for n in 0..PATTERNS {
            time(with.call(["acquire", &pattern.replace('#', &n.to_string())]));
        }
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..5 * RUNS {
            for (load, times) in [&without, &with].into_iter().zip(&mut times) {
                load.show_life();
                times.push(time(load.call(["acquire", "src/measured.rs"])));
                time(load.call(["release", "src/measured.rs"]));
            }
        }
        // What else the machine does only ever adds, and in a difference it would be most.
        let [without, with] = times.map(tenth);
        let added = with.saturating_sub(without);
        let what = format!(
            "acquire of a path with {PATTERNS} patterns {kind}: {without:.1?} and {added:.1?} more (at most {MOST_PATTERNS:.0?}; the tenth part of {} runs is faster)",
            5 * RUNS
        );
        bounds.tell(added <= MOST_PATTERNS, &what);
    }
}

fn time(mut command: Command) -> Duration {
    command.stdout(Stdio::null()).stdin(Stdio::null());
    let start = Instant::now();
    let status = command.status().unwrap();
    let took = start.elapsed();
    assert!(status.success(), "{command:?}");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The time that a tenth of all stays below.
fn tenth(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 10]
}

/// Opens and reads every file of a directory, each into the same buffer, and does nothing with it.
fn read_all(dir: &Path) {
    let mut buffer = [0; 64 * 1024];
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(dir).unwrap() {
        bytes += fs::File::open(entry.unwrap().path()).unwrap().read(&mut buffer).unwrap();
        files += 1;
    }
    println!("{files} files, {bytes} bytes");
}
