//! What cannot be waited for, or not so long.

use super::*;

#[test]
fn times_that_are_none_and_flags_that_exclude_each_other_are_refused_and_leave_nothing() {
    let site = held_by_alice();
    let before = site.snapshot_but_beats();
    for args in [
        &["--wait=-1s", "name:x"][..],
        &["--wait=25h", "name:x"],
        &["--wait=", "name:x"],
        &["--wait=soon", "name:x"],
        &["--wait=99999999999999999999s", "name:x"],
        &["--wait=1s", "--queue", "name:x"],
        &["--wait", "--queue", "name:x"],
        &["--wait=1s", "--wait=2s", "name:x"],
        &["--wait"],
        &["--queue"],
        &["--max-hold", "0", "name:y"],
        &["--max-hold", "0s", "name:y"],
        &["--max-hold", "25h", "name:y"],
        &["--max-hold", "-1s", "name:y"],
        &["--max-hold", "name:y"],
        &["--queue=1s", "name:x"],
    ] {
        let run = site.agent("bob").run([&["acquire"], args].concat()).expect(2);
        assert!(run.err.contains("next: swarmlock "), "{args:?}: {run}");
    }
    assert_eq!(site.snapshot_but_beats(), before);
    // The controls.
    site.agent("bob").run(["acquire", "--wait=24h", "--max-hold", "1s", "name:free"]).expect(0);
    site.agent("bob").run(["acquire", "--wait=0s", "name:x"]).expect(11);
    site.agent("bob").run(["acquire", "--wait", "name:other"]).expect(0);
}

#[test]
fn a_duration_behind_a_blank_is_neither_taken_nor_locked() {
    let site = made();
    for args in [["--wait", "5s", "b"], ["b", "--wait", "1h30m"]] {
        let run = site.agent("bob").run([&["acquire"], &args[..]].concat()).expect(2);
        assert!(run.err.contains("to wait that long: --wait="), "{run}");
    }
    let run = site.agent("bob").run(["acquire", "--wait", "./5s"]).expect(0);
    assert!(run.out.starts_with("acquired\t5s\t"), "{run}");
    site.agent("bob").run(["acquire", "6s"]).expect(0);
}

#[test]
fn waiting_for_what_is_free_or_mine_is_acquiring() {
    let site = made();
    for patience in ["--wait=30s", "--queue"] {
        let began = Instant::now();
        site.agent("bob").run(["acquire", patience, "a"]).expect(0);
        site.agent("bob").run(["acquire", patience, "a"]).expect(0);
        site.agent("bob").run(["release", "a"]).expect(0);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert!(tickets(&site).is_empty() && log(&site).iter().all(|event| event["event"] != "queued"));
}

#[test]
fn a_reason_of_any_length_and_any_number_of_resources_leave_a_ticket_that_is_read() {
    let site = made();
    let names: Vec<String> = (0..64).map(|at| format!("name:{}-{at}", "n".repeat(100))).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    site.agent("alice").run([&["acquire"][..], &all].concat()).expect(0);
    let reason = "\u{1}\"é\n".repeat(200);
    let run = site.agent("bob").run([&["acquire", "--wait=0s", "--reason", &reason], &all[..]].concat()).expect(11);
    assert!(run.err.lines().count() < 20, "{run}");
    let bob = ticket_of(&site, "bob");
    assert_eq!((bob.json["resources"].as_array().unwrap().len(), &bob.json["reason"]), (64, &reason.as_str().into()));
    assert_eq!(site.nobody().run(["queue"]).expect(0).out.lines().count(), 1);
    assert!(told(&site, "alice", "waits").len() == 1);
}
