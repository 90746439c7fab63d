//! What a session is told when it begins, and what becomes of its locks when it ends.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::json;

use super::{
    Session,
    acting::{held, silent, site},
    told, warned,
};
use crate::{
    harness::{BINARY, Run, Site, finish, without_identity},
    identity::shell_named,
    processes::usable,
};

#[test]
fn a_session_is_registered_and_told_what_it_has_to_know() {
    let site = site();
    let one = Session::new(&site, "one");
    let text = told(&one.starts("startup"));
    let id = one.id();
    for said in [
        &format!("you are {id} here"),
        ".agent_locks",
        "You hold no lock.",
        "Nobody else is here.",
        "swarmlock acquire FILE --reason WHY",
        "swarmlock release FILE",
        "swarmlock acquire FILE --wait",
        "swarmlock send AGENT INFO 'TEXT'",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.lines().count() <= 8 && text.len() < 1500, "a few lines: {text}");
    let agents = site.nobody().run(["agents", "--json"]).expect(0).json_lines();
    let entry = agents.iter().find(|agent| agent["id"] == id).unwrap();
    assert_eq!((&entry["harness"], &entry["session"]), (&json!("claude"), &json!("one")), "{entry}");
}

#[test]
fn a_session_is_told_of_its_leases_of_others_and_of_what_is_unread() {
    let site = site();
    let one = Session::new(&site, "one");
    site.agent("bob").run(["agents", "register", "--role", "reviewer"]).expect(0);
    one.starts("startup");
    one.shell(["acquire", "src/", "--ttl", "1h"]).expect(0);
    one.edits("a");
    site.agent("bob").run(["send", &one.id(), "INFO", "hello"]).expect(0);
    // After a compaction above all: it has forgotten.
    for source in ["resume", "clear", "compact", "something new"] {
        let text = told(&one.starts(source));
        assert!(text.contains(&format!("you are {}", one.id())), "{source}: {text}");
        assert!(
            text.contains("You hold ") && text.contains("src/ until 2") && text.contains("a until 2"),
            "{source}: {text}"
        );
        assert!(text.contains("Also here: bob (") && text.contains(", reviewer)"), "{source}: {text}");
        assert!(text.contains("1 message for you is unread: swarmlock inbox"), "{text}");
        assert!(!text.contains("hello"), "what others write is not told without a frame: {text}");
    }
}

#[test]
fn many_leases_and_agents_are_told_in_a_few_lines() {
    let site = site();
    let one = Session::new(&site, "one");
    for number in 0..20 {
        one.shell(["acquire", &format!("f{number}")]).expect(0);
        site.agent(&format!("agent-{number}")).run(["agents", "register"]).expect(0);
    }
    let text = told(&one.starts("resume"));
    assert!(text.contains("and 12 more (swarmlock list)") && text.contains("and 12 more (swarmlock agents)"), "{text}");
    assert!(text.len() < 4096, "{text}");
}

/// `/clear` gives the same process another session: what the one before holds must not be forgotten.
#[test]
fn an_earlier_session_of_the_same_process_is_named_with_what_it_holds() {
    if !usable("an_earlier_session_of_the_same_process_is_named") {
        return;
    }
    let site = site();
    let (old, new) = (Session::new(&site, "old"), Session::new(&site, "new"));
    let payload = |session: &Session<'_>, event: &str, name: &str| {
        fs::write(site.path(name), session.payload(event, json!({ "source": "clear" })).to_string()).unwrap();
    };
    payload(&old, "SessionStart", "old-start");
    payload(&new, "SessionStart", "new-start");
    let script = "\"$B\" hook SessionStart <old-start >first; CLAUDE_CODE_SESSION_ID=old \"$B\" acquire src/ >&2; \
                  \"$B\" hook SessionStart <new-start; :";
    let mut command = Command::new(shell_named(&site, "claude"));
    without_identity(&mut command).current_dir(site.root()).env("B", BINARY);
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(command.spawn().unwrap()).expect(0);
    let text = told(&run);
    assert!(text.contains(&format!("Your earlier session {} still holds src/ until ", old.id())), "{run}");
    let next = format!("swarmlock release --mine --agent {}", old.id());
    assert!(text.contains(&next), "{run}");
    let release: Vec<&str> = next.split(' ').skip(1).collect();
    site.nobody().run(release).expect(0);
    assert!(held(&site, "src/").is_none());
}

