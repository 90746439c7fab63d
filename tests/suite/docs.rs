//! Documents that are made from the program are what the program makes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use swarmlock::domain::records::How;

use crate::{
    harness::{Run, Site},
    keeper::Keeper,
    proof::lib_agent::gone_process,
};

/// With `SWARMLOCK_UPDATE` set, writes the page instead (`scripts/docs`).
#[test]
fn the_page_of_commands_is_what_the_parser_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let made = swarmlock::cli::commands_page();
    if std::env::var_os("SWARMLOCK_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), made, "run scripts/docs");
}

/// Likewise.
#[test]
fn the_page_of_settings_is_what_the_table_of_keys_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    let made = swarmlock::config::page();
    if std::env::var_os("SWARMLOCK_UPDATE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), made, "run scripts/docs");
}

#[test]
fn the_readme_lists_the_exit_codes_that_there_are() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let rows: Vec<_> =
        readme.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()).collect();
    let codes = swarmlock::cli::Code::ALL;
    let wanted: Vec<_> = codes.iter().map(|code| format!("| {} | {} |", code.number(), code.meaning())).collect();
    assert_eq!(rows, wanted);
}

#[test]
fn the_readme_has_a_row_for_each_kind_of_lock_that_there_is() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let table = readme.split("| written | kind | is |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows: Vec<_> = table.lines().skip(2).filter_map(|row| row.split(" | ").nth(1)).collect();
    let told = Site::new().nobody().run(["capabilities", "--json"]).expect(0).json();
    assert_eq!(told["kinds"], serde_json::json!(rows));
    assert_eq!(told["modes"], serde_json::json!(["exclusive", "shared"]));
}

#[test]
fn every_relative_link_in_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut pages, mut broken) = (0, Vec::new());
    for dir in [root.to_owned(), root.join("docs")] {
        for entry in fs::read_dir(&dir).unwrap() {
            let page = entry.unwrap().path();
            if page.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            pages += 1;
            for link in links(&fs::read_to_string(&page).unwrap()) {
                if !dir.join(&link).exists() {
                    broken.push(format!("{}: {link}", page.display()));
                }
            }
        }
    }
    assert!(pages > 0, "no documents found");
    assert!(broken.is_empty(), "lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_scan_for_links_sees_links_and_nothing_else() {
    let text = "See [a](docs/a.md), [b](b.md#part \"title\"), ![c](<c d.png>), [`d`](./d).\n\
                [outside](https://example.org/x), [here](#part), [post](mailto:a@example.org), `[no](code)`\n\
                ```\n[no](fence)\n```\n[e](e)\n\n[f]: docs/f.md\n";
    assert_eq!(links(text), ["docs/a.md", "b.md", "c d.png", "./d", "e", "docs/f.md"]);
}

/// The files that a page of Markdown links to, without what follows `#`.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(targets(line).filter_map(|target| local(&target)));
        }
    }
    found
}

/// What stands in `](...)` outside of code, or after `[...]: ` at the start of the line.
fn targets(line: &str) -> impl Iterator<Item = String> {
    let defined = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.to_owned());
    // What is between backquotes is code, and may be the text of a link, so only its content goes.
    let prose: String = line.split('`').step_by(2).collect();
    let inline: Vec<_> =
        prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect();
    defined.into_iter().chain(inline)
}

fn local(target: &str) -> Option<String> {
    let path = match target.strip_prefix('<') {
        Some(rest) => rest.split('>').next()?,
        None => target.split_whitespace().next()?,
    };
    let path = path.split('#').next()?;
    let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
    (!elsewhere).then(|| path.to_owned())
}

/// Each claim of these pages names its test: one that is renamed or gone is a claim without proof.
#[test]
fn every_test_that_a_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (page, least) in [("SECURITY.md", 60), ("docs/compared.md", 30), ("docs/hooks.md", 20)] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let named: Vec<_> = text.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
        assert!(named.len() > least, "the scan finds the names: {named:?}");
        for name in named {
            let (module, test) = name.rsplit_once("::").unwrap();
            let sources: Vec<String> =
                places(root, module).iter().filter_map(|at| fs::read_to_string(at).ok()).collect();
            let there = sources.iter().any(|source| tests_in(source).any(|found| found == test));
            assert!(there, "{page}: {name}: there is no such test");
        }
    }
}

