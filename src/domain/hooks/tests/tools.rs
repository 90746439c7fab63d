use super::{files_of, written};
use crate::domain::hooks::Harness;

use Harness::{ClaudeCode, Codex, Cursor, Gemini, Generic, Opencode};

#[test]
fn each_harness_has_its_tools() {
    let table = [
        (ClaudeCode, r#""Edit","tool_input":{"file_path":"/w/a","old_string":"/w/b","new_string":"c"}"#),
        (ClaudeCode, r#""Write","tool_input":{"file_path":"/w/a","content":"{\"file_path\":\"/w/b\"}"}"#),
        (ClaudeCode, r#""MultiEdit","tool_input":{"file_path":"/w/a","edits":[{"file_path":"/w/b"}]}"#),
        (ClaudeCode, r#""NotebookEdit","tool_input":{"notebook_path":"/w/a","new_source":""}"#),
        (Gemini, r#""write_file","tool_input":{"file_path":"/w/a","content":""}"#),
        (Gemini, r#""replace","tool_input":{"absolute_path":"/w/a"}"#),
        (Gemini, r#""edit","tool_input":{"file_path":"/w/a"}"#),
        (Cursor, r#""Write","tool_input":{"path":"/w/a","contents":""}"#),
        (Cursor, r#""StrReplace","tool_input":{"path":"/w/a"}"#),
        (Cursor, r#""search_replace","tool_input":{"file_path":"/w/a"}"#),
        (Cursor, r#""edit_file","tool_input":{"target_file":"/w/a"}"#),
        (Cursor, r#""Delete","tool_input":{"path":"/w/a"}"#),
        (Cursor, r#""EditNotebook","tool_input":{"target_notebook":"/w/a"}"#),
        (Opencode, r#""edit","args":{"filePath":"/w/a"}"#),
        (Opencode, r#""write","tool_input":{"filePath":"/w/a"}"#),
        (Opencode, r#""apply_patch","args":{"patchText":"*** Begin Patch\n*** Add File: /w/a\n+x\n*** End Patch"}"#),
        (Codex, r#""apply_patch","tool_input":{"command":"*** Begin Patch\n*** Add File: /w/a\n+x\n*** End Patch"}"#),
        (Codex, r#""apply_patch","tool_input":{"command":["apply_patch","*** Begin Patch\n*** Add File: /w/a\n+x"]}"#),
        (Codex, r#""apply_patch","tool_input":{"input":"*** Begin Patch\n*** Delete File: /w/a\n*** End Patch"}"#),
        (Codex, r#""apply_patch","tool_input":{"patch":"*** Begin Patch\n*** Delete File: /w/a\n*** End Patch"}"#),
        (Codex, r#""apply_patch","tool_input":"*** Begin Patch\n*** Delete File: /w/a\n*** End Patch""#),
        (Codex, r#""Write","tool_input":{"file_path":"/w/a"}"#),
        (Codex, r#""Bash","tool_input":{"command":"apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: /w/a\n+x"}"#),
        (
            Codex,
            r#""shell","tool_input":{"command":["bash","-lc","apply_patch <<'E'\n*** Begin Patch\n*** Add File: /w/a"]}"#,
        ),
        // A tool of one harness in another.
        (Generic, r#""NotebookEdit","tool_input":{"notebook_path":"/w/a"}"#),
        (ClaudeCode, r#""apply_patch","tool_input":{"input":"*** Begin Patch\n*** Add File: /w/a"}"#),
        (Generic, r#""rewrite","tool_input":{"path":"/w/a"}"#),
    ];
    for (harness, call) in table {
        let payload = format!("{{\"tool_name\":{call}}}");
        assert_eq!(files_of(harness, &payload), ["/w/a"], "{call}");
    }
}

#[test]
fn a_patch_names_several_files_once_each() {
    let patch = "*** Begin Patch\\n*** Update File: a\\n*** Move to: b\\n@@\\n*** Add File: c d\\n+\\ud800\\n*** Delete File: a";
    let payload = format!(r#"{{"tool_name":"apply_patch","tool_input":{{"command":"{patch}"}}}}"#);
    assert_eq!(files_of(Codex, &payload), ["a", "b", "c d"]);
}

#[test]
fn names_in_a_patch_count_from_where_the_shell_is() {
    let table = [
        (r#"{"command":"cd sub && apply_patch <<'EOF'\nPATCH"}"#, "sub/a"),
        (r#"{"command":"cd sub\napply_patch <<'EOF'\nPATCH"}"#, "sub/a"),
        (r#"{"command":"cd sub || exit 1\nset -e\napply_patch <<'EOF'\nPATCH"}"#, "sub/a"),
        (r#"{"command":"(cd sub && apply_patch <<'EOF'\nPATCH)"}"#, "sub/a"),
        (r#"{"command":"cd 'app/(group)' && cd deep && apply_patch <<'EOF'\nPATCH"}"#, "app/(group)/deep/a"),
        (r#"{"command":"cd sub && cd /w && apply_patch <<'EOF'\nPATCH"}"#, "/w/a"),
        (r#"{"command":["bash","-lc","cd sub\napply_patch <<'EOF'\nPATCH"]}"#, "sub/a"),
        (r#"{"command":"cd 'my sub/' && apply_patch <<'EOF'\nPATCH"}"#, "my sub/a"),
        (r#"{"command":"set -e; cd /w/sub && apply_patch <<'EOF'\nPATCH"}"#, "/w/sub/a"),
        (r#"{"command":"apply_patch <<'EOF'\nPATCH","workdir":"/w"}"#, "/w/a"),
        (r#"{"command":"cd sub && apply_patch <<'EOF'\nPATCH","working_directory":"/w"}"#, "/w/sub/a"),
        (r#"{"cmd":"apply_patch <<'EOF'\nPATCH"}"#, "a"),
        (r#"{"command":"pushd sub && apply_patch <<'EOF'\nPATCH"}"#, "sub/a"),
        (r#"{"command":"cd ~/w && apply_patch <<'EOF'\nPATCH"}"#, "~/w/a"),
        (r#"{"command":"cd sub && cd ~ && apply_patch <<'EOF'\nPATCH"}"#, "~/a"),
        (r#"{"command":"ls","cmd":"apply_patch <<'EOF'\nPATCH"}"#, "a"),
        (r#"{"command":"cd $DIR && apply_patch <<'EOF'\nPATCH"}"#, "a"),
    ];
    for (input, wanted) in table {
        let input = input.replace("PATCH", "*** Begin Patch\\n*** Update File: a\\n*** End Patch\\nEOF");
        let payload = format!(r#"{{"tool_name":"shell","tool_input":{input}}}"#);
        assert_eq!(files_of(Codex, &payload), [wanted], "{input}");
    }
}

#[test]
fn of_several_patches_in_one_command_each_counts_from_where_the_shell_is_by_then() {
    let patch = |name| format!("*** Begin Patch\\n*** Update File: {name}\\n@@\\n cd content\\n*** End Patch\\nE\\n");
    let command = format!("apply_patch <<'E'\\n{}cd sub\\napply_patch <<'E'\\n{}", patch("a"), patch("b"));
    let payload = format!(r#"{{"tool_name":"Bash","tool_input":{{"command":"{command}"}}}}"#);
    assert_eq!(files_of(ClaudeCode, &payload), ["a", "sub/b"]);
}

/// Which of several keys the tool goes by, only the harness knows.
#[test]
fn a_second_key_hides_no_patch() {
    let patch = |name| format!(r"*** Begin Patch\n*** Add File: {name}\n+x\n*** End Patch");
    for (other, wanted) in [("nothing".to_owned(), vec!["held"]), (patch("a"), vec!["a", "held"])] {
        for key in ["input", "patch", "patchText", "patch_text"] {
            let input = format!(r#"{{"{key}":"{}","command":"{other}"}}"#, patch("held"));
            let payload = format!(r#"{{"tool_name":"apply_patch","tool_input":{input}}}"#);
            assert_eq!(files_of(Opencode, &payload), wanted, "{input}");
        }
    }
    let command = |name| format!(r"apply_patch <<'E'\n{}\nE", patch(name));
    let input =
        format!(r#"{{"command":"{}","cmd":"{}","workdir":"/w","working_directory":"/v"}}"#, command("a"), command("b"));
    let payload = format!(r#"{{"tool_name":"exec_command","tool_input":{input}}}"#);
    assert_eq!(files_of(Codex, &payload), ["/w/a", "/v/a", "/w/b", "/v/b"]);
}

#[test]
fn what_edits_and_names_no_file_is_told_from_what_does_not_edit() {
    let table = [
        (ClaudeCode, r#"{"tool_name":"Edit"}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Edit","tool_input":{}}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Edit","tool_input":{"file_path":""}}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Edit","tool_input":{"file_path":null}}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Edit","tool_input":{"file_path":{"a":"b"}}}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Edit","tool_input":[1]}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Edit","tool_input":"{\"file_path\""}"#, "Unnamed"),
        (Codex, r#"{"tool_name":"apply_patch","tool_input":{"command":"nonsense"}}"#, "Unnamed"),
        (ClaudeCode, r#"{"tool_name":"Read","tool_input":{"file_path":"a"}}"#, "Nothing"),
        (ClaudeCode, r#"{"tool_name":"Bash","tool_input":{"command":"echo > a"}}"#, "Nothing"),
        (
            ClaudeCode,
            r#"{"tool_name":"Bash","tool_input":{"command":"cat *** Begin Patch\n*** Add File: a"}}"#,
            "Nothing",
        ),
        (ClaudeCode, r#"{"tool_name":["Edit"],"tool_input":{"file_path":"a"}}"#, "Nothing"),
        (ClaudeCode, r#"{"tool_input":{"file_path":"a"}}"#, "Nothing"),
        (ClaudeCode, r#"{"file_path":"a"}"#, "Nothing"),
        (Generic, r#"{"tool_name":"shell","tool_input":{"command":"ls","path":"a"}}"#, "Nothing"),
        (Generic, r#"{"tool_name":"think","tool_input":{}}"#, "Nothing"),
        (Generic, "{}", "Nothing"),
        (Cursor, r#"{"hook_event_name":"afterFileEdit"}"#, "Nothing"),
    ];
    for (harness, payload, wanted) in table {
        assert_eq!(written(harness, payload), wanted, "{payload}");
    }
}

#[test]
fn the_generic_form_names_files_in_several_ways() {
    let table = [
        (r#"{"tool_input":{"paths":["a","b","a"]}}"#, "a b"),
        (r#"{"tool_name":"x","tool_input":{"path":"a","paths":["b"]}}"#, "a b"),
        (r#"{"paths":["a","b"]}"#, "a b"),
        (r#"{"path":"a"}"#, "a"),
        (r#"{"file_path":"a"}"#, "a"),
        (r#"{"tool":"x","args":{"file_path":"a"}}"#, "a"),
    ];
    for (payload, wanted) in table {
        assert_eq!(files_of(Generic, payload).join(" "), wanted, "{payload}");
    }
    assert_eq!(files_of(Cursor, r#"{"hook_event_name":"afterFileEdit","file_path":"/w/a","edits":[]}"#), ["/w/a"]);
}

#[test]
fn a_name_is_given_as_it_stands() {
    for name in ["a\\nb", "\\u0000", "-rf", "../x", "é", "a\\\\b", " a "] {
        let payload = format!(r#"{{"tool_name":"Edit","tool_input":{{"file_path":"{name}"}}}}"#);
        let wanted: String = serde_json::from_str(&format!("\"{name}\"")).unwrap();
        assert_eq!(files_of(ClaudeCode, &payload), [wanted]);
    }
}
