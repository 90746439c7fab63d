//! State directories that cannot be trusted as a whole.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use rustix::{
    fs::{CWD, FileType, Mode},
    process::{Gid, Uid},
};
use serde_json::{Value, json};

use super::{complained, holds, is_root, private, refused, snapshot, works};
use crate::harness::{Run, Site, skip};

const COMMANDS: [&[&str]; 11] = [
    &["acquire", "src/auth.rs"],
    &["acquire", "src/new.rs"],
    &["release", "src/auth.rs"],
    &["renew", "--mine"],
    &["check", "src/auth.rs"],
    &["who", "src/auth.rs"],
    &["list"],
    &["status"],
    &["cleanup"],
    &["init"],
    &["history"],
];

/// A checkout in which alice holds src/auth.rs.
fn site() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
    site
}

/// Fails unless every command of alice's is refused with `code` because of `file`, and nothing has changed.
fn all_refused(site: &Site, code: i32, file: &str) {
    all_but_history_refused(site, code, file);
    refused(&site.agent("alice").run(["history"]), code, file);
}

fn all_but_history_refused(site: &Site, code: i32, file: &str) {
    let before = snapshot(site.root());
    for command in COMMANDS.iter().filter(|command| command[0] != "history") {
        refused(&site.agent("alice").run(*command), code, file);
        let error = site.agent("alice").run([&["--json"], *command].concat()).expect(code).json_error();
        assert_eq!(error["code"], json!(code));
    }
    assert!(before == snapshot(site.root()), "something has been changed");
}

/// The control: with everything as it should be, all commands work.
fn all_work(site: &Site) {
    for command in COMMANDS {
        let run: Run = site.agent("alice").run(command);
        assert!([0, 13].contains(&run.code), "{command:?}: {run}");
    }
}

#[test]
fn a_link_to_a_state_directory_is_refused_and_nothing_is_made_where_it_leads() {
    let site = site();
    fs::rename(site.state(""), site.path("good")).unwrap();
    symlink(site.path("good"), site.path(".agent_locks")).unwrap();
    all_refused(&site, 73, ".agent_locks: it is a symbolic link");
    fs::remove_file(site.path(".agent_locks")).unwrap();
    symlink(site.path("missing"), site.path(".agent_locks")).unwrap();
    all_refused(&site, 73, ".agent_locks: it is a symbolic link");
    assert!(!site.path("missing").exists());
    fs::remove_file(site.path(".agent_locks")).unwrap();
    fs::rename(site.path("good"), site.path(".agent_locks")).unwrap();
    holds(&site, "alice", "src/auth.rs");
    all_work(&site);
}

#[test]
fn a_state_directory_that_is_no_directory_is_refused_and_left() {
    let site = Site::new();
    let at = site.path(".agent_locks");
    fs::write(&at, "not a directory\n").unwrap();
    all_refused(&site, 73, ".agent_locks: it is not a directory");
    fs::remove_file(&at).unwrap();
    rustix::fs::mknodat(CWD, &at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    all_refused(&site, 73, ".agent_locks: it is not a directory");
    fs::remove_file(&at).unwrap();
    all_work(&site);
}

#[test]
fn a_state_directory_that_is_open_to_others_is_refused() {
    let site = site();
    let mode = |mode| fs::set_permissions(site.state(""), fs::Permissions::from_mode(mode)).unwrap();
    // One that came with a clone of a repository has a mode such as 0755, and locks that nobody here took.
    for loose in [0o770, 0o720, 0o702, 0o777, 0o1777, 0o755, 0o750, 0o701] {
        mode(loose);
        all_refused(&site, 73, &format!(".agent_locks: it is open to others (mode {loose:04o})"));
    }
    mode(0o700);
    holds(&site, "alice", "src/auth.rs");
    all_work(&site);
}

#[test]
fn a_state_directory_of_another_user_is_refused_whoever_it_is() {
    if !is_root() {
        return skip("a_state_directory_of_another_user", "only root can give files away");
    }
    let site = site();
    let own = |uid| rustix::fs::chown(site.state(""), Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid))).unwrap();
    own(65534);
    all_refused(&site, 73, ".agent_locks: it belongs to another user (uid 65534)");
    own(0);
    holds(&site, "alice", "src/auth.rs");
    all_work(&site);
}

