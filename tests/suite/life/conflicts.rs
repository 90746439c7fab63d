//! One living harness an id: two agents with one id would exclude nobody.

use std::process::{Command, Stdio};

use super::{Harness, beat, state};
use crate::{
    harness::{BINARY, Run, Site, finish, skip, without_identity},
    identity::{DETACHED, shell_named},
    processes::usable,
};

/// alice, in a harness that lives, holds a.rs. `None`, and the test is skipped, where processes cannot be judged.
fn alice(test: &str) -> Option<(Site, Harness)> {
    if !usable(test) {
        return None;
    }
    let site = Site::new();
    let mut harness = Harness::start(&site, "claude", "alice");
    harness.call("acquire a.rs").expect(0);
    Some((site, harness))
}

/// Fails unless the call was refused because alice is the one harness and it comes from the other.
#[track_caller]
fn refused(run: &Run, of: (&str, u32), from: &str) {
    assert_eq!((run.code, run.out.as_str()), (12, ""), "{run}");
    let both = format!(
        "alice is the id of {} (process {}), which is alive; this call comes from {from} (process ",
        of.0, of.1
    );
    for part in [&*both, "--agent ID", "SWARMLOCK_AGENT=ID", "or end that process", "\nnext: swarmlock whoami\n"] {
        assert!(run.err.contains(part), "{part}: {run}");
    }
}

