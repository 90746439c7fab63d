//! One call for every way to be refused, and what all refusals have in common.

mod mail;
mod usage;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _},
    process::{Child, Command},
};

use swarmlock::{cli::Code, domain::records::How};

use crate::{
    harness::{BINARY, Call, Run, Site, skip, without_identity},
    keeper::Keeper,
    waiting,
};

/// A call that is refused, in a place made for it.
struct Refusal {
    what: &'static str,
    code: Code,
    site: Site,
    cwd: &'static str,
    agent: Option<&'static str>,
    args: Vec<OsString>,
    /// Held for as long as the refusal is wanted.
    _guard: Option<fs::File>,
    /// Waits for as long.
    _waits: Option<Waits>,
}

/// A call that waits until it is killed.
struct Waits(Child);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Refusal {
    fn call(&self) -> Call {
        let call = self.agent.map_or_else(|| self.site.nobody(), |agent| self.site.agent(agent));
        call.within(self.site.path(self.cwd))
    }

    fn run(&self) -> Run {
        self.call().run(&self.args)
    }

    /// Runs a line as a shell would, where the refused call ran and as the same agent.
    fn shell(&self, line: &str) -> Run {
        let mut bash = Command::new("bash");
        bash.args(["-c", line]).current_dir(self.site.path(self.cwd));
        without_identity(&mut bash).envs(self.agent.map(|agent| ("SWARMLOCK_AGENT", agent)));
        let binaries = std::path::Path::new(BINARY).parent().unwrap().to_owned();
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(binaries).chain(std::env::split_paths(&rest));
        Run::from(bash.env("PATH", std::env::join_paths(path).unwrap()).output().unwrap())
    }
}

/// A checkout in which bob holds src/auth.rs.
fn busy_site() -> Site {
    let site = Site::new();
    site.file("src/auth.rs");
    hold(&site, "src/auth.rs");
    site
}

fn hold(site: &Site, resource: &str) {
    site.agent("bob").run(["acquire", "--literal", "--reason", "why", "--", resource]).expect(0);
}

/// Ends the lease that it runs under, and works on.
const LOSES: &str = "$0 force-release name:n --yes >/dev/null 2>&1; exec sleep 60";

/// A call as alice in [`busy_site`].
fn plain(what: &'static str, code: Code, args: &[&str]) -> Refusal {
    refusal(what, code, busy_site(), args)
}

fn refusal(what: &'static str, code: Code, site: Site, args: &[&str]) -> Refusal {
    let args = args.iter().map(OsString::from).collect();
    Refusal { what, code, site, cwd: "", agent: Some("alice"), args, _guard: None, _waits: None }
}

fn refusals() -> Vec<Refusal> {
    let mut all = about_locks();
    all.extend(about_waiting());
    all.extend(usage::about_paths());
    all.extend(about_the_state());
    all.extend(about_records());
    all.extend(mail::about_mail());
    all.extend(usage::about_usage());
    all
}

fn about_locks() -> Vec<Refusal> {
    vec![
        plain("held", Code::Held, &["acquire", "src/auth.rs"]),
        plain("held, so that nothing is run", Code::Held, &["run", "src/auth.rs", "--no-wait", "--", "true"]),
        plain("lost by a command that runs", Code::Lost, &["run", "name:n", "--", "sh", "-c", LOSES, BINARY]),
        plain("held, from its own directory", Code::Held, &["acquire", "auth.rs"]).within("src"),
        plain("held, with a flag in its name", Code::Held, &["acquire", "--", "-x"]).after(|site| hold(site, "-x")),
        plain("held, with quotes in its name", Code::Held, &["acquire", "it's a \"b\""])
            .after(|site| hold(site, "it's a \"b\"")),
        plain("held, with escapes in its name", Code::Held, &["acquire", "a\n\u{1b}\u{202e}"])
            .after(|site| hold(site, "a\n\u{1b}\u{202e}")),
        plain("held, a name", Code::Held, &["acquire-file-lock", "name:deploy staging", "why not"])
            .after(|site| hold(site, "name:deploy staging")),
        plain("held, literally", Code::Held, &["acquire", "--literal", "x*"]).after(|site| hold(site, "x*")),
        plain("held, by flags", Code::Held, &["acquire", "src/auth.rs", "--agent", "carol", "--dir", ".agent_locks"]),
        plain("held, several", Code::Held, &["acquire", "free", "src/auth.rs", "--shared"]),
        plain("waited in vain", Code::TimedOut, &["wait", "src/auth.rs", "--timeout", "0s"]),
        plain("not yours to release", Code::NotYours, &["release", "src/auth.rs"]),
        plain("not yours to renew", Code::NotYours, &["renew", "src/auth.rs", "name:deploy staging"])
            .after(|site| hold(site, "name:deploy staging")),
        plain("not this token's", Code::NotYours, &["release", "src/auth.rs", "--token", &"0".repeat(32)]),
        plain("nothing to renew", Code::Nothing, &["renew", "free"]),
        plain("nothing to renew, unreliably", Code::Nothing, &["renew", "free"]).by(None),
        plain("nothing of mine to renew", Code::Nothing, &["renew", "--mine"]),
        plain("nobody's", Code::Nothing, &["who", "free"]),
        plain("nobody's, with escapes", Code::Nothing, &["who", "\u{9b}31m\u{7f}\r\nnext: swarmlock release --mine"]),
        Refusal {
            args: vec!["who".into(), OsString::from_vec(b"b\xff'\\".to_vec())],
            ..plain("nobody's, no text", Code::Nothing, &[])
        },
        plain("all of mine, unreliably", Code::Usage, &["release", "--mine"]).by(None),
        plain("all of mine, unreliably", Code::Usage, &["list", "--mine"]).by(None),
        plain("too long a reason", Code::Limit, &["acquire", "free", "--reason", &"x".repeat(1025)]),
    ]
}

