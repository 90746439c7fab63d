//! The automaton of a pattern, cut to what can be a path.

use std::ops::Range;

use super::{
    chars::{Char, CharSet, SLASH, chars},
    error::GlobError,
    mode::{MODES, Mode},
    parse::Part,
    raw::{Raw, Step, build},
};

/// The most states, or pairs of ways to read, and ranges of characters: what bounds the time of a comparison, which grows
/// with the product of the two.
pub(super) const LARGEST: usize = 400;

/// A nondeterministic automaton that reads a path and a `/` after it. From each of its states the end can be reached.
#[derive(Debug)]
pub(super) struct Nfa {
    states: Vec<State>,
    /// Where one may go without reading.
    free: Vec<Step>,
    /// Where one may go by reading: the number of a set, and the state.
    reads: Vec<(Step, Step)>,
    sets: Vec<CharSet>,
    /// Of each set its characters below 128, one bit each.
    ascii: Vec<u128>,
}

#[derive(Clone, Debug)]
struct State {
    free: Range<u32>,
    reads: Range<u32>,
    accepts: bool,
}

/// The first state.
pub(super) const FIRST: Step = 0;

impl Nfa {
    /// The automaton of these parts; `bytes` if any of them names a byte that is not valid UTF-8.
    pub(super) fn new(parts: &[Part], bytes: bool) -> Result<Self, GlobError> {
        let too_large = |steps| GlobError::TooLarge { steps, limit: LARGEST };
        let raw = build(parts, LARGEST).ok_or(too_large(LARGEST + 1))?;
        let mut maker = Maker {
            raw: &raw,
            bytes,
            numbers: vec![None; raw.len() * MODES],
            found: Vec::new(),
            sets: Sets::default(),
        };
        maker.number(raw.len() - 1, Mode::Begin);
        let mut nfa =
            Self { states: Vec::new(), free: Vec::new(), reads: Vec::new(), sets: Vec::new(), ascii: Vec::new() };
        while let Some((step, mode)) = maker.found.get(nfa.states.len()).copied() {
            let (free, reads) = (nfa.free.len(), nfa.reads.len());
            let accepts = maker.leave(step, mode, &mut nfa.free, &mut nfa.reads);
            nfa.states.push(State { free: span(free, nfa.free.len()), reads: span(reads, nfa.reads.len()), accepts });
            // Every way to read of one is compared with every one of the other; usually there are one or two in a state.
            let size = maker.found.len().max(nfa.reads.len() / 2) + maker.sets.ranges;
            if size > LARGEST {
                return Err(too_large(size));
            }
        }
        nfa.sets = maker.sets.sets;
        nfa.ascii = nfa.sets.iter().map(CharSet::ascii).collect();
        nfa.prune()
    }

    /// Removes what does not lead to the end.
    fn prune(mut self) -> Result<Self, GlobError> {
        let mut live: Vec<bool> = self.states.iter().map(|state| state.accepts).collect();
        loop {
            let mut changed = false;
            for (number, state) in self.states.iter().enumerate().rev() {
                let is_live = |to: Step| live.get(usize::from(to)) == Some(&true);
                let leads = || {
                    self.free_of(state).iter().any(|to| is_live(*to))
                        || self.reads_of(state).iter().any(|(_, to)| is_live(*to))
                };
                if live.get(number) == Some(&false) && leads() {
                    if let Some(here) = live.get_mut(number) {
                        *here = true;
                    }
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        if live.first() != Some(&true) {
            return Err(GlobError::MatchesNothing);
        }
        if live.contains(&false) {
            let is_live = |to: Step| live.get(usize::from(to)) == Some(&true);
            let (mut free, mut reads) = (Vec::new(), Vec::new());
            let mut states = self.states.clone();
            for state in &mut states {
                let (first_free, first_read) = (free.len(), reads.len());
                free.extend(self.free_of(state).iter().copied().filter(|to| is_live(*to)));
                reads.extend(self.reads_of(state).iter().copied().filter(|(_, to)| is_live(*to)));
                (state.free, state.reads) = (span(first_free, free.len()), span(first_read, reads.len()));
            }
            (self.states, self.free, self.reads) = (states, free, reads);
        }
        Ok(self)
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The sets of characters that it reads.
    pub(super) fn sets(&self) -> &[CharSet] {
        &self.sets
    }

    /// Whether this state is an end.
    pub(super) fn accepts(&self, state: Step) -> bool {
        self.states.get(usize::from(state)).is_some_and(|state| state.accepts)
    }

    /// Where one may go from a state without reading.
    pub(super) fn free(&self, state: Step) -> &[Step] {
        self.states.get(usize::from(state)).map_or(&[], |state| self.free_of(state))
    }

    /// Where one may go from a state by reading: the number of a set of [`Nfa::sets`], and the state.
    pub(super) fn reads(&self, state: Step) -> &[(Step, Step)] {
        self.states.get(usize::from(state)).map_or(&[], |state| self.reads_of(state))
    }

    fn free_of(&self, state: &State) -> &[Step] {
        self.free.get(indices(&state.free)).unwrap_or_default()
    }

    fn reads_of(&self, state: &State) -> &[(Step, Step)] {
        self.reads.get(indices(&state.reads)).unwrap_or_default()
    }

    /// Whether it reads this path to the end: the control of [`super::direct`].
    #[cfg(test)]
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        self.run(path).is_some_and(|states| states.iter().any(|state| self.accepts(*state)))
    }

    /// Whether it reads this path and then, perhaps, more components: an end can be reached from every state.
    pub(super) fn enters(&self, tree: &[u8]) -> bool {
        tree.is_empty() || self.run(tree).is_some()
    }

    fn set_holds(&self, set: Step, c: Char) -> bool {
        let set = usize::from(set);
        if c < 128 {
            self.ascii.get(set).is_some_and(|bits| bits >> c & 1 == 1)
        } else {
            self.sets.get(set).is_some_and(|set| set.holds(c))
        }
    }

    /// The states after a path and its `/`; `None` if there are none.
    fn run(&self, path: &[u8]) -> Option<Vec<Step>> {
        let mut run = Run { nfa: self, seen: vec![0; self.states.len()], round: 1, states: Vec::new() };
        run.add(FIRST);
        let mut before = Vec::new();
        for c in chars(path).chain([SLASH]) {
            std::mem::swap(&mut before, &mut run.states);
            run.read(&before, c);
            before.clear();
            if run.states.is_empty() {
                return None;
            }
        }
        Some(run.states)
    }
}

/// The states that may have been reached.
struct Run<'a> {
    nfa: &'a Nfa,
    /// The round in which a state was last added.
    seen: Vec<u32>,
    round: u32,
    states: Vec<Step>,
}

impl Run<'_> {
    fn read(&mut self, before: &[Step], c: Char) {
        self.round += 1;
        for state in before {
            for (set, to) in self.nfa.reads(*state) {
                if self.nfa.set_holds(*set, c) {
                    self.add(*to);
                }
            }
        }
    }

    /// Adds a state and what follows from it without reading.
    fn add(&mut self, state: Step) {
        let mut next = self.states.len();
        self.add_one(state);
        while let Some(state) = self.states.get(next).copied() {
            for to in self.nfa.free(state) {
                self.add_one(*to);
            }
            next += 1;
        }
    }

    fn add_one(&mut self, state: Step) {
        if let Some(seen) = self.seen.get_mut(usize::from(state)).filter(|seen| **seen != self.round) {
            *seen = self.round;
            self.states.push(state);
        }
    }
}

/// Makes states of steps and modes.
struct Maker<'a> {
    raw: &'a [Raw],
    bytes: bool,
    /// The number of each step in each mode.
    numbers: Vec<Option<Step>>,
    found: Vec<(usize, Mode)>,
    sets: Sets,
}

