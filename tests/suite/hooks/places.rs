//! Which locks decide about a file: those of the checkout that it is in, wherever the session is.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
};

use serde_json::json;

use super::{
    Session,
    acting::{held, hook, refused, silent, site},
    digits, edit_of, told, warned,
};
use crate::{harness::Site, worktrees::Repositories};

#[test]
fn outside_of_any_checkout_with_locks_nothing_is_said_and_nothing_made() {
    for place in [Site::new(), Site::outside_git()] {
        place.file("there");
        let before = place.snapshot();
        let one = Session::new(&place, "one");
        for file in ["there", "new", "new/deep"] {
            silent(&one.edit(file));
        }
        for event in
            ["SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SubagentStop", "PreCompact", "SessionEnd"]
        {
            silent(&one.hook(event, json!({})));
        }
        assert!(before == place.snapshot(), "something was made");
    }
}

#[test]
fn the_file_decides_and_not_where_the_session_is() {
    let (here, there) = (site(), site());
    let (one, other) = (Session::new(&here, "one"), Session::new(&there, "other"));
    silent(&one.edit(there.path("a")));
    assert_eq!(held(&there, "a").unwrap().0, one.id());
    assert!(held(&here, "a").is_none());
    other.is_refused("a", &one.id());
    other.edits("b");
    refused(&one.edit(there.path("b")), &other.id());
    // One call, two checkouts.
    let patch =
        format!("*** Begin Patch\n*** Add File: c\n+x\n*** Add File: {}\n+x\n*** End Patch", there.path("c").display());
    let call = |session: &Session<'_>| {
        session.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch } }))
    };
    silent(&call(&one));
    assert_eq!(held(&here, "c").unwrap().0, one.id());
    assert_eq!(held(&there, "c").unwrap().0, one.id());
    other.is_refused("c", &one.id());
}

#[test]
fn a_session_outside_of_any_checkout_has_its_edits_inside_of_one_judged() {
    let (here, there) = (Site::outside_git(), site());
    there.agent("alice").run(["acquire", "a"]).expect(0);
    let one = Session::new(&here, "one");
    refused(&one.edit(there.path("a")), "a is held by alice");
    silent(&one.edit(there.path("b")));
    assert_eq!(held(&there, "b").unwrap().0, one.id());
}

#[test]
fn a_linked_file_is_the_file_that_it_leads_to() {
    let site = site();
    site.file("real/file");
    symlink("real", site.path("dir")).unwrap();
    symlink("real/file", site.path("link")).unwrap();
    symlink("real/gone", site.path("dangling")).unwrap();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    for (alias, real) in
        [("link", "real/file"), ("dir/file", "real/file"), ("dir/new", "real/new"), ("dangling", "real/gone")]
    {
        one.edits(alias);
        assert_eq!(held(&site, real).unwrap().0, one.id(), "{alias}");
        assert!(held(&site, alias).is_none());
        other.is_refused(real, &one.id());
        one.stops();
        other.edits(real);
        one.is_refused(alias, &other.id());
        other.stops();
    }
}

#[test]
fn a_name_below_the_home_directory_is_the_file_there_and_one_in_a_directory_of_that_name_too() {
    let site = site();
    site.agent("alice").run(["acquire", "a", "./~/b"]).expect(0);
    let one = Session::new(&site, "one");
    let edit = |file: &str| {
        let payload = one.payload("PreToolUse", super::edit_of(Path::new(file))).to_string();
        site.nobody().env("HOME", site.root()).run_with_stdin(["hook", "PreToolUse"], payload.as_bytes())
    };
    refused(&edit("~/a"), "a is held by alice");
    refused(&edit("~/x/../a"), "a is held by alice");
    silent(&edit("~/c"));
    assert_eq!(held(&site, "c").unwrap().0, one.id());
    assert!(held(&site, "~/c").is_none(), "no tool would write there");
    silent(&edit("~/b"));
    fs::create_dir(site.path("~")).unwrap();
    refused(&edit("~/b"), "~/b is held by alice");
}

#[test]
fn a_link_out_of_the_checkout_is_a_file_of_it_and_one_into_another_is_that_ones() {
    let (here, there) = (site(), site());
    let outside = Site::outside_git();
    outside.file("x");
    symlink(outside.path("x"), here.path("out")).unwrap();
    symlink(there.path("y"), here.path("across")).unwrap();
    let (one, other) = (Session::new(&here, "one"), Session::new(&there, "other"));
    one.edits("out");
    assert_eq!(held(&here, "out").unwrap().0, one.id());
    silent(&one.edit("across"));
    assert_eq!(held(&there, "y").unwrap().0, one.id());
    other.is_refused("y", &one.id());
}

#[test]
fn circles_of_links_and_files_below_files_go_on_with_a_warning() {
    let site = site();
    symlink("circle", site.path("circle")).unwrap();
    site.file("file");
    let one = Session::new(&site, "one");
    for file in ["circle", "circle/x", "file/below"] {
        let run = one.edit(file).expect(0);
        assert_eq!(warned(&run).lines().count(), usize::from(!warned(&run).is_empty()), "{run}");
        assert_eq!(super::denied(&run), "");
    }
}

