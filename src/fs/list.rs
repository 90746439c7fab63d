//! What stands in a directory.

use std::{os::fd::AsFd, sync::atomic::Ordering};

use rustix::{
    fs::{Mode, OFlags},
    io::{Errno, retry_on_intr},
};

use super::{Dir, Entry, Error, FileName, Result};

/// How many bytes of names are asked for at first, and at most: about 600 of our names, and 200,000.
const FIRST: usize = 32 * 1024;
const MOST: usize = 8 * 1024 * 1024;

impl Dir {
    /// All names in this directory, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        self.for_each_name(|bytes| {
            found.push(match std::str::from_utf8(bytes).ok().and_then(|name| FileName::new(name.to_owned())) {
                Some(name) => Entry::Name(name),
                None => Entry::Odd(String::from_utf8_lossy(bytes).into_owned()),
            });
        })?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The names in this directory that `wanted` wants, sorted; those that swarmlock could not have made are passed over.
    /// One that stood there all the time is among them, also if its file was replaced meanwhile.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(&self, mut wanted: impl FnMut(&str) -> bool) -> Result<Vec<FileName>> {
        let mut found = Vec::new();
        self.for_each_name(|bytes| {
            let name = std::str::from_utf8(bytes).ok().filter(|name| wanted(name));
            found.extend(name.and_then(|name| FileName::new(name.to_owned())));
        })?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Calls `each` with every name, with some of them perhaps more than once.
    ///
    /// Between two calls of the kernel a name may move from the part that is still to come to the part that has been read,
    /// when a rename puts another file in its place: tmpfs and btrfs do that. One call sees the directory as it is at one
    /// moment. So where that takes several, it is begun again with more room.
    fn for_each_name(&self, mut each: impl FnMut(&[u8])) -> Result<()> {
        // Reading moves the position, so the descriptor itself will do once.
        let mut room = FIRST;
        if !self.listed.swap(true, Ordering::Relaxed) {
            if self.read_names(&self.fd, room, &mut each)? {
                return Ok(());
            }
            room *= 16;
        }
        loop {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let again = retry_on_intr(|| rustix::fs::openat(&self.fd, ".", flags, Mode::empty()))
                .map_err(|errno| Error::call("openat", self.path(), errno))?;
            if self.read_names(&again, room, &mut each)? || room >= MOST {
                return Ok(());
            }
            room *= 16;
        }
    }

    /// Whether one call of the kernel was enough; if not, it is left at that unless there is no more room to be had.
    fn read_names(&self, fd: impl AsFd, room: usize, mut each: impl FnMut(&[u8])) -> Result<bool> {
        let mut buffer = Vec::with_capacity(room);
        let mut raw = rustix::fs::RawDir::new(fd, buffer.spare_capacity_mut());
        let mut calls = 0;
        loop {
            calls += usize::from(raw.is_buffer_empty());
            let entry = match raw.next() {
                // The last one said that there is no more.
                None => return Ok(calls <= 2),
                Some(Err(Errno::INTR)) => continue,
                Some(_) if calls > 1 && room < MOST => return Ok(false),
                Some(other) => other.map_err(|errno| Error::call("getdents64", self.path(), errno))?,
            };
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => each(name),
            }
        }
    }
}
