//! Edits of which it is not clear at once who makes them, where their files are, or which settings count for them.

use serde_json::json;

use super::{
    Session,
    acting::{configure, held, silent, site},
    edit_of, warned,
};

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
