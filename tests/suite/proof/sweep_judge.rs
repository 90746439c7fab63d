//! Where a sweep takes place, and what must hold after a fault.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use super::{
    lib_agent::{Lib, name, path},
    sweep_table::{AGENT, Effect, Program, Transition},
};
use crate::harness::{BINARY, Call, Run, Site};

/// What the swept commands are about.
pub const TARGET: &str = "src/a.rs";

/// A lock of somebody else that no swept command may touch.
const BYSTANDER: &str = "bystander";

/// A checkout that is used for one fault after another: what they leave behind adds up.
pub struct Stage {
    site: Site,
    lib: Option<Lib>,
    /// Bytes of the log that have been judged, and the last number in them.
    judged: usize,
    last: u64,
}

/// The lock file on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub agent: String,
    pub fence: u64,
    pub change: u64,
}

/// What stands in the state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    made: bool,
    target: Option<Held>,
    bystander: Option<Held>,
    litter: usize,
}

impl Stage {
    pub fn new() -> Self {
        Self { site: Site::new(), lib: None, judged: 0, last: 0 }
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    pub fn lib(&mut self) -> &Lib {
        let root = self.site.root();
        self.lib.get_or_insert_with(|| Lib::open(root))
    }

    pub fn grant(&mut self, agent: &str) {
        self.lib().acquire(agent, &path(TARGET)).unwrap();
    }

    /// Brings about the old state of `transition`, whatever the last fault has left.
    pub fn prepare(&mut self, transition: &Transition) -> State {
        if transition.untouched {
            *self = Self::new();
        } else {
            if !self.site.state(".guard").exists() {
                Lib::init(self.site.root());
            }
            if let Some(held) = self.target().unwrap() {
                self.lib().release(&held.agent, &path(TARGET)).unwrap();
            }
            // Else what is planted as over lives on.
            fs::remove_dir_all(self.site.state("beats")).unwrap_or_default();
            // Else the first run alone would enter its agent there.
            fs::remove_file(self.site.state("ACTIVE_AGENTS.json")).unwrap_or_default();
            self.lib().acquire("carol", &name(BYSTANDER)).unwrap();
        }
        (transition.prepare)(self);
        let log = self.log();
        self.judged = log.len();
        self.last = numbers(&log).last().copied().unwrap_or(0);
        self.state().unwrap()
    }

    pub fn command(&self, program: Program) -> (PathBuf, Vec<&'static str>) {
        match program {
            Program::Swarmlock(args) => (BINARY.into(), args.to_vec()),
            Program::Shell(script) => ("/bin/sh".into(), vec!["-c", script]),
        }
    }

    fn call(&self, agent: &str) -> Call {
        self.site.agent(agent)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.site.state("events.log")).unwrap_or_default()
    }

    /// What stands there now; why not, if a file is torn.
    pub fn state(&self) -> Result<State, String> {
        let made = self.site.state("").exists();
        for file in [".guard", "era.json"].map(|file| self.site.state(file)).iter().filter(|_| made) {
            let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let blank = bytes == [0; 2048];
            if !blank && serde_json::from_slice::<Value>(&bytes).is_err() {
                return Err(format!("{} is torn", file.display()));
            }
        }
        Ok(State { made, target: self.target()?, bystander: self.bystander()?, litter: self.litter().len() })
    }

    fn target(&self) -> Result<Option<Held>, String> {
        held(self.site.lock_file(TARGET))
    }

    fn bystander(&self) -> Result<Option<Held>, String> {
        held(self.site.state(format!("locks/names/{BYSTANDER}.lock")))
    }

    /// Half-made files and directories.
    fn litter(&self) -> Vec<PathBuf> {
        let below = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
        let dead = below(self.site.path("")).filter(|path| path.to_string_lossy().contains(".agent_locks.new-"));
        below(self.site.state("tmp")).chain(dead).collect()
    }

