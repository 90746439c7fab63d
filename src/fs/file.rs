//! A file that has been opened and found to be what it should be.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::{
    fs::{FileType, Stat},
    io::{Errno, retry_on_intr},
};

use super::{Error, Hazard, Result};

/// Which file it is, whatever its name: device and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device number.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Device and inode.
    pub id: FileId,
    /// Whether it is a regular file.
    pub regular: bool,
    /// Size in bytes.
    pub size: u64,
    /// When the inode was made, in nanoseconds since 1970; `None` where the file system does not keep it.
    pub born_ns: Option<u64>,
}

/// An open regular file: ours, with one name, that nobody else may write.
#[derive(Debug)]
pub struct File {
    pub(super) fd: std::fs::File,
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    size: u64,
}

impl File {
    /// Takes an open descriptor, after checking what it is.
    pub(super) fn checked(fd: OwnedFd, path: PathBuf) -> Result<Self> {
        let stat = retry_on_intr(|| rustix::fs::fstat(&fd)).map_err(|errno| Error::call("fstat", &path, errno))?;
        let hazard = if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            Some(Hazard::NotAFile)
        } else if stat.st_nlink > 1 {
            Some(Hazard::HardLink)
        } else {
            ownership_hazard(&stat)
        };
        match hazard {
            Some(hazard) => Err(Error::Unsafe { path, hazard }),
            None => {
                Ok(Self { fd: fd.into(), path, id: file_id(&stat), size: u64::try_from(stat.st_size).unwrap_or(0) })
            }
        }
    }

    /// Which file this is.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Its size when it was opened, in bytes, and what was appended since.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether a name leads to it still.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn has_name(&self) -> Result<bool> {
        let stat =
            retry_on_intr(|| rustix::fs::fstat(&self.fd)).map_err(|errno| Error::call("fstat", &self.path, errno))?;
        Ok(stat.st_nlink > 0)
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `buffer` (emptied first) with the file from `offset` to its end.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if that is more than `limit` bytes.
    pub fn read_into(&self, offset: u64, limit: usize, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.clear();
        let expected = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        if expected > limit {
            return Err(Error::TooLarge { path: self.path.clone(), limit });
        }
        // One byte more than expected, so that the end is seen by the same call.
        buffer.reserve(expected.saturating_add(1));
        loop {
            let room = buffer.spare_capacity_mut().len();
            let at = offset.saturating_add(buffer.len() as u64);
            let got = retry_on_intr(|| rustix::io::pread(&self.fd, rustix::buffer::spare_capacity(buffer), at))
                .map_err(|errno| Error::call("pread", &self.path, errno))?;
            if buffer.len() > limit {
                return Err(Error::TooLarge { path: self.path.clone(), limit });
            }
            if got < room {
                return Ok(());
            }
            buffer.reserve(4096);
        }
    }

    /// Fills `buffer` (emptied first) with the `length` bytes of the file from `offset`, or those up to its end.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn read_range(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.clear();
        buffer.resize(length, 0);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let got = retry_on_intr(|| rustix::io::pread(&self.fd, &mut *rest, offset.saturating_add(filled as u64)))
                .map_err(|errno| Error::call("pread", &self.path, errno))?;
            if got == 0 {
                break;
            }
            filled = filled.saturating_add(got);
        }
        buffer.truncate(filled);
        Ok(())
    }

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// If the kernel refuses: what was written may be lost then.
    pub fn sync_data(&self) -> Result<()> {
        retry_on_intr(|| rustix::fs::fdatasync(&self.fd)).map_err(|errno| Error::call("fdatasync", &self.path, errno))
    }

    /// Overwrites the start of the file with `bytes`, in one call.
    ///
    /// # Errors
    /// If fewer bytes were written than given.
    pub fn overwrite_start(&self, bytes: &[u8]) -> Result<()> {
        match retry_on_intr(|| rustix::io::pwrite(&self.fd, bytes, 0)) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(_) => Err(Error::call("pwrite", &self.path, Errno::NOSPC)),
            Err(errno) => Err(Error::call("pwrite", &self.path, errno)),
        }
    }

    /// Appends `bytes` with one `write`. What a short write leaves behind is cut off again.
    ///
    /// The file must have been opened for appending.
    ///
    /// # Errors
    /// If the kernel refused the call or took only a part of `bytes`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match retry_on_intr(|| rustix::io::write(&self.fd, bytes)) {
            Ok(written) if written == bytes.len() => {
                self.size = self.size.saturating_add(written as u64);
                Ok(())
            }
            Ok(_) => {
                // Under the guard nobody else appends, so what stands behind the old size is ours. If cutting fails
                // too, the next to append finds a line without an end and closes it.
                match retry_on_intr(|| rustix::fs::ftruncate(&self.fd, self.size)) {
                    Ok(()) | Err(_) => Err(Error::call("write", &self.path, Errno::NOSPC)),
                }
            }
            Err(errno) => Err(Error::call("write", &self.path, errno)),
        }
    }

    /// Appends a line as [`File::append`] does, where others may append at the same moment: what was written of it stays. It
    /// begins with a line end if the last line has none.
    ///
    /// # Errors
    /// As [`File::append`].
    pub fn append_beside_others(&self, line: &[u8]) -> Result<()> {
        let mut last = Vec::new();
        if self.size > 0 {
            self.read_range(self.size.saturating_sub(1), 1, &mut last)?;
        }
        let open = last.first().is_some_and(|byte| *byte != b'\n');
        let bytes = [if open { b"\n".as_slice() } else { b"" }, line].concat();
        match retry_on_intr(|| rustix::io::write(&self.fd, &bytes)) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(_) => Err(Error::call("write", &self.path, Errno::NOSPC)),
            Err(errno) => Err(Error::call("write", &self.path, errno)),
        }
    }

    /// Writes all of `bytes` to a file just created.
    pub(super) fn write_all(fd: &OwnedFd, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match retry_on_intr(|| rustix::io::write(fd, rest)) {
                Ok(0) => return Err(Error::call("write", path, Errno::NOSPC)),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(errno) => return Err(Error::call("write", path, errno)),
            }
        }
        Ok(())
    }
}

impl AsFd for File {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

pub(super) fn file_id(stat: &Stat) -> FileId {
    FileId { dev: stat.st_dev, ino: stat.st_ino }
}

/// Whose it is and who may write to it.
pub(super) fn ownership_hazard(stat: &Stat) -> Option<Hazard> {
    // Asked once: `list` looks at every lock, and a call for each would be a fifth of its calls.
    static US: OnceLock<u32> = OnceLock::new();
    if stat.st_uid != *US.get_or_init(|| rustix::process::geteuid().as_raw()) {
        Some(Hazard::ForeignOwner(stat.st_uid))
    } else if stat.st_mode & 0o022 != 0 {
        Some(Hazard::LoosePermissions(stat.st_mode & 0o7777))
    } else {
        None
    }
}
