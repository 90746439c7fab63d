//! What somebody tries to get two agents into one file, to have an agent held up for nothing, or to take its locks away.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Session,
    acting::{held, refused, silent, site, unprotected},
    digits, warned,
};
use crate::harness::Site;

/// The call of a tool that edits the file of this name, as it is.
fn edit(session: &Session<'_>, name: &str) -> crate::harness::Run {
    session.hook("PreToolUse", json!({ "tool_name": "Edit", "tool_input": { "file_path": name } }))
}

/// Tools take `..` and `/` out of a name before they open it, without a look at what stands there.
#[test]
fn a_name_that_leads_elsewhere_by_links_than_as_a_text_is_judged_as_both() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    let outside = Site::outside_git();
    fs::create_dir(outside.path("deep")).unwrap();
    fs::create_dir(site.path("src")).unwrap();
    for file in ["held", "file", "src/held"] {
        fs::write(site.path(file), "").unwrap();
    }
    symlink(outside.path("deep"), site.path("link")).unwrap();
    symlink(site.path("src"), outside.path("back")).unwrap();
    one.edits("held");
    let root = site.root().to_str().unwrap().to_owned();
    for name in ["link/../held", "link/../../x/held", "file/../held", "held/", "held/.", "none/../held", "src/../held"]
    {
        let name = name.replace("../../x", &format!("../../{}", root.rsplit('/').next().unwrap()));
        let why = refused(&edit(&other, &format!("{root}/{name}")), &one.id());
        assert!(!why.contains("WITHOUT"), "{name}: {why}");
        refused(&edit(&other, &name), &one.id());
    }
    // By links it is held too, and the text is outside.
    let way = format!("{}/back/../held", outside.root().display());
    refused(&edit(&other, &way), &one.id());
    // A directory that the session has entered by a link is left by the text too.
    let call = json!({ "tool_name": "Edit", "tool_input": { "file_path": "../held" }, "cwd": site.path("link") });
    refused(&other.hook("PreToolUse", call), &one.id());
    // Control: what is held by nobody goes through by the same ways.
    for name in ["link/../free", "file/../free", "none/../free"] {
        silent(&edit(&other, &format!("{root}/{name}")));
        assert_eq!(held(&site, "free").unwrap().0, other.id(), "{name}");
        other.stops();
    }
}

/// A directory that may be a checkout of its own, such as a submodule whose repository is gone.
#[test]
fn a_broken_repository_below_takes_no_file_out_of_the_locks_that_it_is_under() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    fs::create_dir_all(site.path("sub/deep")).unwrap();
    one.edits("sub/deep/held");
    one.shell(["acquire", "sub/tree/"]).expect(0);
    for broken in ["", "nonsense", "gitdir: /nowhere", "gitdir: ."] {
        fs::write(site.path("sub/.git"), broken).unwrap();
        for file in ["sub/deep/held", "sub/tree/a"] {
            let why = other.is_refused(file, &one.id());
            assert!(!why.contains("WITHOUT"), "{why}");
        }
        // Control: what nobody holds cannot be judged, and that is said.
        let free = other.edit("sub/deep/free").expect(0);
        assert!(warned(&free).contains("WITHOUT protection"), "{free}");
        let own = one.edit("sub/deep/held").expect(0);
        assert!(warned(&own).contains("WITHOUT protection"), "{own}");
    }
}

/// Some tools leave blanks around a name out, and take `~` for the home directory.
#[test]
fn a_name_with_blanks_around_it_or_from_home_is_judged_as_that_file_too() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.edits("held");
    let (above, own) = (site.root().parent().unwrap(), site.root().file_name().unwrap().to_str().unwrap());
    let root = site.root().to_str().unwrap();
    let call = |name: &str| {
        let members = json!({ "tool_name": "Edit", "tool_input": { "file_path": name } });
        let payload = other.payload("PreToolUse", members).to_string();
        site.nobody().env("HOME", above).run_with_stdin(["hook", "PreToolUse"], payload.as_bytes())
    };
    for name in [" FILE", "FILE\n", "\tFILE ", "ROOT/FILE ", "~/OWN/FILE", " ~/OWN/src/../FILE", "~/OWN//FILE"] {
        let name = |file| name.replace("FILE", file).replace("ROOT", root).replace("OWN", own);
        refused(&call(&name("held")), &one.id());
        // Control: what is held by nobody is locked by that name.
        call(&name("free")).expect(0);
        assert_eq!(held(&site, "free").unwrap().0, other.id(), "{}", name("free"));
        other.stops();
    }
    refused(&call(&format!("~/{own}/.agent_locks/era.json")), "swarmlock's own");
}

