//! What the holder hears of those who wait.

use super::*;

#[test]
fn the_holder_is_told_once_who_waits_for_what_since_when_and_how_to_let_go() {
    let site = made();
    site.agent("alice").run(["acquire", "it's a"]).expect(0);
    for _ in 0..2 {
        site.agent("bob").run(["acquire", "--wait=0s", "--reason", "to mend it", "it's a"]).expect(11);
    }
    kill(waits(&site, "bob", &["--reason", "to mend it", "it's a"]));
    let said = told(&site, "alice", "waits");
    let number = ticket_of(&site, "bob").number;
    assert_eq!(said.len(), 1, "{said:?}");
    let event = log(&site).into_iter().find(|event| event["event"] == "queued").unwrap();
    assert_eq!((event["n"].as_u64(), &event["to"], &event["by"]), (Some(number), &"alice".into(), &"bob".into()));
    let since = event["at"].as_str().unwrap();
    let columns: Vec<_> = said[0].split('\t').collect();
    assert_eq!(columns[..5], ["waits", "it's a", since, "queued", "bob"], "{said:?}");
    assert_eq!(columns[5], r"to mend it; when you are done: swarmlock release 'it'\''s a'");
    let whoami = site.agent("alice").run(["whoami"]).expect(0);
    assert!(
        whoami.err.contains(&format!("bob waits for it's a, which you hold, since {since} (to mend it")),
        "{whoami}"
    );
    assert_eq!(told(&site, "bob", "waits"), [""; 0]);
    assert_eq!(log(&site).iter().filter(|event| event["event"] == "queued").count(), 1);
    // By renewing it the holder lets nobody in.
    site.agent("alice").run(["renew", "it's a"]).expect(0);
    assert_eq!(told(&site, "alice", "waits").len(), 1);
}

#[test]
fn all_who_hold_some_of_it_are_told_and_nobody_else() {
    let site = made();
    for (agent, args) in
        [("alice", &["a"][..]), ("bob", &["--shared", "b"]), ("carol", &["--shared", "b"]), ("dave", &["d"])]
    {
        site.agent(agent).run([&["acquire"], args].concat()).expect(0);
    }
    let erin = waits(&site, "erin", &["a", "b", "c"]);
    for (agent, count) in [("alice", 1), ("bob", 1), ("carol", 1), ("dave", 0), ("erin", 0)] {
        assert_eq!(told(&site, agent, "waits").len(), count, "{agent}");
    }
    kill(erin);
}

#[test]
fn it_is_no_news_any_more_when_the_waiter_has_it_or_has_cancelled_or_is_gone() {
    let waiting = |site: &Site| told(site, "alice", "waits").len();
    // It got it.
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    assert_eq!(waiting(&site), 1);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    granted(bob);
    assert_eq!(waiting(&site), 0);
    // It has cancelled.
    let site = held_by_alice();
    site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10);
    assert_eq!(waiting(&site), 1);
    let ticket = format!("t-{}", ticket_of(&site, "bob").number);
    site.agent("bob").run(["queue", "cancel", &ticket]).expect(0);
    assert_eq!(waiting(&site), 0);
    // Its time is over, and it was swept.
    let site = held_by_alice();
    kill(waits(&site, "bob", &["name:x"]));
    assert_eq!(waiting(&site), 1);
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    age(&site, ticket_of(&site, "bob").number, "away", 120);
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(waiting(&site), 0);
    // It got it in another way: by force.
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    site.agent("carol").run(["force-release", "name:x", "--yes"]).expect(0);
    granted(bob);
    assert_eq!(waiting(&site), 0);
}

#[test]
fn a_wait_that_is_refused_because_it_would_never_end_is_no_news() {
    let site = made();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("bob").run(["acquire", "b"]).expect(0);
    let alice = waits(&site, "alice", &["b"]);
    site.agent("bob").run(["acquire", "--wait=30s", "a"]).expect(15);
    assert_eq!(told(&site, "alice", "waits"), [""; 0]);
    assert_eq!(told(&site, "bob", "waits").len(), 1, "the control");
    kill(alice);
}

#[test]
fn the_commands_to_go_on_with_work_from_where_they_are_told() {
    let site = made();
    let src = site.file("src/a.rs").parent().unwrap().to_owned();
    let call = |agent: &str, line: &str| site.agent(agent).within(&src).run(line.split(' ').skip(1));
    let line = |text: &str, from: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from}: {text}"));
        format!("swarmlock {}", rest.split([',', '\n']).next().unwrap())
    };
    call("alice", "swarmlock acquire a.rs").expect(0);
    call("bob", "swarmlock acquire --queue a.rs").expect(10);
    // The holder's.
    let status = call("alice", "swarmlock status").expect(0).out;
    let release = line(&status, "when you are done: swarmlock ");
    assert_eq!(release, "swarmlock release a.rs");
    assert!(call("alice", &release).expect(0).out.starts_with("released\tsrc/a.rs\t"));
    // The waiter's.
    let status = call("bob", "swarmlock status").expect(0).out;
    let whoami = call("bob", "swarmlock whoami").expect(0).err;
    let inbox = call("bob", "swarmlock inbox --peek").expect(0).out;
    let acquire = line(&status, "\tswarmlock ");
    assert_eq!([&acquire, &acquire], [&line(&whoami, "(swarmlock "), &line(&inbox, "; swarmlock ")]);
    assert!(call("bob", &acquire).expect(0).out.starts_with("acquired\tsrc/a.rs\t"));
    // From the root they name it as ever.
    site.agent("carol").run(["acquire", "--queue", "src/a.rs"]).expect(10);
    assert!(told(&site, "bob", "waits")[0].ends_with("swarmlock release src/a.rs"));
    // And those of a circle.
    call("alice", "swarmlock acquire ../b").expect(0);
    let bob = waits(&site, "bob", &["b"]);
    let circle = call("alice", "swarmlock acquire --wait a.rs").expect(15);
    assert_eq!(line(&circle.err, "next: swarmlock "), "swarmlock release ../b");
    call("alice", "swarmlock release ../b").expect(0);
    granted(bob);
}
