//! What a beat may hold, and be, without anybody gaining or losing a lease by it.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::Path,
    process::{Command, Stdio},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::{Harness, age, beat, edit_beat, mono_ms, state};
use crate::{
    harness::{Site, skip},
    processes::usable,
};

/// Something that is wrong with the beat of alice.
struct Wrong {
    what: &'static str,
    make: fn(&Site),
}

/// The file of the beat of alice.
fn file(site: &Site) -> std::path::PathBuf {
    site.state("beats/alice")
}

fn edited(site: &Site, change: impl FnOnce(&mut Value)) {
    edit_beat(site, "alice", change);
}

/// As it is written, with these bytes.
fn bytes(site: &Site, bytes: &[u8]) {
    site.plant("beats/alice", bytes);
}

/// Puts something else in its place.
fn replaced(site: &Site, make: impl FnOnce(&Path)) {
    fs::remove_file(file(site)).unwrap();
    make(&file(site));
}

const WRONG: &[Wrong] = &[
    Wrong { what: "missing", make: |site| fs::remove_file(file(site)).unwrap() },
    Wrong { what: "empty", make: |site| bytes(site, b"") },
    Wrong { what: "one blank", make: |site| bytes(site, b" ") },
    Wrong { what: "zeros, as a power cut leaves them", make: |site| bytes(site, &[0; 512]) },
    Wrong {
        what: "torn",
        make: |site| {
            let whole = fs::read(file(site)).unwrap();
            bytes(site, &whole[..100]);
        },
    },
    Wrong {
        what: "torn, as wide as it should be",
        make: |site| {
            let mut whole = fs::read(file(site)).unwrap();
            whole[100..511].fill(b' ');
            bytes(site, &whole);
        },
    },
    Wrong { what: "garbage", make: |site| bytes(site, &[0xff; 512]) },
    Wrong { what: "deep", make: |site| bytes(site, &[b'['; 4000]) },
    Wrong { what: "1 MB", make: |site| bytes(site, &[b'x'; 1 << 20]) },
    Wrong {
        what: "sound, with 1 MB of blanks after it",
        make: |site| {
            let whole = fs::read_to_string(file(site)).unwrap();
            bytes(site, format!("{whole}{}", " ".repeat(1 << 20)).as_bytes());
        },
    },
    Wrong { what: "JSON of another kind", make: |site| bytes(site, b"[1,2,3]\n") },
    Wrong { what: "of a later version", make: |site| edited(site, |beat| beat["v"] = 2.into()) },
    Wrong { what: "another agent's", make: |site| edited(site, |beat| beat["agent_id"] = "carol".into()) },
    Wrong { what: "of an agent that cannot be", make: |site| edited(site, |beat| beat["agent_id"] = "../x".into()) },
    Wrong {
        what: "in the future by the monotonic clock",
        make: |site| edited(site, |beat| beat["mono_ms"] = (mono_ms() + 86_400_000).into()),
    },
    Wrong {
        what: "at the end of the monotonic clock",
        make: |site| edited(site, |beat| beat["mono_ms"] = u64::MAX.into()),
    },
    Wrong {
        what: "in the future by the wall clock",
        make: |site| {
            edited(site, |beat| {
                beat["mono_ms"] = Value::Null;
                beat["at"] = "9999-12-31T23:59:59.999Z".into();
            });
        },
    },
    Wrong {
        what: "at no time",
        make: |site| {
            edited(site, |beat| {
                beat["mono_ms"] = Value::Null;
                beat["at"] = "soon".into();
            });
        },
    },
    Wrong { what: "with a negative time", make: |site| edited(site, |beat| beat["mono_ms"] = (-1).into()) },
    Wrong {
        what: "of another boot and host, with a process that is gone",
        make: |site| {
            edited(site, |beat| {
                beat["boot_id"] = "another-boot".into();
                beat["host"] = "another-host".into();
                beat["process"] = json!({"pid": 1, "started": 1, "name": "claude"});
                beat["at"] = "1970-01-01T00:00:00.000Z".into();
            });
        },
    },
    Wrong {
        what: "of no boot, with a process that is gone",
        make: |site| {
            edited(site, |beat| {
                beat["boot_id"] = "".into();
                beat["process"] = json!({"pid": 1, "started": 1, "name": "claude"});
                beat["mono_ms"] = 1.into();
                beat["at"] = "1970-01-01T00:00:00.000Z".into();
            });
        },
    },
    Wrong {
        what: "with processes that cannot be",
        make: |site| {
            let namespace = swarmlock::host::pid_namespace().unwrap();
            edited(site, |beat| {
                beat["process"] = json!({"pid": 0, "started": 1, "name": "claude"});
                beat["pid_ns"] = serde_json::to_value(namespace).unwrap();
                beat["mono_ms"] = 1.into();
            });
        },
    },
    Wrong {
        what: "with the largest number of a process",
        make: |site| {
            let namespace = swarmlock::host::pid_namespace().unwrap();
            edited(site, |beat| {
                beat["process"] = json!({"pid": u32::MAX, "started": u64::MAX, "name": "\u{1b}[31m".repeat(10)});
                beat["pid_ns"] = serde_json::to_value(namespace).unwrap();
                beat["mono_ms"] = 1.into();
            });
        },
    },
    Wrong {
        what: "a link to a file",
        make: |site| {
            site.file("victim");
            replaced(site, |file| symlink(site.path("victim"), file).unwrap());
        },
    },
    Wrong {
        what: "a link to a sound beat",
        make: |site| {
            fs::rename(file(site), site.path("moved")).unwrap();
            symlink(site.path("moved"), file(site)).unwrap();
        },
    },
    Wrong { what: "a link to nothing", make: |site| replaced(site, |file| symlink("nothing", file).unwrap()) },
    Wrong { what: "a link to itself", make: |site| replaced(site, |file| symlink("alice", file).unwrap()) },
    Wrong {
        what: "a fifo",
        make: |site| replaced(site, |file| mknodat(CWD, file, FileType::Fifo, Mode::RWXU, 0).unwrap()),
    },
    Wrong {
        what: "a socket",
        make: |site| {
            replaced(site, |file| drop(std::os::unix::net::UnixListener::bind(file).unwrap()));
        },
    },
    Wrong {
        what: "a file with another name",
        make: |site| fs::hard_link(file(site), site.path("other-name")).unwrap(),
    },
    Wrong {
        what: "open to the group",
        make: |site| fs::set_permissions(file(site), fs::Permissions::from_mode(0o620)).unwrap(),
    },
    Wrong {
        what: "open to everybody",
        make: |site| fs::set_permissions(file(site), fs::Permissions::from_mode(0o666)).unwrap(),
    },
    Wrong {
        what: "not to be read",
        make: |site| fs::set_permissions(file(site), fs::Permissions::from_mode(0o0)).unwrap(),
    },
    Wrong {
        what: "another user's",
        make: |site| {
            // Only root can; for others it stays as it was.
            chown(file(site), Some(65534), None).unwrap_or_default();
        },
    },
];

