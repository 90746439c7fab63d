use std::collections::BTreeSet;

use super::*;

/// Numbers that are the same in every run.
pub(in crate::domain::queue) struct Random(u64);

impl Random {
    pub(in crate::domain::queue) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in crate::domain::queue) fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX generator; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

const PLACE: Entry = Entry { presence: Presence::Waiting, turn: Turn::NotYet, free: true };

fn all_conflict(_: usize, _: usize) -> bool {
    true
}

fn never(_: usize, _: usize) -> bool {
    false
}

#[test]
fn the_table_of_who_may_go() {
    use Fate::{Behind, Go, Held};
    let place = |presence, turn, free| Entry { presence, turn, free };
    for (line, expected) in [
        (vec![PLACE], vec![Go]),
        (vec![PLACE, PLACE, PLACE], vec![Go, Behind(0), Behind(0)]),
        (vec![place(Presence::Waiting, Turn::NotYet, false), PLACE], vec![Held, Behind(0)]),
        // Who is away keeps nobody back until its turn has come, and then for its time.
        (vec![place(Presence::Away, Turn::NotYet, false), PLACE], vec![Held, Go]),
        (vec![place(Presence::Away, Turn::NotYet, true), PLACE], vec![Go, Behind(0)]),
        (vec![place(Presence::Away, Turn::Running, true), PLACE], vec![Go, Behind(0)]),
        (vec![place(Presence::Away, Turn::Lapsed, true), PLACE], vec![Go, Go]),
        (vec![place(Presence::Waiting, Turn::Running, true), PLACE], vec![Go, Behind(0)]),
        (vec![place(Presence::Waiting, Turn::Lapsed, true), PLACE], vec![Go, Go]),
        // Its time passes only while it may go.
        (vec![place(Presence::Waiting, Turn::Lapsed, false), PLACE], vec![Held, Behind(0)]),
        (vec![place(Presence::Absent, Turn::NotYet, true), PLACE], vec![Go, Go]),
        (vec![PLACE, place(Presence::Away, Turn::NotYet, true), PLACE], vec![Go, Behind(0), Behind(0)]),
    ] {
        assert_eq!(fates(&line, all_conflict, never), expected, "{line:?}");
    }
    assert_eq!(fates(&[PLACE, PLACE], never, never), [Go, Go], "two who share, or want different things");
    let first = Entry { free: false, ..PLACE };
    assert_eq!(fates(&[first, PLACE], all_conflict, |a, b| (a, b) == (0, 1)), [Held, Go], "it waits for the second");
}

/// Agents that want and hold sets of things; one lease an agent and thing.
#[derive(Clone, Debug)]
struct World {
    /// What each agent holds, and whether it shares it.
    holds: Vec<Vec<(usize, bool)>>,
    /// Those who wait: agent, what, shared.
    line: Vec<(usize, Vec<usize>, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Ours,
    /// Nobody goes before an earlier one that wants the same.
    Strict,
    /// Whoever finds all free goes.
    FirstThatFits,
}

impl World {
    fn obstacles(&self, (agent, wants, shared): &(usize, Vec<usize>, bool)) -> BTreeSet<usize> {
        let theirs = |other: &usize| {
            self.holds[*other].iter().any(|(thing, as_shared)| wants.contains(thing) && !(*shared && *as_shared))
        };
        (0..self.holds.len()).filter(|other| other != agent && theirs(other)).collect()
    }

    fn conflicts(&self, a: usize, b: usize) -> bool {
        let ((one, wants, shared), (other, too, as_shared)) = (&self.line[a], &self.line[b]);
        one != other && !(*shared && *as_shared) && wants.iter().any(|thing| too.contains(thing))
    }

    fn may_go(&self, rule: Rule) -> Vec<usize> {
        let waits_for = |a: usize, b: usize| self.obstacles(&self.line[a]).contains(&self.line[b].0);
        let entries: Vec<Entry> =
            self.line.iter().map(|one| Entry { free: self.obstacles(one).is_empty(), ..PLACE }).collect();
        let fates = match rule {
            Rule::Ours => fates(&entries, |a, b| self.conflicts(a, b), waits_for),
            Rule::Strict => fates(&entries, |a, b| self.conflicts(a, b), never),
            Rule::FirstThatFits => fates(&entries, never, never),
        };
        (0..fates.len()).filter(|at| fates[*at] == Fate::Go).collect()
    }

    /// The rule as it is said: free, and nobody earlier wants any of it who does not wait for me.
    fn may_go_as_said(&self, at: usize) -> bool {
        let earlier =
            (0..at).any(|one| self.conflicts(one, at) && !self.obstacles(&self.line[one]).contains(&self.line[at].0));
        self.obstacles(&self.line[at]).is_empty() && !earlier
    }

