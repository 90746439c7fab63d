use crate::{
    harness::Site,
    hooks::{Session, denied},
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
    assert!(why.ends_with(&format!("next: swarmlock acquire {} --wait", site.path("a").display())), "{refused}");
    assert_eq!(refused.err.trim_end(), why, "the same on stderr");
    one.hook("Stop", serde_json::json!({ "stop_hook_active": false })).expect(0);
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
            let input = serde_json::json!({ "file_path": site.path(file), "path": site.path(file) });
            serde_json::json!({ "session_id": "one", "tool_name": "Write", "tool_input": input }).to_string()
        };
        let call = |file: &str| {
            let args = ["hook", event, "--harness", harness];
            site.nobody().run_with_stdin(args, payload(file).as_bytes())
        };
        let run = call("a").expect(2);
        assert_eq!(run.json().pointer(pointer).and_then(serde_json::Value::as_str), Some(word), "{harness}: {run}");
        assert!(run.err.contains("a is held by alice"), "{harness}: {run}");
        let free = call(harness).expect(0);
        assert!(free.err.is_empty() && !free.out.contains("deny"), "{harness}: {free}");
    }
}
