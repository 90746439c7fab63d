//! Who a hook acts for: the same agent as the shell of its session.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::json;

use super::{
    Session,
    acting::{held, hook, silent, site},
    digits, edit_of, warned,
};
use crate::{
    harness::{BINARY, Run, Site, finish, without_identity},
    identity::shell_named,
    processes::usable,
};

#[test]
fn a_hook_and_the_shell_of_its_session_are_one_agent() {
    let site = site();
    for (harness, variable, word) in
        [("claude-code", "CLAUDE_CODE_SESSION_ID", "claude"), ("codex", "CODEX_THREAD_ID", "codex")]
    {
        let session = "019a3c5e-7d21-7f40-b6c8-2e9f04a1d733";
        let mut payload = edit_of(&site.path("a"));
        payload["session_id"] = session.into();
        silent(&hook(&site, &["PreToolUse", "--harness", harness], payload.to_string()));
        let id = format!("{word}-{}", digits(session));
        assert_eq!(held(&site, "a").unwrap().0, id);
        let shell = |args: &[&str]| site.nobody().env(variable, session).run(args);
        assert_eq!(shell(&["whoami", "--json"]).json()["id"], id);
        assert!(shell(&["check", "a"]).expect(0).out.starts_with("mine\t"));
        shell(&["release", "a"]).expect(0);
        shell(&["acquire", "b"]).expect(0);
        payload["tool_input"]["file_path"] = site.path("b").to_str().unwrap().into();
        silent(&hook(&site, &["PreToolUse", "--harness", harness], payload.to_string()));
        assert_eq!(held(&site, "b").unwrap().1, "explicit");
        shell(&["release", "--mine"]).expect(0);
    }
}

#[test]
fn a_name_that_the_agent_was_given_comes_before_its_session() {
    let site = site();
    let one = Session::new(&site, "one");
    let payload = one.payload("PreToolUse", edit_of(&site.path("a"))).to_string();
    let by_variable = site.agent("alice").run_with_stdin(["hook", "PreToolUse"], payload.as_bytes());
    silent(&by_variable);
    assert_eq!(held(&site, "a").unwrap().0, "alice");
    one.is_refused("a", "held by alice");
    let by_flag = |args: &[&str]| site.agent("bob").run_with_stdin(args, payload.as_bytes());
    silent(&by_flag(&["hook", "PreToolUse", "--agent", "alice"]));
    by_flag(&["hook", "PreToolUse"]).expect(2);
    // A subagent of such an agent is one of its own.
    let mut sub = one.payload("PreToolUse", edit_of(&site.path("b")));
    sub["agent_id"] = "sub-1".into();
    silent(&site.agent("alice").run_with_stdin(["hook", "PreToolUse"], sub.to_string().as_bytes()));
    assert_eq!(held(&site, "b").unwrap().0, format!("alice.{}", digits("sub-1")));
}

#[test]
fn a_session_that_is_registered_under_another_name_has_it_in_its_hooks_too() {
    let site = site();
    let one = Session::new(&site, "one");
    let taken = one.shell(["agents", "register", "zoe"]);
    if taken.code != 0 {
        one.shell(["agents", "register", "--agent", "zoe"]).expect(0);
    }
    assert_eq!(one.shell(["whoami", "--json"]).expect(0).json()["id"], "zoe", "{taken}");
    one.edits("a");
    assert_eq!(held(&site, "a").unwrap().0, "zoe");
    silent(&one.sub_edits("sub-1", "b"));
    assert_eq!(held(&site, "b").unwrap().0, format!("zoe.{}", digits("sub-1")));
    Session::new(&site, "other").is_refused("a", "held by zoe");
    one.stops();
    assert!(held(&site, "a").is_none() && held(&site, "b").is_some());
    one.ends();
    assert!(held(&site, "b").is_none());
}

#[test]
fn a_payload_without_a_session_is_of_whom_the_shell_would_be() {
    let site = site();
    let payload = edit_of(&site.path("a")).to_string();
    let run =
        site.nobody().env("CLAUDE_CODE_SESSION_ID", "one").run_with_stdin(["hook", "PreToolUse"], payload.as_bytes());
    silent(&run);
    assert_eq!(held(&site, "a").unwrap().0, Session::new(&site, "one").id());
    for odd in [json!(null), json!(""), json!("  "), json!(["x"]), json!({}), json!("x".repeat(300)), json!("a\nb")] {
        let mut payload = edit_of(&site.path("b"));
        payload["session_id"] = odd.clone();
        let run = site.agent("alice").run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes());
        silent(&run);
        // With nothing else to go by it is the terminal's, and whoever that is must not be stopped.
        let run = hook(&site, &["PreToolUse"], payload.to_string());
        assert!(run.code == 0 || super::denied(&run).contains("held by alice"), "{odd}: {run}");
    }
    let mut number = edit_of(&site.path("c"));
    number["session_id"] = json!(42);
    silent(&hook(&site, &["PreToolUse"], number.to_string()));
    assert_eq!(held(&site, "c").unwrap().0, format!("claude-{}", digits("42")));
}

