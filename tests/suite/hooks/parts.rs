//! A lease over more than one file that was lost: each of its files is refused once, and only once.

use serde_json::json;

use super::Session;
use crate::harness::Site;

/// What the agent `session` held is over, and it has given no sign of life.
fn swept(site: &Site, session: &Session<'_>, lock: &str) {
    let path = site.state(lock);
    let mut lock: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    lock["holders"][0]["ttl_s"] = 1.into();
    lock["holders"][0]["renewed_mono_ms"] = 0.into();
    std::fs::write(&path, lock.to_string()).unwrap();
    site.forget(&session.id());
    site.agent("carol").run(["cleanup"]).expect(0);
}

fn stop(session: &Session<'_>) {
    session.hook("Stop", json!({ "stop_hook_active": false })).expect(0);
}

#[test]
fn each_file_of_a_directory_that_was_lost_is_refused_once_and_not_in_every_turn() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let session = Session::new(&site, "one");
    site.agent(&session.id()).run(["acquire", "src/"]).expect(0);
    site.agent("bob").run(["force-release", "src/", "--yes"]).expect(0);
    site.agent("bob").run(["acquire", "src/a", "src/b"]).expect(0);
    site.agent("bob").run(["release", "--mine"]).expect(0);
    for file in ["src/a", "src/b"] {
        let refused = session.edit(file).expect(2);
        assert!(refused.err.contains("this once"), "{refused}");
        session.edit(file).expect(0);
    }
    // The next turn locks it anew.
    stop(&session);
    session.edit("src/a").expect(0);
    session.edit("src/c").expect(2);
    session.edit("src/c").expect(0);
}

#[test]
fn a_file_that_another_had_after_a_lease_over_several_was_swept_away_is_refused_once() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let session = Session::new(&site, "one");
    site.agent(&session.id()).run(["acquire", "x", "y"]).expect(0);
    swept(&site, &session, "locks/paths/-/y.lock");
    site.agent("bob").run(["acquire", "x"]).expect(0);
    site.agent("bob").run(["release", "x"]).expect(0);
    session.edit("x").expect(2);
    session.edit("x").expect(0);
    stop(&session);
    session.edit("x").expect(0);
}

#[test]
fn a_file_that_another_had_after_its_directory_was_swept_away_is_refused_once() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let session = Session::new(&site, "one");
    site.agent(&session.id()).run(["acquire", "src/"]).expect(0);
    swept(&site, &session, "locks/trees/-/src.lock");
    site.agent("bob").run(["acquire", "src/a"]).expect(0);
    site.agent("bob").run(["release", "src/a"]).expect(0);
    session.edit("src/a").expect(2);
    session.edit("src/a").expect(0);
}
