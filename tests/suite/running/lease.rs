//! Whose the lease of a run is, and what it gets along with.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{is_free, pid_in, send, until};
use crate::{
    harness::{BINARY, Site, finish},
    processes::usable,
};

const WORKS: &str = "echo $$ >pid; exec sleep 60";

#[test]
fn the_lease_is_the_wrappers_and_another_call_of_the_same_agent_finds_it_held() {
    if !usable("the_lease_is_the_wrappers") {
        return;
    }
    let site = Site::new();
    let child = site.agent("alice").spawn(["run", "src/", "--", "sh", "-c", WORKS]);
    pid_in(&site.path("pid"));
    let wrapper = format!("by a run (process {})", child.id());
    for refused in [["acquire", "src/"], ["acquire", "src/a.rs"], ["run", "src/"]] {
        let rest: &[&str] = if refused[0] == "run" { &["--no-wait", "--", "true"] } else { &[] };
        let run = site.agent("alice").run([&refused[..], rest].concat()).expect(10);
        assert!(run.err.contains(&wrapper), "{run}");
    }
    assert_eq!(site.agent("alice").run(["check", "src/"]).expect(10).out.split('\t').next(), Some("held"));
    let own = site.agent("alice").run(["release", "src/"]).expect(12);
    assert!(own.err.contains("next: swarmlock runs --state running"), "{own}");
    let other = site.agent("bob").run(["release", "src/"]).expect(12);
    assert!(other.err.contains("only its holder") && !other.err.contains("swarmlock runs"), "{other}");
    let mine = site.agent("alice").run(["release", "--mine"]).expect(0);
    assert!(mine.out.is_empty() && mine.err.contains("--mine=all releases that too"), "{mine}");
    let lease = site.agent("alice").run(["list", "--json"]).expect(0).json();
    assert_eq!((&lease["class"], &lease["pid"], &lease["ttl_s"]), (&"run".into(), &child.id().into(), &60.into()));
    send(&child, Signal::TERM);
    finish(child).expect(143);
    assert!(is_free(&site, "src/"));
}

#[test]
fn all_that_is_mine_is_what_my_runs_hold_too_if_that_is_said() {
    if !usable("all_that_is_mine_is_what_my_runs_hold_too") {
        return;
    }
    let site = Site::new();
    let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", WORKS]);
    pid_in(&site.path("pid"));
    assert_eq!(site.agent("alice").run(["release", "--mine=own"]).expect(0).out, "");
    assert!(site.agent("alice").run(["release", "--mine=all"]).expect(0).out.starts_with("released\tname:n"));
    finish(child).expect(14);
}

#[test]
fn what_its_agent_holds_is_no_obstacle_to_a_run_and_stays_what_it_was() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/", "name:n"]).expect(0);
    let before = fs::read(site.state("locks/names/n.lock")).unwrap();
    site.agent("alice").run(["run", "src/", "name:n", "src/a.rs", "--", "true"]).expect(0);
    let held = site.agent("alice").run(["list"]).expect(0).out;
    assert_eq!(held.lines().count(), 2, "{held}");
    let strip = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["holders"].clone();
    assert_eq!(strip(&before), strip(&fs::read(site.state("locks/names/n.lock")).unwrap()));
    // The control: it is one to another's.
    site.agent("bob").run(["run", "src/", "--no-wait", "--", "true"]).expect(10);
}

#[test]
fn of_two_runs_of_one_agent_each_excludes_the_other_though_the_agent_holds_it() {
    if !usable("of_two_runs_of_one_agent_each_excludes_the_other") {
        return;
    }
    let site = Site::new();
    site.agent("alice").run(["acquire", "name:n"]).expect(0);
    let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", WORKS]);
    pid_in(&site.path("pid"));
    site.agent("alice").run(["run", "name:n", "--no-wait", "--", "true"]).expect(10);
    send(&child, Signal::TERM);
    finish(child).expect(143);
    site.agent("alice").run(["run", "name:n", "--no-wait", "--", "true"]).expect(0);
}

#[test]
fn a_call_from_inside_is_let_in_and_one_from_outside_is_not() {
    let site = Site::new();
    let inside = format!(
        "{BINARY} check name:n && {BINARY} acquire name:n && {BINARY} run name:n -- sh -c \
         '{BINARY} run --no-wait name:n -- echo deeper' && {BINARY} release name:n && \
         env -u SWARMLOCK_LEASE -u SWARMLOCK_OUTER_LEASES {BINARY} acquire name:n; echo $?"
    );
    let run = site.agent("alice").run(["run", "name:n", "--", "sh", "-c", &inside]).expect(0);
    let words: Vec<&str> = run.out.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(words, ["mine", "acquired", "deeper", "released", "10"], "{run}");
    assert!(is_free(&site, "name:n"));
    // Inside, but another agent: it would wait for its own end.
    let other = format!("SWARMLOCK_AGENT=bob {BINARY} acquire --wait name:n; echo $?");
    let run = site.agent("alice").run(["run", "name:n", "--", "sh", "-c", &other]).expect(0);
    assert_eq!(run.out, "15\n", "{run}");
}

