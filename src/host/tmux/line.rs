//! One line that a shell takes for a comment.

use std::fmt;

use crate::domain::{AgentId, is_invisible};

/// The longest line, in bytes: tmux takes 16 KiB in one command, its other words included.
pub const LINE_LIMIT: usize = 14 * 1024;

/// A line that may be typed into a pane: it begins with `# `, holds no control characters and nothing that hides or
/// turns text around, and is at most [`LINE_LIMIT`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// Checks a line; `None` if it must not be typed.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        // Emoji and some scripts are joined and kept apart by these two.
        let joins = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
        let harmful = |c: char| c.is_control() || (is_invisible(c) && !joins(c));
        let fine = text.starts_with("# ") && text.len() <= LINE_LIMIT && !text.chars().any(harmful);
        fine.then(|| Self(text.to_owned()))
    }

    /// What is typed where the line itself must not be: no shell makes anything of these letters.
    pub(super) fn notice(from: &AgentId) -> Self {
        Self(format!("# swarmlock: a message from {from}: swarmlock inbox"))
    }

    /// The line itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the last argument of a command: tmux takes a `;` at its end for the end of the command, unless it is escaped.
    pub(super) fn argument(&self) -> String {
        match self.0.strip_suffix(';') {
            Some(rest) => format!("{rest}\\;"),
            None => self.0.clone(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_comment_of_one_line_that_shows_what_it_holds() {
        for fine in ["# ", "# a; b", "# $(x) `y` \\ % #{pane_id} ~ !!", "# 👩\u{200d}👩\u{200d}👧 日本 é", "# ;"]
        {
            assert_eq!(Line::new(fine).unwrap().as_str(), fine);
        }
        let long = |bytes: usize| format!("# {}", "x".repeat(bytes - 2));
        assert!(Line::new(&long(LINE_LIMIT)).is_some() && Line::new(&long(LINE_LIMIT + 1)).is_none());
        for bad in ["", "#", "#x", " # x", "x # y", "\u{feff}# x", "#\u{a0}x"] {
            assert_eq!(Line::new(bad), None, "{bad:?}");
        }
        for bad in "\0\x03\t\n\r\x1b\x7f\u{85}\u{9b}\u{200b}\u{200e}\u{202e}\u{2028}\u{2066}\u{feff}\u{e0041}".chars() {
            assert_eq!(Line::new(&format!("# a{bad}b")), None, "{bad:?}");
        }
    }

    #[test]
    fn only_a_semicolon_at_the_end_is_escaped() {
        for (text, argument) in [("# a", "# a"), ("# a;", "# a\\;"), ("# a;b", "# a;b"), ("# a\\;", "# a\\\\;")] {
            assert_eq!(Line::new(text).unwrap().argument(), argument);
        }
    }

    #[test]
    fn the_notice_is_a_line_of_harmless_characters() {
        let notice = Line::notice(&AgentId::new("claude-3f9a2c1b.7d_x").unwrap());
        assert_eq!(Line::new(notice.as_str()), Some(notice.clone()));
        let harmless = |c: char| c.is_ascii_alphanumeric() || "#:._- ".contains(c);
        assert!(notice.as_str().chars().all(harmless), "{notice}");
    }
}
