//! Hooks of linked worktrees: each has files of its own, and one note for all.

use std::fs;

use super::Repositories;

#[test]
fn each_worktree_has_hooks_of_its_own() {
    let Some(r) = Repositories::with_main("each_worktree_has_hooks_of_its_own") else { return };
    r.git("main", &["worktree", "add", "-q", "../wt"]);
    let hooked = |dir: &str, path: &str| r.path(dir).join(path).is_file();
    let run = r.run("alice", "wt/src", &["init", "--harness", "claude-code,codex"]).expect(0);
    assert!(run.err.contains("codex: current versions read the hooks of the main checkout"), "{run}");
    assert!(hooked("wt", ".claude/settings.json") && !hooked("main", ".claude/settings.json"));
    assert!(!r.path("wt/.agent_locks").exists());
    let run = r.run("alice", "main", &["init", "--harness", "claude-code,codex"]).expect(0);
    assert!(!run.err.contains("main checkout"), "{run}");
    let note: serde_json::Value =
        serde_json::from_slice(&fs::read(r.path("main/.agent_locks/installed.json")).unwrap()).unwrap();
    let files = note["files"].as_array().unwrap();
    let worktrees: Vec<_> = files.iter().map(|file| file["worktree"].as_str().unwrap_or("-")).collect();
    assert_eq!(worktrees, ["wt", "wt", "-", "-"]);

    let look = r.run("alice", "main", &["uninstall", "--state"]).expect(0);
    assert!(look.err.contains("worktree wt: .claude/settings.json has hooks too"), "{look}");
    r.run("alice", "main", &["uninstall"]).expect(0);
    assert!(hooked("wt", ".claude/settings.json") && !r.path("main/.claude").exists());
    r.run("alice", "wt", &["uninstall", "--state", "--yes"]).expect(0);
    assert!(!r.path("wt/.claude").exists() && !r.path("main/.agent_locks").exists());
}
