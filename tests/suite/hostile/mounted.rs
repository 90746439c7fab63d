//! Something mounted inside the state directory: what is written there is not there for those who look without it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{complained, holds, in_own_mounts, refused, snapshot, works};
use crate::{
    harness::{BINARY, Run, Site, finish, skip},
    load::Load,
    proof::strace,
};

/// Mounted until dropped; a bind mount of `from`.
pub struct Bound<'a>(&'a Path);

impl<'a> Bound<'a> {
    pub fn new(from: &Path, at: &'a Path) -> Self {
        let run = Run::from(Command::new("mount").arg("--bind").arg(from).arg(at).output().unwrap());
        assert_eq!(run.code, 0, "{run}");
        Self(at)
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).output().unwrap();
    }
}

/// Each is covered by a bind mount of the same file system: only the kernel can tell.
#[test]
fn a_mount_in_place_of_a_state_file_or_directory_is_refused() {
    if !in_own_mounts("hostile::mounted::a_mount_in_place_of_a_state_file_or_directory_is_refused") {
        return;
    }
    // (where, what acquire of src/auth.rs comes to, what check of it does, what still works)
    let places = [
        (".guard", 73, 10, None),
        ("era.json", 73, 73, None),
        ("events.log", 73, 10, None),
        ("tmp", 73, 10, None),
        ("locks", 73, 73, None),
        ("locks/paths", 73, 73, Some("name:other")),
        ("locks/paths/-", 73, 73, Some("name:other")),
        ("locks/paths/-/src%2Fauth.rs.lock", 73, 73, Some("src/other.rs")),
    ];
    for (place, acquire, check, working) in places {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        let (at, copy) = (site.state(place), site.path("copy"));
        let copied = Command::new("cp").arg("-a").arg(&at).arg(&copy).status().unwrap();
        assert!(copied.success());
        let before = snapshot(&copy);
        // The guard is looked at without being opened: its own file, mounted on itself, is still the same.
        let mounted = Bound::new(if place == ".guard" { &at } else { &copy }, &at);
        refused(&site.agent("bob").run(["acquire", "src/auth.rs"]), acquire, place);
        refused(&site.agent("alice").run(["release", "src/auth.rs"]), acquire, place);
        let run = site.agent("bob").run(["check", "src/auth.rs"]).expect(check);
        if check == 73 {
            complained(&run, place);
        }
        if let Some(resource) = working {
            works(&site, resource);
        }
        drop(mounted);
        assert!(snapshot(&copy) == before, "{place}: something was written there");
        fs::rename(&copy, site.path("done")).unwrap();
        holds(&site, "alice", "src/auth.rs");
    }
}

/// The kernel says the same of a file that is moved to another directory while it is opened.
#[test]
fn what_is_called_a_mount_only_once_is_none() {
    let test = "what_is_called_a_mount_only_once_is_none";
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let load = Load::plant(BINARY, 0);
    let trace = load.root().join("trace");
    let mut asked = 0;
    loop {
        let inject = format!("inject=openat2:error=EXDEV:when={}", asked + 1);
        let words = ["strace", "-f", "-e", "trace=openat2", "-e", &inject, "-o", trace.to_str().unwrap()];
        let mut command = load.call_under(words, ["list"]);
        let run = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        if !fs::read_to_string(&trace).unwrap().contains("(INJECTED)") {
            break;
        }
        assert_eq!(run.expect(0).out.lines().count(), 1);
        asked += 1;
    }
    if asked == 0 {
        skip(test, "openat2 is not to be had here");
    }
}
