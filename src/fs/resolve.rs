//! Opening below a directory without following anything.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags},
    io::{Errno, retry_on_intr},
};

use super::{Error, FileName, Hazard, Result};

/// Set once the kernel has said that it lacks openat2 (before Linux 5.6, or a sandbox that hides it).
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// How often openat2 is tried again when the kernel saw a rename under way and could not decide.
const AGAIN: u32 = 64;

/// Opens `at`, component by component below `dir`, which stands at `path` on device `dev`.
///
/// Where openat2 is missing, each component is opened by itself with `O_NOFOLLOW`. There is no fallback by path.
pub(super) fn open_below(
    dir: BorrowedFd<'_>,
    dev: u64,
    path: &Path,
    at: &[&FileName],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut tried = 0;
    while !NO_OPENAT2.load(Ordering::Relaxed) {
        match retry_on_intr(|| openat2(dir, at, flags, mode)) {
            Ok(fd) => return Ok(fd),
            Err(Errno::NOSYS) => NO_OPENAT2.store(true, Ordering::Relaxed),
            // A sandbox may answer EPERM for a call it does not know; the walk finds out whether it was meant.
            Err(Errno::PERM) => break,
            // The second is said of a mount, and of what is moved to another directory in this instant.
            Err(Errno::AGAIN | Errno::XDEV) if tried < AGAIN => tried += 1,
            Err(errno) => return Err(refused("openat2", path, at, errno)),
        }
    }
    walk(dir, dev, path, at, flags, mode)
}

fn openat2(dir: BorrowedFd<'_>, at: &[&FileName], flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    let resolve =
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    match at {
        [one] => rustix::fs::openat2(dir, one.as_str(), flags, mode, resolve),
        _ => rustix::fs::openat2(dir, joined(at), flags, mode, resolve),
    }
}

fn walk(dir: BorrowedFd<'_>, dev: u64, path: &Path, at: &[&FileName], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let Some((last, parents)) = at.split_last() else {
        return Err(refused("openat", path, at, Errno::INVAL));
    };
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut below: Option<OwnedFd> = None;
    for parent in parents {
        let here = below.as_ref().map_or(dir, AsFd::as_fd);
        let next = retry_on_intr(|| rustix::fs::openat(here, parent.as_str(), step, Mode::empty()))
            .map_err(|errno| refused("openat", path, at, errno))?;
        same_device(&next, dev, path, at)?;
        below = Some(next);
    }
    let here = below.as_ref().map_or(dir, AsFd::as_fd);
    let found = retry_on_intr(|| rustix::fs::openat(here, last.as_str(), flags, mode))
        .map_err(|errno| refused("openat", path, at, errno))?;
    same_device(&found, dev, path, at)?;
    Ok(found)
}

fn same_device(fd: &OwnedFd, dev: u64, path: &Path, at: &[&FileName]) -> Result<()> {
    match retry_on_intr(|| rustix::fs::fstat(fd)) {
        Ok(stat) if stat.st_dev == dev => Ok(()),
        Ok(_) => Err(refused("openat", path, at, Errno::XDEV)),
        Err(errno) => Err(refused("fstat", path, at, errno)),
    }
}

fn refused(call: &'static str, path: &Path, at: &[&FileName], errno: Errno) -> Error {
    let path = path.join(joined(at));
    match errno {
        Errno::LOOP => Error::Unsafe { path, hazard: Hazard::Link },
        Errno::XDEV => Error::Unsafe { path, hazard: Hazard::Mount },
        Errno::NOTDIR => Error::Unsafe { path, hazard: Hazard::NotADirectory },
        Errno::NXIO | Errno::ISDIR => Error::Unsafe { path, hazard: Hazard::NotAFile },
        _ => Error::call(call, path, errno),
    }
}

/// The names with a '/' between them.
pub(super) fn joined(at: &[&FileName]) -> String {
    let mut text = String::with_capacity(at.iter().map(|name| name.as_str().len() + 1).sum());
    for name in at {
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(name.as_str());
    }
    text
}
