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

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use load::{Load, works};

const BUILT: &str = env!("CARGO_BIN_EXE_swarmlock");

/// Turns that count, unless the environment says otherwise.
const ROUNDS: usize = 400;
/// Turns before those.
const WARM_UP: usize = 30;

/// A tmpfs on nearly every Linux.
const MEMORY_DISK: &str = "/dev/shm";

/// Where `flock` looks for `true`.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Calls that tell of the allocator, not of the command.
const MEMORY: [&str; 4] = ["mmap", "munmap", "brk", "mremap"];

/// By which the others are measured.
const FLOCK: &str = "flock -n f true";
const FLOOR: &str = "floor: starts and ends";

const NEW: &str = "acquire, new";
const AGAIN: &str = "acquire, again";
const CHECK: &str = "check";
const RUN: &str = "run name -- true";

/// At most: this part of `flock -n f true`, and this many system calls that are not for memory.
const BOUNDS: [(&str, f64, usize); 4] = [(NEW, 0.45, 100), (AGAIN, 0.45, 100), (CHECK, 0.33, 65), (RUN, 1.5, 250)];

/// One way to take or to look at a lock.
struct Contender {
    name: &'static str,
    command: Command,
    /// Done before each start, within this process.
    prepare: Box<dyn Fn()>,
    times: Vec<Duration>,
    /// If it is ours: how its state is reached, and what it is.
    ours: Option<Ours>,
}

#[derive(Clone, Copy)]
struct Ours {
    before: &'static [&'static str],
    args: &'static [&'static str],
    /// Whether the agent's last sign of life is so old that this call leaves another, and looks for the agent's process.
    due: bool,
}

fn main() -> ExitCode {
    let (binary, released) = binary::choose(BUILT);
    if env::var_os("TMPDIR").is_none() && Path::new(MEMORY_DISK).is_dir() {
        tempfile::env::override_temp_dir(Path::new(MEMORY_DISK)).unwrap();
    }
    // Copied to a disk, as it is installed: from tmpfs, or as a linker left it in the page cache, it starts more slowly.
    let disk = tempfile::tempdir_in(Path::new(BUILT).parent().unwrap()).unwrap();
    let installed = disk.path().join("swarmlock");
    fs::copy(&binary, &installed).unwrap();
    let load = Rc::new(Load::plant(&installed, 0));
    // All commands share their environment and directory; only ours look at either.
    let mut contenders = others(load.root());
    // Not after sqlite3, which leaves the caches full of itself.
    let behind = contenders.iter().position(|one| one.name == FLOCK).map_or(0, |at| at + 1);
    contenders.splice(behind..behind, ours(&load));
    let rounds = env::var("SWARMLOCK_BENCH_ROUNDS").ok().map_or(ROUNDS, |text| text.parse().unwrap());
    for round in 0..WARM_UP + rounds {
        for contender in &mut contenders {
            (contender.prepare)();
            let start = Instant::now();
            let status = contender.command.status().unwrap();
            let took = start.elapsed();
            assert!(status.success(), "{}: {status}", contender.name);
            if round >= WARM_UP {
                contender.times.push(took);
            }
        }
    }
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
        Contender { name, command, prepare: Box::new(prepare), times: Vec::new(), ours: Some(ours) }
    };
    commands.into_iter().map(contender).collect()
}

fn others(dir: &Path) -> Vec<Contender> {
    let mut found = Vec::new();
    let mut add = |name, program: Option<PathBuf>, args: &[&str], prepare: Box<dyn Fn()>| {
        let Some(program) = program else {
            println!("not here: {name}");
            return;
        };
        let mut command = Command::new(program);
        command.args(args).current_dir(dir).env_remove("LD_LIBRARY_PATH");
        found.push(Contender { name, command: plain(command, dir), prepare, times: Vec::new(), ours: None });
    };
    let nothing = || Box::new(|| ());
    add(FLOOR, floor(dir), &[], nothing());
    add("true", program("true"), &[], nothing());
    add(FLOCK, program("flock"), &["-n", "f", "true"], nothing());
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
    add("sqlite3: insert", sqlite, &["-batch", "-init", "/dev/null", "locks.db", insert], nothing());
    found
}

