//! Somebody swaps a directory of ours with a symbolic link that leads outside, over and over, while we work in it.
//!
//! The link leads to a directory of the same shape, so that whatever follows it succeeds and leaves something there.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use swarmlock::domain::Acquired;

use super::{
    lib_agent::{Lib, path},
    soak, strace, task, worker,
};
use crate::harness::{Site, skip};

const TRIES: usize = 20_000;

/// The directories that are swapped, each in a part of the tries.
const TARGETS: [&str; 4] =
    [".agent_locks/locks/paths/-", ".agent_locks/locks/paths", ".agent_locks/tmp", ".agent_locks"];

/// What came of the tries.
#[derive(Debug, Default)]
struct Damage {
    swaps: usize,
    outside: usize,
    done: usize,
    refused: usize,
}

#[test]
fn nothing_is_written_outside_through_openat2() {
    let damage = attack("victim", &|task| worker("proof::swap::victim", task));
    assert_safe(&damage);
}

#[test]
fn nothing_is_written_outside_where_openat2_is_missing() {
    if let Err(why) = strace::usable() {
        return skip("nothing_is_written_outside_where_openat2_is_missing", &why);
    }
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let damage = attack("victim", &|task| {
        let inner = worker("proof::swap::victim", task);
        let mut outer =
            strace::under(&[strace::QUICK, "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS"], &trace);
        outer.arg(inner.get_program()).args(inner.get_args());
        for (key, value) in inner.get_envs() {
            match value {
                Some(value) => outer.env(key, value),
                None => outer.env_remove(key),
            };
        }
        outer
    });
    let text = fs::read_to_string(&trace).unwrap();
    assert!(text.contains("(INJECTED)"), "openat2 is taken away: {text}");
    // The first refusal is remembered: one openat2 in 5,000 tries shows that all of them walked.
    assert_eq!(text.matches("openat2(").count(), 1, "and not used again: {text}");
    assert_safe(&damage);
}

#[test]
fn control_a_writer_by_path_is_led_outside() {
    let damage = attack("by_path", &|task| worker("proof::swap::victim", task));
    assert!(damage.outside > 0, "the attacker does not reach a writer that goes by path: {damage:?}");
}

fn assert_safe(damage: &Damage) {
    assert_eq!(damage.outside, 0, "{damage:?}");
    assert!(damage.done > 0 && damage.refused > 0, "the attack is not felt, or nothing gets done: {damage:?}");
    assert_eq!(damage.done + damage.refused, TRIES * soak());
    assert!(damage.swaps >= TRIES * soak(), "{damage:?}");
}

fn attack(way: &str, start: &dyn Fn(&[&str]) -> Command) -> Damage {
    let mut total = Damage::default();
    let tries = (TRIES * soak() / TARGETS.len()).to_string();
    for target in TARGETS {
        let (site, outside) = (Site::new(), tempfile::tempdir().unwrap());
        Lib::init(site.root());
        for below in TARGETS {
            fs::create_dir_all(outside.path().join(below)).unwrap();
        }
        let link = site.path("link");
        symlink(outside.path().join(target), &link).unwrap();
        let stop = site.path("stop");
        let ways = [site.path(target), link, stop.clone()].map(|path| path.to_str().unwrap().to_owned());
        let mut attacker = worker("proof::swap::attacker", &[&ways[0], &ways[1], &ways[2]]);
        let mut attacker = Attacker(Some(attacker.stdout(Stdio::piped()).spawn().unwrap()));
        let victim = start(&[way, site.root().to_str().unwrap(), &tries]).output().unwrap();
        File::create(&stop).unwrap();
        let (swaps, _) = counts(&attacker.0.take().unwrap().wait_with_output().unwrap());
        let (done, refused) = counts(&victim);
        let found = files(outside.path());
        eprintln!("{way}, {target}: {swaps} swaps, {done} done, {refused} refused, {} files outside", found.len());
        total.swaps += swaps;
        total.outside += found.len();
        total.done += done;
        total.refused += refused;
    }
    total
}

/// The two counts that a worker tells on stdout.
fn counts(output: &Output) -> (usize, usize) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix("COUNTS ")).expect("a worker counts");
    let (one, other) = line.split_once(' ').unwrap();
    (one.parse().unwrap(), other.parse().unwrap())
}

/// Ends with the test, also when that fails.
struct Attacker(Option<Child>);

impl Drop for Attacker {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn attacker() {
    let Some(task) = task() else { return };
    let [directory, link, stop] = &*task else { panic!("{task:?}") };
    let stop = Path::new(stop);
    let mut swaps = 0;
    while !stop.exists() {
        for _ in 0..100 {
            renameat_with(CWD, directory, CWD, link, RenameFlags::EXCHANGE).unwrap();
        }
        swaps += 100;
    }
    writeln!(std::io::stdout(), "\nCOUNTS {swaps} 0").unwrap();
}

#[test]
fn victim() {
    let Some(task) = task() else { return };
    let [way, root, tries] = &*task else { panic!("{task:?}") };
    let (root, tries) = (Path::new(root), tries.parse::<usize>().unwrap());
    let (mut done, mut refused) = (0, 0);
    for round in 0..tries {
        let good = if way == "by_path" { by_path(root, round) } else { by_library(root, round) };
        *if good { &mut done } else { &mut refused } += 1;
    }
    writeln!(std::io::stdout(), "\nCOUNTS {done} {refused}").unwrap();
}

/// Acquires and releases; whether both were done. Refusals are what an attacked directory is for.
fn by_library(root: &Path, round: usize) -> bool {
    let resource = path(&format!("file-{}", round % 50));
    let Ok(Some(lib)) = Lib::try_open(root) else { return false };
    let acquired = lib.acquire("alice", &resource);
    // One round in five keeps what it has: a file would stay outside, too.
    let released = round.is_multiple_of(5) || lib.release("alice", &resource).is_ok();
    matches!(acquired, Ok(Acquired::Granted { .. })) && released
}

/// Careful only with the last component, as most programs are.
fn by_path(root: &Path, round: usize) -> bool {
    use std::os::unix::fs::OpenOptionsExt as _;
    let state = root.join(".agent_locks");
    let pending = state.join("tmp/pending");
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    fs::remove_file(&pending).ok();
    let made: std::io::Result<File> =
        File::options().write(true).create_new(true).custom_flags(nofollow).open(&pending);
    let lock = state.join(format!("locks/paths/-/file-{}.lock", round % 50));
    made.and_then(|_| fs::rename(&pending, lock)).is_ok()
}
