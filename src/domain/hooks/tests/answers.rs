use serde_json::{Value, json};

use crate::domain::hooks::{Answer, Harness, Moment, Rendered, Verdict};

use Harness::{ClaudeCode, Codex, Cursor, Gemini, Generic, Opencode};

const MOMENTS: [Moment; 9] = [
    Moment::SessionStart,
    Moment::Prompt,
    Moment::BeforeTool,
    Moment::AfterTool,
    Moment::Stop,
    Moment::SubagentStart,
    Moment::SubagentStop,
    Moment::Compact,
    Moment::SessionEnd,
];

fn deny() -> Answer {
    Answer { verdict: Verdict::Deny("held".into()), ..Answer::default() }
}

fn block() -> Answer {
    Answer { verdict: Verdict::Block("mail".into()), ..Answer::default() }
}

fn told() -> Answer {
    Answer { context: Some("hello".into()), ..Answer::default() }
}

fn warned() -> Answer {
    Answer { warning: Some("oh".into()), ..Answer::default() }
}

fn rewritten() -> Answer {
    Answer { verdict: Verdict::Rewrite("{\"command\":\n\"x\"}".into()), ..Answer::default() }
}

fn json_of(rendered: &Rendered) -> Value {
    if rendered.stdout.is_empty() {
        return Value::Null;
    }
    let line = rendered.stdout.strip_suffix('\n').unwrap();
    assert!(!line.contains(['\n', '\r']), "{line}");
    serde_json::from_str(line).unwrap()
}

/// The object on standard output.
fn out(answer: &Answer, harness: Harness, moment: Moment, event: &str) -> Value {
    json_of(&answer.render(harness, moment, event))
}

#[test]
fn a_denial_is_told_in_both_ways_in_every_language() {
    let claude = json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "deny",
        "permissionDecisionReason": "held"}});
    let table = [
        (ClaudeCode, claude.clone()),
        (Codex, claude),
        (Gemini, json!({"decision": "deny", "reason": "held"})),
        (Cursor, json!({"permission": "deny", "user_message": "held", "agent_message": "held"})),
        (Opencode, json!({"decision": "deny", "reason": "held"})),
        (Generic, json!({"decision": "deny", "reason": "held"})),
    ];
    for (harness, wanted) in table {
        let rendered = deny().render(harness, Moment::BeforeTool, "before-tool");
        assert_eq!(json_of(&rendered), wanted);
        assert_eq!((rendered.stderr.as_str(), rendered.deny), ("held\n", true));
    }
}

#[test]
fn all_of_a_denial_stands_on_standard_error() {
    let answer = Answer { context: Some("hello".into()), warning: Some("oh".into()), ..deny() };
    for harness in Harness::ALL {
        assert_eq!(answer.render(harness, Moment::BeforeTool, "before-tool").stderr, "held\nhello\noh\n");
    }
}

#[test]
fn only_the_use_of_a_tool_is_denied() {
    for harness in Harness::ALL {
        for moment in MOMENTS {
            let rendered = deny().render(harness, moment, moment.word());
            assert_eq!(rendered.deny, moment == Moment::BeforeTool);
            let said = format!("{}{}", rendered.stdout, rendered.stderr);
            assert!(said.contains("held"), "{harness:?} {moment:?}: {said}");
        }
    }
}

#[test]
fn the_end_of_a_turn_is_blocked_in_every_language_that_can() {
    let table = [
        (ClaudeCode, json!({"decision": "block", "reason": "mail"})),
        (Codex, json!({"decision": "block", "reason": "mail"})),
        (Gemini, json!({"decision": "deny", "reason": "mail"})),
        (Cursor, json!({"followup_message": "mail"})),
        (Opencode, json!({"decision": "allow", "context": "mail"})),
        (Generic, json!({"decision": "block", "reason": "mail"})),
    ];
    for (harness, wanted) in table {
        let rendered = block().render(harness, Moment::Stop, "Stop");
        assert_eq!(json_of(&rendered), wanted);
        assert_eq!((rendered.stderr.as_str(), rendered.deny), ("", false));
    }
}

#[test]
fn nothing_to_say_is_said_in_every_language() {
    for moment in MOMENTS {
        for harness in [ClaudeCode, Codex, Gemini] {
            assert_eq!(Answer::default().render(harness, moment, ""), Rendered::default());
        }
        for harness in [Opencode, Generic] {
            assert_eq!(out(&Answer::default(), harness, moment, ""), json!({"decision": "allow"}));
        }
        let wanted = match moment {
            Moment::BeforeTool | Moment::SubagentStart => json!({"permission": "allow"}),
            Moment::Prompt => json!({"continue": true}),
            Moment::SessionStart
            | Moment::AfterTool
            | Moment::Stop
            | Moment::SubagentStop
            | Moment::Compact
            | Moment::SessionEnd => json!({}),
        };
        assert_eq!(out(&Answer::default(), Cursor, moment, ""), wanted);
    }
}

#[test]
fn the_agent_is_told_where_the_harness_passes_it_on() {
    let specific = |event: &str| json!({"hookSpecificOutput": {"hookEventName": event, "additionalContext": "hello"}});
    for (moment, event) in [
        (Moment::SessionStart, "SessionStart"),
        (Moment::Prompt, "UserPromptSubmit"),
        (Moment::BeforeTool, "PreToolUse"),
        (Moment::AfterTool, "PostToolUse"),
        (Moment::AfterTool, "PostToolUseFailure"),
        (Moment::SubagentStart, "SubagentStart"),
    ] {
        assert_eq!(out(&told(), ClaudeCode, moment, event), specific(event));
        assert_eq!(out(&told(), Codex, moment, event), specific(event));
    }
    assert_eq!(out(&told(), Gemini, Moment::Prompt, "BeforeAgent"), specific("BeforeAgent"));
    assert_eq!(out(&told(), Gemini, Moment::AfterTool, "AfterTool"), specific("AfterTool"));
    assert_eq!(out(&told(), Cursor, Moment::SessionStart, "sessionStart"), json!({"additional_context": "hello"}));
    assert_eq!(out(&told(), Cursor, Moment::AfterTool, "postToolUse"), json!({"additional_context": "hello"}));
    assert_eq!(out(&told(), Generic, Moment::Stop, "stop"), json!({"decision": "allow", "context": "hello"}));
}

