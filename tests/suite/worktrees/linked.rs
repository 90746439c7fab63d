//! Linked worktrees: beside the checkout and inside it, under all names, moved.

use std::fs;

use super::Repositories;
use crate::harness::Site;

const STATE: &str = "main/.agent_locks";
const INSIDE: &str = "main/.claude/worktrees/f";

/// main, a worktree beside it and one inside it.
fn three(test: &str) -> Option<Repositories> {
    let r = Repositories::with_main(test)?;
    r.git("main", &["worktree", "add", "-q", "../beside"]);
    r.git("main", &["worktree", "add", "-q", ".claude/worktrees/f"]);
    Some(r)
}

#[test]
fn each_file_of_each_worktree_has_one_key_from_everywhere() {
    let Some(r) = three("each_file_of_each_worktree_has_one_key_from_everywhere") else { return };
    let from = ["main", "main/src", "beside/src", INSIDE, "main/.claude"];
    for (root, dir) in [("main", "-"), ("beside", "beside"), (INSIDE, "f")] {
        r.meet(&format!("{root}/src/a.rs"), STATE, &format!("paths/{dir}/src%2Fa.rs.lock"), &from);
        r.meet(&format!("{root}/new/x"), STATE, &format!("paths/{dir}/new%2Fx.lock"), &["main", "beside"]);
        r.meet(&format!("{root}/src/"), STATE, &format!("trees/{dir}/src.lock"), &from);
        r.meet(&format!("{root}/new/"), STATE, &format!("trees/{dir}/new.lock"), &["main", "beside"]);
        r.meet(root, STATE, &format!("trees/{dir}/%2E.lock"), &["main", "beside/src", INSIDE]);
        r.meet(&format!("{root}/src/*.rs"), STATE, &format!("globs/{dir}/src%2F%2A.rs.lock"), &from);
        r.meet(&format!("{root}/**"), STATE, &format!("globs/{dir}/%2A%2A.lock"), &["main", "beside/src", INSIDE]);
    }
    r.only_states(&[STATE]);
}

#[test]
fn the_same_relative_path_in_two_worktrees_is_two_files() {
    let Some(r) = three("the_same_relative_path_in_two_worktrees_is_two_files") else { return };
    for (agent, dir) in [("alice", "main"), ("bob", "beside"), ("carol", INSIDE)] {
        r.run(agent, dir, &["acquire", "src/a.rs"]).expect(0);
    }
    // The control: a name is common to all.
    r.run("alice", "main", &["acquire", "name:n"]).expect(0);
    r.run("bob", "beside", &["acquire", "name:n"]).expect(10);
    r.run("carol", INSIDE, &["acquire", "name:n"]).expect(10);
}

