//! Who an agent is when panes change hands, move, or are inherited.

use std::fs;

use super::{
    Stage,
    actor::{Actor, Start, is_delivered, is_queued},
    bash, strs, wait_for,
};
use crate::{
    harness::{BINARY, Site},
    panes::Server,
};

const CLAUDE: &str = "CLAUDE_CODE_SESSION_ID";
const CODEX: &str = "CODEX_THREAD_ID";

#[test]
fn a_harness_that_is_started_again_in_its_pane_is_who_it_was_under_any_name() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_harness_that_is_started_again_in_its_pane") else { return };
    let shell = stage.open(&strs(&bash(&site, "C")));
    let first = Actor::below(&stage, shell, &Start::of("gemini"));
    assert_eq!(first.run("$B agents register bob --id-only").expect(0).out, "bob\n");
    let other = Actor::alone(&stage, &Start::of("gemini"));
    other.run("$B send bob INFO one").expect(0);
    // Beside the living one it is another agent.
    assert_ne!(Actor::inside(&stage, &first, &Start::of("gemini")).id(), "bob");
    first.kill();
    stage.shell_in_front(shell);
    other.run("$B send bob INFO two").expect(0);
    let again = Actor::below(&stage, shell, &Start::of("gemini"));
    assert_eq!(again.id(), "bob");
    assert_eq!(again.reads(), ["one", "two"]);
    is_delivered(&other.run("$B send bob INFO three"));
    again.is_told("three");
    // In another pane, and another harness in this one, is somebody else.
    again.kill();
    stage.shell_in_front(shell);
    assert_ne!(Actor::alone(&stage, &Start::of("gemini")).id(), "bob");
    assert_ne!(Actor::below(&stage, shell, &Start::of("aider")).id(), "bob");
    is_queued(&other.run("$B send bob INFO four"), "it is gone");
}

#[test]
fn a_harness_that_was_started_again_and_found_is_there_before_it_has_said_anything() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_harness_that_was_started_again_and_found") else { return };
    let shell = stage.open(&strs(&bash(&site, "C")));
    let first = Actor::below(&stage, shell, &Start::of("gemini"));
    first.run("$B agents register bob").expect(0);
    let other = Actor::alone(&stage, &Start::of("claude"));
    first.kill();
    stage.shell_in_front(shell);
    is_queued(&other.run("$B send bob INFO one"), "it is gone");
    let again = Actor::below(&stage, shell, &Start::of("gemini"));
    other.run("$B agents discover").expect(0);
    is_delivered(&other.run("$B send bob INFO two"));
    again.is_told("two");
    again.kill();
    stage.shell_in_front(shell);
    is_queued(&other.run("$B send bob INFO three"), "it is gone");
}

#[test]
fn one_harness_after_the_other_in_a_pane_are_two_agents_if_one_has_a_session() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "one_harness_after_the_other_in_a_pane") else { return };
    let shell = stage.open(&strs(&bash(&site, "C")));
    let first = Actor::below(&stage, shell, &Start::of("claude").session(CLAUDE, "s1"));
    let watch = Actor::alone(&stage, &Start::of("gemini"));
    // Found before it has said anything: it has the name of its pane, and keeps it.
    watch.json("agents discover");
    let id = first.id();
    assert!(id.starts_with(&format!("pane-{shell}-")), "{id}");
    first.run("$B acquire name:a").expect(0);
    assert_eq!(first.id(), id);
    first.kill();
    stage.shell_in_front(shell);
    watch.run(&format!("$B send {id} INFO 'for the session'")).expect(0);
    // Without a session: it is not the one that had told one.
    let second = Actor::below(&stage, shell, &Start::of("gemini"));
    assert_eq!(second.id(), format!("{id}-2"));
    second.run("$B acquire name:b").expect(0);
    assert_eq!(second.id(), format!("{id}-2"), "by its first change too");
    assert_eq!(second.reads(), Vec::<String>::new());
    second.kill();
    stage.shell_in_front(shell);
    // The same before it was found.
    let third = Actor::below(&stage, shell, &Start::of("gemini"));
    watch.json("agents discover");
    assert_eq!(third.id(), format!("{id}-2"));
    third.kill();
    stage.shell_in_front(shell);
    // Another session, and the first one elsewhere.
    let fourth = Actor::below(&stage, shell, &Start::of("claude").session(CLAUDE, "s2"));
    assert!(fourth.id().starts_with("claude-"), "{}", fourth.id());
    let back = Actor::alone(&stage, &Start::of("claude").session(CLAUDE, "s1"));
    assert_eq!(back.id(), id);
    assert_eq!(back.reads(), ["for the session"]);
    // A session of the same name of another harness is another session.
    let codex = Actor::alone(&stage, &Start::of("codex").session(CODEX, "s1"));
    assert!(codex.id().starts_with("codex-"), "{}", codex.id());
    codex.run("$B acquire name:c").expect(0);
    assert_eq!(back.id(), id);
    is_delivered(&codex.run(&format!("$B send {id} INFO hello")));
    back.is_told("hello");
}

