//! A checkout in which another agent has written an attempt wherever something can be written, and the calls of the hooks
//! that show it.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::super::digits;
use crate::harness::{Run, Site};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Harness {
    Claude,
    Gemini,
    Cursor,
}

impl Harness {
    pub fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude-code",
            Self::Gemini => "gemini",
            Self::Cursor => "cursor",
        }
    }

    /// What it calls an event of Claude Code's.
    fn event(self, event: &'static str) -> &'static str {
        match (self, event) {
            (Self::Gemini, "PreToolUse") => "BeforeTool",
            (Self::Gemini, "PostToolUse") => "AfterTool",
            (Self::Gemini, "UserPromptSubmit") => "BeforeAgent",
            (Self::Gemini, "Stop") => "AfterAgent",
            (Self::Cursor, "PreToolUse") => "preToolUse",
            (Self::Cursor, "PostToolUse") => "postToolUse",
            (Self::Cursor, "UserPromptSubmit") => "beforeSubmitPrompt",
            (Self::Cursor, "Stop") => "stop",
            (Self::Cursor, "SessionStart") => "sessionStart",
            (Self::Cursor, "SessionEnd") => "sessionEnd",
            _ => event,
        }
    }
}

/// What was shown, and where.
type Answers = Vec<(&'static str, Run)>;

pub struct Stage {
    site: Site,
    harness: Harness,
    attempt: String,
}

impl Stage {
    /// The attempt is text of bob's; the harness is that of another.
    pub fn set(harness: Harness, attempt: &str) -> Self {
        let stage = Self { site: Site::new(), harness, attempt: attempt.to_owned() };
        stage.site.nobody().run(["init"]).expect(0);
        stage
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    fn id(&self) -> String {
        let name = self.harness.word().split('-').next().unwrap();
        format!("{name}-{}", digits("session one"))
    }

    pub fn bob(&self, args: &[&str]) -> Run {
        self.site.agent("bob").run(args)
    }

    /// A hook of this session.
    pub fn call(&self, event: &'static str, more: &Value) -> Run {
        self.raw(self.harness.event(event), &self.payload(event, more).to_string())
    }

    fn payload(&self, event: &'static str, more: &Value) -> Value {
        let mut payload = match self.harness {
            Harness::Cursor => json!({ "conversation_id": "session one", "workspace_roots": [self.site.root()] }),
            Harness::Claude | Harness::Gemini => json!({ "session_id": "session one", "transcript_path": "/tmp/t" }),
        };
        payload["cwd"] = json!(self.site.root());
        payload["hook_event_name"] = json!(self.harness.event(event));
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload
    }

    fn raw(&self, event: &str, payload: &str) -> Run {
        self.site.nobody().run_with_stdin(["hook", event, "--harness", self.harness.word()], payload.as_bytes())
    }

    /// Is about to edit a file.
    pub fn edit(&self, path: &str) -> Run {
        let tool = if self.harness == Harness::Gemini { "replace" } else { "Write" };
        let file = self.site.path(path);
        self.call("PreToolUse", &json!({ "tool_name": tool, "tool_input": { "file_path": file, "content": "x" } }))
    }

    /// The attempt as a path, as far as one can hold it.
    fn path(&self) -> String {
        let parts: Vec<&str> = self.attempt.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
        parts.join("/")
    }

    /// The same as a directory that is there.
    fn directory(&self) -> PathBuf {
        let dir = self.site.path(self.path());
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// The attempt in messages, roles, and names of what the agent itself holds.
    pub fn session_and_messages(&self) -> Answers {
        let mut shown = vec![("the first start", self.call("SessionStart", &json!({ "source": "startup" })))];
        self.bob(&["agents", "register", "--role", "reviewer"]).expect(0);
        self.plant_role();
        self.directory();
        shown.push(("an edit of its own", self.edit(&format!("{}/own.rs", self.path()))));
        shown.push(("a start with a lease", self.call("SessionStart", &json!({ "source": "compact" }))));
        // Of some nothing would be seen by itself.
        let (id, text) = (self.id(), format!("{} x", self.attempt));
        self.bob(&["send", &id, "INFO", "--", &text]).expect(0);
        self.bob(&["send", &id, "QUESTION", "--ack=2m", "--", &text]).expect(0);
        self.plant_message();
        let stop = self.call("Stop", &json!({ "stop_hook_active": false, "loop_count": 0 }));
        assert!(stop.out.contains("trust=\\\"untrusted\\\""), "{stop}");
        shown.push(("stop", stop));
        self.bob(&["send", &id, "INFO", "--", &text]).expect(0);
        shown.push(("a prompt", self.call("UserPromptSubmit", &json!({ "prompt": "x" }))));
        self.site.agent(&id).run(["acquire", "--", &format!("./{}/kept.rs", self.path())]).expect(0);
        shown.push(("the end", self.call("SessionEnd", &json!({ "reason": "other" }))));
        self.site.agent(&id).run(["release", "--mine"]).expect(0);
        shown
    }

    /// By hand, for no command takes such a role.
    fn plant_role(&self) {
        let registry = self.site.state("ACTIVE_AGENTS.json");
        let text = fs::read_to_string(&registry).unwrap();
        assert!(text.contains("\"reviewer\""), "{text}");
        fs::write(registry, text.replace("\"reviewer\"", &json!(self.attempt).to_string())).unwrap();
    }

    /// A message with the attempt wherever one has text; no command writes such a one.
    fn plant_message(&self) {
        let log = self.site.state("agent_messages.log");
        let text = fs::read_to_string(&log).unwrap();
        let mut line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        line["seq"] = json!(line["seq"].as_u64().unwrap() + 1);
        for key in ["sender", "msg_type", "msg_id", "to"] {
            line[key] = json!(self.attempt);
        }
        line["requires_ack"] = json!(true);
        fs::write(log, format!("{text}{line}\n")).unwrap();
    }

    /// The attempt as the reason and the name of what bob holds.
    pub fn refusals(&self) -> Answers {
        let path = self.path();
        let mut shown = Vec::new();
        self.directory();
        self.bob(&["acquire", "--reason", &self.attempt, "--", "plain.rs"]).expect(0);
        shown.push(("a reason", self.edit("plain.rs").expect(2)));
        self.bob(&["acquire", "--literal", "--reason", &self.attempt, "--", &format!("./{path}/")]).expect(0);
        shown.push(("a directory", self.edit(&format!("{path}/deep/x.rs")).expect(2)));
        self.bob(&["release", "--mine"]).expect(0);
        let plain: String = self.attempt.chars().filter(|c| !"/{}[]*?!,\\".contains(*c)).collect();
        self.bob(&["acquire", "--", &format!("./{plain}*.md")]).expect(0);
        shown.push(("a pattern", self.edit(&format!("{plain}x.md")).expect(2)));
        self.bob(&["release", "--mine"]).expect(0);
        shown
    }

    /// The attempt as the reason of who takes a lease away, and as its name.
    pub fn losses(&self) -> Answers {
        let mut shown = Vec::new();
        let file = format!("{}/lost.rs", self.path());
        self.directory();
        self.edit(&file).expect(0);
        let target = format!("./{file}");
        self.bob(&["force-release", "--literal", "--yes", "--reason", &self.attempt, "--", &target]).expect(0);
        self.bob(&["acquire", "--literal", "--", &target]).expect(0);
        self.bob(&["release", "--mine"]).expect(0);
        shown.push(("after a tool", self.call("PostToolUse", &json!({ "tool_name": "Read", "tool_input": {} }))));
        shown.push(("the first edit after a loss", self.edit(&file).expect(2)));
        shown
    }

    /// The attempt in what the harness says and in how it is called.
    pub fn arguments_and_payloads(&self) -> Answers {
        let attempt = &self.attempt;
        let edit = |more: Value| {
            let mut all = json!({ "tool_name": "Edit", "tool_input": { "file_path": "a.rs" } });
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            self.call("PreToolUse", &all)
        };
        let mut shown = vec![
            ("a session", edit(json!({ "session_id": attempt, "conversation_id": attempt }))),
            ("a subagent", edit(json!({ "agent_id": attempt, "subagent_id": attempt }))),
            ("a directory of the session", edit(json!({ "cwd": attempt }))),
            ("a tool", edit(json!({ "tool_name": attempt }))),
            ("a file that is none", edit(json!({ "tool_input": { "file_path": format!("\0{attempt}") } }))),
            ("a file below a file", edit(json!({ "tool_input": { "file_path": format!(".git/../a.rs/{attempt}") } }))),
            ("a file of ours", edit(json!({ "tool_input": { "file_path": format!(".agent_locks/{attempt}") } }))),
            ("no payload", self.raw("PreToolUse", attempt)),
            ("half a payload", self.raw("PreToolUse", &format!("{{\"session_id\":\"{attempt}"))),
        ];
        let hook = |args: &[&str]| self.site.nobody().run_with_stdin(args, b"{}");
        shown.push(("an event", hook(&["hook", attempt, "--harness", self.harness.word()])));
        shown.push(("a harness", hook(&["hook", "Stop", "--harness", attempt])));
        shown.push(("an argument", hook(&["hook", "Stop", "--harness", self.harness.word(), attempt])));
        shown
    }
}
