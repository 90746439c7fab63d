//! A command as a record keeps it: without secrets, and not all of a long one.

use std::{borrow::Cow, ffi::OsStr, os::unix::ffi::OsStrExt as _};

use crate::domain::redact::{self, Redactor};

/// The most arguments that are kept.
const MOST: usize = 64;

/// The most bytes of arguments that are kept.
const LONGEST: usize = 4096;

/// How much of one argument is looked at for secrets, in bytes: far more than is kept of it.
const LOOKED_AT: usize = 64 * 1024;

const MASK: &str = "***";

/// The first arguments that fit, and whether that is not all.
pub(super) fn kept<S: AsRef<OsStr>>(argv: &[S], redactor: &Redactor) -> (Vec<String>, bool) {
    let text = |arg: &S| {
        let bytes = arg.as_ref().as_bytes();
        String::from_utf8_lossy(bytes.get(..LOOKED_AT).unwrap_or(bytes)).into_owned()
    };
    let texts: Vec<String> = argv.iter().take(MOST).map(text).collect();
    let mut masked = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let before = texts.get(..at).unwrap_or_default();
        masked.push(without_secrets(before, text, redactor));
    }
    let (kept, cut) = first(masked, LONGEST);
    (kept, cut || argv.len() > MOST)
}

/// As many texts as fit into so many bytes, the last of them perhaps in part; and whether that is not all.
pub(super) fn first(texts: Vec<String>, limit: usize) -> (Vec<String>, bool) {
    let (mut kept, mut room) = (Vec::new(), limit);
    for mut text in texts {
        if text.len() > room {
            let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            if !text.is_empty() {
                kept.push(text);
            }
            return (kept, true);
        }
        room -= text.len();
        kept.push(text);
    }
    (kept, false)
}

/// An argument without its secrets, and without itself if the one before says that it is one: `--password x`.
fn without_secrets(before: &[String], text: &str, redactor: &Redactor) -> String {
    if let Some(last) = before.last() {
        let name = last.trim_start_matches('-');
        if name.len() < last.len() && !text.starts_with('-') && redact::says_secret(name.as_bytes()) {
            return MASK.to_owned();
        }
        // What only together are one: curl -u user:password, -H Authorization: x, Bearer x.
        let program = before.first().filter(|_| before.len() > 1).map_or_else(String::new, |first| format!("{first} "));
        let beginning = format!("{program}{last} ");
        let whole = format!("{beginning}{text}");
        if let Cow::Owned(masked) = redactor.redact(&whole)
            && !masked.ends_with(text)
        {
            let rest = masked.strip_prefix(&beginning).unwrap_or(MASK);
            return redactor.redact(rest).into_owned();
        }
    }
    redactor.redact(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(args: &[&str]) -> Vec<String> {
        kept(args, &Redactor::default()).0
    }

    #[test]
    fn a_command_is_kept_without_its_secrets() {
        assert_eq!(argv(&["make", "-j", "4", "deploy"]), ["make", "-j", "4", "deploy"]);
        for (args, expected) in [
            (&["x", "--password", "hunter2"][..], &["x", "--password", "***"][..]),
            (&["x", "--password=hunter22"], &["x", "--password=***"]),
            (&["x", "--api-key", "two words"], &["x", "--api-key", "***"]),
            (&["x", "--token", "abc"], &["x", "--token", "***"]),
            (&["env", "PGPASSWORD=hunter22", "psql"], &["env", "PGPASSWORD=***", "psql"]),
            (&["curl", "-u", "alice:hunter2", "h"], &["curl", "-u", "alice:***", "h"]),
            (&["curl", "https://u:hunter2@h/"], &["curl", "https://***@h/"]),
            (&["sh", "-c", "DB_PASSWORD=hunter22 make"], &["sh", "-c", "DB_PASSWORD=*** make"]),
        ] {
            assert_eq!(argv(args), expected);
        }
        let none = ["git", "commit", "--author", "Alice <a@b>", "--no-verify", "-m", "fix the token parser"];
        assert_eq!(argv(&none), none);
        assert_eq!(argv(&["x", "--password", "--verbose"]), ["x", "--password", "--verbose"], "a flag is no value");
        let header = argv(&["curl", "-H", "Authorization: Bearer abcdef0123456789abcdef"]);
        assert!(!header.concat().contains("abcdef"), "{header:?}");
    }

    #[test]
    fn of_a_long_command_the_first_is_kept() {
        let of = |args: &[String]| kept(args, &Redactor::default());
        assert_eq!(of(&vec!["a".to_owned(); 64]), (vec!["a".to_owned(); 64], false));
        assert_eq!(of(&vec!["a".to_owned(); 65]), (vec!["a".to_owned(); 64], true));
        assert_eq!(of(&["\u{e9}".repeat(2048)]), (vec!["\u{e9}".repeat(2048)], false));
        assert_eq!(of(&["x".to_owned(), "\u{e9}".repeat(2048)]), (vec!["x".to_owned(), "\u{e9}".repeat(2047)], true));
        assert_eq!(of(&["x y ".repeat(1024), "more".to_owned()]), (vec!["x y ".repeat(1024)], true));
        let (long, cut) = of(&["x y ".repeat(500_000)]);
        assert!(cut && long[0].len() == 4096);
        assert_eq!(kept::<&str>(&[], &Redactor::default()), (vec![], false));
        let odd = OsStr::from_bytes(b"a\xffb");
        assert_eq!(kept(&[odd], &Redactor::default()).0, ["a\u{fffd}b"]);
    }
}
