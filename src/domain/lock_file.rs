//! A lock file: what it holds and how it is read.

use std::{borrow::Cow, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AgentId, Kind, Now, Resource, Result, Timestamp, Token, Ttl, resource::shown};
use crate::store::{ClaimKey, Error, FORMAT, Versioned, parse_json};

/// Whether others may hold the resource too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody else.
    Exclusive,
}

/// How a lease came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Somebody asked for it.
    Explicit,
}

/// One lease in a lock file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Whose it is.
    pub agent_id: AgentId,
    /// `l-` and the fence.
    pub lease: String,
    /// The fencing token: larger than that of every earlier grant in this directory.
    pub fence: u64,
    /// The era that it was granted in.
    pub era: u64,
    /// Proves that a lease is the bearer's.
    pub token: Token,
    /// How it came about.
    pub class: Class,
    /// When it was granted.
    pub acquired_at: Timestamp,
    /// When its holder last asked for it or renewed it.
    pub renewed_at: Timestamp,
    /// The same by `CLOCK_MONOTONIC` of the boot that the era is of; `None` if written by another machine.
    pub renewed_mono_ms: Option<u64>,
    /// How long it lasts after that, in seconds.
    pub ttl_s: Ttl,
    /// How long it may last at all, in seconds.
    pub max_hold_s: Option<u64>,
    /// The machine that it was granted on.
    pub host: String,
    /// Why it was taken, in the holder's words.
    pub reason: String,
    /// All resources of the lease.
    pub resources: Vec<String>,
    /// Keys that this version does not know, kept when it rewrites the file.
    #[serde(flatten, skip_deserializing)]
    unknown: Map<String, Value>,
}

/// A lock file, checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LockFile {
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
    /// The number of the change that wrote the file.
    change: u64,
    holders: [Holder; 1],
    #[serde(flatten, skip_deserializing)]
    unknown: Map<String, Value>,
}

/// What a lease to be granted is made of.
#[derive(Clone, Debug)]
pub(super) struct NewLease<'a> {
    pub(super) agent: &'a AgentId,
    pub(super) resource: &'a Resource,
    pub(super) number: u64,
    pub(super) era: u64,
    pub(super) same_boot: bool,
    pub(super) token: Token,
    pub(super) ttl: Ttl,
    pub(super) reason: String,
    pub(super) host: &'a str,
    pub(super) now: Now,
}

impl Versioned for LockFile {
    fn version(&self) -> u64 {
        self.v
    }
}

