//! The changes that are swept. A new one is a new entry.

use std::fs;

use super::{
    lines::LOG,
    when::{ACKS, pass},
};
use crate::harness::Site;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A message more in the log.
    Sent,
    /// It is acknowledged.
    Acknowledged,
    /// It is shown again once.
    Again,
    /// All are told of it once.
    Escalated,
    /// What there is for the agent is read.
    Read,
    /// The agent is registered.
    Registered,
    /// It is not any more.
    Retired,
    /// Nothing.
    Nothing,
    /// For a control: whatever the script does.
    Script,
}

pub struct Change {
    pub name: &'static str,
    /// Who makes it.
    pub agent: &'static str,
    /// Arguments of the binary; `ID` stands for the id of the last message.
    pub args: &'static [&'static str],
    /// Brings about the old state, once; alice and carol are registered.
    pub prepare: fn(&Site),
    pub effect: Effect,
    /// How much time passes after it, in seconds, before what is due is done.
    pub pass: i64,
    /// Fewer system calls than this are not the whole command.
    pub least: usize,
}

const PLAIN: Change = Change {
    name: "",
    agent: "bob",
    args: &["send", "alice", "INFO", "about it"],
    prepare: |site| drop(site.agent("bob").run(["agents", "register"]).expect(0)),
    effect: Effect::Sent,
    pass: 0,
    least: 60,
};

pub const CHANGES: &[Change] = &[
    Change { name: "first send", prepare: |_| {}, ..PLAIN },
    Change { name: "send", prepare: |site| sent(site, "INFO", &[]), ..PLAIN },
    Change { name: "send --ack", args: &["send", "alice", "QUESTION", "is it?", "--ack=1h"], pass: 3700, ..PLAIN },
    Change { name: "send that rotates", prepare: |site| grown(site, 0), ..PLAIN },
    Change {
        name: "send --ack that rotates three logs",
        args: &["send", "alice", "QUESTION", "is it?", "--ack=1h"],
        prepare: |site| grown(site, 2),
        pass: 3700,
        ..PLAIN
    },
    Change {
        name: "ack",
        agent: "alice",
        args: &["ack", "ID"],
        prepare: |site| sent(site, "QUESTION", &["--ack=1h"]),
        effect: Effect::Acknowledged,
        pass: 3700,
        ..PLAIN
    },
    Change {
        name: "first inbox",
        agent: "alice",
        args: &["inbox", "--json"],
        prepare: |site| sent(site, "INFO", &[]),
        effect: Effect::Read,
        ..PLAIN
    },
    Change {
        name: "inbox",
        agent: "alice",
        args: &["inbox", "--json"],
        prepare: |site| {
            sent(site, "INFO", &[]);
            site.agent("alice").run(["inbox"]).expect(0);
            sent(site, "INFO", &[]);
        },
        effect: Effect::Read,
        ..PLAIN
    },
    Change {
        name: "tick with a reminder due",
        args: &["tick"],
        prepare: |site| {
            sent(site, "QUESTION", &["--ack=1h"]);
            pass(site, 3700);
        },
        effect: Effect::Again,
        ..PLAIN
    },
    Change {
        name: "tick with an escalation due",
        args: &["tick"],
        prepare: |site| {
            sent(site, "QUESTION", &["--ack=1h"]);
            pass(site, 8 * 3600 + 100);
        },
        effect: Effect::Escalated,
        ..PLAIN
    },
    Change {
        name: "tick without the document",
        args: &["tick"],
        prepare: |site| {
            sent(site, "QUESTION", &["--ack=1h"]);
            pass(site, 3700);
            fs::remove_file(site.state(ACKS)).unwrap();
        },
        effect: Effect::Again,
        ..PLAIN
    },
    Change {
        name: "agents register",
        args: &["agents", "register", "--role", "tester"],
        prepare: |_| {},
        effect: Effect::Registered,
        ..PLAIN
    },
    Change {
        name: "agents retire",
        args: &["agents", "retire"],
        prepare: |site| {
            (PLAIN.prepare)(site);
            site.agent("bob").run(["inbox"]).expect(0);
        },
        effect: Effect::Retired,
        ..PLAIN
    },
    Change { name: "discover-agents", args: &["discover-agents"], effect: Effect::Nothing, least: 20, ..PLAIN },
];

/// The control: a line that is written in two parts.
pub const IN_PARTS: Change = Change {
    name: "in parts",
    args: &[
        "sh",
        "-c",
        "cd . && printf '{\"seq\": 1' >>.agent_locks/agent_messages.log && printf '}\\n' >>.agent_locks/agent_messages.log",
    ],
    effect: Effect::Script,
    least: 2,
    ..PLAIN
};

/// The control: an entry that is taken out before there is a line that says why.
pub const UNTRACKED: Change = Change {
    name: "untracked",
    args: &["sh", "-c", "cd . && sed -i 's/\"pending_acks\":.*/\"pending_acks\":[]}/' .agent_locks/PENDING_ACKS.json"],
    prepare: |site| sent(site, "QUESTION", &["--ack=1h"]),
    effect: Effect::Script,
    least: 2,
    ..PLAIN
};

/// A message by carol to alice.
fn sent(site: &Site, kind: &str, options: &[&str]) {
    let args = [&["send", "alice", kind, "a message"], options].concat();
    site.agent("carol").run(args).expect(0);
    site.agent("bob").run(["agents", "register"]).expect(0);
}

/// A log that is rotated by the next message, and so many older ones.
fn grown(site: &Site, older: usize) {
    let long = "x y ".repeat(2500);
    site.agent("bob").run(["agents", "register"]).expect(0);
    for at in 1..=older {
        sent(site, "INFO", &[]);
        for age in (1..at).rev() {
            let name = |age: usize| site.state(format!("{LOG}.{age}"));
            fs::rename(name(age), name(age + 1)).unwrap();
        }
        fs::rename(site.state(LOG), site.state(format!("{LOG}.1"))).unwrap();
    }
    for _ in 0..6 {
        site.agent("carol").run(["send", "alice", "INFO", &long]).expect(0);
    }
    // To the last byte: any other message is one too many.
    let size = fs::metadata(site.state(LOG)).unwrap().len();
    let room = 65_536 - usize::try_from(size).unwrap();
    assert!(room < 12_000, "{room}");
    let mut text = fs::read_to_string(site.state(LOG)).unwrap();
    text.truncate(text.len() - 1);
    text += &" ".repeat(room - 50);
    text += "\n";
    fs::write(site.state(LOG), text).unwrap();
}
