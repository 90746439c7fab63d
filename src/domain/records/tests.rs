use std::ffi::OsString;

use super::*;
use crate::domain::{AgentId, Depth, Process, Timestamp, Wrapper};

fn id() -> RecordId {
    RecordId::from_bits(0x0123_4567_89ab_cdef)
}

fn now() -> Now {
    Now { wall: Timestamp::from_unix_ms(1_795_228_279_860), mono_ms: 1000 }
}

fn record() -> Record {
    let pid_ns = PidNamespace { inode: 1, init_started: None };
    let wrapper = Wrapper { boot_id: "boot".to_owned(), process: Process::new(7, 70, "swarmlock"), pid_ns };
    let new = NewRecord {
        id: &id(),
        agent: &AgentId::new("alice").unwrap(),
        resources: &["name:deploy".to_owned()],
        lease: Some("l-9"),
        fence: Some(9),
        argv: &["make".into(), "TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345".into()],
        wrapper: Some(&wrapper),
        depth: Depth::default().deeper(3).unwrap(),
        cwd: None,
    };
    Record::begin(&new, 5, now(), &Redactor::default())
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let record = record();
    let bytes = record.to_bytes().unwrap();
    assert_eq!(Record::parse(&id(), &bytes).unwrap(), record);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("TOKEN=***") && !text.contains("ghp_"), "{text}");
    assert!(text.starts_with("{\n  \"v\": 1,\n  \"id\": \"00000000000000000123456789abcdef\",\n  \"kind\": \"run\","));
}

#[test]
fn keys_that_are_not_known_are_kept() {
    let text = String::from_utf8(record().to_bytes().unwrap()).unwrap();
    let text = text.replacen("{\n", "{\n  \"later\": {\"a\": [1, null]},\n", 1);
    let mut read = Record::parse(&id(), text.as_bytes()).unwrap();
    assert!(read.step(Step::End(How::Lost, None)));
    let again: serde_json::Value = serde_json::from_slice(&read.to_bytes().unwrap()).unwrap();
    assert_eq!(again["later"], serde_json::json!({ "a": [1, null] }));
    assert_eq!(again["state"], "lost");
}

#[test]
fn what_is_no_record_of_this_id_is_damaged() {
    let text = String::from_utf8(record().to_bytes().unwrap()).unwrap();
    let swap = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let other = "f".repeat(32);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (what, bad) in [
        ("empty", String::new()),
        ("half", text[..200].to_owned()),
        ("zeros", "\0".repeat(512)),
        ("deep", deep),
        ("another id", swap("00000000000000000123456789abcdef", &other)),
        ("no id", swap("00000000000000000123456789abcdef", "../x")),
        ("a link out", swap("\"log\": null", "\"log\": \"../../etc/passwd\"")),
        ("the log of another", swap("\"log\": null", &format!("\"log\": \"{other}.log\""))),
        ("an unknown state", swap("\"running\"", "\"resting\"")),
        ("an end without a time", swap("\"running\"", "\"done\"")),
        ("a time without an end", swap("\"ended_at\": null", "\"ended_at\": \"2026-11-21T02:31:19.860Z\"")),
        ("a bad agent", swap("\"alice\"", "\"../alice\"")),
        ("a negative depth", swap("\"depth\": 1", "\"depth\": -1")),
        ("an older version", swap("\"v\": 1", "\"v\": 0")),
    ] {
        let error = Record::parse(&id(), bad.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().starts_with("tasks/0000"), "{what}: {error}");
    }
    let newer = Record::parse(&id(), swap("\"v\": 1", "\"v\": 2").as_bytes()).unwrap_err();
    assert!(matches!(newer, Error::Newer { version: 2, .. }), "{newer}");
}

#[test]
fn a_run_is_abandoned_when_its_wrapper_is_gone_for_certain() {
    use Liveness::{Alive, Gone, Unknown};
    let era = |number, recorded| CurrentEra { number, recorded, same_boot: true };
    let running = record();
    for (current, liveness, abandoned) in [
        (era(Some(5), 5), None, false),
        (era(Some(5), 5), Some(Alive), false),
        (era(Some(5), 5), Some(Unknown), false),
        (era(Some(5), 5), Some(Gone), true),
        // Restarted, or a copy of the directory; whoever has its number now is another.
        (era(Some(6), 6), None, true),
        (era(Some(6), 6), Some(Alive), true),
        (era(None, 5), None, true),
        // An era has begun since we looked.
        (era(Some(4), 4), None, false),
        (era(None, 4), None, false),
    ] {
        assert_eq!(running.is_abandoned(&current, liveness), abandoned, "{current:?} {liveness:?}");
    }
    let mut done = record();
    assert!(done.step(Step::End(How::Ended, Some(0))));
    assert!(!done.is_abandoned(&era(None, 9), Some(Gone)), "final is final");
}

#[test]
fn a_wrapper_is_judged_only_where_its_number_means_something() {
    let wrapper = record().wrapper.unwrap();
    let namespace = PidNamespace { inode: 1, init_started: None };
    let other = PidNamespace { inode: 2, init_started: None };
    let here = Here { boot_id: "boot", pid_ns: Some(&namespace), own_clock: true, now: now() };
    assert!(wrapper.process_here(&here).is_some());
    for elsewhere in [
        Here { boot_id: "another", ..here },
        Here { boot_id: "", ..here },
        Here { pid_ns: Some(&other), ..here },
        Here { pid_ns: None, ..here },
        Here { own_clock: false, ..here },
    ] {
        assert!(wrapper.process_here(&elsewhere).is_none(), "{elsewhere:?}");
    }
}

#[test]
fn a_record_of_the_largest_command_is_small() {
    let nasty = OsString::from("\u{1}".repeat(100_000));
    let resources: Vec<String> = (0..250).map(|n| format!("{n}{}", "\u{1}".repeat(4090))).collect();
    let (agent, deep) = (AgentId::new("alice").unwrap(), "\u{1}".repeat(4096));
    let new = NewRecord {
        id: &id(),
        agent: &agent,
        resources: &resources,
        lease: None,
        fence: None,
        argv: &vec![nasty; 70],
        wrapper: None,
        depth: Depth::default(),
        cwd: Some(std::path::Path::new(&deep)),
    };
    let record = Record::begin(&new, 5, now(), &Redactor::default());
    assert!(record.command_cut && record.to_bytes().unwrap().len() < 200 * 1024);
}
