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

#[test]
fn what_nobody_holds_but_others_wait_for_is_queued_for_all_but_the_first() {
    let site = crate::waiting::held_by_alice();
    let check = |agent: &str, code| {
        let run = site.agent(agent).run(["check", "name:x", "--json"]).expect(code).json();
        (run["state"].as_str().unwrap().to_owned(), run["before"].as_array().unwrap().len())
    };
    site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10);
    assert_eq!(check("bob", 10), ("held".to_owned(), 0));
    site.agent("alice").run(["release", "name:x"]).expect(0);
    assert_eq!(check("bob", 0), ("free".to_owned(), 0));
    assert_eq!(check("alice", 10), ("queued".to_owned(), 1));
    let nobody = site.nobody().run(["check", "name:x"]).expect(10);
    assert!(nobody.out.starts_with("queued\tname:x\t-\t-"), "{nobody}");
}
