//! Two agents in panes of a real tmux server, with nothing set up but `swarmlock init`: their harnesses call what stands in
//! the settings.

use std::fs;

use serde_json::{Value, json};

use super::{
    Stage,
    actor::{Actor, Start},
};
use crate::harness::{Run, Site, scratch};

const CLAUDE: &str = "CLAUDE_CODE_SESSION_ID";

/// A stand-in for Claude Code in a pane, that calls its hooks as the settings of the project say.
struct Pane<'s> {
    site: &'s Site,
    actor: Actor,
    session: &'static str,
}

impl<'s> Pane<'s> {
    fn open(stage: &Stage<'s>, session: &'static str) -> Self {
        let actor = Actor::alone(stage, &Start::of("claude").session(CLAUDE, session));
        Self { site: stage.site, actor, session }
    }

    /// What the settings say is called at an event, for this tool.
    fn commands(&self, event: &str, tool: &str) -> Vec<String> {
        let Ok(text) = fs::read(self.site.path(".claude/settings.json")) else { return Vec::new() };
        let settings: Value = serde_json::from_slice(&text).unwrap();
        let entries = settings["hooks"][event].as_array().cloned().unwrap_or_default();
        let matches = |entry: &&Value| match entry["matcher"].as_str() {
            None | Some("" | "*") => true,
            Some(words) => words.split('|').any(|word| word == tool || word == ".*"),
        };
        let of = |entry: &Value| entry["hooks"].as_array().unwrap().clone();
        let commands = entries.iter().filter(matches).flat_map(of);
        commands.map(|hook| hook["command"].as_str().unwrap().to_owned()).collect()
    }

    /// Calls what is to be called at an event; the answer of the last.
    fn event(&self, event: &str, more: Value) -> Run {
        let tool = more["tool_name"].as_str().unwrap_or_default().to_owned();
        let mut payload = json!({ "session_id": self.session, "cwd": self.site.root(), "transcript_path": "/tmp/t",
            "permission_mode": "default", "hook_event_name": event });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let said = scratch("payload").join(format!("{}.json", self.actor.pid));
        fs::write(&said, payload.to_string()).unwrap();
        let mut last = Run { code: 0, out: String::new(), err: String::new() };
        for command in self.commands(event, &tool) {
            last = self.actor.run(&format!("{command} <'{}'", said.display()));
            if last.code == 2 {
                break;
            }
        }
        last
    }

    /// Edits a file as a harness does: asks, writes if it may, and says that it has.
    fn edits(&self, path: &str, text: &str) -> Run {
        let call =
            json!({ "tool_name": "Write", "tool_input": { "file_path": self.site.path(path), "content": text } });
        let answer = self.event("PreToolUse", call.clone());
        if answer.code == 0 {
            fs::write(self.site.path(path), text).unwrap();
            self.event("PostToolUse", call).expect(0);
        }
        answer
    }

    fn stops(&self) {
        self.event("Stop", json!({ "stop_hook_active": false })).expect(0);
    }
}

#[test]
fn the_second_agents_edit_is_refused_with_a_command_that_gets_it_the_file() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "the_second_agents_edit_is_refused_with_a_command") else { return };
    site.file("src/a.rs");
    site.nobody().run(["init", "--harness", "claude-code"]).expect(0);
    let (one, two) = (Pane::open(&stage, "s1"), Pane::open(&stage, "s2"));
    one.event("SessionStart", json!({ "source": "startup" })).expect(0);
    let start = two.event("SessionStart", json!({ "source": "startup" })).expect(0);
    assert!(start.out.contains(&format!("you are {}", two.actor.id())), "its shell and its hooks agree: {start}");
    assert!(start.out.contains(&one.actor.id()), "it is told who else is here: {start}");
    one.edits("src/a.rs", "one\n").expect(0);
    // The other is refused, and nothing is written.
    let refused = two.edits("src/a.rs", "two\n").expect(2);
    assert!(refused.err.contains(&format!("is held by {}", one.actor.id())), "{refused}");
    assert_eq!(fs::read_to_string(site.path("src/a.rs")).unwrap(), "one\n");
    // The command that it is told waits in its pane until the turn of the first is over.
    let next = refused.err.lines().find_map(|line| line.strip_prefix("next: swarmlock ")).unwrap().to_owned();
    let id = two.actor.id();
    two.actor.begin(&format!("$B {next}"));
    let waits = || site.nobody().run(["queue", "--json"]).expect(0).out.contains(&id).then_some(());
    super::wait_for(waits);
    one.edits("src/a.rs", "one again\n").expect(0);
    one.stops();
    let got = two.actor.end().expect(0);
    assert!(got.out.starts_with("acquired\tsrc/a.rs\t"), "{got}");
    two.edits("src/a.rs", "two\n").expect(0);
    assert_eq!(fs::read_to_string(site.path("src/a.rs")).unwrap(), "two\n");
    // Now the first is refused, until the other's turn is over: what was waited for ends with it too.
    one.edits("src/a.rs", "one\n").expect(2);
    two.stops();
    one.edits("src/a.rs", "three\n").expect(0);
    // What is asked for as such stays.
    one.actor.run("$B acquire src/a.rs").expect(0);
    one.stops();
    two.edits("src/a.rs", "two\n").expect(2);
    // One that is killed holds nothing up.
    one.actor.kill();
    two.edits("src/a.rs", "four\n").expect(0);
}

#[test]
fn control_without_the_settings_the_second_agents_edit_goes_through() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "control_without_the_settings_the_second_agents_edit") else { return };
    site.file("src/a.rs");
    let before = crate::install::tree(&site);
    site.nobody().run(["init", "--harness", "claude-code"]).expect(0);
    site.nobody().run(["uninstall"]).expect(0);
    assert_eq!(crate::install::tree(&site), before, "as it was, byte for byte");
    let (one, two) = (Pane::open(&stage, "s1"), Pane::open(&stage, "s2"));
    one.edits("src/a.rs", "one\n").expect(0);
    two.edits("src/a.rs", "two\n").expect(0);
    assert_eq!(fs::read_to_string(site.path("src/a.rs")).unwrap(), "two\n");
}
