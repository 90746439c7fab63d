//! Files that must not be touched, and what those that are made look like.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::{call, mode, put, text, tree};
use crate::harness::{Site, skip};

const PATH: &str = ".claude/settings.json";

/// Calls `init`, `--dry-run` and `uninstall`, which are all to refuse, and sees that nothing was written.
fn refused(site: &Site, what: &str) {
    site.nobody().run(["init", "--harness", "none"]).expect(0);
    let before = site.snapshot();
    for args in [&["init", "--harness", "claude-code,codex"][..], &["init", "--harness", "claude-code", "--dry-run"]] {
        let run = call(site).run(args).expect(73);
        assert!(run.err.contains(".claude"), "{what}: {run}");
        assert!(run.err.contains("nothing was written"), "{what}: {run}");
    }
    assert_eq!(site.snapshot(), before, "{what}");
}

#[test]
fn a_link_a_fifo_or_a_directory_in_the_place_of_a_settings_file_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("settings.json");
    fs::write(&target, "{}").unwrap();
    let site = Site::new();
    put(&site, ".claude/other", "");
    symlink(&target, site.path(PATH)).unwrap();
    refused(&site, "a link");
    // Nothing in it can be ours, so there is nothing to be taken out.
    call(&site).run(["uninstall"]).expect(0);
    fs::remove_file(site.path(PATH)).unwrap();
    symlink("nowhere", site.path(PATH)).unwrap();
    refused(&site, "a dangling link");
    fs::remove_file(site.path(PATH)).unwrap();
    fs::create_dir(site.path(PATH)).unwrap();
    refused(&site, "a directory");
    fs::remove_dir(site.path(PATH)).unwrap();
    put(&site, "other", "{}");
    fs::hard_link(site.path("other"), site.path(PATH)).unwrap();
    refused(&site, "a hard link");
    fs::remove_file(site.path(PATH)).unwrap();
    if std::process::Command::new("mkfifo").arg(site.path(PATH)).status().is_ok_and(|status| status.success()) {
        refused(&site, "a FIFO");
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "{}");
    // The control: with a file there it is written.
    fs::remove_file(site.path(PATH)).unwrap();
    put(&site, PATH, "{}");
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
}

#[test]
fn a_link_or_a_file_in_the_place_of_a_directory_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    let site = Site::new();
    symlink(elsewhere.path(), site.path(".claude")).unwrap();
    refused(&site, "a link");
    fs::remove_file(site.path(".claude")).unwrap();
    put(&site, ".claude", "text");
    refused(&site, "a file");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_read_only_file_is_left_to_its_owner() {
    let site = Site::new();
    put(&site, PATH, "{}");
    fs::set_permissions(site.path(PATH), fs::Permissions::from_mode(0o444)).unwrap();
    refused(&site, "read-only");
    // What was entered before stays too, until it may be written again.
    fs::set_permissions(site.path(PATH), fs::Permissions::from_mode(0o644)).unwrap();
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    fs::set_permissions(site.path(PATH), fs::Permissions::from_mode(0o444)).unwrap();
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    call(&site).run(["uninstall"]).expect(73);
    assert!(text(&site, PATH).contains("swarmlock hook"));
}

#[test]
fn a_file_of_another_user_is_refused() {
    let test = "a_file_of_another_user_is_refused";
    let site = Site::new();
    put(&site, PATH, "{}");
    if std::os::unix::fs::chown(site.path(PATH), Some(12345), None).is_err() {
        return skip(test, "only root can give files away");
    }
    refused(&site, "a foreign file");
    std::os::unix::fs::chown(site.path(PATH), Some(0), None).unwrap();
    std::os::unix::fs::chown(site.path(".claude"), Some(12345), None).unwrap();
    refused(&site, "a foreign directory");
}

