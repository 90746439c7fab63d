//! What commands tell of a text that named something else when it was locked, and of leases over several resources.

use std::fs;

use crate::harness::Site;

/// The second column, and the third.
fn events(out: &str) -> Vec<(&str, &str)> {
    let columns = out.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    columns.map(|columns| (columns[1], columns[2])).collect()
}

#[test]
fn history_finds_what_was_locked_under_a_text_whatever_it_is_now() {
    let site = Site::new();
    fs::create_dir(site.path("dir")).unwrap();
    for resource in ["dir", "[id].tsx", "other"] {
        site.agent("alice").run(["acquire", resource]).expect(0);
    }
    fs::remove_dir(site.path("dir")).unwrap();
    site.file("dir");
    site.file("[id].tsx");
    site.agent("alice").run(["acquire", "[id].tsx"]).expect(0);
    let history = |args: &[&str]| site.nobody().run([&["history"], args].concat()).expect(0).out;
    assert_eq!(events(&history(&["dir"])), [("acquired", "dir/")]);
    assert_eq!(history(&["[id].tsx"]).lines().count(), 2, "the pattern and the file");
    let literal = history(&["[id].tsx", "--literal"]);
    assert_eq!(literal.lines().count(), 1, "{literal}");
    assert_eq!(history(&["gone*", "--literal"]), "");
    site.nobody().run(["history", "--literal"]).expect(2);
}

#[test]
fn history_tells_modes_and_what_a_lease_is_on_together() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b", "--shared"]).expect(0);
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let a = site.nobody().run(["history", "a"]).expect(0).out;
    assert_eq!(events(&a), [("acquired", "b"), ("mode_changed", "a")], "{a}");
    let details: Vec<_> = a.lines().map(|line| line.rsplit('\t').next().unwrap()).collect();
    assert_eq!(details, ["shared; on a, b", "exclusive now"], "{a}");
    let b = site.nobody().run(["history", "b"]).expect(0).out;
    assert!(!b.contains("mode_changed"), "b stays as it was: {b}");
}

/// A file and a pattern that is spelled as it is, each locked by another agent.
fn spelled_alike() -> Site {
    let site = Site::new();
    site.agent("bob").run(["acquire", "[id].tsx"]).expect(0);
    site.agent("alice").run(["acquire", "[id].tsx", "--literal"]).expect(0);
    site
}

#[test]
fn a_literal_text_is_never_taken_for_a_pattern() {
    let site = spelled_alike();
    let forced = site.nobody().run(["force-release", "[id].tsx", "--literal", "--yes"]).expect(0);
    assert!(forced.out.contains("\talice\t"), "{forced}");
    assert!(site.nobody().run(["list"]).expect(0).out.contains("\tbob\t"));
    let free = site.nobody().run(["check", "[id].tsx", "--literal"]).expect(0);
    assert!(free.out.starts_with("free\t"), "{free}");
    // The control: without the flag the pattern is meant.
    site.nobody().run(["check", "[id].tsx"]).expect(10);
    let pattern = spelled_alike().nobody().run(["force-release", "[id].tsx", "--yes"]).expect(0);
    assert!(pattern.out.contains("\tbob\t"), "{pattern}");
}