    /// Everything that must hold after a fault in `transition` that began at `before`; `exit` is 0 if it reported success.
    pub fn judge(&mut self, transition: &Transition, before: &State, exit: Option<i32>) -> Result<(), String> {
        let after = self.state()?;
        if after.bystander != before.bystander {
            return Err(format!("another lock has changed: {after:?}"));
        }
        let done = took_place(transition.effect, before, &after);
        if !done && !is_old(transition.effect, before, &after) {
            return Err(format!("neither the old state nor the new: {before:?}, then {after:?}"));
        }
        if exit == Some(0) && !done {
            return Err(format!("success was reported, and nothing has changed: {after:?}"));
        }
        self.judge_look(&after)?;
        let Program::Swarmlock(args) = transition.run else { return self.judge_log(transition, done) };
        if !done {
            // By its sign of life the first call has prolonged what it did not get to renew.
            fs::remove_dir_all(self.site.state("beats")).unwrap_or_default();
        }
        // Nobody is left in the guard: there is no waiting.
        let again = self.call(AGENT).run(args.iter().chain(&["--guard-wait", "0s"]));
        expect(&again, 0, "the same command again")?;
        let then = self.state()?;
        let goes_on = match (&after.target, &then.target) {
            (Some(first), Some(second)) if done => first.fence == second.fence && second.change >= first.change,
            _ => true,
        };
        if !took_place(transition.effect, before, &then) || !goes_on {
            return Err(format!("run again, it did not lead on: {after:?}, then {then:?}"));
        }
        let next = self.call("dora").run(["acquire", "name:next", "--guard-wait", "0s"]);
        expect(&next, 0, "the next change by another agent")?;
        self.judge_log(transition, done)?;
        expect(&self.call("dora").run(["release", "name:next"]), 0, "its release")?;
        expect(&self.call("dora").run(["cleanup"]), 0, "cleanup")?;
        match &*self.litter() {
            [] => Ok(()),
            left => Err(format!("cleanup leaves litter: {left:?}")),
        }
    }

    /// A reader gets the right answer at once.
    fn judge_look(&self, state: &State) -> Result<(), String> {
        let run = self.call("erin").run(["check", TARGET, "--json"]);
        let allowed = if state.target.is_some() { [0, 10] } else { [0, 0] };
        if allowed.contains(&run.code) { Ok(()) } else { Err(format!("check, with {state:?}: {run}")) }
    }

    /// The log tells each change once, in order; fences only grow.
    fn judge_log(&self, transition: &Transition, done: bool) -> Result<(), String> {
        let log = self.log();
        let new = log.get(self.judged..).ok_or("the log has shrunk")?;
        let told = if done { transition.told_if_done } else { transition.told_if_not };
        let mut wanted: Vec<&str> = told.to_vec();
        wanted.extend(matches!(transition.run, Program::Swarmlock(_)).then_some("acquired"));
        let mut last = self.last;
        let mut kinds = Vec::new();
        for line in new.lines() {
            let event: Value = serde_json::from_str(line).map_err(|error| format!("a torn event: {error}: {line}"))?;
            let n = event["n"].as_u64().ok_or("an event without a number")?;
            if n != 0 && n <= last {
                return Err(format!("number {n} after {last}: {new}"));
            }
            if ["acquired", "taken_over"].contains(&event["event"].as_str().unwrap()) && event["fence"] != n {
                return Err(format!("a fence that is not its number: {line}"));
            }
            last = last.max(n);
            kinds.push(event["event"].as_str().unwrap().to_owned());
        }
        if kinds == wanted { Ok(()) } else { Err(format!("events {kinds:?}, not {wanted:?} (done: {done})")) }
    }
}

fn is_old(effect: Effect, before: &State, after: &State) -> bool {
    let same = before.target == after.target;
    match effect {
        // The directory is made by the way.
        Effect::Made | Effect::Granted => same && (after.made || !before.made),
        Effect::Renewed | Effect::Gone | Effect::Swept => same && after.made,
    }
}

fn took_place(effect: Effect, before: &State, after: &State) -> bool {
    match (effect, &before.target, &after.target) {
        (Effect::Made, _, None) => after.made,
        (Effect::Granted, old, Some(new)) => {
            new.agent == AGENT && new.fence > old.as_ref().map_or(0, |old| old.fence.max(old.change))
        }
        (Effect::Renewed, Some(old), Some(new)) => {
            new.agent == old.agent && new.fence == old.fence && new.change > old.change
        }
        (Effect::Gone, Some(_), None) => true,
        (Effect::Swept, old, new) => old == new && after.litter == 0,
        _ => false,
    }
}

fn held(file: PathBuf) -> Result<Option<Held>, String> {
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", file.display())),
    };
    let torn = |_| format!("{} is torn: {:?}", file.display(), String::from_utf8_lossy(&bytes));
    let json: Value = serde_json::from_slice(&bytes).map_err(torn)?;
    Ok(Some(Held {
        agent: json["agent_id"].as_str().unwrap_or_default().to_owned(),
        fence: json["holders"][0]["fence"].as_u64().unwrap_or_default(),
        change: json["change"].as_u64().unwrap_or_default(),
    }))
}

fn expect(run: &Run, code: i32, what: &str) -> Result<(), String> {
    if run.code == code { Ok(()) } else { Err(format!("{what}: {run}")) }
}

fn numbers(log: &str) -> BTreeSet<u64> {
    let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap();
    log.lines().map(parse).collect()
}
