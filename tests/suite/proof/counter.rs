//! One counter, read and written by commands that run under one lease, many at a time.

use std::{
    collections::BTreeMap,
    fs,
    process::Child,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Run, Site, finish};

const PROCESSES: usize = 16;

/// Reads the counter and writes it one higher, and then says so.
const INCREMENT: &str = "read n <counter && echo $((n + 1)) >counter && echo . >>done";

fn increments() -> usize {
    let soak: usize = std::env::var("SWARMLOCK_SOAK").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    25 * soak.min(8)
}

fn counted(site: &Site) -> usize {
    fs::read_to_string(site.path("counter")).unwrap().trim().parse().unwrap()
}

fn prepared() -> Site {
    let site = Site::new();
    fs::write(site.path("counter"), "0\n").unwrap();
    fs::write(site.path("done"), "").unwrap();
    site.nobody().run(["init"]).expect(0);
    site
}

fn run(site: &Site, agent: &str, locked: bool) -> Child {
    let script = ["sh", "-c", INCREMENT];
    match locked {
        true => site.agent(agent).spawn([&["run", "--wait=60s", "name:counter", "--"], &script[..]].concat()),
        // The same without exclusion: each its own lock.
        false => site.agent(agent).spawn([&["run", &format!("name:{agent}"), "--"], &script[..]].concat()),
    }
}

/// Every process increments so often, as the agent that `named` gives it.
fn all_count(site: &Site, named: impl Fn(usize) -> String + Sync, locked: bool) {
    // Without exclusion one may read the counter while another has emptied it to write.
    let expected: &[i32] = if locked { &[0] } else { &[0, 1, 2] };
    let each = increments();
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            let named = &named;
            scope.spawn(move || {
                for _ in 0..each {
                    let ended = finish(run(site, &named(process), locked));
                    assert!(expected.contains(&ended.code), "{ended}");
                }
            });
        }
    });
}

#[test]
fn of_increments_under_run_none_is_lost_whether_by_one_identity_or_by_many() {
    let site = prepared();
    all_count(&site, |_| "alice".to_owned(), true);
    assert_eq!(counted(&site), PROCESSES * increments(), "all with one identity");
    all_count(&site, |process| format!("agent-{process}"), true);
    assert_eq!(counted(&site), 2 * PROCESSES * increments(), "each with its own");
    assert_eq!(fs::read_dir(site.state("queue")).unwrap().count(), 0, "nobody is left in line");
}

#[test]
fn control_of_increments_without_a_common_lock_some_are_lost() {
    let site = prepared();
    for _ in 0..5 {
        all_count(&site, |process| format!("agent-{process}"), false);
        let done = fs::read_to_string(site.path("done")).unwrap().lines().count();
        let counted = fs::read_to_string(site.path("counter")).unwrap();
        if done < PROCESSES * increments() || counted.trim().parse().is_ok_and(|counted: usize| counted < done) {
            return;
        }
        fs::write(site.path("done"), "").unwrap();
        fs::write(site.path("counter"), "0\n").unwrap();
    }
    panic!("none was lost");
}

#[test]
fn with_kills_at_random_no_increment_is_lost_but_those_of_the_killed() {
    let site = prepared();
    let (well, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let each = increments() / 2;
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            let (site, well, killed) = (&site, &well, &killed);
            scope.spawn(move || {
                for round in 0..each {
                    // Each its own: what a killed one leaves in line is no other's.
                    let child = run(site, &format!("agent-{process}"), true);
                    if (process + round) % 8 == 0 {
                        // A moment that is another in each round: waiting, working, or over.
                        thread::sleep(Duration::from_micros(((process * 7919 + round * 104_729) % 30_000) as u64));
                        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
                    }
                    match finish(child) {
                        Run { code: 0, .. } => well.fetch_add(1, Ordering::Relaxed),
                        Run { code: 137, .. } => killed.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other}"),
                    };
                }
            });
        }
    });
    let (well, killed, counted) = (well.into_inner(), killed.into_inner(), counted(&site));
    assert!(killed > 10, "the control: {killed} were killed");
    assert!(counted >= well && counted <= well + killed, "{well} went well, {killed} were killed: {counted}");
    // What the killed have left behind keeps nobody waiting.
    site.agent("last").run(["run", "name:counter", "--", "true"]).expect(0);
    site.agent("last").run(["cleanup"]).expect(0);
    let states = site.agent("last").run(["runs", "--limit", "100000", "--json"]).expect(0).json_lines();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    states.iter().for_each(|record| *seen.entry(record["state"].as_str().unwrap()).or_default() += 1);
    assert_eq!(seen.get("running"), None, "{seen:?}");
    assert!(seen["done"] > well, "{seen:?}");
}
