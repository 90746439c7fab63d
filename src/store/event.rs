//! Lines of `events.log`.

use std::{
    borrow::Cow,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// What happened, as it stands in the key `event`.
pub mod kind {
    /// A lease was granted on a free resource.
    pub const ACQUIRED: &str = "acquired";
    /// A lease was renewed by its holder.
    pub const RENEWED: &str = "renewed";
    /// A lease was given up by its holder.
    pub const RELEASED: &str = "released";
    /// A lease that was over was replaced by another agent's.
    pub const TAKEN_OVER: &str = "taken_over";
    /// A shared lease became exclusive, or the other way round.
    pub const MODE_CHANGED: &str = "mode_changed";
    /// A lease was ended by force, over or not; whose it was is told.
    pub const FORCED: &str = "force_released";
    /// Somebody waits for what others hold, who are told.
    pub const QUEUED: &str = "queued";
    /// The turn of somebody who is away has come, who is told.
    pub const TURN: &str = "turn";
    /// A place in line was given up.
    pub const CANCELLED: &str = "queue_cancelled";
    /// A place in line was lost because its turn passed unused twice; whose it was is told.
    pub const DROPPED: &str = "queue_dropped";
    /// A lease that was over was removed.
    pub const CLEANED: &str = "cleaned_up";
    /// A session of an agent ended; what it still holds is told.
    pub const SESSION_ENDED: &str = "session_ended";
    /// A new era began: all earlier leases are over.
    pub const ERA_BEGAN: &str = "era_began";
    /// A damaged file was set aside.
    pub const QUARANTINED: &str = "quarantined";
}

mod one_or_several {
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Several(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(to: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        match to {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(match Option::<Written>::deserialize(deserializer)? {
            None => Vec::new(),
            Some(Written::One(one)) => vec![one],
            Some(Written::Several(several)) => several,
        })
    }
}

/// The lease that a change ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Whose it was.
    pub agent_id: String,
    /// Its fence.
    pub fence: u64,
    /// Why it could be ended: `expired` or `orphaned`; `live` if it was ended by force.
    pub was: Cow<'static, str>,
}

/// One change, as `events.log` keeps it. Times are RFC 3339 in UTC with milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The number of the change; a grant's is its fence. 0 for what is no change of a lock.
    pub n: u64,
    /// When it happened.
    pub at: String,
    /// What happened: one of [`kind`].
    pub event: Cow<'static, str>,
    /// The resource as a person writes it; `None` when only the file is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// All resources of the lease, if it is over several; `resource` is the last of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The lock file, below `locks/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The last lock file of the lease from now on, if the last one was given up and others are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The agent whose lease it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Whether that lease is exclusive or shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Cow<'static, str>>,
    /// How that lease came about, unless somebody asked for it or a command runs under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Cow<'static, str>>,
    /// The fence of that lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// Its time to live, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u64>,
    /// Why it was taken, or what else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The lease that ended by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Former>,
    /// The agents that should hear of it; one is written as a string, several as an array.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "one_or_several")]
    pub to: Vec<String>,
    /// Whether the line was written by the next process to enter, because the one that made the change was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub completed: bool,
}

impl Event {
    /// An event with nothing said yet but what happened and when (`unix_ms`, milliseconds since 1970).
    #[must_use]
    pub fn new(kind: &'static str, unix_ms: u64) -> Self {
        Self {
            n: 0,
            at: rfc3339(unix_ms),
            event: Cow::Borrowed(kind),
            resource: None,
            resources: Vec::new(),
            file: None,
            last: None,
            by: None,
            agent_id: None,
            mode: None,
            class: None,
            fence: None,
            ttl_s: None,
            reason: None,
            former: None,
            to: Vec::new(),
            completed: false,
        }
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC, at most the last moment of the year 9999.
pub(super) fn rfc3339(unix_ms: u64) -> String {
    const END_MS: u64 = 253_402_300_799_999;
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(unix_ms.min(END_MS))).to_string()
}
