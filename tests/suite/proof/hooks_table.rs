//! The calls of hooks that are swept. A new one is a new entry.

use std::fs;

use serde_json::{Value, json};

use super::hooks_judge::{MESSAGE, Stage};
use crate::hooks::edit_of;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The agent holds these files, by editing them.
    Takes(&'static [&'static str]),
    /// The lease on this file goes on.
    Renews(&'static str),
    /// Nothing: another holds the file, and the call is refused.
    Refuses,
    /// The agent holds this file again, and is refused once: others have had it.
    RefusesOnce(&'static str),
    /// The agent's automatic leases are gone, and the others are there.
    Releases,
    /// The message is read.
    Tells,
}

pub struct Change {
    pub name: &'static str,
    pub run: Program,
    /// Brings about the old state.
    pub prepare: fn(&Stage),
    pub effect: Effect,
    /// What the log tells of the agent's leases in the end, whenever the first call was stopped.
    pub told: &'static [&'static str],
    /// Fewer system calls than this are not the whole call.
    pub least: usize,
}

#[derive(Clone, Copy)]
pub enum Program {
    /// The hook of this event, with these members in its payload.
    Hook(&'static str, fn(&Stage) -> Value),
    /// By a shell, for controls; `ID` stands for the agent.
    Shell(&'static str),
}

use Program::{Hook, Shell};

const PLAIN: Change = Change {
    name: "",
    run: Hook("PreToolUse", |stage| edit_of(&stage.site().path("a"))),
    prepare: |_| {},
    effect: Effect::Takes(&["a"]),
    told: &["acquired"],
    least: 40,
};

pub const CHANGES: &[Change] = &[
    Change { name: "the first edit of a session", ..PLAIN },
    Change {
        name: "an edit of a free file",
        prepare: |stage| drop(stage.session().edit("other").expect(0)),
        effect: Effect::Takes(&["a", "other"]),
        ..PLAIN
    },
    Change {
        name: "an edit that takes over",
        prepare: |stage| stage.plant_expired("a"),
        told: &["taken_over"],
        ..PLAIN
    },
    Change {
        name: "an edit that renews",
        prepare: |stage| {
            stage.session().edit("a").expect(0);
            stage.site().age("a", 100);
        },
        effect: Effect::Renews("a"),
        told: &["renewed"],
        ..PLAIN
    },
    Change {
        name: "an edit of several files",
        run: Hook("PreToolUse", |_| {
            let patch =
                "*** Begin Patch\n*** Update File: a\n*** Move to: b\n@@\n-x\n+y\n*** Add File: c\n+x\n*** End Patch\n";
            json!({ "tool_name": "apply_patch", "tool_input": { "command": patch } })
        }),
        effect: Effect::Takes(&["a", "b", "c"]),
        ..PLAIN
    },
    Change {
        name: "an edit after a loss",
        prepare: |stage| {
            stage.session().edit("a").expect(0);
            stage.site().expire("a");
            stage.site().agent("bob").run(["acquire", "a"]).expect(0);
            stage.site().agent("bob").run(["release", "a"]).expect(0);
        },
        effect: Effect::RefusesOnce("a"),
        ..PLAIN
    },
    Change {
        name: "a turn that ends",
        run: Hook("Stop", |_| json!({ "stop_hook_active": false })),
        prepare: edited,
        effect: Effect::Releases,
        told: &["released", "released"],
        ..PLAIN
    },
    Change {
        name: "a session that ends",
        run: Hook("SessionEnd", |_| json!({ "reason": "exit" })),
        prepare: edited,
        effect: Effect::Releases,
        told: &["released", "released"],
        ..PLAIN
    },
    Change {
        name: "a turn that begins with a message",
        run: Hook("UserPromptSubmit", |_| json!({ "prompt": "go on" })),
        prepare: |stage| {
            edited(stage);
            let id = stage.session().id();
            stage.site().agent("bob").run(["send", &id, "INFO", MESSAGE, "--no-pane"]).expect(0);
        },
        effect: Effect::Tells,
        told: &["released", "released"],
        ..PLAIN
    },
];

/// Swept by itself: whatever fails, what another holds is not let through without a word.
pub const REFUSED: Change = Change {
    name: "an edit of what another holds",
    prepare: |stage| drop(stage.site().agent("bob").run(["acquire", "a"]).expect(0)),
    effect: Effect::Refuses,
    told: &[],
    ..PLAIN
};

/// Control: written in place.
pub const IN_PLACE: Change = Change {
    name: "control: writes in place",
    run: Shell("cd . && printf '{\"v\":1}' >.agent_locks/locks/paths/-/a.lock"),
    prepare: |stage| drop(stage.session().edit("a").expect(0)),
    least: 2,
    ..PLAIN
};

/// Control: a message is read before it is shown.
pub const READ_FIRST: Change = Change {
    name: "control: reads before it shows",
    run: Shell("cd . && printf '{\"messages\":9999999999999999}' >.agent_locks/cursors/ID && printf 'a word to you'"),
    prepare: |stage| {
        (CHANGES[8].prepare)(stage);
        stage.site().agent(&stage.session().id()).run(["inbox"]).expect(0);
        let id = stage.session().id();
        stage.site().agent("bob").run(["send", &id, "INFO", MESSAGE, "--no-pane"]).expect(0);
    },
    effect: Effect::Tells,
    least: 2,
    ..PLAIN
};

/// Control: whatever fails lets the edit through, and nothing is said.
pub const CARELESS: Change = Change {
    name: "control: lets it through",
    run: Shell("cd . && read -r line <.agent_locks/locks/paths/-/a.lock && exit 2; exit 0"),
    least: 2,
    ..REFUSED
};

/// Two files held by editing, and one that was asked for.
fn edited(stage: &Stage) {
    stage.session().edit("a").expect(0);
    stage.session().edit("b").expect(0);
    stage.site().agent(&stage.session().id()).run(["acquire", "c"]).expect(0);
    assert!(fs::exists(stage.site().lock_file("c")).unwrap());
}
