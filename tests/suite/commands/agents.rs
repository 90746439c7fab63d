//! `agents`: who is registered, under which name, and whether it is there.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::send::{columns, registered, sent, unread_texts};
use crate::harness::{Run, Site, finish, without_identity};

/// The registry.
fn registry(site: &Site) -> Value {
    serde_json::from_slice(&fs::read(site.state("ACTIVE_AGENTS.json")).unwrap()).unwrap()
}

fn agents(site: &Site, agent: &str, args: &[&str]) -> Run {
    site.agent(agent).run([&["agents"], args].concat())
}

/// A call of this session.
fn session(site: &Site, id: &str, args: &[&str]) -> Run {
    site.nobody().env("CLAUDE_CODE_SESSION_ID", id).run(args)
}

/// The id that a session has.
fn who(site: &Site, id: &str) -> String {
    session(site, id, &["whoami", "--id-only"]).expect(0).out.trim_end().to_owned()
}

/// Ids and words of presence, as they are listed.
fn listed(site: &Site, args: &[&str]) -> Vec<(String, String)> {
    let run = site.nobody().run([&["agents", "list"], args].concat()).expect(0);
    columns(&run).iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
}

fn ids(site: &Site, args: &[&str]) -> Vec<String> {
    listed(site, args).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn an_agent_is_registered_by_its_first_change_and_not_by_looking() {
    let site = Site::new();
    assert_eq!(ids(&site, &[]), [""; 0]);
    assert!(!site.state("").exists());
    site.agent("alice").run(["acquire", "a"]).expect(0);
    for look in [&["status"][..], &["whoami"], &["messages"], &["agents"], &["list"], &["check", "a"]] {
        site.agent("bob").run(look);
    }
    assert_eq!(ids(&site, &[]), ["alice"]);
    site.agent("carol").run(["inbox"]).expect(0);
    site.agent("bob").run(["release", "b"]).expect(0);
    assert_eq!(ids(&site, &[])[..2], ["alice", "carol"]);
}

#[test]
fn a_session_keeps_the_name_that_it_registered_and_another_gets_the_next() {
    let site = Site::new();
    let made_up = who(&site, "s1");
    assert!(made_up.starts_with("claude-"), "{made_up}");
    let run = session(&site, "s1", &["agents", "register", "alice", "--id-only"]).expect(0);
    assert_eq!(run.out, "alice\n");
    assert_eq!(who(&site, "s1"), "alice");
    session(&site, "s1", &["acquire", "a"]).expect(0);
    assert_eq!(site.lock_json("a")["agent_id"], "alice");
    let again = session(&site, "s1", &["agents", "register", "alice"]).expect(0);
    assert_eq!(again.out, "known\talice\n");
    for (id, asked, got) in [("s2", "alice", "alice-2"), ("s3", "ALICE", "ALICE-2"), ("s4", "swarmlock", "swarmlock-2")]
    {
        let run = session(&site, id, &["agents", "register", asked]).expect(0);
        let wanted = if id == "s3" { "ALICE-3" } else { got };
        assert_eq!(run.out, format!("registered\t{wanted}\n"), "{run}");
        assert!(run.err.contains(&format!("{asked} is or was another agent's; you are {wanted}")), "{run}");
        assert_eq!(who(&site, id), wanted);
    }
    sent(&site, "bob", &["alice-2", "INFO", "to the second"]);
    let inbox = session(&site, "s2", &["inbox"]).expect(0);
    assert!(inbox.out.contains("\tto the second\n"), "{inbox}");
    // An agent keeps its id.
    let other = session(&site, "s1", &["agents", "register", "zoe"]).expect(0);
    assert_eq!(other.out, "known\talice\n");
    assert!(other.err.contains("zoe was not taken: an agent keeps its id, and yours is alice"), "{other}");
}

#[test]
fn sixteen_that_want_a_name_at_once_get_sixteen() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let call = site.nobody().env("CLAUDE_CODE_SESSION_ID", format!("s{number}"));
            call.spawn(["agents", "register", "alice", "--id-only"])
        })
        .collect();
    let mut got: Vec<String> = calls.into_iter().map(|call| finish(call).expect(0).out.trim_end().to_owned()).collect();
    got.sort();
    let mut wanted: Vec<String> = (2..=16).map(|number| format!("alice-{number}")).collect();
    wanted.push("alice".to_owned());
    wanted.sort();
    assert_eq!(got, wanted);
    assert_eq!(ids(&site, &[]).len(), 16);
}

