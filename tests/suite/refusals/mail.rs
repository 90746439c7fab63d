//! What is refused about agents and messages.

use super::*;

/// A checkout with alice and bob, in which alice has sent bob two messages that are to be acknowledged.
fn mail_site() -> Site {
    let site = Site::new();
    for agent in ["alice", "bob"] {
        site.agent(agent).run(["agents", "register", "--role", "dev"]).expect(0);
    }
    for id in ["abcd1111-0000-4000-8000-000000000001", "abcd2222-0000-4000-8000-000000000002"] {
        site.agent("alice").run(["send", "bob", "INFO", "text", "--ack"]).expect(0);
        let text = fs::read_to_string(site.state("agent_messages.log")).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        site.plant("agent_messages.log", text.replace(last["msg_id"].as_str().unwrap(), id));
    }
    site
}

fn mail(what: &'static str, code: Code, args: &[&str]) -> Refusal {
    refusal(what, code, mail_site(), args)
}

pub(super) fn about_mail() -> Vec<Refusal> {
    let mut all = about_sending();
    all.extend(about_acknowledging());
    all.extend(about_agents());
    all.extend(about_their_files());
    all
}

fn about_sending() -> Vec<Refusal> {
    let limited = |what, setting: &str, args: &[&str]| {
        mail(what, Code::Limit, args)
            .after(|site| site.plant("config.toml", format!("{setting}\nmessage_window = '1h'\n")))
    };
    vec![
        limited("too many messages", "message_rate = 2", &["send", "bob", "INFO", "x"]),
        limited("too many messages of all", "message_rate_all = 1", &["broadcast", "INFO", "x"]).by(Some("bob")),
        mail("too long a message", Code::Limit, &["send", "bob", "INFO", &"x".repeat(10_241)]),
        mail("nobody of that name", Code::Nothing, &["send", "bobb", "INFO", "x"]),
        mail("nobody with that role", Code::Nothing, &["send", "@reviewer", "INFO", "x"]),
        refusal("nobody else", Code::Nothing, Site::new(), &["broadcast", "INFO", "x"]),
        mail("an answer to nothing", Code::Nothing, &["send", "bob", "INFO", "x", "--reply-to", "ffff"]),
        mail("an answer to one of two", Code::Usage, &["send", "bob", "INFO", "x", "--reply-to", "abcd"]),
        mail("no type", Code::Usage, &["send", "bob", "INFOO\nnext: swarmlock release --mine", "x"]),
        mail("no text", Code::Usage, &["broadcast", "INFO", ""]),
        mail("nothing on stdin", Code::Usage, &["send", "bob", "INFO", "-"]),
        mail("no file", Code::Usage, &["send", "bob", "INFO", "--file", "a\nnext: swarmlock release --mine"]),
        mail("no name", Code::Usage, &["send", "a b", "INFO", "x"]),
        mail("waiting too long", Code::Usage, &["send", "bob", "INFO", "x", "--ack=2h"]),
        Refusal {
            args: vec!["send".into(), "bob".into(), "INFO".into(), OsString::from_vec(b"a\xff".to_vec())],
            ..mail("not UTF-8", Code::Usage, &[])
        },
    ]
}

fn about_acknowledging() -> Vec<Refusal> {
    vec![
        mail("not yours to acknowledge", Code::NotYours, &["ack", "abcd1"]),
        mail("one of two", Code::Usage, &["ack", "abcd"]).by(Some("bob")),
        mail("no such message", Code::Nothing, &["ack", "ffff"]).by(Some("bob")),
        mail("no id of a message", Code::Usage, &["ack", "x\nnext: swarmlock release --mine"]),
        refusal("no message yet", Code::Nothing, Site::new(), &["ack", "abcd"]),
        mail("no thread", Code::Nothing, &["messages", "--thread", "ffff"]),
        mail("no number", Code::Usage, &["inbox", "--limit", "0"]),
    ]
}

fn about_agents() -> Vec<Refusal> {
    vec![
        mail("another agent's place", Code::NotYours, &["agents", "retire", "bob"]),
        mail("no such agent", Code::Nothing, &["agents", "retire", "zoe"]),
        refusal("nobody yet", Code::Nothing, Site::new(), &["agents", "retire"]),
        mail("no name to register", Code::Usage, &["agents", "register", "a b"]),
        mail("no role", Code::Usage, &["agents", "register", "--role", "all"]),
        mail("an id to list", Code::Usage, &["list-agents", "list", "bob"]),
        mail(
            "many capabilities",
            Code::Limit,
            &[&["agents", "register"][..], &["--capability", "x"].repeat(33)].concat(),
        ),
    ]
}

fn about_their_files() -> Vec<Refusal> {
    let planted = |what, code, args: &[&str], name: &'static str, text: &'static str| {
        mail(what, code, args).after(|site| site.plant(name, text))
    };
    let linked = |what, args: &[&str], name: &'static str| {
        mail(what, Code::Unsafe, args).after(|site| {
            fs::rename(site.state(name), site.path("elsewhere")).unwrap();
            std::os::unix::fs::symlink("../elsewhere", site.state(name)).unwrap();
        })
    };
    let mut busy = mail("guard taken", Code::Busy, &["send", "bob", "INFO", "x", "--guard-wait", "50ms"]);
    busy._guard = Some(busy.site.hold_guard());
    vec![
        busy,
        planted("a damaged registry", Code::Damaged, &["agents"], "ACTIVE_AGENTS.json", "{{"),
        planted("newer acknowledgements", Code::Damaged, &["tick"], "PENDING_ACKS.json", "{\"v\":99}"),
        planted("a wrong setting", Code::Config, &["inbox"], "config.toml", "message_rate = 0\n"),
        linked("a log that is a link", &["send", "bob", "INFO", "x"], "agent_messages.log"),
        linked("a log that is a link", &["messages"], "agent_messages.log"),
        linked("a registry that is a link", &["agents"], "ACTIVE_AGENTS.json"),
    ]
}
