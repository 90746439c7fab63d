//! `.guard`: the flock that every change holds, and the line in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Error, Event, FORMAT, Result, StateDir, era::LARGEST, layout, messages::PLAUSIBLE};
use crate::fs::{self, File, Flocked, Meta};

/// Width of the line in bytes: it is overwritten in place, by one call.
pub(super) const WIDTH: usize = 2048;

/// The counter, and the change that was under way when the line was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    v: u64,
    pub(super) era: u64,
    /// The next number.
    pub(super) next: u64,
    pub(super) change: Option<Change>,
}

/// A change announced: it may have happened or not, and its event may have been written or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Change {
    /// Whether it removes its file; else it writes one that carries its number.
    pub(super) removes: bool,
    pub(super) event: Event,
}

impl Line {
    pub(super) fn new(era: u64, next: u64, change: Option<Change>) -> Self {
        Self { v: FORMAT, era, next, change }
    }

    /// The line as it stands in the file: JSON, blanks, a newline. Free text that does not fit is left out.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut line = self.clone();
        for cut in 0..4 {
            if let Some(change) = &mut line.change {
                match cut {
                    0 => {}
                    1 => change.event.reason = None,
                    2 => change.event.resources.clear(),
                    _ => change.event.resource = None,
                }
            }
            let mut bytes = serde_json::to_vec(&line).ok()?;
            if bytes.len() < WIDTH {
                bytes.resize(WIDTH - 1, b' ');
                bytes.push(b'\n');
                return Some(bytes);
            }
        }
        None
    }
}

/// The guard, held.
#[derive(Debug)]
pub(super) struct Guard {
    file: File,
    pub(super) meta: Meta,
}

impl Guard {
    /// Takes the guard, waiting up to `limit`.
    pub(super) fn enter(state: &StateDir, limit: Duration) -> Result<Self> {
        let Some(file) = state.dir().open_writable(&[&layout::GUARD])? else {
            return Err(Error::NoGuard { path: state.path().to_owned() });
        };
        if file.flock(limit)? == Flocked::Busy {
            let holder = fs::flock_holder(&file);
            return Err(Error::Busy { path: file.path().to_owned(), holder, waited: limit });
        }
        let meta = in_place(state, &file)?;
        Ok(Self { file, meta })
    }

    /// Fails unless the guard and the state directory are still what their names show.
    pub(super) fn check(&self, state: &StateDir) -> Result<()> {
        in_place(state, &self.file).map(|_| ())
    }

    /// The line, if it is one.
    pub(super) fn line(&self) -> Result<Option<Line>> {
        let mut bytes = Vec::new();
        match self.file.read_into(0, layout::DOCUMENT_LIMIT, &mut bytes) {
            Ok(()) => Ok(serde_json::from_slice(&bytes).ok().filter(|line: &Line| line.v == FORMAT)),
            Err(fs::Error::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn set_line(&self, line: &Line) -> Result<()> {
        let bytes = line.to_bytes().ok_or_else(|| Error::Damaged {
            path: self.file.path().to_owned(),
            why: "the change does not fit its line".to_owned(),
        })?;
        Ok(self.file.overwrite_start(&bytes)?)
    }
}

impl StateDir {
    /// A number that no message of ours reaches, for who looks without the guard. A line with this one or a larger one was
    /// written by others; where the guard does not tell its counter, one that is larger than any number.
    #[must_use]
    pub fn beyond_messages(&self) -> u64 {
        let line = self.dir().read(&[&layout::GUARD], layout::DOCUMENT_LIMIT).ok().flatten();
        let line = line.and_then(|bytes| serde_json::from_slice::<Line>(&bytes).ok()).filter(|line| line.v == FORMAT);
        line.map_or(LARGEST, |line| line.next.saturating_add(PLAUSIBLE).min(LARGEST)).saturating_add(1)
    }
}

fn in_place(state: &StateDir, file: &File) -> Result<Meta> {
    let replaced = || Error::Replaced { path: state.path().to_owned() };
    let shown = state.dir().look(&layout::GUARD)?.ok_or_else(replaced)?;
    let (_, here) = fs::look_at(state.path())?.ok_or_else(replaced)?;
    if shown.id == file.id() && here == state.dir().id() { Ok(shown) } else { Err(replaced()) }
}

#[cfg(test)]
mod tests {
    use super::{super::kind, *};

    #[test]
    fn the_guard_of_the_example_is_read_and_rewritten_byte_for_byte() {
        let example = include_bytes!("../../.agent_locks.example/.guard");
        let line: Line = serde_json::from_slice(example).unwrap();
        assert!(line.change.is_some() && line.next > line.era);
        assert_eq!(line.to_bytes().unwrap(), example);
    }

    #[test]
    fn the_line_keeps_its_width_whatever_the_event_holds() {
        let mut event = Event::new(kind::TAKEN_OVER, 1_800_000_000_000);
        event.n = (1 << 53) - 1;
        event.file = Some(format!("paths/-/{}", "%2F".repeat(66)));
        event.by = Some("a".repeat(64));
        event.agent_id = Some("a".repeat(64));
        event.resource = Some("\u{1}".repeat(4096));
        event.reason = Some("\u{1}".repeat(1024));
        let line = Line::new((1 << 53) - 1, (1 << 53) - 1, Some(Change { removes: false, event: event.clone() }));
        let bytes = line.to_bytes().unwrap();
        assert_eq!((bytes.len(), bytes.last()), (WIDTH, Some(&b'\n')));
        let read: Line = serde_json::from_slice(&bytes).unwrap();
        let kept = read.change.unwrap().event;
        assert_eq!((kept.resource, kept.reason, kept.file), (None, None, event.file.clone()));
        event.resource = Some("src/auth.rs".to_owned());
        let line = Line::new(1, 2, Some(Change { removes: false, event }));
        let read: Line = serde_json::from_slice(&line.to_bytes().unwrap()).unwrap();
        let kept = read.change.unwrap().event;
        assert_eq!((kept.resource.as_deref(), kept.reason), (Some("src/auth.rs"), None));
    }
}
