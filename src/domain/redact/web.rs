//! Headers of HTTP and the part of a URL that says who asks.

use std::ops::Range;

use super::{
    bytes::{at, before, from, is_any, is_blank, is_quote, is_word, part, run, run_up_to},
    shape::{is_mixture, is_reference},
    value::{self, quoted},
};

/// Schemes that one word of credentials follows.
const ONE_WORD: &[&str] =
    &["bearer", "basic", "token", "negotiate", "ntlm", "apikey", "api-key", "key", "ssws", "dpop", "jwt"];
/// Schemes that a list of parameters follows.
const PARAMETERS: &[&str] = &[
    "digest",
    "hawk",
    "oauth",
    "signature",
    "mutual",
    "vapid",
    "aws4-hmac-sha256",
    "scram-sha-256",
    "scram-sha-1",
    "gnap",
];

/// The credentials in the value of `Authorization`, with the scheme; `name_start` tells whether the header is in quotes.
pub(super) fn authorization(line: &[u8], name_start: usize, start: usize) -> Option<Range<usize>> {
    // Looked for only where all up to it goes, or a line of such names would be looked at again and again.
    let inner = quoted(line, start);
    let start = inner.as_ref().map_or(start, |inner| inner.start);
    let end = || inner.as_ref().map_or_else(|| header_end(line, name_start, start), |inner| inner.end);
    let ends =
        |index: usize| inner.as_ref().map_or(matches!(at(line, index), b'\n' | b'\r'), |inner| index >= inner.end);
    let scheme_end = run(line, start, is_word);
    let scheme = part(line, start..scheme_end);
    let credentials = run(line, scheme_end, is_blank);
    let follows = credentials > scheme_end && !ends(credentials);
    if follows && is_any(scheme, PARAMETERS) {
        return Some(start..end());
    }
    let first = if follows && is_any(scheme, ONE_WORD) { credentials } else { start };
    let word = word_end(line, first);
    let value = part(line, first..word);
    if value.is_empty() || is_reference(value) {
        return None;
    }
    if first == credentials {
        // Parameters after all: Token token="..", nonce="..".
        return Some(start..if value.ends_with(b"=") { end() } else { word });
    }
    let alone = ends(run(line, word, is_blank)) || is_quote(at(line, word));
    (!is_any(scheme, ONE_WORD) && (alone || is_mixture(value))).then_some(start..word)
}

/// The cookies in the value of `Cookie` or `Set-Cookie`.
pub(super) fn cookies(line: &[u8], name_start: usize, start: usize) -> Option<Range<usize>> {
    let inner = quoted(line, start);
    let start = inner.as_ref().map_or(start, |inner| inner.start);
    let name_end = run_up_to(line, start, 256, |b| is_word(b) || b == b'.');
    let pair = name_end > start && at(line, name_end) == b'=' && !is_blank(at(line, name_end + 1));
    pair.then(|| inner.unwrap_or_else(|| start..header_end(line, name_start, start)))
}

/// The end of the line, or the quote that the header began with.
fn header_end(line: &[u8], name_start: usize, start: usize) -> usize {
    let quote = before(line, name_start);
    if is_quote(quote) { run(line, start, |b| b != quote) } else { run(line, start, |b| b != b'\r') }
}

fn word_end(line: &[u8], start: usize) -> usize {
    let end = run(line, start, |b| !is_blank(b) && !is_quote(b) && !matches!(b, b'\\' | b',' | b'\r'));
    end - usize::from(end > start && matches!(before(line, end), b'.' | b')' | b';'))
}

/// The credentials behind the word `Bearer` or `Basic` that ends there, outside of a header.
pub(super) fn bare(line: &[u8], scheme: &[u8], scheme_end: usize) -> Option<Range<usize>> {
    let bearer = scheme.eq_ignore_ascii_case(b"bearer");
    if !bearer && !scheme.eq_ignore_ascii_case(b"basic") || !is_blank(at(line, scheme_end)) {
        return None;
    }
    let start = run(line, scheme_end, is_blank);
    let end = run(line, start, |b| is_word(b) || matches!(b, b'.' | b'~' | b'+' | b'/' | b'='));
    let value = part(line, start..end);
    if !bearer {
        return is_user_and_password(value).then_some(start..end);
    }
    // A word that is numbered is a word.
    let numbered = value.len() < 16 && {
        let letters = value.iter().take_while(|b| b.is_ascii_lowercase()).count();
        from(value, letters).iter().all(u8::is_ascii_digit)
    };
    (value.len() >= 8 && is_mixture(value) && !numbered).then_some(start..end)
}

/// Whether this is base64 of `user:password`.
pub(super) fn is_user_and_password(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
    let padding = text.len() - digits;
    if !text.len().is_multiple_of(4) || text.len() < 4 || padding > 2 || from(text, digits).iter().any(|b| *b != b'=') {
        return false;
    }
    let (mut bits, mut held, mut colon) = (0_u32, 0_u32, false);
    for byte in part(text, 0..digits) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6 | u32::from(value)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            let decoded = (bits >> held) & 0xff;
            if !(0x20..0x7f).contains(&decoded) {
                return false;
            }
            colon |= decoded == u32::from(b':');
        }
    }
    colon
}

/// Who asks with which password, in a URL whose `://` begins there: all before the `@`, if there is a password.
pub(super) fn userinfo(line: &[u8], sign: usize) -> Option<Range<usize>> {
    let start = sign + 3;
    let end = run(line, start, |b| {
        !is_blank(b) && !is_quote(b) && !matches!(b, b'/' | b'?' | b'#' | b'<' | b'>' | b'\\' | b'\r')
    });
    let authority = part(line, start..end);
    let host = authority.iter().rposition(|b| *b == b'@')?;
    let info = part(authority, 0..host);
    let colon = info.iter().position(|b| *b == b':')?;
    let password = from(info, colon + 1);
    let secret = !password.is_empty() && !is_reference(password);
    secret.then_some(start..start + host)
}

/// What `curl -u user:password` shows: the password in the word behind `-u` or `--user`.
pub(super) fn user_flag(line: &[u8], word: &[u8], word_end: usize) -> Option<Range<usize>> {
    if !matches!(word, b"-u" | b"--user" | b"--proxy-user") || !is_blank(at(line, word_end)) {
        return None;
    }
    let start = run(line, word_end, is_blank);
    let whole = quoted(line, start).unwrap_or_else(|| start..value::unquoted_end(line, start));
    let user_end = run_up_to(line, whole.start, 128, |b| b != b':');
    let password = part(line, user_end + 1..whole.end);
    (user_end < whole.end && !password.is_empty() && !is_reference(password)).then_some(user_end + 1..whole.end)
}
