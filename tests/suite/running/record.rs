//! The record that a run leaves.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{is_free, is_gone, pid_in, until};
use crate::{
    harness::{Site, finish},
    processes::usable,
};

const WORKS: &str = "echo $$ >pid; exec sleep 60";

fn records(site: &Site) -> Vec<Value> {
    site.agent("alice").run(["runs", "--json"]).expect(0).json_lines()
}

#[test]
fn a_run_leaves_a_record_of_its_command_without_secrets_and_of_its_end() {
    let site = Site::new();
    let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4));
    let script = format!("echo 'the end: {token}'; echo more >&2; exit 3");
    site.agent("alice").run(["run", "--log", "name:n", "--", "sh", "-c", &script]).expect(3);
    let record = &records(&site)[0];
    assert_eq!(
        (&record["state"], &record["exit"], &record["agent_id"], &record["resources"], &record["depth"]),
        (&json!("failed"), &json!(3), &json!("alice"), &json!(["name:n"]), &json!(1))
    );
    assert_eq!(record["bytes"], json!("the end: \nmore\n".len() + token.len()), "{record}");
    let id = record["id"].as_str().unwrap();
    let shown = site.agent("alice").run(["runs", "show", id]).expect(0);
    assert!(shown.out.contains("the end: ***") && shown.out.contains("more"), "{shown}");
    for file in fs::read_dir(site.state("tasks")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(&token), "{text}");
    }
    site.agent("alice").run(["run", "name:n", "--", "sh", "-c", "kill -9 $$"]).expect(137);
    let record = &records(&site)[0];
    assert_eq!((&record["state"], &record["exit"], &record["signal"]), (&json!("failed"), &Value::Null, &json!(9)));
}

#[test]
fn a_run_is_cancelled_by_a_mark_and_ends_its_own_group() {
    if !usable("a_run_is_cancelled_by_a_mark_and_ends_its_own_group") {
        return;
    }
    let site = Site::new();
    let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", WORKS]);
    let pid = pid_in(&site.path("pid"));
    let id = records(&site)[0]["id"].as_str().unwrap().to_owned();
    site.agent("bob").run(["runs", "cancel", &id[..8]]).expect(0);
    finish(child).expect(143);
    assert!(is_gone(pid) && is_free(&site, "name:n"));
    let record = &records(&site)[0];
    assert_eq!((&record["state"], &record["cancel_requested_by"]), (&json!("cancelled"), &json!("bob")));
    site.agent("bob").run(["runs", "cancel", &id]).expect(17);
}

#[test]
fn the_record_of_a_killed_wrapper_is_abandoned_and_written_so_by_cleanup() {
    if !usable("the_record_of_a_killed_wrapper_is_abandoned") {
        return;
    }
    let site = Site::new();
    let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", WORKS]);
    let pid = pid_in(&site.path("pid"));
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    finish(child).expect(137);
    until("the command is gone", || is_gone(pid));
    assert_eq!(records(&site)[0]["state"], "abandoned");
    let file = site.state("tasks").join(format!("{}.json", records(&site)[0]["id"].as_str().unwrap()));
    assert!(fs::read_to_string(&file).unwrap().contains("\"running\""), "a look writes nothing");
    site.agent("alice").run(["cleanup"]).expect(0);
    assert!(fs::read_to_string(&file).unwrap().contains("\"abandoned\""));
}

#[test]
fn a_run_goes_on_without_a_record_if_none_can_be_kept() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    fs::write(site.state("tasks"), "").unwrap();
    let run = site.agent("alice").run(["run", "name:n", "--", "echo", "works"]).expect(0);
    assert!(run.out == "works\n" && run.err.contains("no record of it is kept"), "{run}");
    assert!(is_free(&site, "name:n"));
    // The control.
    fs::remove_file(site.state("tasks")).unwrap();
    assert_eq!(site.agent("alice").run(["run", "name:n", "--", "true"]).expect(0).err, "");
}
