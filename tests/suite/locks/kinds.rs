//! Paths, trees, patterns and names: what excludes what.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use super::{columns, events, expire_all, held, lock_files, nothing_is_locked, remove, rows};
use crate::harness::{Call, Site};

/// Pairs and whether they have a file in common. What follows `=` is taken literally.
const MATRIX: &[(&str, &str, bool)] = &[
    // Paths and trees, by components.
    ("src/a.rs", "src/a.rs", true),
    ("src/a.rs", "src/A.rs", false),
    ("src/a.rs", "src/a", false),
    ("src/", "=src", true),
    ("src/", "src/a/b.rs", true),
    ("src/", "srcs/a.rs", false),
    ("src/a/", "=src", false),
    ("src/", "src/a/", true),
    ("src/a/", "src/b/", false),
    ("src/", "src/", true),
    (".", "a", true),
    (".", "src/", true),
    (".", "**/x", true),
    (".", ".", true),
    // `**` must stand for at least one directory, elsewhere.
    ("src/**/*.py", "src/main.py", true),
    ("src/**/*.py", "src/auth/login.py", true),
    ("**/*.py", "a.py", true),
    ("src/**", "=src", true),
    ("src/**", "src/", true),
    ("src/**", "src/a", true),
    ("src/auth/**", "src/auth/a.py", true),
    // `*` crosses `/`, elsewhere.
    ("src/*.py", "src/auth/deep/x.py", false),
    ("*", "a/b", false),
    ("*", "a", true),
    // Two patterns compared as texts, elsewhere.
    ("src/a*.py", "src/*b.py", true),
    ("src/x?.py", "src/[xy]1.py", true),
    ("src/x?.py", "src/[yz]1.py", false),
    ("src/**/*.py", "src/auth/*.py", true),
    ("src/**", "src/a.py", true),
    ("lib/**", "lib/*.py", true),
    ("lib/**", "lib/x/y.py", true),
    ("lib/**", "lib/**", true),
    // Only what comes before the first wildcard compared, elsewhere.
    ("src/*.rs", "src/*.py", false),
    ("src/**/*.test.ts", "src/**/*.snap", false),
    ("*.md", "*.rs", false),
    ("**/a/*.c", "**/b/*.c", false),
    // Directories that cover nothing, elsewhere.
    ("src/", "src/a.py", true),
    ("src/", "src/*.py", true),
    ("src/", "*/a.py", true),
    ("src/", "lib/*.py", false),
    ("src/web/", "src/*.py", false),
    ("src/web/", "src/*", true),
    // Names with brackets.
    ("=app/[id]/page.tsx", "app/i/page.tsx", false),
    ("=app/[id]/page.tsx", "=app/[id]/page.tsx", true),
    ("=app/[id]/page.tsx", "app/*/page.tsx", true),
    ("=app/[id]/page.tsx", "app/[[]id]/*", true),
    ("app/[id]/page.tsx", "app/i/page.tsx", true),
    // Braces.
    ("src/*.{py,js}", "src/a.py", true),
    ("src/*.{py,js}", "src/a.js", true),
    ("src/*.{py,js}", "src/a.rs", false),
    // A class never matches `/`.
    ("a[!b]c", "a/c", false),
    ("a[!b]c", "a/*", false),
    ("a[+-9]c", "*/c", false),
    // A character is no byte, and a newline is one.
    ("?.md", "é.md", true),
    ("a*b", "a\nb", true),
    ("a?b", "a\nb", true),
    // What no path can be.
    ("{.,a}", "[!a]", false),
    ("{a,}/b", "?b", false),
    (".*", "*.", true),
    ("a/{..,b}/c", "a/?[!b]/c", false),
    // Names are no files.
    ("name:src", "src/", false),
    ("name:a", "=./name:a", false),
    ("name:a", "**", false),
    ("name:*", "name:a", false),
    ("name:a/b", "name:a", false),
    ("name:a", "name:a", true),
];

fn split(text: &str) -> (&str, &[&str]) {
    text.strip_prefix('=').map_or((text, &[]), |text| (text, &["--literal"]))
}

/// Runs a command on one of the texts of the matrix.
fn on(call: Call, command: &str, text: &str, code: i32) -> crate::harness::Run {
    let (text, literal) = split(text);
    call.run([&[command], literal, &["--", text]].concat()).expect(code)
}

