//! Sandboxes: processes that see other process numbers, another clock, or no /proc.

use std::process::Command;

use super::holds;
use crate::harness::{BINARY, Run, Site, skip, without_identity};

/// What a sandbox is made with, by root or, with a user namespace, by others.
fn unshare(site: &Site, flags: &[&str], command: &[&str]) -> Option<Run> {
    let attempt = |more: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(more).args(flags).arg("--").args(command).current_dir(site.root());
        without_identity(&mut unshare).output().ok().map(Run::from)
    };
    let usable = |run: &Run| !run.err.contains("unshare: ") && !run.err.contains("unrecognized option");
    attempt(&[]).filter(usable).or_else(|| attempt(&["--user", "--map-current-user"]).filter(usable))
}

#[test]
fn a_sandbox_that_hides_the_terminal_session_has_no_identity_of_its_own() {
    let site = Site::new();
    let inside = ["--pid", "--fork", "--mount-proc"];
    // The control: what is seen in there is another world.
    let Some(control) = unshare(&site, &inside, &["sh", "-c", "echo $$"]).filter(|run| run.out == "1\n") else {
        return skip("a_sandbox_that_hides_the_terminal_session", "no pid namespaces here");
    };
    drop(control);
    let run = unshare(&site, &inside, &[BINARY, "acquire", "a.rs"]).unwrap().expect(2);
    assert!(run.err.contains("nothing tells who you are") && run.err.contains("--agent ID"), "{run}");
    assert!(!site.state("").exists(), "nothing was made");
    unshare(&site, &inside, &[BINARY, "acquire", "a.rs", "--agent", "alice"]).unwrap().expect(0);
    holds(&site, "alice", "a.rs");
}

#[test]
fn a_clock_of_another_time_namespace_ends_no_lease_and_keeps_none() {
    let site = Site::new();
    let ahead = ["--time", "--monotonic", "1000000", "--boottime", "1000000", "--fork"];
    let uptime = |run: Run| run.out.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok());
    // The control: the clock in there is far ahead (that of boot is shown, and set together with the monotonic one).
    let shifted = unshare(&site, &ahead, &["cat", "/proc/uptime"]).and_then(uptime);
    if shifted.is_none_or(|seconds| seconds < 1_000_000) {
        return skip("a_clock_of_another_time_namespace", "no time namespaces here");
    }
    site.agent("alice").run(["acquire", "a.rs"]).expect(0);
    unshare(&site, &ahead, &[BINARY, "acquire", "a.rs", "--agent", "bob"]).unwrap().expect(10);
    holds(&site, "alice", "a.rs");
    // Nor does the clock in there get into a lease that others judge.
    unshare(&site, &ahead, &[BINARY, "acquire", "b.rs", "--agent", "bob"]).unwrap().expect(0);
    assert!(site.lock_json("b.rs")["holders"][0]["renewed_mono_ms"].is_null());
    assert!(site.lock_json("a.rs")["holders"][0]["renewed_mono_ms"].is_u64());
}

#[test]
fn a_process_that_cannot_see_the_boot_id_neither_begins_nor_ends_an_era() {
    let site = Site::new();
    let hidden = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let inside = |args: &[&str]| {
        let command: Vec<&str> = ["sh", "-c", hidden, BINARY].into_iter().chain(args.iter().copied()).collect();
        unshare(&site, &["--mount"], &command)
    };
    let Some(run) = inside(&["acquire", "a.rs", "--agent", "alice"]).filter(|run| !run.err.contains("mount: ")) else {
        return skip("a_process_that_cannot_see_the_boot_id", "no mounts of our own here");
    };
    run.expect(0);
    // The control: it saw none.
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(site.state("era.json")).unwrap()).unwrap()["boot_id"],
        ""
    );
    holds(&site, "alice", "a.rs");
    site.agent("bob").run(["acquire", "b.rs"]).expect(0);
    holds(&site, "alice", "a.rs");
    inside(&["acquire", "b.rs", "--agent", "carol"]).unwrap().expect(10);
}

/// What `whoami` says in a sandbox, in a shell that is called as a harness.
fn whoami(site: &Site, flags: &[&str]) -> Option<serde_json::Value> {
    let harness = site.path("claude");
    if !harness.exists() {
        std::os::unix::fs::symlink("/bin/bash", &harness).unwrap();
    }
    let line = "CLAUDE_CODE_SESSION_ID=abc exec \"$0\" -c '\"$0\" whoami --json; :' \"$1\"";
    let run = unshare(site, flags, &["bash", "-c", line, harness.to_str().unwrap(), BINARY])?;
    Some(run.expect(0).json())
}

/// The numbers that are seen in there are another namespace's: recorded, they would be those of other processes.
#[test]
fn a_sandbox_without_its_own_proc_records_no_process() {
    let site = Site::new();
    // The control: with its own, the harness in there is seen, with its number in there.
    let Some(control) = whoami(&site, &["--pid", "--fork", "--mount-proc"]) else {
        return skip("a_sandbox_without_its_own_proc", "no pid namespaces here");
    };
    assert_eq!((&control["process"]["name"], &control["process"]["pid"]), (&"claude".into(), &1.into()), "{control}");
    assert_eq!(control["evidence"], true);
    let inside = whoami(&site, &["--pid", "--fork"]).unwrap();
    assert_eq!((&inside["process"], &inside["evidence"]), (&serde_json::Value::Null, &false.into()), "{inside}");
    // Who it is can be told all the same.
    assert_eq!((&inside["id"], &inside["reliable"]), (&control["id"], &true.into()));
}

/// With another clock of boot, a process seems to have started at another time: whoever recorded or judged one there
/// would be wrong.
#[test]
fn a_sandbox_with_another_clock_records_no_process() {
    let site = Site::new();
    let name = "a_sandbox_with_another_clock";
    let Some(control) = whoami(&site, &["--fork"]) else { return skip(name, "no unshare here") };
    if control["process"].is_null() {
        return skip(name, "/proc is not that of this pid namespace");
    }
    let Some(inside) = whoami(&site, &["--time", "--boottime", "1000000", "--fork"]) else {
        return skip(name, "no time namespaces here");
    };
    assert_eq!((&inside["process"], &inside["evidence"]), (&serde_json::Value::Null, &false.into()), "{inside}");
    assert_eq!(inside["id"], control["id"]);
}
