use std::fs;

use crate::{
    harness::{Run, Site},
    hooks::Session,
};

/// The second column, and the third.
fn events(run: &Run) -> Vec<(String, String)> {
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    run.out.lines().map(columns).map(|columns| (columns[1].clone(), columns[2].clone())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(event, resource)| ((*event).to_owned(), (*resource).to_owned())).collect()
}

/// alice takes, renews and gives up a; bob takes b, which alice takes over when it is over.
fn eventful() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "--reason", "why"]).expect(0);
    site.agent("bob").run(["acquire", "b"]).expect(0);
    site.agent("alice").run(["renew", "a"]).expect(0);
    site.agent("alice").run(["release", "a"]).expect(0);
    site.expire("b");
    site.agent("alice").run(["acquire", "b"]).expect(0);
    site
}

#[test]
fn every_change_is_an_event_in_order() {
    let site = eventful();
    let run = site.nobody().run(["history"]).expect(0);
    let all = [("acquired", "a"), ("acquired", "b"), ("renewed", "a"), ("released", "a"), ("taken_over", "b")];
    assert_eq!(events(&run), pairs(&all));
    assert!(run.out.lines().next().unwrap().ends_with("\twhy"), "{run}");
    assert!(run.out.trim_end().ends_with(")") && run.out.contains("\tfrom bob (expired, fence "), "{run}");
    assert_eq!(site.nobody().run(["log"]).expect(0).out, run.out);
    let json = site.nobody().run(["history", "--json"]).expect(0);
    assert_eq!(json.out, fs::read_to_string(site.state("events.log")).unwrap(), "the log is shown as it stands");
}

#[test]
fn the_filters_choose_by_resource_agent_number_and_time() {
    let site = eventful();
    let chosen = |args: &[&str]| events(&site.nobody().run([&["history"], args].concat()).expect(0));
    assert_eq!(chosen(&["b"]), pairs(&[("acquired", "b"), ("taken_over", "b")]));
    assert_eq!(chosen(&["./b", "--limit", "1"]), pairs(&[("taken_over", "b")]));
    assert_eq!(chosen(&["--by", "bob"]), pairs(&[("acquired", "b"), ("taken_over", "b")]), "what he lost too");
    assert_eq!(chosen(&["--limit", "2"]), pairs(&[("released", "a"), ("taken_over", "b")]));
    assert_eq!(chosen(&["--limit", "0"]), []);
    assert_eq!(chosen(&["--since", "1h"]).len(), 5);
    assert_eq!(chosen(&["--since", "2999-01-01T00:00:00Z"]), []);
    assert_eq!(chosen(&["never-locked"]), []);
    for bad in [&["--since", "never"], &["--limit", "-1"], &["--limit", "x"]] {
        site.nobody().run([&["history"], &bad[..]].concat()).expect(2);
    }
}

#[test]
fn without_a_directory_there_is_no_history_and_none_is_made() {
    let site = Site::new();
    assert_eq!(site.nobody().run(["history"]).expect(0).out, "");
    assert!(!site.state("").exists());
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_others_shown() {
    let site = eventful();
    let log = fs::read_to_string(site.state("events.log")).unwrap();
    let (first, rest) = log.split_once('\n').unwrap();
    fs::write(site.state("events.log"), format!("{first}\ngarbage\n{rest}{{\"n\":9,\"at")).unwrap();
    let run = site.nobody().run(["history"]).expect(0);
    assert_eq!(events(&run).len(), 5, "{run}");
    assert!(run.err.ends_with("cannot be read and are not shown: 1\n"), "{run}");
    assert!(run.err.starts_with("swarmlock: warning: "), "{run}");
}

#[test]
fn json_is_one_line_an_event_however_the_log_spaces_it() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let odd = "{\t\"n\" : 0,\t\"at\":\"2026-11-21T00:00:00.000Z\", \"event\":\"acquired\", \"new\":1 }\n";
    site.plant("events.log", std::fs::read_to_string(site.state("events.log")).unwrap() + odd);
    let lines = site.nobody().run(["history", "--json"]).expect(0).json_lines();
    assert_eq!((lines.len(), &lines[1]["new"]), (2, &serde_json::json!(1)));
}

#[test]
fn a_path_spelled_as_a_name_is_told_from_the_name() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "name:x"]).expect(0);
    site.agent("bob").run(["acquire", "./name:x"]).expect(0);
    let list = site.nobody().run(["list"]).expect(0).out;
    let listed: Vec<_> = list.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(listed, ["name:x", "./name:x"]);
    for (resource, agent) in [("name:x", "alice"), ("./name:x", "bob")] {
        let history = site.nobody().run(["history", resource]).expect(0).out;
        assert_eq!(history.lines().count(), 1, "{history}");
        assert!(history.contains(&format!("\t{resource}\t{agent}\t")), "{history}");
        site.agent(agent).run(["release", resource]).expect(0);
    }
}

#[test]
fn what_was_locked_by_editing_is_told_from_what_was_asked_for() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "b"]).expect(0);
    let session = Session::new(&site, "one");
    session.edit("a").expect(0);
    session.hook("Stop", serde_json::json!({})).expect(0);
    session.edit("a").expect(0);
    let lines = site.nobody().run(["history"]).expect(0).out;
    let automatic: Vec<bool> = lines.lines().map(|line| line.contains("\tautomatic lease")).collect();
    assert_eq!(automatic, [false, true, true, true], "{lines}");
    let json = site.nobody().run(["history", "--json", "a"]).expect(0).json_lines();
    assert!(json.iter().all(|event| event["class"] == "automatic"), "{json:?}");
    assert!(site.nobody().run(["history", "--json", "b"]).expect(0).json()["class"].is_null());
    // Whoever looks at the lock sees it, too.
    for (args, code) in [(&["list", "--json"][..], 0), (&["who", "a", "--json"], 0), (&["check", "a", "--json"], 10)] {
        let run = site.agent("alice").run(args).expect(code);
        assert!(run.out.contains("\"class\":\"automatic\""), "{args:?}: {run}");
    }
}
