//! Messages that are for the inbox alone, and why; what is typed never runs, whatever it holds.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    Stage,
    actor::{Actor, Start, deliveries, is_delivered, is_queued},
    bash, exists, fake,
    hostile::{reads, texts},
    kill, strs, wait_for,
};
use crate::{
    harness::{Run, Site},
    panes::Server,
};

/// As it is asked for by somebody who is in no pane.
fn send(site: &Site, to: &str, text: &str) -> Run {
    site.agent("mallory").run(["send", to, "INFO", text]).expect(0)
}

#[test]
fn a_message_to_an_agent_that_would_not_read_it_waits_in_its_inbox_and_says_why() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_message_to_an_agent_that_would_not_read_it") else { return };
    let shell = stage.open(&strs(&bash(&site, "C")));
    let one = Actor::below(&stage, shell, &Start::of("gemini"));
    let id = one.id();
    one.run("$B acquire name:a").expect(0);
    let pane = format!("%{shell}");
    let tmux = |args: &[&str]| drop(stage.server.tmux(args).unwrap().expect(0));
    // In a mode of tmux.
    tmux(&["copy-mode", "-t", &pane]);
    is_queued(&send(&site, &id, "copy mode"), "the pane is in a mode");
    tmux(&["send-keys", "-t", &pane, "-X", "cancel"]);
    // Suspended, and continued.
    tmux(&["send-keys", "-t", &pane, "C-z"]);
    stage.shell_in_front(shell);
    is_queued(&send(&site, &id, "suspended"), "the agent is not in front in its pane");
    stage.type_line(shell, "fg");
    wait_for(|| (stage.found(shell).process.pid == one.pid).then_some(()));
    // No tmux for the sender, and one that never answers.
    let call = |path: &str| site.agent("mallory").env("PATH", path);
    is_queued(&call("/nowhere").run(["send", &id, "INFO", "no tmux"]).expect(0), "there is no program tmux on PATH");
    fs::create_dir(site.path("bin")).unwrap();
    fake(&site, "bin/tmux", "exec sleep 1000");
    let path = format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap());
    let begun = Instant::now();
    is_queued(&call(&path).run(["send", &id, "INFO", "hangs"]).expect(0), "tmux did not answer within 2s");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    // The control: nothing of all that was typed, and what follows is.
    is_delivered(&send(&site, &id, "there"));
    one.is_told("there");
    assert_eq!(one.typed().len(), 1, "{:?}", one.typed());
    // Ended, and its pane with it.
    one.kill();
    stage.shell_in_front(shell);
    is_queued(&send(&site, &id, "ended"), "it is gone");
    tmux(&["kill-pane", "-t", &pane]);
    is_queued(&send(&site, &id, "no pane"), "it is gone");
    let inbox = site.nobody().env("SWARMLOCK_AGENT", &id).run(["inbox", "--json"]).expect(0).json();
    let texts: Vec<_> =
        inbox["items"].as_array().unwrap().iter().map(|item| item["message"]["content"].clone()).collect();
    assert_eq!(texts, ["copy mode", "suspended", "no tmux", "hangs", "there", "ended", "no pane"]);
}

#[test]
fn a_broadcast_through_a_tmux_that_hangs_ends_soon_and_is_in_every_inbox() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_broadcast_through_a_tmux_that_hangs") else { return };
    let all: Vec<_> = (0..5).map(|_| Actor::alone(&stage, &Start::of("gemini"))).collect();
    all[0].json("agents discover");
    fs::create_dir(site.path("bin")).unwrap();
    fake(&site, "bin/tmux", "exec sleep 1000");
    let path = format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap());
    let begun = Instant::now();
    let sent = site.agent("mallory").env("PATH", path).run(["broadcast", "INFO", "hello"]).expect(0);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let told = deliveries(&sent);
    assert!(told.len() == 5 && told.iter().all(|(_, word, _)| word == "[QUEUED]"), "{sent}");
    assert!(told[4].2.contains("other panes took too long"), "{sent}");
    for one in &all {
        assert_eq!((one.reads(), one.typed()), (vec!["hello".to_owned()], Vec::new()));
    }
}

#[test]
fn nothing_is_typed_into_a_pane_of_a_server_that_was_started_again() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "nothing_is_typed_into_a_pane_of_a_server") else { return };
    let outer = Actor::alone(&stage, &Start::of("gemini"));
    // It outlives its pane and the server.
    let lives_on = Actor::detached(&stage, &outer, &Start::of("claude"));
    let ids = [outer.id(), lives_on.run("$B agents register bob --id-only").expect(0).out.trim_end().to_owned()];
    outer.run("$B acquire name:a").expect(0);
    let server = stage.pane(outer.pane).server;
    drop(stage.server);
    wait_for(|| super::is_over(server).then_some(()));
    wait_for(|| super::is_over(outer.pid).then_some(()));
    let again = Stage { site: &site, server: Server::start(&site, "one").unwrap() };
    let other = Actor::alone(&again, &Start::of("claude"));
    assert_eq!(other.pane, outer.pane, "the same number at the same socket");
    other.run("$B acquire name:b").expect(0);
    is_queued(&send(&site, &ids[0], "to the one before"), "it is gone");
    is_queued(&send(&site, &ids[1], "to the one that lives on"), "the tmux server of the pane has ended");
    assert!(!ids.contains(&other.id()));
    assert_eq!(other.reads(), Vec::<String>::new());
    // The control.
    is_delivered(&send(&site, &other.id(), "to the one now"));
    other.is_told("to the one now");
    assert_eq!(other.typed().len(), 1, "{:?}", other.typed());
    // Without its pane it is known by what it says only.
    let inbox = lives_on.run("$B inbox --agent bob").expect(0);
    assert!(inbox.out.contains("to the one that lives on"), "{inbox}");
    lives_on.kill();
}

