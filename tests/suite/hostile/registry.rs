//! A registry of agents that is damaged, newer, or holds what nobody would write.

use std::fs;

use serde_json::{Value, json};

use super::{
    complained, harmless,
    mail::{damages, inbox, locks_work, send, site, texts},
    refused, snapshot,
};
use crate::{
    harness::{BINARY, Run, Site, skip, without_identity},
    proof::strace,
};

const REGISTRY: &str = "ACTIVE_AGENTS.json";

fn good(site: &Site) -> Value {
    serde_json::from_slice(&fs::read(site.state(REGISTRY)).unwrap()).unwrap()
}

fn ids(site: &Site) -> Vec<String> {
    let run = site.nobody().run(["agents", "list", "--json"]).expect(0);
    let mut ids: Vec<String> = run.json_lines().iter().map(|agent| agent["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Those in which the registry would be found, by its bytes.
fn in_quarantine(site: &Site, bytes: &[u8]) -> usize {
    let there = fs::read_dir(site.state("quarantine")).unwrap().map(|entry| entry.unwrap().path());
    there.filter(|path| fs::read(path).unwrap() == bytes).count()
}

fn wrong(site: &Site) -> Vec<Vec<u8>> {
    let registry = good(site);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = registry.clone();
        change(&mut changed);
        changed.to_string().into_bytes()
    };
    let mut all = damages(&fs::read(site.state(REGISTRY)).unwrap());
    all.push(with(&|registry| registry["agents"][1] = registry["agents"][0].clone()));
    all.push(with(&|registry| registry["agents"][0]["id"] = json!("../bob")));
    all.push(with(&|registry| registry["agents"][0]["id"] = json!("")));
    all.push(with(&|registry| registry["agents"][0]["since"] = json!(-1)));
    all.push(with(&|registry| registry["agents"][0]["server"] = json!("x")));
    all.push(with(&|registry| registry["former"] = json!(["a/b"])));
    all.push(vec![b' '; 17 * 1024 * 1024]);
    all
}

#[test]
fn a_damaged_registry_is_told_by_looks_and_set_aside_by_changes_and_nobody_is_lost() {
    let count = wrong(&site()).len();
    for at in 0..count {
        let site = site();
        let bytes = wrong(&site).swap_remove(at);
        site.plant(REGISTRY, &bytes);
        let before = snapshot(&site.state(""));
        refused(&site.agent("bob").run(["agents", "list"]), 65, REGISTRY);
        site.agent("bob").run(["status"]);
        assert!(site.agent("bob").run(["messages"]).expect(0).out.contains("second"));
        assert!(before == snapshot(&site.state("")), "a look has written");
        match at % 3 {
            0 => assert_eq!(texts(&inbox(&site, "bob")), ["second"]),
            1 => drop(send(&site, "third", &[]).expect(0)),
            // One that has not been here yet.
            _ => drop(site.agent("carol").run(["acquire", "src/carol.rs"]).expect(0)),
        }
        assert_eq!(in_quarantine(&site, &bytes), 1, "{at}");
        let wanted: &[&str] = if at % 3 == 2 { &["alice", "bob", "carol"] } else { &["alice", "bob"] };
        assert_eq!(ids(&site), wanted);
        let events = fs::read_to_string(site.state("events.log")).unwrap();
        assert!(events.lines().any(|line| line.contains("\"quarantined\"") && line.contains(REGISTRY)), "{events}");
        // Nothing twice, nothing lost.
        send(&site, "fourth", &[]).expect(0);
        let texts = texts(&inbox(&site, "bob"));
        let wanted: &[&str] = [&["fourth"][..], &["second", "third", "fourth"], &["second", "fourth"]][at % 3];
        assert_eq!(texts, wanted, "{at}");
        site.agent("carol").run(["release", "src/carol.rs"]);
        locks_work(&site);
    }
}

/// What can still be read of it is kept: who is which session, what they do, whose ids are not to be given out again.
#[test]
fn what_is_sound_in_a_damaged_registry_is_kept() {
    let site = site();
    site.agent("alice").run(["agents", "register", "--role", "reviewer", "--capability", "rust"]).expect(0);
    site.agent("carol").run(["agents", "register"]).expect(0);
    site.agent("carol").run(["agents", "retire"]).expect(0);
    let mut registry = good(&site);
    registry["agents"][0]["session"] = json!("one");
    let twice = registry["agents"][0].clone();
    registry["agents"].as_array_mut().unwrap().extend([twice, json!(7), json!({ "id": "../x" })]);
    site.plant(REGISTRY, registry.to_string());
    send(&site, "to bob", &[]).expect(0);
    let registry = good(&site);
    let agents = registry["agents"].as_array().unwrap();
    let of = |id: &str| agents.iter().filter(|agent| agent["id"] == id).collect::<Vec<_>>();
    assert_eq!((of("alice").len(), of("bob").len(), of("carol").len()), (1, 1, 0), "{registry}");
    let alice = of("alice")[0];
    assert_eq!(
        (&alice["role"], &alice["capabilities"], &alice["session"]),
        (&json!("reviewer"), &json!(["rust"]), &json!("one"))
    );
    assert_eq!(registry["former"], json!(["carol"]));
    assert!(site.agent("dave").run(["agents", "register", "carol"]).expect(0).out.contains("carol-2"));
    site.agent("bob").run(["send", "@reviewer", "INFO", "to the reviewer", "--no-pane"]).expect(0);
    assert_eq!(texts(&inbox(&site, "alice")), ["to the reviewer"]);
}

#[test]
fn a_newer_registry_is_left_alone_and_locks_do_without() {
    let site = site();
    for text in [r#"{"v":2}"#.to_owned(), {
        let mut registry = good(&site);
        registry["v"] = json!(2);
        registry.to_string()
    }] {
        site.plant(REGISTRY, &text);
        let calls: [&[&str]; 6] = [
            &["agents", "list"],
            &["agents", "register", "new"],
            &["agents", "retire"],
            &["send", "alice", "INFO", "x", "--no-pane"],
            &["inbox"],
            &["broadcast", "INFO", "x"],
        ];
        for call in calls {
            refused(&site.agent("bob").run(call), 65, REGISTRY);
        }
        locks_work(&site);
        assert_eq!(fs::read_to_string(site.state(REGISTRY)).unwrap(), text);
        assert_eq!(in_quarantine(&site, text.as_bytes()), 0);
    }
}

#[test]
fn a_registry_that_is_removed_is_made_again_by_whoever_comes() {
    let site = site();
    fs::remove_file(site.state(REGISTRY)).unwrap();
    assert_eq!(site.nobody().run(["agents", "list"]).expect(0).out, "");
    assert_eq!(texts(&inbox(&site, "bob")), ["second"]);
    site.agent("alice").run(["agents", "register"]).expect(0);
    assert_eq!(ids(&site), ["alice", "bob"]);
    send(&site, "third", &[]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["third"]);
}

#[test]
fn ids_that_are_none_and_ids_that_mean_something_else() {
    let site = site();
    for bad in ["..", ".", "a/b", "", " ", "-t", "a\nb", "%1;kill-server", "swarmlock", "SwarmLock"] {
        if !bad.is_empty() {
            let run = site.agent(bad).run(["acquire", "x"]).expect(2);
            harmless(&run);
        }
        let run = site.agent("alice").run(["send", bad, "INFO", "text"]);
        assert!([2, 13].contains(&run.code), "{bad:?}: {run}");
        let run = site.agent("alice").run(["agents", "retire", "--", bad]);
        assert!([2, 13].contains(&run.code), "{bad:?}: {run}");
    }
    for odd in ["all", "tmp", "CON", "a..b"] {
        site.agent(odd).run(["acquire", &format!("src/{odd}.rs")]).expect(0);
        site.agent("alice").run(["send", odd, "INFO", "for you alone", "--no-pane"]).expect(0);
        assert_eq!(texts(&inbox(&site, odd)), ["for you alone"]);
    }
    assert_eq!(texts(&inbox(&site, "bob")), ["second"]);
    assert!(site.agent("mallory").run(["agents", "register", "Swarmlock"]).expect(0).out.contains("Swarmlock-2"));
}

#[test]
fn an_id_that_differs_from_anothers_only_in_case_is_refused_and_its_inbox_is_not_opened() {
    let site = site();
    refused(&site.agent("alice").run(["send", "BOB", "INFO", "x", "--no-pane"]), 13, "BOB");
    for args in [&["acquire", "src/new.rs"][..], &["send", "alice", "INFO", "x"], &["inbox"]] {
        let run = site.agent("BOB").run(args);
        refused(&run, 12, "another agent is called bob");
        assert!(run.out.is_empty(), "{run}");
    }
    assert!(!site.lock_file("src/new.rs").exists());
    assert_eq!(texts(&inbox(&site, "bob")), ["second"]);
    assert!(site.agent("carol").run(["agents", "register", "boB"]).expect(0).out.contains("boB-2"));
    site.agent("boB-2").run(["inbox"]).expect(0);
}

/// What an entry may say that a terminal or tmux would obey.
const HOSTILE: [&str; 9] = [
    "\u{1b}]0;owned\u{7}",
    "\u{1b}[2J",
    "%1;kill-server",
    "-t",
    "",
    "%0\n",
    "#(touch /tmp/owned)",
    "\u{202e}evil",
    "/tmp/s\nnew-session",
];

#[test]
fn what_is_planted_in_an_entry_reaches_neither_terminal_nor_tmux() {
    let site = site();
    let called = site.path("called");
    // Written by another process: none of this one's children has it open when it is started.
    let script =
        "mkdir bin && printf '#!/bin/sh\\necho \"$@\" >>%s/called\\n' \"$PWD\" >bin/tmux && chmod 755 bin/tmux";
    let made = std::process::Command::new("sh").args(["-c", script]).current_dir(site.root()).status().unwrap();
    assert!(made.success());
    let path = format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap());
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let me = json!({ "pid": std::process::id(), "started": 1, "name": "x" });
    for text in HOSTILE {
        for key in ["role", "session_name", "socket", "tmux_pane_id", "pane_index", "harness", "worktree", "host"] {
            let mut registry = good(&site);
            for agent in registry["agents"].as_array_mut().unwrap() {
                agent["boot_id"] = json!(boot.trim());
                agent["process"] = me.clone();
                agent["server"] = json!([std::process::id(), 1]);
                agent["socket"] = json!("/tmp/socket");
                agent["tmux_pane_id"] = json!("%1");
                agent["capabilities"] = json!([text]);
                agent[key] = json!(text);
            }
            site.plant(REGISTRY, registry.to_string());
            let run = |args: &[&str]| -> Run {
                let run = site.agent("alice").env("PATH", &path).run(args);
                harmless(&run);
                run
            };
            run(&["agents", "list", "--all"]).expect(0);
            run(&["agents", "list", "--all", "--json"]).expect(0);
            run(&["agents", "list", "--role", "x"]).expect(0);
            run(&["send", "bob", "INFO", "text"]).expect(0);
            run(&["send", "@nobody", "INFO", "text"]).expect(13);
            run(&["status"]);
            assert!(!called.exists(), "{key} {text:?}: {}", fs::read_to_string(&called).unwrap());
        }
    }
    // The control: it would be found.
    std::process::Command::new("tmux").arg("x").env("PATH", &path).status().unwrap();
    assert_eq!(fs::read_to_string(&called).unwrap(), "x\n");
}

