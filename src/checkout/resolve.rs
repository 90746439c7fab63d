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

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The absolute path without links, `.` or `..`. What does not exist of it is taken as it is written.
    pub(super) path: PathBuf,
    /// What stands there.
    pub(super) kind: Option<Kind>,
    /// The last symbolic link below the root that the whole path was, on its way there.
    pub(super) last_link: Option<PathBuf>,
}

/// Follows `text`, relative to `base` (absolute, without links) unless it is absolute.
pub(super) fn resolve(base: &Path, root: &Path, text: &OsStr) -> Result<Resolved, Error> {
    let shown = || text.to_string_lossy().into_owned();
    let mut at = start(base, text);
    let mut todo: VecDeque<OsString> = parts(text).collect();
    let mut slash_after = text.as_bytes().ends_with(b"/");
    let (mut links, mut missing) = (0, 0_usize);
    let mut kind = Some(Kind::Directory);
    let mut last_link = None;
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
            Some(Kind::File) if todo.is_empty() && !slash_after => {}
            Some(Kind::File) => {
                return Err(Error::BadPath { text: shown(), why: "a part of it before a '/' is not a directory" });
            }
            Some(Kind::Link) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::BadPath { text: shown(), why: "its symbolic links go round in circles" });
                }
                let target = link_target(&next)?;
                if todo.is_empty() {
                    slash_after |= target.as_os_str().as_bytes().ends_with(b"/");
                    if next.starts_with(root) {
                        last_link = Some(next);
                    }
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
    Ok(Resolved { path: at, kind, last_link })
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
        Err(error) if error.is_too_long() => {
            Err(Error::BadPath { text: shown(), why: "a part of it is longer than the file system allows" })
        }
        Err(error) => Err(error.into()),
    }
}
