//! Waiting in line for locks: one attempt after the other, and what becomes of the place in between.

use super::{
    Locks,
    line::Line,
    stay::{Life, Stay},
};
use crate::{
    domain::{
        Acquired, AgentId, Found, Granted, Keep, Link, Mode, Party, Place, Refusal, Request, Resource, Result, Ticket,
        queue::{NewTicket, cycle},
    },
    fs::{File, FileName, Watch},
    store::{Event, Logged, Session, Tickets, kind},
};

/// How many holders hear of one who waits; a directory may have thousands.
const TOLD: usize = 16;

/// A place in line, kept by this process as long as this value lives.
#[derive(Debug)]
pub struct Waiter {
    /// The number of the ticket.
    pub number: u64,
    _held: File,
}

/// What came of cancelling a place in line.
#[derive(Debug)]
pub enum CancelledPlace {
    /// It is gone.
    Done(Box<Place>, Logged),
    /// There is none with this number.
    Nothing,
    /// It is another's.
    NotYours(Box<Place>),
}

impl Locks<'_> {
    /// Tries to acquire leases, and takes a place in line where that is refused, or keeps the one in `waiter`; what is
    /// granted is told to `then` in the same stay inside the guard.
    ///
    /// # Errors
    /// Those of [`Locks::acquire`].
    pub fn attempt_then(
        &self,
        request: &Request,
        keep: Keep,
        waiter: &mut Option<Waiter>,
        then: impl FnOnce(&mut Session<'_>, &[Granted]),
    ) -> Result<Acquired> {
        let mut stay = self.enter()?;
        let acquired = self.attempt_in(&mut stay, request, keep, waiter)?;
        if let Acquired::Granted { granted, .. } = &acquired {
            then(&mut stay.session, granted);
        }
        Ok(acquired)
    }

    fn attempt_in(
        &self,
        stay: &mut Stay<'_>,
        request: &Request,
        keep: Keep,
        waiter: &mut Option<Waiter>,
    ) -> Result<Acquired> {
        let number_before = waiter.as_ref().map(|waiter| waiter.number);
        let (mut refusal, mut line) = match self.acquire_in_line(stay, request, number_before)? {
            (Acquired::Refused(refusal), line) => (refusal, line),
            (done, _) => return Ok(done),
        };
        // It would wait for somebody who waits for its end.
        let kin = |found: &Found| request.party.agent.is_relative(&found.lease.agent_id);
        if number_before.is_none() && refusal.held.iter().any(kin) {
            return Ok(Acquired::Refused(refusal));
        }
        if waiter.is_none() {
            line = stay.survey.line(&stay.session.tickets())?;
            *waiter = Some(self.take_place(stay, &line, request, keep, &refusal)?);
        }
        let number = waiter.as_ref().map_or(0, |waiter| waiter.number);
        if keep == Keep::Queue {
            // Nobody waits with it.
            waiter.take();
        }
        if number_before != Some(number) {
            line = stay.survey.line(&stay.session.tickets())?;
        }
        match line.deadlock(number).filter(|_| keep == Keep::Wait) {
            Some(Circle::Ours(links)) => {
                if let Some(waiter) = waiter.take() {
                    stay.session.discard_ticket(waiter.number)?;
                }
                stay.settle();
                return Ok(Acquired::Deadlock(links));
            }
            // Once: it may wait for something else by now.
            Some(Circle::Of(later)) if number_before.is_none() => stay.wake(&line, later),
            Some(Circle::Of(_)) | None => {}
        }
        stay.settle_line(&line);
        refusal.place = line.shown_of(number);
        Ok(Acquired::Refused(refusal))
    }

    /// What wakes a waiter: a watch, and the name of its ticket in it. `None` if there is none to be had, so that it
    /// can only look from time to time.
    #[must_use]
    pub fn watch(&self, waiter: &Waiter) -> Option<(Watch, FileName)> {
        Tickets::new(self.state).watch(waiter.number).ok().flatten()
    }

    /// Whether another attempt may come to something else than a refusal. Takes no guard and writes nothing: it is what
    /// those who wait do again and again.
    #[must_use]
    pub fn may_go(&self, request: &Request, waiter: &Waiter) -> bool {
        // What cannot be looked at is a matter for the attempt.
        self.is_unmoved(request, waiter).map_or(true, |unmoved| !unmoved)
    }

    fn is_unmoved(&self, request: &Request, waiter: &Waiter) -> Result<bool> {
        let tickets = Tickets::new(self.state);
        if !self.state.is_in_place()? || !tickets.has(waiter.number)? {
            return Ok(false);
        }
        let survey = self.survey()?;
        if survey.is_held(request) {
            return Ok(true);
        }
        let line = survey.line(&tickets)?;
        Ok(!line.is_next(waiter.number) && line.is_settled())
    }

    /// Stops waiting, and leaves the place in line for the agent to come back to.
    ///
    /// # Errors
    /// If the guard is busy; the place is kept all the same.
    pub fn leave(&self, waiter: Waiter) -> Result<()> {
        drop(waiter);
        Stay::enter(self, Life::Unseen)?.settle();
        Ok(())
    }

    /// The line as it stands. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// If the state directory cannot be read.
    pub fn places(&self) -> Result<Vec<Place>> {
        Ok(self.survey()?.line(&Tickets::new(self.state))?.shown())
    }

    /// Those who come before `party`, whoever that is, for what nobody holds. Takes no guard and writes nothing.
    ///
    /// # Errors
    /// As [`Locks::look`].
    pub fn before(&self, party: Option<&Party>, mode: Mode, resource: &Resource) -> Result<Vec<Place>> {
        let line = self.survey()?.line(&Tickets::new(self.state))?;
        let wanted = std::slice::from_ref(resource);
        let own = party.and_then(|party| line.own_of(party, mode, wanted, None)).map(|own| own.ticket.number);
        Ok(line.before(party, mode, own, wanted))
    }

    /// Cancels a place in line: that of `agent`, or anybody's.
    ///
    /// # Errors
    /// If the guard is busy, or it cannot be removed.
    pub fn cancel(&self, number: u64, agent: Option<&AgentId>) -> Result<CancelledPlace> {
        let mut stay = self.enter()?;
        let line = stay.survey.line(&stay.session.tickets())?;
        let Some(place) = line.shown_of(number) else { return Ok(CancelledPlace::Nothing) };
        if agent.is_some_and(|agent| *agent != place.ticket.agent_id) {
            return Ok(CancelledPlace::NotYours(Box::new(place)));
        }
        let event = stay.queue_event(kind::CANCELLED, &place.ticket, stay.session.number()?);
        let logged = stay.session.remove_ticket(number, event)?;
        stay.settle();
        Ok(CancelledPlace::Done(Box::new(place), logged))
    }

    fn take_place(
        &self,
        stay: &mut Stay<'_>,
        line: &Line,
        request: &Request,
        keep: Keep,
        refusal: &Refusal,
    ) -> Result<Waiter> {
        let again = line.own(request, None).map(|place| &place.ticket);
        if again.is_none() {
            stay.lives()?;
        }
        let number = again.map_or_else(|| stay.session.number(), |before| Ok(before.number))?;
        let mut ticket = Ticket::new(NewTicket {
            number,
            era: stay.session.era(),
            agent: &request.party.agent,
            class: request.party.class,
            keep,
            mode: request.mode,
            resources: &request.resources,
            inside: &request.party.inside,
            ttl: request.ttl.unwrap_or(request.default_ttl),
            reason: request.reason.clone().unwrap_or_default(),
            made_at: stay.now.wall,
            made_mono_ms: stay.session.same_boot().then_some(stay.now.mono_ms),
            host: (self.host)(),
        });
        if let Some(before) = again {
            // A file of its own, in which this call is described: whoever looks at the old one cannot be in the way of
            // the `flock`.
            ticket.take_up(before, request.reason.is_none());
            let held = stay.session.replace_ticket(number, &ticket.to_bytes()?)?;
            return Ok(Waiter { number, _held: held });
        }
        let mut told: Vec<String> = Vec::new();
        for found in &refusal.held {
            let agent = found.lease.agent_id.to_string();
            if found.lease.agent_id != request.party.agent && !told.contains(&agent) && told.len() < TOLD {
                told.push(agent);
            }
        }
        let event = Event {
            to: told,
            reason: request.reason.clone().filter(|reason| !reason.is_empty()),
            ..stay.queue_event(kind::QUEUED, &ticket, number)
        };
        let (held, _) = stay.session.put_ticket(&ticket.to_bytes()?, event)?;
        Ok(Waiter { number, _held: held })
    }
}

/// A circle of those who wait for each other.
enum Circle {
    /// Which the wait of the ticket in question closes.
    Ours(Vec<Link>),
    /// Which that of the place with this index closes, a later one.
    Of(usize),
}

impl Line {
    /// The circle that this ticket waits in; `None` if there is none.
    fn deadlock(&self, number: u64) -> Option<Circle> {
        let from = self.places.iter().position(|place| place.ticket.number == number)?;
        let circle = cycle(from, |at| self.waits(at))?;
        // One of them is enough: the last to come.
        if let Some(later) = circle.iter().max().filter(|later| **later > from) {
            return Some(Circle::Of(*later));
        }
        let next = circle.iter().copied().cycle().skip(1);
        let links = circle.iter().copied().zip(next).filter_map(|(at, next)| {
            let (place, next) = self.places.get(at).zip(self.places.get(next))?;
            let held: Option<&Found> = self.held_by(place, next);
            Some(Link {
                agent: place.ticket.agent_id.clone(),
                wants: place.ticket.resources.clone(),
                held: held.cloned(),
            })
        });
        Some(Circle::Ours(links.collect()))
    }
}
