//! Locks that several hold together.

use serde_json::Value;

use super::{columns, edit, events, expire_all, held, lock_files, nothing_is_locked, read, rows, written};
use crate::harness::Site;

const FILE: &str = "paths/-/a.lock";

/// The agents that share `a`.
fn site(agents: &[&str]) -> Site {
    let site = Site::new();
    for agent in agents {
        let run = site.agent(agent).run(["acquire", "a", "--shared", "--reason", agent]).expect(0);
        assert!(run.out.starts_with("acquired\ta\t"), "{run}");
    }
    site
}

/// The entries of the lock file by agent, as they stand there.
fn entries(site: &Site) -> Vec<(String, String)> {
    let lock = read(site, FILE);
    let entry = |holder: &Value| (holder["agent_id"].as_str().unwrap().to_owned(), holder.to_string());
    lock["holders"].as_array().unwrap().iter().map(entry).collect()
}

fn without(mut entries: Vec<(String, String)>, agent: &str) -> Vec<(String, String)> {
    entries.retain(|(holder, _)| holder != agent);
    entries
}

#[test]
fn any_number_share_a_lock_each_with_a_lease_of_its_own_and_a_writer_is_told_of_them() {
    let agents: Vec<String> = (0..20).map(|n| format!("reader-{n:02}")).collect();
    let names: Vec<&str> = agents.iter().map(String::as_str).collect();
    let site = site(&names);
    assert_eq!(lock_files(&site), [FILE]);
    let lock = read(&site, FILE);
    assert_eq!((&lock["mode"], &lock["agent_id"]), (&"shared".into(), &"reader-00".into()));
    let of_each = |key: &str| {
        let mut all: Vec<_> =
            lock["holders"].as_array().unwrap().iter().map(|holder| holder[key].to_string()).collect();
        all.dedup();
        all.len()
    };
    assert_eq!((of_each("fence"), of_each("token"), of_each("lease")), (20, 20, 20));

    let refused = site.agent("writer").run(["acquire", "a"]).expect(10);
    for (at, agent) in names.iter().enumerate() {
        let named = refused.err.contains(&format!("a is held by {agent} (shared) since "));
        assert_eq!(named, at < 10, "{agent}: {refused}");
    }
    assert!(refused.err.contains("\nhelp: and 10 more, which swarmlock list shows\n"), "{refused}");
    assert!(refused.err.ends_with("\nnext: swarmlock acquire --wait a\n"), "{refused}");
    let error = site.agent("writer").run(["acquire", "--json", "a"]).expect(10).json_error();
    let holders: Vec<_> = error["holders"].as_array().unwrap().iter().map(|holder| &holder["agent_id"]).collect();
    assert_eq!(holders, names, "{error}");

    let who = site.nobody().run(["who", "a"]).expect(0);
    assert_eq!(columns(&who, 2).iter().map(|row| row[1]).collect::<Vec<_>>(), names, "{who}");
    let list = site.nobody().run(["list"]).expect(0);
    for (line, agent) in list.out.lines().zip(&names) {
        let row: Vec<_> = line.split('\t').collect();
        assert_eq!(
            (&row[..3], &row[5..]),
            (&["a", agent, "live"][..], &[*agent, "shared", "-", "explicit"][..]),
            "{list}"
        );
    }
    let mine = site.agent("reader-07").run(["list", "--mine"]).expect(0);
    assert_eq!(columns(&mine, 2), [["a", "reader-07"]]);
}

