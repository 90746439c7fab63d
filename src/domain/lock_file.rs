//! A lock file: what it holds and how it is read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AgentId, Holder, Kind, Mode, Resource, Result, resource::shown};
use crate::store::{ClaimKey, Error, FORMAT, Versioned, parse_json};

/// A lock file as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    v: u64,
    agent_id: AgentId,
    filepath: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filepath_hex: Option<String>,
    locked_at: f64,
    reason: String,
    kind: Kind,
    worktree: Option<String>,
    mode: Mode,
    change: u64,
    holders: Vec<Holder>,
    #[serde(flatten, skip_deserializing)]
    unknown: Option<Map<String, Value>>,
}

/// What a lock file says of its resource.
#[derive(Clone, Debug)]
pub struct Head {
    filepath: String,
    filepath_hex: Option<String>,
    kind: Kind,
    worktree: Option<String>,
    /// Whether several may hold it.
    pub mode: Mode,
    unknown: Option<Map<String, Value>>,
}

/// A lock file, checked: its leases, the oldest first, at least one, and only one if it is exclusive.
#[derive(Clone, Debug)]
pub struct LockFile {
    head: Head,
    change: u64,
    holders: Vec<Holder>,
}

impl Versioned for Written {
    fn version(&self) -> u64 {
        self.v
    }
}

impl Head {
    fn new(resource: &Resource, mode: Mode) -> Self {
        Self {
            filepath: resource.key_text(),
            filepath_hex: resource.hex(),
            kind: resource.kind(),
            worktree: resource.worktree().and_then(|worktree| worktree.name()).map(ToOwned::to_owned),
            mode,
            unknown: None,
        }
    }

    /// The resource as a person writes it in the root of its worktree.
    #[must_use]
    pub fn text(&self) -> String {
        shown(self.kind, &self.filepath)
    }

    /// The bytes of a path that is not UTF-8, in hexadecimal.
    #[must_use]
    pub fn filepath_hex(&self) -> Option<&str> {
        self.filepath_hex.as_deref()
    }

    /// What it is on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The linked worktree that its files are in.
    #[must_use]
    pub fn worktree(&self) -> Option<&str> {
        self.worktree.as_deref()
    }

    /// The resource that it is on.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        Resource::from_file(self.kind, self.worktree.as_deref(), &self.filepath, self.filepath_hex.as_deref())
    }
}

impl LockFile {
    /// A file with a first lease, written by change `number`.
    pub(super) fn new(resource: &Resource, mode: Mode, holder: Holder, number: u64) -> Self {
        Self { head: Head::new(resource, mode), change: number, holders: vec![holder] }
    }

