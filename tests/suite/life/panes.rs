//! Two agents in two panes of a real tmux server, without any configuration.

use std::fs;

use super::{events, state};
use crate::{
    harness::{BINARY, Run, Site, skip},
    panes::Server,
    processes::usable,
};

/// A shell in a pane, into which is typed what it is to do.
struct Pane<'a> {
    server: &'a Server<'a>,
    site: &'a Site,
    id: String,
    pid: u32,
}

impl<'a> Pane<'a> {
    fn open(server: &'a Server<'a>, site: &'a Site, command: &[&str]) -> Self {
        let shell = ["new-window", "-d", "-P", "-F", "#{pane_id} #{pane_pid}"].iter().chain(command);
        let run = server.tmux(&shell.copied().collect::<Vec<_>>()).unwrap().expect(0);
        let (id, pid) = run.out.trim().split_once(' ').unwrap();
        Self { server, site, id: id.to_owned(), pid: pid.parse().unwrap() }
    }

    fn type_line(&self, line: &str) {
        self.server.tmux(&["send-keys", "-t", &self.id, "-l", "--", line]).unwrap().expect(0);
        self.server.tmux(&["send-keys", "-t", &self.id, "Enter"]).unwrap().expect(0);
    }

    /// What the binary says in the pane to these arguments, written for a shell.
    fn call(&self, args: &str) -> Run {
        let said = |what: &str| self.site.path(format!("{}-{what}", &self.id[1..]));
        let (out, err, code) = (said("out"), said("err"), said("code"));
        let line = format!(
            "'{BINARY}' {args} >'{}' 2>'{}'; echo $? >'{}'; tmux wait-for -S 'done{}'",
            out.display(),
            err.display(),
            code.display(),
            self.id
        );
        self.type_line(&line);
        self.server.tmux(&["wait-for", &format!("done{}", self.id)]).unwrap().expect(0);
        let read = |path| fs::read_to_string(path).unwrap();
        Run { code: read(code).trim().parse().unwrap(), out: read(out), err: read(err) }
    }

    /// Closes the pane, as a person does; its own process ends with it.
    fn kill(&self) {
        self.server.tmux(&["kill-pane", "-t", &self.id]).unwrap().expect(0);
        while fs::read_to_string(format!("/proc/{}/stat", self.pid)).is_ok_and(|stat| !stat.contains(") Z ")) {}
    }
}

const SHELL: [&str; 3] = ["bash", "--norc", "--noprofile"];

/// A server, with room for another pane; `None`, and the test is skipped, where there is none.
fn server<'a>(site: &'a Site, test: &str) -> Option<Server<'a>> {
    if !usable(test) {
        return None;
    }
    let server = Server::start(site, "one");
    if server.is_none() {
        skip(test, "no tmux here, or no room for its socket");
    }
    server
}

#[test]
fn of_two_panes_one_acquires_the_other_is_refused_and_gets_it_when_the_first_is_closed() {
    let site = Site::new();
    let Some(server) = server(&site, "of_two_panes_one_acquires") else { return };
    let (one, two) = (Pane::open(&server, &site, &SHELL), Pane::open(&server, &site, &SHELL));
    let id = one.call("whoami --id-only").expect(0).out.trim().to_owned();
    assert!(id.starts_with(&format!("pane-{}-", &one.id[1..])), "{id}");
    assert!(one.call("acquire a.rs --reason 'new login'").expect(0).out.starts_with("acquired\ta.rs\t"));
    let refused = two.call("acquire a.rs").expect(10);
    assert!(refused.err.contains(&format!("a.rs is held by {id} since ")), "{refused}");
    assert!(
        refused.err.contains(", for: new login") && refused.err.contains("\nnext: swarmlock acquire --wait a.rs"),
        "{refused}"
    );
    two.call("release a.rs").expect(12);
    // Each is reliable: neither needs a flag to give up what is its own.
    two.call("acquire b.rs").expect(0);
    assert!(two.call("release --mine").expect(0).out.starts_with("released\tb.rs\t"));
    assert_eq!(state(&site, "a.rs"), "held", "the control: while the pane is open");
    one.kill();
    assert_eq!(state(&site, "a.rs"), "orphaned");
    assert!(two.call("acquire a.rs").expect(0).out.starts_with("taken_over\ta.rs\t"));
    assert_eq!(events(&site, "taken_over")[0]["to"], id.as_str());
}

