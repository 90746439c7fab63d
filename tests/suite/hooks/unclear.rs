//! Edits of which it is not clear at once who makes them, where their files are, or which settings count for them.

use serde_json::json;

use super::{
    Session,
    acting::{configure, held, silent, site},
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
