//! What the tests of hostile files about agents and messages share.

use std::{fs, io::Write as _};

use serde_json::{Value, json};

use super::{holds, works};
use crate::harness::{Run, Site};

/// A checkout in which alice and bob are registered and hold a file each, and bob has read `first` of the log behind the
/// current one, but not `second` from alice, which he is to acknowledge.
pub fn site() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
    site.agent("bob").run(["acquire", "src/bob.rs"]).expect(0);
    send(&site, "first", &[]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["first"]);
    fs::rename(site.state("agent_messages.log"), site.state("agent_messages.log.1")).unwrap();
    send(&site, "second", &["--ack=1h"]).expect(0);
    // No limit is to be in the way of the tests.
    site.plant("config.toml", "message_rate = 1000\nmessage_rate_all = 1000\n");
    site
}

/// alice says something to bob.
pub fn send(site: &Site, text: &str, more: &[&str]) -> Run {
    site.agent("alice").run([&["send", "bob", "INFO", text, "--no-pane"], more].concat())
}

/// The inbox, which is read by that.
pub fn inbox(site: &Site, agent: &str) -> Value {
    site.agent(agent).run(["inbox", "--json"]).expect(0).json()
}

/// What is said in an inbox.
pub fn texts(inbox: &Value) -> Vec<String> {
    let items = inbox["items"].as_array().unwrap().iter();
    items.filter_map(|item| Some(item["message"]["content"].as_str()?.to_owned())).collect()
}

/// Every message of the current log.
pub fn log(site: &Site) -> Vec<Value> {
    let text = fs::read_to_string(site.state("agent_messages.log")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Appends bytes to the current log, as nobody who knows it would.
pub fn append(site: &Site, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().append(true).open(site.state("agent_messages.log")).unwrap();
    file.write_all(bytes).unwrap();
}

/// A line that looks like one of ours.
pub fn line(seq: u64, to: &str, text: &str) -> Vec<u8> {
    let message = json!({
        "sender": "mallory", "timestamp": "2026-11-21T02:31:19.860Z", "msg_type": "INFO", "content": text,
        "recipients": [to], "msg_id": format!("{seq:08x}-0000-4000-8000-{:012x}", text.len()), "seq": seq,
    });
    [message.to_string().as_bytes(), b"\n"].concat()
}

/// What is awaited: whose message, to whom.
pub fn pending(site: &Site) -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&fs::read(site.state("PENDING_ACKS.json")).unwrap()).unwrap();
    let entries = document["pending_acks"].as_array().unwrap().iter();
    let text = |entry: &Value| entry["message"]["content"].as_str().unwrap().to_owned();
    entries.map(|entry| (text(entry), entry["recipient_id"].as_str().unwrap().to_owned())).collect()
}

/// Fails unless locks are what they were, and agents can take, respect, see and give up others, also new agents.
#[track_caller]
pub fn locks_work(site: &Site) {
    holds(site, "alice", "src/auth.rs");
    holds(site, "bob", "src/bob.rs");
    works(site, "src/other.rs");
    site.agent("erin").run(["check", "src/auth.rs"]).expect(10);
    assert!(site.agent("erin").run(["list"]).expect(0).out.contains("src/auth.rs"));
    let status = site.agent("erin").run(["status"]);
    assert!([0, 65, 73].contains(&status.code) && status.out.contains("\nlocks\t2 live"), "{status}");
}

/// Contents of a document that are none.
pub fn damages(good: &[u8]) -> Vec<Vec<u8>> {
    vec![
        b"garbage\n".to_vec(),
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        b"\xff\xfe\x00".to_vec(),
        vec![0; 4096],
        b"123".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"{\"v\":1}".to_vec(),
        br#"{"v":1,"agents":7,"pending_acks":{},"updated_at":[],"version":"x"}"#.to_vec(),
        "[".repeat(100_000).into_bytes(),
        "{\"v\":".repeat(100_000).into_bytes(),
        [good, good].concat(),
    ]
}
