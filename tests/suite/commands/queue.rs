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
    waiting,
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
    if found["keep"] == "queue" {
        let made = found["made_mono_ms"].as_u64().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let now = format!("\"made_mono_ms\": {}", made.saturating_sub(seconds * 1000));
        fs::write(path, text.replacen(&format!("\"made_mono_ms\": {made}"), &now, 1)).unwrap();
        return;
    }
    let left = found["state"]["away_mono_ms"].as_u64().expect("nobody waits with it");
    found["state"]["away_mono_ms"] = left.saturating_sub(seconds * 1000).into();
    let mut state = format!("{{\n  \"state\": {},", found["state"]);
    state.extend(std::iter::repeat_n(' ', 319 - state.len()));
    let bytes = fs::read(&path).unwrap();
    fs::write(path, [state.as_bytes(), b"\n", &bytes[320..]].concat()).unwrap();
}

/// alice holds `name:x`, bob has left a ticket for it and carol one to share it.
fn queued() -> Site {
    let site = waiting::held_by_alice();
    site.agent("bob").run(["acquire", "name:x", "--queue", "--reason", "a reason"]).expect(10);
    site.agent("carol").run(["acquire", "name:x", "--queue", "--shared"]).expect(10);
    site
}

#[test]
fn a_ticket_is_listed_in_order_and_cancelled_by_its_agent_only() {
    let site = queued();
    let run = |agent: &str, args: &[&str]| site.agent(agent).run([&["queue"], args].concat());
    let listed = run("alice", &[]).expect(0);
    let rows: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        rows.iter().map(|row| (row[1], row[2], row[3])).collect::<Vec<_>>(),
        [("bob", "away", "name:x"), ("carol", "away", "name:x"),]
    );
    assert_eq!(
        rows.iter().map(|row| &row[5..]).collect::<Vec<_>>(),
        [["alice", "exclusive", "a reason"], ["alice", "shared", ""],]
    );
    assert_eq!(run("alice", &["list", "--mine"]).expect(0).out, "");
    assert_eq!(run("bob", &["--mine"]).expect(0).out.lines().count(), 1);
    let ticket = rows[0][0];
    let refused = run("carol", &["cancel", ticket]).expect(12);
    assert!(refused.err.contains("bob (away) has asked for name:x since"), "{refused}");
    assert_eq!(run("bob", &["cancel", ticket]).expect(0).out, format!("cancelled\t{ticket}\n"));
    run("bob", &["cancel", ticket]).expect(13);
    assert_eq!(run("alice", &[]).expect(0).out.lines().count(), 1);
    assert_eq!(waiting::told(&site, "bob", "lost"), [""; 0], "what it did it knows");
}

#[test]
fn with_yes_anybodys_place_is_cancelled_and_its_agent_is_told() {
    let site = queued();
    let number = waiting::ticket_of(&site, "bob").number;
    let json = site.agent("carol").run(["queue", "cancel", &format!("t-{number}"), "--yes", "--json"]).expect(0).json();
    assert_eq!((&json["result"], &json["ticket"]["agent_id"]), (&"cancelled".into(), &"bob".into()), "{json}");
    let told = waiting::told(&site, "bob", "lost");
    assert!(told.len() == 1 && told[0].contains("\tqueue_cancelled\tcarol"), "{told:?}");
    let json = site.agent("bob").run(["status", "--json"]).expect(0).json();
    assert_eq!(json["notices"][0]["event"], "queue_cancelled", "{json}");
    let whoami = site.agent("bob").run(["whoami"]).expect(0);
    assert!(whoami.err.contains("your place in line for name:x was given up by carol at "), "{whoami}");
    let inbox = site.agent("bob").run(["inbox"]).expect(0);
    assert!(inbox.out.contains("\tlost\tname:x\tqueue_cancelled\n"), "{inbox}");
    site.agent("alice").run(["release", "name:x"]).expect(0);
    site.agent("carol").run(["acquire", "--shared", "name:x"]).expect(0);
}

#[test]
fn each_ticket_is_judged_by_itself_and_what_is_none_is_refused() {
    let site = queued();
    let [bob, carol] = ["bob", "carol"].map(|agent| format!("t-{}", waiting::ticket_of(&site, agent).number));
    let run = |tickets: &[&str]| site.agent("bob").run([&["queue", "cancel"], tickets].concat());
    for bad in ["", "x", "t-", "t-1\n", "t-01", "t-+1", "../x", "t-1.json", "t-99999999999999999999", "\u{1b}[31m"] {
        let refused = run(&[bad]).expect(2);
        assert!(refused.err.contains("next: swarmlock queue"), "{bad:?}: {refused}");
        assert!(!refused.err.contains('\u{1b}'), "{bad:?}: {refused}");
    }
    run(&["t-1"]).expect(13);
    run(&[]).expect(2);
    site.agent("bob").run(["queue", "list", &bob]).expect(2);
    site.agent("bob").run(["queue", "drop"]).expect(2);
    site.nobody().run(["queue", "list", "--mine"]).expect(2);
    assert_eq!(waiting::tickets(&site).len(), 2, "none of these has cancelled anything");
    let several = run(&[&carol, &bob, "t-1"]).expect(13);
    assert_eq!(several.out, format!("cancelled\t{bob}\n"), "{several}");
    assert_eq!(waiting::tickets(&site).len(), 1);
}

#[test]
fn without_a_line_there_is_nothing_to_list_and_nothing_is_made() {
    let site = Site::new();
    assert_eq!(site.agent("bob").run(["queue"]).expect(0).out, "");
    assert!(!site.state("").exists());
    site.agent("bob").run(["queue", "cancel", "t-1"]).expect(13);
    assert_eq!(waiting::made().agent("bob").run(["queue"]).expect(0).out, "");
}

#[test]
fn a_call_that_waits_ends_when_its_place_is_cancelled() {
    let site = waiting::held_by_alice();
    let bob = waiting::waits(&site, "bob", &["name:x"]);
    let ticket = format!("t-{}", waiting::ticket_of(&site, "bob").number);
    site.agent("carol").run(["queue", "cancel", &ticket, "--yes"]).expect(0);
    let run = crate::harness::finish(bob).expect(13);
    assert!(run.err.contains("the place in line is gone"), "{run}");
    assert!(waiting::tickets(&site).is_empty());
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
    assert_eq!(left["number"], waited["number"], "the same place");
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
