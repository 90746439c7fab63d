use serde_json::{Value, json};

use crate::{
    harness::{Run, Site},
    hooks::{Session, denied, digits},
};

#[test]
fn a_file_that_another_edits_is_refused_and_free_when_its_turn_has_ended() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    assert_eq!(one.edit("a").expect(0).out, "");
    let refused = other.edit("a").expect(2);
    let why = denied(&refused);
    assert!(why.contains(&format!("a is held by {}, by editing it since ", one.id())), "{refused}");
    assert!(
        why.ends_with(&format!("next: swarmlock acquire {} --wait --for-edit", site.path("a").display())),
        "{refused}"
    );
    assert_eq!(refused.err.trim_end(), why, "the same on stderr");
    one.hook("Stop", json!({ "stop_hook_active": false })).expect(0);
    assert_eq!(other.edit("a").expect(0).out, "");
    one.edit("a").expect(2);
}

#[test]
fn its_help_names_the_events_and_the_harnesses() {
    let site = Site::new();
    let help = site.nobody().run(["hook", "--help"]).expect(0).out;
    for word in
        ["PreToolUse", "SessionStart", "Stop", "claude-code", "codex", "gemini", "cursor", "opencode", "generic"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn each_harness_is_answered_in_its_own_words_and_by_the_exit_code() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    for (harness, event, pointer, word) in [
        ("claude-code", "PreToolUse", "/hookSpecificOutput/permissionDecision", "deny"),
        ("codex", "PreToolUse", "/hookSpecificOutput/permissionDecision", "deny"),
        ("gemini", "BeforeTool", "/decision", "deny"),
        ("cursor", "preToolUse", "/permission", "deny"),
        ("opencode", "tool.execute.before", "/decision", "deny"),
        ("generic", "before-tool", "/decision", "deny"),
    ] {
        let payload = |file: &str| {
            let input = json!({ "file_path": site.path(file), "path": site.path(file) });
            json!({ "session_id": "one", "tool_name": "Write", "tool_input": input }).to_string()
        };
        let call = |file: &str| {
            let args = ["hook", event, "--harness", harness];
            site.nobody().run_with_stdin(args, payload(file).as_bytes())
        };
        let run = call("a").expect(2);
        assert_eq!(run.json().pointer(pointer).and_then(Value::as_str), Some(word), "{harness}: {run}");
        assert!(run.err.contains("a is held by alice"), "{harness}: {run}");
        let free = call(harness).expect(0);
        assert!(free.err.is_empty() && !free.out.contains("deny"), "{harness}: {free}");
    }
}

/// Calls a hook of another harness, in a session of it.
fn call(site: &Site, harness: &str, event: &str, more: Value) -> Run {
    let mut payload = json!({ "session_id": "s1", "cwd": site.root() });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    site.nobody().run_with_stdin(["hook", event, "--harness", harness], payload.to_string().as_bytes())
}

#[test]
fn where_the_end_of_a_turn_cannot_be_held_up_messages_stay_unread_for_the_next_prompt() {
    let site = Site::new();
    site.agent("bob").run(["agents", "register"]).expect(0);
    call(&site, "opencode", "session.created", json!({})).expect(0);
    let id = format!("opencode-{}", digits("s1"));
    site.agent("bob").run(["send", &id, "QUESTION", "is it done?"]).expect(0);
    let ended = call(&site, "opencode", "session.idle", json!({})).expect(0);
    assert_eq!(ended.json(), json!({ "decision": "allow" }));
    let told = call(&site, "opencode", "chat.message", json!({})).expect(0).json();
    assert!(told["context"].as_str().unwrap().contains("is it done?"), "{told}");
}

#[test]
fn where_nothing_can_be_told_at_a_prompt_a_loss_is_told_after_the_next_tool() {
    let site = Site::new();
    site.agent("bob").run(["agents", "register"]).expect(0);
    let edit = json!({ "tool_name": "Write", "tool_input": { "path": site.path("a") } });
    call(&site, "cursor", "preToolUse", edit).expect(0);
    site.agent("bob").run(["force-release", "a", "--yes"]).expect(0);
    call(&site, "cursor", "beforeSubmitPrompt", json!({})).expect(0);
    let told = call(&site, "cursor", "postToolUse", json!({ "tool_name": "Read" })).expect(0).json();
    assert!(told["additional_context"].as_str().unwrap().contains("bob released it by force"), "{told}");
}

#[test]
fn a_session_of_cursor_that_calls_the_hooks_of_claude_code_too_does_not_refuse_itself() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let edit = json!({
        "conversation_id": "c1", "cursor_version": "2.4.21",
        "tool_name": "Write", "tool_input": { "file_path": site.path("a") },
    });
    call(&site, "cursor", "preToolUse", edit.clone()).expect(0);
    call(&site, "claude-code", "PreToolUse", edit).expect(0);
    let held = site.nobody().run(["list", "--json"]).expect(0).json();
    assert_eq!(held["agent_id"], format!("cursor-{}", digits("c1")));
}

