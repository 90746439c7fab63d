//! When a hook is called.

/// What has happened or is about to, whatever the harness calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A session begins, is resumed, cleared or was compacted.
    SessionStart,
    /// A prompt was given; the turn begins.
    Prompt,
    /// A tool is about to be used.
    BeforeTool,
    /// A tool was used, or failed.
    AfterTool,
    /// The turn is about to end.
    Stop,
    /// A subagent begins.
    SubagentStart,
    /// A subagent is about to end.
    SubagentStop,
    /// The conversation is compacted.
    Compact,
    /// The session ends.
    SessionEnd,
}

/// Every name of a moment. The first of each moment is ours.
const NAMES: &[(&str, Moment)] = &[
    ("session-start", Moment::SessionStart),
    ("prompt", Moment::Prompt),
    ("before-tool", Moment::BeforeTool),
    ("after-tool", Moment::AfterTool),
    ("stop", Moment::Stop),
    ("subagent-start", Moment::SubagentStart),
    ("subagent-stop", Moment::SubagentStop),
    ("compact", Moment::Compact),
    ("session-end", Moment::SessionEnd),
    ("UserPromptSubmit", Moment::Prompt),
    ("beforeSubmitPrompt", Moment::Prompt),
    ("BeforeAgent", Moment::Prompt),
    ("PreToolUse", Moment::BeforeTool),
    ("beforeShellExecution", Moment::BeforeTool),
    ("beforeMCPExecution", Moment::BeforeTool),
    ("PostToolUse", Moment::AfterTool),
    ("PostToolUseFailure", Moment::AfterTool),
    ("afterFileEdit", Moment::AfterTool),
    ("afterShellExecution", Moment::AfterTool),
    ("afterMCPExecution", Moment::AfterTool),
    ("AfterAgent", Moment::Stop),
    ("PreCompact", Moment::Compact),
    ("PostCompact", Moment::Compact),
    ("PreCompress", Moment::Compact),
    ("session.created", Moment::SessionStart),
    ("chat.message", Moment::Prompt),
    ("tool.execute.before", Moment::BeforeTool),
    ("tool.execute.after", Moment::AfterTool),
    ("session.idle", Moment::Stop),
    ("session.compacted", Moment::Compact),
    ("session.deleted", Moment::SessionEnd),
];

impl Moment {
    /// The moment of this name, in the spelling of any harness or ours; capitals, `-`, `_` and `.` are no difference.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| is_alike(known, name)).map(|(_, moment)| *moment)
    }

    /// Our name for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        NAMES.iter().find(|(_, moment)| *moment == self).map_or("", |(name, _)| name)
    }

    /// Every name that is known, to look for the one that was meant.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

/// Whether these are the same name, but for capitals and what stands between words.
pub(super) fn is_alike(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| !matches!(byte, b'-' | b'_' | b'.')).map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn every_spelling_of_every_harness_is_known() {
        let table = [
            (Moment::SessionStart, "SessionStart sessionStart session-start session_start session.created"),
            (Moment::Prompt, "UserPromptSubmit BeforeAgent beforeSubmitPrompt prompt PROMPT chat.message"),
            (Moment::BeforeTool, "PreToolUse preToolUse pre_tool_use BeforeTool before-tool tool.execute.before"),
            (Moment::AfterTool, "PostToolUse PostToolUseFailure postToolUse AfterTool afterFileEdit after-tool"),
            (Moment::Stop, "Stop stop AfterAgent session.idle"),
            (Moment::SubagentStart, "SubagentStart subagentStart subagent-start"),
            (Moment::SubagentStop, "SubagentStop subagentStop subagent-stop"),
            (Moment::Compact, "PreCompact preCompact PreCompress compact pre-compact"),
            (Moment::SessionEnd, "SessionEnd sessionEnd session-end session.deleted"),
        ];
        for (moment, names) in table {
            for name in names.split(' ') {
                assert_eq!(Moment::from_name(name), Some(moment), "{name}");
            }
            assert_eq!(Moment::from_name(moment.word()), Some(moment));
        }
    }

    #[test]
    fn other_names_are_none() {
        for name in ["", "-", "PreToolUses", "tool", "Notification", "before tool", "stop ", "ｓtop"] {
            assert_eq!(Moment::from_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn no_name_stands_for_two_moments() {
        for name in Moment::names() {
            let same: Vec<_> = Moment::names().filter(|other| super::is_alike(name, other)).collect();
            assert_eq!(same, [name]);
        }
    }
}
