//! `queue`: who waits for what.

use crate::{harness::Site, waiting};

/// alice holds `name:x`, bob has left a ticket for it and carol one to share it.
fn queued() -> Site {
    let site = waiting::held_by_alice();
    site.agent("bob").run(["acquire", "name:x", "--queue", "--reason", "a reason"]).expect(10);
    site.agent("carol").run(["acquire", "name:x", "--queue", "--shared"]).expect(10);
    site
}

#[test]
fn a_ticket_is_listed_in_order_and_cancelled_by_its_agent_only() {
    let site = queued();
    let run = |agent: &str, args: &[&str]| site.agent(agent).run([&["queue"], args].concat());
    let listed = run("alice", &[]).expect(0);
    let rows: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        rows.iter().map(|row| (row[1], row[2], row[3])).collect::<Vec<_>>(),
        [("bob", "away", "name:x"), ("carol", "away", "name:x"),]
    );
    assert_eq!(
        rows.iter().map(|row| &row[5..]).collect::<Vec<_>>(),
        [["alice", "exclusive", "a reason"], ["alice", "shared", ""],]
    );
    assert_eq!(run("alice", &["list", "--mine"]).expect(0).out, "");
    assert_eq!(run("bob", &["--mine"]).expect(0).out.lines().count(), 1);
    let ticket = rows[0][0];
    let refused = run("carol", &["cancel", ticket]).expect(12);
    assert!(refused.err.contains("bob (away) has asked for name:x since"), "{refused}");
    assert_eq!(run("bob", &["cancel", ticket]).expect(0).out, format!("cancelled\t{ticket}\n"));
    run("bob", &["cancel", ticket]).expect(13);
    assert_eq!(run("alice", &[]).expect(0).out.lines().count(), 1);
    assert_eq!(waiting::told(&site, "bob", "lost"), [""; 0], "what it did it knows");
}

#[test]
fn with_yes_anybodys_place_is_cancelled_and_its_agent_is_told() {
    let site = queued();
    let number = waiting::ticket_of(&site, "bob").number;
    let json = site.agent("carol").run(["queue", "cancel", &format!("t-{number}"), "--yes", "--json"]).expect(0).json();
    assert_eq!((&json["result"], &json["ticket"]["agent_id"]), (&"cancelled".into(), &"bob".into()), "{json}");
    let told = waiting::told(&site, "bob", "lost");
    assert!(told.len() == 1 && told[0].contains("\tqueue_cancelled\tcarol"), "{told:?}");
    let json = site.agent("bob").run(["status", "--json"]).expect(0).json();
    assert_eq!(json["notices"][0]["event"], "queue_cancelled", "{json}");
    site.agent("alice").run(["release", "name:x"]).expect(0);
    site.agent("carol").run(["acquire", "--shared", "name:x"]).expect(0);
}

#[test]
fn each_ticket_is_judged_by_itself_and_what_is_none_is_refused() {
    let site = queued();
    let [bob, carol] = ["bob", "carol"].map(|agent| format!("t-{}", waiting::ticket_of(&site, agent).number));
    let run = |tickets: &[&str]| site.agent("bob").run([&["queue", "cancel"], tickets].concat());
    for bad in ["", "x", "t-", "t-1\n", "t-01", "t-+1", "../x", "t-1.json", "t-99999999999999999999", "\u{1b}[31m"] {
        let refused = run(&[bad]).expect(2);
        assert!(refused.err.contains("next: swarmlock queue"), "{bad:?}: {refused}");
        assert!(!refused.err.contains('\u{1b}'), "{bad:?}: {refused}");
    }
    run(&["t-1"]).expect(13);
    run(&[]).expect(2);
    site.agent("bob").run(["queue", "list", &bob]).expect(2);
    site.agent("bob").run(["queue", "drop"]).expect(2);
    site.nobody().run(["queue", "list", "--mine"]).expect(2);
    assert_eq!(waiting::tickets(&site).len(), 2, "none of these has cancelled anything");
    let several = run(&[&carol, &bob, "t-1"]).expect(13);
    assert_eq!(several.out, format!("cancelled\t{bob}\n"), "{several}");
    assert_eq!(waiting::tickets(&site).len(), 1);
}

#[test]
fn without_a_line_there_is_nothing_to_list_and_nothing_is_made() {
    let site = Site::new();
    assert_eq!(site.agent("bob").run(["queue"]).expect(0).out, "");
    assert!(!site.state("").exists());
    site.agent("bob").run(["queue", "cancel", "t-1"]).expect(13);
    assert_eq!(waiting::made().agent("bob").run(["queue"]).expect(0).out, "");
}

#[test]
fn a_call_that_waits_ends_when_its_place_is_cancelled() {
    let site = waiting::held_by_alice();
    let bob = waiting::waits(&site, "bob", &["name:x"]);
    let ticket = format!("t-{}", waiting::ticket_of(&site, "bob").number);
    site.agent("carol").run(["queue", "cancel", &ticket, "--yes"]).expect(0);
    let run = crate::harness::finish(bob).expect(13);
    assert!(run.err.contains("the place in line is gone"), "{run}");
    assert!(waiting::tickets(&site).is_empty());
}
