//! What a command prints, with and without `--log`.

use std::{
    fs,
    io::Read as _,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Signal, kill_process};

use super::{is_free, is_gone, pid_in};
use crate::{
    harness::{Site, finish},
    processes::usable,
};

#[test]
fn stdin_stdout_and_stderr_are_the_commands() {
    let site = Site::new();
    let script = "cat; echo err >&2";
    for log in [&[][..], &["--log"]] {
        let args = [&["run", "name:n", "-q"], log, &["--", "sh", "-c", script]].concat();
        let run = site.agent("alice").run_with_stdin(args, b"in\n\xff\n").expect(0);
        assert_eq!((run.out.as_str(), run.err.as_str()), ("in\n\u{fffd}\n", "err\n"));
    }
}

#[test]
fn a_hundred_megabytes_are_copied_whole_in_little_memory() {
    if !usable("a_hundred_megabytes_are_copied_whole_in_little_memory") {
        return;
    }
    const BYTES: usize = 100_000_000;
    let site = Site::new();
    let script = format!("yes | head -c {BYTES}; grep VmHWM /proc/$PPID/status >hwm; exit 7");
    let mut child = site.agent("alice").spawn(["run", "name:n", "--log", "--", "sh", "-c", &script]);
    let (mut out, mut bytes, mut piece) = (child.stdout.take().unwrap(), 0, vec![0; 1 << 16]);
    loop {
        let read = out.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        bytes += read;
        assert!(piece[..read].iter().all(|byte| b"y\n".contains(byte)));
    }
    finish(child).expect(7);
    assert_eq!(bytes, BYTES);
    let hwm = fs::read_to_string(site.path("hwm")).unwrap();
    let kib: usize = hwm.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 24 * 1024, "{hwm}");
}

#[test]
fn what_the_command_has_printed_reaches_a_reader_that_takes_its_time() {
    let site = Site::new();
    let script = "head -c 300000 /dev/zero; echo end";
    let mut child = site.agent("alice").spawn(["run", "name:n", "--log", "--", "sh", "-c", script]);
    // Nothing is read until the command has ended and nobody has to wait for the lock any more: the last of it is on its
    // way, with us and in two pipes.
    let mut out = child.stdout.take().unwrap();
    let mut first = vec![0; 200_000];
    out.read_exact(&mut first).unwrap();
    super::until("the lock is free", || is_free(&site, "name:n"));
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    finish(child).expect(0);
    assert_eq!(rest.len(), 100_004);
    assert!(rest.ends_with(b"end\n"));
}

#[test]
fn a_grandchild_that_keeps_the_pipe_keeps_nobody() {
    if !usable("a_grandchild_that_keeps_the_pipe_keeps_nobody") {
        return;
    }
    let site = Site::new();
    let script = "sleep 60 & echo $! >pid; echo done; exit 3";
    let mut call = site.agent("alice");
    call.command.stderr(Stdio::null());
    call.command.args(["run", "name:n", "--log", "--", "sh", "-c", script]).stdout(Stdio::piped());
    let began = Instant::now();
    let run = finish(call.command.spawn().unwrap()).expect(3);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(run.out, "done\n");
    let grandchild = pid_in(&site.path("pid"));
    // The control: it was there all the time, and is as after every other shell.
    assert!(!is_gone(grandchild) && is_free(&site, "name:n"));
    kill_process(grandchild, Signal::KILL).unwrap();
}

/// Of one that never stops, what there was when the command ended.
#[test]
fn a_grandchild_that_prints_for_ever_keeps_nobody() {
    if !usable("a_grandchild_that_prints_for_ever_keeps_nobody") {
        return;
    }
    let site = Site::new();
    let script = "yes & echo $! >pid; exit 3";
    let mut call = site.agent("alice");
    call.command.args(["run", "name:n", "--log", "--", "sh", "-c", script]).stdout(Stdio::null());
    finish(call.command.stderr(Stdio::null()).spawn().unwrap()).expect(3);
    super::until("nobody reads it any more", || is_gone(pid_in(&site.path("pid"))));
}

#[test]
fn nobody_listening_does_not_lose_the_exit_code() {
    let site = Site::new();
    let script = "yes | head -c 1000000; echo late >&2; exit 5";
    let mut child = site.agent("alice").spawn(["run", "name:n", "--log", "--", "sh", "-c", script]);
    drop(child.stdout.take());
    let run = finish(child).expect(5);
    assert!(run.err.contains("late"), "{run}");
    assert!(is_free(&site, "name:n"));
    // Closed from the start.
    let closed = format!("{} run name:n --log -- sh -c 'echo x; exit 5' >&- 2>&-", crate::harness::BINARY);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &closed]).current_dir(site.root());
    let mut shell = crate::harness::without_identity(&mut shell).env("SWARMLOCK_AGENT", "alice").spawn().unwrap();
    assert_eq!(shell.wait().unwrap().code(), Some(5));
}
