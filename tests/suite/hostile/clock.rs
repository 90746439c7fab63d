//! Clocks that are wrong, and clocks that are set.
//!
//! What a wrong clock does is done by giving the library another time than the machine's; the binary, which reads the
//! machine's, is the clock set right again.

use std::fs;

use serde_json::{Value, json};
use swarmlock::{
    domain::{
        Acquired, AgentId, Grant, Kernel, Locks, Mode, NameKey, Now, Party, Request, Resource, Timestamp, Token, Ttl,
    },
    fs::{Dir, FileName},
    host,
    store::{Created, Machine, StateDir, init},
};

use super::{end_the_era, expire, holds, works};
use crate::harness::Site;

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// 2500-01-01.
const YEAR_2500_MS: u64 = 16_725_225_600_000;

fn at(wall: u64) -> Now {
    Now { wall: Timestamp::from_unix_ms(wall), ..host::now() }
}

/// Wrong clocks: the monotonic one goes on whatever is done to the wall clock.
const WRONG: [fn() -> Now; 5] = [
    || at(host::now().wall.unix_ms() - YEAR_MS),
    || at(host::now().wall.unix_ms() + YEAR_MS),
    || at(0),
    || at(YEAR_2500_MS),
    || at(u64::MAX),
];

fn machine(clock: fn() -> Now) -> Machine {
    Machine { unix_us: clock().wall.unix_ms() * 1000, ..host::machine().unwrap() }
}

/// `agent` acquires `name:NAME` for a minute while this clock is set.
fn acquire(site: &Site, clock: fn() -> Now, agent: &str, name: &str) -> Acquired {
    let state = StateDir::open(&site.path(".agent_locks")).unwrap().unwrap();
    let machine = machine(clock);
    let kernel = Kernel { pid_namespace: host::pid_namespace, liveness: host::liveness, pane_of: host::is_pane_of };
    let guard_wait = std::time::Duration::from_secs(30);
    let locks = Locks { state: &state, machine: &machine, clock, kernel, host: host::name, guard_wait, caller: None };
    let request = Request {
        resources: vec![Resource::Name(NameKey::new(name).unwrap())],
        mode: Mode::Exclusive,
        default_ttl: Ttl::DEFAULT,
        party: Party::agent(AgentId::new(agent).unwrap()),
        wrapper: None,
        max_hold: None,
        ttl: Some(Ttl::try_from(60).unwrap()),
        reason: None,
        token: Token::from_bits(7),
    };
    locks.acquire(&request).unwrap()
}

fn granted(acquired: &Acquired) -> (u64, Grant) {
    match acquired {
        Acquired::Granted { granted, .. } => (granted[0].found.lease.fence, granted[0].how.clone()),
        refused @ (Acquired::Refused(_) | Acquired::Deadlock(_) | Acquired::Dropped) => panic!("{refused:?}"),
    }
}

fn fence(site: &Site, agent: &str, resource: &str) -> u64 {
    let held = site.agent(agent).run(["acquire", resource, "--json"]).expect(0).json();
    held["holder"]["fence"].as_u64().unwrap()
}

/// Rewrites the lock on a name.
fn edit(site: &Site, name: &str, change: impl FnOnce(&mut Value)) {
    let file = site.state(format!("locks/names/{name}.lock"));
    let mut lock: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut lock);
    fs::write(&file, lock.to_string()).unwrap();
    site.forget("alice");
}

#[test]
fn a_clock_that_is_set_ends_no_lease_and_keeps_none_alive() {
    for clock in WRONG {
        let site = Site::new();
        site.agent("alice").run(["acquire", "name:live"]).expect(0);
        site.agent("alice").run(["acquire", "name:over"]).expect(0);
        edit(&site, "over", |lock| {
            lock["holders"][0]["renewed_mono_ms"] = json!(0);
            lock["holders"][0]["ttl_s"] = json!(1);
        });
        let Acquired::Refused(refusal) = acquire(&site, clock, "bob", "live") else { panic!("a live lease was taken") };
        assert_eq!((refusal.held[0].lease.agent_id.as_str(), refusal.held[0].verdict.word()), ("alice", "live"));
        let (_, how) = granted(&acquire(&site, clock, "bob", "over"));
        assert!(
            matches!(&how, Grant::TookOver(formers) if formers[0].agent_id == "alice" && formers[0].was == "expired")
        );
        // Right again: what was granted meanwhile is as good as any.
        holds(&site, "alice", "name:live");
        holds(&site, "bob", "name:over");
        site.agent("bob").run(["release", "name:over"]).expect(0);
    }
}

