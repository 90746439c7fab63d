//! One file, one lock, however its path is written.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::symlink,
    },
};

use crate::harness::{Run, Site};

/// src/auth.rs, and the links that lead to it or nowhere.
fn linked() -> Site {
    let site = Site::new();
    site.file("src/auth.rs");
    site.file("src/deep/er/x");
    for (link, target) in [
        ("link-to-file", "src/auth.rs"),
        ("chain", "link-to-file"),
        ("longer-chain", "./src/../chain"),
        ("link-to-dir", "src"),
        ("src/up", ".."),
        ("src/deep/back", "../../src/deep/../auth.rs"),
        ("loop", "loop2"),
        ("loop2", "loop"),
        ("dangling", "src/not-yet.rs"),
        ("deep-dangling", "gone/away/x"),
        ("out-file", "/etc/hostname"),
        ("out-relative", "../elsewhere"),
        ("out-dir", "/usr"),
        ("through-out", "out-file"),
    ] {
        symlink(target, site.path(link)).unwrap();
    }
    let absolute = fs::canonicalize(site.root()).unwrap();
    symlink(absolute.join("src/auth.rs"), site.path("absolute-link")).unwrap();
    // Out of the checkout and in again.
    symlink(format!("../{}/src/auth.rs", absolute.file_name().unwrap().to_str().unwrap()), site.path("round")).unwrap();
    site
}

fn acquire(site: &Site, agent: &str, from: &str, path: impl AsRef<OsStr>) -> Run {
    site.agent(agent).within(site.path(from)).run([OsStr::new("acquire"), OsStr::new("--"), path.as_ref()])
}

/// The resource of the only lock.
fn only_lock(site: &Site) -> String {
    let locks = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    assert_eq!(locks.len(), 1, "{locks:?}");
    locks[0]["resource"].as_str().unwrap().to_owned()
}

#[test]
fn all_spellings_of_one_file_meet_in_one_lock() {
    let site = linked();
    let absolute = fs::canonicalize(site.path("src/auth.rs")).unwrap().into_os_string().into_string().unwrap();
    let doubled = absolute.replace('/', "//");
    let spellings = [
        ("", "src/auth.rs"),
        ("", "./src/auth.rs"),
        ("", "src//auth.rs"),
        ("", "src/./auth.rs"),
        ("", "src/deep/../auth.rs"),
        ("", "src/deep/er/../../auth.rs"),
        ("", "src/not-there/../auth.rs"),
        ("", &absolute),
        ("", &doubled),
        ("", "link-to-file"),
        ("", "chain"),
        ("", "longer-chain"),
        ("", "absolute-link"),
        ("", "round"),
        ("", "link-to-dir/auth.rs"),
        ("", "link-to-dir/up/src/auth.rs"),
        ("", "src/deep/back"),
        // What is above a link's target, not above the link.
        ("", "link-to-dir/../src/auth.rs"),
        ("src", "auth.rs"),
        ("src", "up/src/auth.rs"),
        ("src", "../chain"),
        ("src/deep/er", "../../auth.rs"),
        ("src/deep/er", &absolute),
        ("link-to-dir", "auth.rs"),
    ];
    acquire(&site, "alice", "", "src/auth.rs").expect(0);
    for (from, spelling) in spellings {
        let refused = acquire(&site, "bob", from, spelling);
        assert_eq!(refused.code, 10, "{spelling} from {from:?}: {refused}");
        assert!(refused.err.contains("src/auth.rs is held by alice"), "{spelling} from {from:?}: {refused}");
    }
    site.agent("alice").run(["release", "src/auth.rs"]).expect(0);
    for (from, spelling) in spellings {
        acquire(&site, "alice", from, spelling).expect(0);
        assert_eq!(only_lock(&site), "src/auth.rs", "{spelling} from {from:?}");
        let released = site.agent("alice").within(site.path(from)).run(["release", spelling]).expect(0);
        assert!(released.out.starts_with("released\tsrc/auth.rs\t"), "{spelling} from {from:?}: {released}");
    }
}