#[test]
fn two_agents_hold_what_has_no_file_in_common_and_nothing_else_whoever_comes_first() {
    let site = Site::new();
    for (a, b, overlap) in MATRIX.iter().flat_map(|(a, b, overlap)| [(a, b, *overlap), (b, a, *overlap)]) {
        let refused = if overlap { 10 } else { 0 };
        on(site.agent("alice"), "acquire", a, 0);
        assert_eq!(on(site.agent("bob"), "check", b, refused).out.starts_with("held\t"), overlap, "{a} and {b}");
        let who = on(site.nobody(), "who", b, if overlap { 0 } else { 13 });
        assert_eq!(who.out.contains("\talice\tlive\t"), overlap, "{a} and {b}: {who}");
        let run = on(site.agent("bob"), "acquire", b, refused);
        assert_eq!(run.err.contains(" is held by alice since "), overlap, "{a} and {b}: {run}");
        assert_eq!(held(&site).len(), if overlap { 1 } else { 2 }, "{a} and {b}");
        // One's own lease on what overlaps is no obstacle.
        assert!(on(site.agent("alice"), "check", a, 0).out.starts_with("mine\t"), "{a}");
        site.agent("bob").run(["release", "--mine"]).expect(0);
        on(site.agent("alice"), "acquire", b, 0);
        site.agent("alice").run(["release", "--mine"]).expect(0);
    }
    nothing_is_locked(&site);
}

/// src/web with page.rs and deep/x.rs, app/[id].tsx and link, which leads to src/web.
fn site_with_files() -> Site {
    let site = Site::new();
    for file in ["src/web/page.rs", "src/web/deep/x.rs", "app/[id].tsx", "app/i.tsx"] {
        site.file(file);
    }
    std::os::unix::fs::symlink("src/web", site.path("link")).unwrap();
    site
}

#[test]
fn a_directory_is_a_tree_a_pattern_a_pattern_and_what_exists_is_what_it_is_from_wherever_it_is_named() {
    let site = site_with_files();
    for (cwd, text, shown, kind, file) in [
        ("", "src/web", "src/web/", "tree", "trees/-/src%2Fweb.lock"),
        ("", "link", "src/web/", "tree", "trees/-/src%2Fweb.lock"),
        ("src", "web/", "src/web/", "tree", "trees/-/src%2Fweb.lock"),
        ("src/web", ".", "src/web/", "tree", "trees/-/src%2Fweb.lock"),
        ("src/web/deep", "../../..", "./", "tree", "trees/-/%2E.lock"),
        ("", "new/", "new/", "tree", "trees/-/new.lock"),
        ("", "src/web/page.rs", "src/web/page.rs", "path", "paths/-/src%2Fweb%2Fpage.rs.lock"),
        ("src", "../link/*.rs", "src/web/*.rs", "glob", "globs/-/src%2Fweb%2F%2A.rs.lock"),
        ("src", "./**/*.rs", "src/**/*.rs", "glob", "globs/-/src%2F%2A%2A%2F%2A.rs.lock"),
        ("", "**/**/**/x", "**/x", "glob", "globs/-/%2A%2A%2Fx.lock"),
        ("", "app/[id].tsx", "app/[id].tsx", "path", "paths/-/app%2F%5Bid%5D.tsx.lock"),
        ("", "app/[ij].tsx", "app/[ij].tsx", "glob", "globs/-/app%2F%5Bij%5D.tsx.lock"),
        ("src", "name:web", "name:web", "name", "names/web.lock"),
    ] {
        let call = || site.agent("alice").within(site.path(cwd));
        let lease = call().run(["acquire", "--json", text]).expect(0).json();
        assert_eq!((&lease["holder"]["resource"], &lease["holder"]["kind"]), (&shown.into(), &kind.into()), "{text}");
        assert_eq!(lock_files(&site), [file], "{text}");
        let list = site.nobody().run(["list"]).expect(0);
        assert_eq!(columns(&list, 3), [[shown, "alice", "live"]], "{list}");
        assert_eq!(
            list.out.trim_end().split('\t').skip(6).collect::<Vec<_>>(),
            ["exclusive", "-", "explicit"],
            "{list}"
        );
        let checked = call().run(["check", text]).expect(0);
        assert_eq!(columns(&checked, 2), [["mine", shown]], "{checked}");
        let released = call().run(["release", text]).expect(0);
        assert_eq!(columns(&released, 2), [["released", shown]], "{released}");
        nothing_is_locked(&site);
    }
}