#[test]
fn a_lease_taken_by_a_wrong_clock_lasts_as_long_as_any() {
    for clock in WRONG {
        let site = Site::new();
        site.agent("alice").run(["init"]).expect(0);
        granted(&acquire(&site, clock, "alice", "deploy"));
        let check = site.agent("bob").run(["check", "name:deploy", "--json"]).expect(10).json();
        let left = check["holder"]["left_ms"].as_u64().unwrap();
        assert!(left <= 60_000, "{check}");
        for look in ["list", "status", "history"] {
            assert!(!site.agent("bob").run([look]).expect(0).out.is_empty());
        }
        site.agent("bob").run(["acquire", "name:deploy"]).expect(10);
        site.agent("bob").run(["who", "name:deploy"]).expect(0);
        site.agent("bob").run(["cleanup"]).expect(0);
        holds(&site, "alice", "name:deploy");
        site.agent("alice").run(["renew", "name:deploy"]).expect(0);
        edit(&site, "deploy", |lock| {
            lock["holders"][0]["renewed_mono_ms"] = json!(0);
            lock["holders"][0]["ttl_s"] = json!(1);
        });
        assert!(site.agent("bob").run(["acquire", "name:deploy"]).expect(0).out.starts_with("taken_over\t"));
    }
}

#[test]
fn a_directory_made_by_a_wrong_clock_counts_on_when_it_is_right_again() {
    for clock in WRONG {
        let site = Site::new();
        let parent = Dir::open(site.root()).unwrap().unwrap();
        let made = init(&parent, &FileName::literal(".agent_locks"), &machine(clock), &|| Ok(7)).unwrap();
        assert_eq!(made, Created::New);
        let (first, _) = granted(&acquire(&site, clock, "alice", "deploy"));
        holds(&site, "alice", "name:deploy");
        let second = fence(&site, "bob", "name:other");
        assert!(second > first && second < 1 << 53, "{second} after {first}");
        works(&site, "third.rs");
        site.agent("alice").run(["release", "name:deploy"]).expect(0);
        assert!(fence(&site, "bob", "name:deploy") > second);
    }
}

#[test]
fn fences_grow_through_eras_that_wrong_clocks_began() {
    let site = Site::new();
    let mut last = fence(&site, "alice", "name:deploy");
    for (at, clock) in WRONG.into_iter().chain(WRONG).enumerate() {
        end_the_era(&site);
        let (number, _) = granted(&acquire(&site, clock, "bob", &format!("wrong-{at}")));
        assert!(number > last && number < 1 << 53, "{number} after {last}");
        end_the_era(&site);
        last = fence(&site, "bob", &format!("name:right-{at}"));
        assert!(last > number, "{last} after {number}");
        assert!(site.agent("bob").run(["check", &format!("name:wrong-{at}")]).expect(0).out.starts_with("orphaned\t"));
    }
}

/// Where monotonic clocks do not compare, the wall clock decides, and no time is too strange for it.
#[test]
fn strange_times_in_a_lock_file_are_shown_and_a_time_to_come_counts_as_now() {
    let site = Site::new();
    for time in ["1970-01-01T00:00:00.000Z", "2500-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
        for mono in [json!(null), json!(u64::MAX)] {
            site.agent("alice").run(["acquire", "name:deploy"]).expect(0);
            edit(&site, "deploy", |lock| {
                lock["locked_at"] = json!(-1e300);
                let lease = &mut lock["holders"][0];
                for key in ["acquired_at", "renewed_at"] {
                    lease[key] = json!(time);
                }
                lease["renewed_mono_ms"] = mono.clone();
                lease["ttl_s"] = json!(86_400);
            });
            for look in ["list", "status", "cleanup"] {
                site.agent("carol").run([look]).expect(0);
            }
            let over = mono == json!(null) && time.starts_with("1970");
            let check = site.agent("carol").run(["check", "name:deploy"]);
            assert_eq!(check.code, if over { 0 } else { 10 }, "{time} {mono}: {check}");
            site.agent("alice").run(["release", "name:deploy"]).expect(0);
        }
    }
}

/// The control of the tests that expect a live lease: one that was last renewed long ago is not.
#[test]
fn a_lease_that_was_not_renewed_is_over() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a.rs"]).expect(0);
    holds(&site, "alice", "a.rs");
    expire(&site, "a.rs");
    assert!(site.agent("bob").run(["check", "a.rs"]).expect(0).out.starts_with("expired\t"));
}
