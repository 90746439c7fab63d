use std::fs;

use crate::harness::Site;

#[test]
fn a_released_resource_is_free_and_another_agent_gets_it() {
    let site = Site::new();
    let lease = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    let run = site.agent("alice").run(["release", "a", "--json"]).expect(0);
    assert_eq!(run.json()["result"], "released");
    assert_eq!(run.json()["fence"], lease["holder"]["fence"]);
    assert!(!site.lock_file("a").exists());
    let bob = site.agent("bob").run(["acquire", "a", "--json"]).expect(0).json();
    assert!(bob["holder"]["fence"].as_u64() > lease["holder"]["fence"].as_u64());
}

#[test]
fn releasing_what_nobody_holds_is_success_and_says_so() {
    let site = Site::new();
    let run = site.agent("alice").run(["release", "a"]).expect(0);
    assert_eq!(run.out, "free\ta\t-\n");
    assert!(run.err.contains("a: nobody holds it"), "{run}");
    assert!(!site.state("").exists(), "nothing is made to say so");
    site.agent("alice").run(["acquire", "b"]).expect(0);
    let run = site.agent("alice").run(["release", "a", "--json"]).expect(0);
    assert_eq!(run.json()["result"], "free");
}

#[test]
fn releasing_what_another_holds_is_refused_and_changes_nothing() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let before = site.snapshot_but_beats();
    for name in ["release", "unlock", "release-file-lock"] {
        let run = site.agent("bob").run([name, "a"]).expect(12);
        assert!(run.err.contains("a is held by alice since "), "{run}");
        assert_eq!(run.out, "");
    }
    assert_eq!(site.snapshot_but_beats(), before);
    site.agent("alice").run(["release-file-lock", "a"]).expect(0);
}

#[test]
fn of_several_resources_each_is_dealt_with_and_the_worst_code_counts() {
    let site = Site::new();
    for (agent, resource) in [("alice", "a"), ("alice", "name:n"), ("bob", "b"), ("alice", "c")] {
        site.agent(agent).run(["acquire", resource]).expect(0);
    }
    let run = site.agent("alice").run(["release", "b", "free", "a", "name:n"]).expect(12);
    let results: Vec<_> = run.out.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>()).collect();
    assert_eq!(results, [["free", "free"], ["released", "a"], ["released", "name:n"]], "{run}");
    let left = site.nobody().run(["list"]).expect(0).out;
    assert_eq!(left.lines().map(|line| &line[..1]).collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn a_token_releases_whoever_bears_it_and_no_other_lease() {
    let site = Site::new();
    let token = |resource: &str| {
        let lease = site.agent("alice").run(["acquire", resource, "--json"]).expect(0).json();
        lease["token"].as_str().unwrap().to_owned()
    };
    let (a, b, c) = (token("a"), token("b"), token("c"));
    site.nobody().run(["release", "a", "--token", &b]).expect(12);
    site.agent("alice").run(["release", "a", "--token", &b]).expect(12);
    assert!(site.lock_file("a").exists() && site.lock_file("b").exists());
    site.nobody().run(["release", "a", "--token", &a]).expect(0);
    assert!(!site.lock_file("a").exists() && site.lock_file("b").exists());
    let alone = site.agent("bob").run(["release", "--token", &b]).expect(0);
    assert!(alone.out.starts_with("released\tb\t"), "{alone}");
    let piped = site.nobody().run_with_stdin(["release", "--token", "-"], format!("{c}\n").as_bytes()).expect(0);
    assert!(piped.out.starts_with("released\tc\t"), "{piped}");
    let spent = site.nobody().run(["release", "--token", &c]).expect(0);
    assert_eq!(spent.out, "", "{spent}");
    for bad in ["", "x", &c[1..], &format!("{c}0"), &c.replace(|c: char| c.is_ascii_digit(), "g")] {
        if bad != c {
            site.nobody().run(["release", "--token", bad]).expect(2);
        }
    }
}

#[test]
fn mine_gives_up_all_of_mine_and_needs_a_reliable_identity() {
    let site = Site::new();
    for (agent, resource) in [("alice", "a"), ("alice", "name:n"), ("bob", "b")] {
        site.agent(agent).run(["acquire", resource]).expect(0);
    }
    site.nobody().run(["acquire", "u"]).expect(0);
    let unreliable = site.nobody().run(["release", "--mine"]).expect(2);
    for way in ["--agent ID", "SWARMLOCK_AGENT=ID", "--token TOKEN"] {
        assert!(unreliable.err.contains(way), "{way}: {unreliable}");
    }
    let run = site.agent("alice").run(["release", "--mine"]).expect(0);
    assert_eq!(run.out.lines().map(|line| line.split('\t').nth(1).unwrap()).collect::<Vec<_>>(), ["name:n", "a"]);
    let again = site.agent("alice").run(["release", "--mine"]).expect(0);
    assert_eq!(again.out, "");
    assert!(again.err.contains("nothing of yours is locked"), "{again}");
    site.nobody().run(["--agent", "bob", "release", "--mine"]).expect(0);
    assert_eq!(site.nobody().run(["list"]).out.lines().count(), 1, "the unreliable one's stays");
    site.agent("alice").run(["release", "--mine", "a"]).expect(2);
    site.agent("alice").run(["release"]).expect(2);
}

#[test]
fn a_lease_that_is_over_is_mine_to_release_and_not_anothers() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.expire("a");
    let bob = site.agent("bob").run(["release", "a"]).expect(0);
    assert!(bob.out.starts_with("free\ta\t") && bob.err.contains("nobody holds it: alice since "), "{bob}");
    assert!(site.lock_file("a").exists());
    let alice = site.agent("alice").run(["release", "a"]).expect(0);
    assert!(alice.out.starts_with("released\ta\t"), "{alice}");
    assert!(!site.lock_file("a").exists());
}

