//! Keeping a place: calls that time out or are killed, and what becomes of their tickets.

use super::*;

/// bob has timed out for `name:x`, which alice holds, and carol waits behind him.
fn bob_is_away(end: fn(&Site)) -> (Site, u64, Child) {
    let site = held_by_alice();
    end(&site);
    let number = ticket_of(&site, "bob").number;
    let carol = waits(&site, "carol", &["name:x"]);
    (site, number, carol)
}

fn times_out(site: &Site) {
    let run = site.agent("bob").run(["acquire", "--wait=10ms", "name:x"]).expect(11);
    assert!(run.err.contains("; waited for "), "{run}");
    assert!(run.err.contains(&format!("(t-{}) is kept for 2 minutes", ticket_of(site, "bob").number)), "{run}");
    assert!(run.err.contains("next: swarmlock acquire --wait name:x\n"), "{run}");
}

fn is_killed(site: &Site) {
    kill(waits(site, "bob", &["name:x"]));
}

#[test]
fn who_times_out_or_is_killed_keeps_the_place_and_the_same_call_takes_it_up_again() {
    for end in [times_out, is_killed] {
        let (site, number, carol) = bob_is_away(end);
        let row = site.nobody().run(["queue"]).expect(0).out;
        assert!(row.starts_with(&format!("t-{number}\tbob\taway\tname:x\t")), "{row}");
        let bob = waits(&site, "bob", &["name:x"]);
        assert_eq!(tickets(&site).len(), 2, "no second ticket");
        assert_eq!(ticket_of(&site, "bob").number, number);
        assert!(number < ticket_of(&site, "carol").number);
        site.agent("alice").run(["release", "name:x"]).expect(0);
        granted(bob);
        assert!(is_waiting(&site, "carol"));
        kill(carol);
    }
}

#[test]
fn a_place_is_taken_up_again_while_somebody_looks_at_it_for_long() {
    let site = held_by_alice();
    times_out(&site);
    let number = ticket_of(&site, "bob").number;
    let looks = fs::File::open(ticket_file(&site, number)).unwrap();
    looks.lock_shared().unwrap();
    let bob = waits(&site, "bob", &["name:x"]);
    assert_eq!(tickets(&site).iter().map(|ticket| ticket.number).collect::<Vec<_>>(), [number]);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    granted(bob);
    assert!(tickets(&site).is_empty());
}

#[test]
fn another_request_of_the_same_agent_is_another_place() {
    let site = held_by_alice();
    times_out(&site);
    let number = ticket_of(&site, "bob").number;
    for args in [&["acquire", "--wait=0s", "--shared", "name:x"][..], &["acquire", "--wait=0s", "name:x", "name:y"]] {
        site.agent("bob").run(args).expect(11);
    }
    assert_eq!(tickets(&site).len(), 3);
    // The control: the same set in another order, named twice.
    site.agent("bob").run(["acquire", "--wait=0s", "name:y", "name:x", "name:y"]).expect(11);
    site.agent("bob").run(["acquire", "--wait=0s", "name:x"]).expect(11);
    assert_eq!(tickets(&site).len(), 3);
    assert_eq!(ticket_of(&site, "bob").number, number);
}

#[test]
fn two_calls_of_one_agent_that_wait_at_the_same_time_have_a_place_each() {
    let site = held_by_alice();
    let first = waits(&site, "bob", &["name:x"]);
    let second = site.agent("bob").spawn(["acquire", "--wait=30s", "name:x"]);
    until("both wait", || tickets(&site).iter().filter(|ticket| ticket.held).count() == 2);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    // The second finds that its agent has it already.
    granted(first);
    granted(second);
    assert!(tickets(&site).is_empty());
}

