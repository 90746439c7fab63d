//! Where a path leads, link by link.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::Error;
use crate::fs::{Kind, link_target, look_at};

/// As many as the kernel follows.
const MAX_LINKS: u32 = 40;

/// What is said of a part of a path that no file system can hold.
pub(super) const TOO_LONG: &str = "a part of it is longer than the file system allows";

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The absolute path without links, `.` or `..`. What does not exist of it is taken as it is written.
    pub(super) path: PathBuf,
    /// What stands there.
    pub(super) kind: Option<Kind>,
    /// The symbolic links that the whole path was, on its way there.
    pub(super) links: Vec<PathBuf>,
    /// Whether it was written as a directory is: with a `/`, `.` or `..` at the end.
    pub(super) as_directory: bool,
}

/// Follows `text`, relative to `base` (absolute, without links) unless it is absolute.
pub(super) fn resolve(base: &Path, text: &OsStr) -> Result<Resolved, Error> {
    let shown = || text.to_string_lossy().into_owned();
    let mut at = start(base, text);
    let mut todo: VecDeque<OsString> = parts(text).collect();
    let mut as_directory = is_directory_spelling(text.as_bytes());
    let (mut followed, mut missing) = (0, 0_usize);
    let mut kind = Some(Kind::Directory);
    let mut links = Vec::new();
    while let Some(part) = todo.pop_front() {
        if part == ".." {
            at.pop();
            missing = missing.saturating_sub(1);
            kind = Some(Kind::Directory).filter(|_| missing == 0);
            continue;
        }
        let next = at.join(&part);
        kind = if missing == 0 { look(&next, &shown)? } else { None };
        match kind {
            None => missing += 1,
            Some(Kind::Directory) => {}
            Some(Kind::File) if todo.is_empty() && !as_directory => {}
            Some(Kind::File) => {
                return Err(Error::BadPath { text: shown(), why: "a part of it before a '/' is not a directory" });
            }
            Some(Kind::Link) => {
                followed += 1;
                if followed > MAX_LINKS {
                    return Err(Error::BadPath { text: shown(), why: "its symbolic links go round in circles" });
                }
                let target = link_target(&next)?;
                if todo.is_empty() {
                    as_directory |= is_directory_spelling(target.as_os_str().as_bytes());
                    links.push(next);
                }
                at = start(&at, target.as_os_str());
                for part in parts(target.as_os_str()).collect::<Vec<_>>().into_iter().rev() {
                    todo.push_front(part);
                }
                kind = Some(Kind::Directory);
                continue;
            }
        }
        at = next;
    }
    Ok(Resolved { path: at, kind, links, as_directory })
}

/// Whether a path that ends like this is one of a directory.
pub(super) fn is_directory_spelling(text: &[u8]) -> bool {
    matches!(text.rsplit(|b| *b == b'/').next(), Some(b"" | b"." | b".."))
}

fn start(base: &Path, text: &OsStr) -> PathBuf {
    if text.as_bytes().starts_with(b"/") { PathBuf::from("/") } else { base.to_owned() }
}

fn parts(text: &OsStr) -> impl Iterator<Item = OsString> {
    let parts = text.as_bytes().split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(|part| OsStr::from_bytes(part).to_owned())
}

fn look(path: &Path, shown: &dyn Fn() -> String) -> Result<Option<Kind>, Error> {
    match look_at(path) {
        Ok(found) => Ok(found.map(|(kind, _)| kind)),
        Err(error) if error.is_too_long() => Err(Error::BadPath { text: shown(), why: TOO_LONG }),
        Err(error) => Err(error.into()),
    }
}
