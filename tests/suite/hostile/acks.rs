//! A document of awaited acknowledgements that is damaged, newer, or says what is not so; clocks that were set.

use std::fs;

use serde_json::{Value, json};

use super::{
    complained,
    mail::{append, damages, inbox, line, locks_work, log, pending, send, site, texts},
    refused,
};
use crate::harness::{Site, finish};

const ACKS: &str = "PENDING_ACKS.json";

fn document(site: &Site) -> Value {
    serde_json::from_slice(&fs::read(site.state(ACKS)).unwrap()).unwrap()
}

/// Makes every awaited message seem to have been sent so many seconds earlier: in the log and in the document.
fn sent_earlier(site: &Site, seconds: i64) {
    let lines: Vec<Value> = log(site)
        .into_iter()
        .map(|mut line| {
            line["timestamp"] = json!(shifted(line["timestamp"].as_str().unwrap(), seconds));
            line
        })
        .collect();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    site.plant("agent_messages.log", text);
    let mut document = document(site);
    for entry in document["pending_acks"].as_array_mut().unwrap() {
        for key in ["sent_at", "next_retry_at"] {
            entry[key] = json!(shifted(entry[key].as_str().unwrap(), seconds));
        }
    }
    // As the programs write it: when something is due stands first.
    let due = document["due_ms"].as_i64().unwrap() - seconds * 1000;
    let entries = &document["pending_acks"];
    site.plant(ACKS, format!("{{\"v\":1,\"due_ms\":{due},\"version\":2,\"pending_acks\":{entries}}}\n"));
}

fn shifted(time: &str, seconds: i64) -> String {
    let parsed = humantime::parse_rfc3339(time).unwrap();
    let span = std::time::Duration::from_secs(seconds.unsigned_abs());
    let moved = if seconds < 0 { parsed + span } else { parsed - span };
    humantime::format_rfc3339_millis(moved).to_string()
}

fn reminders(site: &Site) -> usize {
    log(site).iter().filter(|line| line["retry"].is_u64()).count()
}

fn escalations(site: &Site) -> usize {
    log(site).iter().filter(|line| line["unacknowledged_by"].is_string()).count()
}

#[test]
fn a_damaged_document_is_set_aside_and_made_again_from_the_log() {
    let mut cases = damages(&fs::read(site().state(ACKS)).unwrap());
    cases.push(vec![b' '; 17 * 1024 * 1024]);
    for (at, bytes) in cases.iter().enumerate() {
        let site = site();
        site.plant(ACKS, bytes);
        site.agent("bob").run(["messages"]).expect(0);
        assert!(fs::read(site.state(ACKS)).unwrap() == *bytes);
        let id = log(&site)[0]["msg_id"].as_str().unwrap().to_owned();
        let second = ("second".to_owned(), "bob".to_owned());
        match at % 3 {
            0 => {
                send(&site, "third", &["--ack"]).expect(0);
                assert_eq!(pending(&site), [second, ("third".to_owned(), "bob".to_owned())]);
            }
            1 => {
                site.nobody().run(["tick"]).expect(0);
                assert_eq!(pending(&site), [second]);
            }
            _ => {
                site.agent("bob").run(["ack", &id]).expect(0);
                assert_eq!(pending(&site), []);
            }
        }
        let aside = fs::read_dir(site.state("quarantine")).unwrap().map(|entry| entry.unwrap().path());
        assert_eq!(aside.filter(|path| fs::read(path).unwrap() == *bytes).count(), 1, "{at}");
        let events = fs::read_to_string(site.state("events.log")).unwrap();
        assert!(events.lines().any(|line| line.contains("\"quarantined\"") && line.contains(ACKS)), "{events}");
        site.agent("bob").run(["ack", &id]).expect(0);
        locks_work(&site);
    }
}

#[test]
fn a_document_that_is_gone_is_made_again_from_the_log() {
    let site = site();
    fs::remove_file(site.state(ACKS)).unwrap();
    site.nobody().run(["tick"]).expect(0);
    assert_eq!(pending(&site), [("second".to_owned(), "bob".to_owned())]);
}

#[test]
fn a_newer_document_is_left_alone_and_only_acknowledgements_wait_for_it() {
    let site = site();
    let mut newer = document(&site);
    newer["v"] = json!(2);
    // Also one that says that something is due.
    for text in [newer.to_string(), r#"{"v":2,"due_ms":1,"rest":[]}"#.to_owned()] {
        site.plant(ACKS, &text);
        refused(&send(&site, "third", &["--ack"]), 65, ACKS);
        refused(&site.nobody().run(["tick"]), 65, ACKS);
        locks_work(&site);
        assert_eq!(fs::read_to_string(site.state(ACKS)).unwrap(), text);
    }
    assert_eq!(texts(&inbox(&site, "bob")), ["second"], "what was refused is in no inbox");
    send(&site, "fourth", &[]).expect(0);
}

#[test]
fn what_was_never_sent_is_forgotten_and_what_was_is_not_whatever_numbers_stand_behind_it() {
    let site = site();
    append(&site, &line(1, "bob", "old"));
    append(&site, &line((1 << 53) - 1, "bob", "from beyond"));
    let mut document = document(&site);
    let mut never = document["pending_acks"][0].clone();
    never["msg_id"] = json!("00000000-0000-4000-8000-000000000000");
    document["pending_acks"].as_array_mut().unwrap().push(never);
    site.plant(ACKS, document.to_string());
    sent_earlier(&site, 3600);
    append(&site, &line(1, "bob", "old"));
    let run = site.nobody().run(["tick"]).expect(0);
    assert!(run.out.starts_with("again\t") && run.out.lines().count() == 1, "{run}");
    assert_eq!(reminders(&site), 1);
    assert_eq!(pending(&site), [("second".to_owned(), "bob".to_owned())]);
    assert_eq!(texts(&inbox(&site, "bob")), ["second", "second"], "and again");
}

