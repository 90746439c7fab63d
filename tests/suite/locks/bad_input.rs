//! What makes no sense, and lock files that do not fit together: never free where it may be held, never granted where
//! it is not.

use std::fs;

use serde_json::{Value, json};

use super::{
    columns, edit, held, lock_files, lock_path, nothing_is_locked, plant_lease, read, remove, resources, rows,
};
use crate::harness::{Run, Site};

const A: &str = "paths/-/a.lock";
const B: &str = "paths/-/b.lock";

/// A refusal for bad usage that says why and what to do, and makes nothing.
#[track_caller]
fn refused_as_usage(site: &Site, args: &[&str], why: &str) -> Run {
    let run = site.agent("alice").run([&["acquire"], args].concat()).expect(2);
    assert!(run.err.contains(why) && run.err.contains("\nnext: swarmlock "), "{why}: {run}");
    assert_eq!(run.out, "");
    assert!(run.err.len() < 2000, "short enough to be read: {run}");
    assert!(!site.state("").exists(), "{why}");
    run
}

#[test]
fn a_text_that_is_no_pattern_is_refused_and_nothing_is_made() {
    let site = Site::new();
    for (text, why) in [
        ("", "a path is 1 to 4096 bytes"),
        ("[", "the '[' at character 1 of the pattern has no ']'"),
        ("src/a[b", "the '[' at character 6 of the pattern has no ']'"),
        ("[]", "has no ']'"),
        ("[!]", "has no ']'"),
        ("{a,{b}", "the '{' at character 1 of the pattern has no '}'"),
        (r"*\", r"the pattern ends with a '\'"),
        ("[z-a]", "ends before it starts"),
        ("[[:alpha:]]", "names a class"),
        ("[/]", "no path can match the pattern"),
        ("{}", "no path can match the pattern"),
        ("{..}/*", "no path can match the pattern"),
        ("*/../x", "'..' may only stand before the first part with a wildcard"),
        ("**/..", "'..' may only stand before the first part with a wildcard"),
        ("../*", "it is outside the checkout"),
        ("src/../../*", "it is outside the checkout"),
        ("/etc/*", "it is outside the checkout"),
        (".agent_locks/*", "it is a file of swarmlock's own"),
    ] {
        refused_as_usage(&site, &["--", text], why);
        // Among others it is refused as well, and they are not locked.
        refused_as_usage(&site, &["--", "good", text], why);
    }
    for (text, why) in [
        ("{".repeat(40) + "a" + &"}".repeat(40), "more than 32 deep"),
        ("*a".repeat(2048), "too large to compare"),
        ("{a,b}".repeat(800), "too large to compare"),
        ("[a-z]".repeat(800), "too large to compare"),
        ("**/a/".repeat(800) + "b", "too large to compare"),
        ("*".repeat(4097), "a path is 1 to 4096 bytes"),
    ] {
        refused_as_usage(&site, &[&text], why);
        for command in ["check", "who"] {
            site.agent("alice").run([command, &text]).expect(2);
        }
    }
    // The control: what is only odd, or long in vain.
    for (text, shown) in [
        ("*".repeat(4096), "**"),
        ("**/".repeat(1365) + "x", "**/x"),
        ("**/".repeat(1364), "**"),
        ("src/../*".to_owned(), "*"),
        ("a?/.".to_owned(), "a?/**"),
        ("[]]".to_owned(), "[]]"),
        ("{,a}b".to_owned(), "{,a}b"),
    ] {
        let run = site.agent("alice").run(["acquire", &text]).expect(0);
        assert_eq!(resources(&run), [shown], "{run}");
        site.agent("alice").run(["release", &text]).expect(0);
    }
    nothing_is_locked(&site);
}

#[test]
fn a_lock_is_shared_or_exclusive_and_said_once() {
    let site = Site::new();
    refused_as_usage(&site, &["a", "--shared", "--exclusive"], "unexpected argument '--exclusive'");
    refused_as_usage(&site, &["a", "--shared", "--shared"], "cannot be used multiple times");
    refused_as_usage(&site, &["a", "--shared=yes"], "unexpected value 'yes' for '--shared'");
    refused_as_usage(&site, &[], "<RESOURCE>");
    refused_as_usage(&site, &["--shared"], "<RESOURCE>");
    site.agent("alice").run(["acquire", "--", "a", "--shared"]).expect(0);
    assert_eq!(held(&site), rows(&[("--shared", "alice"), ("a", "alice")]), "behind -- it is a path");
}

/// Nobody gets or gives up `a`, whose file is damaged, and it is not free; the others' locks work.
#[track_caller]
fn a_is_nobodys(site: &Site, what: &str) {
    for agent in ["alice", "bob"] {
        for command in ["acquire", "check", "who", "release", "renew"] {
            let run = site.agent(agent).run([command, "a"]).expect(65);
            assert!(run.err.contains(": damaged: ") && run.err.contains("\nnext: "), "{what}, {command}: {run}");
        }
        site.agent(agent).run(["acquire", "a", "x", "--shared"]).expect(65);
    }
    let cleaned = site.nobody().run(["cleanup"]).expect(65);
    assert_eq!(cleaned.out, "", "{what}");
    site.agent("bob").run(["acquire", "x"]).expect(0);
    site.agent("bob").run(["release", "x"]).expect(0);
}

#[test]
fn the_files_of_a_lease_name_it_or_it_is_damaged() {
    for (what, files) in [
        ("outside", json!(["paths/-/a.lock", "../../../etc/passwd"])),
        ("absolute", json!(["paths/-/a.lock", "/etc/passwd"])),
        ("above", json!(["paths/-/a.lock", "paths/../../era.json"])),
        ("no lock", json!(["paths/-/a.lock", "paths/-/notes.txt"])),
        ("another kind", json!(["paths/-/a.lock", "books/-/b.lock"])),
        ("empty", json!(["paths/-/a.lock", ""])),
        ("without itself", json!(["paths/-/b.lock", "paths/-/c.lock"])),
        ("fewer than resources", json!(["paths/-/a.lock"])),
        ("more than resources", json!(["paths/-/a.lock", "paths/-/b.lock", "paths/-/c.lock"])),
        ("not text", json!([1, 2])),
        ("no list", json!("paths/-/a.lock")),
    ] {
        let site = Site::new();
        site.agent("alice").run(["acquire", "a", "b"]).expect(0);
        edit(&site, A, |lock| lock["holders"][0]["files"] = files);
        let before = fs::read(lock_path(&site, A)).unwrap();
        a_is_nobodys(&site, what);
        assert_eq!(fs::read(lock_path(&site, A)).unwrap(), before, "{what}");
        // What says of itself that it is granted still is.
        site.agent("bob").run(["acquire", "b"]).expect(10);
    }
}

#[test]
fn a_part_whose_lease_is_nowhere_counts_for_nothing_and_is_swept() {
    type Change = fn(&Site);
    let ways: [(&str, Change); 4] = [
        ("the last file is gone", |site| remove(&lock_path(site, B))),
        ("another lease stands in the last", |site| {
            remove(&lock_path(site, B));
            site.agent("carol").run(["acquire", "b"]).expect(0);
        }),
        ("the same number is another agent's", |site| {
            let fence = read(site, B)["holders"][0]["fence"].as_u64().unwrap();
            plant_lease(site, B, "carol", fence, &["b"], &[]);
        }),
        ("in a file that never was", |site| {
            edit(site, A, |lock| lock["holders"][0]["files"] = json!(["paths/-/a.lock", "globs/gone/nothing.lock"]));
        }),
    ];
    for (what, change) in ways {
        for sweeper in ["cleanup", "acquire", "acquire --shared", "acquire several"] {
            let site = Site::new();
            site.agent("alice").run(["acquire", "a", "b"]).expect(0);
            change(&site);
            assert!(!site.nobody().run(["list"]).expect(0).out.contains("a\talice\t"), "{what}");
            for (agent, command, code) in
                [("alice", "check", 0), ("bob", "check", 0), ("bob", "who", 13), ("alice", "renew", 13)]
            {
                let run = site.agent(agent).run([command, "a"]).expect(code);
                assert!(command != "check" || run.out.starts_with("free\ta\t"), "{what}: {run}");
            }
            let released = site.agent("alice").run(["release", "a"]).expect(0);
            assert!(released.out.starts_with("free\t"), "{what}: {released}");
            assert!(lock_files(&site).contains(&A.to_owned()), "{what}: it is there until it is swept");
            if sweeper == "cleanup" {
                let run = site.nobody().run(["cleanup"]).expect(0);
                assert!(run.err.contains("half-made files or directories removed: 1"), "{what}: {run}");
                assert!(!lock_files(&site).contains(&A.to_owned()), "{what}");
            }
            let args: &[&str] = match sweeper {
                "acquire --shared" => &["acquire", "a", "--shared"],
                "acquire several" => &["acquire", "a", "x"],
                _ => &["acquire", "a"],
            };
            let run = site.agent("bob").run(args).expect(0);
            assert!(run.out.starts_with("acquired\ta\t"), "{what}, {sweeper}: {run}");
            let lock = read(&site, A);
            assert_eq!((lock["holders"].as_array().unwrap().len(), &lock["agent_id"]), (1, &"bob".into()), "{what}");
            site.agent("alice").run(["acquire", "a"]).expect(10);
        }
    }
}

#[test]
fn a_part_whose_lease_stands_in_a_damaged_file_is_not_free() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b"]).expect(0);
    for damage in ["", "{", "[]", "{\"v\":1}"] {
        fs::write(lock_path(&site, B), damage).unwrap();
        a_is_nobodys(&site, damage);
        assert_eq!(lock_files(&site), [A, B]);
    }
    fs::write(lock_path(&site, B), "{\"v\":9}").unwrap();
    site.agent("bob").run(["acquire", "a"]).expect(65);
}

