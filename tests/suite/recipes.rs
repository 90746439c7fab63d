//! Every command of docs/recipes.md, run with the real tools in a checkout with known content.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use regex_lite::Regex;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::harness::{BINARY, Run, Site, skip, without_identity};

const TOOLS: [&str; 10] = ["jq", "find", "grep", "sort", "uniq", "tail", "tar", "gzip", "sha256sum", "timeout"];

/// A command of the page and the answer below it.
struct Recipe {
    command: String,
    answer: String,
}

/// The commands are in blocks `sh` and `cron`, the answers in the block `text` that follows.
fn recipes() -> Vec<Recipe> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md")).unwrap();
    let mut parts = page.split("\n```");
    let mut found = Vec::new();
    while let Some(block) = parts.next() {
        let (language, body) = block.split_once('\n').unwrap_or((block, ""));
        let command = match language {
            "sh" => body.to_owned(),
            "cron" => body.lines().map(of_cron).collect::<Vec<_>>().join("\n"),
            _ => continue,
        };
        let (end, answer) = (parts.next().unwrap(), parts.next().unwrap());
        assert_eq!(end.trim(), "", "no answer below {command}");
        let answer = answer.strip_prefix("text").unwrap_or_else(|| panic!("no answer below {command}"));
        found.push(Recipe { command, answer: answer.trim_start_matches('\n').to_owned() });
    }
    found
}

/// What cron would run.
fn of_cron(line: &str) -> String {
    let fields: Vec<&str> = line.splitn(6, ' ').collect();
    assert!(fields[..5].iter().all(|field| field.chars().all(|c| c.is_ascii_digit() || c == '*')), "{line}");
    fields[5].replace("\\%", "%")
}

/// A checkout with a directory around it that is its own too.
struct Place {
    outer: TempDir,
    site: Site,
}

impl Place {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let site = Site::below(outer.path());
        Self { outer, site }
    }

    fn say(&self, agent: &str, args: &[&str]) -> Run {
        self.site.agent(agent).run(args)
    }

    /// What the page says that there is.
    fn known() -> Self {
        let place = Self::new();
        for agent in ["alice", "bob", "carol", "dave"] {
            place.say(agent, &["agents", "register"]).expect(0);
        }
        place.say("bob", &["agents", "register", "--role", "reviewer"]).expect(0);
        place.say("alice", &["acquire", "src/auth.rs", "--reason", "new login"]).expect(0);
        place.say("bob", &["acquire", "docs/", "README.md"]).expect(0);
        place.say("carol", &["acquire", "name:deploy-staging"]).expect(0);
        let lock = fs::File::open(place.site.state("locks/names/deploy-staging.lock")).unwrap();
        lock.set_modified(SystemTime::now() - Duration::from_secs(2 * 60 * 60)).unwrap();
        place.say("dave", &["acquire", "src/auth.rs", "--queue"]).expect(10);
        let question = ["send", "@reviewer", "QUESTION", "is the new login all right?", "--ack=1h", "--id-only"];
        let id = place.say("alice", &question).expect(0).out;
        fs::rename(place.site.state("agent_messages.log"), place.site.state("agent_messages.log.1")).unwrap();
        place.say("bob", &["inbox"]).expect(0);
        place.say("bob", &["ack", id.trim()]).expect(0);
        place.say("bob", &["send", "alice", "REVIEW-FEEDBACK", "line 7 is wrong", "--reply-to", id.trim()]).expect(0);
        place.say("carol", &["broadcast", "BLOCKED", "staging is down"]).expect(0);
        place.say("alice", &["send", "dave", "URGENT", "please leave src/auth.rs alone", "--ack=1h"]).expect(0);
        place
    }

    /// Something else, in everything that a recipe asks for.
    fn other() -> Self {
        let place = Self::new();
        for agent in ["yann", "zoe"] {
            place.say(agent, &["agents", "register"]).expect(0);
        }
        place.say("zoe", &["acquire", "name:release-notes", "x.rs"]).expect(0);
        place.say("yann", &["acquire", "gone.rs"]).expect(0);
        place.site.expire("gone.rs");
        place.say("zoe", &["send", "yann", "BLOCKED", "nothing works"]).expect(0);
        let line = fs::read_to_string(place.site.state("agent_messages.log")).unwrap();
        let failed = line.replace("\"failure_count\":0", "\"failure_count\":1");
        place.site.plant("agent_messages.log", format!("{line}{failed}"));
        place.site.plant("quarantine/open", "");
        fs::set_permissions(place.site.state("quarantine/open"), fs::Permissions::from_mode(0o644)).unwrap();
        place
    }

    /// What a command of the page says here; of one that does not end by itself, as many lines as are expected.
    fn answer(&self, recipe: &Recipe) -> String {
        let dir = Path::new(BINARY).parent().unwrap().display();
        let text = recipe.command.replace("/path/to/project", self.site.root().to_str().unwrap());
        let mut command = Command::new("timeout");
        without_identity(&mut command)
            .args(["-k", "1", "60", "sh", "-c", &text])
            .current_dir(self.site.root())
            .env("PATH", format!("{dir}:{}", std::env::var("PATH").unwrap()))
            .env("SWARMLOCK_AGENT", "alice")
            .env("LC_ALL", "C")
            .env("TMPDIR", self.outer.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        if !text.contains("tail ") {
            return normal(&Run::from(command.stderr(Stdio::piped()).output().unwrap()).out);
        }
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap() + "\n");
        let said: String = lines.take(recipe.answer.lines().count()).collect();
        // timeout has a group of its own, and passes it on.
        kill_process_group(Pid::from_child(&child), Signal::TERM).unwrap();
        child.wait().unwrap();
        normal(&said)
    }
}