#[test]
fn with_literal_wildcards_are_characters() {
    let site = site_with_files();
    let literal = site.agent("alice").run(["acquire", "--literal", "app/[ij].tsx"]).expect(0);
    assert!(literal.out.starts_with("acquired\tapp/[ij].tsx\t"), "{literal}");
    assert_eq!(lock_files(&site), ["paths/-/app%2F%5Bij%5D.tsx.lock"]);
    site.agent("bob").run(["acquire", "app/i.tsx"]).expect(0);
    site.agent("bob").run(["check", "--literal", "app/[ij].tsx"]).expect(10);
    site.agent("carol").run(["check", "--literal", "app/[i].tsx"]).expect(0);
    // The pattern of the same text is another thing, and overlaps what bob has.
    let refused = site.agent("alice").run(["acquire", "app/[ij].tsx"]).expect(10);
    assert!(refused.err.contains("app/i.tsx is held by bob"), "{refused}");
    let refused = site.agent("bob").run(["acquire", "--literal", "app/[ij].tsx"]).expect(10);
    assert!(refused.err.contains("next: swarmlock acquire --wait --literal 'app/[ij].tsx'\n"), "{refused}");
    site.agent("alice").run(["release", "app/[ij].tsx"]).expect(0);
    assert_eq!(held(&site), rows(&[("app/i.tsx", "bob")]));
}

#[test]
fn ones_own_locks_overlap_as_one_likes_and_each_excludes_others_until_it_is_given_up() {
    let site = Site::new();
    let all = ["src/", "src/**/*.rs", "src/a.rs", "**", "."];
    for text in all {
        site.agent("alice").run(["acquire", text]).expect(0);
    }
    assert_eq!(held(&site).len(), all.len());
    for text in all {
        let refused = site.agent("bob").run(["acquire", "src/a.rs"]).expect(10);
        assert_eq!(refused.err.matches(" is held by alice").count(), held(&site).len(), "each is named: {refused}");
        site.agent("alice").run(["release", text]).expect(0);
    }
    site.agent("bob").run(["acquire", "src/a.rs"]).expect(0);
}

#[test]
fn a_grant_ends_what_is_over_under_whatever_name_and_its_owner_is_told() {
    let kinds = ["src/a.rs", "src/", "src/**", "s*/*.rs", "."];
    for old in kinds {
        for new in kinds {
            for mode in [None, Some("--shared")] {
                let site = Site::new();
                let lease = site.agent("alice").run(["acquire", "--json", old]).expect(0).json();
                expire_all(&site, "alice");
                assert!(site.agent("bob").run(["check", new]).expect(0).out.starts_with("expired\t"));
                let args = ["acquire", "--json", new].into_iter().chain(mode);
                let run = site.agent("bob").run(args).expect(0);
                let taken = run.json();
                assert_eq!(taken["result"], "taken_over", "{old}, {new}: {run}");
                assert_eq!(taken["former"]["fence"], lease["holder"]["fence"], "{run}");
                assert!(run.err.contains("taken over from alice, whose lease was expired"), "{run}");
                let shown = if new == "." { "./" } else { new };
                assert_eq!(held(&site), rows(&[(shown, "bob")]));
                let [event] = &events(&site, "taken_over")[..] else { panic!("{old}, {new}: one event") };
                assert_eq!((&event["to"], &event["by"]), (&"alice".into(), &"bob".into()), "{old}, {new}");
                assert_eq!(event["former"]["agent_id"], "alice");
                // It does not come back.
                site.agent("bob").run(["release", new]).expect(0);
                nothing_is_locked(&site);
                site.agent("alice").run(["renew", old]).expect(13);
            }
        }
    }
}

#[test]
fn what_is_over_and_does_not_overlap_stays() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "src/a.rs", "lib/a.rs"]).expect(0);
    site.agent("alice").run(["acquire", "doc/a.md"]).expect(0);
    expire_all(&site, "alice");
    site.agent("bob").run(["acquire", "src/*.py"]).expect(0);
    assert_eq!(held(&site).len(), 4);
    // Of a lease over several, all ends with the one that is in the way.
    site.agent("bob").run(["acquire", "src/*.rs"]).expect(0);
    assert_eq!(held(&site), rows(&[("doc/a.md", "alice"), ("src/*.py", "bob"), ("src/*.rs", "bob")]));
}

#[test]
fn a_tree_whose_directory_is_gone_is_still_found_by_its_name() {
    for becomes in ["nothing", "a file", "a link"] {
        for commands in
            [["check", "who", "renew", "wait", "release"], ["check", "who", "renew", "wait", "force-release"]]
        {
            let site = site_with_files();
            site.agent("alice").run(["acquire", "src/web"]).expect(0);
            remove(&site.path("src/web"));
            match becomes {
                "a file" => drop(site.file("src/web")),
                "a link" => std::os::unix::fs::symlink("../app", site.path("src/web")).unwrap(),
                _ => {}
            }
            for command in commands {
                let args: &[&str] = if command == "force-release" { &["--yes"] } else { &[] };
                let run = site.agent("alice").run([&[command, "src/web"], args].concat()).expect(0);
                assert!(run.out.contains("src/web"), "{becomes}, {command}: {run}");
            }
            nothing_is_locked(&site);
        }
    }
}

