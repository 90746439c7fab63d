//! What a text names must not be mistaken for what another text would.

use std::{fs, os::unix::fs::symlink};

use crate::harness::Site;

#[test]
fn a_path_that_turns_back_behind_a_link_means_where_it_leads() {
    let site = Site::new();
    fs::create_dir_all(site.path("sub/deep")).unwrap();
    symlink("sub/deep", site.path("link")).unwrap();
    site.agent("alice").run(["acquire", "x"]).expect(0);
    // It is sub/x, which nobody has.
    for agent in ["alice", "bob"] {
        let check = site.agent(agent).run(["check", "link/../x"]).expect(0);
        assert!(check.out.starts_with("free\tsub/x\t"), "{check}");
    }
    site.agent("bob").run(["wait", "link/../x", "--timeout", "0s"]).expect(0);
    let forced = site.agent("bob").run(["force-release", "--yes", "link/../x"]).expect(0);
    assert!(forced.out.starts_with("free\tsub/x\t"), "{forced}");
    let released = site.agent("alice").run(["release", "link/../x"]).expect(0);
    assert!(released.out.starts_with("free\tsub/x\t"), "{released}");
    site.agent("bob").run(["acquire", "x"]).expect(10);
    // The control: what it does mean is found by it.
    site.agent("alice").run(["acquire", "sub/x"]).expect(0);
    let released = site.agent("alice").run(["release", "link/../x"]).expect(0);
    assert!(released.out.starts_with("released\tsub/x\t"), "{released}");
    let released = site.agent("alice").run(["release", "x"]).expect(0);
    assert!(released.out.starts_with("released\tx\t"), "{released}");
}
