//! `agent_messages.log` and the older logs of messages behind it: lines appended inside the guard, read by anybody.

use std::ops::ControlFlow;

use serde::Deserialize;

use super::{Error, Result, Session, StateDir, layout};
use crate::fs::{Dir, File, FileName, Published};

/// How much is read at once at first, in bytes; each time four times as much, up to the next.
const PIECE: usize = 16 * 1024;
const LARGEST_PIECE: usize = 1024 * 1024;
/// No line is longer, in bytes: one that is was not written by us.
const LONGEST_LINE: usize = 1024 * 1024;
/// How far in front of all numbers given out a line's may lie; beyond, it was not given out by us.
pub(super) const PLAUSIBLE: u64 = 1 << 44;
/// How often a log that is on the move is looked for.
const TRIES: usize = 1000;

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// The log of messages, open to be appended to inside the guard.
#[derive(Debug)]
pub struct MessageLog {
    file: File,
    /// Whether the last line lacks its end: a writer died in it, or the disk was full.
    torn: bool,
    /// The size that it is rotated at, in bytes.
    limit: u64,
    rotated: bool,
}

/// An older log of messages.
#[derive(Debug)]
pub struct OlderLog {
    /// 1 is the youngest.
    pub age: u32,
    name: FileName,
}

impl Session<'_> {
    /// Opens the log of messages, to be rotated before it would be larger than `limit` bytes.
    ///
    /// # Errors
    /// If it is unsafe or cannot be opened.
    pub fn message_log(&self, limit: u64) -> Result<MessageLog> {
        let file = self.state.dir().open_append(&layout::MESSAGES)?;
        let mut end = Vec::new();
        file.read_range(file.size().saturating_sub(1), 1, &mut end)?;
        Ok(MessageLog { torn: end.last().is_some_and(|last| *last != b'\n'), file, limit, rotated: false })
    }

    /// The number of the next message: never given out before, and larger than that of the newest line of the log.
    ///
    /// # Errors
    /// [`Error::Exhausted`], or if the guard cannot be written or the log not be read.
    pub fn reserve_message(&mut self) -> Result<u64> {
        let newest = self.newest_message()?;
        self.reserve_above(newest)
    }

    /// A number above those of all messages that we have written, and not above that of the next one. A line with a
    /// larger one is not ours.
    ///
    /// # Errors
    /// Those of [`Session::reserve_message`].
    pub fn messages_end(&self) -> Result<u64> {
        Ok(self.number()?.max(self.newest_message()?.saturating_add(1)))
    }

    /// The number of the newest line of the log that may be ours; 0 if there is none.
    fn newest_message(&self) -> Result<u64> {
        let plausible = self.number()?.saturating_add(PLAUSIBLE);
        let mut newest = 0;
        messages_backwards(self.state, |line| {
            newest = serde_json::from_slice(line).map_or(0, |line: Numbered| line.seq);
            if newest == 0 || newest > plausible { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(if newest > plausible { 0 } else { newest })
    }

    /// Appends one line (JSON without a newline), after rotating if that is due.
    ///
    /// # Errors
    /// If it could not be written: then the log is as it was.
    pub fn append_message(&mut self, log: &mut MessageLog, json: &[u8]) -> Result<()> {
        self.check()?;
        let mut line = Vec::with_capacity(json.len() + 2);
        if log.torn {
            line.push(b'\n');
        }
        line.extend_from_slice(json);
        line.push(b'\n');
        if log.file.size() > 0 && log.file.size().saturating_add(line.len() as u64) > log.limit {
            self.rotate(log)?;
            if line.first() == Some(&b'\n') {
                line.remove(0);
            }
        }
        if log.file.size() == 0 {
            // Before anything stands in it: whoever appends after us, and is done before us, goes by the file only.
            self.state.dir().sync()?;
        }
        log.file.append(&line)?;
        log.torn = false;
        Ok(())
    }

    fn rotate(&self, log: &mut MessageLog) -> Result<()> {
        let dir = self.state.dir();
        // Whoever writes to it has let go of the guard, and may not have made its lines durable yet; that goes by the
        // file. Names are made so before the first line of the new one.
        log.file.sync_data()?;
        let ages: Vec<u32> = older_logs(dir)?.into_iter().map(|older| older.age).collect();
        let free = (1..).find(|age| !ages.contains(age)).unwrap_or(u32::MAX);
        for age in (1..free).rev() {
            shift(dir, &name_of(age), &name_of(age.saturating_add(1)))?;
        }
        shift(dir, &layout::MESSAGES, &name_of(1))?;
        log.file = dir.open_append(&layout::MESSAGES)?;
        log.rotated = true;
        Ok(())
    }

    /// Removes an older log.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_older_log(&mut self, older: &OlderLog) -> Result<()> {
        self.check()?;
        self.state.dir().remove(&older.name)?;
        Ok(())
    }
}

fn shift(dir: &Dir, from: &FileName, to: &FileName) -> Result<()> {
    match dir.publish(from, dir, to)? {
        Published::Done => Ok(()),
        Published::Occupied => {
            let path = dir.path().join(to.as_str());
            Err(Error::Damaged { path, why: "it appeared without the guard".to_owned() })
        }
    }
}

impl MessageLog {
    /// Whether it was rotated since it was opened.
    #[must_use]
    pub fn was_rotated(&self) -> bool {
        self.rotated
    }

    /// Makes what was appended survive a power cut. Needs no guard, and should not hold it.
    ///
    /// # Errors
    /// If the kernel refuses: the lines are there, but may be lost.
    pub fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}

/// The name of the log of this age; 0 is the one that is written to.
fn name_of(age: u32) -> FileName {
    if age == 0 {
        return layout::MESSAGES;
    }
    // It is one component by construction.
    FileName::new(format!("{}.{age}", layout::MESSAGES.as_str())).unwrap_or(layout::MESSAGES)
}

fn age_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(layout::MESSAGES.as_str())?.strip_prefix('.')?;
    digits.parse().ok().filter(|age: &u32| *age > 0 && age.to_string() == digits)
}

