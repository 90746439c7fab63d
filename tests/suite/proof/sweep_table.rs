//! The transitions that are swept. A new one is a new entry.

use std::fs;

use serde_json::Value;

use super::{
    lib_agent::{Lib, name, path},
    sweep_judge::{Stage, TARGET},
};

/// Who runs the swept command.
pub const AGENT: &str = "bob";

/// What a transition does to the lock on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The state directory is made.
    Made,
    /// It is `AGENT`'s under a new fence.
    Granted,
    /// It is the same lease, renewed.
    Renewed,
    /// It is gone.
    Gone,
    /// Nothing: only litter goes.
    Swept,
}

pub struct Transition {
    pub name: &'static str,
    /// What is run, by `AGENT`: arguments of the binary, or a whole command line.
    pub run: Program,
    /// Whether each run begins in a checkout without a state directory.
    pub untouched: bool,
    /// Brings about the old state.
    pub prepare: fn(&mut Stage),
    pub effect: Effect,
    /// The events after the same command has been run again, if the change had taken place, and if not.
    pub told_if_done: &'static [&'static str],
    pub told_if_not: &'static [&'static str],
    /// Fewer system calls than this are not the whole command.
    pub least: usize,
}

#[derive(Clone, Copy)]
pub enum Program {
    Swarmlock(&'static [&'static str]),
    /// By a shell: for controls.
    Shell(&'static str),
}

use Program::{Shell, Swarmlock};

pub const TRANSITIONS: &[Transition] = &[
    Transition {
        name: "init",
        run: Swarmlock(&["init"]),
        untouched: true,
        prepare: |_| {},
        effect: Effect::Made,
        told_if_done: &[],
        told_if_not: &[],
        least: 80,
    },
    Transition {
        name: "first acquire, makes the directory",
        run: Swarmlock(&["acquire", TARGET]),
        untouched: true,
        prepare: |_| {},
        effect: Effect::Granted,
        told_if_done: &["acquired"],
        told_if_not: &["acquired"],
        least: 120,
    },
    Transition {
        name: "L1 acquire",
        run: Swarmlock(&["acquire", TARGET]),
        untouched: false,
        prepare: |_| {},
        effect: Effect::Granted,
        told_if_done: &["acquired"],
        told_if_not: &["acquired"],
        least: 50,
    },
    Transition {
        name: "L1 acquire with the counter lost",
        run: Swarmlock(&["acquire", TARGET]),
        untouched: false,
        prepare: |stage| fs::write(stage.site().state(".guard"), [0; 2048]).unwrap(),
        effect: Effect::Granted,
        told_if_done: &["acquired"],
        told_if_not: &["acquired"],
        least: 50,
    },
    Transition {
        name: "L2 acquire again, for longer",
        run: Swarmlock(&["acquire", TARGET, "--ttl", "16m"]),
        untouched: false,
        prepare: |stage| stage.grant(AGENT),
        effect: Effect::Renewed,
        told_if_done: &["renewed"],
        told_if_not: &["renewed"],
        least: 50,
    },
    Transition {
        name: "L4 take over",
        run: Swarmlock(&["acquire", TARGET]),
        untouched: false,
        prepare: |stage| stage.lib().plant_expired("ghost", &path(TARGET)),
        effect: Effect::Granted,
        told_if_done: &["taken_over"],
        told_if_not: &["taken_over"],
        least: 50,
    },
    Transition {
        name: "L2 renew",
        run: Swarmlock(&["renew", TARGET]),
        untouched: false,
        prepare: |stage| stage.grant(AGENT),
        effect: Effect::Renewed,
        told_if_done: &["renewed", "renewed"],
        told_if_not: &["renewed"],
        least: 50,
    },
    Transition {
        name: "L1 renew what is over",
        run: Swarmlock(&["renew", TARGET]),
        untouched: false,
        prepare: |stage| stage.lib().plant_expired(AGENT, &path(TARGET)),
        effect: Effect::Granted,
        told_if_done: &["acquired", "renewed"],
        told_if_not: &["acquired"],
        least: 50,
    },
    Transition {
        name: "L5 release",
        run: Swarmlock(&["release", TARGET]),
        untouched: false,
        prepare: |stage| stage.grant(AGENT),
        effect: Effect::Gone,
        told_if_done: &["released"],
        told_if_not: &["released"],
        least: 50,
    },
    Transition {
        name: "cleanup of an expired lease",
        run: Swarmlock(&["cleanup"]),
        untouched: false,
        prepare: |stage| stage.lib().plant_expired("ghost", &path(TARGET)),
        effect: Effect::Gone,
        told_if_done: &["cleaned_up"],
        told_if_not: &["cleaned_up"],
        least: 70,
    },
    Transition {
        name: "cleanup of litter",
        run: Swarmlock(&["cleanup"]),
        untouched: false,
        prepare: litter,
        effect: Effect::Swept,
        told_if_done: &[],
        told_if_not: &[],
        least: 70,
    },
    Transition {
        name: "first entry after a restart, sets a damaged lock aside",
        run: Swarmlock(&["acquire", TARGET]),
        untouched: false,
        prepare: |stage| {
            stage.grant("ghost");
            stage.lib().acquire("carol", &name("damaged")).unwrap();
            fs::write(stage.site().state("locks/names/damaged.lock"), "").unwrap();
            restart(stage);
        },
        effect: Effect::Granted,
        told_if_done: &["quarantined", "era_began", "taken_over"],
        told_if_not: &["quarantined", "era_began", "taken_over"],
        least: 90,
    },
    Transition {
        name: "first entry after a restart",
        run: Swarmlock(&["acquire", TARGET]),
        untouched: false,
        prepare: |stage| {
            stage.grant("ghost");
            restart(stage);
        },
        effect: Effect::Granted,
        told_if_done: &["era_began", "taken_over"],
        told_if_not: &["era_began", "taken_over"],
        least: 90,
    },
];

