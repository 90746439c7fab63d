//! `tick`: what becomes of messages that nobody acknowledges.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use swarmlock::domain::Timestamp;

use super::{
    broadcast::unlimited,
    send::{columns, edit_log, log, registered, sent, time, unread, unread_texts},
};
use crate::harness::{Run, Site, finish};

/// In milliseconds: no call takes nearly as long.
pub const HOUR: i64 = 3_600_000;

/// The document of acknowledgements that are due.
pub fn pending(site: &Site) -> Value {
    serde_json::from_slice(&fs::read(site.state("PENDING_ACKS.json")).unwrap()).unwrap()
}

fn unix_ms(time: &Value) -> u64 {
    time.as_str().unwrap().parse::<Timestamp>().unwrap().unix_ms()
}

/// Makes every message seem to have been sent so many milliseconds before now, and to wait since.
pub fn age(site: &Site, ms: i64) {
    let sent_at = Value::from(time(-ms));
    edit_log(site, |line| line["timestamp"] = sent_at.clone());
    let mut document = pending(site);
    let mut due = None;
    for entry in document["pending_acks"].as_array_mut().unwrap() {
        let left = unix_ms(&entry["next_retry_at"]) - unix_ms(&entry["sent_at"]);
        let next = unix_ms(&sent_at) + left;
        due = Some(due.map_or(next, |due: u64| due.min(next)));
        entry["next_retry_at"] = Timestamp::from_unix_ms(next).to_string().into();
        entry["sent_at"] = sent_at.clone();
        entry["message"]["timestamp"] = sent_at.clone();
    }
    document["due_ms"] = due.into();
    site.plant("PENDING_ACKS.json", document.to_string());
}

fn tick(site: &Site) -> Run {
    site.nobody().run(["tick"]).expect(0)
}

/// The first two columns of what a tick has done.
fn done(site: &Site) -> Vec<(String, String)> {
    columns(&tick(site)).iter().map(|row| (row[0].to_owned(), row[2].to_owned())).collect()
}

fn pair(word: &str, who: &str) -> Vec<(String, String)> {
    vec![(word.to_owned(), who.to_owned())]
}

#[test]
fn a_message_is_shown_again_three_times_and_then_everybody_is_told_once() {
    let site = registered(&["alice", "bob", "carol"]);
    let id = sent(&site, "alice", &["bob", "URGENT", "stop", "--ack=1h"]);
    assert_eq!(unread_texts(&site, "bob"), ["stop"]);
    age(&site, 0);
    assert_eq!(done(&site), [], "nothing is due yet");
    for (ms, number) in [(HOUR, 1), (2 * HOUR, 2), (4 * HOUR, 3)] {
        age(&site, ms);
        let run = tick(&site);
        assert_eq!(columns(&run)[0][..3], ["again", &id[..8], "bob"], "{run}");
        assert_eq!(tick(&site).out, "", "twice does nothing more");
        let shown = site.agent("bob").run(["inbox"]).expect(0);
        assert!(
            shown.out.contains(&format!("\t{}\talice\tbob\tURGENT\tack, again {number}\tstop\n", &id[..8])),
            "{shown}"
        );
        let line = log(&site).pop().unwrap();
        assert_eq!((&line["retry"], &line["original_msg_id"]), (&number.into(), &id.as_str().into()));
        assert_eq!(pending(&site)["pending_acks"][0]["retry_count"], number);
        assert_eq!(unread_texts(&site, "carol"), [""; 0]);
    }
    age(&site, 8 * HOUR);
    assert_eq!(done(&site), pair("escalated", "alice,carol"));
    assert_eq!(done(&site), []);
    for agent in ["alice", "carol"] {
        let told = unread(&site, agent);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["sender"], &told[0]["msg_type"]), (&"swarmlock".into(), &"BLOCKED".into()));
        assert_eq!((&told[0]["unacknowledged_by"], &told[0]["original_msg_id"]), (&"bob".into(), &id.as_str().into()));
        let text = told[0]["content"].as_str().unwrap();
        assert!(text.starts_with("[UNACKNOWLEDGED] Message to bob unacknowledged after 3 reminders."), "{text}");
        assert!(text.ends_with("(URGENT, from alice): stop"), "{text}");
    }
    assert_eq!(unread_texts(&site, "bob"), [""; 0]);
    assert_eq!(pending(&site)["pending_acks"], serde_json::json!([]));
    assert_eq!(pending(&site)["due_ms"], Value::Null);
    // Late is still a word to the sender.
    site.agent("bob").run(["ack", &id[..8], "sorry"]).expect(0);
    assert_eq!(unread_texts(&site, "alice"), ["sorry"]);
}