/// A call as alice with nobody above it but the first process. `None` if the tests run in a harness that collects it.
fn from_a_plain_shell(site: &Site, args: &str) -> Option<Run> {
    let call = |line: &str| {
        let mut shell = Command::new(shell_named(site, "sh-of-test"));
        without_identity(&mut shell).current_dir(site.root()).env("B", BINARY).env("SWARMLOCK_AGENT", "alice");
        shell.env("L", line).args(["-c", DETACHED]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(shell.spawn().unwrap())
    };
    let who = call("\"$B\" whoami --json").json();
    who["process"].is_null().then(|| call(&format!("\"$B\" {args}; echo \"exit $?\"")))
}

#[test]
fn an_id_of_a_living_harness_is_refused_to_another_one_until_the_first_is_gone() {
    let Some((site, mut first)) = alice("an_id_of_a_living_harness_is_refused_to_another_one") else { return };
    let mut second = Harness::start(&site, "codex", "alice");
    let before = site.snapshot();
    for args in ["acquire a.rs", "acquire b.rs", "renew a.rs", "release a.rs", "renew --mine", "release --mine"] {
        refused(&second.call(args), ("claude", first.pid()), "codex");
        assert!(site.snapshot() == before, "{args} has changed something");
    }
    let error = second.call("acquire b.rs --json").expect(12).json_error();
    assert_eq!(error["next"][0], "swarmlock whoami", "{error}");
    // The control: the first goes on, and the second may under another id.
    first.call("renew a.rs").expect(0);
    second.call("acquire b.rs --agent bob").expect(0);
    second.call("acquire a.rs --agent bob").expect(10);
    first.kill();
    second.call("renew a.rs").expect(0);
    assert_eq!(beat(&site, "alice")["process"]["pid"], second.pid());
    assert_eq!(state(&site, "a.rs"), "held");
}

#[test]
fn two_harnesses_of_one_name_are_two() {
    let Some((site, first)) = alice("two_harnesses_of_one_name_are_two") else { return };
    let mut second = Harness::start(&site, "claude", "alice");
    refused(&second.call("acquire b.rs"), ("claude", first.pid()), "claude");
}

#[test]
fn a_harness_that_is_stopped_keeps_its_id() {
    let Some((site, first)) = alice("a_harness_that_is_stopped_keeps_its_id") else { return };
    first.signal(rustix::process::Signal::STOP);
    let mut second = Harness::start(&site, "codex", "alice");
    refused(&second.call("renew a.rs"), ("claude", first.pid()), "codex");
    first.signal(rustix::process::Signal::CONT);
}

#[test]
fn whoever_only_looks_or_bears_the_token_is_not_refused() {
    let name = "whoever_only_looks_or_bears_the_token";
    if !usable(name) {
        return;
    }
    let site = Site::new();
    let mut first = Harness::start(&site, "claude", "alice");
    let token = first.call("acquire a.rs --json").expect(0).json()["token"].as_str().unwrap().to_owned();
    let mut second = Harness::start(&site, "codex", "alice");
    for look in ["check a.rs", "list", "status", "who a.rs", "whoami", "history", "wait a.rs"] {
        second.call(look).expect(0);
    }
    let renewed = second.call(&format!("renew a.rs --token {token}")).expect(0);
    assert!(renewed.out.starts_with("renewed\ta.rs\t"), "{renewed}");
    assert_eq!(beat(&site, "alice")["process"]["pid"], first.pid(), "the first is still who stands for alice");
    refused(&second.call("release a.rs"), ("claude", first.pid()), "codex");
    second.call(&format!("release a.rs --token {token}")).expect(0);
    assert_eq!(state(&site, "a.rs"), "free");
    // Nor is who ends what another holds, or what is over: that needs no id of one's own.
    first.call("acquire a.rs").expect(0);
    second.call("force-release a.rs --yes").expect(0);
    assert_eq!(beat(&site, "alice")["process"]["pid"], first.pid());
}

#[test]
fn what_a_harness_starts_is_the_harness_and_a_harness_in_it_is_another() {
    let Some((site, mut first)) = alice("what_a_harness_starts_is_the_harness") else { return };
    for line in [
        "bash -c '\"$B\" renew a.rs; exit $?'",
        "setsid --wait bash -c '\"$B\" renew a.rs; exit $?'",
        "(\"$B\" renew a.rs)",
        "env nice bash -c 'bash -c \"\\\"\\$B\\\" renew a.rs; exit \\$?\"; exit $?'",
    ] {
        first.line(line).expect(0);
    }
    let inner = shell_named(&site, "codex");
    let run = first.line(&format!("{inner} -c '\"$B\" renew a.rs; exit $?'"));
    refused(&run, ("claude", first.pid()), "codex");
    let inner = shell_named(&site, "claude");
    let run = first.line(&format!("{inner} -c '\"$B\" acquire b.rs; exit $?'"));
    refused(&run, ("claude", first.pid()), "claude");
    // The control: with an id of its own it may.
    first.line(&format!("{inner} -c '\"$B\" acquire b.rs --agent bob; exit $?'")).expect(0);
    assert_eq!((state(&site, "a.rs"), state(&site, "b.rs")), ("held".into(), "orphaned".into()));
}

#[test]
fn a_plain_shell_may_act_for_an_agent_in_a_harness_and_does_not_become_it() {
    let name = "a_plain_shell_may_act_for_an_agent_in_a_harness";
    let Some((site, mut first)) = alice(name) else { return };
    let Some(run) = from_a_plain_shell(&site, "renew a.rs") else {
        return skip(name, "the tests run in a harness that collects orphans");
    };
    assert!(run.out.ends_with("exit 0\n"), "{run}");
    assert_eq!(beat(&site, "alice")["process"]["pid"], first.pid());
    from_a_plain_shell(&site, "acquire b.rs").unwrap();
    // The evidence is still that of the harness.
    first.kill();
    assert_eq!((state(&site, "a.rs"), state(&site, "b.rs")), ("orphaned".into(), "orphaned".into()));
}

/// A beat without a process that has just been left does not hide the harness that calls after it.
#[test]
fn a_harness_that_calls_right_after_a_plain_shell_stands_for_the_agent_at_once() {
    let name = "a_harness_that_calls_right_after_a_plain_shell";
    if !usable(name) {
        return;
    }
    let site = Site::new();
    let Some(run) = from_a_plain_shell(&site, "acquire a.rs") else {
        return skip(name, "the tests run in a harness that collects orphans");
    };
    assert!(run.out.ends_with("exit 0\n"), "{run}");
    assert!(beat(&site, "alice")["process"].is_null(), "the control: the shell is no evidence");
    let mut first = Harness::start(&site, "claude", "alice");
    first.call("renew a.rs").expect(0);
    let mut second = Harness::start(&site, "codex", "alice");
    refused(&second.call("renew a.rs"), ("claude", first.pid()), "codex");
    first.kill();
    assert_eq!(state(&site, "a.rs"), "orphaned");
}

/// The id of a session is one harness's from the start; two of them exclude each other without being told who they are.
#[test]
fn two_sessions_of_a_harness_exclude_each_other_without_any_configuration() {
    if !usable("two_sessions_of_a_harness_exclude_each_other") {
        return;
    }
    let site = Site::new();
    let mut harnesses = ["one", "two"].map(|session| {
        let mut harness = Harness::start(&site, "claude", "");
        harness.line(&format!("export CLAUDE_CODE_SESSION_ID={session}")).expect(0);
        harness
    });
    let [one, two] = &mut harnesses;
    let id = one.call("whoami --id-only").expect(0).out;
    assert!(id.starts_with("claude-"), "{id}");
    one.call("acquire a.rs").expect(0);
    let held = two.call("acquire a.rs").expect(10);
    assert!(held.err.contains(&format!("a.rs is held by {} since ", id.trim())), "{held}");
    one.kill();
    let taken = two.call("acquire a.rs").expect(0);
    assert!(taken.out.starts_with("taken_over\ta.rs\t"), "{taken}");
}
