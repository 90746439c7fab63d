//! Whether a pattern matches one path, without an automaton: what of the path each part of the pattern can have read.
//!
//! Part after part leads from the places in the path that may have been reached to others. Each part is looked at once,
//! however many ways there are through the pattern, so the time is at most the product of the two lengths.

use super::{
    chars::{Char, CharSet, SLASH, chars},
    parse::{Part, literal},
};
use crate::domain::key::is_key;

/// Whether a pattern of these parts matches this path.
pub(super) fn matches(parts: &[Part], path: &[u8]) -> bool {
    if !is_key(path) || path.contains(&0) {
        return false;
    }
    has_ends_of(path, parts) && Walk::new(&text(path)).reaches_the_end(parts)
}

/// Whether a path begins and ends with the letters that the pattern begins and ends with, as far as these are ASCII. Most
/// patterns are dismissed so.
fn has_ends_of(path: &[u8], parts: &[Part]) -> bool {
    let ascii = |part: &Part| literal(part).and_then(|c| u8::try_from(c).ok()).filter(u8::is_ascii);
    let begins = path.iter().zip(parts.iter().map_while(ascii)).all(|(byte, letter)| *byte == letter);
    // A '/' that has no counterpart stands where a component begins: behind another '/', or nothing.
    let last = parts.iter().rev().map_while(ascii);
    begins && path.iter().rev().zip(last).all(|(byte, letter)| *byte == letter)
}

/// A path and a `/` after it, as the automaton reads it.
pub(super) fn text(path: &[u8]) -> Vec<Char> {
    let mut text = Vec::with_capacity(path.len() + 1);
    text.extend(chars(path).chain([SLASH]));
    text
}

/// A walk through a text.
pub(super) struct Walk<'a> {
    text: &'a [Char],
    masks: Vec<Masks>,
    /// How many characters and words of places were looked at.
    steps: usize,
}

/// What is known of 64 places. A place is before a character, or at the end.
#[derive(Clone, Copy, Default)]
struct Masks {
    /// A component begins there.
    starts: u64,
    /// A character follows that is not `/`.
    inside: u64,
}

/// Which of 64 places may have been reached.
#[derive(Clone, Copy, Default)]
struct Reached {
    /// In any way.
    plain: u64,
    /// Also with a `**` that stands for no component: then the next `/` of the pattern has no counterpart.
    skip: u64,
}

const BITS: usize = 64;

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a [Char]) -> Self {
        Self { text, masks: masks(text), steps: 0 }
    }

    /// Whether these parts lead from its start to its end.
    pub(super) fn reaches_the_end(&mut self, parts: &[Part]) -> bool {
        let mut reached = vec![Reached::default(); self.masks.len()];
        if let Some(first) = reached.first_mut() {
            first.plain = 1;
        }
        self.follow(parts, &mut reached);
        self.read(&CharSet::one(SLASH), &mut reached);
        reached.last().is_some_and(|last| last.plain >> (self.text.len() % BITS) & 1 == 1)
    }

    /// How much it has cost.
    #[cfg(test)]
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Where these parts lead.
    fn follow(&mut self, parts: &[Part], reached: &mut [Reached]) {
        for part in parts {
            self.steps += reached.len();
            if reached.iter().all(|reached| reached.plain == 0) {
                return;
            }
            match part {
                Part::One(set) => self.read(set, reached),
                Part::Star => self.stay_inside(reached),
                Part::Globstar => self.go_on(reached),
                Part::Either(alternatives) => self.divide(alternatives, reached),
            }
        }
    }

    /// One character of a set.
    fn read(&mut self, set: &CharSet, reached: &mut [Reached]) {
        let is_slash = *set == CharSet::one(SLASH);
        let ascii = set.ascii();
        let mut carried = 0;
        for (reached, from) in reached.iter_mut().zip((0..).step_by(BITS)) {
            let mut held = 0;
            let mut left = reached.plain;
            while left != 0 {
                let at = left.trailing_zeros();
                left &= left - 1;
                self.steps += 1;
                // Below 64.
                let c = usize::try_from(at).ok().and_then(|at| self.text.get(from + at));
                if c.is_some_and(|c| if *c < 128 { ascii >> c & 1 == 1 } else { set.holds(*c) }) {
                    held |= 1 << at;
                }
            }
            reached.plain = held << 1 | carried | if is_slash { reached.skip } else { 0 };
            reached.skip = 0;
            carried = held >> (BITS - 1);
        }
    }

    /// `*`: on to the next `/`. A sum carries through the characters before it.
    fn stay_inside(&self, reached: &mut [Reached]) {
        let mut carried = false;
        for (reached, Masks { inside, .. }) in reached.iter_mut().zip(&self.masks) {
            let from = reached.plain | u64::from(carried);
            let (sum, over) = (from & inside).overflowing_add(*inside);
            reached.plain = from | (sum ^ inside);
            carried = over;
        }
    }

    /// `**`: on to the end, and where a component begins, perhaps none.
    fn go_on(&self, reached: &mut [Reached]) {
        let mut before = false;
        for (reached, masks) in reached.iter_mut().zip(&self.masks) {
            let first = reached.plain & reached.plain.wrapping_neg();
            let on = if before { u64::MAX } else { first.wrapping_neg() };
            before |= first != 0;
            reached.plain = on;
            reached.skip = on & masks.starts;
        }
    }

    /// `{a,b}`: where any of these leads.
    fn divide(&mut self, alternatives: &[Vec<Part>], reached: &mut [Reached]) {
        let from = reached.to_vec();
        let mut here = from.clone();
        reached.fill(Reached::default());
        for parts in alternatives {
            self.steps += here.len();
            here.clone_from(&from);
            self.follow(parts, &mut here);
            for (all, here) in reached.iter_mut().zip(&here) {
                all.plain |= here.plain;
                all.skip |= here.skip;
            }
        }
    }
}

/// What there is at each place of this text.
fn masks(text: &[Char]) -> Vec<Masks> {
    let mut masks = vec![Masks::default(); text.len() / BITS + 1];
    let mut starts = true;
    for (at, c) in text.iter().map(Some).chain([None]).enumerate() {
        let bit = 1 << (at % BITS);
        if let Some(masks) = masks.get_mut(at / BITS) {
            masks.starts |= if starts { bit } else { 0 };
            masks.inside |= if c.is_some_and(|c| *c != SLASH) { bit } else { 0 };
        }
        starts = c == Some(&SLASH);
    }
    masks
}
