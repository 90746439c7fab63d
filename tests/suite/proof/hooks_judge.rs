//! Where calls of hooks are swept, and what must hold after a fault.

use std::{collections::BTreeMap, fs, io::Write as _};

use serde_json::Value;
use swarmlock::{domain::Class, store};

use super::{
    hooks_table::{Change, Effect, Program},
    lib_agent::{Lib, path},
};
use crate::{
    harness::{BINARY, Run, Site},
    hooks::Session,
};

/// What somebody tells the agent.
pub const MESSAGE: &str = "a word to you";

/// A checkout for one fault.
pub struct Stage {
    site: Site,
    lib: Lib,
    /// How many lines of the log are older than the call.
    before: usize,
}

/// What stands in the state directory.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The leases that stand, by file: the agent, how it came about, the fence, when it was renewed.
    held: BTreeMap<String, (String, &'static str, u64, Option<u64>)>,
    /// Whether the agent has read the last message.
    read: bool,
}

/// What a call has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Killed,
    /// Refused, in words.
    Denied,
    /// Let through, and somebody is told of trouble.
    Warned,
    /// Nothing to say.
    Silent,
}

impl Stage {
    pub fn new(change: &Change) -> Self {
        let site = Site::new();
        let lib = Lib::init(site.root());
        let mut stage = Self { site, lib, before: 0 };
        (change.prepare)(&stage);
        stage.before = stage.log().len();
        stage
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    pub fn session(&self) -> Session<'_> {
        Session::new(&self.site, "swept")
    }

    pub fn plant_expired(&self, file: &str) {
        self.lib.plant_expired("ghost", &path(file));
    }

    /// What is called, its arguments, and what it is told.
    pub fn command(&self, change: &Change) -> (String, Vec<String>, String) {
        match change.run {
            Program::Hook(event, more) => {
                let payload = self.session().payload(event, more(self)).to_string();
                (BINARY.to_owned(), vec!["hook".to_owned(), event.to_owned()], payload)
            }
            Program::Shell(script) => {
                let script = script.replace("ID", &self.session().id());
                ("/bin/sh".to_owned(), vec!["-c".to_owned(), script], String::new())
            }
        }
    }

    /// The same call without a fault; a shell's is the hook of the edit.
    fn again(&self, change: &Change) -> Run {
        match change.run {
            Program::Hook(event, more) => self.session().hook(event, more(self)),
            Program::Shell(_) => self.session().edit("a"),
        }
    }

    fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.site.state("events.log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
    }

    /// What stands there; why not, if a file is torn.
    pub fn state(&self) -> Result<State, String> {
        let mut held = BTreeMap::new();
        let mut torn = None;
        let each = |key: &store::ClaimKey, found: store::Result<swarmlock::domain::Found>| match found {
            Ok(found) if found.verdict.is_over() => {}
            Ok(found) => {
                let lease = found.lease;
                let what = (lease.agent_id.to_string(), lease.class.word(), lease.fence, lease.renewed_mono_ms);
                held.insert(key.file(), what);
            }
            Err(error) => torn = Some(error.to_string()),
        };
        self.lib.locks().for_each(each).map_err(|error| error.to_string())?;
        if let Some(why) = torn {
            return Err(format!("is torn: {why}"));
        }
        let id = self.session().id();
        for file in [format!("hooks/{id}"), "era.json".to_owned(), "ACTIVE_AGENTS.json".to_owned()] {
            let bytes = fs::read(self.site.state(&file)).unwrap_or(b"{}".to_vec());
            serde_json::from_slice::<Value>(&bytes).map_err(|why| format!("{file} is torn: {why}"))?;
        }
        let cursor = fs::read(self.site.state(format!("cursors/{id}"))).unwrap_or(b"{}".to_vec());
        let cursor: Value = serde_json::from_slice(&cursor).map_err(|why| format!("the cursor is torn: {why}"))?;
        let log = fs::read_to_string(self.site.state("agent_messages.log")).unwrap_or_default();
        let last: Option<Value> = log.lines().last().map(|line| serde_json::from_str(line).unwrap());
        let read = last.is_some_and(|last| cursor["messages"].as_u64() >= last["seq"].as_u64());
        Ok(State { held, read })
    }