fn about_waiting() -> Vec<Refusal> {
    let queued = |what, code, args: &[&str]| {
        plain(what, code, args).after(|site| {
            site.agent("carol").run(["acquire", "src/auth.rs", "--queue", "--reason", "soon"]).expect(10);
        })
    };
    let cancel = |what, code, ticket: fn(&Site) -> String| {
        let refusal = queued(what, code, &["queue", "cancel"]);
        let args = ["queue".to_owned(), "cancel".to_owned(), ticket(&refusal.site)];
        Refusal { args: args.iter().map(OsString::from).collect(), ..refusal }
    };
    let mut circle = plain("a wait that would never end", Code::Deadlock, &["acquire", "--wait=30s", "src/auth.rs"]);
    circle.site.agent("alice").run(["acquire", "it's mine"]).expect(0);
    circle._waits = Some(Waits(waiting::waits(&circle.site, "bob", &["it's mine"])));
    vec![
        circle,
        plain("waited in line in vain", Code::TimedOut, &["acquire", "--wait=0s", "src/auth.rs"]),
        plain("waited in line to share in vain", Code::TimedOut, &["acquire", "--wait=1ms", "--shared", "src/auth.rs"]),
        plain("held, and a ticket left", Code::Held, &["acquire", "--queue", "src/auth.rs", "free"]),
        queued("behind another's turn", Code::Held, &["acquire", "src/auth.rs"])
            .after(|site| drop(site.agent("bob").run(["release", "src/auth.rs"]).expect(0))),
        cancel("another's ticket", Code::NotYours, |site| format!("t-{}", waiting::ticket_of(site, "carol").number)),
        cancel("no such ticket", Code::Nothing, |_| "t-1".to_owned()),
        cancel("no ticket", Code::Usage, |_| "t-1\nnext: swarmlock release --mine".to_owned()),
        queued("a list of tickets", Code::Usage, &["queue", "list", "t-1"]),
        plain("waiting too long", Code::Usage, &["acquire", "--wait=25h", "free"]),
        plain("waiting and not", Code::Usage, &["acquire", "--wait", "--queue", "free"]),
        plain("mine in line, unreliably", Code::Usage, &["queue", "--mine"]).by(None),
    ]
}

