//! Objects that swarmlock never made, in place of the files about agents and messages.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Seen, complained,
    mail::{inbox, locks_work, send, site, texts},
    object::{FOR_DIRECTORIES, FOR_FILES, Object, Planted},
    snapshot,
};
use crate::harness::{Run, Site, skip};

/// What becomes of the calls while something is planted.
struct Expected {
    at: &'static str,
    objects: &'static [Object],
    /// `agents list`, `messages`.
    looks: [i32; 2],
    /// `send`, `send --ack`, bob's `inbox`, `tick`.
    changes: [i32; 4],
}

fn of(site: &Site, at: &str) -> BTreeMap<PathBuf, Seen> {
    let at = site.state(at);
    let mut seen = snapshot(&site.state(""));
    seen.retain(|path, _| path.starts_with(&at));
    seen
}

fn plant(expected: &Expected) {
    let mut tried = 0;
    for object in expected.objects {
        let site = site();
        let Some(planted) = Planted::new(site.state(expected.at), *object) else {
            let why = format!("{object:?} in place of {}: not possible for this user here", expected.at);
            skip("planted in place of files about messages", &why);
            continue;
        };
        tried += 1;
        let outside = snapshot(planted.outside.path());
        let (before, all) = (of(&site, expected.at), snapshot(&site.state("")));
        let judge = |run: &Run, code: i32| {
            assert_eq!(run.code, code, "{object:?} in place of {}: {run}", expected.at);
            if code == 73 {
                complained(run, expected.at);
            }
        };
        for (look, code) in [&["agents", "list"][..], &["messages"]].into_iter().zip(expected.looks) {
            judge(&site.agent("bob").run(look), code);
        }
        site.agent("bob").run(["status"]);
        assert!(all == snapshot(&site.state("")), "{object:?} in place of {}: a look has written", expected.at);
        locks_work(&site);
        judge(&send(&site, "plain", &[]), expected.changes[0]);
        judge(&send(&site, "awaited", &["--ack"]), expected.changes[1]);
        judge(&site.agent("bob").run(["inbox", "--peek"]), expected.changes[2]);
        judge(&site.agent("bob").run(["tick"]), expected.changes[3]);
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
        assert!(before == of(&site, expected.at), "{object:?} in place of {}: it has been touched", expected.at);
        planted.remove();
        // The control: with the good one back nothing is lost, and what was refused is in no inbox.
        let texts = texts(&inbox(&site, "bob"));
        let sent = |text: &str, code: i32| (code == 0).then(|| text.to_owned());
        let wanted =
            [Some("second".to_owned()), sent("plain", expected.changes[0]), sent("awaited", expected.changes[1])];
        assert_eq!(texts, wanted.into_iter().flatten().collect::<Vec<_>>(), "{object:?} {}", expected.at);
        site.agent("bob").run(["agents", "list"]).expect(0);
        send(&site, "again", &["--ack"]).expect(0);
        site.agent("bob").run(["tick"]).expect(0);
    }
    assert!(tried >= 5, "{tried}");
}

#[test]
fn an_object_in_place_of_the_registry_stops_messages_and_no_locks() {
    plant(&Expected { at: "ACTIVE_AGENTS.json", objects: FOR_FILES, looks: [73, 0], changes: [73, 73, 73, 73] });
}

#[test]
fn an_object_in_place_of_the_acknowledgements_stops_only_those() {
    plant(&Expected { at: "PENDING_ACKS.json", objects: FOR_FILES, looks: [0, 0], changes: [0, 73, 0, 73] });
}

#[test]
fn an_object_in_place_of_the_log_of_messages_stops_what_needs_it() {
    plant(&Expected { at: "agent_messages.log", objects: FOR_FILES, looks: [0, 73], changes: [73, 73, 73, 73] });
}

#[test]
fn an_object_in_place_of_an_older_log_stops_what_needs_it() {
    plant(&Expected { at: "agent_messages.log.1", objects: FOR_FILES, looks: [0, 73], changes: [73, 73, 73, 73] });
}

#[test]
fn an_object_in_place_of_the_cursors_stops_inboxes_and_nothing_else() {
    plant(&Expected { at: "cursors", objects: FOR_DIRECTORIES, looks: [0, 0], changes: [0, 0, 73, 0] });
}

#[test]
fn an_object_in_place_of_a_cursor_stops_that_inbox_and_nothing_else() {
    plant(&Expected { at: "cursors/bob", objects: FOR_FILES, looks: [0, 0], changes: [0, 0, 73, 0] });
}