#[test]
fn leases_that_point_at_themselves_or_at_each_other_are_held_and_can_be_given_up() {
    let fence = |site: &Site| read(site, A)["holders"][0]["fence"].as_u64().unwrap();
    for (what, of_a, of_b) in
        [("to itself", [B, A], [A, B]), ("in a circle", [A, B], [B, A]), ("twice to itself", [A, A], [B, B])]
    {
        for end in ["release a", "release b", "release a b", "release --mine", "force", "cleanup"] {
            let site = Site::new();
            site.agent("alice").run(["acquire", "a", "b"]).expect(0);
            let fence = fence(&site);
            plant_lease(&site, A, "alice", fence, &["a", "b"], &of_a);
            plant_lease(&site, B, "alice", fence, &["a", "b"], &of_b);
            assert_eq!(held(&site), rows(&[("a", "alice"), ("b", "alice")]), "{what}");
            for text in ["a", "b"] {
                site.agent("bob").run(["acquire", text]).expect(10);
                site.agent("alice").run(["renew", text]).expect(0);
                site.agent("alice").run(["acquire", text, "--ttl", "5m"]).expect(0);
                site.agent("bob").run(["acquire", text]).expect(10);
            }
            let args: Vec<&str> = match end {
                "force" => vec!["force-release", "a", "b", "--yes"],
                "cleanup" => {
                    super::expire_all(&site, "alice");
                    vec!["cleanup"]
                }
                _ => end.split(' ').collect(),
            };
            site.agent("alice").run(args).expect(0);
            // However odd it was: what is left is alice's or free, and goes with the rest of hers.
            for text in ["a", "b"] {
                site.agent("alice").run(["release", text]).expect(0);
            }
            site.nobody().run(["cleanup"]).expect(0);
            nothing_is_locked(&site);
        }
    }
}

