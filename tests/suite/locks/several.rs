//! Several resources under one lease: all or none.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::{columns, events, expire_all, held, lock_files, nothing_is_locked, read, resources, rows, written};
use crate::harness::{Run, Site};

/// A checkout in which alice holds these under one lease.
fn site(texts: &[&str]) -> Site {
    let site = Site::new();
    site.agent("alice").run([&["acquire"], texts].concat()).expect(0);
    site
}

/// What a key has in each line of JSON, without repeats.
fn distinct(lines: &[Value], key: &str) -> BTreeSet<String> {
    lines.iter().map(|line| line.pointer(key).unwrap().to_string()).collect()
}

/// The agent's own view of each.
fn states<'a>(site: &Site, agent: &str, texts: &[&'a str]) -> Vec<(&'a str, String)> {
    let state = |text: &str| {
        let run = site.agent(agent).run(["check", text]);
        run.out.split('\t').next().unwrap().to_owned()
    };
    texts.iter().map(|text| (*text, state(text))).collect()
}

fn all<'a>(texts: &[&'a str], state: &str) -> Vec<(&'a str, String)> {
    texts.iter().map(|text| (*text, state.to_owned())).collect()
}

#[test]
fn one_lease_on_all_in_the_order_of_the_request() {
    let site = Site::new();
    let texts = ["z.rs", "name:deploy", "src/", "a.rs", "lib/**/*.rs"];
    let run = site.agent("alice").run([&["acquire", "--json", "--reason", "why"], &texts[..]].concat()).expect(0);
    let lines = run.json_lines();
    let order: Vec<_> = lines.iter().map(|line| line["holder"]["resource"].as_str().unwrap()).collect();
    assert_eq!(order, texts);
    for key in ["/holder/lease", "/holder/fence", "/token", "/holder/resources", "/holder/until", "/holder/reason"] {
        assert_eq!(distinct(&lines, key).len(), 1, "{key}: {run}");
    }
    assert_eq!(lines[0]["holder"]["resources"].as_array().unwrap().len(), 5);
    assert_eq!(lock_files(&site).len(), 5);
    for line in &lines {
        let who = site.nobody().run(["who", "--json", line["holder"]["resource"].as_str().unwrap()]).expect(0).json();
        assert_eq!((&who["lease"], &who["reason"]), (&line["holder"]["lease"], &"why".into()));
    }
    let [event] = &events(&site, "acquired")[..] else { panic!("one event for all") };
    assert_eq!(event["resources"].as_array().unwrap().len(), 5);
    for text in texts {
        let found = site.nobody().run(["history", text, "--json"]).expect(0).json();
        assert_eq!(found["n"], event["n"], "{text}");
    }
    let row = site.nobody().run(["history", "a.rs"]).expect(0);
    assert!(row.out.contains("\ton ") && row.out.contains("a.rs, "), "{row}");

    let ids = site.agent("alice").run([&["acquire", "--id-only"], &texts[..]].concat()).expect(0);
    assert_eq!(ids.out, format!("{}\n", lines[0]["holder"]["lease"].as_str().unwrap()));
    let ids = site.agent("alice").run([&["acquire", "--id-only", "new"], &texts[..]].concat()).expect(0);
    assert_eq!(ids.out.lines().count(), 2, "one a lease: {ids}");
}

#[test]
fn a_refusal_leaves_nothing_wherever_the_one_that_is_held_stands() {
    for taken in ["a", "m", "z", "name:n", "d/", "d/x", "?", "."] {
        let site = Site::new();
        let bob = site.agent("bob").run(["acquire", "--json", taken]).expect(0).json();
        let before = site.snapshot();
        let locks = |snapshot: &std::collections::BTreeMap<std::path::PathBuf, String>| {
            let below = site.state("locks");
            snapshot
                .iter()
                .filter(|(at, _)| at.starts_with(&below))
                .map(|(at, was)| (at.clone(), was.clone()))
                .collect::<Vec<_>>()
        };
        let run = site.agent("alice").run(["acquire", "--json", "m", "z", "a", "name:n", "d/"]).expect(10);
        assert_eq!(run.out, "", "{taken}: {run}");
        let error = run.json_error();
        assert_eq!(error["holders"].as_array().unwrap().len(), 1, "{error}");
        assert_eq!(
            (&error["holder"]["lease"], &error["next"][0]),
            (&bob["holder"]["lease"], &json!("swarmlock acquire --wait m z a name:n d/"))
        );
        assert!(error["help"].to_string().contains("nothing was locked: it is all or none"), "{error}");
        assert_eq!(locks(&site.snapshot()), locks(&before), "{taken}");
        assert_eq!(lock_files(&site).len(), 1);
        assert_eq!(held(&site).len(), 1);
        // The control: without it all of them are granted.
        site.agent("bob").run(["release", "--mine"]).expect(0);
        site.agent("alice").run(["acquire", "m", "z", "a", "name:n", "d/"]).expect(0);
        assert_eq!(held(&site).len(), 5);
    }
}

