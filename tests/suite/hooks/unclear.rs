//! Edits of which it is not clear at once who makes them, where their files are, or which settings count for them.

use serde_json::json;

use super::{
    Session,
    acting::{configure, held, hook, refused, silent, site, unprotected},
    edit_of, warned,
};
use crate::harness::{Run, Site};

/// An edit by a harness in whose environment no agent can have the name that stands there.
fn nameless(site: &Site, members: serde_json::Value) -> Run {
    let payload = Session::new(site, "one").payload("PreToolUse", members);
    let call = site.agent("no name").env("CLAUDE_CODE_SESSION_ID", "one");
    call.run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes())
}

#[test]
fn whoever_cannot_be_named_does_not_edit_what_is_held() {
    let site = site();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let why = refused(&nameless(&site, edit_of(&site.path("a"))), "a is held by alice");
    assert!(why.ends_with("--wait --for-edit"), "{why}");
    let run = nameless(&site, edit_of(&site.path("b"))).expect(0);
    assert!(warned(&run).contains("WITHOUT protection: SWARMLOCK_AGENT: no name"), "{run}");
    assert_eq!(unprotected(&site).len(), 1, "what went on is written down");
    assert!(held(&site, "b").is_none());
    // Files of our own, and tools that only the configuration knows.
    refused(&nameless(&site, edit_of(&site.state("events.log"))), "a file of swarmlock's own");
    configure(&site, "edit_tools = [\"mcp__files__save:to\"]\nfail = \"closed\"\n");
    let save = |to| json!({ "tool_name": "mcp__files__save", "tool_input": { "to": to } });
    refused(&nameless(&site, save("a")), "a is held by alice");
    refused(&nameless(&site, save("b")), "fail = \"closed\"");
    silent(&Session::new(&site, "one").hook("PreToolUse", save("b")));
}

#[test]
fn a_file_that_cannot_be_followed_is_judged_by_the_settings_where_the_agent_works() {
    let site = site();
    std::os::unix::fs::symlink("circle", site.path("circle")).unwrap();
    let one = Session::new(&site, "one");
    let run = one.edit("circle").expect(0);
    assert!(warned(&run).contains("WITHOUT protection"), "{run}");
    assert_eq!(unprotected(&site).len(), 1);
    configure(&site, "fail = \"closed\"\n");
    one.is_refused("circle", "fail = \"closed\"");
    assert_eq!(unprotected(&site)[1]["event"], "refused");
}

#[test]
fn where_the_state_directory_is_told_the_files_of_other_places_are_no_affair_of_ours() {
    let (here, outside) = (site(), Site::outside_git());
    let edit = |file: std::path::PathBuf| {
        let payload = Session::new(&here, "one").payload("PreToolUse", edit_of(&file));
        let call = here.nobody().env("SWARMLOCK_DIR", here.state(""));
        call.run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes())
    };
    for settings in ["", "fail = \"closed\"\n"] {
        configure(&here, settings);
        silent(&edit(outside.path("plan.md")));
        assert_eq!(unprotected(&here), Vec::<serde_json::Value>::new());
    }
    silent(&edit(here.path("a")));
    assert!(held(&here, "a").is_some(), "the control: its own files are");
}

#[test]
fn files_of_two_checkouts_in_one_call_are_each_judged_by_the_settings_of_their_own() {
    let (here, there) = (site(), site());
    configure(&there, "auto_acquire = false\n");
    let patch = format!(
        "*** Begin Patch\n*** Add File: {}\n+x\n*** Add File: {}\n+x\n*** End Patch",
        here.path("a").display(),
        there.path("a").display()
    );
    let one = Session::new(&here, "one");
    let payload = one.payload("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch } }));
    // With a name from the environment the settings of the first are read before those of the second.
    for call in [here.nobody(), here.agent("alice")] {
        silent(&call.run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes()));
        assert!(held(&here, "a").is_some() && held(&there, "a").is_none());
        one.stops();
    }
}

#[test]
fn the_configuration_may_know_more_files_of_a_tool_that_is_known() {
    let site = site();
    site.agent("alice").run(["acquire", "to"]).expect(0);
    let rename = r#"{"session_id":"one","tool_name":"rename","tool_input":{"path":"from","to":"to"}}"#;
    let call = || hook(&site, &["before-tool", "--harness", "generic"], rename);
    assert_eq!(call().expect(0).json()["decision"], "allow", "the control: nothing says that `to` is a file");
    configure(&site, "edit_tools = [\"rename:path,to\"]\n");
    let run = call().expect(2);
    assert!(run.json()["reason"].as_str().unwrap().contains("to is held by alice"), "{run}");
}

#[test]
fn the_end_of_a_session_leaves_agents_alone_whose_names_only_begin_like_its_own() {
    let site = site();
    let edit = |agent: &str, file: &str| {
        let payload = Session::new(&site, agent).payload("PreToolUse", edit_of(&site.path(file)));
        silent(&site.agent(agent).run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes()));
    };
    for (agent, file) in [("web", "a"), ("web.api", "b"), ("web.0123abcd", "c")] {
        edit(agent, file);
    }
    let payload = Session::new(&site, "web").payload("SessionEnd", json!({ "reason": "other" }));
    silent(&site.agent("web").run_with_stdin(["hook", "SessionEnd"], payload.to_string().as_bytes()));
    assert_eq!(held(&site, "b").unwrap().0, "web.api");
    assert!(held(&site, "a").is_none() && held(&site, "c").is_none(), "the control: its own and its subagents' end");
}

#[test]
fn a_damaged_lock_keeps_no_other_one_beyond_the_turn() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("a");
    one.edits("b");
    site.plant("locks/paths/-/a.lock", "garbage");
    let warning = warned(&one.stops());
    assert!(warning.contains("a.lock could not be released: ") && warning.contains("damaged"), "{warning}");
    assert!(!site.lock_file("b").exists());
    assert!(site.lock_file("a").exists(), "the control");
}

#[test]
fn a_full_log_of_unprotected_edits_is_said() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("a");
    site.plant("locks/paths/-/a.lock", "garbage");
    let control = warned(&one.edit("a").expect(0));
    assert!(control.contains("WITHOUT protection") && !control.contains("is full"), "the control: {control}");
    let line = std::fs::read_to_string(site.state("unprotected.log")).unwrap();
    site.plant("unprotected.log", line.repeat(1024 * 1024 / line.len() + 1));
    let warning = warned(&one.edit("a").expect(0));
    assert!(warning.contains("WITHOUT protection") && warning.contains("unprotected.log is full"), "{warning}");
}
