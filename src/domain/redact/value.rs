//! What follows a name: where the value begins and ends, and whether it is one or code, a type, a reference or prose.

use std::ops::Range;

use super::{
    bytes::{at, before, from, is_any, is_blank, is_quote, is_word, part, run, run_up_to},
    name::Name,
    shape::{is_call, is_mixture, is_reference, is_taken_from, is_type},
};

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// `NAME=value`.
    Tight,
    /// `name = value`, `name := value`.
    Spaced,
    /// `name: value`, `"name": "value"`.
    Colon,
    /// `name == "value"`, `name => "value"`.
    Compare,
}

/// Words that stand for no secret.
const KEYWORDS: &[&str] = &[
    "true",
    "false",
    "null",
    "none",
    "nil",
    "undefined",
    "yes",
    "no",
    "on",
    "off",
    "required",
    "optional",
    "inherit",
    "include",
    "omit",
    "same-origin",
    "string",
    "str",
    "int",
    "integer",
    "number",
    "bool",
    "boolean",
    "bytes",
    "any",
    "object",
    "array",
    "char",
    "text",
    "varchar",
    "void",
    "unknown",
    "never",
    "redacted",
    "hidden",
    "masked",
    "todo",
    "self",
    "this",
    "default",
    "empty",
    "unset",
    "missing",
    "invalid",
    "expired",
];

/// The separator behind a name that ends there, and where the value begins.
pub(super) fn separator(line: &[u8], name_end: usize) -> Option<(Separator, usize)> {
    let mut index = run_up_to(line, name_end, 8, |b| b == b'\\');
    if is_quote(at(line, index)) {
        index += 1;
    } else if index != name_end {
        return None;
    }
    if at(line, index) == b']' {
        index += 1;
    }
    let sign = run(line, index, is_blank);
    let (length, kind) = match (at(line, sign), at(line, sign + 1)) {
        (b':', b':') => return None,
        (b':', b'=') => (2, Separator::Spaced),
        (b':', _) => (1, Separator::Colon),
        (b'=' | b'!', b'=') => (2 + usize::from(at(line, sign + 2) == b'='), Separator::Compare),
        (b'=', b'>') => (2, Separator::Compare),
        (b'=', b'~') => return None,
        (b'=', next) if sign == index && !is_blank(next) => (1, Separator::Tight),
        (b'=', _) => (1, Separator::Spaced),
        _ => return None,
    };
    Some((kind, run(line, sign + length, is_blank)))
}

/// The secret that begins there, as the value of a name; or up to where there is none.
pub(super) fn secret(
    line: &[u8],
    start: usize,
    name: Name,
    own_name: &[u8],
    separator: Separator,
) -> Result<Range<usize>, usize> {
    if let Some(inner) = quoted(line, start) {
        return if is_secret_text(part(line, inner.clone()), name) { Ok(inner) } else { Err(start) };
    }
    if separator == Separator::Compare {
        return Err(start);
    }
    let end = unquoted_end(line, start);
    let found = without_quotes(line, start..end, name, own_name, separator);
    found.ok_or(end)
}

fn without_quotes(
    line: &[u8],
    range: Range<usize>,
    name: Name,
    own_name: &[u8],
    separator: Separator,
) -> Option<Range<usize>> {
    let Range { start, end } = range;
    let value = part(line, start..end);
    if value.is_empty() || is_reference(value) || is_any(value, KEYWORDS) {
        return typed_default(line, end, name);
    }
    let upper = !own_name.iter().any(u8::is_ascii_lowercase);
    if separator == Separator::Tight {
        let code = !upper && (is_call(value) || is_taken_from(value));
        let fits = match name {
            Name::Strong => !code,
            Name::Weak => !(code || value.len() <= 6 && value.iter().all(u8::is_ascii_digit)),
            Name::Long | Name::Authorization | Name::Cookie => !code && value.len() >= 16 && is_mixture(value),
        };
        return fits.then_some(start..end);
    }
    if is_call(value) || is_taken_from(value) || is_type(line, value, end) {
        return typed_default(line, end, name);
    }
    let alone = is_end(line, end);
    let fits = match name {
        Name::Strong => alone || is_mixture(value),
        Name::Weak => is_mixture(value) && value.len() >= 6,
        Name::Long | Name::Authorization | Name::Cookie => is_mixture(value) && value.len() >= 16,
    };
    fits.then_some(start..end)
}

/// The secret behind a flag such as `--password`, with a blank between.
pub(super) fn of_flag(line: &[u8], flag_end: usize, name: Name) -> Option<Range<usize>> {
    const PROSE: &[&str] = &[
        "or",
        "and",
        "flag",
        "flags",
        "option",
        "options",
        "is",
        "to",
        "with",
        "argument",
        "when",
        "if",
        "as",
        "from",
        "for",
        "in",
        "instead",
        "must",
        "should",
        "may",
        "on",
        "not",
        "was",
        "has",
        "value",
        "parameter",
        "takes",
        "support",
        "cannot",
        "can",
        "given",
        "only",
        "are",
        "a",
        "the",
        "via",
        "into",
        "at",
        "of",
        "so",
        "but",
        "then",
    ];
    if !is_blank(at(line, flag_end)) {
        return None;
    }
    let start = run(line, flag_end, is_blank);
    if let Some(inner) = quoted(line, start) {
        return is_secret_text(part(line, inner.clone()), name).then_some(inner);
    }
    let end = unquoted_end(line, start);
    let value = part(line, start..end);
    let placeholder = value.iter().all(|b| b.is_ascii_uppercase() || *b == b'_') || at(line, start) == b'-';
    let known = is_reference(value) || is_any(value, PROSE) || is_any(value, KEYWORDS);
    (!value.is_empty() && !placeholder && !known).then_some(start..end)
}

