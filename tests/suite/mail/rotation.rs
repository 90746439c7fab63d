//! Logs that are rotated as fast as the file system can, and the oldest removed, while others read all of them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::Value;

use super::{lines::LOG, site, soak};

/// How many older logs there are.
const OLDER: usize = 8;

/// Rotates as a sender does, with one message in each log, until `over`; how often.
fn rotate(dir: &Path, mut message: Value, over: &AtomicBool) -> usize {
    let name = |age: usize| if age == 0 { dir.join(LOG) } else { dir.join(format!("{LOG}.{age}")) };
    let first = message["seq"].as_u64().unwrap();
    let mut rotated = 0;
    while !over.load(Ordering::Acquire) {
        fs::remove_file(name(OLDER)).ok();
        for age in (0..OLDER).rev() {
            fs::rename(name(age), name(age + 1)).ok();
        }
        rotated += 1;
        message["seq"] = (first + rotated as u64).into();
        // A file that is there has its line: a reader sees none that lacks the message in the middle.
        fs::write(dir.join("tmp/made"), format!("{message}\n")).unwrap();
        fs::set_permissions(dir.join("tmp/made"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(dir.join("tmp/made"), name(0)).unwrap();
    }
    rotated
}

#[test]
fn however_fast_logs_are_rotated_a_reader_leaves_none_out_and_reads_none_twice() {
    let site = site("", &["alice", "bob"]);
    site.agent("alice").run(["send", "bob", "INFO", "hello"]).expect(0);
    let message: Value = serde_json::from_slice(&fs::read(site.state(LOG)).unwrap()).unwrap();
    let over = AtomicBool::new(false);
    let (mut all, mut gaps) = (0, Vec::new());
    let rotated = thread::scope(|scope| {
        let rotator = scope.spawn(|| rotate(&site.state(""), message, &over));
        for _ in 0..300 * soak() {
            let run = site.nobody().run(["messages", "--json"]);
            if run.code != 0 {
                over.store(true, Ordering::Release);
                panic!("{run}");
            }
            let numbers: Vec<_> = run.json_lines().iter().map(|line| line["seq"].as_u64().unwrap()).collect();
            all += usize::from(numbers.len() > OLDER / 2);
            if numbers.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
                gaps.push(numbers);
            }
        }
        over.store(true, Ordering::Release);
        rotator.join().unwrap()
    });
    assert!(gaps.is_empty(), "{} looks with gaps: {:?}", gaps.len(), gaps[0]);
    assert!(all > 10 && rotated > 300, "the control: {all} saw several logs, rotated {rotated} times");
    eprintln!("rotated {rotated} times, {all} saw several logs");
}
