//! Secrets over several lines: private keys between BEGIN and END, and blocks of text in YAML.

use std::ops::Range;

use super::{
    bytes::{at, begins, from, is_blank, part, run, run_up_to, step},
    line::secrets,
    name::{Name, name},
    value::{Separator, separator},
};

/// What the lines before say of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    #[default]
    Open,
    /// It belongs to a private key, up to its END or the end of the text.
    Key,
    /// It may be base64 of a certificate, a signature or a public key.
    Public,
    /// It belongs to a YAML block whose key stands this far from the left, in bytes.
    Indented(usize),
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The longest line of base64 in a block that is public, in bytes.
const LONGEST_LINE: usize = 80;

/// Adds the secrets of the next line (without its line end), and says what they mean for the one after it.
pub(super) fn next_line(state: State, line: &[u8], found: &mut Vec<Range<usize>>) -> State {
    match state {
        State::Key => {
            return match end_of_key(line, 0) {
                Some(end) => {
                    mask(line, 0..end, found);
                    after_key(line, end, found)
                }
                None => {
                    mask(line, 0..line.len(), found);
                    State::Key
                }
            };
        }
        State::Public => {
            let text = line.trim_ascii();
            let base64 = text.len() <= LONGEST_LINE
                && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
            if base64 {
                return State::Public;
            }
        }
        State::Indented(least) => {
            let indent = run(line, 0, is_blank);
            if indent == line.len() {
                return state;
            }
            if indent > least {
                mask(line, indent..line.len(), found);
                return state;
            }
        }
        State::Open => {}
    }
    open_line(line, found)
}

fn open_line(line: &[u8], found: &mut Vec<Range<usize>>) -> State {
    let Some(begin) = find(line, 0, BEGIN) else {
        secrets(line, found);
        return yaml_block(line).map_or(State::Open, State::Indented);
    };
    let mut begin = begin;
    loop {
        let label_start = begin + BEGIN.len();
        let label_end = run_up_to(line, label_start, 64, |b| b != b'-');
        let label = part(line, label_start..label_end);
        if label.windows(11).any(|words| words == b"PRIVATE KEY") {
            break;
        }
        match find(line, label_start, BEGIN) {
            Some(next) => begin = next,
            None => {
                secrets(line, found);
                let alone = run(line, label_end, |b| b == b'-') >= line.trim_ascii_end().len();
                return if alone { State::Public } else { State::Open };
            }
        }
    }
    secrets(part(line, 0..begin), found);
    match end_of_key(line, begin) {
        Some(end) => {
            mask(line, begin..end, found);
            after_key(line, end, found)
        }
        None => {
            mask(line, begin..line.len(), found);
            State::Key
        }
    }
}

/// What follows a key in its last line.
fn after_key(line: &[u8], end: usize, found: &mut Vec<Range<usize>>) -> State {
    // More keys in one line: of the next one on, all of it goes.
    if let Some(begin) = find(line, end, BEGIN) {
        mask(line, begin..line.len(), found);
        let mut last = begin;
        while let Some(next) = find(line, last + BEGIN.len(), BEGIN) {
            last = next;
        }
        return if end_of_key(line, last).is_some() { State::Open } else { State::Key };
    }
    let mut rest = Vec::new();
    secrets(from(line, end), &mut rest);
    found.extend(rest.into_iter().map(|range| range.start + end..range.end + end));
    State::Open
}

/// Behind the dashes that close `-----END ... -----`, looked for from `start` on.
fn end_of_key(line: &[u8], start: usize) -> Option<usize> {
    let label = find(line, start, END)? + END.len();
    let dashes = run_up_to(line, label, 64, |b| b != b'-');
    Some(run_up_to(line, dashes, 5, |b| b == b'-'))
}

fn find(line: &[u8], start: usize, what: &[u8]) -> Option<usize> {
    let mut index = start;
    loop {
        index = run(line, index, |b| b != b'-');
        let dashes = run(line, index, |b| b == b'-');
        if dashes >= line.len() {
            return None;
        }
        step(what.len());
        let begin = dashes.checked_sub(5).filter(|begin| *begin >= index);
        if let Some(begin) = begin.filter(|begin| from(line, *begin).starts_with(what)) {
            return Some(begin);
        }
        index = dashes;
    }
}

fn mask(line: &[u8], range: Range<usize>, found: &mut Vec<Range<usize>>) {
    if !range.is_empty() && part(line, range.clone()) != super::line::MASK {
        found.push(range);
    }
}

/// The indentation of a key whose value is the block of text that follows: `password: |`.
fn yaml_block(line: &[u8]) -> Option<usize> {
    let text = line.trim_ascii_end();
    let sign = text.len().checked_sub(1)?;
    let marker = match at(text, sign) {
        b'|' | b'>' => sign,
        b'-' | b'+' if matches!(at(text, sign.checked_sub(1)?), b'|' | b'>') => sign - 1,
        _ => return None,
    };
    let start = run(line, 0, |b| is_blank(b) || b == b'-');
    let end = run_up_to(line, start, 96, |b| !is_blank(b) && b != b':');
    let (kind, value) = separator(line, end)?;
    let secret = matches!(name(part(line, start..end)), Some(Name::Strong | Name::Weak | Name::Authorization));
    (secret && kind == Separator::Colon && value == marker && !begins(line, "|")).then(|| run(line, 0, is_blank))
}
