//! The line in front of the locks, as it stands inside the guard.

use std::{cell::OnceCell, collections::BTreeMap, rc::Rc};

use super::{stay::Stay, survey::Survey};
use crate::{
    domain::{
        Class, Found, Mode, Party, Place, Presence, Request, Resource, Result, Stand, Ticket, TicketState, Turn, Whose,
        overlap,
        queue::{Entry, Fate, fates, stand},
    },
    store::{ClaimKey, Error, Event, Logged, Tickets, kind, ticket_file},
};

/// How often the turn of a ticket may pass unused.
const PASSES: u8 = 2;

/// A ticket that keeps its place, and who is in its way.
pub(super) struct InLine {
    pub(super) ticket: Ticket,
    pub(super) held: bool,
    presence: Presence,
    turn: Turn,
    wanted: Vec<Resource>,
    party: Party,
    /// What others hold of what it wants; `None` if that cannot be told, so that it is not free.
    obstacles: Option<Vec<Found>>,
}

/// The line, by number; whoever asks without a ticket stands at its end.
#[derive(Default)]
pub(super) struct Line {
    pub(super) places: Vec<InLine>,
    /// Those who have lost their place.
    pub(super) dead: Vec<u64>,
    /// Those of a newer format: nothing can be told of them.
    newer: Vec<u64>,
    fates: OnceCell<Vec<Fate>>,
}

impl InLine {
    fn conflicts(&self, later: &Self) -> bool {
        conflict(self, Some(&later.party), later.ticket.mode, &later.wanted)
    }

    /// Whether the agent of `other` holds something that this one wants.
    fn waits_for(&self, other: &Self) -> bool {
        self.waits_for_party(&other.party)
    }

    fn waits_for_party(&self, party: &Party) -> bool {
        let theirs = |found: &Found| party.relation(&found.lease) != Whose::Other;
        self.obstacles.as_ref().is_some_and(|found| found.iter().any(theirs))
    }
}

/// Whether a ticket and what a later one asks for exclude each other.
fn conflict(earlier: &InLine, party: Option<&Party>, mode: Mode, wanted: &[Resource]) -> bool {
    // What an agent holds is no obstacle to itself, nor to a command that it runs.
    let own = earlier.party.class == Class::Explicit && party.is_some_and(|party| party.agent == earlier.party.agent);
    let excludes = mode == Mode::Exclusive || earlier.ticket.mode == Mode::Exclusive;
    excludes && !own && earlier.wanted.iter().any(|one| wanted.iter().any(|other| meet(one, other)))
}