impl LockFile {
    pub(super) fn grant(new: NewLease<'_>) -> Self {
        let at = new.now.wall;
        let filepath = new.resource.key_text();
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 are exact in a double for 200,000 years"
        )]
        let locked_at = at.unix_ms() as f64 / 1000.0;
        Self {
            v: FORMAT,
            agent_id: new.agent.clone(),
            filepath_hex: new.resource.hex(),
            locked_at,
            reason: new.reason.clone(),
            kind: new.resource.kind(),
            worktree: new.resource.worktree().and_then(|worktree| worktree.name()).map(ToOwned::to_owned),
            mode: Mode::Exclusive,
            change: new.number,
            holders: [Holder {
                agent_id: new.agent.clone(),
                lease: format!("l-{}", new.number),
                fence: new.number,
                era: new.era,
                token: new.token,
                class: Class::Explicit,
                acquired_at: at,
                renewed_at: at,
                renewed_mono_ms: new.same_boot.then_some(new.now.mono_ms),
                ttl_s: new.ttl,
                max_hold_s: None,
                host: new.host.to_owned(),
                reason: new.reason,
                resources: vec![filepath.clone()],
                unknown: Map::new(),
            }],
            filepath,
            unknown: Map::new(),
        }
    }

    /// The same lease, renewed now by change `number`.
    pub(super) fn renewed(
        &self,
        number: u64,
        now: Now,
        same_boot: bool,
        ttl: Option<Ttl>,
        reason: Option<String>,
    ) -> Self {
        let mut file = self.clone();
        let [lease] = &mut file.holders;
        lease.renewed_at = now.wall;
        lease.renewed_mono_ms = same_boot.then_some(now.mono_ms);
        lease.ttl_s = ttl.unwrap_or(lease.ttl_s);
        if let Some(reason) = reason {
            lease.reason.clone_from(&reason);
            file.reason = reason;
        }
        file.change = number;
        file
    }

    /// The lease in it.
    #[must_use]
    pub fn lease(&self) -> &Holder {
        let [lease] = &self.holders;
        lease
    }

    /// The path or name, as a person writes it in the root.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        Cow::Owned(shown(self.kind, &self.filepath))
    }

    /// The bytes of a path that is not UTF-8, in hexadecimal.
    #[must_use]
    pub fn filepath_hex(&self) -> Option<&str> {
        self.filepath_hex.as_deref()
    }

    /// What it is on, in one word: `path` or `name`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.word()
    }

    /// The resource that it is on.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        Resource::from_file(self.kind, self.worktree.as_deref(), &self.filepath, self.filepath_hex.as_deref())
    }

    /// Keeps what `bytes`, the file of `key` that this one was read from, holds beyond what this version knows.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that cannot be read (too deep, not UTF-8): a rewrite would lose it.
    pub(super) fn keep_unknown(&mut self, key: &ClaimKey, bytes: &[u8]) -> Result<()> {
        let mut whole: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|error| Error::Damaged { path: below_state(key), why: error.to_string() })?;
        let holder = match whole.get_mut("holders").and_then(|list| list.get_mut(0)).map(Value::take) {
            Some(Value::Object(holder)) => holder,
            _ => Map::new(),
        };
        let [lease] = &mut self.holders;
        lease.unknown = beyond(holder, lease);
        self.unknown = beyond(whole, self);
        Ok(())
    }

    /// The file as it is written.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Damaged { path: PathBuf::from(&self.filepath), why: error.to_string() })?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn beyond(mut found: Map<String, Value>, known: &impl Serialize) -> Map<String, Value> {
    if let Ok(Value::Object(known)) = serde_json::to_value(known) {
        found.retain(|key, _| !known.contains_key(key));
    }
    found
}

/// The lock file, as errors name it.
fn below_state(key: &ClaimKey) -> PathBuf {
    PathBuf::from("locks").join(key.file())
}

