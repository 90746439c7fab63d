//! The lines of all logs of messages, and what is wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

pub const LOG: &str = "agent_messages.log";

/// Who sent it, and which of its messages it is.
pub type Key = (usize, usize);

/// A message that can be told from all others, and from a part of itself: 20 bytes to 6 KiB, some of them more than one
/// to a character.
pub fn text((who, at): Key) -> String {
    let words = (who * 7919 + at * 104_729) % 600;
    format!("w{who} {at} {}\u{2026}", "zwölf\nmännlein ".repeat(words / 2))
}

/// The key of what `text` made; `None` if it is none, or not all of it.
pub fn key(content: &str) -> Option<Key> {
    let mut words = content.split(' ');
    let who = words.next()?.strip_prefix('w')?.parse().ok()?;
    let key = (who, words.next()?.parse().ok()?);
    (content == text(key)).then_some(key)
}

/// The logs in this directory, oldest first.
pub fn logs(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name.strip_prefix(LOG) {
            Some("") => found.push((0, path)),
            Some(age) if age.starts_with('.') => found.push((age[1..].parse().unwrap(), path)),
            _ => {}
        }
    }
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

/// What is wrong with logs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Messages that were sent and are not there.
    pub lost: usize,
    /// Messages that are there more than once.
    pub doubled: usize,
    /// Lines that are none of ours, or not all of one.
    pub torn: usize,
    /// Messages behind a later one of the same sender.
    pub disordered: usize,
    /// Numbers that are not larger than the one before.
    pub numbers: usize,
}

/// All messages in the logs of this directory, oldest first; and what is wrong, if these are all that were sent for
/// certain.
pub fn judge(dir: &Path, sent: &BTreeSet<Key>) -> (Vec<Value>, Faults) {
    let (mut messages, mut faults) = (Vec::new(), Faults::default());
    let (mut last, mut newest, mut there) = (0, BTreeMap::new(), BTreeSet::new());
    for log in logs(dir) {
        let bytes = fs::read(&log).unwrap();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        faults.torn += usize::from(lines.next_back().is_some_and(|rest| !rest.is_empty()));
        for line in lines {
            let parsed = serde_json::from_slice::<Value>(line).ok();
            let Some(message) = parsed.filter(|message| message["seq"].is_u64()) else {
                faults.torn += 1;
                continue;
            };
            let seq = message["seq"].as_u64().unwrap();
            faults.numbers += usize::from(seq <= last);
            last = seq;
            match key(message["content"].as_str().unwrap()) {
                None => faults.torn += 1,
                Some(key) => {
                    faults.doubled += usize::from(!there.insert(key));
                    faults.disordered += usize::from(newest.insert(key.0, key.1).is_some_and(|before| before >= key.1));
                }
            }
            messages.push(message);
        }
    }
    faults.lost = sent.difference(&there).count();
    (messages, faults)
}

/// The numbers of those messages that are in this agent's inbox.
pub fn addressed(messages: &[Value], agent: &str) -> Vec<u64> {
    let to = |message: &&Value| message["recipients"].as_array().unwrap().iter().any(|to| to == agent);
    messages.iter().filter(to).map(|message| message["seq"].as_u64().unwrap()).collect()
}
