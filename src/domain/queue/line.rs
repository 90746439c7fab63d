//! Who may go.

/// Whether somebody stands behind a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A process waits with it.
    Waiting,
    /// Nobody does now; its agent may come back, and is waited for when its turn has come.
    Away,
    /// The same, but nobody waits for it: it only keeps its place.
    Absent,
}

/// How long ago its turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It has not come, as far as anybody has said so.
    NotYet,
    /// It may go before all others.
    Running,
    /// It has let its time pass.
    Lapsed,
}

/// A place in line, as the rule sees it; places are given in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether somebody stands behind it.
    pub presence: Presence,
    /// Whether its turn has come.
    pub turn: Turn,
    /// Whether nobody else holds any of what it wants.
    pub free: bool,
}

/// What the rule says to a place in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may go.
    Go,
    /// Others hold something that it wants.
    Held,
    /// The place with this index comes before it.
    Behind(usize),
}

/// Whether a place with this fate keeps those back who come later and want something of the same.
#[must_use]
pub fn keeps_back(entry: Entry, fate: Fate) -> bool {
    match (fate, entry.presence) {
        (Fate::Go, Presence::Waiting | Presence::Away) => entry.turn != Turn::Lapsed,
        (Fate::Held | Fate::Behind(_), Presence::Waiting) => true,
        (Fate::Held | Fate::Behind(_), Presence::Away) | (_, Presence::Absent) => false,
    }
}

/// What becomes of each place in line.
///
/// One may go when all that it wants is free and nobody before it, who waits or whose turn it is, wants any of it; but
/// one before it that waits for something that its own agent holds is passed by: strict order would never end there.
///
/// `conflicts(a, b)`: what they want excludes each other, and they are not of one agent. `waits_for(a, b)`: something
/// that `a` wants is held by the agent of `b`.
#[must_use]
pub fn fates(
    line: &[Entry],
    conflicts: impl Fn(usize, usize) -> bool,
    waits_for: impl Fn(usize, usize) -> bool,
) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(line.len());
    let mut before: Vec<usize> = Vec::new();
    for (at, entry) in line.iter().enumerate() {
        let first = before.iter().copied().find(|&ahead| conflicts(ahead, at) && !waits_for(ahead, at));
        let fate = match first {
            _ if !entry.free => Fate::Held,
            Some(ahead) => Fate::Behind(ahead),
            None => Fate::Go,
        };
        if keeps_back(*entry, fate) {
            before.push(at);
        }
        fates.push(fate);
    }
    fates
}

#[cfg(test)]
#[path = "line_tests.rs"]
pub(in crate::domain::queue) mod tests;
