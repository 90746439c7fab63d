use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    time::{Duration, Instant},
};

use crate::harness::{Site, next_millisecond};

#[test]
fn the_first_acquire_in_a_checkout_makes_the_directory_and_another_agent_is_refused() {
    let site = Site::new();
    site.file("src/auth.rs");
    let alice = site.agent("alice").run(["acquire", "src/auth.rs", "--reason", "new login"]);
    assert_eq!(alice.code, 0, "{alice}");
    assert!(alice.out.starts_with("acquired\tsrc/auth.rs\tl-"), "{alice}");
    let bob = site.agent("bob").run(["acquire", "src/auth.rs"]);
    assert_eq!((bob.code, bob.out.as_str()), (10, ""), "{bob}");
    assert!(bob.err.contains("src/auth.rs is held by alice since "), "{bob}");
    assert!(bob.err.contains("for: new login\nnext: swarmlock acquire --wait src/auth.rs"), "{bob}");
}

#[test]
fn a_refused_acquire_changes_nothing() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let before = site.snapshot_but_beats();
    site.agent("bob").run(["acquire", "a", "--ttl", "1h", "--reason", "mine now"]).expect(10);
    assert_eq!(site.snapshot_but_beats(), before);
}

#[test]
fn acquiring_what_i_hold_renews_it_under_the_same_fence_and_token() {
    let site = Site::new();
    let first = site.agent("alice").run(["acquire", "a", "--ttl", "5m", "--reason", "why", "--json"]).expect(0).json();
    let acquired = fs::metadata(site.lock_file("a")).unwrap().mtime_nsec();
    next_millisecond();
    // With three quarters of its time left it is as good as new, and nothing is written.
    let untouched = fs::read(site.lock_file("a")).unwrap();
    let at_once = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    assert_eq!((&at_once["result"], &at_once["holder"]["until"]), (&"renewed".into(), &first["holder"]["until"]));
    assert_eq!(fs::read(site.lock_file("a")).unwrap(), untouched);
    site.age("a", 100);
    let again = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    assert_eq!((&first["result"], &again["result"]), (&"acquired".into(), &"renewed".into()));
    assert_eq!(first["token"], again["token"]);
    for same in ["fence", "lease", "acquired_at", "ttl_s", "reason", "agent_id"] {
        assert_eq!(first["holder"][same], again["holder"][same], "{same}");
    }
    assert!(again["holder"]["until"].as_str() > first["holder"]["until"].as_str(), "{again}");
    assert_eq!(acquired, fs::metadata(site.lock_file("a")).unwrap().mtime_nsec(), "people search by its age");

    let other = site.agent("alice").run(["acquire", "a", "--ttl", "10m", "--reason", "new", "--json"]).expect(0).json();
    assert_eq!(other["holder"]["fence"], first["holder"]["fence"]);
    assert_eq!((&other["holder"]["ttl_s"], &other["holder"]["reason"]), (&600.into(), &"new".into()));
    assert_eq!(site.lock_json("a")["reason"], "new", "the key that old scripts read");
}

#[test]
fn the_form_with_the_reason_as_second_argument_is_the_same_command() {
    let site = Site::new();
    let run = site.agent("alice").run(["acquire-file-lock", "src/a.rs", "new login"]).expect(0);
    assert!(run.out.starts_with("acquired\tsrc/a.rs\tl-"), "{run}");
    assert_eq!(site.lock_json("src/a.rs")["reason"], "new login");
    site.agent("alice").run(["acquire-file-lock", "src/a.rs"]).expect(0);
    assert_eq!(site.lock_json("src/a.rs")["reason"], "new login", "renewed without a reason keeps it");
    site.agent("bob").run(["acquire-file-lock", "src/a.rs", "x"]).expect(10);
    site.agent("bob").run(["lock", "src/a.rs"]).expect(10);
}