#[test]
fn after_two_minutes_a_place_is_lost_and_swept_and_not_a_second_before() {
    let site = held_by_alice();
    times_out(&site);
    let number = ticket_of(&site, "bob").number;
    age(&site, number, "away", 110);
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(tickets(&site).len(), 1, "the control: it is kept that long");
    age(&site, number, "away", 10);
    assert_eq!(site.nobody().run(["queue"]).expect(0).out, "", "it is no place any more, and looking removes nothing");
    assert_eq!(tickets(&site).len(), 1);
    site.nobody().run(["cleanup"]).expect(0);
    assert!(tickets(&site).is_empty());
    // The same call is a new one then.
    site.agent("bob").run(["acquire", "--wait=0s", "name:x"]).expect(11);
    assert!(ticket_of(&site, "bob").number > number);
}

#[test]
fn a_place_of_one_who_was_killed_is_kept_for_two_minutes_from_when_that_was_seen() {
    let site = held_by_alice();
    is_killed(&site);
    let bob = ticket_of(&site, "bob");
    assert!(bob.json["state"]["away_mono_ms"].is_null(), "nobody has seen it yet");
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    assert!(ticket_of(&site, "bob").json["state"]["away_mono_ms"].is_u64());
    age(&site, bob.number, "away", 120);
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    assert!(tickets(&site).is_empty(), "whoever comes by removes it");
}

#[test]
fn a_ticket_that_was_left_lasts_as_long_as_the_lease_would() {
    let site = held_by_alice();
    site.agent("bob").run(["acquire", "--queue", "--ttl", "10m", "name:x"]).expect(10);
    let number = ticket_of(&site, "bob").number;
    let listed = || site.nobody().run(["queue"]).expect(0).out.lines().count();
    age_made(&site, number, 590);
    assert_eq!(listed(), 1);
    age_made(&site, number, 10);
    assert_eq!(listed(), 0);
    site.nobody().run(["cleanup"]).expect(0);
    assert!(tickets(&site).is_empty());
}

#[test]
fn who_waited_in_vain_and_then_leaves_a_ticket_keeps_the_place_for_as_long_as_a_ticket_lasts() {
    for ask in ["--queue", "--wait=0s"] {
        let site = held_by_alice();
        times_out(&site);
        let number = ticket_of(&site, "bob").number;
        let code = if ask == "--queue" { 10 } else { 11 };
        site.agent("bob").run(["acquire", ask, "--ttl", "10m", "name:x"]).expect(code);
        // Whoever comes by sees that bob is away.
        site.agent("carol").run(["acquire", "name:x"]).expect(10);
        assert_eq!((tickets(&site).len(), ticket_of(&site, "bob").number), (1, number));
        age(&site, number, "away", 130);
        // The other row is the control.
        let kept = site.nobody().run(["queue"]).expect(0).out.lines().count();
        assert_eq!(kept, usize::from(ask == "--queue"), "{ask}");
        if ask == "--queue" {
            age_made(&site, number, 600);
            assert_eq!(site.nobody().run(["queue"]).expect(0).out, "");
        }
    }
}

#[test]
fn who_is_away_blocks_nobody_before_its_turn() {
    let site = made();
    site.agent("alice").run(["acquire", "name:x"]).expect(0);
    site.agent("bob").run(["acquire", "--wait=0s", "name:x", "name:y"]).expect(11);
    site.agent("carol").run(["acquire", "name:y"]).expect(0);
    // The control: one who waits does.
    site.agent("carol").run(["release", "name:y"]).expect(0);
    let bob = waits(&site, "bob", &["name:x", "name:y"]);
    site.agent("carol").run(["acquire", "name:y"]).expect(10);
    kill(bob);
}

#[test]
fn what_expired_is_not_renewed_before_others_whose_turn_has_come() {
    let site = made();
    site.agent("alice").run(["acquire", "x"]).expect(0);
    site.agent("bob").run(["acquire", "--queue", "x"]).expect(10);
    // The control: as long as it is not over it is hers.
    site.agent("alice").run(["renew", "x"]).expect(0);
    site.agent("alice").run(["acquire", "x"]).expect(0);
    site.expire("x");
    for args in [&["renew", "x"][..], &["acquire", "x"], &["acquire", "--shared", "x"]] {
        let run = site.agent("alice").run(args);
        assert!(run.code != 0, "{args:?}: {run}");
        site.forget("alice");
    }
    site.agent("bob").run(["acquire", "x"]).expect(0);
}
