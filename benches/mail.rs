//! `cargo bench --bench mail`: what messages cost, against bounds. Exit code 1 if one is missed.
//!
//! A `send` beside an `acquire` and an `fdatasync` of the same file, and the first page of an inbox with 10,000 unread
//! messages beside reading all of the log as lines of JSON. All are started in turns, and the medians of one run are
//! compared. `SWARMLOCK_BENCH_BINARY` names the binary and `SWARMLOCK_BENCH_ROUNDS` the number of turns. Files are made in
//! `TMPDIR`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark of the built binary: it makes its own files, and stops at the first surprise"
)]
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "modules shared with benchmarks")]

mod binary;

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

const BUILT: &str = env!("CARGO_BIN_EXE_swarmlock");

/// Turns that count, unless the environment says otherwise.
const ROUNDS: usize = 200;
/// Turns before those.
const WARM_UP: usize = 10;

/// How many messages are unread.
const UNREAD: usize = 10_000;

/// A `send` costs at most this many acquires, and an `fdatasync`.
const ACQUIRES: f64 = 3.0;
/// The first page costs at most this many times reading the log.
const READINGS: f64 = 1.5;

struct Site {
    _temp: tempfile::TempDir,
    root: PathBuf,
    binary: PathBuf,
}

impl Site {
    fn new(binary: &Path) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().to_owned();
        let site = Self { _temp: temp, root, binary: binary.to_owned() };
        site.run("alice", &["init", "--harness", "none"]);
        let raised = "message_rate = 1000000\nmessage_rate_all = 1000000\nmessage_window = '1s'\n";
        fs::write(site.root.join(".agent_locks/config.toml"), raised).unwrap();
        for agent in ["alice", "bob"] {
            site.run(agent, &["agents", "register"]);
        }
        site
    }

    fn command(&self, agent: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).current_dir(&self.root).env_clear().env("SWARMLOCK_AGENT", agent).stdin(Stdio::null());
        command
    }

    fn run(&self, agent: &str, args: &[&str]) -> Duration {
        let mut command = self.command(agent, args);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let began = Instant::now();
        let output = command.output().unwrap();
        let took = began.elapsed();
        assert!(output.status.success(), "{args:?}");
        took
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.into_iter().nth(ROUNDS.min(rounds()) / 2).unwrap()
}

fn rounds() -> usize {
    env::var("SWARMLOCK_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS).clamp(10, ROUNDS)
}

/// What `send` costs beside an acquire and making the log durable; whether that is within the bound.
fn sending(binary: &Path) -> bool {
    let site = Site::new(binary);
    let (mut acquires, mut sends, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    let mut file = fs::File::create(site.root.join("probe")).unwrap();
    for turn in 0..WARM_UP + rounds() {
        let acquire = site.run("alice", &["acquire", &format!("f{turn}")]);
        let send = site.run("alice", &["send", "bob", "info", "the parser is done"]);
        file.write_all(&[b'x'; 300]).unwrap();
        let began = Instant::now();
        file.sync_data().unwrap();
        let sync = began.elapsed();
        if turn >= WARM_UP {
            acquires.push(acquire);
            sends.push(send);
            syncs.push(sync);
        }
    }
    let (acquire, send, sync) = (median(acquires), median(sends), median(syncs));
    let ratio = send.saturating_sub(sync).as_secs_f64() / acquire.as_secs_f64();
    println!("acquire {acquire:?}, fdatasync {sync:?}, send {send:?}: {ratio:.2} acquires and an fdatasync");
    println!("  at most {ACQUIRES}: {}", if ratio <= ACQUIRES { "kept" } else { "MISSED" });
    ratio <= ACQUIRES
}

/// What the first page of many unread messages costs beside reading the log; whether that is within the bound.
fn reading(binary: &Path) -> bool {
    let site = Site::new(binary);
    // The first look counts what was sent before: it is done before.
    site.run("bob", &["inbox"]);
    let cursor = site.root.join(".agent_locks/cursors/bob");
    let before = fs::read(&cursor).unwrap();
    site.run("alice", &["send", "bob", "info", "the parser is done, and its tests pass; have a look when you can"]);
    let log = site.root.join(".agent_locks/agent_messages.log");
    let line = fs::read_to_string(&log).unwrap();
    let seq = line.split("\"seq\":").nth(1).unwrap().split(['}', ',']).next().unwrap().to_owned();
    let first: u64 = seq.parse().unwrap();
    let many: String = (0..UNREAD as u64).map(|at| line.replace(&seq, &(first + at).to_string())).collect();
    fs::write(&log, &many).unwrap();
    let (mut pages, mut readings, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..WARM_UP + rounds() {
        fs::write(&cursor, &before).unwrap();
        let page = site.run("bob", &["inbox"]);
        let start = site.run("bob", &["check", "nothing"]);
        let began = Instant::now();
        let bytes = fs::read(&log).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        assert_eq!(lines.filter(|line| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()).count(), UNREAD);
        let reading = began.elapsed();
        if turn >= WARM_UP {
            pages.push(page);
            readings.push(reading);
            starts.push(start);
        }
    }
    let (page, read, start) = (median(pages), median(readings), median(starts));
    let ratio = page.as_secs_f64() / (read + start).as_secs_f64();
    println!(
        "first page of {UNREAD} in {} KiB {page:?}; reading them {read:?}, a start {start:?}: {ratio:.2}",
        many.len() / 1024
    );
    println!("  at most {READINGS}: {}", if ratio <= READINGS { "kept" } else { "MISSED" });
    ratio <= READINGS
}

fn main() -> ExitCode {
    let (binary, released) = binary::choose(BUILT);
    if !released {
        println!("not a static release build: {}", binary.display());
    }
    let kept = [sending(&binary), reading(&binary)];
    if kept.into_iter().all(|kept| kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
