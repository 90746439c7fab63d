//! What is written to this process on stdin, as far as it comes in time.

use std::{
    io::{self, IsTerminal as _, Read as _},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
};

use super::now;

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What was read.
#[derive(Debug)]
pub struct Input {
    /// As far as it came.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub end: End,
}

/// How reading ended.
#[derive(Debug)]
pub enum End {
    /// With the end of what there is, or with what was waited for.
    Whole,
    /// There is more than may be read.
    TooLong,
    /// Nothing more came in time.
    Late,
    /// Nobody writes there: it is a terminal.
    Terminal,
    /// It cannot be read.
    Failed(io::Error),
}

/// Reads stdin up to its end, at most `limit` bytes, and up to `wait` long. Whoever writes there may keep it open: when
/// nothing more is to be had at once, `is_whole` says whether that is all.
pub fn read_stdin(limit: usize, wait: Duration, is_whole: impl Fn(&[u8]) -> bool) -> Input {
    let mut stdin = io::stdin().lock();
    let mut bytes = Vec::new();
    if stdin.is_terminal() {
        return Input { bytes, end: End::Terminal };
    }
    let deadline = now().mono_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let mut piece = vec![0; PIECE.min(limit.saturating_add(1))];
    let end = loop {
        let left = deadline.saturating_sub(now().mono_ms);
        match ready(&stdin, left) {
            Ok(true) => {}
            Ok(false) => break End::Late,
            Err(error) => break End::Failed(error.into()),
        }
        match stdin.read(&mut piece) {
            Ok(0) => break End::Whole,
            Ok(length) => bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break End::Failed(error),
        }
        if bytes.len() > limit {
            break End::TooLong;
        }
        if is_whole(&bytes) && !ready(&stdin, 0).unwrap_or(true) {
            break End::Whole;
        }
    };
    Input { bytes, end }
}

/// Whether there is something to read, or its end, within this many milliseconds.
fn ready(stdin: &io::StdinLock<'_>, left_ms: u64) -> Result<bool, Errno> {
    let wait = Timespec {
        tv_sec: i64::try_from(left_ms / 1000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(left_ms % 1000 * 1_000_000).unwrap_or(0),
    };
    let mut ready = [PollFd::new(stdin, PollFlags::IN)];
    Ok(retry_on_intr(|| poll(&mut ready, Some(&wait)))? > 0)
}
