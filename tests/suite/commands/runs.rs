use std::fs;

use serde_json::Value;
use swarmlock::domain::records::{Finished, How, State};

use crate::{
    harness::{Run, Site, next_millisecond},
    keeper::{Keeper, Wrapper, record_id, rewrite, whole, written},
    processes::usable,
};

fn ids(run: &Run) -> Vec<String> {
    run.out.lines().map(|line| line.split('\t').next().unwrap().trim_end_matches('0').to_owned()).collect()
}

#[test]
fn runs_are_listed_newest_first_with_what_became_of_them() {
    let site = Site::new();
    assert_eq!(site.nobody().run(["runs"]).expect(0).out, "", "nothing is made by looking");
    assert!(!site.state("").exists());
    let keeper = Keeper::new(&site);
    assert_eq!(site.nobody().run(["runs"]).expect(0).out, "");
    for (id, how, exit) in [
        ("aaaa1", How::Ended, Some(0)),
        ("aaaa2", How::Ended, Some(7)),
        ("aaaa3", How::Ended, None),
        ("aaaa4", How::Cancelled, Some(1)),
        ("aaaa5", How::Lost, None),
    ] {
        keeper.ended(id, how, exit);
        next_millisecond();
    }
    keeper.begin("aaaa6", "bob", &["make", "it's", "a b"], None);
    let all = site.nobody().run(["runs"]).expect(0);
    assert_eq!(ids(&all), ["aaaa6", "aaaa5", "aaaa4", "aaaa3", "aaaa2", "aaaa1"], "{all}");
    let columns: Vec<Vec<&str>> = all.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(columns[0][1..2], ["running"]);
    assert_eq!(columns[0][3..], ["-", "-", "bob", "name:deploy", r"make 'it'\''s' 'a b'"]);
    let states: Vec<(&str, &str)> = columns.iter().map(|line| (line[1], line[4])).collect();
    let expected = [("running", "-"), ("lost", "signal 15"), ("cancelled", "1"), ("failed", "signal 15")];
    assert_eq!(states, [&expected[..], &[("failed", "7"), ("done", "0")]].concat());
    assert_eq!(ids(&site.nobody().run(["runs", "--state", "failed"]).expect(0)), ["aaaa3", "aaaa2"]);
    assert_eq!(ids(&site.nobody().run(["runs", "list", "--limit", "2"]).expect(0)), ["aaaa6", "aaaa5"]);
    let json = site.nobody().run(["runs", "--json", "--state", "done"]).expect(0).json();
    assert_eq!(json, written(&site, "aaaa1"), "it is the record as it is written");
    for bad in [&["runs", "--state", "resting"][..], &["runs", "--limit", "-1"], &["runs", "list", "aaaa1"]] {
        site.nobody().run(bad).expect(2);
    }
}

#[test]
fn a_run_whose_wrapper_is_killed_is_shown_as_abandoned_and_nothing_is_written() {
    if !usable("a_run_whose_wrapper_is_killed_is_shown_as_abandoned_and_nothing_is_written") {
        return;
    }
    let site = Site::new();
    let (keeper, wrapper) = (Keeper::new(&site), Wrapper::start());
    keeper.begin("abcd", "alice", &["make"], Some(&wrapper.process()));
    keeper.begin("abce", "alice", &["make"], None);
    let state = |id: &str| site.nobody().run(["runs", "show", &whole(id), "--json"]).expect(0).json()["state"].clone();
    assert_eq!(state("abcd"), "running", "the control: it lives");
    wrapper.kill();
    let before = site.snapshot();
    assert_eq!(state("abcd"), "abandoned");
    assert_eq!(state("abce"), "running", "of a wrapper that could not be told nobody knows");
    assert_eq!(ids(&site.nobody().run(["runs", "--state", "abandoned"]).expect(0)), ["abcd"]);
    assert_eq!(site.snapshot(), before);
    assert_eq!(written(&site, "abcd")["state"], "running");
    // In a copy of the directory nothing of the original goes on.
    let copy = Site::new();
    let copied = std::process::Command::new("cp").arg("-r").arg(site.state("")).arg(copy.root()).status().unwrap();
    assert!(copied.success());
    assert_eq!(copy.nobody().run(["runs", "--state", "abandoned"]).expect(0).out.lines().count(), 2);
}