#[test]
fn a_link_from_one_worktree_into_another_is_the_file_there() {
    let Some(r) = three("a_link_from_one_worktree_into_another_is_the_file_there") else { return };
    std::os::unix::fs::symlink("../../beside/src/a.rs", r.path("main/src/link")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", r.path("beside/out")).unwrap();
    r.run("alice", "main", &["acquire", "src/link"]).expect(0);
    assert!(r.path(STATE).join("locks/paths/beside/src%2Fa.rs.lock").is_file());
    // One that leads out of all of them is its own key, in its own worktree.
    r.run("alice", "main", &["acquire", "../beside/out"]).expect(0);
    assert!(r.path(STATE).join("locks/paths/beside/out.lock").is_file());
}

#[test]
fn worktrees_of_all_names_are_told_apart() {
    let Some(r) = Repositories::with_main("worktrees_of_all_names_are_told_apart") else { return };
    for at in ["x/f", "y/f", "with blank", "-", "é", "a%2F", "name:n"] {
        r.git("main", &["worktree", "add", "-q", "--detach", &format!("../{at}")]);
        // Whatever git calls it.
        let git = fs::read_to_string(r.path(at).join(".git")).unwrap();
        let name = git.trim_end().rsplit_once('/').unwrap().1;
        r.meet(&format!("{at}/src/a.rs"), STATE, &format!("paths/{}/src%2Fa.rs.lock", directory(name)), &["main", at]);
    }
    // Names that git of today would not choose.
    r.git("main", &["worktree", "add", "-q", "--detach", "../odd"]);
    let mut before = r.path("main/.git/worktrees/odd");
    for name in ["a b", "-", "ü", "n:n", "100%", ".lock"] {
        let after = r.path("main/.git/worktrees").join(name);
        let free = !after.exists();
        assert!(free || name == "-", "{name}");
        if free {
            fs::rename(&before, &after).unwrap();
            before = after;
        }
        fs::write(r.path("odd/.git"), format!("gitdir: {}\n", before.display())).unwrap();
        let name = before.file_name().unwrap().to_str().unwrap();
        r.meet("odd/src/a.rs", STATE, &format!("paths/{}/src%2Fa.rs.lock", directory(name)), &["main", "odd"]);
    }
    r.only_states(&[STATE]);
}

/// The directory of a worktree of this name, by the rule in docs/protocol.md.
fn directory(name: &str) -> String {
    let encoded = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    if name == "-" { "%2D".to_owned() } else { name.bytes().map(encoded).collect() }
}

#[test]
fn a_moved_worktree_keeps_its_locks_and_a_moved_checkout_loses_its_worktrees_until_they_are_repaired() {
    let Some(r) = three("a_moved_worktree_keeps_its_locks") else { return };
    r.run("alice", "beside", &["acquire", "src/a.rs"]).expect(0);
    r.git("main", &["worktree", "move", "../beside", "../moved"]);
    r.run("bob", "main", &["acquire", "../moved/src/a.rs"]).expect(10);
    fs::rename(r.path("moved"), r.path("again")).unwrap();
    r.run("bob", "main", &["acquire", "../again/src/a.rs"]).expect(10);

    fs::rename(r.path("main"), r.path("new-main")).unwrap();
    let lost = r.run("bob", "again", &["acquire", "src/a.rs"]).expect(2);
    assert!(lost.err.contains("again/.git: it leads to no repository: "), "{lost}");
    r.git("new-main", &["worktree", "repair", "../again"]);
    r.run("bob", "again", &["acquire", "src/a.rs"]).expect(10);
    assert!(r.run("alice", "again/src", &["release", "a.rs"]).expect(0).out.starts_with("released\t"));
    r.only_states(&["new-main/.agent_locks"]);
}

#[test]
fn a_removed_worktrees_locks_can_be_released_under_their_old_name() {
    let Some(r) = three("a_removed_worktrees_locks_can_be_released_under_their_old_name") else { return };
    r.run("alice", INSIDE, &["acquire", "src/a.rs"]).expect(0);
    r.git("main", &["worktree", "remove", "-f", ".claude/worktrees/f"]);
    let lock = r.path(STATE).join("locks/paths/f/src%2Fa.rs.lock");
    assert!(lock.is_file());
    // Its directory is an ordinary one of the main checkout now.
    r.meet(&format!("{INSIDE}/src/a.rs"), STATE, "paths/-/.claude%2Fworktrees%2Ff%2Fsrc%2Fa.rs.lock", &["main"]);
    r.run("alice", "main", &["release", "--mine"]).expect(0);
    assert!(!lock.exists());
}

#[test]
fn variables_of_git_change_nothing() {
    let Some(r) = three("variables_of_git_change_nothing") else { return };
    r.repository("other");
    let mut call = r.site.agent("alice").within(r.path("beside"));
    for (variable, value) in [("GIT_DIR", "other/.git"), ("GIT_COMMON_DIR", "other/.git"), ("GIT_WORK_TREE", "other")] {
        call = call.env(variable, r.path(value));
    }
    call.run(["acquire", "src/a.rs"]).expect(0);
    r.run("bob", "main", &["acquire", "../beside/src/a.rs"]).expect(10);
    r.only_states(&[STATE]);
}

#[test]
fn a_state_directory_that_is_named_serves_all_worktrees_if_it_is_the_repositorys() {
    let Some(r) = three("a_state_directory_that_is_named_serves_all_worktrees") else { return };
    let state = r.path(STATE);
    let dir = format!("--dir={}", state.display());
    r.run("alice", "", &[&dir, "acquire", "beside/src/a.rs"]).expect(0);
    assert!(state.join("locks/paths/beside/src%2Fa.rs.lock").is_file());
    for (cwd, path) in [("beside", "src/a.rs"), ("main", "../beside/src/a.rs")] {
        r.run("bob", cwd, &["acquire", path]).expect(10);
        r.run("bob", cwd, &[&dir, "acquire", path]).expect(10);
    }
    // One of another name beside it is the repository's too.
    let named = format!("--dir={}", r.path("main/.locks").display());
    r.run("alice", "beside", &[&named, "acquire", "src/a.rs"]).expect(0);
    assert!(r.path("main/.locks/locks/paths/beside/src%2Fa.rs.lock").is_file());
    // One elsewhere makes the directory that it stands in the checkout, and other worktrees are others.
    r.run("alice", "beside", &["--dir=.own", "acquire", "src/a.rs"]).expect(0);
    assert!(r.path("beside/.own/locks/paths/-/src%2Fa.rs.lock").is_file());
    r.run("alice", "beside/src", &["--dir=../.own", "acquire", "../../main/src/a.rs"]).expect(2);
}

#[test]
fn another_repository_is_refused_with_the_way_to_lock_there() {
    let Some(r) = three("another_repository_is_refused_with_the_way_to_lock_there") else { return };
    r.repository("other repo");
    r.repository("main/vendor/nested");
    r.git("other repo", &["worktree", "add", "-q", "../main/theirs"]);
    for (cwd, path, checkout, home) in [
        ("main", "../other repo/src/a.rs", "other repo", "other repo"),
        ("beside", "../other repo/src/*.rs", "other repo", "other repo"),
        ("main", "vendor/nested/src/a.rs", "main/vendor/nested", "main/vendor/nested"),
        ("beside", "../main/vendor/nested/", "main/vendor/nested", "main/vendor/nested"),
        ("main", "theirs/src/a.rs", "main/theirs", "other repo"),
        ("main/vendor/nested", "../../src/a.rs", "main", "main"),
        ("main/theirs", "../src/a.rs", "main", "main"),
    ] {
        let run = r.run("alice", cwd, &["acquire", path]).expect(2);
        let checkout = format!("{}, whose locks are its own", r.path(checkout).display());
        assert!(run.err.contains(&checkout), "{path} from {cwd}: {run}");
        assert!(run.err.contains("\nhelp: lock it from there: cd "), "{path} from {cwd}: {run}");
        let state = r.path(home).join(".agent_locks");
        let next = run.err.lines().find_map(|line| line.strip_prefix("next: swarmlock --dir ")).unwrap();
        assert_eq!(next.replace('\'', ""), format!("{} status", state.display()), "{path} from {cwd}");
    }
    r.only_states(&[]);
}

/// Without git: what a `.git` directory is needs no more than the directory.
#[test]
fn a_checkout_needs_nothing_but_a_git_directory() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    assert!(site.lock_file("a").is_file());
}
