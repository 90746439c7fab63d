//! How far the log has been read for an agent, whatever has become of the log meanwhile.

use std::fs;

use serde_json::json;
use swarmlock::{domain::AgentId, store::events_from};

use super::Session;
use crate::{harness::Site, proof::lib_agent::Lib};

/// The lines from `offset` on, and how far that came.
fn read(lib: &Lib, offset: Option<u64>, most: u64) -> (Vec<String>, u64) {
    let mut lines = Vec::new();
    let each = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
    let end = events_from(&lib.state, offset, most, each).unwrap();
    (lines, end)
}

#[test]
fn the_log_is_read_on_from_where_it_was_left_and_anew_where_it_is_another() {
    let site = Site::new();
    let lib = Lib::init(site.root());
    let all = || vec!["one".to_owned(), "two".to_owned(), "three".to_owned()];
    assert_eq!(read(&lib, None, 99), (Vec::new(), 0), "there is none");
    assert_eq!(read(&lib, Some(7), 99), (Vec::new(), 0));
    for (log, offset, most, lines, end) in [
        ("", None, 99, Vec::new(), 0),
        ("", Some(5), 99, Vec::new(), 0),
        ("one\ntwo\nthree\n", None, 99, all(), 14),
        ("one\ntwo\nthree\n", Some(4), 99, all()[1..].to_vec(), 14),
        ("one\ntwo\nthree\n", Some(14), 99, Vec::new(), 14),
        // Torn: the rest comes when it is whole.
        ("one\ntwo\nthr", Some(4), 99, all()[1..2].to_vec(), 8),
        ("one\ntwo\nthr", Some(8), 99, Vec::new(), 8),
        ("thr", None, 99, Vec::new(), 0),
        // Shortened or another: from its start.
        ("one\ntwo\nthree\n", Some(15), 99, all(), 14),
        ("one\ntwo\nthree\n", Some(5), 99, all(), 14),
        // More than is read at once: only the newest, from a whole line on.
        ("one\ntwo\nthree\n", None, 8, all()[2..].to_vec(), 14),
        ("one\ntwo\nthree\n", Some(4), 8, all()[2..].to_vec(), 14),
        ("one\ntwo\nthree\n", Some(8), 6, all()[2..].to_vec(), 14),
    ] {
        site.plant("events.log", log);
        assert_eq!(read(&lib, offset, most), (lines, end), "{log:?} from {offset:?}, at most {most}");
    }
}

#[test]
fn what_an_agent_has_taken_is_known_after_its_log_was_shortened_replaced_or_torn() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let session = Session::new(&site, "one");
    let agent = AgentId::new(&session.id()).unwrap();
    let taken = || Lib::open(site.root()).locks().account(&agent).unwrap().ledger.automatic.len();
    session.edit("a").expect(0);
    session.hook("PostToolUse", json!({ "tool_name": "Read", "tool_input": {} })).expect(0);
    session.edit("b").expect(0);
    assert_eq!(taken(), 2);
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    let filler: String = (0..20_000).map(|n| format!("{{\"n\":{n},\"at\":\"t\",\"event\":\"x\"}}\n")).collect();
    for (what, text) in [
        ("torn", format!("{log}{{\"n\":1,\"agent_id\":\"{agent}")),
        ("with a huge backlog", format!("{log}{filler}")),
        ("as it was", log.clone()),
    ] {
        site.plant("events.log", text);
        assert_eq!(taken(), 2, "{what}");
    }
    // The damaged ledger is made again, and a turn ends what it says.
    for bytes in ["", "{", "null", "{\"v\":1,\"agent_id\":\"another\"}"] {
        fs::create_dir_all(site.state("hooks")).unwrap();
        site.plant(format!("hooks/{agent}"), bytes);
        assert_eq!(taken(), 2, "{bytes:?}");
    }
    session.hook("Stop", json!({ "stop_hook_active": false })).expect(0);
    assert_eq!(site.nobody().run(["list", "--json"]).expect(0).out, "");
    assert_eq!(taken(), 0);
    // Shorter than it was read: what is not held any more is no trouble.
    site.plant("events.log", "");
    session.edit("c").expect(0);
    let stop = session.hook("Stop", json!({ "stop_hook_active": false })).expect(0);
    assert_eq!((stop.out.as_str(), stop.err.as_str()), ("", ""));
    assert_eq!(site.nobody().run(["list", "--json"]).expect(0).out, "");
}
