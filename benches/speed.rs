//! `cargo bench --bench speed`: what commands cost beside other ways to take a lock, against bounds. Exit code 1 if one
//! is missed.
//!
//! All commands are started in turns, a few hundred times, so that whatever else the machine does meets all of them; the
//! medians of one run are compared, never those of two. `SWARMLOCK_BENCH_BINARY` names the binary, which is the static
//! release build if there is one, and `SWARMLOCK_BENCH_ROUNDS` the number of turns. Bounds are for the release build.
//!
//! Files are made in `TMPDIR`, or else on tmpfs. ext4 does not use the inodes of files removed in the last seconds again
//! and looks at each of them for every file it makes, so there acquire and dotlockfile are slower the more turns are made
//! and the more others remove files nearby: half as slow again where a test suite has just run.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark of the built binary: it makes its own files, and stops at the first surprise"
)]
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "modules shared with tests and benchmarks")]

mod binary;
#[path = "../tests/suite/load.rs"]
mod load;
mod turns;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    rc::Rc,
};

use load::{Load, works};
use turns::{CALLGRIND, FLOCK, Table, WARM_UP, by_kind, collected, plain, program, word};

const BUILT: &str = env!("CARGO_BIN_EXE_swarmlock");

const NEW: &str = "acquire, new";
const AGAIN: &str = "acquire, again";
const CHECK: &str = "check";
const RUN: &str = "run name -- true";

/// At most: this part of `flock -n f true`, and this many system calls that are not for memory.
const BOUNDS: [(&str, f64, usize); 4] = [(NEW, 0.45, 100), (AGAIN, 0.45, 100), (CHECK, 0.33, 65), (RUN, 1.5, 250)];

type Contender = turns::Contender<Ours>;

/// How the state of one of ours is reached, and what it is.
#[derive(Clone, Copy)]
struct Ours {
    before: &'static [&'static str],
    args: &'static [&'static str],
    /// Whether the agent's last sign of life is so old that this call leaves another, and looks for the agent's process.
    due: bool,
}

fn main() -> ExitCode {
    let (binary, released) = binary::choose(BUILT);
    turns::choose_disk();
    let (_disk, installed) = turns::install(&binary, BUILT);
    let load = Rc::new(Load::plant(&installed, 0));
    // All commands share their environment and directory; only ours look at either.
    let mut contenders = others(load.root());
    // Not after sqlite3, which leaves the caches full of itself.
    let behind = contenders.iter().position(|one| one.name == FLOCK).map_or(0, |at| at + 1);
    contenders.splice(behind..behind, ours(&load));
    let rounds = turns::rounds();
    turns::take(&mut contenders, rounds);
    println!("{}, {rounds} turns after {WARM_UP} to warm up, in {}", binary.display(), load.root().display());
    if print(&contenders, &load, released) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each leaves what the next one needs: a free lock, one of ours, the same, the same.
fn ours(load: &Rc<Load>) -> Vec<Contender> {
    let acquire: &[&str] = &["acquire", "src/measured.rs"];
    let check: &[&str] = &["check", "src/measured.rs"];
    let release: &[&str] = &["release", "src/measured.rs"];
    let run: &[&str] = &["run", "name:measured", "--", "true"];
    let commands = [
        (NEW, Ours { before: release, args: acquire, due: false }),
        (AGAIN, Ours { before: acquire, args: acquire, due: false }),
        (CHECK, Ours { before: acquire, args: check, due: false }),
        ("release", Ours { before: acquire, args: release, due: false }),
        ("acquire, new, life due", Ours { before: release, args: acquire, due: true }),
        ("acquire, again, life due", Ours { before: acquire, args: acquire, due: true }),
        ("release again", Ours { before: acquire, args: release, due: false }),
        (RUN, Ours { before: release, args: run, due: false }),
    ];
    fs::create_dir(load.root().join("src")).unwrap();
    fs::write(load.root().join("src/measured.rs"), "text\n").unwrap();
    let contender = |(name, ours): (_, Ours)| {
        let command = plain(load.call(ours.args), load.root());
        let load = Rc::clone(load);
        // What is due in each turn keeps it young for the others.
        let prepare = move || {
            if ours.due {
                load.age_life()
            }
        };
        let name = String::from(name);
        Contender { name, command, code: 0, prepare: Box::new(prepare), times: Vec::new(), ours: Some(ours) }
    };
    commands.into_iter().map(contender).collect()
}

fn others(dir: &Path) -> Vec<Contender> {
    let mut found = turns::usual(dir);
    let mut add = |name, program: Option<PathBuf>, args: &[&str], prepare: Box<dyn Fn()>| {
        found.extend(turns::other(dir, name, program, args, prepare));
    };
    let lock = dir.join("dotlock");
    add(
        "dotlockfile -l",
        program("dotlockfile"),
        &["-l", "-r", "0", "dotlock"],
        Box::new(move || drop(fs::remove_file(&lock))),
    );
    let sqlite = program("sqlite3");
    if let Some(sqlite) = &sqlite {
        let table = "CREATE TABLE locks (path TEXT PRIMARY KEY, agent TEXT)";
        assert!(Command::new(sqlite).args(["locks.db", table]).current_dir(dir).status().unwrap().success());
    }
    // Without it every change waits for the disk, which ours do not either.
    let insert = "PRAGMA synchronous=OFF; INSERT OR REPLACE INTO locks VALUES ('src/measured.rs', 'alice')";
    let nothing = Box::new(|| ());
    add("sqlite3: insert", sqlite, &["-batch", "-init", "/dev/null", "locks.db", insert], nothing);
    found
}

/// The table; whether every bound holds.
fn print(contenders: &[Contender], load: &Load, released: bool) -> bool {
    let table = Table::begin(contenders);
    let mut held = true;
    for one in contenders {
        let calls = one.ours.and_then(|ours| calls(load, ours));
        table.row(one, calls, one.ours.and_then(|ours| instructions(load, ours)));
        for (_, most, most_calls) in BOUNDS.iter().filter(|(name, ..)| released && *name == one.name) {
            let fast = table.of_flock(one).is_some_and(|ratio| ratio <= *most);
            let few = calls.is_some_and(|(n, _)| n <= *most_calls);
            held &= fast && few;
            println!("    {}: at most {most} of {FLOCK}; {}: at most {most_calls} system calls", word(fast), word(few));
        }
    }
    if !released {
        println!("no bounds: this is not the static release build (scripts/release)");
    }
    held
}

/// System calls of a command of ours, without those for memory and only those; `None` where strace does not work.
fn calls(load: &Load, ours: Ours) -> Option<(usize, usize)> {
    if !works(&["strace", "-f", "-o", "/dev/null"]) {
        return None;
    }
    reach(load, ours);
    Some(by_kind(&load.system_calls(ours.args)))
}

/// Instructions of a command of ours in user space, as valgrind counts them.
fn instructions(load: &Load, ours: Ours) -> Option<u64> {
    if !works(&CALLGRIND) {
        return None;
    }
    reach(load, ours);
    collected(&load.call_under(CALLGRIND, ours.args).output().unwrap().stderr)
}

/// Makes the state that a command of ours is measured in.
fn reach(load: &Load, Ours { before, due, .. }: Ours) {
    assert!(load.call(before).output().unwrap().status.success());
    if due { load.age_life() } else { load.show_life() }
}
