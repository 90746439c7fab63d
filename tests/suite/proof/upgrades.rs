//! Two who share a file, and both want it for themselves.
//!
//! Pairs of processes: each takes a share, leaves a witness of it outside the state directory, and asks for all of it
//! again and again. Whoever gives up removes its witness before its share; whoever gets all of it keeps it. So the
//! witness of a share beside that of a sole holder is one who shares with one who is alone.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Instant,
};

use swarmlock::domain::{Acquired, Mode, Resource};

use super::{
    arena::{Arena, DOUBLE, LOST, PROCESSES, WON, contend},
    lib_agent::{Lib, path},
    soak, task,
};
use crate::harness::Site;

#[test]
fn of_two_who_share_none_is_alone_while_the_other_shares() {
    let (won, doubles) = race("library", 200 * soak());
    assert_eq!(doubles, 0);
    assert!(won > 0, "nobody is ever alone");
}

#[test]
fn control_without_the_guard_one_is_alone_while_the_other_shares() {
    let seen = (0..20).any(|_| race("naive", 500).1 > 0);
    assert!(seen, "the harness does not see it");
}

/// How often one of a pair was alone, and how often wrongly.
fn race(way: &str, rounds: usize) -> (usize, usize) {
    let began = Instant::now();
    let site = Site::new();
    let lib = Lib::init(site.root());
    let mut arena = Arena::start("proof::upgrades::contender", rounds, &[site.root().to_str().unwrap(), way]);
    let (mut won, mut doubles) = (0, 0);
    for round in 0..rounds {
        let heard = arena.round(round);
        let who = |wanted: u8| heard.iter().filter(move |(_, what)| *what == wanted).map(|(who, _)| *who);
        won += who(WON).count();
        doubles += who(DOUBLE).count();
        let pairs: Vec<u8> = who(WON).map(|who| who / 2).collect();
        doubles += (1..pairs.len()).filter(|at| pairs[..*at].contains(&pairs[*at])).count();
        if way == "library" {
            for who in who(WON).chain(who(DOUBLE)) {
                lib.release_all(&format!("w{who}"));
            }
            assert_eq!(lib.holders(), [], "round {round}: somebody who gave up holds something");
        }
    }
    arena.end();
    eprintln!(
        "{way}: {rounds} rounds of {} pairs, {won} alone, {doubles} wrongly, {:.1?}",
        PROCESSES / 2,
        began.elapsed()
    );
    (won, doubles)
}

/// How a contender goes about it.
trait Way {
    fn share(&self) -> bool;
    fn be_alone(&self) -> bool;
    fn give_up(&self);
}

struct ByLibrary<'a> {
    lib: &'a Lib,
    agent: String,
    resource: Resource,
}

impl ByLibrary<'_> {
    fn granted(&self, mode: Mode) -> bool {
        let acquired = self.lib.acquire_all(&self.agent, std::slice::from_ref(&self.resource), mode);
        matches!(acquired.unwrap(), Acquired::Granted { .. })
    }
}

impl Way for ByLibrary<'_> {
    fn share(&self) -> bool {
        self.granted(Mode::Shared)
    }

    fn be_alone(&self) -> bool {
        self.granted(Mode::Exclusive)
    }

    fn give_up(&self) {
        self.lib.release_all(&self.agent);
    }
}

/// Looks what the other has written, then writes: no guard. Its own share and the other's, and the same of being alone.
struct Naive([PathBuf; 4]);

impl Way for Naive {
    fn share(&self) -> bool {
        !self.0[3].exists() && fs::write(&self.0[0], "").is_ok()
    }

    fn be_alone(&self) -> bool {
        !self.0[1].exists() && fs::write(&self.0[2], "").is_ok()
    }

    fn give_up(&self) {
        fs::remove_file(&self.0[0]).unwrap();
    }
}

#[test]
fn contender() {
    let Some(task) = task() else { return };
    let [_, _, _, root, way] = &*task else { panic!("{task:?}") };
    let lib = Lib::open(Path::new(root));
    contend(&task, |me, outside, round| {
        let file = |what: &str, who: u8| outside.join(format!("{what}-{round}-{who}"));
        let witnesses = [file("share", me), file("share", me ^ 1), file("alone", me / 2)];
        // One of a pair gives up sooner, and now and then both at once.
        let tries = 1 + usize::from(me % 2) * (round % 4) * 10;
        if way == "library" {
            let resource = path(&format!("pair-{}", me / 2));
            contend_for_all(&ByLibrary { lib: &lib, agent: format!("w{me}"), resource }, &witnesses, tries)
        } else {
            let own = ["n-share", "n-alone"].map(|what| [file(what, me), file(what, me ^ 1)]);
            contend_for_all(&Naive(own.concat().try_into().unwrap()), &witnesses, tries)
        }
    });
}

fn contend_for_all(way: &dyn Way, [mine, other, alone]: &[PathBuf; 3], tries: usize) -> u8 {
    if !way.share() {
        return LOST;
    }
    File::create_new(mine).unwrap();
    if alone.exists() {
        return DOUBLE;
    }
    for _ in 0..tries {
        if way.be_alone() {
            let sole = File::create_new(alone).is_ok();
            return if sole && !other.exists() { WON } else { DOUBLE };
        }
    }
    fs::remove_file(mine).unwrap();
    way.give_up();
    LOST
}