#[test]
fn others_find_a_tree_whose_directory_is_gone() {
    let site = site_with_files();
    site.agent("alice").run(["acquire", "src/web"]).expect(0);
    remove(&site.path("src/web"));
    for text in ["src/web", "src/web/", "src/web/new.rs", "src/*/new.rs"] {
        site.agent("bob").run(["check", text]).expect(10);
        site.agent("bob").run(["acquire", text]).expect(10);
    }
    site.agent("bob").run(["release", "src/web"]).expect(12);
}

#[test]
fn a_text_that_output_shows_names_the_same_lock_again() {
    let site = Site::new();
    for text in [
        "a b*",
        "ünï*/é",
        "quote'*\"",
        "-x*",
        "*\n*",
        "tab\t*",
        r"\*lit*",
        r"back\\slash*",
        "[[]x]",
        "[!a-z]",
        "{a,b{c,d}}",
        "**/[*?]",
        "name*:x",
        "./name:*",
        "#*",
        "$(id)*",
        "`*`",
        "*;ls",
        "%2F*",
        "~*",
        "é",
        "-",
        "--",
        "./name:x",
        " ",
        "a ",
        "new/",
        "-d/",
        r"a\b",
    ] {
        let lease = site.agent("alice").run(["acquire", "--json", "--", text]).expect(0).json();
        let shown = lease["holder"]["resource"].as_str().unwrap();
        for command in ["check", "who", "renew", "acquire", "release"] {
            let run = site.agent("alice").run([command, "--json", "--", shown]).expect(0);
            let about = &run.json_lines()[0];
            let named = [&about["resource"], &about["holder"]["resource"]];
            assert!(named.contains(&&shown.into()), "{text:?}, {command}: {run}");
        }
        nothing_is_locked(&site);
    }
}

#[test]
fn what_is_not_utf_8_is_a_path_a_tree_and_a_pattern_like_any_other() {
    let site = Site::new();
    let bytes = |text: &[u8]| OsString::from_vec(text.to_vec());
    let held: [(&[u8], &[u8], &str, &str); 3] = [
        (b"a\xff", b"a\xff", "61ff", "path"),
        (b"d\xfe/", b"d\xfe/x", "64fe", "tree"),
        (b"*\xff", b"b\xff", "2aff", "glob"),
    ];
    for (resource, inside, hex, kind) in held {
        let run = site.agent("alice").run([OsStr::new("acquire"), OsStr::new("--json"), OsStr::from_bytes(resource)]);
        let lease = run.expect(0).json();
        assert_eq!((&lease["holder"]["resource_hex"], &lease["holder"]["kind"]), (&hex.into(), &kind.into()));
        let call =
            |agent: &str, command: &str, text: &[u8]| site.agent(agent).run([bytes(command.as_bytes()), bytes(text)]);
        call("bob", "acquire", inside).expect(10);
        // Other bytes that a screen shows the same.
        call("bob", "acquire", &inside.replace(0xff, 0xfd)).expect(0);
        call("bob", "release", &inside.replace(0xff, 0xfd)).expect(0);
        call("alice", "renew", resource).expect(0);
        call("alice", "release", resource).expect(0);
        nothing_is_locked(&site);
    }
}

trait Replace {
    fn replace(&self, from: u8, to: u8) -> Vec<u8>;
}

impl Replace for [u8] {
    fn replace(&self, from: u8, to: u8) -> Vec<u8> {
        self.iter().map(|byte| if [from, 0xfe].contains(byte) { to } else { *byte }).collect()
    }
}

#[test]
fn a_file_that_did_not_exist_and_one_that_became_a_directory_are_excluded_as_before() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "new"]).expect(0);
    fs::create_dir(site.path("new")).unwrap();
    // It is a tree now: the tree overlaps the path that alice has.
    site.agent("bob").run(["acquire", "new"]).expect(10);
    assert!(site.agent("alice").run(["check", "new"]).expect(0).out.starts_with("mine\t"));
    assert!(site.agent("alice").run(["release", "new"]).expect(0).out.starts_with("released\tnew\t"));
    nothing_is_locked(&site);
}
