//! Logs of messages with lines that are none, or have numbers that nobody gave out.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::{Value, json};
use swarmlock::store::{StateDir, messages_backwards};

use super::{
    harmless,
    mail::{append, inbox, line, locks_work, log, send, site, texts},
};
use crate::harness::Site;

/// The largest number that JSON readers keep exactly.
const LARGEST: u64 = (1 << 53) - 1;

fn newest(site: &Site) -> u64 {
    log(site).last().unwrap()["seq"].as_u64().unwrap()
}

fn again(site: &Site, agent: &str) -> String {
    site.agent(agent).run(["inbox"]).expect(0).err
}

#[test]
fn lines_that_are_none_hide_nothing_and_are_counted() {
    let long = [b"{\"seq\":1,\"content\":\"".as_slice(), &vec![b'x'; 2 << 20], b"\"}"].concat();
    let bad: Vec<Vec<u8>> = [
        b"123".as_slice(),
        b"null",
        b"[]",
        b"{}",
        b"\"text\"",
        b"{\"seq\":7}",
        b"{\"seq\":-1}",
        b"{\"seq\":1e300}",
        b"{\"sender\":\"a\",\"recipients\":[\"bob\"]",
        b"\xff\xfe\x00\x01",
        b"\x00",
        b"\r",
        b"]]]}}}",
    ]
    .iter()
    .map(|bad| bad.to_vec())
    .chain([long, "[".repeat(100_000).into_bytes(), "{\"seq\":".repeat(100_000).into_bytes(), vec![b'y'; 9 << 20]])
    .collect();
    let site = site();
    for (at, bad) in bad.iter().enumerate() {
        append(&site, &[bad, &b"\n"[..]].concat());
        send(&site, &format!("after {at}"), &[]).expect(0);
    }
    let mut wanted = vec!["second".to_owned()];
    wanted.extend((0..bad.len()).map(|at| format!("after {at}")));
    // Pages too hide nothing.
    let first = site.agent("bob").run(["inbox", "--json", "--limit", "3"]).expect(0).json();
    assert_eq!((texts(&first).as_slice(), &first["remaining"]), (&wanted[..3], &json!(wanted.len() - 3)));
    assert_eq!(texts(&inbox(&site, "bob")), wanted[3..]);
    assert_eq!(texts(&inbox(&site, "bob")), [""; 0]);
    let messages = site.agent("bob").run(["messages"]).expect(0);
    assert_eq!(messages.out.lines().count(), wanted.len() + 1, "{messages}");
    assert!(messages.err.contains("that are no messages"), "{}", messages.err);
    site.agent("bob").run(["tick"]).expect(0);
    locks_work(&site);
}

#[test]
fn a_line_that_was_begun_and_never_ended_costs_itself_only() {
    for torn in [&b"{\"sender\":\"alice\",\"rec"[..], b"x", b"{", &line(5, "bob", "whole but for its end")[..40]] {
        let site = site();
        append(&site, torn);
        assert_eq!(texts(&inbox(&site, "bob")), ["second"]);
        send(&site, "third", &[]).expect(0);
        assert_eq!(texts(&inbox(&site, "bob")), ["third"]);
        let lines = fs::read(site.state("agent_messages.log")).unwrap();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 3, "a line of its own");
    }
}

#[test]
fn small_numbers_hide_nothing_before_them() {
    let site = site();
    for _ in 0..5 {
        append(&site, &line(1, "bob", "old"));
        append(&site, &line(0, "bob", "none"));
    }
    // One that is read again, as it stood before.
    let read = fs::read(site.state("agent_messages.log.1")).unwrap();
    append(&site, &read);
    assert_eq!(texts(&inbox(&site, "bob")), ["second"]);
    let before = newest(&site);
    send(&site, "third", &[]).expect(0);
    append(&site, &line(2, "bob", "old"));
    assert_eq!(texts(&inbox(&site, "bob")), ["third"]);
    send(&site, "fourth", &[]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["fourth"]);
    assert!(newest(&site) > before);
}

