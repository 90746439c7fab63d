//! What a text names: a path, a tree, a pattern or a name.

use std::{ffi::OsStr, fs, os::unix::fs::symlink, path::Path};

use serde_json::Value;
use swarmlock::{
    checkout::Checkout,
    domain::{Glob, Kind, Resource},
};

use crate::harness::Site;

/// Files, directories and links, some with wildcards in their names.
fn site() -> Site {
    let site = Site::new();
    for file in
        ["src/a.rs", "src/deep/b.rs", "app/[id]/page.tsx", "app/[id].tsx", "star*", r"back\slash/x", "a[1]/{x}/y"]
    {
        site.file(file);
    }
    fs::create_dir(site.path("empty")).unwrap();
    for (link, target) in [
        ("to-src", "src"),
        ("to-new/..", ""),
        ("to-src-slash", "src/"),
        ("to-nothing", "nothing"),
        ("to-nothing-slash", "nothing/"),
        ("dangling*", "not-yet"),
        ("link[1]", "src"),
    ] {
        if !target.is_empty() {
            symlink(target, site.path(link)).unwrap();
        }
    }
    site
}

/// The kind and the key that a lock on `text` gets, as its file says, and the file's place.
#[track_caller]
fn locked(site: &Site, cwd: &str, args: &[&str]) -> (String, String, String) {
    let text = args.join(" ");
    let run = site.agent("alice").within(site.path(cwd)).run([&["acquire"], args].concat());
    assert_eq!(run.code, 0, "{text}: {run}");
    let mut found = Vec::new();
    for family in ["paths", "trees", "globs"] {
        for entry in fs::read_dir(site.state(format!("locks/{family}/-"))).into_iter().flatten() {
            found.push((family, entry.unwrap().path()));
        }
    }
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    let (family, file) = &found[0];
    let lock: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(lock["worktree"], Value::Null, "{text}");
    site.agent("alice").run(["release", "--mine"]).expect(0);
    assert!(!file.exists(), "{text}");
    let string = |key: &str| lock[key].as_str().unwrap().to_owned();
    (string("kind"), string("filepath"), (*family).to_owned())
}

#[track_caller]
fn is(site: &Site, cwd: &str, args: &[&str], kind: &str, key: &str) {
    let found = locked(site, cwd, args);
    assert_eq!(found, (kind.to_owned(), key.to_owned(), format!("{kind}s")), "{args:?} in {cwd:?}");
}

#[test]
fn a_directory_and_what_is_written_as_one_is_a_tree() {
    let site = site();
    for (cwd, text, key) in [
        ("", "src", "src"),
        ("", "src/", "src"),
        ("", "src//", "src"),
        ("", "src/.", "src"),
        ("", "src/deep/..", "src"),
        ("", ".", "."),
        ("", "./", "."),
        ("", "src/..", "."),
        ("src", "..", "."),
        ("src", ".", "src"),
        ("src/deep", "./", "src/deep"),
        ("", "empty", "empty"),
        ("", "new/", "new"),
        ("", "new/deeper/", "new/deeper"),
        ("", "new/.", "new"),
        ("", "new/deeper/..", "new"),
        ("src", "../new/", "new"),
        ("", "to-src", "src"),
        ("", "to-src/", "src"),
        ("", "to-src-slash", "src"),
        ("", "to-src/deep", "src/deep"),
        ("", "to-nothing/", "nothing"),
        ("", "to-nothing-slash", "nothing"),
        ("", "app/[id]", "app/[id]"),
        ("", "app/[id]/", "app/[id]"),
        ("", "link[1]", "src"),
        ("", "a[1]/{x}", "a[1]/{x}"),
        ("", ".git", ".git"),
    ] {
        is(&site, cwd, &[text], "tree", key);
        is(&site, cwd, &["--literal", text], "tree", key);
    }
    is(&site, "", &["--literal", "new*/"], "tree", "new*");
    let root = fs::canonicalize(site.root()).unwrap();
    is(&site, "src", &[root.to_str().unwrap()], "tree", ".");
}

#[test]
fn what_exists_or_has_no_wildcards_is_a_path() {
    let site = site();
    for (cwd, text, key) in [
        ("", "src/a.rs", "src/a.rs"),
        ("", "new", "new"),
        ("", "src/new.rs", "src/new.rs"),
        ("", "to-nothing", "nothing"),
        ("", "app/[id].tsx", "app/[id].tsx"),
        ("app", "[id].tsx", "app/[id].tsx"),
        ("", "app/[id]/page.tsx", "app/[id]/page.tsx"),
        ("", "app/[id]/new.tsx", "app/[id]/new.tsx"),
        ("", "star*", "star*"),
        ("", "dangling*", "not-yet"),
        ("", "link[1]/a.rs", "src/a.rs"),
        ("", r"back\slash/x", r"back\slash/x"),
        ("", r"new\x", r"new\x"),
        ("", "]", "]"),
        ("", "a}", "a}"),
        ("", "!x", "!x"),
        // In a pattern without wildcards, what is behind the backslashes.
        ("", r"app/\[new\].tsx", "app/[new].tsx"),
        ("", r"star\*", "star*"),
    ] {
        is(&site, cwd, &[text], "path", key);
    }
    for text in ["a*b", "src/*.rs", "x?", "[id]", "{a,b}", r"\*"] {
        is(&site, "", &["--literal", text], "path", text);
    }
}