#[test]
fn the_same_resource_named_twice_is_one() {
    let site = Site::new();
    site.file("src/a.rs");
    std::os::unix::fs::symlink("src", site.path("link")).unwrap();
    std::os::unix::fs::symlink("src/a.rs", site.path("file-link")).unwrap();
    let root = fs::canonicalize(site.root()).unwrap();
    let absolute = root.join("src/a.rs");
    let texts = ["src/a.rs", "./src/../src/a.rs", "link/a.rs", "file-link", absolute.to_str().unwrap(), "src//a.rs"];
    let run = site.agent("alice").run([&["acquire"], &texts[..]].concat()).expect(0);
    assert_eq!(resources(&run), ["src/a.rs"]);
    assert_eq!(read(&site, "paths/-/src%2Fa.rs.lock")["holders"][0].get("files"), None, "alone in its lease");
    let run = site.agent("alice").run(["acquire", "b", "link/", "src", "b", "src/", "name:n", "name:n"]).expect(0);
    assert_eq!(resources(&run), ["b", "src/", "name:n"]);
    let run = site.agent("alice").run([&["release"], &texts[..]].concat()).expect(0);
    let words: Vec<_> = columns(&run, 1).concat();
    assert_eq!(words, ["released", "free", "free", "free", "free", "free"], "{run}");
    assert_eq!(held(&site).len(), 3);
}

#[test]
fn resources_of_one_lease_may_overlap() {
    let texts = ["src/a.rs", "src/", "src/**", "."];
    let site = site(&texts);
    assert_eq!(lock_files(&site).len(), 4);
    site.agent("bob").run(["acquire", "src/a.rs"]).expect(10);
    for text in texts {
        site.agent("bob").run(["acquire", "src/a.rs"]).expect(10);
        site.agent("alice").run(["release", text]).expect(0);
    }
    nothing_is_locked(&site);
    site.agent("bob").run(["acquire", "src/a.rs"]).expect(0);
}

#[test]
fn any_of_them_can_be_released_and_the_others_stay_under_the_same_lease() {
    let texts = ["a", "b", "c", "name:n", "t/"];
    // Each subset, by the bits of a number.
    for subset in 1..(1_u32 << texts.len()) {
        let site = site(&texts);
        let (gone, left): (Vec<_>, Vec<_>) = (0..texts.len()).partition(|at| subset & (1 << at) != 0);
        let [gone, left] = [gone, left].map(|at| at.into_iter().map(|at| texts[at]).collect::<Vec<_>>());
        let lease = site.agent("alice").run(["acquire", "--id-only", "a"]).expect(0).out.trim().to_owned();
        let run = site.agent("alice").run([&["release"], &gone[..]].concat()).expect(0);
        assert_eq!(resources(&run), gone, "{run}");
        assert!(run.out.lines().all(|line| line.starts_with("released\t") && line.ends_with(&lease)), "{run}");
        assert_eq!(states(&site, "alice", &gone), all(&gone, "free"), "{gone:?} of {texts:?}");
        assert_eq!(states(&site, "alice", &left), all(&left, "mine"), "{gone:?} of {texts:?}");
        assert_eq!(lock_files(&site).len(), left.len());
        if let [first, ..] = left[..] {
            site.agent("bob").run([&["acquire"], &left[..]].concat()).expect(10);
            site.agent("bob").run([&["acquire"], &gone[..]].concat()).expect(0);
            // What is left is renewed and ends as one.
            let renewed = site.agent("alice").run(["renew", first, "--ttl", "5m"]).expect(0);
            assert_eq!(columns(&renewed, 3), [["renewed", first, &lease]]);
            let list = site.agent("alice").run(["list", "--mine", "--json"]).expect(0).json_lines();
            assert!(list.len() == left.len() && list.iter().all(|one| one["ttl_s"] == 300), "{gone:?}: {list:?}");
            let run = site.agent("alice").run(["release", "--mine"]).expect(0);
            assert_eq!(run.out.lines().count(), left.len(), "{run}");
            assert_eq!(held(&site).len(), gone.len());
            site.agent("bob").run(["release", "--mine"]).expect(0);
        }
        nothing_is_locked(&site);
    }
}

