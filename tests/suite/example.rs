//! `.agent_locks.example/`, made by `scripts/example`: what the formats look like stays true. Its era and its guard are
//! read where their types are (`src/store`).

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use swarmlock::{
    domain::{LockFile, parse_lock},
    fs::FileName,
    store::{ClaimKey, Event, Family, MAIN_WORKTREE, Place},
};

use crate::harness::{Run, Site};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".agent_locks.example")
}

fn files(dir: &Path) -> Vec<(FileName, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = FileName::new(entry.file_name().into_string().unwrap()).unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn locks() -> Vec<(ClaimKey, Vec<u8>)> {
    let places = [("locks/names", Place::names()), ("locks/paths/-", Place::new(Family::Paths, MAIN_WORKTREE))];
    let in_place = |(dir, place): (&str, Place)| {
        files(&example().join(dir)).into_iter().map(move |(name, bytes)| (place.claim(name), bytes))
    };
    places.into_iter().flat_map(in_place).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_lock_file_is_read_and_rewritten_byte_for_byte() {
    let read: Vec<LockFile> = locks()
        .iter()
        .map(|(key, bytes)| {
            let lock = parse_lock(key, bytes).unwrap();
            assert_eq!(text(&lock.to_bytes().unwrap()), text(bytes), "{}", key.file());
            lock
        })
        .collect();
    let on: Vec<_> = read.iter().map(|lock| (lock.head().text(), lock.holders()[0].agent_id.as_str())).collect();
    let expected = [
        ("name:deploy-staging", "alice"),
        ("docs/guide.md", "bob"),
        ("src/api/routes.rs", "dave"),
        ("src/auth.rs", "alice"),
    ];
    assert_eq!(on, expected.map(|(on, agent)| (on.to_owned(), agent)));
    assert!(read.iter().all(|lock| lock.holders()[0].host == "workstation"), "the host of no real machine");
}

/// The log and the events in it.
fn events() -> (String, Vec<Event>) {
    let log = fs::read_to_string(example().join("events.log")).unwrap();
    let events = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (log, events)
}

#[test]
fn every_event_is_read_and_rewritten_byte_for_byte() {
    let (log, events) = events();
    let written: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert_eq!(written, log);
    for kind in ["acquired", "renewed", "released", "taken_over"] {
        assert!(events.iter().any(|event| event.event == kind), "no event {kind}");
    }
    for (key, bytes) in locks() {
        let lock = parse_lock(&key, &bytes).unwrap();
        let fence = Some(lock.holders()[0].fence);
        assert!(events.iter().any(|e| e.file == Some(key.file()) && e.fence == fence), "no event of {}", key.file());
    }
}

#[test]
fn the_settings_are_those_that_the_program_prints_and_all_of_them_are_the_defaults() {
    let example = fs::read_to_string(example().join("config.toml")).unwrap();
    assert_eq!(swarmlock::config::template(), example, "run scripts/example");
    let uncommented: String = example
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.contains(" = "))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(swarmlock::config::Config::parse(&uncommented), Ok(swarmlock::config::Config::default()));
    assert_eq!(uncommented.lines().count(), swarmlock::config::KEYS.len());
}

/// Git keeps neither the modes nor the inodes, so what a clone has is a copy: its leases are of an era that is over.
#[test]
fn a_copy_can_be_looked_at_and_every_lease_in_it_is_over() {
    let site = Site::new();
    copy(&example(), &site.state(""));
    let list = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    let states: Vec<_> = list.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["orphaned"; 4]);
    let lines = |run: Run| run.expect(0).out.lines().count();
    assert_eq!(lines(site.nobody().run(["history"])), events().1.len());
    assert_eq!(lines(site.nobody().run(["history", "src/api/routes.rs"])), 2);
    // The copy works, and counts on from where the original stopped.
    site.agent("erin").run(["acquire", "src/auth.rs"]).expect(0);
    let fence = site.lock_json("src/auth.rs")["holders"][0]["fence"].as_u64().unwrap();
    assert!(events().1.iter().all(|event| event.n < fence), "{fence}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::write(&to, fs::read(entry.path()).unwrap()).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
