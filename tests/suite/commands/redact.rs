use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::Stdio,
};

use crate::harness::{Run, Site, finish};

/// Put together here, so that no scanner takes this file for a leak.
fn secret() -> String {
    ["ghp", "_", &"a1B2".repeat(9)].concat()
}

fn filter(args: &[&str], stdin: &[u8]) -> Run {
    Site::outside_git().nobody().run_with_stdin([&["redact"], args].concat(), stdin)
}

#[test]
fn a_filter_masks_secrets_and_keeps_every_other_byte() {
    let text = format!("one {}\r\n\n\ttwo password=x y\nthree\u{1b}[0m", secret());
    let run = filter(&[], text.as_bytes()).expect(0);
    assert_eq!(run.out, "one ***\r\n\n\ttwo password=*** y\nthree\u{1b}[0m");
    assert_eq!(run.err, "");
    assert_eq!(filter(&[], b"").expect(0).out, "");
    assert_eq!(filter(&[], b"\n\n").expect(0).out, "\n\n");
}

#[test]
fn bytes_that_are_no_text_pass_unharmed() {
    let site = Site::outside_git();
    let mut child = site.nobody().command.arg("redact").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"\xff\x00\xfe token=\xff\xfe1abcdef \x80\n").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.stdout, b"\xff\x00\xfe token=*** \x80\n");
}

#[test]
fn check_tells_the_lines_and_exits_with_20() {
    let text = format!("fine\n{}\nfine\npassword=x password=y\n", secret());
    let run = filter(&["--check"], text.as_bytes()).expect(20);
    assert_eq!(run.out, "2\n4\n");
    assert_eq!(filter(&["--check"], b"fine\n").expect(0).out, "");
    let json = filter(&["--check", "--json"], text.as_bytes()).expect(20).json_lines();
    assert_eq!((json.len(), &json[1]["line"]), (2, &4.into()));
    let lines = filter(&["--json"], b"a\npassword=x\n").expect(0).json_lines();
    assert_eq!(lines[1], serde_json::json!({ "line": 2, "redacted": true, "text": "password=***" }));
}

#[test]
fn a_line_comes_out_before_the_next_goes_in() {
    let site = Site::outside_git();
    let mut command = site.nobody().command;
    let mut child =
        command.arg("redact").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"password=x\n").unwrap();
    let mut got = [0; 13];
    child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
    assert_eq!(&got, b"password=***\n");
    drop(stdin);
    finish(child).expect(0);
}

#[test]
fn an_endless_stream_ends_when_nobody_reads_it() {
    let site = Site::outside_git();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = site.nobody().command;
    command.arg("redact").stdin(fs::File::open("/dev/zero").unwrap()).stdout(writer).stderr(Stdio::piped());
    let run = finish(command.spawn().unwrap()).expect(1);
    assert!(run.err.contains("write stdout: "), "{run}");
}

/// All that the files of the state directory hold.
fn stored(dir: &Path) -> String {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { stored(&path) } else { fs::read_to_string(&path).unwrap() }).collect()
}

#[test]
fn no_secret_of_a_reason_is_ever_stored() {
    let secret = secret();
    let reason = format!("deploy with {secret} now");
    for control in [false, true] {
        let site = Site::new();
        // Of the same length, and no secret.
        let text = if control { reason.replace(&secret, "plain-words-of-no-interest") } else { reason.clone() };
        let looked_for = if control { "plain-words-of-no-interest" } else { &secret };
        let said = site.agent("alice").run(["acquire", "a.rs", "--reason", &text]).expect(0);
        site.agent("alice").run_with_stdin(["acquire", "b.rs", "--reason", "-"], text.as_bytes()).expect(0);
        site.agent("alice").run(["acquire-file-lock", "c.rs", &text]).expect(0);
        site.agent("bob").run(["acquire", "a.rs", "--reason", &text]).expect(10);
        site.agent("alice").run(["release", "a.rs"]).expect(0);
        assert_eq!(stored(&site.state("")).contains(looked_for), control);
        assert_eq!(said.err.contains("replaced by ***"), !control, "{said}");
        assert!(!said.out.contains(&secret) && !said.err.contains(&secret));
        let kept = site.lock_json("b.rs")["reason"].clone();
        assert_eq!(kept, if control { text } else { "deploy with *** now".to_owned() });
    }
}

#[test]
fn a_reason_may_be_as_long_as_it_is_without_its_secrets() {
    let site = Site::new();
    let reason = format!("password={} {}", "x1".repeat(1000), "y".repeat(1000));
    site.agent("alice").run_with_stdin(["acquire", "a.rs", "--reason", "-"], reason.as_bytes()).expect(0);
    assert_eq!(site.lock_json("a.rs")["reason"], format!("password=*** {}", "y".repeat(1000)));
    // What was cut in reading is refused, whatever would be left of it.
    let cut = format!("password={}", "x1".repeat(60_000));
    site.agent("alice").run_with_stdin(["acquire", "b.rs", "--reason", "-"], cut.as_bytes()).expect(16);
}
