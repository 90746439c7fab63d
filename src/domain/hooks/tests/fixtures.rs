//! Payloads as the harnesses send them, in tests/fixtures/hooks.
#![expect(clippy::disallowed_methods, reason = "a test reads its fixtures with std::fs")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::domain::hooks::{
    BadPayload, Harness,
    Moment::{
        self, AfterTool, BeforeTool, Compact, Prompt, SessionEnd, SessionStart, Stop, SubagentStart, SubagentStop,
    },
    Payload, Writes, is_whole, shell_command, writes,
};

/// What a payload says: the moment, the session, the files that it writes, and what else is worth a look.
struct Row(&'static str, Moment, &'static str, &'static [&'static str], Also);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    Agent(&'static str),
    Command(&'static str),
    GoesOn,
}
use Also::{Agent, Command, GoesOn, Nothing};

const CLAUDE: &str = "7c1d9a52-3f0e-4b8a-9a61-5d2f8c0e7b14";
const CODEX: &str = "019a3c5e-7d21-7f40-b6c8-2e9f04a1d733";
const GEMINI: &str = "f2b0c9d4-5a6e-4f17-8c3b-0d9e7a615f28";
const CURSOR: &str = "5e0b7f3a-92c1-4d68-a7e4-1f3c8b2d9064";
const OPENCODE: &str = "ses_48f2a1c6bffeQ0rXhUz7KpWm3D";
const GENERIC: &str = "run-42";

const ROWS: &[Row] = &[
    Row("claude-code/SessionStart", SessionStart, CLAUDE, &[], Nothing),
    Row("claude-code/SessionStart-compact", SessionStart, CLAUDE, &[], Nothing),
    Row("claude-code/UserPromptSubmit", Prompt, CLAUDE, &[], Nothing),
    Row("claude-code/PreToolUse-Edit", BeforeTool, CLAUDE, &["/home/ada/shop/src/cart.rs"], Nothing),
    Row("claude-code/PreToolUse-Write", BeforeTool, CLAUDE, &["/home/ada/shop/docs/Preise für Käufer.md"], Nothing),
    Row("claude-code/PreToolUse-MultiEdit", BeforeTool, CLAUDE, &["/home/ada/shop/src/tax.rs"], Nothing),
    Row("claude-code/PreToolUse-NotebookEdit", BeforeTool, CLAUDE, &["/home/ada/shop/sales.ipynb"], Nothing),
    Row("claude-code/PreToolUse-Read", BeforeTool, CLAUDE, &[], Nothing),
    Row("claude-code/PreToolUse-Bash", BeforeTool, CLAUDE, &[], Command("cargo test -p shop 2>&1 | tail -5")),
    Row("claude-code/PreToolUse-mcp", BeforeTool, CLAUDE, &[], Nothing),
    Row("claude-code/PreToolUse-subagent", BeforeTool, CLAUDE, &["/home/ada/shop/src/tax.rs"], Agent("a4f1c27")),
    Row("claude-code/PostToolUse", AfterTool, CLAUDE, &["/home/ada/shop/src/cart.rs"], Nothing),
    Row("claude-code/PostToolUseFailure", AfterTool, CLAUDE, &["/home/ada/shop/src/cart.rs"], Nothing),
    Row("claude-code/Stop", Stop, CLAUDE, &[], Nothing),
    Row("claude-code/Stop-active", Stop, CLAUDE, &[], GoesOn),
    Row("claude-code/SubagentStart", SubagentStart, CLAUDE, &[], Agent("a4f1c27")),
    Row("claude-code/SubagentStop", SubagentStop, CLAUDE, &[], Agent("a4f1c27")),
    Row("claude-code/PreCompact", Compact, CLAUDE, &[], Nothing),
    Row("claude-code/SessionEnd", SessionEnd, CLAUDE, &[], Nothing),
    Row("codex/SessionStart", SessionStart, CODEX, &[], Nothing),
    Row("codex/UserPromptSubmit", Prompt, CODEX, &[], Nothing),
    Row("codex/PreToolUse-apply_patch", BeforeTool, CODEX, &["src/cart.rs"], Nothing),
    Row(
        "codex/PreToolUse-apply_patch-several",
        BeforeTool,
        CODEX,
        &["src/new file.rs", "src/old.rs", "src/moved.rs", "/home/ada/shop/gone.rs"],
        Nothing,
    ),
    Row("codex/PreToolUse-Bash", BeforeTool, CODEX, &[], Command("rg -n total src")),
    Row(
        "codex/PreToolUse-Bash-apply_patch",
        BeforeTool,
        CODEX,
        &["backend/src/cart.rs"],
        Command(
            "cd backend && apply_patch <<'PATCH'\n*** Begin Patch\n*** Update File: src/cart.rs\n@@ fn total()\n-    0\n+    0_u64\n*** End Patch\nPATCH\n",
        ),
    ),
    Row(
        "codex/PreToolUse-subagent",
        BeforeTool,
        CODEX,
        &["src/cart.rs"],
        Agent("019a3c60-11aa-7bb0-9c01-3d4e5f607182"),
    ),
    Row("codex/PreToolUse-mcp", BeforeTool, CODEX, &[], Nothing),
    Row("codex/PostToolUse", AfterTool, CODEX, &["src/cart.rs"], Nothing),
    Row("codex/Stop", Stop, CODEX, &[], Nothing),
    Row("codex/Stop-active", Stop, CODEX, &[], GoesOn),
    Row("codex/SubagentStart", SubagentStart, CODEX, &[], Agent("019a3c60-11aa-7bb0-9c01-3d4e5f607182")),
    Row("codex/SubagentStop", SubagentStop, CODEX, &[], Agent("019a3c60-11aa-7bb0-9c01-3d4e5f607182")),
    Row("codex/PreCompact", Compact, CODEX, &[], Nothing),
    Row("codex/SessionEnd", SessionEnd, CODEX, &[], Nothing),
    Row("gemini/SessionStart", SessionStart, GEMINI, &[], Nothing),
    Row("gemini/BeforeAgent", Prompt, GEMINI, &[], Nothing),
    Row("gemini/BeforeTool-write_file", BeforeTool, GEMINI, &["/home/ada/shop/src/cart.rs"], Nothing),
    Row("gemini/BeforeTool-replace", BeforeTool, GEMINI, &["src/tax.rs"], Nothing),
    Row("gemini/BeforeTool-run_shell_command", BeforeTool, GEMINI, &[], Command("npm test")),
    Row("gemini/BeforeTool-read_file", BeforeTool, GEMINI, &[], Nothing),
    Row("gemini/BeforeTool-mcp", BeforeTool, GEMINI, &[], Nothing),
    Row("gemini/AfterTool", AfterTool, GEMINI, &["/home/ada/shop/src/cart.rs"], Nothing),
    Row("gemini/AfterAgent", Stop, GEMINI, &[], Nothing),
    Row("gemini/AfterAgent-active", Stop, GEMINI, &[], GoesOn),
    Row("gemini/PreCompress", Compact, GEMINI, &[], Nothing),
    Row("gemini/SessionEnd", SessionEnd, GEMINI, &[], Nothing),
    Row("cursor/sessionStart", SessionStart, CURSOR, &[], Nothing),
    Row("cursor/beforeSubmitPrompt", Prompt, CURSOR, &[], Nothing),
    Row("cursor/preToolUse-Write", BeforeTool, CURSOR, &["/home/ada/shop/src/cart.ts"], Nothing),
    Row("cursor/preToolUse-StrReplace", BeforeTool, CURSOR, &["/home/ada/shop/src/cart.ts"], Nothing),
    Row("cursor/preToolUse-Delete", BeforeTool, CURSOR, &["/home/ada/shop/src/old.ts"], Nothing),
    Row("cursor/preToolUse-Shell", BeforeTool, CURSOR, &[], Command("npm test")),
    Row("cursor/beforeShellExecution", BeforeTool, CURSOR, &[], Command("npm test")),
    Row("cursor/beforeMCPExecution", BeforeTool, CURSOR, &["/home/ada/shop/a.txt"], Nothing),
    Row("cursor/postToolUse", AfterTool, CURSOR, &["/home/ada/shop/src/cart.ts"], Nothing),
    Row("cursor/postToolUseFailure", AfterTool, CURSOR, &[], Command("npm test")),
    Row("cursor/afterFileEdit", AfterTool, CURSOR, &["/home/ada/shop/src/cart.ts"], Nothing),
    Row("cursor/stop", Stop, CURSOR, &[], Nothing),
    Row("cursor/stop-loop", Stop, CURSOR, &[], GoesOn),
    Row("cursor/subagentStart", SubagentStart, CURSOR, &[], Agent("sub-81")),
    Row("cursor/subagentStop", SubagentStop, CURSOR, &[], Nothing),
    Row("cursor/preCompact", Compact, CURSOR, &[], Nothing),
    Row("cursor/sessionEnd", SessionEnd, CURSOR, &[], Nothing),
    Row("opencode/session-start", SessionStart, OPENCODE, &[], Nothing),
    Row("opencode/prompt", Prompt, OPENCODE, &[], Nothing),
    Row("opencode/before-tool-edit", BeforeTool, OPENCODE, &["/home/ada/shop/src/cart.ts"], Nothing),
    Row("opencode/before-tool-write", BeforeTool, OPENCODE, &["src/new.ts"], Nothing),
    Row(
        "opencode/before-tool-apply_patch",
        BeforeTool,
        OPENCODE,
        &["src/new file.rs", "src/old.rs", "src/moved.rs", "/home/ada/shop/gone.rs"],
        Nothing,
    ),
    Row("opencode/before-tool-bash", BeforeTool, OPENCODE, &[], Command("npm test")),
    Row("opencode/after-tool", AfterTool, OPENCODE, &["/home/ada/shop/src/cart.ts"], Nothing),
    Row("opencode/stop", Stop, OPENCODE, &[], Nothing),
    Row("opencode/compact", Compact, OPENCODE, &[], Nothing),
    Row("opencode/session-end", SessionEnd, OPENCODE, &[], Nothing),
    Row("generic/session-start", SessionStart, GENERIC, &[], Nothing),
    Row("generic/prompt", Prompt, GENERIC, &[], Nothing),
    Row("generic/before-tool-paths", BeforeTool, GENERIC, &["src/cart.rs", "src/tax.rs"], Nothing),
    Row("generic/before-tool-path", BeforeTool, GENERIC, &["src/cart.rs"], Nothing),
    Row("generic/before-tool-bare", BeforeTool, GENERIC, &["src/cart.rs"], Nothing),
    Row("generic/before-tool-shell", BeforeTool, GENERIC, &[], Command("make")),
    Row("generic/before-tool-number", BeforeTool, "7", &["src/cart.rs"], Nothing),
    Row("generic/after-tool", AfterTool, GENERIC, &["src/cart.rs"], Nothing),
    Row("generic/stop", Stop, GENERIC, &[], GoesOn),
    Row("generic/subagent-start", SubagentStart, GENERIC, &[], Agent("w1")),
    Row("generic/subagent-stop", SubagentStop, GENERIC, &[], Agent("w1")),
    Row("generic/compact", Compact, GENERIC, &[], Nothing),
    Row("generic/session-end", SessionEnd, GENERIC, &[], Nothing),
];

const BAD: &[(&str, BadPayload)] = &[
    ("bad/empty", BadPayload::Empty),
    ("bad/blank", BadPayload::Empty),
    ("bad/mark-only", BadPayload::Empty),
    ("bad/null", BadPayload::NoObject),
    ("bad/array", BadPayload::NoObject),
    ("bad/text", BadPayload::NoObject),
    ("bad/number", BadPayload::NoObject),
    ("bad/cut", BadPayload::Cut),
    ("bad/cut-escape", BadPayload::Cut),
    ("bad/no-json", BadPayload::Broken(0)),
    ("bad/not-a-number", BadPayload::Broken(25)),
    ("bad/trailing-comma", BadPayload::Broken(18)),
    ("bad/single-quotes", BadPayload::Broken(1)),
    ("bad/binary", BadPayload::Broken(0)),
    ("bad/utf-16", BadPayload::Broken(0)),
    ("bad/two-ends", BadPayload::Broken(7)),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hooks")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(root().join(format!("{name}.json"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The event that a file is called after: what is behind it in the name is the variant.
fn event<'a>(name: &'a str, payload: &'a Payload<'_>) -> &'a str {
    let file = name.rsplit('/').next().unwrap();
    match payload.event_name.as_deref() {
        Some(event) => {
            assert!(file == event || file.starts_with(&format!("{event}-")), "{name} is about {event}");
            event
        }
        None => Moment::names().filter(|event| file.starts_with(event)).max_by_key(|event| event.len()).unwrap(),
    }
}