#[test]
fn what_has_wildcards_and_does_not_exist_is_a_pattern_below_a_directory() {
    let site = site();
    let root = fs::canonicalize(site.root()).unwrap().to_str().unwrap().to_owned();
    for (cwd, text, dir, pattern) in [
        ("", "*", "", "*"),
        ("", "*.rs", "", "*.rs"),
        ("", "**", "", "**"),
        ("", "src/*.rs", "src", "*.rs"),
        ("", "./src//*.rs", "src", "*.rs"),
        ("src", "*.rs", "src", "*.rs"),
        ("src", "../app/*", "app", "*"),
        ("src/deep", "../../*", "", "*"),
        ("", "src/deep/../*.rs", "src", "*.rs"),
        ("", "src/./**/./x//y", "src", "**/x/y"),
        ("", "to-src/*.rs", "src", "*.rs"),
        ("", "to-nothing/*.rs", "nothing", "*.rs"),
        ("", "link[1]/*.rs", "src", "*.rs"),
        ("", "new/?", "new", "?"),
        ("", "src/[!a-c].rs", "src", "[!a-c].rs"),
        ("", "{src,app}/*", "", "{src,app}/*"),
        ("", "{src/deep,app}/*", "", "{src/deep,app}/*"),
        ("", "src/{a,deep/b}.rs", "src", "{a,deep/b}.rs"),
        ("", "app/[id]/*.tsx", "app/[id]", "*.tsx"),
        ("", "app/[xyz]/*.tsx", "app", "[xyz]/*.tsx"),
        ("", r"app/\[id\]/*.tsx", "app/[id]", "*.tsx"),
        ("", r"app/\[new\]/*.tsx", "app/[new]", "*.tsx"),
        ("", r"app/*\[new\]", "app", r"*\[new\]"),
        ("", r"back\slash/*", r"back\slash", "*"),
        ("", r"back\slashed/*", "backslashed", "*"),
        ("", "a[1]/{x}/*", "a[1]/{x}", "*"),
        ("", "a[1]/{y}/*", "a[1]", "{y}/*"),
        ("", "a[1]/[{]x}/*", "a[1]", "[{]x}/*"),
        // A directory's pattern is of all that is below.
        ("", "src/*/", "src", "*/**"),
        ("", "src/*/.", "src", "*/**"),
        ("", "src/**/", "src", "**/**"),
    ] {
        let prefix = String::from_utf8(Glob::escape(dir.as_bytes())).unwrap();
        let slash = if dir.is_empty() { "" } else { "/" };
        let key = format!("{prefix}{slash}{pattern}");
        // Stars in a row are one pattern.
        let key = String::from_utf8(Glob::new(key.as_bytes()).unwrap().as_bytes().to_vec()).unwrap();
        let found = locked(&site, cwd, &[text]);
        assert_eq!((found.0.as_str(), found.2.as_str()), ("glob", "globs"), "{text}");
        assert_eq!(found.1, key, "{text} in {cwd:?}");
    }
    let absolute = format!("{root}/src/*.rs");
    is(&site, "src/deep", &[&absolute], "glob", "src/*.rs");
}

#[test]
fn a_pattern_that_is_none_is_refused_with_the_reason() {
    let site = site();
    symlink("/usr", site.path("out")).unwrap();
    for (text, why) in [
        ("src/*/..", "'..' may only stand before the first part with a wildcard"),
        ("*/../x", "'..' may only stand before the first part with a wildcard"),
        ("src/{a,b}/../c/*", "'..' may only stand before the first part with a wildcard"),
        ("../*", "it is outside the checkout"),
        ("/usr/*", "it is outside the checkout"),
        ("out/*", "it is outside the checkout"),
        ("src/a.rs/*", "is not a directory"),
        (".agent_locks/*", "it is a file of swarmlock's own"),
        (".agent_locks/locks/[a]", "it is a file of swarmlock's own"),
        (".agent_locks", "it is a file of swarmlock's own"),
        (".agent_locks/new/", "it is a file of swarmlock's own"),
    ] {
        for command in ["acquire", "check"] {
            let run = site.agent("alice").run([command, text]).expect(2);
            assert!(run.err.contains(why) && run.err.contains("\nnext: "), "{command} {text}: {run}");
        }
    }
    // The control: beside them, patterns are taken.
    site.agent("alice").run(["acquire", "src/*"]).expect(0);
    site.agent("alice").run(["acquire", "name:*"]).expect(0);
}

