//! Records as a wrapper leaves them, through the library; the wrapper is a real process.

use std::{
    ffi::OsString,
    fs,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use swarmlock::{
    domain::{
        AgentId, Depth, Process,
        records::{Ending, Finished, How, LogTail, NewRecord, RecordId, Records},
        redact::Redactor,
    },
    host,
};

use crate::{harness::Site, proof::lib_agent::Lib};

/// A process that lives until it is dropped.
pub struct Wrapper(Child);

impl Wrapper {
    pub fn start() -> Self {
        Self(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub fn process(&self) -> Process {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
        Process::new(self.0.id(), started.parse().unwrap(), "swarmlock")
    }

    pub fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Writes records in the state directory of a checkout.
pub struct Keeper {
    lib: Lib,
}

impl Keeper {
    /// Makes the state directory if there is none.
    pub fn new(site: &Site) -> Self {
        Self { lib: Lib::init(site.root()) }
    }

    pub fn records(&self) -> Records<'_> {
        Records::of(&self.lib.locks())
    }

    /// The start of a command of `agent`.
    pub fn begin(&self, id: &str, agent: &str, argv: &[&str], wrapper: Option<&Process>) {
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        let wrapper = wrapper.zip(host::pid_namespace().unwrap()).map(|(process, pid_ns)| {
            let boot_id = host::machine().unwrap().boot_id;
            swarmlock::domain::Wrapper { boot_id, process: process.clone(), pid_ns }
        });
        let new = NewRecord {
            id: &record_id(id),
            agent: &AgentId::new(agent).unwrap(),
            resources: &["name:deploy".to_owned()],
            lease: Some("l-7"),
            fence: Some(7),
            argv: &argv,
            wrapper: wrapper.as_ref(),
            depth: Depth::default().deeper(3).unwrap(),
            cwd: None,
        };
        self.records().begin(&new, &Redactor::default()).unwrap();
    }

    /// Its end.
    pub fn end(&self, id: &str, how: How, exit: Option<i32>, said: Option<&str>) -> Finished {
        let log = said.map(|said| LogTail { bytes: said.as_bytes().to_vec(), cut: false });
        let bytes = said.map(|said| said.len() as u64);
        let signal = if exit.is_none() { Some(15) } else { None };
        let ending = Ending { how, exit, signal, bytes, log: log.as_ref() };
        self.records().finish(&record_id(id), &ending, &Redactor::default()).unwrap()
    }

    /// A command that has ended.
    pub fn ended(&self, id: &str, how: How, exit: Option<i32>) {
        self.begin(id, "alice", &["make", "deploy"], None);
        self.end(id, how, exit, None);
    }
}

/// The id that begins so.
pub fn whole(id: &str) -> String {
    format!("{id:0<32}")
}

pub fn record_id(id: &str) -> RecordId {
    RecordId::try_from(whole(id)).unwrap()
}

/// The record as it stands in its file.
pub fn written(site: &Site, id: &str) -> Value {
    serde_json::from_slice(&fs::read(site.state(format!("tasks/{}.json", whole(id)))).unwrap()).unwrap()
}

/// Changes a key of the record by hand.
pub fn rewrite(site: &Site, id: &str, key: &str, value: impl Into<Value>) {
    let mut record = written(site, id);
    record[key] = value.into();
    site.plant(format!("tasks/{}.json", whole(id)), record.to_string());
}
