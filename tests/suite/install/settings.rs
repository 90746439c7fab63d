//! A table of settings files: what is not ours stays, byte for byte.

use serde_json::Value;

use super::{call, modified, put, text, tree};
use crate::harness::{Site, next_millisecond};

const PATH: &str = ".claude/settings.json";
const FOREIGN: &str = r#"{"matcher": "Edit", "hooks": [{"type": "command", "command": "lint --fix", "timeout": 3}]}"#;

/// Settings that hooks are entered into.
fn table() -> Vec<(&'static str, String)> {
    let own = |path: &str| {
        format!(
            r#"{{"hooks": [{{"type": "command", "command": "{path} hook Stop --harness claude-code", "timeout": 5}}]}}"#
        )
    };
    let huge: String = (0..20_000).map(|n| format!("    \"Bash(make {n})\",\n")).collect();
    vec![
        ("empty", String::new()),
        ("a line end", "\n".to_owned()),
        ("only a comment", "// nothing yet".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("an empty object in lines", "{\n}\n".to_owned()),
        ("one line", r#"{"model": "opus", "env": {"A": "1"}}"#.to_owned()),
        ("compact", r#"{"a":1,"hooks":{"Stop":[]}}"#.to_owned()),
        ("two blanks", "{\n  \"model\": \"opus\"\n}\n".to_owned()),
        ("no line end", "{\n  \"model\": \"opus\"\n}".to_owned()),
        ("tabs", "{\n\t\"model\": \"opus\",\n\t\"hooks\": {\n\t}\n}\n".to_owned()),
        ("odd indentation", "{\n     \"a\" : 1 ,\n  \"b\":\n[ 1,\n2 ]\n      }\n\n\n".to_owned()),
        ("line ends of Windows", "{\r\n    \"a\": 1\r\n}\r\n".to_owned()),
        ("a byte order mark", "\u{feff}{\n  \"a\": 1\n}\n".to_owned()),
        ("comments", "// top\n{ // open\n  \"a\": 1 // one\n  /* , \"hooks\": [] */\n} // end".to_owned()),
        ("trailing commas", "{\n  \"a\": [1,2,],\n  \"hooks\": {\n    \"Stop\": [\n    ],\n  },\n}\n".to_owned()),
        ("hooks of others", format!("{{\n  \"hooks\": {{\n    \"PreToolUse\": [\n      {FOREIGN}\n    ]\n  }}\n}}\n")),
        (
            "others before and after",
            format!("{{\"hooks\": {{\"Stop\": [{FOREIGN}, {FOREIGN}], \"Other\": [], \"PreToolUse\": [ ]}}}}"),
        ),
        (
            "strange elements",
            r#"{"hooks": {"Stop": [3, "x", null, {"hooks": 4}, {"hooks": [5, {"command": 6}]}]}}"#.to_owned(),
        ),
        (
            "a wrapper",
            r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "nice swarmlock hook Stop"}]}]}}"#
                .to_owned(),
        ),
        (
            "an old path and others",
            format!("{{\"hooks\": {{\"Stop\": [{FOREIGN}, {}, {FOREIGN}]}}}}", own("/gone/swarmlock")),
        ),
        ("escapes", "{\"\\u0068ook\": \"\\\"{[\", \"é\": \"// no comment\"}".to_owned()),
        ("huge", format!("{{\n  \"permissions\": [\n{huge}    \"\"\n  ]\n}}\n")),
        ("deep", format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000))),
    ]
}

/// Settings that are refused, and the line that is named.
fn refused() -> Vec<(&'static str, String, usize)> {
    vec![
        ("no object", "[]".to_owned(), 1),
        ("a string", "\n\"x\"".to_owned(), 2),
        ("hooks is a list", "{\n  \"hooks\": []\n}".to_owned(), 2),
        ("hooks is nothing", "{\"hooks\": null}".to_owned(), 1),
        ("an event is an object", "{\"hooks\": {\n\"PreToolUse\": {}}}".to_owned(), 2),
        ("hooks twice", "{\"hooks\": {},\n\"hooks\": {}}".to_owned(), 2),
        ("cut", "{\n  \"hooks\": {\n".to_owned(), 3),
        ("no JSON", "model = \"opus\"".to_owned(), 1),
        ("a missing comma", "{\n\"a\": 1\n\"b\": 2\n}".to_owned(), 3),
        ("single quotes", "{\n'a': 1}".to_owned(), 2),
        ("deep and cut", "[".repeat(100_000), 1),
    ]
}

