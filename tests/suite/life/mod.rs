//! Evidence of life, with real processes: harnesses that acquire and stay, are stopped, killed and started again.

mod beats;
mod conflicts;
mod evidence;
mod panes;
mod registry;
mod sandbox;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    harness::{BINARY, Run, Site, without_identity},
    identity::shell_named,
};

/// No line of a harness takes nearly as long: one that does hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Runs each line that it is given, and says how it ended.
const LOOP: &str = r#"while read -r line; do eval "$line"; echo "$?"; done"#;

/// A shell under the name of a harness, which makes the calls that it is told to make, and stays.
pub struct Harness {
    child: Child,
    lines: Option<ChildStdin>,
    answers: Receiver<String>,
    said: TempDir,
}

impl Harness {
    /// A harness of this name whose calls are this agent's.
    pub fn start(site: &Site, name: &str, agent: &str) -> Self {
        let mut command = Command::new(shell_named(site, name));
        command.args(["-c", LOOP]);
        Self::spawn(site, command, agent)
    }

    /// The same, started by `prefix`: a tool that starts what comes after it.
    pub fn start_in(site: &Site, prefix: &[&str], name: &str, agent: &str) -> Self {
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).args([&shell_named(site, name), "-c", LOOP]);
        Self::spawn(site, command, agent)
    }

    fn spawn(site: &Site, mut command: Command, agent: &str) -> Self {
        without_identity(&mut command).current_dir(site.root()).env("B", BINARY).env("SWARMLOCK_AGENT", agent);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (lines, mut out) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let (tell, answers) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|read| read > 0) && tell.send(line.trim().to_owned()).is_ok() {
                line.clear();
            }
        });
        Self { child, lines, answers, said: tempfile::tempdir().unwrap() }
    }

    /// What a line of the shell says; `$B` is the binary.
    pub fn line(&mut self, line: &str) -> Run {
        let (out, err) = (self.said.path().join("out"), self.said.path().join("err"));
        let line = format!("{{ {line}; }} </dev/null >{} 2>{}\n", out.display(), err.display());
        self.lines.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let code = self.answers.recv_timeout(HANGS).unwrap_or_else(|error| panic!("{error}: {line}"));
        let run = Run {
            code: code.parse().unwrap_or_else(|error| panic!("{error}: {code}")),
            out: fs::read_to_string(out).unwrap(),
            err: fs::read_to_string(err).unwrap(),
        };
        assert!(!run.err.contains("panicked"), "{run}");
        run
    }

    /// What the binary says to these arguments, written for a shell.
    pub fn call(&mut self, args: &str) -> Run {
        self.line(&format!("\"$B\" {args}"))
    }

    /// The number of its process; with a prefix that of the tool, unless it became the harness.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it without collecting it: it is a zombie then.
    pub fn kill_only(&mut self) {
        self.child.kill().unwrap();
        reaches(self.pid(), "Z");
    }

    /// Kills and collects it; whatever it ran in this shell is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // A tool around it was killed; the shell closes its end when it has died of that.
        while self.answers.recv_timeout(HANGS).is_ok() {}
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        // Without more lines it ends, whatever is between it and us.
        drop(self.lines.take());
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Waits for a process to be in this state, without collecting it.
pub fn reaches(pid: u32, state: &str) {
    let wanted = format!(") {state} ");
    while !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(&wanted) {}
}

/// When a process started, in clock ticks since boot.
pub fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap()
}

pub fn mono_ms() -> u64 {
    swarmlock::host::now().mono_ms
}

/// The newest beat of an agent.
pub fn beat(site: &Site, agent: &str) -> Value {
    serde_json::from_slice(&fs::read(site.state("beats").join(agent)).unwrap()).unwrap()
}

/// Rewrites it, in place and as wide as it is.
pub fn edit_beat(site: &Site, agent: &str, change: impl FnOnce(&mut Value)) {
    let mut beat = beat(site, agent);
    change(&mut beat);
    site.plant(format!("beats/{agent}"), format!("{:<511}\n", beat.to_string()));
}

/// Rewrites the lock file of a path.
pub fn edit_lock(site: &Site, path: &str, change: impl FnOnce(&mut Value)) {
    let mut lock = site.lock_json(path);
    change(&mut lock);
    fs::write(site.lock_file(path), lock.to_string()).unwrap();
}

/// Makes the lease on this path as old as the machine, for half of that time: it is over unless its agent's beat is
/// newer than half of it.
pub fn age(site: &Site, path: &str) {
    let half = (mono_ms() / 2000).clamp(1, 3600);
    edit_lock(site, path, |lock| {
        lock["holders"][0]["ttl_s"] = half.into();
        lock["holders"][0]["renewed_mono_ms"] = 0.into();
    });
}

/// The state of a resource for somebody who holds nothing.
pub fn state(site: &Site, resource: &str) -> String {
    let check = site.agent("onlooker").run(["check", "--json", resource]);
    check.json()["state"].as_str().unwrap().to_owned()
}

/// What the log tells of this kind of change, newest last.
pub fn events(site: &Site, kind: &str) -> Vec<Value> {
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|event: &Value| event["event"] == kind).collect()
}

/// Fails unless this agent takes the resource over from `former`, whose lease `was` this, and `former` is told.
#[track_caller]
pub fn takes_over(site: &Site, agent: &str, resource: &str, former: &str, was: &str) {
    let taken = site.agent(agent).run(["acquire", resource, "--json"]).expect(0).json();
    assert_eq!(taken["result"], "taken_over", "{taken}");
    assert_eq!((&taken["former"]["agent_id"], &taken["former"]["was"]), (&former.into(), &was.into()), "{taken}");
    let told = events(site, "taken_over");
    let told = told.last().unwrap();
    assert_eq!((&told["to"], &told["by"]), (&former.into(), &agent.into()), "{told}");
}
