use std::{fs, os::unix::fs::DirBuilderExt as _};

use swarmlock::domain::records::{Finished, How, State};

use super::send::{registered, sent, unread_texts};
use crate::{
    harness::Site,
    hooks::Session,
    keeper::{Keeper, Wrapper, written},
    processes::usable,
};

#[test]
fn what_is_over_is_removed_and_what_is_live_stays() {
    for name in ["cleanup", "cleanup-stale-locks"] {
        let site = Site::new();
        for (agent, resource) in [("alice", "a"), ("alice", "b"), ("bob", "c")] {
            site.agent(agent).run(["acquire", resource]).expect(0);
        }
        site.expire("a");
        site.expire("c");
        let run = site.nobody().run([name]).expect(0);
        assert_eq!(run.out, "removed\ta\talice\texpired\nremoved\tc\tbob\texpired\n", "{run}");
        let left = site.nobody().run(["list"]).expect(0).out;
        assert!(left.starts_with("b\talice\tlive\t") && left.lines().count() == 1, "{left}");
        let event = site.nobody().run(["history", "c", "--limit", "1", "--json"]).json();
        assert_eq!((&event["event"], &event["to"]), (&"cleaned_up".into(), &"bob".into()), "its holder hears of it");
        assert_eq!(site.nobody().run([name]).expect(0).out, "", "a second time there is nothing");
    }
}

#[test]
fn a_damaged_lock_is_left_alone_and_reported() {
    let site = Site::new();
    for resource in ["a", "b"] {
        site.agent("alice").run(["acquire", resource]).expect(0);
    }
    site.expire("b");
    fs::write(site.lock_file("a"), "?").unwrap();
    let run = site.nobody().run(["cleanup", "--json"]).expect(65);
    assert_eq!(run.json()["holder"]["resource"], "b", "{run}");
    assert_eq!(run.json_error()["code"], 65);
    assert_eq!(fs::read(site.lock_file("a")).unwrap(), b"?");
    site.agent("bob").run(["acquire", "a"]).expect(65);
}

#[test]
fn what_killed_processes_left_half_made_is_swept_and_nothing_else() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.plant("tmp/pending", "half");
    let dead = site.path(".agent_locks.new-0123456789abcdef");
    fs::DirBuilder::new().mode(0o700).create(&dead).unwrap();
    fs::write(dead.join("era.json"), "half").unwrap();
    let other = site.path(".agent_locks.new-mine");
    fs::create_dir(&other).unwrap();
    let run = site.nobody().run(["cleanup"]).expect(0);
    assert!(run.err.contains("half-made files or directories removed: 2\n"), "{run}");
    assert!(!site.state("tmp/pending").exists() && !dead.exists() && other.exists());
    assert!(site.lock_file("a").exists());
}

#[test]
fn without_a_directory_there_is_nothing_to_clean_and_none_is_made() {
    let site = Site::new();
    assert_eq!(site.nobody().run(["cleanup"]).expect(0).out, "");
    assert!(!site.state("").exists());
}

#[test]
fn what_only_looks_like_a_directory_under_construction_is_left() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let alike = site.file(".agent_locks.new-0123456789abcdef");
    site.agent("alice").run(["cleanup"]).expect(0);
    assert!(alike.exists());
}

#[test]
fn what_a_restart_left_damaged_is_set_aside_and_not_called_damaged() {
    let site = Site::new();
    for resource in ["a", "b"] {
        site.agent("alice").run(["acquire", resource]).expect(0);
    }
    std::fs::write(site.lock_file("a"), "").unwrap();
    // The control: within an era it is damage.
    site.agent("alice").run(["cleanup"]).expect(65);
    crate::proof::eras::restart(&site);
    let run = site.agent("bob").run(["cleanup"]).expect(0);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("removed\tb\talice\torphaned\n", ""), "{run}");
    assert_eq!(std::fs::read_dir(site.state("quarantine")).unwrap().count(), 1);
}

#[test]
fn a_record_whose_wrapper_was_killed_says_that_it_is_abandoned_and_no_other_does() {
    if !usable("a_record_whose_wrapper_was_killed_says_that_it_is_abandoned_and_no_other_does") {
        return;
    }
    let site = Site::new();
    let (keeper, lives, dies) = (Keeper::new(&site), Wrapper::start(), Wrapper::start());
    keeper.begin("aaaa", "alice", &["make"], Some(&dies.process()));
    keeper.begin("bbbb", "alice", &["make"], Some(&lives.process()));
    keeper.begin("cccc", "alice", &["make"], None);
    keeper.ended("dddd", How::Ended, Some(0));
    assert_eq!(site.nobody().run(["cleanup"]).expect(0).err, "", "the control: both live");
    dies.kill();
    let run = site.nobody().run(["cleanup"]).expect(0);
    assert!(run.err.contains("which say so now: 1\n"), "{run}");
    let states = ["aaaa", "bbbb", "cccc", "dddd"].map(|id| written(&site, id)["state"].clone());
    assert_eq!(states, ["abandoned", "running", "running", "done"]);
    assert_eq!(written(&site, "aaaa")["ended_at"], serde_json::Value::Null, "when it ended nobody knows");
    assert_eq!(keeper.end("aaaa", How::Ended, Some(0), None), Finished::Already(State::Abandoned));
    assert_eq!(site.nobody().run(["cleanup"]).expect(0).err, "", "a second time there is nothing");
}

