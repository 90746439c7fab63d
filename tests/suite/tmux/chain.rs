//! What may be typed, by the programs that an agent was started from and those beside it.

use swarmlock::host::tmux::Delivery;

use super::{NOTICE, Stage, bash, deliver, expect_not, on_path, program_named, strs};
use crate::harness::{Site, skip};

#[test]
fn below_a_program_that_is_not_known_nothing_is_typed() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "below_a_program_that_is_not_known") else { return };
    // find(1) waits for what it starts, and stands for an editor.
    if on_path("find").is_none() {
        return skip("below_a_program_that_is_not_known", "no find here");
    }
    let script = site.path("start.sh");
    std::fs::write(&script, stage.stand_in("got")).unwrap();
    let script = script.to_str().unwrap();
    let root = site.root().to_str().unwrap();
    let number = stage.open(&["find", root, "-maxdepth", "0", "-exec", "bash", script, "\\;"]);
    let target = stage.target(number);
    expect_not(&deliver(&target, "# x"), "find, which the agent was started from, is not known to be harmless");
    // Under another name it is the same program.
    let sh = program_named(&site, "find", "sh");
    let number = stage.open(&[&sh, root, "-maxdepth", "0", "-exec", "bash", script, "\\;"]);
    expect_not(&deliver(&stage.target(number), "# x"), "not known to be harmless");
}

/// The shell stands for zsh, which takes `#` for a command where nobody has told it otherwise.
#[test]
fn below_a_shell_without_comments_only_a_notice_is_typed() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "below_a_shell_without_comments") else { return };
    // A copy: the file decides.
    let zsh = site.path("zsh");
    assert!(std::process::Command::new("cp").arg(on_path("bash").unwrap()).arg(&zsh).status().unwrap().success());
    let (_, target) = stage.agent_below(&[zsh.to_str().unwrap(), "--norc", "--noprofile"], "got");
    assert_eq!(deliver(&target, "# $(touch x); `y`"), Delivery::Notice);
    assert_eq!(stage.got("got", b"\r"), format!("{NOTICE}\r").into_bytes());
}

/// Without UTF-8 readline takes bytes above 127 for commands, one of which runs what stands in the line.
#[test]
fn text_that_is_no_ascii_is_typed_only_above_shells_that_read_it_as_text() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "text_that_is_no_ascii") else { return };
    let text = "# … 日本 $(x)";
    for (number, (locale, whole)) in [("C", false), ("xx_XX.UTF-8", false), ("C.UTF-8", true)].into_iter().enumerate() {
        let out = format!("got{number}");
        let (_, target) = stage.agent_below(&strs(&bash(&site, locale)), &out);
        assert_eq!(deliver(&target, "# plain"), Delivery::Typed, "{locale}");
        let delivery = deliver(&target, text);
        if whole && delivery == Delivery::Notice {
            return skip("text_that_is_no_ascii", "there is no C.UTF-8 here");
        }
        assert_eq!(delivery == Delivery::Typed, whole, "{locale}: {delivery:?}");
        let typed = if whole { text } else { NOTICE };
        assert_eq!(stage.got(&out, format!("{typed}\r").as_bytes()), format!("# plain\r{typed}\r").into_bytes());
    }
}

/// An editor that the agent has started takes letters for commands.
#[test]
fn beside_another_program_that_reads_the_terminal_nothing_is_typed() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "beside_another_program_that_reads_the_terminal") else { return };
    let claude = program_named(&site, "bash", "claude");
    for (opens, reads) in [("cat", true), ("cat </dev/tty", true), ("cat 7<>/dev/tty </dev/null; sleep 1000", false)] {
        let started = site.path("started");
        std::fs::remove_file(&started).unwrap_or_default();
        let child = format!("touch '{}'; exec sleep 1000", started.display());
        let number = match opens {
            "cat" => stage.open(&[&claude, "-c", &format!("sh -c \"{child}\"; :")]),
            "cat </dev/tty" => stage.open(&[&claude, "-c", &format!("sh -c \"{child}\" </dev/null 9</dev/tty; :")]),
            _ => stage.open(&[&claude, "-c", &format!("sh -c \"{child}\" </dev/null; :")]),
        };
        super::wait_for(|| super::exists(&started).then_some(()));
        let target = stage.target(number);
        let delivery = deliver(&target, "# x");
        if reads {
            assert!(matches!(&delivery, Delivery::Not(why) if why.contains("reads in the pane too")), "{delivery:?}");
        } else {
            assert_eq!(delivery, Delivery::Typed, "the control: it only prints there");
        }
    }
}

/// What has called once from a pane may be an editor: it is in front, and takes letters for commands.
#[test]
fn to_a_process_that_is_no_harness_nothing_is_typed() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "to_a_process_that_is_no_harness") else { return };
    let (_, mut target) = stage.agent("got");
    let editor = stage.open(&["env", "sh", "-c", "exec cat"]);
    let agent = super::process(stage.pane(editor).pid);
    super::wait_for(|| swarmlock::host::tmux::is_in_front(stage.pane(editor).pid, &agent).then_some(()));
    super::wait_for(|| {
        (std::fs::read_to_string(format!("/proc/{}/comm", agent.pid)).unwrap() == "cat\n").then_some(())
    });
    (target.pane, target.agent) = (editor, agent);
    expect_not(&deliver(&target, "# x"), "no harness that is known");
    target.harnesses = vec!["cat".to_owned()];
    assert_eq!(deliver(&target, "# x"), Delivery::Typed, "the control: the configuration says that it is one");
}