#[test]
fn ticks_at_once_do_each_thing_once() {
    let site = registered(&["alice", "bob", "carol"]);
    site.agent("alice").run(["broadcast", "INFO", "x", "--ack=1h"]).expect(0);
    for (hours, lines) in [(1, 2), (8, 2)] {
        age(&site, hours * HOUR);
        let calls: Vec<_> = (0..8).map(|_| site.nobody().spawn(["tick"])).collect();
        let done: usize = calls.into_iter().map(|call| finish(call).expect(0).out.lines().count()).sum();
        assert_eq!(done, lines);
    }
    let count = |key: &str| log(&site).iter().filter(|line| !line[key].is_null()).count();
    assert_eq!((log(&site).len(), count("retry"), count("unacknowledged_by")), (5, 2, 2));
}

#[test]
fn a_tick_that_comes_late_does_what_is_due_and_does_not_make_up_for_the_rest() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "x", "--ack=1h"]);
    age(&site, 5 * HOUR);
    assert_eq!(done(&site), pair("again", "bob"));
    assert_eq!(log(&site)[1]["retry"], 3);
    age(&site, 60 * HOUR);
    assert_eq!(done(&site), pair("escalated", "alice"));
    // Nobody has ticked for a day.
    sent(&site, "alice", &["bob", "INFO", "y", "--ack"]);
    age(&site, 86_400_000);
    assert_eq!(done(&site), pair("escalated", "alice"));
    let text = unread_texts(&site, "alice").pop().unwrap();
    assert!(text.contains("unacknowledged after 0 reminders"), "{text}");
}

#[test]
fn what_was_acknowledged_in_time_is_not_shown_again() {
    let site = registered(&["alice", "bob", "carol"]);
    site.agent("alice").run(["broadcast", "INFO", "x", "--ack=1h"]).expect(0);
    let id = log(&site)[0]["msg_id"].as_str().unwrap().to_owned();
    site.agent("bob").run(["ack", &id]).expect(0);
    age(&site, HOUR);
    assert_eq!(done(&site), pair("again", "carol"));
    site.agent("carol").run(["ack", &id]).expect(0);
    age_log_only(&site, 100 * HOUR);
    assert_eq!(done(&site), []);
}

fn age_log_only(site: &Site, ms: i64) {
    edit_log(site, |line| line["timestamp"] = time(-ms).into());
}

#[test]
fn the_document_has_the_keys_of_claude_swarm() {
    let site = registered(&["alice", "bob", "carol"]);
    site.agent("alice").run(["broadcast", "INFO", &"long ".repeat(100), "--ack=45s"]).expect(0);
    let document = pending(&site);
    let line = log(&site).remove(0);
    assert_eq!((&document["version"], &document["v"]), (&2.into(), &1.into()));
    let entries = document["pending_acks"].as_array().unwrap();
    assert_eq!(entries.iter().map(|entry| &entry["recipient_id"]).collect::<Vec<_>>(), ["bob", "carol"]);
    for entry in entries {
        let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        let wanted = ["msg_id", "sender_id", "recipient_id", "message", "sent_at", "retry_count", "next_retry_at"];
        assert_eq!(keys, wanted);
        assert_eq!((&entry["msg_id"], &entry["sender_id"]), (&line["msg_id"], &"alice".into()));
        assert_eq!((&entry["sent_at"], &entry["retry_count"]), (&line["timestamp"], &0.into()));
        assert_eq!(entry["message"]["content"].as_str().unwrap().len(), 200, "the beginning is enough");
        let ms = |key: &str| entry[key].as_str().unwrap().parse::<swarmlock::domain::Timestamp>().unwrap().unix_ms();
        assert_eq!(ms("next_retry_at") - ms("sent_at"), 45_000);
        assert_eq!(document["due_ms"], ms("next_retry_at"));
    }
    // What is shown again is the whole of it.
    age(&site, 45_000);
    tick(&site);
    assert_eq!(log(&site).pop().unwrap()["content"], line["content"]);
}