    fn grant(&mut self, at: usize) {
        let (agent, wants, shared) = self.line.remove(at);
        for thing in wants {
            self.holds[agent].retain(|(held, _)| *held != thing);
            self.holds[agent].push((thing, shared));
        }
    }

    /// Whom each place waits for, as the circle is looked for.
    fn waits(&self, at: usize) -> Vec<usize> {
        (0..self.line.len())
            .filter(|&other| {
                let agent = self.line[other].0;
                let by_lease = self.obstacles(&self.line[at]).contains(&agent);
                let by_line = other < at
                    && self.conflicts(other, at)
                    && !self.obstacles(&self.line[other]).contains(&self.line[at].0);
                by_lease || by_line
            })
            .collect()
    }

    /// Some agents, who hold something and want more; each one that would close a circle is refused, and waits for
    /// nothing then.
    fn random(random: &mut Random, refuse: bool) -> Self {
        let (agents, things) = (2 + random.below(4), 1 + random.below(4));
        let mut world = Self { holds: vec![Vec::new(); agents], line: Vec::new() };
        for thing in 0..things {
            match random.below(3) {
                0 => world.holds[random.below(agents)].push((thing, false)),
                1 => (0..agents).for_each(|agent| {
                    if random.below(3) == 0 {
                        world.holds[agent].push((thing, true));
                    }
                }),
                _ => {}
            }
        }
        for agent in 0..agents {
            let mut wants: Vec<usize> = (0..things).filter(|_| random.below(2) == 0).collect();
            let shared = random.below(3) == 0;
            wants.retain(|thing| {
                !world.holds[agent].iter().any(|(held, as_shared)| held == thing && (!as_shared || shared))
            });
            if wants.is_empty() || random.below(5) == 0 {
                continue;
            }
            world.line.push((agent, wants, shared));
            let last = world.line.len() - 1;
            if refuse && crate::domain::queue::cycle(last, |at| world.waits(at)).is_some() {
                world.line.pop();
            }
        }
        world
    }

    /// Grants and gives back until nobody waits; whoever does not wait gives all back. How many are still waiting.
    fn run(mut self, rule: Rule) -> usize {
        loop {
            if let Some(at) = self.may_go(rule).first() {
                self.grant(*at);
                continue;
            }
            let waiting: BTreeSet<usize> = self.line.iter().map(|one| one.0).collect();
            match (0..self.holds.len()).find(|agent| !waiting.contains(agent) && !self.holds[*agent].is_empty()) {
                Some(agent) => self.holds[agent].clear(),
                None => return self.line.len(),
            }
        }
    }
}

#[test]
fn whoever_may_go_may_by_the_rule_as_it_is_said() {
    let mut random = Random::new(1);
    let mut behind = 0;
    for _ in 0..20_000 {
        let world = World::random(&mut random, false);
        let may = world.may_go(Rule::Ours);
        for at in 0..world.line.len() {
            assert_eq!(may.contains(&at), world.may_go_as_said(at), "{at} in {world:?}");
        }
        let fits = world.may_go(Rule::FirstThatFits);
        behind += usize::from(fits != may);
    }
    assert!(behind > 1000, "the control: the line makes a difference ({behind})");
}

#[test]
fn who_closes_no_circle_gets_what_it_waits_for() {
    let mut random = Random::new(2);
    let (mut stuck_by_strict_order, mut stuck_without_refusal) = (0, 0);
    for _ in 0..20_000 {
        let world = World::random(&mut random, true);
        assert_eq!(world.clone().run(Rule::Ours), 0, "{world:?}");
        stuck_by_strict_order += world.run(Rule::Strict);
        stuck_without_refusal += World::random(&mut random, false).run(Rule::Ours);
    }
    // The controls.
    assert!(stuck_by_strict_order > 10, "strict order ends nowhere: {stuck_by_strict_order}");
    assert!(stuck_without_refusal > 1000, "without a look for circles: {stuck_without_refusal}");
}

#[test]
fn who_shares_does_not_starve_who_writes() {
    // Two who take turns at sharing one thing, never both away, and one who wants it alone.
    let rounds = |rule| {
        let mut world = World { holds: vec![vec![(0, true)], vec![], vec![]], line: vec![(2, vec![0], false)] };
        for round in 0..100 {
            let (leaves, comes) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
            world.line.push((comes, vec![0], true));
            for _ in 0..2 {
                if let Some(at) = world.may_go(rule).first() {
                    world.grant(*at);
                }
            }
            if world.holds[2].len() == 1 {
                return Some(round);
            }
            world.holds[leaves].clear();
        }
        None
    };
    assert_eq!(rounds(Rule::Ours), Some(1));
    assert_eq!(rounds(Rule::FirstThatFits), None, "the control");
}
