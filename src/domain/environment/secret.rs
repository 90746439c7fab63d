//! Which variables look like secrets, by their name or by their value.
//!
//! A mistake costs little here: what is held back is told, and can be let through by its name. So the names are read
//! more strictly than in text.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use crate::domain::redact::{self, Redactor};

/// Parts of names, between `_`, wherever they stand.
const WORDS: &[&str] = &[
    "TOKEN",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "APIKEY",
    "APIKEYS",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "AUTH",
    "AUTHTOKEN",
    "COOKIE",
    "PAT",
    "DSN",
    "PRIVATEKEY",
];

/// How parts of names end.
const ENDINGS: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY"];

/// What stands before the part `KEY` or `KEYS` when it opens something, wherever they stand.
const KEYS: &[&str] =
    &["API", "ACCESS", "SECRET", "PRIVATE", "SIGNING", "ENCRYPTION", "MASTER", "DEPLOY", "ACCOUNT", "SERVICE", "HMAC"];

/// Variables that every program needs, and that are paths: only their names are looked at.
const PATHS: &[&str] = &["PATH", "HOME", "PWD", "SHELL", "TMPDIR"];

/// Whether a variable looks like a secret by the built-in rules.
#[must_use]
pub fn looks_secret(name: &OsStr, value: &OsStr) -> bool {
    of_variable(name, value, &Redactor::default())
}

/// The same with patterns of the user's for the value.
pub(super) fn of_variable(name: &OsStr, value: &OsStr, redactor: &Redactor) -> bool {
    if value.is_empty() || PATHS.iter().any(|path| *path == name) {
        return false;
    }
    let value = value.as_bytes();
    // Limits of models are counts of tokens.
    let count = value.len() <= 12 && value.iter().all(u8::is_ascii_digit);
    of_name(name.as_bytes(), count) || redactor.finds_in(value) || is_password_before_host(name.as_bytes(), value)
}

fn of_name(name: &[u8], count: bool) -> bool {
    let upper = name.to_ascii_uppercase();
    if matches!(&*upper, b"OLDPWD" | b"OLD_PWD") {
        return false;
    }
    let parts: Vec<&[u8]> =
        upper.split(|b| !b.is_ascii_alphanumeric()).map(without_digits).filter(|part| !part.is_empty()).collect();
    let is = |part: &[u8], list: &[&str]| list.iter().any(|word| word.as_bytes() == part);
    let word = |part: &&[u8]| is(part, WORDS) || ENDINGS.iter().any(|end| part.ends_with(end.as_bytes()));
    let key = |pair: &[&[u8]]| matches!(pair, [before, b"KEY" | b"KEYS"] if is(before, KEYS));
    let password = parts.len() > 1 && parts.last().is_some_and(|last| matches!(*last, b"PWD" | b"PASS" | b"PW"));
    let tokens = parts.contains(&&b"TOKENS"[..]) && !count;
    parts.iter().any(word) || parts.windows(2).any(key) || password || tokens || redact::says_secret(name)
}

/// Digits at the end only number it: `TOKEN2`.
fn without_digits(part: &[u8]) -> &[u8] {
    let digits = part.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    part.get(..part.len().saturating_sub(digits)).unwrap_or_default()
}

/// `user:password@host` without a scheme, as proxies and databases are written.
fn is_password_before_host(name: &[u8], value: &[u8]) -> bool {
    let upper = name.to_ascii_uppercase();
    let address = ["PROXY", "URL", "URI", "HOST", "ADDR", "ADDRESS", "SERVER"];
    if !address.iter().any(|end| upper.ends_with(end.as_bytes())) {
        return false;
    }
    let authority = value.split(|b| matches!(b, b'/' | b' ' | b',')).next().unwrap_or_default();
    let Some(at) = authority.iter().rposition(|b| *b == b'@') else { return false };
    let user = authority.get(..at).unwrap_or_default();
    user.iter().position(|b| *b == b':').is_some_and(|colon| colon + 1 < user.len())
}