#[test]
fn a_harness_inside_another_is_an_agent_of_its_own_and_the_pane_is_the_outer_ones() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_harness_inside_another_is_an_agent_of_its_own") else { return };
    let outer = Actor::alone(&stage, &Start::of("codex").session(CODEX, "s1"));
    let inner = Actor::inside(&stage, &outer, &Start::of("claude").session(CLAUDE, "s2"));
    let (out, inn) = (outer.id(), inner.id());
    assert!(out.starts_with("codex-") && inn.starts_with("claude-"), "{out} {inn}");
    for (agent, lock) in [(&outer, "a"), (&inner, "b")] {
        agent.run(&format!("$B acquire name:{lock}")).expect(0);
    }
    // Without a session of its own, the inner one may not be taken for the outer one.
    let plain = Actor::alone(&stage, &Start::of("gemini"));
    let within = Actor::inside(&stage, &plain, &Start::of("gemini"));
    plain.run("$B acquire name:c").expect(0);
    within.run("$B acquire name:d").expect(12);
    let found = plain.json("agents discover");
    let agents: Vec<_> = found["agents"].as_array().unwrap().iter().map(|one| one["agent"]["id"].clone()).collect();
    assert_eq!(agents, [out.as_str(), plain.id().as_str()], "{found}");
    // Typed is to the one in front alone.
    let sent = plain.run(&format!("$B send {out} INFO 'for the outer'"));
    is_delivered(&sent);
}

#[test]
fn a_pane_that_is_moved_or_renumbered_keeps_its_agent() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_pane_that_is_moved_or_renumbered") else { return };
    let tmux = |args: &[&str]| drop(stage.server.tmux(args).unwrap().expect(0));
    let one = Actor::alone(&stage, &Start::of("gemini"));
    let two = Actor::alone(&stage, &Start::of("gemini"));
    let id = one.id();
    let pane = format!("%{}", one.pane);
    one.run("$B acquire name:a").expect(0);
    two.json("agents discover");
    let place = || {
        let listed = two.run("$B agents list --json").expect(0).json_lines();
        let own = listed.iter().find(|agent| agent["id"] == id.as_str()).unwrap();
        own["pane_index"].as_str().unwrap().to_owned()
    };
    assert_eq!(place(), "0:1.0");
    tmux(&["new-session", "-d", "-s", "other", "cat"]);
    tmux(&["join-pane", "-d", "-s", &pane, "-t", "other:0"]);
    for (step, moved) in [("joined", "other:0.1"), ("broken out", "other:7.0"), ("renumbered", "other:1.0")] {
        match step {
            "broken out" => tmux(&["break-pane", "-d", "-s", &pane, "-t", "other:7"]),
            "renumbered" => tmux(&["move-window", "-r", "-t", "other"]),
            _ => {}
        }
        assert_eq!(one.id(), id, "{step}");
        is_delivered(&two.run(&format!("$B send {id} INFO '{step}'")));
        one.is_told(step);
        let found = two.json("agents discover");
        assert!(found["agents"].as_array().unwrap().iter().all(|one| one["result"] == "known"), "{found}");
        assert_eq!(place(), moved);
    }
    assert_eq!(one.reads(), ["joined", "broken out", "renumbered"]);
}

