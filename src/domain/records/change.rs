//! Changes of records, each inside the guard.

use super::{Bench, Ending, Judged, NewRecord, Record, RecordId, Records, Redactor, State, Step, read};
use crate::{
    domain::{AgentId, Result, Timestamp, damage},
    store::{CurrentEra, Entry, Error, Session},
};

/// How many records are changed in one stay inside the guard.
const STAY: usize = 250;

/// How far in the future a record may lie, in milliseconds, by clocks that differ.
const TOLERANCE_MS: u64 = 60_000;

/// What came of writing the end of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is in this final state now.
    Now(State),
    /// The same, but its log could not be written, for this reason.
    WithoutLog(State, String),
    /// It was in this final state already, and was left so.
    Already(State),
    /// There is no such record any more.
    Missing,
}

/// What came of asking for the end of what a record is about.
#[derive(Clone, Debug)]
pub enum Cancelled {
    /// Its wrapper will find it.
    Asked(Box<Record>),
    /// Somebody had asked before.
    Before(Box<Record>),
    /// It has ended: this is its final state.
    Final(Box<Judged>),
    /// There is no such record.
    Missing,
}

/// What a sweep of abandoned records did.
#[derive(Debug, Default)]
pub struct Abandoned {
    /// Those that say now that they are abandoned.
    pub found: Vec<Record>,
    /// Why records were left as they are.
    pub left: Vec<Error>,
}

/// What old records there are, and what was done to them.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Those that are old enough; removed if that was asked for.
    pub old: Vec<Judged>,
    /// Those that ended in the future by this machine's clock: nobody knows how old they are.
    pub future: Vec<Judged>,
    /// Why records were left.
    pub left: Vec<Error>,
}

impl<'a> Records<'a> {
    /// Writes that a command has been started.
    ///
    /// # Errors
    /// If there is such a record already, or it cannot be written: then nothing has changed.
    pub fn begin_in(&self, session: &mut Session<'_>, new: &NewRecord<'_>, redactor: &Redactor) -> Result<()> {
        let name = new.id.name()?;
        if session.records().read(&name)?.is_some() {
            return Err(Error::Damaged { path: name.path(), why: "it is there already".to_owned() });
        }
        let record = Record::begin(new, session.era(), (self.clock)(), redactor);
        write(session, record)
    }

    /// Writes how a command ended, unless that is written already.
    ///
    /// # Errors
    /// If the record is damaged or unsafe, or it cannot be written: then it is as it was.
    pub fn finish_in(
        &self,
        session: &mut Session<'_>,
        id: &RecordId,
        ending: &Ending<'_>,
        redactor: &Redactor,
    ) -> Result<Finished> {
        let Some(mut record) = read(session.records(), id)? else { return Ok(Finished::Missing) };
        if !record.step(Step::End(ending.how, ending.exit)) {
            return Ok(Finished::Already(record.state));
        }
        let name = id.name()?;
        record.ended_at = Some((self.clock)().wall);
        (record.exit, record.signal, record.bytes) = (ending.exit, ending.signal, ending.bytes);
        // First, so that a record never names a log that is still to come; and whatever becomes of it, the end is written.
        let logged = ending.log.map(|log| session.write_record_log(&name, &log.stored(redactor)));
        record.log = matches!(logged, Some(Ok(()))).then(|| name.log().as_str().to_owned());
        let state = record.state;
        write(session, record)?;
        Ok(match logged {
            Some(Err(error)) => Finished::WithoutLog(state, error.to_string()),
            Some(Ok(())) | None => Finished::Now(state),
        })
    }

    /// [`Records::begin_in`] in a stay of its own.
    ///
    /// # Errors
    /// Those of [`Records::begin_in`], and if the guard is busy.
    pub fn begin(&self, new: &NewRecord<'_>, redactor: &Redactor) -> Result<()> {
        self.begin_in(&mut self.enter()?, new, redactor)
    }

    /// [`Records::finish_in`] in a stay of its own.
    ///
    /// # Errors
    /// Those of [`Records::finish_in`], and if the guard is busy.
    pub fn finish(&self, id: &RecordId, ending: &Ending<'_>, redactor: &Redactor) -> Result<Finished> {
        self.finish_in(&mut self.enter()?, id, ending, redactor)
    }

    /// Asks for the end of what a record is about, by a mark that its wrapper looks for. No process is signalled: the
    /// number on record may be another's by now.
    ///
    /// # Errors
    /// If the guard is busy, or the record is damaged or unsafe or cannot be written: then it is as it was.
    pub fn cancel(&self, id: &RecordId, by: Option<&AgentId>) -> Result<Cancelled> {
        let mut session = self.enter()?;
        let Some(record) = read(session.records(), id)? else { return Ok(Cancelled::Missing) };
        let Judged { mut record, state } = self.bench_in(&session).judged(record)?;
        if state.is_final() || !record.step(Step::AskCancel) {
            return Ok(Cancelled::Final(Box::new(Judged { record, state })));
        }
        if record.cancel_requested_at.is_some() {
            return Ok(Cancelled::Before(Box::new(record)));
        }
        record.cancel_requested_at = Some((self.clock)().wall);
        record.cancel_requested_by = by.map(ToString::to_string);
        write(&mut session, record.clone())?;
        Ok(Cancelled::Asked(Box::new(record)))
    }

