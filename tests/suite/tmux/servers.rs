//! Discovery with several servers, and with none that answers; what else is seen from panes.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Stage,
    actor::{Actor, Start, is_delivered},
    bash, fake, on_path, strs, wait_for,
};
use crate::{
    harness::{Site, skip},
    panes::Server,
};

/// The state of each server that discovery tells of, by the end of its socket.
fn states(discovered: &Value) -> Vec<(String, String)> {
    let text = |server: &Value, key: &str| server[key].as_str().unwrap().to_owned();
    let name = |path: String| path.rsplit('/').next().unwrap().to_owned();
    let servers = discovered["servers"].as_array().unwrap();
    servers.iter().map(|server| (name(text(server, "socket")), text(server, "state"))).collect()
}

#[test]
fn agents_of_every_server_are_found_and_those_that_cannot_be_asked_are_named() {
    let test = "agents_of_every_server_are_found";
    let site = Site::new();
    let dir = format!("tmux-{}", rustix::process::getuid().as_raw());
    fs::create_dir(site.path(&dir)).unwrap();
    fs::set_permissions(site.path(&dir), fs::Permissions::from_mode(0o700)).unwrap();
    let Some(stage) = Stage::set(&site, test) else { return };
    // As long as the process of the test lives.
    let second: &'static str = Box::leak(format!("{dir}/b").into_boxed_str());
    let Some(two) = Server::start(&site, second) else { return skip(test, "no room for its socket") };
    let two = Stage { site: &site, server: two };
    let one = Actor::alone(&stage, &Start::of("gemini"));
    let other = Actor::alone(&two, &Start::of("claude"));
    let discover = |with: &str| one.run(&format!("{with} $B agents discover --json")).expect(0);
    let found = discover("").json();
    assert_eq!(states(&found), [("one", "asked"), ("b", "asked")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    let ids: Vec<_> = found["agents"].as_array().unwrap().iter().map(|one| one["agent"]["id"].clone()).collect();
    assert_eq!(ids, [one.id().as_str(), other.id().as_str()], "{found}");
    assert_ne!(one.id(), other.id(), "of panes with the same number");
    is_delivered(&one.run(&format!("$B send {} INFO 'to the other server'", other.id())));
    other.is_told("to the other server");
    // One that takes the call and says nothing, one that has gone, and one that is not for us.
    let silent = UnixListener::bind(site.path(&dir).join("a")).unwrap();
    drop(UnixListener::bind(site.path(&dir).join("c")).unwrap());
    drop(UnixListener::bind(site.path(&dir).join("d")).unwrap());
    fs::create_dir(site.path("bin")).unwrap();
    let tmux = on_path("tmux").unwrap();
    let lines = format!(
        "case \"$*\" in */d\\ *) echo \"error connecting to d (Permission denied)\" >&2; exit 1;; esac\nexec '{}' \"$@\"",
        tmux.display()
    );
    fake(&site, "bin/tmux", &lines);
    let begun = Instant::now();
    let run = discover(&format!("PATH={}:$PATH", site.path("bin").display()));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let wanted = [("one", "asked"), ("a", "hangs"), ("b", "asked"), ("c", "no_server"), ("d", "denied")];
    assert_eq!(states(&run.json()), wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(run.json()["agents"].as_array().unwrap().iter().all(|agent| agent["result"] == "known"), "{run}");
    // That of a server which has ended is what tmux leaves behind: no remark where agents were found.
    assert!(!run.err.contains(&format!("{dir}/c: ")), "{run}");
    for (name, why) in [("a", "did not answer within 2s"), ("d", "not open to")] {
        assert!(run.err.lines().any(|line| line.contains(&format!("{dir}/{name}: ")) && line.contains(why)), "{run}");
    }
    drop(silent);
    // Without tmux, and where it always hangs.
    let run = discover("PATH=/nowhere");
    assert_eq!(states(&run.json()), [("one".to_owned(), "no_tmux".to_owned())]);
    assert!(run.err.contains("there is no program tmux on PATH"), "{run}");
    fake(&site, "bin/tmux", "exec sleep 1000");
    fs::remove_file(site.path(&dir).join("a")).unwrap();
    let begun = Instant::now();
    let run = discover(&format!("PATH={}:$PATH", site.path("bin").display()));
    assert!(states(&run.json()).iter().all(|(_, state)| state == "hangs"), "{run}");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    // Nobody who was known is lost by that.
    assert_eq!(one.run("$B agents list --json").expect(0).json_lines().len(), 2);
}

#[test]
fn a_harness_of_the_configuration_is_found_and_typed_to_also_after_it_has_acted() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_harness_of_the_configuration_is_found") else { return };
    let claude = Actor::alone(&stage, &Start::of("claude"));
    let own = Actor::below(&stage, stage.open(&strs(&bash(&site, "C"))), &Start::of("my-agent"));
    assert_eq!(claude.json("agents discover")["agents"].as_array().unwrap().len(), 1);
    site.plant("config.toml", "harnesses = ['my-agent']\n");
    let found = claude.json("agents discover");
    assert_eq!(found["agents"][1]["agent"]["harness"], "my-agent", "{found}");
    let id = own.id();
    assert_eq!(found["agents"][1]["agent"]["id"], id.as_str());
    is_delivered(&claude.run(&format!("$B send {id} INFO before")));
    own.is_told("before");
    own.run("$B acquire name:a").expect(0);
    is_delivered(&claude.run(&format!("$B send {id} INFO after")));
    own.is_told("after");
    assert_eq!((own.id(), own.reads()), (id, vec!["before".to_owned(), "after".to_owned()]));
}

#[test]
fn what_is_not_acknowledged_is_typed_again_by_tick_and_seen_in_status() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "what_is_not_acknowledged_is_typed_again") else { return };
    let one = Actor::alone(&stage, &Start::of("claude").session("CLAUDE_CODE_SESSION_ID", "s1"));
    let two = Actor::below(&stage, stage.open(&strs(&bash(&site, "C"))), &Start::of("gemini"));
    one.json("agents discover");
    is_delivered(&one.run(&format!("$B send {} QUESTION 'who has it?' --ack=1s", two.id())));
    two.is_told("who has it? (swarmlock ack ");
    let again = wait_for(|| {
        let run = site.nobody().run(["tick"]).expect(0);
        run.out.starts_with("again\t").then_some(run)
    });
    assert!(again.out.contains(&format!("{}: typed into pane %{}", two.id(), two.pane)), "{again}");
    wait_for(|| (two.typed().iter().filter(|line| line.contains("who has it?")).count() == 2).then_some(()));
    // Each sees the others, and what it has not read.
    let unread = |agent: &Actor| {
        let status = agent.json("status");
        let there: Vec<_> = status["agents"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(there, [one.id().as_str(), two.id().as_str()]);
        status["unread"].as_u64().unwrap()
    };
    assert_eq!((unread(&one), unread(&two)), (0, 2));
    let inbox = two.run("$B inbox --peek").expect(0);
    assert_eq!(inbox.err.matches("to be acknowledged: swarmlock ack ").count(), 1, "{inbox}");
    assert_eq!(two.reads(), ["who has it?", "who has it?"]);
    let id = two.typed()[0].rsplit_once("swarmlock ack ").unwrap().1.trim_end_matches(')').to_owned();
    two.run(&format!("$B ack {id}")).expect(0);
    assert_eq!((unread(&one), unread(&two)), (1, 0));
    assert_eq!(site.nobody().run(["tick"]).expect(0).out, "", "nothing is due any more");
}
