//! `events.log`: one line a change, appended whole.

use super::{Error, Event, Result, StateDir, event::kind, layout};
use crate::fs::{Dir, File};

/// How much of the end is looked at first to find the last change, in bytes.
const TAIL: u64 = 4 * 1024;

/// How much of it is looked at last, in bytes: by then it is no log of ours.
const LONGEST_TAIL: u64 = 16 * 1024 * 1024;

/// The most that is read of the log, in bytes.
const READ_LIMIT: usize = 1 << 30;

/// The log, open for appending, and what stands at its end.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// Whether the last line lacks its end: a writer died in it, or the disk was full.
    torn: bool,
    /// The number of the last change in it.
    pub(super) last: Option<u64>,
    /// The files of which it says, after that, that they were set aside.
    pub(super) set_aside: Vec<String>,
}

/// What the end of the log says.
struct Tail {
    torn: bool,
    last: Option<u64>,
    set_aside: Vec<String>,
}

impl Log {
    /// Opens it. No change can have had a number above `plausible`.
    pub(super) fn open(dir: &Dir, plausible: u64) -> Result<Self> {
        let file = dir.open_append(&layout::EVENTS)?;
        // The last change nearly always stands in the last few lines; an unusual end is looked at further and further.
        let mut length = TAIL;
        loop {
            let tail = Self::tail(&file, length, plausible)?;
            if tail.last.is_some() || length >= file.size() || length >= LONGEST_TAIL {
                return Ok(Self { file, torn: tail.torn, last: tail.last, set_aside: tail.set_aside });
            }
            length *= 16;
        }
    }

    fn tail(file: &File, length: u64, plausible: u64) -> Result<Tail> {
        let mut bytes = Vec::new();
        file.read_into(file.size().saturating_sub(length), READ_LIMIT, &mut bytes)?;
        let torn = bytes.last().is_some_and(|last| *last != b'\n');
        let mut tail = Tail { torn, last: None, set_aside: Vec::new() };
        for line in bytes.rsplit(|byte| *byte == b'\n') {
            match serde_json::from_slice::<Event>(line) {
                Ok(event) if event.n > plausible => {}
                Ok(event) if event.n > 0 => {
                    tail.last = Some(event.n);
                    break;
                }
                Ok(event) if event.event == kind::QUARANTINED => tail.set_aside.extend(event.file),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(tail)
    }

    /// Appends one event, after the end of the line that a writer may have left open.
    pub(super) fn append(&mut self, event: &Event) -> Result<()> {
        let json = serde_json::to_vec(event)
            .map_err(|error| Error::Damaged { path: self.file.path().to_owned(), why: error.to_string() })?;
        let mut line = Vec::with_capacity(json.len() + 2);
        if self.torn {
            line.push(b'\n');
        }
        line.extend_from_slice(&json);
        line.push(b'\n');
        self.file.append(&line)?;
        self.torn = false;
        if event.n > 0 {
            self.last = Some(event.n);
        }
        Ok(())
    }
}

/// Reads the events of the log, oldest first, each with its line; lines that do not parse are counted.
///
/// # Errors
/// If the log cannot be read; a missing log is empty.
pub fn read_events(state: &StateDir) -> Result<(Vec<(Event, String)>, usize)> {
    let bytes = state.dir().read(&[&layout::EVENTS], READ_LIMIT)?.unwrap_or_default();
    let (mut events, mut odd) = (Vec::new(), 0);
    // What follows the last newline is not a line yet.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match (serde_json::from_slice(line), std::str::from_utf8(line)) {
            (Ok(event), Ok(text)) => events.push((event, text.to_owned())),
            _ => odd += 1,
        }
    }
    Ok((events, odd))
}

