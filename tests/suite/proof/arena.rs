//! Processes that do something at the same moment, round after round.
//!
//! A round is begun by a gate: all wait for a shared `flock` that the judge holds exclusively, and the kernel wakes them
//! together. Two gates take turns, so that nobody runs ahead into the next round.

use std::{
    fs::File,
    io::{PipeReader, Read as _, Write as _},
    os::fd::AsFd as _,
    path::Path,
    process::{Child, Stdio},
    thread,
};

use tempfile::TempDir;

use super::worker;

pub const PROCESSES: usize = 16;

/// What a contender reports.
pub const READY: u8 = b'R';
pub const WON: u8 = b'W';
pub const LOST: u8 = b'L';
pub const DOUBLE: u8 = b'D';
pub const FAILED: u8 = b'F';

/// The judge's side.
pub struct Arena {
    /// A directory that has nothing to do with what is raced for.
    pub outside: TempDir,
    gates: [File; 2],
    reports: PipeReader,
    contenders: Vec<Child>,
}

impl Arena {
    /// Starts the contenders, each with its number, the outside directory and the rounds before `args`.
    pub fn start(test: &str, rounds: usize, args: &[&str]) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let gates = [0, 1].map(|which| File::create(outside.path().join(format!("gate-{which}"))).unwrap());
        gates[0].lock().unwrap();
        let (reports, report) = std::io::pipe().unwrap();
        let start = |me: usize| {
            let (me, rounds) = (me.to_string(), rounds.to_string());
            let task = [&[&*me, outside.path().to_str().unwrap(), &*rounds][..], args].concat();
            worker(test, &task).stdin(report.try_clone().unwrap()).stdout(Stdio::null()).spawn().unwrap()
        };
        let contenders = (0..PROCESSES).map(start).collect();
        drop(report);
        let mut arena = Self { outside, gates, reports, contenders };
        assert!(arena.hear().iter().all(|(_, what)| *what == READY));
        arena
    }

    /// Who reports what of a round.
    pub fn round(&mut self, round: usize) -> Vec<(u8, u8)> {
        self.gates[(round + 1) % 2].lock().unwrap();
        self.gates[round % 2].unlock().unwrap();
        self.hear()
    }

    fn hear(&mut self) -> Vec<(u8, u8)> {
        let mut record = [0; 2];
        let mut one = || {
            self.reports.read_exact(&mut record).expect("no contender dies");
            assert_ne!(record[1], FAILED, "contender {} says why above", record[0]);
            (record[0], record[1])
        };
        (0..PROCESSES).map(|_| one()).collect()
    }

    /// When all rounds are over.
    pub fn end(self) {
        for mut contender in self.contenders {
            assert!(contender.wait().unwrap().success());
        }
    }
}

/// A contender's side: calls `contend` in each round. `task` is what [`Arena::start`] gave it.
pub fn contend(task: &[String], mut contend: impl FnMut(u8, &Path, usize) -> u8) {
    let [me, outside, rounds, ..] = task else { panic!("{task:?}") };
    let (me, outside) = (me.parse().unwrap(), Path::new(outside));
    let tell = Reporter(me);
    let gates = [0, 1].map(|which| File::open(outside.join(format!("gate-{which}"))).unwrap());
    tell.say(READY);
    for round in 0..rounds.parse().unwrap() {
        let gate: &File = &gates[round % 2];
        gate.lock_shared().unwrap();
        gate.unlock().unwrap();
        tell.say(contend(me, outside, round));
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
