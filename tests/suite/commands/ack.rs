//! `ack`: who may, by what, and what its sender sees of it.

use super::send::{log, registered, sent, unread, unread_texts};
use super::tick::{HOUR, age, pending};
use crate::harness::{Run, Site, finish};

fn ack(site: &Site, agent: &str, args: &[&str]) -> Run {
    site.agent(agent).run([&["ack"], args].concat())
}

#[test]
fn a_message_is_acknowledged_by_the_beginning_of_its_id_and_its_sender_is_told() {
    for spell in [
        |id: &str| id.to_owned(),
        |id: &str| id[..4].to_owned(),
        |id: &str| id[..8].to_uppercase(),
        |id: &str| id.replace('-', ""),
    ] {
        let site = registered(&["alice", "bob"]);
        let id = sent(&site, "alice", &["bob", "QUESTION", "seen?", "--ack"]);
        assert_eq!(pending(&site)["pending_acks"].as_array().unwrap().len(), 1);
        let run = ack(&site, "bob", &[&spell(&id)]).expect(0);
        assert_eq!(run.out, format!("acknowledged\t{}\talice\n", &id[..8]));
        assert_eq!(pending(&site)["pending_acks"], serde_json::json!([]));
        let told = unread(&site, "alice");
        assert_eq!((told.len(), &told[0]["msg_type"], &told[0]["sender"]), (1, &"ACK".into(), &"bob".into()));
        assert_eq!(
            (&told[0]["parent_msg_id"], &told[0]["recipients"]),
            (&id.as_str().into(), &serde_json::json!(["alice"]))
        );
        assert_eq!(told[0]["content"], format!("acknowledged {}", &id[..8]));
    }
}

#[test]
fn twice_is_fine_and_tells_nobody_again() {
    let site = registered(&["alice", "bob"]);
    let id = sent(&site, "alice", &["bob", "INFO", "x", "--ack"]);
    ack(&site, "bob", &[&id]).expect(0);
    let before = (log(&site), pending(&site));
    for args in [&[id.as_str()][..], &[&id[..8]], &[&id, "a word"]] {
        assert_eq!(ack(&site, "bob", args).expect(0).out, format!("already\t{}\talice\n", &id[..8]));
    }
    let json = ack(&site, "bob", &[&id, "--json"]).expect(0).json();
    assert_eq!(json, serde_json::json!({ "result": "already", "msg_id": id, "sender": "alice" }));
    assert_eq!((log(&site), pending(&site)), before);
    assert_eq!(unread(&site, "alice").len(), 1);
}

#[test]
fn of_calls_at_once_one_acknowledges_and_the_others_find_it_done() {
    let site = registered(&["alice", "bob"]);
    let id = sent(&site, "alice", &["bob", "INFO", "x", "--ack"]);
    let calls: Vec<_> = (0..8).map(|_| site.agent("bob").spawn(["ack", &id])).collect();
    let mut words: Vec<String> =
        calls.into_iter().map(|call| finish(call).expect(0).out.split('\t').next().unwrap().to_owned()).collect();
    words.sort();
    assert_eq!(words, [vec!["acknowledged"], vec!["already"; 7]].concat());
    assert_eq!((log(&site).len(), unread(&site, "alice").len()), (2, 1));
}

#[test]
fn only_who_it_was_sent_to_may() {
    let site = registered(&["alice", "bob", "carol"]);
    let id = sent(&site, "alice", &["bob", "INFO", "x", "--ack"]);
    for agent in ["carol", "alice"] {
        let run = ack(&site, agent, &[&id[..8]]).expect(12);
        assert!(run.err.contains(&format!("{}: it was sent to bob, and not to you", &id[..8])), "{run}");
        assert!(run.err.contains("next: swarmlock messages"), "{run}");
    }
    assert_eq!((log(&site).len(), pending(&site)["pending_acks"].as_array().unwrap().len()), (1, 1));
    ack(&site, "bob", &[&id[..8]]).expect(0);
}