/// Where a module of the suite or of the crate may stand.
fn places(root: &Path, module: &str) -> Vec<PathBuf> {
    let suite = root.join("tests/suite").join(module.replace("::", "/")).with_extension("rs");
    let of_crate = |module: &str| root.join("src").join(module.replace("::", "/")).with_extension("rs");
    let inner = module.strip_suffix("::tests");
    let beside = inner.map(|module| of_crate(&format!("{module}_tests")));
    [suite, of_crate(module)].into_iter().chain(inner.map(of_crate)).chain(beside).collect()
}

/// The names of the tests in a source.
fn tests_in(source: &str) -> impl Iterator<Item = &str> {
    let named = |rest: &'_ str| -> Option<usize> { rest.trim_start().strip_prefix("fn ")?.find('(') };
    source.split("#[test]\n").skip(1).filter_map(move |rest| {
        let length = named(rest)?;
        rest.trim_start().get(3..3 + length)
    })
}

#[test]
fn the_scan_for_tests_sees_tests_and_nothing_else() {
    let source = "#[test]\nfn a() {}\n\nfn b() {}\n    #[test]\n    fn c() {\n";
    assert_eq!(tests_in(source).collect::<Vec<_>>(), ["a", "c"]);
}

/// What `--json` prints has no key that the page of JSON does not name.
#[test]
fn the_page_of_json_names_every_key() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md")).unwrap();
    let named: Vec<_> =
        page.split('`').skip(1).step_by(2).flat_map(|code| code.split([' ', ',', '"', '{', '}', ':'])).collect();
    let site = Site::new();
    let alice = |args: &[&str]| site.agent("alice").run([args, &["--json"]].concat());
    let mut records = vec![alice(&["acquire", "a"]).json()];
    site.expire("a");
    records.push(site.agent("bob").run(["acquire", "a", "--json"]).expect(0).json());
    records.push(serde_json::json!({ "error": alice(&["acquire", "a"]).expect(10).json_error() }));
    for args in [
        &["acquire", "b"][..],
        &["renew", "b"],
        &["check", "b"],
        &["check", "free"],
        &["who", "b"],
        &["status"],
        &["whoami"],
        &["init"],
        &["config", "check"],
        &["config", "path"],
        &["config", "template"],
        &["capabilities"],
        &["release", "b"],
        &["release", "free"],
        &["--help"],
    ] {
        records.push(alice(args).expect(0).json());
    }
    // Of all kinds, shared, several at once, in two worktrees; waited for, and ended by force.
    site.file("c/d");
    for args in [&["acquire", "c/", "*.md", "--shared"][..], &["acquire", "e", "f", "name:g"], &["wait", "e"]] {
        records.extend(alice(args).expect(0).json_lines());
    }
    for args in [&["force-release", "e"][..], &["force-release", "e", "--yes"], &["force-release", "e", "--yes"]] {
        records.extend(alice(args).expect(0).json_lines());
    }
    records.push(
        serde_json::json!({ "error": site.agent("bob").run(["wait", "f", "--timeout", "0s", "--json"]).json_error() }),
    );
    records.extend(alice(&["list"]).expect(0).json_lines());
    records.extend(alice(&["config", "show"]).expect(0).json_lines());
    let keeper = Keeper::new(&site);
    keeper.begin("abcd", "alice", &["make"], Some(&gone_process()));
    for args in [&["runs"][..], &["runs", "show", "abcd"], &["gc", "--older-than", "1ms"]] {
        records.extend(alice(args).expect(0).json_lines());
    }
    keeper.begin("abce", "alice", &["make"], None);
    records.push(alice(&["runs", "cancel", "abce"]).expect(0).json());
    keeper.end("abce", How::Ended, Some(0), None);
    records.push(serde_json::json!({ "error": alice(&["runs", "cancel", "abce"]).expect(17).json_error() }));
    site.expire("a");
    records.push(alice(&["cleanup"]).expect(0).json());
    // In line, at its turn, and in a circle.
    site.agent("bob").run(["acquire", "turn", "b"]).expect(0);
    records.push(serde_json::json!({ "error": alice(&["acquire", "turn", "--queue"]).expect(10).json_error() }));
    alice(&["acquire", "own"]).expect(0);
    let bob = crate::waiting::waits(&site, "bob", &["own"]);
    records.push(serde_json::json!({ "error": alice(&["acquire", "b", "--wait=30s"]).expect(15).json_error() }));
    crate::waiting::kill(bob);
    site.agent("bob").run(["release", "turn"]).expect(0);
    records.extend(alice(&["queue"]).expect(0).json_lines());
    records.extend([alice(&["status"]), alice(&["whoami"])].iter().map(Run::json));
    records.push(site.agent("carol").run(["check", "turn", "--json"]).expect(10).json());
    let ticket = crate::waiting::ticket_of(&site, "alice").number;
    records.push(alice(&["queue", "cancel", &format!("t-{ticket}")]).expect(0).json());
    records.extend(about_messages());
    for args in [&["init", "--harness", "codex"][..], &["init", "--dry-run"], &["uninstall", "--state"], &["uninstall"]]
    {
        records.extend(alice(args).expect(0).json_lines());
    }
    let mut missing = Vec::new();
    for record in &records {
        missing.extend(keys(record).into_iter().filter(|key| !named.contains(&key.as_str())));
    }
    assert!(records.len() > 15 && missing.is_empty(), "not in docs/json.md: {missing:?}");
}