#[test]
fn a_command_that_changes_something_does_what_is_due_too() {
    for args in [
        &["acquire", "a"][..],
        &["release", "a"],
        &["send", "carol", "INFO", "x"],
        &["broadcast", "INFO", "x"],
        &["inbox"],
        &["cleanup"],
        &["run", "name:n", "--", "true"],
    ] {
        let site = registered(&["alice", "bob", "carol"]);
        sent(&site, "alice", &["bob", "INFO", "x", "--ack=1h"]);
        age(&site, HOUR);
        let reminders = || log(&site).iter().filter(|line| line["retry"] == 1).count();
        for look in [&["status"][..], &["messages"], &["list"], &["whoami"], &["agents"]] {
            site.agent("carol").run(look).expect(0);
        }
        assert_eq!(reminders(), 0, "who only looks changes nothing");
        let run = site.agent("carol").run(args).expect(0);
        assert!(!run.out.contains("again"), "{run}");
        // It may have had no time for it, and then the next one does it.
        for _ in 0..50 {
            if reminders() == 0 {
                site.agent("carol").run(["acquire", "again"]).expect(0);
            }
        }
        assert_eq!(reminders(), 1, "{args:?}");
    }
}

#[test]
fn a_document_that_is_gone_or_damaged_is_built_again_from_the_log() {
    for damage in ["", "{{", "[]", "123", "{\"v\":1}", "\u{0}"] {
        let site = registered(&["alice", "bob", "carol"]);
        site.agent("alice").run(["broadcast", "INFO", "x", "--ack=1m"]).expect(0);
        let second = sent(&site, "carol", &["bob", "INFO", "y", "--ack=1m"]);
        site.agent("bob").run(["ack", &second]).expect(0);
        let before = pending(&site);
        assert_eq!(before["pending_acks"].as_array().unwrap().len(), 2);
        if damage.is_empty() {
            fs::remove_file(site.state("PENDING_ACKS.json")).unwrap();
        } else {
            site.plant("PENDING_ACKS.json", damage);
        }
        assert_eq!(tick(&site).out, "");
        let mut after = pending(&site);
        assert_eq!(after, before, "{damage:?}");
        let aside = fs::read_dir(site.state("quarantine")).map_or(0, Iterator::count);
        assert_eq!(aside, usize::from(!damage.is_empty()), "{damage:?}");
        // Reminders are counted from the log too.
        age(&site, 61_000);
        assert_eq!(done(&site).len(), 2);
        after = pending(&site);
        fs::remove_file(site.state("PENDING_ACKS.json")).unwrap();
        assert_eq!(done(&site), []);
        let counts = |document: &Value| -> Vec<Value> {
            document["pending_acks"].as_array().unwrap().iter().map(|entry| entry["retry_count"].clone()).collect()
        };
        assert_eq!(counts(&pending(&site)), counts(&after), "{damage:?}");
        assert_eq!(counts(&after), [1, 1]);
    }
}

#[test]
fn a_damaged_document_is_built_again_by_the_next_change_too() {
    for damage in ["{{", "[]", "{\"version\":2,\"pending_acks\":[]}"] {
        let site = registered(&["alice", "bob"]);
        sent(&site, "alice", &["bob", "INFO", "x", "--ack"]);
        let before = pending(&site);
        site.plant("PENDING_ACKS.json", damage);
        // It may have had no time for it.
        for _ in 0..50 {
            if fs::read(site.state("PENDING_ACKS.json")).unwrap() == damage.as_bytes() {
                site.agent("carol").run(["acquire", "a"]).expect(0);
            }
        }
        assert_eq!(pending(&site), before, "{damage}");
    }
}

#[test]
fn a_newer_document_is_left_alone() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "x", "--ack"]);
    let mut newer = pending(&site);
    newer["v"] = 99.into();
    site.plant("PENDING_ACKS.json", newer.to_string());
    let run = site.nobody().run(["tick"]).expect(65);
    assert!(run.err.contains("newer"), "{run}");
    site.agent("alice").run(["send", "bob", "INFO", "x", "--ack"]).expect(65);
    assert_eq!(log(&site).len(), 1, "what could not be waited for was not sent");
    assert_eq!(pending(&site), newer);
    site.agent("alice").run(["send", "bob", "INFO", "x"]).expect(0);
}