/// Reads the bytes of the lock file `key`.
///
/// # Errors
/// [`Error::Newer`] or [`Error::Damaged`]: what is in it is no lock on what its name says.
pub fn parse_lock(key: &ClaimKey, bytes: &[u8]) -> Result<LockFile> {
    let path = || below_state(key);
    let damaged = |why: &str| Error::Damaged { path: path(), why: why.to_owned() };
    let file: LockFile = parse_json(path, bytes)?;
    let named = |resource: &Resource| {
        // Without its bytes in hexadecimal, a path is what is written.
        let text = file.filepath_hex.is_none()
            || (resource.key_text() == file.filepath && resource.hex() == file.filepath_hex);
        text && resource.claim() == *key
    };
    if !file.resource().as_ref().is_some_and(named) {
        return Err(damaged("it is a lock on something else than its name says"));
    }
    let lease = file.lease();
    let plain = |digits: &str| !digits.starts_with(['+', '0']) && digits.parse() == Ok(lease.fence);
    let numbers = lease.era < lease.fence && lease.fence <= file.change;
    let numbers = numbers && lease.lease.strip_prefix("l-").is_some_and(plain);
    if file.v != FORMAT || lease.agent_id != file.agent_id || !numbers {
        return Err(damaged("its numbers or its holder do not fit together"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{PathKey, Worktree},
        *,
    };

    fn sample() -> (ClaimKey, LockFile) {
        let resource = Resource::Path(Worktree::MAIN, PathKey::new([&b"src"[..], b"auth.rs"]).unwrap());
        let file = LockFile::grant(NewLease {
            agent: &AgentId::new("alice").unwrap(),
            resource: &resource,
            number: 1042,
            era: 1000,
            same_boot: true,
            token: Token::from_bits(7),
            ttl: Ttl::DEFAULT,
            reason: "new login".to_owned(),
            host: "box",
            now: Now { wall: Timestamp::from_unix_ms(1_795_228_279_860), mono_ms: 5 },
        });
        (resource.claim(), file)
    }

    #[test]
    fn a_file_reads_back_and_keeps_what_a_later_version_added() {
        let (key, file) = sample();
        let text = String::from_utf8(file.to_bytes().unwrap()).unwrap();
        assert!(text.contains("\"locked_at\": 1795228279.86,"), "{text}");
        let mut richer: Value = serde_json::from_str(&text).unwrap();
        richer["colour"] = "blue".into();
        richer["holders"][0]["mood"] = serde_json::json!({"calm": [1, 2]});
        let bytes = serde_json::to_vec(&richer).unwrap();
        let mut read = parse_lock(&key, &bytes).unwrap();
        read.keep_unknown(&key, &bytes).unwrap();
        let now = Now { wall: Timestamp::from_unix_ms(1_795_228_300_000), mono_ms: 20_145 };
        let again =
            serde_json::from_slice::<Value>(&read.renewed(1050, now, true, None, None).to_bytes().unwrap()).unwrap();
        assert_eq!(again["colour"], "blue");
        assert_eq!(again["holders"][0]["mood"]["calm"][1], 2);
        assert_eq!(again["holders"][0]["fence"], 1042);
        assert_eq!(again["change"], 1050);
        assert_eq!(again.as_object().unwrap().len(), richer.as_object().unwrap().len());
    }

    #[test]
    fn what_is_no_lock_file_is_damage_and_what_is_newer_is_newer() {
        let (key, file) = sample();
        let good: Value = serde_json::from_slice(&file.to_bytes().unwrap()).unwrap();
        let with = |at: &str, value: Value| {
            let mut changed = good.clone();
            *changed.pointer_mut(at).unwrap() = value;
            serde_json::to_vec(&changed).unwrap()
        };
        let deep = format!("{{\"v\":1,\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let cases: Vec<Vec<u8>> = vec![
            vec![],
            b"garbage".to_vec(),
            b"\0\0\0\0".to_vec(),
            b"null".to_vec(),
            b"[]".to_vec(),
            b"{}".to_vec(),
            deep.into_bytes(),
            file.to_bytes().unwrap()[..200].to_vec(),
            with("/filepath", "src/other.rs".into()),
            with("/filepath", "src/../src/auth.rs".into()),
            with("/kind", "name".into()),
            with("/kind", "tree".into()),
            with("/mode", "shared".into()),
            with("/agent_id", "bob".into()),
            with("/agent_id", "../bob".into()),
            with("/holders", Value::Array(vec![])),
            with("/holders/0/fence", 10.into()),
            with("/holders/0/lease", "l-1042\nl-1043".into()),
            with("/holders/0/fence", (-1).into()),
            with("/holders/0/ttl_s", 0.into()),
            with("/holders/0/ttl_s", u64::MAX.into()),
            with("/holders/0/ttl_s", "900".into()),
            with("/holders/0/renewed_at", "soon".into()),
            with("/holders/0/token", "short".into()),
            with("/worktree", "other".into()),
        ];
        for bytes in cases {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            assert!(matches!(parse_lock(&key, &bytes), Err(Error::Damaged { .. })), "{start}");
        }
        assert!(matches!(parse_lock(&key, &with("/v", 2.into())), Err(Error::Newer { version: 2, .. })));
        assert!(matches!(parse_lock(&key, b"{\"v\":7}"), Err(Error::Newer { version: 7, .. })));
    }
}