impl Maker<'_> {
    /// The number of the state of this step in this mode.
    fn number(&mut self, step: usize, mode: Mode) -> Option<Step> {
        let number = self.numbers.get_mut(step * MODES + mode.index())?;
        if number.is_none() {
            *number = Some(Step::try_from(self.found.len()).ok()?);
            self.found.push((step, mode));
        }
        *number
    }

    /// Adds the ways out of a state; whether it is an end.
    fn leave(&mut self, step: usize, mode: Mode, free: &mut Vec<Step>, reads: &mut Vec<(Step, Step)>) -> bool {
        let raw = self.raw;
        match raw.get(step) {
            None => {}
            Some(Raw::Accept) => return mode.may_end(),
            Some(Raw::Either { ways }) => {
                free.extend(ways.iter().filter_map(|way| self.number(usize::from(*way), mode)))
            }
            Some(Raw::One { set, next }) => match mode.skipped() {
                Some(after) if *set == CharSet::one(SLASH) => free.extend(self.number(usize::from(*next), after)),
                Some(_) => {}
                None => self.read(set, usize::from(*next), mode, reads),
            },
            Some(Raw::Star { next }) => {
                self.read(&CharSet::not_slash(), step, mode, reads);
                free.extend(self.number(usize::from(*next), mode));
            }
            Some(Raw::Globstar { next }) => {
                self.read(&CharSet::all(), step, mode, reads);
                free.extend(self.number(usize::from(*next), mode));
                free.extend(mode.skip().and_then(|skip| self.number(usize::from(*next), skip)));
            }
        }
        false
    }

    fn read(&mut self, set: &CharSet, to: usize, mode: Mode, reads: &mut Vec<(Step, Step)>) {
        for (set, after) in mode.moves(set, self.bytes) {
            if let (Some(set), Some(to)) = (self.sets.number(set), self.number(to, after)) {
                reads.push((set, to));
            }
        }
    }
}

/// Sets of characters, each once.
#[derive(Default)]
struct Sets {
    sets: Vec<CharSet>,
    /// How many ranges they have beyond one each.
    ranges: usize,
}

impl Sets {
    fn number(&mut self, set: CharSet) -> Option<Step> {
        let at = self.sets.iter().position(|other| *other == set).unwrap_or_else(|| {
            self.ranges += set.ranges().len().saturating_sub(1);
            self.sets.push(set);
            self.sets.len() - 1
        });
        Step::try_from(at).ok()
    }
}

fn span(from: usize, to: usize) -> Range<u32> {
    // Below 2^32 by the limit on states.
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    number(from)..number(to)
}

fn indices(span: &Range<u32>) -> Range<usize> {
    let number = |n| usize::try_from(n).unwrap_or(usize::MAX);
    number(span.start)..number(span.end)
}
