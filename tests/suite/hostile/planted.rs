//! Objects that swarmlock never made, in place of each of its files and directories.

use std::fs;

use super::{
    complained, end_the_era, holds,
    object::{FOR_DIRECTORIES, FOR_FILES, Object, Planted},
    private, refused, snapshot, works,
};
use crate::harness::{Run, Site, skip};

/// What becomes of the calls while something is planted.
struct Expected {
    /// Where, below the state directory.
    at: &'static str,
    objects: &'static [Object],
    /// What bob's acquire and alice's release and renewal of src/auth.rs come to.
    change: i32,
    /// What bob's check and who of it come to; 10 and 0 are the right answers.
    look: [i32; 2],
    /// `list`, `status`, `cleanup`, `history`.
    rest: [i32; 4],
    /// What can be locked and released as ever.
    working: &'static [&'static str],
}

/// Alice holds src/auth.rs and name:deploy; each object is planted, everything is tried, and the good one put back.
fn plant(test: &str, expected: &Expected) {
    let mut tried = 0;
    for object in expected.objects {
        let site = Site::new();
        let [alice, bob] = ["alice", "bob"].map(|id| {
            let site = &site;
            move |args: &[&str]| site.agent(id).run(args)
        });
        alice(&["acquire", "src/auth.rs"]).expect(0);
        alice(&["acquire", "name:deploy"]).expect(0);
        let lock = fs::read(site.lock_file("src/auth.rs")).unwrap();
        let Some(planted) = Planted::new(site.state(expected.at), *object) else {
            skip(test, &format!("{object:?} in place of {}: not possible for this user here", expected.at));
            continue;
        };
        eprintln!("{object:?} in place of {}", expected.at);
        tried += 1;
        let outside = snapshot(planted.outside.path());
        let inside = snapshot(&site.state(""));
        let judge = |run: &Run, code: i32| {
            assert_eq!(run.code, code, "{object:?} in place of {}: {run}", expected.at);
            if code == 73 {
                complained(run, expected.at);
            }
        };
        for run in
            [bob(&["acquire", "src/auth.rs"]), alice(&["renew", "src/auth.rs"]), alice(&["release", "src/auth.rs"])]
        {
            judge(&run, expected.change);
            assert_eq!(run.out, "", "{run}");
        }
        judge(&bob(&["check", "src/auth.rs"]), expected.look[0]);
        judge(&bob(&["who", "src/auth.rs"]), expected.look[1]);
        for (command, code) in ["list", "status", "cleanup", "history"].into_iter().zip(expected.rest) {
            judge(&bob(&[command]), code);
        }
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
        assert!(inside == snapshot(&site.state("")), "{object:?}: something has been changed");
        for resource in expected.working {
            works(&site, resource);
        }
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
        planted.remove();
        // The control: with the good one all is as it was.
        assert_eq!(fs::read(site.lock_file("src/auth.rs")).unwrap(), lock);
        holds(&site, "alice", "src/auth.rs");
        holds(&site, "alice", "name:deploy");
        assert!(alice(&["release", "src/auth.rs"]).expect(0).out.starts_with("released\t"));
        works(&site, "src/auth.rs");
    }
    assert!(tried >= 5, "{tried}");
}

const RIGHT: [i32; 2] = [10, 0];
const UNSAFE: [i32; 2] = [73, 73];

#[test]
fn an_object_in_place_of_a_lock_file_is_left_alone_and_nobody_gets_the_lock() {
    plant(
        "planted in place of a lock file",
        &Expected {
            at: "locks/paths/-/src%2Fauth.rs.lock",
            objects: FOR_FILES,
            change: 73,
            look: UNSAFE,
            rest: [73, 73, 73, 0],
            working: &["src/other.rs", "name:other"],
        },
    );
}

