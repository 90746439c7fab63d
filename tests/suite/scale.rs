//! What a command costs does not depend on how many locks there are.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use swarmlock::fs::Dir;

use crate::{
    harness::{BINARY, skip},
    load::{Load, works},
};

const MANY: usize = 20_000;

#[test]
fn acquire_and_check_make_the_same_system_calls_with_no_lock_and_with_many() {
    if !works(&["strace", "-f", "-o", "/dev/null"]) {
        skip("acquire_and_check_make_the_same_system_calls_with_no_lock_and_with_many", "strace does not work here");
        return;
    }
    let (few, many) = (Load::plant(BINARY, 0), Load::plant(BINARY, MANY));
    for args in [&["acquire", "free.rs"][..], &["acquire", "free.rs"], &["check", "free.rs"], &["check", "other.rs"]] {
        few.show_life();
        many.show_life();
        assert_eq!(few.system_calls(args), many.system_calls(args), "{args:?}");
    }
    let calls = |load: &Load| load.system_calls(&["list"]).values().sum::<usize>();
    assert!(calls(&many) > calls(&few) + MANY, "the control: a command that looks at every lock does depend on it");
}

/// Lists a directory again and again while files in it are replaced; whether a listing missed a name.
fn misses(dir: &Path, count: usize, times: usize, list: impl Fn() -> BTreeSet<String>) -> bool {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let fresh = dir.with_extension("fresh");
            for turn in (0..).map(|turn: usize| turn * 7919 % count) {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                fs::write(&fresh, "").unwrap();
                fs::rename(&fresh, dir.join(format!("{turn:040}.lock"))).unwrap();
            }
        });
        let misses = (0..times).any(|_| list().len() != count);
        over.store(true, Ordering::Relaxed);
        misses
    })
}

/// A lock file is replaced when its lease is renewed. On some file systems that moves its name in the directory.
#[test]
fn a_name_whose_file_is_replaced_while_many_are_listed_is_listed() {
    const COUNT: usize = 3_000;
    let test = "a_name_whose_file_is_replaced_while_many_are_listed_is_listed";
    let Ok(base) = tempfile::tempdir_in("/dev/shm") else { return skip(test, "there is no /dev/shm to write to") };
    let dir = base.path().join("paths");
    fs::create_dir(&dir).unwrap();
    for at in 0..COUNT {
        fs::write(dir.join(format!("{at:040}.lock")), "").unwrap();
    }
    let listed = || {
        let opened = Dir::open(&dir).unwrap().unwrap();
        // Both ways of reading it: that of the first time, and that of every other.
        let (first, again) = (opened.names(|_| true).unwrap(), opened.names(|_| true).unwrap());
        assert_eq!(first.len(), first.iter().collect::<BTreeSet<_>>().len(), "a name is listed twice");
        let names = first.iter().filter(|name| again.binary_search(name).is_ok());
        names.map(|name| name.as_str().to_owned()).collect()
    };
    assert!(!misses(&dir, COUNT, 10, listed));
    let plainly =
        || fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    if !misses(&dir, COUNT, 100, plainly) {
        skip(test, "the control: here a plain listing misses nothing either");
    }
}
