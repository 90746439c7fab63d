use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use crate::{
    harness::{BINARY, Run, Site},
    install::{call, put, text},
};

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

/// The harnesses that a call of `init` has entered hooks for, and why.
fn entered(run: &Run) -> Vec<(String, String)> {
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    run.out.lines().skip(1).map(columns).map(|columns| (columns[1].clone(), columns[3].clone())).collect()
}

#[test]
fn a_harness_is_found_by_each_of_its_signs() {
    let pair = |harness: &str, sign: &str| vec![(harness.to_owned(), sign.to_owned())];
    for (harness, in_checkout, in_home, program, variable) in [
        ("claude-code", ".claude", ".claude", "claude", "CLAUDECODE"),
        ("codex", ".codex", ".codex", "codex", "CODEX_SANDBOX"),
        ("gemini", ".gemini", ".gemini", "gemini", "GEMINI_CLI"),
        ("cursor", ".cursor", ".cursor", "cursor-agent", "CURSOR_AGENT"),
        ("opencode", "opencode.json", ".config/opencode", "opencode", "OPENCODE"),
    ] {
        let (home, none) = (tempfile::tempdir().unwrap(), Site::new());
        assert_eq!(entered(&none.agent("alice").run(["init"]).expect(0)), [], "the control");
        let site = Site::new();
        put(&site, &format!("{in_checkout}{}", if in_checkout.ends_with("json") { "" } else { "/x" }), "{}");
        let run = site.agent("alice").within(site.root()).run(["init"]).expect(0);
        assert_eq!(entered(&run), pair(harness, in_checkout));
        let site = Site::new();
        fs::create_dir_all(home.path().join(in_home)).unwrap();
        let run = site.agent("alice").env("HOME", home.path()).run(["init"]).expect(0);
        assert_eq!(entered(&run), pair(harness, &format!("~/{in_home}")));
        let site = Site::new();
        put(&site, &format!("bin/{program}"), "");
        let path = site.path("bin");
        assert_eq!(entered(&site.agent("alice").env("PATH", &path).run(["init"]).expect(0)), [], "no program");
        fs::set_permissions(path.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        let run = site.agent("alice").env("PATH", &path).run(["init"]).expect(0);
        assert_eq!(entered(&run), pair(harness, &format!("{program} in PATH")));
        let site = Site::new();
        let run = site.agent("alice").env(variable, "1").run(["init"]).expect(0);
        assert_eq!(entered(&run), pair(harness, &format!("${variable}")));
        // What is named comes without a sign, and none is none.
        let site = Site::new();
        assert_eq!(entered(&site.agent("alice").env(variable, "1").run(["init", "--harness", "none"]).expect(0)), []);
        assert_eq!(
            entered(&site.agent("alice").run(["init", "--harness", harness]).expect(0)),
            pair(harness, "asked for")
        );
    }
}

#[test]
fn harnesses_are_named_several_times_or_with_commas() {
    let site = Site::new();
    let run = call(&site).run(["init", "--harness", "gemini,codex", "--harness", "cursor"]).expect(0);
    let names: Vec<_> = entered(&run).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["codex", "gemini", "cursor"]);
    call(&site).run(["init", "--harness", "none,codex"]).expect(2);
    call(&site).run(["init", "--harness", "vim"]).expect(2);
    call(&site).run(["init", "--check", "--dry-run"]).expect(2);
}

#[test]
fn check_looks_at_what_is_installed_or_asked_for() {
    let site = Site::new();
    call(&site).run(["init", "--check"]).expect(20);
    assert!(!site.state("").exists());
    let run = call(&site).run(["init", "--check"]).expect(20);
    assert!(run.err.contains("no hooks are installed here; swarmlock init --harness NAME enters them\n"), "{run}");
    assert!(run.err.ends_with("next: swarmlock init\n"), "what has to be done, and not its help: {run}");
    put(&site, ".claude/x", "");
    let run = call(&site).run(["init", "--check"]).expect(20);
    assert!(run.err.contains("no hooks are installed here; swarmlock init enters them for claude-code\n"), "{run}");
    call(&site).run(["init", "--harness", "codex"]).expect(0);
    // A sign of another is no drift.
    let run = call(&site).run(["init", "--check"]).expect(0);
    assert!(run.out.contains("\nunchanged\tcodex\t") && !run.out.contains("claude"), "{run}");
    let asked = call(&site).run(["init", "--check", "--harness", "claude-code"]).expect(20);
    assert!(asked.out.contains("\nwould_install\tclaude-code\t"), "{asked}");
    assert!(asked.err.contains("next: swarmlock init --harness claude-code\n"), "{asked}");
    let path = ".codex/hooks.json";
    put(&site, path, text(&site, path).replacen("swarmlock hook", "/old/swarmlock hook", 1));
    let before = site.snapshot();
    let run = call(&site).run(["init", "--check"]).expect(20);
    assert!(run.out.contains("\nwould_update\tcodex\t"), "{run}");
    assert_eq!(site.snapshot(), before);
    call(&site).run(["init", "--check", "--instructions"]).expect(20);
    // Hooks that somebody took out are missed, and so is the whole file.
    put(&site, path, "{}\n");
    assert!(call(&site).run(["init", "--check"]).expect(20).out.contains("\nwould_install\tcodex\t"));
    std::fs::remove_dir_all(site.path(".codex")).unwrap();
    assert!(call(&site).run(["init", "--check"]).expect(20).out.contains("\nwould_install\tcodex\t"));
    call(&site).run(["uninstall"]).expect(0);
    assert!(!call(&site).run(["init", "--check"]).expect(0).out.contains("codex"), "taken out by us, it is not missed");
}

