//! Trouble of ours lets an edit through, loudly and soon; a lease of another that can be read refuses always.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, Instant},
};

use rustix::fs::{Gid, Uid};
use serde_json::json;

use super::{
    Session,
    acting::{configure, held, refused, silent, site, unprotected},
    edit_of, warned,
};
use crate::{
    harness::{Run, Site, skip},
    hostile::{Mount, in_own_mounts, is_root},
};

/// As soon as a harness may want its answer.
const SOON: Duration = Duration::from_secs(1);

/// A checkout in which alice holds `held`.
fn with_held() -> Site {
    let site = site();
    site.agent("alice").run(["acquire", "held"]).expect(0);
    site
}

/// Fails unless an edit of this file goes on, with one line that says why.
#[track_caller]
fn goes_on(run: &Run, why: &str) {
    let said = warned(run);
    assert!(
        run.code == 0 && said.contains("WITHOUT protection") && said.contains(why),
        "not let through with {why:?}: {run}"
    );
    assert_eq!((said.lines().count(), run.err.as_str()), (1, ""), "{run}");
}

/// The answer to an edit, which must come soon. The machine may be busy for a moment: then it is asked again.
#[track_caller]
fn soon(ask: impl Fn() -> Run) -> Run {
    let mut took = Duration::ZERO;
    for _ in 0..5 {
        let began = Instant::now();
        let run = ask();
        took = began.elapsed();
        if took < SOON {
            return run;
        }
    }
    panic!("no answer within {SOON:?}: {took:?}");
}

#[test]
fn a_guard_that_is_held_for_long_keeps_nobody_from_working() {
    let site = with_held();
    let one = Session::new(&site, "one");
    one.edits("mine");
    let guard = site.hold_guard();
    let run = soon(|| one.edit("free"));
    goes_on(&run, "guard");
    refused(&soon(|| one.edit("held")), "held is held by alice");
    silent(&soon(|| one.edit("mine")));
    for event in ["SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SubagentStop", "SessionEnd"] {
        let run = soon(|| one.hook(event, json!({})));
        assert_ne!(run.code, 2, "{event}: {run}");
    }
    drop(guard);
    let log = unprotected(&site);
    assert!(
        log.iter().all(|line| line["event"] == "unprotected" && line["path"] == json!(site.path("free"))),
        "{log:?}"
    );
    assert_eq!(
        (&log[0]["harness"], &log[0]["session"], &log[0]["tool"]),
        (&json!("claude-code"), &json!("one"), &json!("Edit"))
    );
    one.edits("free");
    assert_eq!(unprotected(&site).len(), log.len(), "the control: with the guard free nothing is noted");
}

#[test]
fn what_is_configured_to_fail_closed_is_refused_with_the_reason_and_what_to_do() {
    let site = with_held();
    configure(&site, "fail = \"closed\"\n");
    let one = Session::new(&site, "one");
    one.edits("a");
    let guard = site.hold_guard();
    let why = refused(&one.edit("free"), "who holds it cannot be told");
    assert!(why.contains("fail = \"closed\""), "{why}");
    refused(&one.hook("PreToolUse", json!({ "tool_name": "Edit" })), "cannot be told");
    let bad = site.nobody().run_with_stdin(["hook", "PreToolUse"], b"{\"tool_name\":");
    refused(&bad, "cannot be told");
    // Only what writes: nothing else is ever stopped.
    for tool in ["Read", "Bash"] {
        let run = one.hook("PreToolUse", json!({ "tool_name": tool, "tool_input": { "command": "ls" } }));
        assert_eq!(run.code, 0, "{run}");
    }
    for event in ["UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"] {
        assert_ne!(one.hook(event, json!({})).code, 2, "{event}");
    }
    drop(guard);
    let log = unprotected(&site);
    assert!(log.len() == 3 && log.iter().all(|line| line["event"] == "refused"), "{log:?}");
    silent(&one.edit("free"));
}

#[test]
fn a_configuration_that_is_none_is_said_and_the_defaults_count() {
    let site = with_held();
    let one = Session::new(&site, "one");
    for wrong in ["fail = \"perhaps\"", "no toml", "edit_tools = ['x']", "auto_acquire = 1", "unheard_of = 1", "\u{0}"]
    {
        configure(&site, wrong);
        let run = one.edit("a").expect(0);
        let said = warned(&run);
        assert!(said.contains("config.toml") && said.contains("going on with the defaults"), "{wrong}: {run}");
        assert!(held(&site, "a").is_some(), "{wrong}");
        refused(&one.edit("held"), "held by alice");
        let stop = one.stops();
        assert!(warned(&stop).contains("config.toml"), "{stop}");
        assert!(held(&site, "a").is_none(), "{wrong}");
    }
    fs::remove_file(site.state("config.toml")).unwrap();
    one.edits("a");
}

