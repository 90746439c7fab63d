//! Processes that want one resource at the same moment.
//!
//! A round is begun by a gate: all wait for a shared `flock` that the judge holds exclusively, and the kernel wakes them
//! together. Two gates take turns, so that nobody runs ahead into the next round. Whoever gets the lease makes the
//! round's witness, a file outside the state directory, by `O_CREAT|O_EXCL`. Nobody gives a lease back within a round,
//! so a second witness is exactly two holders at once, whatever the state directory says.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::fd::AsFd as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use serde_json::Value;
use swarmlock::domain::Acquired;
use tempfile::TempDir;

use super::{
    lib_agent::{Lib, name},
    soak, task, worker,
};
use crate::harness::{BINARY, Site};

const PROCESSES: usize = 16;

/// What a contender reports.
const READY: u8 = b'R';
const WON: u8 = b'W';
const LOST: u8 = b'L';
const DOUBLE: u8 = b'D';
const FAILED: u8 = b'F';

/// What stands there when a round begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Fresh,
    Expired,
}

/// What the contenders use.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Library,
    Binary,
    /// No guard: see that it is over or not readable, unlink, `O_EXCL`, then write.
    Naive,
}

#[derive(Debug, Default)]
struct Tally {
    /// Rounds with two holders.
    doubles: usize,
    /// Rounds without one.
    nobody: usize,
}

#[test]
fn of_16_processes_one_gets_a_fresh_lock() {
    assert_one_winner(Way::Library, Start::Fresh, 5_000);
}

#[test]
fn of_16_processes_one_takes_over_an_expired_lock() {
    assert_one_winner(Way::Library, Start::Expired, 5_000);
}

#[test]
fn of_16_calls_of_the_binary_one_gets_a_fresh_lock() {
    assert_one_winner(Way::Binary, Start::Fresh, 500);
}

#[test]
fn of_16_calls_of_the_binary_one_takes_over_an_expired_lock() {
    assert_one_winner(Way::Binary, Start::Expired, 500);
}

#[test]
fn control_without_the_guard_two_take_over_an_expired_lock() {
    assert_doubles_are_seen(Start::Expired);
}

#[test]
fn control_a_lock_made_before_it_is_written_is_taken_by_two() {
    assert_doubles_are_seen(Start::Fresh);
}

/// A race that is lost now and then: it is run until it has been.
fn assert_doubles_are_seen(start: Start) {
    let seen = (0..20).any(|_| race(Way::Naive, start, 500).doubles > 0);
    assert!(seen, "the harness does not see two holders");
}

fn assert_one_winner(way: Way, start: Start, rounds: usize) {
    let tally = race(way, start, rounds * soak());
    assert_eq!((tally.doubles, tally.nobody), (0, 0), "rounds with two holders, with none");
}

