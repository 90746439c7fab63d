//! Being woken when a file in a directory is written or removed.

use std::{mem::MaybeUninit, os::fd::OwnedFd, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};

use super::{Dir, Error, FileName, Result};

/// A watch on a directory. The kernel needs some 10 ms to take it off: whoever has something to say first drops it later.
#[derive(Debug)]
pub struct Watch {
    events: OwnedFd,
}

impl Watch {
    /// Watches the files in `dir` from now on.
    ///
    /// The kernel takes a path here, not a descriptor. Should another directory stand there by now, nobody is woken
    /// by it: who waits must look from time to time anyway.
    ///
    /// # Errors
    /// If the kernel refuses, or has no watch left for this user.
    pub fn on(dir: &Dir) -> Result<Self> {
        let failed = |errno| Error::call("inotify_add_watch", dir.path(), errno);
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
        let wanted = WatchFlags::MODIFY | WatchFlags::DELETE | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
        inotify::add_watch(&events, dir.path(), wanted).map_err(failed)?;
        Ok(Self { events })
    }

    /// Waits until the file `name` is written or removed, at most for `limit`; whether it was.
    ///
    /// Other files in the directory wake nobody for longer than it takes to see that; `left` tells how much of the
    /// limit is left after such a moment.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn wait(&self, name: &FileName, limit: Duration, left: impl Fn() -> Duration) -> Result<bool> {
        let failed = |call| move |errno| Error::call(call, "inotify", errno);
        let mut limit = limit;
        loop {
            let timeout = Timespec {
                tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: limit.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::new(&self.events, PollFlags::IN)], Some(&timeout)) {
                Ok(0) => return Ok(false),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("poll")(errno)),
            }
            if self.named(name).map_err(failed("read"))? {
                return Ok(true);
            }
            limit = left();
            if limit.is_zero() {
                return Ok(false);
            }
        }
    }

    /// Whether one of the events that have come is about this file, or some were lost.
    fn named(&self, name: &FileName) -> std::result::Result<bool, Errno> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.events, &mut buffer);
        let mut found = false;
        loop {
            match reader.next() {
                Ok(event) => {
                    let lost = event.events().intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED);
                    found |= lost || event.file_name().is_some_and(|file| file.to_bytes() == name.as_str().as_bytes());
                }
                Err(Errno::AGAIN) => return Ok(found),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}