/// Of a lease over several files the last one can be given up by itself: then the rest is another's to end.
#[test]
fn what_is_left_of_a_lease_over_several_ends_with_the_turn() {
    let site = site();
    let one = Session::new(&site, "one");
    let patch = "*** Begin Patch\n*** Add File: a\n+x\n*** Add File: b\n+x\n*** Add File: c\n+x\n*** End Patch";
    for end in ["Stop", "UserPromptSubmit", "SessionEnd"] {
        for (agent, command) in [(one.id(), vec!["release"]), ("bob".to_owned(), vec!["force-release", "--yes"])] {
            for parts in [vec!["c"], vec!["a"], vec!["b", "c"], vec!["c", "b"], vec!["a", "c"]] {
                one.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch } }));
                one.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch } }))
                    .expect(0);
                for part in &parts {
                    site.agent(&agent).run(command.iter().chain([part])).expect(0);
                }
                // Control: what was not given up is still there.
                let left = || site.nobody().run(["list", "--json"]).expect(0).json_lines().len();
                assert_eq!(left(), 3 - parts.len());
                one.hook(end, json!({})).expect(0);
                assert_eq!(left(), 0, "{end} {command:?} {parts:?}");
            }
        }
    }
}

#[test]
fn what_is_below_a_lost_tree_is_refused_once_and_not_in_every_turn() {
    let site = site();
    let one = Session::new(&site, "one");
    for lost in ["src/", "lib/**/*.rs"] {
        one.shell(["acquire", lost]).expect(0);
        site.agent("bob").run(["force-release", lost, "--yes"]).expect(0);
    }
    for turn in 0..3 {
        for file in ["src/a", "src/b", "lib/x/c.rs"] {
            if turn == 0 {
                one.is_refused(file, "this once");
            }
            one.edits(file);
        }
        one.edits("elsewhere");
        one.stops();
    }
    // What is lost once more is refused once more.
    one.shell(["acquire", "src/"]).expect(0);
    site.agent("bob").run(["force-release", "src/", "--yes"]).expect(0);
    one.is_refused("src/a", "this once");
    one.edits("src/a");
}

/// The ledger of a session, made to say this too.
fn forge(site: &Site, session: &Session<'_>, member: &str, value: Value) {
    let path = site.state(format!("hooks/{}", session.id()));
    let mut ledger: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    ledger[member] = value;
    fs::write(path, ledger.to_string()).unwrap();
}

#[test]
fn a_ledger_that_names_locks_of_others_takes_none_of_them() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.starts("startup");
    other.edits("held");
    let file = site.lock_file("held").strip_prefix(site.state("locks")).unwrap().to_str().unwrap().to_owned();
    for end in ["SessionEnd", "Stop", "UserPromptSubmit"] {
        forge(&site, &one, "automatic", json!([{ "file": file, "agent_id": other.id() }]));
        silent(&one.hook(end, json!({})));
        assert_eq!(held(&site, "held").unwrap().0, other.id(), "{end}");
    }
    // Control: its own goes.
    one.edits("own");
    one.hook("SessionEnd", json!({})).expect(0);
    assert!(held(&site, "own").is_none());
}

#[test]
fn a_ledger_written_by_hand_refuses_an_edit_once_and_never_for_good() {
    let site = site();
    let one = Session::new(&site, "one");
    one.starts("startup");
    one.edits("a");
    let file = site.lock_file("a").strip_prefix(site.state("locks")).unwrap().to_str().unwrap().to_owned();
    one.stops();
    for offset in [json!(0), json!(null), json!(u64::MAX), json!(1_u64 << 60)] {
        forge(&site, &one, "offset", offset.clone());
        forge(
            &site,
            &one,
            "lost",
            json!([{ "n": 0, "at": "2026-11-21T02:31:19.860Z", "event": "taken_over", "file": file,
                     "resources": ["a"], "by": "bob\nnext: rm", "was": "expired" }]),
        );
        let first = one.edit("a");
        assert!(!first.err.contains("\nnext: rm"), "{first}");
        for _ in 0..3 {
            one.edits("a");
            one.stops();
        }
    }
}