#[test]
fn a_chain_of_files_is_held_where_its_end_may_be_held() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a", "b"]).expect(0);
    let fence = read(&site, A)["holders"][0]["fence"].as_u64().unwrap();
    // a counts if b does; b, by what stands in it, counts if c does, and c is not there.
    plant_lease(&site, B, "alice", fence, &["b", "c"], &[B, "paths/-/c.lock"]);
    site.agent("bob").run(["acquire", "a"]).expect(10);
    site.nobody().run(["cleanup"]).expect(0);
    site.nobody().run(["cleanup"]).expect(0);
    nothing_is_locked(&site);
}

#[test]
fn a_lock_file_of_an_unknown_kind_or_in_the_wrong_directory_is_no_lock_and_said_to_be_none() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let good = fs::read(lock_path(&site, A)).unwrap();
    for kind in ["tree", "glob", "name", "book", "Path", ""] {
        edit(&site, A, |lock| lock["kind"] = kind.into());
        a_is_nobodys(&site, kind);
        fs::write(lock_path(&site, A), &good).unwrap();
    }
    edit(&site, A, |lock| lock["worktree"] = "linked".into());
    a_is_nobodys(&site, "of another worktree");
    fs::write(lock_path(&site, A), &good).unwrap();
    for (file, blocked, free) in [
        ("trees/-/a.lock", "a/x", "b"),
        ("globs/-/a.lock", "a", "b"),
        ("names/a.lock", "name:a", "a/x"),
        ("paths/linked/a.lock", "a", "b"),
    ] {
        fs::create_dir_all(lock_path(&site, file).parent().unwrap()).unwrap();
        crate::hostile::private(lock_path(&site, file).parent().unwrap());
        crate::hostile::private(lock_path(&site, file).parent().unwrap().parent().unwrap());
        site.plant(format!("locks/{file}"), &good);
        let list = site.nobody().run(["list"]).expect(65);
        assert!(list.err.contains(&format!("locks/{file}: damaged: it is a lock on something else")), "{list}");
        assert_eq!(columns(&list, 2), [["a", "alice"]], "{list}");
        assert_eq!(site.nobody().run(["cleanup"]).expect(65).out, "");
        site.agent("alice").run(["acquire", blocked]).expect(65);
        site.agent("bob").run(["acquire", free]).expect(0);
        site.agent("bob").run(["release", free]).expect(0);
        remove(&lock_path(&site, file));
    }
    // Where none can stand it blocks nobody, with worktrees or without.
    for file in ["a.lock", "paths/a.lock", "trees/.DS_Store", "globs/notes"] {
        fs::create_dir_all(lock_path(&site, file).parent().unwrap()).unwrap();
        site.plant(format!("locks/{file}"), &good);
    }
    site.nobody().run(["list"]).expect(0);
    site.agent("bob").run(["acquire", "b", "c/", "*.x"]).expect(0);
    site.agent("bob").run(["acquire", "a"]).expect(10);
}