#[test]
fn deleted_files_and_files_in_directories_to_be_made_are_locked() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    site.file("gone");
    one.edits("gone");
    fs::remove_file(site.path("gone")).unwrap();
    other.is_refused("gone", &one.id());
    one.edits("gone");
    one.edits("a/b/c/d.rs");
    other.is_refused("a/b/c/d.rs", &one.id());
    other.is_refused("a/b/../b/c/./d.rs", &one.id());
    one.stops();
    other.edits("gone");
}

/// A directory that the payload does not tell, tells wrongly or of another machine.
#[test]
fn a_relative_file_counts_from_the_payloads_directory_or_from_where_the_hook_runs() {
    let site = site();
    fs::create_dir_all(site.path("sub/deeper")).unwrap();
    site.file("file");
    let payload = |cwd: Option<&Path>| {
        let mut payload = json!({ "session_id": "one", "tool_name": "Edit", "tool_input": { "file_path": "x" } });
        if let Some(cwd) = cwd {
            payload["cwd"] = cwd.to_str().unwrap().into();
        }
        payload.to_string()
    };
    let id = format!("claude-{}", digits("one"));
    let cases: [(Option<&Path>, &str); 8] = [
        (None, "x"),
        (Some(Path::new("")), "x"),
        (Some(Path::new("sub")), "sub/x"),
        (Some(Path::new("./sub/deeper/..")), "sub/x"),
        (Some(&site.path("sub")), "sub/x"),
        (Some(Path::new("/home/nobody/of/another/machine")), "x"),
        (Some(&site.path("file")), "x"),
        (Some(&site.path("sub/gone")), "x"),
    ];
    for (cwd, wanted) in cases {
        silent(&hook(&site, &["PreToolUse"], payload(cwd)));
        assert_eq!(held(&site, wanted).map(|lease| lease.0), Some(id.clone()), "{cwd:?}");
        hook(&site, &["Stop"], payload(None)).expect(0);
        assert!(held(&site, wanted).is_none(), "{cwd:?}");
    }
    for cwd in [json!(7), json!(null), json!(["a"]), json!({ "a": 1 }), json!("a\u{0}b"), json!("x".repeat(5000))] {
        let payload =
            json!({ "session_id": "one", "cwd": cwd, "tool_name": "Edit", "tool_input": { "file_path": "x" } });
        silent(&hook(&site, &["PreToolUse"], payload.to_string()));
        assert!(held(&site, "x").is_some(), "{cwd}");
        hook(&site, &["Stop"], payload.to_string()).expect(0);
    }
}

#[test]
fn a_directory_that_is_gone_while_the_session_is_in_it_stops_nobody() {
    let site = site();
    let gone = site.path("gone");
    fs::create_dir(&gone).unwrap();
    let payload = json!({ "session_id": "one", "cwd": gone, "tool_name": "Edit",
        "tool_input": { "file_path": site.path("a") } });
    let script = format!("rmdir \"$PWD\"; exec {} hook PreToolUse", crate::harness::BINARY);
    let mut call = site.nobody();
    call.command = std::process::Command::new("sh");
    crate::harness::without_identity(&mut call.command).args(["-c", &script]).current_dir(&gone);
    let run = call.run_with_stdin([""; 0], payload.to_string().as_bytes()).expect(0);
    assert!(held(&site, "a").is_some() || warned(&run).contains("WITHOUT protection"), "{run}");
}

#[test]
fn what_another_worktree_holds_is_told_and_refuses_nothing() {
    let Some(r) = Repositories::with_main("what_another_worktree_holds_is_told_and_refuses_nothing") else { return };
    r.git("main", &["worktree", "add", "-q", "../beside"]);
    r.run("alice", "main", &["acquire", "src/a.rs"]).expect(0);
    let one = Session::new(&r.site, "one");
    let run = one.edit(r.path("beside/src/a.rs")).expect(0);
    assert!(told(&run).contains("also held in the main checkout, which will be a merge conflict: src/a.rs"), "{run}");
    refused(&one.edit(r.path("main/src/a.rs")), "held by alice");
    // By the file alone, wherever the session is.
    let lock = r.path("main/.agent_locks/locks/paths/beside/src%2Fa.rs.lock");
    assert!(lock.exists());
    silent(&one.edit(r.path("beside/src/a.rs")));
    let other = Session::new(&r.site, "other");
    refused(&other.edit(r.path("beside/src/a.rs")), &one.id());
}

