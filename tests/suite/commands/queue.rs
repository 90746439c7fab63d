//! `queue`: who waits for what.

use crate::harness::Site;

#[test]
fn a_ticket_is_listed_in_order_and_cancelled_by_its_agent_only() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "name:x"]).expect(0);
    site.agent("bob").run(["acquire", "name:x", "--queue"]).expect(10);
    site.agent("carol").run(["acquire", "name:x", "--queue", "--shared"]).expect(10);
    let listed = site.agent("alice").run(["queue"]).expect(0);
    let rows: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        rows.iter().map(|row| (row[1], row[2], row[3])).collect::<Vec<_>>(),
        [("bob", "away", "name:x"), ("carol", "away", "name:x"),]
    );
    let ticket = rows[0][0];
    site.agent("carol").run(["queue", "cancel", ticket]).expect(12);
    site.agent("bob").run(["queue", "cancel", ticket]).expect(0);
    site.agent("bob").run(["queue", "cancel", ticket]).expect(13);
    assert_eq!(site.agent("alice").run(["queue"]).expect(0).out.lines().count(), 1);
}
