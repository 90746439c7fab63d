//! Full file systems.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use serde_json::Value;

use super::{Mount, complained, expire, holds, in_own_mounts, refused, works};
use crate::harness::Site;

/// Takes all the space that is left.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
}

/// A checkout on this disk in which alice holds held.rs and bob name:deploy.
fn site(disk: &Mount) -> Site {
    let site = Site::below(disk.path());
    site.agent("alice").run(["acquire", "held.rs"]).expect(0);
    site.agent("bob").run(["acquire", "name:deploy"]).expect(0);
    site
}

/// The lines of the log, each of which must be an event.
fn events(site: &Site) -> Vec<Value> {
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    assert!(log.ends_with('\n'), "{log}");
    log.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn litter(site: &Site) -> usize {
    let half_made = fs::read_dir(site.state("tmp")).unwrap().count();
    let new = fs::read_dir(site.root()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".new-")
    });
    half_made + new.count()
}

/// Nothing can be granted or renewed; what is held stays held, and can be released.
fn nothing_new_and_nothing_lost(site: &Site, full: impl Fn()) {
    let lock = fs::read(site.lock_file("held.rs")).unwrap();
    full();
    for (agent, change) in [
        ("carol", &["acquire", "new.rs"][..]),
        ("carol", &["acquire", "name:new"]),
        ("alice", &["acquire", "held.rs", "--ttl", "1h"]),
        ("alice", &["renew", "held.rs"]),
    ] {
        let run = site.agent(agent).run(change);
        refused(&run, 1, "tmp/pending");
        assert!(run.err.contains("No space left on device"), "{run}");
        assert_eq!(litter(site), 0, "{run}");
    }
    assert!(!site.lock_file("new.rs").exists());
    assert_eq!(fs::read(site.lock_file("held.rs")).unwrap(), lock);
    holds(site, "alice", "held.rs");
    holds(site, "bob", "name:deploy");
    site.agent("carol").run(["list"]).expect(0);
    let fresh = site.agent("carol").env("SWARMLOCK_DIR", site.path("fresh")).run(["acquire", "held.rs"]);
    refused(&fresh, 1, "fresh");
    assert!(fresh.err.contains("No space left on device") && !site.path("fresh").exists(), "{fresh}");
    assert_eq!(litter(site), 0, "{fresh}");
    assert!(site.agent("alice").run(["release", "held.rs"]).expect(0).out.starts_with("released\t"));
    assert!(!site.lock_file("held.rs").exists());
    site.agent("carol").run(["cleanup"]).expect(0);
}

