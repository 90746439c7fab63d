//! Harnesses that are seen from elsewhere: another pid namespace, another clock, another user.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use super::{Harness, age, beat, edit_beat, started, state, takes_over};
use crate::{
    harness::{BINARY, Run, Site, skip, without_identity},
    processes::usable,
};

const OTHER_PIDS: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const OTHER_CLOCK: [&str; 7] = ["unshare", "--time", "--monotonic", "1000000", "--boottime", "1000000", "--fork"];

/// Whether such a sandbox can be made here by this user.
fn possible(prefix: &[&str]) -> bool {
    let output = Command::new(prefix[0]).args(&prefix[1..]).arg("true").output();
    output.is_ok_and(|output| output.status.success())
}

/// What the binary says in a sandbox.
fn inside(site: &Site, prefix: &[&str], args: &[&str]) -> Run {
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).arg(BINARY).args(args).stdin(Stdio::null());
    Run::from(without_identity(&mut command).current_dir(site.root()).output().unwrap())
}

/// The state that it sees.
fn state_inside(site: &Site, prefix: &[&str], resource: &str) -> String {
    let run = inside(site, prefix, &["check", resource, "--json", "--agent", "onlooker"]);
    run.json()["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_harness_in_a_pid_namespace_is_never_orphaned_from_outside_only_expired() {
    let name = "a_harness_in_a_pid_namespace_is_never_orphaned_from_outside";
    if !usable(name) {
        return;
    }
    if !possible(&OTHER_PIDS) {
        return skip(name, "no pid namespaces here");
    }
    let site = Site::new();
    let mut harness = Harness::start_in(&site, &OTHER_PIDS, "claude", "alice");
    harness.call("acquire a.rs").expect(0);
    let beat_inside = beat(&site, "alice");
    assert_eq!((&beat_inside["process"]["name"], &beat_inside["process"]["pid"]), (&"claude".into(), &1.into()));
    assert_eq!(state(&site, "a.rs"), "held");
    // Somebody in there sees its harness, and another's sandbox nothing.
    assert!(harness.call("check a.rs --agent bob").expect(10).out.starts_with("held\t"));
    assert_eq!(state_inside(&site, &OTHER_PIDS, "a.rs"), "held");
    harness.kill();
    assert_eq!(state(&site, "a.rs"), "held", "its number is not ours to judge");
    assert_eq!(state_inside(&site, &OTHER_PIDS, "a.rs"), "held");
    site.agent("bob").run(["acquire", "a.rs"]).expect(10);
    age(&site, "a.rs");
    edit_beat(&site, "alice", |beat| beat["mono_ms"] = 1.into());
    assert_eq!(state(&site, "a.rs"), "expired");
    takes_over(&site, "bob", "a.rs", "alice", "expired");

    // The control: the same harness in no sandbox.
    let mut harness = Harness::start(&site, "claude", "carol");
    harness.call("acquire c.rs").expect(0);
    assert_eq!(state_inside(&site, &OTHER_PIDS, "c.rs"), "held");
    harness.kill();
    assert_eq!(state_inside(&site, &OTHER_PIDS, "c.rs"), "held", "nor is ours theirs");
    assert_eq!(state(&site, "c.rs"), "orphaned");
}

#[test]
fn in_a_pid_namespace_of_its_own_a_killed_harness_is_orphaned_as_everywhere() {
    let name = "in_a_pid_namespace_of_its_own_a_killed_harness_is_orphaned";
    if !possible(&OTHER_PIDS) {
        return skip(name, "no pid namespaces here");
    }
    let site = Site::new();
    let mut first = Harness::start_in(&site, &OTHER_PIDS, "bash", "bob");
    let claude = crate::identity::shell_named(&site, "claude");
    let run = first
        .line(&format!("SWARMLOCK_AGENT=alice {claude} -c '\"$B\" acquire a.rs && \"$B\" check a.rs --agent bob; :'"));
    assert!(run.out.contains("\nheld\ta.rs\talice\t"), "while it lives: {run}");
    assert!(first.call("check a.rs").out.starts_with("orphaned\ta.rs\talice\t"));
    assert!(first.call("acquire a.rs").expect(0).out.starts_with("taken_over\t"));
}

/// The inode of a namespace is given again; the start of its first process tells them apart.
#[test]
fn a_namespace_that_got_the_inode_of_an_earlier_one_is_another() {
    let name = "a_namespace_that_got_the_inode_of_an_earlier_one";
    if !usable(name) {
        return;
    }
    let site = Site::new();
    let mut harness = Harness::start(&site, "claude", "alice");
    harness.call("acquire a.rs").expect(0);
    harness.kill();
    let own = beat(&site, "alice")["pid_ns"].clone();
    for (key, other) in [("init_started", 12_345_678_u64), ("inode", 4_026_530_000)] {
        edit_beat(&site, "alice", |beat| beat["pid_ns"][key] = other.into());
        assert_eq!(state(&site, "a.rs"), "held", "{key}");
        edit_beat(&site, "alice", |beat| beat["pid_ns"] = own.clone());
        assert_eq!(state(&site, "a.rs"), "orphaned", "the control");
    }
    edit_beat(&site, "alice", |beat| beat["pid_ns"] = serde_json::Value::Null);
    assert_eq!(state(&site, "a.rs"), "held", "one of nowhere");
    edit_beat(&site, "alice", |beat| {
        beat["pid_ns"] = own.clone();
        beat["boot_id"] = "another-boot".into();
    });
    assert_eq!(state(&site, "a.rs"), "held", "one of another boot");
}

#[test]
fn a_harness_is_neither_recorded_nor_judged_by_another_clock() {
    let name = "a_harness_is_neither_recorded_nor_judged_by_another_clock";
    if !usable(name) {
        return;
    }
    if !possible(&OTHER_CLOCK) {
        return skip(name, "no time namespaces here");
    }
    let site = Site::new();
    let mut alice = Harness::start_in(&site, &OTHER_CLOCK, "claude", "alice");
    alice.call("acquire a.rs").expect(0);
    let recorded = beat(&site, "alice");
    assert!(recorded["process"].is_null() && recorded["mono_ms"].is_null(), "{recorded}");
    assert_eq!(state(&site, "a.rs"), "held");
    drop(alice);
    assert_eq!(state(&site, "a.rs"), "held", "nothing tells that it is gone");
    // One recorded here is not judged there, where it seems to have started at another time.
    let mut bob = Harness::start(&site, "claude", "bob");
    bob.call("acquire b.rs").expect(0);
    assert_eq!(state_inside(&site, &OTHER_CLOCK, "b.rs"), "held", "alive");
    let taken = inside(&site, &OTHER_CLOCK, &["acquire", "b.rs", "--agent", "carol"]);
    assert_eq!(taken.code, 10, "{taken}");
    bob.kill();
    assert_eq!(state_inside(&site, &OTHER_CLOCK, "b.rs"), "held", "gone, but not for them");
    // The control: for us it is.
    assert_eq!(state(&site, "b.rs"), "orphaned");
}

/// The judge may neither signal the harness nor, where processes are hidden, see it.
#[test]
fn a_harness_of_another_user_is_alive_as_long_as_it_lives() {
    let name = "a_harness_of_another_user_is_alive";
    let hidden = "mount -t proc -o hidepid=2 proc /proc && \
                  exec setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"";
    let as_another = ["unshare", "--mount", "sh", "-c", hidden, "sh"];
    let visible = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    if !usable(name) {
        return;
    }
    if !possible(&as_another) || !possible(&visible) {
        return skip(name, "it needs root, setpriv and a mount namespace");
    }
    let site = Site::new();
    let program = site.path("swarmlock");
    fs::copy(BINARY, &program).unwrap();
    for path in [site.root(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let status = Command::new("chown").args(["-R", "65534:65534"]).arg(site.root()).status();
    assert!(status.unwrap().success());
    let call = |prefix: &[&str], args: &[&str]| {
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).arg(&program).args(args).stdin(Stdio::null());
        Run::from(without_identity(&mut command).current_dir(site.root()).output().unwrap())
    };
    let taken = call(&visible, &["acquire", "a.rs", "--agent", "alice"]);
    assert_eq!(taken.code, 0, "{taken}");
    // The harness of alice is of another user than who judges it.
    let mut harness = Harness::start(&site, "claude", "alice");
    let namespace = swarmlock::host::pid_namespace().unwrap().unwrap();
    let own_beat = site.state("beats/alice");
    edit_beat(&site, "alice", |beat| {
        beat["process"] =
            serde_json::json!({"pid": harness.pid(), "started": started(harness.pid()), "name": "claude"});
        beat["pid_ns"] = serde_json::to_value(namespace).unwrap();
    });
    std::os::unix::fs::chown(&own_beat, Some(65534), Some(65534)).unwrap();
    let judged =
        |prefix: &[&str]| call(prefix, &["check", "a.rs", "--agent", "bob"]).out.split('\t').next().unwrap().to_owned();
    assert_eq!((judged(&visible), judged(&as_another)), ("held".into(), "held".into()));
    assert_eq!(call(&as_another, &["acquire", "a.rs", "--agent", "bob"]).code, 10);
    harness.kill();
    assert_eq!(judged(&visible), "orphaned");
    // Hidden with it is the first process, which tells one namespace from another, unless it is the machine's own.
    let there = if namespace.init_started.is_none() { "orphaned" } else { "held" };
    assert_eq!(judged(&as_another), there);
    let taken = call(&visible, &["acquire", "a.rs", "--agent", "bob"]);
    assert!(taken.out.starts_with("taken_over\t"), "{taken}");
}
