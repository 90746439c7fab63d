//! `send`: what a sender gets, and what is stored of it. What the other commands about messages share stands here too.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};
use swarmlock::domain::Timestamp;

use crate::harness::{Run, Site};

/// As much as a message may hold, in bytes.
const LIMIT: usize = 10_240;

/// A checkout in which these agents are registered, in this order.
pub fn registered(agents: &[&str]) -> Site {
    let site = Site::new();
    for agent in agents {
        site.agent(agent).run(["agents", "register"]).expect(0);
    }
    site
}

/// Sends, and gives the id of the message.
#[track_caller]
pub fn sent(site: &Site, from: &str, args: &[&str]) -> String {
    let run = site.agent(from).run([&["send"], args, &["--id-only"]].concat()).expect(0);
    assert!(run.out.len() == 37 && run.out.ends_with('\n'), "{run}");
    run.out.trim_end().to_owned()
}

/// The lines of the log.
pub fn log(site: &Site) -> Vec<Value> {
    let text = fs::read_to_string(site.state("agent_messages.log")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Appends a line to the log.
pub fn plant_line(site: &Site, line: &str) {
    let before = fs::read(site.state("agent_messages.log")).unwrap_or_default();
    site.plant("agent_messages.log", [&before, line.as_bytes(), b"\n"].concat());
}

/// Changes every line of the log.
pub fn edit_log(site: &Site, edit: impl Fn(&mut Value)) {
    let lines = log(site).into_iter().map(|mut line| {
        edit(&mut line);
        format!("{line}\n")
    });
    site.plant("agent_messages.log", lines.collect::<String>());
}

/// The time so many milliseconds after now.
pub fn time(after_ms: i64) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Timestamp::from_unix_ms(u64::try_from(now).unwrap().saturating_add_signed(after_ms)).to_string()
}

/// What an agent has not read: it is read then.
#[track_caller]
pub fn unread(site: &Site, agent: &str) -> Vec<Value> {
    let inbox = site.agent(agent).run(["inbox", "--json", "--limit", "10000"]).expect(0).json();
    inbox["items"].as_array().unwrap().iter().map(|item| item["message"].clone()).collect()
}

/// The same as texts.
#[track_caller]
pub fn unread_texts(site: &Site, agent: &str) -> Vec<String> {
    unread(site, agent).iter().map(|message| message["content"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Lines of data as columns.
pub fn columns(run: &Run) -> Vec<Vec<&str>> {
    run.out.lines().map(|line| line.split('\t').collect()).collect()
}

#[test]
fn a_message_is_in_the_inbox_and_the_log_has_the_keys_that_recipes_expect() {
    let site = registered(&["alice", "bob"]);
    let run = site.agent("alice").run(["send", "bob", "question", "which port?"]).expect(0);
    let line = log(&site).remove(0);
    let id = line["msg_id"].as_str().unwrap().to_owned();
    assert_eq!(run.out, format!("[QUEUED]\t{}\tbob\tin the inbox: it has no pane\n", &id[..8]), "{run}");
    let keys: Vec<&String> = line.as_object().unwrap().keys().take(10).collect();
    let wanted = [
        "sender",
        "timestamp",
        "msg_type",
        "content",
        "recipients",
        "msg_id",
        "delivery_status",
        "success_count",
        "failure_count",
        "seq",
    ];
    assert_eq!(keys, wanted);
    assert_eq!((&line["sender"], &line["msg_type"]), (&"alice".into(), &"QUESTION".into()));
    assert_eq!((&line["recipients"], &line["delivery_status"]), (&json!(["bob"]), &json!({ "bob": true })));
    assert_eq!((&line["success_count"], &line["failure_count"]), (&1.into(), &0.into()));
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert_eq!(unread_texts(&site, "bob"), ["which port?"]);
    assert_eq!(unread_texts(&site, "alice"), [""; 0]);
}

#[test]
fn who_sends_is_registered_by_it_and_can_be_answered() {
    let site = registered(&["bob"]);
    let call = || site.nobody().env("CLAUDE_CODE_SESSION_ID", "abc");
    call().run(["send", "bob", "INFO", "hello"]).expect(0);
    let from = log(&site).remove(0)["sender"].as_str().unwrap().to_owned();
    sent(&site, "bob", &[&from, "INFO", "hello yourself"]);
    let inbox = call().run(["inbox", "--json"]).expect(0).json();
    assert_eq!(inbox["items"][0]["message"]["content"], "hello yourself", "{inbox}");
}

#[test]
fn the_first_message_makes_the_state_directory_and_an_unknown_sender_is_told_what_it_is_called() {
    let site = Site::new();
    let run = site.agent("alice").run(["send", "alice", "INFO", "a note to myself"]).expect(0);
    assert!(run.err.contains("made ") && run.out.contains("\tin your own inbox\n"), "{run}");
    assert_eq!(unread_texts(&site, "alice"), ["a note to myself"]);
    let unsure = site.nobody().run(["send", "alice", "INFO", "x"]).expect(0);
    assert!(unsure.err.contains("an answer goes to that id"), "{unsure}");
}

#[test]
fn everybody_with_a_role_gets_it_and_nobody_else() {
    let site = registered(&["alice", "dave"]);
    for agent in ["bob", "carol"] {
        site.agent(agent).run(["agents", "register", "--role", "reviewer"]).expect(0);
    }
    let run = site.agent("alice").run(["send", "@reviewer", "REVIEW_REQUEST", "please look"]).expect(0);
    let to: Vec<&str> = columns(&run).iter().map(|row| row[2]).collect();
    assert_eq!(to, ["bob", "carol"], "{run}");
    assert_eq!(log(&site)[0]["to"], "@reviewer");
    assert_eq!(log(&site)[0]["msg_type"], "REVIEW-REQUEST");
    // One that has the role itself is not told what it says.
    let own = site.agent("bob").run(["send", "@REVIEWER", "INFO", "mine"]).expect(0);
    assert_eq!(columns(&own).iter().map(|row| row[2]).collect::<Vec<_>>(), ["carol"], "{own}");
    let all = site.agent("bob").run(["send", "@all", "INFO", "to all"]).expect(0);
    assert_eq!(columns(&all).iter().map(|row| row[2]).collect::<Vec<_>>(), ["alice", "dave", "carol"], "{all}");
    assert_eq!(unread_texts(&site, "dave"), ["to all"]);
    let none = site.agent("alice").run(["send", "@reviewers", "INFO", "x"]).expect(13);
    assert!(none.err.contains("help: did you mean @reviewer?"), "{none}");
}

#[test]
fn nobody_of_that_name_is_13_with_who_may_be_meant() {
    let site = registered(&["alice", "bob", "claude-ba7816bf"]);
    for (to, meant) in [("bobb", "bob"), ("Bob", "bob"), ("claude-ba7817bf", "claude-ba7816bf")] {
        let run = site.agent("alice").run(["send", to, "INFO", "x"]).expect(13);
        assert!(run.err.contains(&format!("help: did you mean {meant}?\nnext: swarmlock agents list\n")), "{run}");
    }
    let run = site.agent("alice").run(["send", "zoe", "INFO", "x"]).expect(13);
    assert!(run.err.contains("help: there is alice, bob, claude-ba7816bf\n"), "{run}");
    let alone = registered(&["alice"]).agent("alice").run(["send", "@all", "INFO", "x"]).expect(13);
    assert!(alone.err.contains("there is nobody else here to read it"), "{alone}");
    assert!(log(&site).is_empty());
}

#[test]
fn what_is_no_message_is_refused_and_nothing_is_stored() {
    let site = registered(&["alice", "bob"]);
    let run = |args: &[&str]| site.agent("alice").run([&["send", "bob"], args].concat());
    for (args, said) in [
        (&["INFO", ""][..], "empty"),
        (&["INFO", " \n\t"], "empty"),
        (&["INFO", "\u{200b}\u{202e}"], "empty"),
        (&["INFOO", "x"], "did you mean INFO?"),
        (&["task-updat", "x"], "did you mean TASK-UPDATE?"),
        (&["SHOUT", "x"], "it is one of INFO, QUESTION"),
        (&["INFO"], "TEXT"),
        (&["INFO", "--fiel=x.md"], "did you mean --file?"),
        (&["INFO", "--akc"], "did you mean --ack?"),
        (&["--ack", "INFO", "--repyl-to=abcd"], "did you mean --reply-to?"),
        (&["INFO", "x", "--file", "y"], "cannot be used with"),
        (&["INFO", "x", "--ack=0s"], "from 1s to 1h"),
        (&["INFO", "x", "--ack=61m"], "from 1s to 1h"),
        (&["INFO", "x", "--ack=soon"], "(as 30s, 2m)"),
        (&["INFO", "x", "--reply-to", "12"], "its first 4 or more"),
        (&["INFO", "x", "--reply-to", "../x"], "digits 0-9 and a-f"),
    ] {
        let run = run(args).expect(2);
        assert!(run.err.contains(said) && run.err.contains("\nnext: swarmlock "), "{args:?}: {run}");
    }
    run(&["INFO", "x", "--reply-to", "abcd"]).expect(13);
    let ack = run(&["ack", "x", "--reply-to", "abcd"]).expect(2);
    assert!(ack.err.contains("next: swarmlock ack abcd\n"), "{ack}");
    for to in ["", "a b", "@", "@a b", "-x", "../x"] {
        site.agent("alice").run(["send", "--", to, "INFO", "x"]).expect(2);
    }
    site.agent("alice").run(["send", "bob", "INFO", "x", "--id-only", "--json"]).expect(2);
    for (bytes, said) in
        [(&b"a\xffb"[..], "not UTF-8 at byte 1"), (b"a\0b", "NUL at byte 1"), (b"", "empty"), (b"\n", "empty")]
    {
        let run = site.agent("alice").run_with_stdin(["send", "bob", "INFO", "-"], bytes).expect(2);
        assert!(run.err.contains(said), "{run}");
    }
    assert!(log(&site).is_empty() && !site.state("PENDING_ACKS.json").exists());
    assert_eq!(unread_texts(&site, "bob"), [""; 0]);
}

#[test]
fn a_text_comes_from_the_argument_from_stdin_or_from_a_file() {
    let site = registered(&["alice", "bob"]);
    super::broadcast::unlimited(&site);
    let text = "- a list\n\n  with \"quotes\", $(echo x), `y`; and a trailing ;";
    fs::create_dir(site.path("sub")).unwrap();
    fs::write(site.path("sub/text.md"), format!("{text}\r\n")).unwrap();
    sent(&site, "alice", &["bob", "INFO", text]);
    site.agent("alice").run_with_stdin(["send", "bob", "INFO", "-"], format!("\n{text}\n\n").as_bytes()).expect(0);
    let file = |path: &str| site.agent("alice").within(site.path("sub")).run(["send", "bob", "INFO", "--file", path]);
    file("text.md").expect(0);
    file(site.path("sub/text.md").to_str().unwrap()).expect(0);
    assert_eq!(unread_texts(&site, "bob"), [text; 4]);
    sent(&site, "alice", &["bob", "INFO", "-x"]);
    site.agent("alice").run(["send", "bob", "INFO", "--", "--json"]).expect(0);
    for text in ["--", "--fiel is no flag", "--- a/src/lib.rs", "--peek", "-a"] {
        site.agent("alice").run(["send", "bob", "INFO", "--", text]).expect(0);
    }
    site.agent("alice").run_with_stdin(["send", "bob", "INFO", "-"], b"--fiel=x.md").expect(0);
    let texts = ["-x", "--json", "--", "--fiel is no flag", "--- a/src/lib.rs", "--peek", "-a", "--fiel=x.md"];
    assert_eq!(unread_texts(&site, "bob"), texts);
}

#[test]
fn a_file_that_is_none_is_refused_at_once() {
    let site = registered(&["alice", "bob"]);
    site.file("real");
    symlink("real", site.path("link")).unwrap();
    fs::create_dir(site.path("dir")).unwrap();
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, site.path("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    fs::write(site.path("large"), vec![b'x'; 2 << 20]).unwrap();
    fs::write(site.path("binary"), b"a\0b").unwrap();
    for (name, code, said) in [
        ("link", 2, "link"),
        ("dir", 2, "dir: "),
        ("fifo", 2, "fifo: "),
        ("gone", 2, "there is no such file"),
        ("binary", 2, "NUL"),
        ("/dev/zero", 2, "/dev/zero: "),
        ("large", 16, "more than 1048576 bytes"),
    ] {
        let run = site.agent("alice").run(["send", "bob", "INFO", "--file", name]).expect(code);
        assert!(run.err.contains(said) && run.err.contains("next: swarmlock send --help"), "{name}: {run}");
    }
    assert!(log(&site).is_empty());
    // The control.
    site.agent("alice").run(["send", "bob", "INFO", "--file", "real"]).expect(0);
}

#[test]
fn a_message_may_have_10_kib_after_secrets_are_taken_out_and_not_a_byte_more() {
    let site = registered(&["alice", "bob"]);
    let words = |bytes: usize| "word ".repeat(bytes / 5 + 1)[..bytes - 1].to_owned() + ".";
    let stdin = |text: &str| site.agent("alice").run_with_stdin(["send", "bob", "INFO", "-"], text.as_bytes());
    stdin(&words(LIMIT)).expect(0);
    let over = stdin(&words(LIMIT + 1)).expect(16);
    assert!(over.err.contains("10241 bytes, and 10240 are allowed"), "{over}");
    // The secret counts as the three signs that stand for it.
    let secret = format!("token ghp_{} ", "aB3x".repeat(9));
    let masked = secret.len() - "token *** ".len();
    let long = format!("{secret}{}", words(LIMIT - "token *** ".len()));
    assert_eq!(long.len(), LIMIT + masked);
    stdin(&long).expect(0);
    stdin(&format!("{secret}{}", words(LIMIT - "token *** ".len() + 1))).expect(16);
    let lengths: Vec<usize> = unread_texts(&site, "bob").iter().map(String::len).collect();
    assert_eq!(lengths, [LIMIT, LIMIT]);
    stdin(&"x".repeat(3 << 20)).expect(16);
}

#[test]
fn a_secret_is_stored_nowhere_and_an_emoji_stays_whole() {
    let site = registered(&["alice", "bob"]);
    let secrets = [format!("ghp_{}", "aB3x".repeat(9)), format!("sk-ant-api03-{}", "Zz9-".repeat(24))];
    let seen = "👩\u{200d}👩\u{200d}👧 ok ✌\u{fe0f} 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";
    for secret in &secrets {
        let text = format!("{seen} use {secret} now");
        let run = site.agent("alice").run(["send", "bob", "INFO", &text, "--ack"]).expect(0);
        assert!(run.err.contains("what looked like a secret was replaced by ***"), "{run}");
        assert!(!run.out.contains(secret) && !run.err.contains(secret), "{run}");
    }
    // Also where something that is not seen stands in it.
    let hidden = format!("use {}\u{200b}{} now", &secrets[0][..9], &secrets[0][9..]);
    site.agent("alice").run(["send", "bob", "INFO", &hidden]).expect(0);
    let ack = site.agent("bob").run(["ack", &log(&site)[0]["msg_id"].as_str().unwrap()[..8], &secrets[1]]).expect(0);
    assert!(!ack.out.contains(&secrets[1]), "{ack}");
    site.agent("alice").run(["agents", "register"]).expect(0);
    let stored = site.snapshot();
    let has = |text: &str| stored.values().filter(|content| content.contains(text)).count();
    assert_eq!(secrets.iter().map(|secret| has(secret)).sum::<usize>(), 0);
    // The control: what is no secret would be found, in the log and among what is to be acknowledged.
    assert_eq!(has("use *** now"), 2);
    let texts = unread_texts(&site, "bob");
    assert_eq!(texts, [format!("{seen} use *** now"), format!("{seen} use *** now"), "use *** now".to_owned()]);
}

#[test]
fn with_json_a_send_is_one_object_and_with_id_only_one_id() {
    let site = registered(&["alice", "bob"]);
    let sent = site.agent("alice").run(["send", "bob", "INFO", "x", "--json", "--ack=2m"]).expect(0).json();
    assert_eq!((&sent["result"], &sent["message"]), (&"sent".into(), &log(&site)[0]));
    assert_eq!(
        sent["deliveries"],
        json!([{ "recipient": "bob", "delivered": false, "place": "in the inbox: it has no pane" }])
    );
    assert_eq!((&sent["message"]["requires_ack"], &sent["message"]["ack_after_s"]), (&true.into(), &120.into()));
    let quiet = site.agent("alice").run(["send", "bob", "INFO", "x", "--no-pane", "-q"]).expect(0);
    assert!(quiet.out.ends_with("\tbob\tin the inbox\n") && quiet.err.is_empty(), "{quiet}");
    let id = site.agent("alice").run(["send", "bob", "INFO", "x", "--id-only"]).expect(0).out;
    assert_eq!(id.trim_end(), log(&site)[2]["msg_id"]);
}

#[test]
fn an_answer_names_what_it_answers_by_the_beginning_of_its_id() {
    let site = registered(&["alice", "bob"]);
    let first = sent(&site, "alice", &["bob", "QUESTION", "why?"]);
    for prefix in [&first[..8], &first.to_uppercase(), &first.replace('-', "")[..12]] {
        sent(&site, "bob", &["alice", "INFO", "because", "--reply-to", prefix]);
    }
    assert!(log(&site)[1..].iter().all(|line| line["parent_msg_id"] == first.as_str()), "{:?}", log(&site));
    let inbox = site.agent("alice").run(["inbox"]).expect(0);
    assert_eq!(inbox.out.matches(&format!("\tre {}\t", &first[..8])).count(), 3, "{inbox}");
    // Two that begin alike: neither is meant.
    let twin = |end: &str| format!("abcd0000-0000-4000-8000-00000000000{end}");
    for (at, end) in ["1", "2"].iter().enumerate() {
        let line = json!({ "sender": "bob", "timestamp": time(0), "msg_type": "INFO", "content": "x", "recipients": ["alice"],
            "msg_id": twin(end), "seq": log(&site).last().unwrap()["seq"].as_u64().unwrap() + 1 + at as u64 });
        plant_line(&site, &line.to_string());
    }
    let both = site.agent("alice").run(["send", "bob", "INFO", "x", "--reply-to", "abcd"]).expect(2);
    assert!(both.err.contains("several messages begin with it"), "{both}");
    assert!(both.err.contains(&format!("help: one of them is {}\n", twin("1"))), "{both}");
    sent(&site, "alice", &["bob", "INFO", "x", "--reply-to", &twin("2")]);
}

/// As `send-message bob INFO "hi" --sender-id alice --json --ack` is written for claude-swarm.
#[test]
fn the_names_and_forms_of_claude_swarm_do_the_same() {
    let site = registered(&["alice", "bob"]);
    let run = |args: &[&str]| site.nobody().run(args).expect(0);
    let args = ["send-message", "bob", "INFO", "hi", "--sender-id", "alice", "--json", "--ack"];
    let sent = run(&args).json();
    let id = sent["message"]["msg_id"].as_str().unwrap().to_owned();
    assert_eq!((&sent["message"]["sender"], &sent["message"]["requires_ack"]), (&"alice".into(), &true.into()));
    let out = run(&["check-messages", "--limit", "5", "--new-only", "-q", "--agent-id", "bob"]);
    assert!(out.out.contains("\talice\tbob\tINFO\tack\thi\n") && out.err.is_empty(), "{out}");
    assert_eq!(run(&["check-messages", "--limit", "5", "--new-only", "-q", "--agent-id", "bob"]).out, "");
    assert_eq!(
        run(&["acknowledge-message", &id, "--agent-id", "bob"]).out,
        format!("acknowledged\t{}\talice\n", &id[..8])
    );
    let all = run(&["broadcast-message", "BLOCKED", "wait", "--sender-id", "bob", "--include-self", "--json"]).json();
    assert_eq!(all["message"]["recipients"], json!(["alice", "bob"]), "{all}");
    let listed = run(&["list-agents", "--json"]);
    assert_eq!(
        listed.json_lines().iter().map(|agent| agent["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["alice", "bob"]
    );
}
