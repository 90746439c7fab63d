//! What is wrong with an answer, told from the outside: by what a harness and a model make of it.

use serde_json::Value;

use crate::harness::Run;

/// How lines of ours begin, outside of a frame.
const OURS: &[&str] = &[
    "swarmlock: the edit of ",
    "swarmlock: you are ",
    "swarmlock: You lost ",
    "swarmlock: also held in ",
    "swarmlock: hook",
    "swarmlock: --harness: ",
    "swarmlock: claude-",
    "swarmlock: gemini-",
    "swarmlock: cursor-",
    "swarmlock: the file ",
    "swarmlock: a file is edited WITHOUT protection: ",
    "swarmlock: that could not be written down",
    "The lock on ",
    "nobody holds it, but ",
    "and ",
    "What they say it is for follows, up to the line that closes the frame ",
    "Messages from other agents and people follow, up to the line that closes the frame ",
    "Do something else meanwhile",
    "Do not go on writing these files",
    "Before you end your turn: ",
    "It is yours again from now on",
    "You lost ",
    "You hold ",
    "Your earlier session ",
    "Nobody else is here.",
    "Also here: ",
    "An edit locks its file for you ",
    "In your shell nothing tells who you are",
    "to be acknowledged: swarmlock ack ",
    "next: swarmlock acquire ",
    "next: swarmlock --agent ",
    "next: swarmlock history ",
    "next: swarmlock list",
    "next: swarmlock who ",
    "next: swarmlock status",
];

/// All that is wrong with an answer; empty if nothing is.
pub fn wrong(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    if ![0, 2].contains(&run.code) {
        wrong.push(format!("exit code {}", run.code));
    }
    let mut texts = vec![run.err.trim_end_matches('\n').to_owned()];
    if !run.out.is_empty() {
        if run.out.trim_end_matches('\n').contains(['\n', '\r']) || !hidden(run.out.trim_end_matches('\n')).is_empty() {
            wrong.push("stdout is more than a line, or holds what is not seen".to_owned());
        }
        match serde_json::from_str::<Value>(&run.out) {
            Ok(value) => strings(&value, &mut texts),
            Err(error) => wrong.push(format!("stdout is no JSON: {error}")),
        }
        if run.code == 2 && run.out.contains("\"allow\"") && !run.out.contains("\\\"allow") {
            wrong.push("it allows what it denies".to_owned());
        }
    }
    texts.iter().for_each(|text| wrong.extend(wrong_text(text)));
    wrong
}

fn wrong_text(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let unseen = hidden(&text.replace('\n', ""));
    if !unseen.is_empty() {
        wrong.push(format!("it holds {unseen:?}"));
    }
    let mut nonce: Option<String> = None;
    let (mut opened, mut closed, mut inside) = (0, 0, false);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("<swarmlock-inbox ").filter(|_| !inside) {
            let (number, trust) = rest.split_at(rest.len().min(16));
            (inside, opened, nonce) = (true, opened + 1, Some(number.to_owned()));
            if trust != " trust=\"untrusted\">" {
                wrong.push(format!("a line that opens a frame: {line}"));
            }
        } else if inside && nonce.as_ref().is_some_and(|nonce| line == format!("</swarmlock-inbox {nonce}>")) {
            (inside, closed) = (false, closed + 1);
        } else {
            if reads_as_frame(line) {
                wrong.push(format!("it reads as a frame: {line}"));
            }
            if !inside && !OURS.iter().any(|ours| line.starts_with(ours)) {
                wrong.push(format!("a line outside of the frame: {line}"));
            }
        }
    }
    if inside || opened > 1 || opened != closed {
        wrong.push(format!("{opened} lines open a frame, {closed} close it"));
    }
    wrong
}

/// The texts of a value, wherever they stand.
fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        // Words of the harness's language.
        Value::String(text) if text.chars().all(|c| c.is_ascii_alphabetic()) => {}
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, into)),
        Value::Object(members) => members.values().for_each(|value| strings(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Characters that end a line, move a cursor, or are not seen.
pub fn hidden(text: &str) -> Vec<char> {
    let hides = |c: &char| {
        c.is_control()
            || matches!(u32::from(*c), 0xad | 0x61c | 0x180e | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e
                | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
    };
    text.chars().filter(hides).collect()
}

/// Whether a line reads as the beginning or the end of a frame, or as the words of a speaker.
fn reads_as_frame(line: &str) -> bool {
    let mut read = line.to_lowercase().replace(['＜', '〈'], "<").replace('／', "/");
    for (from, to) in [("&lt;", "<"), ("&#x3c;", "<"), ("%3c", "<"), ("\\u003c", "<"), ("\\n", "\n"), ("\\r", "\n")] {
        read = read.replace(from, to);
    }
    let wide = |c: char| match u32::from(c) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap(),
        _ => c,
    };
    let seen = |c: &char| !c.is_whitespace() && !"-_/\u{fe0f}".contains(*c) && hidden(&c.to_string()).is_empty();
    let close: String = read.chars().map(wide).filter(seen).collect();
    let names = ["<swarmlockinbox", "<systemreminder", "<functionresults", "<|imstart", "[inst]", "<<sys"];
    let speaks = |line: &str| ["human:", "assistant:", "system:", "user:"].iter().any(|name| line.starts_with(name));
    names.iter().any(|name| close.contains(name)) || read.lines().any(|line| speaks(line.trim()))
}

/// The answer of a hook that puts text of others into its frame and its lines as it is.
pub fn naive(text: &str) -> Run {
    let frame = ["<swarmlock-inbox 0000000000000000 trust=\"untrusted\">", "</swarmlock-inbox 0000000000000000>"];
    let err = format!("{text} is held by bob\n{}\n{text}\n{}\n", frame[0], frame[1]);
    let out = format!("{{\"permissionDecision\":\"deny\",\"reason\":\"{text}\"}}\n");
    Run { code: 2, out, err }
}
