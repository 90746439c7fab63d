//! `queue`: who waits for what.

use crate::harness::Site;

#[test]
fn a_ticket_is_listed_in_order_and_cancelled_by_its_agent_only() {
    let site = Site::new();
    let (alice, bob, carol) = (site.agent("alice"), site.agent("bob"), site.agent("carol"));
    alice.run(["acquire", "name:x"]).expect(0);
    bob.run(["acquire", "name:x", "--queue"]).expect(10);
    carol.run(["acquire", "name:x", "--queue", "--shared"]).expect(10);
    let listed = alice.run(["queue"]).expect(0);
    let rows: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.iter().map(|row| (row[1], row[2], row[3])).collect::<Vec<_>>(), [
        ("bob", "away", "name:x"),
        ("carol", "away", "name:x"),
    ]);
    let ticket = rows[0][0];
    carol.run(["queue", "cancel", ticket]).expect(12);
    bob.run(["queue", "cancel", ticket]).expect(0);
    bob.run(["queue", "cancel", ticket]).expect(13);
    assert_eq!(alice.run(["queue"]).expect(0).out.lines().count(), 1);
}
