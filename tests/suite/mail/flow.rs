//! Sixteen senders in full flow, readers beside them, and a log that is rotated every few messages.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Killed, PROCESSES,
    lines::{Faults, Key, addressed, judge, key, logs, text},
    shown, site, soak,
};
use crate::harness::{Run, Site};

const READERS: [&str; 3] = ["r0", "r1", "r2"];

/// Every sender sends so many, to whoever `to` says.
fn all_send(site: &Site, each: usize, to: impl Fn(Key) -> String + Sync) -> BTreeSet<Key> {
    thread::scope(|scope| {
        for who in 0..PROCESSES {
            let to = &to;
            scope.spawn(move || {
                for at in 0..each {
                    let (to, text) = (to((who, at)), text((who, at)));
                    site.agent(&format!("w{who}")).run(["send", &to, "INFO", &text]).expect(0);
                }
            });
        }
    });
    (0..PROCESSES).flat_map(|who| (0..each).map(move |at| (who, at))).collect()
}

/// All that this agent is shown until there is nothing more and `over`.
fn read_on(site: &Site, agent: &str, over: &AtomicBool) -> Vec<u64> {
    let mut seen = Vec::new();
    // A page costs as much as all that is unread.
    let limit = (7 * soak()).to_string();
    loop {
        let last = over.load(Ordering::Acquire);
        let run = site.agent(agent).run(["inbox", "--json", "--limit", &limit]).expect(0);
        assert!(run.out.ends_with('\n'), "{run}");
        let page = shown(&run);
        if page.is_empty() && last {
            return seen;
        }
        seen.extend(page);
    }
}

/// `messages --follow`, into a file.
fn follow(site: &Site, file: &std::path::Path) -> Killed {
    let mut call = site.agent("follower");
    let command = call.command.args(["messages", "--follow=1h", "--json"]);
    Killed(command.stdout(File::create(file).unwrap()).stderr(Stdio::null()).spawn().unwrap())
}

/// What it has put out, once that is so many lines.
fn followed(file: &std::path::Path, count: usize) -> Vec<u64> {
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().count();
        if lines >= count || began.elapsed() > Duration::from_secs(60) {
            let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
            return text.lines().map(seq).collect();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn of_what_16_send_nothing_is_lost_doubled_torn_or_out_of_order_and_each_reader_gets_its_own_once() {
    let each = (30 * soak()).min(500);
    let (began, site, over) = (Instant::now(), site("message_log_count = 1000\n", &READERS), AtomicBool::new(false));
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("followed");
    let follower = follow(&site, &file);
    // Every fourth is for everybody, also for the senders that are there by then.
    let to = |(who, at): Key| READERS.get((who + at) % 4).map_or("@all".to_owned(), ToString::to_string);
    let (sent, read) = thread::scope(|scope| {
        let readers = READERS.map(|agent| {
            scope.spawn({
                let (site, over) = (&site, &over);
                move || read_on(site, agent, over)
            })
        });
        let sent = all_send(&site, each, to);
        over.store(true, Ordering::Release);
        (sent, readers.map(|reader| reader.join().unwrap()))
    });
    let (messages, faults) = judge(&site.state(""), &sent);
    assert_eq!(faults, Faults::default());
    assert_eq!(messages.len(), PROCESSES * each);
    for (agent, read) in READERS.iter().zip(read) {
        let wanted = addressed(&messages, agent);
        assert!(wanted.len() >= messages.len() / 4, "{agent} is sent {} of {}", wanted.len(), messages.len());
        assert_eq!(read, wanted, "{agent} reads each once, in order");
    }
    let all: Vec<u64> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(followed(&file, all.len()), all, "followed");
    drop(follower);
    // Whoever never looked has everything still.
    let none = AtomicBool::new(true);
    assert_eq!(read_on(&site, "w5", &none), addressed(&messages, "w5"));
    let logs = logs(&site.state("")).len();
    assert!(logs >= each / 4, "the log is rotated: {logs}");
    eprintln!("{} messages, {logs} logs, {:.1?}", messages.len(), began.elapsed());
}

#[test]
fn of_logs_that_are_removed_at_once_no_reader_misses_a_message() {
    let each = (15 * soak()).min(500);
    let (site, over) = (site("message_log_count = 1\n", &READERS), AtomicBool::new(false));
    let read = thread::scope(|scope| {
        let readers = READERS.map(|agent| {
            scope.spawn({
                let (site, over) = (&site, &over);
                move || {
                    let shown = read_on(site, agent, over);
                    assert!(shown.is_sorted_by(|a, b| a < b), "{agent}: each once, in order");
                    shown.len()
                }
            })
        });
        all_send(&site, each, |(who, at)| READERS[(who + at) % 3].to_owned());
        over.store(true, Ordering::Release);
        readers.map(|reader| reader.join().unwrap())
    });
    assert_eq!(read.iter().sum::<usize>(), PROCESSES * each, "{read:?}");
    // Read by all, the older ones go with the next rotation or tick.
    site.nobody().run(["tick"]).expect(0);
    let (left, faults) = judge(&site.state(""), &BTreeSet::new());
    assert!(left.len() < PROCESSES * each && logs(&site.state("")).len() <= 2, "the control: {} are left", left.len());
    assert_eq!(faults, Faults::default());
}

/// Each sender's messages that a call shows are its first ones, without a gap: the next is sent when the one before is.
fn no_gaps(run: &Run) -> usize {
    let mut next = [0; PROCESSES];
    for message in run.json_lines() {
        let (who, at) = key(message["content"].as_str().unwrap()).unwrap();
        assert_eq!(at, next[who], "of w{who}: {} lines", run.out.lines().count());
        next[who] += 1;
    }
    next.iter().sum()
}

#[test]
fn whoever_reads_all_logs_while_they_are_rotated_sees_each_message_once() {
    let each = (30 * soak()).min(500);
    let (site, over) = (site("message_log_count = 1000\n", &READERS), AtomicBool::new(false));
    let looks: usize = thread::scope(|scope| {
        let looks = [0; 3].map(|_| {
            scope.spawn(|| {
                let mut looks = 0;
                while !over.load(Ordering::Acquire) {
                    no_gaps(&site.nobody().run(["messages", "--json"]).expect(0));
                    looks += 1;
                }
                looks
            })
        });
        all_send(&site, each, |_| "r0".to_owned());
        over.store(true, Ordering::Release);
        looks.into_iter().map(|looks| looks.join().unwrap()).sum()
    });
    assert_eq!(no_gaps(&site.nobody().run(["messages", "--json"]).expect(0)), PROCESSES * each);
    assert!(looks > 20, "the control: {looks}");
    eprintln!("{looks} looks, {} logs", logs(&site.state("")).len());
}