#[test]
fn a_name_that_is_none_lets_edits_through_and_says_so() {
    let site = site();
    let one = Session::new(&site, "one");
    let payload = one.payload("PreToolUse", edit_of(&site.path("a"))).to_string();
    for bad in ["", "..", "a/b", "-x", "swarmlock", &"x".repeat(65), "a\nb", "ünï"] {
        let run = site.nobody().run_with_stdin(["hook", "PreToolUse", &format!("--agent={bad}")], payload.as_bytes());
        assert_eq!((run.code, super::denied(&run).as_str()), (0, ""), "{bad:?}: {run}");
        if run.out.is_empty() {
            assert!(bad.is_empty(), "{bad:?} was taken for a name: {run}");
        } else {
            assert!(warned(&run).contains("WITHOUT protection"), "{bad:?}: {run}");
        }
    }
}

/// A session that is resumed in two windows is two that would overwrite each other.
#[test]
fn two_living_processes_with_one_session_refuse_each_other() {
    if !usable("two_living_processes_with_one_session_refuse_each_other") {
        return;
    }
    let site = site();
    let one = Session::new(&site, "one");
    fs::write(site.path("edit"), one.payload("PreToolUse", edit_of(&site.path("a"))).to_string()).unwrap();
    fs::write(site.path("edit-b"), one.payload("PreToolUse", edit_of(&site.path("b"))).to_string()).unwrap();
    // The first has the file, and lives on while the second tries.
    let script = "\"$B\" hook PreToolUse <edit || exit 9; echo; read line; :";
    let mut first = claude(&site, script);
    let mut first = first.stdin(Stdio::piped()).spawn().unwrap();
    crate::waiting::until("the first has it", || held(&site, "a").is_some());
    let second = finish(claude(&site, "\"$B\" hook PreToolUse <edit; echo $?; :").spawn().unwrap());
    assert!(second.out.ends_with("\n2\n") && second.err.contains("a is held by"), "{second}");
    // What nobody holds goes on with a word: a session must not stand still because of its twin.
    let other_file = finish(claude(&site, "\"$B\" hook PreToolUse <edit-b; echo $?; :").spawn().unwrap());
    assert!(other_file.out.ends_with("0\n") && other_file.out.contains("WITHOUT protection"), "{other_file}");
    drop(first.stdin.take());
    finish(first).expect(0);
    let alone = finish(claude(&site, "\"$B\" hook PreToolUse <edit; echo $?; :").spawn().unwrap());
    assert!(alone.out.ends_with("0\n"), "{alone}");
}

/// A harness that is none, in which the hooks of a session run.
fn claude(site: &Site, script: &str) -> Command {
    let mut command = Command::new(shell_named(site, "claude"));
    without_identity(&mut command).current_dir(site.root()).env("B", BINARY).args(["-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn each_harness_has_a_name_of_its_own_for_its_sessions() {
    let site = site();
    let ids: Vec<String> = ["claude-code", "codex", "gemini", "cursor", "opencode", "generic"]
        .map(|harness| {
            let mut payload = edit_of(&site.path(harness));
            payload["session_id"] = "same".into();
            let run: Run = hook(&site, &["before-tool", "--harness", harness], payload.to_string());
            assert_eq!(run.code, 0, "{run}");
            held(&site, harness).unwrap_or_else(|| panic!("{harness}: {run}")).0
        })
        .to_vec();
    let wanted =
        ["claude", "codex", "gemini", "cursor", "opencode", "agent"].map(|name| format!("{name}-{}", digits("same")));
    assert_eq!(ids, wanted);
}

#[test]
fn where_a_shell_knows_nobody_the_next_command_of_a_refusal_names_the_agent() {
    let site = site();
    let refused = |harness: &str, event: &str| {
        let payload = json!({
            "session_id": "one", "cwd": site.root(), "hook_event_name": event, "tool_name": "write_file",
            "tool_input": { "file_path": site.path("a"), "content": "x" },
        });
        hook(&site, &[event, "--harness", harness], payload.to_string())
    };
    site.agent("bob").run(["acquire", "a"]).expect(0);
    let run = refused("gemini", "BeforeTool").expect(2);
    let id = format!("gemini-{}", digits("one"));
    let next = run.err.lines().last().unwrap().strip_prefix("next: swarmlock ").unwrap().to_owned();
    assert!(next.starts_with(&format!("--agent {id} acquire ")), "{run}");
    site.agent("bob").run(["release", "a"]).expect(0);
    site.nobody().run(next.split(' ')).expect(0);
    refused("gemini", "BeforeTool").expect(0);
    // The control: without the name the shell has another, and its own hook would refuse it.
    site.agent(&id).run(["release", "a"]).expect(0);
    site.nobody().run(["acquire", "a"]).expect(0);
    refused("gemini", "BeforeTool").expect(2);
    // Where the shell knows, it is not said.
    let run = refused("claude-code", "PreToolUse").expect(2);
    assert!(!run.err.contains("--agent"), "{run}");
}
