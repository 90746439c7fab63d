//! What an edit needs, and what it does to the locks that stand already.

use std::fs;

use serde_json::json;

use super::{
    Session,
    acting::{configure, held, hook, refused, silent, site},
    edit_of, told,
};
use crate::{harness::BINARY, processes::usable, waiting};

fn automatic(session: &Session<'_>) -> Option<(String, String, u64)> {
    Some((session.id(), "automatic".to_owned(), 300))
}

#[test]
fn an_edit_of_a_free_file_locks_it_for_five_minutes_without_a_word() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("src/new.rs");
    assert_eq!(held(&site, "src/new.rs"), automatic(&one));
    let lock = site.lock_json("src/new.rs");
    assert_eq!((&lock["mode"], &lock["holders"][0]["class"]), (&json!("exclusive"), &json!("automatic")));
    assert!(!site.path("src").exists(), "a hook makes nothing but locks");
    // Shells are refused it like hooks.
    site.agent("bob").run(["acquire", "src/new.rs"]).expect(10);
}

#[test]
fn a_refusal_says_who_what_until_when_whether_alive_why_and_what_next() {
    let site = site();
    site.agent("alice").run(["acquire", "src/", "--reason", "new login"]).expect(0);
    let why = Session::new(&site, "one").is_refused("src/a.rs", "nothing was changed");
    for said in [
        "src/ is held by alice since ",
        "last sign of life ",
        ", until 2",
        "alice: new login",
        "give it back: swarmlock release FILE",
    ] {
        assert!(why.contains(said), "{said}: {why}");
    }
    assert!(!why.contains("turn ends"), "what was asked for outlasts a turn: {why}");
    assert!(why.ends_with(&format!("next: swarmlock acquire {} --wait", site.path("src/a.rs").display())), "{why}");
    // The command does what it says.
    site.agent("alice").run(["release", "src/"]).expect(0);
    let next = why.lines().last().unwrap().strip_prefix("next: swarmlock ").unwrap();
    site.agent("bob").run(next.split(' ')).expect(0);
    assert_eq!(held(&site, "src/a.rs").unwrap().0, "bob");
    // What was locked by editing may be free long before its five minutes are over.
    let two = Session::new(&site, "two");
    two.edits("b");
    Session::new(&site, "one").is_refused("b", "), or until its turn ends.\n");
}

#[test]
fn what_is_mine_and_fresh_is_left_and_renewed_when_a_quarter_of_its_time_is_over() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("a");
    let before = site.snapshot_but_beats();
    one.edits("a");
    assert!(before == site.snapshot_but_beats(), "a fresh lease was written");
    for (aged, renewed) in [(60, false), (80, true)] {
        site.age("a", aged);
        one.works();
        let before = fs::read(site.lock_file("a")).unwrap();
        one.edits("a");
        assert_eq!(fs::read(site.lock_file("a")).unwrap() != before, renewed, "after {aged} s");
    }
    assert_eq!(held(&site, "a"), automatic(&one), "it is still the same class");
}

#[test]
fn work_elsewhere_renews_what_was_asked_for_and_not_what_editing_locked() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.shell(["acquire", "explicit", "--ttl", "5m"]).expect(0);
    for file in ["old", "young"] {
        one.edits(file);
    }
    // The signs of life that the ageing takes away are left again.
    for (file, seconds) in [("explicit", 310), ("old", 310), ("young", 250)] {
        site.age(file, seconds);
    }
    one.works();
    silent(&other.edit("old"));
    assert_eq!(held(&site, "old"), automatic(&other));
    other.is_refused("young", &format!("young is held by {}", one.id()));
    other.is_refused("explicit", &format!("explicit is held by {}", one.id()));
}

#[test]
fn what_i_hold_otherwise_is_no_obstacle_and_stays_what_it_was() {
    let site = site();
    let one = Session::new(&site, "one");
    for (held_as, file) in [("tree/", "tree/a"), ("*.rs", "a.rs"), ("plain", "plain")] {
        one.shell(["acquire", held_as, "--reason", "mine"]).expect(0);
        silent(&one.edit(file));
        assert_eq!(held(&site, held_as).map(|(_, class, ttl)| (class, ttl)), Some(("explicit".to_owned(), 900)));
        Session::new(&site, "other").is_refused(file, "is held by");
    }
    one.stops();
    for held_as in ["tree/", "*.rs", "plain"] {
        assert!(held(&site, held_as).is_some(), "{held_as} has gone with the turn");
    }
    assert!(held(&site, "tree/a").is_none() && held(&site, "a.rs").is_none());
}

