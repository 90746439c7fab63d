//! What `scripts/release` says of a binary before it is given to anybody.

use std::{path::Path, process::Command};

use crate::harness::{BINARY, Run, skip};

fn check(binary: &str) -> Run {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/release");
    Run::from(Command::new(script).args(["--check", binary]).output().unwrap())
}

#[test]
fn a_binary_that_is_not_static_or_not_stripped_or_not_there_is_no_release() {
    let name = "a_binary_that_is_not_static_or_not_stripped_or_not_there_is_no_release";
    if !Command::new("readelf").arg("--version").output().is_ok_and(|run| run.status.success()) {
        return skip(name, "readelf (Debian package binutils) is missing");
    }
    // The tests' own build has symbols, and a loader unless it is built for musl.
    let said = check(BINARY).expect(1).err;
    assert!(said.contains("it is not static") || said.contains("it is not stripped"), "{said}");
    let said = check("/nowhere/swarmlock").expect(1).err;
    assert!(said.contains("there is no such file"), "{said}");
}