#[test]
fn an_object_in_place_of_the_guard_stops_every_change_and_every_answer_that_needs_it() {
    const FOR_IT: &[Object] =
        &[Object::Fifo, Object::Directory, Object::LinkToTheGood, Object::DanglingLink, Object::Socket, Object::Device];
    let expected =
        Expected { at: ".guard", objects: FOR_IT, change: 73, look: UNSAFE, rest: [73, 73, 73, 0], working: &[] };
    plant("planted in place of the guard", &expected);
}

/// Readers only compare the guard's inode with the era's: what they answer is right.
#[test]
fn a_guard_that_others_could_hold_stops_every_change() {
    for object in [Object::HardLink, Object::Foreign, Object::Loose] {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        let Some(planted) = Planted::new(site.state(".guard"), object) else {
            skip("a guard that others could hold", &format!("{object:?}: not possible for this user here"));
            continue;
        };
        let before = snapshot(&site.state(""));
        for command in ["acquire", "release", "renew"] {
            refused(&site.agent("alice").run([command, "src/auth.rs"]), 73, ".guard");
        }
        refused(&site.agent("alice").run(["cleanup"]), 73, ".guard");
        site.agent("bob").run(["check", "src/auth.rs"]).expect(10);
        assert_eq!(before, snapshot(&site.state("")), "{object:?}");
        planted.remove();
        site.agent("alice").run(["release", "src/auth.rs"]).expect(0);
    }
}

#[test]
fn an_object_in_place_of_the_era_stops_all_but_history() {
    plant(
        "planted in place of the era",
        &Expected { at: "era.json", objects: FOR_FILES, change: 73, look: UNSAFE, rest: [73, 73, 73, 0], working: &[] },
    );
}

#[test]
fn an_object_in_place_of_the_log_stops_changes_and_history() {
    plant(
        "planted in place of the log",
        &Expected { at: "events.log", objects: FOR_FILES, change: 73, look: RIGHT, rest: [0, 0, 73, 73], working: &[] },
    );
}

#[test]
fn an_object_in_place_of_the_directory_for_half_made_files_stops_changes() {
    plant(
        "planted in place of tmp",
        &Expected { at: "tmp", objects: FOR_DIRECTORIES, change: 73, look: RIGHT, rest: [0, 0, 73, 0], working: &[] },
    );
}

#[test]
fn an_object_in_place_of_the_directory_of_all_locks_stops_all_but_history() {
    plant(
        "planted in place of locks",
        &Expected {
            at: "locks",
            objects: FOR_DIRECTORIES,
            change: 73,
            look: UNSAFE,
            rest: [73, 73, 73, 0],
            working: &[],
        },
    );
}

#[test]
fn an_object_in_place_of_a_directory_of_path_locks_leaves_names_working() {
    for at in ["locks/paths", "locks/paths/-"] {
        plant(
            "planted in place of locks/paths",
            &Expected {
                at,
                objects: FOR_DIRECTORIES,
                change: 73,
                look: UNSAFE,
                rest: [73, 73, 73, 0],
                working: &["name:other"],
            },
        );
    }
}

#[test]
fn an_object_in_place_of_the_directory_of_name_locks_leaves_paths_working() {
    for object in FOR_DIRECTORIES {
        let site = Site::new();
        site.agent("alice").run(["acquire", "name:deploy"]).expect(0);
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        let Some(planted) = Planted::new(site.state("locks/names"), *object) else {
            skip("planted in place of locks/names", &format!("{object:?}: not possible for this user here"));
            continue;
        };
        let outside = snapshot(planted.outside.path());
        for command in ["acquire", "release", "renew", "check", "who"] {
            refused(&site.agent("alice").run([command, "name:deploy"]), 73, "locks/names");
        }
        for command in ["list", "status", "cleanup"] {
            complained(&site.agent("alice").run([command]).expect(73), "locks/names");
        }
        works(&site, "src/other.rs");
        holds(&site, "alice", "src/auth.rs");
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
        planted.remove();
        holds(&site, "alice", "name:deploy");
    }
}

