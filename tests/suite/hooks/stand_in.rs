//! A stand-in for a harness with an agent in it, as a process of its own: it speaks the real payloads, believes the
//! answers, and edits.

use std::{
    collections::BTreeSet,
    fs,
    io::{ErrorKind, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::harness::{BINARY, Run, finish};

/// The variable that has the task in it.
pub const WORKER: &str = "SWARMLOCK_TEST_STAND_IN";

/// How long a hook may run before it is killed, in microseconds: often until it is over.
const KILLED_WITHIN: u64 = 16_000;

/// What a stand-in is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Task {
    /// The checkout.
    pub root: PathBuf,
    /// `claude-code` or `codex`.
    pub harness: String,
    pub session: String,
    /// How many files there are.
    pub files: usize,
    /// How many edits it makes.
    pub edits: usize,
    /// Whether hooks are called at all.
    pub hooks: bool,
    /// Whether some of them are killed.
    pub kills: bool,
}

/// What it did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Edits of single files.
    pub files: usize,
    /// Tool calls that were denied.
    pub refused: usize,
    /// Edits of what another had a mark on.
    pub intruded: usize,
    /// Hooks that were killed before they gave an answer.
    pub killed: usize,
    /// Answers that said that the edit would not be protected; it was left out then.
    pub unprotected: usize,
}

struct StandIn {
    task: Task,
    report: Report,
    /// The files with its mark.
    marked: BTreeSet<String>,
    random: u64,
}

/// The other side of the tests of swarms.
#[test]
fn worker_that_plays_a_harness() {
    let Ok(task) = std::env::var(WORKER) else { return };
    let task: Task = serde_json::from_str(&task).unwrap();
    let random = task.session.bytes().fold(u64::from(std::process::id()), |sum, byte| sum * 31 + u64::from(byte));
    let mut stand_in = StandIn { task, report: Report::default(), marked: BTreeSet::new(), random };
    stand_in.play();
    let line = format!("report: {}\n", serde_json::to_string(&stand_in.report).unwrap());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

impl StandIn {
    fn play(&mut self) {
        self.call("SessionStart", json!({ "source": "startup" }), false);
        let mut made = 0;
        for _ in 0..self.task.edits * 50 {
            if made >= self.task.edits {
                break;
            }
            self.call("UserPromptSubmit", json!({ "prompt": "go on" }), true);
            for _ in 0..=self.below(5) {
                made += usize::from(self.edit());
            }
            self.turn_ends();
        }
        assert!(made >= self.task.edits, "it was never let through: {:?}", self.report);
        // What a killed Stop has left is given up by the next.
        self.call("Stop", json!({ "stop_hook_active": false }), false);
        self.call("SessionEnd", json!({ "reason": "other" }), false);
    }

    /// From here on others may be let through.
    fn turn_ends(&mut self) {
        for file in std::mem::take(&mut self.marked) {
            fs::remove_file(self.mark_of(&file)).unwrap();
        }
        self.call("Stop", json!({ "stop_hook_active": false }), true);
    }

    /// One tool call; whether the files were changed.
    fn edit(&mut self) -> bool {
        let files = self.choose();
        let call = self.tool_call(&files);
        let Some(answer) = self.call("PreToolUse", call.clone(), true) else { return false };
        match answer.code {
            2 => {
                self.report.refused += 1;
                let decision = answer.json()["hookSpecificOutput"]["permissionDecision"].clone();
                assert!(decision == "deny" && answer.err.contains("is held by"), "{answer}");
                return false;
            }
            0 if answer.out.contains("WITHOUT protection") => {
                self.report.unprotected += 1;
                eprintln!("{answer}");
                return false;
            }
            0 => assert!(!answer.out.contains("permissionDecision"), "{answer}"),
            _ => panic!("{answer}"),
        }
        for file in &files {
            self.mark(file);
        }
        self.change(&files);
        let mut after = call;
        after["tool_response"] = json!("done");
        self.call("PostToolUse", after, true);
        true
    }

    /// One file, or with a patch up to three; mostly those that the others like too.
    fn choose(&mut self) -> Vec<String> {
        let some = if self.task.harness == "codex" { 1 + self.below(3) } else { 1 };
        let mut files = BTreeSet::new();
        while files.len() < some {
            let among = if self.below(3) > 0 { 8 } else { self.task.files };
            files.insert(format!("files/f{}.txt", self.below(among)));
        }
        files.into_iter().collect()
    }

    /// The members of the payload of this edit.
    fn tool_call(&self, files: &[String]) -> Value {
        if self.task.harness == "codex" {
            let parts = files.iter().map(|file| format!("*** Update File: {file}\n@@\n-old\n+new\n"));
            let patch = format!("*** Begin Patch\n{}*** End Patch\n", parts.collect::<String>());
            return json!({ "tool_name": "apply_patch", "tool_use_id": "call_1", "turn_id": "turn 1",
                "model": "gpt-5.2-codex", "tool_input": { "command": patch } });
        }
        json!({ "tool_name": "Edit", "tool_use_id": "toolu_1", "tool_input": {
            "file_path": self.task.root.join(&files[0]), "old_string": "old", "new_string": "new" } })
    }

    /// Reads the files, thinks, and writes them one higher.
    fn change(&mut self, files: &[String]) {
        let read = |file: &String| fs::read_to_string(self.task.root.join(file)).unwrap().trim().parse().unwrap_or(0);
        let before: Vec<u64> = files.iter().map(read).collect();
        assert!(Command::new("true").status().unwrap().success());
        let mut log = fs::OpenOptions::new().append(true).open(self.task.root.join("edits")).unwrap();
        for (file, before) in files.iter().zip(before) {
            fs::write(self.task.root.join(file), format!("{}\n", before + 1)).unwrap();
            log.write_all(format!("{} {file}\n", std::process::id()).as_bytes()).unwrap();
            self.report.files += 1;
        }
    }

    fn mark_of(&self, file: &str) -> PathBuf {
        self.task.root.join("marks").join(file.replace('/', "-"))
    }

    /// Marks a file as its own until the turn ends.
    fn mark(&mut self, file: &str) {
        if self.marked.contains(file) {
            return;
        }
        match fs::OpenOptions::new().write(true).create_new(true).open(self.mark_of(file)) {
            Ok(_) => drop(self.marked.insert(file.to_owned())),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.report.intruded += 1,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls a hook, and perhaps kills it; `None` if that came before its answer.
    fn call(&mut self, event: &str, more: Value, may_die: bool) -> Option<Run> {
        if !self.task.hooks {
            return Some(Run { code: 0, out: String::new(), err: String::new() });
        }
        let mut payload = json!({ "session_id": self.task.session, "cwd": self.task.root, "transcript_path": null,
            "permission_mode": "default", "hook_event_name": event });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut command = Command::new(BINARY);
        command.args(["hook", event, "--harness", &self.task.harness]).current_dir(&self.task.root);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(payload.to_string().as_bytes()).unwrap();
        let dies = may_die && self.task.kills && self.below(4) == 0;
        if dies {
            thread::sleep(Duration::from_micros(self.next() % KILLED_WITHIN));
            kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        }
        let run = finish(child);
        if dies && run.code == 137 {
            self.report.killed += 1;
            return None;
        }
        assert!(run.code == 0 || run.code == 2 && event == "PreToolUse", "{event}: {run}");
        Some(run)
    }

    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }
}