/// Whether two resources have something in common.
fn meet(one: &Resource, other: &Resource) -> bool {
    match (one.files(), other.files()) {
        (Some(here), Some(there)) => overlap(here, there),
        (None, None) => one.claim() == other.claim(),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl Survey<'_> {
    /// The line as it stands.
    pub(super) fn line(&self, tickets: &Tickets<'_>) -> Result<Line> {
        let mut line = Line::default();
        let mut seen: BTreeMap<ClaimKey, Rc<Vec<(Found, Mode)>>> = BTreeMap::new();
        for read in tickets.all()? {
            // What is no ticket keeps nobody from anything.
            let ticket = match Ticket::parse(read.number, &read.bytes) {
                Ok(ticket) => ticket,
                // That of a newer program is not ours to remove.
                Err(Error::Newer { .. }) => {
                    line.newer.push(read.number);
                    continue;
                }
                Err(_) => {
                    line.dead.push(read.number);
                    continue;
                }
            };
            let evidence = self.evidence(&ticket.agent_id)?;
            let Stand::InLine(presence, turn) = stand(&ticket, read.held, &self.facts(), &evidence) else {
                line.dead.push(read.number);
                continue;
            };
            let party = Party { agent: ticket.agent_id.clone(), class: ticket.class, inside: ticket.inside.clone() };
            let wanted = ticket.wanted();
            let obstacles = self.obstacles(&party, ticket.mode, &wanted, &mut seen);
            line.places.push(InLine { ticket, held: read.held, presence, turn, wanted, party, obstacles });
        }
        Ok(line)
    }

    fn obstacles(
        &self,
        party: &Party,
        mode: Mode,
        wanted: &[Resource],
        seen: &mut BTreeMap<ClaimKey, Rc<Vec<(Found, Mode)>>>,
    ) -> Option<Vec<Found>> {
        let mut obstacles: Vec<Found> = Vec::new();
        for resource in wanted {
            let key = resource.claim();
            let found = match seen.get(&key) {
                Some(found) => Rc::clone(found),
                None => {
                    let mut found = Vec::new();
                    for lock in self.overlapping(resource).ok()? {
                        let mode = lock.head().mode;
                        found.extend(lock.into_found().map(|found| (found, mode)));
                    }
                    let found = Rc::new(found);
                    seen.insert(key, Rc::clone(&found));
                    found
                }
            };
            for (found, held_as) in found.iter() {
                let excludes = mode == Mode::Exclusive || *held_as == Mode::Exclusive;
                let other = party.relation(&found.lease) == Whose::Other && !found.verdict.is_over();
                let known = |one: &Found| one.lease.fence == found.lease.fence && one.key == found.key;
                if excludes && other && !obstacles.iter().any(known) {
                    obstacles.push(found.clone());
                }
            }
        }
        Some(obstacles)
    }
}

impl Line {
    /// Whether nobody stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.dead.is_empty()
    }

    /// What becomes of each place.
    fn fates(&self) -> &[Fate] {
        self.fates.get_or_init(|| {
            let entries: Vec<Entry> = self.places.iter().map(entry).collect();
            let (at, conflicts) = (|at: usize| self.places.get(at), InLine::conflicts);
            fates(
                &entries,
                |a, b| at(a).zip(at(b)).is_some_and(|(a, b)| conflicts(a, b)),
                |a, b| at(a).zip(at(b)).is_some_and(|(a, b)| a.waits_for(b)),
            )
        })
    }

    /// The place of a request: that of its ticket, or one with which nobody waits that asks for the same.
    pub(super) fn own(&self, request: &Request, number: Option<u64>) -> Option<&InLine> {
        self.own_of(&request.party, request.mode, &request.resources, number)
    }

    pub(super) fn own_of(
        &self,
        party: &Party,
        mode: Mode,
        wanted: &[Resource],
        number: Option<u64>,
    ) -> Option<&InLine> {
        let keys = |wanted: &[Resource]| {
            let mut keys: Vec<ClaimKey> = wanted.iter().map(Resource::claim).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        self.places.iter().find(|place| match number {
            Some(number) => place.ticket.number == number,
            None => {
                let same = place.party.agent == party.agent && place.party.class == party.class;
                same && !place.held && place.ticket.mode == mode && keys(&place.wanted) == keys(wanted)
            }
        })
    }

    /// Those who come before a request for `wanted`, which others do not hold: by the number of its place, or at the
    /// end.
    pub(super) fn before(
        &self,
        party: Option<&Party>,
        mode: Mode,
        number: Option<u64>,
        wanted: &[Resource],
    ) -> Vec<Place> {
        let fates = self.fates();
        let mut before = Vec::new();
        for (at, place) in self.places.iter().enumerate() {
            if number.is_some_and(|number| place.ticket.number >= number) {
                break;
            }
            let in_front = keeps_back(place, fates.get(at).copied());
            let conflicts = conflict(place, party, mode, wanted);
            if in_front && conflicts && !party.is_some_and(|party| place.waits_for_party(party)) {
                before.push(self.place(at, place));
            }
        }
        before
    }

    /// The places as output shows them.
    pub(super) fn shown(&self) -> Vec<Place> {
        self.places.iter().enumerate().map(|(at, place)| self.place(at, place)).collect()
    }

    /// The place of this ticket as output shows it.
    pub(super) fn shown_of(&self, number: u64) -> Option<Place> {
        let at = self.places.iter().position(|place| place.ticket.number == number)?;
        self.places.get(at).map(|place| self.place(at, place))
    }

    fn place(&self, at: usize, place: &InLine) -> Place {
        let behind = match self.fates().get(at) {
            Some(Fate::Behind(ahead)) => self.places.get(*ahead).map(|ahead| ahead.ticket.number),
            Some(Fate::Go | Fate::Held) | None => None,
        };
        Place {
            ticket: place.ticket.clone(),
            presence: place.presence,
            turn: place.turn,
            held: place.obstacles.clone().unwrap_or_default(),
            behind,
        }
    }

    /// For whom the ticket with index `at` waits among those who wait: by what it wants that they hold, or by standing
    /// behind them.
    pub(super) fn waits(&self, at: usize) -> Vec<usize> {
        let Some(place) = self.places.get(at) else { return Vec::new() };
        let mut waits = Vec::new();
        for (other, waiting) in self.places.iter().enumerate().filter(|(_, place)| place.presence == Presence::Waiting)
        {
            let by_lease = self.held_by(place, waiting).is_some();
            let by_line = other < at && waiting.conflicts(place) && !waiting.waits_for(place);
            if by_lease || by_line {
                waits.push(other);
            }
        }
        waits
    }

    /// What `waiting` keeps from `place` by waiting: a lease of its agent, or of the command that it is part of.
    pub(super) fn held_by<'p>(&self, place: &'p InLine, waiting: &InLine) -> Option<&'p Found> {
        place.obstacles.iter().flatten().find(|found| match found.lease.class {
            Class::Explicit => found.lease.agent_id == waiting.party.agent,
            Class::Run => waiting.party.inside.contains(&found.lease.lease),
        })
    }
}