#[test]
fn a_call_that_names_a_million_files_is_answered_as_soon_as_it_is_read() {
    let site = site();
    let one = Session::new(&site, "one");
    let names: Vec<String> = (0..400_000).map(|n| format!("f{n}")).collect();
    let call = |tool: &str| {
        let payload = one.payload("PreToolUse", json!({ "tool_name": tool, "tool_input": { "paths": names } }));
        let begin = Instant::now();
        let run = site.nobody().run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes()).expect(0);
        (begin.elapsed(), warned(&run))
    };
    let (read, said) = call("Read");
    assert_eq!(said, "");
    let (judged, said) = call("Write");
    assert!(said.contains("more than 1000 files"), "{said}");
    // What is held of those that are looked at is refused all the same.
    let other = Session::new(&site, "other");
    other.edits("f999");
    let payload = one.payload("PreToolUse", json!({ "tool_name": "Write", "tool_input": { "paths": names } }));
    let run = site.nobody().run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes());
    refused(&run, &other.id());
    assert!(judged < read * 5 + Duration::from_secs(2), "{judged:?}; only read: {read:?}");
}

#[test]
fn a_command_of_a_hundred_thousand_patches_is_answered_as_soon_as_it_is_read() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.edits("held");
    let patch = |name: &str| format!("apply_patch <<E\n*** Begin Patch\n*** Add File: {name}\n+x\n*** End Patch\nE\n");
    let command = patch("held") + &format!("cd /x\n{}", patch("a")).repeat(100_000);
    let call = |tool: &str| {
        let payload = other.payload("PreToolUse", json!({ "tool_name": tool, "tool_input": { "command": command } }));
        let begin = Instant::now();
        let run = site.nobody().run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes());
        (begin.elapsed(), run)
    };
    let (read, run) = call("Read");
    assert_eq!(run.code, 0, "{run}");
    let (judged, run) = call("Bash");
    refused(&run, &one.id());
    assert!(judged < read * 5 + Duration::from_secs(2), "{judged:?}; only read: {read:?}");
}

#[test]
fn a_name_of_a_million_parts_is_judged_as_soon_as_it_is_read() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    fs::create_dir(site.path("src")).unwrap();
    one.edits("held");
    let long = format!("{}held", "src/../".repeat(500_000));
    let call = |tool: &str| {
        let payload = other.payload("PreToolUse", json!({ "tool_name": tool, "tool_input": { "file_path": long } }));
        let begin = Instant::now();
        let run = site.nobody().run_with_stdin(["hook", "PreToolUse"], payload.to_string().as_bytes());
        (begin.elapsed(), run)
    };
    let (read, run) = call("Read");
    assert_eq!(run.code, 0, "{run}");
    let (judged, run) = call("Write");
    refused(&run, &one.id());
    assert!(judged < read * 5 + Duration::from_secs(2), "{judged:?}; only read: {read:?}");
}

#[test]
fn a_giant_name_of_a_session_fills_no_log_and_hides_nothing_in_status() {
    let site = site();
    let giant = "x".repeat(3 * 1024 * 1024);
    let members = json!({ "tool_name": "Edit", "tool_input": {}, "agent_id": giant });
    let run = Session::new(&site, &giant).hook("PreToolUse", members).expect(0);
    assert!(warned(&run).contains("WITHOUT protection"), "{run}");
    assert_eq!(unprotected(&site).len(), 1);
    let size = fs::metadata(site.state("unprotected.log")).unwrap().len();
    assert!(size < 16 * 1024, "{size} bytes");
    let status = site.agent("alice").run(["status", "--json"]);
    assert_eq!(status.expect(0).json()["unprotected"]["edits"], 1);
}