#[test]
fn a_run_whose_wrapper_is_killed_is_free_at_once_and_the_next_one_starts() {
    if !usable("a_run_whose_wrapper_is_killed_is_free_at_once") {
        return;
    }
    let site = Site::new();
    let child = site.agent("alice").spawn(["run", "--ttl=24h", "name:n", "--", "sh", "-c", WORKS]);
    pid_in(&site.path("pid"));
    let next = site.agent("bob").spawn(["run", "name:n", "--", "sh", "-c", "echo $$ >next"]);
    until("bob waits", || site.agent("bob").run(["queue"]).out.contains("waiting"));
    let began = Instant::now();
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    pid_in(&site.path("next"));
    let took = began.elapsed();
    finish(next).expect(0);
    finish(child).expect(137);
    // It looks every 250 ms; the rest is for a machine that is busy with other tests.
    eprintln!("a killed holder was replaced after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_run_waits_in_line_and_starts_when_the_lease_is_released() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "name:n"]).expect(0);
    site.agent("bob").run(["run", "name:n", "--wait=0s", "--", "touch", "started"]).expect(11);
    site.agent("bob").run(["run", "name:n", "--no-wait", "--", "touch", "started"]).expect(10);
    assert!(!site.path("started").exists());
    let child = site.agent("bob").spawn(["run", "name:n", "--", "touch", "started"]);
    until("bob waits", || site.agent("bob").run(["queue"]).out.contains("waiting"));
    site.agent("alice").run(["release", "name:n"]).expect(0);
    finish(child).expect(0);
    assert!(site.path("started").exists());
}

#[test]
fn beyond_the_depth_it_is_refused_and_what_is_no_depth_too() {
    let site = Site::new();
    let nested = |depth: usize| {
        let names = ["name:a", "name:b", "name:c", "name:d"];
        let mut args: Vec<&str> = Vec::new();
        for name in names.iter().take(depth) {
            args.extend(if args.is_empty() { vec!["run", name, "--"] } else { vec![BINARY, "run", name, "--"] });
        }
        args.extend(["sh", "-c", "echo $SWARMLOCK_DEPTH"]);
        site.agent("alice").run(args)
    };
    assert_eq!(nested(3).expect(0).out, "3\n");
    let refused = nested(4).expect(16);
    assert!(refused.err.contains("inside 3 runs already"), "{refused}");
    for garbage in ["", "-1", "+1", " 1", "1x", "0x1", "9999999999999999999999"] {
        let call = site.agent("alice").env("SWARMLOCK_DEPTH", garbage);
        call.run(["run", "name:a", "--", "touch", "ran"]).expect(2);
    }
    assert!(!site.path("ran").exists() && is_free(&site, "name:a"));
}

#[test]
fn a_clean_environment_has_what_is_harmless_and_nothing_that_looks_secret() {
    let site = Site::new();
    let seen = |flags: &[&str]| {
        let call =
            site.agent("alice").env("API_TOKEN", "sesame").env("GIT_AUTHOR_NAME", "Al").env("SSL_CERT_FILE", "/c");
        let call = call.env("OTHER", "1").env("OTHER_TOO", "2").env("HTTPS_PROXY", "http://u:p@host");
        let run = call.run([&["run", "name:n"], flags, &["--", "env"]].concat()).expect(0);
        run.out.lines().map(|line| line.split('=').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let has = |seen: &[String], name: &str| seen.iter().any(|one| one == name);
    let all = seen(&[]);
    assert!(["API_TOKEN", "OTHER", "HTTPS_PROXY"].iter().all(|name| has(&all, name)), "{all:?}");
    let clean = seen(&["--env-clean"]);
    for kept in ["PATH", "GIT_AUTHOR_NAME", "SSL_CERT_FILE", "SWARMLOCK_LEASE", "SWARMLOCK_FENCE", "SWARMLOCK_AGENT"] {
        assert!(has(&clean, kept), "{kept}: {clean:?}");
    }
    for gone in ["API_TOKEN", "OTHER", "HTTPS_PROXY"] {
        assert!(!has(&clean, gone), "{gone}: {clean:?}");
    }
    let passed = seen(&["--env-clean", "--pass", "OTHER*", "--pass", "API_TOKEN", "--env", "MINE=1"]);
    assert!(["API_TOKEN", "OTHER", "OTHER_TOO", "MINE"].iter().all(|name| has(&passed, name)), "{passed:?}");
    for refused in ["LD_PRELOAD=/x", "PATH=/x", "PYTHONPATH=/x", "A\n=1", "=1", "NAME"] {
        site.agent("alice").run(["run", "name:n", "--env", refused, "--", "true"]).expect(2);
    }
    assert!(is_free(&site, "name:n"));
}
