//! `.git` files that cannot be followed are errors, never a reason to look further up.

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
    process::Command,
};

use super::Repositories;
use crate::harness::{Site, skip};

/// What a table of broken `.git` files needs, made by hand: main, and a linked worktree in it and one beside it.
fn by_hand() -> Site {
    let site = Site::outside_git();
    let admin = site.path("main/.git/worktrees/f");
    fs::create_dir_all(&admin).unwrap();
    fs::create_dir_all(site.path("main/src")).unwrap();
    fs::create_dir_all(site.path("main/wt/src")).unwrap();
    for head in ["main/.git/HEAD", "main/.git/worktrees/f/HEAD"] {
        fs::write(site.path(head), "ref: refs/heads/trunk\n").unwrap();
    }
    fs::write(admin.join("commondir"), "../..\n").unwrap();
    fs::write(site.path("main/wt/.git"), "gitdir: ../.git/worktrees/f\n").unwrap();
    site
}

/// Asserts that nothing can be locked in main/wt, from inside and from outside, and that nothing is made.
#[track_caller]
fn refused(site: &Site, what: &str, why: &str) {
    for (cwd, path) in [
        ("main/wt", "src/a.rs"),
        ("main/wt/src", "a.rs"),
        ("main/wt", "name:n"),
        ("main", "wt/src/a.rs"),
        ("main", "wt/src/*"),
        ("main", "wt"),
    ] {
        for command in ["acquire", "check", "release"] {
            let run = site.agent("alice").within(site.path(cwd)).run([command, path]);
            assert_eq!(run.code, 2, "{what}: {command} {path} in {cwd}: {run}");
            let named = run.err.contains("main/wt/.git: it leads to no repository: ");
            assert!(named && run.err.contains(why), "{what}: {command} {path} in {cwd}: {run}");
            assert!(run.err.contains("\nnext: swarmlock "), "{what}: {run}");
        }
    }
    assert!(!site.path("main/.agent_locks").exists() && !site.path("main/wt/.agent_locks").exists(), "{what}");
}

/// The control of every test here: as [`by_hand`] made it, it is found.
#[track_caller]
fn found(site: &Site) {
    site.agent("alice").within(site.path("main/wt/src")).run(["acquire", "a.rs"]).expect(0);
    assert!(site.path("main/.agent_locks/locks/paths/f/src%2Fa.rs.lock").is_file());
    site.agent("bob").within(site.path("main")).run(["acquire", "wt/src/a.rs"]).expect(10);
}

#[test]
fn a_sound_git_file_is_followed_however_it_is_written() {
    let absolute = |site: &Site| format!("gitdir: {}\n", site.path("main/.git/worktrees/f").display());
    for text in ["gitdir: ../.git/worktrees/f", "gitdir: ../.git/worktrees/f\r\n\n", "gitdir: .././/.git/worktrees/f/"]
    {
        let site = by_hand();
        fs::write(site.path("main/wt/.git"), text).unwrap();
        found(&site);
    }
    let site = by_hand();
    fs::write(site.path("main/wt/.git"), absolute(&site)).unwrap();
    fs::write(site.path("main/.git/worktrees/f/commondir"), site.path("main/.git").as_os_str().as_bytes()).unwrap();
    found(&site);
    // Through links, and with a name that is no UTF-8.
    let site = by_hand();
    let odd = site.path(std::ffi::OsStr::from_bytes(b"main/\xff"));
    symlink(".git", &odd).unwrap();
    fs::write(site.path("main/wt/.git"), [b"gitdir: ", odd.as_os_str().as_bytes(), b"/worktrees/f\n"].concat())
        .unwrap();
    found(&site);
}

