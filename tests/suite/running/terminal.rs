//! Interactive commands in the panes of a real tmux server: who has the terminal, and what Ctrl-C and Ctrl-Z do.

use std::time::Instant;

use crate::{
    harness::{BINARY, Site, skip},
    panes::Server,
    processes::usable,
};

/// A shell in a pane, typed to.
struct Pane<'a> {
    server: Server<'a>,
}

impl<'a> Pane<'a> {
    fn start(site: &'a Site, test: &str) -> Option<Self> {
        // Else tmux cannot tell either what is in front.
        if !usable(test) {
            return None;
        }
        let server = Server::start(site, "one");
        if server.is_none() || std::process::Command::new("bash").arg("--version").output().is_err() {
            skip(test, "no tmux or no bash here, or no room for its socket");
            return None;
        }
        let server = server?;
        let shell = format!(
            "exec env -u TMUX -u TMUX_PANE -u ENV B={BINARY} PS1='OUT$ ' SWARMLOCK_AGENT=alice \
             bash --norc --noprofile -i"
        );
        server.tmux(&["new-window", &shell])?.expect(0);
        let pane = Self { server };
        pane.shows("OUT$");
        Some(pane)
    }

    fn text(&self) -> String {
        self.server.tmux(&["capture-pane", "-p", "-S", "-"]).unwrap().expect(0).out
    }

    /// Waits until a line of the pane begins so.
    #[track_caller]
    fn shows(&self, wanted: &str) {
        self.comes(wanted, |text| text.lines().any(|line| line.starts_with(wanted)));
    }

    /// Waits until what the pane shows is so.
    #[track_caller]
    fn comes(&self, what: &str, so: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !so(&self.text()) {
            assert!(began.elapsed() < super::NEVER, "in vain: {what}:\n{}", self.text());
        }
    }

    /// Waits until a line is there twice: once typed, once printed.
    #[track_caller]
    fn is_answered(&self, line: &str) {
        self.comes(line, |text| text.lines().filter(|shown| *shown == line).count() == 2);
    }

    fn key(&self, key: &str) {
        self.server.tmux(&["send-keys", key]).unwrap().expect(0);
    }

    fn line(&self, line: &str) {
        self.server.tmux(&["send-keys", "-l", "--", line]).unwrap().expect(0);
        self.key("Enter");
    }

    /// Waits until this command is in front of the terminal.
    #[track_caller]
    fn in_front(&self, command: &str) {
        let front = || self.server.tmux(&["display-message", "-p", "#{pane_current_command}"]).unwrap().out;
        self.comes(&format!("{command} in front"), |_| front().trim() == command);
    }
}

#[test]
fn an_interactive_shell_is_usable_and_the_terminal_comes_back() {
    let site = Site::new();
    let Some(pane) = Pane::start(&site, "an_interactive_shell_is_usable") else { return };
    pane.line("$B run -q name:n -- env PS1='IN$ ' bash --norc --noprofile -i");
    pane.shows("IN$");
    // Ctrl-C ends what runs in it, and neither the shell nor us.
    pane.line("sleep 60");
    pane.in_front("sleep");
    pane.key("C-c");
    pane.line("echo interrupted=$?");
    pane.shows("interrupted=130");
    // Its own job control works.
    pane.line("sleep 61");
    pane.in_front("sleep");
    pane.key("C-z");
    pane.shows("[1]+  Stopped");
    // It stops itself, and we with it.
    pane.line("suspend -f");
    pane.shows("OUT$");
    pane.comes("its prompt", |text| text.trim_end().lines().last().is_some_and(|line| line.starts_with("OUT$")));
    pane.line("fg");
    pane.comes("its prompt", |text| text.trim_end().lines().last().is_some_and(|line| line.starts_with("IN$")));
    // A job that the shell takes for a stopped one would keep it from its end.
    pane.line("kill -9 %1; disown -a; echo killed");
    pane.shows("killed");
    assert!(!super::is_free(&site, "name:n"));
    pane.line("exit 5");
    pane.comes("its prompt", |text| text.trim_end().lines().last().is_some_and(|line| line.starts_with("OUT$")));
    pane.line("echo over=$?");
    pane.shows("over=5");
    // The shell of the pane reads from its terminal again.
    pane.line("read -p ASKS x; echo got=$x");
    pane.shows("ASKS");
    pane.line("back");
    pane.shows("got=back");
    assert!(super::is_free(&site, "name:n"));
}

