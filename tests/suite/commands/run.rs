use std::fs;

use crate::harness::{BINARY, Site};

/// What a command printed about its environment, by name.
fn seen(out: &str, name: &str) -> String {
    let prefix = format!("{name}=");
    out.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}

#[test]
fn the_command_runs_under_the_lease_and_sees_it() {
    let site = Site::new();
    fs::create_dir(site.path("sub")).unwrap();
    let script = format!("{BINARY} who ../a.rs --json; env; printf 'all<%s>' \"$SWARMLOCK_RESOURCES\"");
    let call = site.agent("alice").within(site.path("sub"));
    let run = call.run(["run", "../a.rs", "name:n", "--reason", "why", "--", "sh", "-c", &script]).expect(0);
    let who: serde_json::Value = serde_json::from_str(run.out.lines().next().unwrap()).unwrap();
    assert_eq!(who["agent_id"], "alice", "{run}");
    assert_eq!(who["reason"], "why");
    assert_eq!(who["ttl_s"], 60);
    assert_eq!(seen(&run.out, "SWARMLOCK_LEASE"), who["lease"].as_str().unwrap());
    assert_eq!(seen(&run.out, "SWARMLOCK_FENCE"), who["fence"].to_string());
    assert_eq!(seen(&run.out, "SWARMLOCK_AGENT"), "alice");
    assert_eq!(seen(&run.out, "SWARMLOCK_DEPTH"), "1");
    assert!(run.out.ends_with("all<a.rs\nname:n>"), "{run}");
    site.agent("bob").run(["acquire", "a.rs", "name:n"]).expect(0);
}

#[test]
fn without_a_command_or_a_resource_nothing_is_run() {
    let site = Site::new();
    for args in [
        &["run"][..],
        &["run", "a"],
        &["run", "a", "--"],
        &["run", "--", "touch", "ran"],
        &["run", "a", "touch", "ran"],
        &["run", "a", "--on-lease-loss", "never", "--", "touch", "ran"],
    ] {
        let run = site.agent("alice").run(args).expect(2);
        assert!(run.err.contains("next: swarmlock run --help"), "{run}");
    }
    assert!(!site.path("ran").exists() && !site.state("").exists());
}

#[test]
fn flags_stand_anywhere_before_the_dashes_and_none_behind_them_is_ours() {
    let site = Site::new();
    for args in [
        &["--quiet", "run", "--ttl", "5s", "a", "--shared", "b", "--reason", "-x"][..],
        &["run", "a", "b", "--shared", "-q", "--ttl=1h"],
        &["run", "--log", "a", "--literal", "b*", "--on-lease-loss=continue"],
    ] {
        let command = ["--", "printf", "%s,", "--json", "--", "-q", "--exec-child"];
        let run = site.agent("alice").run([args, &command].concat()).expect(0);
        assert_eq!(run.out, "--json,--,-q,--exec-child,");
    }
    // The lease is shared if it was asked for so.
    site.agent("bob").run(["acquire", "a", "--shared"]).expect(0);
    site.agent("alice").run(["run", "a", "--shared", "--", "true"]).expect(0);
    site.agent("alice").run(["run", "a", "--no-wait", "--", "true"]).expect(10);
}

#[test]
fn a_ttl_too_short_to_be_renewed_is_refused() {
    let site = Site::new();
    for bad in ["4s", "0s", "25h", "-5s", "soon"] {
        let run = site.agent("alice").run(["run", "a", "--ttl", bad, "--", "touch", "ran"]).expect(2);
        assert!(run.err.contains("--ttl"), "{run}");
    }
    assert!(!site.path("ran").exists());
    site.agent("alice").run(["run", "a", "--ttl", "5s", "--", "touch", "ran"]).expect(0);
    assert!(site.path("ran").exists(), "the control");
}

#[test]
fn variables_are_given_by_name_and_ours_are_not_replaced() {
    let site = Site::new();
    let given = ["--env", "A=1", "--env", "B=x=y", "--env", "A=2"];
    let run = site.agent("alice").run([&["run", "a"], &given[..], &["--", "env"]].concat()).expect(0);
    assert_eq!((seen(&run.out, "A"), seen(&run.out, "B")), ("2".into(), "x=y".into()));
    for bad in ["A", "=x", "", "SWARMLOCK_FENCE=1"] {
        site.agent("alice").run(["run", "a", "--env", bad, "--", "true"]).expect(2);
        site.agent("bob").run(["check", "a"]).expect(0);
    }
}
