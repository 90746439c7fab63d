//! Bad input and a hostile state directory: refused with a clear error, nothing lost, nothing granted for free.

mod acks;
mod arguments;
mod clock;
mod config;
mod cursors;
mod escapes;
mod full;
mod huge;
mod levels;
mod lock_files;
mod mail;
mod mail_objects;
mod message_log;
mod mounted;
mod names;
mod namespaces;
mod object;
mod planted;
mod read_only;
mod registry;
mod replaced;
mod several;
mod state_dir;
mod stdio;

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Run, Site, skip};

/// What stands somewhere: mode with type, owner, links, size, and the first bytes of a file or the target of a link.
pub type Seen = (u32, u32, u64, u64, Vec<u8>);

/// All that stands below `dir`, without following anything; but for signs of life, which are left by whoever asks for
/// a change, even if it is refused.
pub fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Seen> {
    let (mut seen, mut todo) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if path.ends_with(".agent_locks/beats") || path.ends_with(".agent_locks/ACTIVE_AGENTS.json") {
            continue;
        }
        if meta.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let bytes = if meta.is_file() {
            let mut start = vec![0; usize::try_from(meta.len().min(1 << 20)).unwrap()];
            fs::File::open(&path).unwrap().read_exact_at(&mut start, 0).unwrap();
            start
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            Vec::new()
        };
        let size = if meta.is_dir() { 0 } else { meta.len() };
        // The directory of the signs of life is a link to the one above it.
        let links = if meta.is_dir() { 0 } else { meta.nlink() };
        seen.insert(path, (meta.mode(), meta.uid(), links, size, bytes));
    }
    seen
}

/// Fails unless the call came to `code`, printed no data, and said why about `file` and what to do next.
#[track_caller]
pub fn refused(run: &Run, code: i32, file: &str) {
    assert_eq!((run.code, run.out.as_str()), (code, ""), "{run}");
    complained(run, file);
}

/// Fails unless the call said why about `file`, and what to do next.
#[track_caller]
pub fn complained(run: &Run, file: &str) {
    let named = run.err.lines().any(|line| line.starts_with("swarmlock: ") && line.contains(file));
    assert!(named && run.err.contains("\nnext: "), "nothing about {file}: {run}");
}

/// Neither in what a person sees nor in JSON is there anything that a terminal would obey.
#[track_caller]
pub fn harmless(run: &Run) {
    for text in [&run.out, &run.err] {
        let bad = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t') || *c == '\u{202e}');
        assert_eq!(bad, None, "{:?}", run.err);
    }
}

/// Fails unless agents can still take, respect and give up this resource.
#[track_caller]
pub fn works(site: &Site, resource: &str) {
    let acquired = site.agent("carol").run(["acquire", resource]).expect(0);
    assert!(acquired.out.starts_with("acquired\t"), "{acquired}");
    site.agent("dave").run(["acquire", resource]).expect(10);
    let released = site.agent("carol").run(["release", resource]).expect(0);
    assert!(released.out.starts_with("released\t"), "{released}");
}

/// Fails unless this agent holds this path, and another is refused.
#[track_caller]
pub fn holds(site: &Site, agent: &str, resource: &str) {
    assert!(site.agent(agent).run(["check", resource]).expect(0).out.starts_with("mine\t"));
    site.agent("somebody-else").run(["acquire", resource]).expect(10);
}

/// Makes the lease on this path one that is over.
pub fn expire(site: &Site, path: &str) {
    site.expire(path);
}

/// Makes the next change begin an era, as after a copy of the directory or a restart.
pub fn end_the_era(site: &Site) {
    let file = site.state("era.json");
    let mut era: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    era["guard_born_ns"] = serde_json::Value::Null;
    era["guard_ino"] = 1.into();
    fs::write(&file, era.to_string()).unwrap();
}

/// Takes from others what the umask of the test gave them.
pub fn private(path: &Path) {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)).unwrap();
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether the test runs in a mount namespace of its own. If not, runs it again in one, or says that it cannot.
///
/// Whatever it mounts goes with the process.
pub fn in_own_mounts(test: &str) -> bool {
    const INSIDE: &str = "SWARMLOCK_TEST_INSIDE";
    if env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return true;
    }
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--user", "--map-root-user"]];
    for flags in ways {
        let place = tempfile::tempdir().unwrap();
        let tried =
            Command::new("unshare").args(flags).args(["mount", "-t", "tmpfs", "none"]).arg(place.path()).output();
        if !tried.is_ok_and(|tried| tried.status.success()) {
            continue;
        }
        let mut again = Command::new("unshare");
        again.args(flags).arg("--").arg(env::current_exe().unwrap());
        let run = Run::from(again.args(["--exact", test, "--nocapture"]).env(INSIDE, test).output().unwrap());
        assert!(run.code == 0 && run.out.contains("1 passed"), "in a namespace: {run}");
        return false;
    }
    skip(test, "it needs a mount namespace");
    false
}

/// Something mounted on a directory of its own, until dropped.
pub struct Mount {
    dir: TempDir,
}

impl Mount {
    /// `arguments` come before the mount point.
    pub fn new(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::from(Command::new("mount").args(arguments).arg(dir.path()).output().unwrap());
        assert_eq!(run.code, 0, "{run}");
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.dir.path()).output().unwrap();
    }
}
