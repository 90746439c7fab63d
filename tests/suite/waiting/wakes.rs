//! What ends a wait, how soon, and what waiting costs meanwhile.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::{harness::skip, life::Harness, processes::usable, proof::strace};

use super::*;

/// A wait that ends without a change is seen within a look every 250 ms; more only where the machine is loaded.
const SOON: Duration = Duration::from_secs(3);

/// How long it took from `began` until it was granted.
#[track_caller]
fn soon(what: &str, child: Child, began: Instant) {
    granted(child);
    let took = began.elapsed();
    eprintln!("{what}: served after {took:?}");
    assert!(took < SOON, "{what}: {took:?}");
}

#[test]
fn when_the_holders_process_is_killed_the_first_in_line_has_it_at_once() {
    if !usable("when_the_holders_process_is_killed") {
        return;
    }
    let site = made();
    let mut alice = Harness::start(&site, "claude", "alice");
    alice.call("acquire name:x").expect(0);
    let bob = waits(&site, "bob", &["name:x"]);
    let began = Instant::now();
    alice.kill();
    soon("a holder that is killed", bob, began);
    assert_eq!(held(&site), [("name:x".to_owned(), "bob".to_owned())]);
}

#[test]
fn when_a_lease_expires_the_first_in_line_has_it_and_not_before() {
    let site = made();
    let began = Instant::now();
    site.agent("alice").run(["acquire", "--ttl", "2s", "name:x"]).expect(0);
    let bob = waits(&site, "bob", &["name:x"]);
    let run = granted(bob);
    let took = began.elapsed();
    eprintln!("a lease for 2 s: served after {took:?}");
    assert!(took >= Duration::from_millis(1990) && took < Duration::from_secs(2) + SOON, "{took:?}");
    assert!(run.err.contains("taken over from alice, whose lease was expired"), "{run}");
}

#[test]
fn release_and_force_release_and_cleanup_and_a_change_of_mode_wake_the_first_in_line() {
    for args in [&["release", "--mine"][..], &["force-release", "name:x", "--yes"], &["acquire", "--shared", "name:x"]]
    {
        let site = held_by_alice();
        let bob = waits(&site, "bob", &["--shared", "name:x"]);
        let began = Instant::now();
        site.agent("alice").run(args).expect(0);
        soon(&format!("{args:?}"), bob, began);
    }
    let site = made();
    site.agent("alice").run(["acquire", "x"]).expect(0);
    let bob = waits(&site, "bob", &["x"]);
    let began = Instant::now();
    site.expire("x");
    site.nobody().run(["cleanup"]).expect(0);
    soon("cleanup", bob, began);
}

#[test]
fn when_the_first_in_line_gives_up_or_is_killed_the_next_is_served() {
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let site = held_by_alice();
        let bob = waits(&site, "bob", &["name:x"]);
        // It has no more than what bob wanted in common with alice.
        let carol = waits(&site, "carol", &["name:x"]);
        kill_process(Pid::from_child(&bob), signal).unwrap();
        bob.wait_with_output().unwrap();
        let number = ticket_of(&site, "bob").number;
        let began = Instant::now();
        site.agent("bob").run(["queue", "cancel", &format!("t-{number}")]).expect(0);
        site.agent("alice").run(["release", "name:x"]).expect(0);
        soon(&format!("after {signal:?}"), carol, began);
    }
}

/// How often a process has given up the processor by itself, in all of its threads.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_task = |path: PathBuf| -> u64 {
        let status = fs::read_to_string(path.join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse().unwrap()
    };
    tasks.map(|task| of_task(task.unwrap().path())).sum()
}

#[test]
fn who_waits_wakes_four_times_a_second_and_writes_nothing() {
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    let carol = waits(&site, "carol", &["name:x"]);
    // Its first looks are made when it has been woken once by itself.
    let first = switches(carol.id());
    until("it looks", || switches(carol.id()) > first + 1);
    let (before, began, woken) = (site.snapshot(), Instant::now(), switches(carol.id()));
    std::thread::sleep(Duration::from_secs(2));
    let (after, seconds) = (site.snapshot(), began.elapsed().as_secs_f64());
    let rate = (switches(carol.id()) - woken) as f64 / seconds;
    eprintln!("an idle waiter wakes {rate:.1} times a second");
    // A look that meets that of the other waits for the guard, which is a wake, too.
    assert!((2.0..=8.0).contains(&rate), "{rate}");
    assert_eq!(before, after);
    kill(bob);
    kill(carol);
}

