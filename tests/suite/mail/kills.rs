//! Senders and readers that are killed at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Child,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    PROCESSES,
    lines::{Key, addressed, judge, text},
    shown, site, soak,
};
use crate::harness::{Run, Site, finish};

const READERS: [&str; 3] = ["r0", "r1", "r2"];

/// Ends it by a kill after a time that is another at every turn.
fn kill_at_some_moment(child: Child, turn: usize, longest_us: usize) -> Run {
    thread::sleep(Duration::from_micros((turn * 104_729 % longest_us) as u64));
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    finish(child)
}

/// What one reader was shown.
#[derive(Debug, Default)]
struct Read {
    /// How often, by calls that ended well.
    well: BTreeMap<u64, usize>,
    /// By calls that were killed.
    killed: BTreeSet<u64>,
    kills: usize,
}

fn read_on(site: &Site, agent: &str, over: &AtomicBool) -> Read {
    let mut read = Read::default();
    for turn in 0.. {
        let last = over.load(Ordering::Acquire);
        let child = site.agent(agent).spawn(["inbox", "--json", "--limit", "5"]);
        let run = if turn % 3 == 0 && !last { kill_at_some_moment(child, turn, 12_000) } else { finish(child) };
        let page = shown(&run);
        match run.code {
            0 if page.is_empty() && last => break,
            0 => page.into_iter().for_each(|seq| *read.well.entry(seq).or_default() += 1),
            137 => {
                read.kills += 1;
                read.killed.extend(page);
            }
            _ => panic!("{run}"),
        }
    }
    read
}

/// What was certainly sent, and what perhaps was.
fn send_and_die(site: &Site, each: usize) -> (BTreeSet<Key>, BTreeSet<Key>) {
    let (sent, killed) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    thread::scope(|scope| {
        for who in 0..PROCESSES {
            let (sent, killed) = (&sent, &killed);
            scope.spawn(move || {
                for at in 0..each {
                    let (to, text) = (READERS[(who + at) % 3], text((who, at)));
                    let child = site.agent(&format!("w{who}")).spawn(["send", to, "INFO", &text]);
                    let dies = (who + at) % 4 == 0;
                    let run = if dies { kill_at_some_moment(child, who + 16 * at, 60_000) } else { finish(child) };
                    match run.code {
                        0 => sent.lock().unwrap().insert((who, at)),
                        137 => killed.lock().unwrap().insert((who, at)),
                        _ => panic!("{run}"),
                    };
                }
            });
        }
    });
    (sent.into_inner().unwrap(), killed.into_inner().unwrap())
}

#[test]
fn with_kills_at_random_only_what_was_not_reported_as_sent_may_miss_and_no_reader_skips_anything() {
    let (began, each) = (Instant::now(), (20 * soak()).min(500));
    let (site, over) = (site("message_log_count = 1000\n", &READERS), AtomicBool::new(false));
    let (sent, killed, read) = thread::scope(|scope| {
        let readers = READERS.map(|agent| {
            scope.spawn({
                let (site, over) = (&site, &over);
                move || read_on(site, agent, over)
            })
        });
        let (sent, killed) = send_and_die(&site, each);
        over.store(true, Ordering::Release);
        (sent, killed, readers.map(|reader| reader.join().unwrap()))
    });
    let (messages, faults) = judge(&site.state(""), &sent);
    // The kernel may end a write that is killed in the middle of a line: then it is no message, and was not reported.
    assert!(faults.torn <= killed.len(), "{faults:?}");
    assert_eq!((faults.lost, faults.doubled, faults.disordered, faults.numbers), (0, 0, 0, 0), "{faults:?}");
    assert!(messages.len() >= sent.len() && messages.len() <= sent.len() + killed.len(), "{}", messages.len());
    let mut kills = 0;
    for (agent, read) in READERS.iter().zip(read) {
        let wanted: BTreeSet<u64> = addressed(&messages, agent).into_iter().collect();
        let seen: BTreeSet<u64> = read.well.keys().chain(&read.killed).copied().collect();
        assert_eq!(seen, wanted, "{agent} is shown everything, and nothing else");
        let twice: Vec<_> = read.well.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{agent} is shown twice, by calls that ended well: {twice:?}");
        kills += read.kills;
    }
    assert!(killed.len() > 10 && kills > 3, "the control: {} senders and {kills} readers were killed", killed.len());
    eprintln!(
        "{} sent, {} killed, {} there, {} torn, {kills} readers killed, {:.1?}",
        sent.len(),
        killed.len(),
        messages.len(),
        faults.torn,
        began.elapsed()
    );
    site.agent("r0").run(["send", "r1", "INFO", "the next"]).expect(0);
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(std::fs::read_dir(site.state("tmp")).unwrap().count(), 0);
}