/// The text without the lines and elements that call us, as a program that knows nothing of bytes sees it.
fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

#[test]
fn what_is_not_ours_stays_byte_for_byte_and_uninstall_restores_it() {
    for (what, before) in table() {
        let site = Site::new();
        put(&site, PATH, &before);
        let tree_before = tree(&site);
        let run = call(&site).run(["init", "--harness", "claude-code"]).expect(0);
        assert!(
            run.out.lines().nth(1).unwrap().ends_with("\tclaude-code\t.claude/settings.json\t.claude"),
            "{what}: {run}"
        );
        let with = text(&site, PATH);
        for event in ["SessionStart", "PreToolUse", "Stop", "SessionEnd"] {
            assert_eq!(with.matches(&format!("swarmlock hook {event}")).count(), 1, "{what}: {event}");
        }
        // Ours were only added: what was there is still there, in its order.
        let mut rest = with.bytes();
        let old = before.replace("/gone/swarmlock", "swarmlock");
        assert!(old.bytes().all(|byte| rest.any(|other| other == byte)), "{what}");
        if let (Some(before), Some(with)) = (value(&before), value(&with)) {
            assert!(with["hooks"]["PreToolUse"].is_array(), "{what}");
            for (key, value) in before.as_object().unwrap().iter().filter(|(key, _)| *key != "hooks") {
                assert_eq!(with[key], *value, "{what}");
            }
        }
        // Again: no byte and no time is changed.
        let time = modified(&site, PATH);
        next_millisecond();
        let again = call(&site).run(["init", "--harness", "claude-code"]).expect(0);
        assert!(again.out.contains("\nunchanged\t"), "{what}: {again}");
        assert_eq!((text(&site, PATH), modified(&site, PATH)), (with, time), "{what}");
        call(&site).run(["init", "--check"]).expect(0);

        call(&site).run(["uninstall"]).expect(0);
        if !before.contains("/gone/") {
            assert_eq!(tree(&site), tree_before, "{what}");
        }
        call(&site).run(["init", "--check", "--harness", "claude-code"]).expect(20);
    }
}

#[test]
fn an_edit_in_between_stays_when_ours_are_taken_out() {
    for (what, before) in table() {
        let site = Site::new();
        put(&site, PATH, &before);
        call(&site).run(["init", "--harness", "claude-code"]).expect(0);
        let edited = format!("{}\n// edited\n", text(&site, PATH));
        put(&site, PATH, &edited);
        let run = call(&site).run(["uninstall"]).expect(0);
        let after = text(&site, PATH);
        let left = usize::from(what == "a wrapper");
        assert_eq!(after.matches("swarmlock hook").count(), left, "{what}: {run} {after}");
        assert!(after.ends_with("\n// edited\n"), "{what}: {after}");
        let blank = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
        // A text without any value has got one.
        let wanted = match what {
            "empty" | "a line end" => "{}//edited".to_owned(),
            "only a comment" => "//nothingyet{}//edited".to_owned(),
            "an old path and others" => blank(&format!("{{\"hooks\": {{\"Stop\": [{FOREIGN}, {FOREIGN}]}}}}//edited")),
            _ => blank(&format!("{before}\n// edited\n")),
        };
        assert_eq!(blank(&after), wanted, "{what}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line_and_nothing_is_written() {
    for (what, before, line) in refused() {
        let site = Site::new();
        put(&site, PATH, &before);
        // Another one would go well.
        put(&site, ".codex/hooks.json", "{}");
        let tree_before = site.snapshot();
        let run = call(&site).run(["init"]).expect(78);
        assert!(run.err.contains(&format!(".claude/settings.json: line {line}: ")), "{what}: {run}");
        assert_eq!(site.snapshot(), tree_before, "{what}");
        call(&site).run(["init", "--dry-run"]).expect(78);
        call(&site).run(["init", "--check", "--harness", "claude-code"]).expect(78);
        call(&site).run(["init", "--harness", "codex"]).expect(0);
    }
}

#[test]
fn a_file_that_is_no_text_or_too_long_is_refused() {
    let site = Site::new();
    put(&site, PATH, b"{\"a\": \"\xff\"}");
    call(&site).run(["init"]).expect(78);
    put(&site, PATH, vec![b' '; 5 << 20]);
    let run = call(&site).run(["init"]).expect(16);
    assert!(run.err.contains("settings.json: larger than"), "{run}");
}