#[test]
fn an_entry_whose_message_was_never_sent_is_forgotten() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "x", "--ack=1h"]);
    // As if the sender was killed between the document and the line.
    site.plant("agent_messages.log", "");
    let mut document = pending(&site);
    let past = time(-5 * HOUR);
    document["pending_acks"][0]["sent_at"] = past.clone().into();
    document["pending_acks"][0]["next_retry_at"] = past.into();
    document["due_ms"] = 1.into();
    site.plant("PENDING_ACKS.json", document.to_string());
    assert_eq!(done(&site), []);
    assert_eq!(pending(&site)["pending_acks"], serde_json::json!([]));
    assert!(log(&site).is_empty());
}

#[test]
fn many_that_are_due_at_once_are_all_done_and_in_their_order() {
    let site = registered(&["alice", "bob"]);
    unlimited(&site);
    for number in 0..70 {
        sent(&site, "alice", &["bob", "INFO", &format!("{number}"), "--ack=1h"]);
    }
    age(&site, HOUR);
    let run = tick(&site);
    assert_eq!(columns(&run).len(), 70, "more than fit into one stay");
    let again: Vec<String> = unread_texts(&site, "bob").split_off(70);
    assert_eq!(again, (0..70).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn without_anything_a_tick_does_and_makes_nothing() {
    let site = Site::new();
    assert_eq!(tick(&site).out, "");
    assert!(!site.state("").exists());
    let site = registered(&["alice", "bob"]);
    let before = site.snapshot_but_beats();
    assert_eq!(tick(&site).out, "");
    assert_eq!(site.snapshot_but_beats(), before);
    site.nobody().run(["tick", "x"]).expect(2);
    let json = site.nobody().run(["tick", "--json", "--no-pane"]).expect(0);
    assert_eq!(json.out, "");
}

#[test]
fn with_json_each_thing_done_is_one_object() {
    let site = registered(&["alice", "bob"]);
    let id = sent(&site, "alice", &["bob", "INFO", "x", "--ack=1h"]);
    age(&site, HOUR);
    let again = site.nobody().run(["tick", "--json"]).expect(0).json();
    assert_eq!((&again["result"], &again["message"]["original_msg_id"]), (&"again".into(), &id.as_str().into()));
    assert_eq!(again["deliveries"][0]["recipient"], "bob");
    age(&site, 9 * HOUR);
    let told = site.nobody().run(["tick", "--json", "--no-pane"]).expect(0).json();
    assert_eq!((&told["result"], &told["message"]["recipients"]), (&"escalated".into(), &serde_json::json!(["alice"])));
    assert_eq!(told["deliveries"][0]["place"], "in the inbox");
}

#[test]
fn no_command_waits_for_the_guard_to_do_what_is_due() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "x", "--ack=1h"]);
    age(&site, HOUR);
    let guard = site.hold_guard();
    let began = Instant::now();
    site.agent("bob").run(["ack", "abcd", "--guard-wait", "60s"]).expect(13);
    assert!(began.elapsed() < Duration::from_secs(30));
    drop(guard);
}

#[test]
fn old_logs_go_when_they_are_old_enough_and_nobody_has_still_to_read_them() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "old"]);
    let logs = || [1, 2, 3].map(|age| site.state(format!("agent_messages.log.{age}")).exists());
    // Three logs, as rotations a year ago would have left them; the log itself is of now.
    edit_log(&site, |line| line["timestamp"] = time(-365 * 24 * HOUR).into());
    let line = fs::read(site.state("agent_messages.log")).unwrap();
    for age in 1..=3 {
        site.plant(format!("agent_messages.log.{age}"), &line);
    }
    assert!(tick(&site).err.contains("kept"), "bob has not read them");
    assert_eq!(logs(), [true; 3]);
    site.plant("config.toml", "message_log_age = '8761h'\n");
    site.agent("bob").run(["inbox"]).expect(0);
    tick(&site);
    assert_eq!(logs(), [true; 3], "a year and an hour are not over");
    site.plant("config.toml", "message_log_age = '720h'\n");
    assert!(tick(&site).err.contains("old logs of messages removed: 3"));
    assert_eq!(logs(), [false; 3]);
}