#[test]
fn a_damaged_lock_of_the_very_file_lets_the_edit_through_and_says_so() {
    let site = with_held();
    let one = Session::new(&site, "one");
    one.edits("damaged");
    one.stops();
    for bytes in [&b""[..], b"garbage", b"{}", &[0; 1000], b"{\"v\":99}"] {
        site.plant("locks/paths/-/damaged.lock", bytes);
        goes_on(&one.edit("damaged"), "damaged.lock");
        assert!(fs::read(site.lock_file("damaged")).unwrap() == bytes, "a damaged lock was touched");
        refused(&one.edit("held"), "held by alice");
        silent(&one.edit("other"));
    }
    assert_eq!(unprotected(&site).len(), 5);
    configure(&site, "fail = \"closed\"\n");
    refused(&one.edit("damaged"), "damaged.lock");
}

#[test]
fn a_damaged_lock_elsewhere_hides_no_lease_that_can_be_read() {
    let site = with_held();
    site.agent("alice").run(["acquire", "src/"]).expect(0);
    site.agent("alice").run(["acquire", "*.rs"]).expect(0);
    site.plant("locks/globs/-/damaged.lock", b"garbage");
    let one = Session::new(&site, "one");
    for file in ["held", "src/a", "a.rs"] {
        refused(&one.edit(file), "is held by alice");
    }
    // Nor one on more than the file itself.
    one.edits("other");
    one.stops();
    fs::remove_file(site.state("locks/globs/-/damaged.lock")).unwrap();
    for file in ["src/a", "a.rs"] {
        fs::write(site.lock_file(file), b"garbage").unwrap();
        refused(&one.edit(file), "is held by alice");
    }
}

#[test]
fn damage_to_what_all_depends_on_lets_edits_through_and_refuses_what_can_be_read() {
    type Break = fn(&Site);
    let break_it: [(&str, Break); 5] = [
        ("era.json", |site| site.plant("era.json", b"garbage")),
        ("events.log", |site| {
            fs::remove_file(site.state("events.log")).unwrap();
            fs::create_dir(site.state("events.log")).unwrap();
        }),
        ("tmp", |site| {
            fs::remove_dir_all(site.state("tmp")).unwrap();
            fs::write(site.state("tmp"), "x").unwrap();
        }),
        (".guard", |site| fs::remove_file(site.state(".guard")).unwrap()),
        ("beats", |site| {
            fs::remove_dir_all(site.state("beats")).unwrap();
            fs::write(site.state("beats"), "x").unwrap();
        }),
    ];
    for (what, break_it) in break_it {
        let site = with_held();
        let one = Session::new(&site, "one");
        one.starts("startup");
        break_it(&site);
        let run = soon(|| one.edit("free"));
        assert!(run.code == 0 && warned(&run).contains(what), "{what}: {run}");
        assert!(warned(&run).contains("WITHOUT protection") || held(&site, "free").is_some(), "{what}: {run}");
        refused(&soon(|| one.edit("held")), "held by alice");
        // Where the era cannot be told, a lease counts no longer than it would without a sign of life, and a minute.
        if ["era.json", ".guard"].contains(&what) {
            let mut lock = site.lock_json("held");
            lock["holders"][0]["renewed_at"] = "2026-01-01T00:00:00.000Z".into();
            fs::write(site.lock_file("held"), lock.to_string()).unwrap();
            site.forget("alice");
            assert!(warned(&one.edit("held").expect(0)).contains("WITHOUT protection"), "{what}");
        }
        for event in ["SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SubagentStop", "SessionEnd"] {
            let run = soon(|| one.hook(event, json!({})));
            assert_eq!(run.code, 0, "{what} {event}: {run}");
        }
    }
}

#[test]
fn a_state_directory_that_is_open_to_others_protects_nothing_and_that_is_said() {
    let site = with_held();
    let one = Session::new(&site, "one");
    for mode in [0o770, 0o777, 0o755] {
        fs::set_permissions(site.state(""), fs::Permissions::from_mode(mode)).unwrap();
        goes_on(&one.edit("free"), "it is open to others");
        goes_on(&one.edit("held"), "it is open to others");
        for event in ["SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"] {
            assert_eq!(one.hook(event, json!({})).code, 0, "{event}");
        }
    }
    fs::set_permissions(site.state(""), fs::Permissions::from_mode(0o700)).unwrap();
    refused(&one.edit("held"), "held by alice");
}