#[test]
fn different_files_do_not_meet() {
    let site = linked();
    let mut held = 0;
    for path in
        ["src/auth.rs", "src/Auth.rs", "auth.rs", "src%2Fauth.rs", "src/auth.rs ", "-", "name", "name:src/auth.rs"]
    {
        let run = acquire(&site, "alice", "", path).expect(0);
        assert!(run.out.starts_with("acquired\t"), "{path}: {run}");
        held += 1;
        assert_eq!(site.nobody().run(["list"]).out.lines().count(), held, "{path}");
    }
}

#[test]
fn a_file_called_as_a_name_is_written_is_no_name() {
    let site = Site::new();
    site.file("name:x");
    acquire(&site, "alice", "", "name:x").expect(0);
    acquire(&site, "bob", "", "./name:x").expect(0);
    let listed = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    let kinds: Vec<_> = listed.iter().map(|lock| (&lock["kind"], &lock["agent_id"])).collect();
    assert_eq!(kinds, [(&"name".into(), &"alice".into()), (&"path".into(), &"bob".into())]);
    assert!(
        acquire(&site, "alice", "", "./name:x").expect(10).err.ends_with("next: swarmlock acquire --wait ./name:x\n")
    );
}

#[test]
fn a_link_that_leads_nowhere_is_the_file_that_would_be_there() {
    let site = linked();
    for (link, file) in [("dangling", "src/not-yet.rs"), ("deep-dangling", "gone/away/x")] {
        acquire(&site, "alice", "", link).expect(0);
        let run = acquire(&site, "bob", "", file).expect(10);
        assert!(run.err.contains(&format!("{file} is held by alice")), "{run}");
    }
}

#[test]
fn a_link_that_leads_out_of_the_checkout_is_its_own_key_and_nothing_behind_it_is() {
    let site = linked();
    let elsewhere = Site::outside_git();
    elsewhere.file("file");
    symlink("file", elsewhere.path("link")).unwrap();
    symlink(elsewhere.path("link"), site.path("out-link")).unwrap();
    for (link, key) in [
        ("out-file", "out-file"),
        ("out-relative", "out-relative"),
        ("through-out", "out-file"),
        ("out-link", "out-link"),
    ] {
        acquire(&site, "alice", "", link).expect(0);
        assert_eq!(only_lock(&site), key, "{link}");
        site.agent("alice").run(["release", link]).expect(0);
    }
    for outside in
        ["out-dir/lib", "out-dir/../etc/hostname", "/etc/hostname", "../x", "src/../../x", "src/up/../x", "/"]
    {
        let run = acquire(&site, "alice", "", outside).expect(2);
        assert!(run.err.contains("it is outside the checkout"), "{outside}: {run}");
    }
    // A directory out there is no tree of ours.
    for outside in ["out-dir", "out-dir/", "out-dir/*.so"] {
        let run = acquire(&site, "alice", "", outside).expect(2);
        assert!(run.err.contains("it is outside the checkout"), "{outside}: {run}");
    }
}

#[test]
fn a_path_that_names_nothing_is_refused_with_the_reason() {
    let site = linked();
    for (path, why) in [
        ("loop", "its symbolic links go round in circles"),
        ("loop/x", "its symbolic links go round in circles"),
        ("src/auth.rs/x", "a part of it before a '/' is not a directory"),
        ("src/auth.rs/", "a part of it before a '/' is not a directory"),
        ("src/auth.rs/..", "a part of it before a '/' is not a directory"),
        ("chain/x", "a part of it before a '/' is not a directory"),
        ("src/auth.rs/.", "a part of it before a '/' is not a directory"),
        ("src/auth.rs/*", "a part of it before a '/' is not a directory"),
        ("loop/*", "its symbolic links go round in circles"),
        ("src/*/../*.rs", "in a pattern, '..' may only stand before the first part with a wildcard"),
        ("", "a path is 1 to 4096 bytes"),
    ] {
        for command in ["acquire", "check", "who"] {
            let run = site.agent("alice").run([command, "--", path]).expect(2);
            assert!(run.err.contains(why), "{command} {path}: {run}");
        }
    }
    assert!(!site.state("").exists());
}

