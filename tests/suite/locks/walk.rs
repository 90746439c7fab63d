//! Agents who do one thing after another, by chance: whatever came before, nobody holds what overlaps another's, nothing
//! is damaged, and all of it can be given up.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{expire_all, nothing_is_locked};
use crate::harness::{Run, Site};

/// What is locked, and which of the files 0 to 5 each is on: a, b, src, src/a, src/b, src/c/d; 6 is a name.
const RESOURCES: [(&str, &[u8]); 6] =
    [("a", &[0]), ("b", &[1]), ("src/", &[2, 3, 4, 5]), ("src/a", &[3]), ("src/*", &[3, 4]), ("name:n", &[6])];

const AGENTS: [&str; 3] = ["alice", "bob", "carol"];

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % count as u64).unwrap()
    }

    /// Some that stand side by side, so that the same ones are often asked for again.
    fn some(&mut self) -> Vec<&'static str> {
        let (first, count) = (self.below(RESOURCES.len()), 1 + self.below(3));
        RESOURCES.iter().cycle().skip(first).take(count).map(|(text, _)| *text).collect()
    }
}

/// The live leases: resource, agent, mode.
fn live(site: &Site) -> Vec<(String, String, String)> {
    let text = |lock: &Value, key: &str| lock[key].as_str().unwrap().to_owned();
    let all = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    let live = all.iter().filter(|lock| lock["state"] == "live");
    live.map(|lock| (text(lock, "resource"), text(lock, "agent_id"), text(lock, "mode"))).collect()
}

/// Fails if two agents hold what has a file in common and do not share it.
fn nobody_is_in_anybodys_way(live: &[(String, String, String)], steps: &[String]) {
    let files: BTreeMap<_, _> = RESOURCES.into_iter().collect();
    for (at, (resource, agent, mode)) in live.iter().enumerate() {
        for (other, another, other_mode) in live.iter().skip(at + 1) {
            let common = files[resource.as_str()].iter().any(|file| files[other.as_str()].contains(file));
            let shared = mode == "shared" && other_mode == "shared";
            let both = agent != another && common && !shared;
            assert!(!both, "{resource} of {agent} and {other} of {another}\n{}", steps.join("\n"));
        }
    }
}

/// Does one thing, and checks that it did what it says.
fn step(site: &Site, chance: &mut Chance, steps: &mut Vec<String>) {
    let agent = AGENTS[chance.below(AGENTS.len())];
    let texts = chance.some();
    let (args, lasting): (Vec<&str>, _) = match chance.below(15) {
        0..3 => ([&["acquire"], &texts[..]].concat(), Some("exclusive")),
        3 | 4 => ([&["acquire", "--shared"], &texts[..]].concat(), Some("shared")),
        5 | 6 => ([&["release"], &texts[..]].concat(), None),
        7 => (vec!["release", "--mine"], None),
        8 => ([&["renew"], &texts[..]].concat(), None),
        9 => (vec!["renew", "--mine", "--ttl", "1h"], None),
        10 => (vec![["cleanup"], ["list"]][chance.below(2)].to_vec(), None),
        _ => {
            steps.push(format!("{agent} is silent for long"));
            return expire_all(site, agent);
        }
    };
    steps.push(format!("{agent}: {}", args.join(" ")));
    let run: Run = site.agent(agent).run(&args);
    let expected: &[i32] = match args[0] {
        "acquire" => &[0, 10],
        "release" => &[0, 12],
        "renew" => &[0, 12, 13],
        _ => &[0],
    };
    assert!(expected.contains(&run.code), "{run}\n{}", steps.join("\n"));
    let live = live(site);
    nobody_is_in_anybodys_way(&live, steps);
    let mine: BTreeMap<_, _> = live
        .iter()
        .filter(|(_, of, _)| of == agent)
        .map(|(resource, _, mode)| (resource.as_str(), mode.as_str()))
        .collect();
    if run.code == 0 {
        for text in &texts {
            match (args[0], lasting) {
                ("acquire", mode) => assert_eq!(mine.get(text).copied(), mode, "{text}\n{}", steps.join("\n")),
                ("release", _) => assert_eq!(mine.get(text), None, "{text}\n{}", steps.join("\n")),
                _ => {}
            }
        }
    }
}

#[test]
fn whatever_agents_do_one_after_another_nobody_is_in_anybodys_way() {
    for seed in 0..8 {
        let (site, mut chance, mut steps) = (Site::new(), Chance(seed), Vec::new());
        for _ in 0..30 {
            step(&site, &mut chance, &mut steps);
        }
        for agent in AGENTS {
            site.agent(agent).run(["release", "--mine"]).expect(0);
        }
        site.nobody().run(["cleanup"]).expect(0);
        if site.state("").exists() {
            nothing_is_locked(&site);
        }
    }
}

#[test]
fn what_is_in_the_way_is_seen() {
    let lease = |resource: &str, agent: &str, mode: &str| (resource.to_owned(), agent.to_owned(), mode.to_owned());
    let seen =
        |live: &[(String, String, String)]| std::panic::catch_unwind(|| nobody_is_in_anybodys_way(live, &[])).is_err();
    let (tree, path) = (lease("src/", "alice", "exclusive"), lease("src/a", "bob", "shared"));
    assert!(seen(&[tree.clone(), path.clone()]));
    assert!(!seen(&[tree, lease("src/a", "alice", "exclusive"), lease("b", "bob", "exclusive")]));
    assert!(!seen(&[lease("src/", "alice", "shared"), path]));
}
