//! Making text that others wrote harmless to show: nothing in it can move the cursor, end a line or hide.

use std::{borrow::Cow, fmt::Write as _};

use crate::domain::{is_invisible, messages::in_place};

fn is_unsafe(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

fn holds_unsafe(text: &str) -> bool {
    // Nearly all text is plain ASCII, and a list shows a lot of it.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(is_unsafe)
}

/// The text in one line: control and invisible characters as `\n`, `\x1b`, `\u{202e}`.
#[must_use]
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if holds_unsafe(text) { Cow::Owned(escaped(text, |_| false)) } else { Cow::Borrowed(text) }
}

/// The text with its own line ends and tabs kept, everything else as [`line()`] does: the last look at all that is shown.
#[must_use]
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    let kept = |c| matches!(c, '\n' | '\t');
    if text.chars().any(|c| is_unsafe(c) && !kept(c)) { Cow::Owned(escaped(text, kept)) } else { Cow::Borrowed(text) }
}

/// JSON that is one line of harmless characters: what [`line()`] would escape stands as `\uXXXX`.
#[must_use]
pub(super) fn json(value: &impl serde::Serialize) -> String {
    // Values are built from strings, numbers, lists and maps with string keys: they always serialise.
    json_text(serde_json::to_string(value).unwrap_or_default())
}

/// The same of what is JSON in one line already: characters that are unsafe stand only within its strings.
#[must_use]
pub(super) fn json_text(text: String) -> String {
    if !holds_unsafe(&text) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                put(&mut safe, format_args!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    // What joins an emoji or the letters of a word is not seen either, and belongs there.
    for (c, in_place) in in_place(text) {
        match c {
            c if in_place || !is_unsafe(c) || kept(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            '\r' => safe.push_str("\\r"),
            c if c.is_ascii() => put(&mut safe, format_args!("\\x{:02x}", u32::from(c))),
            c => put(&mut safe, format_args!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    safe
}

/// One word for a POSIX shell, or for bash and zsh (`$'...'`) where it holds what cannot be shown as it is.
#[must_use]
pub(super) fn word(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(b);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(is_unsafe) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let mut safe = String::from("$'");
            for byte in bytes {
                match byte {
                    b'\\' | b'\'' => {
                        safe.push('\\');
                        safe.push(char::from(*byte));
                    }
                    b'\n' => safe.push_str("\\n"),
                    b'\t' => safe.push_str("\\t"),
                    b' '..=b'~' => safe.push(char::from(*byte)),
                    _ => put(&mut safe, format_args!("\\{byte:03o}")),
                }
            }
            safe.push('\'');
            safe
        }
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    match text.write_fmt(what) {
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind that must never reach a terminal.
    const BAD: [char; 14] = [
        '\0',
        '\x07',
        '\x08',
        '\x1b',
        '\r',
        '\x7f',
        '\u{85}',
        '\u{9b}',
        '\u{202e}',
        '\u{2066}',
        '\u{200b}',
        '\u{feff}',
        '\u{2028}',
        '\u{e0041}',
    ];

    #[test]
    fn nothing_dangerous_is_left_and_everything_else_is() {
        for bad in BAD {
            let text = format!("a{bad}b");
            assert!(!line(&text).contains(bad), "{bad:?}");
            assert!(!lines(&text).contains(bad), "{bad:?}");
            assert!(!word(text.as_bytes()).contains(bad), "{bad:?}");
            let json = json(&text);
            assert!(!json.contains(bad), "{bad:?}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text, "{bad:?} survives JSON");
        }
        let fine = "naïve 👩\u{301} 日本語 'quoted' \\ $x 👩\u{200d}💻";
        assert_eq!(line(fine), fine);
        assert_eq!(lines("a\tb\nc"), "a\tb\nc");
        assert_eq!(line("a\tb\nc\x1b[31m"), "a\\tb\\nc\\x1b[31m");
    }

    #[test]
    fn words_are_what_a_shell_reads_back() {
        assert_eq!(word(b"src/auth.rs"), "src/auth.rs");
        assert_eq!(word(b""), "''");
        assert_eq!(word(b"a b"), "'a b'");
        assert_eq!(word(b"it's"), r"'it'\''s'");
        assert_eq!(word(b"a\n\x1b'\\\xff"), r"$'a\n\033\'\\\377'");
    }
}
