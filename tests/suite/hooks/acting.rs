//! What the sessions of the tests do, one call of a hook each.

use std::path::Path;

use serde_json::{Value, json};

use super::{Session, edit_of};
use crate::harness::{Run, Site};

impl Session<'_> {
    pub fn starts(&self, source: &str) -> Run {
        self.hook("SessionStart", json!({ "source": source })).expect(0)
    }

    pub fn prompt(&self) -> Run {
        self.hook("UserPromptSubmit", json!({ "prompt": "go on" })).expect(0)
    }

    /// Has used a tool that is no affair of ours.
    pub fn works(&self) -> Run {
        self.hook("PostToolUse", json!({ "tool_name": "Read", "tool_input": {}, "tool_response": {} })).expect(0)
    }

    /// Is about to end its turn.
    pub fn stops(&self) -> Run {
        self.hook("Stop", json!({ "stop_hook_active": false })).expect(0)
    }

    /// Is about to end its turn, after it was held up.
    pub fn stops_again(&self) -> Run {
        self.hook("Stop", json!({ "stop_hook_active": true })).expect(0)
    }

    pub fn ends(&self) -> Run {
        self.hook("SessionEnd", json!({ "reason": "prompt_input_exit" })).expect(0)
    }

    /// Edits a file and is let through without a word.
    #[track_caller]
    pub fn edits(&self, file: impl AsRef<Path>) {
        let run = self.edit(file);
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""), "{run}");
    }

    /// Is refused to edit a file, for a reason that says this.
    #[track_caller]
    pub fn is_refused(&self, file: impl AsRef<Path>, why: &str) -> String {
        let run = self.edit(file);
        refused(&run, why)
    }

    /// A subagent of this session calls the hook of this event.
    pub fn sub(&self, agent_id: &str, event: &str, more: Value) -> Run {
        let mut members = json!({ "agent_id": agent_id, "agent_type": "general-purpose" });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.hook(event, members)
    }

    /// A subagent of this session is about to edit a file.
    pub fn sub_edits(&self, agent_id: &str, file: &str) -> Run {
        self.sub(agent_id, "PreToolUse", edit_of(&self.site.path(file)))
    }

    /// The id of a subagent.
    pub fn sub_id(&self, agent_id: &str) -> String {
        format!("{}.{}", self.id(), super::digits(agent_id))
    }

    /// A command from the shell of this session.
    pub fn shell<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.site.nobody().env("CLAUDE_CODE_SESSION_ID", &self.session).run(args)
    }
}

/// Fails unless the use of a tool is refused, both ways at once, for a reason that says this.
#[track_caller]
pub fn refused(run: &Run, why: &str) -> String {
    let reason = super::denied(run);
    assert!(run.code == 2 && reason.contains(why), "not refused with {why:?}: {run}");
    assert_eq!(run.json()["hookSpecificOutput"]["permissionDecision"], "deny");
    assert_eq!(run.err.lines().take(reason.lines().count()).collect::<Vec<_>>(), reason.lines().collect::<Vec<_>>());
    assert!(reason.lines().last().unwrap().starts_with("next: swarmlock "), "{run}");
    reason
}

/// Fails unless a call went through without a word.
#[track_caller]
pub fn silent(run: &Run) {
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""), "{run}");
}

/// A checkout with a state directory in which nothing stands.
pub fn site() -> Site {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    site
}

/// Calls a hook as nobody in particular, with this payload as it is.
pub fn hook(site: &Site, args: &[&str], payload: impl AsRef<[u8]>) -> Run {
    site.nobody().run_with_stdin([&["hook"], args].concat(), payload.as_ref())
}

/// Writes `config.toml`.
pub fn configure(site: &Site, text: &str) {
    site.plant("config.toml", text);
}

/// The log of edits that went on, or were refused, because of trouble.
pub fn unprotected(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.state("unprotected.log")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lock on this path as `list` shows it: who, class, TTL in seconds; `None` if there is none.
pub fn held(site: &Site, path: &str) -> Option<(String, String, u64)> {
    let leases = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    let lease = leases.into_iter().find(|lease| lease["resource"] == path)?;
    let text = |key: &str| lease[key].as_str().unwrap().to_owned();
    Some((text("agent_id"), text("class"), lease["ttl_s"].as_u64().unwrap()))
}