#[test]
fn of_a_message_to_several_each_acknowledges_its_own() {
    let site = registered(&["alice", "bob", "carol"]);
    site.agent("alice").run(["broadcast", "INFO", "x", "--ack"]).expect(0);
    let id = log(&site)[0]["msg_id"].as_str().unwrap().to_owned();
    let waited_for = || {
        let document = pending(&site);
        let entries = document["pending_acks"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["recipient_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(waited_for(), ["bob", "carol"]);
    ack(&site, "carol", &[&id]).expect(0);
    assert_eq!(waited_for(), ["bob"]);
    ack(&site, "bob", &[&id, "on it"]).expect(0);
    assert_eq!(waited_for(), [""; 0]);
    assert_eq!(unread_texts(&site, "alice"), [format!("acknowledged {}", &id[..8]), "on it".to_owned()]);
}

#[test]
fn a_reminder_is_acknowledged_by_either_id() {
    for own in [false, true] {
        let site = registered(&["alice", "bob"]);
        let id = sent(&site, "alice", &["bob", "INFO", "x", "--ack=1h"]);
        age(&site, HOUR);
        site.nobody().run(["tick"]).expect(0);
        let reminder = log(&site)[1].clone();
        assert_ne!(reminder["msg_id"], id.as_str());
        let given = if own { reminder["msg_id"].as_str().unwrap() } else { &id };
        assert_eq!(ack(&site, "bob", &[given]).expect(0).out, format!("acknowledged\t{}\talice\n", &id[..8]));
        assert_eq!(log(&site)[2]["parent_msg_id"], id.as_str());
        let other = if own { &id } else { reminder["msg_id"].as_str().unwrap() };
        assert!(ack(&site, "bob", &[other]).expect(0).out.starts_with("already\t"));
        age(&site, 60 * HOUR);
        assert_eq!(site.nobody().run(["tick"]).expect(0).out, "");
    }
}

#[test]
fn what_asks_for_no_acknowledgement_may_be_acknowledged_all_the_same() {
    let site = registered(&["alice", "bob"]);
    let id = sent(&site, "alice", &["bob", "INFO", "x"]);
    ack(&site, "bob", &[&id, "thanks"]).expect(0);
    assert_eq!(unread_texts(&site, "alice"), ["thanks"]);
    assert!(!site.state("PENDING_ACKS.json").exists());
}

#[test]
fn a_word_to_the_sender_comes_from_the_argument_or_from_stdin_and_is_a_text_like_any() {
    let site = registered(&["alice", "bob"]);
    let ids: Vec<String> = (0..4).map(|_| sent(&site, "alice", &["bob", "INFO", "x", "--ack"])).collect();
    ack(&site, "bob", &[&ids[0], "done in 5m"]).expect(0);
    site.agent("bob").run_with_stdin(["ack", &ids[1], "-"], b"from\nstdin\n").expect(0);
    assert_eq!(unread_texts(&site, "alice"), ["done in 5m", "from\nstdin"]);
    let waiting = pending(&site);
    for (text, code) in [(&b""[..], 2), (b"a\0b", 2), (b"\xff", 2), (&vec![b'x'; 20_000], 16)] {
        site.agent("bob").run_with_stdin(["ack", &ids[2], "-"], text).expect(code);
    }
    ack(&site, "bob", &[&ids[2], " "]).expect(2);
    assert_eq!(pending(&site), waiting, "what was refused has acknowledged nothing");
    assert_eq!(unread_texts(&site, "alice"), [""; 0]);
}

#[test]
fn what_is_no_message_is_13_and_what_is_no_id_is_2() {
    let site = Site::new();
    let nowhere = ack(&site, "bob", &["abcd"]).expect(13);
    assert!(nowhere.err.contains("there are no messages here") && !site.state("").exists(), "{nowhere}");
    let site = registered(&["alice", "bob"]);
    ack(&site, "bob", &["abcd"]).expect(13);
    let id = sent(&site, "alice", &["bob", "INFO", "x", "--ack"]);
    let other = if id.starts_with("ffff") { "eeee" } else { "ffff" };
    let none = ack(&site, "bob", &[other]).expect(13);
    assert!(none.err.contains("there is no such message") && none.err.contains("next: swarmlock messages\n"), "{none}");
    for bad in ["", "abc", &id[..3], "abcg", "*", "../../x", &format!("{id}0"), "\u{1b}[2J", "----"] {
        let run = ack(&site, "bob", &["--", bad]).expect(2);
        assert!(run.err.contains("next: swarmlock") && !run.err.contains('\u{1b}'), "{bad:?}: {run}");
    }
    ack(&site, "bob", &[]).expect(2);
    assert_eq!(pending(&site)["pending_acks"].as_array().unwrap().len(), 1);
}

#[test]
fn of_two_that_begin_alike_only_the_whole_id_says_which() {
    let site = registered(&["alice", "bob"]);
    let ids = ["abcd1111-0000-4000-8000-000000000001", "abcd1111-0000-4000-8000-000000000002"];
    for (at, id) in ids.iter().enumerate() {
        sent(&site, "alice", &["bob", "INFO", &format!("{at}")]);
        super::send::edit_log(&site, |line| {
            if line["content"] == format!("{at}") {
                line["msg_id"] = (*id).into();
            }
        });
    }
    // One to another does not make it uncertain which of mine is meant.
    sent(&site, "alice", &["alice", "INFO", "2"]);
    super::send::edit_log(&site, |line| {
        if line["content"] == "2" {
            line["msg_id"] = "abcd2222-0000-4000-8000-000000000003".into();
        }
    });
    let both = ack(&site, "bob", &["abcd"]).expect(2);
    assert!(both.err.contains("several messages begin with it"), "{both}");
    assert!(ids.iter().all(|id| both.err.contains(&format!("help: one of them is {id}\n"))), "{both}");
    assert!(!both.err.contains("abcd2222"), "{both}");
    ack(&site, "bob", &[ids[1]]).expect(0);
    ack(&site, "bob", &["abcd2"]).expect(12);
    ack(&site, "alice", &["abcd"]).expect(0);
    assert_eq!(log(&site).pop().unwrap()["parent_msg_id"], "abcd2222-0000-4000-8000-000000000003");
}
