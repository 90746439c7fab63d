//! Stand-ins for harnesses in panes: they write down what is typed, and run lines beside it, as a harness runs the
//! commands of its agent.

use std::{cell::Cell, fs, io::Write as _, path::PathBuf};

use serde_json::Value;

use super::{Stage, is_over, kill, program_named, wait_for};
use crate::harness::{BINARY, Run, Site};

/// What a stand-in does; it is read by bash under the name of a harness. `$1` is its own directory.
const ACTS: &str = r#"echo $$ >"$1/pid.new"
bash "$1/runner" "$1" $$ </dev/null >/dev/null 2>&1 &
[ -t 0 ] && stty -echo -icanon min 1
until [ -e "$1/ready" ]; do sleep 0.01; done
mv "$1/pid.new" "$1/pid"
while IFS= read -r line; do printf '%s\n' "$line" >>"$1/typed"; done
"#;

/// What runs the lines, until the stand-in is gone. `$2` is the stand-in's process.
const RUNS: &str = r#"exec 3<>"$1/in"
: >"$1/ready"
at=0 line=
while kill -0 "$2"; do
  # The second may be over in the middle of a line.
  IFS= read -r -t 1 -u 3 part
  whole=$? line=$line$part
  [ $whole = 0 ] || continue
  at=$((at + 1))
  bash -c "$line" </dev/null >"$1/out" 2>"$1/err" 3<&-
  echo $? >"$1/code" && mv "$1/code" "$1/code.$at"
  line=
done
"#;

/// How a stand-in is started.
#[derive(Clone, Default)]
pub(super) struct Start {
    /// Which harness it is; a name of its own for what is none.
    pub(super) program: &'static str,
    /// The variable of its session, and the session.
    pub(super) session: Option<(&'static str, &'static str)>,
    /// Its directory; the root of the checkout if it is empty.
    pub(super) dir: PathBuf,
}

impl Start {
    pub(super) fn of(program: &'static str) -> Self {
        Self { program, ..Self::default() }
    }

    pub(super) fn session(self, variable: &'static str, session: &'static str) -> Self {
        Self { session: Some((variable, session)), ..self }
    }

    pub(super) fn within(self, dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..self }
    }
}

/// A stand-in in a pane.
pub(super) struct Actor {
    home: PathBuf,
    pub(super) pane: u32,
    pub(super) pid: u32,
    asked: Cell<u32>,
}

/// The files of a stand-in that is to start, and the line of sh that starts it.
fn prepare(site: &Site, start: &Start) -> (PathBuf, String) {
    let homes = site.path(".git/actors");
    fs::create_dir_all(&homes).unwrap();
    let home = (0..).map(|at| homes.join(at.to_string())).find(|home| fs::create_dir(home).is_ok()).unwrap();
    // Each its own: bash reads a script as it goes on.
    fs::write(home.join("acts"), ACTS).unwrap();
    fs::write(home.join("runner"), RUNS).unwrap();
    let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
    rustix::fs::mknodat(rustix::fs::CWD, home.join("in"), fifo, mode, 0).unwrap();
    let program = program_named(site, "bash", &format!(".git/actors/{}", start.program));
    let session = start.session.map(|(variable, value)| format!("{variable}='{value}'")).unwrap_or_default();
    let (dir, acts) = (site.path(&start.dir), home.join("acts"));
    // Nothing of the user's servers is asked.
    let line = format!(
        "cd '{}'; env TMUX_TMPDIR='{}' B='{BINARY}' {session} '{program}' '{}' '{}'",
        dir.display(),
        site.root().display(),
        acts.display(),
        home.display(),
    );
    (home, line)
}

impl Actor {
    /// As the own process of a new pane.
    pub(super) fn alone(stage: &Stage<'_>, start: &Start) -> Self {
        let (home, line) = prepare(stage.site, start);
        let pane = stage.open(&["sh", "-c", &line.replacen("; env ", "; exec env ", 1)]);
        Self::appears(home, pane)
    }

    /// Started by the shell of a pane.
    pub(super) fn below(stage: &Stage<'_>, pane: u32, start: &Start) -> Self {
        let (home, line) = prepare(stage.site, start);
        let script = home.join("start");
        fs::write(&script, line).unwrap();
        stage.type_line(pane, &format!(". {}", script.display()));
        Self::appears(home, pane)
    }

    /// Started by a command of another, in the same pane; it reads nothing that is typed there.
    pub(super) fn inside(stage: &Stage<'_>, outer: &Self, start: &Start) -> Self {
        Self::below_agent(stage, outer, start, "sh")
    }