#[test]
fn an_expired_lease_is_taken_over_with_a_note_and_an_event_and_its_holder_is_refused() {
    let site = Site::new();
    let asked = Instant::now();
    let old = site.agent("alice").run(["acquire", "a", "--ttl", "1s", "--json"]).expect(0).json();
    while site.agent("bob").run(["check", "a", "--json"]).json()["state"] != "expired" {
        assert!(asked.elapsed() < Duration::from_secs(20), "a lease of 1s never expires");
    }
    assert!(asked.elapsed() > Duration::from_millis(998), "not before its time");
    let new = site.agent("bob").run(["acquire", "a", "--json"]).expect(0);
    let taken = new.json();
    assert_eq!(taken["result"], "taken_over");
    assert_eq!(taken["former"]["agent_id"], "alice");
    assert_eq!(taken["former"]["was"], "expired");
    assert_eq!(taken["former"]["fence"], old["holder"]["fence"]);
    assert!(taken["holder"]["fence"].as_u64() > old["holder"]["fence"].as_u64(), "{new}");
    assert_ne!(taken["token"], old["token"]);
    assert!(new.err.contains("taken over from alice, whose lease was expired"), "{new}");

    let event = site.nobody().run(["history", "--limit", "1", "--json"]).json();
    assert_eq!((&event["event"], &event["by"], &event["to"]), (&"taken_over".into(), &"bob".into(), &"alice".into()));
    assert_eq!(event["former"], taken["former"]);
    for call in ["renew", "release"] {
        site.agent("alice").run([call, "a"]).expect(12);
        site.nobody().run([call, "a", "--token", old["token"].as_str().unwrap()]).expect(12);
    }
    site.agent("alice").run(["acquire", "a"]).expect(10);
}

#[test]
fn a_lease_of_mine_that_is_over_is_granted_anew_and_says_so() {
    let site = Site::new();
    let old = site.agent("alice").run(["acquire", "a", "--json"]).expect(0).json();
    site.expire("a");
    let run = site.agent("alice").run(["acquire", "a", "--json"]).expect(0);
    let new = run.json();
    assert_eq!(new["result"], "acquired");
    assert!(new["holder"]["fence"].as_u64() > old["holder"]["fence"].as_u64(), "{run}");
    assert!(run.err.contains("your lease was over; this is a new one"), "{run}");
}

#[test]
fn a_ttl_is_from_a_second_to_a_day() {
    let site = Site::new();
    for bad in ["0", "0s", "-5s", "999ms", "24h 1s", "86401s", "99999999999999999999s", "5", "x", "", "1e3s"] {
        let run = site.agent("alice").run(["acquire", "a", "--ttl", bad]).expect(2);
        assert!(run.err.contains("'--ttl <DURATION>'"), "{run}");
    }
    assert!(!site.state("").exists(), "a usage error makes nothing");
    for (good, seconds) in [("1s", 1), ("90s", 90), ("1h30m", 5400), ("1h 30m", 5400), ("24h", 86400), ("1d", 86400)] {
        let held = site.agent("alice").run(["acquire", "a", "--ttl", good, "--json"]).expect(0).json();
        assert_eq!(held["holder"]["ttl_s"], seconds, "{good}");
    }
    assert_eq!(site.agent("b").run(["acquire", "b", "--json"]).json()["holder"]["ttl_s"], 900, "the default");
}

#[test]
fn a_reason_comes_from_the_flag_or_stdin_and_one_that_is_too_long_is_refused() {
    let site = Site::new();
    site.agent("alice").run_with_stdin(["acquire", "a", "--reason", "-"], b"two\nlines\n").expect(0);
    assert_eq!(site.lock_json("a")["reason"], "two\nlines");
    site.agent("alice").run(["acquire", "a", "--reason", "-x is a flag elsewhere"]).expect(0);
    assert_eq!(site.lock_json("a")["reason"], "-x is a flag elsewhere");
    let longest = "é".repeat(512);
    site.agent("alice").run(["acquire", "a", "--reason", &longest]).expect(0);
    assert_eq!(site.lock_json("a")["reason"], longest.as_str());

    let before = site.snapshot();
    let too_long = format!("{longest}x");
    let run = site.agent("alice").run(["acquire", "a", "--reason", &too_long]).expect(16);
    assert!(run.err.contains("1025 bytes, and at most 1024"), "{run}");
    site.agent("alice").run_with_stdin(["acquire", "a", "--reason", "-"], too_long.as_bytes()).expect(16);
    site.agent("alice").run_with_stdin(["acquire", "a", "--reason", "-"], &[b'x'; 10_000_000]).expect(16);
    site.agent("alice").run_with_stdin(["acquire", "a", "--reason", "-"], b"\xff").expect(2);
    assert_eq!(site.snapshot(), before);
}

