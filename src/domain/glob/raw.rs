//! The parts of a pattern as an automaton that knows nothing of paths yet. It reads a path and a `/` after it: with that
//! every component ends alike, and a `**` that stands for none takes its `/` with it wherever it is.

use super::{
    chars::{CharSet, SLASH},
    parse::Part,
};

/// The number of a step.
pub(super) type Step = u16;

/// One step of it; `next` is the step after.
#[derive(Debug)]
pub(super) enum Raw {
    /// The end.
    Accept,
    /// One character of these.
    One { set: CharSet, next: Step },
    /// `*`: any characters but `/`.
    Star { next: Step },
    /// `**`: any characters, or no component.
    Globstar { next: Step },
    /// One of these ways.
    Either { ways: Vec<Step> },
}

/// The steps of a pattern, the last one first; `None` if there are more than `limit`.
pub(super) fn build(parts: &[Part], limit: usize) -> Option<Vec<Raw>> {
    let mut builder = Builder { steps: Vec::new(), limit };
    let accept = builder.add(Raw::Accept)?;
    let end = builder.add(Raw::One { set: CharSet::one(SLASH), next: accept })?;
    let start = builder.parts(parts, end)?;
    debug_assert_eq!(usize::from(start) + 1, builder.steps.len(), "the first step is added last");
    Some(builder.steps)
}

struct Builder {
    steps: Vec<Raw>,
    limit: usize,
}

impl Builder {
    fn add(&mut self, step: Raw) -> Option<Step> {
        let number = Step::try_from(self.steps.len()).ok()?;
        self.steps.push(step);
        (self.steps.len() <= self.limit).then_some(number)
    }

    /// Adds these parts before `next`; their first step.
    fn parts(&mut self, parts: &[Part], next: Step) -> Option<Step> {
        parts.iter().rev().try_fold(next, |next, part| match part {
            Part::One(set) => self.add(Raw::One { set: set.clone(), next }),
            Part::Star => self.add(Raw::Star { next }),
            Part::Globstar => self.add(Raw::Globstar { next }),
            Part::Either(alternatives) => {
                let mut ways = alternatives.iter().map(|parts| self.parts(parts, next)).collect::<Option<Vec<_>>>()?;
                // Of the empty ones, all begin with what follows.
                ways.sort_unstable();
                ways.dedup();
                self.add(Raw::Either { ways })
            }
        })
    }
}