#[test]
fn the_token_of_one_is_that_of_all() {
    let site = site(&["a", "b"]);
    site.agent("alice").run(["acquire", "c"]).expect(0);
    let token = read(&site, "paths/-/a.lock")["holders"][0]["token"].as_str().unwrap().to_owned();
    site.nobody().run(["release", "c", "--token", &token]).expect(12);
    let renewed = site.nobody().run(["renew", "--token", &token, "--ttl", "1h"]).expect(0);
    assert_eq!(resources(&renewed), ["a", "b"]);
    let released = site.nobody().run(["release", "b", "--token", &token]).expect(0);
    assert_eq!(resources(&released), ["b"]);
    let released = site.nobody().run(["release", "--token", &token]).expect(0);
    assert_eq!(resources(&released), ["a"]);
    assert_eq!(held(&site), rows(&[("c", "alice")]));
}

#[test]
fn renewing_one_renews_all_by_writing_the_file_that_counts() {
    let texts = ["a", "b", "c"];
    let site = site(&texts);
    let files = texts.map(|text| format!("paths/-/{text}.lock"));
    for text in texts {
        expire_all(&site, "alice");
        assert_eq!(states(&site, "bob", &texts), all(&texts, "expired"));
        let run = site.agent("alice").run(["renew", text, "--ttl", "10m"]).expect(0);
        assert!(
            run.out.starts_with(&format!("acquired\t{text}\t")) && run.err.contains("your lease was over"),
            "{run}"
        );
        assert_eq!(states(&site, "alice", &texts), all(&texts, "mine"));
        let list = site.nobody().run(["list", "--json"]).expect(0).json_lines();
        assert_eq!((distinct(&list, "/lease").len(), list.len()), (1, 3), "{list:?}");
    }
    let before = [0, 1].map(|at| written(&site, &files[at]));
    let last = written(&site, &files[2]);
    site.agent("alice").run(["renew", "a", "--ttl", "20m"]).expect(0);
    assert_eq!([0, 1].map(|at| written(&site, &files[at])), before);
    assert_ne!(written(&site, &files[2]), last);
    let list = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    assert!(list.iter().all(|one| one["ttl_s"] == 1200), "{list:?}");
    let all_at_once = site.agent("alice").run(["renew", "--mine"]).expect(0);
    assert_eq!(resources(&all_at_once), texts);
    assert_eq!(events(&site, "renewed").len(), 2, "one for each call, not for each resource");
}

#[test]
fn a_lease_that_ran_out_is_taken_over_whole_or_by_one_of_it() {
    for wanted in
        [&["a", "b", "c"][..], &["c", "b", "a"], &["a"], &["b"], &["c"], &["a", "b", "x"], &["."], &["?", "b"]]
    {
        let site = site(&["a", "b", "c"]);
        expire_all(&site, "alice");
        let run = site.agent("bob").run([&["acquire"], wanted].concat()).expect(0);
        assert_eq!(run.err.matches("taken over from alice, whose lease was expired").count(), 1, "{wanted:?}: {run}");
        for row in columns(&run, 2) {
            assert_eq!(row[0], if row[1] == "x" { "acquired" } else { "taken_over" }, "{wanted:?}: {run}");
        }
        assert!(held(&site).iter().all(|(_, agent)| agent == "bob"), "{wanted:?}");
        assert_eq!(lock_files(&site).len(), wanted.len(), "{wanted:?}");
        for file in lock_files(&site) {
            assert_eq!(read(&site, &file)["holders"].as_array().unwrap().len(), 1, "{wanted:?}");
        }
        let told = events(&site, "taken_over");
        assert_eq!(told.iter().map(|event| &event["to"]).collect::<Vec<_>>(), ["alice"], "{wanted:?}");
        site.agent("bob").run(["release", "--mine"]).expect(0);
        nothing_is_locked(&site);
    }
}