#[test]
fn what_is_wrong_with_a_pattern_is_said_with_the_whole_pattern() {
    let site = site();
    for (cwd, text, key) in [
        ("", "src/[a", "src/[a"),
        ("src", "[a", "src/[a"),
        ("src", "{a,b", "src/{a,b"),
        ("", "*/{a/../b,c}", ""),
        ("", "src/*/{a,b/", "src/*/{a,b/**"),
        ("to-src", "[z-a]", "src/[z-a]"),
    ] {
        let Err(why) = Glob::new(key.as_bytes()) else { continue };
        let run = site.agent("alice").within(site.path(cwd)).run(["acquire", text]).expect(2);
        let whole = if key.is_empty() || key == text { String::new() } else { format!(" ({key})") };
        let why = if key.is_empty() { "'..' may only stand".to_owned() } else { why.to_string() };
        assert!(run.err.contains(&format!("{text}{whole}: ")) && run.err.contains(&why), "{text}: {run}");
    }
}

#[test]
fn a_pattern_part_longer_than_any_name_is_still_a_pattern() {
    let site = site();
    let alternatives = (10..55).map(|n| format!("file{n}")).collect::<Vec<_>>().join(",");
    let text = format!("src/{{{alternatives}}}.rs");
    assert!(text.len() > 300);
    is(&site, "", &[&text], "glob", &text);
}

#[test]
fn what_a_spelling_may_have_named_is_a_path_a_tree_and_a_pattern() {
    let site = site();
    let root = fs::canonicalize(site.root()).unwrap();
    let checkout = Checkout::find(&root.join("src"), None).unwrap();
    assert_eq!((checkout.home(), checkout.root()), (&*root, &*root));
    let candidates = |cwd: &str, text: &str| {
        let found = checkout.candidates(&root.join(cwd), OsStr::new(text));
        found.iter().map(|resource| format!("{} {}", resource.kind().word(), resource.text())).collect::<Vec<_>>()
    };
    assert_eq!(candidates("src", "a.rs"), ["path src/a.rs", "tree src/a.rs/"]);
    assert_eq!(candidates("", "gone/"), ["path gone", "tree gone/"]);
    assert_eq!(candidates("", "."), ["tree ./"]);
    assert_eq!(candidates("", "to-src/x"), ["path to-src/x", "tree to-src/x/"], "no link is followed");
    assert_eq!(candidates("src", "../x*"), ["path x*", "tree x*/", "glob x*"]);
    assert_eq!(candidates("src", "*/"), ["path src/*", "tree src/*/", "glob src/*/**"]);
    assert_eq!(candidates("", "name:n"), ["name name:n"]);
    // Through a link it is another file, and nobody can tell what was one then.
    for nothing in ["../x", "/usr/x", "name:", "", "to-src/../x", "src/../src/a.rs"] {
        assert_eq!(candidates("", nothing), Vec::<String>::new(), "{nothing}");
    }
}

#[test]
fn what_a_spelling_may_have_named_in_another_worktree_is_looked_for_there_too() {
    let site = Site::new();
    fs::write(site.path(".git/HEAD"), "").unwrap();
    let admin = site.path(".git/worktrees/f");
    fs::create_dir_all(&admin).unwrap();
    fs::create_dir_all(site.path("wt/f")).unwrap();
    fs::write(admin.join("HEAD"), "").unwrap();
    fs::write(admin.join("commondir"), "../..\n").unwrap();
    fs::write(site.path("wt/f/.git"), format!("gitdir: {}\n", admin.display())).unwrap();
    let root = fs::canonicalize(site.root()).unwrap();
    let named = |cwd: &Path, text: &str| {
        let found = Checkout::find(cwd, None).unwrap().candidates(cwd, OsStr::new(text));
        let name = |resource: &Resource| resource.worktree().unwrap().name().unwrap_or("-").to_owned();
        let paths = found.iter().filter(|resource| resource.kind() == Kind::Path);
        paths.map(|resource| format!("{}:{}", name(resource), resource.text())).collect::<Vec<_>>()
    };
    assert_eq!(named(&root, "wt/f/x"), ["f:x", "-:wt/f/x"]);
    assert_eq!(named(&root.join("wt/f"), "x"), ["f:x", "-:wt/f/x"]);
    assert_eq!(named(&root.join("wt/f"), "../../x"), ["-:x"]);
    // Where the worktree cannot be followed any more, what is known of it is left.
    fs::remove_dir_all(&admin).unwrap();
    assert_eq!(named(&root, "wt/f/x"), ["-:wt/f/x"]);
}
