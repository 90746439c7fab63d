//! `messages`: what was said, filtered, in threads, and as it is said.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use super::{
    broadcast::unlimited,
    send::{columns, edit_log, log, plant_line, registered, sent, time, unread_texts},
};
use crate::harness::{Run, Site, finish};

fn messages(site: &Site, args: &[&str]) -> Run {
    site.nobody().run([&["messages"], args].concat()).expect(0)
}

fn texts(site: &Site, args: &[&str]) -> Vec<String> {
    columns(&messages(site, args)).iter().map(|row| row[6].to_owned()).collect()
}

#[test]
fn all_is_shown_oldest_first_and_nothing_is_read_by_it() {
    let site = Site::new();
    assert_eq!(messages(&site, &[]).out, "");
    assert!(!site.state("").exists());
    let site = registered(&["alice", "bob"]);
    assert_eq!(messages(&site, &[]).out, "");
    let first = sent(&site, "alice", &["bob", "QUESTION", "a\tb\nc", "--ack"]);
    let second = sent(&site, "bob", &["alice", "INFO", "two", "--reply-to", &first[..8]]);
    let before = site.snapshot();
    let run = messages(&site, &[]);
    let rows = columns(&run);
    let stamp = |at: usize| log(&site)[at]["timestamp"].as_str().unwrap().to_owned();
    assert_eq!(rows[0], [&stamp(0), &first[..8], "alice", "bob", "QUESTION", "ack", "a\\tb\\nc"], "{run}");
    assert_eq!(rows[1], [&stamp(1), &second[..8], "bob", "alice", "INFO", &format!("re {}", &first[..8]), "two"]);
    let json = messages(&site, &["--json"]).json_lines();
    assert_eq!(json, log(&site));
    assert_eq!(site.snapshot(), before);
    assert_eq!(unread_texts(&site, "bob").len(), 1);
}

#[test]
fn each_filter_leaves_what_it_is_for() {
    let site = registered(&["alice", "bob", "carol"]);
    site.agent("carol").run(["agents", "register", "--role", "reviewer"]).expect(0);
    sent(&site, "alice", &["bob", "INFO", "1"]);
    sent(&site, "bob", &["alice", "TASK-UPDATE", "2"]);
    sent(&site, "alice", &["@reviewer", "URGENT", "3"]);
    sent(&site, "carol", &["@all", "INFO", "4"]);
    for (args, wanted) in [
        (&["--from", "alice"][..], &["1", "3"][..]),
        (&["--from", "nobody"], &[]),
        (&["--to", "bob"], &["1", "4"]),
        (&["--to", "carol"], &["3"]),
        (&["--to", "@reviewer"], &["3"]),
        (&["--to", "@Reviewer"], &["3"]),
        (&["--to", "@all"], &["4"]),
        (&["--type", "INFO"], &["1", "4"]),
        (&["--type", "task_update"], &["2"]),
        (&["--type", "SHOUT"], &[]),
        (&["--limit", "2"], &["3", "4"]),
        (&["--limit", "0"], &[]),
        (&["--from", "alice", "--limit", "1"], &["3"]),
        (&["--from", "alice", "--to", "bob", "--type", "info"], &["1"]),
        (&["--since", "1h"], &["1", "2", "3", "4"]),
        (&["--since", "2999-01-01T00:00:00Z"], &[]),
    ] {
        assert_eq!(texts(&site, args), wanted, "{args:?}");
    }
    for (args, said) in [
        (&["--from", "nobody"][..], "swarmlock: no message fits\n"),
        (&["--type", "INFOO"], "swarmlock: INFOO: no type of message; it is one of INFO, "),
        (&["--type", "INFO"], ""),
    ] {
        let run = messages(&site, args);
        assert!(run.err.starts_with(said) && said.is_empty() == run.err.is_empty(), "{run}");
    }
    edit_log(&site, |line| {
        if line["content"] == "1" || line["content"] == "2" {
            line["timestamp"] = time(-7_200_000).into();
        }
    });
    assert_eq!(texts(&site, &["--since", "1h"]), ["3", "4"]);
    assert_eq!(texts(&site, &["--since", &time(-7_300_000)]), ["1", "2", "3", "4"]);
    for bad in [&["--since", "never"][..], &["--limit", "-1"], &["--follow=25h"], &["--follow=x"], &["--thread", "x"]] {
        site.nobody().run([&["messages"], bad].concat()).expect(2);
    }
    site.nobody().run(["messages", "--thread", "abcd"]).expect(13);
}

#[test]
fn a_thread_is_all_that_answers_each_other_with_acknowledgements_and_reminders() {
    let site = registered(&["alice", "bob"]);
    let first = sent(&site, "alice", &["bob", "QUESTION", "why?", "--ack=1h"]);
    sent(&site, "alice", &["bob", "INFO", "another matter"]);
    let answer = sent(&site, "bob", &["alice", "INFO", "because", "--reply-to", &first]);
    sent(&site, "alice", &["bob", "INFO", "I see", "--reply-to", &answer[..8]]);
    super::tick::age(&site, super::tick::HOUR);
    site.nobody().run(["tick"]).expect(0);
    let reminder = log(&site).pop().unwrap()["msg_id"].as_str().unwrap().to_owned();
    site.agent("bob").run(["ack", &reminder, "seen"]).expect(0);
    sent(&site, "bob", &["alice", "INFO", "one more", "--reply-to", &reminder[..8]]);
    let wanted = ["why?", "because", "I see", "why?", "seen", "one more"];
    for id in [&first, &answer, &reminder, &first[..8].to_owned()] {
        assert_eq!(texts(&site, &["--thread", id]), wanted, "{id}");
    }
    assert_eq!(texts(&site, &["--thread", &first, "--from", "bob"]), ["because", "seen", "one more"]);
    assert_eq!(texts(&site, &["--thread", log(&site)[1]["msg_id"].as_str().unwrap()]), ["another matter"]);
}

