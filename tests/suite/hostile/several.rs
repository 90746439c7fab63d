//! Leases over several resources that are over, partly given up, or half made, and who comes after them.

use crate::harness::{Run, Site};

/// Makes all leases of this agent on these paths expire, and takes away its sign of life.
fn expire_all(site: &Site, paths: &[&str]) {
    paths.iter().for_each(|path| site.expire(path));
}

/// What `list` shows of each lease: resource, agent, state.
fn listed(site: &Site) -> Vec<String> {
    let run = site.nobody().run(["list"]).expect(0);
    run.out.lines().map(|line| line.split('\t').take(3).collect::<Vec<_>>().join(" ")).collect()
}

#[track_caller]
fn granted(run: Run) -> Run {
    let run = run.expect(0);
    assert!(!run.err.contains("damaged"), "{run}");
    run
}

#[test]
fn a_lease_over_several_that_is_over_is_taken_over_as_a_whole() {
    for mode in [&[][..], &["--shared"][..]] {
        let site = Site::new();
        granted(site.agent("alice").run([&["acquire", "a", "b", "c"], mode].concat()));
        // The control: as long as it is not over, it stands.
        site.agent("bob").run(["acquire", "a", "b", "c"]).expect(10);
        expire_all(&site, &["a", "b", "c"]);
        granted(site.agent("bob").run([&["acquire", "a", "b", "c"], mode].concat()));
        assert_eq!(listed(&site), ["a bob live", "b bob live", "c bob live"], "{mode:?}");
        for path in ["a", "b", "c"] {
            assert_eq!(site.lock_json(path)["holders"].as_array().unwrap().len(), 1, "{mode:?} {path}");
        }
        let log = std::fs::read_to_string(site.state("events.log")).unwrap();
        assert_eq!(log.matches("\"taken_over\"").count(), 1, "{log}");
    }
}

#[test]
fn what_an_upgrade_ends_is_not_ended_again_by_the_grant_beside_it() {
    let site = Site::new();
    site.file("src/a");
    granted(site.agent("alice").run(["acquire", "--shared", "src"]));
    granted(site.agent("bob").run(["acquire", "--shared", "src/a"]));
    expire_all(&site, &["src/a"]);
    let run = granted(site.agent("alice").run(["acquire", "src", "src/a"]));
    assert!(run.out.starts_with("upgraded\tsrc/\t"), "{run}");
    let log = std::fs::read_to_string(site.state("events.log")).unwrap();
    assert_eq!(log.matches("\"taken_over\"").count(), 1, "{log}");
    assert_eq!(listed(&site), ["src/a alice live", "src/ alice live"]);
}

/// What a process leaves that is killed while it releases `c` of a lease over `a`, `b` and `c`: `b` says already that it
/// is the last, `a` does not know it yet.
fn killed_while_giving_up_the_last(site: &Site) {
    granted(site.agent("alice").run(["acquire", "a", "b", "c"]));
    let mut lock = site.lock_json("b");
    lock["holders"][0]["resources"] = serde_json::json!(["a", "b"]);
    lock["holders"][0]["files"] = serde_json::json!(["paths/-/a.lock", "paths/-/b.lock"]);
    site.plant("locks/paths/-/b.lock", lock.to_string());
    assert_eq!(listed(site), ["a alice live", "b alice live", "c alice live"]);
}

#[test]
fn the_end_of_what_was_half_given_up_ends_nothing_that_stands() {
    for taken in [&["acquire", "b"][..], &["cleanup"]] {
        let site = Site::new();
        killed_while_giving_up_the_last(&site);
        site.expire("b");
        assert_eq!(listed(&site), ["a alice live", "b alice expired", "c alice live"]);
        granted(site.agent("bob").run(taken));
        let left = listed(&site);
        assert!(left.contains(&"a alice live".to_owned()) && left.contains(&"c alice live".to_owned()), "{left:?}");
        assert!(!left.contains(&"b alice expired".to_owned()), "the control: that one is ended; {left:?}");
        site.agent("bob").run(["acquire", "a"]).expect(10);
    }
}

#[test]
fn what_was_half_given_up_is_renewed_and_released_like_the_rest() {
    let site = Site::new();
    killed_while_giving_up_the_last(&site);
    let before = |path: &str| site.lock_json(path)["holders"][0]["renewed_mono_ms"].as_u64().unwrap();
    let (b, c) = (before("b"), before("c"));
    crate::harness::next_millisecond();
    granted(site.agent("alice").run(["renew", "--mine"]));
    assert!(before("c") > c, "the control: what says it for a and c");
    assert!(before("b") > b, "and b, which says it for itself");
    let released = granted(site.agent("alice").run(["release", "b", "a"]));
    assert_eq!(released.out.matches("released\t").count(), 2, "{released}");
    assert_eq!(listed(&site), ["c alice live"]);
    killed_while_giving_up_the_last(&site);
    granted(site.agent("alice").run(["release", "c"]));
    assert_eq!(listed(&site), ["a alice live", "b alice live"]);
    granted(site.agent("alice").run(["release", "--mine"]));
    assert!(listed(&site).is_empty());
}

#[test]
fn a_lease_that_is_over_comes_back_in_the_mode_that_excludes_most() {
    let site = Site::new();
    granted(site.agent("alice").run(["acquire", "a", "b"]));
    granted(site.agent("alice").run(["acquire", "--shared", "a"]));
    site.agent("bob").run(["acquire", "--shared", "b"]).expect(10);
    expire_all(&site, &["a", "b"]);
    granted(site.agent("alice").run(["renew", "a"]));
    assert_eq!(site.lock_json("b")["mode"], "exclusive");
    // It worked alone on b before, and was not told that it does not any more.
    site.agent("bob").run(["acquire", "--shared", "b"]).expect(10);
}

#[test]
fn a_refusal_names_a_few_of_many_leases_in_the_way() {
    let site = Site::new();
    std::fs::create_dir(site.path("src")).unwrap();
    let files: Vec<String> = (0..50).map(|n| format!("src/{n}")).collect();
    let args = ["acquire".to_owned()].into_iter().chain(files);
    granted(site.agent("alice").run(args));
    let refused = site.agent("bob").run(["acquire", "src"]).expect(10);
    assert_eq!(refused.err.matches("is held by alice").count(), 10, "{refused}");
    assert!(refused.err.contains("and 40 more"), "{refused}");
    // Programs are told of all.
    let refused = site.agent("bob").run(["--json", "acquire", "src"]).expect(10);
    assert_eq!(refused.json_error()["holders"].as_array().unwrap().len(), 50, "{refused}");
}