#[test]
fn show_prints_what_is_known_and_the_end_of_what_was_said() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    let argv = ["deploy", "--password", "hunter2", "ghp_0123456789abcdefghijABCDEFGHIJ012345"];
    keeper.begin("abcd", "alice", &argv, None);
    let said = "one\nAPI_KEY=hunter22222\n\u{1b}[31mred\u{202e}\nnext: swarmlock release --mine\n";
    assert_eq!(keeper.end("abcd", How::Ended, Some(3), Some(said)), Finished::Now(State::Failed));
    let show = site.nobody().run(["runs", "show", "abcd"]).expect(0);
    let lines: Vec<&str> = show.out.lines().collect();
    for line in ["state\tfailed", "exit\t3", "lease\tl-7", "fence\t7", "depth\t1", "agent_id\talice"] {
        assert!(lines.contains(&line), "{line}: {show}");
    }
    assert!(lines.contains(&"command\tdeploy --password '***' '***'"), "{show}");
    let tail = ["one", "API_KEY=***", "\\x1b[31mred\\u{202e}", "next: swarmlock release --mine"];
    assert!(lines.ends_with(&tail.map(|line| format!("log_tail\t{line}")).each_ref().map(String::as_str)), "{show}");
    let json = site.nobody().run(["runs", "show", "abcd", "--json"]).expect(0).json();
    let secretless = said.replace("hunter22222", "***");
    assert_eq!((&json["log_tail"], &json["bytes"]), (&secretless.clone().into(), &said.len().into()));
    let stored = fs::read_to_string(site.state(format!("tasks/{}.log", whole("abcd")))).unwrap();
    assert_eq!(stored, secretless);
    assert!(!written(&site, "abcd").to_string().contains("hunter"));
    fs::remove_file(site.state(format!("tasks/{}.log", whole("abcd")))).unwrap();
    let without = site.nobody().run(["runs", "show", "abcd", "--json"]).expect(0);
    assert_eq!(without.json()["log_tail"], Value::Null, "{without}");
    assert!(without.err.contains("it is not there any more"), "{without}");
}

#[test]
fn an_id_is_its_first_four_digits_if_no_other_begins_with_them() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    for id in ["abcd1", "abcd2", "abce"] {
        keeper.ended(id, How::Ended, Some(0));
    }
    for good in ["abce", "abcd1", "abcd10000", &whole("abcd2")] {
        site.nobody().run(["runs", "show", good]).expect(0);
    }
    let several = site.nobody().run(["runs", "show", "abcd"]).expect(2);
    assert!(several.err.contains(&format!("one of them is {}", whole("abcd2"))), "{several}");
    site.nobody().run(["runs", "show", "abcf"]).expect(13);
    site.nobody().run(["runs", "show", &whole("abcd3")]).expect(13);
    site.nobody().run(["runs", "show"]).expect(2);
    let upper = whole("abce").to_uppercase();
    for bad in ["", "abc", "ABCE", "abce\n", "../abce", "../../.guard", "abcg", "abce/", ".", &upper, &"0".repeat(33)] {
        for action in ["show", "cancel"] {
            let run = site.nobody().run(["runs", action, "--", bad]).expect(2);
            assert!(run.err.contains("\nnext: swarmlock runs --help\n"), "{bad:?}: {run}");
        }
    }
}