#[test]
fn a_git_file_that_says_nothing_useful_is_an_error() {
    for (text, why) in [
        (&b""[..], "it does not begin with 'gitdir: ' and a path"),
        (b"\n\n", "it does not begin with 'gitdir: ' and a path"),
        (b"gitdir: \n", "it does not begin with 'gitdir: ' and a path"),
        (b"gitdir:../.git", "it does not begin with 'gitdir: ' and a path"),
        (b"../.git/worktrees/f\n", "it does not begin with 'gitdir: ' and a path"),
        (b"\xff\xfe\x00garbage", "it is not text"),
        (b"gitdir: ../.git/worktrees/f\0\n", "it is not text"),
        (b"gitdir: ../.git/worktrees/gone\n", "worktrees/gone: nothing is there"),
        (b"gitdir: /nowhere/at/all\n", "/nowhere/at/all: nothing is there"),
        (b"gitdir: ../.git/worktrees/f\nworktree: x\n", "nothing is there"),
        (b"gitdir: .git\n", "it is not a directory"),
        (b"gitdir: .\n", "it has no HEAD"),
        (b"gitdir: ..\n", "it has no HEAD"),
        (b"gitdir: ../src\n", "it has no HEAD"),
        (b"gitdir: /dev/null\n", "it is not a directory"),
        (b"gitdir: /dev/null/x\n", "is not a directory"),
        (b"gitdir: ../.git/HEAD\n", "it is not a directory"),
        (b"gitdir: ../loop\n", "its symbolic links go round in circles"),
        (&[b"gitdir: ", "x".repeat(300).as_bytes()].concat(), "longer than the file system allows"),
        (&[b"gitdir: ", "x/".repeat(4200).as_bytes()].concat(), "larger than 8192 bytes"),
    ] {
        let site = by_hand();
        symlink("loop", site.path("main/loop")).unwrap();
        fs::write(site.path("main/wt/.git"), text).unwrap();
        refused(&site, &String::from_utf8_lossy(&text[..text.len().min(60)]), why);
    }
    found(&by_hand());
}

#[test]
fn a_git_that_is_no_file_and_no_directory_is_an_error() {
    for (what, make, why) in [
        ("a fifo", (|git| fifo(git)) as fn(&Path), "it is not a regular file"),
        ("a link to nothing", |git| symlink("gone", git).unwrap(), "nothing is there"),
        ("a link to itself", |git| symlink(".git", git).unwrap(), "its symbolic links go round in circles"),
        ("a link to a file", |git| symlink("../.git/HEAD", git).unwrap(), "it is not a directory"),
        ("a link to a directory", |git| symlink("../src", git).unwrap(), "it has no HEAD"),
        ("a link to an endless file", |git| symlink("/dev/zero", git).unwrap(), "it is not a directory"),
    ] {
        let site = by_hand();
        let git = site.path("main/wt/.git");
        fs::remove_file(&git).unwrap();
        make(&git);
        refused(&site, what, why);
    }
    found(&by_hand());
}

#[test]
fn a_git_directory_that_is_no_worktrees_is_an_error() {
    for (what, change, why) in [
        ("pruned", (|f| fs::remove_dir_all(f).unwrap()) as fn(&Path), "nothing is there"),
        ("no HEAD", |f| fs::remove_file(f.join("HEAD")).unwrap(), "it has no HEAD"),
        ("commondir to nowhere", |f| fs::write(f.join("commondir"), "../../..x\n").unwrap(), "nothing is there"),
        ("commondir to no repository", |f| fs::write(f.join("commondir"), "..\n").unwrap(), "it has no HEAD"),
        ("commondir empty", |f| fs::write(f.join("commondir"), "\n").unwrap(), "not one of the worktrees of"),
        ("commondir to itself", |f| fs::write(f.join("commondir"), ".\n").unwrap(), "not one of the worktrees of"),
        ("commondir to another", |f| another(f), "not one of the worktrees of"),
        ("commondir a directory", |f| directory(&f.join("commondir")), "it is not a regular file"),
        ("commondir a link", |f| link(&f.join("commondir")), "it is a symbolic link"),
        ("commondir a fifo", |f| refifo(&f.join("commondir")), "it is not a regular file"),
        ("commondir endless", |f| fs::write(f.join("commondir"), vec![b'x'; 9000]).unwrap(), "larger than 8192 bytes"),
        ("worktrees a file", |f| file_above(f), "is not a directory"),
    ] {
        let site = by_hand();
        change(&site.path("main/.git/worktrees/f"));
        refused(&site, what, why);
    }
    found(&by_hand());
}