/// What the commands about agents and messages print.
fn about_messages() -> Vec<Value> {
    let site = Site::new();
    let json = |agent: &str, args: &[&str]| site.agent(agent).run([args, &["--json"]].concat());
    let mut records = vec![json("bob", &["agents", "register", "--role", "dev"]).json()];
    let sent = json("alice", &["send", "bob", "INFO", "x", "--ack=1h"]).expect(0).json();
    let id = sent["message"]["msg_id"].as_str().unwrap().to_owned();
    records.push(sent);
    records.push(json("alice", &["broadcast", "INFO", "x", "--reply-to", &id, "--ack=1h"]).expect(0).json());
    crate::commands::tick::age(&site, 3_600_000);
    records.extend(json("carol", &["tick"]).expect(0).json_lines());
    crate::commands::tick::age(&site, 8 * 3_600_000);
    records.extend(json("carol", &["tick"]).expect(0).json_lines());
    json("alice", &["acquire", "a"]).expect(0);
    json("bob", &["force-release", "a", "--yes"]).expect(0);
    for args in [&["inbox", "--peek"][..], &["messages"], &["agents"], &["discover-agents"], &["status"]] {
        records.extend(json("alice", args).expect(0).json_lines());
    }
    records.push(json("bob", &["ack", &id]).expect(0).json());
    site.plant("config.toml", "message_rate = 1\nmessage_window = '1h'\n");
    json("alice", &["send", "bob", "INFO", "x"]);
    records.push(serde_json::json!({ "error": json("alice", &["send", "bob", "INFO", "x"]).expect(16).json_error() }));
    records.push(json("alice", &["agents", "retire", "bob", "--yes"]).expect(0).json());
    // Lists of objects too.
    let inner = |record: &Value| -> Vec<Value> {
        let lists = record.as_object().unwrap().values().filter_map(Value::as_array);
        lists.flatten().filter(|item| item.is_object()).cloned().collect()
    };
    let more: Vec<Value> = records.iter().flat_map(inner).collect();
    assert!(more.len() > 5, "{more:?}");
    records.into_iter().chain(more).collect()
}

/// The keys of an object and of the objects in it, but for maps by command or exit code.
fn keys(record: &Value) -> Vec<String> {
    let Some(object) = record.as_object() else { return Vec::new() };
    let map = |key: &str| ["commands", "exit_codes", "delivery_status"].contains(&key);
    let inner = object.iter().filter(|(key, _)| !map(key)).flat_map(|(_, value)| keys(value));
    object.keys().cloned().chain(inner).collect()
}