#[test]
fn a_like_named_lease_is_mentioned() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
    site.agent("bob").run(["acquire", "lib/auth.rs"]).expect(0);
    let run = site.agent("alice").run(["release", "auth.rs"]).expect(0);
    assert!(run.err.contains("auth.rs: nobody holds it; you hold src/auth.rs\n"), "{run}");
}

#[test]
fn what_was_locked_is_released_whatever_has_become_of_the_path() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("alice").run(["acquire", "gl*b", "--literal"]).expect(0);
    fs::create_dir(site.path("a")).unwrap();
    assert!(site.agent("alice").run(["release", "a"]).expect(0).out.starts_with("released\ta\t"));
    assert!(site.agent("alice").run(["release", "gl*b"]).expect(0).out.starts_with("released\tgl*b\t"));
}

#[test]
fn what_was_locked_is_found_although_the_path_has_become_something_else() {
    let site = Site::new();
    for (name, change) in [
        ("a directory", (|site| std::fs::create_dir(site.path("d")).unwrap()) as fn(&Site)),
        ("its directory a file", |site| std::fs::write(site.path("e"), "").unwrap()),
        ("its directory a link to outside", |site| std::os::unix::fs::symlink("/", site.path("e")).unwrap()),
    ] {
        let path = if name == "a directory" { "d" } else { "e/f" };
        site.agent("alice").run(["acquire", path]).expect(0);
        change(&site);
        let released = site.agent("alice").run(["release", path]).expect(0);
        assert!(released.out.starts_with(&format!("released\t{path}\t")), "{name}: {released}");
        assert!(!site.lock_file(path).exists(), "{name}");
        // The control: as it is now, it could not be locked, or is another thing.
        let now = site.agent("alice").run(["acquire", path]);
        assert!(now.code == 2 || now.out.starts_with("acquired\td/\t"), "{name}: {now}");
        std::fs::remove_file(site.path("e")).ok();
    }
}

#[test]
fn the_id_of_a_lease_is_no_resource_and_a_token_that_nobody_has_is_said_to_be_one() {
    let site = Site::new();
    let id = site.agent("alice").run(["acquire", "a", "--id-only"]).expect(0).out;
    let run = site.agent("alice").run(["release", id.trim()]).expect(2);
    assert!(run.err.contains("that is the id of a lease"), "{run}");
    assert!(site.lock_file("a").exists());
    let none = "0".repeat(32);
    let run = site.agent("alice").run(["release", "--token", &none]).expect(0);
    assert!(run.err.contains("no lease here has this token"), "{run}");
    site.agent("alice").run(["renew", "--token", &none]).expect(13);
    // The control: with its own token it goes, whoever asks.
    let token = site.lock_json("a")["holders"][0]["token"].as_str().unwrap().to_owned();
    assert!(site.agent("bob").run(["release", "--token", &token]).expect(0).out.starts_with("released\ta\t"));
}
