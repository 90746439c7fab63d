//! Repositories without a checkout around `.git`: bare ones, and git directories elsewhere.

use std::{fs, os::unix::fs::symlink};

use super::Repositories;

#[test]
fn a_bare_repository_keeps_the_state_itself() {
    let Some(r) = Repositories::with_main("a_bare_repository_keeps_the_state_itself") else { return };
    r.git("", &["clone", "-q", "--bare", "main", "project.git"]);
    r.git("project.git", &["worktree", "add", "-q", "--detach", "../one"]);
    r.git("project.git", &["worktree", "add", "-q", "--detach", "inside/two"]);
    let (state, two) = ("project.git/.agent_locks", "project.git/inside/two");
    r.meet("one/src/a.rs", state, "paths/one/src%2Fa.rs.lock", &["one", "one/src", two]);
    r.meet("project.git/inside/two/src/a.rs", state, "paths/two/src%2Fa.rs.lock", &["one", two]);
    r.meet("one", state, "trees/one/%2E.lock", &["one", two]);
    // In it there is no checkout, but a state directory.
    r.meet("one/src/a.rs", state, "paths/one/src%2Fa.rs.lock", &["project.git", "project.git/inside", "one"]);
    // Its own files are no files of a worktree.
    r.run("alice", "one", &["acquire", "../project.git/config"]).expect(2);
    r.only_states(&[state]);
}

#[test]
fn a_bare_repository_called_git_keeps_the_state_beside_it() {
    let Some(r) = Repositories::with_main("a_bare_repository_called_git_keeps_the_state_beside_it") else { return };
    fs::create_dir(r.path("project")).unwrap();
    r.git("", &["clone", "-q", "--bare", "main", "project/.git"]);
    r.git("project", &["worktree", "add", "-q", "--detach", "one"]);
    r.git("project", &["worktree", "add", "-q", "--detach", "deep/two"]);
    let state = "project/.agent_locks";
    let from = ["project", "project/one/src", "project/deep/two", "project/deep"];
    r.meet("project/one/src/a.rs", state, "paths/one/src%2Fa.rs.lock", &from);
    r.meet("project/deep/two/src/a.rs", state, "paths/two/src%2Fa.rs.lock", &from);
    r.meet("project/notes", state, "paths/-/notes.lock", &from);
    r.only_states(&[state]);
}

#[test]
fn a_bare_repository_that_a_git_file_names_keeps_the_state_itself() {
    let Some(r) = Repositories::with_main("a_bare_repository_that_a_git_file_names_keeps_the_state_itself") else {
        return;
    };
    fs::create_dir(r.path("project")).unwrap();
    r.git("", &["clone", "-q", "--bare", "main", "project/.bare"]);
    fs::write(r.path("project/.git"), "gitdir: ./.bare\n").unwrap();
    r.git("project", &["worktree", "add", "-q", "--detach", "one"]);
    let state = "project/.bare/.agent_locks";
    let from = ["project", "project/one", "project/one/src"];
    r.meet("project/one/src/a.rs", state, "paths/one/src%2Fa.rs.lock", &from);
    r.meet("project/notes", state, "paths/-/notes.lock", &from);
    r.only_states(&[state]);
}

#[test]
fn a_separate_git_directory_keeps_the_state() {
    let Some(r) = Repositories::with_main("a_separate_git_directory_keeps_the_state") else { return };
    fs::create_dir(r.path("called")).unwrap();
    for (checkout, git_dir, state) in [
        ("one", "store.git", "store.git/.agent_locks"),
        ("two", "called/.git", "called/.agent_locks"),
        // Only what is in the repository around is a submodule's.
        ("main/three", "modules", "modules/.agent_locks"),
    ] {
        r.git("", &["clone", "-q", &format!("--separate-git-dir={git_dir}"), "main", checkout]);
        let linked = format!("linked-{}", checkout.replace('/', "-"));
        r.git(checkout, &["worktree", "add", "-q", "--detach", r.path(&linked).to_str().unwrap()]);
        let from = [checkout, &linked, &format!("{linked}/src")];
        r.meet(
            &format!("{checkout}/src/a.rs"),
            state,
            "paths/-/src%2Fa.rs.lock",
            &[checkout, &format!("{checkout}/src")],
        );
        r.meet(&format!("{linked}/src/a.rs"), state, &format!("paths/{linked}/src%2Fa.rs.lock"), &from);
        // Also from the linked one, which no file of git tells where the checkout is.
        r.meet(&format!("{checkout}/src/a.rs"), state, "paths/-/src%2Fa.rs.lock", &from);
    }
    r.only_states(&["called/.agent_locks", "modules/.agent_locks", "store.git/.agent_locks"]);
}

#[test]
fn a_git_link_is_followed_as_a_git_file_is() {
    let Some(r) = Repositories::with_main("a_git_link_is_followed_as_a_git_file_is") else { return };
    r.git("main", &["worktree", "add", "-q", "../linked"]);
    let git_dir = fs::read_to_string(r.path("linked/.git")).unwrap();
    // A worktree whose .git is a link to where the file leads.
    fs::remove_file(r.path("linked/.git")).unwrap();
    symlink(git_dir.trim_end().strip_prefix("gitdir: ").unwrap(), r.path("linked/.git")).unwrap();
    r.meet("linked/src/a.rs", "main/.agent_locks", "paths/linked/src%2Fa.rs.lock", &["main", "linked", "linked/src"]);
    // A git directory elsewhere, with a worktree that knows only that place.
    r.repository("moved");
    fs::rename(r.path("moved/.git"), r.path("elsewhere.git")).unwrap();
    symlink("../elsewhere.git", r.path("moved/.git")).unwrap();
    r.git("moved", &["worktree", "add", "-q", "../theirs"]);
    let from = ["moved", "moved/src", "theirs"];
    r.meet("moved/src/a.rs", "elsewhere.git/.agent_locks", "paths/-/src%2Fa.rs.lock", &from);
    r.meet("theirs/src/a.rs", "elsewhere.git/.agent_locks", "paths/theirs/src%2Fa.rs.lock", &from);
    r.only_states(&["elsewhere.git/.agent_locks", "main/.agent_locks"]);
}

#[test]
fn files_in_a_git_directory_are_files_of_the_checkout_around_it() {
    let Some(r) = Repositories::with_main("files_in_a_git_directory_are_files_of_the_checkout_around_it") else {
        return;
    };
    let from = ["main", "main/.git/hooks", "main/src"];
    r.meet("main/.git/hooks/pre-commit", "main/.agent_locks", "paths/-/.git%2Fhooks%2Fpre-commit.lock", &from);
}
