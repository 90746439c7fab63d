//! What others do: append without a lock, rotate when it is time. The harness sees what that loses.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use serde_json::json;

use super::{
    PROCESSES,
    lines::{Faults, Key, LOG, judge, text},
};

/// The size at which it rotates, in bytes.
const LIMIT: u64 = 65_536;

#[test]
fn control_what_is_appended_and_rotated_without_the_guard_is_lost() {
    let mut seen = Faults::default();
    for _ in 0..20 {
        seen = contest();
        if seen.lost > 0 && seen.numbers > 0 {
            return;
        }
    }
    panic!("the harness does not see what is lost: {seen:?}");
}

#[test]
fn control_lines_that_are_doubled_or_torn_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let line = |seq: u64, key: Key| json!({ "seq": seq, "content": text(key) }).to_string();
    let torn = &line(9, (1, 9))[..40];
    let lines = [line(5, (1, 1)), line(6, (1, 0)), line(7, (1, 1)), torn.to_owned(), line(7, (2, 0))];
    fs::write(dir.path().join(LOG), lines.join("\n")).unwrap();
    let (_, faults) = judge(dir.path(), &BTreeSet::from([(1, 1), (3, 0)]));
    assert_eq!(faults, Faults { lost: 1, doubled: 1, torn: 2, disordered: 1, numbers: 0 });
}

fn contest() -> Faults {
    let dir = tempfile::tempdir().unwrap();
    let (each, counter) = (50, AtomicU64::new(1));
    thread::scope(|scope| {
        for who in 0..PROCESSES {
            let (dir, counter) = (dir.path(), &counter);
            scope.spawn(move || (0..each).for_each(|at| append(dir, (who, at), counter)));
        }
    });
    let sent = (0..PROCESSES).flat_map(|who| (0..each).map(move |at| (who, at))).collect();
    judge(dir.path(), &sent).1
}

fn append(dir: &Path, key: Key, counter: &AtomicU64) {
    let log = dir.join(LOG);
    let line = json!({ "seq": counter.fetch_add(1, Ordering::Relaxed), "content": text(key) }).to_string();
    if fs::metadata(&log).is_ok_and(|meta| meta.len() > LIMIT) {
        for age in (1..100).rev() {
            let older = dir.join(format!("{LOG}.{age}"));
            fs::rename(older, dir.join(format!("{LOG}.{}", age + 1))).ok();
        }
        fs::rename(&log, dir.join(format!("{LOG}.1"))).ok();
    }
    let mut file: File = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}
