//! A state directory that is removed or replaced while a process works in it.

use std::{
    fs::{self, File},
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use super::{complained, holds, snapshot};
use crate::harness::{Run, Site, finish};

/// Alice holds held.rs. A change of hers waits for the guard, which the test holds; `meddle` is done meanwhile.
fn meanwhile(site: &Site, args: &[&str], meddle: impl FnOnce(&Path)) -> Run {
    let guard = File::open(site.state(".guard")).unwrap();
    guard.lock().unwrap();
    let mut waits = site.agent("alice").spawn([&["--guard-wait", "50s"], args].concat());
    until_it_has_opened(&mut waits, &site.state(".guard"));
    meddle(&site.state(""));
    drop(guard);
    finish(waits)
}

/// Waits until the process has the file open: it has passed the checks before the guard, and cannot pass the guard.
fn until_it_has_opened(child: &mut Child, file: &Path) {
    let begun = Instant::now();
    let table = format!("/proc/{}/fd", child.id());
    while begun.elapsed() < Duration::from_secs(30) {
        let open = fs::read_dir(&table).into_iter().flatten().flatten();
        if open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == file) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it did not wait for the guard");
        thread::yield_now();
    }
    panic!("it has not opened {}", file.display());
}

fn site() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "held.rs"]).expect(0);
    site
}

const CHANGES: [&[&str]; 4] = [&["acquire", "wanted.rs"], &["release", "held.rs"], &["renew", "held.rs"], &["cleanup"]];

/// Fails unless every change that waited meanwhile is refused, and leaves what stands there as `meddle` left it.
fn refused_after(meddle: impl Fn(&Site)) {
    for change in CHANGES {
        let site = site();
        let mut left = None;
        let run = meanwhile(&site, change, |_| {
            meddle(&site);
            left = Some(snapshot(site.root()));
        });
        assert_eq!((run.code, run.out.as_str()), (75, ""), "{change:?}: {run}");
        complained(&run, ".agent_locks");
        assert!(left == Some(snapshot(site.root())), "{change:?}: it has changed something: {run}");
    }
}

#[test]
fn a_change_that_only_waited_for_the_guard_goes_through() {
    for change in CHANGES {
        let site = site();
        meanwhile(&site, change, |_| {}).expect(0);
    }
}

#[test]
fn a_change_in_a_directory_that_was_removed_is_refused_and_makes_none() {
    refused_after(|site| fs::remove_dir_all(site.state("")).unwrap());
}

#[test]
fn a_change_in_a_directory_that_was_moved_away_is_refused_and_makes_none() {
    refused_after(|site| fs::rename(site.path(".agent_locks"), site.path("moved")).unwrap());
}

#[test]
fn a_change_in_a_directory_that_was_replaced_is_refused_and_claims_nothing_in_either() {
    refused_after(|site| {
        fs::rename(site.path(".agent_locks"), site.path("moved")).unwrap();
        site.agent("bob").run(["acquire", "held.rs"]).expect(0);
    });
    refused_after(|site| {
        fs::remove_dir_all(site.state("")).unwrap();
        site.agent("bob").run(["acquire", "wanted.rs"]).expect(0);
    });
    refused_after(|site| {
        fs::rename(site.path(".agent_locks"), site.path("moved")).unwrap();
        std::os::unix::fs::symlink("moved", site.path(".agent_locks")).unwrap();
    });
}

#[test]
fn a_change_whose_guard_was_removed_or_replaced_is_refused() {
    refused_after(|site| fs::remove_file(site.state(".guard")).unwrap());
    refused_after(|site| {
        let line = fs::read(site.state(".guard")).unwrap();
        fs::write(site.path("copy"), line).unwrap();
        fs::rename(site.path("copy"), site.state(".guard")).unwrap();
    });
}

/// The checkout itself is moved, and another one takes its place.
#[test]
fn a_change_in_a_checkout_that_was_moved_away_is_refused() {
    let outer = Site::outside_git();
    fs::create_dir_all(outer.path("tree/.git")).unwrap();
    let alice = |args: &[&str]| outer.agent("alice").within(outer.path("tree")).run(args);
    alice(&["acquire", "held.rs"]).expect(0);
    let guard = File::open(outer.path("tree/.agent_locks/.guard")).unwrap();
    guard.lock().unwrap();
    let call = outer.agent("alice").within(outer.path("tree"));
    let mut waits = call.spawn(["acquire", "wanted.rs", "--guard-wait", "50s"]);
    until_it_has_opened(&mut waits, &outer.path("tree/.agent_locks/.guard"));
    fs::rename(outer.path("tree"), outer.path("old")).unwrap();
    fs::create_dir_all(outer.path("tree/.git")).unwrap();
    alice(&["init"]).expect(0);
    drop(guard);
    let run = finish(waits);
    assert_eq!((run.code, run.out.as_str()), (75, ""), "{run}");
    for tree in ["old", "tree"] {
        let wanted = outer.path(tree).join(".agent_locks/locks/paths/-/wanted.rs.lock");
        assert!(!wanted.exists(), "{run}");
    }
    assert!(alice(&["acquire", "wanted.rs"]).expect(0).out.starts_with("acquired\t"));
}

#[test]
fn a_guard_that_is_not_free_in_time_is_busy_and_its_holder_is_named() {
    let site = site();
    let guard = File::open(site.state(".guard")).unwrap();
    guard.lock().unwrap();
    for wait in ["0s", "200ms"] {
        for change in CHANGES {
            let run = site.agent("alice").run([&["--guard-wait", wait], change].concat()).expect(75);
            assert_eq!(run.out, "", "{run}");
            complained(&run, ".guard");
            if Path::new("/proc/locks").exists() {
                assert!(run.err.contains(&format!("held by process {}", std::process::id())), "{run}");
            }
        }
    }
    // Looks need no guard.
    assert!(site.agent("alice").run(["check", "held.rs"]).expect(0).out.starts_with("mine\t"));
    site.agent("bob").run(["check", "held.rs"]).expect(10);
    for command in ["list", "status", "history"] {
        site.agent("bob").run([command]).expect(0);
    }
    drop(guard);
    holds(&site, "alice", "held.rs");
}