    /// What it says of its resource.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Its leases, the oldest first.
    #[must_use]
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }

    pub(super) fn holders_mut(&mut self) -> &mut [Holder] {
        &mut self.holders
    }

    /// The lease with this fence.
    #[must_use]
    pub fn holder(&self, fence: u64) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.fence == fence)
    }

    pub(super) fn into_parts(self) -> (Head, Vec<Holder>) {
        (self.head, self.holders)
    }

    /// The file as change `number` writes it: in this mode, with these of its leases and changes to them.
    pub(super) fn rewritten(&self, number: u64, mode: Mode, holders: Vec<Holder>) -> Self {
        Self { head: Head { mode, ..self.head.clone() }, change: number, holders }
    }

    /// The change that wrote it.
    #[must_use]
    pub fn change(&self) -> u64 {
        self.change
    }

    /// Keeps what `bytes`, the file of `key` that this one was read from, holds beyond what this version knows.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that cannot be read (too deep, not UTF-8): a rewrite would lose it.
    pub(super) fn keep_unknown(&mut self, key: &ClaimKey, bytes: &[u8]) -> Result<()> {
        let mut whole: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|error| Error::Damaged { path: key.path(), why: error.to_string() })?;
        let holders = match whole.get_mut("holders").map(Value::take) {
            Some(Value::Array(holders)) => holders,
            _ => Vec::new(),
        };
        for found in holders {
            let Value::Object(found) = found else { continue };
            let fence = found.get("fence").and_then(Value::as_u64);
            if let Some(holder) = self.holders.iter_mut().find(|holder| Some(holder.fence) == fence) {
                holder.unknown = beyond(found, holder, HOLDER_KEYS);
            }
        }
        if let Some(written) = self.written() {
            self.head.unknown = beyond(whole, &written, FILE_KEYS);
        }
        Ok(())
    }

    fn written(&self) -> Option<Written> {
        let first = self.holders.first()?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 are exact in a double for 200,000 years"
        )]
        let locked_at = first.acquired_at.unix_ms() as f64 / 1000.0;
        Some(Written {
            v: FORMAT,
            agent_id: first.agent_id.clone(),
            filepath: self.head.filepath.clone(),
            filepath_hex: self.head.filepath_hex.clone(),
            locked_at,
            reason: first.reason.clone(),
            kind: self.head.kind,
            worktree: self.head.worktree.clone(),
            mode: self.head.mode,
            change: self.change,
            holders: self.holders.clone(),
            unknown: self.head.unknown.clone(),
        })
    }

    /// The file as it is written.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let damaged = |why: String| Error::Damaged { path: PathBuf::from(&self.head.filepath), why };
        let written = self.written().ok_or_else(|| damaged("a lock file without a lease".to_owned()))?;
        let mut bytes = serde_json::to_vec_pretty(&written).map_err(|error| damaged(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Keys that are left out when they have nothing to say, so that a rewrite does not take the old ones for unknown.
const HOLDER_KEYS: &[&str] = &["files", "wrapper", "acquired_mono_ms"];
const FILE_KEYS: &[&str] = &["filepath_hex"];

/// `None` if there is nothing: an empty map would ask the kernel for random numbers.
fn beyond(mut found: Map<String, Value>, known: &impl Serialize, also: &[&str]) -> Option<Map<String, Value>> {
    if let Ok(Value::Object(known)) = serde_json::to_value(known) {
        found.retain(|key, _| !known.contains_key(key) && !also.contains(&key.as_str()));
    }
    Some(found).filter(|found| !found.is_empty())
}

/// Reads the bytes of the lock file `key`.
///
/// # Errors
/// [`Error::Newer`] or [`Error::Damaged`]: what is in it is no lock on what its name says.
pub fn parse_lock(key: &ClaimKey, bytes: &[u8]) -> Result<LockFile> {
    let path = || key.path();
    let damaged = |why: &str| Error::Damaged { path: path(), why: why.to_owned() };
    let Written { v, agent_id, filepath, filepath_hex, kind, worktree, mode, change, holders, unknown, .. } =
        parse_json(path, bytes)?;
    let head = Head { filepath, filepath_hex, kind, worktree, mode, unknown };
    let named = |resource: &Resource| {
        // Without its bytes in hexadecimal, a path is what is written.
        let text = head.filepath_hex.is_none()
            || (resource.key_text() == head.filepath && resource.hex() == head.filepath_hex);
        text && resource.claim() == *key
    };
    if !head.resource().as_ref().is_some_and(named) {
        return Err(damaged("it is a lock on something else than its name says"));
    }
    let file = LockFile { head, change, holders };
    if v != FORMAT || file.holders.first().map(|first| &first.agent_id) != Some(&agent_id) {
        return Err(damaged("its version or its holder do not fit together"));
    }
    if let Some(why) = file.unsound(key) { Err(damaged(why)) } else { Ok(file) }
}

/// Why a lock file says nothing, if it is damaged: with an era it is set aside.
pub(super) fn damage(key: &ClaimKey, bytes: &[u8]) -> Option<String> {
    match parse_lock(key, bytes) {
        Err(Error::Damaged { why, .. }) => Some(why),
        Ok(_) | Err(_) => None,
    }
}

impl LockFile {
    /// What about its leases does not fit together.
    fn unsound(&self, key: &ClaimKey) -> Option<&'static str> {
        // A command that an agent runs may lock what the agent holds.
        let one_agent =
            self.holders.windows(2).all(|two| matches!(two, [one, other] if one.agent_id == other.agent_id));
        let own = self.holders.iter().filter(|holder| holder.class.is_own()).count();
        if self.head.mode == Mode::Exclusive && (!one_agent || own > 1) {
            return Some("it is exclusive and has several holders");
        }
        for (at, holder) in self.holders.iter().enumerate() {
            let plain = |digits: &str| !digits.starts_with(['+', '0']) && digits.parse() == Ok(holder.fence);
            let numbers = holder.era < holder.fence && holder.fence <= self.change;
            if !numbers || !holder.lease.strip_prefix("l-").is_some_and(plain) {
                return Some("its numbers do not fit together");
            }
            if self.holders.iter().skip(at + 1).any(|other| other.fence == holder.fence) {
                return Some("the same lease stands in it twice");
            }
            let files = &holder.files;
            let sound = || {
                let listed = files.contains(&key.file()) && files.len() == holder.resources.len();
                listed && files.iter().all(|file| ClaimKey::from_file(file).is_some())
            };
            if !files.is_empty() && !sound() {
                return Some("the files of its lease do not fit together");
            }
        }
        None
    }
}

#[cfg(test)]
#[path = "lock_file_tests.rs"]
mod tests;
