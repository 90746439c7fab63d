//! How a command ends, and that nothing is left of it.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::is_free;
use crate::harness::{BINARY, Call, Run, Site, skip, without_identity};

/// A call with a PATH that everybody may search: what is looked for and may be where one may not look is 126.
fn plain(site: &Site) -> Call {
    site.agent("alice").env("PATH", "/usr/local/bin:/usr/bin:/bin")
}

#[test]
fn its_exit_code_is_passed_on_and_the_lock_is_released_however_it_ends() {
    let site = Site::new();
    site.file("no-program");
    for (command, code) in [
        (&["true"][..], 0),
        (&["false"], 1),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "exit 14"], 14),
        (&["sh", "-c", "exit 255"], 255),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-command"], 127),
        (&["./no-such-command"], 127),
        (&["./no-program"], 126),
        (&["."], 126),
        (&[""], 127),
    ] {
        for log in [&[][..], &["--log"]] {
            let run = plain(&site).run([&["run", "name:n"], log, &["--"], command].concat());
            assert_eq!(run.code, code, "{command:?}: {run}");
            assert!(is_free(&site, "name:n"), "{command:?}");
        }
    }
}

#[test]
fn a_command_that_cannot_be_run_is_said_like_every_failure() {
    let site = Site::new();
    for (command, code) in [("no-such-command", 127), (".", 126)] {
        let run = plain(&site).run(["run", "name:n", "-q", "--", command]).expect(code);
        assert!(run.err.starts_with(&format!("swarmlock: exec {command}: ")), "{run}");
        assert!(run.err.ends_with("next: swarmlock run --help\n"), "{run}");
        let run = plain(&site).run(["--json", "run", "name:n", "--", command]).expect(code);
        assert_eq!(run.json_error()["exit_code"], code, "{run}");
        assert_eq!(run.out, "");
    }
}

#[test]
fn a_release_that_fails_is_a_warning_and_the_exit_code_is_the_commands() {
    let site = Site::new();
    // Too short for anybody to look.
    let script = format!("{BINARY} force-release name:n --yes >out 2>&1; exit 7");
    let run = site.agent("alice").run(["run", "name:n", "--", "sh", "-c", &script]).expect(7);
    assert!(run.err.contains("warning: name:n was not released: the lease was gone already"), "{run}");
}

#[test]
fn what_we_fail_at_before_the_command_starts_is_our_own_failure() {
    let site = Site::new();
    site.agent("bob").run(["acquire", "a", "--reason", "mine"]).expect(0);
    let run = site.agent("alice").run(["run", "b", "a", "--no-wait", "--", "touch", "ran"]).expect(10);
    assert!(run.err.contains("held by bob"), "{run}");
    assert!(!site.path("ran").exists() && is_free(&site, "b"));
    let guard = site.hold_guard();
    site.agent("alice").run(["run", "b", "--guard-wait", "50ms", "--", "touch", "ran"]).expect(75);
    drop(guard);
    site.agent("alice").run(["run", "b", "--", "touch", "ran"]).expect(0);
    assert!(site.path("ran").exists(), "the control");
}

#[test]
fn a_run_in_a_run_has_a_group_and_a_lease_of_its_own() {
    let site = Site::new();
    let inner = format!("{BINARY} run name:m -- sh -c '{BINARY} list --json; echo $SWARMLOCK_DEPTH; exit 7'");
    let run = site.agent("alice").run(["run", "name:n", "--", "sh", "-c", &inner]).expect(7);
    assert!(run.out.contains("name:n") && run.out.contains("name:m"), "{run}");
    assert!(run.out.ends_with("\n2\n"), "{run}");
    assert!(is_free(&site, "name:n") && is_free(&site, "name:m"));
}

#[test]
fn the_command_has_no_descriptor_of_ours() {
    let site = Site::new();
    let listed = "ls /proc/self/fd";
    for log in [&[][..], &["--log"]] {
        let own = Run::from(Command::new("sh").args(["-c", listed]).stdin(Stdio::null()).output().unwrap());
        let run = site.agent("alice").run([&["run", "name:n"], log, &["--", "sh", "-c", listed]].concat());
        assert_eq!(run.out, own.out, "{log:?}");
    }
}

#[test]
fn the_command_has_the_umask_and_the_directory_that_we_were_called_with() {
    let site = Site::new();
    fs::create_dir(site.path("sub")).unwrap();
    for umask in ["0022", "0077", "0002", "0000"] {
        let script = format!("umask {umask}; cd sub; {BINARY} run name:n -- sh -c 'umask; basename \"$PWD\"'");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(site.root()).env("SWARMLOCK_AGENT", "alice");
        let run = Run::from(without_identity(&mut command).env("SWARMLOCK_AGENT", "alice").output().unwrap());
        assert_eq!(run.out, format!("{umask}\nsub\n"), "{run}");
    }
}

/// As in cron: the lease has an agent of its own.
#[test]
fn where_nothing_tells_who_asks_the_run_is_an_agent_of_its_own() {
    let site = Site::new();
    let inside = ["--pid", "--fork", "--mount-proc", "--"];
    let attempt = |more: &[&str], command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(more).args(inside).args(command).current_dir(site.root());
        without_identity(&mut unshare).output().ok().map(Run::from)
    };
    let script = ["run", "name:n", "--", "sh", "-c", "echo $SWARMLOCK_AGENT"];
    let command = [&[BINARY][..], &script].concat();
    let user = ["--user", "--map-current-user"];
    let seen = |more: &[&str]| attempt(more, &["sh", "-c", "echo $$"]).is_some_and(|run| run.out == "1\n");
    let Some(more) = [&[][..], &user].into_iter().find(|more| seen(more)) else {
        return skip("where_nothing_tells_who_asks", "no pid namespaces here");
    };
    let run = attempt(more, &command).unwrap().expect(0);
    let digits = run.out.trim_end().strip_prefix("run-").unwrap_or_else(|| panic!("{run}"));
    assert!(digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{run}");
    assert!(is_free(&site, "name:n"));
}
