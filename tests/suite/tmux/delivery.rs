//! What arrives in a pane, and where nothing may.

use swarmlock::{
    domain::Process,
    host::tmux::{Delivery, LINE_LIMIT, Target, Tmux, is_in_front},
};

use super::{LIMIT, NOTICE, Stage, bash, deliver, expect_not, fake, kill, line, process, sender, strs, wait_for};
use crate::{harness::Site, panes::Server};

/// What tmux, shells and programs make something of.
const ODD: [&str; 20] = [
    "# plain",
    "# ends with a semicolon;",
    "# ends with an escaped one\\;",
    "# ends with two;;",
    "# ;",
    "# - -l -- -t %0",
    "# Enter C-c Escape M-x",
    "# 'single' \"double\" `back` $(sub) ${x} $((1))",
    "# \\ \\n \\\\ \\033[31m",
    "# % %% %0 #{pane_id} #(id) #[fg=red] ##",
    "# ~ ~root * ? [a] {b,c} !! !$ ^a^b",
    "# | & > < && || ( ) { }",
    "# tabs are no blanks and   blanks stay   ",
    "# 👩\u{200d}👩\u{200d}👧\u{200d}👦 👍🏽 🏳\u{fe0f}\u{200d}🌈",
    "# 日本語 中文 한국어 ελληνικά Ünïcödé e\u{301}",
    "# می\u{200c}خواهم",
    "# a character without a width: \u{378} and the last: \u{10ffff}",
    "# … bytes of continuation: Å 䱣 \u{a0}",
    "# ",
    "# # #",
];

#[test]
fn a_line_arrives_byte_for_byte_and_is_entered() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_line_arrives_byte_for_byte_and_is_entered") else { return };
    let (_, target) = stage.agent("got");
    let long = |filler: &str| {
        let room = LINE_LIMIT - 3;
        format!("# {};", filler.repeat(room / filler.len()))
    };
    let mut wanted = Vec::new();
    let (ascii, wide) = (long("x"), long("日本"));
    for text in ODD.into_iter().chain([ascii.as_str(), wide.as_str()]) {
        assert_eq!(deliver(&target, text), Delivery::Typed, "{text:?}");
        wanted.extend_from_slice(text.as_bytes());
        wanted.push(b'\r');
    }
    wait_for(|| (std::fs::read(site.path("got")).unwrap().len() >= wanted.len()).then_some(()));
    let got = stage.got("got", b"\r");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&wanted));
    let left = stage.server.tmux(&["list-buffers"]).unwrap().expect(0);
    assert_eq!(left.out, "", "no buffer is left");
}

#[test]
fn below_a_shell_the_whole_line_arrives_too() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "below_a_shell_the_whole_line_arrives_too") else { return };
    for (number, shell) in
        [strs(&bash(&site, "C")), vec!["sh"], vec!["bash", "-c", "$SHELL -i; :"]].into_iter().enumerate()
    {
        let out = format!("got{number}");
        let (_, target) = stage.agent_below(&shell, &out);
        let text = format!("# to {number}: $(x); 'y' \"z\" \\");
        assert_eq!(deliver(&target, &text), Delivery::Typed, "{shell:?}");
        assert_eq!(stage.got(&out, b"\r"), format!("{text}\r").into_bytes());
    }
}

#[test]
fn a_pane_in_another_state_gets_nothing() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_pane_in_another_state_gets_nothing") else { return };
    let (number, target) = stage.agent("got");
    let id = format!("%{number}");
    let tmux = |args: &[&str]| drop(stage.server.tmux(args).unwrap().expect(0));
    tmux(&["copy-mode", "-t", &id]);
    expect_not(&deliver(&target, "# in copy mode"), "in a mode");
    tmux(&["send-keys", "-t", &id, "-X", "cancel"]);
    tmux(&["set-option", "-w", "-t", &id, "synchronize-panes", "on"]);
    expect_not(&deliver(&target, "# to all"), "synchronize-panes");
    tmux(&["set-option", "-w", "-t", &id, "synchronize-panes", "off"]);
    tmux(&["select-pane", "-d", "-t", &id]);
    expect_not(&deliver(&target, "# no input"), "input of the pane is off");
    tmux(&["select-pane", "-e", "-t", &id]);
    // Others than were found.
    let with = |change: &dyn Fn(&mut Target)| {
        let mut other = target.clone();
        change(&mut other);
        deliver(&other, "# to another")
    };
    expect_not(&with(&|to| to.agent.started += 1), "not in front");
    expect_not(&with(&|to| to.agent = process(std::process::id())), "not in front");
    expect_not(&with(&|to| to.server.started += 1), "the tmux server of the pane has ended");
    expect_not(&with(&|to| to.server = process(std::process::id())), "the tmux server of the pane has ended");
    expect_not(&with(&|to| to.pane += 1000), "the pane is gone");
    expect_not(&with(&|to| to.pane = 0), "not in front");
    expect_not(&with(&|to| to.socket = site.path("none")), "no tmux server runs there");
    // Another server, at whose socket there is a pane of that number too.
    let two = Server::start(&site, "two").unwrap();
    for _ in 0..=number {
        two.tmux(&["new-window", "-d", "cat"]).unwrap().expect(0);
    }
    expect_not(&with(&|to| to.socket = site.path("two")), "another tmux server answers");
    // A tmux that hangs, and none.
    let hangs = fake(&site, "hangs", "exec sleep 1000");
    let limit = std::time::Duration::from_millis(300);
    expect_not(&hangs.deliver(&target, &line("# x"), &sender(), limit), "did not answer within 300ms");
    let none = Tmux::at("swarmlock-test-no-such-program");
    expect_not(&none.deliver(&target, &line("# x"), &sender(), LIMIT), "no program tmux");
    // The control, and nothing of all that has arrived.
    assert_eq!(deliver(&target, "# at last"), Delivery::Typed);
    assert_eq!(stage.got("got", b"\r"), b"# at last\r");
}

