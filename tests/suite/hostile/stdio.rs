//! Standard streams that are closed, full or broken.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{expire, holds};
use crate::harness::{BINARY, Run, Site, finish, without_identity};

/// A call through a shell that closes these streams first.
fn closed(site: &Site, agent: Option<&str>, which: &str, args: &[&str]) -> Run {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {which}"), BINARY]).args(args).current_dir(site.root());
    without_identity(&mut command).envs(agent.map(|id| ("SWARMLOCK_AGENT", id)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

/// A call with these streams.
fn with(site: &Site, stdout: Stdio, stderr: Stdio, args: &[&str]) -> Run {
    let mut call = site.agent("alice");
    call.command.args(args).stdout(stdout).stderr(stderr);
    finish(call.command.spawn().unwrap())
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn broken() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// What does not parse of the state files: output that went to one of them would be there.
fn foreign_text(site: &Site) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut look = |file: &Path, by_line: bool| {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        let parts: Vec<&str> = if by_line { text.lines().collect() } else { vec![&text] };
        let odd =
            parts.into_iter().filter(|part| serde_json::from_str::<serde_json::Map<String, Value>>(part).is_err());
        wrong.extend(odd.map(|part| format!("{}: {part:?}", file.display())));
    };
    look(&site.state(".guard"), false);
    look(&site.state("era.json"), false);
    look(&site.state("events.log"), true);
    for dir in ["locks/paths/-", "locks/names"] {
        for entry in std::fs::read_dir(site.state(dir)).unwrap() {
            look(&entry.unwrap().path(), false);
        }
    }
    assert_eq!(std::fs::read(site.state(".gitignore")).unwrap(), b"*\n");
    assert_eq!(std::fs::read_dir(site.state("tmp")).unwrap().count(), 0);
    wrong
}

#[test]
fn nothing_that_is_said_to_a_closed_stream_ends_up_in_a_file() {
    for set in 0..8 {
        let close = |bit: u8, text: &'static str| if set & bit == 0 { "" } else { text };
        let which = format!("{} {} {}", close(1, "<&-"), close(2, ">&-"), close(4, "2>&-"));
        let site = Site::new();
        let call = |agent: Option<&str>, args: &[&str]| closed(&site, agent, &which, args);
        // Without an identity there is something to say on stderr; the first also makes the directory.
        call(None, &["acquire", "unreliable.rs"]).expect(0);
        let held = call(Some("alice"), &["acquire", "src/auth.rs", "--reason", "-"]).expect(0);
        assert_eq!(held.out.is_empty(), set & 2 != 0, "{which}: {held}");
        let refusal = call(Some("bob"), &["acquire", "src/auth.rs"]).expect(10);
        assert_eq!(refusal.err.is_empty(), set & 4 != 0, "{which}: {refusal}");
        call(Some("bob"), &["acquire"]).expect(2);
        call(Some("bob"), &["--help"]).expect(0);
        for look in ["list", "status", "history"] {
            call(Some("bob"), &[look]).expect(0);
        }
        call(Some("alice"), &["renew", "src/auth.rs"]).expect(0);
        holds(&site, "alice", "src/auth.rs");
        call(Some("bob"), &["release", "src/auth.rs"]).expect(12);
        assert_eq!(foreign_text(&site), [""; 0], "{which}");
        call(Some("alice"), &["release", "src/auth.rs"]).expect(0);
        call(Some("alice"), &["cleanup"]).expect(0);
        assert_eq!(foreign_text(&site), [""; 0], "{which}");
        let events = site.agent("alice").run(["history", "src/auth.rs", "--json"]).expect(0).json_lines();
        let told: Vec<_> = events.iter().map(|event| &event["event"]).collect();
        assert_eq!(told, [&json!("acquired"), &json!("renewed"), &json!("released")]);
    }
}

/// The control of the test above: text in any of the files would be seen.
#[test]
fn text_in_a_state_file_is_seen() {
    for file in [".guard", "era.json", "events.log", "locks/paths/-/src%2Fauth.rs.lock"] {
        let site = Site::new();
        site.agent("alice").run(["acquire", "src/auth.rs"]).expect(0);
        assert_eq!(foreign_text(&site), [""; 0]);
        let mut file = OpenOptions::new().append(true).open(site.state(file)).unwrap();
        std::io::Write::write_all(&mut file, b"acquired\tsrc/auth.rs\n").unwrap();
        assert_eq!(foreign_text(&site).len(), 1);
    }
}

#[test]
fn a_change_whose_result_cannot_be_written_takes_place_and_says_so() {
    for stdout in [full, broken] {
        let site = Site::new();
        let failed = |args: &[&str]| {
            let run = with(&site, stdout(), Stdio::piped(), args).expect(1);
            assert!(run.err.contains("write stdout: "), "{args:?}: {run}");
            run.err.contains("the change itself took place")
        };
        assert!(failed(&["init"]));
        assert!(site.state("era.json").exists());
        for form in [&["acquire", "a.rs"][..], &["acquire", "b.rs", "--json"], &["acquire", "c.rs", "--id-only"]] {
            assert!(failed(form), "{form:?}");
            holds(&site, "alice", form[1]);
        }
        assert!(failed(&["acquire", "a.rs", "--ttl", "2h"]), "renewed");
        assert!(!failed(&["acquire", "a.rs"]), "nothing is written for a lease that is as good as new");
        assert!(failed(&["renew", "--mine", "--ttl", "3h"]));
        assert_eq!(site.lock_json("b.rs")["holders"][0]["ttl_s"], 3 * 60 * 60);
        assert!(failed(&["release", "a.rs", "b.rs"]));
        assert!(!site.lock_file("a.rs").exists() && !site.lock_file("b.rs").exists());
        expire(&site, "c.rs");
        assert!(failed(&["cleanup"]));
        assert!(!site.lock_file("c.rs").exists());
        site.agent("alice").run(["acquire", "d.rs"]).expect(0);
        for look in [&["list"][..], &["status"], &["history"], &["check", "d.rs"], &["who", "d.rs"], &["--help"]] {
            assert!(!failed(look), "{look:?} changes nothing");
        }
        assert!(!failed(&["release", "free.rs"]), "nothing was held");
        // Nothing to write, nothing that can fail.
        with(&site, stdout(), Stdio::piped(), &["cleanup"]).expect(0);
    }
}

#[test]
fn a_stderr_that_cannot_be_written_changes_no_result() {
    for stderr in [full, broken] {
        let site = Site::new();
        let call = |args: &[&str]| with(&site, Stdio::piped(), stderr(), args);
        assert!(call(&["acquire", "a.rs"]).expect(0).out.starts_with("acquired\ta.rs\t"));
        site.agent("bob").run(["acquire", "b.rs"]).expect(0);
        call(&["acquire", "b.rs"]).expect(10);
        call(&["release", "b.rs"]).expect(12);
        call(&["renew", "free.rs"]).expect(13);
        call(&["acquire", ""]).expect(2);
        assert!(call(&["release", "free.rs"]).expect(0).out.starts_with("free\t"));
        with(&site, full(), stderr(), &["list"]).expect(1);
        holds(&site, "alice", "a.rs");
    }
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_error_and_locks_nothing() {
    let site = Site::new();
    let directory = File::open(site.root()).unwrap();
    let mut call = site.agent("alice");
    call.command.args(["acquire", "a.rs", "--reason", "-"]).stdin(directory);
    call.command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(call.command.spawn().unwrap());
    assert!(run.code != 0 && run.out.is_empty() && run.err.contains("--reason: read stdin: "), "{run}");
    site.agent("alice").run(["check", "a.rs"]).expect(0);
    assert!(!site.lock_file("a.rs").exists());
}