fn race(way: Way, start: Start, rounds: usize) -> Tally {
    let began = Instant::now();
    let (site, outside) = (Site::new(), tempfile::tempdir().unwrap());
    let lib = Lib::init(site.root());
    let gates = [gate(&outside, 0), gate(&outside, 1)];
    gates[0].lock().unwrap();
    let (mut reports, report) = std::io::pipe().unwrap();
    let contenders: Vec<_> = (0..PROCESSES)
        .map(|me| {
            let (root, outside) = (site.root().to_str().unwrap(), outside.path().to_str().unwrap());
            let task = [&*format!("{way:?}"), root, outside, &me.to_string(), &rounds.to_string()];
            let mut command = worker("proof::races::contender", &task);
            command.stdin(report.try_clone().unwrap()).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    drop(report);
    let mut hear = || -> Vec<(u8, u8)> {
        let mut record = [0; 2];
        (0..PROCESSES)
            .map(|_| {
                reports.read_exact(&mut record).expect("no contender dies");
                assert_ne!(record[1], FAILED, "contender {} says why above", record[0]);
                (record[0], record[1])
            })
            .collect()
    };
    assert!(hear().iter().all(|(_, what)| *what == READY));
    let (mut tally, mut fence) = (Tally::default(), 0);
    for round in 0..rounds {
        plant(&lib, &site, way, start, round);
        gates[(round + 1) % 2].lock().unwrap();
        gates[round % 2].unlock().unwrap();
        let heard = hear();
        let winners: Vec<u8> = heard.iter().filter(|(_, what)| *what != LOST).map(|(who, _)| *who).collect();
        tally.doubles += usize::from(winners.len() > 1);
        tally.nobody += usize::from(winners.is_empty());
        assert_eq!(winners.len() > 1, heard.iter().any(|(_, what)| *what == DOUBLE), "the witness sees what we count");
        if let ([winner], true) = (&*winners, way != Way::Naive) {
            let found = lib.look(&name(&format!("round-{round}"))).unwrap();
            let lease = &found.lease;
            assert_eq!(lease.agent_id.as_str(), format!("w{winner}"), "round {round}");
            assert!(lease.fence > fence, "round {round}: {} after {fence}", lease.fence);
            fence = lease.fence;
        }
    }
    for mut contender in contenders {
        assert!(contender.wait().unwrap().success());
    }
    eprintln!("{way:?}, {start:?}: {rounds} rounds of {PROCESSES}, {tally:?}, {:.1?}", began.elapsed());
    tally
}

fn gate(outside: &TempDir, which: usize) -> File {
    File::create(outside.path().join(format!("gate-{which}"))).unwrap()
}

fn plant(lib: &Lib, site: &Site, way: Way, start: Start, round: usize) {
    match (start, way) {
        (Start::Fresh, _) => {}
        (Start::Expired, Way::Naive) => fs::write(naive_file(site.root(), round), r#"{"until":0}"#).unwrap(),
        (Start::Expired, _) => lib.plant_expired("ghost", &name(&format!("round-{round}"))),
    }
}

#[test]
fn contender() {
    let Some(task) = task() else { return };
    let [way, root, outside, me, rounds] = &*task else { panic!("{task:?}") };
    let (root, outside, me) = (Path::new(root), Path::new(outside), me.parse::<u8>().unwrap());
    let tell = Reporter(me);
    let gates = [0, 1].map(|which| File::open(outside.join(format!("gate-{which}"))).unwrap());
    let lib = Lib::open(root);
    tell.say(READY);
    for round in 0..rounds.parse().unwrap() {
        let gate: &File = &gates[round % 2];
        gate.lock_shared().unwrap();
        gate.unlock().unwrap();
        let won = match &**way {
            "Library" => by_library(&lib, me, round),
            "Binary" => by_binary(root, me, round),
            _ => naively(root, round),
        };
        tell.say(if won { witness(outside, round) } else { LOST });
    }
}

/// Reports over stdin, which is the judge's pipe: stdout belongs to the test runner.
struct Reporter(u8);

impl Reporter {
    fn say(&self, what: u8) {
        let mut pipe = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
        pipe.write_all(&[self.0, what]).unwrap();
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if thread::panicking() {
            self.say(FAILED);
        }
    }
}

fn witness(outside: &Path, round: usize) -> u8 {
    match File::create_new(outside.join(format!("witness-{round}"))) {
        Ok(_) => WON,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => DOUBLE,
        Err(error) => panic!("{error}"),
    }
}

fn by_library(lib: &Lib, me: u8, round: usize) -> bool {
    let acquired = lib.acquire(&format!("w{me}"), &name(&format!("round-{round}")));
    matches!(acquired.unwrap(), Acquired::Granted { .. })
}

fn by_binary(root: &Path, me: u8, round: usize) -> bool {
    let mut command = Command::new(BINARY);
    command.current_dir(root).args(["acquire", &format!("name:round-{round}"), "--agent", &format!("w{me}")]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    match output.status.code() {
        Some(0) => true,
        Some(10) => false,
        _ => panic!("{output:?}"),
    }
}

fn naive_file(root: &Path, round: usize) -> std::path::PathBuf {
    root.join(format!("naive-{round}"))
}

fn naively(root: &Path, round: usize) -> bool {
    let file = naive_file(root, round);
    if let Ok(bytes) = fs::read(&file) {
        let over = serde_json::from_slice::<Value>(&bytes).map_or(true, |lock| lock["until"] == 0);
        if !over {
            return false;
        }
        fs::remove_file(&file).ok();
    }
    let Ok(mut made) = File::create_new(&file) else { return false };
    made.write_all(br#"{"until":1}"#).is_ok()
}