#[test]
fn the_end_of_a_session_lets_go_of_what_was_edited_and_tells_of_what_was_asked_for() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("a");
    silent(&one.ends());
    assert!(held(&site, "a").is_none());

    one.edits("a");
    one.shell(["acquire", "src/", "--reason", "work"]).expect(0);
    let run = one.ends();
    assert!(warned(&run).contains(&format!("{} has ended and still holds src/ until ", one.id())), "{run}");
    assert!(warned(&run).contains("swarmlock release --mine --agent"), "{run}");
    assert!(held(&site, "a").is_none() && held(&site, "src/").is_some());
    let history = site.nobody().run(["history", "--json"]).expect(0).json_lines();
    let ended = history.iter().find(|event| event["event"] == "session-ended" || event["event"] == "session_ended");
    let ended = ended.unwrap_or_else(|| panic!("{history:?}"));
    assert_eq!((&ended["by"], &ended["resources"]), (&json!(one.id()), &json!(["src/"])));
}

/// Every event is a sign of life, and none is left where the last is fresh.
#[test]
fn every_event_leaves_a_sign_of_life_when_the_last_is_old() {
    let site = site();
    let one = Session::new(&site, "one");
    let beat = site.state("beats").join(one.id());
    for (event, more) in [
        ("SessionStart", json!({ "source": "startup" })),
        ("UserPromptSubmit", json!({ "prompt": "x" })),
        ("PreToolUse", json!({ "tool_name": "Read", "tool_input": { "file_path": "x" } })),
        ("PreToolUse", json!({ "tool_name": "Edit", "tool_input": { "file_path": site.path("a") } })),
        ("PreToolUse", json!({ "tool_name": "Bash", "tool_input": { "command": "ls" } })),
        ("PostToolUse", json!({ "tool_name": "Bash", "tool_input": { "command": "ls" } })),
        ("PreCompact", json!({ "trigger": "auto" })),
        ("SubagentStop", json!({})),
        ("Stop", json!({})),
        ("SessionEnd", json!({ "reason": "x" })),
    ] {
        site.forget(&one.id());
        one.hook(event, more.clone()).expect(0);
        assert!(beat.exists(), "{event} {more}");
        let before = fs::read(&beat).unwrap();
        one.hook("PostToolUse", json!({})).expect(0);
        assert_eq!(fs::read(&beat).unwrap(), before, "after {event}: the last one was fresh");
    }
}

#[test]
fn no_event_but_a_tools_says_anything_when_there_is_nothing_to_say() {
    let site = site();
    let one = Session::new(&site, "one");
    one.starts("startup");
    for event in [
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "Stop",
        "PreCompact",
        "SubagentStop",
        "SessionEnd",
    ] {
        silent(&one.hook(event, json!({})));
    }
}

/// An answer that nobody can read refuses all the same.
#[test]
fn what_a_session_is_told_is_lost_with_its_stdout_and_nothing_else_is() {
    let site = site();
    let one = Session::new(&site, "one");
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let edit = one.payload("PreToolUse", super::edit_of(&site.path("a")));
    for (event, payload, code) in [
        ("SessionStart", one.payload("SessionStart", json!({ "source": "startup" })), None),
        ("PreToolUse", edit, Some(2)),
        ("Stop", one.payload("Stop", json!({})), None),
    ] {
        for closed in [">&-", ">/dev/full", ">&- 2>&-", ">/dev/full 2>/dev/full"] {
            let run = shell(&site, &format!("exec \"$0\" hook {event} {closed}"), payload.to_string().as_bytes());
            match code {
                Some(code) => assert_eq!(run.code, code, "{event} {closed}: {run}"),
                None => assert_ne!(run.code, 2, "{event} {closed}: {run}"),
            }
        }
    }
}

fn shell(site: &Site, script: &str, stdin: &[u8]) -> Run {
    let mut command = Command::new("sh");
    without_identity(&mut command).current_dir(site.root()).args(["-c", script, BINARY]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    finish(child)
}