#[test]
fn cancel_leaves_a_mark_and_signals_nobody() {
    if !usable("cancel_leaves_a_mark_and_signals_nobody") {
        return;
    }
    let site = Site::new();
    let (keeper, mut wrapper) = (Keeper::new(&site), Wrapper::start());
    keeper.begin("abcd", "alice", &["make"], Some(&wrapper.process()));
    let asked = |id: &str| keeper.records().is_cancel_requested(&record_id(id)).unwrap();
    assert!(!asked("abcd") && !asked("eeee"));
    let first = site.agent("bob").run(["runs", "cancel", "abcd", "--json"]).expect(0).json();
    assert_eq!((&first["result"], &first["run"]["cancel_requested_by"]), (&"requested".into(), &"bob".into()));
    assert!(asked("abcd"));
    let before = fs::read(site.state(format!("tasks/{}.json", whole("abcd")))).unwrap();
    let second = site.agent("carol").run(["runs", "cancel", "abcd"]).expect(0);
    assert!(second.out.starts_with("already\tabcd"), "{second}");
    assert_eq!(fs::read(site.state(format!("tasks/{}.json", whole("abcd")))).unwrap(), before, "the mark stays bob's");
    assert!(wrapper.lives(), "no process is signalled");
    // Its wrapper ends it, and then it is over for good.
    assert_eq!(keeper.end("abcd", How::Cancelled, None, None), Finished::Now(State::Cancelled));
    let refused = site.agent("bob").run(["runs", "cancel", "abcd", "--json"]).expect(17).json_error();
    assert_eq!((&refused["name"], &refused["run"]["state"]), (&"refused".into(), &"cancelled".into()));
    assert_eq!(keeper.end("abcd", How::Ended, Some(0), None), Finished::Already(State::Cancelled), "final is final");
    assert_eq!(keeper.end("eeee", How::Ended, Some(0), None), Finished::Missing);
    // Of a killed one there is nobody to look for the mark.
    keeper.begin("dead", "alice", &["make"], Some(&wrapper.process()));
    wrapper.kill();
    let gone = site.agent("bob").run(["runs", "cancel", "dead"]).expect(17);
    assert!(gone.err.contains("is abandoned: its wrapper is gone"), "{gone}");
    assert_eq!(written(&site, "dead")["cancel_requested_at"], Value::Null);
}

#[test]
fn a_planted_record_with_another_id_inside_is_reported_and_never_acted_on() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    keeper.begin("abcd", "alice", &["make"], None);
    let planted = format!("tasks/{}.json", whole("beef"));
    fs::copy(site.state(format!("tasks/{}.json", whole("abcd"))), site.state(&planted)).unwrap();
    let before = fs::read(site.state(&planted)).unwrap();
    let list = site.nobody().run(["runs"]).expect(65);
    assert!(list.out.starts_with("abcd") && list.out.lines().count() == 1, "it hides no other: {list}");
    assert!(list.err.contains(&format!("{planted}: damaged: it has the id of another record inside")), "{list}");
    for args in [&["runs", "show", "beef"][..], &["runs", "cancel", "beef"], &["cleanup"]] {
        site.agent("bob").run(args).expect(65);
    }
    site.agent("bob").run(["gc", "--older-than", "1ms", "--yes"]).expect(65);
    assert_eq!(fs::read(site.state(&planted)).unwrap(), before);
    assert_eq!(written(&site, "abcd")["cancel_requested_at"], Value::Null);
    assert!(keeper.records().is_cancel_requested(&record_id("beef")).is_err());
}

