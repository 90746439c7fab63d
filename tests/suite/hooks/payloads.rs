//! What comes in on stdin, and on the command line: nothing of it stops anybody.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Session,
    acting::{held, hook, refused, silent, site, unprotected},
    edit_of, warned,
};
use crate::harness::{Run, Site, finish};

const HARNESSES: [&str; 6] = ["claude-code", "codex", "gemini", "cursor", "opencode", "generic"];

/// A hook waits half a second for its payload; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn started(site: &Site, event: &str, stdin: Stdio) -> Child {
    let mut call = site.nobody();
    call.command.args(["hook", event]).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    call.command.spawn().unwrap()
}

#[test]
fn no_flag_and_no_event_ever_looks_like_a_refusal() {
    let site = site();
    let one = Session::new(&site, "one");
    let all: [&[&str]; 32] = [
        &["hook"],
        &["hook", ""],
        &["hook", "Nonsense"],
        &["hook", "PreToolUses"],
        &["hook", "--bogus"],
        &["hook", "PreToolUse", "--bogus"],
        &["hook", "PreToolUse", "-z"],
        &["hook", "PreToolUse", "extra", "words"],
        &["hook", "--", "PreToolUse"],
        &["hook", "PreToolUse", "--harness"],
        &["hook", "PreToolUse", "--harness", ""],
        &["hook", "PreToolUse", "--harness", "klingon"],
        &["hook", "PreToolUse", "--harness=klingon"],
        &["hook", "PreToolUse", "--agent"],
        &["hook", "PreToolUse", "--agent", ".."],
        &["hook", "PreToolUse", "--dir"],
        &["hook", "PreToolUse", "--dir", "/no/such/place"],
        &["hook", "PreToolUse", "--guard-wait", "nonsense"],
        &["hook", "PreToolUse", "--guard-wait"],
        &["hook", "--guard-wait", "1s", "PreToolUse"],
        &["hook", "PreToolUse", "--json", "--quiet", "-q"],
        &["--json", "hook", "PreToolUse", "--bogus"],
        &["--quiet", "hook", "Nonsense"],
        &["--agent", "x", "hook", "PreToolUse", "--bogus", "more"],
        &["--dir", "/no/such/place", "hook"],
        &["--bogus", "hook", "PreToolUse"],
        &["hook", "PreToolUse", "--help=1"],
        &["hook", "PreToolUse", "--version"],
        &["hook", "--json", "PreToolUse", "-V"],
        &["hook", "PreToolUse", "--agent", "a", "--agent", "b", "--help"],
        &["hook", "PreToolUse", "-q", "-q", "-h"],
        &["--help=1", "hook", "PreToolUse"],
    ];
    for (number, args) in all.into_iter().enumerate() {
        let payload = one.payload("PreToolUse", edit_of(&site.path(number.to_string()))).to_string();
        let run = site.nobody().run_with_stdin(args, payload.as_bytes());
        assert_eq!(run.code, 0, "{args:?}: {run}");
        assert_eq!(super::denied(&run), "", "{args:?}");
        let said = run.out.len() + run.err.len();
        let fine = ["-q", "--guard-wait", "/no/such/place"].iter().any(|word| args.contains(word));
        assert!(fine || said > 0, "{args:?} said nothing of it");
        assert!(run.out.lines().count() <= 1, "{args:?}: {run}");
    }
    hook(&site, &["--help"], "").expect(0);
}

#[test]
fn an_unknown_event_is_named_in_one_line_with_the_likely_one() {
    let site = site();
    let run = hook(&site, &["PreToolUsed"], "{}").expect(0);
    assert!(
        warned(&run).contains("that event is not known") && warned(&run).contains("did you mean PreToolUse?"),
        "{run}"
    );
    let run = hook(&site, &["\u{1b}[2J\nx"], "{}").expect(0);
    assert_eq!(warned(&run).lines().count(), 1, "{run}");
    for harness in HARNESSES {
        let run = hook(&site, &["Nonsense", "--harness", harness], "{}").expect(0);
        assert!(run.out.contains("not known") || run.err.contains("not known"), "{harness}: {run}");
    }
}

#[test]
fn every_bad_payload_of_every_event_is_let_through_and_said_once() {
    let site = site();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hooks/bad");
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for event in
            ["PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop", "SessionStart", "SessionEnd", "SubagentStop"]
        {
            let run = hook(&site, &[event], &bytes).expect(0);
            let said = warned(&run);
            assert!(said.lines().count() == 1 && said.starts_with("swarmlock: "), "{event} {}: {run}", path.display());
        }
    }
    let log = unprotected(&site);
    assert!(!log.is_empty() && log.iter().all(|line| line["hook"] == "before-tool"), "{log:?}");
}

#[test]
fn missing_and_additional_fields_and_fields_of_other_types_are_taken() {
    let site = site();
    let one = Session::new(&site, "one");
    let odd = [json!(null), json!(0), json!(-1.5e300), json!(true), json!("x"), json!([]), json!({}), json!([[{}]])];
    let keys = [
        "cwd",
        "transcript_path",
        "permission_mode",
        "hook_event_name",
        "source",
        "reason",
        "agent_id",
        "agent_type",
        "tool_name",
        "tool_use_id",
        "tool_response",
        "prompt",
        "trigger",
        "workspace_roots",
        "status",
        "loop_count",
        "unheard_of",
    ];
    for event in [
        "SessionStart",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "Stop",
        "SubagentStart",
        "SubagentStop",
        "PreCompact",
        "SessionEnd",
    ] {
        silent_or_told(&hook(&site, &[event], "{}"));
        let whole: Value =
            keys.iter().zip(odd.iter().cycle()).map(|(key, odd)| ((*key).to_owned(), odd.clone())).collect();
        for value in &odd {
            let all: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), value.clone())).collect();
            silent_or_told(&one.hook(event, Value::Object(all)));
        }
        silent_or_told(&one.hook(event, whole));
    }
}