#[test]
fn who_has_said_another_id_once_is_not_that_agent_from_then_on() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "who_has_said_another_id_once") else { return };
    let one = Actor::alone(&stage, &Start::of("gemini"));
    let id = one.id();
    for call in ["inbox --agent carol", "--agent carol acquire name:a", "agents register --agent carol"] {
        one.run(&format!("$B {call}")).expect(0);
        assert_eq!(one.id(), id, "after {call}");
    }
    one.run("$B acquire name:b").expect(0);
    one.run("$B --agent carol release name:a").expect(0);
    assert_eq!(one.id(), id, "both are registered");
    // The control: who has registered under a name is that agent, and stays it whether that is said or not.
    one.run("$B agents register --role r").expect(0);
    let two = Actor::alone(&stage, &Start::of("gemini"));
    two.run("$B agents register dave").expect(0);
    two.run("$B --agent dave acquire name:c").expect(0);
    assert_eq!(two.id(), "dave");
    let found = two.json("agents discover");
    assert!(found["agents"].as_array().unwrap().iter().any(|one| one["agent"]["id"] == id.as_str()), "{found}");
    // One that is named by its environment is typed to as well.
    let named = Actor::alone(&stage, &Start::of("gemini").session("SWARMLOCK_AGENT", "erin"));
    let same = Actor::alone(&stage, &Start::of("gemini").session("SWARMLOCK_AGENT", "erin"));
    let ids = || {
        let found = two.json("agents discover");
        let agents = found["agents"].as_array().unwrap().iter();
        agents.map(|one| one["agent"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(), [id.as_str(), "dave", "erin"], "found before it has acted, and once");
    named.run("$B acquire name:d").expect(0);
    same.run("$B acquire name:e").expect(12);
    assert_eq!(ids(), [id.as_str(), "dave", "erin"]);
    is_delivered(&two.run("$B send erin INFO hello"));
    named.is_told("hello");
}

#[test]
fn what_a_pane_has_started_in_the_background_is_its_agent_wherever_it_outlives_it() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "what_a_pane_has_started_in_the_background") else { return };
    let one = Actor::alone(&stage, &Start::of("gemini"));
    let two = Actor::alone(&stage, &Start::of("claude").session(CLAUDE, "s1"));
    let id = one.id();
    one.run("$B acquire name:a").expect(0);
    // Away from its harness, with what it has inherited; it acts when the harness has gone.
    let (go, out) = (site.path("go"), site.path("out"));
    let act = format!(
        "while ! [ -e {go} ]; do sleep 0.02; done; {BINARY} whoami --id-only >{out}.new; \
         {BINARY} acquire name:b >/dev/null 2>{out}.err; echo $? >>{out}.new; mv {out}.new {out}",
        go = go.display(),
        out = out.display()
    );
    one.run(&format!("setsid -f bash -c '{act}' </dev/null >/dev/null 2>&1")).expect(0);
    one.kill();
    fs::write(&go, "").unwrap();
    let said = wait_for(|| fs::read_to_string(&out).ok());
    assert_eq!(said, format!("{id}\n0\n"), "{}", fs::read_to_string(site.path("out.err")).unwrap());
    is_queued(&two.run(&format!("$B send {id} INFO hello")), "in the inbox");
    assert_eq!(two.typed(), Vec::<String>::new());
}

#[test]
fn a_pane_of_a_server_inside_a_pane_is_a_pane_of_its_own() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_pane_of_a_server_inside_a_pane") else { return };
    let Some(inner) = Server::start(&site, "two") else { return };
    let outer = Actor::alone(&stage, &Start::of("gemini"));
    // The outer pane shows the inner server.
    let attach = format!("env -u TMUX tmux -S '{}' attach", site.path("two").display());
    stage.open(&["sh", "-c", &attach]);
    let nested = Stage { site: &site, server: inner };
    let within = Actor::alone(&nested, &Start::of("gemini"));
    assert_eq!(within.pane, outer.pane, "the same number");
    assert_ne!(within.id(), outer.id());
    for (agent, lock) in [(&outer, "a"), (&within, "b")] {
        agent.run(&format!("$B acquire name:{lock}")).expect(0);
    }
    is_delivered(&outer.run(&format!("$B send {} INFO inside", within.id())));
    within.is_told("inside");
    is_delivered(&within.run(&format!("$B send {} INFO outside", outer.id())));
    outer.is_told("outside");
    assert_eq!((outer.typed().len(), within.typed().len()), (1, 1));
}