/// Five thousand: every command still answers, and locks are as quick as they were.
#[test]
fn a_registry_with_thousands_of_agents_is_slow_for_nobody_who_is_known() {
    let site = site();
    let mut registry = good(&site);
    let agent = registry["agents"][0].clone();
    for number in 0..5000 {
        let mut agent = agent.clone();
        agent["id"] = json!(format!("agent-{number}"));
        agent["session"] = json!(format!("session-{number}"));
        registry["agents"].as_array_mut().unwrap().push(agent);
    }
    site.plant(REGISTRY, registry.to_string());
    assert_eq!(ids(&site).len(), 5002);
    send(&site, "third", &[]).expect(0);
    assert_eq!(texts(&inbox(&site, "bob")), ["second", "third"]);
    let all = site.agent("alice").run(["broadcast", "INFO", "to all", "--no-pane", "--json"]).expect(0).json();
    assert_eq!(all["message"]["recipients"].as_array().unwrap().len(), 5001);
    let run = site.agent("nobody").run(["send", "agent-50000", "INFO", "x", "--no-pane"]).expect(13);
    complained(&run, "agent-50000");
    locks_work(&site);
    site.agent("alice").run(["broadcast", "INFO", "ack it", "--ack", "--no-pane"]).expect(0);
    assert_eq!(super::mail::pending(&site).len(), 1 + 5001 + 4, "the one before, all, and those who tried the locks");
}

