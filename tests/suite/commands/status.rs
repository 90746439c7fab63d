use std::fs;

use super::send::{registered, sent};
use crate::harness::Site;

#[test]
fn the_counts_are_those_of_the_locks_and_mine_are_listed() {
    let site = Site::new();
    for (agent, resource) in [("alice", "a"), ("alice", "name:n"), ("bob", "b"), ("bob", "c"), ("bob", "d")] {
        site.agent(agent).run(["acquire", resource]).expect(0);
    }
    site.expire("c");
    let text = site.agent("alice").run(["status"]).expect(0);
    assert!(text.out.contains("locks\t4 live (2 yours), 1 over, 0 unreadable\n"), "{text}");
    assert!(text.out.contains("agent\talice\tby SWARMLOCK_AGENT\n"), "{text}");
    assert!(text.out.contains("\nmine\ta\tl-") && text.out.contains("\nmine\tname:n\tl-"), "{text}");
    fs::write(site.lock_file("d"), "").unwrap();
    let json = site.agent("alice").run(["status", "--json"]).expect(65);
    let status = json.json();
    assert_eq!(status["locks"], serde_json::json!({"live": 3, "mine": 2, "over": 1, "unreadable": 1}));
    assert_eq!(status["mine"].as_array().unwrap().len(), 2);
    assert_eq!(status["exists"], true);
    assert_eq!(
        status["era"],
        serde_json::from_slice::<serde_json::Value>(&fs::read(site.state("era.json")).unwrap()).unwrap()["era"]
    );
    assert_eq!(json.json_error()["name"], "damaged");
}

