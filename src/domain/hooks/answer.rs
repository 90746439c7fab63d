//! Our answer in the words of the harness.

use super::{
    harness::Harness,
    moment::{Moment, is_alike},
    shell::quoted,
};

/// What a hook has to say. Texts are foreign or not, of any length and with any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What is to become of what the harness was about to do.
    pub verdict: Verdict,
    /// What the agent is told.
    pub context: Option<String>,
    /// What the user is told.
    pub warning: Option<String>,
}

/// What is to become of what the harness was about to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    #[default]
    Pass,
    /// The tool is not used; why.
    Deny(String),
    /// The turn does not end yet; why.
    Block(String),
    /// The tool is given this instead: an object of JSON, as `with_command` makes it.
    Rewrite(String),
}

/// What is written for the harness to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Nothing, or one line with an object of JSON.
    pub stdout: String,
    /// Nothing, or plain text that ends with a line feed.
    pub stderr: String,
    /// Whether the exit code is the one that denies.
    pub deny: bool,
}

/// What a harness can be told at a moment.
impl Harness {
    /// Whether the use of a tool can be denied.
    #[must_use]
    pub fn can_deny(self, moment: Moment) -> bool {
        moment == Moment::BeforeTool
    }

    /// Whether the end of a turn can be blocked.
    #[must_use]
    pub fn can_block(self, moment: Moment) -> bool {
        match moment {
            // OpenCode calls when the turn has ended.
            Moment::Stop => self != Self::Opencode,
            Moment::SubagentStop => self != Self::Gemini,
            Moment::SessionStart
            | Moment::Prompt
            | Moment::BeforeTool
            | Moment::AfterTool
            | Moment::SubagentStart
            | Moment::Compact
            | Moment::SessionEnd => false,
        }
    }

    /// Whether what a tool is given can be changed.
    #[must_use]
    pub fn can_rewrite(self, moment: Moment, event_name: &str) -> bool {
        moment == Moment::BeforeTool && (self != Self::Cursor || is_alike(event_name, "preToolUse"))
    }

    /// Whether the agent can be told something: what is told at other moments does not reach it.
    #[must_use]
    pub fn can_tell(self, moment: Moment, event_name: &str) -> bool {
        match (self, moment) {
            (Self::Opencode | Self::Generic, _) => true,
            (Self::ClaudeCode | Self::Codex, Moment::BeforeTool | Moment::SubagentStart)
            | (Self::ClaudeCode | Self::Codex | Self::Gemini, Moment::Prompt | Moment::AfterTool)
            | (_, Moment::SessionStart) => true,
            (Self::Cursor, Moment::AfterTool) => is_alike(event_name, "postToolUse"),
            _ => false,
        }
    }

    /// Whether the user can be told something in the answer; what cannot goes to standard error.
    #[must_use]
    pub fn can_warn(self, moment: Moment) -> bool {
        match self {
            Self::Cursor => moment == Moment::Compact,
            // It does not read what a hook says at the end of a session.
            Self::Codex => moment != Moment::SessionEnd,
            Self::ClaudeCode | Self::Gemini | Self::Opencode | Self::Generic => true,
        }
    }
}

impl Answer {
    /// The answer for this harness. `event_name` is the event as the payload or the command line calls it.
    ///
    /// What the harness has no words for at this moment goes to the next best place: what cannot be denied, blocked or
    /// told to the agent is told to the user, and what cannot be told to the user goes to standard error.
    #[must_use]
    pub fn render(&self, harness: Harness, moment: Moment, event_name: &str) -> Rendered {
        let mut told = Told::new(self, harness, moment, event_name);
        let stdout = match harness {
            Harness::ClaudeCode | Harness::Codex => told.claude(harness, moment, event(harness, moment, event_name)),
            Harness::Gemini => told.gemini(event(harness, moment, event_name)),
            Harness::Cursor => told.cursor(moment),
            Harness::Opencode | Harness::Generic => told.generic(),
        };
        // Of a denial most harnesses read standard error alone, so all of it stands there too.
        let lines = match &told.deny {
            Some(why) => vec![Some(why), self.context.as_ref(), self.warning.as_ref()],
            None => vec![told.warning.as_ref()],
        };
        let lines: Vec<&str> = lines.into_iter().flatten().map(String::as_str).collect();
        let mut stderr = joined(&lines).unwrap_or_default();
        if !stderr.is_empty() && !stderr.ends_with('\n') {
            stderr.push('\n');
        }
        Rendered { stdout, stderr, deny: told.deny.is_some() }
    }
}

/// An answer of which each part is in the place that there is for it.
struct Told {
    deny: Option<String>,
    block: Option<String>,
    rewrite: Option<String>,
    context: Option<String>,
    warning: Option<String>,
}

impl Told {
    fn new(answer: &Answer, harness: Harness, moment: Moment, event_name: &str) -> Self {
        let mut told = Self { deny: None, block: None, rewrite: None, context: None, warning: None };
        let (mut to_agent, mut to_user) = (Vec::new(), Vec::new());
        match &answer.verdict {
            Verdict::Pass => {}
            Verdict::Deny(why) if harness.can_deny(moment) => told.deny = Some(reason(why)),
            Verdict::Block(why) if harness.can_block(moment) => told.block = Some(reason(why)),
            Verdict::Deny(why) | Verdict::Block(why) => to_agent.push(why.as_str()),
            Verdict::Rewrite(input) => {
                let input = harness.can_rewrite(moment, event_name).then(|| input.replace(['\n', '\r'], " "));
                told.rewrite = input;
            }
        }
        to_agent.extend(answer.context.as_deref());
        to_user.extend(answer.warning.as_deref());
        if harness.can_tell(moment, event_name) {
            told.context = joined(&to_agent);
        } else {
            to_agent.append(&mut to_user);
            to_user = to_agent;
        }
        told.warning = joined(&to_user);
        told
    }

