use std::borrow::Cow;

use crate::domain::hooks::{BadPayload, Harness, Payload, Writes, is_whole, writes};

fn parse(text: &str) -> Payload<'_> {
    Payload::parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{bad}: {text}"))
}

#[test]
fn the_session_is_found_under_every_name() {
    let table = [
        (r#"{"session_id":"s"}"#, Some("s")),
        (r#"{"sessionID":"s"}"#, Some("s")),
        (r#"{"sessionId":"s"}"#, Some("s")),
        (r#"{"conversation_id":"s"}"#, Some("s")),
        (r#"{"thread_id":"s"}"#, Some("s")),
        (r#"{"session_id":"other","conversation_id":"s"}"#, Some("s")),
        (r#"{"conversation_id":"","session_id":"s"}"#, Some("s")),
        (r#"{"conversation_id":null,"session_id":"s"}"#, Some("s")),
        (r#"{"session_id":"first","session_id":"s"}"#, Some("s")),
        (r#"{"session_id":"first","session_id":null}"#, None),
        (r#"{"session_id":7}"#, Some("7")),
        (r#"{"session_id":[]}"#, None),
        (r#"{"session_id":{"session_id":"s"}}"#, None),
        (r#"{"session_id":true}"#, None),
        (r#"{"session_id":""}"#, None),
        (r#"{"\u0073ession_id":"s"}"#, Some("s")),
        (r#"{"Session_Id":"s"}"#, None),
        ("{}", None),
    ];
    for (text, wanted) in table {
        assert_eq!(parse(text).session.as_deref(), wanted, "{text}");
    }
}

#[test]
fn the_other_fields_are_found() {
    let payload = parse(
        r#"{"agent_id":"a1","agent_type":"Explore","cwd":"/w","workspace_roots":["/r","/q"],"hook_event_name":"Stop",
        "tool_name":"Edit","tool_use_id":"t1","source":"compact","reason":"exit","status":"completed","x":[{}]}"#,
    );
    let found = [
        &payload.agent_id,
        &payload.agent_type,
        &payload.cwd,
        &payload.workspace_root,
        &payload.event_name,
        &payload.tool_name,
        &payload.tool_use_id,
        &payload.source,
        &payload.reason,
        &payload.status,
    ];
    let found: Vec<_> = found.into_iter().map(|field| field.as_deref().unwrap()).collect();
    assert_eq!(found, ["a1", "Explore", "/w", "/r", "Stop", "Edit", "t1", "compact", "exit", "completed"]);
    assert_eq!(parse(r#"{"subagent_id":"a","agent_id":"b"}"#).agent_id.as_deref(), Some("b"));
    assert_eq!(parse(r#"{"subagent_id":"a"}"#).agent_id.as_deref(), Some("a"));
    for roots in ["[]", "null", "[7,\"/r\"]", "\"/r\"", "{}"] {
        let text = format!("{{\"workspace_roots\":{roots}}}");
        assert!(parse(&text).workspace_root.is_none_or(|root| root == "7"), "{text}");
    }
}

#[test]
fn a_turn_that_goes_on_by_a_hook_is_known() {
    let table = [
        (r#"{"stop_hook_active":true}"#, true),
        (r#"{"stop_hook_active":"true"}"#, true),
        (r#"{"stop_hook_active":1}"#, true),
        (r#"{"stop_hook_active":"1"}"#, true),
        (r#"{"loop_count":1}"#, true),
        (r#"{"loop_count":"2"}"#, true),
        (r#"{"loop_count":0}"#, false),
        (r#"{"loop_count":null}"#, false),
        (r#"{"stop_hook_active":false}"#, false),
        (r#"{"stop_hook_active":"false"}"#, false),
        (r#"{"stop_hook_active":0}"#, false),
        (r#"{"stop_hook_active":[true]}"#, false),
        (r#"{"stop_hook_active":true,"stop_hook_active":false}"#, false),
        ("{}", false),
    ];
    for (text, wanted) in table {
        assert_eq!(parse(text).stop_hook_active, wanted, "{text}");
    }
}

#[test]
fn what_stands_around_the_object_does_not_matter() {
    for text in
        ["\u{feff}{\"cwd\":\"/w\"}", " \r\n\t{\"cwd\":\"/w\"}\n", "{\"cwd\":\"/w\"}garbage \0", "{\"cwd\":\"/w\"}{}"]
    {
        assert_eq!(parse(text).cwd.as_deref(), Some("/w"), "{text:?}");
    }
}

#[test]
fn what_is_no_payload_is_told() {
    let table: [(&[u8], BadPayload); 16] = [
        (b"", BadPayload::Empty),
        (b" \n\t", BadPayload::Empty),
        (b"\xef\xbb\xbf", BadPayload::Empty),
        (b"null", BadPayload::NoObject),
        (b"[]", BadPayload::NoObject),
        (b"\"{}\"", BadPayload::NoObject),
        (b"7", BadPayload::NoObject),
        (b"nul", BadPayload::Broken(0)),
        (b"\x00\x01", BadPayload::Broken(0)),
        (b"\xff\xfe{\x00", BadPayload::Broken(0)),
        (b"{\"a\":NaN}", BadPayload::Broken(5)),
        (b"\xef\xbb\xbf{\"a\":NaN}", BadPayload::Broken(8)),
        (b"{\"a\":1,}", BadPayload::Broken(7)),
        (b"{\"a\"", BadPayload::Cut),
        (b"{\"a\":\"\xff", BadPayload::Cut),
        (b"{", BadPayload::Cut),
    ];
    for (bytes, wanted) in table {
        assert_eq!(Payload::parse(bytes), Err(wanted), "{bytes:?}");
        assert!(!is_whole(bytes), "{bytes:?}");
        assert!(wanted.to_string().starts_with("the payload on standard input"));
    }
}

#[test]
fn nesting_of_any_depth_is_stepped_over() {
    let deep = |inner: &str| format!("{}{}", inner.repeat(100_000), "}".repeat(100_000));
    let arrays = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for nested in [deep("{\"file_path\":"), arrays.clone()] {
        let nested = nested.replace(":}", ":1}");
        for key in ["other", "session_id", "tool_input", "workspace_roots", "stop_hook_active", "file_path"] {
            let text = format!("{{\"{key}\":{nested},\"cwd\":\"/w\",\"tool_name\":\"Edit\"}}");
            let payload = parse(&text);
            assert_eq!(payload.cwd.as_deref(), Some("/w"));
            assert_eq!(writes(Harness::ClaudeCode, &payload, &[]), Writes::Unnamed);
        }
    }
    let text = format!(r#"{{"tool_name":"Edit","tool_input":{{"x":{arrays},"file_path":"a"}}}}"#);
    assert_eq!(writes(Harness::ClaudeCode, &parse(&text), &[]), Writes::Files(vec!["a".into()]));
}

#[test]
fn a_field_that_is_not_needed_is_not_copied() {
    let big = format!("{}\\n", "x".repeat(1_000)).repeat(16_000);
    let text = format!(
        r#"{{"session_id":"s","prompt":"{big}","tool_name":"Write","tool_input":{{"file_path":"a","content":"{big}"}}}}"#
    );
    let payload = parse(&text);
    assert!(matches!(payload.session, Some(Cow::Borrowed("s"))));
    let Writes::Files(files) = writes(Harness::ClaudeCode, &payload, &[]) else { panic!() };
    assert!(matches!(files[..], [Cow::Borrowed("a")]));
}

#[test]
fn bytes_that_are_no_utf_8_do_not_hide_the_file() {
    let payload = b"{\"tool_name\":\"Write\",\"tool_input\":{\"content\":\"\xe9\xff\\ud800\",\"file_path\":\"a\"}}";
    let payload = Payload::parse(payload).unwrap();
    assert_eq!(writes(Harness::ClaudeCode, &payload, &[]), Writes::Files(vec!["a".into()]));
}

#[test]
fn a_whole_object_is_known_before_the_stream_ends() {
    for whole in ["{}", " {\"a\":\"}\"} \n", "\u{feff}{}", "{}}", "{\"a\":{}}"] {
        assert!(is_whole(whole.as_bytes()), "{whole}");
    }
    for part in ["", "{", "{\"a\":{}", "{\"a\":\"}", "{\"a\":\"}\"", "[{}", "[]", "}", "\"}"] {
        assert!(!is_whole(part.as_bytes()), "{part}");
    }
}

#[test]
fn every_beginning_of_a_payload_is_either_cut_or_empty() {
    let text = r#"{"session_id":"s\u0041","tool_input":{"file_path":"a","n":-1.5,"b":[true,null]},"cwd":"/w"}"#;
    for end in 0..text.len() {
        let bad = Payload::parse(&text.as_bytes()[..end]).unwrap_err();
        // A number or a word that is cut may be taken for a broken one.
        assert!(!matches!(bad, BadPayload::NoObject), "{end}");
        assert!(!is_whole(&text.as_bytes()[..end]), "{end}");
    }
    assert!(Payload::parse(text.as_bytes()).is_ok());
}
