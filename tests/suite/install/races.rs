//! Several at once, and somebody who swaps a directory for a link meanwhile.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{call, put, text, tree};
use crate::{
    harness::{BINARY, Site, finish, skip, without_identity},
    proof::strace,
};

#[test]
fn of_several_inits_at_once_each_hook_is_entered_once() {
    for _ in 0..5 {
        let site = Site::new();
        put(&site, ".claude/settings.json", "{\n  \"a\": 1\n}\n");
        let before = tree(&site);
        let inits: Vec<_> =
            (0..8).map(|_| call(&site).spawn(["init", "--harness", "claude-code,cursor", "--instructions"])).collect();
        for init in inits {
            finish(init).expect(0);
        }
        for (path, wanted) in [(".claude/settings.json", 9), (".cursor/hooks.json", 9)] {
            assert_eq!(text(&site, path).matches("swarmlock hook").count(), wanted, "{path}");
        }
        assert_eq!(text(&site, "AGENTS.md").matches("swarmlock:begin").count(), 1);
        // Of several who take them out, one does and the others find nothing, or that it was done just now.
        let removals: Vec<_> = (0..4).map(|_| call(&site).spawn(["uninstall"])).collect();
        let codes: Vec<_> = removals.into_iter().map(|removal| finish(removal).code).collect();
        assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
        assert_eq!(tree(&site), before);
    }
}

/// Without a state directory there is no guard. One waits with its new file half done, another begins with its own and is
/// killed.
#[test]
fn of_two_that_take_hooks_out_without_a_guard_none_puts_what_the_other_has_begun_in_place() {
    let test = "of_two_that_take_hooks_out_without_a_guard_none_puts_what_the_other_has_begun_in_place";
    if let Err(why) = strace::usable() {
        return skip(test, &why);
    }
    let before = "{\n  \"precious\": true\n}\n";
    let site = Site::new();
    put(&site, ".claude/settings.json", before);
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    fs::remove_dir_all(site.path(".agent_locks")).unwrap();
    let traces = tempfile::tempdir().unwrap();
    let traced = |name: &str, inject: &str| {
        let mut command = Command::new("strace");
        let trace = traces.path().join(name);
        command.args(["-f", "-o"]).arg(&trace).arg("-e").arg(format!("inject={inject}"));
        command.arg(BINARY).arg("uninstall").current_dir(site.root());
        (trace, without_identity(&mut command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let (trace, mut slow) = traced("slow", "renameat,renameat2,rename:delay_enter=3000000");
    while !fs::read_to_string(&trace).unwrap_or_default().contains("rename") {
        assert!(slow.try_wait().unwrap().is_none(), "it never came to the rename");
        thread::yield_now();
    }
    let aside = site.path(".claude/.settings.json.swarmlock");
    assert_eq!(fs::read_to_string(&aside).unwrap(), before);
    let (_, mut killed) = traced("killed", "write:signal=KILL");
    killed.wait().unwrap();
    // Control: the file that is put in place is the one with this name; without its lock the other would have begun it anew.
    assert_eq!(fs::read_to_string(&aside).unwrap(), before);
    assert!(slow.wait().unwrap().success());
    assert_eq!(text(&site, ".claude/settings.json"), before);
    // What one that was killed has left is nobody's.
    call(&site).run(["init", "--harness", "claude-code"]).expect(0);
    fs::remove_dir_all(site.path(".agent_locks")).unwrap();
    let (_, mut killed) = traced("killed", "fsync:signal=KILL");
    killed.wait().unwrap();
    assert!(aside.exists());
    call(&site).run(["uninstall"]).expect(0);
    assert_eq!(text(&site, ".claude/settings.json"), before);
    assert!(!aside.exists());
}

/// Does this again and again while somebody swaps `.claude` for a link to a directory of the same shape outside; how
/// often something was written there, and how often it went well. Goes on until it went well once, but not for ever.
fn attacked(tries: usize, work: impl Fn(&Site) -> bool) -> Option<(usize, usize)> {
    let (site, outside) = (Site::new(), tempfile::tempdir().unwrap());
    put(&site, ".claude/settings.json", "{}");
    let target = outside.path().join("settings.json");
    fs::write(&target, "{}").unwrap();
    std::os::unix::fs::symlink(outside.path(), site.path("link")).unwrap();
    let swap = |a: &Path, b: &Path| renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE);
    let (one, other) = (site.path(".claude"), site.path("link"));
    swap(&one, &other).and_then(|()| swap(&one, &other)).ok()?;
    let (over, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut written, mut done) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap(&one, &other).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        for nth in 0..20 * tries {
            if nth >= tries && done > 0 {
                break;
            }
            done += usize::from(work(&site));
            let names = fs::read_dir(outside.path()).unwrap().count();
            if names > 1 || fs::read(&target).unwrap_or_default() != b"{}" {
                written += 1;
                fs::remove_dir_all(outside.path()).unwrap();
                fs::create_dir(outside.path()).unwrap();
                fs::write(&target, "{}").unwrap();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(swaps.load(Ordering::Relaxed) > tries, "the attack is not felt");
    Some((written, done))
}

#[test]
fn nothing_is_written_through_a_link_that_a_directory_is_swapped_for() {
    let work = |site: &Site| {
        let init = call(site).run(["init", "--harness", "claude-code"]);
        let removal = call(site).run(["uninstall"]);
        for run in [&init, &removal] {
            assert!([0, 1, 73, 75].contains(&run.code), "{run}");
        }
        init.code == 0
    };
    let Some((written, done)) = attacked(200, work) else {
        return skip("nothing_is_written_through_a_link_that_a_directory_is_swapped_for", "no RENAME_EXCHANGE here");
    };
    assert_eq!(written, 0);
    assert!(done > 0, "nothing gets done");
}

#[test]
fn control_a_writer_by_path_writes_through_the_link() {
    let work = |site: &Site| fs::write(site.path(".claude/settings.json"), "{\"hooks\": {}}").is_ok();
    let Some((written, _)) = attacked(200, work) else {
        return skip("control_a_writer_by_path_writes_through_the_link", "no RENAME_EXCHANGE here");
    };
    assert!(written > 0);
}
