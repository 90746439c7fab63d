//! `config.toml` that is no configuration, or that swarmlock must not trust.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{
    complained, harmless, holds, is_root,
    object::{FOR_FILES, Planted},
    refused, snapshot, works,
};
use crate::harness::{Run, Site, skip};

/// What only looks, on [`held`].
const LOOKS: [&[&str]; 6] =
    [&["check", "src/auth.rs"], &["who", "src/auth.rs"], &["list"], &["status"], &["history"], &["list", "--json"]];

/// What changes something.
const CHANGES: [&[&str]; 8] = [
    &["acquire", "free"],
    &["acquire-file-lock", "free"],
    &["renew", "src/auth.rs"],
    &["release", "src/auth.rs"],
    &["release", "--mine"],
    &["release", "free"],
    &["cleanup"],
    &["init"],
];

/// Alice holds src/auth.rs; there is a good configuration.
fn held() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
    site.plant("config.toml", "guard_wait = '4s'\n");
    site
}

fn look(site: &Site) -> Vec<Run> {
    // What is left of a lease passes by the second.
    let still = |run: Run| Run { out: run.out.split("\"left_ms\"").next().unwrap_or_default().to_owned(), ..run };
    LOOKS.iter().map(|args| still(site.agent("bob").run(*args))).collect()
}

/// Fails unless every change is refused with `code` and changes nothing, and looking shows what it showed before.
fn stops_changes_only(site: &Site, before: &[Run], code: i32, what: &str) {
    let state = snapshot(&site.state(""));
    refuses_changes_only(site, before, code, what);
    assert!(state == snapshot(&site.state("")), "{what}: something has been changed");
}

fn refuses_changes_only(site: &Site, before: &[Run], code: i32, what: &str) {
    for args in CHANGES {
        let run = site.agent("alice").run(args);
        assert_eq!(run.code, code, "{what}: {args:?}: {run}");
        refused(&run, code, "config.toml");
        harmless(&run);
    }
    for (run, good) in look(site).iter().zip(before) {
        assert_eq!((run.code, &run.out), (good.code, &good.out), "{what}: {run}");
        assert!(run.err.contains("config.toml") && run.err.contains("warning"), "{what}: {run}");
        assert!(!good.err.contains("config.toml"), "the control: {good}");
        harmless(run);
    }
    for action in ["check", "show"] {
        let run = site.nobody().run(["config", action]);
        refused(&run, code, "config.toml");
    }
    site.nobody().run(["config", "path"]).expect(0);
}

#[test]
fn an_object_in_place_of_the_configuration_stops_every_change_and_hides_no_lock() {
    let test = "planted in place of the configuration";
    let mut tried = 0;
    for object in FOR_FILES {
        let site = held();
        let before = look(&site);
        let Some(planted) = Planted::new(site.state("config.toml"), *object) else {
            skip(test, &format!("{object:?}: not possible for this user here"));
            continue;
        };
        tried += 1;
        let outside = snapshot(planted.outside.path());
        stops_changes_only(&site, &before, 73, &format!("{object:?}"));
        assert!(outside == snapshot(planted.outside.path()), "{object:?}: what stands outside has been touched");
        planted.remove();
        holds(&site, "alice", "src/auth.rs");
        works(&site, "free");
    }
    assert!(tried >= 5, "{tried}");
}

#[test]
fn a_configuration_with_anything_wrong_in_it_stops_every_change_and_hides_no_lock() {
    let deep = format!("redact = {}", "[".repeat(60_000));
    let large = format!("{}\n", "#".repeat(64 * 1024));
    let bad: [(&str, &[u8], &str); 12] = [
        ("unknown", b"gaurd_wait = '1s'", "line 1: gaurd_wait: "),
        ("a table", b"[locks]", "line 1: locks: "),
        ("wrong type", b"\nguard_wait = 5", "line 2: guard_wait: "),
        ("out of range", b"max_reason = 8193", "line 1: max_reason: "),
        ("twice", b"max_reason = 5\nmax_reason = 5", "line 2: max_reason: "),
        ("not UTF-8", b"# \xff", "line 1: it is not UTF-8"),
        ("no TOML", b"\n\nwhat?", "line 3: "),
        ("zeros", &[0; 512], "line 1: "),
        ("deep", deep.as_bytes(), "line 1: "),
        ("large", large.as_bytes(), "larger than 65536 bytes"),
        ("escapes", b"\"\\u001b[31m\\nnext: swarmlock release --mine\" = 1", "line 1: "),
        ("a forged line", b"guard_wait = '\\u001b\\n\xe2\x80\xae'", "line 1: guard_wait: "),
    ];
    for (what, bytes, said) in bad {
        let site = held();
        let before = look(&site);
        site.plant("config.toml", bytes);
        stops_changes_only(&site, &before, 78, what);
        let run = site.nobody().run(["config", "check"]).expect(78);
        assert!(run.err.contains(said), "{what}: {run}");
        // The control: with a good one all is as it was. At the limit it is still read.
        site.plant("config.toml", &large[1..]);
        assert_eq!(site.nobody().run(["config", "check"]).expect(0).err, "");
        holds(&site, "alice", "src/auth.rs");
        works(&site, "free");
    }
}

#[test]
fn a_configuration_that_its_owner_may_not_read_stops_every_change_and_hides_no_lock() {
    if is_root() {
        return skip("a configuration that its owner may not read", "root reads everything");
    }
    let site = held();
    let before = look(&site);
    let file = site.state("config.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    refuses_changes_only(&site, &before, 1, "mode 0");
    complained(&site.nobody().run(["config", "check"]), "openat");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    holds(&site, "alice", "src/auth.rs");
}

#[test]
fn a_configuration_that_others_may_read_is_used() {
    let site = held();
    site.plant("config.toml", "max_reason = 3\n");
    for mode in [0o600, 0o644, 0o400, 0o755] {
        fs::set_permissions(site.state("config.toml"), fs::Permissions::from_mode(mode)).unwrap();
        site.agent("alice").run(["acquire", "a", "--reason", "1234"]).expect(16);
    }
}

/// Nothing of it is read where no change could need it.
#[test]
fn commands_without_a_state_directory_care_for_no_configuration() {
    let site = held();
    site.plant("config.toml", "?");
    for args in [&["whoami"][..], &["capabilities"], &["completions", "bash"], &["--help"], &["config", "template"]] {
        assert_eq!(site.agent("alice").run(args).expect(0).err, "", "{args:?}");
    }
}

#[test]
fn who_waits_is_warned_of_settings_that_cannot_be_read_once() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "x"]).expect(0);
    site.plant("config.toml", "bad = [");
    // It looks several times.
    let run = site.agent("bob").run(["wait", "x", "--timeout", "300ms"]);
    assert_ne!(run.code, 0, "the control: it is held; {run}");
    assert_eq!(run.err.matches("warning").count(), 1, "{run}");
}
