//! Waits that would never end are refused at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use crate::harness::finish;

use super::*;

/// The agents in a circle and what each wants, as JSON tells them.
fn circle(run: &Run) -> Vec<(String, String)> {
    let error = run.json_error();
    assert_eq!((&error["code"], &error["name"]), (&15.into(), &"deadlock".into()), "{run}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let links = error["circle"].as_array().unwrap();
    links.iter().map(|link| (text(&link["agent_id"]), text(&link["wants"][0]))).collect()
}

#[test]
fn a_circle_of_two_three_or_five_is_refused_to_the_last_with_all_of_it() {
    let names = ["alice", "bob", "carol", "dave", "erin"];
    for count in [2, 3, 5] {
        let site = made();
        let own = |at: usize| format!("r{}", at % count);
        for (at, agent) in names.iter().enumerate().take(count) {
            site.agent(agent).run(["acquire", &own(at)]).expect(0);
        }
        // The controls: none of these closes it.
        let waiting: Vec<_> = (0..count - 1).map(|at| waits(&site, names[at], &[&own(at + 1)])).collect();
        let (last, before) = (names[count - 1], tickets(&site).len());
        let ask = |args: &[&str]| site.agent(last).run([&["acquire", "--wait=30s", &own(0)], args].concat());
        let words = ask(&[]).expect(15);
        assert!(
            words.err.contains(&format!("it would never end: {count} agents would wait for each other")),
            "{words}"
        );
        assert!(words.err.contains(&format!("next: swarmlock release {}\n", own(count - 1))), "{words}");
        for (at, agent) in names.iter().enumerate().take(count) {
            assert!(words.err.contains(&format!("help: {agent} waits for {}; ", own(at + 1))), "{agent}: {words}");
        }
        let mut all: Vec<_> = (0..count).map(|at| (names[at].to_owned(), own(at + 1))).collect();
        all.rotate_right(1);
        assert_eq!(circle(&ask(&["--json"])), all);
        // Nothing of it stays, and nobody else is disturbed.
        assert_eq!(tickets(&site).len(), before);
        assert!(tickets(&site).iter().all(|ticket| ticket.agent != last && ticket.held));
        site.agent(last).run(["acquire", &own(0)]).expect(10);
        // What it says to do ends it.
        site.agent(last).run(["release", &own(count - 1)]).expect(0);
        let mut waiting = waiting.into_iter();
        granted(waiting.next_back().unwrap());
        waiting.for_each(kill);
    }
}

#[test]
fn who_waits_for_what_it_left_a_ticket_for_is_in_no_circle() {
    let site = made();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "b"]).expect(0);
    // It does not wait: it can still let go.
    site.agent("alice").run(["acquire", "--queue", "b"]).expect(10);
    let bob = waits(&site, "bob", &["a"]);
    site.agent("alice").run(["release", "a"]).expect(0);
    granted(bob);
}

#[test]
fn a_circle_through_an_earlier_place_in_line_is_seen() {
    // bob waits for a (held) and y; carol, who has z, waits for y behind bob; alice would wait for z.
    let site = made();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("carol").run(["acquire", "z"]).expect(0);
    let bob = waits(&site, "bob", &["a", "y"]);
    let carol = waits(&site, "carol", &["y"]);
    let refused = site.agent("alice").run(["acquire", "--wait=30s", "z", "--json"]);
    assert_eq!(circle(&refused).into_iter().map(|(agent, _)| agent).collect::<Vec<_>>(), ["alice", "carol", "bob"]);
    let words = site.agent("alice").run(["acquire", "--wait=30s", "z"]).expect(15);
    assert!(words.err.contains("help: carol waits for y, behind bob in line\n"), "{words}");
    // The control: when carol holds nothing that alice wants there is none.
    site.agent("alice").run(["acquire", "--wait=0s", "w"]).expect(0);
    site.agent("alice").run(["release", "a"]).expect(0);
    granted(bob);
    site.agent("bob").run(["release", "--mine"]).expect(0);
    granted(carol);
}

#[test]
fn one_who_waits_for_what_i_hold_does_not_keep_me_from_what_is_free() {
    let site = made();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let bob = waits(&site, "bob", &["a", "b"]);
    // Strict order would never end here.
    site.agent("alice").run(["acquire", "b"]).expect(0);
    // The control: for others it is bob's turn first.
    site.agent("alice").run(["release", "b"]).expect(0);
    site.agent("carol").run(["acquire", "b"]).expect(10);
    site.agent("alice").run(["release", "a"]).expect(0);
    granted(bob);
}