#[test]
fn every_payload_is_understood() {
    for Row(name, moment, session, files, also) in ROWS {
        let bytes = read(name);
        assert!(is_whole(&bytes), "{name}");
        let payload = Payload::parse(&bytes).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        let harness = Harness::from_word(name.split('/').next().unwrap()).unwrap();
        assert_eq!(Moment::from_name(event(name, &payload)), Some(*moment), "{name}");
        assert_eq!(payload.session.as_deref(), Some(*session), "{name}");
        let wanted = if files.is_empty() {
            Writes::Nothing
        } else {
            Writes::Files(files.iter().map(|file| (*file).into()).collect())
        };
        assert_eq!(writes(harness, &payload, &[]), wanted, "{name}");
        let agent = if let Agent(agent) = also { Some(*agent) } else { None };
        assert_eq!(payload.agent_id.as_deref(), agent, "{name}");
        // A patch inside a command is a write and a command.
        if let Command(command) = also {
            assert_eq!(shell_command(harness, &payload).as_deref(), Some(*command), "{name}");
        } else {
            assert_eq!(shell_command(harness, &payload), None, "{name}");
        }
        assert_eq!(payload.stop_hook_active, *also == GoesOn, "{name}");
        let place = payload.cwd.as_deref().or(payload.workspace_root.as_deref());
        assert!(place.is_none_or(|place| place.starts_with("/home/ada/shop")), "{name}");
    }
}

