//! Harnesses that are killed, stopped, replaced and started again, and what becomes of their leases.

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::{Harness, age, beat, edit_beat, edit_lock, events, mono_ms, state, takes_over};
use crate::{
    harness::{Site, skip},
    life::started,
    processes::usable,
};

/// alice, in a harness, holds a.rs. `None`, and the test is skipped, where processes cannot be judged.
fn alice(test: &str) -> Option<(Site, Harness)> {
    if !usable(test) {
        return None;
    }
    let site = Site::new();
    let mut harness = Harness::start(&site, "claude", "alice");
    harness.call("acquire a.rs").expect(0);
    assert_eq!(beat(&site, "alice")["process"]["pid"], harness.pid(), "the harness, not the call");
    assert_eq!(state(&site, "a.rs"), "held", "the control: while it lives");
    site.agent("bob").run(["acquire", "a.rs"]).expect(10);
    Some((site, harness))
}

#[test]
fn the_lease_of_a_killed_harness_is_free_at_once_and_the_former_holder_is_told() {
    let Some((site, mut harness)) = alice("the_lease_of_a_killed_harness_is_free_at_once") else { return };
    harness.kill();
    let check = site.agent("bob").run(["check", "a.rs"]).expect(0);
    assert!(check.out.starts_with("orphaned\ta.rs\talice\t"), "{check}");
    takes_over(&site, "bob", "a.rs", "alice", "orphaned");
    site.agent("alice").run(["renew", "a.rs"]).expect(12);
    let history = site.nobody().run(["history", "--by", "alice"]).expect(0).out;
    assert!(history.contains("\ttaken_over\ta.rs\tbob\t"), "{history}");
}

#[test]
fn the_lease_of_a_harness_that_ends_by_itself_is_free_at_once() {
    let Some((site, mut harness)) = alice("the_lease_of_a_harness_that_ends_by_itself") else { return };
    drop(harness.lines.take());
    harness.child.wait().unwrap();
    assert_eq!(state(&site, "a.rs"), "orphaned");
}

#[test]
fn a_harness_that_was_killed_and_not_collected_is_gone() {
    let Some((site, mut harness)) = alice("a_harness_that_was_killed_and_not_collected_is_gone") else { return };
    harness.kill_only();
    assert_eq!(state(&site, "a.rs"), "orphaned");
    takes_over(&site, "bob", "a.rs", "alice", "orphaned");
}

#[test]
fn a_harness_that_is_stopped_is_alive() {
    let Some((site, mut harness)) = alice("a_harness_that_is_stopped_is_alive") else { return };
    harness.signal(Signal::STOP);
    super::reaches(harness.pid(), "T");
    assert_eq!(state(&site, "a.rs"), "held");
    site.agent("bob").run(["acquire", "a.rs"]).expect(10);
    harness.signal(Signal::CONT);
    harness.call("renew a.rs").expect(0);
    // The control: killed while stopped it is gone.
    harness.signal(Signal::STOP);
    harness.kill();
    assert_eq!(state(&site, "a.rs"), "orphaned");
}

#[test]
fn another_process_with_the_number_of_the_harness_is_not_the_harness() {
    let Some((site, harness)) = alice("another_process_with_the_number_of_the_harness") else { return };
    // As if it had been an earlier process that had the number.
    for earlier in [1, 1000] {
        edit_beat(&site, "alice", |beat| {
            beat["process"]["started"] = (started(harness.pid()) - earlier).into();
        });
        assert_eq!(state(&site, "a.rs"), "orphaned");
    }
    // The control: the same edit with its own start changes nothing.
    edit_beat(&site, "alice", |beat| beat["process"]["started"] = started(harness.pid()).into());
    assert_eq!(state(&site, "a.rs"), "held");
}