#[test]
fn a_pane_whose_number_is_there_again_is_another_agent() {
    let site = Site::new();
    let Some(first) = server(&site, "a_pane_whose_number_is_there_again") else { return };
    let pane = Pane::open(&first, &site, &SHELL);
    pane.call("acquire a.rs").expect(0);
    pane.kill();
    let number = pane.id.clone();
    drop(first);
    let Some(second) = Server::start(&site, "two") else { return };
    let again = Pane::open(&second, &site, &SHELL);
    assert_eq!(again.id, number, "the control: the number is the same");
    assert!(again.call("release a.rs").expect(0).out.starts_with("free\t"), "it was not its own");
    assert!(again.call("acquire a.rs").expect(0).out.starts_with("taken_over\t"));
}

/// A person's shell and the harness that was started from it are one agent, whichever has called before.
#[test]
fn the_shell_of_a_pane_and_a_harness_in_it_do_not_refuse_each_other_and_those_of_another_pane_do() {
    let site = Site::new();
    let Some(server) = server(&site, "the_shell_of_a_pane_and_a_harness_in_it") else { return };
    let (one, two) = (Pane::open(&server, &site, &SHELL), Pane::open(&server, &site, &SHELL));
    for pane in [&one, &two] {
        pane.type_line("export SWARMLOCK_AGENT=alice");
    }
    one.call("acquire a.rs").expect(0);
    assert_eq!(super::beat(&site, "alice")["process"]["pid"], one.pid);
    let elsewhere = two.call("renew a.rs").expect(12);
    assert!(elsewhere.err.contains(&format!("alice is the id of bash (process {}), which is alive", one.pid)));
    one.type_line(&format!("'{}' --norc --noprofile", crate::identity::shell_named(&site, "gemini")));
    one.call("renew a.rs").expect(0);
    let harness = super::beat(&site, "alice")["process"].clone();
    assert_eq!(harness["name"], "gemini");
    two.call("renew a.rs").expect(12);
    // A harness in the harness is another one, and so is one in the other pane.
    one.type_line(&format!("'{}' --norc --noprofile", crate::identity::shell_named(&site, "codex")));
    let nested = one.call("renew a.rs").expect(12);
    assert!(nested.err.contains("alice is the id of gemini (process "), "{nested}");
    one.type_line("exit");
    two.type_line(&format!("'{}' --norc --noprofile", crate::identity::shell_named(&site, "claude")));
    two.call("renew a.rs").expect(12);
    // The harness is suspended: the shell may act, and the harness stands for it on.
    one.type_line("suspend -f");
    one.call("renew a.rs").expect(0);
    assert_eq!(super::beat(&site, "alice")["process"], harness);
    one.type_line("kill -9 %1; wait %1 2>/dev/null");
    one.call("acquire b.rs").expect(0);
    assert_eq!(super::beat(&site, "alice")["process"]["pid"], one.pid, "it is over, and the shell is not");
    assert_eq!(state(&site, "a.rs"), "held");
}

/// A harness that is the pane's own process is one like any other.
#[test]
fn a_harness_in_a_harness_that_is_the_panes_own_process_is_refused() {
    let site = Site::new();
    let Some(server) = server(&site, "a_harness_in_a_harness_that_is_the_panes_own") else { return };
    let claude = crate::identity::shell_named(&site, "claude");
    let pane = Pane::open(&server, &site, &[&claude, "--norc", "--noprofile"]);
    pane.type_line("export SWARMLOCK_AGENT=alice");
    pane.call("acquire a.rs").expect(0);
    assert_eq!(super::beat(&site, "alice")["process"]["pid"], pane.pid, "the control");
    pane.type_line(&format!("'{}' --norc --noprofile", crate::identity::shell_named(&site, "codex")));
    pane.call("acquire b.rs").expect(12);
}

#[test]
fn a_harness_in_a_pane_is_the_evidence_and_the_pane_alone_is_not() {
    let site = Site::new();
    let Some(server) = server(&site, "a_harness_in_a_pane_is_the_evidence") else { return };
    let pane = Pane::open(&server, &site, &SHELL);
    let claude = crate::identity::shell_named(&site, "claude");
    let start = format!("CLAUDE_CODE_SESSION_ID=abc '{claude}' --norc --noprofile");
    // It reads what is typed from now on.
    pane.type_line(&start);
    let id = pane.call("whoami --id-only").expect(0).out.trim().to_owned();
    assert!(id.starts_with("claude-"), "{id}");
    pane.call("acquire a.rs").expect(0);
    assert_eq!(state(&site, "a.rs"), "held");
    let harness = super::beat(&site, &id)["process"]["pid"].as_i64().unwrap();
    let harness = rustix::process::Pid::from_raw(i32::try_from(harness).unwrap()).unwrap();
    rustix::process::kill_process(harness, rustix::process::Signal::KILL).unwrap();
    // The shell around it collects it, and reads on.
    let after = pane.call("check a.rs").expect(0);
    assert!(after.out.starts_with(&format!("orphaned\ta.rs\t{id}\t")), "{after}");
}
