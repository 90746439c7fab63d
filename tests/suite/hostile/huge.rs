//! Files of 10 GiB in place of each of ours, and calls that may have 1 GiB of memory.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{harmless, private};
use crate::harness::{BINARY, Run, Site, finish, without_identity};

const MEMORY: &str = "ulimit -v 1048576 && exec \"$@\"";

/// What becomes of an acquire of something free, an acquire of what alice holds, a look at it, and her renewal of it.
const NO_MATTER: [i32; 4] = [0, 10, 10, 0];
const FILES: &[(&str, [i32; 4])] = &[
    (".guard", NO_MATTER),
    ("era.json", [65; 4]),
    ("config.toml", [78, 78, 10, 78]),
    ("events.log", NO_MATTER),
    ("locks/paths/-/held.lock", [0, 65, 65, 65]),
    ("locks/trees/-/elsewhere.lock", NO_MATTER),
    ("beats/alice", NO_MATTER),
    ("beats/bob", NO_MATTER),
    ("queue/t-5.json", NO_MATTER),
    ("tasks/ff2b5449b473ed4ce33d14d2f7e79ab4.json", NO_MATTER),
    ("ACTIVE_AGENTS.json", NO_MATTER),
    ("PENDING_ACKS.json", NO_MATTER),
    ("cursors/bob", NO_MATTER),
    ("hooks/bob", NO_MATTER),
    ("installed.json", NO_MATTER),
    ("unprotected.log", NO_MATTER),
    ("quarantine/1-0-paths_-_held.lock", NO_MATTER),
    ("tmp/pending", NO_MATTER),
];

fn limited(site: &Site, agent: &str, args: &[&str]) -> Run {
    let mut command = Command::new("sh");
    command.args(["-c", MEMORY, "sh", BINARY]).args(args).current_dir(site.root());
    without_identity(&mut command).env("SWARMLOCK_AGENT", agent);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(command.spawn().unwrap());
    harmless(&run);
    run
}

fn make_huge(file: &Path) {
    for dir in file.ancestors().skip(1).take_while(|dir| !dir.exists()).collect::<Vec<_>>().into_iter().rev() {
        fs::create_dir(dir).unwrap();
        private(dir);
    }
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(file).unwrap().set_len(10 << 30).unwrap();
    private(file);
}

#[test]
fn a_state_file_of_10_gib_fills_no_memory_and_frees_nothing() {
    for (file, codes) in FILES {
        let site = Site::new();
        site.agent("alice").run(["acquire", "held"]).expect(0);
        site.agent("bob").run(["acquire", "mine"]).expect(0);
        make_huge(&site.state(file));
        let calls: [(&str, &[&str]); 4] = [
            ("bob", &["acquire", "free"]),
            ("bob", &["acquire", "held"]),
            ("bob", &["check", "held"]),
            ("alice", &["renew", "held"]),
        ];
        for ((agent, args), code) in calls.into_iter().zip(codes) {
            let run = limited(&site, agent, args);
            assert_eq!(run.code, *code, "{file}: {args:?}: {run}");
        }
        for args in ["list", "status", "history", "queue", "agents", "runs", "inbox", "tick", "cleanup"] {
            let run = limited(&site, "bob", &[args]);
            assert!([0, 65, 78].contains(&run.code), "{file}: {args}: {run}");
            assert!(run.code == 0 || run.err.contains("\nnext: "), "{file}: {args}: {run}");
        }
        let released = limited(&site, "alice", &["release", "held"]);
        assert_eq!(released.code, codes[3], "{file}: {released}");
    }
}

#[test]
fn control_who_reads_all_of_it_has_too_little_memory() {
    let site = Site::new();
    make_huge(&site.path("huge"));
    let mut sort = Command::new("sh");
    sort.args(["-c", MEMORY, "sh", "sort", "huge"]).current_dir(site.root()).stdout(Stdio::null());
    assert_ne!(Run::from(sort.output().unwrap()).code, 0);
}
