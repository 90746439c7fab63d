//! The conventions of every command: what is data and what is talk, where flags stand, what a typo gets.

use std::{collections::BTreeSet, fs, process::Stdio};

use clap::Command;
use swarmlock::cli::{Code, command};

use crate::harness::{Site, skip};

#[test]
fn the_exit_codes_are_those_of_the_documents() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md")).unwrap();
    let table = page.lines().skip_while(|line| *line != "| code | meaning |").skip(2);
    let documented: Vec<_> = table.take_while(|line| line.starts_with("| ")).map(str::to_owned).collect();
    let coded: Vec<_> = Code::ALL.iter().map(|code| format!("| {} | {} |", code.number(), code.meaning())).collect();
    assert_eq!(documented, coded);
    let fixed = [0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 20, 65, 73, 75, 78];
    assert_eq!(Code::ALL.map(Code::number), fixed, "scripts depend on them: a code never changes its meaning");
    assert_eq!(Code::ALL.map(Code::word).into_iter().collect::<BTreeSet<_>>().len(), fixed.len());
}

#[test]
fn stdout_is_data_and_nothing_else() {
    let site = Site::new();
    let calls: [(&[&str], usize); 9] = [
        (&["acquire", "a"], 1),
        (&["acquire", "a", "--ttl", "1h"], 1),
        (&["check", "a"], 1),
        (&["list"], 1),
        (&["renew", "a"], 1),
        (&["release", "a"], 1),
        (&["release", "a"], 1),
        (&["history"], 4),
        (&["whoami"], 1),
    ];
    for (call, lines) in calls {
        // Without an identity there is a remark to each change.
        let run = site.nobody().run(call).expect(0);
        assert_eq!(run.out.lines().count(), lines, "{call:?}: {run}");
        assert!(!run.out.contains("swarmlock: "), "{call:?}: {run}");
    }
    let json = site.nobody().run(["acquire", "a", "--json"]).expect(0);
    assert_eq!(json.json()["result"], "acquired");
    let note: serde_json::Value = serde_json::from_str(json.err.trim_end()).unwrap();
    assert!(note["note"].as_str().unwrap().starts_with("you are session-"), "{json}");
}

#[test]
fn quiet_silences_remarks_and_neither_data_nor_errors() {
    let site = Site::new();
    let loud = site.nobody().run(["acquire", "a"]).expect(0);
    assert_ne!(loud.err, "", "there is something to silence");
    for flag in ["-q", "--quiet"] {
        let quiet = site.nobody().run(["acquire", "a", flag]).expect(0);
        assert_eq!(quiet.err, "");
        assert!(quiet.out.starts_with("renewed\ta\t"), "{quiet}");
        let refused = site.agent("bob").run([flag, "acquire", "a"]).expect(10);
        assert!(refused.err.contains("a is held by ") && refused.err.contains("\nnext: "), "{refused}");
        assert_eq!(site.agent("bob").run(["release", "free", flag]).expect(0).err, "");
    }
}

#[test]
fn flags_stand_anywhere_and_two_dashes_end_them() {
    let site = Site::new();
    let orders: [&[&str]; 6] = [
        &["--agent", "alice", "--json", "acquire", "a", "--ttl", "5m", "--reason", "r"],
        &["acquire", "--agent", "alice", "--ttl=5m", "a", "--json", "--reason=r"],
        &["acquire", "a", "--reason", "r", "--ttl", "5m", "--json", "--agent=alice"],
        &["--json", "acquire", "--reason", "r", "--ttl", "5m", "--agent-id", "alice", "--", "a"],
        &["--agent=alice", "lock", "--json", "a", "--ttl=5m", "--reason=r"],
        &["-q", "acquire", "--ttl=300s", "--json", "--reason=r", "a", "--agent", "alice"],
    ];
    for order in orders {
        let holder = &site.nobody().run(order).expect(0).json()["holder"];
        assert_eq!(
            (&holder["agent_id"], &holder["ttl_s"], &holder["reason"]),
            (&"alice".into(), &300.into(), &"r".into())
        );
        assert_eq!(holder["resource"], "a");
    }
    for file in ["--json", "-q", "--help", "--agent"] {
        let run = site.agent("alice").run(["acquire", "--", file]).expect(0);
        assert!(run.out.starts_with(&format!("acquired\t{file}\t")), "{run}");
        let refused = site.agent("bob").run(["acquire", "--", file]).expect(10);
        assert!(refused.err.starts_with(&format!("swarmlock: {file} is held by alice")), "{refused}");
    }
    // Behind the dashes it is no flag for errors of usage either.
    assert!(site.agent("alice").run(["check", "--", "x", "--json"]).expect(2).err.starts_with("swarmlock: "));
}

