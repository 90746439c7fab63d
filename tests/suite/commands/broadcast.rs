//! `broadcast`: one message for everybody; and how many messages may be sent.

use serde_json::json;

use super::send::{columns, edit_log, log, plant_line, registered, sent, time, unread_texts};
use crate::harness::{Site, finish};

/// Allows as many messages as there may be.
pub fn unlimited(site: &Site) {
    site.plant("config.toml", "message_rate = 1000000\nmessage_rate_all = 1000000\n");
}

#[test]
fn everybody_but_the_sender_gets_it_and_it_is_one_line() {
    let site = registered(&["alice", "bob", "carol"]);
    let run = site.agent("alice").run(["broadcast", "INFO", "the build is green"]).expect(0);
    let rows = columns(&run);
    assert_eq!(
        rows.iter().map(|row| (row[0], row[2])).collect::<Vec<_>>(),
        [("[QUEUED]", "bob"), ("[QUEUED]", "carol")]
    );
    let lines = log(&site);
    assert_eq!((lines.len(), &lines[0]["to"]), (1, &"@all".into()));
    assert_eq!((&lines[0]["recipients"], &lines[0]["success_count"]), (&json!(["bob", "carol"]), &2.into()));
    let json = site.agent("bob").run(["broadcast", "INFO", "mine too", "--include-self", "--json"]).expect(0).json();
    let to: Vec<_> = json["deliveries"].as_array().unwrap().iter().map(|one| &one["recipient"]).collect();
    assert_eq!(to, ["alice", "bob", "carol"]);
    assert_eq!(unread_texts(&site, "alice"), ["mine too"]);
    assert_eq!(unread_texts(&site, "bob"), ["the build is green", "mine too"]);
    assert_eq!(unread_texts(&site, "carol"), ["the build is green", "mine too"]);
    let inbox = site.agent("alice").run(["messages"]).expect(0);
    assert!(columns(&inbox).iter().all(|row| row[3] == "@all"), "{inbox}");
}

#[test]
fn to_nobody_is_13_and_a_retired_agent_gets_nothing() {
    let site = registered(&["alice"]);
    let alone = site.agent("alice").run(["broadcast", "INFO", "x"]).expect(13);
    assert!(alone.err.contains("nobody else here"), "{alone}");
    site.agent("bob").run(["agents", "register"]).expect(0);
    site.agent("bob").run(["agents", "retire"]).expect(0);
    site.agent("alice").run(["broadcast", "INFO", "x"]).expect(13);
    site.agent("alice").run(["send", "bob", "INFO", "x"]).expect(13);
    assert!(log(&site).is_empty());
    site.agent("alice").run(["broadcast", "INFO", "x", "--include-self"]).expect(0);
    site.agent("alice").run(["broadcast", "INFO"]).expect(2);
    site.agent("alice").run(["broadcast", "x"]).expect(2);
}

#[test]
fn ten_messages_a_minute_are_one_senders_limit_and_a_broadcast_is_one_of_them() {
    let site = registered(&["alice", "bob", "carol", "dave"]);
    for number in 0..10 {
        let word = if number % 2 == 0 { &["broadcast"][..] } else { &["send", "bob"] };
        site.agent("alice").run([word, &["INFO", "x"]].concat()).expect(0);
    }
    for args in [&["send", "bob", "INFO", "x"][..], &["broadcast", "INFO", "x", "--ack"]] {
        let words = site.agent("alice").run(args).expect(16);
        assert!(words.err.contains("10 messages in 1m is the limit for a sender"), "{words}");
        assert!(
            words.err.contains("send it again in ") && words.err.contains("next: swarmlock config show"),
            "{words}"
        );
        let error = site.agent("alice").run([args, &["--json"]].concat()).expect(16).json_error();
        let wait = error["wait_ms"].as_u64().unwrap();
        assert!((1..=60_000).contains(&wait), "{error}");
    }
    assert_eq!(log(&site).len(), 10);
    assert!(!site.state("PENDING_ACKS.json").exists(), "what was refused is not waited for");
    site.agent("bob").run(["broadcast", "INFO", "another's"]).expect(0);
    // As old as the window they count no more.
    edit_log(&site, |line| line["timestamp"] = time(-60_001).into());
    site.agent("alice").run(["broadcast", "INFO", "x"]).expect(0);
    // Nor do those of a clock that was set back since.
    for _ in 0..9 {
        sent(&site, "alice", &["bob", "INFO", "x"]);
    }
    site.agent("alice").run(["broadcast", "INFO", "x"]).expect(16);
    // An old line that does not belong there hides none before it.
    let mut old = log(&site).pop().unwrap();
    old["timestamp"] = time(-3_600_000).into();
    plant_line(&site, &old.to_string());
    site.agent("alice").run(["broadcast", "INFO", "x"]).expect(16);
    edit_log(&site, |line| line["timestamp"] = time(3_600_000).into());
    site.agent("alice").run(["broadcast", "INFO", "x"]).expect(0);
}

