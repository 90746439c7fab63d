use std::fs;

use crate::{
    harness::Site,
    life::{Harness, beat, events},
    processes::usable,
};

/// The first two columns of each line.
fn said(out: &str) -> Vec<[&str; 2]> {
    out.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>().try_into().unwrap()).collect()
}

fn held(site: &Site, resource: &str) -> bool {
    site.agent("onlooker").run(["check", resource]).code == 10
}

#[test]
fn without_yes_it_only_shows_what_it_would_do() {
    let site = Site::new();
    let lease = site.agent("alice").run(["acquire", "a", "--reason", "new login", "--json"]).expect(0).json();
    let before = site.snapshot();
    let run = site.agent("bob").run(["force-release", "a", "--reason", "why"]).expect(0);
    assert_eq!(run.out, format!("would_release\ta\talice\t{}\n", lease["holder"]["lease"].as_str().unwrap()));
    assert!(run.err.contains("a is held by alice since ") && run.err.contains(", for: new login"), "{run}");
    assert!(run.err.contains("nothing was changed; with --yes it will be"), "{run}");
    let json = site.agent("bob").run(["force-release", "a", "--json"]).expect(0).json();
    assert_eq!((&json["result"], &json["holder"]["agent_id"]), (&"would_release".into(), &"alice".into()));
    assert!(site.snapshot() == before, "it has changed something");
    assert!(held(&site, "a"));
    let nothing = site.agent("bob").run(["force-release", "b"]).expect(0);
    assert!(nothing.err.contains("b: nobody holds it") && !nothing.err.contains("--yes"), "{nothing}");
}

#[test]
fn a_lease_ended_by_force_is_free_and_its_holder_finds_who_and_why() {
    let site = Site::new();
    let lease = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    let run = site.agent("bob").run(["force-release", "a", "--yes", "--reason", "she is on holiday"]).expect(0);
    assert_eq!(said(&run.out), [["released", "a"]]);
    assert!(!site.lock_file("a").exists());
    let event = &events(&site, "force_released")[0];
    assert_eq!((&event["to"], &event["by"]), (&"alice".into(), &"bob".into()), "{event}");
    assert_eq!((&event["former"]["was"], &event["former"]["fence"]), (&"live".into(), &lease["holder"]["fence"]));
    assert_eq!(event["reason"], "she is on holiday");
    for look in [&["history"][..], &["history", "a"], &["history", "--by", "alice"], &["history", "--by", "bob"]] {
        let history = site.agent("alice").run(look).expect(0).out;
        let line = history.lines().last().unwrap();
        assert!(line.contains("\tforce_released\ta\tbob\t") && line.ends_with("; she is on holiday"), "{history}");
    }
    site.agent("alice").run(["renew", "a"]).expect(13);
    site.agent("carol").run(["acquire", "a"]).expect(0);
    site.agent("alice").run(["acquire", "a"]).expect(10);
    // A lease of one's own is no exception.
    site.agent("carol").run(["force-release", "a", "--yes"]).expect(0);
    assert!(!held(&site, "a"));
}

#[test]
fn a_reason_is_redacted_and_as_long_as_others() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let long = "x".repeat(2000);
    site.agent("bob").run(["force-release", "a", "--yes", "--reason", &long]).expect(16);
    assert!(held(&site, "a"));
    let reason = "password=hunter2hunter2 was pasted\n\u{1b}[31m";
    let run = site.agent("bob").run_with_stdin(["force-release", "a", "--yes", "--reason", "-"], reason.as_bytes());
    assert_eq!(run.code, 0, "{run}");
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    assert!(!log.contains("hunter2") && log.contains("***"), "{log}");
    let history = site.agent("alice").run(["history", "a"]).expect(0).out;
    assert!(!history.contains('\u{1b}'), "{history:?}");
}

#[test]
fn of_a_lease_over_several_one_resource_can_be_ended_and_the_others_stay() {
    for (ended, others) in [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])] {
        let site = Site::new();
        let lease = site.agent("alice").run(["acquire", "a", "b", "c", "--json"]).expect(0).json_lines().remove(0);
        let would = site.agent("bob").run(["force-release", ended]).expect(0);
        assert_eq!(said(&would.out), [["would_release", ended]]);
        let run = site.agent("bob").run(["force-release", ended, "--yes"]).expect(0);
        assert_eq!(said(&run.out), [["released", ended]]);
        assert!(!held(&site, ended) && others.iter().all(|other| held(&site, other)), "{ended}");
        let told = events(&site, "force_released");
        assert_eq!((told.len(), &told[0]["resource"], &told[0]["to"]), (1, &ended.into(), &"alice".into()), "{told:?}");
        site.agent("carol").run(["acquire", ended]).expect(0);
        // The rest is the same lease, and goes on as one.
        for other in others {
            let lock = site.lock_json(other);
            assert_eq!(lock["holders"][0]["fence"], lease["holder"]["fence"]);
            // It is granted by the last file of its list, which is rewritten when that one is given up.
            let last = lock["holders"][0]["resources"].as_array().unwrap().last().unwrap();
            assert_eq!(last, others.iter().max().unwrap(), "{ended}");
        }
        site.agent("alice").run(["renew", others[0]]).expect(0);
        site.agent("alice").run(["renew", ended]).expect(12);
        assert_eq!(site.agent("alice").run(["release", "--mine"]).expect(0).out.lines().count(), 2);
        assert!(others.iter().all(|other| !held(&site, other)), "{ended}");
    }
}

