//! Whether two automata read a path in common.

use super::nfa::{FIRST, Nfa};
use super::raw::Step;

/// Searches the pairs of states that one path can lead to.
pub(super) fn meet(a: &Nfa, b: &Nfa) -> bool {
    let mut search = Search { seen: vec![0; (a.len() * b.len()).div_ceil(64)], width: b.len(), todo: Vec::new() };
    let mut common = Common { known: vec![None; a.sets().len() * b.sets().len()], a, b };
    search.visit(FIRST, FIRST);
    while let Some((in_a, in_b)) = search.todo.pop() {
        if a.accepts(in_a) && b.accepts(in_b) {
            return true;
        }
        for to in a.free(in_a) {
            search.visit(*to, in_b);
        }
        for to in b.free(in_b) {
            search.visit(in_a, *to);
        }
        for (set_a, to_a) in a.reads(in_a) {
            for (set_b, to_b) in b.reads(in_b) {
                if common.has(*set_a, *set_b) {
                    search.visit(*to_a, *to_b);
                }
            }
        }
    }
    false
}

struct Search {
    /// One bit for each pair.
    seen: Vec<u64>,
    width: usize,
    todo: Vec<(Step, Step)>,
}

impl Search {
    fn visit(&mut self, in_a: Step, in_b: Step) {
        let pair = usize::from(in_a) * self.width + usize::from(in_b);
        let bit = 1 << (pair % 64);
        if let Some(word) = self.seen.get_mut(pair / 64).filter(|word| **word & bit == 0) {
            *word |= bit;
            self.todo.push((in_a, in_b));
        }
    }
}

/// Which sets of the two have a character in common, looked at once each.
struct Common<'a> {
    known: Vec<Option<bool>>,
    a: &'a Nfa,
    b: &'a Nfa,
}

impl Common<'_> {
    fn has(&mut self, in_a: Step, in_b: Step) -> bool {
        let (in_a, in_b) = (usize::from(in_a), usize::from(in_b));
        let Some(known) = self.known.get_mut(in_a * self.b.sets().len() + in_b) else { return false };
        *known.get_or_insert_with(|| match (self.a.sets().get(in_a), self.b.sets().get(in_b)) {
            (Some(a), Some(b)) => a.meets(b),
            _ => false,
        })
    }
}