/// alice holds a.rs, and with her sound beat everything is as it should be.
fn held() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a.rs"]).expect(0);
    site
}

/// Fails unless there is a sound beat of alice, private, a file of its own.
#[track_caller]
fn sound(site: &Site, what: &str) {
    let meta = fs::symlink_metadata(file(site)).unwrap();
    let uid = fs::metadata(site.state("beats")).unwrap().uid();
    assert!(meta.is_file() && meta.nlink() == 1 && meta.len() == 512, "{what}");
    assert_eq!((meta.mode() & 0o7777, meta.uid()), (0o600, uid), "{what}");
    let beat = beat(site, "alice");
    assert_eq!((&beat["v"], &beat["agent_id"]), (&1.into(), &"alice".into()), "{what}");
    assert!(beat["mono_ms"].as_u64().is_none_or(|mono| mono <= mono_ms()), "{what}");
}

#[test]
fn nobody_loses_a_lease_by_a_bad_beat_and_the_next_call_repairs_it() {
    for Wrong { what, make } in WRONG {
        let site = held();
        make(&site);
        let run = |agent: &str, args: &[&str], code: i32| {
            let run = site.agent(agent).run(args);
            assert_eq!(run.code, code, "{what}: {run}");
            run
        };
        run("bob", &["check", "a.rs"], 10);
        run("bob", &["acquire", "a.rs"], 10);
        run("bob", &["cleanup"], 0);
        for look in [&["list"][..], &["status"], &["who", "a.rs"], &["whoami"], &["check", "a.rs"]] {
            run("alice", look, 0);
        }
        assert!(run("alice", &["check", "a.rs"], 0).out.starts_with("mine\t"), "{what}");
        run("alice", &["renew", "a.rs"], 0);
        if *what != "not to be read" || !rustix::process::geteuid().is_root() {
            sound(&site, what);
        }
        for other in ["victim", "moved", "other-name"] {
            assert!(site.path(other).symlink_metadata().is_ok_and(|meta| meta.is_file()) || !site.path(other).exists());
        }
        let victim = fs::read_to_string(site.path("victim"));
        assert!(victim.is_err() || victim.is_ok_and(|text| text == "text\n"), "{what}: it was written through");
        run("alice", &["release", "a.rs"], 0);
        run("bob", &["acquire", "a.rs"], 0);
    }
}

