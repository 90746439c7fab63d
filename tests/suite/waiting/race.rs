//! Many who wait for what overlaps, and are killed at it: never two at once, and everybody is served.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use crate::{harness::finish, proof::soak};

use super::*;

const AGENTS: usize = 4;
const ROUNDS: usize = 500;

/// What may be asked for, each with the parts of the tree that it covers.
const RESOURCES: [(&[&str], u32); 7] = [
    (&["src/a.rs"], 0b00001),
    (&["src/b.rs"], 0b00010),
    (&["src"], 0b00111),
    (&["src/*.rs"], 0b00011),
    (&["src/a.rs", "docs"], 0b01001),
    (&["docs", "name:n"], 0b11000),
    (&["name:n", "src/b.rs"], 0b10010),
];

/// Numbers that look random, others for each agent.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// What an agent writes down, in one write at the end of the file.
struct Witness(fs::File);

impl Witness {
    fn new(site: &Site) -> Self {
        Self(fs::OpenOptions::new().append(true).create(true).open(site.path("witness")).unwrap())
    }

    fn say(&mut self, sign: char, agent: usize, covers: u32) {
        self.0.write_all(format!("{sign} {agent} {covers}\n").as_bytes()).unwrap();
    }
}

/// Where two held the same at once, and how often each was served.
fn judge(witness: &str) -> (Vec<String>, BTreeMap<usize, usize>) {
    let (mut inside, mut wrong, mut served) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for line in witness.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (agent, covers): (usize, u32) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        if fields[0] == "-" {
            inside.remove(&agent);
            continue;
        }
        if let Some((other, _)) = inside.iter().find(|(_, held)| **held & covers != 0) {
            wrong.push(format!("{agent} beside {other}"));
        }
        inside.insert(agent, covers);
        *served.entry(agent).or_insert(0) += 1;
    }
    (wrong, served)
}

#[test]
fn never_two_at_once_and_everybody_is_served_whoever_is_killed_while_it_waits() {
    let site = made();
    site.file("src/a.rs");
    site.file("src/b.rs");
    site.file("docs/c");
    let (left, killed) = (AtomicUsize::new(ROUNDS * soak()), AtomicUsize::new(0));
    thread::scope(|scope| {
        for me in 0..AGENTS {
            let (site, left, killed) = (&site, &left, &killed);
            scope.spawn(move || work(me, site, left, killed));
        }
    });
    let (wrong, served) = judge(&fs::read_to_string(site.path("witness")).unwrap());
    eprintln!("served {served:?}, killed {}", killed.load(SeqCst));
    assert_eq!(wrong, [""; 0]);
    assert!(killed.load(SeqCst) > 10, "{killed:?}");
    let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
    assert!(served.len() == AGENTS && least * 2 >= *most, "{served:?}");
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(tickets(&site).len(), 0);
    assert_eq!(held(&site), []);
    let numbers: Vec<u64> = log(&site).iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "the log is in order");
}

fn work(me: usize, site: &Site, left: &AtomicUsize, killed: &AtomicUsize) {
    let agent = format!("agent-{me}");
    let (mut random, mut witness) = (Random(me as u64 + 1), Witness::new(site));
    while left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
        let (resources, covers) = RESOURCES[random.below(RESOURCES.len())];
        let ask = || site.agent(&agent).spawn([&["acquire", "--wait=50s"][..], resources].concat());
        let mut child = ask();
        if random.below(4) == 0 {
            // Somewhere in its start, in line, or when it has it.
            thread::sleep(Duration::from_micros(random.below(40_000) as u64));
            kill(child);
            killed.fetch_add(1, SeqCst);
            if random.below(2) == 0 {
                for ticket in tickets(site).iter().filter(|ticket| ticket.agent == agent) {
                    // It may have served and stayed: then the next to look sweeps it.
                    let run = site.agent(&agent).run(["queue", "cancel", &format!("t-{}", ticket.number)]);
                    assert!([0, 13].contains(&run.code), "{run}");
                }
                site.agent(&agent).run(["release", "--mine"]).expect(0);
                continue;
            }
            child = ask();
        }
        finish(child).expect(0);
        witness.say('+', me, covers);
        if random.below(3) == 0 {
            thread::sleep(Duration::from_micros(random.below(5_000) as u64));
        }
        witness.say('-', me, covers);
        site.agent(&agent).run(["release", "--mine"]).expect(0);
    }
}

#[test]
fn control_two_at_once_are_seen() {
    assert_eq!(judge("+ 0 1\n- 0 1\n+ 1 3\n+ 2 4\n- 1 3\n").0, [""; 0]);
    assert_eq!(judge("+ 0 1\n+ 1 3\n- 0 1\n").0, ["1 beside 0"]);
    // Agents that ask nobody.
    let site = Site::new();
    thread::scope(|scope| {
        for me in 0..AGENTS {
            let mut witness = Witness::new(&site);
            scope.spawn(move || {
                for _ in 0..500 {
                    witness.say('+', me, 1);
                    thread::yield_now();
                    witness.say('-', me, 1);
                }
            });
        }
    });
    assert!(!judge(&fs::read_to_string(site.path("witness")).unwrap()).0.is_empty());
}
