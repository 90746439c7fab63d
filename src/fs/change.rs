//! Changes in a directory: files made, moved and removed.

use std::{
    os::fd::OwnedFd,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT},
    io::{Errno, retry_on_intr},
};

use super::{Dir, Entry, Error, File, FileName, Flocked, Hazard, Result, dir::PRIVATE_FILE, system::umask_is_private};

/// How many directories in each other are removed: a state directory has four.
const DEEPEST: u32 = 16;

/// Whether a write must survive a power cut before the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It must.
    Durable,
    /// It need not: what it says ends with the power anyway.
    Volatile,
}

/// The modification time of a file to be made.
#[derive(Clone, Copy, Debug)]
pub enum Stamp {
    /// When it is written.
    Now,
    /// This.
    At(SystemTime),
}

/// What came of publishing a file under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It stands there.
    Done,
    /// Something else stands there already; it was left alone.
    Occupied,
}

impl Dir {
    /// Makes the new file `name` (0600, whatever the umask) with these contents.
    ///
    /// # Errors
    /// `EEXIST` if something has that name. On any other failure nothing is left under it.
    pub fn create(&self, name: &FileName, bytes: &[u8], sync: Sync, stamp: Stamp) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let fd = self.open_at(&[name], flags, PRIVATE_FILE)?;
        self.fill(&fd, name, bytes, sync, stamp).inspect_err(|_| self.discard(name))
    }

    /// The same for a file on which this process holds an exclusive `flock` before anybody can see it, until it is closed.
    ///
    /// # Errors
    /// As [`Dir::create`].
    pub fn create_held(&self, name: &FileName, bytes: &[u8]) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let fd = self.open_at(&[name], flags, PRIVATE_FILE)?;
        let done = self.fill(&fd, name, bytes, Sync::Volatile, Stamp::Now).and_then(|()| {
            let file = File::checked(fd, self.path().join(name.as_str()))?;
            match file.flock_own()? {
                Flocked::Held => Ok(file),
                Flocked::Busy => Err(self.failed("flock", name, Errno::WOULDBLOCK)),
            }
        });
        done.inspect_err(|_| self.discard(name))
    }

    fn fill(&self, fd: &OwnedFd, name: &FileName, bytes: &[u8], sync: Sync, stamp: Stamp) -> Result<()> {
        if !umask_is_private() {
            retry_on_intr(|| rustix::fs::fchmod(fd, PRIVATE_FILE))
                .map_err(|errno| self.failed("fchmod", name, errno))?;
        }
        File::write_all(fd, &self.path().join(name.as_str()), bytes)?;
        if let Stamp::At(time) = stamp {
            let times = Timestamps {
                last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
                last_modification: timespec(time),
            };
            retry_on_intr(|| rustix::fs::futimens(fd, &times)).map_err(|e| self.failed("utimensat", name, e))?;
        }
        if sync == Sync::Durable {
            retry_on_intr(|| rustix::fs::fsync(fd)).map_err(|errno| self.failed("fsync", name, errno))?;
        }
        Ok(())
    }

    /// Removes a file that could not be finished; what cannot be removed is litter that the next writer sweeps.
    fn discard(&self, name: &FileName) {
        match self.remove(name) {
            Ok(_) | Err(_) => {}
        }
    }

    /// Moves `from` to `name` in `to`, replacing what file stands there.
    ///
    /// # Errors
    /// If a directory stands there that a file would replace, or the kernel refuses; both names are then as they were.
    pub fn rename(&self, from: &FileName, to: &Self, name: &FileName) -> Result<()> {
        retry_on_intr(|| rustix::fs::renameat(&self.fd, from.as_str(), &to.fd, name.as_str())).map_err(|errno| {
            match errno {
                Errno::ISDIR => Error::Unsafe { path: to.path().join(name.as_str()), hazard: Hazard::NotAFile },
                _ => to.failed("rename", name, errno),
            }
        })
    }

    /// Moves `from` to `name` in `to` if nothing stands there.
    ///
    /// Where the file system cannot do both in one call (all network ones), it is a look and a rename: exclusive only
    /// among those that hold the guard.
    ///
    /// # Errors
    /// If the kernel refuses; both names are then as they were.
    pub fn publish(&self, from: &FileName, to: &Self, name: &FileName) -> Result<Published> {
        let exclusive = RenameFlags::NOREPLACE;
        match retry_on_intr(|| rustix::fs::renameat_with(&self.fd, from.as_str(), &to.fd, name.as_str(), exclusive)) {
            Ok(()) => Ok(Published::Done),
            Err(Errno::EXIST) => Ok(Published::Occupied),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.look(name)?.is_some() => Ok(Published::Occupied),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                self.rename(from, to, name).map(|()| Published::Done)
            }
            Err(errno) => Err(to.failed("renameat2", name, errno)),
        }
    }

    /// Removes the file `name`; `false` if it was not there.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn remove(&self, name: &FileName) -> Result<bool> {
        self.unlink(name, AtFlags::empty())
    }

    pub(super) fn unlink(&self, name: &FileName, flags: AtFlags) -> Result<bool> {
        match retry_on_intr(|| rustix::fs::unlinkat(&self.fd, name.as_str(), flags)) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.failed("unlink", name, errno)),
        }
    }

    /// Removes `name` and, if it is a directory, all that is in it. Links are removed, never followed.
    ///
    /// # Errors
    /// If the kernel refuses, or something in it is not ours or deeper than anything of ours.
    pub fn remove_tree(&self, name: &FileName) -> Result<()> {
        self.remove_levels(name, DEEPEST)
    }

    fn remove_levels(&self, name: &FileName, levels: u32) -> Result<()> {
        match self.remove(name) {
            Ok(_) => return Ok(()),
            Err(error) if error.is(Errno::ISDIR) => {}
            Err(error) => return Err(error),
        }
        let Some(dir) = self.subdir(&[name])? else { return Ok(()) };
        let Some(below) = levels.checked_sub(1) else {
            return Err(Error::Unsafe { path: dir.path().to_owned(), hazard: Hazard::TooDeep });
        };
        for entry in dir.entries()? {
            match entry {
                Entry::Name(inner) => dir.remove_levels(&inner, below)?,
                Entry::Odd(_) => return Err(dir.failed("unlink", name, Errno::ILSEQ)),
            }
        }
        self.unlink(name, AtFlags::REMOVEDIR).map(|_| ())
    }

    /// Makes the names in this directory survive a power cut.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn sync(&self) -> Result<()> {
        match retry_on_intr(|| rustix::fs::fsync(&self.fd)) {
            // Some file systems have no fsync on directories.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(Error::call("fsync", self.path(), errno)),
        }
    }

    /// Takes an exclusive `flock` on the directory itself, held until the answer is dropped; `None` if it is taken.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn try_flock(&self) -> Result<Option<OwnedFd>> {
        let failed = |call| move |errno| Error::call(call, self.path(), errno);
        let fd = retry_on_intr(|| rustix::io::fcntl_dupfd_cloexec(&self.fd, 3)).map_err(failed("fcntl"))?;
        match retry_on_intr(|| rustix::fs::flock(&fd, rustix::fs::FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(Some(fd)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(failed("flock")(errno)),
        }
    }
}

fn timespec(time: SystemTime) -> Timespec {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timespec { tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), tv_nsec: since.subsec_nanos().into() }
}