#[test]
fn a_state_directory_of_another_user_protects_nothing_and_that_is_said() {
    if !is_root() {
        return skip("a_state_directory_of_another_user_protects_nothing", "only root can give files away");
    }
    let site = with_held();
    let one = Session::new(&site, "one");
    rustix::fs::chown(site.state(""), Some(Uid::from_raw(65534)), Some(Gid::from_raw(65534))).unwrap();
    goes_on(&one.edit("free"), "it belongs to another user");
    rustix::fs::chown(site.state(""), Some(Uid::from_raw(0)), Some(Gid::from_raw(0))).unwrap();
    refused(&one.edit("held"), "held by alice");
}

#[test]
fn a_read_only_disk_lets_free_files_be_edited_and_refuses_held_ones() {
    if !in_own_mounts("hooks::troubles::a_read_only_disk_lets_free_files_be_edited_and_refuses_held_ones") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "none"]);
    let site = Site::below(disk.path());
    site.agent("alice").run(["acquire", "held"]).expect(0);
    let one = Session::new(&site, "one");
    let remount = |how: &str| {
        let options = format!("remount,bind,{how}");
        let run = Command::new("mount").args(["-o", &options]).arg(disk.path()).output().unwrap();
        assert!(run.status.success(), "{}", Run::from(run));
    };
    remount("ro");
    let run = soon(|| one.edit("free"));
    assert!(run.code == 0 && warned(&run).contains("Read-only file system"), "{run}");
    refused(&soon(|| one.edit("held")), "held by alice");
    for event in ["SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"] {
        assert_eq!(soon(|| one.hook(event, json!({}))).code, 0, "{event}");
    }
    remount("rw");
    one.edits("free");
}

#[test]
fn a_directory_that_may_not_be_written_lets_free_files_be_edited_and_refuses_held_ones() {
    if is_root() {
        return skip("a_directory_that_may_not_be_written", "root may write whatever the mode says");
    }
    let site = with_held();
    let one = Session::new(&site, "one");
    fs::set_permissions(site.state("tmp"), fs::Permissions::from_mode(0o500)).unwrap();
    goes_on(&soon(|| one.edit("free")), "Permission denied");
    refused(&soon(|| one.edit("held")), "held by alice");
    fs::set_permissions(site.state("tmp"), fs::Permissions::from_mode(0o700)).unwrap();
    one.edits("free");
}

#[test]
fn a_full_disk_lets_free_files_be_edited_and_refuses_held_ones() {
    if !in_own_mounts("hooks::troubles::a_full_disk_lets_free_files_be_edited_and_refuses_held_ones") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let site = Site::below(disk.path());
    site.agent("alice").run(["acquire", "held"]).expect(0);
    let one = Session::new(&site, "one");
    let filler = disk.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let run = soon(|| one.edit("free"));
    assert!(run.code == 0 && warned(&run).contains("No space left on device"), "{run}");
    assert!(warned(&run).contains("WITHOUT protection"), "{run}");
    refused(&soon(|| one.edit("held")), "held by alice");
    for event in ["SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"] {
        assert_eq!(soon(|| one.hook(event, json!({}))).code, 0, "{event}");
    }
    drop(file);
    fs::remove_file(filler).unwrap();
    one.edits("free");
}

#[test]
fn each_edit_without_protection_is_a_line_of_a_log_and_counted_in_status() {
    let site = with_held();
    let one = Session::new(&site, "one");
    let guard = site.hold_guard();
    for _ in 0..2 {
        goes_on(&one.edit("free"), "guard");
    }
    drop(guard);
    assert_eq!(unprotected(&site).len(), 2);
    let lines = fs::read_to_string(site.state("unprotected.log")).unwrap();
    assert!(lines.ends_with('\n') && !lines.contains("\n\n"), "{lines}");
    let status = site.nobody().run(["status"]).expect(0);
    assert!(status.out.contains("unprotected\t2 edits in the last day"), "{status}");
    let json = site.nobody().run(["status", "--json"]).expect(0).json();
    assert_eq!(json["unprotected"]["edits"], 2, "{json}");
}

/// Of a log that cannot be written nobody hears but who edits.
#[test]
fn a_log_of_unprotected_edits_that_cannot_be_written_is_said_and_stops_nobody() {
    let site = with_held();
    let one = Session::new(&site, "one");
    fs::create_dir(site.state("unprotected.log")).unwrap();
    let guard = site.hold_guard();
    let run = one.hook("PreToolUse", edit_of(&site.path("free"))).expect(0);
    assert!(warned(&run).contains("WITHOUT protection") && warned(&run).contains("unprotected.log"), "{run}");
    drop(guard);
    silent(&one.edit("free"));
}