#[test]
fn id_only_prints_the_lease_and_nothing_else() {
    let site = Site::new();
    let run = site.agent("alice").run(["acquire", "a", "--id-only"]).expect(0);
    assert_eq!(run.out.trim_end(), site.lock_json("a")["holders"][0]["lease"].as_str().unwrap());
    for both in [&["--json", "acquire", "a", "--id-only"], &["acquire", "a", "--id-only", "--json"]] {
        let run = site.agent("alice").run(both).expect(2);
        assert_eq!(run.out, "", "{run}");
    }
}

#[test]
fn an_unreliable_agent_is_told_that_it_is_one() {
    let site = Site::new();
    let run = site.nobody().run(["acquire", "a"]).expect(0);
    assert!(run.err.contains("only by your terminal session, which others may share; set SWARMLOCK_AGENT"), "{run}");
    assert_eq!(site.agent("alice").run(["acquire", "b"]).expect(0).err, "");
}

#[test]
fn outside_git_nothing_is_made_until_init_is_called() {
    let site = Site::outside_git();
    let run = site.agent("alice").run(["acquire", "a"]).expect(2);
    assert!(
        run.err.contains("neither in a git checkout nor below") && run.err.contains("next: swarmlock init"),
        "{run}"
    );
    assert_eq!(site.snapshot().len(), 1, "nothing but the directory itself");
    site.agent("alice").run(["init"]).expect(0);
    site.agent("alice").run(["acquire", "a"]).expect(0);
    fs::create_dir_all(site.path("deep/er")).unwrap();
    site.agent("bob").within(site.path("deep/er")).run(["acquire", "../../a"]).expect(10);
}

#[test]
fn the_state_directory_is_where_the_flag_or_else_the_variable_says() {
    let site = Site::outside_git();
    for dir in ["one", "two", "two/b"] {
        fs::create_dir(site.path(dir)).unwrap();
    }
    let (one, two) = (site.path("one/state"), site.path("two/state"));
    site.agent("alice").env("SWARMLOCK_DIR", &one).run(["acquire", "name:n"]).expect(0);
    assert!(one.join("locks/names/n.lock").is_file());
    let by_flag = site.agent("bob").env("SWARMLOCK_DIR", &one).run(["--dir", "two/state", "acquire", "two/b/x"]);
    assert!(by_flag.expect(0).out.starts_with("acquired\tb/x\t"), "named from where the directory stands");
    assert!(two.join("locks/paths/-/b%2Fx.lock").is_file());
    for dir in [".", "/", "..", "one/nothing/state", "", "two/state/.."] {
        site.agent("alice").run(["status", &format!("--dir={dir}")]).expect(2);
    }
    // An empty variable is none.
    site.agent("alice").env("SWARMLOCK_DIR", "").run(["acquire", "name:n"]).expect(2);
}

#[test]
fn a_git_file_that_leads_nowhere_is_refused_and_so_is_a_path_in_a_nested_checkout() {
    let site = Site::new();
    fs::create_dir_all(site.path("linked/src")).unwrap();
    fs::write(site.path("linked/.git"), "gitdir: ../.git/worktrees/linked\n").unwrap();
    for (dir, path) in [("linked/src", "a"), ("linked", "a"), ("linked", "name:n"), ("", "linked/a")] {
        let run = site.agent("alice").within(site.path(dir)).run(["acquire", path]).expect(2);
        assert!(run.err.contains("linked/.git: it leads to no repository: "), "{run}");
    }
    fs::create_dir_all(site.path("nested/.git")).unwrap();
    fs::create_dir_all(site.path("nested/src")).unwrap();
    for path in ["nested/src/a", "nested/src/*.rs", "nested", "./nested//x"] {
        let run = site.agent("alice").run(["acquire", path]).expect(2);
        assert!(run.err.contains("it is in another checkout"), "{run}");
    }
    assert!(!site.state("").exists());
    site.agent("alice").within(site.path("nested/src")).run(["acquire", "a"]).expect(0);
    assert!(site.path("nested/.agent_locks").is_dir(), "from inside it, its own locks are meant");
}

#[test]
fn who_is_known_only_by_the_terminal_session_is_told_so_when_refused() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    let stranger = site.nobody().run(["acquire", "a"]).expect(10);
    assert!(
        stranger.err.contains("only by your terminal session, which others may share; if that lease is yours"),
        "{stranger}"
    );
    let known = site.agent("bob").run(["acquire", "a"]).expect(10);
    assert!(!known.err.contains("terminal session"), "{known}");
}

