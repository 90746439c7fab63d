//! Whether real processes live, as the library sees it: running, killed, collected, replaced, hidden.

use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use swarmlock::{
    domain::{Liveness, Process},
    host::{liveness, pid_namespace},
};

use crate::harness::skip;

/// The variable that has the process in it that the worker looks at.
const LOOK_AT: &str = "SWARMLOCK_TEST_LOOK_AT";

/// A process that waits until it is killed.
fn waits() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

/// The process with this number, by its start.
fn process(pid: u32) -> Process {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    Process::new(pid, started.parse().unwrap(), "cat")
}

/// Waits for a process to be in this state, without collecting it.
fn reaches(pid: u32, state: &str) {
    let wanted = format!(") {state} ");
    while !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(&wanted) {}
}

/// Whether processes can be judged here at all.
pub fn usable(test: &str) -> bool {
    let usable = pid_namespace().unwrap().is_some();
    if !usable {
        skip(test, "/proc is not that of this pid namespace");
    }
    usable
}

#[test]
fn a_process_lives_until_it_is_killed_collected_or_not() {
    if !usable("a_process_lives_until_it_is_killed") {
        return;
    }
    let mut child = waits();
    let process = process(child.id());
    assert_eq!(liveness(&process), Liveness::Alive);
    // Stopped is not gone.
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    reaches(child.id(), "T");
    assert_eq!(liveness(&process), Liveness::Alive);
    // A later process with its number is another.
    assert_eq!(liveness(&Process { started: process.started - 1, ..process.clone() }), Liveness::Gone);
    child.kill().unwrap();
    reaches(child.id(), "Z");
    assert_eq!(liveness(&process), Liveness::Gone, "killed, and not yet collected");
    child.wait().unwrap();
    assert_eq!(liveness(&process), Liveness::Gone);
}

#[test]
fn a_process_whose_first_thread_has_ended_lives() {
    if !usable("a_process_whose_first_thread_has_ended") {
        return;
    }
    let program = "import ctypes, sys, threading\n\
                   threading.Thread(target=sys.stdin.read).start()\n\
                   ctypes.CDLL(None).pthread_exit(None)\n";
    let mut python = Command::new("python3");
    python.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = python.spawn() else {
        return skip("a_process_whose_first_thread_has_ended", "no python3 here");
    };
    // The control: it looks as if it were over.
    reaches(child.id(), "Z");
    let alive = liveness(&process(child.id()));
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    match ended {
        Some(_) => skip("a_process_whose_first_thread_has_ended", "python3 does not do that here"),
        None => assert_eq!(alive, Liveness::Alive),
    }
}

/// The other side of the test below: another user, from whom processes are hidden.
#[test]
fn worker_that_looks_at_a_process() {
    let Ok(look_at) = std::env::var(LOOK_AT) else { return };
    let (pid, started) = look_at.split_once(' ').unwrap();
    let process = Process::new(pid.parse().unwrap(), started.parse().unwrap(), "");
    let hidden = fs::read(format!("/proc/{pid}/stat")).is_err();
    std::io::stdout().write_all(format!("looked: {:?} {hidden}\n", liveness(&process)).as_bytes()).unwrap();
}

#[test]
fn a_process_of_another_user_that_is_hidden_is_alive_until_it_is_gone() {
    let name = "a_process_of_another_user_that_is_hidden";
    if !usable(name) {
        return;
    }
    // Where that user can get at it, wherever the tests were built.
    let dir = tempfile::tempdir().unwrap();
    let worker = dir.path().join("worker");
    fs::copy(std::env::current_exe().unwrap(), &worker).unwrap();
    let open = |path: &std::path::Path| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    open(dir.path());
    open(&worker);
    let as_another = "mount -t proc -o hidepid=2 proc /proc && \
                      exec setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"";
    let look = |process: &Process| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", as_another, "sh"]).arg(&worker);
        command.args(["processes::worker_that_looks_at_a_process", "--exact", "--nocapture"]);
        let output = command.env(LOOK_AT, format!("{} {}", process.pid, process.started)).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|line| Some(line.split_once("looked: ")?.1.to_owned()))
    };
    let mut child = waits();
    let process = process(child.id());
    let while_it_lives = look(&process);
    child.kill().unwrap();
    child.wait().unwrap();
    // The control: it could not be read, so it was the kernel that answered.
    match while_it_lives.as_deref() {
        Some("Alive true") => assert_eq!(look(&process).as_deref(), Some("Gone true")),
        // The first process is hidden too, and with it which namespace this is, unless it is the first one.
        Some("Unknown true") if pid_namespace().unwrap().unwrap().init_started.is_some() => {
            skip(name, "not in the first pid namespace");
        }
        Some(other) => panic!("{other}"),
        None => skip(name, "no mounts of our own here"),
    }
}
