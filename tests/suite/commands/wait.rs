use std::{fs, process::Command};

use crate::{
    harness::{Call, Run, Site, finish},
    hostile::{Mount, in_own_mounts},
    life::Harness,
    processes::usable,
};

/// Begins to wait, and comes back when it does nothing but that, where that can be seen.
fn waits(call: Call, args: &[&str]) -> std::process::Child {
    let mut child = call.spawn(["wait"].iter().chain(args));
    let seen = swarmlock::host::pid_namespace().unwrap().is_some();
    while seen && !fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap().contains(") S ") {
        assert!(child.try_wait().unwrap().is_none(), "it has not waited for {args:?}");
    }
    child
}

fn free(resources: &[&str]) -> String {
    resources.iter().map(|resource| format!("free\t{resource}\n")).collect()
}

#[test]
fn what_is_free_or_mine_or_over_is_not_waited_for() {
    let site = Site::new();
    assert_eq!(site.agent("bob").run(["wait", "a"]).expect(0).out, free(&["a"]));
    assert!(!site.state("").exists(), "nothing is made to say so");
    site.agent("bob").run(["acquire", "mine", "src/mine.rs"]).expect(0);
    site.agent("alice").run(["acquire", "over"]).expect(0);
    site.expire("over");
    let run = site.agent("bob").run(["wait", "a", "mine", "over", "src/", "name:n"]).expect(0);
    assert_eq!(run.out, free(&["a", "mine", "over", "src/", "name:n"]));
    assert_eq!(run.err, "");
    let json = site.agent("bob").run(["wait", "a", "--json"]).expect(0).json();
    assert_eq!((&json["result"], &json["resource"]), (&"free".into(), &"a".into()));
    // Its own leases are no obstacle, those of others are.
    site.agent("carol").run(["wait", "mine", "--timeout", "0s"]).expect(11);
}

#[test]
fn a_wait_ends_when_the_holder_releases() {
    let site = Site::new();
    for held in ["a", "name:n", "src/", "src/*.rs"] {
        site.agent("alice").run(["acquire", held]).expect(0);
        let wanted = if held.starts_with("src") { "src/x.rs" } else { held };
        let waiting = waits(site.agent("bob"), &[wanted]);
        site.agent("alice").run(["release", held]).expect(0);
        assert_eq!(finish(waiting).expect(0).out, free(&[wanted]));
    }
}

#[test]
fn a_wait_ends_when_the_holder_is_killed() {
    if !usable("a_wait_ends_when_the_holder_is_killed") {
        return;
    }
    let site = Site::new();
    let mut alice = Harness::start(&site, "claude", "alice");
    alice.call("acquire a").expect(0);
    let waiting = waits(site.agent("bob"), &["a"]);
    alice.kill();
    assert_eq!(finish(waiting).expect(0).out, free(&["a"]));
    // What is orphaned is no lease any more; nobody has removed it.
    assert!(site.lock_file("a").exists());
}

#[test]
fn a_wait_ends_when_the_lease_expires_or_is_ended_by_force() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "--ttl", "1s"]).expect(0);
    finish(waits(site.agent("bob"), &["a"])).expect(0);
    site.agent("alice").run(["acquire", "a", "--ttl", "15m"]).expect(0);
    let waiting = waits(site.agent("bob"), &["a"]);
    site.agent("carol").run(["force-release", "a", "--yes"]).expect(0);
    finish(waiting).expect(0);
}

#[test]
fn a_wait_goes_on_when_another_takes_what_was_released_and_ends_when_all_is_free() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b"]).expect(0);
    let mut waiting = waits(site.agent("bob"), &["a", "b"]);
    site.agent("alice").run(["release", "b"]).expect(0);
    site.agent("carol").run(["acquire", "b"]).expect(0);
    site.agent("alice").run(["release", "a"]).expect(0);
    // It looks every 50 ms; until the last one is free there is nothing that could end it.
    assert!(waiting.try_wait().unwrap().is_none());
    site.agent("carol").run(["release", "b"]).expect(0);
    assert_eq!(finish(waiting).expect(0).out, free(&["a", "b"]));
}