#[test]
fn the_limit_holds_for_processes_that_send_at_once() {
    let site = registered(&["alice", "bob"]);
    let calls: Vec<_> = (0..16).map(|_| site.agent("alice").spawn(["send", "bob", "INFO", "x"])).collect();
    let mut codes: Vec<i32> = calls.into_iter().map(|call| finish(call).code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [vec![0; 10], vec![16; 6]].concat());
    assert_eq!(unread_texts(&site, "bob").len(), 10);
}

#[test]
fn acknowledgements_and_reminders_do_not_count_and_a_word_that_only_says_so_does() {
    let site = registered(&["alice", "bob"]);
    for _ in 0..10 {
        sent(&site, "alice", &["bob", "INFO", "x", "--ack=1m"]);
    }
    super::tick::age(&site, 61_000);
    let again = site.agent("carol").run(["tick"]).expect(0);
    assert_eq!(columns(&again).len(), 10, "{again}");
    for line in log(&site).iter().take(10) {
        site.agent("bob").run(["ack", line["msg_id"].as_str().unwrap()]).expect(0);
    }
    for agent in ["alice", "bob"] {
        let to = if agent == "alice" { "bob" } else { "alice" };
        for _ in 0..10 {
            sent(&site, agent, &[to, "INFO", "x"]);
        }
        for kind in ["INFO", "ACK"] {
            site.agent(agent).run(["send", to, kind, "x"]).expect(16);
        }
    }
    let site = registered(&["alice", "bob"]);
    for _ in 0..10 {
        sent(&site, "alice", &["bob", "ACK", "x"]);
    }
    site.agent("alice").run(["send", "bob", "ACK", "x"]).expect(16);
}

#[test]
fn all_senders_together_have_a_limit_too_and_settings_change_both() {
    let site = registered(&["alice", "bob", "carol"]);
    site.plant("config.toml", "message_rate_all = 3\nmessage_window = '1h'\n");
    for agent in ["alice", "bob", "carol"] {
        site.agent(agent).run(["broadcast", "INFO", "x"]).expect(0);
    }
    let refused = site.agent("bob").run(["broadcast", "INFO", "x"]).expect(16);
    assert!(refused.err.contains("3 messages in 1h is the limit for all senders together"), "{refused}");
    site.plant("config.toml", "message_rate = 1\nmessage_window = '1h'\n");
    let own = site.agent("bob").run(["broadcast", "INFO", "x"]).expect(16);
    assert!(own.err.contains("1 message in 1h is the limit for a sender"), "{own}");
    site.plant("config.toml", "message_rate = 2\n");
    site.agent("bob").run(["broadcast", "INFO", "x"]).expect(0);
    site.agent("bob").run(["broadcast", "INFO", "x"]).expect(16);
    unlimited(&site);
    for _ in 0..12 {
        site.agent("bob").run(["broadcast", "INFO", "x"]).expect(0);
    }
    let shown = site.nobody().run(["config", "show"]).expect(0);
    assert!(shown.out.contains("message_rate\t1000000\t"), "{shown}");
}

#[test]
fn settings_of_messages_that_cannot_be_are_refused() {
    let site = registered(&["alice", "bob"]);
    for bad in [
        "message_rate = 0",
        "message_rate = -1",
        "message_rate = '10'",
        "message_rate = 1000001",
        "message_rate_all = 0",
        "message_rate_all = 1.5",
        "message_window = 60",
        "message_window = '0s'",
        "message_window = '2h'",
        "message_log_size = 65535",
        "message_log_size = '10M'",
        "message_log_count = 0",
        "message_log_age = '1s'",
        "message_rates = 10",
    ] {
        site.plant("config.toml", format!("{bad}\n"));
        let key = bad.split(' ').next().unwrap();
        for args in [&["send", "bob", "INFO", "x"][..], &["broadcast", "INFO", "x"], &["inbox"], &["tick"]] {
            let run = site.agent("alice").run(args).expect(78);
            assert!(run.err.contains(key), "{bad}: {run}");
        }
        let shown = site.agent("alice").run(["messages"]).expect(0);
        assert!(shown.err.contains("going on with the defaults"), "{shown}");
    }
    assert!(log(&site).is_empty());
    site.plant(
        "config.toml",
        "message_rate = 1\nmessage_log_size = 65536\nmessage_log_count = 1\nmessage_log_age = '1m'\n",
    );
    site.agent("alice").run(["broadcast", "INFO", "x"]).expect(0);
}
