//! A hook whose own directory is gone.

use std::fs;

use super::{Session, denied, edit_of};
use crate::harness::{BINARY, Run, Site, finish, without_identity};

/// Calls the hook in a directory that is removed first, with this payload.
fn without_directory(site: &Site, payload: &str) -> Run {
    let (dir, file) = (site.path("soon-gone"), site.path("payload"));
    fs::create_dir(&dir).unwrap();
    fs::write(&file, payload).unwrap();
    let script = format!("rmdir {} && exec {BINARY} hook PreToolUse <{}", dir.display(), file.display());
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &script]).current_dir(&dir).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    finish(without_identity(&mut command).spawn().unwrap())
}

#[test]
fn what_another_holds_is_refused_from_a_directory_that_is_gone() {
    let site = Site::new();
    site.agent("bob").run(["acquire", "a"]).expect(0);
    let session = Session::new(&site, "one");
    let whole = session.payload("PreToolUse", edit_of(&site.path("a")));
    let mut relative = session.payload("PreToolUse", edit_of("a".as_ref()));
    let mut nowhere = whole.clone();
    nowhere["cwd"] = "/no/such/directory".into();
    for payload in [&whole, &relative, &nowhere] {
        let run = without_directory(&site, &payload.to_string()).expect(2);
        assert!(denied(&run).contains("a is held by bob"), "{run}");
    }
    // The control: where nothing tells which file is meant, it goes on, and that is said.
    relative["cwd"] = "/no/such/directory".into();
    let run = without_directory(&site, &relative.to_string()).expect(0);
    assert!(run.out.contains("WITHOUT protection: getcwd: "), "{run}");
    // What nobody holds is locked from there.
    let free = session.payload("PreToolUse", edit_of(&site.path("b")));
    assert_eq!(without_directory(&site, &free.to_string()).expect(0).out, "");
    assert_eq!(site.lock_json("b")["agent_id"], session.id().as_str());
}
