//! Changes of shared leases and of leases over several resources. A new one is a new entry.
//!
//! What stands is written as [`super::parts_view::View::brief`] does: `a=bob` is exclusive, `a~alice+bob` is shared.

use std::fs;

use swarmlock::domain::{Mode, Resource};

use super::{
    lib_agent::{path, tree},
    parts_sweep::Stage,
};

/// One command of bob's, and what it makes of what stood there.
pub struct Case {
    pub name: &'static str,
    pub prepare: fn(&Stage),
    pub run: &'static [&'static str],
    pub old: &'static str,
    /// What may stand there when it is stopped half-way, beside the old and the new.
    pub between: &'static [&'static str],
    pub new: &'static str,
}

fn hold(stage: &Stage, agent: &str, mode: Mode, names: &[&str]) {
    stage.lib.acquire_all(agent, &paths(names), mode).unwrap();
}

pub fn paths(names: &[&str]) -> Vec<Resource> {
    names.iter().map(|name| path(name)).collect()
}

fn over(stage: &Stage, names: &[&str]) {
    stage.lib.plant_expired_all("ghost", &paths(names));
}

use Mode::{Exclusive, Shared};

pub const CASES: &[Case] = &[
    Case {
        name: "L3 join",
        prepare: |stage| hold(stage, "alice", Shared, &["a"]),
        run: &["acquire", "--shared", "a"],
        old: "a~alice",
        between: &[],
        new: "a~alice+bob",
    },
    Case {
        name: "release from shared",
        prepare: |stage| ["alice", "bob"].iter().for_each(|agent| hold(stage, agent, Shared, &["a"])),
        run: &["release", "a"],
        old: "a~alice+bob",
        between: &[],
        new: "a~alice",
    },
    Case {
        name: "upgrade beside a share that is over",
        prepare: |stage| {
            hold(stage, "bob", Shared, &["a"]);
            stage.lib.plant_expired_share("ghost", &path("a"));
        },
        run: &["acquire", "a"],
        old: "a~bob+ghost",
        between: &["a~bob"],
        new: "a=bob",
    },
    Case {
        name: "downgrade",
        prepare: |stage| hold(stage, "bob", Exclusive, &["a"]),
        run: &["acquire", "--shared", "a"],
        old: "a=bob",
        between: &[],
        new: "a~bob",
    },
    Case {
        name: "L7 new",
        prepare: |_| {},
        run: &["acquire", "a", "b", "c"],
        old: "",
        between: &[],
        new: "a=bob b=bob c=bob",
    },
    Case {
        name: "L7 with one already mine",
        prepare: |stage| hold(stage, "bob", Exclusive, &["b"]),
        run: &["acquire", "a", "b", "c"],
        old: "b=bob",
        between: &[],
        new: "a=bob b=bob c=bob",
    },
    Case {
        name: "L7 takes over one",
        prepare: |stage| over(stage, &["b"]),
        run: &["acquire", "a", "b", "c"],
        old: "b=ghost",
        between: &[""],
        new: "a=bob b=bob c=bob",
    },
    Case {
        name: "L7 with a shared part",
        prepare: |stage| hold(stage, "alice", Shared, &["a", "c"]),
        run: &["acquire", "--shared", "a", "b", "c"],
        old: "a~alice c~alice",
        between: &[],
        new: "a~alice+bob b~bob c~alice+bob",
    },
    Case {
        name: "L7 takes over several",
        prepare: |stage| over(stage, &["a", "b", "c"]),
        run: &["acquire", "a", "b", "c"],
        old: "a=ghost b=ghost c=ghost",
        between: &[""],
        new: "a=bob b=bob c=bob",
    },
    Case {
        name: "L4 takes over one of several",
        prepare: |stage| over(stage, &["a", "b", "c"]),
        run: &["acquire", "b"],
        old: "a=ghost b=ghost c=ghost",
        between: &[""],
        new: "b=bob",
    },
    Case {
        name: "L4 a tree takes over what is below it",
        prepare: |stage| {
            stage.lib.plant_expired_all("ghost", &[path("t/x"), path("u")]);
            stage.lib.plant_expired_all("ghost", &[tree("t/y")]);
        },
        run: &["acquire", "t/"],
        old: "t/x=ghost t/y/=ghost u=ghost",
        between: &["t/y/=ghost", "t/x=ghost u=ghost", ""],
        new: "t/=bob",
    },
    Case {
        name: "release of all of several",
        prepare: |stage| hold(stage, "bob", Exclusive, &["a", "b", "c"]),
        run: &["release", "a", "b", "c"],
        old: "a=bob b=bob c=bob",
        between: &[],
        new: "",
    },
    Case {
        name: "release of the last of several",
        prepare: |stage| hold(stage, "bob", Exclusive, &["a", "b", "c"]),
        run: &["release", "c"],
        old: "a=bob b=bob c=bob",
        between: &[],
        new: "a=bob b=bob",
    },
    Case {
        name: "release of the last of two, both shared",
        prepare: |stage| ["alice", "bob"].iter().for_each(|agent| hold(stage, agent, Shared, &["a", "c"])),
        run: &["release", "c"],
        old: "a~alice+bob c~alice+bob",
        between: &[],
        new: "a~alice+bob c~alice",
    },
    Case {
        name: "release of a middle one",
        prepare: |stage| hold(stage, "bob", Exclusive, &["a", "b", "c"]),
        run: &["release", "b"],
        old: "a=bob b=bob c=bob",
        between: &[],
        new: "a=bob c=bob",
    },
    Case {
        name: "release of all that is mine",
        prepare: |stage| {
            hold(stage, "bob", Exclusive, &["a", "b", "c"]);
            hold(stage, "bob", Exclusive, &["d"]);
            ["alice", "bob"].iter().for_each(|agent| hold(stage, agent, Shared, &["e"]));
        },
        run: &["release", "--mine"],
        old: "a=bob b=bob c=bob d=bob e~alice+bob",
        between: &["d=bob e~alice+bob", "e~alice+bob"],
        new: "e~alice",
    },
    Case {
        name: "L6 force-release of one of several",
        prepare: |stage| hold(stage, "ghost", Exclusive, &["a", "b", "c"]),
        run: &["force-release", "c", "--yes", "--reason", "stuck"],
        old: "a=ghost b=ghost c=ghost",
        between: &[],
        new: "a=ghost b=ghost",
    },
    Case {
        name: "cleanup of what is over and of what is half made",
        prepare: |stage| {
            over(stage, &["a", "b", "c"]);
            over(stage, &["d"]);
            hold(stage, "phantom", Exclusive, &["x", "y"]);
            fs::remove_file(stage.site.lock_file("y")).unwrap();
        },
        run: &["cleanup"],
        old: "a=ghost b=ghost c=ghost d=ghost",
        between: &["d=ghost", "a=ghost b=ghost c=ghost"],
        new: "",
    },
    Case {
        name: "renew of several",
        prepare: |stage| hold(stage, "bob", Exclusive, &["a", "b", "c"]),
        run: &["renew", "a", "b", "c"],
        old: "a=bob b=bob c=bob",
        between: &[],
        new: "a=bob b=bob c=bob",
    },
    Case {
        name: "L1 renew of several that are over",
        prepare: |stage| stage.lib.plant_expired_all("bob", &paths(&["a", "b"])),
        run: &["renew", "a", "b"],
        old: "a=bob b=bob",
        between: &[""],
        new: "a=bob b=bob",
    },
    Case {
        name: "a beat over an old one",
        prepare: |stage| {
            hold(stage, "bob", Exclusive, &["d"]);
            stage.age_beat("bob");
        },
        run: &["acquire", "a"],
        old: "d=bob",
        between: &[],
        new: "a=bob d=bob",
    },
];
