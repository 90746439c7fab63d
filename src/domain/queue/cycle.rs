//! Who would wait for ever.

use std::collections::{BTreeMap, VecDeque};

/// The shortest way from `from` back to itself along `edges` (who waits for whom); it begins with `from`, and the last
/// in it waits for `from`. `None` if there is none.
#[must_use]
pub fn cycle(from: usize, edges: impl Fn(usize) -> Vec<usize>) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(at) = next.pop_front() {
        for to in edges(at) {
            if to == from {
                let mut way = vec![at];
                let mut here = at;
                while here != from {
                    here = *came_from.get(&here)?;
                    way.push(here);
                }
                way.reverse();
                return Some(way);
            }
            if let std::collections::btree_map::Entry::Vacant(new) = came_from.entry(to) {
                new.insert(at);
                next.push_back(to);
            }
        }
    }
    None
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;