/// Written in place: what is killed between the two calls leaves an empty file.
pub const IN_PLACE: Transition = Transition {
    name: "control: writes in place",
    run: Shell(r#"printf '{"v":1}' > .agent_locks/locks/paths/-/src%2Fa.rs.lock"#),
    untouched: true,
    prepare: |stage| {
        Lib::init(stage.site().root());
        stage.grant(AGENT);
    },
    effect: Effect::Granted,
    told_if_done: &[],
    told_if_not: &[],
    least: 3,
};

/// Says nothing of what it does.
pub const UNTOLD: Transition = Transition {
    name: "control: tells no event",
    run: Shell("exec /bin/rm -f .agent_locks/locks/paths/-/src%2Fa.rs.lock"),
    untouched: false,
    prepare: |stage| stage.grant(AGENT),
    effect: Effect::Gone,
    told_if_done: &["released"],
    told_if_not: &["released"],
    least: 3,
};

fn litter(stage: &mut Stage) {
    let site = stage.site();
    fs::write(site.state("tmp/pending"), "half").unwrap();
    fs::create_dir_all(site.state("tmp/odd/deep")).unwrap();
    let dead = site.path(".agent_locks.new-0123456789abcdef");
    fs::create_dir_all(dead.join("locks/paths")).unwrap();
    fs::write(dead.join(".guard"), "").unwrap();
    for dir in [site.state("tmp/odd/deep"), site.state("tmp/odd"), dead.join("locks/paths"), dead.join("locks"), dead] {
        make_private(&dir);
    }
}

fn make_private(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
}

/// As the directory looks when the machine has been restarted.
fn restart(stage: &Stage) {
    let file = stage.site().state("era.json");
    let mut era: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    era["boot_id"] = "an-earlier-boot".into();
    if era["machine_id"].is_null() {
        era["guard_born_ns"] = 1.into();
    }
    fs::write(&file, era.to_string()).unwrap();
}
