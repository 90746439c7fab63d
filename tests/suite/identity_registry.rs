//! Whose id a call has once agents are registered.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    harness::{BINARY, Run, Site, finish, skip, without_identity},
    identity::shell_named,
    panes::Server,
    processes::usable,
};

/// A line of a shell that runs as this harness in this session; `$B` is the binary.
fn session(site: &Site, session: &str, line: &str) -> Run {
    let mut command = Command::new(shell_named(site, "claude"));
    without_identity(&mut command).current_dir(site.root()).env("B", BINARY).env("CLAUDE_CODE_SESSION_ID", session);
    command.args(["-c", &format!("{line}; :")]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

fn id(run: &Run) -> String {
    run.out.trim_end().to_owned()
}

const WHO: &str = "$B whoami --id-only";

#[test]
fn a_session_keeps_the_name_that_it_registered_and_another_session_does_not_get_it() {
    if !usable("a_session_keeps_the_name_that_it_registered") {
        return;
    }
    let site = Site::new();
    let made = id(&session(&site, "one", WHO).expect(0));
    assert!(made.starts_with("claude-"), "{made}");
    assert_eq!(id(&session(&site, "one", "$B agents register alice --id-only").expect(0)), "alice");
    // Another process, the same session: as after the harness was resumed.
    assert_eq!(id(&session(&site, "one", WHO).expect(0)), "alice");
    let second = session(&site, "two", "$B agents register alice --id-only; $B whoami --id-only").expect(0);
    assert_eq!(second.out, "alice-2\nalice-2\n", "{second}");
    // Inside of the first, which lives meanwhile.
    let inner =
        format!("CLAUDE_CODE_SESSION_ID=two {} -c '$B acquire src/a.rs; echo code $?'", shell_named(&site, "claude"));
    let both = session(&site, "one", &format!("$B acquire src/a.rs; {inner}")).expect(0);
    assert!(both.out.ends_with("code 10\n") && both.err.contains("alice"), "{both}");
    assert_eq!(site.lock_json("src/a.rs")["agent_id"], "alice");
    // It keeps its first name, whatever it asks for later.
    let again = session(&site, "one", "$B agents register bob --id-only; $B whoami --id-only").expect(0);
    assert_eq!(again.out, "alice\nalice\n", "{again}");
    // Messages are for the session, not for the process.
    session(&site, "two", "$B send alice INFO 'for one' --no-pane").expect(0);
    assert!(session(&site, "one", "$B inbox").expect(0).out.contains("\tfor one\n"));
}

#[test]
fn a_name_that_was_given_up_is_not_given_to_another_session() {
    if !usable("a_name_that_was_given_up") {
        return;
    }
    let site = Site::new();
    session(&site, "one", "$B agents register alice; $B agents retire").expect(0);
    assert!(id(&session(&site, "one", WHO).expect(0)).starts_with("claude-"), "it is nobody registered now");
    assert_eq!(id(&session(&site, "two", "$B agents register Alice --id-only").expect(0)), "Alice-2");
    assert_eq!(id(&session(&site, "one", "$B agents register alice --id-only").expect(0)), "alice-3");
}

#[test]
fn what_the_user_says_counts_more_than_the_registry_and_binds_the_session() {
    if !usable("what_the_user_says_counts_more") {
        return;
    }
    let site = Site::new();
    session(&site, "one", "$B agents register alice").expect(0);
    let told = session(&site, "one", "SWARMLOCK_AGENT=bob $B whoami --id-only; $B whoami --id-only").expect(0);
    assert_eq!(told.out, "bob\nalice\n", "{told}");
    // A lock of one is not the other's.
    let both = "$B --agent bob acquire src/b.rs; SWARMLOCK_AGENT=carol $B acquire src/b.rs; echo code $?";
    let both = session(&site, "one", both).expect(0);
    assert!(both.out.ends_with("code 10\n"), "{both}");
    assert_eq!(site.lock_json("src/b.rs")["agent_id"], "bob");
    // Two ids from one living harness are both its own; the same id from another living harness is refused.
    let other = shell_named(&site, "codex");
    let line = format!("$B --agent dave acquire src/d.rs; {other} -c '$B --agent dave acquire src/e.rs; :'");
    let run = session(&site, "one", &format!("{line}; echo code $?"));
    assert!(run.err.contains("dave is the id of"), "{run}");
    assert!(!site.lock_file("src/e.rs").exists());
}

#[test]
fn a_registry_that_cannot_be_read_leaves_the_rule_by_which_ids_are_made() {
    if !usable("a_registry_that_cannot_be_read") {
        return;
    }
    let site = Site::new();
    let made = id(&session(&site, "one", WHO).expect(0));
    session(&site, "one", "$B agents register alice").expect(0);
    let good = fs::read(site.state("ACTIVE_AGENTS.json")).unwrap();
    for bad in [&b"garbage"[..], b"", b"{\"v\":2}", b"{\"v\":1,\"agents\":[{\"id\":\"../x\",\"session\":\"one\"}]}"] {
        site.plant("ACTIVE_AGENTS.json", bad);
        assert_eq!(id(&session(&site, "one", WHO).expect(0)), made);
    }
    // The control.
    site.plant("ACTIVE_AGENTS.json", good);
    assert_eq!(id(&session(&site, "one", WHO).expect(0)), "alice");
}

#[test]
fn sessions_that_hold_anything_are_never_taken_for_one_another() {
    if !usable("sessions_that_hold_anything") {
        return;
    }
    let site = Site::new();
    let sessions = ["x", "X", "x ", "\"x\"", "{\"v\":1}", "../x", "x\\", "%1;kill-server", "ü"];
    for (at, text) in sessions.into_iter().enumerate() {
        let run = session(&site, text, &format!("$B agents register s{at} --id-only; $B whoami --id-only")).expect(0);
        assert_eq!(run.out, format!("s{at}\ns{at}\n"), "{text}: {run}");
    }
    for (at, text) in sessions.into_iter().enumerate() {
        assert_eq!(id(&session(&site, text, WHO).expect(0)), format!("s{at}"), "{text}");
    }
}

/// The lines of JSON that a shell in a new pane printed, which then ends.
fn in_pane(server: &Server<'_>, site: &Site, name: &str, line: &str) -> Option<Vec<Value>> {
    let out = site.path(format!("{name}.out"));
    let script = site.path(format!("{name}.sh"));
    let done = format!("{name}-done");
    let text = format!("export B={BINARY}\n({line}) >{}\ntmux wait-for -S {done}\ncat\n", out.display());
    fs::write(&script, text).unwrap();
    server.tmux(&["new-window", "-d", "bash", script.to_str().unwrap()])?.expect(0);
    server.tmux(&["wait-for", &done])?.expect(0);
    let text = fs::read_to_string(&out).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"))).collect())
}

#[test]
fn another_harness_in_a_pane_is_another_agent_and_so_is_the_pane_of_the_next_server() {
    if !usable("the_next_harness_in_a_pane") {
        return;
    }
    let site = Site::new();
    let Some(server) = Server::start(&site, "s") else {
        return skip("the_next_harness_in_a_pane", "no tmux here, or no room for its socket");
    };
    // A harness that tells no session: known by its pane and its process.
    let (claude, gemini) = (shell_named(&site, "claude"), shell_named(&site, "gemini"));
    let line = format!(
        "{claude} -c '$B agents register alice --json; $B whoami --json; :'; {gemini} -c '$B whoami --json; :'; \
         {claude} -c '$B agents register alice --json; $B whoami --json; :'"
    );
    let said = in_pane(&server, &site, "a", &line).unwrap();
    assert_eq!((&said[0]["agent"]["id"], &said[1]["id"]), (&"alice".into(), &"alice".into()), "{said:?}");
    assert_ne!(said[2]["id"], "alice", "another harness: {said:?}");
    // The same harness started again in the same pane.
    let pane = said[0]["agent"]["tmux_pane_id"].as_str().unwrap().to_owned();
    assert_eq!(said[3]["agent"]["tmux_pane_id"], pane.as_str(), "{said:?}");
    assert_eq!((&said[3]["agent"]["id"], &said[4]["id"]), (&"alice".into(), &"alice".into()), "{said:?}");
    server.tmux(&["kill-server"]).unwrap();
    // The socket is that of the old one until it is gone.
    let gone = |err: &str| err.contains("no server running") || err.contains("error connecting");
    assert!((0..10_000).any(|_| gone(&server.tmux(&["list-sessions"]).unwrap().err)));
    drop(server);
    let server = Server::start(&site, "s").unwrap();
    let said = in_pane(&server, &site, "b", &format!("{claude} -c '$B whoami --json; :'")).unwrap();
    assert_ne!(said[0]["id"], "alice", "of another server: {said:?}");
}