#[test]
fn a_directory_that_is_not_made_yet_is_said_to_be_so_and_not_made() {
    let site = Site::new();
    let text = site.agent("alice").run(["status"]).expect(0);
    assert!(text.out.contains(".agent_locks\tnot made yet: the first acquire makes it\n"), "{text}");
    let json = site.nobody().run(["status", "--json"]).expect(0).json();
    assert_eq!((&json["exists"], &json["era"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(json["agent"]["reliable"], false);
    assert!(!site.state("").exists());
    let outside = Site::outside_git().agent("alice").run(["status"]).expect(2);
    assert!(outside.err.contains("next: swarmlock init"), "{outside}");
}

#[test]
fn who_holds_what_is_told_with_until_when_since_when_and_why() {
    let site = Site::new();
    for (agent, resource, reason) in [("alice", "a", "mine, all mine"), ("bob", "b", "to mend\tit")] {
        site.agent(agent).run(["acquire", resource, "--reason", reason]).expect(0);
    }
    let text = site.agent("alice").run(["status"]).expect(0).out;
    for (path, begins, ends) in [("a", "mine\ta\tl-", "mine, all mine"), ("b", "held\tb\tbob\t", "to mend\\tit")] {
        let since = site.lock_json(path)["holders"][0]["acquired_at"].as_str().unwrap().to_owned();
        let line = text.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{text}"));
        assert!(line.split('\t').count() == 6 && line.ends_with(&format!("\t{since}\t{ends}")), "{line}");
    }
}

#[test]
fn who_lost_a_lease_is_told_until_they_have_it_again() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b", "--reason", "mine"]).expect(0);
    let lost = |agent: &str| {
        let out = site.agent(agent).run(["status"]).expect(0).out;
        out.lines().filter(|line| line.starts_with("lost\t")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lost("alice"), [""; 0]);
    site.agent("bob").run(["force-release", "a", "--yes", "--reason", "it is urgent"]).expect(0);
    let told = lost("alice");
    assert!(told.len() == 1 && told[0].starts_with("lost\ta\t"), "{told:?}");
    assert!(told[0].ends_with("\tforce_released\tbob\tyour lease was live; it is urgent"), "{told:?}");
    assert_eq!(lost("bob"), [""; 0], "it is alice's loss");
    let json = site.agent("alice").run(["status", "--json"]).expect(0).json();
    assert_eq!((&json["notices"][0]["event"], &json["notices"][0]["to"]), (&"force_released".into(), &"alice".into()));
    let whoami = site.agent("alice").run(["whoami"]).expect(0);
    assert!(whoami.err.contains("you lost a at ") && whoami.err.contains("force_released by bob"), "{whoami}");
    site.expire("b");
    site.agent("bob").run(["acquire", "b"]).expect(0);
    assert_eq!(lost("alice").len(), 2);
    site.agent("alice").run(["acquire", "a"]).expect(0);
    assert!(lost("alice").iter().all(|line| line.starts_with("lost\tb\t") && line.contains("\ttaken_over\t")));
    assert_eq!(lost("alice").len(), 1);
}

#[test]
fn the_line_is_counted_and_what_i_wait_for_is_listed() {
    let site = crate::waiting::held_by_alice();
    let status = |agent: &str| site.agent(agent).run(["status"]).expect(0).out;
    assert!(!status("bob").contains("\nqueue\t"));
    for agent in ["bob", "carol"] {
        site.agent(agent).run(["acquire", "--queue", "name:x"]).expect(10);
    }
    let number = crate::waiting::ticket_of(&site, "bob").number;
    let bob = status("bob");
    assert!(bob.contains("\nqueue\t2 wait (1 of them you)\n"), "{bob}");
    assert!(bob.contains(&format!("\nwanted\tname:x\tt-{number}\taway\tfor ")), "{bob}");
    let alice = status("alice");
    assert!(alice.contains("\nqueue\t2 wait (0 of them you)\n") && !alice.contains("\nwanted\t"), "{alice}");
    assert_eq!(alice.matches("\nwaits\tname:x\t").count(), 2, "{alice}");
    let json = site.agent("bob").run(["status", "--json"]).expect(0).json();
    assert_eq!(json["queue"].as_array().unwrap().len(), 2, "{json}");
}

#[test]
fn who_has_retired_has_nothing_unread() {
    let site = registered(&["alice", "bob"]);
    let unread = || site.agent("bob").run(["status", "--json"]).expect(0).json()["unread"].clone();
    sent(&site, "alice", &["bob", "INFO", "x"]);
    assert_eq!(unread(), 1);
    site.agent("bob").run(["inbox"]).expect(0);
    site.agent("bob").run(["agents", "retire"]).expect(0);
    assert_eq!(unread(), 0, "the inbox would show nothing either");
}

#[test]
fn what_is_to_be_acknowledged_is_shown_to_both_until_it_is() {
    let site = registered(&["alice", "bob"]);
    let id = site.agent("alice").run(["send", "bob", "QUESTION", "ok?", "--ack", "--id-only"]).expect(0).out;
    let short = &id[..8];
    site.agent("bob").run(["inbox"]).expect(0);
    let status = |agent: &str| site.agent(agent).run(["status"]).expect(0).out;
    // Also when it has been read.
    assert!(status("bob").contains(&format!("\nowed\t{short}\talice\tfor ")), "{}", status("bob"));
    assert!(status("alice").contains(&format!("\nawaited\t{short}\tbob\tfor ")), "{}", status("alice"));
    let json = site.agent("bob").run(["status", "--json"]).expect(0).json();
    assert_eq!(json["acks"][0]["msg_id"], id.trim(), "{json}");
    assert!(!site.nobody().run(["status"]).expect(0).out.contains("\nowed\t"));
    site.agent("bob").run(["ack", short]).expect(0);
    for agent in ["alice", "bob"] {
        let status = status(agent);
        assert!(!status.contains("\nowed\t") && !status.contains("\nawaited\t"), "{status}");
    }
}

#[test]
fn where_it_cannot_be_told_what_is_to_be_acknowledged_all_else_is() {
    let site = registered(&["alice", "bob"]);
    sent(&site, "alice", &["bob", "INFO", "x"]);
    site.plant("PENDING_ACKS.json", "{");
    let run = site.agent("bob").run(["status"]).expect(65);
    assert!(run.out.contains("\nhere\talice\t") && run.out.contains("\nunread\t1\t"), "{run}");
    assert!(run.err.contains("PENDING_ACKS.json"), "{run}");
}