/// With space again, everything works, and the log tells all of it, once.
fn all_works_again(site: &Site) {
    works(site, "new.rs");
    works(site, "held.rs");
    site.agent("bob").run(["release", "name:deploy"]).expect(0);
    let told: Vec<_> = events(site)
        .iter()
        .map(|event| format!("{} {}", event["event"].as_str().unwrap(), event["resource"].as_str().unwrap()))
        .collect();
    let wanted = [
        "acquired held.rs",
        "acquired name:deploy",
        "released held.rs",
        "acquired new.rs",
        "released new.rs",
        "acquired held.rs",
        "released held.rs",
        "released name:deploy",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_disk_without_space_grants_nothing_and_loses_nothing() {
    if !in_own_mounts("hostile::full::a_disk_without_space_grants_nothing_and_loses_nothing") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let site = site(&disk);
    let filler = disk.path().join("filler");
    nothing_new_and_nothing_lost(&site, || fill(&filler));
    fs::remove_file(filler).unwrap();
    all_works_again(&site);
}

#[test]
fn a_disk_without_inodes_grants_nothing_and_loses_nothing() {
    if !in_own_mounts("hostile::full::a_disk_without_inodes_grants_nothing_and_loses_nothing") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=8m,nr_inodes=100", "none"]);
    let site = site(&disk);
    let filler = disk.path().join("filler");
    fs::create_dir(&filler).unwrap();
    nothing_new_and_nothing_lost(&site, || {
        let made = (0..1000).take_while(|n| File::create(filler.join(n.to_string())).is_ok()).count();
        assert!(made < 100, "{made}");
    });
    fs::remove_dir_all(filler).unwrap();
    all_works_again(&site);
}

/// A checkout on this disk whose log has ten bytes left, and a file that takes all the space but frees it when removed.
fn full_log(disk: &Mount, site: &Site) -> (Vec<u8>, std::path::PathBuf) {
    // Blank lines mean nothing. A multiple of every page size there is.
    let page = 64 * 1024;
    let log = site.state("events.log");
    let size = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    let blank = vec![b'\n'; 2 * page - size % page - 10];
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(&blank).unwrap();
    let filler = disk.path().join("filler");
    fill(&filler);
    (fs::read(&log).unwrap(), filler)
}

/// The lock is gone before its event can be written: the event waits in the guard, and no change overtakes it.
#[test]
fn a_change_whose_event_does_not_fit_the_disk_takes_place_and_is_told_later() {
    if !in_own_mounts("hostile::full::a_change_whose_event_does_not_fit_the_disk_takes_place_and_is_told_later") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let site = site(&disk);
    let log = site.state("events.log");
    // Keeps the page of the lock file when its name is gone.
    let kept = File::open(site.lock_file("held.rs")).unwrap();
    let (before, filler) = full_log(&disk, &site);

    let released = site.agent("alice").run(["release", "held.rs"]).expect(0);
    assert!(released.out.starts_with("released\theld.rs\t"), "{released}");
    assert!(released.err.contains("the change took place, but events.log does not tell of it yet"), "{released}");
    assert!(!site.lock_file("held.rs").exists());
    assert!(fs::read(&log).unwrap() == before, "half a line is left");

    for (agent, change) in [("bob", ["release", "name:deploy"]), ("carol", ["acquire", "held.rs"])] {
        let run = site.agent(agent).run(change);
        refused(&run, 1, "events.log");
        assert!(run.err.contains("No space left on device"), "{run}");
    }
    complained(&site.agent("carol").run(["cleanup"]).expect(1), "events.log");
    assert!(fs::read(&log).unwrap() == before);
    assert!(site.agent("bob").run(["check", "name:deploy"]).expect(0).out.starts_with("mine\t"));
    assert!(site.agent("carol").run(["check", "held.rs"]).expect(0).out.starts_with("free\t"));

    fs::remove_file(filler).unwrap();
    drop(kept);
    all_works_again(&site);
    let completed: Vec<_> = events(&site).into_iter().filter(|event| event["completed"] == true).collect();
    assert_eq!(completed.len(), 1, "{completed:?}");
    assert_eq!((&completed[0]["event"], &completed[0]["by"]), (&"released".into(), &"alice".into()));
}

/// What was done before something fails is told.
#[test]
fn a_change_of_several_locks_that_fails_in_the_middle_tells_what_it_did() {
    if !in_own_mounts("hostile::full::a_change_of_several_locks_that_fails_in_the_middle_tells_what_it_did") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let site = site(&disk);
    for resource in ["a.rs", "b.rs"] {
        site.agent("alice").run(["acquire", resource]).expect(0);
    }
    let kept = ["a.rs", "b.rs", "held.rs"].map(|path| File::open(site.lock_file(path)).unwrap());
    let (_, filler) = full_log(&disk, &site);
    let run = site.agent("alice").run(["release", "held.rs", "a.rs", "b.rs"]);
    assert!(run.out.starts_with("released\theld.rs\t") && run.out.lines().count() == 1, "{run}");
    assert!(run.code == 1 && run.err.contains("events.log: No space left on device"), "{run}");
    assert!(!site.lock_file("held.rs").exists());
    assert!(site.lock_file("a.rs").exists() && site.lock_file("b.rs").exists());
    fs::remove_file(filler).unwrap();
    drop(kept);
    let run = site.agent("alice").run(["release", "held.rs", "a.rs", "b.rs"]).expect(0);
    let words: Vec<_> = run.out.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(words, ["free", "released", "released"], "{run}");
}

#[test]
fn a_cleanup_that_fails_in_the_middle_tells_what_it_removed() {
    if !in_own_mounts("hostile::full::a_cleanup_that_fails_in_the_middle_tells_what_it_removed") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let site = site(&disk);
    for path in ["a.rs", "b.rs"] {
        site.agent("alice").run(["acquire", path]).expect(0);
        expire(&site, path);
    }
    let kept = ["a.rs", "b.rs"].map(|path| File::open(site.lock_file(path)).unwrap());
    let (_, filler) = full_log(&disk, &site);
    let run = site.agent("bob").run(["cleanup"]);
    assert!(run.out.starts_with("removed\ta.rs\t") && run.out.lines().count() == 1, "{run}");
    assert!(run.code == 1 && run.err.contains("events.log: No space left on device"), "{run}");
    fs::remove_file(filler).unwrap();
    drop(kept);
    let run = site.agent("bob").run(["cleanup"]).expect(0);
    assert!(run.out.starts_with("removed\tb.rs\t") && run.out.lines().count() == 1, "{run}");
    holds(&site, "alice", "held.rs");
}
