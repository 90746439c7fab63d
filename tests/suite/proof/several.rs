//! What went wrong once with leases over several resources.

use std::fs;

use serde_json::Value;

use crate::harness::Site;

/// Makes the lease that grants `files` expire where its life is kept.
fn expire(site: &Site, last: &str) {
    site.expire(last);
    let state = site.agent("erin").run(["check", last]);
    assert!(state.out.starts_with("expired\t"), "the control: {state}");
}

#[test]
fn a_lease_over_several_that_is_over_is_taken_over_whole_by_another_over_the_same() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b", "c"]).expect(0);
    expire(&site, "c");
    site.agent("bob").run(["acquire", "a", "b", "c"]).expect(0);
    for path in ["a", "b", "c"] {
        let lock = site.lock_json(path);
        let agents: Vec<&Value> = lock["holders"].as_array().unwrap().iter().map(|lease| &lease["agent_id"]).collect();
        assert_eq!(agents, ["bob"], "{path}");
        site.agent("carol").run(["check", path]).expect(10);
    }
    site.agent("bob").run(["release", "a", "b", "c"]).expect(0);
}

#[test]
fn a_lease_over_several_that_is_over_is_renewed_whole() {
    let site = Site::new();
    site.agent("bob").run(["acquire", "a", "b", "c"]).expect(0);
    expire(&site, "c");
    site.agent("bob").run(["renew", "a", "b", "c"]).expect(0);
    for path in ["a", "b", "c"] {
        assert_eq!(site.lock_json(path)["holders"].as_array().unwrap().len(), 1, "{path}");
        site.agent("carol").run(["check", path]).expect(10);
    }
}

/// The release of the last of `all` as it stands when it was killed before its commit.
fn killed_before_the_last_goes(site: &Site, all: &[&str]) {
    let last = all.last().unwrap();
    let kept = fs::read(site.lock_file(last)).unwrap();
    site.agent("bob").run(["release", last]).expect(0);
    site.plant(format!("locks/paths/-/{last}.lock"), kept);
}

#[test]
fn a_release_of_the_last_that_was_killed_before_its_commit_can_be_made_again() {
    let site = Site::new();
    site.agent("bob").run(["acquire", "a", "b"]).expect(0);
    killed_before_the_last_goes(&site, &["a", "b"]);
    site.agent("bob").run(["release", "b"]).expect(0);
    assert_eq!(site.lock_json("a")["holders"][0]["resources"], serde_json::json!(["a"]));
    site.agent("carol").run(["check", "a"]).expect(10);
}

#[test]
fn releases_killed_twice_leave_no_damage() {
    let site = Site::new();
    site.agent("bob").run(["acquire", "a", "b", "c"]).expect(0);
    killed_before_the_last_goes(&site, &["a", "b", "c"]);
    killed_before_the_last_goes(&site, &["a", "b"]);
    site.agent("bob").run(["release", "c"]).expect(0);
    for (path, state) in [("a", 10), ("b", 10), ("c", 0)] {
        site.agent("carol").run(["check", path]).expect(state);
    }
    site.agent("bob").run(["release", "--mine"]).expect(0);
    for path in ["a", "b", "c"] {
        site.agent("carol").run(["check", path]).expect(0);
    }
}
