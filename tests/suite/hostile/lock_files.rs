//! Lock files that are no lock files.

use std::fs;

use serde_json::{Value, json};

use super::{complained, end_the_era, holds, private, refused, works};
use crate::harness::Site;

const FILE: &str = "paths/-/src%2Fauth.rs.lock";

/// Two agents with locks, and the token of alice's on src/auth.rs.
fn site() -> (Site, String) {
    let site = Site::new();
    let held = site.agent("alice").run(["acquire", "src/auth.rs", "--reason", "new login", "--json"]).expect(0);
    site.agent("alice").run(["acquire", "kept.rs"]).expect(0);
    site.agent("bob").run(["acquire", "name:deploy"]).expect(0);
    let token = held.json()["token"].as_str().unwrap().to_owned();
    (site, token)
}

/// Tries everything on src/auth.rs, whose file is damaged: nobody gets it, it is never called free, all else goes on.
fn nobody_gets_it(site: &Site, token: &str, what: &str) {
    let file = site.lock_file("src/auth.rs");
    let size = fs::metadata(&file).unwrap().len();
    let before = (size < 1 << 20).then(|| fs::read(&file).unwrap());
    for agent in ["alice", "bob"] {
        for command in ["acquire", "release", "renew", "check", "who"] {
            refused(&site.agent(agent).run([command, "src/auth.rs"]), 65, FILE);
        }
        let error = site.agent(agent).run(["--json", "acquire", "src/auth.rs"]).expect(65).json_error();
        assert_eq!((&error["code"], &error["name"]), (&json!(65), &json!("damaged")), "{what}");
    }
    for command in ["release", "renew"] {
        refused(&site.nobody().run([command, "src/auth.rs", "--token", token]), 65, FILE);
    }
    for command in ["list", "status", "cleanup"] {
        let run = site.agent("alice").run([command]).expect(65);
        complained(&run, FILE);
        assert_eq!(run.out.contains("kept.rs"), command != "cleanup", "{what}: {run}");
        assert!(!run.out.contains("auth.rs"), "{what}: {run}");
    }
    let renewed = site.agent("alice").run(["renew", "--mine"]).expect(65);
    complained(&renewed, FILE);
    assert!(renewed.out.starts_with("renewed\tkept.rs\t") && renewed.out.lines().count() == 1, "{what}: {renewed}");
    let history = site.agent("bob").run(["history", "src/auth.rs"]).expect(0);
    assert!(history.out.contains("\tacquired\tsrc/auth.rs\talice\t"), "{what}: {history}");
    assert_eq!(fs::metadata(&file).unwrap().len(), size, "{what}");
    assert_eq!(before, (size < 1 << 20).then(|| fs::read(&file).unwrap()), "{what}: the file has been touched");
    works(site, "src/other.rs");
    works(site, "name:other");
    holds(site, "alice", "kept.rs");
    holds(site, "bob", "name:deploy");
}

/// Damages the lock on src/auth.rs in each of these ways, and then gives alice's back.
fn each(cases: impl FnOnce(&Site, &[u8]) -> Vec<(String, Vec<u8>)>) {
    let (site, token) = site();
    let file = site.lock_file("src/auth.rs");
    let good = fs::read(&file).unwrap();
    let cases = cases(&site, &good);
    assert!(!cases.is_empty());
    for (what, bytes) in cases {
        fs::write(&file, bytes).unwrap();
        nobody_gets_it(&site, &token, &what);
    }
    // The control: the good file is a lock, and alice's.
    fs::write(&file, good).unwrap();
    holds(&site, "alice", "src/auth.rs");
    site.agent("alice").run(["list"]).expect(0);
    assert!(site.agent("alice").run(["release", "src/auth.rs"]).expect(0).out.starts_with("released\t"));
    works(&site, "src/auth.rs");
}