#[test]
fn what_is_shared_by_me_alone_is_written_and_what_is_shared_with_others_is_not() {
    let site = site();
    let one = Session::new(&site, "one");
    one.shell(["acquire", "a", "--shared"]).expect(0);
    silent(&one.edit("a"));
    assert_eq!(site.lock_json("a")["mode"], "exclusive");
    one.shell(["acquire", "b", "--shared"]).expect(0);
    site.agent("bob").run(["acquire", "b", "--shared"]).expect(0);
    one.is_refused("b", "b is held by bob (shared)");
    assert_eq!(site.lock_json("b")["holders"].as_array().unwrap().len(), 2);
}

#[test]
fn an_explicit_lease_stays_one_and_an_automatic_one_becomes_one_when_it_is_asked_for() {
    let site = site();
    let one = Session::new(&site, "one");
    one.shell(["acquire", "explicit", "--ttl", "20m"]).expect(0);
    one.edits("explicit");
    site.age("explicit", 600);
    one.works();
    one.edits("explicit");
    assert_eq!(held(&site, "explicit").unwrap(), (one.id(), "explicit".to_owned(), 1200));

    one.edits("edited");
    one.edits("other");
    one.shell(["acquire", "edited", "--ttl", "30m"]).expect(0);
    assert_eq!(held(&site, "edited").unwrap(), (one.id(), "explicit".to_owned(), 1800));
    one.edits("edited");
    one.stops();
    assert_eq!(held(&site, "edited").unwrap(), (one.id(), "explicit".to_owned(), 1800));
    assert_eq!(held(&site, "explicit").unwrap(), (one.id(), "explicit".to_owned(), 1200));
    assert!(held(&site, "other").is_none(), "the control: what was only edited goes with the turn");
}

#[test]
fn an_automatic_lease_that_is_asked_for_without_a_time_gets_that_of_explicit_ones() {
    let site = site();
    let one = Session::new(&site, "one");
    one.edits("a");
    one.shell(["acquire", "a"]).expect(0);
    assert_eq!(held(&site, "a").unwrap(), (one.id(), "explicit".to_owned(), 900));
}

#[test]
fn a_lease_that_may_not_last_is_not_made_longer_by_editing() {
    let site = site();
    let one = Session::new(&site, "one");
    one.shell(["acquire", "a", "--max-hold", "1m"]).expect(0);
    one.edits("a");
    let mut lock = site.lock_json("a");
    let holder = &mut lock["holders"][0];
    assert_eq!(holder["max_hold_s"], 60);
    holder["acquired_mono_ms"] = (holder["acquired_mono_ms"].as_u64().unwrap().saturating_sub(61_000)).into();
    fs::write(site.lock_file("a"), lock.to_string()).unwrap();
    let other = Session::new(&site, "other");
    silent(&other.edit("a"));
    assert_eq!(held(&site, "a"), automatic(&other));
}

#[test]
fn who_waits_in_line_comes_before_an_edit_and_an_edit_has_its_own_place() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.edits("a");
    let waiting = other.shell(["acquire", "a", "--queue", "--reason", "after you"]);
    assert_eq!(waiting.code, 10, "{waiting}");
    one.stops();
    let why = one.is_refused("a", &format!("nobody holds it, but {} comes first", other.id()));
    assert!(why.contains("after you"), "{why}");
    Session::new(&site, "third").is_refused("a", "comes first");
    // Whose turn it is edits at once, and gives up the place in line.
    other.edits("a");
    assert_eq!(held(&site, "a"), automatic(&other));
    other.stops();
    one.edits("a");
}

#[test]
fn an_edit_never_overtakes_a_process_that_waits() {
    let site = site();
    let one = Session::new(&site, "one");
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let child = site.agent("bob").spawn(["acquire", "a", "--wait"]);
    waiting::until("bob waits", || waiting::tickets(&site).iter().any(|ticket| ticket.held));
    one.is_refused("a", "a is held by alice");
    site.agent("alice").run(["release", "a"]).expect(0);
    // Whether bob has it already or only his turn.
    let why = one.is_refused("a", "bob");
    assert!(why.contains("is held by bob") || why.contains("bob comes first"), "{why}");
    crate::harness::finish(child).expect(0);
}

#[test]
fn a_run_holds_its_files_against_its_own_agent_but_not_against_what_it_runs() {
    if !usable("a_run_holds_its_files_against_its_own_agent") {
        return;
    }
    let site = site();
    let one = Session::new(&site, "one");
    let payload = one.payload("PreToolUse", edit_of(&site.path("src/a"))).to_string();
    fs::write(site.path("payload"), payload).unwrap();
    let inside = format!("{BINARY} hook PreToolUse <payload; echo $?");
    let run = one.shell(["run", "src/", "--", "sh", "-c", &inside]).expect(0);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("0\n", ""), "{run}");
    one.stops();
    let outside = format!("env -u SWARMLOCK_LEASE -u SWARMLOCK_OUTER_LEASES {inside}");
    let run = one.shell(["run", "src/", "--", "sh", "-c", &outside]).expect(0);
    assert!(run.out.ends_with("\n2\n") && run.err.contains("by a run (process "), "{run}");
}