#[test]
fn a_file_keeps_its_mode_and_a_new_one_has_that_of_the_umask() {
    for (umask, file, dir) in [(0o022, 0o644, 0o755), (0o002, 0o664, 0o775), (0o077, 0o600, 0o700)] {
        let site = Site::new();
        put(&site, PATH, "{}");
        fs::set_permissions(site.path(".claude"), fs::Permissions::from_mode(0o775)).unwrap();
        fs::set_permissions(site.path(PATH), fs::Permissions::from_mode(0o664)).unwrap();
        let before = tree(&site);
        let mut call = call(&site);
        under(&mut call.command, umask);
        call.run(["init", "--harness", "claude-code,cursor,opencode", "--instructions"]).expect(0);
        assert_eq!((mode(&site, PATH), mode(&site, ".claude")), (0o664, 0o775));
        for path in [".cursor/hooks.json", ".opencode/plugins/swarmlock.js", "AGENTS.md"] {
            assert_eq!(mode(&site, path), file, "{path}");
        }
        for path in [".cursor", ".opencode", ".opencode/plugins"] {
            assert_eq!(mode(&site, path), dir, "{path}");
        }
        assert_eq!(mode(&site, ".agent_locks/installed.json"), 0o600);
        super::call(&site).run(["uninstall"]).expect(0);
        assert_eq!(tree(&site), before);
    }
}

#[test]
fn a_directory_of_ours_in_which_something_else_stands_now_stays() {
    let site = Site::new();
    call(&site).run(["init", "--harness", "opencode,cursor"]).expect(0);
    put(&site, ".opencode/plugins/other.js", "x");
    call(&site).run(["uninstall"]).expect(0);
    assert!(site.path(".opencode/plugins/other.js").is_file() && !site.path(".opencode/plugins/swarmlock.js").exists());
    assert!(!site.path(".cursor").exists());
}

#[test]
fn an_edited_file_that_we_made_goes_if_nothing_is_left_in_it() {
    let site = Site::new();
    call(&site).run(["init", "--harness", "claude-code,cursor,gemini"]).expect(0);
    for path in [PATH, ".cursor/hooks.json"] {
        let edited = text(&site, path) + "\n";
        put(&site, path, edited);
    }
    let edited = text(&site, ".gemini/settings.json").replacen('{', "{\n  \"mine\": 1,", 1);
    put(&site, ".gemini/settings.json", edited);
    call(&site).run(["uninstall"]).expect(0);
    assert!(!site.path(PATH).exists() && !site.path(".cursor").exists());
    assert_eq!(text(&site, ".gemini/settings.json"), "{\n  \"mine\": 1\n}\n");
}

#[test]
fn after_an_edit_a_later_init_keeps_what_the_edit_left() {
    let site = Site::new();
    put(&site, PATH, "{\n  \"a\": 1\n}\n");
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    let edited =
        text(&site, PATH).replace("\"a\": 1", "\"a\": 2").replace("swarmlock hook Stop", "/gone/swarmlock hook Stop");
    put(&site, PATH, edited);
    let run = call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    assert!(run.out.contains("updated\tclaude-code\t"), "{run}");
    call(&site).run(["uninstall"]).expect(0);
    assert_eq!(text(&site, PATH), "{\n  \"a\": 2\n}\n");
}

#[test]
fn a_text_too_long_to_be_kept_is_put_together_again() {
    let site = Site::new();
    let long = format!("{{\n  \"a\": \"{}\"\n}}\n", "x".repeat(300 * 1024));
    put(&site, PATH, &long);
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    assert!(fs::metadata(site.state("installed.json")).unwrap().len() < 4096);
    call(&site).run(["uninstall"]).expect(0);
    assert!(text(&site, PATH) == long);
}

/// The same command with this umask, which a shell sets.
fn under(command: &mut std::process::Command, umask: u32) {
    let (program, args) =
        (command.get_program().to_owned(), command.get_args().map(ToOwned::to_owned).collect::<Vec<_>>());
    let envs: Vec<_> = command.get_envs().map(|(key, value)| (key.to_owned(), value.map(ToOwned::to_owned))).collect();
    let dir = command.get_current_dir().map(ToOwned::to_owned);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("umask {umask:04o}; exec \"$0\" \"$@\"")]).arg(program).args(args);
    for (key, value) in envs {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    shell.current_dir(dir.unwrap());
    *command = shell;
}