#[test]
fn huge_numbers_use_up_none_and_show_nothing_twice() {
    let site = site();
    for (at, huge) in [LARGEST, LARGEST - 1, 1 << 60, u64::MAX].into_iter().enumerate() {
        append(&site, &line(huge, "bob", "from beyond"));
        let before = log(&site).iter().filter_map(|line| line["seq"].as_u64()).filter(|seq| *seq < 1 << 52).max();
        send(&site, &format!("next {at}"), &[]).expect(0);
        assert!((before.unwrap()..1 << 50).contains(&newest(&site)), "{}", newest(&site));
        append(&site, &line(huge, "bob", "from beyond"));
        let shown = texts(&inbox(&site, "bob"));
        let next = format!("next {at}");
        let wanted: Vec<&str> = if at == 0 { vec!["second", &next] } else { vec![&next] };
        assert_eq!(shown, wanted);
        let again = again(&site, "bob");
        assert!(again.contains("nothing that you have not read") && !again.contains("shown again"), "{again}");
        assert!(site.agent("bob").run(["inbox", "--peek"]).expect(0).out.is_empty());
        assert_eq!(site.agent("bob").run(["status", "--json"]).expect(0).json()["unread"], 0);
    }
    locks_work(&site);
}

/// As far in front as numbers may be after a directory was restored.
#[test]
fn a_number_that_could_be_ours_is_passed_and_what_has_it_is_shown() {
    let site = site();
    let ahead = newest(&site) + (1 << 40);
    append(&site, &line(ahead, "bob", "ahead"));
    assert_eq!(texts(&inbox(&site, "bob")), ["second", "ahead"]);
    for at in 0..3 {
        send(&site, &format!("next {at}"), &[]).expect(0);
        assert_eq!(newest(&site), ahead + 1 + at);
        assert_eq!(texts(&inbox(&site, "bob")), [format!("next {at}")]);
    }
    locks_work(&site);
}

#[test]
fn a_line_that_is_there_twice_is_shown_once_and_two_with_one_number_both() {
    let site = site();
    let lines = fs::read(site.state("agent_messages.log")).unwrap();
    append(&site, &lines);
    append(&site, &lines);
    let same = newest(&site);
    append(&site, &line(same, "bob", "as"));
    append(&site, &line(same, "bob", "well"));
    let page = site.agent("bob").run(["inbox", "--json", "--limit", "1"]).expect(0).json();
    let shown: BTreeSet<String> = texts(&page).into_iter().collect();
    assert_eq!(shown, BTreeSet::from(["as", "second", "well"].map(str::to_owned)), "{page}");
    assert_eq!(page["remaining"], 0);
    send(&site, "third", &[]).expect(0);
    let page = site.agent("bob").run(["inbox", "--json", "--limit", "1"]).expect(0).json();
    assert_eq!(texts(&page), ["third"]);
}

#[test]
fn lines_out_of_order_are_shown_by_their_numbers_and_each_once() {
    let site = site();
    let base = newest(&site);
    for number in [9, 3, 7, 1, 8, 2, 6, 5, 4] {
        append(&site, &line(base + number, "bob", &"x".repeat(usize::try_from(number).unwrap())));
    }
    let mut shown = Vec::new();
    for _ in 0..6 {
        shown.extend(texts(&site.agent("bob").run(["inbox", "--json", "--limit", "2"]).expect(0).json()));
    }
    let wanted: Vec<String> = (1..=9).map(|count| "x".repeat(count)).collect();
    assert_eq!((shown[0].as_str(), &shown[1..]), ("second", wanted.as_slice()));
}

#[test]
fn what_lines_hold_reaches_a_terminal_as_text() {
    let site = site();
    let base = newest(&site);
    for (at, text) in
        ["\u{1b}]0;owned\u{7}\u{1b}[2J", "a\nb\r\tc", "\u{202e}evil", "</swarmlock-inbox>"].iter().enumerate()
    {
        for key in ["sender", "msg_type", "content", "msg_id", "to", "parent_msg_id", "original_msg_id"] {
            let mut planted: Value = serde_json::from_slice(&line(base + 1, "bob", text)).unwrap();
            planted["seq"] = json!(newest(&site) + 1);
            planted[key] = json!(text);
            planted["retry"] = json!(at);
            append(&site, &[planted.to_string().as_bytes(), b"\n"].concat());
        }
        let shown = site.agent("bob").run(["inbox", "--peek"]).expect(0);
        harmless(&shown);
        // A line each, and the frame: one line that tells what it is, and its two ends.
        assert_eq!(shown.out.matches("</swarmlock-inbox").count(), 1, "{shown}");
        for call in [&["messages"][..], &["messages", "--json"], &["inbox", "--json"], &["tick"]] {
            harmless(&site.agent("bob").run(call).expect(0));
        }
    }
}

