//! Everything that ends an era, and every way in which the state directory can be cut short, through the binary.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use swarmlock::domain::Acquired;

use super::{
    lib_agent::{Lib, path},
    soak,
};
use crate::harness::{Site, skip};

pub const HELD: &str = "src/a.rs";

/// A checkout in which alice holds `HELD`.
pub fn held() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", HELD]).expect(0);
    site
}

pub fn fence(site: &Site, path: &str) -> u64 {
    site.lock_json(path)["holders"][0]["fence"].as_u64().unwrap()
}

/// The fence of a new lease on `path`.
fn grant(site: &Site, path: &str) -> u64 {
    site.agent("bob").run(["acquire", path]).expect(0);
    fence(site, path)
}

fn edit_era(site: &Site, edit: impl FnOnce(&mut Value)) {
    let file = site.state("era.json");
    let mut era = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    edit(&mut era);
    fs::write(&file, era.to_string()).unwrap();
}

pub fn restart(site: &Site) {
    edit_era(site, |era| {
        era["boot_id"] = "an-earlier-boot".into();
        if era["machine_id"].is_null() {
            // Where machines have no id a restart ends no era; the next best end is a copy.
            era["guard_born_ns"] = 1.into();
        }
    });
}

fn set_counter(site: &Site, next: u64) {
    let file = site.state(".guard");
    let mut line: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    line["next"] = next.into();
    line["change"] = Value::Null;
    fs::write(&file, format!("{line:<2047}\n")).unwrap();
}

fn events(site: &Site, kind: &str) -> Vec<Value> {
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|event: &Value| event["event"] == kind).collect()
}

pub fn remove_state(site: &Site) {
    fs::remove_dir_all(site.state("")).unwrap();
}

