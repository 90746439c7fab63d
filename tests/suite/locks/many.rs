//! So many locks that they are read by a thread of their own.

use std::{
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    harness::{BINARY, Run, finish, skip},
    load::Load,
    proof::strace,
};

const MANY: usize = 2_000;

fn finished(mut command: Command) -> Run {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The files of some of them are damaged, or no files.
fn damaged() -> Load {
    let load = Load::plant(BINARY, MANY);
    for (number, bytes) in [(1, &b""[..]), (700, b"{"), (701, b"[]"), (MANY, b"\0")] {
        fs::write(load.locks().join(format!("load%2F{number:06}.rs.lock")), bytes).unwrap();
    }
    let directory = load.locks().join("load%2F000702.rs.lock");
    fs::remove_file(&directory).unwrap();
    fs::create_dir(&directory).unwrap();
    load
}

#[test]
fn each_is_listed_in_order_and_each_damaged_one_is_named() {
    let run = finished(damaged().call(["list"])).expect(73);
    let bad = [1, 700, 701, 702, MANY];
    let good: Vec<_> =
        (0..=MANY).filter(|number| !bad.contains(number)).map(|number| format!("load/{number:06}.rs")).collect();
    let shown: Vec<_> = run.out.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(shown, good);
    let named = bad.map(|number| run.err.find(&format!("load%2F{number:06}.rs.lock")).unwrap());
    assert!(named.is_sorted(), "{}", run.err);
}

#[test]
fn where_no_thread_can_be_started_they_are_read_all_the_same() {
    if let Err(why) = strace::usable() {
        return skip("where_no_thread_can_be_started_they_are_read_all_the_same", &why);
    }
    let load = damaged();
    let trace = load.root().join("trace");
    let with = finished(load.call(["list"]));
    let inject = "inject=clone,clone3:error=EAGAIN";
    let words = ["strace", "-f", "-e", "trace=clone,clone3", "-e", inject, "-o", trace.to_str().unwrap()];
    let without = finished(load.call_under(words, ["list"]));
    assert!(fs::read_to_string(&trace).unwrap().contains("(INJECTED)"), "the control: a thread was wanted");
    assert_eq!((with.code, with.out, with.err), (without.code, without.out, without.err));
}

#[test]
fn one_that_goes_meanwhile_is_left_out_or_whole() {
    let load = Load::plant(BINARY, MANY);
    let away = load.root().join("away");
    fs::create_dir(&away).unwrap();
    let (done, mut fewer) = (AtomicBool::new(false), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in (1..=MANY).cycle() {
                let name = format!("load%2F{number:06}.rs.lock");
                let (here, there) = (load.locks().join(&name), away.join(&name));
                if here.exists() {
                    fs::rename(here, there).unwrap()
                } else {
                    fs::rename(there, here).unwrap()
                }
                if done.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        for _ in 0..20 {
            let run = finished(load.call(["list"]));
            let whole = run.code == 0 && run.out.lines().all(|line| line.split('\t').count() == 9);
            fewer += usize::from(run.out.lines().count() <= MANY);
            if !whole {
                done.store(true, Ordering::Release);
                panic!("{run}");
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(fewer > 0, "the control: some were gone when it looked");
}
