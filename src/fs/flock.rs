//! `flock`, waited for with a limit.

use std::{io, sync::mpsc, thread, time::Duration};

use fs2::FileExt as _;
use rustix::io::{Errno, retry_on_intr};

use super::{Error, File, Result, read_system_file};

/// What came of asking for a lock on a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Flocked {
    /// It is held by this process until the file is closed.
    Held,
    /// Somebody else kept it for the whole time.
    Busy,
}

impl File {
    /// Takes an exclusive `flock`, waiting for it up to `limit`.
    ///
    /// The kernel has no flock with a time limit, so a helper thread blocks on it; should that get the lock too late, it
    /// closes its descriptor, and with it this file, when the process ends.
    ///
    /// # Errors
    /// If the kernel refuses, or no thread can be started.
    pub fn flock(&self, limit: Duration) -> Result<Flocked> {
        let refused = |call, error: &io::Error| {
            let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
            Error::call(call, &self.path, errno)
        };
        match try_lock(&self.fd) {
            Ok(()) => return Ok(Flocked::Held),
            Err(error) if error.raw_os_error() != fs2::lock_contended_error().raw_os_error() => {
                return Err(refused("flock", &error));
            }
            Err(_) if limit.is_zero() => return Ok(Flocked::Busy),
            Err(_) => {}
        }
        let own = self.fd.try_clone().map_err(|error| refused("fcntl", &error))?;
        let (tell, told) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("guard".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                let answer = loop {
                    match own.lock_exclusive() {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        answer => break answer,
                    }
                };
                // Nobody listens any more when the wait is over; the lock goes with `own` then.
                tell.send(answer).unwrap_or_default();
            })
            .map_err(|error| refused("clone", &error))?;
        match told.recv_timeout(limit) {
            Ok(Ok(())) => Ok(Flocked::Held),
            Ok(Err(error)) => Err(refused("flock", &error)),
            Err(_) => Ok(Flocked::Busy),
        }
    }

    /// Takes an exclusive `flock` on a file that nobody else has opened but perhaps to look (see [`File::is_flocked`]).
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn flock_own(&self) -> Result<Flocked> {
        self.flock(Duration::from_millis(100))
    }

    /// Whether another open file holds an exclusive `flock` on it. Looking disturbs no other look.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn is_flocked(&self) -> Result<bool> {
        use rustix::fs::FlockOperation::{NonBlockingLockShared, Unlock};
        let failed = |errno| Error::call("flock", &self.path, errno);
        match retry_on_intr(|| rustix::fs::flock(&self.fd, NonBlockingLockShared)) {
            Ok(()) => retry_on_intr(|| rustix::fs::flock(&self.fd, Unlock)).map(|()| false).map_err(failed),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(failed(errno)),
        }
    }
}

fn try_lock(file: &std::fs::File) -> io::Result<()> {
    loop {
        match file.try_lock_exclusive() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

/// The process that holds the flock on `file`, by `/proc/locks`; `None` if the kernel does not tell.
#[must_use]
pub fn flock_holder(file: &File) -> Option<u32> {
    let locks = read_system_file("/proc/locks", 1 << 20).ok().flatten()?;
    let (major, minor) = (rustix::fs::major(file.id.dev), rustix::fs::minor(file.id.dev));
    let inode = format!("{major:02x}:{minor:02x}:{}", file.id.ino);
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields.as_slice() {
            [_, "FLOCK", _, "WRITE", pid, at, ..] if **at == inode => pid.parse().ok(),
            _ => None,
        }
    })
}
