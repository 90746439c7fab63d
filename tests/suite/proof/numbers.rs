//! What could make a number repeat, and what could hide or double the event that tells of one.

use std::fs;

use serde_json::{Value, json};

use swarmlock::domain::Acquired;

use super::{
    eras::{HELD, fence, held, restart},
    lib_agent::{Lib, path},
};
use crate::harness::{Site, finish};

fn log(site: &Site) -> Vec<Value> {
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_directory_that_was_away_counts_on_from_the_one_that_stood_there_meanwhile() {
    let site = held();
    let away = site.path("away");
    fs::rename(site.state(""), &away).unwrap();
    site.agent("bob").run(["acquire", "src/b.rs"]).expect(0);
    let meanwhile = fence(&site, "src/b.rs");
    fs::remove_dir_all(site.state("")).unwrap();
    fs::rename(&away, site.state("")).unwrap();
    // The control: it is the old directory, with its lease.
    site.agent("bob").run(["acquire", HELD]).expect(10);
    site.agent("bob").run(["acquire", "src/b.rs"]).expect(0);
    assert!(fence(&site, "src/b.rs") > meanwhile);
}

#[test]
fn a_lease_of_an_era_to_come_is_nobodys() {
    let site = held();
    let mut lock = site.lock_json(HELD);
    let far = 1_u64 << 52;
    lock["change"] = json!(far + 1);
    for (key, value) in [
        ("era", json!(far)),
        ("fence", json!(far + 1)),
        ("lease", json!(format!("l-{}", far + 1))),
        ("renewed_at", json!("9999-12-31T23:59:59.999Z")),
        ("renewed_mono_ms", json!(null)),
    ] {
        lock["holders"][0][key] = value;
    }
    // The control: before, it was alice's.
    site.agent("bob").run(["acquire", HELD]).expect(10);
    site.plant(format!("locks/paths/-/{}.lock", HELD.replace('/', "%2F")), lock.to_string());
    assert!(site.agent("bob").run(["check", HELD]).expect(0).out.starts_with("orphaned\t"));
    assert!(site.agent("bob").run(["list"]).expect(0).out.contains("\torphaned\t"));
    let taken = site.agent("bob").run(["acquire", HELD]).expect(0);
    assert!(taken.out.starts_with("taken_over\t"), "{taken}");
    assert!(fence(&site, HELD) < far, "and its number is not counted on from");
}

/// The log as it stands when a process was killed between its change and the event that tells of it.
fn killed_before_its_event(site: &Site, path: &str) {
    let before = fs::read(site.state("events.log")).unwrap();
    site.agent("bob").run(["acquire", path]).expect(0);
    fs::write(site.state("events.log"), before).unwrap();
}

#[test]
fn a_number_that_was_never_given_out_hides_no_missing_event() {
    for (n, name) in [(0, "control"), ((1_u64 << 53) - 2, "far ahead"), (u64::MAX, "beyond all")] {
        let site = held();
        if n > 0 {
            let mut lines = fs::read_to_string(site.state("events.log")).unwrap();
            lines.push_str(&format!("{{\"n\":{n},\"at\":\"2026-11-21T00:00:00.000Z\",\"event\":\"acquired\"}}\n"));
            site.plant("events.log", lines);
        }
        killed_before_its_event(&site, "src/b.rs");
        site.agent("carol").run(["acquire", "src/c.rs"]).expect(0);
        let completed: Vec<_> = log(&site).into_iter().filter(|event| event["completed"] == true).collect();
        assert_eq!(completed.len(), 1, "{name}: {completed:?}");
        assert_eq!(completed[0]["resource"], "src/b.rs", "{name}");
        assert_eq!(completed[0]["n"], fence(&site, "src/b.rs"), "{name}");
    }
}

#[test]
fn an_event_is_found_however_much_was_logged_after_it() {
    let site = held();
    let mut lines = fs::read_to_string(site.state("events.log")).unwrap();
    let aside = "{\"n\":0,\"at\":\"2026-11-21T00:00:00.000Z\",\"event\":\"quarantined\",\"file\":\"names/x.lock\"}\n";
    lines.push_str(&aside.repeat(8000));
    assert!(lines.len() > 600_000);
    site.plant("events.log", lines);
    site.agent("bob").run(["acquire", "src/b.rs"]).expect(0);
    let told: Vec<_> = log(&site).into_iter().filter(|event| event["resource"] == HELD).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

/// Its maker read the clock, was stopped, and published after another directory had come and gone.
#[test]
fn a_directory_published_late_repeats_no_number_of_one_before() {
    let site = Site::new();
    site.agent("bob").run(["acquire", "src/b.rs"]).expect(0);
    let before = fence(&site, "src/b.rs");
    fs::remove_dir_all(site.state("")).unwrap();
    finish(site.agent("alice").spawn(["init"])).expect(0);
    // As if it had been made an hour ago.
    let file = site.state("era.json");
    let mut era: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let early = era["era"].as_u64().unwrap() - 3_600_000_000;
    assert!(early < before, "the control: by its era alone it would begin below");
    era["era"] = json!(early);
    site.plant("era.json", era.to_string());
    site.plant(".guard", format!("{:<2047}\n", json!({ "v": 1, "era": early, "next": early + 1, "change": null })));
    site.agent("alice").run(["acquire", "src/b.rs"]).expect(0);
    assert!(fence(&site, "src/b.rs") > before);
}

/// The fence of a new lease, granted by a clock that stands before 2020.
fn granted_without_a_clock(site: &Site, name: &str) -> u64 {
    let mut lib = Lib::open(site.root());
    lib.machine.unix_us = 0;
    match lib.acquire("bob", &path(name)).unwrap() {
        Acquired::Granted { granted, .. } => granted[0].found.lease.fence,
        held @ (Acquired::Refused(_) | Acquired::Deadlock(_) | Acquired::Dropped) => panic!("{held:?}"),
    }
}

/// The clock makes nearly every number grow by itself; with one that stands still only the counter is left.
#[test]
fn without_the_clock_the_log_tells_how_far_the_numbers_have_come() {
    let site = held();
    let mut last = fence(&site, HELD);
    for (at, damage) in
        [None, Some(""), Some("garbage"), Some("{\"v\":1,\"era\":1,\"next\":2,\"change\":null}")].iter().enumerate()
    {
        for file in ["a", "b"] {
            if let Some(damage) = damage {
                site.plant(".guard", damage);
            }
            let next = granted_without_a_clock(&site, &format!("{at}{file}"));
            assert!(next > last, "{next} after {last}: {damage:?}");
            last = next;
        }
    }
    // After a restart, perhaps by a power cut, numbers that left no trace are passed over too.
    restart(&site);
    let next = granted_without_a_clock(&site, "restarted");
    assert!(next > last + 119_000_000, "{next} after {last}");
    // The control: without counter, log and clock nothing is left to tell.
    site.plant(".guard", "");
    fs::remove_file(site.state("events.log")).unwrap();
    assert!(granted_without_a_clock(&site, "lost") <= next + 2);
}
