//! The harnesses whose hooks are understood.

/// The program that an agent runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harness {
    /// Claude Code.
    ClaudeCode,
    /// Codex CLI.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Cursor, the editor and its command line.
    Cursor,
    /// OpenCode, by a plugin file.
    Opencode,
    /// Anything else that speaks the documented form.
    Generic,
}

impl Harness {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::ClaudeCode, Self::Codex, Self::Gemini, Self::Cursor, Self::Opencode, Self::Generic];

    /// The word for it on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Cursor => "cursor",
            Self::Opencode => "opencode",
            Self::Generic => "generic",
        }
    }

    /// The harness that this word stands for; the short name of Claude Code is taken too.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|harness| harness.word() == word);
        found.or_else(|| (word == "claude").then_some(Self::ClaudeCode))
    }

    /// The name that the registry has for it, and that the ids of its agents begin with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Cursor => "cursor",
            Self::Opencode => "opencode",
            Self::Generic => "agent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Harness;

    #[test]
    fn every_harness_is_known_by_its_word() {
        for harness in Harness::ALL {
            assert_eq!(Harness::from_word(harness.word()), Some(harness));
        }
        assert_eq!(Harness::from_word("claude"), Some(Harness::ClaudeCode));
        assert_eq!(Harness::from_word("Codex"), None);
        assert_eq!(Harness::from_word(""), None);
    }
}
