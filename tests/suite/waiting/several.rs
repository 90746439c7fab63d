//! Waiting for several resources: all or none.

use super::*;

#[test]
fn who_waits_for_several_holds_nothing_and_keeps_others_from_each_of_them() {
    let site = made();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "b"]).expect(0);
    let carol = waits(&site, "carol", &["a", "b", "c"]);
    let number = ticket_of(&site, "carol").number;
    let none_of_hers = || held(&site).iter().all(|(_, agent)| agent != "carol");
    assert!(none_of_hers());
    // Nobody holds c, and who comes later gets it no more than what is held.
    for (resource, code) in [("a", 10), ("b", 10), ("c", 10), ("*.rs", 0)] {
        let run = site.agent("dave").run(["acquire", resource]).expect(code);
        let behind = run.err.contains("others come first: carol");
        assert_eq!(behind, resource == "c", "{run}");
    }
    let check = site.agent("dave").run(["check", "c", "--json"]).expect(10).json();
    assert_eq!((&check["state"], &check["before"][0]["agent_id"]), (&"queued".into(), &"carol".into()));
    site.agent("alice").run(["release", "a"]).expect(0);
    // One is free now; it is hers to come, not hers yet.
    let refused = site.agent("dave").run(["acquire", "a"]).expect(10);
    assert!(refused.err.contains("others come first: carol"), "{refused}");
    assert!(none_of_hers() && is_waiting(&site, "carol") && ticket_of(&site, "carol").number == number);
    site.agent("bob").run(["release", "b"]).expect(0);
    let run = granted(carol);
    assert_eq!(run.out.lines().count(), 3, "{run}");
    assert_eq!(held(&site).iter().filter(|(_, agent)| agent == "carol").count(), 3);
}

#[test]
fn paths_in_a_directory_that_is_waited_for_are_waited_for() {
    let site = made();
    site.file("src/a.rs");
    site.file("src/b.rs");
    site.agent("alice").run(["acquire", "src/a.rs"]).expect(0);
    let bob = waits(&site, "bob", &["src"]);
    let refused = site.agent("carol").run(["acquire", "src/b.rs"]).expect(10);
    assert!(refused.err.contains("others come first: bob"), "{refused}");
    site.agent("carol").run(["acquire", "src/*.rs"]).expect(10);
    // The controls: what does not overlap, and what alice has of it already.
    site.agent("carol").run(["acquire", "docs"]).expect(0);
    site.agent("alice").run(["acquire", "src/b.rs"]).expect(0);
    site.agent("alice").run(["release", "--mine"]).expect(0);
    granted(bob);
}
