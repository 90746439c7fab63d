//! Many at once who want acknowledgements, acknowledge, or register.

use std::{collections::BTreeSet, fs, sync::Barrier, thread};

use serde_json::Value;

use super::{
    PROCESSES,
    lines::{judge, logs, text},
    site, soak,
    when::{ACKS, pass},
};
use crate::harness::{Run, Site};

/// The message and the recipient of each entry.
fn awaited(site: &Site) -> Vec<(String, String)> {
    let acks: Value = serde_json::from_slice(&fs::read(site.state(ACKS)).unwrap()).unwrap();
    let of = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = acks["pending_acks"].as_array().unwrap().iter();
    entries.map(|entry| (of(entry, "msg_id"), of(entry, "recipient_id"))).collect()
}

/// All do it at the same moment.
fn at_once(calls: impl Fn(usize) -> Run + Sync) -> Vec<Run> {
    let gate = Barrier::new(PROCESSES);
    thread::scope(|scope| {
        let call = |who| {
            let (gate, calls) = (&gate, &calls);
            scope.spawn(move || {
                gate.wait();
                calls(who)
            })
        };
        let calls: Vec<_> = (0..PROCESSES).map(call).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

#[test]
fn each_of_many_messages_to_be_acknowledged_is_tracked_and_none_that_was_not_sent() {
    let each = (6 * soak()).min(100);
    let site = site("message_log_count = 1000\n", &["r0", "r1"]);
    let sent: BTreeSet<String> = at_once(|who| {
        let mut ids = String::new();
        for at in 0..each {
            let (to, text) = (["r0", "r1"][at % 2], text((who, at)));
            let call = site.agent(&format!("w{who}"));
            ids += &call.run(["send", to, "QUESTION", &text, "--ack=1h", "--id-only"]).expect(0).out;
        }
        Run { code: 0, out: ids, err: String::new() }
    })
    .iter()
    .flat_map(|run| run.out.lines().map(ToOwned::to_owned))
    .collect();
    assert_eq!(sent.len(), PROCESSES * each, "the control: each has an id of its own");
    let tracked = awaited(&site);
    assert_eq!(tracked.iter().map(|(id, _)| id.clone()).collect::<BTreeSet<_>>(), sent);
    assert_eq!(tracked.len(), sent.len());
    let keys = (0..PROCESSES).flat_map(|who| (0..each).map(move |at| (who, at))).collect();
    let (messages, faults) = judge(&site.state(""), &keys);
    assert_eq!(faults, super::lines::Faults::default());
    // Made again from the log it is the same.
    fs::remove_file(site.state(ACKS)).unwrap();
    site.nobody().run(["tick"]).expect(0);
    assert_eq!(awaited(&site).into_iter().collect::<BTreeSet<_>>(), tracked.into_iter().collect());
    // Due, each is shown again once.
    pass(&site, 3700);
    site.nobody().run(["tick"]).expect(0);
    let again = |message: &&Value| message["retry"] == 1;
    let (then, _) = judge(&site.state(""), &BTreeSet::new());
    assert_eq!(then.iter().filter(again).count(), messages.len());
    eprintln!("{} tracked, {} logs", sent.len(), logs(&site.state("")).len());
}

#[test]
fn of_16_that_register_at_once_all_are_kept() {
    let site = site("", &[]);
    let rounds = 3 * soak();
    for round in 0..rounds {
        at_once(|who| site.agent(&format!("a{who}-{round}")).run(["agents", "register", "--role", "tester"]).expect(0));
    }
    let registry: Value = serde_json::from_slice(&fs::read(site.state("ACTIVE_AGENTS.json")).unwrap()).unwrap();
    let kept: BTreeSet<_> =
        registry["agents"].as_array().unwrap().iter().map(|agent| agent["id"].as_str().unwrap().to_owned()).collect();
    let wanted = (0..rounds).flat_map(|round| (0..PROCESSES).map(move |who| format!("a{who}-{round}"))).collect();
    assert_eq!(kept, wanted);
    // A first message registers, too.
    at_once(|who| site.agent(&format!("b{who}")).run(["send", "a0-0", "INFO", "here I am"]).expect(0));
    let listed = site.nobody().run(["agents", "list", "--json"]).expect(0).json_lines().len();
    assert_eq!(listed, (rounds + 1) * PROCESSES);
}

#[test]
fn of_16_that_acknowledge_one_broadcast_at_once_all_are_taken_out() {
    let agents: Vec<String> = (0..PROCESSES).map(|who| format!("a{who}")).collect();
    let site = site("", &agents.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..3 * soak() {
        let call = site.agent("boss").run(["broadcast", "URGENT", "stop", "--ack", "--id-only"]).expect(0);
        let id = call.out.trim();
        assert_eq!(awaited(&site).len(), PROCESSES, "the control: all are waited for");
        let acked = at_once(|who| site.agent(&agents[who]).run(["ack", id]));
        assert!(acked.iter().all(|run| run.code == 0 && run.out.starts_with("acknowledged\t")), "{acked:?}");
        assert_eq!(awaited(&site), []);
        let inbox = site.agent("boss").run(["inbox", "--json", "--limit", "100"]).expect(0);
        let acks: Vec<Value> = inbox.json()["items"].as_array().unwrap().clone();
        assert_eq!(acks.len(), PROCESSES, "{acks:?}");
        pass(&site, 3700);
        assert_eq!(site.nobody().run(["tick"]).expect(0).out, "");
    }
}

#[test]
fn a_log_that_holds_what_is_to_be_acknowledged_is_kept_though_all_have_read_it() {
    let site = site("message_log_count = 1\n", &["alice", "bob"]);
    let waited_for =
        site.agent("alice").run(["send", "bob", "QUESTION", "is it?", "--ack=1h", "--id-only"]).expect(0).out;
    let long = "x y ".repeat(2500);
    let read_on = || {
        for _ in 0..25 {
            site.agent("alice").run(["send", "bob", "INFO", &long]).expect(0);
            site.agent("bob").run(["inbox"]).expect(0);
        }
    };
    read_on();
    assert!(logs(&site.state("")).len() >= 4, "the control: too many, but for what is waited for");
    pass(&site, 3700);
    let told = site.nobody().run(["tick"]).expect(0);
    assert!(told.out.starts_with("again\t") && told.out.lines().count() == 1, "{told}");
    site.agent("bob").run(["ack", waited_for.trim()]).expect(0);
    read_on();
    site.agent("alice").run(["inbox"]).expect(0);
    site.nobody().run(["tick"]).expect(0);
    assert!(logs(&site.state("")).len() <= 2, "now they go");
}
