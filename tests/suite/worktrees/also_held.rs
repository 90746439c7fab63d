//! The same file held in two worktrees: no refusal, but said, for it will be a merge conflict.

use serde_json::Value;

use super::Repositories;

/// main, and a worktree beside it.
fn two(test: &str) -> Option<Repositories> {
    let r = Repositories::with_main(test)?;
    r.git("main", &["worktree", "add", "-q", "../beside"]);
    Some(r)
}

/// Who holds what where, of those that are told.
fn told(json: &Value) -> Vec<[String; 3]> {
    let text = |lease: &Value, key: &str| lease[key].as_str().unwrap_or("-").to_owned();
    let leases = json["also_held"].as_array().map(Vec::as_slice).unwrap_or_default();
    leases.iter().map(|lease| ["agent_id", "resource", "worktree"].map(|key| text(lease, key))).collect()
}

#[test]
fn what_overlaps_in_another_worktree_is_said_and_refuses_nothing() {
    let Some(r) = two("what_overlaps_in_another_worktree_is_said") else { return };
    for (there, here, overlap) in [
        ("src/a.rs", "src/a.rs", true),
        ("src/", "src/a.rs", true),
        ("src/a.rs", "src/", true),
        ("src/", "src/", true),
        ("src/*.rs", "src/a.rs", true),
        ("src/a.rs", "src/*.rs", true),
        ("src/", "**/*.rs", true),
        ("**/*.rs", "src/", true),
        ("src/**", "src/*.rs", true),
        ("new.rs", "new.rs", true),
        // The controls: what does not overlap, and what is common to all.
        ("src/a.rs", "src/b.rs", false),
        ("src/*.toml", "src/*.rs", false),
        ("new/", "src/", false),
    ] {
        for (one, other, worktree, words) in
            [("main", "beside", "-", "the main checkout"), ("beside", "main", "beside", "worktree beside")]
        {
            let what = format!("{there} in {one}, {here} in {other}");
            r.run("alice", one, &["acquire", there, "--reason", "new login"]).expect(0);
            let run = r.run("bob", other, &["acquire", here]);
            assert!(run.code == 0 && run.out.starts_with("acquired\t"), "{what}: {run}");
            let remark =
                format!("also held in {words}, which will be a merge conflict: {there} is held by alice since ");
            assert_eq!(run.err.contains(&remark), overlap, "{what}: {run}");
            assert_eq!(run.err.contains(", for: new login"), overlap, "{what}: {run}");
            let expected = if overlap { vec![["alice", there, worktree].map(str::to_owned)] } else { Vec::new() };
            let again = r.run("bob", other, &["acquire", here, "--json"]).expect(0).json();
            assert_eq!(told(&again), expected, "{what}: {again}");
            let check = r.run("carol", other, &["check", here, "--json"]).expect(10).json();
            assert_eq!((&check["holder"]["agent_id"], told(&check)), (&"bob".into(), expected), "{what}: {check}");
            r.run("bob", other, &["wait", here, "--timeout", "0s"]).expect(0);
            for (agent, dir) in [("alice", one), ("bob", other)] {
                r.run(agent, dir, &["release", "--mine"]).expect(0);
            }
        }
    }
}

#[test]
fn what_is_mine_there_or_over_is_no_conflict_and_a_name_is_one_for_all() {
    let Some(r) = two("what_is_mine_there_or_over_is_no_conflict") else { return };
    r.run("alice", "main", &["acquire", "src/a.rs"]).expect(0);
    let mine = r.run("alice", "beside", &["acquire", "src/a.rs", "--json"]).expect(0);
    assert!(told(&mine.json()).is_empty() && !mine.err.contains("also held"), "{mine}");
    r.run("alice", "main", &["release", "--mine"]).expect(0);

    r.run("alice", "main", &["acquire", "src/a.rs", "--ttl", "1s"]).expect(0);
    // The control: while it is held it is told.
    assert_eq!(told(&r.run("bob", "beside", &["check", "src/a.rs", "--json"]).expect(0).json()).len(), 1);
    let waited = r.run("bob", "main", &["wait", "src/a.rs"]);
    assert_eq!(waited.code, 0, "{waited}");
    let over = r.run("bob", "beside", &["acquire", "src/a.rs", "--json"]).expect(0);
    assert!(told(&over.json()).is_empty() && !over.err.contains("also held"), "{over}");

    r.run("alice", "main", &["acquire", "name:n"]).expect(0);
    let run = r.run("bob", "beside", &["acquire", "name:n"]).expect(10);
    assert!(!run.err.contains("also held"), "{run}");
}