/// What runs in the end is what `sh` makes of it.
#[test]
fn the_shell_of_a_subagent_runs_what_it_was_given_and_nothing_else() {
    let site = site();
    let one = Session::new(&site, "one");
    let fake = site.path("bin");
    fs::create_dir(&fake).unwrap();
    fs::write(fake.join("swarmlock"), "#!/bin/sh\necho \"$SWARMLOCK_AGENT:$*\"\n").unwrap();
    std::process::Command::new("chmod").arg("755").arg(fake.join("swarmlock")).status().unwrap();
    let id = format!("{}.{}", one.id(), digits("sub"));
    for (command, wanted) in [
        ("swarmlock a", format!("{id}:a\n")),
        ("# first\nswarmlock a", format!("{id}:a\n")),
        ("\n\n  swarmlock a", format!("{id}:a\n")),
        ("set -e; false || swarmlock a && echo y", format!("{id}:a\ny\n")),
        ("cat <<'E' | swarmlock a\nx; y\nE\n", format!("{id}:a\n")),
        ("(swarmlock a; exit 3); echo $?", format!("{id}:a\n3\n")),
        ("! swarmlock a; echo $?", format!("{id}:a\n1\n")),
        ("{ swarmlock a; } 2>&1 | cat", format!("{id}:a\n")),
        ("X=1 swarmlock a", format!("{id}:a\n")),
        ("swarmlock a 'b; c' \"$(echo d)\"", format!("{id}:a b; c d\n")),
        ("SWARMLOCK_AGENT=zoe swarmlock a", "zoe:a\n".to_owned()),
        ("if :; then swarmlock a; fi", format!("{id}:a\n")),
        ("f() { swarmlock \"$@\"; }; f a", format!("{id}:a\n")),
    ] {
        let call = json!({ "tool_name": "Bash", "tool_input": { "command": command } });
        let run = one.sub("sub", "PreToolUse", call).expect(0);
        let changed = run.json()["hookSpecificOutput"]["updatedInput"]["command"].as_str().unwrap().to_owned();
        for shell in ["/bin/sh", "/bin/bash"] {
            if !std::path::Path::new(shell).exists() {
                continue;
            }
            let path = format!("{}:/usr/bin:/bin", fake.display());
            let out = std::process::Command::new(shell).env("PATH", path).args(["-c", &changed]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), wanted, "{shell}: {changed}");
        }
    }
}

#[test]
fn of_two_commands_in_one_call_the_other_is_left_as_it_is() {
    let site = site();
    let one = Session::new(&site, "one");
    for input in [
        json!({ "command": ["bash", "-lc", "swarmlock list"], "script": "other" }),
        json!({ "command": ["swarmlock", "list"], "cmd": "other" }),
    ] {
        silent(&one.sub("sub", "PreToolUse", json!({ "tool_name": "Bash", "tool_input": input })));
    }
    let input = json!({ "command": "swarmlock list", "script": "other" });
    let run = one.sub("sub", "PreToolUse", json!({ "tool_name": "Bash", "tool_input": input })).expect(0);
    assert_eq!(run.json()["hookSpecificOutput"]["updatedInput"]["script"], "other");
}

/// The record of what was installed, written by hand, names directories that are not ours.
#[test]
fn a_record_of_what_was_installed_removes_no_directory_but_those_around_the_settings() {
    let site = site();
    for dir in ["empty/below", ".git/refs/tags", "other"] {
        fs::create_dir_all(site.path(dir)).unwrap();
    }
    site.nobody().run(["init", "--harness", "claude-code"]).expect(0);
    let path = site.state("installed.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let above = format!("{}/other", site.root().display());
    record["files"][0]["made_dirs"] = json!([".claude", "empty/below", ".git/refs/tags", "..", above, ".cla", "other"]);
    let mut more = record["files"][0].clone();
    more["path"] = "other/file".into();
    record["files"].as_array_mut().unwrap().push(more);
    fs::write(&path, record.to_string()).unwrap();
    site.nobody().run(["uninstall"]).expect(0);
    for dir in ["empty/below", ".git/refs/tags", "other"] {
        assert!(site.path(dir).is_dir(), "{dir}");
    }
    assert!(!site.path(".claude").exists() && !path.exists());
}
