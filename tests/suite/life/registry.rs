//! The registry, and the beats that say that their agent is in it.

use std::fs;

use super::edit_beat;
use crate::harness::Site;

/// Makes the beat so old that the next change writes another.
fn due(site: &Site, agent: &str) {
    edit_beat(site, agent, |beat| beat["mono_ms"] = 0.into());
}

fn registered(site: &Site) -> Vec<String> {
    let listed = site.nobody().run(["agents", "list", "--json"]).expect(0).json_lines();
    listed.iter().map(|agent| agent["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_goes_on_working_is_entered_again_after_the_registry_was_removed() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "b"]).expect(0);
    assert_eq!(registered(&site), ["alice", "bob"]);
    fs::remove_file(site.state("ACTIVE_AGENTS.json")).unwrap();
    due(&site, "alice");
    site.agent("alice").run(["acquire", "c"]).expect(0);
    assert_eq!(registered(&site), ["alice"], "bob has done nothing yet");
    site.agent("bob").run(["inbox"]).expect(0);
    assert_eq!(registered(&site), ["alice", "bob"]);
}

/// Else the one before could pass because every change enters its agent.
#[test]
fn control_a_beat_that_says_so_enters_nobody_twice() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("alice").run(["agents", "retire"]).expect(0);
    due(&site, "alice");
    site.agent("alice").run(["acquire", "c"]).expect(0);
    assert_eq!(registered(&site), [""; 0], "who has retired stays so until she registers, sends or reads");
}
