//! Tickets in `queue/`: the places in line. The first [`STATE_WIDTH`] bytes of one are overwritten in place, so that the
//! `flock` of the process that waits with it stays; the rest never changes.

use std::cell::OnceCell;

use serde::Deserialize;

use super::{Error, Event, Logged, Result, Session, StateDir, document, guard::Change, layout};
use crate::fs::{Dir, File, FileName, Watch};

/// How many bytes at the start of a ticket say what has become of it.
pub const STATE_WIDTH: usize = 320;

/// What stands before the number in the name of a ticket.
pub const TICKET_PREFIX: &str = "t-";
const ENDING: &str = ".json";

/// The tickets in a state directory, for one look or one stay inside the guard.
#[derive(Debug)]
pub struct Tickets<'a> {
    state: &'a StateDir,
    dir: OnceCell<Dir>,
}

/// A ticket as it was read.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its place in line.
    pub number: u64,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether a process waits with it.
    pub held: bool,
}

#[derive(Deserialize)]
struct Marked {
    state: Mark,
}

#[derive(Deserialize)]
struct Mark {
    change: u64,
}

/// The file of a ticket below the state directory, as events name it.
#[must_use]
pub fn ticket_file(number: u64) -> String {
    format!("{}/{TICKET_PREFIX}{number}{ENDING}", layout::QUEUE.as_str())
}

fn name(number: u64) -> FileName {
    const NONE: FileName = FileName::literal("t-0.json");
    FileName::new(format!("{TICKET_PREFIX}{number}{ENDING}")).unwrap_or(NONE)
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(TICKET_PREFIX)?.strip_suffix(ENDING)?;
    // One file for one number.
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

/// The number of the ticket in this file below the state directory.
fn ticket_of(file: &str) -> Option<u64> {
    let (dir, name) = file.split_once('/')?;
    number(name).filter(|_| dir == layout::QUEUE.as_str())
}

impl<'a> Tickets<'a> {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, dir: OnceCell::new() }
    }

    fn dir(&self) -> Result<Option<&Dir>> {
        if self.dir.get().is_none() {
            // Not there now, it may be made in the same stay.
            let Some(found) = self.state.dir().subdir_beyond(&[&layout::QUEUE])? else { return Ok(None) };
            return Ok(Some(self.dir.get_or_init(|| found)));
        }
        Ok(self.dir.get())
    }

    /// The tickets, by number; what cannot be read as a file is left out, for it keeps nobody from anything.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn all(&self) -> Result<Vec<Ticket>> {
        let Some(dir) = self.dir()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for file in dir.names(|name| number(name).is_some())? {
            let Some(number) = number(file.as_str()) else { continue };
            let (Ok(Some(file)), mut bytes) = (dir.open_file(&[&file]), Vec::new()) else { continue };
            if file.read_into(0, layout::CLAIM_LIMIT, &mut bytes).is_ok() {
                found.push(Ticket { number, bytes, held: file.is_flocked()? });
            }
        }
        found.sort_unstable_by_key(|ticket| ticket.number);
        Ok(found)
    }

    /// Whether the ticket that an event names is still there; `None` if it names none.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn is_there(&self, event: &Event) -> Result<Option<bool>> {
        let Some(number) = event.file.as_deref().and_then(ticket_of) else { return Ok(None) };
        match self.dir()? {
            Some(dir) => Ok(Some(dir.look(&name(number))?.is_some())),
            None => Ok(Some(false)),
        }
    }

    /// What is in the directory and is none of the tickets `known`.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn others(&self, known: impl Fn(u64) -> bool) -> Result<Vec<FileName>> {
        match self.dir()? {
            Some(dir) => Ok(dir.names(|name| !number(name).is_some_and(&known))?),
            None => Ok(Vec::new()),
        }
    }

    /// A watch on all tickets, and the name of the file with this number among them.
    ///
    /// # Errors
    /// If there is none to be had.
    pub fn watch(&self, number: u64) -> Result<Option<(Watch, FileName)>> {
        Ok(match self.dir()? {
            Some(dir) => Some((Watch::on(dir)?, name(number))),
            None => None,
        })
    }
}

