//! What signals do to a command that runs, sent to it, to us, or to both.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{is_free, is_gone, line_of, pid_in, send, state, until};
use crate::{
    harness::{BINARY, Run, Site, finish, skip, without_identity},
    processes::usable,
};

#[test]
fn what_would_end_us_reaches_the_command_and_the_lock_is_released_after_it() {
    if !usable("what_would_end_us_reaches_the_command_and_the_lock_is_released_after_it") {
        return;
    }
    let signals = [
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("TERM", Signal::TERM),
        ("HUP", Signal::HUP),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
    ];
    for (number, (name, signal)) in signals.into_iter().enumerate() {
        let site = Site::new();
        let code = 40 + number;
        let script = format!("trap 'echo {name}; exit {code}' {name}; echo $$ >pid; while :; do sleep 0.01; done");
        let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", &script]);
        pid_in(&site.path("pid"));
        assert!(!is_free(&site, "name:n"));
        send(&child, signal);
        let run = finish(child);
        assert_eq!((run.code, run.out.trim()), (code as i32, name), "{run}");
        assert!(is_free(&site, "name:n"), "{name}");
    }
}

#[test]
fn a_command_that_such_a_signal_ends_gives_its_code_and_the_lock_is_released() {
    if !usable("a_command_that_such_a_signal_ends_gives_its_code_and_the_lock_is_released") {
        return;
    }
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let site = Site::new();
        let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", "echo $$ >pid; exec sleep 60"]);
        let pid = pid_in(&site.path("pid"));
        send(&child, signal);
        assert_eq!(finish(child).code, code);
        assert!(is_gone(pid) && is_free(&site, "name:n"));
    }
}

