//! A stay inside the guard: the only way to change anything in the state directory.

use std::{rc::Rc, time::Duration};

use serde::Deserialize;

use super::{
    Beats, ClaimKey, Claims, Error, Event, Machine, Result, StateDir, Tickets, document,
    era::{End, EraFile, LARGEST, Standing},
    event::kind,
    guard::{Change, Guard, Line},
    journal::Log,
    layout,
};
use crate::fs::{Dir, Error as FsError, FileName, Published, Stamp, Sync};

/// How a session is entered.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The machine that this runs on, and its wall clock.
    pub machine: &'a Machine,
    /// How long to wait for the guard.
    pub wait: Duration,
    /// Says what is wrong with a claim, `None` if it is sound. Asked once, when an era begins.
    pub damage: &'a dyn Fn(&ClaimKey, &[u8]) -> Option<String>,
}

/// Whether a claim must be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Nothing may stand under its name.
    New,
    /// It replaces what stands there.
    Replace,
}

/// Whether the event of a change that took place has been written.
#[derive(Debug)]
#[must_use]
pub enum Logged {
    /// It has.
    Yes,
    /// It could not be, for this reason; the next change completes the log first.
    Later(Error),
    /// It has; but a file that counts for nothing any more could not be removed. `cleanup` tries again.
    Untidy(Error),
}

/// The guard, held; with the era, the counter and the log as they stand.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) state: &'a StateDir,
    pub(super) guard: Guard,
    claims: Rc<Claims<'a>>,
    beats: Rc<Beats<'a>>,
    tickets: Rc<Tickets<'a>>,
    era: EraFile,
    same_boot: bool,
    next: u64,
    pub(super) tmp: Dir,
    log: Log,
    /// The last change of this session, while its event is not written.
    unlogged: Option<Change>,
}

#[derive(Deserialize)]
struct Numbered {
    change: u64,
}

impl<'a> Session<'a> {
    /// Enters the guard; begins an era if the one on record is over; completes the log if its last change is missing.
    ///
    /// # Errors
    /// If the guard is busy or gone, anything needed is damaged or unsafe, or the log cannot be completed.
    pub fn enter(state: &'a StateDir, entry: Entry<'_>) -> Result<Self> {
        let guard = Guard::enter(state, entry.wait)?;
        let tmp = state.dir().ensure_subdir(&layout::TMP)?;
        let era = EraFile::read(state.dir())?;
        let sound = |line: &Line| {
            let announced = |change: &Change| change.event.n.checked_add(1) == Some(line.next);
            let counts = line.next > era.era && line.next <= LARGEST + 1;
            line.era == era.era && counts && line.change.as_ref().is_none_or(announced)
        };
        let line = guard.line()?.filter(sound);
        let clock = entry.machine.number();
        // A number in the log that was never given out would hide events that are missing.
        let plausible = line.as_ref().map_or(LARGEST, |line| line.next.max(clock));
        let log = Log::open(state.dir(), plausible)?;
        let standing = era.standing(&guard.meta, entry.machine)?;
        // Without a sound line the log tells how far the numbers have come, but for one event that may be missing.
        let counted = line.as_ref().map_or_else(|| log.last.unwrap_or(0).max(era.era) + 2, |line| line.next);
        // With the clock in every number, those given out while another directory stood here are not repeated.
        let next = counted.max(clock);
        let same_boot = standing == Standing::Current && entry.machine.own_clock;
        let unlogged = line.and_then(|line| line.change).filter(|change| log.last.is_none_or(|n| n < change.event.n));
        let (claims, beats) = (Rc::new(Claims::new(state)), Rc::new(Beats::new(state)));
        let tickets = Rc::new(Tickets::new(state));
        let mut session = Self { state, guard, claims, beats, tickets, era, same_boot, next, tmp, log, unlogged };
        session.complete_log()?;
        if let Standing::Over(end) = standing {
            session.begin_era(entry, counted - 1, end)?;
        } else if session.log.last.is_some_and(|last| last < session.era.era) {
            // Whoever began it was killed, or its disk full. The first era of a directory has no event.
            session.log.append(&Event { completed: true, ..session.era.event() })?;
        }
        Ok(session)
    }