/// With stdin from a file and nobody to read what it says.
fn plain(mut command: Command, dir: &Path) -> Command {
    command.env("PATH", PATH);
    let input = dir.join("input");
    fs::write(&input, "").unwrap();
    command.stdin(fs::File::open(input).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Where a program is: found once, because to search for it is no part of what it costs.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The smallest program that the kernel starts: one page that calls `exit(0)`. `None` where the machine is another.
fn floor(dir: &Path) -> Option<PathBuf> {
    const ADDRESS: u64 = 0x40_0000;
    const HEADERS: u16 = 64 + 56;
    // xor edi, edi; mov eax, 60; syscall
    const CODE: [u8; 9] = [0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return None;
    }
    let (halves, words) = (
        |n: &[u16]| n.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>(),
        |n: &[u64]| n.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>(),
    );
    let size = u64::from(HEADERS) + CODE.len() as u64;
    let bytes = [
        // ELF, 64 bits, little endian; an executable for x86_64; where it begins, where its one segment is described.
        [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec(),
        halves(&[2, 62, 1, 0]),
        words(&[ADDRESS + u64::from(HEADERS), 64, 0]),
        halves(&[0, 0, 64, 56, 1, 0, 0, 0]),
        // The segment: loaded, readable and executable; the whole file.
        halves(&[1, 0, 5, 0]),
        words(&[0, ADDRESS, ADDRESS, size, size, 4096]),
        CODE.to_vec(),
    ];
    let path = dir.join("floor");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path).unwrap();
    file.write_all(&bytes.concat()).unwrap();
    Some(path)
}

/// The table; whether every bound holds.
fn print(contenders: &[Contender], load: &Load, released: bool) -> bool {
    let of = |name: &str| contenders.iter().find(|one| one.name == name).map(|one| at(&one.times, 0.5));
    let (flock, floor) = (of(FLOCK), of(FLOOR));
    println!(
        "{:24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>8} {:>9}",
        "", "tenth us", "median", "nine 10", "/ flock", "/ floor", "calls", "+ memory", "instr."
    );
    let mut held = true;
    for one in contenders {
        let median = at(&one.times, 0.5);
        let ratio = |to: Option<Duration>| to.map(|to| median.as_secs_f64() / to.as_secs_f64());
        let shown = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        let calls = one.ours.and_then(|ours| calls(load, ours));
        let instructions = one.ours.and_then(|ours| instructions(load, ours));
        println!(
            "{:24} {:8.0} {:8.0} {:8.0} {:>8} {:>8} {:>6} {:>8} {:>9}",
            one.name,
            micros(at(&one.times, 0.1)),
            micros(median),
            micros(at(&one.times, 0.9)),
            shown(ratio(flock)),
            shown(ratio(floor)),
            calls.map_or("-".to_owned(), |(calls, _)| calls.to_string()),
            calls.map_or("-".to_owned(), |(_, memory)| memory.to_string()),
            instructions.map_or("-".to_owned(), |n| n.to_string()),
        );
        for (_, most, most_calls) in BOUNDS.iter().filter(|(name, ..)| released && *name == one.name) {
            let (fast, few) =
                (ratio(flock).is_some_and(|ratio| ratio <= *most), calls.is_some_and(|(n, _)| n <= *most_calls));
            held &= fast && few;
            let word = |held| if held { "ok" } else { "MISSED" };
            println!("    {}: at most {most} of {FLOCK}; {}: at most {most_calls} system calls", word(fast), word(few));
        }
    }
    if !released {
        println!("no bounds: this is not the static release build (scripts/release)");
    }
    held
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The time that this part of all stays below.
fn at(times: &[Duration], part: f64) -> Duration {
    let mut times = times.to_owned();
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a few hundred"
    )]
    let index = (times.len() as f64 * part) as usize;
    times[index.min(times.len() - 1)]
}

/// System calls of a command of ours, without those for memory and only those; `None` where strace does not work.
fn calls(load: &Load, Ours { before, args, due }: Ours) -> Option<(usize, usize)> {
    if !works(&["strace", "-f", "-o", "/dev/null"]) {
        return None;
    }
    assert!(load.call(before).output().unwrap().status.success());
    if due {
        load.age_life()
    } else {
        load.show_life()
    }
    let calls: BTreeMap<String, usize> = load.system_calls(args);
    let (memory, others): (Vec<_>, Vec<_>) = calls.iter().partition(|(name, _)| MEMORY.contains(&name.as_str()));
    let sum = |calls: Vec<(&String, &usize)>| calls.into_iter().map(|(_, count)| count).sum();
    Some((sum(others), sum(memory)))
}

/// Instructions of a command of ours in user space, as valgrind counts them: it has no openat2, so they are those of the
/// walk that replaces it.
fn instructions(load: &Load, Ours { before, args, due }: Ours) -> Option<u64> {
    let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    if !works(&callgrind) {
        return None;
    }
    assert!(load.call(before).output().unwrap().status.success());
    if due {
        load.age_life()
    } else {
        load.show_life()
    }
    let run = load.call_under(callgrind, args).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    said.lines().find_map(|line| line.split_once("Collected : "))?.1.trim().parse().ok()
}