/// The number is really given to another process, in a pid namespace whose next number root may choose.
#[test]
fn a_number_that_is_given_to_another_process_does_not_keep_the_lease() {
    let name = "a_number_that_is_given_to_another_process";
    let site = Site::new();
    let script = r#"
echo 50 >/proc/sys/kernel/ns_last_pid || exit 99
tick() { read -r now _ </proc/uptime; until read -r then _ </proc/uptime && [ "$then" != "$now" ]; do :; done; }
"$CLAUDE" -c 'export SWARMLOCK_AGENT=alice; "$B" acquire a.rs >/dev/null; echo ready >ready; cat' <keep &
harness=$!
exec 3>keep
until [ -e ready ]; do :; done
"$B" check a.rs --agent bob
kill -9 $harness; wait $harness 2>/dev/null
tick; tick
other=0
while [ "$other" != "$harness" ]; do
  echo $((harness - 1)) >/proc/sys/kernel/ns_last_pid
  sleep 1000 & other=$!
  [ "$other" = "$harness" ] || kill $other
done
"$B" check a.rs --agent bob
kill $other; exit 0
"#;
    rustix::fs::mknodat(rustix::fs::CWD, site.path("keep"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", script]);
    unshare.env("CLAUDE", crate::identity::shell_named(&site, "claude")).env("B", crate::harness::BINARY);
    crate::harness::without_identity(&mut unshare).current_dir(site.root());
    let Ok(child) = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        return skip(name, "no unshare here");
    };
    let run = crate::harness::finish(child);
    if run.code != 0 {
        return skip(name, "the next number cannot be chosen here");
    }
    let states: Vec<_> = run.out.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(states, ["held", "orphaned"], "{run}");
}

#[test]
fn a_harness_started_again_under_its_id_goes_on_and_until_it_calls_its_leases_are_orphaned() {
    let Some((site, mut first)) = alice("a_harness_started_again_under_its_id_goes_on") else { return };
    first.call("acquire b.rs").expect(0);
    let fence = site.lock_json("a.rs")["holders"][0]["fence"].clone();
    first.kill();
    let mut second = Harness::start(&site, "claude", "alice");
    assert!(second.call("check a.rs").expect(0).out.starts_with("orphaned\t"), "it has not called yet");
    assert_eq!((state(&site, "a.rs"), state(&site, "b.rs")), ("orphaned".into(), "orphaned".into()));
    takes_over(&site, "bob", "b.rs", "alice", "orphaned");
    second.call("renew a.rs").expect(0);
    assert_eq!(state(&site, "a.rs"), "held");
    assert_eq!(site.lock_json("a.rs")["holders"][0]["fence"], fence, "the same lease");
    assert_eq!(beat(&site, "alice")["process"]["pid"], second.pid());
    second.call("renew b.rs").expect(12);
    second.call("release --mine").expect(0);
    assert_eq!(state(&site, "a.rs"), "free");
}

#[test]
fn a_machine_started_again_orphans_the_leases_of_the_living_too() {
    let Some((site, _harness)) = alice("a_machine_started_again_orphans_the_leases") else { return };
    edit_beat(&site, "alice", |beat| beat["boot_id"] = "an-earlier-boot".into());
    assert_eq!(state(&site, "a.rs"), "held", "the control: the beat alone ends no era");
    let file = site.state("era.json");
    let mut era: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    era["boot_id"] = "an-earlier-boot".into();
    if era["machine_id"].is_null() {
        era["guard_born_ns"] = 1.into();
    }
    fs::write(&file, era.to_string()).unwrap();
    let held = site.agent("bob").run(["list"]).expect(0);
    assert!(held.out.starts_with("a.rs\talice\torphaned\t"), "{held}");
    takes_over(&site, "bob", "a.rs", "alice", "orphaned");
}

#[test]
fn a_working_agent_keeps_its_lease_and_a_silent_one_does_not() {
    let Some((site, mut harness)) = alice("a_working_agent_keeps_its_lease") else { return };
    if mono_ms() < 60_000 {
        return skip("a_working_agent_keeps_its_lease", "the machine has just been started");
    }
    harness.call("acquire other.rs").expect(0);
    age(&site, "a.rs");
    edit_lock(&site, "a.rs", |lock| lock["holders"][0]["renewed_at"] = "2020-01-01T00:00:00.000Z".into());
    assert_eq!(state(&site, "a.rs"), "held", "its beat is fresh");
    let refused = site.agent("bob").run(["acquire", "a.rs"]).expect(10);
    let sign = refused.err.split("last sign of life ").nth(1).and_then(|rest| rest.split(" ago").next());
    assert!(sign.is_some_and(|sign| sign.ends_with('s') && sign.len() <= 3), "in seconds: {refused}");
    // The control: with a beat as old as the lease it is over, although its process lives.
    edit_beat(&site, "alice", |beat| beat["mono_ms"] = 1.into());
    assert_eq!(state(&site, "a.rs"), "expired");
    takes_over(&site, "bob", "a.rs", "alice", "expired");
}

#[test]
fn only_what_changes_something_is_a_sign_of_life() {
    let Some((site, mut harness)) = alice("only_what_changes_something_is_a_sign_of_life") else { return };
    edit_beat(&site, "alice", |beat| beat["mono_ms"] = 1.into());
    let old = fs::read(site.state("beats/alice")).unwrap();
    for look in ["check a.rs", "list", "status", "who a.rs", "whoami", "history", "wait a.rs"] {
        harness.call(look).expect(0);
        assert_eq!(fs::read(site.state("beats/alice")).unwrap(), old, "{look}");
    }
    // The control: any change is one, also one that leaves this lease alone.
    harness.call("release nothing.rs").expect(0);
    assert_ne!(fs::read(site.state("beats/alice")).unwrap(), old);
}

#[test]
fn whoever_cleans_up_removes_what_is_orphaned_and_leaves_what_lives() {
    let Some((site, _alice)) = alice("whoever_cleans_up_removes_what_is_orphaned") else { return };
    let mut carol = Harness::start(&site, "codex", "carol");
    carol.call("acquire c.rs name:n src/").expect(0);
    carol.kill();
    let run = site.agent("bob").run(["cleanup"]).expect(0);
    assert_eq!((state(&site, "a.rs"), state(&site, "c.rs")), ("held".into(), "free".into()), "{run}");
    assert_eq!((state(&site, "name:n"), state(&site, "src/x")), ("free".into(), "free".into()), "{run}");
    let cleaned = events(&site, "cleaned_up");
    assert!(cleaned.iter().all(|event| event["to"] == "carol" && event["former"]["was"] == "orphaned"), "{cleaned:?}");
    assert_eq!(cleaned.len(), 1, "one lease: {cleaned:?}");
}
