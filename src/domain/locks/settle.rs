//! What is written of the line after every change: whose turn it is, who is away, and who has lost their place.

use super::{
    line::{InLine, Line, conflict},
    stay::Stay,
};
use crate::{
    domain::{Mode, Presence, Request, Result, Ticket, TicketState, Turn},
    store::{Event, Logged, kind, ticket_file},
};

/// How often the turn of a ticket may pass unused.
const PASSES: u8 = 2;

impl Stay<'_> {
    /// Writes down whose turn it is, who is away, and removes places that are lost. Those who wait are woken by it.
    ///
    /// What cannot be written is not the caller's trouble: see [`Stay::tolerate`].
    pub(super) fn settle(&mut self) {
        match self.survey.line(&self.session.tickets()) {
            Ok(line) => self.settle_line(&line),
            Err(error) => self.unsettled.push(error),
        }
    }

    pub(super) fn settle_line(&mut self, line: &Line) {
        for number in &line.dead {
            let done = self.session.discard_ticket(*number);
            self.tolerate(done);
        }
        let mono_ms = self.session.same_boot().then_some(self.now.mono_ms);
        // Those whose turn has come last: they are woken by it, and then wait for the guard.
        let mut turns = Vec::new();
        for (place, fate) in line.places.iter().zip(line.fates()) {
            let state = place.next_state(fate, self.now, mono_ms);
            if state.turn_at.is_some() && place.turn == Turn::NotYet {
                turns.push((place, state));
                continue;
            }
            if state != place.ticket.state {
                let done = self.mark(place, state, None);
                self.tolerate(done);
            }
        }
        for (place, state) in turns {
            let told = (place.presence == Presence::Away).then_some(kind::TURN);
            let done = self.mark(place, state, told);
            self.tolerate(done);
        }
    }

    /// Removes from `queue/` whatever keeps no place in line; how many there were.
    pub(super) fn sweep_queue(&mut self) -> Result<usize> {
        let tickets = self.session.tickets();
        let line = self.survey.line(&tickets)?;
        let kept =
            |number| line.places.iter().any(|place| place.ticket.number == number) || line.newer.contains(&number);
        let litter = tickets.others(kept)?;
        for name in &litter {
            self.session.remove_from_queue(name)?;
        }
        Ok(litter.len())
    }

    /// Counts the turns that those let pass who came before what is granted now.
    pub(super) fn pass(&mut self, line: &Line, request: &Request, number: Option<u64>) {
        for place in &line.places {
            let earlier = number.is_none_or(|number| place.ticket.number < number);
            let passed = place.turn == Turn::Lapsed
                && earlier
                && conflict(place, Some(&request.party), request.mode, &request.resources);
            if !passed {
                continue;
            }
            // Who is still there has not lost interest: its machine is slow, or it was stopped.
            let counts = u8::from(place.presence != Presence::Waiting);
            let passes = place.ticket.state.passed.saturating_add(counts);
            if passes >= PASSES {
                let done = self.session.number().and_then(|n| {
                    let event = self.queue_event(kind::DROPPED, &place.ticket, n);
                    self.session.remove_ticket(place.ticket.number, event)
                });
                self.tolerate(done);
                continue;
            }
            let state = TicketState { passed: passes, turn_at: None, turn_mono_ms: None, ..place.ticket.state };
            let done = self.mark(place, state, None);
            self.tolerate(done);
        }
    }

    /// Has the one with this index look again.
    pub(super) fn wake(&mut self, line: &Line, at: usize) {
        if let Some(place) = line.places.get(at) {
            let done = self.mark(place, place.ticket.state, None);
            self.tolerate(done);
        }
    }

    fn mark(&mut self, place: &InLine, state: TicketState, told: Option<&'static str>) -> Result<Logged> {
        let number = place.ticket.number;
        let event = match told {
            Some(kind) => Some(self.queue_event(kind, &place.ticket, self.session.number()?)),
            None => None,
        };
        let change = event.as_ref().map_or(state.change, |event| event.n);
        let bytes = TicketState { change, ..state }.to_bytes().unwrap_or_default();
        self.session.mark_ticket(number, &bytes, event)
    }

    /// An event of a ticket, for its agent.
    pub(super) fn queue_event(&self, kind: &'static str, ticket: &Ticket, n: u64) -> Event {
        let agent = ticket.agent_id.to_string();
        Event {
            n,
            resource: ticket.resources.last().cloned(),
            resources: if ticket.resources.len() > 1 { ticket.resources.clone() } else { Vec::new() },
            file: Some(ticket_file(ticket.number)),
            by: self.by().map(ToString::to_string),
            mode: (ticket.mode == Mode::Shared).then_some("shared".into()),
            to: (self.by() != Some(&ticket.agent_id)).then_some(agent).into_iter().collect(),
            ..Event::new(kind, self.now.wall.unix_ms())
        }
    }

    /// The places of others are theirs to look after: what could not be written of them now is tried again by whoever looks
    /// next, and told by `cleanup`.
    fn tolerate<T>(&mut self, done: Result<T>) {
        self.unsettled.extend(done.err());
    }
}