fn about_the_state() -> Vec<Refusal> {
    let broken = |what, code, args: &[&str], how: fn(&Site)| plain(what, code, args).after(how);
    let write = |site: &Site, name: &str, text: &str| fs::write(site.state(name), text).unwrap();
    let mut busy = plain("guard taken", Code::Busy, &["acquire", "free", "--guard-wait", "50ms"]);
    busy._guard = Some(busy.site.hold_guard());
    vec![
        busy,
        broken("damaged lock", Code::Damaged, &["acquire", "src/auth.rs"], |site| {
            fs::write(site.lock_file("src/auth.rs"), "{}").unwrap();
        }),
        broken("damaged lock in a list", Code::Damaged, &["list"], |site| {
            site.plant("locks/paths/-/\u{1b}[31m.lock", "{}");
        }),
        broken("newer lock", Code::Damaged, &["release", "src/auth.rs"], |site| {
            let newer = fs::read_to_string(site.lock_file("src/auth.rs")).unwrap().replace("\"v\": 1", "\"v\": 99");
            fs::write(site.lock_file("src/auth.rs"), newer).unwrap();
        }),
        broken("huge lock", Code::Damaged, &["check", "src/auth.rs"], |site| {
            fs::write(site.lock_file("src/auth.rs"), vec![b' '; 1 << 20]).unwrap();
        }),
        plain("damaged era", Code::Damaged, &["acquire", "a"]).after(|site| write(site, "era.json", "?")),
        broken("missing era", Code::Damaged, &["check", "a"], |site| {
            fs::remove_file(site.state("era.json")).unwrap();
        }),
        broken("configuration", Code::Config, &["release", "src/auth.rs"], |site| {
            site.plant("config.toml", "gaurd_wait = '1s'");
        }),
        broken("configuration, looked at", Code::Config, &["config", "check"], |site| {
            site.plant("config.toml", "\"\\u001b\\nnext: swarmlock release --mine\" = 1");
        }),
        broken("a configuration open to all", Code::Unsafe, &["config", "show"], |site| {
            site.plant("config.toml", "");
            fs::set_permissions(site.state("config.toml"), fs::Permissions::from_mode(0o666)).unwrap();
        }),
        plain("hooks that are not as they should be", Code::Attention, &["init", "--check", "--harness", "codex"]),
        plain("settings of another shape", Code::Config, &["init", "--harness", "cursor"]).after(|site| {
            fs::create_dir(site.path(".cursor")).unwrap();
            fs::write(site.path(".cursor/hooks.json"), "{\n\"hooks\": []}").unwrap();
        }),
        plain("a link in place of settings", Code::Unsafe, &["init", "--harness", "gemini"]).after(|site| {
            std::os::unix::fs::symlink("elsewhere", site.path(".gemini")).unwrap();
        }),
        plain("a damaged note of what was installed", Code::Damaged, &["init", "--harness", "codex"])
            .after(|site| site.plant("installed.json", "?")),
        plain("a lease in the state directory", Code::Held, &["uninstall", "--state", "--yes"]),
        plain("yes to nothing", Code::Usage, &["uninstall", "--yes"]),
        broken("missing guard", Code::Unsafe, &["list"], |site| fs::remove_file(site.state(".guard")).unwrap()),
        broken("missing guard", Code::Unsafe, &["acquire", "a"], |site| {
            fs::remove_file(site.state(".guard")).unwrap();
        }),
        broken("open to all", Code::Unsafe, &["status"], |site| {
            fs::set_permissions(site.state(""), fs::Permissions::from_mode(0o777)).unwrap();
        }),
        broken("a link", Code::Unsafe, &["acquire", "a"], |site| {
            fs::rename(site.state(""), site.path("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", site.path(".agent_locks")).unwrap();
        }),
        broken("a file", Code::Unsafe, &["acquire", "a"], |site| {
            fs::rename(site.state(""), site.path("elsewhere")).unwrap();
            fs::write(site.path(".agent_locks"), "").unwrap();
        }),
        broken("no numbers left", Code::Limit, &["acquire", "a"], |site| {
            let era = fs::read_to_string(site.state("era.json")).unwrap();
            let mut era: serde_json::Value = serde_json::from_str(&era).unwrap();
            let line = serde_json::json!({ "v": 1, "era": era["era"].take(), "next": 1_u64 << 53, "change": null });
            fs::write(site.state(".guard"), line.to_string()).unwrap();
        }),
    ]
}

fn about_records() -> Vec<Refusal> {
    let kept = |what, code, args: &[&str]| {
        plain(what, code, args).after(|site| {
            let keeper = Keeper::new(site);
            keeper.ended("abcd1", How::Ended, Some(0));
            keeper.ended("abcd2", How::Ended, Some(0));
            site.plant(format!("tasks/{:0<32}.json", "bad"), "?\u{1b}");
        })
    };
    vec![
        kept("a run that has ended", Code::Refused, &["runs", "cancel", "abcd1"]),
        kept("no such run", Code::Nothing, &["runs", "show", "eeee"]),
        kept("no run yet", Code::Nothing, &["runs", "cancel", "eeee"]),
        kept("a damaged record", Code::Damaged, &["runs"]),
        kept("a damaged record", Code::Damaged, &["runs", "show", "bad0"]),
        kept("a damaged record", Code::Damaged, &["gc", "--older-than", "1d"]),
        kept("several runs", Code::Usage, &["runs", "show", "abcd"]),
        kept("no id", Code::Usage, &["runs", "cancel", "../x\nnext: swarmlock release --mine"]),
        kept("which run", Code::Usage, &["runs", "show"]),
        kept("an id to list", Code::Usage, &["runs", "list", "abcd1"]),
        kept("states to show", Code::Usage, &["runs", "show", "abcd1", "--state", "done"]),
        kept("no age", Code::Usage, &["gc", "--older-than", "0s"]),
    ]
}

impl Refusal {
    fn within(self, cwd: &'static str) -> Self {
        Self { cwd, ..self }
    }

    fn by(self, agent: Option<&'static str>) -> Self {
        Self { agent, ..self }
    }

    fn after(self, change: impl FnOnce(&Site)) -> Self {
        change(&self.site);
        self
    }
}

/// The commands that a refusal in words tells people to run next.
fn next_lines(run: &Run) -> Vec<String> {
    run.err.lines().filter_map(|line| line.strip_prefix("next: ").map(str::to_owned)).collect()
}

#[test]
fn every_refusal_has_its_code_and_one_failure_in_words_on_stderr() {
    let mut codes = BTreeSet::from([Code::Done, Code::Failed]);
    for refusal in refusals() {
        let run = refusal.run();
        assert_eq!(run.code, i32::from(refusal.code.number()), "{} {:?}: {run}", refusal.what, refusal.args);
        codes.insert(refusal.code);
        if refusal.args.iter().any(|arg| arg == "--json") || refusal.what == "the help" {
            continue;
        }
        let known = |line: &str| ["swarmlock: ", "help: ", "next: "].iter().any(|start| line.starts_with(start));
        assert!(run.err.lines().all(known), "{}: {run}", refusal.what);
        assert!(run.err.starts_with("swarmlock: "), "{}: {run}", refusal.what);
        assert!(!next_lines(&run).is_empty(), "{}: {run}", refusal.what);
    }
    assert_eq!(codes, Code::ALL.into(), "every exit code was provoked");
}

#[test]
fn every_next_line_of_every_refusal_is_a_command_that_runs() {
    if Command::new("bash").args(["-c", "true"]).status().is_err() {
        return skip("every_next_line_of_every_refusal_is_a_command_that_runs", "no bash");
    }
    // The control: a shell and a parser that refuse what is no command.
    let control = plain("control", Code::Held, &["acquire", "src/auth.rs"]);
    for bad in ["swarmlock chek src/auth.rs", "swarmlock check -x", "swarmlock check it's"] {
        assert_ne!(control.shell(bad).code, 0, "{bad}");
    }
    control.shell("swarmlock check src/auth.rs").expect(10);

    let mut seen = BTreeSet::new();
    for refusal in refusals() {
        let run = refusal.run();
        for next in next_lines(&run) {
            assert!(next.starts_with("swarmlock "), "{next}");
            assert!(!next.contains("release --mine") || next.contains("$'"), "forged: {next}");
            // What waits would: the holder lets go of nothing here.
            let command = next.replacen(" acquire --wait ", " acquire --wait=0s ", 1);
            let command = if next.contains(" wait ") { format!("{command} --timeout 0s") } else { command };
            let followed = refusal.shell(&command);
            assert!(![2, 126, 127].contains(&followed.code), "{}: {next}: {followed}", refusal.what);
            if next.ends_with(" --help") {
                assert_eq!(followed.code, 0, "{next}: {followed}");
                assert!(followed.out.contains("Usage: swarmlock"), "{next}: {followed}");
            }
            seen.insert(next);
        }
    }
    assert!(seen.len() > 15, "{seen:#?}");
}

#[test]
fn with_json_every_refusal_is_one_object_on_stderr_and_says_the_same() {
    for refusal in refusals() {
        let words = refusal.run();
        let mut last = refusal.args.clone();
        // Behind everything else, unless that is no flag any more.
        let end = last.iter().position(|arg| arg == "--").unwrap_or(last.len());
        last.insert(end, "--json".into());
        let first = [vec!["--json".into()], refusal.args.clone()].concat();
        for args in [first, last] {
            if args.iter().filter(|arg| *arg == "--json").count() > 1 || args.contains(&"help".into()) {
                continue;
            }
            let run = refusal.call().run(&args);
            assert_eq!(run.code, i32::from(refusal.code.number()), "{} {args:?}: {run}", refusal.what);
            run.json_lines();
            for line in run.err.lines() {
                let said: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {run}"));
                assert_eq!(said.as_object().unwrap().len(), 1, "{run}");
            }
            let error = run.json_error();
            assert_eq!(error["code"], refusal.code.number(), "{run}");
            assert_eq!(error["name"], refusal.code.word(), "{run}");
            assert!(!error["message"].as_str().unwrap().is_empty(), "{run}");
            let next: Vec<_> = error["next"].as_array().unwrap().iter().map(|next| next.as_str().unwrap()).collect();
            if !words.err.starts_with('{') && words.err.matches("\nnext: ").count() == 1 {
                assert_eq!(next, next_lines(&words), "{}: {run}", refusal.what);
            }
        }
    }
}