#[test]
fn every_bad_payload_is_refused() {
    for (name, wanted) in BAD {
        let bytes = read(name);
        assert_eq!(Payload::parse(&bytes), Err(*wanted), "{name}");
        assert!(!is_whole(&bytes), "{name}");
    }
}

#[test]
fn every_file_is_in_the_table() {
    let listed: BTreeSet<String> =
        ROWS.iter().map(|row| row.0).chain(BAD.iter().map(|row| row.0)).map(|name| format!("{name}.json")).collect();
    assert_eq!(listed.len(), ROWS.len() + BAD.len());
    let mut found = BTreeSet::new();
    for dir in fs::read_dir(root()).unwrap() {
        let dir = dir.unwrap();
        for file in fs::read_dir(dir.path()).unwrap() {
            let name = file.unwrap().file_name();
            found.insert(format!("{}/{}", dir.file_name().to_str().unwrap(), name.to_str().unwrap()));
        }
    }
    assert_eq!(found, listed);
}

#[test]
fn every_harness_has_a_payload_for_every_moment_that_it_tells() {
    for harness in Harness::ALL {
        let told: BTreeSet<&str> =
            ROWS.iter().filter(|row| row.0.split('/').next() == Some(harness.word())).map(|row| row.1.word()).collect();
        let silent: &[&str] = match harness {
            Harness::ClaudeCode | Harness::Codex | Harness::Cursor | Harness::Generic => &[],
            Harness::Gemini | Harness::Opencode => &["subagent-start", "subagent-stop"],
        };
        assert_eq!(told.len() + silent.len(), 9, "{harness:?}: {told:?}");
        assert!(silent.iter().all(|word| !told.contains(word)));
    }
}
