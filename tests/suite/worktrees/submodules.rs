//! Submodules belong to their superproject.

use std::fs;

use super::Repositories;

const STATE: &str = "main/.agent_locks";

/// main with the submodule libs/sub, in which inner is one.
fn nested(test: &str) -> Option<Repositories> {
    let r = Repositories::with_main(test)?;
    r.repository("inner");
    r.repository("sub");
    let url = |name: &str| r.path(name).to_str().unwrap().to_owned();
    r.git("sub", &["submodule", "add", "-q", &url("inner"), "inner"]);
    r.commit("sub");
    r.git("main", &["submodule", "add", "-q", &url("sub"), "libs/sub"]);
    r.git("main", &["submodule", "update", "-q", "--init", "--recursive"]);
    r.commit("main");
    assert!(r.path("main/libs/sub/inner/.git").is_file(), "a submodule in a submodule");
    Some(r)
}

#[test]
fn the_files_of_a_submodule_are_files_of_its_superproject() {
    let Some(r) = nested("the_files_of_a_submodule_are_files_of_its_superproject") else { return };
    let from = ["main", "main/libs", "main/libs/sub", "main/libs/sub/src", "main/libs/sub/inner/src"];
    r.meet("main/libs/sub/src/a.rs", STATE, "paths/-/libs%2Fsub%2Fsrc%2Fa.rs.lock", &from);
    r.meet("main/libs/sub/inner/src/a.rs", STATE, "paths/-/libs%2Fsub%2Finner%2Fsrc%2Fa.rs.lock", &from);
    r.meet("main/src/a.rs", STATE, "paths/-/src%2Fa.rs.lock", &from);
    r.meet("main/libs/sub", STATE, "trees/-/libs%2Fsub.lock", &from);
    r.meet("main/libs/sub/inner/*", STATE, "globs/-/libs%2Fsub%2Finner%2F%2A.lock", &from);
    r.only_states(&[STATE]);
}

#[test]
fn a_submodule_in_a_linked_worktree_belongs_to_that_worktree() {
    let Some(r) = nested("a_submodule_in_a_linked_worktree_belongs_to_that_worktree") else { return };
    r.git("main", &["worktree", "add", "-q", "../wt"]);
    r.git("wt", &["submodule", "update", "-q", "--init", "--recursive"]);
    let from = ["main", "wt", "wt/libs/sub/src", "wt/libs/sub/inner", "main/libs/sub"];
    r.meet("wt/libs/sub/src/a.rs", STATE, "paths/wt/libs%2Fsub%2Fsrc%2Fa.rs.lock", &from);
    r.meet("wt/libs/sub/inner/src/a.rs", STATE, "paths/wt/libs%2Fsub%2Finner%2Fsrc%2Fa.rs.lock", &from);
    r.meet("main/libs/sub/src/a.rs", STATE, "paths/-/libs%2Fsub%2Fsrc%2Fa.rs.lock", &from);
    r.only_states(&[STATE]);
}

#[test]
fn a_submodule_of_a_checkout_with_a_separate_git_directory_belongs_to_it() {
    let Some(r) = nested("a_submodule_of_a_checkout_with_a_separate_git_directory_belongs_to_it") else { return };
    r.git("", &["clone", "-q", "--separate-git-dir=store.git", "main", "checkout"]);
    r.git("checkout", &["submodule", "update", "-q", "--init"]);
    let from = ["checkout", "checkout/libs/sub/src"];
    r.meet("checkout/libs/sub/src/a.rs", "store.git/.agent_locks", "paths/-/libs%2Fsub%2Fsrc%2Fa.rs.lock", &from);
    r.only_states(&["store.git/.agent_locks"]);
}

#[test]
fn a_linked_worktree_of_a_submodule_has_locks_of_its_own() {
    let Some(r) = nested("a_linked_worktree_of_a_submodule_has_locks_of_its_own") else { return };
    r.git("main/libs/sub", &["worktree", "add", "-q", "--detach", r.path("sub-wt").to_str().unwrap()]);
    let state = "main/.git/modules/libs/sub/.agent_locks";
    r.meet("sub-wt/src/a.rs", state, "paths/sub-wt/src%2Fa.rs.lock", &["sub-wt", "sub-wt/src"]);
    r.only_states(&[state]);
    let run = r.run("alice", "main/libs/sub", &["acquire", "../../../sub-wt/src/a.rs"]).expect(2);
    assert!(run.err.contains("whose locks are its own"), "{run}");
    let run = r.run("alice", "sub-wt", &["acquire", "../main/libs/sub/src/a.rs"]).expect(2);
    assert!(run.err.contains("whose locks are its own"), "{run}");
}

#[test]
fn a_submodule_with_a_git_directory_of_its_own_is_a_checkout_of_its_own() {
    let Some(r) = nested("a_submodule_with_a_git_directory_of_its_own_is_a_checkout_of_its_own") else { return };
    let (git, modules) = (r.path("main/libs/sub/.git"), r.path("main/.git/modules/libs/sub"));
    fs::remove_file(&git).unwrap();
    fs::rename(modules, &git).unwrap();
    r.meet("main/libs/sub/src/a.rs", "main/libs/sub/.agent_locks", "paths/-/src%2Fa.rs.lock", &["main/libs/sub/src"]);
    let run = r.run("alice", "main", &["acquire", "libs/sub/src/a.rs"]).expect(2);
    assert!(run.err.contains("libs/sub, whose locks are its own"), "{run}");
}

#[test]
fn a_submodule_that_is_not_there_yet_is_a_directory_of_its_superproject() {
    let Some(r) = nested("a_submodule_that_is_not_there_yet_is_a_directory_of_its_superproject") else { return };
    r.git("", &["clone", "-q", "main", "clone"]);
    r.meet("clone/libs/sub/new", "clone/.agent_locks", "paths/-/libs%2Fsub%2Fnew.lock", &["clone", "clone/libs/sub"]);
}
