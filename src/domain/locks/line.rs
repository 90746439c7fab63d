//! The line in front of the locks, as it stands inside the guard.

use std::{cell::OnceCell, collections::BTreeMap, rc::Rc};

use super::survey::Survey;
use crate::{
    domain::{
        Class, Evidence, Found, Mode, Now, Party, Place, Presence, Request, Resource, Result, Stand, Ticket,
        TicketState, Timestamp, Turn, Whose, overlap,
        queue::{Entry, Fate, fates, keeps_back, stand},
    },
    store::{ClaimKey, Error, Tickets},
};

/// A ticket that keeps its place, and who is in its way.
pub(super) struct InLine {
    pub(super) ticket: Ticket,
    pub(super) held: bool,
    pub(super) presence: Presence,
    pub(super) turn: Turn,
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
    pub(super) newer: Vec<u64>,
    fates: OnceCell<Vec<Fate>>,
}

impl InLine {
    fn conflicts(&self, later: &Self) -> bool {
        conflict(self, Some(&later.party), later.ticket.mode, &later.wanted)
    }

    /// What is to be written of it.
    pub(super) fn next_state(&self, fate: &Fate, now: Now, mono_ms: Option<u64>) -> TicketState {
        let mut state = self.ticket.state;
        match (self.presence, state.away_at) {
            (Presence::Away | Presence::Absent, None) => {
                (state.away_at, state.away_mono_ms) = (Some(now.wall), mono_ms);
            }
            (Presence::Waiting, Some(_)) => (state.away_at, state.away_mono_ms) = (None, None),
            (Presence::Away | Presence::Absent, Some(_)) | (Presence::Waiting, None) => {}
        }
        match (fate, self.turn, self.presence) {
            (Fate::Go, Turn::NotYet, Presence::Waiting | Presence::Away) => {
                (state.turn_at, state.turn_mono_ms) = (Some(now.wall), mono_ms);
            }
            (Fate::Held | Fate::Behind(_), Turn::Running | Turn::Lapsed, _) => {
                (state.turn_at, state.turn_mono_ms) = (None, None);
            }
            (Fate::Go, Turn::Running | Turn::Lapsed, _) | (_, Turn::NotYet, _) => {}
        }
        state
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
pub(super) fn conflict(earlier: &InLine, party: Option<&Party>, mode: Mode, wanted: &[Resource]) -> bool {
    // What an agent holds is no obstacle to itself, nor to a command that it runs.
    let own = earlier.party.class.is_own() && party.is_some_and(|party| party.agent == earlier.party.agent);
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
            // Who waits is alive.
            let evidence = if read.held { Evidence::NOTHING } else { self.evidence(&ticket.agent_id)? };
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

    /// Whether others hold any of what is asked for; also if that cannot be told.
    pub(super) fn is_held(&self, request: &Request) -> bool {
        let found = self.obstacles(&request.party, request.mode, &request.resources, &mut BTreeMap::new());
        found.is_none_or(|found| !found.is_empty())
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
    pub(super) fn fates(&self) -> &[Fate] {
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

    /// Whether the place with this number may go, or is gone.
    pub(super) fn is_next(&self, number: u64) -> bool {
        let at = self.places.iter().position(|place| place.ticket.number == number);
        at.is_none_or(|at| matches!(self.fates().get(at), Some(Fate::Go) | None))
    }

    /// Whether nothing is to be written of any place, at any time from now on.
    pub(super) fn is_settled(&self) -> bool {
        let now = Now { wall: Timestamp::from_unix_ms(0), mono_ms: 0 };
        let mut places = self.places.iter().zip(self.fates());
        self.dead.is_empty() && places.all(|(place, fate)| place.next_state(fate, now, None) == place.ticket.state)
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
                let same = place.party.agent == party.agent && place.party.class.is_own() == party.class.is_own();
                same && !place.held && place.ticket.mode == mode && keys(&place.wanted) == keys(wanted)
            }
        })
    }

    /// The tickets that have served when a request is granted: its own, and those left by the same agent for what it
    /// holds now. They would keep it from others once more after its release.
    pub(super) fn served(&self, request: &Request, number: Option<u64>) -> Vec<u64> {
        let granted: Vec<ClaimKey> = request.resources.iter().map(Resource::claim).collect();
        let served = |place: &&InLine| {
            let left = !place.held && place.party.class.is_own() && request.party.class.is_own();
            let mode = request.mode == Mode::Exclusive || place.ticket.mode == Mode::Shared;
            let all = || place.wanted.iter().all(|wanted| granted.contains(&wanted.claim()));
            Some(place.ticket.number) == number || (left && mode && place.party.agent == request.party.agent && all())
        };
        self.places.iter().filter(served).map(|place| place.ticket.number).collect()
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
            let in_front = fates.get(at).is_some_and(|fate| keeps_back(entry(place), *fate));
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
            Class::Explicit | Class::Automatic => found.lease.agent_id == waiting.party.agent,
            Class::Run => waiting.party.inside.contains(&found.lease.lease),
        })
    }
}

fn entry(place: &InLine) -> Entry {
    let free = place.obstacles.as_ref().is_some_and(Vec::is_empty);
    Entry { presence: place.presence, turn: place.turn, free }
}