#[test]
fn several_leases_that_ran_out_are_taken_over_together() {
    let site = site(&["a", "b"]);
    site.agent("bob").run(["acquire", "c", "d"]).expect(0);
    site.agent("carol").run(["acquire", "e"]).expect(0);
    site.agent("dave").run(["acquire", "f"]).expect(0);
    for agent in ["alice", "bob", "dave"] {
        expire_all(&site, agent);
    }
    site.agent("erin").run(["acquire", "b", "c", "e", "f"]).expect(10);
    assert_eq!(held(&site).len(), 6, "a refusal ends nobody's");
    let run = site.agent("erin").run(["acquire", "b", "c", "f"]).expect(0);
    for agent in ["alice", "bob", "dave"] {
        assert_eq!(run.err.matches(&format!("taken over from {agent}")).count(), 1, "{run}");
    }
    assert_eq!(held(&site), rows(&[("b", "erin"), ("c", "erin"), ("e", "carol"), ("f", "erin")]));
}

#[test]
fn names_and_files_are_locked_together() {
    let site = site(&["name:deploy", "src/", "b"]);
    site.agent("bob").run(["acquire", "name:deploy", "c"]).expect(10);
    site.agent("bob").run(["acquire", "src/x", "name:other"]).expect(10);
    site.agent("bob").run(["acquire", "c", "name:other"]).expect(0);
    let run = site.agent("alice").run(["release", "name:deploy"]).expect(0);
    assert_eq!(resources(&run), ["name:deploy"]);
    site.agent("bob").run(["acquire", "name:deploy"]).expect(0);
    assert_eq!(states(&site, "alice", &["src/", "b"]), all(&["src/", "b"], "mine"));
}

fn many(count: usize) -> Vec<String> {
    std::iter::once("acquire".to_owned()).chain((0..count).map(|n| format!("dir/file-{n:04}"))).collect()
}

#[test]
fn a_hundred_are_locked_together_and_not_one_more_unless_the_configuration_says_so() {
    let site = Site::new();
    for count in [101, 1000] {
        let run = site.agent("alice").run(many(count)).expect(16);
        assert!(run.err.contains(&format!("{count} resources, and at most 100 are locked together")), "{run}");
        assert!(run.err.contains("raise max_resources in config.toml\nnext: swarmlock acquire --help"), "{run}");
        assert!(!site.state("locks").exists() || lock_files(&site).is_empty());
    }
    let run = site.agent("alice").run(many(100)).expect(0);
    assert_eq!((run.out.lines().count(), lock_files(&site).len()), (100, 100));
    assert_eq!(site.nobody().run(["list"]).expect(0).out.lines().count(), 100);
    assert_eq!(site.agent("alice").run(["release", "--mine"]).expect(0).out.lines().count(), 100);
    nothing_is_locked(&site);
    site.plant("config.toml", "max_resources = 2\n");
    site.agent("alice").run(many(3)).expect(16);
    site.agent("alice").run(many(2)).expect(0);
    site.plant("config.toml", "max_resources = 103\n");
    assert_eq!(site.agent("alice").run(many(103)).expect(0).out.lines().count(), 103);
    site.agent("alice").run(many(104)).expect(16);
}