#[test]
fn two_who_share_it_and_both_want_it_alone_would_wait_for_each_other() {
    let site = made();
    for agent in ["alice", "bob"] {
        site.agent(agent).run(["acquire", "--shared", "a"]).expect(0);
    }
    let alice = waits(&site, "alice", &["a"]);
    let refused = site.agent("bob").run(["acquire", "--wait=30s", "a", "--json"]);
    assert_eq!(circle(&refused), [("bob".to_owned(), "a".to_owned()), ("alice".to_owned(), "a".to_owned())]);
    // The control: one who has nothing of it may wait.
    let carol = waits(&site, "carol", &["a"]);
    site.agent("bob").run(["release", "a"]).expect(0);
    let run = granted(alice);
    assert!(run.out.starts_with("upgraded\t"), "{run}");
    kill(carol);
}

#[test]
fn a_circle_through_one_of_several_resources_is_seen() {
    let site = made();
    site.agent("alice").run(["acquire", "a", "b"]).expect(0);
    site.agent("bob").run(["acquire", "c", "d"]).expect(0);
    let alice = waits(&site, "alice", &["free", "d"]);
    let refused = site.agent("bob").run(["acquire", "--wait=30s", "other", "b"]).expect(15);
    assert!(
        refused.err.contains("alice waits for free, d; ") || refused.err.contains("alice waits for d, free; "),
        "{refused}"
    );
    assert!(tickets(&site).iter().all(|ticket| ticket.agent == "alice"));
    site.agent("bob").run(["check", "other"]).expect(0);
    kill(alice);
}

#[test]
fn a_circle_that_another_change_closes_is_seen_at_the_next_look() {
    let site = made();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("carol").run(["acquire", "c"]).expect(0);
    let bob = waits(&site, "bob", &["a"]);
    let carol = waits(&site, "carol", &["a"]);
    // bob waits for carol in another call, and carol behind bob: but his first call may end well, and does.
    let second = site.agent("bob").spawn(["acquire", "--wait=30s", "c"]);
    until("both wait", || tickets(&site).iter().filter(|ticket| ticket.held && ticket.agent == "bob").count() == 2);
    site.agent("alice").run(["release", "a"]).expect(0);
    granted(bob);
    // Now he has what carol waits for.
    let refused = finish(second).expect(15);
    assert!(refused.err.contains("help: carol waits for a; a is held by bob"), "{refused}");
    assert!(is_waiting(&site, "carol") && tickets(&site).len() == 1);
    site.agent("bob").run(["release", "a"]).expect(0);
    granted(carol);
}

#[test]
fn agents_that_take_one_after_the_other_in_any_order_all_come_to_an_end() {
    let site = made();
    let names = ["name:a", "name:b", "src", "src/x.rs"];
    let (refused, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for me in 0..4_usize {
            let (site, refused, done) = (&site, &refused, &done);
            scope.spawn(move || {
                let agent = format!("agent-{me}");
                for round in 0..12 {
                    // Each begins elsewhere and goes on in its own order; some share.
                    let mut at = 0;
                    while at < 3 {
                        let name = names[(me + round + at * (1 + me % 2)) % names.len()];
                        let mode: &[&str] = if (me + at) % 3 == 0 { &["--shared"] } else { &[] };
                        let run = site.agent(&agent).run([&["acquire", "--wait=50s", name], mode].concat());
                        at = match run.code {
                            0 => at + 1,
                            15 => {
                                refused.fetch_add(1, SeqCst);
                                site.agent(&agent).run(["release", "--mine"]).expect(0);
                                0
                            }
                            // A circle that nobody saw ends with 11.
                            _ => panic!("{agent}: {name}: {run}"),
                        };
                    }
                    done.fetch_add(1, SeqCst);
                    site.agent(&agent).run(["release", "--mine"]).expect(0);
                }
            });
        }
    });
    eprintln!("{} came to an end, {refused:?} circles refused", done.load(SeqCst));
    assert!(refused.load(SeqCst) > 5, "the control: there were circles");
    assert!(tickets(&site).is_empty() && held(&site).is_empty());
}
