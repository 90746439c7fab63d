//! Looking at files that are not ours: the kernel's own, and those in the checkout. Nothing here writes.

use std::{
    ffi::OsString,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::{Errno, retry_on_intr},
};

use super::{Error, FileId, Hazard, Result, file::file_id};

/// What stands at a path, itself and not what it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A regular file, or anything else that is one object.
    File,
}

/// Reads a file of the kernel or of the system; `None` if the system has none to show, or it is no text.
///
/// # Errors
/// If it cannot be read for a reason that may pass: no descriptors or memory left, an input or output error.
pub fn read_system_file(path: &str, limit: usize) -> Result<Option<String>> {
    read_until(path, limit, |_| false)
}

/// Like [`read_system_file`], for a file of one line: what follows the first is not asked for.
///
/// # Errors
/// Those of [`read_system_file`].
pub fn read_system_line(path: &str, limit: usize) -> Result<Option<String>> {
    read_until(path, limit, |read| read.ends_with(b"\n"))
}

fn read_until(path: &str, limit: usize, done: impl Fn(&[u8]) -> bool) -> Result<Option<String>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let fd = match retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::PERM) => return Ok(None),
        Err(errno) => return Err(Error::call("open", path, errno)),
    };
    let mut bytes = Vec::with_capacity(256);
    loop {
        let got = retry_on_intr(|| rustix::io::read(&fd, rustix::buffer::spare_capacity(&mut bytes)))
            .map_err(|errno| Error::call("read", path, errno))?;
        if got == 0 || done(&bytes) {
            return Ok(String::from_utf8(bytes).ok());
        }
        if bytes.len() >= limit {
            return Ok(None);
        }
        bytes.reserve(4096);
    }
}

/// The beginning of a file of the kernel, at most `limit` bytes of whatever it holds, in one read; `None` if the system
/// has none to show, also because the process that it tells of is gone.
///
/// # Errors
/// If it cannot be read for a reason that may pass: no descriptors or memory left, an input or output error.
pub fn read_system_start(path: &str, limit: usize) -> Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let fd = match retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::PERM | Errno::SRCH) => return Ok(None),
        Err(errno) => return Err(Error::call("open", path, errno)),
    };
    let mut bytes = Vec::with_capacity(limit);
    match retry_on_intr(|| rustix::io::read(&fd, rustix::buffer::spare_capacity(&mut bytes))) {
        Ok(_) => Ok(Some(bytes)),
        Err(Errno::ACCESS | Errno::PERM | Errno::SRCH) => Ok(None),
        Err(errno) => Err(Error::call("read", path, errno)),
    }
}

/// Whether this is `/dev/null`; `false` where that cannot be told.
#[must_use]
pub fn is_null(file: &impl AsFd) -> bool {
    retry_on_intr(|| rustix::fs::fstat(file)).is_ok_and(|stat| {
        let device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        device && (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == (1, 3)
    })
}

/// Reads a regular file that others may have written; `None` if nothing is there.
///
/// # Errors
/// If it is a link, no regular file, or longer than `limit` bytes, or the kernel refuses.
pub fn read_foreign(path: &Path, limit: usize) -> Result<Option<Vec<u8>>> {
    let hazardous = |hazard| Error::Unsafe { path: path.to_owned(), hazard };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let fd = match retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(hazardous(Hazard::Link)),
        Err(Errno::NXIO) => return Err(hazardous(Hazard::NotAFile)),
        Err(errno) => return Err(Error::call("open", path, errno)),
    };
    let stat = retry_on_intr(|| rustix::fs::fstat(&fd)).map_err(|errno| Error::call("fstat", path, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(hazardous(Hazard::NotAFile));
    }
    let mut bytes = Vec::with_capacity(256);
    loop {
        let got = retry_on_intr(|| rustix::io::read(&fd, rustix::buffer::spare_capacity(&mut bytes)))
            .map_err(|errno| Error::call("read", path, errno))?;
        if got == 0 {
            return Ok(Some(bytes));
        }
        if bytes.len() > limit {
            return Err(Error::TooLarge { path: path.to_owned(), limit });
        }
        bytes.reserve(4096);
    }
}

/// What stands at `path`, if anything, without following a last symbolic link.
///
/// # Errors
/// If the kernel refuses for another reason than that nothing is there.
pub fn look_at(path: &Path) -> Result<Option<(Kind, FileId)>> {
    match retry_on_intr(|| rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)) {
        Ok(stat) => {
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Kind::Directory,
                FileType::Symlink => Kind::Link,
                FileType::RegularFile
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => Kind::File,
            };
            Ok(Some((kind, file_id(&stat))))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::call("lstat", path, errno)),
    }
}