#[test]
fn a_dry_run_of_init_shows_the_difference_and_changes_nothing() {
    let site = Site::new();
    put(&site, ".cursor/hooks.json", "{\n  \"version\": 1\n}\n");
    let before = site.snapshot();
    let run = call(&site).run(["init", "--dry-run", "--harness", "cursor,gemini"]).expect(0);
    assert!(run.out.starts_with("would_make\t"), "{run}");
    assert!(run.out.contains("\n--- a/.cursor/hooks.json\n+++ b/.cursor/hooks.json\n@@ -1,3 +1,"), "{run}");
    assert!(run.out.contains("\n--- /dev/null\n+++ b/.gemini/settings.json\n@@ -0,0 +1,"), "{run}");
    assert!(run.out.contains("\n-  \"version\": 1\n+  \"version\": 1,\n+  \"hooks\": {\n"), "{run}");
    let lines = call(&site).run(["init", "--dry-run", "--harness", "cursor", "--json"]).expect(0).json_lines();
    assert_eq!((&lines[0]["result"], &lines[1]["result"]), (&"would_make".into(), &"would_install".into()));
    assert!(lines[1]["diff"].as_str().unwrap().contains("@@"));
    assert_eq!(site.snapshot(), before);
}

#[test]
fn the_program_is_called_by_its_word_if_path_leads_to_it_else_where_it_stands() {
    let site = Site::new();
    site.agent("alice").run(["init", "--harness", "claude-code"]).expect(0);
    let place = fs::canonicalize(BINARY).unwrap();
    let command = format!("\"{} hook Stop --harness claude-code\"", place.display());
    assert!(text(&site, ".claude/settings.json").contains(&command));
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    assert!(text(&site, ".claude/settings.json").contains("\"swarmlock hook Stop --harness claude-code\""));
    // Another program of that name is not called.
    put(&site, "bin/swarmlock", "");
    fs::set_permissions(site.path("bin/swarmlock"), fs::Permissions::from_mode(0o755)).unwrap();
    site.agent("alice").env("PATH", site.path("bin")).run(["init", "--harness", "claude-code"]).expect(0);
    assert!(text(&site, ".claude/settings.json").contains(&command));
    assert_eq!(text(&site, ".claude/settings.json").matches("hook Stop").count(), 1);
}

#[test]
fn hooks_are_entered_at_the_root_of_the_worktree_from_below_too() {
    let site = Site::new();
    site.file("deep/er/f");
    call(&site).within(site.path("deep/er")).run(["init", "--harness", "claude-code"]).expect(0);
    assert!(site.path(".claude/settings.json").is_file() && !site.path("deep/er/.claude").exists());
    call(&site).within(site.path("deep")).run(["uninstall"]).expect(0);
    assert!(!site.path(".claude").exists());
}

#[test]
fn in_the_home_directory_hooks_are_entered_only_when_named() {
    let site = Site::outside_git();
    put(&site, ".claude/settings.json", "{}");
    let root = fs::canonicalize(site.root()).unwrap();
    let run = call(&site).env("HOME", &root).run(["init"]).expect(0);
    assert!(run.err.contains("home directory") && entered(&run).is_empty(), "{run}");
    assert_eq!(text(&site, ".claude/settings.json"), "{}");
    call(&site).env("HOME", &root).run(["init", "--harness", "claude-code"]).expect(0);
    assert_ne!(text(&site, ".claude/settings.json"), "{}");
}

#[test]
fn instructions_stand_once_in_the_files_that_are_there() {
    let begins = |site: &Site, path: &str| text(site, path).matches("swarmlock:begin").count();
    let args = ["init", "--harness", "none", "--instructions"];
    let site = Site::new();
    call(&site).run(args).expect(0);
    assert!(begins(&site, "AGENTS.md") == 1 && !site.path("CLAUDE.md").exists());
    put(&site, "CLAUDE.md", "# Mine\r\n");
    call(&site).run(args).expect(0);
    assert_eq!((begins(&site, "AGENTS.md"), begins(&site, "CLAUDE.md")), (1, 1));
    let old = text(&site, "CLAUDE.md").replace("Several agents", "Some agents") + "more";
    put(&site, "CLAUDE.md", &old);
    let run = call(&site).run(args).expect(0);
    assert!(run.out.contains("updated\tinstructions\tCLAUDE.md"), "{run}");
    assert!(!text(&site, "CLAUDE.md").contains("Some agents") && text(&site, "CLAUDE.md").ends_with("more"));
    call(&site).run(["uninstall"]).expect(0);
    assert!(!site.path("AGENTS.md").exists());
    assert_eq!(text(&site, "CLAUDE.md"), "# Mine\r\nmore");
    // One that leads to the other, or says so, is left alone.
    put(&site, "AGENTS.md", "# All\n");
    fs::remove_file(site.path("CLAUDE.md")).unwrap();
    std::os::unix::fs::symlink("AGENTS.md", site.path("CLAUDE.md")).unwrap();
    call(&site).run(args).expect(0);
    assert_eq!(begins(&site, "CLAUDE.md"), 1);
    fs::remove_file(site.path("CLAUDE.md")).unwrap();
    put(&site, "CLAUDE.md", "@AGENTS.md\n");
    call(&site).run(args).expect(0);
    assert_eq!(text(&site, "CLAUDE.md"), "@AGENTS.md\n");
    call(&site).run(["uninstall"]).expect(0);
    assert_eq!(text(&site, "AGENTS.md"), "# All\n");
    for broken in ["<!-- swarmlock:begin -->\n", "x\n<!-- swarmlock:end -->\n"] {
        put(&site, "AGENTS.md", broken);
        call(&site).run(args).expect(78);
        call(&site).run(["uninstall"]).expect(78);
        assert_eq!(text(&site, "AGENTS.md"), broken);
    }
}