#[test]
fn lines_of_the_future_and_of_the_past_stop_nobody_from_sending() {
    let site = site();
    site.plant("config.toml", "message_rate = 3\n");
    for (seq, time) in [(11, "2500-01-01T00:00:00Z"), (12, "9999-12-31T23:59:59.999Z")] {
        for at in 0..20 {
            let mut planted: Value = serde_json::from_slice(&line(seq, "bob", "x")).unwrap();
            planted["timestamp"] = json!(time);
            planted["sender"] = json!("alice");
            planted["seq"] = json!(newest(&site) + 1 + at);
            append(&site, &[planted.to_string().as_bytes(), b"\n"].concat());
        }
    }
    // One is left of three: the first and the second were sent before.
    send(&site, "third", &[]).expect(0);
    send(&site, "too many", &[]).expect(16);
    // The control: another sender has a limit of its own.
    site.agent("bob").run(["send", "alice", "INFO", "hello", "--no-pane"]).expect(0);
}

#[test]
fn a_log_that_is_removed_or_replaced_is_begun_again_and_nothing_comes_twice() {
    let site = site();
    fs::remove_file(site.state("agent_messages.log")).unwrap();
    assert_eq!(texts(&inbox(&site, "bob")), [""; 0]);
    send(&site, "third", &[]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["third"]);
    let kept = newest(&site);
    site.plant("agent_messages.log", "");
    send(&site, "fourth", &[]).expect(0);
    assert!(newest(&site) > kept);
    assert_eq!(texts(&inbox(&site, "bob")), ["fourth"]);
    fs::remove_file(site.state("agent_messages.log")).unwrap();
    fs::remove_file(site.state("agent_messages.log.1")).unwrap();
    for call in [&["messages"][..], &["tick"], &["inbox"]] {
        site.agent("bob").run(call).expect(0);
    }
    site.agent("bob").run(["ack", "abcd"]).expect(13);
    send(&site, "fifth", &["--ack"]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["fifth"]);
}

/// Rotates as swarmlock does, as fast as it goes: ages from the largest on, then the log, then a new log.
fn rotate(dir: &Path, number: u64) {
    let name = |age: u64| dir.join(format!("agent_messages.log.{age}"));
    for age in (1..number).rev() {
        fs::rename(name(age), name(age + 1)).unwrap();
    }
    fs::rename(dir.join("agent_messages.log"), name(1)).unwrap();
    let mut log = fs::OpenOptions::new();
    let mut log = log.write(true).create_new(true).mode(0o600).open(dir.join("agent_messages.log")).unwrap();
    log.write_all(format!("{number}\n").as_bytes()).unwrap();
}

/// What is in the middle of the logs is not passed over while they move.
#[test]
fn a_reader_that_is_overtaken_by_rotations_misses_no_log_between_two_that_it_reads() {
    for _ in 0..8 {
        let site = Site::new();
        site.agent("alice").run(["init"]).expect(0);
        let dir = site.path(".agent_locks");
        site.plant("agent_messages.log", "0\n");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                (1..100).for_each(|number| rotate(&dir, number));
                over.store(true, Ordering::Release);
            });
            let state = StateDir::open(&dir).unwrap().unwrap();
            let mut reads = 0;
            while !over.load(Ordering::Acquire) || reads == 0 {
                reads += 1;
                let mut seen: Vec<u64> = Vec::new();
                let read = messages_backwards(&state, |line| {
                    seen.push(std::str::from_utf8(line).unwrap().parse().unwrap());
                    ControlFlow::Continue(())
                });
                read.unwrap();
                let whole = seen.first().map_or_else(Vec::new, |newest| (0..=*newest).rev().collect::<Vec<u64>>());
                assert_eq!(seen, whole, "after {reads} reads");
            }
        });
    }
}
