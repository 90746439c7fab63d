//! Which tools of which harness are edits.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Session,
    acting::{configure, held, hook, refused, silent, site},
    digits, warned,
};
use crate::harness::Site;

/// The same call of a tool, as each harness tells it.
fn call(site: &Site, harness: &str, session: &str, tool: &str, input: &Value) -> crate::harness::Run {
    let payload = json!({ "session_id": session, "cwd": site.root(), "tool_name": tool, "tool_input": input });
    hook(site, &["before-tool", "--harness", harness], payload.to_string())
}

fn file(site: &Site, name: &str) -> String {
    site.path(name).to_str().unwrap().to_owned()
}

#[test]
fn every_tool_that_edits_is_one_in_every_harness() {
    let site = site();
    let f = |name: &str| file(&site, name);
    let patch = |name: &str| format!("*** Begin Patch\n*** Update File: {name}\n@@\n-a\n+b\n*** End Patch\n");
    let cases = [
        ("claude-code", "Edit", json!({ "file_path": f("a0"), "old_string": "x", "new_string": "y" })),
        ("claude-code", "Write", json!({ "file_path": f("a1"), "content": "x" })),
        ("claude-code", "MultiEdit", json!({ "file_path": f("a2"), "edits": [] })),
        ("claude-code", "NotebookEdit", json!({ "notebook_path": f("a3.ipynb"), "new_source": "x" })),
        ("codex", "apply_patch", json!({ "command": patch("a4") })),
        ("codex", "apply_patch", json!({ "input": patch("a5") })),
        ("codex", "Bash", json!({ "command": format!("apply_patch <<'EOF'\n{}EOF\n", patch("a6")) })),
        ("codex", "shell", json!({ "command": ["apply_patch", patch("a7")] })),
        ("gemini", "write_file", json!({ "file_path": f("a8"), "content": "x" })),
        ("gemini", "replace", json!({ "file_path": f("a9"), "old_string": "x", "new_string": "y" })),
        ("cursor", "Write", json!({ "file_path": f("a10") })),
        ("cursor", "StrReplace", json!({ "path": f("a11") })),
        ("cursor", "Delete", json!({ "path": f("a12") })),
        ("opencode", "edit", json!({ "filePath": f("a13") })),
        ("opencode", "write", json!({ "filePath": f("a14") })),
        ("generic", "anything", json!({ "path": f("a15") })),
        ("generic", "anything", json!({ "paths": [f("a16")] })),
    ];
    for (number, (harness, tool, input)) in cases.into_iter().enumerate() {
        let run = call(&site, harness, "one", tool, &input);
        assert!(run.code == 0 && run.err.is_empty(), "{harness} {tool}: {run}");
        let name = if number == 3 { "a3.ipynb".to_owned() } else { format!("a{number}") };
        let holder = held(&site, &name).unwrap_or_else(|| panic!("{harness} {tool} locked nothing: {run}"));
        assert_eq!((holder.1.as_str(), holder.2), ("automatic", 300), "{harness} {tool}");
        assert!(holder.0.ends_with(&digits("one")));
        let other = call(&site, harness, "other", tool, &input);
        assert!(
            other.code == 2 && other.err.contains(&format!("{name} is held by {}", holder.0)),
            "{harness} {tool}: {other}"
        );
        assert!(other.out.contains("deny"), "{harness} {tool}: {other}");
    }
}

#[test]
fn tools_that_write_nothing_lock_nothing() {
    let site = site();
    let path = file(&site, "a");
    for (harness, tool) in [
        ("claude-code", "Read"),
        ("claude-code", "Grep"),
        ("claude-code", "Bash"),
        ("claude-code", "mcp__files__write_file"),
        ("codex", "Bash"),
        ("gemini", "read_file"),
        ("gemini", "run_shell_command"),
        ("cursor", "Read"),
        ("opencode", "read"),
    ] {
        let run = call(
            &site,
            harness,
            "one",
            tool,
            &json!({ "file_path": path, "path": path, "command": "sed -i s/a/b/ a" }),
        );
        assert!(run.code == 0 && run.err.is_empty(), "{run}");
        assert!(held(&site, "a").is_none(), "{harness} {tool}");
    }
}

#[test]
fn tools_that_the_configuration_names_are_edits_by_the_keys_that_it_names() {
    let site = site();
    configure(&site, "edit_tools = ['mcp__files__write_file:path', 'mcp__fs__*:target,targets', 'Save:file']\n");
    let one = Session::new(&site, "one");
    let tool = |name: &str, input: Value| one.hook("PreToolUse", json!({ "tool_name": name, "tool_input": input }));
    for (name, input, locked) in [
        ("mcp__files__write_file", json!({ "path": "a" }), &["a"][..]),
        ("mcp__fs__move", json!({ "target": "b", "targets": ["c", "d"] }), &["b", "c", "d"]),
        ("mcp__fs__", json!({ "target": file(&site, "e") }), &["e"]),
        ("Save", json!({ "file": "f" }), &["f"]),
        ("mcp__files__read_file", json!({ "path": "x" }), &[]),
        ("mcp__files__write_file", json!({ "target": "x" }), &[]),
        ("save", json!({ "file": "x" }), &[]),
        ("xSave", json!({ "file": "x" }), &[]),
    ] {
        let run = tool(name, input).expect(0);
        assert!(held(&site, "x").is_none(), "{name}: {run}");
        for file in locked {
            assert_eq!(held(&site, file).map(|lease| lease.0), Some(one.id()), "{name}: {run}");
        }
    }
    site.agent("alice").run(["acquire", "taken"]).expect(0);
    refused(&tool("mcp__files__write_file", json!({ "path": "taken" })), "held by alice");
    // One that is named exactly and tells no file is said to be unprotected, for it does edit.
    let run = tool("mcp__files__write_file", json!({ "other": "x" })).expect(0);
    assert!(warned(&run).contains("WITHOUT protection"), "{run}");
}

#[test]
fn an_edit_that_names_no_file_goes_on_with_a_word() {
    let site = site();
    let one = Session::new(&site, "one");
    for input in [
        json!({}),
        json!(null),
        json!([]),
        json!("text"),
        json!(7),
        json!({ "file_path": "" }),
        json!({ "file_path": null }),
        json!({ "file_path": {} }),
        json!({ "file_path": [] }),
        json!({ "file_path": [[], {}] }),
    ] {
        let run = one.hook("PreToolUse", json!({ "tool_name": "Edit", "tool_input": input.clone() })).expect(0);
        assert!(warned(&run).contains("WITHOUT protection"), "{input}: {run}");
        assert_eq!(run.err, "", "{input}");
    }
    let none = one.hook("PreToolUse", json!({ "tool_name": "Edit" })).expect(0);
    assert!(warned(&none).contains("WITHOUT protection"), "{none}");
    // A number is a name too, and one file told twice is one.
    silent(&one.hook("PreToolUse", json!({ "tool_name": "Edit", "tool_input": { "file_path": 7, "path": "7" } })));
    assert_eq!(held(&site, "7").unwrap().0, one.id());
}

#[test]
fn names_of_tools_are_taken_whatever_their_type() {
    let site = site();
    let one = Session::new(&site, "one");
    for name in [
        json!(null),
        json!(7),
        json!([]),
        json!({ "Edit": 1 }),
        json!(""),
        json!("E\u{0}dit"),
        json!("x".repeat(100_000)),
    ] {
        let run = one.hook("PreToolUse", json!({ "tool_name": name, "tool_input": { "file_path": "a" } }));
        silent(&run);
    }
    assert!(held(&site, "a").is_none());
    assert!(!Path::new("a").exists());
}
