//! The plugin of OpenCode, run by node with a stand-in for swarmlock that tells what it was asked.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{call, put, text};
use crate::harness::{Run, Site, skip, without_harnesses};

const PATH: &str = ".opencode/plugins/swarmlock.js";

/// Writes down its arguments and its stdin, and answers what stands in a file of the event's name.
const STAND_IN: &str = "#!/bin/sh
printf '%s\\n' \"$*\" >>\"$STUB/calls\"
cat >\"$STUB/$2.in\"
cat \"$STUB/$2.out\" 2>/dev/null
test ! -e \"$STUB/$2.deny\" || exit 2
";

struct Stage {
    dir: TempDir,
}

impl Stage {
    /// `None` if there is no node.
    fn new(test: &str) -> Option<Self> {
        if Command::new("node").arg("--version").output().is_err() {
            skip(test, "no node");
            return None;
        }
        let site = Site::new();
        call(&site).run(["init", "--harness", "opencode"]).expect(0);
        let stage = Self { dir: tempfile::tempdir().unwrap() };
        // As a module, whatever node takes a plain .js for.
        fs::copy(site.path(PATH), stage.path("plugin.mjs")).unwrap();
        fs::create_dir(stage.path("bin")).unwrap();
        fs::write(stage.path("bin/swarmlock"), STAND_IN).unwrap();
        fs::set_permissions(stage.path("bin/swarmlock"), fs::Permissions::from_mode(0o755)).unwrap();
        Some(stage)
    }

    fn path(&self, below: &str) -> std::path::PathBuf {
        self.dir.path().join(below)
    }

    fn answer(&self, event: &str, answer: &str) {
        fs::write(self.path(&format!("{event}.out")), answer).unwrap();
    }

    fn asked(&self, event: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(&format!("{event}.in"))).unwrap()).unwrap()
    }

    /// Runs a script in which `hooks` are what the plugin gives.
    fn run(&self, script: &str) -> Run {
        let whole = format!(
            "import plugin from './plugin.mjs'\nconst hooks = await plugin.server({{ directory: '/work' }})\n{script}\n"
        );
        fs::write(self.path("main.mjs"), whole).unwrap();
        let mut node = Command::new("node");
        without_harnesses(&mut node).env_remove("SWARMLOCK_AGENT");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        node.arg("main.mjs").current_dir(self.dir.path()).env("PATH", path).env("STUB", self.dir.path());
        Run::from(node.output().unwrap())
    }
}

const CALL: &str = "{ tool: 'edit', sessionID: 's1', callID: 'c1' }";

