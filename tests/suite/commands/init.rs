use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use crate::harness::Site;

#[test]
fn the_directory_is_made_whole_and_a_second_time_it_is_there() {
    let site = Site::outside_git();
    let made = site.agent("alice").run(["init"]).expect(0);
    assert_eq!(made.out, format!("made\t{}\n", fs::canonicalize(site.state("")).unwrap().display()));
    let names: BTreeSet<_> =
        fs::read_dir(site.state("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, [".gitignore", ".guard", "era.json", "locks", "quarantine", "tmp"].map(str::to_owned).into());
    assert_eq!(fs::read(site.state(".gitignore")).unwrap(), b"*\n", "git does not see it");
    assert_eq!(fs::metadata(site.state("")).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(site.root()).unwrap().count(), 1, "nothing half made is left beside it");
    let before = site.snapshot();
    let again = site.agent("bob").run(["init", "--json"]).expect(0).json();
    assert_eq!(again["result"], "exists");
    assert_eq!(site.snapshot(), before);
}

#[test]
fn inside_git_it_stands_in_the_root_of_the_checkout() {
    let site = Site::new();
    fs::create_dir_all(site.path("deep/er")).unwrap();
    site.agent("alice").within(site.path("deep/er")).run(["init"]).expect(0);
    assert!(site.state("era.json").is_file() && !site.path("deep/er/.agent_locks").exists());
}

#[test]
fn the_flag_says_where_else() {
    let site = Site::outside_git();
    fs::create_dir(site.path("sub")).unwrap();
    let run = site.agent("alice").run(["init", "--dir", "sub/locks.d"]).expect(0);
    assert!(run.out.ends_with("/sub/locks.d\n"), "{run}");
    assert!(site.path("sub/locks.d/era.json").is_file() && !site.state("").exists());
    site.agent("alice").run(["init", "--dir", "nowhere/locks"]).expect(2);
}

#[test]
fn a_directory_with_something_else_in_it_is_never_made_a_state_directory() {
    let site = Site::new();
    site.file("docs/text");
    let before = site.snapshot();
    site.agent("alice").run(["init", "--dir", "docs"]).expect(73);
    site.agent("alice").run(["acquire", "a", "--dir", "docs"]).expect(73);
    assert_eq!(site.snapshot(), before);
}

#[test]
fn outside_git_a_directory_below_another_is_part_of_it() {
    let site = Site::outside_git();
    site.file("sub/f");
    site.agent("alice").run(["init"]).expect(0);
    site.agent("alice").run(["acquire", "sub/f"]).expect(0);
    let below = site.agent("bob").within(site.path("sub")).run(["init"]).expect(0);
    assert!(below.out.starts_with("exists\t"), "{below}");
    site.agent("bob").within(site.path("sub")).run(["acquire", "f"]).expect(10);
    // One that was forced there is a checkout of its own, whose files cannot be locked from outside any more.
    site.agent("bob").within(site.path("sub")).run(["init", "--dir", ".agent_locks"]).expect(0);
    let outer = site.agent("carol").run(["acquire", "sub/g"]).expect(2);
    assert!(outer.err.contains("it is in another checkout"), "{outer}");
}
