//! What is written to this process on stdin, as far as it comes in time.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
};

use super::now;

/// How much is read at first, in bytes: most that is said is shorter, and memory costs time.
const FIRST_PIECE: usize = 4 * 1024;
/// How much is read at once after that, in bytes.
const PIECE: usize = 64 * 1024;

/// Up to this length it costs nothing to look whether it is whole, in bytes.
const CHEAP: usize = 8 * 1024;
/// How long the first of it is waited for before it is looked at what it comes from.
const FIRST: Duration = Duration::from_millis(100);

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

/// Reads stdin up to its end, at most `limit` bytes, and up to `wait` long. Whoever writes there may keep it open: it also
/// ends where `is_whole` says that this is all.
pub fn read_stdin(limit: usize, wait: Duration, is_whole: impl Fn(&[u8]) -> bool) -> Input {
    let stdin = io::stdin();
    let mut bytes = Vec::new();
    let deadline = now().mono_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let mut piece = vec![0; FIRST_PIECE];
    let end = loop {
        // Whoever reads a terminal by mistake would wait for a person.
        let left = if bytes.is_empty() { FIRST.min(wait) } else { wait };
        let left = deadline.saturating_sub(now().mono_ms).min(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        match ready(&stdin, left) {
            Ok(true) => {}
            Ok(false) if bytes.is_empty() && stdin.is_terminal() => break End::Terminal,
            Ok(false) if deadline <= now().mono_ms => break End::Late,
            Ok(false) => continue,
            Err(error) => break End::Failed(error.into()),
        }
        let length = match retry_on_intr(|| rustix::io::read(&stdin, &mut piece)) {
            Ok(0) => break End::Whole,
            Ok(length) => length,
            Err(error) => break End::Failed(error.into()),
        };
        bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
        if length == FIRST_PIECE {
            // A large one.
            piece.resize(PIECE, 0);
        }
        if bytes.len() > limit {
            break End::TooLong;
        }
        // To look at all of a long one takes longer than to see that it has ended.
        let ended = bytes.len() > CHEAP && ready(&stdin, 0).unwrap_or(false);
        if !ended && is_whole(&bytes) {
            break End::Whole;
        }
    };
    Input { bytes, end }
}

/// Whether there is something to read, or its end, within this many milliseconds.
fn ready(stdin: &io::Stdin, left_ms: u64) -> Result<bool, Errno> {
    let wait = Timespec {
        tv_sec: i64::try_from(left_ms / 1000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(left_ms % 1000 * 1_000_000).unwrap_or(0),
    };
    let mut ready = [PollFd::new(stdin, PollFlags::IN)];
    Ok(retry_on_intr(|| poll(&mut ready, Some(&wait)))? > 0)
}