#[test]
fn nobody_keeps_a_lease_by_a_bad_beat() {
    if mono_ms() < 120_000 {
        return skip("nobody_keeps_a_lease_by_a_bad_beat", "the machine has just been started");
    }
    for Wrong { what, make } in WRONG {
        let site = held();
        make(&site);
        let own = fs::symlink_metadata(file(&site)).is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw());
        if *what == "another user's" && own || *what == "not to be read" && rustix::process::geteuid().is_root() {
            continue;
        }
        age(&site, "a.rs");
        assert_eq!(state(&site, "a.rs"), "expired", "{what}");
        let taken = site.agent("bob").run(["acquire", "a.rs"]);
        assert!(taken.out.starts_with("taken_over\t"), "{what}: {taken}");
    }
    // The control: a sound one keeps it.
    let site = held();
    age(&site, "a.rs");
    assert_eq!(state(&site, "a.rs"), "held");
}

/// One cannot be replaced by the other, and what is in it is nobody's to remove.
#[test]
fn a_directory_in_place_of_a_beat_is_named_and_nobody_gains_or_loses_by_it() {
    let site = held();
    replaced(&site, |file| fs::create_dir(file).unwrap());
    fs::write(file(&site).join("precious"), "text\n").unwrap();
    site.agent("bob").run(["check", "a.rs"]).expect(10);
    site.agent("bob").run(["acquire", "a.rs"]).expect(10);
    assert!(site.agent("alice").run(["check", "a.rs"]).expect(0).out.starts_with("mine\t"));
    let refused = site.agent("alice").run(["acquire", "b.rs"]).expect(73);
    assert!(refused.err.contains("beats/alice: it is not a regular file\n"), "{refused}");
    assert!(refused.err.contains("\nnext: "), "{refused}");
    assert!(!site.lock_file("b.rs").exists());
    // Giving up needs no sign of life.
    site.agent("alice").run(["release", "a.rs"]).expect(0);
    assert!(file(&site).join("precious").is_file());
    // The control: without it she can.
    fs::remove_dir_all(file(&site)).unwrap();
    site.agent("alice").run(["acquire", "b.rs"]).expect(0);
}

/// A beat that says that the process is gone ends no lease of another agent than the one that it names.
#[test]
fn the_beat_of_a_dead_agent_under_the_name_of_a_living_one_is_not_hers() {
    if !usable("the_beat_of_a_dead_agent_under_the_name_of_a_living_one") {
        return;
    }
    let site = held();
    let mut carol = Harness::start(&site, "claude", "carol");
    carol.call("acquire c.rs").expect(0);
    carol.kill();
    bytes(&site, &fs::read(site.state("beats/carol")).unwrap());
    assert_eq!((state(&site, "c.rs"), state(&site, "a.rs")), ("orphaned".into(), "held".into()));
    // The control: under her name it would end hers.
    edited(&site, |beat| beat["agent_id"] = "alice".into());
    assert_eq!(state(&site, "a.rs"), "orphaned");
}

