//! [`Dir`]: an open directory, and everything that can be done in it.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags},
    io::{Errno, retry_on_intr},
};

use super::{
    Error, File, FileId, FileName, Hazard, Meta, Result,
    file::{file_id, ownership_hazard},
    resolve::{joined, open_below},
};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
const CAREFUL: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);
pub(super) const PRIVATE_FILE: Mode = Mode::from_raw_mode(0o600);
const PRIVATE_DIR: Mode = Mode::from_raw_mode(0o700);

/// An open directory. Everything done through it happens in that directory, wherever it is moved meanwhile.
#[derive(Debug)]
pub struct Dir {
    pub(super) fd: OwnedFd,
    path: PathBuf,
    id: FileId,
    links: u64,
    /// Whether its own descriptor has been read to find the names.
    pub(super) listed: AtomicBool,
}

/// One name found in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A name that swarmlock could have made.
    Name(FileName),
    /// One that it could not: not UTF-8, shown with replacements.
    Odd(String),
}

impl Dir {
    /// Opens the directory at `path`, the last component of which must not be a link. `None` if nothing is there.
    ///
    /// # Errors
    /// If it is a link or no directory, or the kernel refuses.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        Ok(Self::open_any(path)?.map(|(dir, _)| dir))
    }

    fn open_any(path: &Path) -> Result<Option<(Self, Stat)>> {
        let flags = DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let link = rustix::fs::readlinkat(CWD, path, Vec::new()).is_ok();
                let hazard = if link { Hazard::Link } else { Hazard::NotADirectory };
                return Err(Error::Unsafe { path: path.to_owned(), hazard });
            }
            Err(errno) => return Err(Error::call("open", path, errno)),
        };
        Self::from_fd(fd, path.to_owned()).map(Some)
    }

    /// Like [`Dir::open`], and the directory must be ours alone, even to look into: one that came with a clone of a
    /// repository, or was copied without its mode, is not.
    ///
    /// # Errors
    /// Also if another user owns it, or its mode gives others anything.
    pub fn open_private(path: &Path) -> Result<Option<Self>> {
        let Some((dir, stat)) = Self::open_any(path)? else { return Ok(None) };
        let open_to_others =
            Some(Hazard::LoosePermissions(stat.st_mode & 0o7777)).filter(|_| stat.st_mode & 0o077 != 0);
        match ownership_hazard(&stat).or(open_to_others) {
            Some(hazard) => Err(Error::Unsafe { path: path.to_owned(), hazard }),
            None => Ok(Some(dir)),
        }
    }

    pub(super) fn from_fd(fd: OwnedFd, path: PathBuf) -> Result<(Self, Stat)> {
        let stat = retry_on_intr(|| rustix::fs::fstat(&fd)).map_err(|errno| Error::call("fstat", &path, errno))?;
        #[expect(clippy::useless_conversion, reason = "narrower on other machines")]
        let links = u64::from(stat.st_nlink);
        Ok((Self { fd, path, id: file_id(&stat), links, listed: AtomicBool::new(false) }, stat))
    }

    /// Where the directory was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which directory this is.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// How many links it had when it was opened: on many file systems two, and one for each directory in it.
    #[must_use]
    pub fn links(&self) -> u64 {
        self.links
    }

    /// Whether it certainly had directories in it when it was opened; some file systems do not tell.
    #[must_use]
    pub fn has_subdirs(&self) -> bool {
        self.links > 2
    }

    /// Opens a directory below this one, each component of `at` by name; `None` if it is not there.
    ///
    /// The levels on the way are looked at by name after they were passed. In a directory that is ours alone to write
    /// nobody else can exchange a level, so what is seen there is what was passed.
    ///
    /// # Errors
    /// If a component is a link, no directory or a mount, or it is not ours alone to write.
    pub fn subdir(&self, at: &[&FileName]) -> Result<Option<Self>> {
        let Some(dir) = self.subdir_beyond(at)? else { return Ok(None) };
        for passed in 1..at.len() {
            if self.links_of(at.get(..passed).unwrap_or_default())?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(dir))
    }

    /// Like [`Dir::subdir`], for a caller that looks at the levels on the way itself, by [`Dir::links_of`].
    ///
    /// # Errors
    /// Those of [`Dir::subdir`], but for a level on the way that is not ours alone to write.
    pub fn subdir_beyond(&self, at: &[&FileName]) -> Result<Option<Self>> {
        let fd = match self.open_at(at, DIRECTORY, Mode::empty()) {
            Ok(fd) => fd,
            Err(error) if error.is_absent() => return Ok(None),
            // Which level it is, the kernel does not say.
            Err(Error::Unsafe { .. }) if at.len() > 1 => return self.subdir_by_levels(at),
            Err(error) => return Err(error),
        };
        let (dir, stat) = Self::from_fd(fd, self.below(at))?;
        match ownership_hazard(&stat) {
            Some(hazard) => Err(Error::Unsafe { path: dir.path, hazard }),
            None => Ok(Some(dir)),
        }
    }

    fn subdir_by_levels(&self, at: &[&FileName]) -> Result<Option<Self>> {
        let mut below: Option<Self> = None;
        for name in at {
            match below.as_ref().unwrap_or(self).subdir(&[name])? {
                Some(next) => below = Some(next),
                None => return Ok(None),
            }
        }
        Ok(below)
    }

    /// Whether certainly nothing stands at `at`, looked at by name in one call; the levels before it are not looked at.
    #[must_use]
    pub fn is_absent(&self, at: &[&FileName]) -> bool {
        let found = retry_on_intr(|| rustix::fs::statat(&self.fd, joined(at), AtFlags::SYMLINK_NOFOLLOW));
        matches!(found, Err(Errno::NOENT))
    }

    /// How many links the directory at `at` has, which is looked at by name and not opened; `None` if it is not there.
    /// That it is no mount only opening tells, and the levels before it are not looked at.
    ///
    /// # Errors
    /// If something else stands there, or it is not ours alone to write.
    pub fn links_of(&self, at: &[&FileName]) -> Result<Option<u64>> {
        let path = || self.below(at);
        let stat = match retry_on_intr(|| rustix::fs::statat(&self.fd, joined(at), AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Error::call("lstat", path(), errno)),
        };
        let hazard = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => ownership_hazard(&stat),
            FileType::Symlink => Some(Hazard::Link),
            FileType::RegularFile
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Some(Hazard::NotADirectory),
        };
        #[expect(clippy::useless_conversion, reason = "narrower on other machines")]
        let links = u64::from(stat.st_nlink);
        hazard.map_or(Ok(Some(links)), |hazard| Err(Error::Unsafe { path: path(), hazard }))
    }

    /// Opens the directory `name` in this one, making it (0700) if nothing is there.
    ///
    /// # Errors
    /// Those of [`Dir::subdir`], and if it cannot be made.
    pub fn ensure_subdir(&self, name: &FileName) -> Result<Self> {
        if let Some(dir) = self.subdir(&[name])? {
            return Ok(dir);
        }
        match self.create_subdir(name) {
            Err(error) if error.is_occupied() => {}
            done => return done,
        }
        self.subdir(&[name])?.ok_or_else(|| self.failed("mkdir", name, Errno::NOENT))
    }

    /// Makes the new directory `name` (0700, whatever the umask).
    ///
    /// # Errors
    /// `EEXIST` if something has that name.
    pub fn create_subdir(&self, name: &FileName) -> Result<Self> {
        retry_on_intr(|| rustix::fs::mkdirat(&self.fd, name.as_str(), PRIVATE_DIR))
            .map_err(|errno| self.failed("mkdir", name, errno))?;
        let Some(dir) = self.subdir(&[name])? else {
            return Err(self.failed("mkdir", name, Errno::NOENT));
        };
        retry_on_intr(|| rustix::fs::fchmod(&dir.fd, PRIVATE_DIR)).map_err(|e| self.failed("fchmod", name, e))?;
        Ok(dir)
    }

    /// Opens a regular file below this directory for reading; `None` if it is not there.
    ///
    /// # Errors
    /// If it is not a regular file, not ours alone to write, or has several names.
    pub fn open_file(&self, at: &[&FileName]) -> Result<Option<File>> {
        self.file(at, OFlags::RDONLY)
    }

    /// Like [`Dir::open_file`], for reading and overwriting.
    ///
    /// # Errors
    /// Those of [`Dir::open_file`].
    pub fn open_writable(&self, at: &[&FileName]) -> Result<Option<File>> {
        self.file(at, OFlags::RDWR)
    }

    /// Opens `name` for reading and appending, made (0600) if it is not there.
    ///
    /// # Errors
    /// Those of [`Dir::open_file`], and if it cannot be made.
    pub fn open_append(&self, name: &FileName) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::APPEND | CAREFUL;
        if let Some(file) = self.file(&[name], flags)? {
            return Ok(file);
        }
        let fd = self.open_at(&[name], flags | OFlags::CREATE, PRIVATE_FILE)?;
        let file = File::checked(fd, self.path.join(name.as_str()))?;
        retry_on_intr(|| rustix::fs::fchmod(&file, PRIVATE_FILE)).map_err(|e| self.failed("fchmod", name, e))?;
        Ok(file)
    }

    fn file(&self, at: &[&FileName], flags: OFlags) -> Result<Option<File>> {
        match self.open_at(at, flags | CAREFUL, Mode::empty()) {
            Ok(fd) => File::checked(fd, self.below(at)).map(Some),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn below(&self, at: &[&FileName]) -> PathBuf {
        let length = at.iter().map(|name| name.as_str().len() + 1).sum::<usize>();
        let mut path = PathBuf::with_capacity(self.path.as_os_str().len() + length);
        path.push(&self.path);
        path.extend(at.iter().map(|name| name.as_str()));
        path
    }

    pub(super) fn open_at(&self, at: &[&FileName], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        open_below(self.fd.as_fd(), self.id.dev, &self.path, at, flags, mode)
    }

    /// Reads a regular file of at most `limit` bytes into `buffer`; `None` if it is not there.
    ///
    /// # Errors
    /// Those of [`Dir::open_file`], and [`Error::TooLarge`].
    pub fn read_into(&self, at: &[&FileName], limit: usize, buffer: &mut Vec<u8>) -> Result<Option<FileId>> {
        let Some(file) = self.open_file(at)? else { return Ok(None) };
        file.read_into(0, limit, buffer)?;
        Ok(Some(file.id()))
    }

    /// Reads a regular file of at most `limit` bytes; `None` if it is not there.
    ///
    /// # Errors
    /// Those of [`Dir::read_into`].
    pub fn read(&self, at: &[&FileName], limit: usize) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        Ok(self.read_into(at, limit, &mut bytes)?.map(|_| bytes))
    }

    /// What stands under `name`, without opening it; `None` if nothing does.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn look(&self, name: &FileName) -> Result<Option<Meta>> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        match retry_on_intr(|| rustix::fs::statx(&self.fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW, wanted)) {
            Ok(found) => {
                let born = found.stx_btime;
                let kept = found.stx_mask & StatxFlags::BTIME.bits() != 0;
                let born_ns = u64::try_from(born.tv_sec)
                    .ok()
                    .and_then(|s| s.checked_mul(1_000_000_000)?.checked_add(u64::from(born.tv_nsec)));
                Ok(Some(Meta {
                    id: FileId {
                        dev: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
                        ino: found.stx_ino,
                    },
                    regular: FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile,
                    size: found.stx_size,
                    born_ns: born_ns.filter(|_| kept),
                }))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed("statx", name, errno)),
        }
    }

    pub(super) fn failed(&self, call: &'static str, name: &FileName, errno: Errno) -> Error {
        Error::call(call, self.path.join(name.as_str()), errno)
    }
}
