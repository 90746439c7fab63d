//! Which harnesses there are, by what one sees that somebody uses them, and where and how they keep their hooks.

/// What a harness calls when something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The harness's own word for it.
    pub name: &'static str,
    /// Whether it is asked for which tools it is wanted: for all.
    pub of_tools: bool,
}

/// How hooks are written in a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `hooks.EVENT` is a list of groups, each with a `matcher` and its own list `hooks`.
    Groups,
    /// `hooks.EVENT` is a list of hooks, and `version` is 1.
    Flat,
    /// No settings: a program of ours that the harness loads.
    Plugin,
}

/// A harness that hooks are entered for.
#[derive(Debug)]
pub struct Harness {
    /// Its name, as `--harness` takes it.
    pub name: &'static str,
    /// The file, relative to the root of the worktree.
    pub path: &'static str,
    /// How hooks are written there.
    pub shape: Shape,
    /// What it calls.
    pub events: &'static [Event],
    /// How long it waits for a hook: 5 s, or as long as it may at the end of a session, in its own unit.
    pub timeout: u64,
    /// What there is in a checkout that uses it, relative to its root.
    pub in_checkout: &'static [&'static str],
    /// Its directory, relative to the home directory.
    pub in_home: &'static str,
    /// Its programs.
    pub programs: &'static [&'static str],
    /// Variables that it sets, whole or only their beginning if they end with `*`.
    pub variables: &'static [&'static str],
    /// What a person has still to do, if anything.
    pub remark: Option<&'static str>,
}

const fn on(name: &'static str) -> Event {
    Event { name, of_tools: false }
}

const fn on_tools(name: &'static str) -> Event {
    Event { name, of_tools: true }
}

const LIKE_CLAUDE: &[Event] = &[
    on("SessionStart"),
    on("UserPromptSubmit"),
    on_tools("PreToolUse"),
    on_tools("PostToolUse"),
    on("Stop"),
    on("SubagentStart"),
    on("SubagentStop"),
    on("PreCompact"),
    on("SessionEnd"),
];

/// Every one.
pub const HARNESSES: &[Harness] = &[
    Harness {
        name: "claude-code",
        path: ".claude/settings.json",
        shape: Shape::Groups,
        events: LIKE_CLAUDE,
        timeout: 5,
        in_checkout: &[".claude"],
        in_home: ".claude",
        programs: &["claude"],
        variables: &["CLAUDECODE"],
        remark: None,
    },
    Harness {
        name: "codex",
        path: ".codex/hooks.json",
        shape: Shape::Groups,
        events: LIKE_CLAUDE,
        timeout: 3,
        in_checkout: &[".codex"],
        in_home: ".codex",
        programs: &["codex"],
        variables: &["CODEX_*"],
        remark: Some("it runs new or changed hooks only after a person has trusted them: /hooks in codex"),
    },
    Harness {
        name: "gemini",
        path: ".gemini/settings.json",
        shape: Shape::Groups,
        events: &[
            on("SessionStart"),
            on("BeforeAgent"),
            on_tools("BeforeTool"),
            on_tools("AfterTool"),
            on("AfterAgent"),
            on("PreCompress"),
            on("SessionEnd"),
        ],
        timeout: 5000,
        in_checkout: &[".gemini"],
        in_home: ".gemini",
        programs: &["gemini"],
        variables: &["GEMINI_CLI"],
        remark: Some("it runs the hooks of a project only in a folder that is trusted"),
    },
    Harness {
        name: "cursor",
        path: ".cursor/hooks.json",
        shape: Shape::Flat,
        events: &[
            on("sessionStart"),
            on("beforeSubmitPrompt"),
            on("preToolUse"),
            on("postToolUse"),
            on("stop"),
            on("subagentStart"),
            on("subagentStop"),
            on("preCompact"),
            on("sessionEnd"),
        ],
        timeout: 5,
        in_checkout: &[".cursor"],
        in_home: ".cursor",
        programs: &["cursor-agent", "cursor"],
        variables: &["CURSOR_AGENT"],
        remark: None,
    },
    Harness {
        name: "opencode",
        path: ".opencode/plugins/swarmlock.js",
        shape: Shape::Plugin,
        events: &[],
        timeout: 5000,
        in_checkout: &[".opencode", "opencode.json", "opencode.jsonc"],
        in_home: ".config/opencode",
        programs: &["opencode"],
        variables: &["OPENCODE"],
        remark: None,
    },
];

impl Harness {
    /// The harness of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        HARNESSES.iter().find(|harness| harness.name == name)
    }

    /// Whether it sets this variable.
    #[must_use]
    pub fn sets(&self, variable: &str) -> bool {
        self.variables.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => variable.starts_with(beginning),
            None => variable == *known,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harness_is_known_by_its_variables() {
        let codex = Harness::named("codex").unwrap();
        assert!(codex.sets("CODEX_THREAD_ID") && !codex.sets("MY_CODEX_HOME"));
        assert!(Harness::named("claude-code").unwrap().sets("CLAUDECODE"));
        assert!(!Harness::named("claude-code").unwrap().sets("CLAUDECODE_X"));
        assert!(Harness::named("auto").is_none());
    }
}
