//! Cursors that say what cannot be: what they hide is shown again rather than never.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::{
    Mount, complained, in_own_mounts, is_root,
    mail::{append, damages, inbox, line, locks_work, send, site, texts},
    refused, snapshot,
};
use crate::harness::{BINARY, Run, Site, finish, without_identity};

const BOB: &str = "cursors/bob";

fn cursor(site: &Site) -> Value {
    serde_json::from_slice(&fs::read(site.state(BOB)).unwrap()).unwrap()
}

#[test]
fn a_cursor_that_says_nothing_is_begun_again_with_a_warning_and_goes_on() {
    let parsed = cursor(&site());
    let mut cases = damages(parsed.to_string().as_bytes());
    cases.push(vec![b'x'; 1 << 20]);
    for (key, value) in [
        ("agent_id", json!("alice")),
        ("agent_id", json!("Bob")),
        ("agent_id", json!("../bob")),
        ("messages", json!(u64::MAX)),
        ("messages", json!(1_u64 << 60)),
        ("messages", json!((1_u64 << 53) - 1)),
        ("messages", json!(-1)),
        ("messages", json!("5")),
        ("messages", json!(null)),
        ("events", json!(1_u64 << 60)),
        ("events", json!([])),
    ] {
        let mut changed = parsed.clone();
        changed[key] = value;
        cases.push(changed.to_string().into_bytes());
    }
    for (at, bytes) in cases.iter().enumerate() {
        let site = site();
        // With an event number from another directory, what is good in it is good here too.
        site.plant(BOB, bytes);
        let run = site.agent("bob").run(["inbox", "--json"]).expect(0);
        assert_eq!(texts(&run.json()), ["first", "second"], "{at}: {run}");
        assert!(run.err.contains("is shown again"), "{at}: {run}");
        // And never more than once.
        let run = site.agent("bob").run(["inbox", "--json"]).expect(0);
        assert_eq!((texts(&run.json()), run.err.contains("is shown again")), (Vec::new(), false), "{at}: {run}");
        send(&site, "third", &[]).expect(0);
        assert_eq!(texts(&inbox(&site, "bob")), ["third"]);
    }
    let site = site();
    site.plant(BOB, &cases[0]);
    locks_work(&site);
}

#[test]
fn a_newer_cursor_is_left_alone() {
    let site = site();
    let mut newer = cursor(&site);
    newer["v"] = json!(2);
    for text in [newer.to_string(), r#"{"v":3,"at":"elsewhere"}"#.to_owned()] {
        site.plant(BOB, &text);
        refused(&site.agent("bob").run(["inbox"]), 65, BOB);
        refused(&site.agent("bob").run(["inbox", "--peek"]), 65, BOB);
        send(&site, "third", &[]).expect(0);
        locks_work(&site);
        assert_eq!(fs::read_to_string(site.state(BOB)).unwrap(), text);
    }
}

#[test]
fn a_cursor_from_the_past_shows_again_and_one_that_is_gone_shows_all_since_registering() {
    let site = site();
    append(&site, &line(1, "bob", "before there was a bob"));
    fs::remove_file(site.state(BOB)).unwrap();
    assert_eq!(texts(&inbox(&site, "bob")), ["first", "second"]);
    let mut old = cursor(&site);
    old["messages"] = json!(2);
    site.plant(BOB, old.to_string());
    assert_eq!(texts(&inbox(&site, "bob")), ["first", "second"]);
    assert_eq!(texts(&inbox(&site, "bob")), [""; 0]);
    fs::remove_dir_all(site.state("cursors")).unwrap();
    assert_eq!(texts(&inbox(&site, "bob")), ["first", "second"]);
}

#[test]
fn a_newcomer_has_what_came_since_and_is_told_of_what_came_before() {
    let site = site();
    site.agent("alice").run(["broadcast", "INFO", "to all", "--no-pane"]).expect(0);
    let run = site.agent("carol").run(["inbox", "--json"]).expect(0);
    assert_eq!((texts(&run.json()).len(), &run.json()["earlier"]), (0, &json!(1)), "{run}");
    site.agent("alice").run(["broadcast", "INFO", "to all again", "--no-pane"]).expect(0);
    assert_eq!(texts(&inbox(&site, "carol")), ["to all again"]);
    // One that was retired and comes again is a newcomer.
    site.agent("alice").run(["broadcast", "INFO", "unread", "--no-pane"]).expect(0);
    site.agent("carol").run(["agents", "retire"]).expect(0);
    assert!(!site.state("cursors/carol").exists());
    refused(&site.agent("alice").run(["send", "carol", "INFO", "x", "--no-pane"]), 13, "carol");
    let again = inbox(&site, "carol");
    assert_eq!((texts(&again).len(), &again["earlier"]), (0, &json!(3)), "{again}");
    site.agent("alice").run(["send", "carol", "INFO", "welcome", "--no-pane"]).expect(0);
    assert_eq!(texts(&inbox(&site, "carol")), ["welcome"]);
}

