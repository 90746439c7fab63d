//! Readers and writers in one line.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::*;

#[test]
fn those_who_share_it_enter_together_after_a_writer() {
    let site = held_by_alice();
    let readers = ["bob", "carol", "dave", "erin"];
    let waiting: Vec<Child> = readers.iter().map(|agent| waits(&site, agent, &["--shared", "name:x"])).collect();
    let writer = waits(&site, "frank", &["name:x"]);
    let late = waits(&site, "grace", &["--shared", "name:x"]);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    // None of them has released it before all of them have it.
    waiting.into_iter().for_each(|reader| drop(granted(reader)));
    assert_eq!(held(&site).len(), readers.len());
    assert!(is_waiting(&site, "frank") && is_waiting(&site, "grace"), "who came behind a writer does not pass it");
    for agent in readers {
        site.agent(agent).run(["release", "name:x"]).expect(0);
    }
    granted(writer);
    assert!(is_waiting(&site, "grace"));
    site.agent("frank").run(["release", "name:x"]).expect(0);
    granted(late);
}

#[test]
fn a_writer_is_not_starved_by_readers_that_come_and_go() {
    let site = made();
    let share = |agent: &str| site.agent(agent).run(["acquire", "--shared", "name:x"]);
    share("alice").expect(0);
    // The control: without a writer in line another reader gets in.
    share("bob").expect(0);
    let writer = waits(&site, "writer", &["name:x"]);
    let refused = share("carol").expect(10);
    assert!(refused.err.contains("others come first: writer"), "{refused}");
    share("alice").expect(0);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    share("carol").expect(10);
    site.agent("bob").run(["release", "name:x"]).expect(0);
    granted(writer);
    site.agent("writer").run(["release", "name:x"]).expect(0);
    share("carol").expect(0);
}

#[test]
fn a_writer_gets_in_between_readers_that_overlap_all_the_time() {
    let site = made();
    let (over, entered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for at in 0..3 {
            let (site, over, entered) = (&site, &over, &entered);
            scope.spawn(move || {
                let agent = format!("reader-{at}");
                while !over.load(SeqCst) {
                    site.agent(&agent).run(["acquire", "--shared", "--wait=30s", "name:x"]).expect(0);
                    entered.fetch_add(1, SeqCst);
                    site.agent(&agent).run(["release", "name:x"]).expect(0);
                }
            });
        }
        for _ in 0..5 {
            until("readers enter", || entered.swap(0, SeqCst) > 0);
            let run = site.agent("writer").run(["acquire", "--wait=30s", "name:x"]);
            let released = site.agent("writer").run(["release", "name:x"]);
            if run.code != 0 {
                over.store(true, SeqCst);
            }
            run.expect(0);
            released.expect(0);
        }
        over.store(true, SeqCst);
    });
    // Nobody who comes behind a writer that waits gets in before it.
    let (mut line, mut served) = (Vec::new(), 0);
    for event in log(&site) {
        let who = |key: &str| event[key].as_str().unwrap().to_owned();
        match event["event"].as_str().unwrap() {
            "queued" => line.push(who("by")),
            "acquired" => {
                let agent = who("agent_id");
                let at = line.iter().position(|waiting| *waiting == agent);
                let before = line[..at.unwrap_or(line.len())].iter().any(|waiting| waiting == "writer");
                assert!(!before, "{agent} before the writer: {event}");
                served += usize::from(at.is_some() && agent == "writer");
                at.map(|at| line.remove(at));
            }
            _ => {}
        }
    }
    assert!(served > 0, "the writer stood in line");
}
