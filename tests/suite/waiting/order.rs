//! First come, first served.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use serde_json::Value;

use super::*;

const WAITERS: usize = 16;

#[test]
fn two_who_wait_are_served_in_the_order_in_which_they_came() {
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    let carol = waits(&site, "carol", &["name:x"]);
    assert!(ticket_of(&site, "bob").number < ticket_of(&site, "carol").number);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    granted(bob);
    assert!(is_waiting(&site, "carol"), "carol is next");
    assert_eq!(held(&site), [("name:x".to_owned(), "bob".to_owned())]);
    site.agent("bob").run(["release", "name:x"]).expect(0);
    granted(carol);
    assert!(tickets(&site).is_empty());
}

/// What the log says of one who came into the line or got the lease.
#[derive(Clone, Debug)]
enum Step {
    Came(String, u64),
    Got(String),
}

fn steps(log: &[Value]) -> Vec<Step> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    log.iter()
        .filter_map(|event| match event["event"].as_str().unwrap() {
            "queued" => Some(Step::Came(text(&event["by"]), event["n"].as_u64().unwrap())),
            "acquired" | "taken_over" => Some(Step::Got(text(&event["agent_id"]))),
            _ => None,
        })
        .collect()
}

/// Who got it before somebody who had come earlier, and how many were served from the line.
fn out_of_order(steps: &[Step]) -> (Vec<String>, usize) {
    let (mut line, mut wrong, mut served) = (BTreeMap::new(), Vec::new(), 0);
    for step in steps {
        match step {
            Step::Came(agent, number) => {
                line.insert(*number, agent.clone());
            }
            Step::Got(agent) => {
                let first = line.iter().next().map(|(number, first)| (*number, first.clone()));
                match first {
                    Some((number, first)) if first == *agent => {
                        line.remove(&number);
                        served += 1;
                    }
                    Some((number, first)) => {
                        wrong.push(format!("{agent} before {first} (t-{number})"));
                        line.retain(|_, waiting| waiting != agent);
                    }
                    None => {}
                }
            }
        }
    }
    (wrong, served)
}

/// Jain's index: 1 if all have the same, 1/n if one has everything.
fn jain(counts: &[usize]) -> f64 {
    let sum: f64 = counts.iter().map(|count| *count as f64).sum();
    let squares: f64 = counts.iter().map(|count| (*count as f64).powi(2)).sum();
    sum * sum / (counts.len() as f64 * squares)
}

#[test]
fn sixteen_who_wait_again_and_again_are_served_strictly_in_order_and_alike() {
    let site = held_by_alice();
    let (turns, left) = (WAITERS * 8, AtomicUsize::new(WAITERS * 8));
    let agent = |at: usize| format!("agent-{at}");
    // All stand in line before the first is served.
    let first: Vec<Child> = (0..WAITERS).map(|at| waits(&site, &agent(at), &["name:x"])).collect();
    let inside = AtomicUsize::new(0);
    let counts: Vec<usize> = thread::scope(|scope| {
        let work = |(at, first): (usize, Child)| {
            let (site, left, inside) = (&site, &left, &inside);
            scope.spawn(move || {
                let (mut count, mut next) = (0, Some(first));
                loop {
                    let child = next.take();
                    let args = ["acquire", "--wait=60s", "name:x"];
                    let child = child.unwrap_or_else(|| site.agent(&agent(at)).spawn(args));
                    granted(child);
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at once");
                    count += 1;
                    let goes_on =
                        left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok_and(|left| left > 1);
                    inside.fetch_sub(1, SeqCst);
                    site.agent(&agent(at)).run(["release", "name:x"]).expect(0);
                    if !goes_on {
                        return count;
                    }
                }
            })
        };
        let threads: Vec<_> = first.into_iter().enumerate().map(work).collect();
        site.agent("alice").run(["release", "name:x"]).expect(0);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let steps = steps(&log(&site));
    let (wrong, served) = out_of_order(&steps);
    assert_eq!(wrong, [""; 0]);
    assert!(served >= turns - 1, "{served} of {turns} stood in line");
    let index = jain(&counts);
    eprintln!("{served} served in order; Jain index {index:.4} of {counts:?}");
    assert!(index >= 0.99, "{index} of {counts:?}");

    // The control: with another order the check fails, and so does the index when one has more.
    let mut shuffled = steps;
    let got: Vec<usize> = (0..shuffled.len()).filter(|at| matches!(shuffled[*at], Step::Got(_))).collect();
    shuffled.swap(got[2], got[5]);
    assert!(!out_of_order(&shuffled).0.is_empty());
    let mut uneven = vec![8; WAITERS];
    uneven[0] = 16;
    assert!(jain(&uneven) < 0.99, "{}", jain(&uneven));
}
