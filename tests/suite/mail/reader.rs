//! A reader that looks as fast as it can at what `send`, `ack` and `agents` write: it sees the old document or the new.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::Value;

use super::{lines::LOG, site, soak, when::ACKS};
use crate::{harness::Site, proof::reader::watch};

const LOOKS: usize = 100_000;

/// Runs `look` while two agents send, acknowledge, register and retire.
fn while_written<T>(site: &Site, look: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for who in ["alice", "bob"] {
            let over = &over;
            scope.spawn(move || {
                for round in 0.. {
                    if over.load(Ordering::Acquire) {
                        break;
                    }
                    let id = site.agent(who).run(["send", "carol", "INFO", "look", "--ack", "--id-only"]).expect(0).out;
                    site.agent("carol").run(["ack", id.trim()]).expect(0);
                    let role = format!("role-{round}");
                    site.agent(who).run(["agents", "register", "--role", &role]).expect(0);
                }
            });
        }
        let stop = Stop(&over);
        let looked = look();
        drop(stop);
        looked
    })
}

/// Ends the writers, also when an assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn the_registry_and_what_is_to_be_acknowledged_are_never_seen_empty_or_partial() {
    let site = site("", &["alice", "bob", "carol"]);
    for document in ["ACTIVE_AGENTS.json", ACKS] {
        let seen = while_written(&site, || watch(&site.state(document), LOOKS * soak()));
        assert!(seen.broken == 0 && seen.absent == 0 && seen.changes >= 50, "{document}: {seen:?}");
        eprintln!("{document}: {seen:?}");
    }
}

#[test]
fn what_is_read_of_the_log_is_whole_lines_however_fast_it_grows_and_is_rotated() {
    let site = site("message_log_count = 1\n", &["alice", "bob", "carol"]);
    site.agent("alice").run(["send", "carol", "INFO", "first"]).expect(0);
    let (mut last, mut grown, mut commands) = (0, 0, 0);
    while_written(&site, || {
        for look in 0..LOOKS / 10 * soak() {
            let Ok(bytes) = fs::read(site.state(LOG)) else { continue };
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            if let Some(line) = bytes[..whole].split(|byte| *byte == b'\n').rev().nth(1) {
                let seq = serde_json::from_slice::<Value>(line).unwrap()["seq"].as_u64().unwrap();
                assert!(seq >= last, "{seq} after {last}");
                grown += usize::from(seq > last);
                last = seq;
            }
            if look % 500 == 0 {
                let run = site.nobody().run(["messages", "--limit", "50", "--json"]).expect(0);
                let numbers: Vec<_> = run.json_lines().iter().map(|line| line["seq"].as_u64().unwrap()).collect();
                assert!(run.err.is_empty() && numbers.is_sorted_by(|a, b| a < b), "{run}");
                let agents = site.nobody().run(["agents", "list", "--json"]).expect(0).json_lines();
                assert_eq!(agents.len(), 3);
                commands += 2;
            }
        }
    });
    assert!(grown >= 20 && commands >= 20, "the control: it grew {grown} times");
}
