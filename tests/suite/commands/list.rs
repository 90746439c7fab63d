use std::fs;

use crate::harness::Site;

#[test]
fn every_lock_is_a_row_with_its_state() {
    let site = Site::new();
    assert_eq!(site.nobody().run(["list"]).expect(0).out, "", "nothing is locked where nothing is");
    assert!(!site.state("").exists());
    for (agent, resource) in [("alice", "b"), ("bob", "a"), ("alice", "name:n")] {
        site.agent(agent).run(["acquire", resource, "--reason", "why"]).expect(0);
    }
    site.expire("b");
    for name in ["list", "ls", "list-all-locks"] {
        let run = site.nobody().run([name]).expect(0);
        let rows: Vec<Vec<_>> = run.out.lines().map(|line| line.split('\t').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == 9 && row[5..] == ["why", "exclusive", "-", "explicit"]), "{run}");
        let heads: Vec<_> = rows.iter().map(|row| &row[..3]).collect();
        assert_eq!(heads, [["name:n", "alice", "live"], ["a", "bob", "live"], ["b", "alice", "expired"]], "{run}");
    }
    let json = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    assert_eq!(json.iter().map(|lock| lock["resource"].as_str().unwrap()).collect::<Vec<_>>(), ["name:n", "a", "b"]);
    assert_eq!((&json[2]["state"], &json[2]["left_ms"]), (&"expired".into(), &serde_json::Value::Null));
}

#[test]
fn mine_shows_only_mine_and_needs_a_reliable_identity() {
    let site = Site::new();
    for (agent, resource) in [("alice", "a"), ("bob", "b")] {
        site.agent(agent).run(["acquire", resource]).expect(0);
    }
    let run = site.agent("bob").run(["list", "--mine"]).expect(0);
    assert!(run.out.starts_with("b\tbob\t") && run.out.lines().count() == 1, "{run}");
    site.nobody().run(["list", "--mine"]).expect(2);
}

#[test]
fn no_token_is_shown_to_anybody_but_the_one_who_acquired() {
    let site = Site::new();
    let lease = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    let token = lease["token"].as_str().unwrap();
    assert!(fs::read_to_string(site.lock_file("a")).unwrap().contains(token), "what is looked for is there");
    let calls: [&[&str]; 6] = [&["list"], &["who", "a"], &["check", "a"], &["status"], &["history"], &["acquire", "a"]];
    for call in calls {
        for format in [&[][..], &["--json"]] {
            let run = site.agent("bob").run([call, format].concat());
            assert!(!run.out.contains(token) && !run.err.contains(token), "{call:?}: {run}");
        }
    }
}

#[test]
fn a_damaged_lock_is_reported_and_the_others_are_shown() {
    let site = Site::new();
    for resource in ["a", "b", "c"] {
        site.agent("alice").run(["acquire", resource]).expect(0);
    }
    fs::write(site.lock_file("b"), "{").unwrap();
    let run = site.nobody().run(["list"]).expect(65);
    assert_eq!(run.out.lines().map(|line| &line[..1]).collect::<Vec<_>>(), ["a", "c"], "{run}");
    assert!(run.err.contains("b.lock: damaged: "), "{run}");
}

#[test]
fn how_a_lease_came_about_is_its_last_column() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("alice").run(["acquire", "b", "--for-edit"]).expect(0);
    let last = |run: &crate::harness::Run| run.out.trim_end().rsplit('\t').next().unwrap().to_owned();
    assert_eq!(last(&site.nobody().run(["who", "a"]).expect(0)), "explicit");
    assert_eq!(last(&site.nobody().run(["who", "b"]).expect(0)), "automatic");
    let inside = [&["run", "name:c", "--", crate::harness::BINARY][..], &["who", "name:c"]].concat();
    assert_eq!(last(&site.agent("alice").run(inside).expect(0)), "run");
}