/// Without what is another one each time: ids, times, numbers.
fn normal(text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    for (pattern, word) in [
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        ("[0-9-]{10}T[0-9:.]{12}Z", "TIME"),
        ("\\b[0-9]{15,16}\\b", "NUMBER"),
        ("\\b[0-9a-f]{16}\\b", "NONCE"),
        ("\\b[0-9a-f]{8}\\b", "ID"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
    }
    text
}

fn tools_are_there(test: &str) -> bool {
    let missing = |tool: &&&str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).stdout(Stdio::null()).status();
        !found.unwrap().success()
    };
    match TOOLS.iter().find(missing) {
        Some(tool) => skip(test, &format!("{tool} is missing")),
        None => return true,
    }
    false
}

fn today() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / (24 * 60 * 60)
}

/// In the order of the page: what takes something away stands at its end.
#[test]
fn every_recipe_answers_what_the_page_says() {
    if !tools_are_there("recipes::every_recipe_answers_what_the_page_says") {
        return;
    }
    loop {
        let day = today();
        let place = Place::known();
        let answers: Vec<String> = recipes().iter().map(|recipe| place.answer(recipe)).collect();
        if day != today() {
            // "Messages of today" are none at midnight.
            continue;
        }
        for (recipe, answer) in recipes().iter().zip(answers) {
            assert_eq!(answer, normal(&recipe.answer), "{}", recipe.command);
        }
        return;
    }
}

#[test]
fn control_with_other_content_every_recipe_answers_something_else() {
    if !tools_are_there("recipes::control_with_other_content_every_recipe_answers_something_else") {
        return;
    }
    let place = Place::other();
    let mut silent = 0;
    for recipe in recipes() {
        silent += usize::from(recipe.answer.is_empty());
        let same = place.answer(&recipe) == normal(&recipe.answer);
        assert!(!same || recipe.answer.is_empty(), "the same answer: {}", recipe.command);
    }
    assert_eq!(silent, 1, "only what cron runs each minute has nothing to say");
    assert!(recipes().len() > 30, "the page has commands");
}

/// The commands of the README's example about messages, each with the answer below it.
#[test]
fn the_example_of_messages_in_the_readme_answers_what_it_says() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let example = readme.split("\n## Messages\n").nth(1).unwrap().split("```").nth(1).unwrap();
    let place = Place::new();
    for agent in ["alice", "bob"] {
        place.say(agent, &["acquire", "src/auth.rs"]);
    }
    let shown = Regex::new("\\b[0-9a-f]{8}\\b").unwrap().find(example).unwrap().as_str();
    let mut id = shown.to_owned();
    let steps: Vec<&str> = example.split("\n$ ").skip(1).collect();
    assert_eq!(steps.len(), 3);
    for step in steps {
        let (command, answer) = step.split_once('\n').unwrap();
        let recipe = Recipe { command: command.replace(shown, &id), answer: String::new() };
        assert_eq!(place.answer(&recipe), normal(answer), "{command}");
        let log = fs::read_to_string(place.site.state("agent_messages.log")).unwrap();
        id = serde_json::from_str::<serde_json::Value>(log.lines().next().unwrap()).unwrap()["msg_id"].to_string();
        id = id[1..9].to_owned();
    }
}