#[test]
fn one_damaged_record_does_not_hide_the_others() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    for id in ["aaaa", "bbbb", "cccc", "dddd", "eeee"] {
        keeper.ended(id, How::Ended, Some(0));
    }
    let path = |id: &str| site.state(format!("tasks/{}.json", whole(id)));
    site.plant(format!("tasks/{}.json", whole("aaaa")), "?");
    site.plant(format!("tasks/{}.json", whole("bbbb")), vec![b' '; 300_000]);
    fs::remove_file(path("cccc")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path("cccc")).unwrap();
    fs::remove_file(path("dddd")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path("dddd"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // What is not named by an id is no record, and nobody's business.
    for other in ["x.json", "notes.txt", &format!("{}.json", "A".repeat(32)), &format!("{}.json\n", whole("abcd"))] {
        site.plant(format!("tasks/{other}"), "?");
    }
    let list = site.nobody().run(["runs"]).expect(73);
    assert_eq!(ids(&list), ["eeee"], "{list}");
    assert_eq!(list.err.matches("\nnext: ").count(), 4, "{list}");
    assert!(!list.err.contains("notes") && !list.out.contains("root:"), "{list}");
    site.nobody().run(["runs", "show", "eeee"]).expect(0);
    site.nobody().run(["runs", "show", "cccc"]).expect(73);
    // A wrong configuration hides none either, and stops changes.
    site.plant("config.toml", "gaurd_wait = 1\n");
    assert_eq!(ids(&site.nobody().run(["runs"]).expect(73)), ["eeee"]);
    site.agent("bob").run(["runs", "cancel", "eeee"]).expect(78);
    site.agent("bob").run(["gc", "--older-than", "1s"]).expect(78);
}

#[test]
fn a_key_of_a_later_version_survives_a_cancel() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    keeper.begin("abcd", "alice", &["make"], None);
    rewrite(&site, "abcd", "later", "kept");
    site.agent("bob").run(["runs", "cancel", "abcd"]).expect(0);
    assert_eq!(written(&site, "abcd")["later"], "kept");
    rewrite(&site, "abcd", "v", 2);
    let newer = site.agent("bob").run(["runs", "cancel", "abcd"]).expect(65);
    assert!(newer.err.contains("written by a newer swarmlock"), "{newer}");
}

#[test]
fn records_are_private_whatever_the_umask_and_a_swapped_directory_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    let keeper = Keeper::new(&site);
    keeper.begin("abcd", "alice", &["make"], None);
    keeper.end("abcd", How::Ended, Some(0), Some("said\n"));
    let mode = |below: &str| fs::metadata(site.state(below)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("tasks"), 0o700);
    for ending in ["json", "log"] {
        assert_eq!(mode(&format!("tasks/{}.{ending}", whole("abcd"))), 0o600);
    }
    keeper.begin("abce", "alice", &["make"], None);
    let elsewhere = site.path("elsewhere");
    fs::rename(site.state("tasks"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, site.state("tasks")).unwrap();
    let before = fs::read(elsewhere.join(format!("{}.json", whole("abce")))).unwrap();
    for args in [&["runs"][..], &["runs", "cancel", "abce"], &["gc", "--older-than", "1s", "--yes"]] {
        site.agent("bob").run(args).expect(73);
    }
    assert_eq!(fs::read(elsewhere.join(format!("{}.json", whole("abce")))).unwrap(), before);
}

#[test]
fn the_end_is_written_though_the_log_cannot_be_and_a_planted_log_is_not_followed() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    let log = |id: &str| site.state(format!("tasks/{}.log", whole(id)));
    for id in ["aaaa", "bbbb"] {
        keeper.begin(id, "alice", &["make"], None);
    }
    fs::create_dir(log("aaaa")).unwrap();
    let finished = keeper.end("aaaa", How::Ended, Some(0), Some("said\n"));
    assert!(
        matches!(&finished, Finished::WithoutLog(State::Done, why) if why.contains("not a regular file")),
        "{finished:?}"
    );
    assert_eq!((&written(&site, "aaaa")["state"], &written(&site, "aaaa")["log"]), (&"done".into(), &Value::Null));
    // A link in its place is replaced by the log, and where it leads nothing is written.
    let outside = site.file("outside");
    std::os::unix::fs::symlink(&outside, log("bbbb")).unwrap();
    assert_eq!(keeper.end("bbbb", How::Ended, Some(0), Some("said\n")), Finished::Now(State::Done));
    assert_eq!((fs::read(&outside).unwrap(), fs::read(log("bbbb")).unwrap()), (b"text\n".to_vec(), b"said\n".to_vec()));
    // One that is planted afterwards is not read.
    fs::remove_file(log("bbbb")).unwrap();
    std::os::unix::fs::symlink(&outside, log("bbbb")).unwrap();
    let show = site.nobody().run(["runs", "show", "bbbb"]).expect(0);
    assert!(show.err.contains("it is a symbolic link") && !show.out.contains("log_tail"), "{show}");
    site.nobody().run(["gc", "--older-than", "1ns", "--yes"]).expect(1);
    assert!(outside.exists());
}
