//! JSON documents: replaced whole, durably.

use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Error, Result, layout};
use crate::fs::{Dir, Error as FsError, File, FileName, Stamp, Sync};

/// The format version that this program writes and the newest that it reads: the key `v` of every state file.
pub const FORMAT: u64 = 1;

/// How often litter is removed from under a temporary name before giving up: it is only ever made inside the guard.
const RETRIES: u32 = 16;

/// A state file that says which format it is in.
pub trait Versioned {
    /// Its key `v`.
    fn version(&self) -> u64;
}

#[derive(Deserialize)]
struct Version {
    v: Option<u64>,
}

/// Parses the state file at `path`, telling damage from a newer format.
///
/// # Errors
/// [`Error::Newer`] or [`Error::Damaged`].
pub fn parse_json<T: DeserializeOwned + Versioned>(path: impl Fn() -> PathBuf, bytes: &[u8]) -> Result<T> {
    // Checked at once, UTF-8 costs less than string by string; what is none of it may still tell its version.
    let parsed: serde_json::Result<T> =
        std::str::from_utf8(bytes).map_or_else(|_| serde_json::from_slice(bytes), serde_json::from_str);
    let version = match &parsed {
        Ok(parsed) => Some(parsed.version()),
        Err(_) => serde_json::from_slice::<Version>(bytes).ok().and_then(|found| found.v),
    };
    match (version, parsed) {
        (Some(version), _) if version > FORMAT => Err(Error::Newer { path: path(), version }),
        (_, parsed) => parsed.map_err(|error| Error::Damaged { path: path(), why: describe(&error, bytes) }),
    }
}

fn describe(error: &serde_json::Error, bytes: &[u8]) -> String {
    if bytes.is_empty() { "it is empty".to_owned() } else { error.to_string() }
}

/// Writes `bytes` to the temporary file in `tmp`, sweeping away what a killed process left there.
pub(super) fn stage(tmp: &Dir, bytes: &[u8], sync: Sync, stamp: Stamp) -> Result<()> {
    staged(tmp, || tmp.create(&layout::PENDING, bytes, sync, stamp))
}

/// The same; the file stays open, and this process holds a `flock` on it.
pub(super) fn stage_held(tmp: &Dir, bytes: &[u8]) -> Result<File> {
    staged(tmp, || tmp.create_held(&layout::PENDING, bytes))
}

fn staged<T>(tmp: &Dir, create: impl Fn() -> std::result::Result<T, FsError>) -> Result<T> {
    let mut tries = 0;
    loop {
        match create() {
            Ok(staged) => return Ok(staged),
            Err(error) if error.is_occupied() && tries < RETRIES => {
                tmp.remove_tree(&layout::PENDING)?;
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Replaces the document `name` in `to`, so that it survives a power cut once this returns.
pub(super) fn replace<T: Serialize>(tmp: &Dir, to: &Dir, name: &FileName, value: &T) -> Result<()> {
    let bytes = to_bytes(to, name, value)?;
    stage(tmp, &bytes, Sync::Durable, Stamp::Now)?;
    tmp.rename(&layout::PENDING, to, name).inspect_err(|_| unstage(tmp))?;
    to.sync()?;
    Ok(())
}

/// Removes a staged file that will not be published; if that fails too, the next writer sweeps it.
pub(super) fn unstage(tmp: &Dir) {
    match tmp.remove(&layout::PENDING) {
        Ok(_) | Err(FsError::Call { .. } | FsError::Unsafe { .. } | FsError::TooLarge { .. }) => {}
    }
}

pub(super) fn to_bytes<T: Serialize>(dir: &Dir, name: &FileName, value: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::Damaged { path: dir.path().join(name.as_str()), why: error.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}
