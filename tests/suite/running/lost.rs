//! A lease that is lost while the command runs.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use super::{is_free, is_gone, pid_in, until};
use crate::{
    harness::{Run, Site, finish},
    processes::usable,
};

/// A command that would run for a minute, and something that it has started.
const WORKS: &str = "sleep 60 & echo $! >grandchild; echo $$ >pid; wait";

fn begin(site: &Site, flags: &[&str], script: &str) -> Child {
    let args = [&["run", "name:n"], flags, &["--", "sh", "-c", script]].concat();
    let child = site.agent("alice").spawn(args);
    pid_in(&site.path("pid"));
    child
}

#[track_caller]
fn ended_as_lost(site: &Site, child: Child) -> Run {
    let run = finish(child).expect(14);
    for file in ["pid", "grandchild"] {
        assert!(is_gone(pid_in(&site.path(file))), "{file} still runs: {run}");
    }
    assert!(run.err.contains("\nnext: swarmlock "), "{run}");
    run
}

#[test]
fn a_lease_ended_by_force_ends_the_command_and_all_of_its_group() {
    if !usable("a_lease_ended_by_force_ends_the_command_and_all_of_its_group") {
        return;
    }
    let site = Site::new();
    let child = begin(&site, &[], WORKS);
    site.agent("bob").run(["force-release", "name:n", "--yes"]).expect(0);
    let run = ended_as_lost(&site, child);
    assert!(run.err.contains("the lease was lost: nobody holds name:n now"), "{run}");
}

#[test]
fn a_lease_that_another_has_now_is_named_with_its_holder_and_left_alone() {
    if !usable("a_lease_that_another_has_now_is_named_with_its_holder_and_left_alone") {
        return;
    }
    let site = Site::new();
    let child = begin(&site, &["--json"], WORKS);
    site.agent("bob").run(["force-release", "name:n", "--yes"]).expect(0);
    site.agent("bob").run(["acquire", "name:n"]).expect(0);
    let run = finish(child).expect(14);
    let error = run.json_error();
    assert_eq!((&error["name"], &error["holder"]["agent_id"]), (&"lost".into(), &"bob".into()), "{run}");
    assert!(error["message"].as_str().unwrap().contains("held by bob"), "{run}");
    site.agent("bob").run(["check", "name:n"]).expect(0);
    assert!(!is_free(&site, "name:n"));
}

#[test]
fn of_several_resources_one_that_is_lost_is_enough_and_the_others_are_released() {
    if !usable("of_several_resources_one_that_is_lost_is_enough_and_the_others_are_released") {
        return;
    }
    let site = Site::new();
    let args = ["run", "name:n", "a", "b", "--", "sh", "-c", WORKS];
    let child = site.agent("alice").spawn(args);
    pid_in(&site.path("pid"));
    site.agent("bob").run(["force-release", "a", "--yes"]).expect(0);
    let run = ended_as_lost(&site, child);
    assert!(run.err.contains("nobody holds a now") && !run.err.contains("not released"), "{run}");
    for free in ["name:n", "a", "b"] {
        assert!(is_free(&site, free), "{free}");
    }
}

#[test]
fn a_state_directory_that_is_gone_or_replaced_has_lost_the_lease() {
    if !usable("a_state_directory_that_is_gone_or_replaced_has_lost_the_lease") {
        return;
    }
    for (how, said) in [("gone", "is gone"), ("replaced", "was replaced"), ("moved", "was replaced")] {
        let site = Site::new();
        let child = begin(&site, &[], WORKS);
        if how == "moved" {
            fs::rename(site.state(""), site.path("aside")).unwrap();
        } else {
            fs::remove_dir_all(site.state("")).unwrap();
        }
        if how != "gone" {
            site.agent("bob").run(["init"]).expect(0);
        }
        let run = ended_as_lost(&site, child);
        assert!(run.err.contains(said), "{how}: {run}");
    }
}

#[test]
fn a_command_that_may_go_on_without_its_lease_does_so_with_one_warning() {
    if !usable("a_command_that_may_go_on_without_its_lease_does_so_with_one_warning") {
        return;
    }
    let site = Site::new();
    let script = "sleep 60 & echo $! >grandchild; echo $$ >pid; read x <go; kill $!; exit 7";
    let go = site.path("go");
    rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let mut call = site.agent("alice");
    call.command.args(["run", "name:n", "--on-lease-loss", "continue", "--", "sh", "-c", script]);
    let child = call.command.stderr(fs::File::create(site.path("err")).unwrap()).spawn().unwrap();
    pid_in(&site.path("pid"));
    site.agent("bob").run(["force-release", "name:n", "--yes"]).expect(0);
    let said = || fs::read_to_string(site.path("err")).unwrap();
    until("it has said so", || said().contains("warning: "));
    assert!(!is_gone(pid_in(&site.path("pid"))));
    fs::write(&go, "on\n").unwrap();
    finish(child).expect(7);
    assert_eq!(said().matches("warning: ").count(), 1, "{}", said());
    assert!(said().contains("goes on without it"), "{}", said());
}

/// Both at once: each of them takes ten seconds.
#[test]
fn what_does_not_end_when_it_is_told_to_is_killed_after_ten_seconds() {
    if !usable("what_does_not_end_when_it_is_told_to_is_killed_after_ten_seconds") {
        return;
    }
    let deaf = "trap '' TERM; ";
    let deaf_grandchild = "sh -c 'trap \"\" TERM; echo $$ >grandchild; while :; do sleep 0.2; done' & \
                           while ! test -s grandchild; do sleep 0.01; done; echo $$ >pid; exec sleep 60";
    let run = |script: &str| {
        let site = Site::new();
        let child = begin(&site, &[], script);
        let began = Instant::now();
        site.agent("bob").run(["force-release", "name:n", "--yes"]).expect(0);
        let run = ended_as_lost(&site, child);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(30), "{took:?}: {script}: {run}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(&format!("{deaf}{WORKS}")));
        // The command itself ends at once, what it has started does not.
        scope.spawn(|| run(deaf_grandchild));
    });
}

#[test]
fn a_command_that_is_stopped_is_ended_too() {
    if !usable("a_command_that_is_stopped_is_ended_too") {
        return;
    }
    let site = Site::new();
    let child = begin(&site, &[], "sleep 60 & echo $! >grandchild; echo $$ >pid; kill -STOP $$; wait");
    site.agent("bob").run(["force-release", "name:n", "--yes"]).expect(0);
    let began = Instant::now();
    ended_as_lost(&site, child);
    assert!(began.elapsed() < Duration::from_secs(9), "it was continued to hear of it");
}

/// The renewals of a run show that the run lives, not that its agent does.
#[test]
fn a_run_renews_its_lease_and_leaves_no_sign_of_life_for_its_agent() {
    if !usable("a_run_renews_its_lease_and_leaves_no_sign_of_life_for_its_agent") {
        return;
    }
    let site = Site::new();
    let go = site.path("go");
    rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let script = "echo $$ >pid; read x <go";
    let child = site.agent("alice").spawn(["run", "a", "--ttl", "6s", "--", "sh", "-c", script]);
    pid_in(&site.path("pid"));
    let renewed = || site.lock_json("a")["holders"][0]["renewed_at"].clone();
    let (first, beat) = (renewed(), fs::read(site.state("beats/alice")).unwrap());
    until("it is renewed", || renewed() != first);
    assert_eq!(fs::read(site.state("beats/alice")).unwrap(), beat);
    fs::write(&go, "on\n").unwrap();
    finish(child).expect(0);
}