#[test]
fn killed_while_a_damaged_registry_is_begun_again_nothing_that_could_be_read_of_it_is_lost() {
    let test = "killed_while_a_damaged_registry_is_begun_again_nothing_that_could_be_read_of_it_is_lost";
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    // strace counts the calls of each name by themselves.
    let killed: usize = ["fsync", "renameat", "renameat2", "unlinkat", "write"].map(killed_at).iter().sum();
    assert!(killed > 3, "killed {killed} times");
}

/// How many such calls there are: killed before each, what could be read of a damaged registry is kept.
fn killed_at(call: &str) -> usize {
    for nth in 1..20 {
        let site = site();
        for id in ["gone", "dave"] {
            site.agent(id).run(["agents", "register"]).expect(0);
        }
        site.agent("gone").run(["agents", "retire"]).expect(0);
        site.agent("alice").run(["send", "dave", "INFO", "for dave", "--no-pane"]).expect(0);
        fs::remove_file(site.state("beats/dave")).unwrap();
        let mut registry = good(&site);
        registry["updated_at"] = json!(7);
        site.plant(REGISTRY, registry.to_string());
        let inject = format!("inject={call}:signal=KILL:when={nth}");
        let mut command = strace::under(&["-e", &format!("trace={call}"), "-e", &inject], &site.path("trace"));
        command.arg(BINARY).args(["send", "bob", "INFO", "x", "--no-pane"]).current_dir(site.root());
        let run = Run::from(without_identity(&mut command).env("SWARMLOCK_AGENT", "alice").output().unwrap());
        assert_eq!(texts(&inbox(&site, "dave")), ["for dave"], "killed at {call} {nth}");
        let again = site.agent("eve").run(["agents", "register", "gone"]).expect(0);
        assert!(again.out.contains("gone-2"), "killed at {call} {nth}: {again}");
        if run.code == 0 {
            return nth - 1;
        }
    }
    panic!("{call}: it never ends");
}
