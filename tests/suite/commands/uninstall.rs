use std::fs;

use crate::{
    harness::Site,
    install::{call, put, text, tree},
};

#[test]
fn what_was_entered_is_taken_out_and_the_state_directory_stays() {
    let site = Site::new();
    put(&site, ".gemini/settings.json", "{}\n");
    let before = tree(&site);
    call(&site).run(["init", "--harness", "claude-code,gemini,cursor,codex,opencode", "--instructions"]).expect(0);
    assert!(site.path(".opencode/plugins/swarmlock.js").is_file() && site.path("AGENTS.md").is_file());
    let run = call(&site).run(["uninstall"]).expect(0);
    assert!(run.out.contains("restored\tgemini\t.gemini/settings.json\n"), "{run}");
    assert!(run.out.contains("removed\tclaude-code\t.claude/settings.json\n"), "{run}");
    assert!(run.err.contains("swarmlock uninstall --state"), "{run}");
    assert_eq!(tree(&site), before);
    assert!(site.state("era.json").is_file() && !site.state("installed.json").exists());
}

#[test]
fn with_nothing_installed_it_says_so() {
    let site = Site::new();
    let run = call(&site).run(["uninstall"]).expect(0);
    assert!(run.out.is_empty() && run.err.contains("no hooks are installed here"), "{run}");
    call(&site).run(["uninstall", "--state", "--yes"]).expect(0);
    call(&site).within("/").run(["uninstall"]).expect(2);
}

#[test]
fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let site = Site::new();
    put(&site, ".claude/settings.json", "{\n  \"a\": 1\n}\n");
    call(&site).run(["init"]).expect(0);
    let before = site.snapshot();
    let run = call(&site).run(["uninstall", "--dry-run"]).expect(0);
    assert!(run.out.contains("would_restore\tclaude-code\t") && run.out.contains("\n-    \"Stop\": [\n"), "{run}");
    let json = call(&site).run(["uninstall", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(json["result"], "would_restore");
    assert!(json["diff"].as_str().unwrap().starts_with("--- a/.claude/settings.json\n"));
    assert_eq!(site.snapshot(), before);
}

#[test]
fn without_the_note_what_is_ours_is_seen_by_what_it_calls() {
    let site = Site::new();
    put(&site, ".claude/settings.json", "{\n  \"a\": 1\n}\n");
    call(&site).run(["init", "--harness", "claude-code,cursor", "--instructions"]).expect(0);
    fs::remove_dir_all(site.state("")).unwrap();
    let run = call(&site).run(["uninstall"]).expect(0);
    assert!(run.out.contains("taken_out\tclaude-code\t"), "{run}");
    assert_eq!(text(&site, ".claude/settings.json"), "{\n  \"a\": 1\n}\n");
    assert_eq!(text(&site, ".cursor/hooks.json").replace([' ', '\n'], ""), "{\"version\":1}");
    assert_eq!(text(&site, "AGENTS.md"), "");
    // A note that cannot be read is none.
    call(&site).run(["init", "--harness", "codex"]).expect(0);
    site.plant("installed.json", "?");
    let run = call(&site).run(["uninstall"]).expect(0);
    assert!(run.err.contains("warning: ") && run.err.contains("installed.json"), "{run}");
    assert!(!text(&site, ".codex/hooks.json").contains("swarmlock"));
}

#[test]
fn the_state_directory_goes_only_when_asked_for_twice_and_nobody_else_holds_anything() {
    let site = Site::new();
    let before = tree(&site);
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    site.agent("bob").run(["acquire", "a"]).expect(0);
    let look = call(&site).run(["uninstall", "--state"]).expect(0);
    assert!(look.out.contains("held\ta\tbob\n") && look.out.contains("would_remove\t"), "{look}");
    let refused = call(&site).run(["uninstall", "--state", "--yes"]).expect(10);
    assert!(refused.err.contains("a: held by bob"), "{refused}");
    assert!(text(&site, ".claude/settings.json").contains("swarmlock hook"));
    site.agent("bob").run(["release", "a"]).expect(0);
    call(&site).run(["acquire", "a"]).expect(0);
    call(&site).run(["uninstall", "--state", "--yes"]).expect(0);
    assert!(!site.state("").exists());
    assert_eq!(tree(&site), before);
}

#[test]
fn who_waits_for_the_guard_finds_that_the_state_directory_was_replaced() {
    let site = Site::new();
    call(&site).run(["init"]).expect(0);
    let guard = site.hold_guard();
    let waits = site.agent("bob").spawn(["acquire", "a", "--guard-wait", "20s"]);
    let removes = call(&site).spawn(["uninstall", "--state", "--yes", "--guard-wait", "20s"]);
    drop(guard);
    let (bob, alice) = (crate::harness::finish(waits), crate::harness::finish(removes));
    // Whoever came first: one of both has happened whole.
    match (bob.code, alice.code) {
        (0, 10) => assert!(site.lock_file("a").is_file()),
        (0 | 75, 0) => assert!(!site.path(".agent_locks/era.json").exists() || site.lock_file("a").is_file()),
        _ => panic!("{bob} {alice}"),
    }
}

/// With the directory goes what is noted of the settings, and nobody could take out whole what was entered.
#[test]
fn hooks_that_were_entered_meanwhile_keep_the_state_directory() {
    for entered in [true, false] {
        let (site, other) = (Site::new(), Site::new());
        call(&site).run(["init", "--harness", "none"]).expect(0);
        call(&other).run(["init", "--harness", "codex"]).expect(0);
        let guard = site.hold_guard();
        let removes = call(&site).spawn(["uninstall", "--state", "--yes", "--guard-wait", "20s"]);
        // It waits for the guard by a thread of its own, when all else has been looked at.
        let threads = format!("/proc/{}/task", removes.id());
        while fs::read_dir(&threads).unwrap().count() < 2 {
            std::thread::yield_now();
        }
        if entered {
            fs::copy(other.state("installed.json"), site.state("installed.json")).unwrap();
        }
        drop(guard);
        let run = crate::harness::finish(removes);
        // Control: else it goes.
        assert_eq!((run.code, site.state("").exists()), if entered { (75, true) } else { (0, false) }, "{run}");
        assert_eq!(run.err.contains(".codex/hooks.json: hooks were entered just now"), entered, "{run}");
    }
}