#[test]
fn a_typo_gets_what_was_meant() {
    let site = Site::new();
    for (typo, meant) in [
        (&["acqire", "a"][..], "'acquire'"),
        (&["relese", "a"], "'release'"),
        (&["lst"], "'list'"),
        (&["cleanup-stale-lock"], "'cleanup-stale-locks'"),
        (&["hystory"], "'history'"),
        (&["acquire", "a", "--tll", "5m"], "'--ttl'"),
        (&["acquire", "a", "--jsn"], "'--json'"),
        (&["release", "--mne"], "'--mine'"),
        (&["list", "--agnet", "a"], "'--agent'"),
    ] {
        let run = site.agent("alice").run(typo).expect(2);
        assert!(run.err.contains("similar") && run.err.contains(meant), "{run}");
        assert_eq!(run.out, "");
    }
    // The likeliest comes first.
    for (typo, meant) in [("aquire", "acquire"), ("relase", "release"), ("chekc", "check")] {
        let run = site.agent("alice").run([typo, "a"]).expect(2);
        assert!(run.err.contains(&format!("help: some similar subcommands exist: '{meant}', '")), "{run}");
    }
    assert!(!site.state("").exists());
}

#[test]
fn help_is_data_shows_the_aliases_and_tells_commands_apart() {
    let site = Site::outside_git();
    let help = site.nobody().run(["--help"]).expect(0);
    assert_eq!(help.err, "");
    let mut descriptions = BTreeSet::new();
    for sub in command().get_subcommands() {
        let line = help.out.lines().find(|line| line.trim_start().starts_with(&format!("{} ", sub.get_name())));
        let line = line.unwrap_or_else(|| panic!("{}: {help}", sub.get_name()));
        for alias in sub.get_visible_aliases() {
            assert!(line.contains(alias), "{alias}: {line}");
            let of_alias = site.nobody().run([alias, "--help"]).expect(0).out;
            assert_eq!(of_alias, site.nobody().run([sub.get_name(), "--help"]).expect(0).out);
        }
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(line.contains(&about), "{about}: {line}");
        assert!(site.nobody().run([sub.get_name(), "--help"]).expect(0).out.starts_with(&about), "{}", sub.get_name());
        assert!(descriptions.insert(about), "two commands with one description: {line}");
    }
    for alias in ["acquire-file-lock", "release-file-lock", "who-has-lock", "list-all-locks", "cleanup-stale-locks"] {
        assert!(help.out.contains(alias), "{alias}: {help}");
    }
    assert!(!command().get_subcommands().flat_map(Command::get_all_aliases).any(str::is_empty));
    let version = site.nobody().run(["--version"]).expect(0);
    assert_eq!(version.out, format!("swarmlock {}\n", env!("CARGO_PKG_VERSION")));
    for call in ["--help", "--version"] {
        let json = site.nobody().run([call, "--json"]).expect(0).json();
        assert!(json["text"].as_str().unwrap().contains("swarmlock"), "{json}");
    }
}

#[test]
fn a_command_told_nothing_shows_the_help_and_fails() {
    let site = Site::outside_git();
    let run = site.nobody().run::<&str>([]).expect(2);
    assert_eq!(run.out, "");
    assert!(run.err.contains("Usage: swarmlock") && run.err.contains("\nswarmlock: no command was given\n"), "{run}");
}

#[test]
fn the_command_to_run_next_is_for_the_same_agent_and_directory() {
    let site = Site::outside_git();
    fs::create_dir(site.path("it's")).unwrap();
    let call = |args: &[&str]| site.nobody().run([&["--dir", "it's/state"], args].concat());
    call(&["--agent", "alice", "acquire", "name:n"]).expect(0);
    let held = call(&["--agent", "bob", "acquire", "name:n"]).expect(10);
    let next = r"next: swarmlock --agent bob --dir 'it'\''s/state' acquire --wait name:n";
    assert!(held.err.ends_with(&format!("{next}\n")), "{held}");
    let error = call(&["--agent", "bob", "acquire", "name:n", "--json"]).expect(10).json_error();
    assert_eq!(error["next"][0].as_str(), next.strip_prefix("next: "));
    let usage = call(&["acquire", ""]).expect(2);
    assert!(usage.err.ends_with("next: swarmlock acquire --help\n"), "help needs no flags: {usage}");
}

#[test]
fn data_that_cannot_be_written_is_a_failure_that_tells_what_took_place() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return skip("data_that_cannot_be_written_is_a_failure_that_tells_what_took_place", "no /dev/full");
    };
    let site = Site::new();
    for (call, took_place) in [(&["acquire", "a"][..], true), (&["list"], false), (&["release", "a"], true)] {
        let mut alice = site.agent("alice").command;
        let child = alice.args(call).stdout(full.try_clone().unwrap()).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{call:?}: {err}");
        assert!(err.contains("write stdout: No space left on device"), "{call:?}: {err}");
        assert_eq!(err.contains("the change itself took place"), took_place, "{call:?}: {err}");
    }
    assert!(!site.lock_file("a").exists(), "it did take place");
}