#[test]
fn one_who_gives_it_up_leaves_the_others_as_they_were() {
    let site = site(&["alice", "bob", "carol"]);
    for (leaves, left) in [("bob", vec!["alice", "carol"]), ("alice", vec!["carol"])] {
        let before = entries(&site);
        let run = site.agent(leaves).run(["release", "a"]).expect(0);
        assert!(run.out.starts_with("released\ta\t"), "{run}");
        assert_eq!(entries(&site), without(before, leaves));
        assert_eq!(held(&site), rows(&left.iter().map(|agent| ("a", *agent)).collect::<Vec<_>>()));
        assert_eq!(read(&site, FILE)["agent_id"], left[0], "the key that old scripts read");
        assert_eq!(read(&site, FILE)["reason"], left[0]);
        site.agent("writer").run(["acquire", "a"]).expect(10);
        site.agent(leaves).run(["renew", "a"]).expect(12);
        site.agent(leaves).run(["release", "a"]).expect(12);
    }
    site.agent("carol").run(["release", "a"]).expect(0);
    nothing_is_locked(&site);
    site.agent("writer").run(["acquire", "a"]).expect(0);
}

#[test]
fn one_who_renews_it_leaves_the_others_as_they_were() {
    let site = site(&["alice", "bob", "carol"]);
    let before = entries(&site);
    site.agent("bob").run(["renew", "a", "--ttl", "5m"]).expect(0);
    let after = entries(&site);
    assert_eq!(without(after.clone(), "bob"), without(before.clone(), "bob"));
    assert_ne!(after, before, "bob's changed");
    // A token is as good as an id, for its own lease only.
    let token = read(&site, FILE)["holders"][2]["token"].as_str().unwrap().to_owned();
    site.nobody().run(["release", "--token", &token]).expect(0);
    assert_eq!(entries(&site), without(after, "carol"));
}

#[test]
fn one_whose_lease_runs_out_is_no_obstacle_and_the_others_are() {
    let site = site(&["alice", "bob", "carol"]);
    expire_all(&site, "alice");
    let list = site.nobody().run(["list"]).expect(0);
    let states: Vec<_> = columns(&list, 3).iter().map(|row| (row[1], row[2])).collect();
    assert_eq!(states, [("alice", "expired"), ("bob", "live"), ("carol", "live")]);
    let refused = site.agent("writer").run(["acquire", "a"]).expect(10);
    assert!(!refused.err.contains("alice"), "{refused}");
    assert_eq!(entries(&site).len(), 3, "a refusal removes nobody");
    let before = without(entries(&site), "alice");

    let cleaned = site.agent("writer").run(["cleanup"]).expect(0);
    assert_eq!(columns(&cleaned, 4), [["removed", "a", "alice", "expired"]]);
    assert_eq!(entries(&site), before);
    expire_all(&site, "bob");
    expire_all(&site, "carol");
    let taken = site.agent("writer").run(["acquire", "a"]).expect(0);
    assert!(taken.out.starts_with("taken_over\ta\t"), "{taken}");
    for agent in ["bob", "carol"] {
        assert_eq!(
            taken.err.matches(&format!("taken over from {agent}, whose lease was expired")).count(),
            1,
            "{taken}"
        );
    }
    assert_eq!(entries(&site).len(), 1);
    let told: Vec<_> = events(&site, "taken_over").iter().map(|event| event["to"].clone()).collect();
    assert_eq!(told, ["bob", "carol"], "each in an event of its own");
}

#[test]
fn a_share_is_granted_beside_live_ones_after_one_that_is_over() {
    let site = site(&["alice", "bob"]);
    expire_all(&site, "alice");
    let before = without(entries(&site), "alice");
    let run = site.agent("carol").run(["acquire", "a", "--shared"]).expect(0);
    assert!(run.out.starts_with("taken_over\ta\t") && run.err.contains("taken over from alice"), "{run}");
    assert_eq!(without(entries(&site), "carol"), before);
    assert_eq!(held(&site), rows(&[("a", "bob"), ("a", "carol")]));
    // Who was late is granted a new one.
    let run = site.agent("alice").run(["acquire", "a", "--shared"]).expect(0);
    assert!(run.out.starts_with("acquired\ta\t"), "{run}");
    assert_eq!(held(&site).len(), 3);
}

