//! The text of a message, as it may be stored and typed.

use std::fmt;

use super::clean::clean;
use crate::domain::redact::Redactor;

/// How long a message may be after redaction, in bytes.
pub const LIMIT: usize = 10_240;

/// What a message says: cleaned and redacted, not empty and of at most [`LIMIT`] bytes. Its lines end in `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

/// Why something is no text of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It is not UTF-8 from this byte on, counted from 0.
    NotUtf8 {
        /// The byte.
        at: usize,
    },
    /// A NUL byte stands there: it is binary data.
    Nul {
        /// The byte, counted from 0.
        at: usize,
    },
    /// There is nothing in it that can be seen.
    Empty,
    /// It is too long, also without its secrets.
    TooLong {
        /// How long it is, in bytes.
        bytes: usize,
        /// How long it may be, in bytes.
        limit: usize,
    },
}

/// Makes of what was given the text of a message: what is not seen is taken out, and then secrets are masked. In this
/// order, or what is not seen would hide a secret from the rules.
///
/// # Errors
/// If it is no text, empty or too long.
pub fn prepare(raw: &[u8], redactor: &Redactor) -> Result<Text, TextError> {
    let text = std::str::from_utf8(raw).map_err(|error| TextError::NotUtf8 { at: error.valid_up_to() })?;
    if let Some(at) = text.find('\0') {
        return Err(TextError::Nul { at });
    }
    let text = redactor.redact(&clean(text)).into_owned();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > LIMIT {
        return Err(TextError::TooLong { bytes: text.len(), limit: LIMIT });
    }
    Ok(Text(text))
}

impl Text {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 { at } => {
                write!(f, "the message is not UTF-8 at byte {at}: send it as text, or name the file")
            }
            Self::Nul { at } => write!(f, "the message has a NUL at byte {at}: binary data is not sent, name the file"),
            Self::Empty => f.write_str("the message is empty, or holds nothing that can be seen: say something"),
            Self::TooLong { bytes, limit } => write!(f, "the message has {bytes} bytes, and {limit} are allowed"),
        }
    }
}

impl std::error::Error for TextError {}

