//! Arguments that are no arguments.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    process::{Command, Stdio},
};

use super::{harmless, holds, refused, snapshot, works};
use crate::harness::{BINARY, Site, finish};

#[test]
fn a_name_that_does_not_print_is_refused() {
    let site = Site::new();
    site.agent("alice").run(["init"]).expect(0);
    let before = snapshot(&site.state(""));
    let long = format!("name:{}", "n".repeat(201));
    let names: [&[u8]; 14] = [
        b"name:",
        b"name:a\nb",
        b"name:\x1b[31m",
        b"name:a\x7f",
        "name:a\u{202e}b".as_bytes(),
        "name:a\u{200b}b".as_bytes(),
        b"name:\xff",
        b"name: a",
        b"name:-a",
        b"name:..",
        b"name:../a",
        b"name:a//b",
        b"name:/a",
        long.as_bytes(),
    ];
    for name in names {
        for command in ["acquire", "release", "renew", "check", "who", "history"] {
            let run = site.agent("alice").run([OsStr::new(command), OsStr::from_bytes(name)]);
            refused(&run, 2, "name");
            harmless(&run);
        }
    }
    assert!(before == snapshot(&site.state("")), "something has been changed");
    works(&site, &format!("name:{}", "n".repeat(200)));
}

/// A path of exactly this many bytes, in components that any file system takes.
fn path_of(bytes: usize) -> String {
    let mut path = "a/".repeat(bytes / 2 - 1);
    path.push_str(&"b".repeat(bytes - path.len()));
    path
}

#[test]
fn a_path_of_4096_bytes_can_be_locked_and_one_more_is_refused() {
    let site = Site::new();
    works(&site, &path_of(4096));
    let path = path_of(4096);
    site.agent("alice").run(["acquire", &path, "--reason", &"r".repeat(1024)]).expect(0);
    site.agent("bob").run(["acquire", &path_of(4095)]).expect(0);
    holds(&site, "alice", &path);
    assert!(site.agent("alice").run(["list"]).expect(0).out.contains(&path));
    assert!(site.agent("alice").run(["release", "--mine"]).expect(0).out.contains(&path));
    let history = site.agent("alice").run(["history", &path]).expect(0);
    assert_eq!(history.out.lines().filter(|line| line.contains("\treleased\t")).count(), 2);
    for command in ["acquire", "release", "renew", "check", "who", "history"] {
        for bytes in [4097, 100_000] {
            refused(&site.agent("alice").run([command, &path_of(bytes)]), 2, "a path is 1 to 4096 bytes");
        }
        refused(&site.agent("alice").run([command, ""]), 2, "a path is 1 to 4096 bytes");
        let component = format!("x/{}", "y".repeat(256));
        fs::create_dir_all(site.path("x")).unwrap();
        refused(&site.agent("alice").run([command, &component]), 2, "longer than the file system allows");
    }
}

#[test]
fn a_path_that_leads_out_of_the_checkout_is_refused() {
    let site = Site::new();
    site.file("src/a.rs");
    fs::create_dir(site.path("out")).unwrap();
    std::os::unix::fs::symlink("..", site.path("out/up")).unwrap();
    std::os::unix::fs::symlink("/", site.path("out/top")).unwrap();
    for outside in ["..", "../x", "a/../../x", "src/../../x", "/etc/passwd", "/", "out/up/../x", "out/top/etc/passwd"] {
        for command in ["acquire", "release", "check"] {
            let run = site.agent("alice").run([command, outside]);
            refused(&run, 2, outside);
        }
    }
    for none in ["src/a.rs/x", "src/a.rs/", "src/*/../a.rs"] {
        refused(&site.agent("alice").run(["acquire", none]), 2, none);
    }
    for inside in ["src/../src/./a.rs", "./src//a.rs", "out/up/src/a.rs"] {
        assert!(site.agent("alice").run(["acquire", inside]).expect(0).out.contains("\tsrc/a.rs\t"));
    }
    assert_eq!(fs::read_dir(site.state("locks/paths/-")).unwrap().count(), 1);
}

#[test]
fn a_name_with_a_leading_hyphen_is_a_flag_unless_it_is_said_not_to_be() {
    let site = Site::new();
    for flag in ["-x", "--force", "-", "--", "-rf"] {
        let run = site.agent("alice").run(["acquire", flag]);
        if flag == "-" {
            // One hyphen alone is no flag.
            run.expect(0);
        } else {
            refused(&run, 2, "");
        }
    }
    assert_eq!(site.agent("alice").run(["acquire", "--", "-x"]).expect(0).out.split('\t').nth(1), Some("-x"));
    assert!(site.agent("alice").run(["acquire", "./-x"]).expect(0).out.starts_with("renewed\t-x\t"));
    let held = site.agent("bob").run(["acquire", "--", "-x"]).expect(10);
    assert!(held.err.contains("next: swarmlock acquire --wait ./-x"), "{held}");
    assert!(site.agent("alice").run(["release", "--", "-x", "--mine"]).expect(0).out.contains("free\t--mine\t"));
}

