//! Who a call is, in real harnesses that are none: shells under their names.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    harness::{BINARY, OWN_VARIABLES, Run, Site, finish, without_identity},
    processes::usable,
};

/// `printf %s abc | sha256sum`, the first eight digits.
const ABC: &str = "ba7816bf";

/// A shell that the kernel knows by this name, because it was started under it. A link: nothing is written that another
/// test's process could still have open while this one starts it.
pub fn shell_named(site: &Site, name: &str) -> String {
    let path = site.path(name);
    if !path.exists() {
        let dirs = std::env::var_os("PATH").unwrap();
        let bash = std::env::split_paths(&dirs).map(|dir| dir.join("bash")).find(|bash| bash.is_file()).unwrap();
        symlink(bash, &path).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

/// What `whoami` says to a line of a shell that runs under this name; `$B` is the binary.
fn in_shell(site: &Site, name: &str, line: &str, env: &[(&str, &str)]) -> Run {
    let mut command = Command::new(shell_named(site, name));
    without_identity(&mut command).current_dir(site.root()).env("B", BINARY).envs(env.iter().copied());
    // The last command of all: a shell would become what it is told to run last.
    command.args(["-c", &format!("{line}; :")]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

/// The sources that were passed over, with the reasons.
fn ignored(whoami: &Value) -> Vec<String> {
    let tried = whoami["tried"].as_array().unwrap().iter().filter(|tried| tried["ignored"] == true);
    tried.map(|tried| format!("{}: {}", tried["source"].as_str().unwrap(), tried["why"].as_str().unwrap())).collect()
}

const BOTH: [(&str, &str); 2] = [("CLAUDE_CODE_SESSION_ID", "abc"), ("CODEX_THREAD_ID", "abc")];

#[test]
fn the_session_of_the_harness_around_a_call_is_who_it_is() {
    if !usable("the_session_of_the_harness_around_a_call_is_who_it_is") {
        return;
    }
    let site = Site::new();
    let lines = in_shell(&site, "claude", "$B whoami --json; $B whoami --json; echo {\\\"pid\\\":$$}", &BOTH[..1])
        .expect(0)
        .json_lines();
    let (first, again, shell) = (&lines[0], &lines[1], &lines[2]);
    assert_eq!(first["id"], format!("claude-{ABC}"));
    assert_eq!(first, again, "the same at each call");
    assert_eq!(first["source"], "CLAUDE_CODE_SESSION_ID");
    assert_eq!((&first["reliable"], &first["evidence"]), (&true.into(), &true.into()));
    assert_eq!((&first["harness"], &first["process"]["name"]), (&"claude".into(), &"claude".into()));
    assert_eq!(first["process"]["pid"], shell["pid"], "the harness, not what it has started for one call");
    let other = in_shell(&site, "claude", "$B whoami --id-only", &[("CLAUDE_CODE_SESSION_ID", "abd")]).expect(0);
    assert!(other.out.starts_with("claude-") && !other.out.contains(ABC), "{other}");
    // What a user says counts more.
    let told = in_shell(&site, "claude", "$B whoami --json --agent bob", &BOTH[..1]).expect(0).json();
    assert_eq!((&told["id"], &told["process"]["name"]), (&"bob".into(), &"claude".into()));
}

#[test]
fn of_nested_harnesses_the_innermost_decides_whose_session_it_is() {
    if !usable("of_nested_harnesses_the_innermost_decides_whose_session_it_is") {
        return;
    }
    let site = Site::new();
    for (outer, inner) in [("claude", "codex"), ("codex", "claude")] {
        let line = format!("{} -c '$B whoami --json; :'", shell_named(&site, inner));
        let who = in_shell(&site, outer, &line, &BOTH).expect(0).json();
        assert_eq!(who["id"], format!("{inner}-{ABC}"));
        assert_eq!((&who["reliable"], &who["process"]["name"]), (&true.into(), &inner.into()));
        let ignored = ignored(&who);
        assert!(ignored.len() == 1 && ignored[0].contains(&format!("from a {outer} around it")), "{ignored:?}");
    }
    // Shells and other programs in between change nothing.
    let line = format!(
        "env nice bash -c '{} -c \"bash -c \\\"\\$B whoami --json; :\\\"; :\"; :'",
        shell_named(&site, "codex")
    );
    let who = in_shell(&site, "claude", &line, &BOTH).expect(0).json();
    assert_eq!(who["id"], format!("codex-{ABC}"));
}

#[test]
fn a_harness_without_a_variable_does_not_take_that_of_the_one_around_it() {
    if !usable("a_harness_without_a_variable_does_not_take_that_of_the_one_around_it") {
        return;
    }
    let site = Site::new();
    let node = shell_named(&site, "node");
    fs::create_dir(site.path("bin")).unwrap();
    let script = "\"$B\" whoami --json\n:\n";
    for (launcher, harness) in [("bin/gemini", "gemini"), ("test.js", "claude")] {
        fs::write(site.path(launcher), script).unwrap();
        let line = format!("{node} {}", site.path(launcher).display());
        let who = in_shell(&site, "claude", &line, &BOTH[..1]).expect(0).json();
        assert_eq!(who["process"]["name"], harness, "{launcher}");
        // The control: a script that is no harness leaves the session to the one around it.
        assert_eq!(who["source"] == "CLAUDE_CODE_SESSION_ID", harness == "claude", "{who}");
        assert_eq!(ignored(&who).len(), usize::from(harness == "gemini"), "{who}");
    }
}

#[test]
fn a_word_in_a_command_line_is_no_harness() {
    if !usable("a_word_in_a_command_line_is_no_harness") {
        return;
    }
    let site = Site::new();
    for line in [
        "bash -c '$B whoami --json --agent a; echo {\\\"pid\\\":$$}; :' claude codex",
        "(exec -a claude bash -c '$B whoami --json --agent a; echo {\\\"pid\\\":$$}; :')",
        "(exec -a /usr/bin/codex bash -c '$B whoami --json --agent a; echo {\\\"pid\\\":$$}; :')",
    ] {
        let lines = in_shell(&site, "sh-of-test", line, &[]).expect(0).json_lines();
        // The tests themselves may run in a harness.
        assert_ne!(lines[0]["process"]["pid"], lines[1]["pid"], "{line}");
    }
}

/// A line of a shell that has nobody above it any more but the first process, or who stands in for it.
pub const DETACHED: &str = r#"setsid bash -c 'while read -r _ _ _ parent _ </proc/$$/stat && [ "$parent" = "$0" ]; do :; done; eval "$1"' $$ "$L" & exit"#;

#[test]
fn several_sessions_and_no_harness_to_tell_whose_are_a_guess_that_is_marked() {
    let site = Site::new();
    let env = [BOTH[0], BOTH[1], ("L", "\"$B\" whoami --json; \"$B\" release --mine --json")];
    let run = in_shell(&site, "sh-of-test", DETACHED, &env);
    let who: Value = serde_json::from_str(run.out.lines().next().unwrap()).unwrap();
    if !who["process"].is_null() {
        return crate::harness::skip(
            "several_sessions_and_no_harness",
            "the tests run in a harness that collects orphans",
        );
    }
    assert_eq!(who["id"], format!("claude-{ABC}"));
    assert_eq!((&who["reliable"], &who["evidence"]), (&false.into(), &false.into()));
    assert!(ignored(&who)[0].starts_with("CODEX_THREAD_ID: "), "{who}");
    assert!(run.err.contains("several harnesses have left their sessions here"), "{run}");
    assert!(run.err.contains("which may be that of a harness around yours"), "{run}");
    // The control: one alone is no guess.
    let who = in_shell(&site, "sh-of-test", DETACHED, &env[1..]).json_lines().remove(0);
    assert_eq!((&who["id"], &who["reliable"]), (&format!("codex-{ABC}").into(), &true.into()));
}

#[test]
fn what_a_hostile_environment_holds_is_passed_over_with_the_reason() {
    let site = Site::new();
    let long = "a".repeat(100_000);
    let good = "/tmp/x,1,0";
    for (env, source, why) in [
        (&[("CLAUDE_CODE_SESSION_ID", long.as_str())][..], "CLAUDE_CODE_SESSION_ID", "longer than 256 bytes"),
        (&[("CLAUDE_CODE_SESSION_ID", "a\nnext: rm")], "CLAUDE_CODE_SESSION_ID", "control characters"),
        (&[("CODEX_THREAD_ID", "\x1b]0;x\x07")], "CODEX_THREAD_ID", "control characters"),
        (&[("KIMI_SESSION_ID", "  ")], "KIMI_SESSION_ID", "empty"),
        (&[("TMUX_PANE", "%1")], "the tmux pane", "TMUX is not"),
        (&[("TMUX", good), ("TMUX_PANE", "1")], "the tmux pane", "TMUX_PANE is not % and a number"),
        (&[("TMUX", good), ("TMUX_PANE", "%1;kill-server")], "the tmux pane", "TMUX_PANE is not"),
        (&[("TMUX", good), ("TMUX_PANE", &long)], "the tmux pane", "TMUX_PANE is not"),
        (&[("TMUX", &long), ("TMUX_PANE", "%1")], "the tmux pane", "longer than 4096"),
        (&[("TMUX", "x"), ("TMUX_PANE", "%1")], "the tmux pane", "not the path of a socket"),
        (&[("TMUX", "/tmp/x,-1,0"), ("TMUX_PANE", "%1")], "the tmux pane", "not the path of a socket"),
        // The first process is no tmux server, whatever its children are.
        (&[("TMUX", good), ("TMUX_PANE", "%1")], "the tmux pane", "no tmux server 1"),
    ] {
        let call = |args: &[&str]| env.iter().fold(site.nobody(), |call, (key, value)| call.env(key, value)).run(args);
        let run = call(&["whoami", "--json"]).expect(0);
        let ignored = ignored(&run.json());
        assert!(
            ignored.len() == 1 && ignored[0].starts_with(source) && ignored[0].contains(why),
            "{env:?}: {ignored:?}"
        );
        assert_eq!(run.json()["source"], "the terminal session", "{env:?}");
        let run = call(&["whoami"]).expect(0);
        assert!(run.err.contains(&format!("{source} is ignored: ")) && !run.err.contains("\nnext: "), "{run}");
        assert!(run.out.len() + run.err.len() < 1000, "{run}");
    }
    // What is empty is not set.
    let empty = OWN_VARIABLES.iter().fold(site.nobody(), |call, variable| call.env(variable, ""));
    let who = empty.run(["whoami", "--json"]).expect(0).json();
    assert_eq!((who["source"].as_str(), ignored(&who).len()), (Some("the terminal session"), 0));
}

#[test]
fn the_tests_take_every_variable_out_of_the_environment_that_the_program_reads() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let table = fs::read_to_string(sources.join("identity/session.rs")).unwrap();
    let read = fs::read_to_string(sources.join("context/mod.rs")).unwrap();
    let names = table.split("Variable { name: \"").skip(1).chain(read.split("variable(\"").skip(1));
    let names: Vec<_> = names.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.len() > 6, "the scan finds them: {names:?}");
    // It is given to each of them, empty.
    for name in names.into_iter().filter(|name| *name != "HOME") {
        assert!(OWN_VARIABLES.contains(&name), "{name}");
    }
}

/// The line of a harness with an id of its own choosing, after which the harness lives on until its stdin ends.
fn harness_with_id(site: &Site, id: &str, line: &str) -> Child {
    let mut command = Command::new(shell_named(site, "claude"));
    without_identity(&mut command).current_dir(site.root()).env("B", BINARY).env("SWARMLOCK_AGENT", id);
    command.args(["-c", &format!("{line}; echo done; read -r _")]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// What its line printed.
fn until_done(harness: &mut Child) -> String {
    let mut told = String::new();
    let mut out = BufReader::new(harness.stdout.take().unwrap());
    while !told.contains("done\n") {
        assert_ne!(out.read_line(&mut told).unwrap(), 0, "{told}");
    }
    told
}

#[test]
fn the_first_harness_with_an_id_has_it_also_right_after_a_call_from_none() {
    if !usable("the_first_harness_with_an_id_has_it_also_right_after_a_call_from_none") {
        return;
    }
    let site = Site::new();
    // Its beat names no process, and none is due for ten seconds.
    site.agent("alice").run(["acquire", "other"]).expect(0);
    let mut first = harness_with_id(&site, "alice", "$B acquire x");
    let told = until_done(&mut first);
    assert!(told.starts_with("acquired\tx\t"), "{told}");
    let second = finish(harness_with_id(&site, "alice", "$B acquire x; $B release x"));
    assert!(!second.out.contains('\t') && second.err.contains("is the id of claude"), "{second}");
    // The control: once the first has ended, the id is free.
    drop(first.stdin.take());
    first.wait().unwrap();
    let third = finish(harness_with_id(&site, "alice", "$B release x"));
    assert!(third.out.starts_with("released\tx\t"), "{third}");
}

#[test]
fn a_token_renews_no_lease_of_an_agent_that_is_gone() {
    if !usable("a_token_renews_no_lease_of_an_agent_that_is_gone") {
        return;
    }
    let site = Site::new();
    let mut harness = harness_with_id(&site, "alice", "$B acquire x");
    let told = until_done(&mut harness);
    let token = told.lines().next().unwrap().rsplit('\t').next().unwrap();
    // The control: as long as it lives, its lease is renewed.
    let renewed = site.nobody().run(["renew", "x", "--token", token]).expect(0);
    assert!(renewed.out.starts_with("renewed\tx\t"), "{renewed}");
    drop(harness.stdin.take());
    harness.wait().unwrap();
    let refused = site.nobody().run(["renew", "x", "--token", token]).expect(13);
    assert!(refused.out.is_empty() && refused.err.contains("orphaned"), "{refused}");
    let released = site.nobody().run(["release", "x", "--token", token]).expect(0);
    assert!(released.out.starts_with("released\tx\t"), "{released}");
}
