//! State directories that cannot be written to.

use std::{fs, process::Command};

use super::{Mount, complained, holds, in_own_mounts, is_root, refused, snapshot};
use crate::harness::{BINARY, Run, Site, finish};

const CHANGES: [&[&str]; 5] = [
    &["acquire", "src/new.rs"],
    &["acquire", "src/auth.rs"],
    &["release", "src/auth.rs"],
    &["renew", "--mine"],
    &["cleanup"],
];

#[test]
fn a_read_only_mount_can_be_looked_at_and_not_changed() {
    if !in_own_mounts("hostile::read_only::a_read_only_mount_can_be_looked_at_and_not_changed") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "none"]);
    let site = Site::below(disk.path());
    site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
    let before = snapshot(site.root());
    let remount = |how: &str| {
        let options = format!("remount,bind,{how}");
        let run = Command::new("mount").args(["-o", &options]).arg(disk.path()).output().unwrap();
        assert!(run.status.success(), "{}", Run::from(run));
    };
    remount("ro");
    for change in CHANGES {
        let run = site.agent("alice").run(change);
        refused(&run, 1, ".agent_locks/.guard");
        assert!(run.err.contains("Read-only file system"), "{run}");
    }
    assert!(site.agent("alice").run(["check", "src/auth.rs"]).expect(0).out.starts_with("mine\t"));
    site.agent("bob").run(["check", "src/auth.rs"]).expect(10);
    for look in [&["list"][..], &["status"], &["history"], &["who", "src/auth.rs"], &["init"]] {
        let run = site.agent("bob").run(look).expect(0);
        assert!(!run.out.is_empty() && run.err.is_empty(), "{run}");
    }
    // A directory that is still to be made cannot be.
    fs::metadata(site.path(".git")).unwrap();
    let elsewhere = site.agent("alice").env("SWARMLOCK_DIR", site.path("other")).run(["acquire", "x"]).expect(1);
    complained(&elsewhere, "other.new-");
    remount("rw");
    assert!(before == snapshot(site.root()), "something has been changed");
    holds(&site, "alice", "src/auth.rs");
}

/// Root may write whatever the mode says: it tries as nobody.
#[test]
fn a_directory_that_its_user_may_not_write_to_can_be_looked_at_and_not_changed() {
    let site = Site::new();
    let program = site.path("swarmlock");
    fs::copy(BINARY, &program).unwrap();
    shell(&site, "chmod 755 . swarmlock && chmod 777 .git");
    if is_root() {
        shell(&site, "chown -R 65534:65534 .");
    }
    let run = |args: &[&str]| {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        command.args(args).current_dir(site.root()).env("SWARMLOCK_AGENT", "alice").env_remove("SWARMLOCK_DIR");
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        finish(command.spawn().unwrap())
    };
    run(&["acquire", "src/auth.rs"]).expect(0);
    shell(&site, "chmod -R a-w .agent_locks");
    let before = snapshot(&site.state(""));
    for change in CHANGES {
        let refusal = run(change);
        refused(&refusal, 1, ".agent_locks/.guard");
        assert!(refusal.err.contains("Permission denied"), "{refusal}");
    }
    for look in [&["check", "src/auth.rs"][..], &["who", "src/auth.rs"], &["list"], &["status"], &["history"]] {
        assert!(!run(look).expect(0).out.is_empty());
    }
    // Only the files: the directory itself cannot take new ones.
    shell(&site, "chmod 600 .agent_locks/.guard .agent_locks/events.log");
    refused(&run(&["acquire", "src/new.rs"]), 1, "tmp/pending");
    shell(&site, "chmod 400 .agent_locks/.guard .agent_locks/events.log");
    assert!(before == snapshot(&site.state("")), "something has been changed");
    // The control: with the permissions back, all goes on.
    shell(&site, "chmod -R u+w .agent_locks");
    run(&["acquire", "src/new.rs"]).expect(0);
    run(&["release", "src/auth.rs", "src/new.rs"]).expect(0);
}

fn shell(site: &Site, script: &str) {
    let run = Run::from(Command::new("sh").args(["-c", script]).current_dir(site.root()).output().unwrap());
    assert_eq!(run.code, 0, "{run}");
}