#[test]
fn a_file_of_a_submodule_is_one_of_its_superproject() {
    let Some(r) = Repositories::with_main("a_file_of_a_submodule_is_one_of_its_superproject") else { return };
    r.repository("sub");
    r.git("main", &["submodule", "add", "-q", r.path("sub").to_str().unwrap(), "libs/sub"]);
    r.run("alice", "main", &["acquire", "libs/"]).expect(0);
    let one = Session::new(&r.site, "one");
    refused(&one.edit(r.path("main/libs/sub/src/a.rs")), "libs/ is held by alice");
    r.run("alice", "main", &["release", "libs/"]).expect(0);
    silent(&one.edit(r.path("main/libs/sub/src/a.rs")));
    r.run("alice", "main/libs/sub", &["acquire", "src/a.rs"]).expect(10);
}

#[test]
fn names_of_all_kinds_are_the_files_that_they_name() {
    let site = site();
    let long = format!("{}/x", vec!["d".repeat(200); 10].join("/"));
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    for name in [
        "[id].tsx",
        "*.rs",
        "-x",
        "--wait",
        "name:x",
        "a b",
        "new\nline",
        "tab\tx",
        "ünï",
        "\u{202e}rtl",
        "\\",
        "~",
        "$(x)",
        "'",
        &long,
    ] {
        silent(&one.edit(name));
        let why = other.is_refused(name, &one.id());
        assert!(why.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{why:?}");
        // It is that file, and nothing else.
        silent(&other.edit(format!("{name}.other")));
        one.stops();
        other.stops();
    }
    // Relative names too, which look like flags and names.
    for name in ["-x", "name:x", "[id].tsx"] {
        let call = |session: &Session<'_>| {
            session.hook("PreToolUse", json!({ "tool_name": "Write", "tool_input": { "file_path": name } }))
        };
        silent(&call(&one));
        let why = refused(&call(&other), &one.id());
        let next = why.lines().last().unwrap().strip_prefix("next: swarmlock ").unwrap().replace('\'', "");
        let taken = one.shell(next.split(' ')).expect(0);
        let class = held(&site, name).or_else(|| held(&site, &format!("./{name}"))).map(|lease| lease.1);
        assert_eq!(class.as_deref(), Some("automatic"), "{next}: {taken}");
        one.shell(["release", "--mine"]).expect(0);
    }
}

#[test]
fn names_that_name_no_file_go_on_with_a_warning_and_refuse_nobody() {
    let site = site();
    let one = Session::new(&site, "one");
    for name in ["nul\0x".to_owned(), "x".repeat(300), "x".repeat(100_000)] {
        let run =
            one.hook("PreToolUse", json!({ "tool_name": "Write", "tool_input": { "file_path": name } })).expect(0);
        let shown = warned(&run);
        assert!(shown.contains("WITHOUT protection") && shown.lines().count() == 1, "{run}");
        assert!(run.out.len() < 16 * 1024, "{} bytes of answer", run.out.len());
    }
}

#[test]
fn a_name_of_any_length_that_a_file_can_have_is_locked() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    let start = site.root().to_str().unwrap().len() + 1;
    // The kernel takes 4095 bytes and the one that ends them.
    for length in [255, 1024, 4095] {
        let mut name = "d".repeat(100);
        while start + name.len() < length {
            name.push(if name.len() % 101 == 100 { '/' } else { 'n' });
        }
        name.truncate(length.saturating_sub(start));
        let name = name.trim_end_matches('/').to_owned();
        silent(&one.edit(&name));
        other.is_refused(&name, &one.id());
        one.stops();
        silent(&other.edit(&name));
        other.stops();
    }
}

/// Who has said where the locks are has not said that every file is among them.
#[test]
fn a_state_directory_that_was_named_is_not_that_of_files_elsewhere() {
    let (site, elsewhere) = (site(), Site::outside_git());
    let one = Session::new(&site, "one");
    let call = |file: &Path| {
        let payload = one.payload("PreToolUse", edit_of(file)).to_string();
        site.nobody().env("SWARMLOCK_DIR", site.state("")).run_with_stdin(["hook", "PreToolUse"], payload.as_bytes())
    };
    silent(&call(&site.path("a")));
    assert_eq!(held(&site, "a").unwrap().0, one.id());
    silent(&call(&elsewhere.path("b")));
    assert!(!elsewhere.path(".agent_locks").exists());
}

/// No text of JSON can name it: what harnesses make of it is another name, or no JSON.
#[test]
fn a_name_that_is_no_utf_8_is_no_payload_and_said_so() {
    let site = site();
    let name = site.path(OsStr::from_bytes(b"\xff\xfe"));
    let mut payload = br#"{"session_id":"one","tool_name":"Edit","tool_input":{"file_path":""#.to_vec();
    payload.extend(name.as_os_str().as_bytes());
    payload.extend(b"\"}}");
    let run = hook(&site, &["PreToolUse"], &payload).expect(0);
    assert_eq!(super::denied(&run), "");
    let surrogate = br#"{"session_id":"one","tool_name":"Edit","tool_input":{"file_path":"a\udcffb"}}"#;
    let run = hook(&site, &["PreToolUse"], surrogate).expect(0);
    assert_eq!(super::denied(&run), "");
    let session = Session::new(&site, "one");
    silent(&session.hook("PreToolUse", edit_of(&site.path("sound"))));
}
