use crate::harness::{Site, next_millisecond};

#[test]
fn a_renewed_lease_lasts_longer_under_the_same_fence_and_token() {
    let site = Site::new();
    let lease = site.agent("alice").run(["acquire", "a", "--ttl", "5m", "--reason", "why", "--json"]).expect(0).json();
    next_millisecond();
    let run = site.agent("alice").run(["renew", "a", "--json"]).expect(0);
    let renewed = run.json();
    assert_eq!((&renewed["result"], &renewed["again"]), (&"renewed".into(), &false.into()));
    for same in ["fence", "lease", "acquired_at", "ttl_s", "reason"] {
        assert_eq!(renewed["holder"][same], lease["holder"][same], "{same}");
    }
    assert!(renewed["holder"]["until"].as_str() > lease["holder"]["until"].as_str(), "{run}");
    assert_eq!(site.lock_json("a")["holders"][0]["token"], lease["token"]);
    let longer = site.agent("alice").run(["renew", "a", "--ttl", "2h", "--json"]).expect(0).json();
    assert_eq!(longer["holder"]["ttl_s"], 7200);
    site.agent("alice").run(["renew", "a", "--ttl", "25h"]).expect(2);
}

#[test]
fn renewing_nothing_and_renewing_what_another_holds_are_refused_apart() {
    let site = Site::new();
    let nothing = site.agent("alice").run(["renew", "a"]).expect(13);
    assert!(nothing.err.contains("a: you hold nothing there that could be renewed"), "{nothing}");
    assert!(!site.state("").exists());
    site.agent("bob").run(["acquire", "a"]).expect(0);
    let before = site.snapshot_but_beats();
    let held = site.agent("alice").run(["renew", "a"]).expect(12);
    assert!(held.err.contains("a is held by bob since "), "{held}");
    site.agent("alice").run(["renew", "b"]).expect(13);
    site.agent("alice").run(["renew", "--mine"]).expect(13);
    assert_eq!(site.snapshot_but_beats(), before);
    site.expire("a");
    let over = site.agent("alice").run(["renew", "a"]).expect(13);
    assert!(over.err.contains("bob since "), "{over}");
}

#[test]
fn of_several_resources_each_is_renewed_and_the_worst_code_counts() {
    let site = Site::new();
    for (agent, resource) in [("alice", "a"), ("alice", "c"), ("bob", "b")] {
        site.agent(agent).run(["acquire", resource]).expect(0);
    }
    let renewed = |args: &[&str], code| {
        let run = site.agent("alice").run([&["renew"], args].concat()).expect(code);
        run.out.lines().map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(renewed(&["c", "a"], 0), ["c", "a"]);
    assert_eq!(renewed(&["b", "a"], 12), ["a"]);
    assert_eq!(renewed(&["free", "b", "a"], 13), ["a"]);
    assert_eq!(renewed(&["--mine"], 0), ["a", "c"]);
}

#[test]
fn a_lease_of_mine_that_is_over_is_granted_anew_and_says_so() {
    let site = Site::new();
    let old = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    site.expire("a");
    let run = site.agent("alice").run(["renew", "a", "--json"]).expect(0);
    assert_eq!(run.json()["again"], true, "{run}");
    assert!(run.json()["holder"]["fence"].as_u64() > old["holder"]["fence"].as_u64(), "{run}");
    assert!(run.err.contains("your lease was over; this is a new one"), "{run}");
    site.agent("bob").run(["acquire", "a"]).expect(10);
}

#[test]
fn a_token_renews_whoever_bears_it() {
    let site = Site::new();
    let lease = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    let other = site.agent("alice").run(["acquire", "b", "--json"]).expect(0).json();
    let (token, wrong) = (lease["token"].as_str().unwrap(), other["token"].as_str().unwrap());
    let run = site.nobody().run(["renew", "a", "--token", token, "--json"]).expect(0);
    assert_eq!(run.json()["holder"]["agent_id"], "alice", "it stays hers");
    assert_eq!(run.json()["holder"]["fence"], lease["holder"]["fence"]);
    site.nobody().run(["renew", "--token", token]).expect(0);
    site.nobody().run_with_stdin(["renew", "--token", "-"], token.as_bytes()).expect(0);
    site.agent("alice").run(["renew", "a", "--token", wrong]).expect(12);
    site.nobody().run(["renew", "--token", &"0".repeat(32)]).expect(13);
    site.nobody().run(["renew", "--mine"]).expect(2);
}

#[test]
fn a_lease_for_a_limited_time_is_granted_anew_for_that_time_at_most() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "--max-hold", "10m"]).expect(0);
    site.expire("a");
    site.agent("alice").run(["renew", "a"]).expect(0);
    assert_eq!(site.lock_json("a")["holders"][0]["max_hold_s"], 600);
}

#[test]
fn who_holds_for_a_limited_time_is_told_when_that_ends() {
    let site = Site::new();
    let alice = |args: &[&str]| site.agent("alice").run(args).expect(0).out;
    let until = |out: &str, column: usize| out.lines().next().unwrap().split('\t').nth(column).unwrap().to_owned();
    let acquired = until(&alice(&["acquire", "a", "--ttl", "15m", "--max-hold", "10m"]), 3);
    let renewed = until(&alice(&["renew", "a"]), 3);
    let listed = until(&alice(&["list"]), 4);
    assert_eq!([&acquired, &renewed], [&listed, &listed]);
    let limited = site.agent("alice").run(["list", "--json"]).expect(0).json();
    assert!(limited["left_ms"].as_u64().unwrap() <= 600_000, "{limited}");
    // The control: without a limit it is the TTL.
    alice(&["acquire", "b", "--ttl", "15m"]);
    let free = site.agent("alice").run(["renew", "b", "--json"]).expect(0).json();
    assert!(free["holder"]["left_ms"].as_u64().unwrap() > 600_000, "{free}");
}
