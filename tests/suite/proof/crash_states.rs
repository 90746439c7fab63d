//! What a crash, a power cut or a half-finished deletion leaves, and what the next commands do with it.

use std::fs;

use super::eras::{HELD, empty_lock, fence, held, plant, remove, remove_state, restart};
use crate::harness::Site;

/// A state that a crash, a power cut or a half-finished deletion leaves, and what the next commands do: `acquire` by
/// another of what alice holds, `renew` by alice, `acquire` of something free. 0 done, 10 held, 65 damaged, 73 refused.
type Planted = (&'static str, fn(&Site), [i32; 3]);

const PLANTED: &[Planted] = &[
    ("nothing amiss", |_| {}, [10, 0, 0]),
    ("killed while it wrote a lock: half a file in tmp/", |site| plant(site, "tmp/pending", b"{\"v\""), [10, 0, 0]),
    ("killed before the first write of .guard: it is empty", |site| plant(site, ".guard", b""), [10, 0, 0]),
    (".guard is all zeros after a power cut", |site| plant(site, ".guard", &[0; 2048]), [10, 0, 0]),
    (".guard holds half a line", |site| plant(site, ".guard", br#"{"v":1,"era":2174"#), [10, 0, 0]),
    (".guard holds garbage, and more than a line", |site| plant(site, ".guard", &[b'x'; 70_000]), [10, 0, 0]),
    ("the last event lacks its end", |site| append(site, "events.log", br#"{"n":1,"at":"20"#), [10, 0, 0]),
    ("events.log ends in zeros", |site| append(site, "events.log", &[0; 512]), [10, 0, 0]),
    ("events.log is gone", |site| remove(site, "events.log"), [10, 0, 0]),
    ("tmp/ is gone", |site| remove(site, "tmp"), [10, 0, 0]),
    ("quarantine/ is gone", |site| remove(site, "quarantine"), [10, 0, 0]),
    (".gitignore is gone", |site| remove(site, ".gitignore"), [10, 0, 0]),
    ("locks/names/ is gone", |site| remove(site, "locks/names"), [10, 0, 0]),
    ("the lock file is empty, in the boot in which it was made", |site| empty_lock(site), [65, 65, 0]),
    ("the lock file is empty, after a power cut", |site| (empty_lock(site), restart(site)).1, [0, 12, 0]),
    ("era.json is empty", |site| plant(site, "era.json", b""), [65, 65, 65]),
    ("era.json is gone", |site| remove(site, "era.json"), [65, 65, 65]),
    ("half deleted: .guard is gone", |site| remove(site, ".guard"), [73, 73, 73]),
    (
        "half deleted: .guard and era.json are gone",
        |site| (remove(site, ".guard"), remove(site, "era.json")).0,
        [73; 3],
    ),
    ("half deleted: only locks/ is left", |site| keep_only(site, "locks"), [73; 3]),
    ("half deleted: only .gitignore is left", |site| keep_only(site, ".gitignore"), [73; 3]),
    ("deleted, but for the empty directory", |site| keep_only(site, ""), [0, 12, 0]),
    ("deleted", |site| remove_state(site), [0, 12, 0]),
];

fn append(site: &Site, file: &str, bytes: &[u8]) {
    let mut whole = fs::read(site.state(file)).unwrap();
    whole.extend_from_slice(bytes);
    plant(site, file, &whole);
}

fn keep_only(site: &Site, kept: &str) {
    for entry in fs::read_dir(site.state("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != kept {
            remove(site, &name);
        }
    }
}

#[test]
fn each_planted_crash_state_leads_to_what_the_table_says() {
    for (state, plant, codes) in PLANTED {
        let site = held();
        let before = fence(&site, HELD);
        plant(&site);
        let calls = [("bob", "acquire", HELD), ("alice", "renew", HELD), ("carol", "acquire", "src/free.rs")];
        let runs = calls.map(|(agent, command, path)| site.agent(agent).run([command, path]));
        for (run, code) in runs.iter().zip(codes) {
            assert_eq!(run.code, *code, "{state}: {run}");
            assert!(*code == 0 || run.err.contains("\nnext: "), "{state}: {run}");
        }
        if codes[2] == 0 {
            assert!(fence(&site, "src/free.rs") > before, "{state}: a fence is repeated");
            site.agent("carol").run(["cleanup"]);
            assert_eq!(fs::read_dir(site.state("tmp")).unwrap().count(), 0, "{state}: litter");
        }
    }
}
