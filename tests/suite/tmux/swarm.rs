//! Agents in the panes of a real tmux server: they find each other, talk, and go on after one was killed.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{
    Stage,
    actor::{Actor, Start, deliveries, is_delivered, is_queued},
    bash, strs,
};
use crate::harness::Site;

const CLAUDE: &str = "CLAUDE_CODE_SESSION_ID";
const CODEX: &str = "CODEX_THREAD_ID";

/// Makes a linked worktree of this name, as git does.
fn worktree(site: &Site, name: &str) {
    let (dir, admin) = (site.path(name), site.path(".git/worktrees").join(name));
    fs::create_dir_all(&dir).unwrap();
    fs::create_dir_all(&admin).unwrap();
    fs::write(dir.join(".git"), format!("gitdir: {}\n", admin.display())).unwrap();
    for head in [admin.join("HEAD"), site.path(".git/HEAD")] {
        fs::write(head, "ref: refs/heads/trunk\n").unwrap();
    }
    fs::write(admin.join("commondir"), "../..\n").unwrap();
    fs::write(admin.join("gitdir"), format!("{}/.git\n", dir.display())).unwrap();
}

/// What `agents discover` tells of each pane: id, harness, worktree, place.
fn found(discovered: &Value) -> BTreeMap<String, (String, String, Value, String)> {
    let text = |agent: &Value, key: &str| agent[key].as_str().unwrap().to_owned();
    let one = |one: &Value| {
        let agent = &one["agent"];
        let told = (text(agent, "id"), text(agent, "harness"), agent["worktree"].clone(), text(agent, "pane_index"));
        (text(agent, "tmux_pane_id"), told)
    };
    discovered["agents"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn agents_in_three_panes_find_each_other_and_nobody_else() {
    let (site, other) = (Site::new(), Site::new());
    let Some(stage) = Stage::set(&site, "agents_in_three_panes_find_each_other") else { return };
    worktree(&site, "tree");
    site.file("src/deep/a.rs");
    let all = [
        Actor::alone(&stage, &Start::of("claude").session(CLAUDE, "s1").within("src/deep")),
        Actor::alone(&stage, &Start::of("codex").session(CODEX, "s1").within("tree")),
        Actor::below(&stage, stage.open(&strs(&bash(&site, "C"))), &Start::of("gemini")),
    ];
    // A shell, one that looks at a file of that name, and a harness elsewhere.
    let shell = stage.open(&strs(&bash(&site, "C")));
    stage.open(&["sh", "-c", "cat; :", "claude", "/usr/bin/claude"]);
    let elsewhere = Actor::alone(&stage, &Start::of("claude").within(other.root()));
    let pane = |number| format!("%{number}");
    let place = |number| stage.pane(number).place;
    let mut ids = Vec::new();
    for agent in &all {
        let found = found(&agent.json("agents discover"));
        assert_eq!(found.len(), 3, "{found:?}");
        for (one, harness, tree) in
            [(&all[0], "claude", Value::Null), (&all[1], "codex", "tree".into()), (&all[2], "gemini", Value::Null)]
        {
            let told = &found[&pane(one.pane)];
            assert_eq!((told.1.as_str(), &told.2), (harness, &tree), "{found:?}");
            assert_eq!(told.3, place(one.pane));
        }
        ids.push(all.iter().map(|one| found[&pane(one.pane)].0.clone()).collect::<Vec<_>>());
    }
    assert!(ids.iter().all(|same| *same == ids[0]), "the same from each: {ids:?}");
    // What they were found as is what they are.
    let own: Vec<_> = all.iter().map(Actor::id).collect();
    assert_eq!(own, ids[0]);
    for (agent, id) in all.iter().zip(&own) {
        let who = agent.json("whoami");
        assert_eq!((&who["reliable"], &who["process"]["pid"]), (&true.into(), &agent.pid.into()), "{who}");
        agent.run("$B acquire \"name:$$\"").expect(0);
        assert_eq!(agent.id(), *id, "by its first change too");
        let status = agent.json("status");
        let there = status["agents"].as_array().unwrap();
        assert_eq!(there.len(), 3, "{status}");
    }
    assert_ne!(elsewhere.json("agents discover")["agents"][0]["agent"]["id"], own[0].as_str());
    // The shell becomes one.
    let late = Actor::below(&stage, shell, &Start::of("claude"));
    assert_eq!(found(&all[0].json("agents discover")).len(), 4);
    assert_eq!(found(&late.json("agents discover"))[&pane(shell)].0, late.id());
}

#[test]
fn agents_talk_acknowledge_and_lose_nothing_when_one_is_killed_and_started_again() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "agents_talk_acknowledge_and_lose_nothing") else { return };
    worktree(&site, "tree");
    site.file("src/a.rs");
    let shell = stage.open(&strs(&bash(&site, "C")));
    let one = Actor::alone(&stage, &Start::of("claude").session(CLAUDE, "s1"));
    let two = Actor::alone(&stage, &Start::of("codex").session(CODEX, "s2").within("tree"));
    let three = Actor::below(&stage, shell, &Start::of("gemini").within("src"));
    assert_eq!(one.json("agents discover")["agents"].as_array().unwrap().len(), 3);
    let ids = [one.id(), two.id(), three.id()];
    // Directly, to a role, to all.
    is_delivered(&one.run(&format!("$B send {} INFO 'to three $(x); `y`'", ids[2])));
    three.is_told("to three $(x); `y`");
    three.run("$B agents register --role tester").expect(0);
    is_delivered(&two.run("$B send @tester QUESTION 'to the tester' --ack=1h"));
    three.is_told("to the tester (swarmlock ack ");
    let sent = three.run("$B broadcast URGENT 'to all'").expect(0);
    assert_eq!(deliveries(&sent).iter().filter(|(_, word, _)| word == "[DELIVERED]").count(), 2, "{sent}");
    one.is_told(&format!("# [MESSAGE] [{}]", ids[2]));
    two.is_told("[URGENT]: to all");
    assert_eq!(one.typed().len(), 1, "once: {:?}", one.typed());
    // What was typed is in the inboxes too, with what is to be acknowledged.
    assert_eq!(three.json("inbox --peek")["items"].as_array().unwrap().len(), 2);
    assert_eq!(three.reads(), ["to three $(x); `y`", "to the tester"]);
    let told = three.typed().iter().find_map(|line| line.split_once("swarmlock ack ").map(|(_, id)| id.to_owned()));
    let id = told.unwrap().trim_end_matches(')').to_owned();
    assert!(three.run(&format!("$B ack {id} seen")).expect(0).out.starts_with("acknowledged\t"));
    assert_eq!(one.reads(), ["to all"]);
    let read = two.reads();
    assert_eq!((read.len(), read[0].as_str()), (2, "to all"), "and that it was acknowledged: {read:?}");
    // One is killed: what it holds is free at once, and what is sent to it waits.
    three.run("$B acquire a.rs").expect(0);
    one.run("$B acquire src/a.rs").expect(10);
    three.kill();
    one.run("$B acquire src/a.rs").expect(0);
    stage.shell_in_front(shell);
    for text in ["first", "second"] {
        is_queued(&one.run(&format!("$B send {} INFO {text}", ids[2])), "it is gone");
    }
    let sent = two.run("$B broadcast INFO third").expect(0);
    assert_eq!(deliveries(&sent).len(), 2, "also to the one that is gone: {sent}");
    // Started again in the same pane, without a session of its own: it has what waits there.
    let again = Actor::below(&stage, shell, &Start::of("gemini"));
    assert_eq!(again.id(), ids[2]);
    assert_eq!(again.reads(), ["first", "second", "third"]);
    assert_eq!(again.reads(), Vec::<String>::new());
    is_delivered(&one.run(&format!("$B send {} INFO fourth", ids[2])));
    again.is_told("fourth");
    assert_eq!(again.reads(), ["fourth"]);
    // The same session in another pane: it goes on there.
    two.kill();
    is_queued(&one.run(&format!("$B send {} INFO fifth", ids[1])), "it is gone");
    let moved = Actor::alone(&stage, &Start::of("codex").session(CODEX, "s2"));
    assert_eq!(moved.id(), ids[1]);
    assert_eq!(moved.reads(), ["third", "fifth"].map(str::to_owned)[1..].to_vec());
    is_delivered(&again.run(&format!("$B send {} INFO sixth", ids[1])));
    moved.is_told("sixth");
    // A session of its own in a pane that was another's is another agent.
    one.kill();
    let fresh = Actor::alone(&stage, &Start::of("claude").session(CLAUDE, "s9"));
    assert!(!ids.contains(&fresh.id()));
    // Every message is in the log once.
    let log = fs::read_to_string(site.state("agent_messages.log")).unwrap();
    for text in ["to all", "to the tester", "first", "second", "third", "fourth", "fifth", "sixth"] {
        assert_eq!(log.matches(&format!("\"content\":\"{text}\"")).count(), 1, "{text}: {log}");
    }
}