#[test]
fn what_is_swarmlocks_own_is_not_locked_and_a_checkout_is_no_state_directory() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.agent("alice").run(["acquire", ".agent_locks/era.json"]).expect(2);
    for command in [&["acquire", "b"][..], &["cleanup"], &["list"]] {
        let run = site.agent("alice").run([command, &["--dir", site.root().to_str().unwrap()]].concat()).expect(2);
        assert!(run.err.contains("it is a checkout, not the state directory in it"), "{run}");
        assert!(run.err.contains("/.agent_locks status\n"), "{run}");
    }
}

#[test]
fn waiting_says_for_what_and_ends_with_its_line_or_with_11() {
    let site = crate::waiting::held_by_alice();
    let run = site.agent("bob").run(["acquire", "--wait=10ms", "name:x"]).expect(11);
    assert!(run.err.starts_with("swarmlock: name:x is held by alice since "), "{run}");
    assert!(run.err.contains("; waiting up to 10ms\n") && run.out.is_empty(), "{run}");
    let json = site.agent("bob").run(["acquire", "--wait=0s", "name:x", "--json"]).expect(11);
    let error = json.json_error();
    assert_eq!((&error["name"], &error["ticket"]["agent_id"]), (&"timed_out".into(), &"bob".into()), "{json}");
    assert_eq!(error["holders"][0]["agent_id"], "alice", "{json}");
    let bob = crate::waiting::waits(&site, "bob", &["name:x"]);
    site.agent("alice").run(["release", "name:x"]).expect(0);
    let run = crate::waiting::granted(bob);
    assert!(run.out.starts_with("acquired\tname:x\tl-") && run.out.lines().count() == 1, "{run}");
}

#[test]
fn a_ticket_is_left_for_later_and_named() {
    let site = crate::waiting::held_by_alice();
    let run = site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10);
    let number = crate::waiting::ticket_of(&site, "bob").number;
    assert!(run.err.contains(&format!("t-{number} keeps a place in line")), "{run}");
    let again = site.agent("bob").run(["acquire", "--queue", "name:x", "--json"]).expect(10);
    assert_eq!(again.json_error()["ticket"]["ticket"], format!("t-{number}"), "{again}");
}

#[test]
fn a_lease_with_a_longest_time_is_over_then_however_often_it_is_renewed() {
    let site = crate::waiting::made();
    site.agent("alice").run(["acquire", "--max-hold", "2s", "--ttl", "10m", "a"]).expect(0);
    site.agent("alice").run(["acquire", "--ttl", "10m", "b"]).expect(0);
    let bob = crate::waiting::waits(&site, "bob", &["a"]);
    site.agent("alice").run(["renew", "a"]).expect(0);
    let run = crate::waiting::granted(bob);
    assert!(run.err.contains("taken over from alice, whose lease was expired"), "{run}");
    // The control.
    site.agent("bob").run(["acquire", "b"]).expect(10);
}

#[test]
fn for_an_edit_it_lasts_as_an_edits_does_and_asking_without_that_makes_it_ordinary() {
    let site = Site::new();
    let lock = || {
        let holder = site.lock_json("a")["holders"][0].clone();
        (holder["class"].as_str().unwrap().to_owned(), holder["ttl_s"].as_u64().unwrap())
    };
    site.agent("alice").run(["acquire", "--for-edit", "a"]).expect(0);
    assert_eq!(lock(), ("automatic".to_owned(), 300));
    site.agent("bob").run(["acquire", "--for-edit", "a"]).expect(10);
    site.agent("alice").run(["acquire", "a"]).expect(0);
    assert_eq!(lock(), ("explicit".to_owned(), 900));
    site.agent("alice").run(["acquire", "--for-edit", "a"]).expect(0);
    assert_eq!(lock(), ("explicit".to_owned(), 900), "never back");
    for wrong in [["--shared", "b"], ["--ttl=5m", "b"], ["--max-hold=5m", "b"]] {
        site.agent("alice").run([&["acquire", "--for-edit"], &wrong[..]].concat()).expect(2);
    }
    // Who waits for it so has it so.
    let waiting = site.agent("bob").spawn(["acquire", "--for-edit", "--wait", "a"]);
    crate::waiting::until("bob waits", || site.nobody().run(["queue"]).out.contains("bob"));
    site.agent("alice").run(["release", "a"]).expect(0);
    crate::harness::finish(waiting).expect(0);
    assert_eq!(lock(), ("automatic".to_owned(), 300));
}