    /// The same, and it outlives the pane.
    pub(super) fn detached(stage: &Stage<'_>, outer: &Self, start: &Start) -> Self {
        Self::below_agent(stage, outer, start, "setsid -f sh")
    }

    fn below_agent(stage: &Stage<'_>, outer: &Self, start: &Start, shell: &str) -> Self {
        let (home, line) = prepare(stage.site, start);
        let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(rustix::fs::CWD, home.join("nothing"), fifo, mode, 0).unwrap();
        let script = home.join("start");
        fs::write(&script, format!("{line} <>'{}' >/dev/null 2>&1 &\n", home.join("nothing").display())).unwrap();
        outer.run(&format!("{shell} '{}'", script.display())).expect(0);
        Self::appears(home, outer.pane)
    }

    fn appears(home: PathBuf, pane: u32) -> Self {
        let pid = wait_for(|| fs::read_to_string(home.join("pid")).ok());
        Self { home, pane, pid: pid.trim().parse().unwrap(), asked: Cell::new(0) }
    }

    /// What comes of a line of bash that its agent runs; `$B` is the binary.
    pub(super) fn run(&self, line: &str) -> Run {
        self.begin(line);
        self.end()
    }

    /// Has its agent run a line, and does not wait for it.
    pub(super) fn begin(&self, line: &str) {
        self.asked.set(self.asked.get() + 1);
        let mut fifo = fs::OpenOptions::new().read(true).write(true).open(self.home.join("in")).unwrap();
        fifo.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What has come of the line that was begun last.
    pub(super) fn end(&self) -> Run {
        let code = self.home.join(format!("code.{}", self.asked.get()));
        let code = wait_for(|| fs::read_to_string(&code).ok());
        let text = |name| String::from_utf8_lossy(&fs::read(self.home.join(name)).unwrap()).into_owned();
        let run = Run { code: code.trim().parse().unwrap(), out: text("out"), err: text("err") };
        assert!(!run.err.contains("panicked"), "{run}");
        run
    }

    /// The same of the binary with these arguments, as JSON.
    pub(super) fn json(&self, args: &str) -> Value {
        self.run(&format!("$B {args} --json")).expect(0).json()
    }

    /// Its id.
    pub(super) fn id(&self) -> String {
        self.run("$B whoami --id-only").expect(0).out.trim_end().to_owned()
    }

    /// The texts of the messages that its agent reads now.
    pub(super) fn reads(&self) -> Vec<String> {
        let inbox = self.json("inbox");
        let items = inbox["items"].as_array().unwrap();
        let messages = items.iter().filter_map(|item| item["message"]["content"].as_str());
        messages.map(str::to_owned).collect()
    }

    /// The lines that were typed into its pane so far.
    pub(super) fn typed(&self) -> Vec<String> {
        let text = fs::read(self.home.join("typed")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// Waits until a line with this in it was typed.
    #[track_caller]
    pub(super) fn is_told(&self, text: &str) {
        wait_for(|| self.typed().iter().any(|line| line.contains(text)).then_some(()));
    }

    /// Ends it by SIGKILL, and waits until it is gone.
    pub(super) fn kill(&self) {
        kill(self.pid);
        wait_for(|| is_over(self.pid).then_some(()));
    }
}

impl Drop for Actor {
    /// One that outlives its pane would outlive the test.
    fn drop(&mut self) {
        let cmdline = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        // It may end by itself meanwhile.
        if String::from_utf8_lossy(&cmdline).contains(self.home.to_str().unwrap()) {
            let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap_or_default();
        }
    }
}

/// What a call of the binary with `send` or `broadcast` tells of each recipient.
pub(super) fn deliveries(sent: &Run) -> Vec<(String, String, String)> {
    let line = |line: &str| {
        let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
        (columns[2].clone(), columns[0].clone(), columns[3].clone())
    };
    sent.out.lines().map(line).collect()
}

/// Asserts that a message to one was only put into the inbox, and why.
#[track_caller]
pub(super) fn is_queued(sent: &Run, why: &str) {
    let all = deliveries(sent);
    assert!(sent.code == 0 && all.len() == 1, "{sent}");
    assert!(all[0].1 == "[QUEUED]" && all[0].2.contains(why), "wanted {why:?}: {sent}");
}

/// Asserts that a message to one was typed into its pane.
#[track_caller]
pub(super) fn is_delivered(sent: &Run) {
    let all = deliveries(sent);
    assert!(sent.code == 0 && all.len() == 1 && all[0].1 == "[DELIVERED]", "{sent}");
}