#[test]
fn a_path_that_looks_like_a_pattern_is_a_file_if_it_exists_or_is_said_to_be_one() {
    let site = Site::new();
    site.file("app/[id].tsx");
    acquire(&site, "alice", "", "app/[id].tsx").expect(0);
    site.agent("alice").run(["acquire", "--literal", "a*b"]).expect(0);
    let run = site.agent("bob").run(["acquire", "a*b", "--literal"]).expect(10);
    assert!(run.err.ends_with("next: swarmlock acquire --wait --literal 'a*b'\n"), "{run}");
    site.agent("bob").run(["who", "--literal", "a*b"]).expect(0);
    assert_eq!(site.nobody().run(["list"]).out.lines().count(), 2);
}

#[test]
fn bytes_that_are_no_text_are_kept_exactly() {
    let site = Site::new();
    let name = OsString::from_vec(b"b\xffd/\xfe".to_vec());
    fs::create_dir(site.path(OsStr::from_bytes(b"b\xffd"))).unwrap();
    acquire(&site, "alice", "", &name).expect(0);
    let file = site.state("locks/paths/-/b%FFd%2F%FE.lock");
    let lock: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((&lock["filepath_hex"], &lock["filepath"]), (&"62ff642ffe".into(), &"b\u{fffd}d/\u{fffd}".into()));
    let held = acquire(&site, "bob", "", &name).expect(10);
    assert!(held.err.ends_with("next: swarmlock acquire --wait $'b\\377d/\\376'\n"), "{held}");
    for near in [&b"b\xfed/\xfe"[..], "b\u{fffd}d/\u{fffd}".as_bytes()] {
        acquire(&site, "bob", "", OsStr::from_bytes(near)).expect(0);
    }
    let listed = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    assert_eq!(listed.iter().filter(|lock| lock["resource"] == "b\u{fffd}d/\u{fffd}").count(), 3);
    let hex: Vec<_> = listed.iter().map(|lock| lock["resource_hex"].as_str()).collect();
    assert_eq!(hex, [None, Some("62fe642ffe"), Some("62ff642ffe")], "only the bytes tell them apart");
    let released = site.agent("alice").run([OsStr::new("release"), &name]).expect(0);
    assert!(released.out.starts_with("released\t"), "{released}");
}

#[test]
fn very_long_names_are_cut_on_disk_and_still_told_apart() {
    let site = Site::new();
    let deep = |last: &str| format!("{}{last}", format!("{}/", "d".repeat(200)).repeat(19));
    let (one, two) = (deep("one"), deep("two"));
    acquire(&site, "alice", "", &one).expect(0);
    acquire(&site, "bob", "", &one).expect(10);
    acquire(&site, "bob", "", &two).expect(0);
    let names: Vec<_> = fs::read_dir(site.state("locks/paths/-")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2);
    for name in names {
        let name = name.into_string().unwrap();
        assert!(name.len() == 120 + 1 + 32 + 5 && name.as_bytes()[120] == b'~', "{name}");
    }
    let listed = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    let mut resources: Vec<_> = listed.iter().map(|lock| lock["resource"].as_str().unwrap()).collect();
    resources.sort_unstable();
    assert_eq!(resources, [&one, &two]);

    let part = acquire(&site, "alice", "", "x".repeat(256)).expect(2);
    assert!(part.err.contains("a part of it is longer than the file system allows"), "{part}");
    acquire(&site, "alice", "", "x".repeat(255)).expect(0);
    let whole = acquire(&site, "alice", "", "x/".repeat(2049)).expect(2);
    assert!(whole.err.contains("a path is 1 to 4096 bytes"), "{}", whole.err.len());
}

#[test]
fn names_with_blanks_quotes_and_newlines_are_names_like_any_other() {
    let site = Site::new();
    for name in
        ["a\nb", " a", "it's", "\"q\"", "$HOME", "\u{202e}x", "\x1b[31m", "-rf", "--", "~", "a\\b", "name", "%41"]
    {
        site.file(name);
        acquire(&site, "alice", "", name).expect(0);
        acquire(&site, "bob", "", name).expect(10);
    }
    let listed = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    assert_eq!(listed.len(), 13);
    assert!(listed.iter().any(|lock| lock["resource"] == "a\nb"));
}