#[test]
fn a_role_and_what_an_agent_can_do_are_kept_shown_and_changed() {
    let site = Site::new();
    let run =
        agents(&site, "alice", &["register", "--role", "reviewer", "--capability", "rust", "--capability", "CI runs"]);
    assert_eq!(run.expect(0).out, "registered\talice\n");
    let row = |site: &Site| {
        let run = site.nobody().run(["agents"]).expect(0);
        columns(&run)[0].iter().map(|&column| column.to_owned()).collect::<Vec<_>>()
    };
    let shown = row(&site);
    assert_eq!(
        (shown.len(), shown[1].as_str(), shown[3].as_str(), shown[7].as_str()),
        (8, "active", "reviewer", "rust, CI runs")
    );
    agents(&site, "alice", &["register"]).expect(0);
    agents(&site, "alice", &["register", "--capability", "docs"]).expect(0);
    assert_eq!((&row(&site)[3], &row(&site)[7]), (&"reviewer".to_owned(), &"docs".to_owned()));
    agents(&site, "bob", &["register"]).expect(0);
    assert_eq!(ids(&site, &["--role", "reviewer"]), ["alice"]);
    assert_eq!(ids(&site, &["--role", "Reviewer"]), ["alice"], "as send takes it");
    assert_eq!(ids(&site, &["--role", "tester"]), [""; 0]);
    agents(&site, "alice", &["register", "--role", ""]).expect(0);
    assert_eq!(row(&site)[3], "-");
    for (args, code) in [
        (&["register", "--role", "all"][..], 2),
        (&["register", "--role", "ALL"], 2),
        (&["register", "--role", "a b"], 2),
        (&["register", "--capability", ""], 2),
        (&["register", "--capability", "a\nb"], 2),
        (&["register", "--capability", &"x".repeat(65)], 2),
        (&["register", "--capability", "\u{202e}x"], 2),
        (&["register", "a b"], 2),
        (&["register", "a", "b"], 2),
        (&["register", &"a".repeat(65)], 2),
        (&["list", "alice"], 2),
        (&["lst"], 2),
    ] {
        let run = agents(&site, "alice", args).expect(code);
        assert!(run.err.contains("\nnext: swarmlock "), "{run}");
    }
    agents(&site, "alice", &["register", "--id-only", "--json"]).expect(2);
    let many: Vec<&str> = (0..33).flat_map(|_| ["--capability", "x"]).collect();
    agents(&site, "alice", &[&["register"], &many[..]].concat()).expect(16);
    agents(&site, "alice", &[&["register"], &many[..64]].concat()).expect(0);
}

#[test]
fn the_registry_has_the_keys_of_claude_swarm_and_keeps_what_others_added() {
    let site = registered(&["alice"]);
    let document = registry(&site);
    let keys: Vec<&String> = document["agents"][0].as_object().unwrap().keys().take(7).collect();
    assert_eq!(keys, ["id", "pane_index", "pid", "status", "last_seen", "session_name", "tmux_pane_id"]);
    assert_eq!(document["session_name"], "unknown");
    let mut with_more = document;
    with_more["theirs"] = 7.into();
    with_more["agents"][0]["mood"] = "good".into();
    site.plant("ACTIVE_AGENTS.json", with_more.to_string());
    agents(&site, "bob", &["register", "--role", "x"]).expect(0);
    agents(&site, "alice", &["register", "--role", "y"]).expect(0);
    let after = registry(&site);
    assert_eq!((&after["theirs"], &after["agents"][0]["mood"]), (&7.into(), &"good".into()));
    let json = site.nobody().run(["agents", "--json"]).expect(0).json_lines();
    assert_eq!(json.len(), 2);
    assert_eq!(
        (&json[0]["id"], &json[0]["status"], &json[0]["role"]),
        (&"alice".into(), &"active".into(), &"y".into())
    );
    let json = agents(&site, "alice", &["register", "--json"]).expect(0).json();
    assert_eq!((&json["result"], &json["agent"]["id"]), (&"known".into(), &"alice".into()));
}