#[test]
fn a_git_file_that_may_not_be_read_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = by_hand();
    let git = site.path("main/wt/.git");
    fs::set_permissions(&git, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&git).is_ok() {
        skip("a_git_file_that_may_not_be_read_is_an_error", "this user may read everything");
    } else {
        refused(&site, "unreadable", "Permission denied");
    }
    fs::set_permissions(&git, fs::Permissions::from_mode(0o600)).unwrap();
    found(&site);
}

#[test]
fn a_state_directory_that_is_named_serves_where_the_git_file_leads_nowhere() {
    let site = by_hand();
    fs::write(site.path("main/wt/.git"), "gitdir: gone\n").unwrap();
    let here = |agent| site.agent(agent).within(site.path("main/wt"));
    here("alice").run(["--dir", ".agent_locks", "acquire", "src/a.rs"]).expect(0);
    assert!(site.path("main/wt/.agent_locks/locks/paths/-/src%2Fa.rs.lock").is_file());
    // That of the main checkout serves for names, not for paths that nothing tells the worktree of.
    here("alice").run(["--dir", "../.agent_locks", "acquire", "name:n"]).expect(0);
    here("alice").run(["--dir", "../.agent_locks", "acquire", "src/a.rs"]).expect(2);
}

#[test]
fn a_pruned_worktree_is_an_error() {
    let Some(r) = Repositories::with_main("a_pruned_worktree_is_an_error") else { return };
    r.git("main", &["worktree", "add", "-q", "../wt"]);
    r.run("alice", "wt", &["acquire", "src/a.rs"]).expect(0);
    fs::rename(r.path("wt"), r.path("away")).unwrap();
    r.git("main", &["worktree", "prune"]);
    fs::rename(r.path("away"), r.path("wt")).unwrap();
    let run = r.run("alice", "wt", &["release", "src/a.rs"]).expect(2);
    assert!(run.err.contains("wt/.git: it leads to no repository: "), "{run}");
    r.run("alice", "main", &["release", "--mine"]).expect(0);
}

/// A hundred submodules in each other: each level is looked at once, not each for each.
#[test]
fn submodules_in_submodules_without_end_take_no_time() {
    let site = Site::outside_git();
    let (mut dir, mut git) = (site.path("r"), site.path("r/.git"));
    fs::create_dir_all(&git).unwrap();
    for _ in 0..100 {
        dir.push("s");
        git.push("modules/s");
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all(&git).unwrap();
        fs::write(git.join("HEAD"), "").unwrap();
        fs::write(dir.join(".git"), [b"gitdir: ", git.as_os_str().as_bytes(), b"\n"].concat()).unwrap();
    }
    site.agent("alice").within(&dir).run(["acquire", "a"]).expect(0);
    assert!(site.path("r/.agent_locks").is_dir());
    site.agent("bob").within(site.path("r")).run(["acquire", &format!("{}a", "s/".repeat(100))]).expect(10);
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn refifo(path: &Path) {
    fs::remove_file(path).unwrap();
    fifo(path);
}

fn directory(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
}

fn link(path: &Path) {
    fs::rename(path, path.with_extension("real")).unwrap();
    symlink("commondir.real", path).unwrap();
}

/// A repository beside the main one.
fn another(admin: &Path) {
    let other = admin.join("../../../../other.git");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("HEAD"), "").unwrap();
    fs::write(admin.join("commondir"), other.as_os_str().as_bytes()).unwrap();
}

fn file_above(admin: &Path) {
    let worktrees = admin.parent().unwrap();
    fs::remove_dir_all(worktrees).unwrap();
    fs::write(worktrees, "").unwrap();
}