#[test]
fn an_edit_is_asked_about_and_a_denied_one_is_thrown_out() {
    let Some(stage) = Stage::new("an_edit_is_asked_about_and_a_denied_one_is_thrown_out") else { return };
    let edit = format!(
        "try {{ await hooks['tool.execute.before']({CALL}, {{ args: {{ filePath: 'a\\nb' }} }}); console.log('went on') }} catch (e) {{ console.log('thrown: ' + e.message) }}"
    );
    let run = stage.run(&edit).expect(0);
    assert_eq!(run.out, "went on\n", "{run}");
    let calls = fs::read_to_string(stage.path("calls")).unwrap();
    let asked = "hook session.created --harness opencode\nhook tool.execute.before --harness opencode\n";
    assert_eq!(calls, asked, "the first call of a session is its beginning");
    let asked = stage.asked("tool.execute.before");
    assert_eq!((&asked["sessionID"], &asked["tool"], &asked["cwd"]), (&"s1".into(), &"edit".into(), &"/work".into()));
    assert_eq!(asked["args"]["filePath"], "a\nb");
    stage.answer("tool.execute.before", r#"{"decision": "deny", "reason": "bob holds a"}"#);
    fs::write(stage.path("tool.execute.before.deny"), "").unwrap();
    assert_eq!(stage.run(&edit).out, "thrown: bob holds a\n");
    // Exit 2 means deny, whatever else is said.
    stage.answer("tool.execute.before", "garbage");
    assert!(stage.run(&edit).out.starts_with("thrown: swarmlock: "));
    // Trouble of ours stops nobody.
    fs::remove_file(stage.path("tool.execute.before.deny")).unwrap();
    for answer in ["garbage", "null", "3", ""] {
        stage.answer("tool.execute.before", answer);
        assert_eq!(stage.run(&edit).out, "went on\n", "{answer}");
    }
    fs::remove_file(stage.path("bin/swarmlock")).unwrap();
    assert_eq!(stage.run(&edit).out, "went on\n");
}

#[test]
fn what_a_session_is_to_be_told_comes_with_the_next_answer_of_a_tool() {
    let Some(stage) = Stage::new("what_a_session_is_to_be_told_comes_with_the_next_answer_of_a_tool") else { return };
    stage.answer("session.created", r#"{"context": "you are opencode-1"}"#);
    stage.answer("tool.execute.after", r#"{"warning": "lost: a"}"#);
    let run = stage
        .run(
            "await hooks.event({ event: { type: 'session.created', properties: { info: { id: 's1' } } } })
await hooks.event({ event: { type: 'file.edited', properties: {} } })
await hooks['chat.message']({ sessionID: 's1' })
const output = { output: 'done' }
await hooks['tool.execute.after']({ tool: 'edit', sessionID: 's1', callID: 'c1', args: {} }, output)
console.log(output.output)
await hooks.event({ event: { type: 'session.idle', properties: { sessionID: 's1' } } })
await hooks.event({ event: { type: 'session.deleted', properties: { info: { id: 's1' } } } })",
        )
        .expect(0);
    assert_eq!(run.out, "done\nyou are opencode-1\nlost: a\n", "{run}");
    let calls = fs::read_to_string(stage.path("calls")).unwrap();
    let events: Vec<_> = calls.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    let wanted = ["session.created", "chat.message", "tool.execute.after", "session.idle", "session.deleted"];
    assert_eq!(events, wanted);
    assert_eq!(stage.asked("session.deleted")["sessionID"], "s1");
}

/// What is told at a prompt is read by then.
#[test]
fn nothing_that_was_told_at_prompts_is_left_out_and_nothing_is_said_twice_in_a_row() {
    let Some(stage) = Stage::new("nothing_that_was_told_at_prompts_is_left_out_and_nothing_is_said_twice_in_a_row")
    else {
        return;
    };
    let said = |text: &str| {
        stage.path("chat.message.out").display().to_string() + &format!("', '{{\"context\": \"{text}\"}}'")
    };
    let prompts: String = (0..9)
        .flat_map(|at| [at, at])
        .map(|at| {
            let answer = said(&format!("message {at}"));
            format!("fs.writeFileSync('{answer})\nawait hooks['chat.message']({{ sessionID: 's1' }})\n")
        })
        .collect();
    let run = stage
        .run(&format!(
            "const fs = await import('node:fs')\n{prompts}const output = {{ output: 'done' }}
await hooks['tool.execute.after']({{ tool: 'edit', sessionID: 's1', callID: 'c1', args: {{}} }}, output)
console.log(output.output)"
        ))
        .expect(0);
    let wanted: String = (0..9).map(|at| format!("message {at}\n")).collect();
    assert_eq!(run.out, format!("done\n{wanted}"), "{run}");
}

#[test]
fn the_shell_of_a_session_has_its_identity() {
    let Some(stage) = Stage::new("the_shell_of_a_session_has_its_identity") else { return };
    let shell = "const output = { env: {} }
await hooks['shell.env']({ cwd: '/work', sessionID: 's1' }, output)
await hooks['shell.env']({ cwd: '/work' }, output)
console.log(output.env.SWARMLOCK_AGENT)";
    // The first eight digits of the SHA-256 of `s1`.
    let digest = swarmlock::domain::settings::sha256(b"s1");
    assert_eq!(stage.run(shell).out, format!("opencode-{}\n", &digest[..8]));
}

/// What OpenCode 2 gives a plugin, as far as it is used: `fire` calls what was entered for a hook.
const CONTEXT: &str = "const entered = new Map()
const domain = (name) => ({ hook: async (event, call) => entered.set(name + ' ' + event, call) })
const ctx = {
  location: { directory: '/work' },
  session: { ...domain('session'), get: async ({ sessionID }) => ({ location: { directory: '/of/' + sessionID } }) },
  tool: domain('tool'),
  shell: domain('shell'),
  event: { subscribe: async function* () { yield { type: 'session.idle', data: { sessionID: 'elsewhere' } } } },
}
const end = await plugin.setup(ctx)
const fire = (name, event) => entered.get(name)(event)
";

#[test]
fn the_second_version_of_opencode_is_served_too() {
    let Some(stage) = Stage::new("the_second_version_of_opencode_is_served_too") else { return };
    stage.answer("session.created", r#"{"context": "you are opencode-1"}"#);
    let script = "await fire('session prompt', { sessionID: 's1' })
const call = { tool: 'shell', sessionID: 's1', callID: 'c1', input: { command: 'make' } }
await fire('tool execute.before', call)
const shell = { command: 'make', cwd: '/work', env: {} }
fire('shell create.before', shell)
console.log(shell.env.SWARMLOCK_AGENT)
const done = { ...call, status: 'completed', result: { content: [{ type: 'text', text: 'made' }] } }
await fire('tool execute.after', done)
console.log(done.result.content.map((part) => part.text).join(' '))
end()";
    let run = stage.run(&format!("{CONTEXT}{script}")).expect(0);
    let digest = swarmlock::domain::settings::sha256(b"s1");
    assert_eq!(run.out, format!("opencode-{}\nmade you are opencode-1\n", &digest[..8]), "{run}");
    let calls = fs::read_to_string(stage.path("calls")).unwrap();
    let events: Vec<_> = calls.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(events, ["session.created", "chat.message", "tool.execute.before", "tool.execute.after"]);
    assert_eq!(stage.asked("tool.execute.before")["cwd"], "/of/s1", "where the session is, not the plugin");
    stage.answer("tool.execute.before", r#"{"decision": "deny", "reason": "bob holds a"}"#);
    let denied = "try { await fire('tool execute.before', { tool: 'edit', sessionID: 's1', input: {} }) }
catch (e) { console.log('thrown: ' + e.message) }";
    assert_eq!(stage.run(&format!("{CONTEXT}{denied}")).out, "thrown: bob holds a\n");
    // Of what a version does not have, nothing is used.
    let bare = "const stop = await plugin.setup({})\nstop()\nconsole.log(plugin.id)";
    assert_eq!(stage.run(bare).out, "swarmlock\n");
}

#[test]
fn the_plugin_is_javascript_that_node_reads() {
    let Some(stage) = Stage::new("the_plugin_is_javascript_that_node_reads") else { return };
    let check = |path: &Path| Command::new("node").arg("--check").arg(path).output().unwrap().status.success();
    assert!(check(&stage.path("plugin.mjs")));
    fs::write(stage.path("bad.mjs"), "export const = 1").unwrap();
    assert!(!check(&stage.path("bad.mjs")), "the control");
}

#[test]
fn a_plugin_that_was_changed_or_is_another_is_left_alone() {
    let site = Site::new();
    call(&site).run(["init", "--harness", "opencode"]).expect(0);
    let ours = text(&site, PATH);
    let changed = ours.replace("5000", "9000");
    put(&site, PATH, &changed);
    let run = call(&site).run(["init", "--harness", "opencode"]).expect(78);
    assert!(run.err.contains("changed by hand"), "{run}");
    let run = call(&site).run(["uninstall"]).expect(0);
    assert!(run.err.contains("warning: ") && run.err.contains("changed by hand"), "{run}");
    assert_eq!(text(&site, PATH), changed);
    put(&site, PATH, "export const Mine = 1\n");
    call(&site).run(["init", "--harness", "opencode"]).expect(78);
    call(&site).run(["uninstall"]).expect(0);
    assert_eq!(text(&site, PATH), "export const Mine = 1\n");
}

#[test]
fn a_plugin_of_another_place_is_made_again() {
    let site = Site::new();
    call(&site).run(["init", "--harness", "opencode"]).expect(0);
    let run = site.agent("alice").run(["init", "--harness", "opencode"]).expect(0);
    assert!(run.out.contains("updated\topencode\t"), "{run}");
    assert!(text(&site, PATH).contains(crate::harness::BINARY));
    // One that was changed is left, and when it is gone so are the directories that were made for it.
    put(&site, PATH, text(&site, PATH) + "// mine\n");
    call(&site).run(["uninstall"]).expect(0);
    fs::remove_file(site.path(PATH)).unwrap();
    call(&site).run(["uninstall"]).expect(0);
    assert!(!site.path(".opencode").exists());
}