fn silent_or_told(run: &Run) {
    assert!(run.code == 0 && run.err.is_empty(), "{run}");
    if !run.out.is_empty() {
        run.json();
    }
}

#[test]
fn an_empty_stdin_and_a_closed_one_are_bad_payloads() {
    let site = site();
    let empty = finish(started(&site, "PreToolUse", Stdio::null())).expect(0);
    assert!(warned(&empty).contains("empty"), "{empty}");
    let script = format!("exec {} hook PreToolUse <&-", crate::harness::BINARY);
    let mut call = site.nobody();
    call.command = std::process::Command::new("sh");
    crate::harness::without_identity(&mut call.command).current_dir(site.root());
    let closed = call.run(["-c", &script]).expect(0);
    assert!(!warned(&closed).is_empty(), "{closed}");
    let dir = finish(started(&site, "PreToolUse", File::open(site.root()).unwrap().into())).expect(0);
    assert!(warned(&dir).contains("stdin"), "{dir}");
}

#[test]
fn a_payload_whose_stdin_stays_open_is_answered_when_it_is_whole() {
    let site = site();
    let one = Session::new(&site, "one");
    site.agent("alice").run(["acquire", "held"]).expect(0);
    let payload = one.payload("PreToolUse", edit_of(&site.path("held"))).to_string();
    let began = Instant::now();
    let mut child = started(&site, "PreToolUse", Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(payload.as_bytes()).unwrap();
    let run = finish(child);
    drop(stdin);
    refused(&run, "held by alice");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn a_payload_that_comes_in_pieces_is_one() {
    let site = site();
    let one = Session::new(&site, "one");
    let payload = one.payload("PreToolUse", edit_of(&site.path("slow"))).to_string().into_bytes();
    let mut child = started(&site, "PreToolUse", Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let (first, second) = payload.split_at(payload.len() / 2);
    stdin.write_all(first).unwrap();
    stdin.flush().unwrap();
    thread::yield_now();
    stdin.write_all(second).unwrap();
    drop(stdin);
    silent(&finish(child));
    assert_eq!(held(&site, "slow").unwrap().0, one.id());
}

#[test]
fn a_payload_that_never_comes_and_one_that_never_ends_are_answered_in_time() {
    let site = site();
    let began = Instant::now();
    let mut child = started(&site, "PreToolUse", Stdio::piped());
    let stdin = child.stdin.take().unwrap();
    let run = finish(child).expect(0);
    drop(stdin);
    assert!(warned(&run).contains("did not come within half a second"), "{run}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    let mut child = started(&site, "PreToolUse", Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(br#"{"session_id":"one","tool_name":"#).unwrap();
    let run = finish(child).expect(0);
    drop(stdin);
    assert!(warned(&run).contains("did not come within half a second"), "{run}");

    for endless in [&b"["[..], b"{\"a\":\"aaaaaaaaaaaaaaaaaaa", b" ", b"\0", b"{\"a\":{"] {
        let began = Instant::now();
        let mut child = started(&site, "PreToolUse", Stdio::piped());
        let mut stdin = child.stdin.take().unwrap();
        let block = endless.repeat(64 * 1024 / endless.len());
        let writer = thread::spawn(move || while stdin.write_all(&block).is_ok() {});
        let run = finish(child).expect(0);
        writer.join().unwrap();
        assert!(!warned(&run).is_empty(), "{run}");
        assert!(began.elapsed() < SOON, "{endless:?}: {:?}", began.elapsed());
    }
    let endless = File::open("/dev/zero").unwrap();
    let run = finish(started(&site, "PreToolUse", endless.into())).expect(0);
    assert!(!warned(&run).is_empty(), "{run}");
}

#[test]
fn a_long_payload_is_judged_like_a_short_one() {
    let site = site();
    let one = Session::new(&site, "one");
    site.agent("alice").run(["acquire", "held"]).expect(0);
    for size in [64 * 1024, 4 * 1024 * 1024] {
        let mut members = edit_of(&site.path("held"));
        members["tool_input"]["new_string"] = "\u{fc}\n".repeat(size / 3).into();
        refused(&one.hook("PreToolUse", members), "held by alice");
    }
    let mut deep = one.payload("PreToolUse", edit_of(&site.path("held"))).to_string();
    let nested = format!(",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    deep.truncate(deep.len() - 1);
    let run = hook(&site, &["PreToolUse"], deep + &nested);
    assert!(run.code == 2 || !warned(&run).is_empty(), "{run}");
}

#[test]
fn without_any_checkout_a_bad_payload_is_said_and_nothing_made() {
    let site = Site::outside_git();
    let before = site.snapshot();
    for bytes in [&b""[..], b"[]", b"{\"a\":"] {
        let run = hook(&site, &["PreToolUse"], bytes).expect(0);
        assert!(run.out.is_empty() || warned(&run).lines().count() == 1, "{run}");
    }
    assert!(before == site.snapshot());
}