    /// Writes into every record whose wrapper is provably gone that it is abandoned. Looks first, and enters the guard
    /// only if there is one.
    ///
    /// # Errors
    /// If the guard is busy or the directory cannot be read.
    pub fn abandon(&self) -> Result<Abandoned> {
        let mut abandoned = Abandoned::default();
        let mut gone: Vec<RecordId> = Vec::new();
        for judged in self.all()? {
            match judged {
                Ok(judged) if judged.state != judged.record.state => gone.push(judged.record.id),
                Ok(_) => {}
                Err(error) => abandoned.left.push(error),
            }
        }
        for some in gone.chunks(STAY) {
            self.abandon_in(&mut self.enter()?, some, &mut abandoned);
        }
        Ok(abandoned)
    }

    /// The same for these records, in a stay inside the guard; each is judged again.
    pub fn abandon_in(&self, session: &mut Session<'_>, ids: &[RecordId], abandoned: &mut Abandoned) {
        let bench = self.bench_in(session);
        for id in ids {
            let written = self.abandon_one(session, &bench, id);
            match written {
                Ok(record) => abandoned.found.extend(record),
                Err(error) => abandoned.left.push(error),
            }
        }
    }

    fn abandon_one(&self, session: &mut Session<'_>, bench: &Bench<'_>, id: &RecordId) -> Result<Option<Record>> {
        let Some(mut record) = read(session.records(), id)? else { return Ok(None) };
        if !bench.is_abandoned(&record)? || !record.step(Step::Abandon) {
            return Ok(None);
        }
        write(session, record.clone())?;
        Ok(Some(record))
    }

    /// The records that were over this many milliseconds ago or more; with `remove` they are removed, with their logs.
    /// What goes on, what is damaged and what lies in the future stays.
    ///
    /// # Errors
    /// If the guard is busy or the directory cannot be read.
    pub fn gather(&self, older_than_ms: u64, remove: bool) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        let now = (self.clock)().wall;
        for judged in self.all()? {
            match judged {
                Ok(judged) => match age(&judged, now) {
                    Age::GoesOn => {}
                    Age::Future => gathered.future.push(judged),
                    Age::OverFor(ms) if ms >= older_than_ms => gathered.old.push(judged),
                    Age::OverFor(_) => {}
                },
                Err(error) => gathered.left.push(error),
            }
        }
        if remove {
            let (mut removed, mut left) = (Vec::new(), Vec::new());
            let mut rest = std::mem::take(&mut gathered.old).into_iter().peekable();
            while rest.peek().is_some() {
                let mut session = self.enter()?;
                for judged in rest.by_ref().take(STAY) {
                    match self.remove_in(&mut session, &judged) {
                        Ok(true) => removed.push(judged),
                        Ok(false) => {}
                        Err(error) => left.push(error),
                    }
                }
            }
            gathered.old = removed;
            gathered.left.extend(left);
        }
        Ok(gathered)
    }

    /// Removes a record that is still what it was when it was looked at; whether it was there.
    fn remove_in(&self, session: &mut Session<'_>, judged: &Judged) -> Result<bool> {
        let id = &judged.record.id;
        match read(session.records(), id)? {
            // Final is final, and a process that is gone does not come back; but a file may be exchanged by hand.
            Some(record) if record.started_at == judged.record.started_at => {
                let still = self.bench_in(session).judged(record)?;
                if still.state.is_final() { session.remove_record(&id.name()?) } else { Ok(false) }
            }
            Some(_) | None => Ok(false),
        }
    }

    fn enter(&self) -> Result<Session<'a>> {
        Session::enter(self.state, Entry { machine: self.machine, wait: self.guard_wait, damage: &damage })
    }

    /// Inside the guard the era is the session's.
    fn bench_in(&self, session: &Session<'_>) -> Bench<'a> {
        let era = CurrentEra { number: Some(session.era()), recorded: session.era(), same_boot: session.same_boot() };
        Bench { records: *self, era, now: (self.clock)(), namespace: std::cell::OnceCell::new() }
    }
}

/// How long a record has been over.
enum Age {
    GoesOn,
    Future,
    OverFor(u64),
}

fn age(judged: &Judged, now: Timestamp) -> Age {
    let since = judged.record.over_since();
    if !judged.state.is_final() {
        Age::GoesOn
    } else if since.unix_ms() > now.unix_ms().saturating_add(TOLERANCE_MS) {
        Age::Future
    } else {
        Age::OverFor(since.ms_before(now))
    }
}

fn write(session: &mut Session<'_>, mut record: Record) -> Result<()> {
    // An end must be written even where no numbers are left.
    record.change = session.number().map_or(record.change, |number| number.max(record.change));
    session.write_record(&record.id.name()?, &record.to_bytes()?)
}