#[test]
fn when_the_time_is_up_the_holder_is_named() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "--reason", "new login"]).expect(0);
    for timeout in ["0s", "120ms"] {
        let run = site.agent("bob").run(["wait", "free", "a", "--timeout", timeout]).expect(11);
        assert_eq!(run.out, "", "not even what is free: it is all or none");
        assert!(run.err.starts_with("swarmlock: a is held by alice since "), "{run}");
        assert!(run.err.contains(", for: new login") && run.err.contains("\nnext: swarmlock list\n"), "{run}");
    }
    let error = site.agent("bob").run(["wait", "a", "--timeout", "0s", "--json"]).expect(11).json_error();
    assert_eq!((&error["code"], &error["holder"]["agent_id"]), (&11.into(), &"alice".into()), "{error}");
    assert_eq!((&error["holder"]["resource"], &error["holder"]["state"]), (&"a".into(), &"live".into()), "{error}");
    for bad in ["-1s", "soon", "25h", ""] {
        site.agent("bob").run(["wait", "a", "--timeout", bad]).expect(2);
    }
    site.agent("bob").run(["wait"]).expect(2);
}

#[test]
fn who_would_share_does_not_wait_for_those_who_do() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "--shared"]).expect(0);
    site.agent("bob").run(["wait", "a", "--shared"]).expect(0);
    site.agent("bob").run(["wait", "a", "--timeout", "0s"]).expect(11);
    site.agent("alice").run(["acquire", "b"]).expect(0);
    site.agent("bob").run(["wait", "b", "--shared", "--timeout", "0s"]).expect(11);
    // One who shares it too still waits for the others before it is alone.
    site.agent("bob").run(["acquire", "a", "--shared"]).expect(0);
    site.agent("bob").run(["wait", "a", "--timeout", "0s"]).expect(11);
    let waiting = waits(site.agent("bob"), &["a"]);
    site.agent("alice").run(["release", "a"]).expect(0);
    finish(waiting).expect(0);
}

#[test]
fn what_overlaps_is_waited_for_too() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/a.rs"]).expect(0);
    for (wanted, code) in [("src/", 11), ("src/*.rs", 11), ("**", 11), ("src/b.rs", 0), ("src/*.toml", 0)] {
        let run = site.agent("bob").run(["wait", wanted, "--timeout", "0s"]);
        assert_eq!(run.code, code, "{wanted}: {run}");
    }
}

#[test]
fn it_only_looks() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let before = site.snapshot();
    site.agent("bob").run(["wait", "a", "--timeout", "60ms"]).expect(11);
    site.agent("bob").run(["wait", "b"]).expect(0);
    site.agent("alice").run(["wait", "a"]).expect(0);
    site.nobody().run(["wait", "a", "--timeout", "0s"]).expect(11);
    assert!(site.snapshot() == before, "it has changed something");
    // Nor does it need the guard.
    let guard = site.hold_guard();
    site.agent("bob").run(["wait", "b"]).expect(0);
    site.agent("bob").run(["wait", "a", "--timeout", "0s"]).expect(11);
    // The control: what changes something does.
    site.agent("bob").run(["acquire", "b", "--guard-wait", "10ms"]).expect(75);
    drop(guard);
}

#[test]
fn it_works_where_nothing_can_be_written() {
    if !in_own_mounts("commands::wait::it_works_where_nothing_can_be_written") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "none"]);
    let site = Site::below(disk.path());
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let run = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(disk.path()).output().unwrap();
    assert!(run.status.success(), "{}", Run::from(run));
    site.agent("bob").run(["wait", "a", "--timeout", "60ms"]).expect(11);
    site.agent("bob").run(["wait", "b"]).expect(0);
    // The control: nothing can be written.
    site.agent("alice").run(["release", "a"]).expect(1);
}

#[test]
fn what_cannot_be_read_is_not_free() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    fs::write(site.lock_file("a"), "").unwrap();
    let run = site.agent("bob").run(["wait", "a"]).expect(65);
    assert!(run.out.is_empty() && run.err.contains("a.lock: damaged: "), "{run}");
    site.agent("bob").run(["wait", "b"]).expect(0);
}
