//! Where a sweep takes place, and what must hold after a fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
};

use serde_json::Value;

use super::{
    lines::{LOG, addressed, logs},
    shown, site,
    sweep_table::{Change, Effect},
    when::{ACKS, pass},
};
use crate::harness::{Run, Site};

const AGENTS: &str = "ACTIVE_AGENTS.json";

/// Directories in which every file is part of the old state.
const DIRS: [&str; 3] = ["cursors", "beats", "tmp"];

/// A checkout that is brought into the same state before each fault.
pub struct Stage {
    site: Site,
    old: BTreeMap<PathBuf, Vec<u8>>,
    /// The id of the last message.
    pub id: String,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    lines: Vec<Value>,
    /// Who is to acknowledge what.
    awaited: BTreeSet<(String, String)>,
    agents: BTreeSet<String>,
    /// How far alice has read.
    read: u64,
}

impl Stage {
    pub fn new(change: &Change) -> Self {
        let site = site("message_log_count = 1000\n", &["alice", "carol"]);
        (change.prepare)(&site);
        // Else the first calls count what was said just now, and later ones do not.
        pass(&site, 5);
        let mut stage = Self { old: BTreeMap::new(), id: String::new(), site };
        stage.old = stage.files().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        let last = stage.state().unwrap().lines.pop();
        stage.id = last.map_or(String::new(), |line| line["msg_id"].as_str().unwrap().to_owned());
        stage
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The files that the changes are about. The counter and the events go on.
    fn files(&self) -> Vec<PathBuf> {
        let below = |dir: &str| fs::read_dir(self.site.state(dir)).into_iter().flatten();
        let in_dirs = DIRS.iter().flat_map(|dir| below(dir)).map(|entry| entry.unwrap().path());
        let documents = [AGENTS, ACKS].map(|name| self.site.state(name)).into_iter().filter(|path| path.exists());
        in_dirs.chain(documents).chain(logs(&self.site.state(""))).collect()
    }

    /// Brings about the old state, whatever the last fault has left.
    pub fn prepare(&self) -> State {
        for file in self.files() {
            fs::remove_file(file).unwrap();
        }
        // Made again only if it is not there.
        fs::remove_dir(self.site.state("cursors")).unwrap_or_default();
        for (path, bytes) in &self.old {
            DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
            self.site.plant(path, bytes);
        }
        self.state().unwrap()
    }

    /// What stands there now; why not, if something is torn.
    pub fn state(&self) -> Result<State, String> {
        let (mut lines, mut last) = (Vec::new(), 0);
        for log in logs(&self.site.state("")) {
            let text = fs::read_to_string(&log).unwrap();
            if !text.is_empty() && !text.ends_with('\n') {
                return Err(format!("{} is torn", log.display()));
            }
            for line in text.lines() {
                let line: Value =
                    serde_json::from_str(line).map_err(|why| format!("{}: {why}: {line}", log.display()))?;
                let seq = line["seq"].as_u64().ok_or("a line without a number")?;
                if seq <= last {
                    return Err(format!("number {seq} after {last}"));
                }
                last = seq;
                lines.push(line);
            }
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let acks = self.document(ACKS)?;
        let entries = acks["pending_acks"].as_array().cloned().unwrap_or_default();
        let awaited = entries.iter().map(|entry| (text(&entry["msg_id"]), text(&entry["recipient_id"]))).collect();
        let agents = self.document(AGENTS)?["agents"].as_array().cloned().unwrap_or_default();
        let agents = agents.iter().map(|agent| text(&agent["id"])).collect();
        let cursor = self.document("cursors/alice")?;
        let read = cursor["messages"].as_u64().filter(|_| cursor["fresh"] != true).unwrap_or(0);
        Ok(State { lines, awaited, agents, read })
    }

    fn document(&self, name: &str) -> Result<Value, String> {
        match fs::read(self.site.state(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|why| format!("{name} is torn: {why}")),
            Err(_) => Ok(Value::Null),
        }
    }

    /// Everything that must hold after a fault in `change`, which began at `before`; `success` says that it reported that.
    pub fn judge(&self, change: &Change, before: &State, run: &Run, success: bool) -> Result<(), String> {
        let after = self.state()?;
        let new = after.lines.strip_prefix(&*before.lines).ok_or("a line is lost or has changed")?;
        if !before.agents.is_subset(&after.agents) && change.effect != Effect::Retired {
            return Err(format!("an agent is lost: {:?}", after.agents));
        }
        let done = match change.effect {
            Effect::Sent | Effect::Acknowledged | Effect::Again | Effect::Escalated => new.len() == 1,
            Effect::Read => after.read > before.read,
            Effect::Registered => after.agents.contains(change.agent),
            Effect::Retired => !after.agents.contains(change.agent),
            Effect::Nothing => true,
            Effect::Script => success,
        };
        if new.len() > usize::from(done) {
            return Err(format!("more than one line: {new:?}"));
        }
        if success && !done {
            return Err(format!("success was reported, and nothing has changed: {after:?}"));
        }
        if !self.awaited(&after.lines).is_subset(&after.awaited) && self.site.state(ACKS).exists() {
            return Err(format!("untracked: {after:?}"));
        }
        self.judge_inbox(change, before, &after, run)?;
        self.judge_what_comes(change, &after, done)
    }

    /// By the log: who is to acknowledge what.
    fn awaited(&self, lines: &[Value]) -> BTreeSet<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut awaited = BTreeSet::new();
        for line in lines {
            if line["msg_type"] == "ACK" {
                awaited.remove(&(text(&line["parent_msg_id"]), text(&line["sender"])));
            } else if !line["unacknowledged_by"].is_null() {
                awaited.remove(&(text(&line["original_msg_id"]), text(&line["unacknowledged_by"])));
            } else if line["requires_ack"] == true && line["retry"].is_null() {
                let recipients = line["recipients"].as_array().unwrap().iter();
                awaited.extend(recipients.map(|to| (text(&line["msg_id"]), text(to))));
            }
        }
        awaited
    }

    /// What alice has not been shown she is shown now; what she was shown by a call that went on to the end is not again.
    fn judge_inbox(&self, change: &Change, before: &State, after: &State, run: &Run) -> Result<(), String> {
        let wanted: Vec<u64> = addressed(&after.lines, "alice").into_iter().filter(|seq| *seq > before.read).collect();
        let page = ["inbox", "--json", "--limit", "1000", "--guard-wait", "0s"];
        let now = self.site.agent("alice").run(page);
        expect(&now, 0, "the next inbox")?;
        let (now, earlier) = (shown(&now), shown(run));
        let read = change.effect == Effect::Read && after.read > before.read;
        let whole = if read { [&*earlier, &*now].concat() } else { now };
        if whole == wanted { Ok(()) } else { Err(format!("shown {whole:?}, not {wanted:?} (read: {read})")) }
    }

    /// The next change works; what is due is done once; nothing is left.
    fn judge_what_comes(&self, change: &Change, after: &State, done: bool) -> Result<(), String> {
        // Nobody is left in the guard: there is no waiting.
        let next = self.site.agent("carol").run(["send", "alice", "INFO", "next", "--guard-wait", "0s"]);
        expect(&next, 0, "the next message")?;
        pass(&self.site, change.pass);
        for _ in 0..2 {
            expect(&self.site.nobody().run(["tick", "--guard-wait", "0s"]), 0, "tick")?;
        }
        let then = self.state()?;
        if then.lines.len() < after.lines.len() + 1 || then.awaited != self.awaited(&then.lines) {
            return Err(format!("after tick it is not as the log says: {then:?}"));
        }
        let again = then.lines.iter().filter(|line| line["retry"] == 1).count();
        let escalated = then.lines.iter().filter(|line| !line["unacknowledged_by"].is_null()).count();
        let wanted = match change.effect {
            Effect::Sent => (usize::from(done && change.pass > 0), 0),
            Effect::Acknowledged => (usize::from(!done), 0),
            Effect::Again => (1, 0),
            Effect::Escalated => (0, 1),
            Effect::Read | Effect::Registered | Effect::Retired | Effect::Nothing | Effect::Script => (0, 0),
        };
        if (again, escalated) != wanted {
            return Err(format!("shown again and escalated {again} and {escalated} times (done: {done})"));
        }
        expect(&self.site.nobody().run(["cleanup"]), 0, "cleanup")?;
        match fs::read_dir(self.site.state("tmp")).unwrap().count() {
            0 => Ok(()),
            left => Err(format!("cleanup leaves {left} in tmp, with {LOG} in place")),
        }
    }
}

fn expect(run: &Run, code: i32, what: &str) -> Result<(), String> {
    if run.code == code { Ok(()) } else { Err(format!("{what}: {run}")) }
}