#[test]
fn what_cannot_be_told_to_the_agent_is_told_to_the_user() {
    for (harness, moment, event) in [
        (ClaudeCode, Moment::Stop, "Stop"),
        (ClaudeCode, Moment::SessionEnd, "SessionEnd"),
        (Codex, Moment::Compact, "PreCompact"),
        (Gemini, Moment::BeforeTool, "BeforeTool"),
    ] {
        assert!(!harness.can_tell(moment, event));
        assert_eq!(out(&told(), harness, moment, event), json!({"systemMessage": "hello"}));
    }
    for (moment, event) in [
        (Moment::Prompt, "beforeSubmitPrompt"),
        (Moment::AfterTool, "afterFileEdit"),
        (Moment::BeforeTool, "preToolUse"),
        (Moment::Stop, "stop"),
    ] {
        assert!(!Cursor.can_tell(moment, event));
        let rendered = told().render(Cursor, moment, event);
        assert_eq!(rendered.stderr, "hello\n");
        assert!(!rendered.stdout.contains("hello") && !rendered.deny);
    }
    assert_eq!(out(&told(), Cursor, Moment::Compact, "preCompact"), json!({"user_message": "hello"}));
    let rendered = warned().render(Codex, Moment::SessionEnd, "SessionEnd");
    assert_eq!((rendered.stdout.as_str(), rendered.stderr.as_str()), ("", "oh\n"));
    let both = Answer { context: Some("hello".into()), ..warned() };
    assert_eq!(out(&both, ClaudeCode, Moment::Stop, "Stop"), json!({"systemMessage": "hello\noh"}));
}

#[test]
fn whatever_is_said_arrives_somewhere() {
    for harness in Harness::ALL {
        for moment in MOMENTS {
            for (answer, text) in [(deny(), "held"), (block(), "mail"), (told(), "hello"), (warned(), "oh")] {
                let rendered = answer.render(harness, moment, moment.word());
                let said = format!("{}{}", rendered.stdout, rendered.stderr);
                assert!(said.contains(text), "{harness:?} {moment:?} {text}");
                json_of(&rendered);
            }
        }
    }
}

#[test]
fn a_tool_is_given_something_else() {
    let x = json!({"command": "x"});
    let table = [
        (ClaudeCode, json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "updatedInput": x}})),
        (
            Codex,
            json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "allow", "updatedInput": x}}),
        ),
        (Gemini, json!({"hookSpecificOutput": {"hookEventName": "BeforeTool", "tool_input": x}})),
        (Cursor, json!({"permission": "allow", "updated_input": x})),
        (Generic, json!({"decision": "allow", "tool_input": x})),
    ];
    for (harness, wanted) in table {
        assert_eq!(out(&rewritten(), harness, Moment::BeforeTool, "preToolUse"), wanted);
        assert_eq!(
            out(&rewritten(), harness, Moment::AfterTool, "x"),
            out(&Answer::default(), harness, Moment::AfterTool, "x")
        );
    }
    assert_eq!(out(&rewritten(), Cursor, Moment::BeforeTool, "beforeShellExecution"), json!({"permission": "allow"}));
}

#[test]
fn events_are_named_as_the_harness_does() {
    for (harness, moment, given, wanted) in [
        (ClaudeCode, Moment::BeforeTool, "before-tool", "PreToolUse"),
        (ClaudeCode, Moment::BeforeTool, "pre_tool_use", "PreToolUse"),
        (ClaudeCode, Moment::AfterTool, "posttoolusefailure", "PostToolUseFailure"),
        (ClaudeCode, Moment::AfterTool, "", "PostToolUse"),
        (Gemini, Moment::Prompt, "prompt", "BeforeAgent"),
        (Gemini, Moment::SessionStart, "sessionstart", "SessionStart"),
    ] {
        assert_eq!(out(&told(), harness, moment, given)["hookSpecificOutput"]["hookEventName"], wanted);
    }
}

#[test]
fn any_text_survives() {
    let nasty = "a\"b\\c\n</x>\r\u{0}\u{1b}[31m\u{2028}\u{202e}é😀{}]\u{7f}\u{fffd}";
    let answer =
        Answer { verdict: Verdict::Deny(nasty.into()), context: Some(nasty.into()), warning: Some(nasty.into()) };
    for harness in Harness::ALL {
        let rendered = answer.render(harness, Moment::BeforeTool, "PreToolUse");
        let said = json_of(&rendered).to_string();
        let escaped = serde_json::to_string(nasty).unwrap();
        assert!(said.contains(&escaped), "{said}");
        assert!(rendered.stderr.starts_with(nasty));
    }
}

#[test]
fn a_denial_without_a_reason_has_one_nevertheless() {
    for why in ["", " \n"] {
        let answer = Answer { verdict: Verdict::Deny(why.into()), ..Answer::default() };
        let rendered = answer.render(Codex, Moment::BeforeTool, "PreToolUse");
        assert!(rendered.deny && !rendered.stderr.trim().is_empty());
    }
}