#[test]
fn a_slip_elsewhere_in_the_configuration_opens_nothing_that_it_says_is_closed() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let one = Session::new(&site, "one");
    let edit = |config: &str, code| {
        site.plant("config.toml", config);
        one.hook("PreToolUse", json!({ "tool_name": "Edit", "tool_input": {} })).expect(code)
    };
    for wrong in ["fail = \"closed\"\nbogus = 1\n", "default_ttl = 'x'\n  fail='closed' # why\n", "fail = closed\n"] {
        let refused = edit(wrong, 2);
        assert!(denied(&refused).contains("fail = \"closed\""), "{wrong}: {refused}");
    }
    for open in ["bogus = 1\n", "# fail = \"closed\"\nbogus = 1\n", "fail = \"open\"\n"] {
        edit(open, 0);
    }
}

#[test]
fn a_turn_that_was_cut_off_is_not_held_up() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let stop = |status: &str| {
        let payload = json!({
            "conversation_id": "one", "hook_event_name": "stop", "status": status, "loop_count": 0,
            "workspace_roots": [site.root()],
        });
        let args = ["hook", "stop", "--harness", "cursor"];
        site.nobody().run_with_stdin(args, payload.to_string().as_bytes()).expect(0).json()
    };
    stop("completed");
    let id = format!("cursor-{}", digits("one"));
    site.agent("alice").run(["send", &id, "INFO", "hello"]).expect(0);
    assert_eq!(stop("aborted"), json!({}));
    assert!(stop("completed")["followup_message"].as_str().unwrap().contains("hello"));
}

#[test]
fn a_message_behind_many_others_holds_the_turn_up_until_it_is_shown() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let one = Session::new(&site, "one");
    one.hook("SessionStart", json!({ "source": "startup" })).expect(0);
    let long = "x".repeat(3000);
    for sender in ["alice", "bob"] {
        for _ in 0..3 {
            site.agent(sender).run(["broadcast", "INFO", &long]).expect(0);
        }
    }
    site.agent("alice").run(["send", &one.id(), "INFO", "this one"]).expect(0);
    let mut held_up = 0;
    loop {
        let answer = one.hook("Stop", json!({ "stop_hook_active": false })).expect(0);
        if answer.out.is_empty() {
            break;
        }
        held_up += 1;
        let why = answer.json()["reason"].as_str().unwrap().to_owned();
        if why.contains("this one") {
            break;
        }
        assert!(why.contains(" more: swarmlock inbox"), "{why}");
    }
    assert!((2..=4).contains(&held_up), "two of the long ones fit: {held_up}");
    assert_eq!(one.hook("Stop", json!({ "stop_hook_active": false })).expect(0).out, "", "once");
}

#[test]
fn a_checkout_whose_settings_call_us_is_not_left_without_locks_in_silence() {
    let site = Site::new();
    let one = Session::new(&site, "one");
    let starts = || one.hook("SessionStart", json!({ "source": "startup" })).expect(0);
    assert_eq!(starts().out, "", "hooks of another place are not about this checkout");
    site.nobody().run(["init", "--harness", "claude-code"]).expect(0);
    // As in a clone of a checkout in which the settings are committed.
    std::fs::remove_dir_all(site.state("")).unwrap();
    let said = starts();
    assert!(said.json()["systemMessage"].as_str().unwrap().ends_with("no edit is protected: swarmlock init"), "{said}");
    assert!(!site.state("").exists());
    site.nobody().run(["init", "--harness", "none"]).expect(0);
    assert!(starts().json().get("systemMessage").is_none());
}