/// Reads the newest events of the log, oldest first: those in its last `length` bytes that can be read.
///
/// # Errors
/// If the log cannot be read; a missing log is empty.
pub fn read_last_events(state: &StateDir, length: u64) -> Result<Vec<Event>> {
    let Some(file) = state.dir().open_file(&[&layout::EVENTS])? else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    file.read_into(file.size().saturating_sub(length), READ_LIMIT, &mut bytes)?;
    // The first may be the end of a line, which is no event.
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Reads the events whose number is larger than `n`, oldest first; those without a number are passed over.
///
/// # Errors
/// If the log cannot be read; a missing log is empty.
pub fn events_after(state: &StateDir, n: u64) -> Result<Vec<Event>> {
    let Some(file) = state.dir().open_file(&[&layout::EVENTS])? else { return Ok(Vec::new()) };
    let (mut length, mut bytes) = (16 * TAIL, Vec::new());
    loop {
        file.read_into(file.size().saturating_sub(length), READ_LIMIT, &mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        let (mut oldest, mut events) = (None, Vec::new());
        for line in lines {
            // Most are older, and to parse them would take longer than all the rest.
            if oldest.is_some() && number_of(line).is_some_and(|number| number <= n) {
                continue;
            }
            let Ok(event) = serde_json::from_slice::<Event>(line) else { continue };
            oldest = oldest.or_else(|| Some(event.n).filter(|number| *number > 0));
            events.extend(Some(event).filter(|event| event.n > n));
        }
        // By the oldest of them: a line further on that is not ours hides nothing.
        let back = oldest.is_some_and(|number| number <= n);
        if length >= file.size() || back {
            return Ok(events);
        }
        length = length.saturating_mul(8);
    }
}

/// Calls `each` with every whole line of the log from `offset` on, a place between two lines; how far that came, in bytes
/// from the start. Of more than `most` bytes the first are left out, and so are they where the log is shorter than that:
/// then it is another one.
///
/// # Errors
/// If the log cannot be read; a missing log is empty.
pub fn events_from(state: &StateDir, offset: Option<u64>, most: u64, mut each: impl FnMut(&[u8])) -> Result<u64> {
    let Some(file) = state.dir().open_file(&[&layout::EVENTS])? else { return Ok(0) };
    let newest = file.size().saturating_sub(most);
    let (mut from, mut cut) = (newest, newest > 0);
    let mut bytes = Vec::new();
    if let Some(offset) = offset.filter(|offset| *offset <= file.size() && *offset >= newest) {
        // With the end of the line before it: where there is none, it is another log that has grown past it.
        file.read_into(offset.saturating_sub(1), READ_LIMIT, &mut bytes)?;
        if offset == 0 || bytes.first() == Some(&b'\n') {
            bytes.drain(..usize::from(offset > 0));
            (from, cut) = (offset, false);
        } else {
            bytes.clear();
        }
    }
    if from == newest && bytes.is_empty() {
        file.read_into(from, READ_LIMIT, &mut bytes)?;
    }
    let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(from) };
    let mut lines = bytes.get(..last).unwrap_or_default().split(|byte| *byte == b'\n');
    if cut {
        // Perhaps the end of one.
        lines.next();
    }
    lines.for_each(&mut each);
    Ok(from.saturating_add(last as u64).saturating_add(1))
}

/// The number of a line that begins with it, as ours do; the whole line may still be no event.
fn number_of(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"n\":")?;
    let digits = rest.get(..rest.iter().position(|byte| !byte.is_ascii_digit())?)?;
    let ends = rest.get(digits.len()).is_some_and(|byte| matches!(byte, b',' | b'}'));
    std::str::from_utf8(digits).ok().filter(|_| ends)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_at_the_start_is_that_of_the_event() {
        let event = Event { n: 217_464_449_974_179, ..Event::new("acquired", 0) };
        let line = serde_json::to_vec(&event).unwrap();
        assert_eq!(number_of(&line), Some(event.n));
        for other in [
            "",
            "{",
            "{\"n\":",
            "{\"n\":5",
            "{\"n\":5.5,",
            "{\"n\":-5,",
            "{\"at\":\"\",\"n\":5}",
            "{\"n\":5e3,",
            "{\"n\":,",
        ] {
            assert_eq!(number_of(other.as_bytes()), None, "{other}");
        }
    }
}