/// What is between quotes that open there, perhaps behind a letter of a string's kind, as `b"..."`. Without an end
/// the rest of the line.
pub(super) fn quoted(line: &[u8], start: usize) -> Option<Range<usize>> {
    let kind =
        run_up_to(line, start, 2, |b| matches!(b, b'b' | b'r' | b'f' | b'u' | b'B' | b'R' | b'F' | b'@' | b'$' | b'#'));
    let escapes = run_up_to(line, kind, 8, |b| b == b'\\');
    let quote = at(line, escapes);
    if !is_quote(quote) {
        return None;
    }
    let depth = escapes - kind;
    let triple = depth == 0 && at(line, escapes + 1) == quote && at(line, escapes + 2) == quote;
    let open = escapes + if triple { 3 } else { 1 };
    let mut index = open;
    loop {
        index = run(line, index, |b| b != quote && b != b'\\');
        if index >= line.len() {
            return Some(open..line.len());
        }
        let slashes = run(line, index, |b| b == b'\\');
        let count = slashes - index;
        if at(line, slashes) != quote {
            index = slashes;
            continue;
        }
        let closes = if depth == 0 { count % 2 == 0 } else { count <= depth };
        let closes = closes && (!triple || at(line, slashes + 1) == quote && at(line, slashes + 2) == quote);
        if closes {
            // In quotes that are escaped, the escapes before the quote belong to it.
            return Some(open..if depth == 0 { slashes } else { index });
        }
        index = slashes + 1;
    }
}

fn is_secret_text(text: &[u8], name: Name) -> bool {
    if text.is_empty() || is_reference(text) || is_any(text, KEYWORDS) {
        return false;
    }
    match name {
        Name::Strong | Name::Authorization | Name::Cookie => true,
        Name::Weak => text.len() >= 3 && text.iter().any(u8::is_ascii_alphanumeric),
        Name::Long => text.len() >= 8 && is_mixture(text),
    }
}

/// The end of a value without quotes: a blank or a quote that closes something, or a sign before another name.
pub(super) fn unquoted_end(line: &[u8], start: usize) -> usize {
    let mut index = start;
    loop {
        index = run(line, index, |b| !is_blank(b) && !is_quote(b) && !matches!(b, b',' | b';' | b'&' | b'\r'));
        let (here, next) = (at(line, index), at(line, index + 1));
        let ends = match here {
            b'\n' | b' ' | b'\t' | b'\r' => true,
            quote if is_quote(quote) => ends_a_text(next) || is_quote(next),
            sign => ends_a_text(next) || is_quote(next) || next == sign || names_another(line, index + 1),
        };
        if ends || index >= line.len() {
            break;
        }
        index += 1;
    }
    // Quotes and brackets of what stands around it.
    let value = part(line, start..index);
    let around = |b: &&u8| matches!(**b, b')' | b']' | b'}' | b'>' | b'.' | b':' | b'\\');
    if matches!(value.first(), Some(b'$' | b'{' | b'<' | b'[' | b'%')) || value.contains(&b'(') {
        return index;
    }
    index - value.iter().rev().take_while(around).count()
}

fn ends_a_text(byte: u8) -> bool {
    is_blank(byte)
        || matches!(byte, b'\n' | b'\r' | b',' | b';' | b')' | b']' | b'}' | b'>' | b'&' | b'\\' | b'|' | b':')
}

/// Whether another name and its sign follow, as in `password=x,user=y`.
fn names_another(line: &[u8], start: usize) -> bool {
    let end = run_up_to(line, start, 64, |b| is_word(b) || b == b'.');
    end > start && matches!(at(line, end), b'=' | b':')
}

/// Whether nothing more follows that belongs to the same sentence.
fn is_end(line: &[u8], end: usize) -> bool {
    let here = at(line, end);
    if !is_blank(here) {
        return true;
    }
    let next = run(line, end, is_blank);
    let rest = from(line, next);
    rest.is_empty()
        || rest.starts_with(b"#")
        || rest.starts_with(b"//")
        || matches!(at(line, next), b'\r' | b'|' | b'}' | b'\\')
}

/// The value of `password: &str = "hunter2"`, whose type ends there.
fn typed_default(line: &[u8], type_end: usize, name: Name) -> Option<Range<usize>> {
    let sign = run_up_to(line, type_end, 64, |b| b != b'=' && !is_quote(b) && b != b',' && b != b'(');
    if at(line, sign) != b'=' || before(line, sign) == b'=' || !is_blank(at(line, sign + 1)) {
        return None;
    }
    let inner = quoted(line, run(line, sign + 1, is_blank))?;
    is_secret_text(part(line, inner.clone()), name).then_some(inner)
}