impl Session<'_> {
    /// Writes a new ticket with the number of the next change; the process waits with it until it closes the file.
    ///
    /// # Errors
    /// As [`Session::put`].
    pub fn put_ticket(&mut self, bytes: &[u8], event: Event) -> Result<(File, Logged)> {
        self.complete_log()?;
        let dir = self.state.dir().ensure_subdir(&layout::QUEUE)?;
        let name = name(event.n);
        if bytes.len() > layout::CLAIM_LIMIT {
            let path = dir.path().join(name.as_str());
            return Err(Error::TooLarge { path, limit: layout::CLAIM_LIMIT });
        }
        let file = document::stage_held(&self.tmp, bytes)?;
        let done = self
            .announce(Change { removes: false, event })
            .and_then(|()| Ok(self.tmp.rename(&layout::PENDING, &dir, &name)?));
        done.inspect_err(|_| document::unstage(&self.tmp))?;
        Ok((file, self.committed()?))
    }

    /// Puts other bytes in the place of a ticket with which nobody waits; the process waits with it until it closes the
    /// file.
    ///
    /// # Errors
    /// If it cannot be written; the ticket is then as it was.
    pub fn replace_ticket(&mut self, number: u64, bytes: &[u8]) -> Result<File> {
        self.complete_log()?;
        self.check()?;
        let dir = self.state.dir().ensure_subdir(&layout::QUEUE)?;
        let file = document::stage_held(&self.tmp, bytes)?;
        let done = self.tmp.rename(&layout::PENDING, &dir, &name(number));
        done.inspect_err(|_| document::unstage(&self.tmp))?;
        Ok(file)
    }

    /// Overwrites what has become of a ticket; `event`, if there is one, carries the number that `state` names.
    ///
    /// # Errors
    /// If there is no such ticket, or as [`Session::put`].
    pub fn mark_ticket(&mut self, number: u64, state: &[u8], event: Option<Event>) -> Result<Logged> {
        let file = self.open_ticket(number)?;
        let path = || self.state.path().join(ticket_file(number));
        let Some(file) = file.filter(|file| file.size() > STATE_WIDTH as u64 && state.len() == STATE_WIDTH) else {
            return Err(Error::Damaged { path: path(), why: "it is no ticket any more".to_owned() });
        };
        match event {
            Some(event) => {
                self.complete_log()?;
                self.announce(Change { removes: false, event })?;
                file.overwrite_start(state)?;
                self.committed()
            }
            None => {
                self.check()?;
                file.overwrite_start(state)?;
                Ok(Logged::Yes)
            }
        }
    }

    /// Opens a ticket with which nobody waits, to wait with it; `None` if it is not there.
    ///
    /// # Errors
    /// If it is unsafe or cannot be opened.
    pub fn open_ticket(&self, number: u64) -> Result<Option<File>> {
        Ok(self.state.dir().open_writable(&[&layout::QUEUE, &name(number)])?)
    }

    /// Removes a ticket of whose end somebody is told.
    ///
    /// # Errors
    /// As [`Session::put`].
    pub fn remove_ticket(&mut self, number: u64, event: Event) -> Result<Logged> {
        let Some(dir) = self.state.dir().subdir_beyond(&[&layout::QUEUE])? else { return Ok(Logged::Yes) };
        self.complete_log()?;
        self.announce(Change { removes: true, event })?;
        dir.remove(&name(number))?;
        self.committed()
    }

    /// Removes a ticket that has served, or whose place is lost.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn discard_ticket(&mut self, number: u64) -> Result<()> {
        let Some(dir) = self.state.dir().subdir_beyond(&[&layout::QUEUE])? else { return Ok(()) };
        self.check()?;
        dir.remove(&name(number))?;
        Ok(())
    }

    /// Removes something from `queue/` that is no ticket.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_from_queue(&mut self, name: &FileName) -> Result<()> {
        let Some(dir) = self.state.dir().subdir_beyond(&[&layout::QUEUE])? else { return Ok(()) };
        self.check()?;
        Ok(dir.remove_tree(name)?)
    }

    /// Whether the ticket that an event names carries its number, or is gone if it was to be removed; `None` if the event
    /// names no ticket.
    pub(super) fn ticket_took_place(&self, change: &Change) -> Result<Option<bool>> {
        let Some(number) = change.event.file.as_deref().and_then(ticket_of) else { return Ok(None) };
        let read = self.state.dir().read(&[&layout::QUEUE, &name(number)], layout::CLAIM_LIMIT)?;
        Ok(Some(match read {
            None => change.removes,
            Some(bytes) => {
                let found = serde_json::from_slice::<Marked>(&bytes);
                !change.removes && found.is_ok_and(|found| found.state.change == change.event.n)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_has_one_name() {
        assert_eq!(number("t-17.json"), Some(17));
        assert_eq!(number(name(u64::MAX).as_str()), Some(u64::MAX));
        for other in ["", "t-.json", "t-017.json", "t-+1.json", "t-1", "x-1.json", "t-1.json.json", "t-1 .json"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
