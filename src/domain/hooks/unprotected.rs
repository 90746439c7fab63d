//! The log of edits that went on, or were refused, because trouble of ours kept us from telling who holds the file. Pure.

use serde::{Deserialize, Serialize};

use crate::domain::{Now, Timestamp};

/// How long an edit without protection is news, in milliseconds.
const NEWS_MS: u64 = 24 * 3600 * 1000;

/// What `status` tells of that log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unprotected {
    /// How many edits of the last day went on without protection.
    pub edits: usize,
    /// When the last of them was.
    pub last_at: Option<Timestamp>,
    /// Which file that was, if it was known.
    pub last_path: Option<String>,
    /// Why.
    pub last_why: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    at: Timestamp,
    event: String,
    path: Option<String>,
    why: Option<String>,
}

impl Unprotected {
    /// Of a log with these bytes; lines that say nothing are passed over.
    #[must_use]
    pub fn of(log: &[u8], now: Now) -> Self {
        let lines = log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        let news = lines.filter(|line| line.event == "unprotected" && line.at.ms_before(now.wall) < NEWS_MS);
        news.fold(Self::default(), |so_far, line| Self {
            edits: so_far.edits.saturating_add(1),
            last_at: Some(line.at),
            last_path: line.path,
            last_why: line.why,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_the_last_day_are_counted_and_the_last_is_told() {
        let now = Now { wall: "2026-11-21T12:00:00.000Z".parse().unwrap(), mono_ms: 0 };
        let log = b"{\"at\":\"2026-11-20T11:59:59.000Z\",\"event\":\"unprotected\",\"path\":\"old\"}\n\
            garbage\n{\"at\":\"2026-11-20T12:00:01.000Z\",\"event\":\"unprotected\",\"path\":\"a\",\"why\":\"x\"}\n\
            {\"at\":\"2026-11-21T11:00:00.000Z\",\"event\":\"refused\",\"path\":\"b\"}\n\
            {\"at\":\"2026-11-21T11:00:00.000Z\",\"event\":\"unprotected\",\"path\":null,\"why\":\"y\"}\n{\"at\":";
        let found = Unprotected::of(log, now);
        assert_eq!((found.edits, found.last_path, found.last_why.as_deref()), (2, None, Some("y")));
        assert_eq!(Unprotected::of(b"", now), Unprotected::default());
    }
}
