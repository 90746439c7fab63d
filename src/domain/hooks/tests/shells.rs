use crate::domain::hooks::{Harness, Payload, names_us, shell_command, with_command};

fn command(harness: Harness, payload: &str) -> Option<String> {
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    shell_command(harness, &payload).map(String::from)
}

#[test]
fn the_command_of_a_shell_is_found() {
    let table = [
        (Harness::ClaudeCode, r#"{"tool_name":"Bash","tool_input":{"command":"ls \"a\"\n"}}"#, Some("ls \"a\"\n")),
        (Harness::Codex, r#"{"tool_name":"shell","tool_input":{"command":["bash","-lc","ls"]}}"#, Some("bash -lc ls")),
        (Harness::Codex, r#"{"tool_name":"exec_command","tool_input":{"cmd":"ls"}}"#, Some("ls")),
        (Harness::Gemini, r#"{"tool_name":"run_shell_command","tool_input":{"command":"ls"}}"#, Some("ls")),
        (Harness::Cursor, r#"{"tool_name":"Shell","tool_input":{"command":"ls"}}"#, Some("ls")),
        (Harness::Cursor, r#"{"hook_event_name":"beforeShellExecution","command":"ls"}"#, Some("ls")),
        (Harness::Opencode, r#"{"tool":"bash","args":{"command":"ls"}}"#, Some("ls")),
        (Harness::Cursor, r#"{"tool_name":"MCP:x","tool_input":"{}","command":"server"}"#, None),
        (Harness::ClaudeCode, r#"{"command":"ls"}"#, None),
        (Harness::ClaudeCode, r#"{"tool_name":"Edit","tool_input":{"command":"ls"}}"#, None),
        (Harness::ClaudeCode, r#"{"tool_name":"Bash","tool_input":{"command":{}}}"#, None),
        (Harness::ClaudeCode, r#"{"tool_name":"Bash","tool_input":{}}"#, None),
        (Harness::ClaudeCode, r#"{"tool_name":"Bash"}"#, None),
    ];
    for (harness, payload, wanted) in table {
        assert_eq!(command(harness, payload).as_deref(), wanted, "{payload}");
    }
}

#[test]
fn a_command_is_replaced_and_all_else_is_kept() {
    let table = [
        (
            r#"{"tool_name":"Bash","tool_input":{"command":"ls","timeout":5, "run":{"a":[1, 2]},"d":"é\u0041"}}"#,
            Some(r#"{"command":"new \"x\"\n","timeout":5,"run":{"a":[1, 2]},"d":"é\u0041"}"#),
        ),
        (r#"{"tool_name":"exec_command","tool_input":{"cmd":"ls"}}"#, Some(r#"{"cmd":"new \"x\"\n"}"#)),
        (r#"{"tool_name":"Bash","tool_input":{"command":["ls"]}}"#, None),
        (r#"{"tool_name":"Bash","tool_input":{}}"#, None),
        (r#"{"tool_name":"Edit","tool_input":{"command":"ls"}}"#, None),
        (r#"{"command":"ls"}"#, None),
    ];
    for (payload, wanted) in table {
        let parsed = Payload::parse(payload.as_bytes()).unwrap();
        assert_eq!(with_command(&parsed, "new \"x\"\n").as_deref(), wanted, "{payload}");
    }
}

#[test]
fn a_command_that_calls_us_is_known() {
    for ours in [
        "swarmlock",
        "swarmlock acquire a",
        "cd x && swarmlock status",
        "X=1 swarmlock whoami;ls",
        "/usr/local/bin/swarmlock list",
        "./target/debug/swarmlock",
        "\"swarmlock\" x",
        "$(swarmlock whoami)",
        "a|swarmlock redact",
        "my-swarmlock; swarmlock x",
        "swarmlock>out",
        "ls\nswarmlock x",
    ] {
        assert!(names_us(ours), "{ours}");
    }
    for other in
        ["", "ls", "swarmlocks", "my-swarmlock x", "swarmlock.rs", "cat swarmlock-notes.md", "swarm lock", "Swarmlock"]
    {
        assert!(!names_us(other), "{other}");
    }
}