#[test]
fn every_other_worktree_is_looked_at() {
    let Some(r) = two("every_other_worktree_is_looked_at") else { return };
    r.git("main", &["worktree", "add", "-q", ".claude/worktrees/f"]);
    for (agent, dir) in [("alice", "main"), ("bob", "beside")] {
        r.run(agent, dir, &["acquire", "src/a.rs"]).expect(0);
    }
    let third = r.run("carol", "main/.claude/worktrees/f", &["acquire", "src/", "--json"]).expect(0).json();
    let expected = [["alice", "src/a.rs", "-"], ["bob", "src/a.rs", "beside"]];
    assert_eq!(told(&third), expected.map(|one| one.map(str::to_owned)), "{third}");
    // A worktree inside the checkout is no part of it: its tree does not hold what is in there.
    r.run("alice", "main", &["acquire", "."]).expect(0);
    r.run("dave", "main/.claude/worktrees/f", &["acquire", "new.rs"]).expect(0);
}

#[test]
fn from_each_worktree_one_sees_all_locks_and_gives_up_ones_own() {
    let Some(r) = two("from_each_worktree_one_sees_all_locks") else { return };
    r.run("alice", "main", &["acquire", "src/a.rs"]).expect(0);
    r.run("bob", "beside", &["acquire", "src/a.rs"]).expect(0);
    r.run("bob", "beside", &["acquire", "name:n"]).expect(0);
    let columns = |text: &str| {
        let row = |line: &str| {
            let columns: Vec<_> = line.split('\t').collect();
            [columns[0], columns[1], columns[2], columns[7]].map(str::to_owned)
        };
        text.lines().map(row).collect::<Vec<_>>()
    };
    let expected =
        [["name:n", "bob", "live", "-"], ["src/a.rs", "alice", "live", "-"], ["src/a.rs", "bob", "live", "beside"]];
    for dir in ["main", "beside", "beside/src"] {
        let list = r.run("carol", dir, &["list"]).expect(0);
        assert_eq!(columns(&list.out), expected.map(|row| row.map(str::to_owned)), "{dir}");
        let status = r.run("bob", dir, &["status"]).expect(0).out;
        assert!(status.contains("locks\t3 live (2 yours), 0 over, 0 unreadable\n"), "{dir}: {status}");
        assert!(status.contains(&format!("directory\t{}\n", r.path("main/.agent_locks").display())), "{status}");
    }
    // What is held in one is not what is held in the other, from whichever side it is asked about.
    for (cwd, path, holder) in [
        ("main", "src/a.rs", "alice"),
        ("main", "../beside/src/a.rs", "bob"),
        ("beside", "src/a.rs", "bob"),
        ("beside/src", "../../main/src/a.rs", "alice"),
    ] {
        let check = r.run("carol", cwd, &["check", path, "--json"]).expect(10).json();
        assert_eq!(check["holder"]["agent_id"], holder, "{path} from {cwd}");
        for other in ["alice", "bob"] {
            let check = r.run(other, cwd, &["check", path]);
            assert_eq!(check.code, if other == holder { 0 } else { 10 }, "{other}: {path} from {cwd}: {check}");
        }
    }
    r.run("alice", "beside", &["release", "src/a.rs"]).expect(12);
    r.run("bob", "main", &["release", "src/a.rs"]).expect(12);
    assert!(r.run("alice", "beside", &["release", "../main/src/a.rs"]).expect(0).out.starts_with("released\t"));
    assert!(r.run("bob", "main", &["release", "../beside/src/a.rs"]).expect(0).out.starts_with("released\t"));
    assert_eq!(columns(&r.run("carol", "main", &["list"]).expect(0).out).len(), 1);
}

#[test]
fn a_lease_over_files_of_two_worktrees_is_one_and_each_part_is_told() {
    let Some(r) = two("a_lease_over_files_of_two_worktrees_is_one") else { return };
    r.run("alice", "main", &["acquire", "src/a.rs", "../beside/src/a.rs"]).expect(0);
    r.run("bob", "beside", &["acquire", "src/a.rs"]).expect(10);
    r.run("bob", "main", &["acquire", "src/a.rs"]).expect(10);
    let check = r.run("bob", "main", &["check", "src/a.rs", "--json"]).expect(10).json();
    assert_eq!(told(&check), [["alice", "src/a.rs", "beside"].map(str::to_owned)]);
    assert_eq!(r.run("alice", "beside", &["release", "--mine"]).expect(0).out.lines().count(), 2);
    assert_eq!(r.run("carol", "main", &["list"]).expect(0).out, "");
}