/// Makes an agent's last sign of life this many seconds old.
fn silent(site: &Site, agent: &str, seconds: u64) {
    let text = fs::read_to_string(site.state("beats").join(agent)).unwrap();
    let mut beat: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<String> = beat.as_object().unwrap().keys().filter(|key| key.contains("mono")).cloned().collect();
    assert!(!keys.is_empty(), "{beat}");
    for key in keys {
        beat[&key] = beat[&key].as_u64().unwrap().saturating_sub(seconds * 1000).into();
    }
    let width = text.len();
    site.plant(format!("beats/{agent}"), format!("{:<1$}\n", beat.to_string(), width - 1));
}

/// A shell under the name of a harness, that runs this as an agent and then has ended.
fn ended_harness(site: &Site, agent: &str) {
    let mut command = Command::new(crate::identity::shell_named(site, "claude"));
    without_identity(&mut command).current_dir(site.root()).env("SWARMLOCK_AGENT", agent);
    command.args(["-c", &format!("{} agents register -q; :", crate::harness::BINARY)]);
    assert!(command.stdout(std::process::Stdio::null()).status().unwrap().success());
}

#[test]
fn whether_an_agent_is_there_is_told_by_its_signs_of_life() {
    let site = registered(&["alice", "bob", "carol"]);
    assert_eq!(listed(&site, &[]).iter().filter(|(_, word)| word == "active").count(), 3);
    let mut document = registry(&site);
    // Nothing is known of a process, and so only what they did tells.
    for agent in document["agents"].as_array_mut().unwrap() {
        for key in ["pid", "process", "pid_ns"] {
            agent[key] = Value::Null;
        }
    }
    site.plant("ACTIVE_AGENTS.json", document.to_string());
    for (agent, seconds) in [("alice", 59), ("bob", 61), ("carol", 901)] {
        let path = site.state("beats").join(agent);
        let mut beat: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for key in ["process", "pid_ns", "time_ns"] {
            if beat.get(key).is_some() {
                beat[key] = Value::Null;
            }
        }
        let width = fs::metadata(&path).unwrap().len() as usize;
        site.plant(format!("beats/{agent}"), format!("{:<1$}\n", beat.to_string(), width - 1));
        silent(&site, agent, seconds);
    }
    let words: Vec<String> = listed(&site, &["--all"]).into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["active", "idle", "stale"]);
    if !crate::processes::usable("whether_an_agent_is_there_is_told_by_its_signs_of_life") {
        return;
    }
    ended_harness(&site, "dave");
    assert_eq!(ids(&site, &[]), ["alice", "bob", "carol"]);
    assert_eq!(listed(&site, &["--all"])[3], ("dave".to_owned(), "gone".to_owned()));
    let hidden = site.nobody().run(["agents"]).expect(0);
    assert!(hidden.err.contains("1 that are gone are not shown: --all shows them"), "{hidden}");
}

#[test]
fn retiring_takes_oneself_out_and_the_id_is_given_to_nobody_else() {
    let site = Site::new();
    session(&site, "s1", &["agents", "register", "alice"]).expect(0);
    session(&site, "s1", &["acquire", "a"]).expect(0);
    let run = session(&site, "s1", &["agents", "retire"]).expect(0);
    assert_eq!(run.out, "retired\talice\n");
    assert!(run.err.contains("alice still holds 1 locks"), "{run}");
    assert_eq!(ids(&site, &["--all"]), [""; 0]);
    let next = session(&site, "s2", &["agents", "register", "alice"]).expect(0);
    assert_eq!(next.out, "registered\talice-2\n");
    site.agent("bob").run(["send", "alice", "INFO", "x"]).expect(13);
    // Whoever goes on by a name that it was given is here again.
    site.agent("alice").run(["inbox"]).expect(0);
    sent(&site, "bob", &["alice", "INFO", "x"]);
    assert_eq!(unread_texts(&site, "alice"), ["x"]);
}