/// Where a symbolic link points.
///
/// # Errors
/// If it cannot be read.
pub fn link_target(path: &Path) -> Result<PathBuf> {
    let target = retry_on_intr(|| rustix::fs::readlinkat(CWD, path, Vec::new()))
        .map_err(|errno| Error::call("readlink", path, errno))?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// Which file a path leads to, through links too, if it is one that somebody may run; `None` if there is none such that
/// this process can reach.
///
/// # Errors
/// If it cannot be looked at for a reason that may pass.
pub fn executable_at(path: &Path) -> Result<Option<FileId>> {
    match retry_on_intr(|| rustix::fs::statat(CWD, path, AtFlags::empty())) {
        Ok(stat) => {
            let runs = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0;
            Ok(runs.then(|| file_id(&stat)))
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::NAMETOOLONG) => Ok(None),
        Err(errno) => Err(Error::call("stat", path, errno)),
    }
}

/// Where the program stands that this process runs, and which file it is; `None` if it is there no more.
///
/// # Errors
/// As [`executable_at`].
pub fn own_program() -> Result<Option<(PathBuf, FileId)>> {
    let path = link_target(Path::new("/proc/self/exe"))?;
    Ok(executable_at(&path)?.map(|file| (path, file)))
}

/// Set once the umask is known to be our own.
static PRIVATE_UMASK: AtomicBool = AtomicBool::new(false);
/// The umask that we were started with.
static GIVEN_UMASK: OnceLock<u32> = OnceLock::new();

/// Makes every file that this process creates private to its user. Once, before any thread is started.
pub fn set_private_umask() {
    let given = rustix::process::umask(Mode::from_raw_mode(0o077));
    GIVEN_UMASK.get_or_init(|| given.as_raw_mode());
    PRIVATE_UMASK.store(true, Ordering::Relaxed);
}

/// The umask that we were started with, where ours is another.
#[must_use]
pub fn given_umask() -> Option<u32> {
    GIVEN_UMASK.get().copied()
}

/// Sets the umask, for another program that this process becomes.
pub fn set_umask(bits: u32) {
    rustix::process::umask(Mode::from_bits_truncate(bits));
}

/// Whether a file created 0600 is 0600: else the umask that we were started with may have taken something away.
pub(super) fn umask_is_private() -> bool {
    PRIVATE_UMASK.load(Ordering::Relaxed)
}

/// The terminal that controls this process; `None` if there is none.
#[must_use]
pub fn open_terminal() -> Option<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
    retry_on_intr(|| rustix::fs::openat(CWD, "/dev/tty", flags, Mode::empty())).ok()
}

/// The numbers of the processes that `/proc` shows; `None` if it shows none.
#[must_use]
pub fn process_numbers() -> Option<Vec<u32>> {
    numbers_in("/proc").filter(|numbers| !numbers.is_empty())
}

/// The names in a directory of the kernel's that are numbers; `None` if it is not to be read.
#[must_use]
pub fn numbers_in(path: &str) -> Option<Vec<u32>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    let dir = retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())).ok()?;
    let entries = rustix::fs::Dir::new(dir).ok()?;
    Some(entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok()).collect())
}

/// The names of the sockets in a directory, sorted: at most `most` of at most `looked_at` names. None of them if the
/// directory is not there, not ours, writable for others, or not to be read.
#[must_use]
pub fn own_sockets(path: &Path, most: usize, looked_at: usize) -> Vec<OsString> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let Ok(fd) = retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())) else { return Vec::new() };
    let ours = |stat: &rustix::fs::Stat| stat.st_uid == rustix::process::getuid().as_raw() && stat.st_mode & 0o022 == 0;
    if !rustix::fs::fstat(&fd).is_ok_and(|stat| ours(&stat)) {
        return Vec::new();
    }
    let Ok(entries) = rustix::fs::Dir::read_from(&fd) else { return Vec::new() };
    let is_socket = |name: &std::ffi::CStr| {
        rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
    };
    let mut names: Vec<OsString> = entries
        .take(looked_at)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            is_socket(entry.file_name()).then(|| OsString::from_vec(entry.file_name().to_bytes().to_vec()))
        })
        .collect();
    names.sort_unstable();
    names.truncate(most);
    names
}
