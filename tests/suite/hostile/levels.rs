//! The directories on the way to locks: what stands there instead, and is empty, makes nothing free.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::{complained, in_own_mounts, mounted::Bound, private, refused};
use crate::harness::Site;

/// Each with a resource that another holds by a lock that stands below it.
const LEVELS: &[(&str, &str)] = &[
    ("locks", "src/auth.rs"),
    ("locks", "lib/deep/x.rs"),
    ("locks", "docs/a.md"),
    ("locks/paths", "src/auth.rs"),
    ("locks/paths/-", "src/auth.rs"),
    ("locks/trees", "lib/deep/x.rs"),
    ("locks/trees/-", "lib/deep/x.rs"),
    ("locks/globs", "docs/a.md"),
    ("locks/globs/-", "docs/a.md"),
    ("locks/paths", "src/"),
    ("locks/trees", "lib/deep/"),
    ("locks/globs", "docs/*"),
];

fn site() -> Site {
    let site = Site::new();
    for held in ["src/auth.rs", "lib/", "docs/*.md"] {
        site.agent("alice").run(["acquire", held]).expect(0);
    }
    site
}

/// Nobody is told that it is free, and nobody gets it.
fn assert_not_free(site: &Site, level: &str, resource: &str) {
    complained(&site.agent("bob").run(["check", resource]).expect(73), level);
    refused(&site.agent("bob").run(["acquire", resource]), 73, level);
}

fn assert_held(site: &Site, resource: &str) {
    site.agent("bob").run(["check", resource]).expect(10);
}

fn empty(site: &Site) -> std::path::PathBuf {
    let empty = site.path("empty");
    fs::create_dir(&empty).unwrap();
    private(&empty);
    empty
}

#[test]
fn an_empty_mount_in_place_of_a_directory_of_locks_makes_nothing_free() {
    if !in_own_mounts("hostile::levels::an_empty_mount_in_place_of_a_directory_of_locks_makes_nothing_free") {
        return;
    }
    for (level, resource) in LEVELS {
        let site = site();
        let at = site.state(level);
        assert_held(&site, resource);
        let mounted = Bound::new(&empty(&site), &at);
        assert_not_free(&site, level, resource);
        drop(mounted);
        assert_held(&site, resource);
    }
}

#[test]
fn a_link_a_file_or_a_loose_directory_in_place_of_a_directory_of_locks_makes_nothing_free() {
    let objects: [fn(&Path, &Path); 3] = [
        |at, empty| symlink(empty, at).unwrap(),
        |at, _| fs::write(at, "").unwrap(),
        |at, _| {
            fs::create_dir(at).unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(0o777)).unwrap();
        },
    ];
    for (level, resource) in LEVELS {
        for object in objects {
            let site = site();
            let (at, aside) = (site.state(level), site.path("aside"));
            assert_held(&site, resource);
            fs::rename(&at, &aside).unwrap();
            object(&at, &empty(&site));
            assert_not_free(&site, level, resource);
            if at.symlink_metadata().unwrap().is_dir() { fs::remove_dir(&at) } else { fs::remove_file(&at) }.unwrap();
            fs::rename(&aside, &at).unwrap();
            assert_held(&site, resource);
        }
    }
}

/// The control: an empty directory that is ours says that nothing is held.
#[test]
fn control_an_empty_directory_of_ours_is_believed() {
    for (level, resource) in LEVELS {
        let site = site();
        fs::rename(site.state(level), site.path("aside")).unwrap();
        fs::create_dir(site.state(level)).unwrap();
        private(&site.state(level));
        site.agent("bob").run(["check", resource]).expect(0);
    }
}