#[test]
fn without_auto_acquire_an_edit_locks_nothing_and_is_still_refused_what_another_holds() {
    let site = site();
    configure(&site, "auto_acquire = false\n");
    let one = Session::new(&site, "one");
    one.edits("a");
    assert_eq!(held(&site, "a"), None);
    Session::new(&site, "other").edits("a");
    site.agent("alice").run(["acquire", "a"]).expect(0);
    one.is_refused("a", "a is held by alice");
    one.shell(["acquire", "mine"]).expect(0);
    one.edits("mine");
    site.agent("alice").run(["acquire", "mine", "--queue"]).expect(10);
    one.shell(["release", "mine"]).expect(0);
    one.is_refused("mine", "alice comes first");
}

#[test]
fn the_files_of_one_call_are_locked_all_or_none() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    let patch = "*** Begin Patch\n*** Add File: a\n+x\n*** Update File: b\n*** Move to: moved\n@@\n-x\n+y\n\
                 *** Delete File: c\n*** End Patch";
    let call = |session: &Session<'_>| {
        session.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "command": patch } }))
    };
    for taken in ["a", "b", "moved", "c"] {
        other.edits(taken);
        refused(&call(&one), &format!("{taken} is held by {}", other.id()));
        let leases = site.nobody().run(["list", "--json"]).expect(0).json_lines();
        assert_eq!(leases.len(), 1, "{taken} was held, and others were locked");
        other.stops();
    }
    silent(&call(&one));
    for file in ["a", "b", "moved", "c"] {
        other.is_refused(file, &one.id());
        silent(&one.edit(file));
    }
    one.stops();
    call(&other).expect(0);
}

#[test]
fn a_call_that_names_more_files_than_a_lease_may_have_locks_all_of_them() {
    let site = site();
    configure(&site, "max_resources = 3\n");
    let one = Session::new(&site, "one");
    let header = |n: usize| format!("*** Add File: f{n}\n+x\n");
    let patch = |most: usize| format!("*** Begin Patch\n{}*** End Patch", (0..most).map(header).collect::<String>());
    let call =
        |most| one.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch(most) } }));
    silent(&call(8));
    for file in 0..8 {
        assert_eq!(held(&site, &format!("f{file}")).unwrap().0, one.id(), "f{file}");
    }
    let many = call(1001).expect(0);
    assert!(super::warned(&many).contains("names more than 1000 files"), "{many}");
}

/// However many leases it takes, and in however many checkouts.
#[test]
fn a_call_of_many_files_of_which_one_is_held_locks_none() {
    let (site, there) = (site(), site());
    configure(&site, "max_resources = 2\n");
    site.agent("alice").run(["acquire", "f4"]).expect(0);
    there.agent("alice").run(["acquire", "held"]).expect(0);
    let one = Session::new(&site, "one");
    let call = |files: &[String]| {
        let headers: String = files.iter().map(|file| format!("*** Add File: {file}\n+x\n")).collect();
        let patch = format!("*** Begin Patch\n{headers}*** End Patch");
        one.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch } }))
    };
    let numbered: Vec<String> = (0..5).map(|n| format!("f{n}")).collect();
    refused(&call(&numbered), "f4 is held by alice");
    let across = ["a".to_owned(), there.path("held").to_str().unwrap().to_owned()];
    refused(&call(&across), "held is held by alice");
    let mine = one.shell(["list", "--mine"]).expect(0);
    assert_eq!(mine.out, "", "{mine}");
    there.agent("alice").run(["release", "--mine"]).expect(0);
    silent(&call(&across));
    assert!(held(&site, "a").is_some() && held(&there, "held").is_some(), "the control");
}

#[test]
fn a_directory_is_looked_at_and_not_locked() {
    let site = site();
    fs::create_dir(site.path("dir")).unwrap();
    let one = Session::new(&site, "one");
    silent(&one.edit("dir"));
    silent(&one.edit("new/"));
    assert_eq!(site.nobody().run(["list"]).expect(0).out, "");
    Session::new(&site, "other").edits("dir/below");
    one.is_refused("dir", "dir/below is held by");
    assert_eq!(told(&one.works()), "");
}

#[test]
fn the_files_of_swarmlock_itself_are_written_by_nobody_but_for_its_settings() {
    let site = site();
    let one = Session::new(&site, "one");
    for own in
        [".agent_locks/era.json", ".agent_locks/locks/paths/-/a.lock", "x/../.agent_locks/.guard", ".agent_locks"]
    {
        one.is_refused(own, "is a file of swarmlock's own");
    }
    one.edits(".agent_locks/config.toml");
    assert_eq!(hook(&site, &["PreToolUse"], one.payload("PreToolUse", edit_of(&site.path("ok"))).to_string()).code, 0);
}