#[test]
fn on_a_read_only_mount_messages_are_looked_at_and_never_taken_for_read() {
    if !in_own_mounts("hostile::cursors::on_a_read_only_mount_messages_are_looked_at_and_never_taken_for_read") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "none"]);
    let site = Site::below(disk.path());
    site.agent("bob").run(["acquire", "src/bob.rs"]).expect(0);
    send(&site, "first", &["--ack=1h"]).expect(0);
    let before = snapshot(site.root());
    let remount = |how: &str| {
        let options = format!("remount,bind,{how}");
        let run = Command::new("mount").args(["-o", &options]).arg(disk.path()).output().unwrap();
        assert!(run.status.success(), "{}", Run::from(run));
    };
    remount("ro");
    for change in [&["inbox"][..], &["send", "alice", "INFO", "x", "--no-pane"], &["tick"], &["agents", "register"]] {
        let run = site.agent("bob").run(change);
        refused(&run, 1, ".agent_locks/.guard");
    }
    assert!(site.agent("bob").run(["messages"]).expect(0).out.contains("first"));
    assert!(site.agent("bob").run(["agents", "list"]).expect(0).out.contains("bob"));
    remount("rw");
    assert!(before == snapshot(site.root()), "something has been changed");
    assert_eq!(texts(&inbox(&site, "bob")), ["first"]);
}

/// Root may read whatever the mode says: it tries as nobody.
#[test]
fn what_may_not_be_read_is_told_and_no_lock_waits_for_it() {
    let site = site();
    let shell = |line: &str| {
        let run = Run::from(Command::new("sh").args(["-c", line]).current_dir(site.root()).output().unwrap());
        assert_eq!(run.code, 0, "{run}");
    };
    // Copied by another process: none of this one's children has it open when it is started.
    shell(&format!("cp '{BINARY}' swarmlock && chmod 755 . swarmlock && chmod 777 .git"));
    if is_root() {
        shell("chown -R 65534:65534 .");
    }
    let run = |args: &[&str]| {
        let mut command = Command::new(if is_root() { "setpriv".into() } else { site.path("swarmlock") });
        if is_root() {
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(site.path("swarmlock"));
        }
        without_identity(&mut command).args(args).current_dir(site.root()).env("SWARMLOCK_AGENT", "bob");
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        finish(command.spawn().unwrap())
    };
    // For each: agents list, messages, send, inbox, tick.
    let cases = [
        ("ACTIVE_AGENTS.json", [1, 0, 1, 1, 1]),
        ("PENDING_ACKS.json", [0, 0, 0, 0, 1]),
        ("agent_messages.log", [0, 1, 1, 1, 1]),
        ("agent_messages.log.1", [0, 1, 1, 1, 1]),
        ("cursors/bob", [0, 0, 0, 1, 0]),
        ("cursors", [0, 0, 0, 1, 0]),
    ];
    for (at, codes) in cases {
        let mode = if at == "cursors" { "700" } else { "600" };
        shell(&format!("chmod 000 .agent_locks/{at}"));
        let calls: [&[&str]; 5] = [
            &["agents", "list"],
            &["messages"],
            &["send", "alice", "INFO", "x", "--no-pane"],
            &["inbox", "--peek"],
            &["tick"],
        ];
        for (call, code) in calls.into_iter().zip(codes) {
            let run = run(call);
            assert_eq!(run.code, code, "{at}: {call:?}: {run}");
            if code != 0 {
                complained(&run, at);
            }
        }
        assert!(run(&["acquire", "src/new.rs"]).expect(0).out.starts_with("acquired\t"));
        run(&["check", "src/bob.rs"]).expect(0);
        run(&["list"]).expect(0);
        run(&["release", "src/new.rs"]).expect(0);
        shell(&format!("chmod {mode} .agent_locks/{at}"));
    }
    assert!(run(&["inbox"]).expect(0).out.contains("\tsecond\n"));
}
