//! Who a call is in the panes of real tmux servers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    harness::{BINARY, Run, Site, finish, skip, without_identity},
    identity::{DETACHED, shell_named},
    processes::usable,
};

/// A tmux server of its own, gone with the test.
pub struct Server<'a> {
    site: &'a Site,
    name: &'static str,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl<'a> Server<'a> {
    /// `None` if there is no tmux here, or no room for its socket.
    pub fn start(site: &'a Site, name: &'static str) -> Option<Self> {
        let server = Self { site, name };
        // Nothing of the user's own: no settings, and a pane that only waits.
        let run = server.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "cat"])?;
        // The path of a socket has room for some 100 bytes.
        let fits = !run.err.contains("too long");
        assert!(!fits || run.code == 0, "{run}");
        fits.then_some(server)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.site.path(self.name)
    }

    pub fn tmux(&self, args: &[&str]) -> Option<Run> {
        let mut tmux = Command::new("tmux");
        without_identity(&mut tmux).arg("-S").arg(self.site.path(self.name)).args(args).env("SHELL", "/bin/sh");
        tmux.current_dir(self.site.root()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        tmux.spawn().ok().map(finish)
    }

    /// What a line of a shell says in a new pane, whose own process is the shell; the pane stays.
    fn pane(&self, line: &str) -> Vec<Value> {
        let out = self.site.path(format!("{}.out", self.name));
        let script = self.site.path(format!("{}.sh", self.name));
        fs::write(&script, format!("export B={BINARY}\n({line}) >{}\ntmux wait-for -S done\ncat\n", out.display()))
            .unwrap();
        // A server that was just started may have lost its first session again.
        let mut run = self.tmux(&["new-window", "-d", "bash", script.to_str().unwrap()]).unwrap();
        for _ in 0..20 {
            if run.code != 0 && run.err.contains("no current target") {
                run = self.tmux(&["new-session", "-d", "bash", script.to_str().unwrap()]).unwrap();
            }
        }
        assert_eq!(run.code, 0, "{run}");
        self.tmux(&["wait-for", "done"]).unwrap().expect(0);
        let text = fs::read_to_string(&out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"))).collect()
    }
}

/// The parts of `pane-3-9c41`.
fn parts(who: &Value) -> (String, String) {
    let id = who["id"].as_str().unwrap().strip_prefix("pane-").unwrap_or_else(|| panic!("{who}"));
    let (number, server) = id.split_once('-').unwrap();
    assert!(number.parse::<u32>().is_ok() && server.len() == 4, "{who}");
    (number.to_owned(), server.to_owned())
}

const WHO: &str = "$B whoami --json";

#[test]
fn a_pane_is_one_agent_and_another_pane_is_another() {
    if !usable("a_pane_is_one_agent_and_another_pane_is_another") {
        return;
    }
    let site = Site::new();
    let (Some(one), Some(two)) = (Server::start(&site, "one"), Server::start(&site, "two")) else {
        return skip("a_pane_is_one_agent", "no tmux here, or no room for its socket");
    };
    let said = one.pane(
        "$B whoami --json; bash -c '$B whoami --json; :'; echo \"{\\\"shell\\\":$$,\\\"pane\\\":\\\"$TMUX_PANE\\\"}\"",
    );
    let (first, deeper, shell) = (&said[0], &said[1], &said[2]);
    assert_eq!(first, deeper, "the same at each call");
    let id = parts(first);
    assert_eq!(format!("%{}", id.0), shell["pane"].as_str().unwrap());
    assert_eq!((&first["source"], &first["reliable"]), (&"the tmux pane".into(), &true.into()));
    let beside = one.pane(WHO);
    assert_eq!(parts(&beside[0]).1, id.1, "of the same server");
    assert_ne!(beside[0]["id"], first["id"], "in another pane");
    let elsewhere = two.pane(WHO);
    assert_eq!(parts(&elsewhere[0]).0, id.0, "the same number");
    assert_ne!(elsewhere[0]["id"], first["id"], "of another server");
    assert_eq!(first["process"]["pid"], shell["shell"], "the pane's own");
    assert_eq!((&first["evidence"], &first["process"]["name"]), (&true.into(), &"bash".into()));
}

/// It ends with its command: a lease that it stood for would be free as soon as the call is over.
#[test]
fn a_shell_that_a_pane_runs_for_one_call_stands_for_nobody() {
    if !usable("a_shell_that_a_pane_runs_for_one_call") {
        return;
    }
    let site = Site::new();
    let Some(server) = Server::start(&site, "one") else {
        return skip("a_shell_that_a_pane_runs_for_one_call", "no tmux here, or no room for its socket");
    };
    let call = format!("{BINARY} whoami --json");
    let said = site.path("said");
    for line in [format!("{call} >said; :"), format!("exec {call} >said")] {
        rustix::fs::mknodat(rustix::fs::CWD, &said, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        server.tmux(&["new-window", "-d", &line]).unwrap().expect(0);
        let who: Value = serde_json::from_slice(&fs::read(&said).unwrap()).unwrap();
        assert_eq!(who["source"], "the tmux pane");
        assert_eq!((&who["process"], &who["evidence"]), (&Value::Null, &false.into()), "{who}");
        fs::remove_file(&said).unwrap();
    }
    // The control: a shell that reads its commands from a file stays.
    assert_eq!(server.pane(WHO)[0]["evidence"], true);
}

/// A server that does not detach is still below whoever started it.
#[test]
fn a_harness_that_has_started_the_server_is_not_that_of_its_panes() {
    if !usable("a_harness_that_has_started_the_server") {
        return;
    }
    let site = Site::new();
    let server = Server { site: &site, name: "one" };
    let mut claude = Command::new(shell_named(&site, "claude"));
    without_identity(&mut claude).env("CLAUDE_CODE_SESSION_ID", "abc").env("S", site.path("one"));
    claude.args(["-c", "tmux -D -S \"$S\" -f /dev/null; :"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut claude = claude.spawn().unwrap();
    while server.tmux(&["-N", "new-session", "-d", "cat"]).is_none_or(|run| run.code != 0) {
        if claude.try_wait().unwrap().is_some() {
            return skip("a_harness_that_has_started_the_server", "no tmux here that stays in the foreground");
        }
    }
    let said = server.pane("$B whoami --json; unset CLAUDE_CODE_SESSION_ID; $B whoami --json");
    drop(server);
    claude.wait().unwrap();
    // No harness in the pane contradicts what it has from the server.
    assert_eq!(said[0]["source"], "CLAUDE_CODE_SESSION_ID", "{said:?}");
    assert_eq!(said[1]["source"], "the tmux pane");
    for who in said {
        assert_eq!(who["process"]["name"], "bash", "the pane's own: {who}");
    }
}

#[test]
fn who_has_detached_from_a_pane_is_still_the_same_agent() {
    if !usable("who_has_detached_from_a_pane_is_still_the_same_agent") {
        return;
    }
    let site = Site::new();
    let Some(server) = Server::start(&site, "one") else {
        return skip("who_has_detached_from_a_pane", "no tmux here, or no room for its socket");
    };
    for (how, detached) in [
        ("its child, in a session of its own", "setsid bash -c \"$L; :\"".to_owned()),
        ("its child, deaf to hang-ups", "nohup bash -c \"$L; :\"".to_owned()),
        ("of its session, and no child any more", format!("bash -c '{}'", quoted(&DETACHED.replace("setsid ", "")))),
        ("of another session, and no child any more", format!("bash -c '{}'", quoted(DETACHED))),
    ] {
        // What it says is waited for, whoever's child it is.
        let said =
            server.pane(&format!("$B whoami --json; export L='$B whoami --json'; said=$({detached}); echo \"$said\""));
        assert_eq!(said[0]["id"], said[1]["id"], "{how}: {said:?}");
        assert_eq!(said[1]["reliable"], true, "{how}");
        parts(&said[1]);
    }
}

/// As a word between single quotes.
fn quoted(text: &str) -> String {
    text.replace('\'', r"'\''")
}

#[test]
fn a_terminal_that_was_started_from_a_pane_is_not_the_pane() {
    if !usable("a_terminal_that_was_started_from_a_pane_is_not_the_pane") {
        return;
    }
    let site = Site::new();
    let Some(server) = Server::start(&site, "one") else {
        return skip("a_terminal_from_a_pane", "no tmux here, or no room for its socket");
    };
    if Command::new("script").arg("--version").output().is_err() {
        return skip("a_terminal_from_a_pane", "no script(1) here");
    }
    // Away from the pane, and with a terminal of its own, as a graphical one has that was started from it.
    let other = r#"script -qec "$B whoami --json >out.json" /dev/null"#;
    let line = format!("export L='{other}'; said=$(bash -c '{}'); cat out.json; $B whoami --json", quoted(DETACHED));
    let said = server.pane(&line);
    let source = |at: usize| said[at]["source"].as_str().unwrap();
    assert_eq!((source(0), source(1)), ("the terminal session", "the tmux pane"), "{said:?}");
    assert!(said[0]["tried"].to_string().contains("this is another terminal, started from pane %"), "{said:?}");
}

#[test]
fn the_pane_of_a_server_that_is_gone_is_no_identity() {
    if !usable("the_pane_of_a_server_that_is_gone_is_no_identity") {
        return;
    }
    let site = Site::new();
    let Some(server) = Server::start(&site, "one") else {
        return skip("the_pane_of_a_server", "no tmux here, or no room for its socket");
    };
    let shown = server.tmux(&["display-message", "-p", "#{socket_path},#{pid},0"]).unwrap().expect(0);
    let call =
        || site.nobody().env("TMUX", shown.out.trim_end()).env("TMUX_PANE", "%0").run(["whoami", "--json"]).json();
    let before = call();
    drop(server);
    // The server answers before it ends; the socket goes with it.
    let socket: &Path = &site.path("one");
    while fs::symlink_metadata(socket).is_ok()
        && Command::new("tmux").arg("-S").arg(socket).arg("ls").output().unwrap().status.success()
    {}
    let pid: i32 = shown.out.split(',').nth(1).unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    while rustix::process::test_kill_process(pid).is_ok() && !is_over(pid.as_raw_nonzero().get()) {}
    let after = call();
    assert!(after["tried"].to_string().contains("there is no tmux server"), "{after}");
    assert_eq!(after["source"], "the terminal session");
    // The control: while it lived it was seen, and the call was in no pane of it only where it had a terminal.
    assert!(!before["tried"].to_string().contains("there is no tmux server"), "{before}");
}

/// Whether it only waits to be collected.
fn is_over(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}
