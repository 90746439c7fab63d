//! Subagents, the agent that they are of, and each other: none waits for another of them.

use std::time::Instant;

use super::*;

const PARENT: &str = "claude-3f9a2c1b";
const ONE: &str = "claude-3f9a2c1b.7d21e0aa";
const OTHER: &str = "claude-3f9a2c1b.00000000";

/// Each way to ask for something that may wait.
const WAYS: &[&[&str]] = &[
    &["acquire"],
    &["acquire", "--wait=20s"],
    &["acquire", "--queue"],
    &["acquire", "--shared", "--wait=20s"],
    &["wait", "--timeout", "20s"],
    &["run", "--wait=20s"],
    &["run"],
];

fn ask(site: &Site, agent: &str, way: &[&str], resources: &[&str]) -> Run {
    let behind: &[&str] = if way[0] == "run" { &["--", "touch", "ran"] } else { &[] };
    site.agent(agent).run([way, resources, behind].concat())
}

#[test]
fn who_would_wait_for_a_relative_is_refused_at_once_and_told_why() {
    for (holder, asker) in [(ONE, PARENT), (PARENT, ONE), (OTHER, ONE)] {
        let site = made();
        site.agent(holder).run(["acquire", "a"]).expect(0);
        site.agent("bob").run(["acquire", "b"]).expect(0);
        for way in WAYS {
            // Also where a stranger stands in the way too, before or after it.
            for resources in [&["a"][..], &["b", "a"], &["a", "b"]] {
                let began = Instant::now();
                let run = ask(&site, asker, way, resources).expect(10);
                assert!(began.elapsed() < Duration::from_secs(10), "{way:?}: {:?}", began.elapsed());
                assert!(run.err.contains("waiting for each other would not end"), "{way:?}: {run}");
                assert!(run.err.contains("next: swarmlock who a\n"), "{way:?}: {run}");
            }
        }
        assert!(tickets(&site).is_empty(), "no place in line is left");
        assert!(!site.path("ran").exists());
        // The controls: by a stranger, and by somebody whose name is only alike, it is waited for.
        for stranger in ["bob", "claude-3f9a2c1c.7d21e0aa"] {
            let run = site.agent(stranger).run(["acquire", "--wait=10ms", "a"]).expect(11);
            assert!(!run.err.contains("would not end"), "{run}");
            site.agent(stranger).run(["wait", "--timeout", "10ms", "a"]).expect(11);
        }
        // Nothing keeps it when it is free.
        site.agent(holder).run(["release", "a"]).expect(0);
        for ticket in tickets(&site) {
            let number = format!("t-{}", ticket.number);
            site.agent(&ticket.agent).run(["queue", "cancel", &number]).expect(0);
        }
        site.agent(asker).run(["acquire", "--wait=20s", "a"]).expect(0);
    }
}

#[test]
fn an_edit_of_what_a_relative_holds_is_refused_without_the_advice_to_wait() {
    let site = made();
    let session = crate::hooks::Session::new(&site, "one");
    let sub = |id: &str| {
        let mut more = crate::hooks::edit_of(&site.path("a"));
        more["agent_id"] = id.into();
        session.hook("PreToolUse", more)
    };
    sub("first").expect(0);
    for (run, what) in [(session.edit("a"), "a subagent of yours"), (sub("second"), "another subagent")] {
        let why = crate::hooks::denied(&run.expect(2));
        assert!(why.contains(&format!("\nThat is {what}")), "{why}");
        assert!(why.contains("\nnext: swarmlock who ") && !why.contains("--wait"), "{why}");
    }
    // The control: to a stranger it says to wait.
    let stranger = crate::hooks::Session::new(&site, "stranger").edit("a").expect(2);
    assert!(crate::hooks::denied(&stranger).contains(" --wait"), "{stranger}");
}

#[test]
fn an_edit_stands_in_line_like_everything_else() {
    let site = held_by_alice();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "--queue", "a"]).expect(10);
    site.agent("alice").run(["release", "a"]).expect(0);
    let stranger = crate::hooks::Session::new(&site, "stranger");
    let why = crate::hooks::denied(&stranger.edit("a").expect(2));
    assert!(why.contains("nobody holds it, but bob comes first"), "{why}");
    // By its own hook bob takes what it stands in line for, and its place is used up.
    let run = site.agent("bob").run_with_stdin(
        ["hook", "PreToolUse"],
        stranger.payload("PreToolUse", crate::hooks::edit_of(&site.path("a"))).to_string().as_bytes(),
    );
    assert_eq!(run.expect(0).out, "");
    assert_eq!(site.lock_json("a")["agent_id"], "bob");
    assert!(tickets(&site).is_empty());
}
