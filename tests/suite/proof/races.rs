//! Processes that want one resource at the same moment.
//!
//! Whoever gets the lease makes the round's witness, a file outside the state directory, by `O_CREAT|O_EXCL`. Nobody
//! gives a lease back within a round, so a second witness is exactly two holders at once, whatever the state directory
//! says.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::Value;
use swarmlock::domain::Acquired;

use super::{
    arena::{Arena, DOUBLE, LOST, PROCESSES, WON, contend},
    lib_agent::{Lib, name},
    soak, task,
};
use crate::harness::{BINARY, Site};

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
    let site = Site::new();
    let lib = Lib::init(site.root());
    let args = [&*format!("{way:?}"), site.root().to_str().unwrap()];
    let mut arena = Arena::start("proof::races::contender", rounds, &args);
    let (mut tally, mut fence) = (Tally::default(), 0);
    for round in 0..rounds {
        plant(&lib, &site, way, start, round);
        let heard = arena.round(round);
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
    arena.end();
    eprintln!("{way:?}, {start:?}: {rounds} rounds of {PROCESSES}, {tally:?}, {:.1?}", began.elapsed());
    tally
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
    let [_, _, _, way, root] = &*task else { panic!("{task:?}") };
    let root = Path::new(root);
    let lib = Lib::open(root);
    contend(&task, |me, outside, round| {
        let won = match &**way {
            "Library" => by_library(&lib, me, round),
            "Binary" => by_binary(root, me, round),
            _ => naively(root, round),
        };
        if won { witness(outside, round) } else { LOST }
    });
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