#[test]
fn ctrl_z_stops_the_command_with_us_and_fg_continues_both() {
    let site = Site::new();
    let Some(pane) = Pane::start(&site, "ctrl_z_stops_the_command_with_us") else { return };
    pane.line("$B run -q name:n -- cat");
    pane.in_front("cat");
    pane.line("one");
    pane.key("C-z");
    pane.shows("[1]+  Stopped");
    assert!(!super::is_free(&site, "name:n"), "what is stopped holds its lock");
    pane.line("fg");
    pane.in_front("cat");
    pane.line("two");
    pane.is_answered("two");
    pane.key("C-d");
    pane.line("echo code=$?");
    pane.shows("code=0");
    // In the background it goes on, and stops only when it wants the terminal.
    pane.line("$B run -q name:n -- sh -c 'echo working; read x; echo read=$x' &");
    pane.comes("working", |text| text.lines().any(|line| line.ends_with("working")));
    super::until("the shell has seen that it is stopped", || {
        pane.line("jobs");
        pane.text().contains("Stopped                 $B run -q name:n -- sh")
    });
    pane.line("fg");
    pane.in_front("sh");
    pane.line("something");
    pane.shows("read=something");
    pane.line("echo code=$?");
    assert!(super::is_free(&site, "name:n"));
}

#[test]
fn ctrl_c_ends_the_command_and_a_loop_or_script_around_it() {
    let site = Site::new();
    let Some(pane) = Pane::start(&site, "ctrl_c_ends_the_command") else { return };
    for around in [
        "for i in 1 2 3; do $B run -q name:n -- sleep 60; echo NEVER; done",
        "bash -c '$B run -q name:n -- sleep 60; echo NEVER'",
        "sh -c '$B run -q name:n -- sleep 60; echo NEVER'",
    ] {
        pane.line(around);
        pane.in_front("sleep");
        pane.key("C-c");
        pane.in_front("bash");
        super::until("the lock is free", || super::is_free(&site, "name:n"));
    }
    pane.line("echo code=$?");
    pane.shows("code=130");
    assert!(!pane.text().lines().any(|line| line.starts_with("NEVER")), "{}", pane.text());
}

#[test]
fn in_a_pipeline_the_command_reads_from_the_terminal_too() {
    let site = Site::new();
    let Some(pane) = Pane::start(&site, "in_a_pipeline_the_command_reads") else { return };
    pane.line("$B run -q name:n -- cat | cat; echo over=${PIPESTATUS[*]}");
    super::until("it runs", || !super::is_free(&site, "name:n"));
    pane.line("typed");
    pane.is_answered("typed");
    pane.key("C-d");
    pane.shows("over=0 0");
    // Ctrl-C before it has asked for the terminal reaches it through us.
    pane.line("$B run -q name:n -- sleep 60 | cat; echo then=${PIPESTATUS[*]}");
    super::until("it runs", || !super::is_free(&site, "name:n"));
    pane.key("C-c");
    super::until("the lock is free", || super::is_free(&site, "name:n"));
    pane.line("echo alive");
    pane.shows("alive");
}

/// A pane whose own process we are has no shell that could continue what is stopped.
#[test]
fn where_nobody_could_continue_it_ctrl_z_stops_nothing() {
    let site = Site::new();
    let Some(pane) = Pane::start(&site, "where_nobody_could_continue_it") else { return };
    let command = format!("exec env SWARMLOCK_AGENT=alice {BINARY} run -q name:n -- cat");
    pane.server.tmux(&["new-window", &command]).unwrap().expect(0);
    pane.in_front("cat");
    pane.key("C-z");
    pane.line("typed");
    pane.comes("typed", |text| text.lines().filter(|line| line.ends_with("typed")).count() == 2);
    pane.key("C-d");
    super::until("the lock is free", || super::is_free(&site, "name:n"));
}

#[test]
fn a_terminal_that_is_closed_ends_the_command_and_the_lock_is_released() {
    let site = Site::new();
    let Some(pane) = Pane::start(&site, "a_terminal_that_is_closed") else { return };
    pane.line("$B run -q name:n -- sh -c 'echo $$ >pid; exec sleep 60'");
    pane.in_front("sleep");
    let pid = super::pid_in(&site.path("pid"));
    pane.server.tmux(&["kill-window"]).unwrap().expect(0);
    super::until("the command is gone", || super::is_gone(pid));
    super::until("the lock is free", || super::is_free(&site, "name:n"));
}