#[test]
fn places_that_are_lost_go_and_those_that_are_kept_stay() {
    let site = crate::waiting::held_by_alice();
    site.agent("bob").run(["acquire", "--wait=0s", "name:x"]).expect(11);
    site.agent("carol").run(["acquire", "--queue", "name:x"]).expect(10);
    crate::waiting::age(&site, crate::waiting::ticket_of(&site, "bob").number, "away", 120);
    site.plant("queue/litter", "");
    let run = site.nobody().run(["cleanup"]).expect(0);
    assert!(run.err.contains("half-made files or directories removed: 1\n"), "{run}");
    assert!(!site.state("queue/litter").exists());
    let left: Vec<_> = crate::waiting::tickets(&site).into_iter().map(|ticket| ticket.agent).collect();
    assert_eq!(left, ["carol"]);
}

#[test]
fn agents_that_nobody_has_seen_for_a_week_leave_the_registry_with_their_cursors() {
    let site = Site::new();
    for id in ["alice", "bob", "carol", "dave"] {
        site.agent(id).run(["agents", "register"]).expect(0);
        site.agent(id).run(["inbox"]).expect(0);
    }
    site.agent("carol").run(["acquire", "a", "--ttl", "24h"]).expect(0);
    // As after a week in which nothing but dave's beat came.
    let path = site.state("ACTIVE_AGENTS.json");
    let mut registry: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for agent in registry["agents"].as_array_mut().unwrap() {
        agent["last_seen"] = "2026-01-01T00:00:00Z".into();
    }
    fs::write(&path, registry.to_string()).unwrap();
    for id in ["alice", "bob", "carol"] {
        fs::remove_file(site.state("beats").join(id)).unwrap();
    }
    let ids = || {
        let agents = site.nobody().run(["agents", "list", "--all", "--json"]).expect(0).json_lines();
        agents.iter().map(|agent| agent["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["alice", "bob", "carol", "dave"]);
    let cleaned = site.agent("bob").run(["cleanup"]).expect(0);
    assert!(cleaned.err.contains("not seen for a week: 1"), "{cleaned}");
    // Bob has called, carol holds a lease, and dave has left a sign of life.
    assert_eq!(ids(), ["bob", "carol", "dave"]);
    assert!(!site.state("cursors/alice").exists() && site.state("cursors/bob").exists());
    // Her name is nobody else's.
    assert_eq!(site.agent("eve").run(["agents", "register", "alice", "--id-only"]).expect(0).out, "alice-2\n");
}

#[test]
fn after_the_registry_was_removed_nobody_loses_its_place_in_its_inbox() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "1"]);
    assert_eq!(unread_texts(&site, "bob"), ["1"]);
    sent(&site, "alice", &["bob", "INFO", "2"]);
    fs::remove_file(site.state("ACTIVE_AGENTS.json")).unwrap();
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(unread_texts(&site, "bob"), ["2"]);
}

#[test]
fn ledgers_go_with_the_agents_that_their_hooks_were_of() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let names = ["gone", "holding", "alive", "registered", "parent"];
    let sessions = names.map(|name| Session::new(&site, name));
    for session in &sessions {
        session.edit(session.id()).expect(0);
        session.hook("Stop", serde_json::json!({})).expect(0);
        if session.id() != sessions[3].id() {
            site.agent(&session.id()).run(["agents", "retire"]).expect(0);
        }
        site.forget(&session.id());
    }
    let [gone, holding, alive, registered, parent] = &sessions;
    site.agent(&holding.id()).run(["acquire", "a"]).expect(0);
    site.forget(&holding.id());
    site.agent(&alive.id()).run(["acquire", "b"]).expect(0);
    site.agent(&alive.id()).run(["release", "b"]).expect(0);
    site.agent(&format!("{}.7d21e0aa", parent.id())).run(["acquire", "c"]).expect(0);
    let has = |session: &Session<'_>| site.state("hooks").join(session.id()).exists();
    assert!(sessions.iter().all(has), "the control");
    let run = site.nobody().run(["cleanup"]).expect(0);
    assert!(run.err.contains("ledgers of hooks removed, of agents that are gone: 1\n"), "{run}");
    assert!(!has(gone) && [holding, alive, registered, parent].into_iter().all(has), "{run}");
    assert_eq!(site.nobody().run(["cleanup"]).expect(0).err, "", "a second time there is nothing");
    // Who comes back has one again, made from the log.
    gone.edit("d").expect(0);
    gone.hook("Stop", serde_json::json!({})).expect(0);
    assert!(has(gone));
}
