//! Waiting in line, with real processes that wait: who goes first, who is told, who loses a place, and what breaks none
//! of it.

mod bad_input;
mod circles;
mod order;
mod places;
mod planted;
mod race;
mod relatives;
mod several;
mod shared;
mod sweep;
mod told;
mod turns;
mod wakes;

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    process::Child,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::harness::{Run, Site, finish};

/// No state of the line takes nearly as long to come about.
const NEVER: Duration = Duration::from_secs(30);

/// How many bytes at the start of a ticket are its state.
const STATE_WIDTH: usize = 320;

/// A ticket as it lies in `queue/`.
pub struct Lying {
    pub number: u64,
    pub agent: String,
    /// Whether a process waits with it.
    pub held: bool,
    pub json: Value,
}

pub fn ticket_file(site: &Site, number: u64) -> PathBuf {
    site.state(format!("queue/t-{number}.json"))
}

/// All that lie there, by number.
pub fn tickets(site: &Site) -> Vec<Lying> {
    let mut found = Vec::new();
    for entry in fs::read_dir(site.state("queue")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if !path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        let Some((file, json)) = read(&path) else { continue };
        let held = file.try_lock_shared().is_err();
        let (number, agent) = (json["number"].as_u64().unwrap(), json["agent_id"].as_str().unwrap().to_owned());
        found.push(Lying { number, agent, held, json });
    }
    found.sort_by_key(|ticket| ticket.number);
    found
}

/// A ticket; `None` if it is gone or no ticket. Its state may be written meanwhile: then it is read again.
fn read(path: &PathBuf) -> Option<(fs::File, Value)> {
    for _ in 0..100 {
        let (file, bytes) = (fs::File::open(path).ok()?, fs::read(path).ok()?);
        if let Ok(json) = serde_json::from_slice(&bytes) {
            return Some((file, json));
        }
    }
    None
}

/// The ticket of this agent, which has one.
#[track_caller]
pub fn ticket_of(site: &Site, agent: &str) -> Lying {
    let found = tickets(site).into_iter().find(|ticket| ticket.agent == agent);
    found.unwrap_or_else(|| panic!("{agent} has no ticket"))
}

/// Whether a process of this agent waits.
pub fn is_waiting(site: &Site, agent: &str) -> bool {
    tickets(site).iter().any(|ticket| ticket.agent == agent && ticket.held)
}

/// Looks until it is so; fails if it never is.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < NEVER, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts a call of this agent that waits, and returns when it stands in line and has said so in the log: it holds the
/// guard until then.
#[track_caller]
pub fn waits(site: &Site, agent: &str, args: &[&str]) -> Child {
    let child = site.agent(agent).spawn([&["acquire", "--wait=30s"], args].concat());
    until(&format!("{agent} waits for {args:?}"), || is_waiting(site, agent));
    until("nobody has the guard", || fs::File::open(site.state(".guard")).unwrap().try_lock_shared().is_ok());
    child
}

/// It was granted what it waited for.
#[track_caller]
pub fn granted(child: Child) -> Run {
    finish(child).expect(0)
}

/// Kills what waits and collects it.
pub fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rewrites the state of a ticket in place, as it is written; whoever waits with it goes on waiting.
pub fn edit_state(site: &Site, number: u64, change: impl FnOnce(&mut Value)) {
    let path = ticket_file(site, number);
    let mut whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut whole["state"]);
    let line = format!("{{\n  \"state\": {},", whole["state"]);
    let bytes = format!("{line:<width$}\n", width = STATE_WIDTH - 1);
    assert_eq!(bytes.len(), STATE_WIDTH);
    fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(bytes.as_bytes(), 0).unwrap();
}

/// Makes a time in the state of a ticket, `away` or `turn`, so many seconds older.
#[track_caller]
pub fn age(site: &Site, number: u64, what: &str, seconds: u64) {
    edit_state(site, number, |state| {
        let mono_ms = &mut state[format!("{what}_mono_ms")];
        let then = mono_ms.as_u64().unwrap_or_else(|| panic!("{what} is not set"));
        *mono_ms = then.saturating_sub(seconds * 1000).into();
    });
}

/// Makes a ticket itself so many seconds older.
pub fn age_made(site: &Site, number: u64, seconds: u64) {
    let path = ticket_file(site, number);
    let text = fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once("\"made_mono_ms\": ").unwrap();
    let (then, rest) = after.split_once(',').unwrap();
    let then = then.parse::<u64>().unwrap().saturating_sub(seconds * 1000);
    fs::write(&path, format!("{before}\"made_mono_ms\": {then},{rest}")).unwrap();
}

/// The leases that stand: resource and agent.
pub fn held(site: &Site) -> Vec<(String, String)> {
    let run = site.nobody().run(["list", "--json"]).expect(0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let live = |lease: &Value| lease["state"] == "live";
    let leases = run.json_lines();
    leases
        .iter()
        .filter(|lease| live(lease))
        .map(|lease| (text(&lease["resource"]), text(&lease["agent_id"])))
        .collect()
}

/// The lines of `status` that begin with this word.
pub fn told(site: &Site, agent: &str, word: &str) -> Vec<String> {
    let out = site.agent(agent).run(["status"]).expect(0).out;
    out.lines().filter(|line| line.split('\t').next() == Some(word)).map(str::to_owned).collect()
}

/// The events in the log.
pub fn log(site: &Site) -> Vec<Value> {
    let text = fs::read_to_string(site.state("events.log")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A state directory with nothing in it, made.
pub fn made() -> Site {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    site
}

/// A checkout where alice holds `x`.
pub fn held_by_alice() -> Site {
    let site = made();
    site.agent("alice").run(["acquire", "name:x"]).expect(0);
    site
}
