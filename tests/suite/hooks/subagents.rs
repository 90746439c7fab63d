//! Subagents: each has locks of its own, and is never waited for by its own session.

use serde_json::json;

use super::{
    Session,
    acting::{held, refused, silent, site},
    told,
};
use crate::harness::BINARY;

#[test]
fn a_subagent_has_locks_of_its_own_that_end_with_it() {
    let site = site();
    let one = Session::new(&site, "one");
    let text = told(&one.sub("sub-1", "SubagentStart", json!({})).expect(0));
    assert!(text.contains(&format!("you are {} here", one.sub_id("sub-1"))), "{text}");
    silent(&one.sub_edits("sub-1", "a"));
    assert_eq!(held(&site, "a").unwrap(), (one.sub_id("sub-1"), "automatic".to_owned(), 300));
    silent(&one.sub_edits("sub-1", "a"));
    // The end of another subagent, and of the session's turn, are not its own.
    one.sub("sub-2", "SubagentStop", json!({})).expect(0);
    one.stops();
    assert!(held(&site, "a").is_some());
    silent(&one.sub("sub-1", "SubagentStop", json!({ "stop_hook_active": false })));
    assert!(held(&site, "a").is_none());
}

#[test]
fn relatives_refuse_each_other_and_are_not_to_be_waited_for() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("parents");
    silent(&one.sub_edits("sub-1", "childs"));
    let refusals = [one.sub_edits("sub-1", "parents"), one.sub_edits("sub-2", "childs"), one.edit("childs")];
    for refusal in refusals {
        let why = refused(&refusal, "is held by");
        assert!(!why.contains("--wait"), "{why}");
    }
    let other = Session::new(&site, "other").is_refused("childs", &one.sub_id("sub-1"));
    assert!(other.contains("--wait"), "the control: others may wait");
    // In the shell, where one could wait, neither.
    for (agent, file) in [(one.id(), "childs"), (one.sub_id("sub-1"), "parents"), (one.sub_id("sub-2"), "childs")] {
        let run = site.agent(&agent).run(["acquire", file, "--wait=60s"]);
        assert!([10, 15].contains(&run.code), "{run}");
        assert!(!run.err.contains("--wait"), "{run}");
    }
}

#[test]
fn the_end_of_a_session_ends_the_locks_of_its_subagents() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    silent(&one.sub_edits("sub-1", "a"));
    silent(&one.sub_edits("sub-2", "b"));
    silent(&other.sub_edits("sub-1", "c"));
    one.edits("d");
    one.ends();
    for file in ["a", "b", "d"] {
        assert!(held(&site, file).is_none(), "{file}");
    }
    assert!(held(&site, "c").is_some(), "the control: the other session's stay");
}

#[test]
fn a_subagent_that_was_never_ended_holds_nobody_up_for_longer_than_its_time() {
    let site = site();
    let one = Session::new(&site, "one");
    silent(&one.sub_edits("sub-1", "a"));
    site.age("a", 301);
    one.works();
    one.sub("sub-1", "PostToolUse", json!({ "tool_name": "Read" })).expect(0);
    one.edits("a");
}

/// A subagent's shell has the environment of its session: where it calls us, it is told who it is.
#[test]
fn only_the_commands_of_a_subagent_that_call_us_are_given_its_name() {
    let site = site();
    let one = Session::new(&site, "one");
    let bash = |command: &str| json!({ "tool_name": "Bash", "tool_input": { "command": command, "timeout": 5000 } });
    let calls = [
        "swarmlock acquire a",
        "cd x && swarmlock list",
        "/usr/local/bin/swarmlock whoami",
        "echo $(swarmlock whoami --json)",
        "x=1; swarmlock who a | cat",
    ];
    for command in calls {
        let answer = one.sub("sub-1", "PreToolUse", bash(command)).expect(0).json();
        let input = &answer["hookSpecificOutput"]["updatedInput"];
        let wanted = format!("export SWARMLOCK_AGENT={}; {command}", one.sub_id("sub-1"));
        assert_eq!(*input, json!({ "command": wanted, "timeout": 5000 }), "{command}");
        assert!(answer["hookSpecificOutput"].get("permissionDecision").is_none(), "no leave is given: {answer}");
        silent(&one.hook("PreToolUse", bash(command)));
    }
    for command in ["ls", "cat swarmlock.md", "./notswarmlock", "grep swarmlocks .", "cargo test -p xswarmlock", ""] {
        silent(&one.sub("sub-1", "PreToolUse", bash(command)));
    }
}

#[test]
fn what_a_subagent_takes_in_its_shell_is_its_own() {
    let site = site();
    let one = Session::new(&site, "one");
    let command = json!({ "tool_name": "Bash", "tool_input": { "command": "swarmlock acquire a --ttl 10m" } });
    let answer = one.sub("sub-1", "PreToolUse", command).expect(0).json();
    let rewritten = answer["hookSpecificOutput"]["updatedInput"]["command"].as_str().unwrap().to_owned();
    let mut call = site.nobody();
    call.command = std::process::Command::new("sh");
    crate::harness::without_identity(&mut call.command).current_dir(site.root());
    let run = call
        .env("CLAUDE_CODE_SESSION_ID", "one")
        .run(["-c", &rewritten.replace("; swarmlock", &format!("; {BINARY}"))])
        .expect(0);
    assert_eq!(held(&site, "a").unwrap(), (one.sub_id("sub-1"), "explicit".to_owned(), 600), "{run}");
    // An edit through the hook goes on with it, and its parent is kept out.
    silent(&one.sub_edits("sub-1", "a"));
    one.is_refused("a", &one.sub_id("sub-1"));
}

#[test]
fn what_a_subagent_asked_for_is_told_when_its_session_ends() {
    let site = site();
    let one = Session::new(&site, "one");
    site.agent(&one.sub_id("sub-1")).run(["acquire", "kept"]).expect(0);
    one.sub("sub-1", "SubagentStop", json!({})).expect(0);
    let run = one.ends();
    let said = super::warned(&run);
    assert!(said.contains("kept until ") && said.contains(&one.sub_id("sub-1")), "{run}");
    assert!(held(&site, "kept").is_some());
}

#[test]
fn an_id_of_a_subagent_that_is_none_makes_nobody_fail() {
    let site = site();
    let one = Session::new(&site, "one");
    for odd in [
        json!(""),
        json!(null),
        json!(7),
        json!([1]),
        json!({ "a": 1 }),
        json!("x".repeat(10_000)),
        json!("a\nb\u{0}\u{202e}"),
    ] {
        let mut members = super::edit_of(&site.path("a"));
        members["agent_id"] = odd.clone();
        let run = one.hook("PreToolUse", members.clone()).expect(0);
        assert_eq!(super::denied(&run), "", "{odd}");
        let holder = held(&site, "a").unwrap().0;
        assert!(holder == one.id() || holder.starts_with(&format!("{}.", one.id())), "{odd}: {holder}");
        members["tool_name"] = json!("Read");
        one.hook("SubagentStop", members).expect(0);
        one.stops();
        one.ends();
        assert!(held(&site, "a").is_none(), "{odd}");
    }
}