#[test]
fn an_empty_state_directory_is_made_anew_by_a_change_and_only_by_one() {
    let site = Site::new();
    fs::create_dir(site.path(".agent_locks")).unwrap();
    private(&site.path(".agent_locks"));
    for command in ["list", "status", "cleanup"] {
        site.agent("alice").run([command]).expect(0);
    }
    assert!(site.agent("alice").run(["check", "src/auth.rs"]).expect(0).out.starts_with("free\t"));
    assert_eq!(fs::read_dir(site.path(".agent_locks")).unwrap().count(), 0);
    site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
    holds(&site, "alice", "src/auth.rs");
    let mode = fs::metadata(site.path(".agent_locks")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}

/// As in the middle of `git clean -fdx`: a guard made anew here would be a second one beside that which others hold.
#[test]
fn a_state_directory_without_a_guard_is_refused_and_gets_none() {
    let site = site();
    let guard = fs::read(site.state(".guard")).unwrap();
    fs::rename(site.state(".guard"), site.path("kept")).unwrap();
    all_but_history_refused(&site, 73, ".guard is missing");
    assert!(!site.state(".guard").exists());
    fs::rename(site.path("kept"), site.state(".guard")).unwrap();
    assert_eq!(fs::read(site.state(".guard")).unwrap(), guard);
    holds(&site, "alice", "src/auth.rs");
    all_work(&site);
}

#[test]
fn a_state_directory_with_nothing_left_but_lock_files_grants_nothing() {
    let site = site();
    for gone in [".guard", "era.json", "events.log", ".gitignore"] {
        fs::remove_file(site.state(gone)).unwrap();
    }
    all_but_history_refused(&site, 73, ".guard is missing");
    assert!(site.lock_file("src/auth.rs").exists());
}

#[test]
fn a_state_directory_without_a_sound_era_is_refused_and_left() {
    let site = site();
    let file = site.state("era.json");
    let good = fs::read(&file).unwrap();
    fs::rename(&file, site.path("kept")).unwrap();
    all_but_history_refused(&site, 65, "era.json: damaged: it is missing");
    fs::rename(site.path("kept"), &file).unwrap();
    let era: Value = serde_json::from_slice(&good).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = era.clone();
        changed[key] = value;
        serde_json::to_vec(&changed).unwrap()
    };
    let mut cases = vec![
        vec![],
        b"garbage\n".to_vec(),
        b"\xff\xfe".to_vec(),
        vec![0; 2048],
        good[..good.len() / 2].to_vec(),
        [&good[..], &good[..]].concat(),
        [&good[..], &[b' '; 64 * 1024]].concat(),
        "[".repeat(50_000).into_bytes(),
        with("v", json!(0)),
        with("v", json!(2)),
        with("era", json!(-1)),
        with("era", json!(1_u64 << 53)),
        with("era", json!(u64::MAX)),
    ];
    for key in era.as_object().unwrap().keys() {
        cases.push(with(key, json!({ "not": "this" })));
    }
    for bytes in cases {
        fs::write(&file, &bytes).unwrap();
        all_but_history_refused(&site, 65, "era.json");
        assert!(fs::read(&file).unwrap() == bytes, "the damaged file has been touched");
    }
    fs::write(&file, &good).unwrap();
    holds(&site, "alice", "src/auth.rs");
    all_work(&site);
}

#[test]
fn a_state_directory_that_has_used_up_its_numbers_grants_nothing_more_and_says_so() {
    let site = site();
    let era: Value = serde_json::from_slice(&fs::read(site.state("era.json")).unwrap()).unwrap();
    let line = json!({ "v": 1, "era": era["era"], "next": 1_u64 << 53, "change": null });
    fs::write(site.state(".guard"), line.to_string()).unwrap();
    for resource in ["src/auth.rs", "src/new.rs"] {
        refused(
            &site.agent("alice").run(["acquire", resource, "--ttl", "1h"]),
            16,
            "era.json: this era has no numbers left",
        );
    }
    site.agent("bob").run(["acquire", "src/auth.rs"]).expect(10);
    assert!(site.agent("alice").run(["check", "src/auth.rs"]).expect(0).out.starts_with("mine\t"));
}

/// What the guard says is only the next number and the last change: without it, numbers are skipped, none given twice.
#[test]
fn a_guard_with_damaged_contents_never_makes_a_number_be_given_twice() {
    let site = site();
    let mut largest = site.lock_json("src/auth.rs")["holders"][0]["fence"].as_u64().unwrap();
    let damages: [&[u8]; 7] = [
        b"",
        b"garbage",
        b"\xff",
        &[0; 2048],
        &[b'x'; 100_000],
        &[b'['; 60_000],
        b"{\"v\":1,\"era\":1,\"next\":2,\"change\":null}",
    ];
    for (at, damage) in damages.into_iter().enumerate() {
        fs::write(site.state(".guard"), damage).unwrap();
        let held = site.agent("bob").run(["acquire", &format!("file-{at}"), "--json"]).expect(0).json();
        let fence = held["holder"]["fence"].as_u64().unwrap();
        assert!(fence > largest, "{fence} after {largest}");
        largest = fence;
        holds(&site, "alice", "src/auth.rs");
    }
    all_work(&site);
}

#[test]
fn a_log_with_damaged_lines_loses_only_those_and_says_so() {
    let site = site();
    let log = site.state("events.log");
    let good = fs::read(&log).unwrap();
    let damage: [&[u8]; 4] = [b"garbage\n", b"\xff\xfe\n", b"{\"n\":\n", &[b'['; 100_000]];
    fs::write(&log, [&damage.concat(), &b"\n"[..], &good, b"{\"n\":12,\"torn"].concat()).unwrap();
    site.agent("bob").run(["acquire", "src/other.rs"]).expect(0);
    let history = site.agent("bob").run(["history"]).expect(0);
    for resource in ["src/auth.rs", "src/other.rs"] {
        assert!(history.out.contains(&format!("\tacquired\t{resource}\t")), "{history}");
    }
    assert_eq!(history.out.lines().count(), 2, "{history}");
    assert!(history.err.contains("lines of events.log that cannot be read and are not shown: 5"), "{history}");
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(10 << 30).unwrap();
    complained(&site.agent("bob").run(["history"]).expect(65), "events.log");
    works(&site, "src/third.rs");
    holds(&site, "alice", "src/auth.rs");
}