fn deep(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn a_lock_file_that_is_not_json_is_nobodys_and_not_free() {
    each(|_, good| {
        let half = &good[..good.len() / 2];
        vec![
            ("empty".to_owned(), vec![]),
            ("garbage".to_owned(), b"locked by alice, keep out\n".to_vec()),
            ("zeros".to_owned(), vec![0; 4096]),
            ("truncated".to_owned(), half.to_vec()),
            ("without its last brace".to_owned(), good[..good.len() - 2].to_vec()),
            ("twice".to_owned(), [good, good].concat()),
            ("with two owners".to_owned(), [b"{\"agent_id\": \"bob\",", &good[1..]].concat()),
            ("behind a byte order mark".to_owned(), [b"\xef\xbb\xbf", good].concat()),
            ("overwritten by a shorter one".to_owned(), [b"{\"v\":1}\n", half].concat()),
            ("not UTF-8".to_owned(), b"\xff\xfe\xfd".to_vec()),
            ("not UTF-8 in the reason".to_owned(), good.split(|b| *b == b'w').collect::<Vec<_>>().join(&b"\xff"[..])),
        ]
    });
}

#[test]
fn a_lock_file_that_is_too_large_or_too_deep_is_nobodys_and_not_free() {
    each(|_, good| {
        let padded = [good, &vec![b' '; 256 * 1024][..]].concat();
        assert!(serde_json::from_slice::<Value>(&padded).is_ok(), "only its size is wrong");
        vec![
            ("over 256 KiB".to_owned(), padded),
            ("100,000 levels".to_owned(), deep(100_000).into_bytes()),
            (
                "100,000 levels in an object".to_owned(),
                format!("{{\"v\":1,\"holders\":{}}}", deep(100_000)).into_bytes(),
            ),
            ("100,000 levels never closed".to_owned(), "[".repeat(100_000).into_bytes()),
            ("100,000 objects".to_owned(), "{\"v\":".repeat(40_000).into_bytes()),
        ]
    });
}

#[test]
fn a_sparse_lock_file_of_10_gib_is_nobodys_and_not_free() {
    let (site, token) = site();
    let file = site.lock_file("src/auth.rs");
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(10 << 30).unwrap();
    nobody_gets_it(&site, &token, "sparse");
}

#[test]
fn a_lock_file_with_a_value_of_the_wrong_type_is_nobodys_and_not_free() {
    each(|_, good| {
        let good: Value = serde_json::from_slice(good).unwrap();
        let mut keys: Vec<String> = good.as_object().unwrap().keys().map(|key| format!("/{key}")).collect();
        keys.extend(good["holders"][0].as_object().unwrap().keys().map(|key| format!("/holders/0/{key}")));
        assert!(keys.len() > 20, "{keys:?}");
        let wrong = |key: &String| {
            let mut changed = good.clone();
            *changed.pointer_mut(key).unwrap() = json!({ "not": ["this"] });
            (key.clone(), serde_json::to_vec(&changed).unwrap())
        };
        keys.iter().map(wrong).collect()
    });
}

#[test]
fn a_lock_file_of_a_newer_format_is_nobodys_and_not_free() {
    each(|_, good| {
        let of_format = |v: u64| {
            let mut changed: Value = serde_json::from_slice(good).unwrap();
            changed["v"] = json!(v);
            serde_json::to_vec(&changed).unwrap()
        };
        vec![
            ("the same shape".to_owned(), of_format(2)),
            ("another shape".to_owned(), b"{\"v\":3,\"who\":[\"alice\"]}".to_vec()),
            ("a shape that is deep".to_owned(), format!("{{\"v\":4,\"x\":{}}}", deep(100)).into_bytes()),
            ("format 0".to_owned(), of_format(0)),
        ]
    });
    let (site, _) = site();
    fs::write(site.lock_file("src/auth.rs"), "{\"v\":3,\"who\":[\"alice\"]}").unwrap();
    let run = site.agent("alice").run(["acquire", "src/auth.rs"]).expect(65);
    assert!(run.err.contains("written by a newer swarmlock (format 3)"), "{run}");
}

#[test]
fn a_lock_file_about_another_resource_is_nobodys_and_not_free() {
    each(|site, good| {
        let copied = fs::read(site.lock_file("kept.rs")).unwrap();
        let name = fs::read(site.state("locks/names/deploy.lock")).unwrap();
        let turned = |to: &str| {
            let mut changed: Value = serde_json::from_slice(good).unwrap();
            changed["filepath"] = to.into();
            (to.to_owned(), serde_json::to_vec(&changed).unwrap())
        };
        vec![
            ("a copy of another".to_owned(), copied),
            ("a copy of a name's".to_owned(), name),
            turned("src/../src/auth.rs"),
            turned("/src/auth.rs"),
            turned("src//auth.rs"),
            turned("src/auth.RS"),
            turned("../../../etc/passwd"),
            turned(""),
        ]
    });
}

#[test]
fn what_a_later_version_added_is_kept_by_a_renewal_or_the_renewal_is_refused() {
    let (site, _) = site();
    let file = site.lock_file("src/auth.rs");
    let good = fs::read(&file).unwrap();
    let with = |added: &[u8]| [b"{\"added\": ", added, b",", &good[1..]].concat();
    fs::write(&file, with(b"{\"by\": [\"a later version\"]}")).unwrap();
    site.agent("alice").run(["renew", "src/auth.rs"]).expect(0);
    assert_eq!(site.lock_json("src/auth.rs")["added"]["by"][0], "a later version");
    for added in [deep(100_000).into_bytes(), deep(200).into_bytes(), b"\"\xff\"".to_vec(), b"1e999".to_vec()] {
        let bytes = with(&added);
        fs::write(&file, &bytes).unwrap();
        for command in ["renew", "acquire"] {
            refused(&site.agent("alice").run([command, "src/auth.rs", "--ttl", "1h"]), 65, FILE);
        }
        // Whatever they think of it, it is not free for others.
        let bob = site.agent("bob").run(["acquire", "src/auth.rs"]);
        assert!([10, 65].contains(&bob.code), "{bob}");
        assert!(fs::read(&file).unwrap() == bytes, "the file has been touched");
    }
}

#[test]
fn giving_up_everything_gives_up_all_but_the_damaged_one_and_says_so() {
    let (site, token) = site();
    fs::write(site.lock_file("src/auth.rs"), "garbage").unwrap();
    let run = site.agent("alice").run(["release", "--mine"]).expect(65);
    assert!(run.out.starts_with("released\tkept.rs\t") && run.out.lines().count() == 1, "{run}");
    complained(&run, FILE);
    complained(&site.nobody().run(["release", "--token", &token]).expect(65), FILE);
    assert_eq!(fs::read(site.lock_file("src/auth.rs")).unwrap(), b"garbage");
    holds(&site, "bob", "name:deploy");
}

#[test]
fn only_what_is_named_as_a_lock_is_one_and_what_is_none_then_is_reported_and_left() {
    let (site, _) = site();
    for (name, code) in [("paths/-/notes.txt", 0), ("paths/.DS_Store", 0), ("paths/-/notes.lock", 65)] {
        let stray = site.state("locks").join(name);
        fs::write(&stray, "hello").unwrap();
        private(&stray);
        let list = site.agent("bob").run(["list"]).expect(code);
        assert_eq!(list.out.lines().count(), 3, "{list}");
        if code == 65 {
            complained(&list, name);
        }
        site.agent("bob").run(["cleanup"]).expect(code);
        assert_eq!(fs::read(&stray).unwrap(), b"hello");
    }
    works(&site, "notes.txt");
    // Nor do they stand in the way of a new era, in which what is damaged is set aside.
    end_the_era(&site);
    works(&site, "notes.txt");
    site.agent("bob").run(["list"]).expect(0);
}
