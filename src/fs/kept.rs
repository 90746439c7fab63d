//! Files in the checkout that people and other programs own and edit too: ours to write, with whatever mode they have.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{FileType, Mode, OFlags, Stat},
    io::{Errno, retry_on_intr},
};

use super::{Dir, Error, File, FileName, Hazard, Result, given_umask};

/// A file and what must stay of it when it is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
    /// Its group.
    gid: u32,
}

impl Dir {
    /// Opens the directory `name` in this one, whatever its mode; `None` if nothing is there.
    ///
    /// # Errors
    /// If it is a link, no directory, on another file system, or belongs to another user.
    pub fn kept_subdir(&self, name: &FileName) -> Result<Option<Self>> {
        let fd = match self.open_at(&[name], OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Ok(fd) => fd,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let (dir, stat) = Self::from_fd(fd, self.path().join(name.as_str()))?;
        owned(&stat).map_err(|hazard| Error::Unsafe { path: dir.path().to_owned(), hazard })?;
        Ok(Some(dir))
    }

    /// Makes the new directory `name` with the mode that the umask of the caller gives.
    ///
    /// # Errors
    /// `EEXIST` if something has that name.
    pub fn make_kept_subdir(&self, name: &FileName) -> Result<Self> {
        retry_on_intr(|| rustix::fs::mkdirat(&self.fd, name.as_str(), Mode::from_raw_mode(0o777)))
            .map_err(|errno| self.failed("mkdir", name, errno))?;
        let Some(dir) = self.kept_subdir(name)? else {
            return Err(self.failed("mkdir", name, Errno::NOENT));
        };
        if let Some(umask) = given_umask() {
            let stat = retry_on_intr(|| rustix::fs::fstat(&dir.fd)).map_err(|e| self.failed("fstat", name, e))?;
            let mode = stat.st_mode & 0o7000 | 0o777 & !umask;
            retry_on_intr(|| rustix::fs::fchmod(&dir.fd, Mode::from_raw_mode(mode)))
                .map_err(|errno| self.failed("fchmod", name, errno))?;
        }
        Ok(dir)
    }

    /// Reads the regular file `name` of at most `limit` bytes, whatever its mode; `None` if nothing is there.
    ///
    /// # Errors
    /// If it is a link, no regular file, has several names, belongs to another user, or is too large.
    pub fn read_kept(&self, name: &FileName, limit: usize) -> Result<Option<Kept>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match self.open_at(&[name], flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let stat = retry_on_intr(|| rustix::fs::fstat(&fd)).map_err(|errno| self.failed("fstat", name, errno))?;
        let path = self.path().join(name.as_str());
        let hazard = if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            Err(Hazard::NotAFile)
        } else if stat.st_nlink > 1 {
            Err(Hazard::HardLink)
        } else {
            owned(&stat)
        };
        hazard.map_err(|hazard| Error::Unsafe { path: path.clone(), hazard })?;
        let bytes = read(&fd, limit).map_err(|errno| Error::call("read", &path, errno))?;
        let bytes = bytes.ok_or(Error::TooLarge { path, limit })?;
        Ok(Some(Kept { bytes, mode: stat.st_mode & 0o7777, gid: stat.st_gid }))
    }