#[test]
fn a_writer_excludes_readers_and_readers_of_what_overlaps_exclude_writers() {
    let site = Site::new();
    for (read, write) in [("src/", "src/a.rs"), ("src/a.rs", "src/"), ("src/**", "src/*.rs"), ("name:n", "name:n")] {
        for agent in ["alice", "bob"] {
            site.agent(agent).run(["acquire", read, "--shared"]).expect(0);
        }
        site.agent("bob").run(["acquire", write, "--shared"]).expect(0);
        let refused = site.agent("carol").run(["acquire", write]).expect(10);
        assert_eq!(refused.err.matches(" (shared) since ").count(), if read == write { 2 } else { 3 }, "{refused}");
        for agent in ["alice", "bob"] {
            // Not even one of them becomes a writer beside the other.
            site.agent(agent).run(["acquire", write]).expect(10);
        }
        for agent in ["alice", "bob"] {
            site.agent(agent).run(["release", "--mine"]).expect(0);
        }
        site.agent("carol").run(["acquire", write]).expect(0);
        let refused = site.agent("alice").run(["acquire", read, "--shared"]).expect(10);
        assert!(refused.err.contains(&format!("{write} is held by carol since ")), "{refused}");
        assert!(
            refused.err.contains(&format!("\nnext: swarmlock acquire --wait --shared {read}")) || read.contains('*'),
            "{refused}"
        );
        site.agent("carol").run(["release", "--mine"]).expect(0);
    }
    nothing_is_locked(&site);
}

#[test]
fn who_waits_for_a_share_does_not_wait_for_other_readers() {
    let site = site(&["alice"]);
    site.agent("bob").run(["wait", "--shared", "a", "--timeout", "0s"]).expect(0);
    site.agent("bob").run(["wait", "a", "--timeout", "0s"]).expect(11);
    site.agent("alice").run(["wait", "a", "--timeout", "0s"]).expect(0);
}

#[test]
fn a_sharer_is_told_by_check_of_those_who_share_it() {
    let site = site(&["alice"]);
    assert!(site.agent("alice").run(["check", "a"]).expect(0).out.starts_with("mine\ta\talice\t"));
    site.agent("bob").run(["acquire", "a", "--shared"]).expect(0);
    // To edit it alice would have to be alone.
    let run = site.agent("alice").run(["check", "--json", "a"]).expect(10);
    let holders: Vec<_> =
        run.json()["holders"].as_array().unwrap().iter().map(|holder| holder["agent_id"].clone()).collect();
    assert_eq!(holders, ["alice", "bob"]);
}

#[test]
fn what_a_later_version_added_to_an_entry_stays_when_another_comes_and_goes() {
    let site = site(&["alice", "bob"]);
    edit(&site, FILE, |lock| {
        lock["added"] = "to the file".into();
        lock["holders"][0]["added"] = "to alice's".into();
    });
    let before = entries(&site);
    site.agent("carol").run(["acquire", "a", "--shared"]).expect(0);
    assert_eq!(without(entries(&site), "carol"), before);
    site.agent("carol").run(["release", "a"]).expect(0);
    assert_eq!((entries(&site), &read(&site, FILE)["added"]), (before, &"to the file".into()));
}

#[test]
fn force_release_ends_all_shares_and_tells_each() {
    let site = site(&["alice", "bob"]);
    let before = written(&site, FILE);
    let dry = site.agent("carol").run(["force-release", "a"]).expect(0);
    assert_eq!(columns(&dry, 3), [["would_release", "a", "alice"], ["would_release", "a", "bob"]]);
    assert_eq!(written(&site, FILE), before);
    let run = site.agent("carol").run(["force-release", "a", "--yes", "--reason", "deploy"]).expect(0);
    assert_eq!(columns(&run, 3), [["released", "a", "alice"], ["released", "a", "bob"]]);
    nothing_is_locked(&site);
    let told: Vec<_> = events(&site, "force_released").iter().map(|event| event["to"].clone()).collect();
    assert_eq!(told, ["alice", "bob"]);
}