    fn claude(&mut self, harness: Harness, moment: Moment, event: &str) -> String {
        let mut specific = Object::default();
        if let Some(why) = &self.deny {
            specific.text("permissionDecision", "deny").text("permissionDecisionReason", why);
        }
        if let Some(input) = &self.rewrite {
            if harness == Harness::Codex {
                // It takes no other input without this, and means only the input by it.
                specific.text("permissionDecision", "allow");
            }
            specific.raw("updatedInput", input);
        }
        specific.maybe("additionalContext", self.context.as_deref());
        let mut object = Object::default();
        if let Some(why) = &self.block {
            object.text("decision", "block").text("reason", why);
        }
        if harness.can_warn(moment) {
            object.maybe("systemMessage", self.warning.take().as_deref());
        }
        object.specific(event, specific);
        object.line()
    }

    fn gemini(&mut self, event: &str) -> String {
        let mut object = Object::default();
        if let Some(why) = self.deny.as_deref().or(self.block.as_deref()) {
            object.text("decision", "deny").text("reason", why);
        }
        object.maybe("systemMessage", self.warning.take().as_deref());
        let mut specific = Object::default();
        if let Some(input) = &self.rewrite {
            specific.raw("tool_input", input);
        }
        specific.maybe("additionalContext", self.context.as_deref());
        object.specific(event, specific);
        object.line()
    }

    /// Cursor wants an object of every hook, and a word on what it asks leave for: it takes silence for a failure.
    fn cursor(&mut self, moment: Moment) -> String {
        let mut object = Object::default();
        if let Some(why) = &self.deny {
            object.text("permission", "deny").text("user_message", why).text("agent_message", why);
        } else if matches!(moment, Moment::BeforeTool | Moment::SubagentStart) {
            object.text("permission", "allow");
        } else if moment == Moment::Prompt {
            object.raw("continue", "true");
        }
        if let Some(input) = &self.rewrite {
            object.raw("updated_input", input);
        }
        object.maybe("followup_message", self.block.as_deref());
        object.maybe("additional_context", self.context.as_deref());
        if Harness::Cursor.can_warn(moment) {
            object.maybe("user_message", self.warning.take().as_deref());
        }
        if object.0.is_empty() { "{}\n".to_owned() } else { object.line() }
    }

    fn generic(&mut self) -> String {
        let mut object = Object::default();
        let (decision, why) = match (&self.deny, &self.block) {
            (Some(why), _) => ("deny", Some(why)),
            (None, Some(why)) => ("block", Some(why)),
            (None, None) => ("allow", None),
        };
        object.text("decision", decision).maybe("reason", why.map(String::as_str));
        object.maybe("context", self.context.as_deref());
        object.maybe("warning", self.warning.take().as_deref());
        if let Some(input) = &self.rewrite {
            object.raw("tool_input", input);
        }
        object.line()
    }
}

/// A reason is never empty: some harnesses take a denial without one for none.
fn reason(why: &str) -> String {
    if why.trim().is_empty() { "swarmlock refuses it and gave no reason".to_owned() } else { why.to_owned() }
}

fn joined(texts: &[&str]) -> Option<String> {
    let texts: Vec<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// The event as the harness writes it, whichever way it was written to us.
fn event(harness: Harness, moment: Moment, event_name: &str) -> &'static str {
    let names: &[&str] = match (harness == Harness::Gemini, moment) {
        (_, Moment::SessionStart) => &["SessionStart"],
        (false, Moment::Prompt) => &["UserPromptSubmit"],
        (true, Moment::Prompt) => &["BeforeAgent"],
        (false, Moment::BeforeTool) => &["PreToolUse"],
        (true, Moment::BeforeTool) => &["BeforeTool"],
        (false, Moment::AfterTool) => &["PostToolUse", "PostToolUseFailure"],
        (true, Moment::AfterTool) => &["AfterTool"],
        (false, Moment::Stop) => &["Stop"],
        (true, Moment::Stop) => &["AfterAgent"],
        (_, Moment::SubagentStart) => &["SubagentStart"],
        (_, Moment::SubagentStop) => &["SubagentStop"],
        (false, Moment::Compact) => &["PreCompact", "PostCompact"],
        (true, Moment::Compact) => &["PreCompress"],
        (_, Moment::SessionEnd) => &["SessionEnd"],
    };
    let same = names.iter().find(|name| is_alike(name, event_name));
    same.or(names.first()).copied().unwrap_or_default()
}

/// An object of JSON in the making.
#[derive(Default)]
struct Object(String);

impl Object {
    fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&quoted(key));
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.raw(key, &quoted(value))
    }

    fn maybe(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(key, value);
        }
        self
    }

    /// What only some events have, with the name of the event.
    fn specific(&mut self, event: &str, members: Self) {
        if !members.0.is_empty() {
            let mut object = Self::default();
            object.text("hookEventName", event);
            let rest = members.0.strip_prefix('{').unwrap_or_default();
            let value = format!("{},{rest}}}", object.0);
            self.raw("hookSpecificOutput", &value);
        }
    }

    /// The object on a line, or nothing.
    fn line(self) -> String {
        if self.0.is_empty() { String::new() } else { format!("{}}}\n", self.0) }
    }
}
