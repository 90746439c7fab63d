use crate::domain::hooks::{BadEditTool, EditTool, Harness, MOST_FILES, Payload, Writes, writes};

fn tools(words: &[&str]) -> Vec<EditTool> {
    words.iter().map(|word| EditTool::parse(word).unwrap()).collect()
}

fn found(words: &[&str], payload: &str) -> String {
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    match writes(Harness::ClaudeCode, &payload, &tools(words)) {
        Writes::Files(files) => files.join(" "),
        Writes::TooMany(first) => format!("more than {}", first.len()),
        other @ (Writes::Nothing | Writes::Unnamed) => format!("{other:?}"),
    }
}

#[test]
fn tools_of_the_configuration_write_what_their_keys_name() {
    let table = [
        (r#"{"tool_name":"mcp__fs__write_file","tool_input":{"path":"a","content":"b"}}"#, "a"),
        (r#"{"tool_name":"mcp__fs__move_file","tool_input":{"destination":"b","source":"a"}}"#, "a b"),
        (r#"{"tool_name":"mcp__fs__move_file","tool_input":{"source":["a","b","a"],"destination":7}}"#, "a b 7"),
        (r#"{"tool_name":"mcp__fs__move_file","tool_input":"{\"source\":\"a\"}"}"#, "a"),
        (r#"{"tool_name":"mcp__fs__move_file","tool_input":{}}"#, "Unnamed"),
        (r#"{"tool_name":"mcp__fs__move_file"}"#, "Unnamed"),
        (r#"{"tool_name":"mcp__git__add","tool_input":{"file":"a"}}"#, "a"),
        // Of a pattern it is not known that each tool writes.
        (r#"{"tool_name":"mcp__git__log","tool_input":{"n":1}}"#, "Nothing"),
        (r#"{"tool_name":"mcp__other__write","tool_input":{"path":"a"}}"#, "Nothing"),
        (r#"{"tool_name":"MCP__fs__write_file","tool_input":{"path":"a"}}"#, "Nothing"),
        // A tool that is known keeps its own keys.
        (r#"{"tool_name":"Edit","tool_input":{"file_path":"a","also":"b"}}"#, "b a"),
    ];
    let words = ["mcp__fs__write_file:path", "mcp__fs__move_file:source,destination", "mcp__git__*:file", "Edit:also"];
    for (payload, wanted) in table {
        assert_eq!(found(&words, payload), wanted, "{payload}");
    }
    assert_eq!(found(&["*:path"], r#"{"tool_name":"x","tool_input":{"path":"a"}}"#), "a");
    assert_eq!(found(&["MCP:write:path"], r#"{"tool_name":"MCP:write","tool_input":{"path":"a"}}"#), "a");
}

#[test]
fn words_that_name_no_tool_are_refused() {
    let table = [
        ("", BadEditTool::NoKeys),
        ("mcp__fs__write", BadEditTool::NoKeys),
        (":path", BadEditTool::NoName),
        ("a*b:path", BadEditTool::Star),
        ("**:path", BadEditTool::Star),
        ("a b:path", BadEditTool::Blank),
        ("a\n:path", BadEditTool::Blank),
        ("a:", BadEditTool::Key),
        ("a:b,", BadEditTool::Key),
        ("a:b c", BadEditTool::Key),
        ("a:b,*", BadEditTool::Key),
    ];
    for (word, wanted) in table {
        assert_eq!(EditTool::parse(word), Err(wanted), "{word:?}");
        assert!(!wanted.to_string().is_empty());
    }
}

#[test]
fn more_files_than_may_be_named_are_an_error() {
    let names = |count: usize| (0..count).map(|n| format!("\"f{n}\"")).collect::<Vec<_>>().join(",");
    let call = |count| format!(r#"{{"tool_name":"t","tool_input":{{"paths":[{},"f0"]}}}}"#, names(count));
    assert_eq!(found(&["t:paths"], &call(MOST_FILES)).split(' ').count(), MOST_FILES);
    assert_eq!(found(&["t:paths"], &call(MOST_FILES + 1)), format!("more than {MOST_FILES}"));
}