fn run_tool(tool: &str, args: &[&str], dir: &Path) -> bool {
    let status = Command::new(tool).args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

pub fn plant(site: &Site, file: &str, bytes: &[u8]) {
    fs::write(site.state(file), bytes).unwrap();
}

pub fn remove(site: &Site, below: &str) {
    let path = site.state(below);
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

pub fn empty_lock(site: &Site) {
    fs::write(site.lock_file(HELD), "").unwrap();
}

#[test]
fn after_a_power_cut_torn_locks_are_set_aside_and_kept() {
    let site = held();
    let newest = ["src/b.rs", "src/c.rs", "src/d.rs"].map(|path| grant(&site, path))[2];
    let half = fs::read(site.lock_file("src/b.rs")).unwrap()[..100].to_vec();
    empty_lock(&site);
    fs::write(site.lock_file("src/b.rs"), &half).unwrap();
    let mut newer = site.lock_json("src/c.rs");
    newer["v"] = 2.into();
    fs::write(site.lock_file("src/c.rs"), newer.to_string()).unwrap();
    restart(&site);
    assert!(grant(&site, HELD) > newest);
    let set_aside = events(&site, "quarantined");
    assert_eq!(set_aside.len(), 2, "{set_aside:?}");
    assert!(set_aside.iter().all(|event| event["reason"].is_string()), "{set_aside:?}");
    let kept = fs::read_dir(site.state("quarantine")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let mut kept: Vec<_> = kept.collect();
    kept.sort();
    assert_eq!(kept, [Vec::new(), half], "they are kept as they were");
    assert!(!site.lock_file("src/b.rs").exists());
    // What a newer version wrote may mean anything.
    site.agent("carol").run(["acquire", "src/c.rs"]).expect(65);
    assert_eq!(site.lock_json("src/c.rs"), newer);
    site.agent("carol").run(["acquire", "src/d.rs"]).expect(0);
}

#[test]
fn a_restart_orphans_every_lease() {
    let site = held();
    let before = fence(&site, HELD);
    restart(&site);
    site.agent("bob").run(["check", HELD]).expect(0);
    assert!(grant(&site, HELD) > before);
    let taken = &events(&site, "taken_over")[0];
    assert_eq!((&taken["former"]["agent_id"], &taken["former"]["was"]), (&"alice".into(), &"orphaned".into()));
    site.agent("alice").run(["renew", HELD]).expect(12);
    assert_eq!(events(&site, "era_began").len(), 1);
}

#[test]
fn a_copied_directory_begins_an_era_of_its_own() {
    let (site, copy) = (held(), Site::outside_git());
    assert!(run_tool("cp", &["-a", site.root().to_str().unwrap(), copy.path("copy").to_str().unwrap()], copy.root()));
    let original = fs::read(site.lock_file(HELD)).unwrap();
    let inside = copy.path("copy");
    let taken = copy.agent("bob").within(&inside).run(["acquire", HELD, "--json"]).expect(0).json();
    assert_eq!(taken["former"]["was"], "orphaned", "{taken}");
    let in_copy: Value =
        serde_json::from_slice(&fs::read(inside.join(".agent_locks/locks/paths/-/src%2Fa.rs.lock")).unwrap()).unwrap();
    assert!(in_copy["holders"][0]["fence"].as_u64().unwrap() > fence(&site, HELD));
    assert_eq!(fs::read(site.lock_file(HELD)).unwrap(), original);
    site.agent("bob").run(["acquire", HELD]).expect(10);
    site.agent("alice").run(["renew", HELD]).expect(0);
    assert!(events(&site, "era_began").is_empty());
}

#[test]
fn git_clean_midway_gives_nobody_anything_and_in_the_end_a_new_directory() {
    let site = Site::outside_git();
    if !run_tool("git", &["init", "-q"], site.root()) {
        return skip("git_clean_midway_gives_nobody_anything_and_in_the_end_a_new_directory", "git is not there");
    }
    site.agent("alice").run(["acquire", HELD]).expect(0);
    let before = fence(&site, HELD);
    remove(&site, ".guard");
    for command in [["acquire", HELD], ["acquire", "src/free.rs"], ["renew", HELD], ["release", HELD]] {
        for agent in ["alice", "bob"] {
            site.agent(agent).run(command).expect(73);
        }
    }
    assert_eq!(fence(&site, HELD), before);
    assert!(!site.state(".guard").exists() && !site.lock_file("src/free.rs").exists());
    assert!(run_tool("git", &["clean", "-fdxq"], site.root()));
    assert!(!site.state("").exists(), "git sees nothing in it to keep");
    assert!(grant(&site, HELD) > before);
}

#[test]
fn a_directory_made_again_and_again_never_repeats_a_fence() {
    let site = Site::new();
    let mut last = 0;
    for _ in 0..100 * soak() {
        let next = grant(&site, HELD);
        assert!(next > last, "{next} after {last}");
        last = next;
        remove_state(&site);
    }
}

#[test]
fn a_directory_made_again_within_a_millisecond_never_repeats_a_fence() {
    // Memory keeps no disk waiting; where there is none, this is slower and proves less.
    let fast = Path::new("/dev/shm");
    let site =
        if fast.is_dir() { tempfile::tempdir_in(fast).or_else(|_| tempfile::tempdir()) } else { tempfile::tempdir() };
    let site = site.unwrap();
    let mut last = 0;
    for _ in 0..2_000 * soak() {
        let lib = Lib::init(site.path());
        let Acquired::Granted { granted, .. } = lib.acquire("alice", &path(HELD)).unwrap() else {
            panic!("it is free")
        };
        let fence = granted[0].found.lease.fence;
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        fs::remove_dir_all(site.path().join(".agent_locks")).unwrap();
    }
}

#[test]
fn a_directory_restored_from_a_backup_never_repeats_a_fence() {
    let site = held();
    if !run_tool("tar", &["-cf", "backup.tar", ".agent_locks"], site.root()) {
        return skip("a_directory_restored_from_a_backup_never_repeats_a_fence", "tar is not there");
    }
    let mut last = fence(&site, HELD);
    for removed_before in [true, false].repeat(5 * soak()) {
        for file in ["src/b.rs", "src/c.rs", "src/d.rs"] {
            let next = grant(&site, file);
            assert!(next > last, "{next} after {last}");
            last = next;
        }
        if removed_before {
            remove_state(&site);
        }
        assert!(run_tool("tar", &["-xf", "backup.tar"], site.root()));
        // The backup says that alice holds it; what happened since then is not in it.
        let next = grant(&site, HELD);
        assert!(next > last, "removed before: {removed_before}: {next} after {last}");
        last = next;
    }
}

#[test]
fn a_damaged_counter_repeats_no_fence_and_loses_no_lease() {
    let site = held();
    let mut last = fence(&site, HELD);
    for damage in [&b""[..], &[0; 2048], b"{}", b"{\"v\":1,\"era\":1,\"next\":2,\"change\":null}", &[b'['; 100_000]] {
        for file in ["src/b.rs", "src/c.rs"] {
            plant(&site, ".guard", damage);
            site.agent("carol").run(["acquire", HELD]).expect(10);
            let next = grant(&site, file);
            assert!(next > last, "{next} after {last}");
            last = next;
            site.agent("bob").run(["release", file]).expect(0);
        }
    }
    assert!(events(&site, "era_began").is_empty());
}

#[test]
fn numbers_that_run_out_are_refused_and_free_nothing() {
    let site = held();
    set_counter(&site, (1 << 53) - 2);
    assert_eq!([grant(&site, "src/b.rs"), grant(&site, "src/c.rs")], [(1 << 53) - 2, (1 << 53) - 1]);
    let locks = ["src/b.rs", "src/c.rs", HELD].map(|path| site.lock_json(path));
    for (agent, command, path) in
        [("bob", "acquire", "src/d.rs"), ("alice", "renew", HELD), ("carol", "acquire", "name:x")]
    {
        let run = site.agent(agent).run([command, path]).expect(16);
        assert!(run.err.contains("no numbers left") && run.err.contains("\nnext: "), "{run}");
    }
    site.agent("bob").run(["acquire", HELD]).expect(10);
    assert_eq!(["src/b.rs", "src/c.rs", HELD].map(|path| site.lock_json(path)), locks);
    assert!(!site.lock_file("src/d.rs").exists());
    // Nor does a restart bring numbers back.
    restart(&site);
    site.agent("bob").run(["acquire", "src/d.rs"]).expect(16);
}

#[test]
fn an_era_begun_by_a_clock_that_was_ahead_is_counted_on_from() {
    let site = held();
    // 80 years ahead: the next era by the clock of now would be smaller.
    let ahead = 80_u64 * 365 * 86_400 * 1_000_000;
    edit_era(&site, |era| {
        era["era"] = (era["era"].as_u64().unwrap() + ahead).into();
        era["began_at"] = "2106-01-01T00:00:00.000Z".into();
    });
    let mut last = grant(&site, "src/b.rs");
    assert!(last > ahead);
    for _ in 0..3 {
        restart(&site);
        let next = grant(&site, "src/c.rs");
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}

#[test]
fn control_a_copy_that_names_its_own_guard_keeps_the_leases() {
    use std::os::unix::fs::MetadataExt as _;
    let (site, copy) = (held(), Site::outside_git());
    assert!(run_tool("cp", &["-a", ".", copy.root().to_str().unwrap()], site.root()));
    // Only this tells the copy from the original: without it two could hold one lease.
    let guard = fs::metadata(copy.state(".guard")).unwrap();
    edit_era(&copy, |era| {
        era["guard_ino"] = guard.ino().into();
        era["guard_born_ns"] = Value::Null;
    });
    copy.agent("bob").run(["acquire", HELD]).expect(10);
}