    /// Everything that must hold after a fault in `change`, which began at `before`.
    pub fn judge(&self, change: &Change, before: &State, run: &Run, answer: Answer) -> Result<(), String> {
        let after = self.state()?;
        let done = self.took_place(change.effect, before, &after);
        let part = match change.effect {
            Effect::Releases | Effect::Tells => is_part(&after, before),
            // What could not be looked at is told, and the others are locked.
            Effect::Takes(_) => answer == Answer::Warned && is_part(before, &after),
            Effect::Renews(_) | Effect::Refuses | Effect::RefusesOnce(_) => false,
        };
        if !done && after.held != before.held && !part {
            return Err(format!("neither the old state nor the new: {before:?}, then {after:?}"));
        }
        let silent_and_wrong = match change.effect {
            Effect::Refuses | Effect::RefusesOnce(_) => answer == Answer::Silent,
            Effect::Takes(_) | Effect::Renews(_) | Effect::Releases | Effect::Tells => {
                answer == Answer::Silent && !done || answer == Answer::Denied
            }
        };
        if silent_and_wrong {
            return Err(format!("not what was to be answered, with {after:?}: {run}"));
        }
        // What is looked at last may fail; the guard was there.
        let unguarded = run.out.contains("WITHOUT protection") && run.out.contains(": flock");
        let takes = matches!(change.effect, Effect::Takes(_) | Effect::Renews(_) | Effect::RefusesOnce(_));
        if done && takes && after != *before && unguarded {
            return Err(format!("it is locked, and called unprotected: {run}"));
        }
        let shown = run.out.contains(MESSAGE);
        if after.read && !shown {
            return Err(format!("a message is read that was never shown: {run}"));
        }
        self.judge_again(change, before, answer, after.read)?;
        let dora = self.site.agent("dora").run(["acquire", "name:next", "--guard-wait", "0s"]);
        expect(&dora, 0, "the next change by another agent")?;
        self.judge_log(change, answer)?;
        expect(&self.site.agent("dora").run(["cleanup"]), 0, "cleanup")?;
        match fs::read_dir(self.site.state("tmp")).unwrap().count() {
            0 => Ok(()),
            left => Err(format!("cleanup leaves {left} in tmp")),
        }
    }

    /// The same call once more leads on to where the first was to lead.
    fn judge_again(&self, change: &Change, before: &State, first: Answer, read: bool) -> Result<(), String> {
        let again = self.again(change);
        match change.effect {
            Effect::Refuses => return expect(&again, 2, "the same call again"),
            Effect::RefusesOnce(_) => {
                // It may have the file by the call that was stopped.
                if again.code == 2 && first == Answer::Denied {
                    return Err(format!("refused twice: {again}"));
                }
                expect(&self.again(change), 0, "the last call")?;
            }
            Effect::Tells => {
                let shown = again.out.contains(MESSAGE);
                if shown == read {
                    return Err(format!("shown again: {shown}, although read: {read}: {again}"));
                }
                expect(&again, 0, "the same call again")?;
            }
            Effect::Takes(_) | Effect::Renews(_) | Effect::Releases => {
                expect(&again, 0, "the same call again")?;
                if answer(&again) != Answer::Silent && change.effect != Effect::Releases {
                    return Err(format!("the same call again has something to say: {again}"));
                }
            }
        }
        let then = self.state()?;
        if self.took_place(change.effect, before, &then) {
            Ok(())
        } else {
            Err(format!("called again, it did not lead on: {then:?}"))
        }
    }

    fn took_place(&self, effect: Effect, before: &State, after: &State) -> bool {
        let id = self.session().id();
        let lease = |state: &State, file: &str| state.held.get(&path(file).claim().file()).cloned();
        let mine = |file: &str| lease(after, file).filter(|(agent, class, ..)| *agent == id && *class == "automatic");
        match effect {
            Effect::Takes(files) => files.iter().all(|file| mine(file).is_some()),
            Effect::RefusesOnce(file) => mine(file).is_some(),
            Effect::Renews(file) => {
                let old = lease(before, file);
                mine(file).zip(old).is_some_and(|(new, old)| new.2 == old.2 && new.3 > old.3)
            }
            Effect::Refuses => after.held == before.held,
            Effect::Releases | Effect::Tells => {
                let automatic = after.held.values().any(|(_, class, ..)| *class == Class::Automatic.word());
                !automatic && lease(after, "c") == lease(before, "c")
            }
        }
    }

    /// The log tells each change of the agent's leases once, in order; fences only grow.
    fn judge_log(&self, change: &Change, answer: Answer) -> Result<(), String> {
        if matches!(change.run, Program::Shell(_)) {
            return Ok(());
        }
        let (log, id) = (self.log(), self.session().id());
        let (mut last, mut kinds) = (0, Vec::new());
        for event in log.iter().skip(self.before) {
            let n = event["n"].as_u64().ok_or("a torn event, or one without a number")?;
            if n != 0 && n <= last {
                return Err(format!("number {n} after {last}: {log:?}"));
            }
            last = last.max(n);
            if event["agent_id"] == id.as_str() {
                kinds.push(event["event"].as_str().unwrap_or_default().to_owned());
            }
        }
        if matches!(change.effect, Effect::Takes(_)) && answer == Answer::Warned {
            // One of several is locked by itself afterwards.
            kinds.dedup();
        }
        if kinds == change.told { Ok(()) } else { Err(format!("events {kinds:?}, not {:?}", change.told)) }
    }
}

/// What a call has answered: only 0 and 2 are answers; or stdout is gone, which is said.
pub fn answer(run: &Run) -> Answer {
    let warned = !run.err.is_empty() || run.out.contains("\"systemMessage\"");
    match run.code {
        137 => Answer::Killed,
        2 => Answer::Denied,
        _ if warned => Answer::Warned,
        _ => Answer::Silent,
    }
}

/// A pipe in which a payload stands, whose writer is gone.
pub fn stdin(payload: &str) -> std::io::PipeReader {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(payload.as_bytes()).unwrap();
    reader
}

fn is_part(one: &State, other: &State) -> bool {
    one.held.iter().all(|(file, lease)| other.held.get(file) == Some(lease))
}

fn expect(run: &Run, code: i32, what: &str) -> Result<(), String> {
    if run.code == code { Ok(()) } else { Err(format!("{what}: {run}")) }
}
