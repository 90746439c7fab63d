//! Commands that only look: they write nothing, need no guard and no permission to write.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use swarmlock::domain::records::How;

use crate::{
    harness::{BINARY, Run, Site, skip},
    keeper::{Keeper, rewrite},
    mail::when::pass,
};

/// Every command that only looks, with the code it has on [`furnished`].
const LOOKS: &[(&[&str], i32)] = &[
    (&["list"], 0),
    (&["list", "--mine"], 0),
    (&["status"], 0),
    (&["who", "a"], 0),
    (&["who", "free"], 13),
    (&["who", "over"], 13),
    (&["check", "a"], 0),
    (&["check", "b"], 10),
    (&["check", "over"], 0),
    (&["history"], 0),
    (&["history", "a", "--by", "alice", "--limit", "9", "--since", "1h"], 0),
    (&["messages"], 0),
    (&["messages", "--from", "bob", "--to", "alice", "--follow=1ms"], 0),
    (&["agents"], 0),
    (&["list-agents", "list", "--all"], 0),
    (&["runs"], 0),
    (&["runs", "show", "abcd", "--json"], 0),
    (&["gc", "--older-than", "1d"], 0),
    (&["force-release", "b"], 0),
    (&["whoami"], 0),
    (&["capabilities"], 0),
    (&["completions", "bash"], 0),
    (&["--help"], 0),
];

/// alice has a, bob has b, and a lease of his is over.
fn furnished() -> Site {
    let site = Site::new();
    for (agent, resource) in [("alice", "a"), ("bob", "b"), ("bob", "over")] {
        site.agent(agent).run(["acquire", resource, "--reason", "why"]).expect(0);
    }
    site.agent("bob").run(["send", "alice", "INFO", "text", "--ack=1s"]).expect(0);
    // Overdue: the next change would tell of it.
    pass(&site, 60);
    site.expire("over");
    Keeper::new(&site).ended("abcd", How::Ended, Some(0));
    rewrite(&site, "abcd", "ended_at", "2020-01-01T00:00:00.000Z");
    // What the next change would complete, sweep or begin anew is there too.
    site.plant("tmp/pending", "half");
    let log = fs::read(site.state("events.log")).unwrap();
    fs::write(site.state("events.log"), &log[..log.len() - 5]).unwrap();
    site
}

fn look_everywhere(look: impl Fn(&[&str]) -> Run) {
    for (call, code) in LOOKS {
        for format in ["--json", "--quiet"] {
            let run = look(&[&[format], *call].concat());
            assert_eq!(run.code, *code, "{call:?}: {run}");
            assert_eq!(run.out.is_empty(), *code == 13, "{call:?}: {run}");
        }
    }
}

#[test]
fn looking_changes_no_name_no_byte_no_inode_and_no_time_of_change() {
    let site = furnished();
    let before = site.snapshot();
    look_everywhere(|call| site.agent("alice").run(call));
    assert_eq!(site.snapshot(), before);
    // The controls: a change is seen, and something was due.
    site.agent("alice").run(["renew", "a"]).expect(0);
    assert_ne!(site.snapshot(), before);
    site.agent("alice").run(["tick"]).expect(0);
    assert_eq!(fs::read_to_string(site.state("agent_messages.log")).unwrap().lines().count(), 2);
}

#[test]
fn looking_begins_no_era_although_the_one_on_record_is_over() {
    let site = furnished();
    let copy = Site::new();
    let copied = Command::new("cp").arg("-r").arg(site.state("")).arg(copy.root()).status().unwrap();
    assert!(copied.success());
    let before = copy.snapshot();
    let run = copy.agent("alice").run(["check", "b", "--json"]).expect(0);
    assert_eq!(run.json()["state"], "orphaned", "{run}");
    copy.nobody().run(["list"]).expect(0);
    copy.nobody().run(["status"]).expect(0);
    assert_eq!(copy.snapshot(), before);
    copy.agent("alice").run(["acquire", "b"]).expect(0);
    assert_ne!(copy.snapshot(), before);
}

/// A process that holds the guard and does not run.
struct Stopped(Child);

impl Stopped {
    fn with_guard(site: &Site) -> Self {
        // The lock belongs to the open file, which the child has as its stdin.
        let guard = site.hold_guard();
        let child = Command::new("sh").args(["-c", "kill -STOP $$"]).stdin(guard).spawn().unwrap();
        let stopped = Self(child);
        let asked = Instant::now();
        while !fs::read_to_string(format!("/proc/{}/stat", stopped.0.id())).unwrap().contains(") T ") {
            assert!(asked.elapsed() < Duration::from_secs(20), "sh does not stop");
        }
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn looking_needs_no_guard_while_a_stopped_process_holds_it() {
    let site = furnished();
    let stopped = Stopped::with_guard(&site);
    let before = site.snapshot();
    look_everywhere(|call| site.agent("alice").run(call));
    // The control: a change does need it, says who has it, and changes nothing.
    let busy = site.agent("alice").run(["renew", "a", "--guard-wait", "50ms"]).expect(75);
    assert!(busy.err.contains(".guard: flock: held by ") && busy.err.contains("for more than 50ms"), "{busy}");
    assert_eq!(site.snapshot(), before);
    drop(stopped);
    site.agent("alice").run(["renew", "a"]).expect(0);
}

#[test]
fn looking_works_where_nothing_can_be_written() {
    const NAME: &str = "looking_works_where_nothing_can_be_written";
    let site = furnished();
    if rustix::process::geteuid().is_root() {
        if !mount_namespaces() {
            return skip(NAME, "unshare(1) or mount(8) is missing or may not make a mount namespace");
        }
        look_everywhere(|call| on_read_only_mount(&site, call));
        let run = on_read_only_mount(&site, &["renew", "a"]).expect(1);
        assert!(run.err.contains("Read-only file system"), "{run}");
    } else {
        let everything = site.snapshot();
        let without_write = |path: &std::path::Path, forbid: bool| {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            let mode = if forbid { mode & !0o222 } else { mode | 0o200 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        everything.keys().for_each(|path| without_write(path, true));
        look_everywhere(|call| site.agent("alice").run(call));
        site.agent("alice").run(["renew", "a"]).expect(1);
        everything.keys().for_each(|path| without_write(path, false));
    }
}

fn mount_namespaces() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", "mount --bind /tmp /tmp"]).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn on_read_only_mount(site: &Site, call: &[&str]) -> Run {
    let script = r#"mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh", BINARY]).args(call).current_dir(site.root());
    command.env("SWARMLOCK_AGENT", "alice").env_remove("SWARMLOCK_DIR");
    Run::from(command.output().unwrap())
}