#[test]
fn an_agent_id_that_is_none_is_refused_wherever_it_comes_from() {
    let site = Site::new();
    let long = "a".repeat(65);
    let bad: [&[u8]; 12] = [
        b" ",
        b"-a",
        b"--json",
        b".hidden",
        b"a b",
        b"a/b",
        b"../a",
        b"a\nb",
        b"\x1b[31m",
        "é".as_bytes(),
        b"\xff",
        long.as_bytes(),
    ];
    for id in bad {
        let id = OsStr::from_bytes(id);
        let flag = OsString::from_vec([b"--agent=", id.as_bytes()].concat());
        for run in [
            site.nobody().run([OsStr::new("acquire"), OsStr::new("a.rs"), &flag]),
            site.nobody().env("SWARMLOCK_AGENT", id).run(["acquire", "a.rs"]),
        ] {
            refused(&run, 2, "");
            harmless(&run);
        }
    }
    refused(&site.nobody().run(["acquire", "a.rs", "--agent", ""]), 2, "--agent");
    assert!(!site.path(".agent_locks").exists());
    // An empty variable is an unset one.
    let run = site.nobody().env("SWARMLOCK_AGENT", "").run(["whoami", "--json"]).expect(0);
    assert_eq!(run.json()["reliable"], false);
    site.nobody().run(["acquire", "a.rs", "--agent", &"a".repeat(64)]).expect(0);
}

#[test]
fn a_ttl_is_from_a_second_to_a_day_and_everything_else_is_refused() {
    let site = Site::new();
    let bad = [
        "0",
        "0s",
        "999ms",
        "-5m",
        "-1",
        "",
        " ",
        "15",
        "m",
        "5 parsecs",
        "1e3s",
        "0x10s",
        "NaN",
        "inf",
        "99999999999999999999s",
        "18446744073709551615s",
        "18446744073709551615y",
        "24h1s",
        "86401s",
        "2days",
        "1y",
    ];
    for ttl in bad.into_iter() {
        for form in [["--ttl", ttl].to_vec(), vec![&*format!("--ttl={ttl}")]] {
            let run = site.agent("alice").run([&["acquire", "a.rs"], &form[..]].concat());
            refused(&run, 2, "--ttl");
        }
        refused(&site.agent("alice").run(["renew", "--mine", "--ttl", ttl]), 2, "--ttl");
    }
    assert!(!site.path(".agent_locks").exists());
    for (ttl, seconds) in [("1s", 1), ("24h", 86_400), ("1day", 86_400), ("1h30m", 5400), ("1500ms", 2)] {
        site.agent("alice").run(["acquire", "a.rs", "--ttl", ttl]).expect(0);
        assert_eq!(site.lock_json("a.rs")["holders"][0]["ttl_s"], seconds);
    }
}

#[test]
fn a_wait_for_the_guard_is_at_most_an_hour() {
    let site = Site::new();
    for wait in ["-1s", "", "5", "61m", "1year", "18446744073709551615y", "99999999999999999999s", "NaN"] {
        let flag = format!("--guard-wait={wait}");
        refused(&site.agent("alice").run(["acquire", "a.rs", &flag]), 2, "--guard-wait");
    }
    for wait in ["0s", "0", "1ns", "1h"] {
        site.agent("alice").run(["acquire", "a.rs", "--guard-wait", wait]).expect(0);
    }
}

#[test]
fn a_reason_is_at_most_a_kibibyte_and_a_longer_one_locks_nothing() {
    let site = Site::new();
    // Of one, two and three bytes a character: a limit on what is read may fall inside one.
    for letter in ["x", "é", "€", "\u{1f512}"] {
        for bytes in [1025, 65_536, 1 << 20] {
            let text = letter.repeat(bytes / letter.len() + 1);
            let run = site.agent("alice").run_with_stdin(["acquire", "a.rs", "--reason", "-"], text.as_bytes());
            refused(&run, 16, "--reason");
        }
    }
    refused(&site.agent("alice").run(["acquire", "a.rs", "--reason", &"x".repeat(100_000)]), 16, "--reason");
    let not_text = site.agent("alice").run_with_stdin(["acquire", "a.rs", "--reason", "-"], b"\xff\xfe");
    refused(&not_text, 2, "--reason");
    assert!(!site.lock_file("a.rs").exists());
    let longest = "x".repeat(1024);
    site.agent("alice").run_with_stdin(["acquire", "a.rs", "--reason", "-"], longest.as_bytes()).expect(0);
    assert_eq!(site.lock_json("a.rs")["reason"], longest);
    // The kernel takes no argument of a mebibyte.
    let mut call = site.agent("alice");
    assert!(call.command.args(["acquire", "a.rs", "--reason", &"x".repeat(1 << 20)]).output().is_err());
}