#[test]
fn paths_as_long_as_they_may_be_are_locked_together_or_refused_before_anything_is_written() {
    let site = Site::new();
    // Only the text is that long: nothing of it exists.
    let long = |n: usize| format!("{}{n:03}", "d".repeat(200) + &"/e".repeat(1900));
    let call = |count: usize| -> Run {
        let texts = (0..count).map(long);
        site.agent("alice").run(std::iter::once("acquire".to_owned()).chain(texts))
    };
    let refused = call(100).expect(16);
    assert!(
        refused.err.contains("it would be larger than 262144 bytes") && refused.err.contains("acquire fewer"),
        "{refused}"
    );
    nothing_is_locked(&site);
    let run = call(20).expect(0);
    assert_eq!(resources(&run), (0..20).map(long).collect::<Vec<_>>());
    for n in [0, 19] {
        site.agent("alice").run(["check", &long(n)]).expect(0);
        site.agent("bob").run(["acquire", &long(n)]).expect(10);
    }
    // A tree over them is compared with their texts, which their names do not tell.
    site.agent("bob").run(["acquire", &("d".repeat(200) + "/e/")]).expect(10);
    site.agent("bob").run(["acquire", &("d".repeat(200) + "/f/")]).expect(0);
    site.agent("alice").run(["acquire", &("d".repeat(200) + &"/f".repeat(1900))]).expect(10);
    site.agent("alice").run(["acquire", &("d".repeat(200) + &"/g".repeat(1900))]).expect(0);
    site.agent("alice").run(["release", &long(19)]).expect(0);
    site.agent("alice").run(["release", "--mine"]).expect(0);
    site.agent("bob").run(["release", "--mine"]).expect(0);
    nothing_is_locked(&site);
}

#[test]
fn a_lease_may_be_over_files_of_several_worktrees() {
    // What git makes for `git worktree add linked`, without git.
    let site = Site::outside_git();
    for dir in ["main/.git/worktrees/linked", "linked"] {
        fs::create_dir_all(site.path(dir)).unwrap();
    }
    let base = fs::canonicalize(site.root()).unwrap();
    let text = |below: &str| format!("{}\n", base.join(below).display());
    fs::write(site.path("linked/.git"), format!("gitdir: {}", text("main/.git/worktrees/linked"))).unwrap();
    fs::write(site.path("main/.git/worktrees/linked/gitdir"), text("linked/.git")).unwrap();
    fs::write(site.path("main/.git/worktrees/linked/commondir"), "../..\n").unwrap();
    for dir in ["main/.git", "main/.git/worktrees/linked"] {
        fs::write(site.path(dir).join("HEAD"), "ref: refs/heads/main\n").unwrap();
    }
    let agent = |id: &str, dir: &str| site.agent(id).within(site.path(dir));
    let lines = agent("alice", "main").run(["acquire", "--json", "a", "../linked/a", "name:n"]).expect(0).json_lines();
    assert_eq!(distinct(&lines, "/holder/lease").len(), 1);
    assert_eq!(
        lines.iter().map(|line| &line["holder"]["worktree"]).collect::<Vec<_>>(),
        [&Value::Null, &json!("linked"), &Value::Null]
    );
    // It is one's own, so no remark; for others it is.
    assert!(lines.iter().all(|line| line["also_held"] == json!([])), "{lines:?}");
    for (dir, text, code) in [("linked", "a", 10), ("main", "a", 10), ("linked", "name:n", 10), ("linked", "b", 0)] {
        agent("bob", dir).run(["acquire", text]).expect(code);
    }
    let checked = agent("alice", "linked").run(["check", "a"]).expect(0);
    assert!(checked.out.starts_with("mine\ta\t"), "{checked}");
    let renewed = agent("alice", "linked").run(["renew", "a", "--ttl", "5m"]).expect(0);
    assert_eq!(renewed.out.lines().count(), 1);
    let list = agent("alice", "main").run(["list", "--mine", "--json"]).expect(0).json_lines();
    assert!(list.len() == 3 && list.iter().all(|one| one["ttl_s"] == 300), "{list:?}");
    // The same text in one worktree is given up, in the other it stays.
    agent("alice", "linked").run(["release", "a"]).expect(0);
    agent("bob", "main").run(["acquire", "a"]).expect(10);
    let beside = agent("bob", "linked").run(["acquire", "a"]).expect(0);
    assert!(
        beside.err.contains("also held in the main checkout, which will be a merge conflict: a is held by alice"),
        "{beside}"
    );
    agent("alice", "linked").run(["release", "--mine"]).expect(0);
    assert!(agent("bob", "main").run(["who", "a"]).expect(13).err.contains("a: nobody holds it"));
}
