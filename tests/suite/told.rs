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

#[test]
fn waiting_says_once_what_there_is_to_say() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    fs::write(site.state("config.toml"), "no_such_key = 1\n").unwrap();
    let run = site.agent("bob").run(["wait", "a", "--timeout", "300ms"]).expect(11);
    assert_eq!(run.err.matches("going on with the defaults").count(), 1, "{run}");
    assert!(run.err.contains("; waited for "), "{run}");
}

#[test]
fn force_release_names_what_holds_more_than_what_was_named() {
    let site = Site::new();
    fs::create_dir(site.path("src")).unwrap();
    site.agent("alice").run(["acquire", "src"]).expect(0);
    for args in [&["force-release", "src/a"][..], &["force-release", "src/a", "--yes"]] {
        let run = site.agent("bob").run(args).expect(0);
        assert!(run.out.starts_with("free\tsrc/a\t"), "{run}");
        assert!(run.err.contains("no lease is on it; but src/ is held by alice"), "{run}");
    }
}

#[test]
fn status_tells_the_worktree_it_was_asked_in() {
    let site = Site::new();
    let admin = site.path(".git/worktrees/f");
    for dir in [&admin, &site.path("wt")] {
        fs::create_dir_all(dir).unwrap();
    }
    for (file, text) in [
        (site.path(".git/HEAD"), String::new()),
        (admin.join("HEAD"), String::new()),
        (admin.join("commondir"), "../..\n".to_owned()),
        (site.path("wt/.git"), format!("gitdir: {}\n", admin.display())),
    ] {
        fs::write(file, text).unwrap();
    }
    let root = fs::canonicalize(site.root()).unwrap();
    let main = site.agent("alice").run(["status"]).expect(0);
    assert!(main.out.starts_with(&format!("checkout\t{}\n", root.display())), "{main}");
    let linked = site.agent("alice").within(site.path("wt")).run(["status"]).expect(0);
    assert!(linked.out.starts_with(&format!("checkout\t{}\tworktree f\n", root.join("wt").display())), "{linked}");
    let json = site.agent("alice").within(site.path("wt")).run(["status", "--json"]).expect(0).json();
    assert_eq!((&json["worktree"], &json["root"]), (&"f".into(), &root.join("wt").to_str().unwrap().into()));
}

#[test]
fn every_record_of_a_change_names_its_resource_and_check_has_the_same_keys_always() {
    let site = Site::new();
    let alice = |args: &[&str]| site.agent("alice").run([args, &["--json"]].concat()).expect(0).json();
    for args in [&["acquire", "a"][..], &["renew", "a"], &["release", "a"]] {
        let record = alice(args);
        assert_eq!((&record["resource"], &record["holder"]["resource"]), (&"a".into(), &"a".into()), "{record}");
    }
    let free = alice(&["check", "a"]);
    alice(&["acquire", "a"]);
    let mine = alice(&["check", "a"]);
    let keys = |record: &serde_json::Value| record.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&free), keys(&mine));
    assert!(free["holder"].is_null() && mine["holder"]["agent_id"] == "alice", "{free} {mine}");
    site.expire("a");
    let removed = alice(&["cleanup"]);
    assert_eq!((&removed["result"], &removed["resource"]), (&"removed".into(), &"a".into()));
}

#[test]
fn who_ends_a_lease_of_its_own_is_not_told_of_it() {
    let site = Site::new();
    for resource in ["a", "b"] {
        site.agent("alice").run(["acquire", resource]).expect(0);
    }
    site.agent("alice").run(["force-release", "a", "--yes"]).expect(0);
    site.agent("bob").run(["force-release", "b", "--yes"]).expect(0);
    let told: Vec<_> = site.nobody().run(["history", "--json"]).expect(0).json_lines();
    let told: Vec<_> =
        told.iter().filter(|event| event["event"] == "force_released").map(|event| &event["to"]).collect();
    assert_eq!(told, [&serde_json::Value::Null, &"alice".into()]);
}

#[test]
fn releasing_a_file_names_the_lock_on_the_directory_around_it() {
    let site = Site::new();
    fs::create_dir(site.path("src")).unwrap();
    site.agent("alice").run(["acquire", "src"]).expect(0);
    let run = site.agent("alice").run(["release", "src/a"]).expect(0);
    assert!(run.err.contains("src/a: no lease is on it; but src/ is held by alice"), "{run}");
    assert!(run.err.contains("; that is yours: swarmlock release src/\n"), "{run}");
    let below = site.agent("alice").within(site.path("src")).run(["release", "a"]).expect(0);
    assert!(below.err.contains("; that is yours: swarmlock release ./\n"), "{below}");
    let other = site.agent("bob").run(["release", "src/a"]).expect(0);
    assert!(other.err.contains("src/ is held by alice") && !other.err.contains("yours"), "{other}");
    let control = site.agent("alice").run(["release", "other"]).expect(0);
    assert!(control.err.contains("other: nobody holds it"), "{control}");
}
