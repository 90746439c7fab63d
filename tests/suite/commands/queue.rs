//! `queue`: who waits for what; and what becomes of a place in line that is left and taken up again.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    harness::{Site, finish},
    processes::usable,
};

/// The tickets, by number.
fn tickets(site: &Site) -> Vec<PathBuf> {
    let Ok(there) = fs::read_dir(site.state("queue")) else { return Vec::new() };
    let mut found: Vec<PathBuf> = there.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn ticket(site: &Site) -> (PathBuf, Value) {
    let found = tickets(site);
    assert_eq!(found.len(), 1, "{found:?}");
    (found[0].clone(), serde_json::from_slice(&fs::read(&found[0]).unwrap()).unwrap())
}

/// Makes the only ticket seem to have been left so many seconds earlier than it was.
fn left_earlier(site: &Site, seconds: u64) {
    let (path, mut found) = ticket(site);
    let left = found["state"]["away_mono_ms"].as_u64().expect("nobody waits with it");
    found["state"]["away_mono_ms"] = left.saturating_sub(seconds * 1000).into();
    let mut state = format!("{{\n  \"state\": {},", found["state"]);
    state.extend(std::iter::repeat_n(' ', 319 - state.len()));
    let bytes = fs::read(&path).unwrap();
    fs::write(path, [state.as_bytes(), b"\n", &bytes[320..]].concat()).unwrap();
}

#[test]
fn a_ticket_is_listed_in_order_and_cancelled_by_its_agent_only() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "name:x"]).expect(0);
    site.agent("bob").run(["acquire", "name:x", "--queue"]).expect(10);
    site.agent("carol").run(["acquire", "name:x", "--queue", "--shared"]).expect(10);
    let listed = site.agent("alice").run(["queue"]).expect(0);
    let rows: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        rows.iter().map(|row| (row[1], row[2], row[3])).collect::<Vec<_>>(),
        [("bob", "away", "name:x"), ("carol", "away", "name:x"),]
    );
    let ticket = rows[0][0];
    site.agent("carol").run(["queue", "cancel", ticket]).expect(12);
    site.agent("bob").run(["queue", "cancel", ticket]).expect(0);
    site.agent("bob").run(["queue", "cancel", ticket]).expect(13);
    assert_eq!(site.agent("alice").run(["queue"]).expect(0).out.lines().count(), 1);
}

#[test]
fn a_ticket_left_for_later_is_kept_for_its_ttl_also_if_a_call_waited_with_it_before() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "a", "--wait=0s"]).expect(11);
    left_earlier(&site, 130);
    // Control: what was only waited with is gone after two minutes.
    assert_eq!(site.agent("alice").run(["queue"]).expect(0).out, "");

    site.agent("bob").run(["acquire", "a", "--wait=0s"]).expect(11);
    let (_, waited) = ticket(&site);
    site.agent("bob").run(["acquire", "a", "--queue", "--reason", "now this", "--ttl", "30m"]).expect(10);
    let (_, left) = ticket(&site);
    assert_eq!((&left["number"], &left["made_at"]), (&waited["number"], &waited["made_at"]), "the same place");
    assert_eq!((&left["keep"], &left["ttl_s"], &left["reason"]), (&"queue".into(), &1800.into(), &"now this".into()));
    left_earlier(&site, 1700);
    assert_eq!(site.agent("alice").run(["queue"]).expect(0).out.lines().count(), 1);
    // Whoever asks again has it for as long again.
    site.agent("bob").run(["acquire", "a", "--wait=0s"]).expect(11);
    left_earlier(&site, 1700);
    assert_eq!(site.agent("alice").run(["queue"]).expect(0).out.lines().count(), 1);
    left_earlier(&site, 200);
    assert_eq!(site.agent("alice").run(["queue"]).expect(0).out, "");
}