/// What is in `tmp` is litter by definition: it is removed, never followed nor written to.
#[test]
fn an_object_in_place_of_the_half_made_file_is_swept_and_never_written_to() {
    for object in FOR_FILES {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        let pending = site.state("tmp/pending");
        fs::write(&pending, "half a lock").unwrap();
        let Some(planted) = Planted::new(pending.clone(), *object) else {
            skip("planted in place of tmp/pending", &format!("{object:?}: not possible for this user here"));
            continue;
        };
        if *object == Object::Directory {
            fs::write(pending.join("inner"), "text").unwrap();
        }
        let good = planted.outside.path().join("good");
        let before = fs::read(&good).ok();
        works(&site, "src/other.rs");
        assert!(site.agent("alice").run(["renew", "src/auth.rs"]).expect(0).out.starts_with("renewed\t"));
        assert!(!pending.exists() && pending.symlink_metadata().is_err(), "{object:?}");
        assert_eq!(fs::read(&good).ok(), before, "{object:?}");
        assert!(!planted.outside.path().join("missing").exists());
        assert_eq!(site.lock_json("src/auth.rs")["agent_id"], "alice", "{object:?}");
    }
}

/// The stack and the descriptors of a sweep do not depend on how deep somebody dug.
#[test]
fn litter_that_is_deeper_than_anything_of_ours_is_left_and_litter_of_ours_is_not() {
    for (levels, code) in [(4, 0), (300, 73)] {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        fs::create_dir_all(site.state("tmp").join("d/".repeat(levels))).unwrap();
        for level in 1..=levels {
            private(&site.state("tmp").join("d/".repeat(level)));
        }
        let run = site.agent("alice").run(["cleanup"]).expect(code);
        assert_eq!(site.state("tmp/d").exists(), code != 0, "{run}");
        if code != 0 {
            complained(&run, "tmp/d/d/d");
        }
        works(&site, "src/other.rs");
        holds(&site, "alice", "src/auth.rs");
    }
}

#[test]
fn an_object_in_place_of_quarantine_stops_what_needs_it_and_nothing_is_lost() {
    for object in FOR_DIRECTORIES {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        let Some(planted) = Planted::new(site.state("quarantine"), *object) else {
            skip("planted in place of quarantine", &format!("{object:?}: not possible for this user here"));
            continue;
        };
        let outside = snapshot(planted.outside.path());
        works(&site, "src/other.rs");
        let damaged = site.lock_file("src/auth.rs");
        fs::write(&damaged, "damaged").unwrap();
        end_the_era(&site);
        for resource in ["src/auth.rs", "src/other.rs"] {
            refused(&site.agent("bob").run(["acquire", resource]), 73, "quarantine");
        }
        assert_eq!(fs::read(&damaged).unwrap(), b"damaged", "{object:?}");
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
        planted.remove();
        // The control: with the good one the damaged file is set aside, whole, and the lock can be had in the new era.
        site.agent("bob").run(["acquire", "src/auth.rs"]).expect(0);
        let aside: Vec<_> = fs::read_dir(site.state("quarantine")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(fs::read(&aside[0]).unwrap(), b"damaged");
        assert!(site.agent("bob").run(["history"]).expect(0).out.contains("\tquarantined\t"));
    }
}

/// An unsafe object stays where it is even when an era begins, and what it stands for is still not free.
#[test]
fn a_new_era_does_not_follow_an_object_in_place_of_a_lock_file() {
    for object in FOR_FILES {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        let Some(planted) = Planted::new(site.lock_file("src/auth.rs"), *object) else {
            skip("a new era and planted objects", &format!("{object:?}: not possible for this user here"));
            continue;
        };
        let outside = snapshot(planted.outside.path());
        end_the_era(&site);
        works(&site, "src/other.rs");
        assert!(site.agent("bob").run(["history"]).expect(0).out.contains("\tera_began\t"));
        refused(&site.agent("bob").run(["acquire", "src/auth.rs"]), 73, "src%2Fauth.rs.lock");
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
    }
}
