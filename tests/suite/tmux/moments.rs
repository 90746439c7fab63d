//! What happens between two steps: a program in place of tmux changes the pane right before or after a call.

use std::{fs, path::Path};

use swarmlock::host::tmux::{Delivery, Tmux};

use super::{LIMIT, Stage, bash, deliver, exists, expect_not, fake, line, sender, strs, wait_for};
use crate::harness::Site;

/// tmux, but when a call has this word these lines are run before it, and those after it.
fn with(site: &Site, word: &str, before: &str, after: &str) -> Tmux {
    let lines = format!(
        "case \" $* \" in *{word}*) unset LC_ALL; {before}\ntmux \"$@\"; code=$?\n{after}\nexit $code;; esac\nexec tmux \"$@\""
    );
    fake(site, "between", &lines)
}

/// Lines of sh that end the agent and wait until its shell has the terminal.
fn end_agent(agent: u32, shell: u32) -> String {
    let in_front = format!("set -- $(sed 's/.*) //' /proc/{shell}/stat); [ \"$3\" = \"$6\" ]");
    format!("kill -9 {agent}; until ({in_front}); do :; done")
}

/// The last text in the pane.
fn shown(stage: &Stage<'_>, number: u32) -> String {
    stage.server.tmux(&["capture-pane", "-p", "-J", "-t", &format!("%{number}")]).unwrap().expect(0).out
}

/// A shell that has read all that was typed before.
fn settle(stage: &Stage<'_>, number: u32, mark: &Path) {
    stage.type_line(number, "");
    stage.type_line(number, &format!("touch '{}'", mark.display()));
    wait_for(|| exists(mark).then_some(()));
}

#[test]
fn an_agent_that_ends_after_the_text_gets_no_enter() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "an_agent_that_ends_after_the_text_gets_no_enter") else { return };
    let (number, target) = stage.agent_below(&strs(&bash(&site, "C")), "got");
    let end = end_agent(target.agent.pid, stage.pane(number).pid);
    let tmux = with(&site, "set-buffer", "", &end);
    let witness = site.path("witness");
    let text = format!("# $(touch '{}'); touch '{}'", witness.display(), witness.display());
    let delivery = tmux.deliver(&target, &line(&text), &sender(), LIMIT);
    expect_not(&delivery, "not in front in its pane; it stands there without Enter");
    // Somebody enters it after all.
    settle(&stage, number, &site.path("settled"));
    assert!(!exists(&witness));
}

#[test]
fn an_agent_that_ends_in_the_last_moment_is_seen_by_the_server() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "an_agent_that_ends_in_the_last_moment") else { return };
    for (number, word) in ["set-buffer", "send-keys"].into_iter().enumerate() {
        // The name of the agent's group is its own here.
        let pane = stage.open(&strs(&bash(&site, "C")));
        stage.type_line(pane, &format!("({})", stage.stand_in(&format!("got{number}"))));
        let target = stage.target(pane);
        let end = end_agent(target.agent.pid, stage.pane(pane).pid);
        let tmux = with(&site, word, &end, "");
        let delivery = tmux.deliver(&target, &line("# arrived"), &sender(), LIMIT);
        expect_not(&delivery, "the pane has changed in that very moment");
        settle(&stage, pane, &site.path(format!("settled{number}")));
        assert!(!shown(&stage, pane).contains("# arrived"), "{}", shown(&stage, pane));
    }
    assert_eq!(stage.server.tmux(&["list-buffers"]).unwrap().expect(0).out, "");
}

#[test]
fn a_pane_that_changes_in_the_last_moment_is_seen_by_the_server() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_pane_that_changes_in_the_last_moment") else { return };
    let (number, target) = stage.agent("got");
    let own = |args: &str| format!("tmux -S '{}' {args}", stage.socket().display());
    for (word, change, back) in [
        ("set-buffer", format!("copy-mode -t %{number}"), format!("send-keys -t %{number} -X cancel")),
        (
            "set-buffer",
            format!("set-option -w -t %{number} synchronize-panes on"),
            format!("set-option -w -t %{number} synchronize-panes off"),
        ),
        ("set-buffer", format!("select-pane -d -t %{number}"), format!("select-pane -e -t %{number}")),
        ("send-keys", format!("copy-mode -t %{number}"), format!("send-keys -t %{number} -X cancel")),
    ] {
        let tmux = with(&site, word, &own(&change), &own(&back));
        let delivery = tmux.deliver(&target, &line("# x"), &sender(), LIMIT);
        expect_not(&delivery, "the pane has changed in that very moment");
        let entered = matches!(&delivery, Delivery::Not(why) if why.ends_with("without Enter"));
        assert_eq!(entered, word == "send-keys");
    }
    assert_eq!(deliver(&target, "# at last"), Delivery::Typed);
    assert_eq!(stage.got("got", b"\r"), b"# x# at last\r", "only what was typed before the last Enter");
    // A pane that is gone in that moment is no other: an empty target would be the current one.
    let tmux = with(&site, "set-buffer", &own(&format!("kill-pane -t %{number}")), "");
    expect_not(&tmux.deliver(&target, &line("# to nobody"), &sender(), LIMIT), "");
    for pane in Tmux::default().panes(&stage.socket(), LIMIT).unwrap().panes {
        assert!(!shown(&stage, pane.number).contains("to nobody"));
    }
    assert!(!fs::read_to_string(site.path("got")).unwrap().contains("nobody"));
}