#[test]
fn whoever_looks_at_a_ticket_keeps_nobody_from_taking_it_up() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "a", "--wait=0s"]).expect(11);
    let (path, before) = ticket(&site);
    // As a look does, for longer than any.
    let looking = fs::File::open(path).unwrap();
    looking.lock_shared().unwrap();
    site.agent("bob").run(["acquire", "a", "--wait=0s"]).expect(11);
    assert_eq!(ticket(&site).1["number"], before["number"]);
}

#[test]
fn a_place_taken_up_says_what_the_new_call_is_inside_of() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "a", "--wait=0s"]).expect(11);
    assert!(ticket(&site).1.get("inside").is_none());
    site.agent("bob").env("SWARMLOCK_LEASE", "l-17").run(["acquire", "a", "--wait=0s"]).expect(11);
    assert_eq!(ticket(&site).1["inside"], serde_json::json!(["l-17"]));
}

#[test]
fn a_ticket_for_what_its_agent_has_been_granted_by_another_call_is_gone() {
    for (queued, asked, left) in [
        (&["a"][..], &["a", "b"][..], 0),
        (&["a", "--shared"], &["a"], 0),
        (&["a", "c"], &["a", "b"], 1),
        (&["a"], &["a", "--shared"], 1),
    ] {
        let site = Site::new();
        site.agent("alice").run(["acquire", "a"]).expect(0);
        site.agent("bob").run([&["acquire", "--queue"], queued].concat()).expect(10);
        site.agent("alice").run(["release", "a"]).expect(0);
        site.agent("bob").run([&["acquire"], asked].concat()).expect(0);
        assert_eq!(tickets(&site).len(), left, "{queued:?} {asked:?}");
        site.agent("bob").run(["release", "--mine"]).expect(0);
        site.agent("alice").run(["acquire", "a"]).expect(if left == 0 { 0 } else { 10 });
    }
}

#[test]
fn a_ticket_of_a_newer_version_is_left_alone() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "a", "--queue"]).expect(10);
    let (path, _) = ticket(&site);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"v\": 1", "\"v\": 2", 1)).unwrap();
    site.agent("alice").run(["release", "a"]).expect(0);
    site.agent("carol").run(["acquire", "a"]).expect(0);
    assert!(path.exists());
    // Control: what is no ticket is swept away.
    fs::write(&path, text.replacen("\"v\": 1", "\"v\": \"x\"", 1)).unwrap();
    site.agent("carol").run(["release", "a"]).expect(0);
    assert!(!path.exists());
}

/// How often a process has asked for the guard while it was taken: each of its threads that waits for it stays until then.
fn asked_for_guard(pid: u32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim() == "guard").count()
}

#[test]
fn who_waits_looks_without_the_guard() {
    if !usable("who_waits_looks_without_the_guard") {
        return;
    }
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let waiting = site.agent("bob").spawn(["acquire", "a", "--wait=30s"]);
    while tickets(&site).is_empty() {
        std::thread::yield_now();
    }
    let guard = site.hold_guard();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        // With one more attempt than the first it begins, another comes after 5 s.
        assert!(asked_for_guard(waiting.id()) <= 2, "the guard is wanted although nothing has changed");
    }
    // Control: what looks free is asked for again and again.
    fs::remove_file(site.lock_file("a")).unwrap();
    let began = Instant::now();
    while asked_for_guard(waiting.id()) <= 4 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    drop(guard);
    finish(waiting).expect(0);
}

#[test]
fn a_circle_that_is_closed_by_a_place_taken_up_again_is_found_by_the_last_in_line() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "b"]).expect(0);
    // The earlier place is left and taken up when the later one waits already.
    site.agent("alice").run(["acquire", "b", "--wait=0s"]).expect(11);
    let bob = site.agent("bob").spawn(["acquire", "a", "--wait=20s"]);
    while tickets(&site).len() < 2 {
        std::thread::yield_now();
    }
    let began = Instant::now();
    let alice = site.agent("alice").spawn(["acquire", "b", "--wait=20s"]);
    finish(bob).expect(15);
    assert!(began.elapsed() < Duration::from_secs(3), "at once, not when it happens to ask again");
    site.agent("bob").run(["release", "b"]).expect(0);
    finish(alice).expect(0);
}