#[test]
fn several_ticks_and_other_commands_at_once_do_what_is_due_once() {
    let site = site();
    for at in 0..4 {
        send(&site, &format!("more {at}"), &["--ack=1h"]).expect(0);
    }
    for (seconds, wanted) in [(3600, (5, 0)), (3600, (10, 0)), (2 * 3600, (15, 0)), (8 * 3600, (15, 5))] {
        sent_earlier(&site, seconds);
        let mut children = Vec::new();
        for at in 0..4 {
            children.push(site.nobody().spawn(["tick"]));
            children.push(site.agent("erin").spawn(["acquire", &format!("src/{at}-{seconds}.rs")]));
        }
        for child in children {
            finish(child).expect(0);
        }
        site.nobody().run(["tick"]).expect(0);
        assert_eq!((reminders(&site), escalations(&site)), wanted);
    }
    assert_eq!(pending(&site), []);
    let told = log(&site).into_iter().find(|line| line["unacknowledged_by"].is_string()).unwrap();
    assert!(told["recipients"].as_array().unwrap().contains(&json!("alice")), "{told}");
    assert!(!told["recipients"].as_array().unwrap().contains(&json!("bob")), "{told}");
}

#[test]
fn a_recipient_that_is_retired_is_reminded_in_vain_and_the_sender_hears_of_it() {
    let site = site();
    site.agent("bob").run(["agents", "retire"]).expect(0);
    sent_earlier(&site, 9 * 3600);
    let run = site.nobody().run(["tick"]).expect(0);
    assert!(run.out.starts_with("escalated\t"), "{run}");
    assert!(texts(&inbox(&site, "alice"))[0].contains("bob"), "the sender hears of it");
    assert_eq!(pending(&site), []);
    // A sender that is retired is no reason to stop either.
    send_back(&site);
    site.agent("carol").run(["agents", "retire"]).expect(0);
    sent_earlier(&site, 9 * 3600);
    site.nobody().run(["tick"]).expect(0);
    assert_eq!(pending(&site), []);
}

fn send_back(site: &Site) {
    site.agent("carol").run(["send", "alice", "INFO", "hello", "--no-pane", "--ack=1h"]).expect(0);
}

/// A message of a clock that was wrong is due when its own time has come, and never again and again.
#[test]
fn a_clock_that_was_set_back_keeps_what_is_awaited_and_makes_nobody_look_for_ever() {
    let site = site();
    sent_earlier(&site, -30 * 24 * 3600);
    let before = fs::read(site.state(ACKS)).unwrap();
    assert_eq!(site.nobody().run(["tick"]).expect(0).out, "");
    assert!(before == fs::read(site.state(ACKS)).unwrap());
    assert_eq!(pending(&site).len(), 1);
    send(&site, "third", &[]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["second", "third"]);
    let agents = site.nobody().run(["agents", "list"]).expect(0);
    assert!(agents.out.contains("bob\tactive"), "{agents}");
}

#[test]
fn a_time_that_is_promised_and_kept_by_no_entry_is_corrected() {
    let site = site();
    let text = String::from_utf8(fs::read(site.state(ACKS)).unwrap()).unwrap();
    let start = text.find("\"due_ms\":").unwrap() + "\"due_ms\":".len();
    let digits = text[start..].find(',').unwrap();
    site.plant(ACKS, format!("{}1{}", &text[..start], &text[start + digits..]));
    site.agent("erin").run(["acquire", "src/erin.rs"]).expect(0);
    assert_eq!(fs::read(site.state(ACKS)).unwrap(), text.as_bytes());
}

#[test]
fn entries_with_impossible_values_are_no_endless_work() {
    for (key, value) in [
        ("retry_count", json!(u32::MAX)),
        ("sent_at", json!("1970-01-01T00:00:00Z")),
        ("sent_at", json!("9999-12-31T23:59:59.999Z")),
        ("next_retry_at", json!("1970-01-01T00:00:00Z")),
        ("recipient_id", json!("\u{1b}[2J")),
        ("sender_id", json!("-t\n%1;kill-server")),
        ("msg_id", json!("")),
    ] {
        let site = site();
        let mut document = document(&site);
        document["pending_acks"][0][key] = value;
        document["pending_acks"][0]["next_retry_at"] = json!("1970-01-01T00:00:00Z");
        site.plant(ACKS, document.to_string());
        let run = site.nobody().run(["tick"]).expect(0);
        super::harmless(&run);
        let size = log(&site).len();
        for _ in 0..3 {
            super::harmless(&site.nobody().run(["tick"]).expect(0));
        }
        assert!(log(&site).len() <= size + 1, "{key}: it is shown again and again");
        super::harmless(&site.agent("bob").run(["inbox"]).expect(0));
        locks_work(&site);
    }
}

#[test]
fn only_who_was_asked_acknowledges_and_only_what_there_is() {
    let site = site();
    let id = log(&site)[0]["msg_id"].as_str().unwrap().to_owned();
    let run = site.agent("carol").run(["ack", &id]).expect(12);
    complained(&run, "not to you");
    for bad in ["", "zzzz", "..", "%1", "\u{1b}[2J", "0"] {
        let run = site.agent("bob").run(["ack", "--", bad]);
        assert!([2, 13].contains(&run.code), "{bad:?}: {run}");
        super::harmless(&run);
    }
    assert_eq!(pending(&site).len(), 1);
    site.agent("bob").run(["ack", &id]).expect(0);
    assert_eq!(pending(&site), []);
    assert!(site.agent("bob").run(["ack", &id]).expect(0).out.starts_with("already\t"));
}