fn entry(place: &InLine) -> Entry {
    let free = place.obstacles.as_ref().is_some_and(Vec::is_empty);
    Entry { presence: place.presence, turn: place.turn, free }
}

fn keeps_back(place: &InLine, fate: Option<Fate>) -> bool {
    match (fate, place.presence) {
        (_, Presence::Absent) | (None, _) => false,
        (Some(Fate::Go), Presence::Waiting | Presence::Away) => place.turn != Turn::Lapsed,
        (Some(Fate::Held | Fate::Behind(_)), presence) => presence == Presence::Waiting,
    }
}

impl Stay<'_> {
    /// Writes down whose turn it is, who is away, and removes places that are lost. Those who wait are woken by it.
    ///
    /// Told of what cannot be written is nobody: it concerns the others' places, and whoever looks next tries again.
    pub(super) fn settle(&mut self) {
        // Whoever waits looks by itself, and meets the same trouble.
        if let Ok(line) = self.survey.line(&self.session.tickets()) {
            self.settle_line(&line);
        }
    }

    pub(super) fn settle_line(&mut self, line: &Line) {
        for number in &line.dead {
            swallow(self.session.discard_ticket(*number));
        }
        let fates = line.fates();
        // Those whose turn has come last: they are woken by it, and then wait for the guard.
        let mut turns = Vec::new();
        for (place, fate) in line.places.iter().zip(fates) {
            let mut state = place.ticket.state;
            let mono_ms = self.session.same_boot().then_some(self.now.mono_ms);
            match (place.presence, state.away_at) {
                (Presence::Away | Presence::Absent, None) => {
                    (state.away_at, state.away_mono_ms) = (Some(self.now.wall), mono_ms);
                }
                (Presence::Waiting, Some(_)) => (state.away_at, state.away_mono_ms) = (None, None),
                (Presence::Away | Presence::Absent, Some(_)) | (Presence::Waiting, None) => {}
            }
            match (fate, place.turn, place.presence) {
                (Fate::Go, Turn::NotYet, Presence::Waiting | Presence::Away) => {
                    (state.turn_at, state.turn_mono_ms) = (Some(self.now.wall), mono_ms);
                    turns.push((place, state));
                    continue;
                }
                (Fate::Held | Fate::Behind(_), Turn::Running | Turn::Lapsed, _) => {
                    (state.turn_at, state.turn_mono_ms) = (None, None);
                }
                (Fate::Go, Turn::Running | Turn::Lapsed, _) | (_, Turn::NotYet, _) => {}
            }
            if state != place.ticket.state {
                swallow(self.mark(place, state, None));
            }
        }
        for (place, state) in turns {
            let told = (place.presence == Presence::Away).then_some(kind::TURN);
            swallow(self.mark(place, state, told));
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
            let passes = place.ticket.state.passed.saturating_add(1);
            if passes >= PASSES {
                let done = self.session.number().and_then(|n| {
                    let event = self.queue_event(kind::DROPPED, &place.ticket, n);
                    self.session.remove_ticket(place.ticket.number, event)
                });
                swallow(done);
                continue;
            }
            let state = TicketState { passed: passes, turn_at: None, turn_mono_ms: None, ..place.ticket.state };
            swallow(self.mark(place, state, None));
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
}

/// The places of others are theirs to look after; what could not be written now is tried again by whoever looks next.
fn swallow<T>(done: Result<T>) {
    match done {
        Ok(_) | Err(_) => {}
    }
}