/// The lock file of `a`, shared by this many.
fn crowd(site: &Site, count: u64) {
    site.agent("agent-0").run(["acquire", "a", "--shared"]).expect(0);
    edit(site, A, |lock| {
        let first = lock["holders"][0].clone();
        let fence = first["fence"].as_u64().unwrap();
        let another = |n: u64| {
            let mut holder = first.clone();
            holder["agent_id"] = format!("agent-{n}").into();
            holder["fence"] = (fence + n).into();
            holder["lease"] = format!("l-{}", fence + n).into();
            holder["token"] = format!("{n:032x}").into();
            holder
        };
        lock["holders"] = (0..count).map(another).collect::<Vec<Value>>().into();
        lock["change"] = (fence + count).into();
    });
}

#[test]
fn ten_thousand_who_share_a_lock_are_too_many_and_as_many_as_fit_are_not() {
    let site = Site::new();
    crowd(&site, 10_000);
    assert!(fs::metadata(lock_path(&site, A)).unwrap().len() > 1 << 20);
    for (agent, args) in
        [("agent-7", &["release", "a"][..]), ("bob", &["acquire", "a", "--shared"]), ("bob", &["acquire", "a"])]
    {
        let run = site.agent(agent).run(args).expect(65);
        assert!(run.err.contains("paths/-/a.lock: larger than 262144 bytes") || run.err.contains("262144"), "{run}");
    }
    site.agent("bob").run(["acquire", "b"]).expect(0);

    // As many as fit, one after the other until there is no room.
    let site = Site::new();
    crowd(&site, 350);
    let mut last = 0;
    for n in 350..1000 {
        let run = site.agent(&format!("agent-{n}")).run(["acquire", "a", "--shared"]);
        if run.code != 0 {
            assert!(run.code == 16 && run.err.contains("wait until fewer share it"), "{run}");
            last = n;
            break;
        }
    }
    assert!(last > 350, "some more came in");
    assert_eq!(site.nobody().run(["list"]).expect(0).out.lines().count(), last);
    assert_eq!(fs::read_dir(site.state("tmp")).unwrap().count(), 0);
    let refused = site.agent("bob").run(["acquire", "a"]).expect(10);
    assert_eq!(refused.err.matches(" (shared) since ").count(), 10, "the others are counted: {refused}");
    // One goes, one comes.
    site.agent("agent-0").run(["release", "a"]).expect(0);
    site.agent("bob").run(["acquire", "a", "--shared"]).expect(0);
}

