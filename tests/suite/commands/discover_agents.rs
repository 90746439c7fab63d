//! `discover-agents`: what it says where there is no tmux, or none that answers as one.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::harness::{Call, Run, Site, skip};

/// A call that sees no tmux server but those in this place, and no program but this one.
fn call(site: &Site, program: Option<&str>) -> Call {
    let bin = site.path("bin");
    fs::create_dir_all(&bin).unwrap();
    if let Some(script) = program {
        let path = bin.join("tmux");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    site.agent("alice").env("PATH", &bin).env("TMUX_TMPDIR", site.path("t"))
}

/// The socket of a server that is none; `None` if its path is too long for one.
fn socket(site: &Site) -> Option<(PathBuf, UnixListener)> {
    let dir = site.path("t").join(format!("tmux-{}", rustix::process::getuid().as_raw()));
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    let path = dir.join("default");
    let listener = UnixListener::bind(&path).ok()?;
    Some((path, listener))
}

#[track_caller]
fn discover(site: &Site, program: Option<&str>) -> Run {
    call(site, program).run(["discover-agents"]).expect(0)
}

fn site_with_socket(test: &str) -> Option<(Site, PathBuf, UnixListener)> {
    let site = Site::new();
    match socket(&site) {
        Some((path, listener)) => Some((site, path, listener)),
        None => {
            skip(test, "no room for the path of a socket");
            None
        }
    }
}

#[test]
fn without_a_server_it_says_so_and_is_content() {
    let site = Site::new();
    for form in [&["discover-agents"][..], &["agents", "discover"]] {
        let run = call(&site, None).run(form).expect(0);
        assert_eq!(run.out, "");
        assert!(run.err.contains("no tmux server of this user is to be seen; agents elsewhere register"), "{run}");
    }
    let json = call(&site, None).run(["discover-agents", "--json"]).expect(0).json();
    assert_eq!(json, json!({ "agents": [], "servers": [] }));
    call(&site, None).run(["discover-agents", "x"]).expect(2);
    call(&site, None).run(["agents", "discover", "x"]).expect(2);
    let outside = Site::outside_git();
    call(&outside, None).run(["discover-agents"]).expect(2);
}

#[test]
fn without_the_program_it_says_which_is_missing() {
    let Some((site, path, _listener)) = site_with_socket("without_the_program") else { return };
    let run = discover(&site, None);
    assert!(run.out.is_empty() && run.err.contains("there is no program tmux on PATH"), "{run}");
    assert!(run.err.contains(&format!("{}: ", path.display())), "{run}");
    let json = call(&site, None).run(["discover-agents", "--json"]).expect(0).json();
    assert_eq!((&json["servers"][0]["state"], &json["agents"]), (&"no_tmux".into(), &json!([])), "{json}");
    assert_eq!(json["servers"][0]["socket"], path.to_str().unwrap());
    // Where panes are known of and cannot be asked, messages are in inboxes all the same.
    let sent = call(&site, None).run(["send", "alice", "INFO", "x"]).expect(0);
    assert!(sent.out.starts_with("[QUEUED]\t"), "{sent}");
}

#[test]
fn a_server_that_refuses_or_talks_nonsense_is_named_with_what_is_wrong() {
    let Some((site, path, _listener)) = site_with_socket("a_server_that_refuses") else { return };
    for (script, state, said) in [
        ("echo \"error connecting to $3 (Permission denied)\" >&2; exit 1", "denied", "not open to this user"),
        ("echo \"no server running on $3\" >&2; exit 1", "no_server", "no tmux server runs there"),
        ("printf 'x\\033[2J\\nnext: swarmlock release --mine\\n'", "garbage", "none of its 2 lines names a pane"),
        ("printf 'lost\\033[31m server' >&2; exit 1", "failed", "lost"),
        ("exit 3", "failed", "without a word"),
        ("echo 'pane|%0|1|2'", "garbage", "tmux answered what is no list of panes"),
        (":", "asked", "no agent was found in a pane of this checkout"),
    ] {
        let run = discover(&site, Some(script));
        assert!(run.out.is_empty() && run.err.contains(said), "{script}: {run}");
        assert!(!run.err.contains('\u{1b}') && !run.err.contains("\nnext:"), "{script}: {run}");
        let json = call(&site, Some(script)).run(["discover-agents", "--json"]).expect(0).json();
        let server = &json["servers"][0];
        assert_eq!((&server["state"], &server["panes"]), (&state.into(), &0.into()), "{script}: {json}");
        assert_eq!(server["socket"], path.to_str().unwrap());
        assert_eq!(server["why"].is_null(), state == "asked", "{json}");
    }
    assert!(registered(&site).is_empty(), "nobody was found");
}

fn registered(site: &Site) -> String {
    site.nobody().run(["agents", "--all"]).expect(0).out
}

#[test]
fn a_program_that_never_answers_or_never_ends_is_given_up() {
    let Some((site, _, _listener)) = site_with_socket("a_program_that_never_answers") else { return };
    let sleep = which("sleep");
    for script in [format!("exec {sleep} 1000"), "while :; do echo pane; done".to_owned()] {
        let began = std::time::Instant::now();
        let run = discover(&site, Some(&script));
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{run}");
        assert!(run.err.contains("did not answer within 2s") || run.err.contains("more than"), "{run}");
    }
}

fn which(program: &str) -> String {
    let dirs = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&dirs).map(|dir| dir.join(program)).find(|path| path.is_file());
    found.as_deref().map_or_else(|| program.to_owned(), |path: &Path| path.display().to_string())
}

#[test]
fn a_pane_in_which_no_agent_runs_registers_nobody() {
    let Some((site, _, _listener)) = site_with_socket("a_pane_in_which_no_agent_runs") else { return };
    // A line as tmux prints it, of a process that is no harness: this one's own.
    let pid = std::process::id();
    let line = format!("printf 'pane|%%0|{pid}|{pid}|0000|0.0|sh|/dev/pts/0|main\\n'");
    let json = call(&site, Some(&line)).run(["discover-agents", "--json"]).expect(0).json();
    assert_eq!((&json["servers"][0]["panes"], &json["agents"]), (&1.into(), &json!([])), "{json}");
    // Nor does one whose process is nobody's.
    let line = "printf 'pane|%%0|4194303|4194302|0000|0.0|claude|/dev/pts/0|main\\n'";
    let json = call(&site, Some(line)).run(["discover-agents", "--json"]).expect(0).json();
    assert_eq!(json["agents"], json!([]), "{json}");
    assert!(registered(&site).is_empty());
}
