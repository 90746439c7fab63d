//! Time that passes without waiting: all times in the logs and in `PENDING_ACKS.json` are moved back.

use std::fs;

use serde_json::Value;

use super::lines::logs;
use crate::harness::Site;

pub const ACKS: &str = "PENDING_ACKS.json";

/// As if this much time had passed since whatever was sent.
pub fn pass(site: &Site, seconds: i64) {
    for log in logs(&site.state("")) {
        let text = fs::read_to_string(&log).unwrap();
        let moved: String = text.lines().map(|line| moved_line(line, seconds)).collect();
        fs::write(log, moved).unwrap();
    }
    let Ok(bytes) = fs::read(site.state(ACKS)) else { return };
    let mut acks: Value = serde_json::from_slice(&bytes).unwrap();
    if let Some(due) = acks["due_ms"].as_i64() {
        acks["due_ms"] = (due - 1000 * seconds).into();
    }
    for entry in acks["pending_acks"].as_array_mut().unwrap() {
        for time in [&["sent_at"][..], &["next_retry_at"], &["message", "timestamp"]] {
            let at = time.iter().fold(&mut *entry, |at, key| &mut at[*key]);
            *at = earlier(at.as_str().unwrap(), seconds).into();
        }
    }
    fs::write(site.state(ACKS), acks.to_string()).unwrap();
}

fn moved_line(line: &str, seconds: i64) -> String {
    let mut message: Value = serde_json::from_str(line).unwrap();
    message["timestamp"] = earlier(message["timestamp"].as_str().unwrap(), seconds).into();
    format!("{message}{}\n", &line[line.trim_end().len()..])
}

fn earlier(time: &str, seconds: i64) -> String {
    let then = humantime::parse_rfc3339(time).unwrap() - std::time::Duration::from_secs(seconds.unsigned_abs());
    humantime::format_rfc3339_millis(then).to_string()
}
