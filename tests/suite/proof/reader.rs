//! A reader that looks as fast as it can while others write: it sees the old file or the new one, or none.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use serde_json::Value;

use super::{
    lib_agent::{Lib, path},
    soak, task, worker,
};
use crate::harness::Site;

const LOOKS: usize = 100_000;
const LOCK: &str = ".agent_locks/locks/paths/-/src%2Fa.rs.lock";
const ERA: &str = ".agent_locks/era.json";

/// What raw reads of one file came to.
#[derive(Debug, Default)]
pub struct Seen {
    pub whole: usize,
    pub absent: usize,
    /// Different from the one before.
    pub changes: usize,
    /// Empty, cut short, or not JSON.
    pub broken: usize,
}

/// Ends its writers with itself, also when an assertion fails.
struct Writers(Vec<Child>);

impl Drop for Writers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn writers(site: &Site, kinds: &[&str]) -> Writers {
    let root = site.root().to_str().unwrap();
    let start = |kind: &&str| {
        worker("proof::reader::writer", &[*kind, root]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    Writers(kinds.iter().map(start).collect())
}

#[test]
fn a_lock_file_is_never_seen_empty_or_partial() {
    let site = Site::new();
    let lib = Lib::init(site.root());
    let mut writers = writers(&site, &["leases"]);
    let seen = watch(&site.path(LOCK), LOOKS * soak());
    assert!(seen.broken == 0 && seen.absent > 0 && seen.whole > 0 && seen.changes >= 50, "{seen:?}");
    let resource = path("src/a.rs");
    let held = (0..LOOKS * soak()).filter(|_| lib.look(&resource).is_some()).count();
    assert!(held > 0 && held < LOOKS * soak(), "{held} of {LOOKS} looks saw it held");
    assert!(writers.0[0].try_wait().unwrap().is_none(), "the writer wrote to the end");
    eprintln!("lock file: {seen:?}; through the library {held} held");
}

#[test]
fn the_era_file_is_never_seen_empty_partial_or_missing() {
    let site = Site::new();
    let lib = Lib::init(site.root());
    let mut writers = writers(&site, &["eras"]);
    let seen = watch(&site.path(ERA), LOOKS * soak());
    assert!(seen.broken == 0 && seen.absent == 0 && seen.changes >= 50, "{seen:?}");
    let resource = path("src/a.rs");
    for _ in 0..LOOKS * soak() {
        // Fails if the era file cannot be read.
        drop(lib.look(&resource));
    }
    assert!(writers.0[0].try_wait().unwrap().is_none(), "the writer wrote to the end");
    eprintln!("era.json: {seen:?}");
}

#[test]
fn control_a_file_made_before_it_is_written_is_seen_empty() {
    let site = Site::new();
    Lib::init(site.root());
    let _writers = writers(&site, &["naive"]);
    let mut seen = Seen::default();
    for _ in 0..20 {
        seen = watch(&site.path(LOCK), LOOKS);
        if seen.broken > 0 {
            break;
        }
    }
    assert!(seen.broken > 0, "the reader does not see a file that is empty or partial: {seen:?}");
}

/// Looks at a file so often, and more often until it has changed 50 times.
pub fn watch(file: &Path, looks: usize) -> Seen {
    let (mut seen, mut last) = (Seen::default(), Vec::new());
    // Nothing is proved before the writers write.
    let began = std::time::Instant::now();
    while fs::read(file).unwrap_or_default().is_empty() {
        assert!(began.elapsed().as_secs() < 60, "nobody writes {}", file.display());
        std::thread::yield_now();
    }
    // As many looks as asked for, and more on a machine too busy to write much meanwhile.
    let mut look = 0;
    while look < looks || (look < 100 * looks && seen.changes < 50) {
        look += 1;
        match fs::read(file) {
            Ok(bytes) if bytes == last => seen.whole += 1,
            Ok(bytes) => {
                let whole = serde_json::from_slice::<Value>(&bytes).is_ok_and(|json| json["v"] == 1);
                seen.whole += usize::from(whole);
                seen.broken += usize::from(!whole);
                seen.changes += 1;
                last = if whole { bytes } else { Vec::new() };
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => seen.absent += 1,
            Err(error) => panic!("{error}"),
        }
    }
    seen
}

#[test]
fn writer() {
    let Some(task) = task() else { return };
    let [kind, root] = &*task else { panic!("{task:?}") };
    let root = PathBuf::from(root);
    let mut lib = Lib::open(&root);
    let resource = path("src/a.rs");
    for round in 0_u64.. {
        match &**kind {
            "naive" => naively(&root.join(LOCK)),
            "eras" => {
                // Another boot each time: every entry begins an era.
                lib.machine.boot_id = format!("boot-{round}");
                lib.acquire("alice", &resource).unwrap();
            }
            _ => {
                lib.acquire("alice", &resource).unwrap();
                lib.acquire("alice", &resource).unwrap();
                lib.release("alice", &resource).unwrap();
            }
        }
    }
}

fn naively(file: &Path) {
    fs::remove_file(file).ok();
    let mut made = File::create_new(file).unwrap();
    made.write_all(br#"{"v":1}"#).unwrap();
}
