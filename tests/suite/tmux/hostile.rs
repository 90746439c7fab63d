//! Text that would run if a shell read it as anything but a comment.

use std::path::{Path, PathBuf};

use super::{Stage, bash, deliver, exists, expect_not, on_path, shell, strs, wait_for};
use crate::harness::{Site, skip};

/// A locale that reads UTF-8.
const UTF8: &str = "C.UTF-8";

/// What is put behind the `# `; `W` is what makes the witness.
const HOSTILE: [&str; 42] = [
    "W",
    "; W",
    ";W;",
    "&& W",
    "|| W",
    "| W",
    "& W &",
    "$(W)",
    "`W`",
    "${x:-$(W)}",
    "$((`W`))",
    "\"$(W)\"",
    "'; W; '",
    "\"; W; \"",
    "\\; W",
    "\\\\; W",
    "\\",
    "<(W)",
    ">(W)",
    "<<< $(W)",
    "<<x",
    "{ W; }",
    "( W )",
    "x() { W; }; x",
    "! W",
    "!!",
    "!$; W",
    "^#^ ^; W",
    "!#:0; W",
    "$'\\n'; W",
    "\\n W",
    "%0; W",
    "#{pane_id}; W",
    "#(W)",
    "~; W",
    "-; W",
    "Enter W Enter",
    "C-m W C-m",
    "if true; then W; fi",
    "eval W; sh -c W",
    "[[ -n $(W) ]] && W",
    "*; W;",
];

pub(super) fn texts(witness: &Path) -> Vec<String> {
    let touch = format!("touch {}", witness.display());
    HOSTILE.iter().map(|text| text.replace('W', &touch)).collect()
}

/// Shells that are here, as they are started for a person; the first has comments for certain.
fn shells(site: &Site, test: &str) -> Vec<Vec<String>> {
    let mut found = vec![bash(site, "C"), bash(site, UTF8), shell(site, UTF8, &["sh"])];
    for (name, start) in [
        ("fish", &["fish", "--no-config"][..]),
        ("zsh", &["zsh", "-f"]),
        ("tcsh", &["tcsh", "-f"]),
        ("ksh", &["ksh"]),
        ("mksh", &["mksh"]),
        ("busybox", &["busybox", "ash"]),
    ] {
        if on_path(name).is_some() {
            found.push(shell(site, UTF8, start));
        } else {
            skip(test, &format!("no {name} here"));
        }
    }
    found
}

/// Waits until the shell reads commands, and has done all that was typed before.
pub(super) fn reads(stage: &Stage<'_>, number: u32, mark: &Path) {
    wait_for(|| {
        stage.type_line(number, &format!("touch {}", mark.display()));
        std::thread::sleep(std::time::Duration::from_millis(20));
        exists(mark).then_some(())
    });
}

#[test]
fn nothing_that_is_delivered_to_an_agent_that_has_ended_ever_runs() {
    let test = "nothing_that_is_delivered_to_an_agent_that_has_ended_ever_runs";
    let site = Site::new();
    let Some(stage) = Stage::set(&site, test) else { return };
    let witness = site.path("witness");
    for (at, shell) in shells(&site, test).iter().enumerate() {
        let (number, target) = stage.agent_below(&strs(shell), &format!("got{at}"));
        stage.end(number, &target.agent);
        for text in texts(&witness) {
            expect_not(&deliver(&target, &format!("# {text}")), "not in front");
        }
        reads(&stage, number, &site.path(format!("settled{at}")));
        assert!(!exists(&witness), "{shell:?}");
    }
}

/// As if the agent had ended in the very moment after the last look.
#[test]
fn even_entered_into_a_shell_a_line_runs_nothing() {
    let test = "even_entered_into_a_shell_a_line_runs_nothing";
    let site = Site::new();
    let Some(stage) = Stage::set(&site, test) else { return };
    let witness = site.path("witness");
    for (at, shell) in shells(&site, test).iter().enumerate() {
        let number = stage.open(&strs(shell));
        reads(&stage, number, &site.path(format!("begun{at}")));
        // What may be typed above this shell.
        let comments = !shell.iter().any(|word| matches!(word.as_str(), "zsh" | "tcsh"));
        let lines =
            if comments { texts(&witness) } else { vec!["swarmlock: a message from a: swarmlock inbox".to_owned()] };
        for text in &lines {
            stage.type_line(number, &format!("# {text}"));
        }
        // Where a locale of that name is none, nothing but ASCII would be typed.
        if comments && shell.contains(&format!("LC_ALL={UTF8}")) && exists(Path::new("/usr/lib/locale/C.utf8")) {
            for text in &lines {
                stage.type_line(number, &format!("# … Å 䱣 日本 👩\u{200d}👧 {text} … Å 䱣"));
            }
        }
        reads(&stage, number, &site.path(format!("settled{at}")));
        assert!(!exists(&witness), "{shell:?}");
    }
}

#[test]
fn control_without_the_sign_of_a_comment_the_same_text_runs() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "control_without_the_sign_of_a_comment") else { return };
    let run = |text: &str, at: usize| {
        let (witness, number) = (site.path(format!("witness{at}")), stage.open(&strs(&bash(&site, "C"))));
        let touch = format!("touch {}", witness.display());
        reads(&stage, number, &site.path(format!("begun{at}")));
        stage.type_line(number, &text.replace('W', &touch));
        let (mark, mut looks) = (site.path(format!("settled{at}")), 0);
        wait_for(|| {
            stage.type_line(number, &format!("touch {}", mark.display()));
            std::thread::sleep(std::time::Duration::from_millis(10));
            looks += 1;
            // It may wait for the end of what was begun, for ever.
            (exists(&witness) || exists(&mark) || looks == 50).then_some(())
        });
        stage.server.tmux(&["kill-pane", "-t", &format!("%{number}")]).unwrap().expect(0);
        exists(&witness)
    };
    let ran = HOSTILE.iter().enumerate().filter(|(at, text)| run(text, *at)).count();
    assert!(ran >= 20, "{ran} of {} run", HOSTILE.len());
    // A second line would be none of the comment.
    let number = stage.open(&strs(&bash(&site, "C")));
    let witness = site.path("second");
    stage.type_line(number, "# harmless");
    stage.type_line(number, &format!("touch {}", witness.display()));
    wait_for(|| exists(&witness).then_some(()));
}

/// Why only ASCII is typed above a shell that does not read UTF-8: a byte of a character is one of its commands.
#[test]
fn control_a_shell_without_utf8_runs_a_comment_by_a_byte() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "control_a_shell_without_utf8_runs_a_comment") else { return };
    let ran = |locale: &str| {
        let (number, witness) = (stage.open(&strs(&bash(&site, locale))), site.path(format!("witness-{locale}")));
        reads(&stage, number, &site.path(format!("begun-{locale}")));
        stage.type_text(number, &format!("# $(touch {})", witness.display()));
        let shown = || stage.server.tmux(&["capture-pane", "-p", "-J", "-t", &format!("%{number}")]).unwrap().out;
        wait_for(|| shown().contains("# $(touch").then_some(()));
        // By itself, as the terminal may hand it over.
        for byte in ["c3", "85"] {
            stage.server.tmux(&["send-keys", "-t", &format!("%{number}"), "-H", byte]).unwrap().expect(0);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        exists(&witness)
    };
    let (plain, utf8): (bool, bool) = (ran("C"), ran("C.UTF-8"));
    assert!(!utf8 || !PathBuf::from("/usr/lib/locale/C.utf8").exists());
    if !plain {
        skip("control_a_shell_without_utf8_runs_a_comment", "this bash takes such bytes for text");
    }
}