/// The older logs, the youngest first.
fn older_logs(dir: &Dir) -> Result<Vec<OlderLog>> {
    let names = dir.names(|name| age_of(name).is_some())?;
    let mut older: Vec<OlderLog> =
        names.into_iter().filter_map(|name| Some(OlderLog { age: age_of(name.as_str())?, name })).collect();
    older.sort_unstable_by_key(|older| older.age);
    Ok(older)
}

impl StateDir {
    /// The older logs of messages, the youngest first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn older_message_logs(&self) -> Result<Vec<OlderLog>> {
        older_logs(self.dir())
    }

    /// Calls `each` with every whole line of an older log, the newest first, until it breaks.
    ///
    /// # Errors
    /// If it is unsafe or cannot be read.
    pub fn read_older_log(&self, older: &OlderLog, each: impl FnMut(&[u8]) -> ControlFlow<()>) -> Result<()> {
        match self.dir().open_file(&[&older.name])? {
            Some(file) => backwards(&file, each).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// Calls `each` with every whole line of all logs of messages, the newest first, until it breaks. Takes no guard: what is
/// appended meanwhile is not seen, and a rotation meanwhile neither hides a line nor shows one twice.
///
/// # Errors
/// If a log is unsafe or cannot be read.
pub fn messages_backwards(state: &StateDir, mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> Result<()> {
    let dir = state.dir();
    // The last one stays open, so that no other file gets its inode number meanwhile.
    let (mut last, mut age) = (None, 0);
    while let Some((at, file)) = behind(dir, last.as_ref(), age)? {
        if backwards(&file, &mut each)?.is_break() {
            return Ok(());
        }
        (last, age) = (Some(file), at);
    }
    Ok(())
}

/// The log right behind `last`, which stood at `age` before, with its age; the youngest if there is no last one.
///
/// Logs only ever move on by one age, the oldest first, and keep their order. So whoever looks at one age after the other
/// upwards comes across each; and while `last` stays where it is, no log behind it moves twice.
fn behind(dir: &Dir, last: Option<&File>, age: u32) -> Result<Option<(u32, File)>> {
    let Some(last) = last else { return first_from(dir, 0) };
    let mut age = age;
    for _ in 0..TRIES {
        let Some(now) = age_now(dir, last, age)? else {
            // If it has been removed meanwhile, so has all that is older.
            if !last.has_name()? {
                return Ok(None);
            }
            continue;
        };
        let next = first_from(dir, now.saturating_add(1))?;
        if is_at(dir, last, now)? {
            return Ok(next);
        }
        age = now;
    }
    // Somebody has put it elsewhere.
    Ok(None)
}

/// The first log of this age or a larger one.
fn first_from(dir: &Dir, from: u32) -> Result<Option<(u32, File)>> {
    let open = |age: u32| Ok::<_, Error>(dir.open_file(&[&name_of(age)])?.map(|file| (age, file)));
    if let Some(found) = open(from)? {
        return Ok(Some(found));
    }
    for age in ages_from(dir, from)? {
        if let Some(found) = open(age)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The age that this log has now, which is this one or larger; `None` if it was not come across.
fn age_now(dir: &Dir, log: &File, from: u32) -> Result<Option<u32>> {
    if is_at(dir, log, from)? {
        return Ok(Some(from));
    }
    for age in ages_from(dir, from)? {
        if is_at(dir, log, age)? {
            return Ok(Some(age));
        }
    }
    Ok(None)
}

fn is_at(dir: &Dir, log: &File, age: u32) -> Result<bool> {
    Ok(dir.look(&name_of(age))?.is_some_and(|meta| meta.id == log.id()))
}

/// The ages larger than `from` at which a log stands, or may soon. A log that is renamed while the names are read may be
/// missing in them, but not twice.
fn ages_from(dir: &Dir, from: u32) -> Result<Vec<u32>> {
    let mut ages = vec![from, from.saturating_add(1)];
    for _ in 0..2 {
        ages.extend(older_logs(dir)?.into_iter().map(|older| older.age));
    }
    let moved: Vec<u32> = ages.iter().map(|age| age.saturating_add(1)).collect();
    ages.extend(moved);
    ages.retain(|age| *age > from);
    ages.sort_unstable();
    ages.dedup();
    Ok(ages)
}

/// The lines of one file, the newest first. What follows the last newline is not a line yet.
fn backwards(file: &File, mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> Result<ControlFlow<()>> {
    let (mut end, mut piece) = (file.size(), PIECE);
    let mut buffer = Vec::new();
    // The beginning of the line that the last piece began in the middle of; `None` before the first newline is seen.
    let mut rest: Option<Vec<u8>> = None;
    while end > 0 {
        let start = end.saturating_sub(piece as u64);
        file.read_range(start, usize::try_from(end - start).unwrap_or(piece), &mut buffer)?;
        let mut parts = from_the_end(&buffer);
        let last = parts.next().unwrap_or_default();
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            // No newline in all of it.
            rest = rest.map(|rest| [last, &rest].concat()).filter(|rest| rest.len() <= LONGEST_LINE);
        } else {
            if let Some(rest) = rest.take() {
                let line = [last, &rest].concat();
                if !line.is_empty() && each(&line).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    rest = Some(part.to_vec());
                } else if !part.is_empty() && each(part).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        end = start;
        piece = piece.saturating_mul(4).min(LARGEST_PIECE);
    }
    Ok(match rest {
        Some(line) if !line.is_empty() => each(&line),
        Some(_) | None => ControlFlow::Continue(()),
    })
}

/// What stands between newlines, the last first.
fn from_the_end(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = left?;
        let newline = memchr::memrchr(b'\n', bytes);
        left = newline.map(|at| bytes.split_at(at).0);
        bytes.get(newline.map_or(0, |at| at + 1)..)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{Stamp, Sync};

    fn lines_of(bytes: &[u8]) -> Vec<Vec<u8>> {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open(temp.path()).unwrap().unwrap();
        dir.create(&layout::MESSAGES, bytes, Sync::Volatile, Stamp::Now).unwrap();
        let file = dir.open_file(&[&layout::MESSAGES]).unwrap().unwrap();
        let mut lines = Vec::new();
        let all = backwards(&file, |line| {
            lines.push(line.to_vec());
            ControlFlow::Continue(())
        });
        assert!(all.unwrap().is_continue());
        lines.reverse();
        lines
    }

    #[test]
    fn every_whole_line_is_read_wherever_the_pieces_end() {
        for width in [1, 7, 100, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            for count in [0, 1, 2, 3, 50] {
                let lines: Vec<Vec<u8>> = (0..count).map(|at| vec![b'a' + at % 26; width]).collect();
                let mut bytes: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
                assert_eq!(lines_of(&bytes), lines, "{count} of {width}");
                bytes.extend_from_slice(b"half a li");
                assert_eq!(lines_of(&bytes), lines, "{count} of {width} and half of one");
            }
        }
        assert_eq!(lines_of(b"\n\na\n\nb\n\n"), [b"a", b"b"]);
    }

    #[test]
    fn what_is_longer_than_any_line_is_passed_over() {
        let long = vec![b'x'; 9 * 1024 * 1024];
        let bytes = [b"first\n".as_slice(), &long, b"\nlast\n"].concat();
        let lines = lines_of(&bytes);
        assert_eq!(lines.first().map(Vec::as_slice), Some(b"first".as_slice()));
        assert_eq!(lines.last().map(Vec::as_slice), Some(b"last".as_slice()));
        assert!(lines.iter().all(|line| line.len() <= LARGEST_PIECE * 2), "it is not kept as a whole");
    }

    #[test]
    fn ages_are_numbers_as_we_write_them() {
        assert_eq!(age_of("agent_messages.log.12"), Some(12));
        for other in ["agent_messages.log", "agent_messages.log.", "agent_messages.log.0", "agent_messages.log.01"] {
            assert_eq!(age_of(other), None, "{other}");
        }
        assert_eq!(age_of("agent_messages.log.1.gz"), None);
    }
}