#[test]
fn a_token_that_is_none_is_refused() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a.rs"]).expect(0);
    for token in ["", "x", "0123456789abcdef", &"0".repeat(33), &"G".repeat(32), &"A".repeat(32)] {
        for command in ["release", "renew"] {
            refused(&site.agent("alice").run([command, "a.rs", "--token", token]), 2, "--token");
        }
    }
    let flood = vec![b'0'; 1 << 20];
    refused(&site.agent("alice").run_with_stdin(["release", "a.rs", "--token", "-"], &flood), 2, "--token");
    site.nobody().run(["release", "a.rs", "--token", &"0".repeat(32)]).expect(12);
    holds(&site, "alice", "a.rs");
}

#[test]
fn a_hundred_thousand_arguments_are_all_answered() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "f77777"]).expect(0);
    site.agent("bob").run(["acquire", "f55555"]).expect(0);
    let names = (0..100_000).map(|n| format!("f{n}"));
    let run = site.agent("alice").run(std::iter::once("release".to_owned()).chain(names));
    assert_eq!(run.code, 12, "{}", run.err.chars().take(1000).collect::<String>());
    assert_eq!(run.out.lines().count(), 99_999);
    assert_eq!(run.out.lines().filter(|line| line.starts_with("released\tf77777\t")).count(), 1);
    assert!(run.err.contains("f55555 is held by bob"));
    holds(&site, "bob", "f55555");
}

#[test]
fn a_state_directory_that_cannot_be_one_is_refused_and_nothing_is_made() {
    let site = Site::new();
    site.file("src/a.rs");
    let before = snapshot(site.root());
    let long = "d".repeat(250);
    let too_long = "d".repeat(300);
    let bad: [&[u8]; 11] = [
        b"",
        b".",
        b"..",
        b"/",
        b"src/..",
        b"missing/locks",
        b"src/a.rs/locks",
        b"\xff",
        b"a\nb/locks",
        long.as_bytes(),
        too_long.as_bytes(),
    ];
    for dir in bad {
        let flag = OsString::from_vec([b"--dir=", dir].concat());
        for command in ["acquire", "check"] {
            let run = site.agent("alice").run([OsStr::new(command), OsStr::new("src/a.rs"), &flag]);
            refused(&run, 2, "");
            harmless(&run);
        }
        // An empty variable is an unset one.
        if !dir.is_empty() {
            let run = site.agent("alice").env("SWARMLOCK_DIR", OsStr::from_bytes(dir)).run(["init"]);
            refused(&run, 2, "");
        }
    }
    // A directory of somebody else's making gets nothing put into it.
    for command in [&["init"][..], &["acquire", "a.rs"], &["cleanup"], &["list"]] {
        refused(&site.agent("alice").env("SWARMLOCK_DIR", site.path("src")).run(command), 73, "src");
        // Relative, it would be another directory wherever its agents go.
        refused(&site.agent("alice").env("SWARMLOCK_DIR", "src").run(command), 2, "SWARMLOCK_DIR: src: ");
    }
    assert!(before == snapshot(site.root()), "something has been made");
    site.agent("alice").run(["acquire", "src/a.rs", "--dir", "locks"]).expect(0);
    assert!(site.path("locks/.guard").exists());
}

#[test]
fn a_current_directory_that_is_gone_is_an_error() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a.rs"]).expect(0);
    for command in ["acquire", "release", "check"] {
        let gone = site.path("gone");
        fs::create_dir(&gone).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "rmdir \"$PWD\" && exec \"$0\" \"$@\"", BINARY, command, "../a.rs", "--agent", "bob"]);
        shell.current_dir(&gone).env_remove("SWARMLOCK_DIR").stdout(Stdio::piped()).stderr(Stdio::piped());
        refused(&finish(shell.spawn().unwrap()), 1, "current directory");
    }
    holds(&site, "alice", "a.rs");
}