    /// Puts these bytes under `name`, durably: the old file stands there or the new one, whole. The new one has the mode
    /// and group of `like`, or is as the umask of the caller makes it. Until then it stands under the name `aside`; what
    /// stood there is removed, unless another process is writing it.
    ///
    /// # Errors
    /// If another process does, or the kernel refuses; the old file stands then.
    pub fn write_kept(&self, name: &FileName, aside: &FileName, bytes: &[u8], like: Option<&Kept>) -> Result<()> {
        if !self.sweep_kept(aside)? {
            return Err(self.failed("flock", aside, Errno::WOULDBLOCK));
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        // Without a mode to keep, the umask has its effect at once, unless it is our own.
        let first = Mode::from_raw_mode(if like.is_some() || given_umask().is_some() { 0o600 } else { 0o666 });
        let fd = self.open_at(&[aside], flags, first)?;
        // Whoever finds the file unlocked takes it for that of a process that was killed.
        if !self.lock_kept(&fd, aside)? {
            return Err(self.failed("flock", aside, Errno::WOULDBLOCK));
        }
        let done = self.fill_kept(&fd, aside, bytes, like).and_then(|()| self.rename(aside, self, name));
        done.inspect_err(|_| match self.remove(aside) {
            Ok(_) | Err(_) => {}
        })?;
        self.sync()
    }

    /// Removes what a process that was killed left under the name `aside`; `false` if one is writing it that lives.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn sweep_kept(&self, aside: &FileName) -> Result<bool> {
        if self.look(aside)?.is_some_and(|found| found.regular) {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
            match self.open_at(&[aside], flags, Mode::empty()) {
                Ok(fd) if !self.lock_kept(&fd, aside)? => return Ok(false),
                // What cannot be opened was not made here. The lock is held until the name is gone.
                Ok(fd) => return self.remove(aside).map(|_| drop(fd)).map(|()| true),
                Err(_) => {}
            }
        }
        self.remove(aside).map(|_| true)
    }

    /// Locks a file that has just been opened under this name; whether nobody else has, and it still has the name.
    fn lock_kept(&self, fd: &OwnedFd, name: &FileName) -> Result<bool> {
        match retry_on_intr(|| rustix::fs::flock(fd, rustix::fs::FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(self.failed("flock", name, errno)),
        }
        let stat = retry_on_intr(|| rustix::fs::fstat(fd)).map_err(|errno| self.failed("fstat", name, errno))?;
        Ok(self.look(name)?.is_some_and(|found| found.id.ino == stat.st_ino))
    }

    fn fill_kept(&self, fd: &OwnedFd, name: &FileName, bytes: &[u8], like: Option<&Kept>) -> Result<()> {
        File::write_all(fd, &self.path().join(name.as_str()), bytes)?;
        if let Some(like) = like {
            let stat = retry_on_intr(|| rustix::fs::fstat(fd)).map_err(|errno| self.failed("fstat", name, errno))?;
            if stat.st_gid != like.gid {
                retry_on_intr(|| rustix::fs::fchown(fd, None, Some(rustix::fs::Gid::from_raw(like.gid))))
                    .map_err(|errno| self.failed("fchown", name, errno))?;
            }
        }
        if let Some(mode) = like.map(|like| like.mode).or_else(|| given_umask().map(|umask| 0o666 & !umask)) {
            retry_on_intr(|| rustix::fs::fchmod(fd, Mode::from_raw_mode(mode)))
                .map_err(|errno| self.failed("fchmod", name, errno))?;
        }
        retry_on_intr(|| rustix::fs::fsync(fd)).map_err(|errno| self.failed("fsync", name, errno))
    }

    /// Removes the directory `name` if nothing is in it; whether it is gone.
    ///
    /// # Errors
    /// If the kernel refuses for another reason.
    pub fn remove_empty_subdir(&self, name: &FileName) -> Result<bool> {
        match self.unlink(name, rustix::fs::AtFlags::REMOVEDIR) {
            Ok(_) => Ok(true),
            Err(error) if error.is_in_the_way() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn owned(stat: &Stat) -> std::result::Result<(), Hazard> {
    if stat.st_uid == rustix::process::geteuid().as_raw() { Ok(()) } else { Err(Hazard::ForeignOwner(stat.st_uid)) }
}

/// All bytes of a file; `None` if there are more than `limit`.
fn read(fd: &OwnedFd, limit: usize) -> rustix::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        let got = retry_on_intr(|| rustix::io::read(fd, rustix::buffer::spare_capacity(&mut bytes)))?;
        if got == 0 {
            return Ok(Some(bytes));
        }
        if bytes.len() > limit {
            return Ok(None);
        }
        bytes.reserve(4096.max(bytes.len()));
    }
}
