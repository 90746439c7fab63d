//! What a value looks like: a reference to another place, code, a type, a word, or a mixture that only a secret is.

use super::{
    bytes::{at, is_any, is_blank, is_word, run, run_up_to},
    name,
};

/// The longest value that may be a reference, a type or code, in bytes: a longer one is a value.
pub(super) const LONGEST_REFERENCE: usize = 256;

/// Words of one part that look like a mixture of letters and digits.
const NAMES: &[&str] = &[
    "base64",
    "base64url",
    "base32",
    "sha1",
    "sha256",
    "sha512",
    "md5",
    "utf8",
    "utf-8",
    "argon2",
    "argon2id",
    "pbkdf2",
    "oauth2",
    "http2",
    "oauth1",
    "ed25519",
    "x509",
    "i18n",
];
/// Objects that values are taken from in code.
const OBJECTS: &[&str] = &[
    "self", "this", "cfg", "config", "conf", "settings", "env", "process", "os", "args", "opts", "options", "ctx",
    "context", "state", "req", "request", "res", "response", "secrets", "vars", "var", "local", "data", "params",
    "props",
];

/// `***`, `$NAME`, `${NAME}`, `$(command)`, `<token>`, `{{ token }}`, `%s`, `xxxx`, `...`: a value that stands elsewhere.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    if value.len() > LONGEST_REFERENCE {
        return false;
    }
    let all = |class: fn(&u8) -> bool| value.iter().all(class);
    if all(|b| matches!(b, b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'?')) && value != b"x" && value != b"X" {
        return true;
    }
    let inside = |open: &[u8], close: &[u8]| value.starts_with(open) && value.ends_with(close);
    match value.first() {
        Some(b'$') => {
            let variable = value.get(1..).unwrap_or_default();
            let plain = variable.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
            let upper = !variable.iter().any(u8::is_ascii_lowercase) && variable.iter().any(u8::is_ascii_uppercase);
            value.starts_with(b"$(")
                || value.starts_with(b"${") && !value.windows(2).any(|two| matches!(two, b":-" | b":="))
                || plain && !variable.is_empty() && (upper || name::name(variable).is_some())
        }
        Some(b'<') => value.ends_with(b">"),
        Some(b'{') => value.ends_with(b"}") || value == b"{" || value == b"{{",
        Some(b'[') => value.ends_with(b"]") || value == b"[",
        Some(b'(') => value == b"(",
        Some(b'%') => inside(b"%", b"%") || matches!(value, b"%s" | b"%v" | b"%q" | b"%d"),
        Some(b'|' | b'>') => value.len() <= 2,
        _ => false,
    }
}

/// `next_token()`, `Token::new(x)`, `vec![`.
pub(super) fn is_call(value: &[u8]) -> bool {
    let end = run_up_to(value, 0, LONGEST_REFERENCE, |b| {
        is_word(b) && b != b'-' || matches!(b, b'.' | b':' | b'!' | b'?' | b'&')
    });
    end > 0 && matches!(at(value, end), b'(' | b'[') && value.len() <= LONGEST_REFERENCE
}

/// `self.token`, `config.db_password`, `process.env.TOKEN`.
pub(super) fn is_taken_from(value: &[u8]) -> bool {
    if value.len() > LONGEST_REFERENCE || !value.contains(&b'.') {
        return false;
    }
    let value = value.strip_prefix(b"&").unwrap_or(value);
    let is_name = |piece: &[u8]| {
        piece.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && piece.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'?'))
    };
    if !value.split(|b| *b == b'.').all(is_name) {
        return false;
    }
    let first = value.split(|b| *b == b'.').next().unwrap_or_default();
    let last = value.rsplit(|b| *b == b'.').next().unwrap_or_default();
    is_any(first, OBJECTS) || name::name(last).is_some()
}

/// `&str`, `Option<String>`, `lexer::Token`, or a capitalised word that a sign of code follows.
pub(super) fn is_type(line: &[u8], value: &[u8], end: usize) -> bool {
    if value.len() > LONGEST_REFERENCE {
        return false;
    }
    let code = value.starts_with(b"&")
        || value.windows(2).any(|two| two == b"::")
        || value.first().is_some_and(u8::is_ascii_alphabetic) && value.contains(&b'<') && !value.starts_with(b"<")
        || value.ends_with(b"[");
    let capitalised = value.first().is_some_and(u8::is_ascii_uppercase) && value.iter().all(u8::is_ascii_alphabetic);
    let next = at(line, run(line, end, is_blank));
    let same = name::name(value).is_some() && value.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
    code || (capitalised || same) && matches!(next, b',' | b')' | b'=' | b'{' | b'>' | b'}' | b';')
}

/// A mixture of letters and digits, or of both cases in the middle of it: no word, no path and no name of a method.
pub(super) fn is_mixture(value: &[u8]) -> bool {
    let digit = value.iter().any(u8::is_ascii_digit);
    let letter = value.iter().any(u8::is_ascii_alphabetic);
    let sign = value.iter().any(|b| matches!(b, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+'));
    let file = value.contains(&b'/') && value.contains(&b'.');
    value.len() >= 5 && letter && (digit || sign) && !file && !value.ends_with(b"s'") && !is_any(value, NAMES)
}