    /// The claims as they stand.
    #[must_use]
    pub fn claims(&self) -> Rc<Claims<'a>> {
        Rc::clone(&self.claims)
    }

    /// The beats as they stand.
    #[must_use]
    pub fn beats(&self) -> Rc<Beats<'a>> {
        Rc::clone(&self.beats)
    }

    /// The tickets as they stand.
    #[must_use]
    pub fn tickets(&self) -> Rc<Tickets<'a>> {
        Rc::clone(&self.tickets)
    }

    /// The number of the current era.
    #[must_use]
    pub fn era(&self) -> u64 {
        self.era.era
    }

    /// Whether the era is of this boot of this machine, so that monotonic times compare.
    #[must_use]
    pub fn same_boot(&self) -> bool {
        self.same_boot
    }

    /// The number that the next change will have.
    ///
    /// # Errors
    /// [`Error::Exhausted`].
    pub fn number(&self) -> Result<u64> {
        if self.next <= LARGEST { Ok(self.next) } else { Err(self.exhausted()) }
    }

    /// Writes a claim; `event` carries the number that its content names as `change`.
    ///
    /// # Errors
    /// If it could not be written: then nothing has changed. After [`Error::Replaced`] it may have been written to a
    /// directory that is not the state directory any more.
    pub fn put(&mut self, key: &ClaimKey, bytes: &[u8], put: Put, stamp: Stamp, event: Event) -> Result<Logged> {
        self.complete_log()?;
        let dir = self.claims.ensure(key.place())?;
        too_large(&dir, key, bytes)?;
        document::stage(&self.tmp, bytes, Sync::Volatile, stamp)?;
        let done = self.announce(Change { removes: false, event }).and_then(|()| match put {
            Put::Replace => Ok(self.tmp.rename(&layout::PENDING, &dir, key.name())?),
            Put::New => match self.tmp.publish(&layout::PENDING, &dir, key.name())? {
                Published::Done => Ok(()),
                Published::Occupied => {
                    let path = dir.path().join(key.name().as_str());
                    Err(Error::Damaged { path, why: "it appeared without the guard".to_owned() })
                }
            },
        });
        done.inspect_err(|_| document::unstage(&self.tmp))?;
        self.committed()
    }

    /// The number of the next change, never to be given out again although the change is not announced yet.
    ///
    /// # Errors
    /// [`Error::Exhausted`], or if the guard cannot be written.
    pub fn reserve(&mut self) -> Result<u64> {
        self.complete_log()?;
        let number = self.number()?;
        self.guard.set_line(&Line::new(self.era.era, number + 1, None))?;
        self.next = number + 1;
        Ok(number)
    }

    /// The same, and larger than `floor`.
    pub(super) fn reserve_above(&mut self, floor: u64) -> Result<u64> {
        self.next = self.next.max(floor.saturating_add(1));
        self.reserve()
    }

    pub(super) fn log_event(&mut self, event: &Event) -> Result<()> {
        self.log.append(event)
    }

    /// Writes a claim that counts for nothing by itself; no event tells of it. What it makes count is the last claim
    /// of its lease, written by [`Session::put`].
    ///
    /// # Errors
    /// As [`Session::put`].
    pub fn put_part(&mut self, key: &ClaimKey, bytes: &[u8], stamp: Stamp) -> Result<()> {
        let dir = self.claims.ensure(key.place())?;
        too_large(&dir, key, bytes)?;
        document::stage(&self.tmp, bytes, Sync::Volatile, stamp)?;
        let done =
            self.guard.check(self.state).and_then(|()| Ok(self.tmp.rename(&layout::PENDING, &dir, key.name())?));
        done.inspect_err(|_| document::unstage(&self.tmp))
    }

    /// Removes a claim that counts for nothing any more.
    ///
    /// # Errors
    /// As [`Session::put`].
    pub fn remove_part(&mut self, key: &ClaimKey) -> Result<()> {
        let dir = self.claims.ensure(key.place())?;
        self.guard.check(self.state)?;
        dir.remove(key.name())?;
        Ok(())
    }

    /// Writes the beat of the agent with this id over its last one.
    ///
    /// # Errors
    /// If it is too long for its line, or cannot be written.
    pub fn write_beat(&mut self, agent: &FileName, json: Vec<u8>) -> Result<()> {
        let path = || self.state.path().join(layout::BEATS.as_str()).join(agent.as_str());
        let line =
            super::beats::line(json).ok_or_else(|| Error::TooLarge { path: path(), limit: super::beats::WIDTH })?;
        match self.beats.open_writable(agent) {
            Ok(Some(file)) if file.size() == line.len() as u64 => Ok(file.overwrite_start(&line)?),
            Err(Error::Fs(error @ FsError::Call { .. })) if !error.is_denied() => Err(error.into()),
            // Whatever else stands there is replaced, never followed.
            Ok(_) | Err(_) => {
                let dir = self.state.dir().ensure_subdir(&layout::BEATS)?;
                document::stage(&self.tmp, &line, Sync::Volatile, Stamp::Now)?;
                let done = self.tmp.rename(&layout::PENDING, &dir, agent);
                Ok(done.inspect_err(|_| document::unstage(&self.tmp))?)
            }
        }
    }

    /// Removes the beat of an agent.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_beat(&mut self, agent: &FileName) -> Result<()> {
        let dir = self.state.dir().ensure_subdir(&layout::BEATS)?;
        dir.remove(agent)?;
        Ok(())
    }

    /// Removes a claim.
    ///
    /// # Errors
    /// As [`Session::put`].
    pub fn remove(&mut self, key: &ClaimKey, event: Event) -> Result<Logged> {
        self.complete_log()?;
        let dir = self.claims.ensure(key.place())?;
        self.announce(Change { removes: true, event })?;
        dir.remove(key.name())?;
        self.committed()
    }

    /// Removes what killed processes left half made; how many files that were.
    ///
    /// # Errors
    /// If it cannot be read or removed.
    pub fn sweep(&mut self) -> Result<usize> {
        let mut swept = 0;
        for entry in self.tmp.entries()? {
            if let crate::fs::Entry::Name(name) = entry {
                self.tmp.remove_tree(&name)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Says in the guard what is about to happen, so that the log can be completed if we are killed after it.
    pub(super) fn announce(&mut self, change: Change) -> Result<()> {
        self.guard.set_line(&Line::new(self.era.era, change.event.n + 1, Some(change.clone())))?;
        self.next = change.event.n + 1;
        self.guard.check(self.state)?;
        self.unlogged = Some(change);
        Ok(())
    }

    pub(super) fn committed(&mut self) -> Result<Logged> {
        self.guard.check(self.state)?;
        let Some(change) = self.unlogged.take() else { return Ok(Logged::Yes) };
        match self.log.append(&change.event) {
            Ok(()) => Ok(Logged::Yes),
            Err(error) => {
                self.unlogged = Some(change);
                Ok(Logged::Later(error))
            }
        }
    }

    /// Writes the event of the last change if it is missing and the change took place.
    pub(super) fn complete_log(&mut self) -> Result<()> {
        let Some(change) = self.unlogged.clone() else { return Ok(()) };
        if self.took_place(&change)? {
            self.log.append(&Event { completed: true, ..change.event })?;
        }
        self.unlogged = None;
        Ok(())
    }

    /// Fails unless the guard is still what its name shows.
    pub(super) fn check(&self) -> Result<()> {
        self.guard.check(self.state)
    }

    fn took_place(&self, change: &Change) -> Result<bool> {
        if let Some(took_place) = self.ticket_took_place(change)? {
            return Ok(took_place);
        }
        let Some(key) = change.event.file.as_deref().and_then(ClaimKey::from_file) else { return Ok(false) };
        let mut bytes = Vec::new();
        let there = match self.claims.read(&key, &mut bytes) {
            Ok(there) => there,
            // Something that is no lock file stands there: whatever we did, it has been undone by hand.
            Err(Error::Damaged { .. } | Error::Fs(FsError::Unsafe { .. })) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(if change.removes {
            !there
        } else {
            there && serde_json::from_slice::<Numbered>(&bytes).is_ok_and(|found| found.change == change.event.n)
        })
    }

    /// All earlier leases are over from here on. Claims that do not parse are set aside first: their writers went
    /// with the power, and a lock nobody can read would stay for ever.
    fn begin_era(&mut self, entry: Entry<'_>, known: u64, end: End) -> Result<()> {
        let now = entry.machine.unix_us / 1000;
        for place in self.claims.places()? {
            let mut damaged = Vec::new();
            self.claims.for_each(&place, |key, read| {
                let why = match read {
                    Ok(bytes) => (entry.damage)(&key, bytes),
                    Err(Error::Damaged { why, .. }) => Some(why),
                    // What nobody here may read blocks its own resource, not the era.
                    Err(Error::Fs(error)) if error.is_denied() || matches!(error, FsError::Unsafe { .. }) => None,
                    Err(error) => return Err(error),
                };
                damaged.extend(why.map(|why| (key, why)));
                Ok(())
            })?;
            for (key, why) in damaged {
                self.quarantine(&key, why, now)?;
            }
        }
        let begun = EraFile::begin(Some((known, end)), &self.guard.meta, entry.machine)?;
        self.era = begun.ok_or_else(|| self.exhausted())?;
        self.guard.check(self.state)?;
        self.era.write(&self.tmp, self.state.dir())?;
        self.same_boot = entry.machine.own_clock;
        self.next = self.era.era + 1;
        self.guard.set_line(&Line::new(self.era.era, self.next, None))?;
        self.log.append(&self.era.event())
    }

    fn quarantine(&mut self, key: &ClaimKey, why: String, now: u64) -> Result<()> {
        let from = self.claims.ensure(key.place())?;
        let to = self.state.dir().ensure_subdir(&layout::QUARANTINE)?;
        let event = Event { file: Some(key.file()), reason: Some(why), ..Event::new(kind::QUARANTINED, now) };
        // Said already when whoever came this far was killed before the rename.
        if !event.file.as_ref().is_some_and(|file| self.log.set_aside.contains(file)) {
            self.log.append(&event)?;
        }
        for attempt in 0..u32::MAX {
            let aside = aside_name(key, self.era.era, attempt);
            if from.publish(key.name(), &to, &aside)? == Published::Done {
                break;
            }
        }
        Ok(())
    }

    fn exhausted(&self) -> Error {
        Error::Exhausted { path: self.state.path().join(layout::ERA.as_str()) }
    }
}

fn too_large(dir: &Dir, key: &ClaimKey, bytes: &[u8]) -> Result<()> {
    if bytes.len() <= layout::CLAIM_LIMIT {
        return Ok(());
    }
    Err(Error::TooLarge { path: dir.path().join(key.name().as_str()), limit: layout::CLAIM_LIMIT })
}

/// A name in quarantine: the file's own, cut to fit, behind the era in which it was damaged and the attempt to find a
/// name that is free.
fn aside_name(key: &ClaimKey, era: u64, attempt: u32) -> FileName {
    const LAST_RESORT: FileName = FileName::literal("unnamed");
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-%~".contains(c) { c } else { '_' };
    let start: String = key.file().chars().take(200).map(plain).collect();
    // It is one component by construction.
    FileName::new(format!("{era}-{attempt}-{start}")).unwrap_or(LAST_RESORT)
}
