//! Hooks as harnesses call them: the real payloads on stdin of the real binary.

mod acting;
mod attacks;
mod edits;
mod escapes;
mod gone;
mod identity;
mod ledgers;
mod lost;
mod parts;
mod payloads;
mod places;
mod sessions;
mod stand_in;
mod subagents;
mod swarm;
mod tools;
mod troubles;
mod turns;
mod unclear;

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Run, Site};

/// A session of Claude Code that only ever calls its hooks.
pub struct Session<'s> {
    site: &'s Site,
    session: String,
}

impl<'s> Session<'s> {
    pub fn new(site: &'s Site, session: &str) -> Self {
        Self { site, session: session.to_owned() }
    }

    /// The agent's id.
    pub fn id(&self) -> String {
        format!("claude-{}", digits(&self.session))
    }

    /// Calls the hook of this event, with these members in its payload too.
    pub fn hook(&self, event: &str, more: Value) -> Run {
        let payload = self.payload(event, more);
        self.site.nobody().run_with_stdin(["hook", event], payload.to_string().as_bytes())
    }

    /// The payload of an event, with these members in it too.
    pub fn payload(&self, event: &str, more: Value) -> Value {
        let mut payload = json!({
            "session_id": self.session, "transcript_path": "/tmp/t.jsonl", "cwd": self.site.root(),
            "permission_mode": "default", "hook_event_name": event,
        });
        let members = payload.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        payload
    }

    /// Is about to edit a file.
    pub fn edit(&self, file: impl AsRef<Path>) -> Run {
        self.hook("PreToolUse", edit_of(&self.site.path(file)))
    }
}

/// The members of a payload that say that a file is edited.
pub fn edit_of(file: &Path) -> Value {
    json!({
        "tool_name": "Edit", "tool_use_id": "toolu_1",
        "tool_input": { "file_path": file, "old_string": "a", "new_string": "b" },
    })
}

/// Eight digits that stand for a session or a subagent.
pub fn digits(id: &str) -> String {
    Sha256::digest(id).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// What the agent is told by an answer; empty if nothing.
pub fn told(run: &Run) -> String {
    member(run, "/hookSpecificOutput/additionalContext")
}

/// What the user is told by an answer; empty if nothing.
pub fn warned(run: &Run) -> String {
    member(run, "/systemMessage")
}

/// Why a tool is refused; empty if it is not.
pub fn denied(run: &Run) -> String {
    member(run, "/hookSpecificOutput/permissionDecisionReason")
}

fn member(run: &Run, pointer: &str) -> String {
    if run.out.is_empty() {
        return String::new();
    }
    run.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
