//! `.agent_locks.example/`, made by `scripts/example`: what the formats look like stays true. Its era and its guard are
//! read where their types are (`src/store`).

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use swarmlock::{
    domain::{AgentId, Beat, LockFile, Mode, parse_lock},
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
    let of = |family| Place::new(family, MAIN_WORKTREE);
    let places = [
        ("locks/names", Place::names()),
        ("locks/paths/-", of(Family::Paths)),
        ("locks/trees/-", of(Family::Trees)),
        ("locks/globs/-", of(Family::Globs)),
    ];
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
    let agents = |lock: &LockFile| lock.holders().iter().map(|lease| lease.agent_id.to_string()).collect::<Vec<_>>();
    let on: Vec<_> = read.iter().map(|lock| (lock.head().text(), agents(lock).join(" "))).collect();
    let expected = [
        ("name:deploy-staging", "alice"),
        ("Cargo.lock", "erin"),
        ("Cargo.toml", "erin"),
        ("src/api/routes.rs", "dave"),
        ("src/auth.rs", "alice"),
        ("tests/login.rs", "erin"),
        ("docs/", "bob carol"),
        ("web/", "bob"),
        ("proto/**/*.proto", "dave"),
    ];
    assert_eq!(on, expected.map(|(on, agents)| (on.to_owned(), agents.to_owned())));
    let leases = || read.iter().flat_map(LockFile::holders);
    assert!(leases().all(|lease| lease.host == "workstation"), "the host of no real machine");
    let shared: Vec<_> =
        read.iter().filter(|lock| lock.head().mode == Mode::Shared).map(|lock| lock.head().text()).collect();
    assert_eq!(shared, ["docs/"]);
    let several: Vec<_> = leases().filter(|lease| !lease.files.is_empty()).map(|lease| &lease.resources).collect();
    assert_eq!(several, [&["Cargo.lock", "Cargo.toml", "tests/login.rs"]; 3]);
}

#[test]
fn every_beat_is_read_and_rewritten_byte_for_byte() {
    let mut processes = 0;
    let beats = files(&example().join("beats"));
    for (name, bytes) in &beats {
        let beat = Beat::parse(&AgentId::new(name.as_str()).unwrap(), bytes).unwrap();
        let mut line = beat.to_line();
        line.resize(511, b' ');
        line.push(b'\n');
        assert_eq!(text(&line), text(bytes), "{}", name.as_str());
        assert_eq!(beat.host, "workstation");
        processes += usize::from(beat.process.is_some());
    }
    assert_eq!((beats.len(), processes), (5, 1));
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
    for kind in ["acquired", "renewed", "released", "taken_over", "mode_changed", "force_released"] {
        assert!(events.iter().any(|event| event.event == kind), "no event {kind}");
    }
    for (key, bytes) in locks() {
        for lease in parse_lock(&key, &bytes).unwrap().holders() {
            // Of a lease over several the event names the last.
            let file = lease.granted_by(&key).unwrap_or_else(|| key.clone()).file();
            let told = |event: &Event| event.file.as_ref() == Some(&file) && event.fence == Some(lease.fence);
            assert!(events.iter().any(told), "no event of {}", key.file());
        }
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
    assert_eq!(states, ["orphaned"; 10]);
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