#[test]
fn every_limit_of_the_configuration_holds() {
    let site = Site::new();
    site.agent("alice").run(["init"]).expect(0);
    site.plant(
        "config.toml",
        "default_ttl = \"90s\"\nguard_wait = \"10ms\"\nmax_resources = 2\nmax_reason = 5\nredact = ['agent-[0-9]+']\n",
    );
    let lease = site.agent("alice").run(["acquire", "--json", "a", "b", "--reason", "12345"]).expect(0).json_lines();
    assert_eq!((&lease[0]["holder"]["ttl_s"], lease.len()), (&90.into(), 2));
    site.agent("alice").run(["acquire", "c", "--reason", "123456"]).expect(16);
    site.agent("alice").run(["acquire", "c", "d", "e"]).expect(16);
    let redacted = site.agent("alice").run(["acquire", "c", "--reason", "agent-123456789"]).expect(0);
    assert!(redacted.err.contains("replaced by ***"), "{redacted}");
    assert_eq!(read(&site, "paths/-/c.lock")["reason"], "***");
    let guard = site.hold_guard();
    site.agent("alice").run(["acquire", "d"]).expect(75);
    drop(guard);
    let before = lock_files(&site);
    for bad in [
        "default_ttl = \"0s\"",
        "default_ttl = \"25h\"",
        "default_ttl = 900",
        "guard_wait = \"2h\"",
        "guard_wait = \"-1s\"",
        "max_resources = 0",
        "max_resources = 1001",
        "max_resources = \"2\"",
        "max_resources = 2.0",
        "max_reason = 0",
        "max_reason = 8193",
        "redact = ['(']",
        "redact = ['']",
        "redact = 'x'",
        "max_holders = 1",
    ] {
        site.plant("config.toml", format!("{bad}\n"));
        let run = site.agent("alice").run(["acquire", "d", "--reason", "x"]).expect(78);
        assert!(run.err.contains("config.toml") && run.err.contains("\nnext: swarmlock config check"), "{bad}: {run}");
        site.agent("alice").run(["config", "check"]).expect(78);
    }
    assert_eq!(lock_files(&site), before);
}
