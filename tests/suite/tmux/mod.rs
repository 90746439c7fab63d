//! The library with real tmux servers: which panes there are, who is in front of them, what is typed into them.

mod actor;
mod chain;
mod delivery;
mod hooks;
mod hostile;
mod listing;
mod moments;
mod queued;
mod seats;
mod servers;
mod swarm;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use swarmlock::{
    domain::{AgentId, Process},
    host::tmux::{Delivery, Found, Line, Pane, Target, Tmux, agent_in},
};

use crate::{
    harness::{Site, skip},
    panes::Server,
    processes::usable,
};

/// More than any call needs.
const LIMIT: Duration = Duration::from_secs(20);

/// A checkout and a tmux server, and a stand-in for a harness that writes down what is typed.
struct Stage<'a> {
    site: &'a Site,
    server: Server<'a>,
}

impl<'a> Stage<'a> {
    /// `None`, and the test is skipped, where there is no tmux or processes cannot be told apart.
    fn set(site: &'a Site, test: &str) -> Option<Self> {
        if !usable(test) {
            return None;
        }
        let server = Server::start(site, "one");
        if server.is_none() {
            skip(test, "no tmux here, or no room for its socket");
        }
        Some(Self { site, server: server? })
    }

    fn socket(&self) -> PathBuf {
        self.server.socket()
    }

    /// The number of a new pane, in a window of its own, that runs this.
    fn open(&self, command: &[&str]) -> u32 {
        let window = ["new-window", "-d", "-P", "-F", "#{pane_id}"];
        let run = self.server.tmux(&[&window, command].concat()).unwrap().expect(0);
        run.out.trim().strip_prefix('%').unwrap().parse().unwrap()
    }

    fn pane(&self, number: u32) -> Pane {
        let listing = Tmux::default().panes(&self.socket(), LIMIT).unwrap();
        listing.panes.into_iter().find(|pane| pane.number == number).unwrap()
    }

    /// Types a line into a pane with no checks at all.
    fn type_line(&self, number: u32, line: &str) {
        self.type_text(number, line);
        self.server.tmux(&["send-keys", "-t", &format!("%{number}"), "Enter"]).unwrap().expect(0);
    }

    fn type_text(&self, number: u32, text: &str) {
        let text = text.strip_suffix(';').map_or_else(|| text.to_owned(), |rest| format!("{rest}\\;"));
        self.server.tmux(&["send-keys", "-l", "-t", &format!("%{number}"), "--", &text]).unwrap().expect(0);
    }

    /// A line of bash that becomes the stand-in, in a raw terminal.
    fn stand_in(&self, out: &str) -> String {
        format!("stty raw -echo; {}", self.becomes(out))
    }

    fn becomes(&self, out: &str) -> String {
        let (claude, out) = (program_named(self.site, "cat", "claude"), self.site.path(out));
        format!("exec -a cat '{claude}' >'{}'", out.display())
    }

    /// The stand-in as the own process of a new pane.
    fn agent(&self, out: &str) -> (u32, Target) {
        let number = self.open(&["bash", "-c", &self.stand_in(out)]);
        (number, self.target(number))
    }

    /// The stand-in below an interactive shell in a new pane.
    fn agent_below(&self, shell: &[&str], out: &str) -> (u32, Target) {
        let number = self.open(shell);
        // Not by the syntax of that shell; and not every one puts the terminal in order.
        let script = self.site.path(format!("{out}.sh"));
        fs::write(&script, format!("stty raw -echo; ({}); stty sane\n", self.becomes(out))).unwrap();
        self.type_line(number, &format!("bash {}", script.display()));
        (number, self.target(number))
    }

    /// Waits until there is an agent in front.
    fn found(&self, number: u32) -> Found {
        wait_for(|| agent_in(&self.pane(number), &[]).unwrap())
    }

    fn target(&self, number: u32) -> Target {
        let agent = self.found(number).process;
        let server = process(self.pane(number).server);
        Target { socket: self.socket(), pane: number, server, agent, harnesses: Vec::new() }
    }

    /// What the stand-in was given, when it ends with this.
    fn got(&self, out: &str, end: &[u8]) -> Vec<u8> {
        let path = self.site.path(out);
        wait_for(|| fs::read(&path).ok().filter(|bytes| bytes.ends_with(end)))
    }

    /// Ends the agent, and waits until a shell has the terminal again.
    fn end(&self, number: u32, agent: &Process) {
        kill(agent.pid);
        self.shell_in_front(number);
    }

    fn shell_in_front(&self, number: u32) {
        let pid = self.pane(number).pid;
        wait_for(|| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            (fields[2] == fields[5]).then_some(())
        });
    }
}

/// A program under another name.
fn program_named(site: &Site, program: &str, name: &str) -> String {
    let path = site.path(name);
    if !path.exists() {
        symlink(on_path(program).unwrap(), &path).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let dirs = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&dirs).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A program of these lines of sh, that is called in place of tmux.
fn fake(site: &Site, name: &str, lines: &str) -> Tmux {
    let path = site.path(name);
    // By another process: what is started meanwhile by other tests would keep it open for writing.
    let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"";
    let written = Command::new("sh").arg("-c").arg(write).arg(&path).arg(lines).status().unwrap();
    assert!(written.success());
    Tmux::at(path)
}

fn process(pid: u32) -> Process {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    Process::new(pid, started.parse().unwrap(), "")
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Whether there is no such process, or it only waits to be collected.
fn is_over(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

/// Looks until there is something.
#[track_caller]
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn line(text: &str) -> Line {
    Line::new(text).unwrap_or_else(|| panic!("{text:?}"))
}

fn deliver(to: &Target, text: &str) -> Delivery {
    Tmux::default().deliver(to, &line(text), &sender(), LIMIT)
}

fn sender() -> AgentId {
    AgentId::new("alice-2.b_c").unwrap()
}

#[track_caller]
fn expect_not(delivery: &Delivery, why: &str) {
    assert!(matches!(delivery, Delivery::Not(text) if text.contains(why)), "{delivery:?}, wanted: {why}");
}

const NOTICE: &str = "# swarmlock: a message from alice-2.b_c: swarmlock inbox";

/// bash without the files of its user, in this locale.
fn bash(site: &Site, locale: &str) -> Vec<String> {
    shell(site, locale, &["bash", "--norc", "--noprofile"])
}

/// A shell that neither reads nor writes anything of its user's.
fn shell(site: &Site, locale: &str, words: &[&str]) -> Vec<String> {
    let (locale, home) = (format!("LC_ALL={locale}"), format!("HOME={}", site.root().display()));
    let env = ["env", "INPUTRC=/dev/null", "HISTFILE=", &locale, &home];
    env.iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