#[test]
fn a_beat_is_written_at_most_every_ten_seconds_and_in_place() {
    if mono_ms() < 60_000 {
        return skip("a_beat_is_written_at_most_every_ten_seconds", "the machine has just been started");
    }
    let site = held();
    let read = || fs::read(file(&site)).unwrap();
    let inode = || fs::metadata(file(&site)).unwrap().ino();
    let (first, place) = (read(), inode());
    assert_eq!(first.len(), 512);
    for args in [&["acquire", "b.rs"][..], &["renew", "--mine"], &["release", "b.rs"], &["acquire", "a.rs"]] {
        site.agent("alice").run(args).expect(0);
        // Should this machine have slept between two calls, another beat was due.
        let age = mono_ms() - beat(&site, "alice")["mono_ms"].as_u64().unwrap();
        assert!(read() == first || age < 9_000, "{args:?}");
    }
    // The control: when it is old enough, the next call writes another, over the first.
    for (back, due) in [(5_000, false), (11_000, true)] {
        edited(&site, |beat| beat["mono_ms"] = (mono_ms() - back).into());
        let before = read();
        let changed = site.agent("alice").run(["acquire", "b.rs"]).expect(0);
        assert_eq!(read() != before, due, "{back}: {changed}");
        sound(&site, "due");
        assert_eq!(inode(), place, "in place");
    }
}

/// A directory in which beats stand that is none, or that is open to others, frees nothing.
#[test]
fn a_bad_directory_of_beats_ends_no_lease() {
    type Make = fn(&Site, &Path);
    let makes: [(&str, Make); 4] = [
        ("a link", |site, dir| {
            fs::rename(dir, site.path("elsewhere")).unwrap();
            symlink(site.path("elsewhere"), dir).unwrap();
        }),
        ("a file", |_, dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::write(dir, "").unwrap();
        }),
        ("a fifo", |_, dir| {
            fs::remove_dir_all(dir).unwrap();
            mknodat(CWD, dir, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }),
        ("open to others", |_, dir| fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap()),
    ];
    for (what, make) in makes {
        let site = held();
        make(&site, &site.state("beats"));
        // What cannot be trusted says nothing; and nobody is granted anything without leaving a sign of life.
        site.agent("bob").run(["check", "a.rs"]).expect(10);
        site.agent("bob").run(["acquire", "a.rs"]).expect(10);
        let run = site.agent("bob").run(["acquire", "b.rs"]);
        let named = run.err.contains(".agent_locks/beats: ") && run.err.contains("\nnext: ");
        assert!(run.code == 73 && named, "{what}: {run}");
        assert!(site.lock_file("a.rs").exists() && !site.lock_file("b.rs").exists(), "{what}");
        if what == "a fifo" {
            assert!(fs::symlink_metadata(site.state("beats")).unwrap().file_type().is_fifo());
        }
    }
    // The control: one that is missing is made again.
    let site = held();
    fs::remove_dir_all(site.state("beats")).unwrap();
    site.agent("bob").run(["acquire", "a.rs"]).expect(10);
    site.agent("bob").run(["acquire", "b.rs"]).expect(0);
    assert!(site.state("beats/bob").is_file());
}

/// A reader that opened a beat for good would be stopped by one that has no end.
#[test]
fn control_a_fifo_stops_whoever_just_reads_it() {
    if !usable("control_a_fifo_stops_whoever_just_reads_it") {
        return;
    }
    let site = held();
    replaced(&site, |file| mknodat(CWD, file, FileType::Fifo, Mode::RWXU, 0).unwrap());
    let mut cat = Command::new("cat").arg(file(&site)).stdout(Stdio::null()).spawn().unwrap();
    super::reaches(cat.id(), "S");
    site.agent("bob").run(["check", "a.rs"]).expect(10);
    assert!(cat.try_wait().unwrap().is_none(), "it still waits");
    cat.kill().unwrap();
    cat.wait().unwrap();
}