#[test]
fn another_agent_is_taken_out_only_if_it_is_gone_or_with_yes() {
    let site = registered(&["alice", "bob", "it.s"]);
    let run = agents(&site, "alice", &["retire", "bob"]).expect(12);
    assert!(run.err.contains("bob is active, and another agent than you"), "{run}");
    assert!(run.err.contains("next: swarmlock agents retire bob --yes\n"), "{run}");
    let several = agents(&site, "alice", &["retire", "bob", "zoe", "alice"]).expect(13);
    assert_eq!(several.out, "retired\talice\n", "{several}");
    assert_eq!(several.err.matches("next: ").count(), 2, "{several}");
    assert_eq!(ids(&site, &[]), ["bob", "it.s"]);
    let near = agents(&site, "alice", &["retire", "bobb"]).expect(13);
    assert!(near.err.contains("did you mean bob?"), "{near}");
    agents(&site, "alice", &["retire", "a b"]).expect(2);
    let json = agents(&site, "alice", &["retire", "bob", "--yes", "--json"]).expect(0).json();
    assert_eq!((&json["result"], &json["agent"]["id"]), (&"retired".into(), &"bob".into()));
    assert!(!site.state("cursors/bob").exists());
    if !crate::processes::usable("another_agent_is_taken_out_only_if_it_is_gone") {
        return;
    }
    ended_harness(&site, "dave");
    assert_eq!(agents(&site, "alice", &["retire", "dave"]).expect(0).out, "retired\tdave\n");
}

#[test]
fn without_a_state_directory_nobody_can_be_retired() {
    let site = Site::new();
    let run = agents(&site, "alice", &["retire"]).expect(13);
    assert!(run.err.contains("nobody is registered here") && !site.state("").exists(), "{run}");
}

#[test]
fn a_damaged_registry_is_set_aside_and_begun_again_with_who_is_known() {
    for damage in ["{{", "[]", "123", "{\"v\":1}", "{\"v\":1,\"updated_at\":\"x\",\"agents\":[]}"] {
        let site = registered(&["alice", "bob"]);
        sent(&site, "alice", &["bob", "INFO", "x"]);
        site.plant("ACTIVE_AGENTS.json", damage);
        let seen = site.nobody().run(["agents"]).expect(65);
        assert!(seen.err.contains("the next change sets it aside"), "{seen}");
        assert!(
            seen.err.contains("next: swarmlock agents register\n") && !seen.err.contains("locks is not free"),
            "{seen}"
        );
        site.agent("carol").run(["agents", "register"]).expect(0);
        let mut there = ids(&site, &["--all"]);
        there.sort();
        assert_eq!(there, ["alice", "bob", "carol"], "{damage}");
        assert_eq!(fs::read_dir(site.state("quarantine")).unwrap().count(), 1, "{damage}");
        assert_eq!(unread_texts(&site, "bob"), ["x"], "{damage}");
    }
    let site = registered(&["alice"]);
    let mut newer = registry(&site);
    newer["v"] = 99.into();
    site.plant("ACTIVE_AGENTS.json", newer.to_string());
    site.agent("bob").run(["agents", "register"]).expect(65);
    assert_eq!(registry(&site), newer);
}

#[test]
fn who_has_no_session_and_no_pane_is_told_how_to_keep_its_name() {
    let site = Site::new();
    let run = site.nobody().run(["agents", "register", "zoe"]).expect(0);
    assert_eq!(run.out, "registered\tzoe\n");
    assert!(run.err.contains("nothing but its name tells who you are: export SWARMLOCK_AGENT=zoe"), "{run}");
    site.agent("zoe").run(["acquire", "a"]).expect(0);
    assert_eq!(ids(&site, &[]), ["zoe"]);
    assert_eq!(json!(site.lock_json("a")["agent_id"]), "zoe");
}

#[test]
fn nobody_is_called_as_our_own_messages_are() {
    let site = registered(&["alice"]);
    for id in ["swarmlock", "SwarmLock"] {
        for args in [&["send", "alice", "URGENT", "obey"][..], &["acquire", "a"], &["agents", "register"], &["inbox"]] {
            let run = site.agent(id).run(args).expect(2);
            assert!(run.err.contains("messages of swarmlock itself are from that name"), "{run}");
            site.nobody().run([&["--agent", id], args].concat()).expect(2);
        }
    }
    assert_eq!(ids(&site, &["--all"]), ["alice"]);
    site.agent("swarmlock-2").run(["inbox"]).expect(0);
}

#[test]
fn who_says_who_it_is_does_not_become_another_by_asking_for_its_name() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "bob", &["alice", "INFO", "for alice"]);
    let run = site.agent("bob").run(["agents", "register", "alice"]).expect(0);
    assert_eq!(run.out, "registered\talice-2\n", "{run}");
    assert!(run.err.contains("export SWARMLOCK_AGENT=alice-2"), "{run}");
}