#[test]
fn of_a_lease_over_several_all_can_be_ended_in_one_call() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b", "name:n"]).expect(0);
    site.agent("carol").run(["acquire", "d"]).expect(0);
    let run = site.agent("bob").run(["force-release", "b", "d", "name:n", "a", "a", "free", "--yes"]).expect(0);
    let expected = ["b", "d", "name:n", "a"].map(|resource| ["released", resource]);
    assert_eq!(said(&run.out), [&expected[..], &[["free", "free"]]].concat());
    assert_eq!(site.nobody().run(["list"]).expect(0).out, "");
    let told: Vec<_> = events(&site, "force_released").iter().map(|event| event["to"].clone()).collect();
    assert!(told.contains(&"alice".into()) && told.contains(&"carol".into()), "{told:?}");
}

#[test]
fn of_a_shared_lock_every_holder_loses_it_and_each_is_told() {
    let site = Site::new();
    for agent in ["alice", "carol", "dave"] {
        site.agent(agent).run(["acquire", "a", "--shared"]).expect(0);
    }
    let would = site.agent("bob").run(["force-release", "a"]).expect(0);
    assert_eq!(said(&would.out), [["would_release", "a"]; 3]);
    let run = site.agent("bob").run(["force-release", "a", "--yes", "--reason", "mine"]).expect(0);
    assert_eq!(said(&run.out), [["released", "a"]; 3]);
    let events = events(&site, "force_released");
    let told: Vec<_> = events.iter().map(|event| event["to"].as_str().unwrap()).collect();
    assert_eq!(told, ["alice", "carol", "dave"]);
    assert!(events.iter().all(|event| event["reason"] == "mine"), "{events:?}");
    site.agent("bob").run(["acquire", "a"]).expect(0);
}

#[test]
fn what_nobody_holds_is_free_and_what_overlaps_it_is_named() {
    let site = Site::new();
    for yes in [&[][..], &["--yes"]] {
        let run = site.agent("bob").run(["force-release", "src/a.rs"].iter().chain(yes)).expect(0);
        assert_eq!(run.out, "free\tsrc/a.rs\t-\t-\n");
        assert!(run.err.contains("src/a.rs: nobody holds it"), "{run}");
    }
    assert!(!site.state("").exists(), "nothing is made to say so");
    site.agent("alice").run(["acquire", "src/"]).expect(0);
    let run = site.agent("bob").run(["force-release", "src/a.rs"]).expect(0);
    assert!(run.err.contains("src/a.rs: no lease is on it; but src/ is held by alice since "), "{run}");
    site.agent("bob").run(["force-release", "src/a.rs", "--yes"]).expect(0);
    assert!(held(&site, "src/"), "only what is named");
    site.agent("bob").run(["force-release", "src/", "--yes"]).expect(0);
    assert!(!held(&site, "src/"));
    site.agent("bob").run(["force-release"]).expect(2);
}

#[test]
fn what_is_over_is_ended_too_and_was_what_it_was() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.expire("a");
    let run = site.agent("bob").run(["force-release", "a", "--yes"]).expect(0);
    assert_eq!(said(&run.out), [["released", "a"]]);
    assert_eq!(events(&site, "force_released")[0]["former"]["was"], "expired");
}

/// It is not about one's own leases: whoever it is, the log says so.
#[test]
fn who_is_known_only_by_the_terminal_session_may_and_is_recorded() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let who = site.nobody().run(["whoami", "--json"]).expect(0).json();
    assert_eq!(who["reliable"], false, "the control");
    site.nobody().run(["force-release", "a", "--yes"]).expect(0);
    assert_eq!(events(&site, "force_released")[0]["by"], who["id"]);
}

#[test]
fn an_id_that_lives_elsewhere_may_end_a_lease_and_stays_who_it_is() {
    if !usable("an_id_that_lives_elsewhere_may_end_a_lease") {
        return;
    }
    let site = Site::new();
    let mut bob = Harness::start(&site, "claude", "bob");
    bob.call("acquire b").expect(0);
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let mut other = Harness::start(&site, "codex", "bob");
    other.call("release b").expect(12);
    other.call("force-release a --yes").expect(0);
    assert_eq!(beat(&site, "bob")["process"]["pid"], bob.pid());
    bob.call("renew b").expect(0);
}

#[test]
fn what_is_damaged_is_left_alone_and_the_others_are_ended() {
    let site = Site::new();
    for path in ["a", "b", "c"] {
        site.agent("alice").run(["acquire", path]).expect(0);
    }
    fs::write(site.lock_file("b"), "{").unwrap();
    let would = site.agent("bob").run(["force-release", "a", "b", "c"]).expect(65);
    assert!(would.err.contains("b.lock: damaged: ") && would.err.contains("\nnext: "), "{would}");
    assert_eq!(said(&would.out), [["would_release", "a"], ["would_release", "c"]]);
    let run = site.agent("bob").run(["force-release", "a", "b", "c", "--yes"]).expect(65);
    assert_eq!(said(&run.out), [["released", "a"], ["released", "c"]]);
    assert!(run.err.contains("b.lock: damaged: ") && run.err.contains("\nnext: "), "{run}");
    assert_eq!(fs::read_to_string(site.lock_file("b")).unwrap(), "{");
    site.agent("bob").run(["acquire", "b"]).expect(65);
}
