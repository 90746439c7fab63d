use crate::harness::Site;

#[test]
fn free_mine_and_over_are_0_and_held_is_10() {
    let site = Site::new();
    let check = |agent: &str, code| {
        let run = site.agent(agent).run(["check", "a", "--json"]).expect(code);
        (run.json()["state"].as_str().unwrap().to_owned(), run.json()["holder"]["agent_id"].clone())
    };
    assert_eq!(check("alice", 0), ("free".to_owned(), serde_json::Value::Null));
    assert!(!site.state("").exists(), "looking makes nothing");
    site.agent("alice").run(["acquire", "a"]).expect(0);
    assert_eq!(check("alice", 0), ("mine".to_owned(), "alice".into()));
    assert_eq!(check("bob", 10), ("held".to_owned(), "alice".into()));
    site.expire("a");
    assert_eq!(check("bob", 0), ("expired".to_owned(), "alice".into()));
    assert_eq!(check("alice", 0), ("expired".to_owned(), "alice".into()));
}

#[test]
fn a_held_one_is_one_line_of_columns_and_a_remark_for_people() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "--reason", "why"]).expect(0);
    let run = site.agent("bob").run(["check", "a"]).expect(10);
    let columns: Vec<_> = run.out.trim_end().split('\t').collect();
    assert_eq!((&columns[..3], columns.len()), (&["held", "a", "alice"][..], 4), "{run}");
    assert!(run.err.starts_with("swarmlock: a is held by alice since "), "{run}");
    assert_eq!(site.agent("bob").run(["-q", "check", "a"]).expect(10).err, "");
}
