//! A turn that has come: for how long others stand back.

use rustix::process::{Pid, Signal, kill_process};

use crate::life::reaches;

use super::*;

/// bob has left a ticket, and its turn has come.
fn bobs_turn() -> (Site, u64) {
    let site = held_by_alice();
    site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10);
    assert_eq!(told(&site, "bob", "turn"), [""; 0]);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    let number = ticket_of(&site, "bob").number;
    (site, number)
}

#[test]
fn at_its_turn_an_agent_that_is_away_is_told_and_has_a_minute() {
    let (site, number) = bobs_turn();
    let refused = site.agent("carol").run(["acquire", "name:x"]).expect(10);
    assert!(refused.err.contains("others come first: bob (turn) has asked for name:x"), "{refused}");
    let check = site.agent("carol").run(["check", "name:x"]).expect(10);
    assert!(check.out.starts_with("queued\tname:x\t-\t"), "{check}");
    assert!(check.err.contains("others come first: bob (turn)"), "{check}");
    let check = site.agent("bob").run(["check", "name:x"]).expect(0);
    assert!(check.out.starts_with("free\t"), "its own turn keeps it from nothing: {check}");
    let said = told(&site, "bob", "turn");
    assert!(said.len() == 1 && said[0].contains("\tswarmlock acquire name:x, within a minute"), "{said:?}");
    let whoami = site.agent("bob").run(["whoami"]).expect(0);
    assert_eq!(whoami.err.matches("it is your turn for name:x since").count(), 1, "{whoami}");
    assert_eq!(told(&site, "carol", "turn"), [""; 0]);
    // Whoever looks again does not say it again.
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(log(&site).iter().filter(|event| event["event"] == "turn").count(), 1);
    age(&site, number, "turn", 50);
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    site.agent("bob").run(["acquire", "name:x"]).expect(0);
    assert!(tickets(&site).is_empty());
    assert_eq!(told(&site, "bob", "turn"), [""; 0]);
}

#[test]
fn a_turn_that_passes_unused_twice_costs_the_place_and_its_agent_is_told() {
    let (site, number) = bobs_turn();
    age(&site, number, "turn", 60);
    let check = site.agent("carol").run(["check", "name:x"]).expect(0);
    assert!(check.out.starts_with("free\t"), "{check}");
    site.agent("carol").run(["acquire", "name:x"]).expect(0);
    let state = |field: &str| ticket_of(&site, "bob").json["state"][field].clone();
    assert_eq!((state("passed"), state("turn_at")), (1.into(), Value::Null));
    site.agent("carol").run(["release", "name:x"]).expect(0);
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    let turns = log(&site).iter().filter(|event| event["event"] == "turn").count();
    assert_eq!(turns, 2, "it is told of the second, too");
    age(&site, number, "turn", 60);
    site.agent("dave").run(["acquire", "name:x"]).expect(0);
    assert!(tickets(&site).is_empty());
    let lost = told(&site, "bob", "lost");
    assert!(lost.len() == 1 && lost[0].contains("\tqueue_dropped\tdave"), "{lost:?}");
    assert_eq!(told(&site, "bob", "turn"), [""; 0], "there is no turn to use");
}

#[test]
fn a_turn_is_kept_only_from_those_who_want_the_same() {
    let (site, _) = bobs_turn();
    site.agent("carol").run(["acquire", "name:y"]).expect(0);
    site.agent("carol").run(["acquire", "name:x", "name:z"]).expect(10);
}

/// Stops a process that waits, but not inside the guard.
fn stop(site: &Site, child: &Child) {
    let guard = std::fs::File::open(site.state(".guard")).unwrap();
    loop {
        kill_process(Pid::from_child(child), Signal::STOP).unwrap();
        reaches(child.id(), "T");
        if guard.try_lock().is_ok() {
            guard.unlock().unwrap();
            return;
        }
        kill_process(Pid::from_child(child), Signal::CONT).unwrap();
    }
}

#[test]
fn those_behind_one_who_is_stopped_at_its_turn_are_served_after_a_second_and_it_keeps_its_place() {
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    let carol = waits(&site, "carol", &["name:x"]);
    let dave = waits(&site, "dave", &["name:x"]);
    let number = ticket_of(&site, "bob").number;
    stop(&site, &bob);
    let began = Instant::now();
    site.agent("alice").run(["release", "name:x"]).expect(0);
    granted(carol);
    let took = began.elapsed();
    eprintln!("served {took:?} after the turn of one who is stopped");
    assert!(took >= Duration::from_millis(990) && took < Duration::from_secs(3), "{took:?}");
    kill_process(Pid::from_child(&bob), Signal::CONT).unwrap();
    assert!(is_waiting(&site, "bob") && ticket_of(&site, "bob").number == number);
    site.agent("carol").run(["release", "name:x"]).expect(0);
    granted(bob);
    assert!(is_waiting(&site, "dave"), "bob was before dave");
    kill(dave);
}