#[test]
fn an_agent_that_is_not_the_one_that_was_found_gets_nothing() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "an_agent_that_is_not_the_one_that_was_found") else { return };
    // Started again in the same pane.
    let (number, target) = stage.agent("got");
    let id = format!("%{number}");
    let respawn = ["respawn-pane", "-k", "-t", &id, "bash", "-c", &stage.stand_in("again")];
    stage.server.tmux(&respawn).unwrap().expect(0);
    wait_for(|| Some(stage.target(number)).filter(|now| now.agent != target.agent));
    expect_not(&deliver(&target, "# to the one before"), "not in front");
    assert_eq!(deliver(&stage.target(number), "# to the one now"), Delivery::Typed);
    assert_eq!(stage.got("again", b"\r"), b"# to the one now\r");
    // Dead, and the pane stays.
    stage.server.tmux(&["set-option", "-w", "-t", &id, "remain-on-exit", "on"]).unwrap().expect(0);
    let target = stage.target(number);
    kill(target.agent.pid);
    wait_for(|| stage.pane(number).dead.then_some(()));
    expect_not(&deliver(&target, "# to a dead one"), "the pane is dead");
    // Ended below its shell, and started again there.
    let (number, target) = stage.agent_below(&strs(&bash(&site, "C")), "below");
    stage.end(number, &target.agent);
    expect_not(&deliver(&target, "# to a shell"), "not in front");
    stage.type_line(number, &format!("bash {}", site.path("below.sh").display()));
    let now = stage.target(number);
    expect_not(&deliver(&target, "# to the one before"), "not in front");
    assert_eq!(deliver(&now, "# to the one now"), Delivery::Typed);
    assert_eq!(stage.got("below", b"\r"), b"# to the one now\r");
    // Stopped below a shell that does not notice: nobody would read it now.
    std::fs::write(site.path("stopped.sh"), stage.stand_in("stopped")).unwrap();
    let number = stage.open(&["bash", "-c", &format!("bash {}; :", site.path("stopped.sh").display())]);
    let target = stage.target(number);
    let pid = rustix::process::Pid::from_raw(i32::try_from(target.agent.pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    wait_for(|| (!is_in_front(stage.pane(number).pid, &target.agent)).then_some(()));
    expect_not(&deliver(&target, "# to a stopped one"), "not in front");
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    wait_for(|| is_in_front(stage.pane(number).pid, &target.agent).then_some(()));
    assert_eq!(deliver(&target, "# to one that goes on"), Delivery::Typed);
}

#[test]
fn a_pane_of_a_server_that_was_started_again_is_another() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_pane_of_a_server_that_was_started_again") else { return };
    let (number, target) = stage.agent("got");
    drop(stage);
    wait_for(|| super::is_over(target.server.pid).then_some(()));
    let Some(again) = Stage::set(&site, "a_pane_of_a_server_that_was_started_again") else { return };
    let (same, now) = again.agent("again");
    assert_eq!((same, &now.socket), (number, &target.socket), "the control: the names are the same");
    expect_not(&deliver(&target, "# to the one before"), "the tmux server of the pane has ended");
    // Even with the number of the process used again.
    let reused = Target { server: now.server.clone(), ..target.clone() };
    expect_not(&deliver(&reused, "# to the one before"), "not in front");
    let by_pid = Process { pid: now.server.pid, ..target.server.clone() };
    if by_pid.started != now.server.started {
        expect_not(&deliver(&Target { server: by_pid, ..now.clone() }, "# x"), "the tmux server of the pane has ended");
    }
    assert_eq!(deliver(&now, NOTICE), Delivery::Typed);
    assert_eq!(again.got("again", b"\r"), format!("{NOTICE}\r").into_bytes());
}