#[test]
fn a_line_that_is_no_message_is_told_and_hides_none() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "1"]);
    for line in ["123", "{}", "{\"seq\":", "\u{1b}[2J", "", "null"] {
        plant_line(&site, line);
    }
    sent(&site, "alice", &["bob", "INFO", "2"]);
    let run = messages(&site, &[]);
    assert_eq!(run.out.lines().count(), 2, "{run}");
    assert!(run.err.contains("are no messages, and are not shown: 5"), "{run}");
    assert_eq!(unread_texts(&site, "bob"), ["1", "2"]);
}

/// Reads lines of what follows, until this many have come.
struct Following {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Following {
    fn start(site: &Site, args: &[&str]) -> Self {
        let mut child = site.nobody().spawn([&["messages", "--follow=60s"], args].concat());
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The text of the next line, waited for.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().rsplit('\t').next().unwrap().to_owned()
    }

    fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn follow_shows_what_is_sent_meanwhile_in_order_and_at_once() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "before"]);
    let mut all = Following::start(&site, &[]);
    assert_eq!(all.next(), "before");
    for number in 0..5 {
        sent(&site, "alice", &["bob", "INFO", &format!("a{number}")]);
        sent(&site, "bob", &["alice", "INFO", &format!("b{number}")]);
    }
    let began = Instant::now();
    let shown: Vec<String> = (0..10).map(|_| all.next()).collect();
    let wanted: Vec<String> = (0..5).flat_map(|number| [format!("a{number}"), format!("b{number}")]).collect();
    assert_eq!(shown, wanted);
    assert!(began.elapsed() < Duration::from_secs(20));
    all.stop();
    // Nothing of what was, and of one agent only.
    unlimited(&site);
    let mut last = Following::start(&site, &["--limit", "0", "--from", "alice"]);
    let shown = thread::scope(|scope| {
        let reader = scope.spawn(|| last.next());
        while !reader.is_finished() {
            sent(&site, "bob", &["alice", "INFO", "no"]);
            sent(&site, "alice", &["bob", "INFO", "new"]);
        }
        reader.join().unwrap()
    });
    assert_eq!(shown, "new");
    last.stop();
}

#[test]
fn a_line_with_an_impossible_number_hides_nothing_that_is_said_later() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "before"]);
    let mut planted = log(&site).pop().unwrap();
    (planted["seq"], planted["content"]) = (u64::MAX.into(), "from beyond".into());
    plant_line(&site, &planted.to_string());
    let mut all = Following::start(&site, &[]);
    assert_eq!(all.next(), "before");
    sent(&site, "alice", &["bob", "INFO", "after"]);
    assert_eq!(all.next(), "after");
    all.stop();
    let run = messages(&site, &[]);
    assert!(run.err.contains("are no messages, and are not shown: 1"), "{run}");
}

#[test]
fn follow_goes_on_across_rotations_and_repeats_and_loses_nothing() {
    let site = registered(&["alice", "bob"]);
    site.plant("config.toml", "message_rate = 100000\nmessage_rate_all = 100000\nmessage_log_size = 65536\n");
    sent(&site, "alice", &["bob", "INFO", "begin"]);
    let mut following = Following::start(&site, &[]);
    assert_eq!(following.next(), "begin");
    let long = "word ".repeat(1800);
    for number in 0..40 {
        sent(&site, "alice", &["bob", "INFO", &format!("{long} {number}")]);
    }
    let rotated = (1..10).filter(|age| site.state(format!("agent_messages.log.{age}")).exists()).count();
    assert!(rotated >= 4, "{rotated}");
    for number in 0..40 {
        assert!(following.next().ends_with(&format!(" {number}")), "{number}");
    }
    following.stop();
    assert_eq!(messages(&site, &[]).out.lines().count(), 41, "all logs are read");
    assert_eq!(unread_texts(&site, "bob").len(), 41);
}

#[test]
fn follow_ends_at_its_limit_and_when_its_reader_goes_away() {
    let site = registered(&["alice", "bob"]);
    unlimited(&site);
    sent(&site, "alice", &["bob", "INFO", "x"]);
    let began = Instant::now();
    assert_eq!(texts(&site, &["--follow=300ms"]), ["x"]);
    assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&began.elapsed()));
    assert_eq!(texts(&site, &["--follow=0s"]), ["x"]);
    let Following { mut child, mut lines } = Following::start(&site, &[]);
    let mut one = [0];
    lines.read_exact(&mut one).unwrap();
    drop(lines);
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(40), "it waits for the end of its minute");
        sent(&site, "alice", &["bob", "INFO", "y"]);
    }
    let run = finish(child);
    assert_eq!(run.code, 1, "{run}");
    // And when the directory that it looks at is no more.
    let gone = Following::start(&site, &[]);
    fs::rename(site.state(""), site.path("elsewhere")).unwrap();
    finish(gone.child);
}