/// What stands in lines of their own, or in what terminals read as more than text.
fn with_controls(touch: &str) -> [String; 8] {
    [
        format!("x\n{touch}\n"),
        format!("x\r{touch}\r"),
        format!("x\r\n{touch}\r\n"),
        format!("\u{3}{touch}\n"),
        format!("\u{1b}[201~\n{touch}\n"),
        format!("\u{85}{touch}\u{2028}{touch}\u{2029}"),
        format!("\u{4}\n{touch}\n\u{1a}"),
        format!("\u{15}{touch}\u{d}\u{b}{touch}\u{c}"),
    ]
}

#[test]
fn no_text_that_is_sent_to_an_agent_that_has_exited_to_its_shell_ever_runs() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "no_text_that_is_sent_to_an_agent_that_has_exited") else { return };
    let (witness, shell) = (site.path("witness"), stage.open(&strs(&bash(&site, "C"))));
    let one = Actor::below(&stage, shell, &Start::of("gemini"));
    let id = one.id();
    one.run("$B acquire name:a").expect(0);
    site.plant("config.toml", "message_rate = 1000\nmessage_rate_all = 1000\n");
    one.kill();
    stage.shell_in_front(shell);
    let mut all = texts(&witness);
    all.extend(with_controls(&format!("touch {}", witness.display())));
    for text in &all {
        fs::write(site.path("text"), text).unwrap();
        let call = || site.agent("mallory");
        is_queued(&send(&site, &id, text), "it is gone");
        is_queued(&call().run_with_stdin(["send", &id, "INFO", "-"], text.as_bytes()).expect(0), "it is gone");
        is_queued(&call().run(["send", &id, "INFO", "--file", "text"]).expect(0), "it is gone");
    }
    reads(&stage, shell, &site.path("settled"));
    assert!(!exists(&witness));
    // The next agent in the pane has them all, and nothing was typed to it.
    let again = Actor::below(&stage, shell, &Start::of("gemini"));
    let inbox = again.json("inbox --limit 1000");
    assert_eq!(inbox["items"].as_array().unwrap().len(), 3 * all.len());
    assert_eq!(again.typed(), Vec::<String>::new());
    assert!(!exists(&witness));
}

/// What was typed while the agent had the terminal is read by the shell, if the agent ends without having read it.
#[test]
fn no_text_that_was_typed_to_an_agent_that_ended_without_reading_it_runs_in_its_shell() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "no_text_that_was_typed_to_an_agent_that_ended") else { return };
    let (witness, shell) = (site.path("witness"), stage.open(&strs(&bash(&site, "C"))));
    let touch = format!("touch {}", witness.display());
    // It never reads.
    let claude = super::program_named(&site, "sleep", "claude");
    site.agent("mallory").run(["init"]).expect(0);
    site.plant("config.toml", "message_rate = 1000\nmessage_rate_all = 1000\n");
    let mut all: Vec<_> = texts(&witness).into_iter().step_by(2).collect();
    all.extend(with_controls(&touch));
    let mut typed = 0;
    for some in all.chunks(10) {
        stage.type_line(shell, &format!("{claude} 1000"));
        let pid = stage.found(shell).process.pid;
        let call = site.agent("mallory").env("TMUX_TMPDIR", site.root());
        let tmux = format!("{},1,0", stage.socket().display());
        let found = call.env("TMUX", tmux).run(["agents", "discover", "--json"]).expect(0).json();
        let id = found["agents"][0]["agent"]["id"].as_str().unwrap().to_owned();
        for text in some {
            is_delivered(&send(&site, &id, text));
            typed += 1;
        }
        kill(pid);
        stage.shell_in_front(shell);
    }
    reads(&stage, shell, &site.path("settled"));
    let shown = stage.server.tmux(&["capture-pane", "-p", "-S", "-", "-t", &format!("%{shell}")]).unwrap().out;
    assert!(shown.matches("[MESSAGE] [mallory]").count() >= typed, "the shell has read them: {shown}");
    assert!(!exists(&witness));
    // The control: without the sign of a comment it runs.
    stage.type_line(shell, &format!("{claude} 1000"));
    let pid = stage.found(shell).process.pid;
    stage.type_line(shell, &touch);
    kill(pid);
    wait_for(|| exists(&witness).then_some(()));
}

#[test]
fn whatever_it_holds_a_message_arrives_in_the_pane_as_one_line_of_a_comment() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "whatever_it_holds_a_message_arrives") else { return };
    let one = Actor::alone(&stage, &Start::of("gemini"));
    let id = one.id();
    one.run("$B acquire name:a").expect(0);
    site.plant("config.toml", "message_rate = 1000\nmessage_rate_all = 1000\n");
    let mut all: Vec<_> = texts(&site.path("witness")).into_iter().step_by(3).collect();
    all.extend(with_controls("touch witness"));
    for text in &all {
        is_delivered(&send(&site, &id, text));
    }
    is_delivered(&send(&site, &id, "the last"));
    one.is_told("the last");
    let typed = one.typed();
    assert_eq!(typed.len(), all.len() + 1, "{typed:#?}");
    for line in &typed {
        assert!(line.starts_with("# [MESSAGE] [mallory]") && !line.chars().any(char::is_control), "{line:?}");
    }
    assert!(!exists(&site.path("witness")));
}