#[test]
fn alone_in_line_it_polls_at_most_five_times_a_second_and_no_call_of_it_writes() {
    if let Err(why) = strace::usable() {
        return skip("alone_in_line_it_polls_at_most_five_times_a_second", &why);
    }
    let site = held_by_alice();
    let trace = site.path("trace");
    let mut command = strace::under(&["-s", "400"], &trace);
    command.args([crate::harness::BINARY, "acquire", "--wait=3s", "name:x"]).current_dir(site.root());
    crate::harness::without_identity(&mut command).env("SWARMLOCK_AGENT", "bob");
    let run = Run::from(command.output().unwrap()).expect(11);
    let text = fs::read_to_string(&trace).unwrap();
    let idle: Vec<&str> = text.lines().skip_while(|line| !line.contains("waiting up to")).skip(1).collect();
    let idle = &idle[idle.iter().position(|line| line.contains("poll(")).unwrap()..];
    let polls = idle.iter().filter(|line| line.contains("poll(")).count();
    assert!((8..=15).contains(&polls), "{polls} in 3 s: {run}");
    // At its end it leaves the place; until then nothing is written.
    let last = idle.iter().rposition(|line| line.contains("poll(")).unwrap();
    let writes = ["write(", "pwrite64(", "rename", "unlink", "mkdir", "O_WRONLY", "O_CREAT"];
    let written: Vec<_> = idle[..last].iter().filter(|line| writes.iter().any(|write| line.contains(write))).collect();
    assert!(written.is_empty(), "{written:#?}");
}

#[test]
fn what_was_granted_is_said_before_the_watch_is_taken_off() {
    if let Err(why) = strace::usable() {
        return skip("what_was_granted_is_said_before_the_watch_is_taken_off", &why);
    }
    let site = held_by_alice();
    let trace = site.path("trace");
    let mut command = strace::under::<&str>(&[], &trace);
    command.args([crate::harness::BINARY, "acquire", "--wait=30s", "name:x"]).current_dir(site.root());
    crate::harness::without_identity(&mut command).env("SWARMLOCK_AGENT", "bob");
    let bob = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    until("it watches", || fs::read_to_string(&trace).is_ok_and(|text| text.contains("inotify_add_watch(")));
    site.agent("alice").run(["release", "name:x"]).expect(0);
    granted(bob);
    let text = fs::read_to_string(&trace).unwrap();
    let (_, after) = text.split_once("inotify_init1(").unwrap();
    let descriptor = after.split_once("= ").unwrap().1.split_once('\n').unwrap().0;
    let (waiting, _) = after.split_once("\"acquired\\t").unwrap();
    assert!(waiting.contains("poll([{fd="), "it looks at the watch: {waiting}");
    // That takes the kernel longer than all the rest.
    assert!(!waiting.contains(&format!(" close({descriptor})")), "{waiting}");
}

#[test]
fn it_waits_without_a_watch_where_the_kernel_has_none_left() {
    let site = held_by_alice();
    let mut command = Command::new("strace");
    if let Err(why) = strace::usable() {
        return skip("it_waits_without_a_watch_where_the_kernel_has_none_left", &why);
    }
    let trace = site.path("trace");
    command.args(["-f", "-o"]).arg(&trace).args(["-e", "trace=inotify_init1", "-e"]);
    command.args(["inject=inotify_init1:error=EMFILE", crate::harness::BINARY, "acquire", "--wait=30s", "name:x"]);
    crate::harness::without_identity(&mut command).env("SWARMLOCK_AGENT", "bob").current_dir(site.root());
    let bob = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    until("it waits", || fs::read_to_string(&trace).is_ok_and(|text| text.contains("(INJECTED)")));
    let began = Instant::now();
    site.agent("alice").run(["release", "name:x"]).expect(0);
    soon("without a watch", bob, began);
}

#[test]
fn when_the_state_directory_goes_or_is_another_it_ends() {
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    fs::rename(site.state(""), site.path("gone")).unwrap();
    let run = crate::harness::finish(bob);
    assert!([73, 75].contains(&run.code), "{run}");
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    fs::rename(site.state(""), site.path("before")).unwrap();
    site.agent("carol").run(["acquire", "name:x"]).expect(0);
    let run = crate::harness::finish(bob);
    assert!([73, 75].contains(&run.code), "{run}");
}

#[test]
fn after_a_restart_of_the_machine_nobody_waits_for_what_was_held_before() {
    let site = held_by_alice();
    let bob = waits(&site, "bob", &["name:x"]);
    let guard = site.hold_guard();
    crate::proof::eras::restart(&site);
    drop(guard);
    let run = crate::harness::finish(bob);
    assert!([0, 13].contains(&run.code), "{run}");
    site.agent("carol").run(["acquire", "name:y"]).expect(0);
    assert!(tickets(&site).iter().all(|ticket| ticket.agent != "bob"));
}