#[test]
fn the_command_dies_with_us_when_we_are_killed() {
    if !usable("the_command_dies_with_us_when_we_are_killed") {
        return;
    }
    let site = Site::new();
    let script = "echo $$ >pid; exec sleep 60";
    let mut child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", script]);
    let pid = pid_in(&site.path("pid"));
    until("the shell is the sleep", || line_of(format!("/proc/{}/comm", pid.as_raw_nonzero()).as_ref()) == "sleep");
    send(&child, Signal::KILL);
    child.wait().unwrap();
    until("the command is gone", || is_gone(pid));
    // The control: what nobody has asked to die with its parent does not.
    let script = "setsid sh -c 'echo $$ >other; exec sleep 60' & wait";
    let mut child = Command::new("sh").args(["-c", script]).current_dir(site.root()).spawn().unwrap();
    let other = pid_in(&site.path("other"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!is_gone(other));
    kill_process(other, Signal::KILL).unwrap();
}

/// Documented: only the command itself dies with us.
#[test]
fn what_the_command_has_started_survives_when_we_are_killed() {
    if !usable("what_the_command_has_started_survives_when_we_are_killed") {
        return;
    }
    let site = Site::new();
    let script = "sleep 60 & echo $! >grandchild; echo $$ >pid; wait";
    let mut child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", script]);
    let (pid, grandchild) = (pid_in(&site.path("pid")), pid_in(&site.path("grandchild")));
    send(&child, Signal::KILL);
    child.wait().unwrap();
    until("the command is gone", || is_gone(pid));
    assert!(!is_gone(grandchild));
    kill_process(grandchild, Signal::KILL).unwrap();
}

/// Sent sooner or later, before, while and after the lease is taken and the command started.
#[test]
fn a_signal_at_any_moment_leaves_neither_the_lock_nor_the_command() {
    if !usable("a_signal_at_any_moment_leaves_neither_the_lock_nor_the_command") {
        return;
    }
    let site = Site::new();
    site.agent("alice").run(["init"]).expect(0);
    let mut codes = BTreeSet::new();
    for round in 0..60 {
        let signal = if round % 3 == 0 { Signal::KILL } else { Signal::TERM };
        let script = "echo $$ >>pids; exec sleep 60";
        let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", script]);
        std::thread::sleep(Duration::from_micros(500 * round));
        send(&child, signal);
        codes.insert(finish(child).code);
        // Released, or nobody was left to do so and it went with the process.
        site.agent("bob").run(["acquire", "name:n"]).expect(0);
        site.agent("bob").run(["release", "name:n"]).expect(0);
    }
    assert_eq!(codes, BTreeSet::from([137, 143]));
    for pid in fs::read_to_string(site.path("pids")).unwrap_or_default().lines() {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        until("the command is gone", || is_gone(pid));
    }
}

#[test]
fn what_was_ignored_before_us_is_ignored_by_the_command() {
    if !usable("what_was_ignored_before_us_is_ignored_by_the_command") {
        return;
    }
    for (ignored, code) in [("trap '' HUP;", 7), ("", 129)] {
        let site = Site::new();
        let inner = "echo $$ >pid; read x <go; exit 7";
        let script = format!("{ignored} exec {BINARY} run name:n -- sh -c '{inner}'");
        let go = site.path("go");
        rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(site.root()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = without_identity(&mut command).env("SWARMLOCK_AGENT", "alice").spawn().unwrap();
        let pid = pid_in(&site.path("pid"));
        send(&child, Signal::HUP);
        if code == 7 {
            fs::write(&go, "on\n").unwrap();
        }
        let run = finish(child);
        // The control is the second round: without nohup the command ends by it.
        assert_eq!(run.code, code, "{run}");
        assert!(is_gone(pid) && is_free(&site, "name:n"));
    }
}

#[test]
fn the_command_begins_with_every_signal_let_through() {
    let site = Site::new();
    let run = site.agent("alice").run(["run", "name:n", "--", "grep", "-E", "Sig(Blk|Pnd)", "/proc/self/status"]);
    let masks: Vec<_> = run.out.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(masks, ["0000000000000000"; 2], "{run}");
    // As elsewhere: a pipe without a reader ends whoever writes to it.
    let ignored = ["run", "name:n", "--", "sh", "-c", "grep SigIgn /proc/self/status"];
    let run = site.agent("alice").run(ignored).expect(0);
    let ignored = u64::from_str_radix(run.out.split_whitespace().nth(1).unwrap(), 16).unwrap();
    assert_eq!(ignored & (1 << (Signal::PIPE.as_raw() - 1)), 0, "{run}");
}

#[test]
fn a_wrapper_that_was_stopped_has_missed_nothing() {
    if !usable("a_wrapper_that_was_stopped_has_missed_nothing") {
        return;
    }
    let site = Site::new();
    let go = site.path("go");
    rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let child = site.agent("alice").spawn(["run", "name:n", "--", "sh", "-c", "echo $$ >pid; read x <go; exit 7"]);
    let pid = pid_in(&site.path("pid"));
    send(&child, Signal::STOP);
    until("it is stopped", || state(Pid::from_child(&child)) == Some('T'));
    fs::write(&go, "on\n").unwrap();
    until("the command has ended", || is_gone(pid));
    assert!(!is_free(&site, "name:n"), "nobody could release it yet");
    send(&child, Signal::CONT);
    finish(child).expect(7);
    assert!(is_free(&site, "name:n"));
}

/// Without a terminal nobody has stopped us with it.
#[test]
fn a_command_that_was_stopped_alone_goes_on_when_it_or_we_are_told_to() {
    if !usable("a_command_that_was_stopped_alone_goes_on_when_it_or_we_are_told_to") {
        return;
    }
    for to_us in [false, true] {
        let site = Site::new();
        let inner = "echo $PPID >wrapper; echo $$ >pid; while :; do sleep 0.01; test -e go && exit 7; done";
        let mut command = Command::new("setsid");
        command.args(["-w", BINARY, "run", "name:n", "--", "sh", "-c", inner]).current_dir(site.root());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = without_identity(&mut command).env("SWARMLOCK_AGENT", "alice").spawn().unwrap();
        let (pid, wrapper) = (pid_in(&site.path("pid")), pid_in(&site.path("wrapper")));
        kill_process(pid, Signal::STOP).unwrap();
        until("it is stopped", || state(pid) == Some('T'));
        fs::write(site.path("go"), "").unwrap();
        kill_process(if to_us { wrapper } else { pid }, Signal::CONT).unwrap();
        finish(child).expect(7);
    }
}

/// Documented: the kernel tells nobody.
#[test]
fn with_child_signals_ignored_the_end_is_seen_and_the_code_is_not_known() {
    let site = Site::new();
    let env = |command: &[&str]| {
        let mut env = Command::new("env");
        env.arg("--ignore-signal=CHLD").args(command).current_dir(site.root());
        without_identity(&mut env).env("SWARMLOCK_AGENT", "alice").output().ok().map(Run::from)
    };
    if env(&["true"]).is_none_or(|run| run.code != 0) {
        return skip("with_child_signals_ignored", "no env(1) that ignores signals");
    }
    let run = env(&[BINARY, "run", "name:n", "--", "sh", "-c", "exit 7"]).unwrap().expect(1);
    assert!(run.err.contains("warning: how the command ended is not known"), "{run}");
    assert!(is_free(&site, "name:n"));
}
