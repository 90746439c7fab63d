//! What a command costs does not depend on how many locks there are.

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