/// The text in one line for a pane, of at most `most` bytes: line ends and tabs with the blanks around them are one blank
/// each, and what is cut off is `…`. Nothing that controls a terminal is left.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let text = clean(text);
    let parts: Vec<&str> = text.split(['\n', '\t']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let line = parts.join(" ");
    if line.len() <= most {
        return line;
    }
    let Some(mut end) = most.checked_sub('…'.len_utf8()) else { return String::new() };
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    // Half an emoji may have been cut off: what joined it goes too.
    format!("{}…", clean(line.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::messages::clean::{may_stay, tests::KEPT};

    fn prepared(raw: impl AsRef<[u8]>) -> Result<String, TextError> {
        prepare(raw.as_ref(), &Redactor::default()).map(String::from)
    }

    #[test]
    fn a_message_is_text_that_is_seen_and_not_too_long() {
        assert_eq!(prepared("  hello\r\nworld \n").as_deref(), Ok("hello\nworld"));
        assert_eq!(prepared(b"abc\xff"), Err(TextError::NotUtf8 { at: 3 }));
        assert_eq!(prepared(b"ab\xe2\x80"), Err(TextError::NotUtf8 { at: 2 }));
        assert_eq!(prepared("ab\0c"), Err(TextError::Nul { at: 2 }));
        for empty in ["", " \n\t", "\u{200b}\u{feff}", "\x1b\x07", "\u{2800}\u{3164}\u{e0041}", "\u{200d}"] {
            assert_eq!(prepared(empty), Err(TextError::Empty), "{empty:?}");
        }
        let words = "word ".repeat(LIMIT);
        assert_eq!(prepared(format!("{}.", &words[..LIMIT - 1])).unwrap().len(), LIMIT);
        assert_eq!(
            prepared(format!("{}.", &words[..LIMIT])),
            Err(TextError::TooLong { bytes: LIMIT + 1, limit: LIMIT })
        );
        assert_eq!(
            prepared(format!("é{}.", &words[..LIMIT - 2])),
            Err(TextError::TooLong { bytes: LIMIT + 1, limit: LIMIT })
        );
        for text in KEPT {
            assert_eq!(prepared(text).as_deref(), Ok(*text));
        }
    }

    #[test]
    fn the_limit_is_for_what_is_stored() {
        let secret = format!("password={} ", "x9".repeat(60));
        let text = secret.repeat(LIMIT / secret.len() + 1);
        assert!(text.len() > LIMIT);
        let stored = prepared(&text).unwrap();
        assert!(stored.len() < LIMIT && !stored.contains("x9x9"));
        let unseen = format!("{}ok", "\u{200b}".repeat(LIMIT));
        assert_eq!(prepared(unseen).as_deref(), Ok("ok"));
    }

    #[test]
    fn nothing_unseen_hides_a_secret() {
        let token = format!("AKIA{}", "IOSFODNN7EXAMPL2");
        let redactor = Redactor::default();
        assert_eq!(redactor.redact(&token), "***");
        let mut missed = 0;
        let hiding =
            ['\u{200b}', '\u{200c}', '\u{200d}', '\u{fe0f}', '\u{ad}', '\x07', '\u{e0041}', '\u{202e}', '\u{2060}'];
        for hidden in hiding {
            for at in 1..token.len() {
                let text = format!("key {}{hidden}{} end", &token[..at], &token[at..]);
                let stored = prepared(&text).unwrap();
                assert_eq!(stored, "key *** end", "{text:?}");
                // The other order.
                missed += usize::from(clean(&redactor.redact(&text)).contains(&token));
            }
        }
        assert!(missed > 100, "redacting first misses {missed}: the test can fail");
        let named = format!("pass\u{200b}word\u{2060}=\u{feff}{}", "hunter2x9");
        assert_eq!(prepared(named).as_deref(), Ok("password=***"));
    }

    #[test]
    fn every_error_says_where_it_is_or_what_to_do() {
        for (error, word) in [
            (TextError::NotUtf8 { at: 3 }, "byte 3: send"),
            (TextError::Nul { at: 4 }, "byte 4: binary data is not sent, name the file"),
            (TextError::Empty, "say something"),
            (TextError::TooLong { bytes: 10_241, limit: LIMIT }, "10241 bytes, and 10240 are allowed"),
        ] {
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_line_for_a_pane_is_one_line() {
        assert_eq!(one_line("a\r\n\r\n  b\t\tc \n", 80), "a b c");
        assert_eq!(one_line("\x1b[31m\x03x\u{9b}2J\u{85}\u{2028}y", 80), "[31mx2J y");
        assert_eq!(one_line("", 80), "");
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abc…");
        assert_eq!(one_line("abc defg", 7), "abc…");
        assert_eq!(one_line("ééé", 5), "é…");
        assert_eq!(one_line("éé", 3), "…");
        assert_eq!(one_line("éé", 2), "");
        let family = "👩\u{200d}👩\u{200d}👧";
        assert_eq!(one_line(family, 17), "👩\u{200d}👩…");
        assert_eq!(one_line(family, 14), "👩\u{200d}👩…");
        assert_eq!(one_line(family, 13), "👩…");
        let flag = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        assert_eq!(one_line(flag, 27), "🏴…");
    }

    #[test]
    fn no_length_leaves_a_control_or_half_a_character() {
        let text = format!("{}\n\x1b]0;x\x07\r", KEPT.join("\n"));
        let mut ended = 0;
        for most in 0..text.len() + 2 {
            let line = one_line(&text, most);
            assert!(line.len() <= most, "{most}");
            assert!(!line.chars().any(char::is_control), "{most}: {line:?}");
            assert_eq!(clean(&line), line, "{most}");
            ended += usize::from(line.trim_end_matches('…').ends_with(may_stay));
        }
        assert!(ended > 3, "some are cut behind what shows nothing: {ended}");
    }
}
