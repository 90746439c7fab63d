//! `cargo bench --bench hook`: what hooks cost beside `flock -n f true`, against bounds. Exit code 1 if one is missed.
//!
//! The hooks of one turn of an agent are called in order, a few hundred times, in two checkouts in one run: one with a
//! lock of another, and one with 100,000 more. `SWARMLOCK_BENCH_BINARY` names the binary, which is the static release build
//! if there is one, and `SWARMLOCK_BENCH_ROUNDS` the number of turns. Bounds are for the release build; what `strace` or
//! `valgrind` would have to count, and are not here to, is said and not judged. Files are made as `speed` makes them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark of the built binary: it makes its own files, and stops at the first surprise"
)]
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "modules shared with tests and benchmarks")]

mod binary;
#[path = "../tests/suite/load.rs"]
mod load;
mod turns;

use std::{
    collections::BTreeMap,
    fs,
    io::{Seek as _, SeekFrom},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    rc::Rc,
    time::Instant,
};

use load::{Load, works};
use serde_json::{Value, json};
use turns::{CALLGRIND, FLOCK, Table, WARM_UP, by_kind, collected, is_for_memory, word};

const BUILT: &str = env!("CARGO_BIN_EXE_swarmlock");

/// Locks of another agent, beside one, in the second checkout.
const MANY: usize = 100_000;

/// What is edited, what another agent holds, and the name of the lock file of what is edited.
const EDITED: &str = "src/measured.rs";
const HELD: &str = "load/000000.rs";
const LOCK_FILE: &str = "src%2Fmeasured.rs.lock";

/// Payloads, in bytes.
const SMALL: usize = 2 * 1024;
const LARGE: usize = 64 * 1024;

/// How much older a lease is made: of its 5 minutes less than three quarters are left then.
const AGED_MS: u64 = 120_000;

/// At most: this part of `flock -n f true`, and this many system calls that are not for memory.
const BOUNDS: [(Hook, f64, Option<usize>); 3] =
    [(Hook::New, 0.45, None), (Hook::Renews, 0.5, None), (Hook::Fresh, 0.35, Some(70))];
/// At most: times a payload of 2 KB.
const MOST_LARGE: f64 = 2.0;
/// At most: times the instructions with one lock.
const MOST_INSTRUCTIONS: f64 = 1.02;

/// One call of a hook, by what it meets.
#[derive(Clone, Copy, PartialEq)]
enum Hook {
    /// Nobody has the file.
    New,
    /// The agent has it, and for long enough.
    Fresh,
    /// It has it, and not for long.
    Renews,
    /// Another has it.
    Refused,
    /// The tool edits nothing.
    Shell,
    AfterTool,
    /// It has one automatic lease.
    Stop,
    /// It has none, and no messages.
    Prompt,
    SessionStart,
}

#[derive(Clone, Copy, PartialEq)]
struct Ours {
    hook: Hook,
    /// The size of the payload, in bytes.
    size: usize,
    many: bool,
}

type Contender = turns::Contender<Ours>;

/// A checkout that hooks are called in.
struct Site {
    load: Load,
    many: bool,
}

/// What was counted in one call.
#[derive(Default)]
struct Counted {
    calls: Option<BTreeMap<String, usize>>,
    instructions: Option<u64>,
}

fn main() -> ExitCode {
    let (binary, released) = binary::choose(BUILT);
    turns::choose_disk();
    let (_disk, installed) = turns::install(&binary, BUILT);
    let few = Rc::new(Site::new(&installed, 0));
    let many = Rc::new(Site::new(&installed, MANY));
    let mut contenders: Vec<Contender> = turns::usual(few.load.root());
    for one in &mut contenders {
        one.command.env_clear().env("PATH", turns::PATH);
    }
    contenders.extend(turn(&few));
    contenders.extend(turn(&many));
    let rounds = turns::rounds();
    turns::take(&mut contenders, rounds);
    println!("{}, {rounds} turns after {WARM_UP} to warm up, in {}", binary.display(), few.load.root().display());
    let counted = count(&contenders, [&few, &many]);
    if print(&contenders, &counted, released) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The hooks of a turn, each in the state that those before it leave.
fn turn(site: &Rc<Site>) -> Vec<Contender> {
    let small = |hook| (hook, SMALL);
    let large = |hook| (hook, LARGE);
    let edits = [Hook::New, Hook::Fresh, Hook::Renews];
    let mut calls = vec![small(Hook::Prompt)];
    calls.extend(edits.map(small));
    calls.extend([Hook::Refused, Hook::Shell, Hook::AfterTool, Hook::Stop].map(small));
    calls.extend(edits.map(large));
    if !site.many {
        // It looks at every lock for those that are the agent's.
        calls.push(small(Hook::SessionStart));
    }
    calls
        .into_iter()
        .map(|(hook, size)| {
            let ours = Ours { hook, size, many: site.many };
            fs::write(site.payload_file(ours), site.payload(ours)).unwrap();
            let payload = fs::File::open(site.payload_file(ours)).unwrap();
            let mut command = site.call(&[], ours);
            command.stdin(payload.try_clone().unwrap());
            let site = Rc::clone(site);
            let prepare = move || {
                (&payload).seek(SeekFrom::Start(0)).unwrap();
                site.prepare(hook);
            };
            let code = ours.code();
            Contender {
                name: ours.name(),
                command,
                code,
                prepare: Box::new(prepare),
                times: Vec::new(),
                ours: Some(ours),
            }
        })
        .collect()
}

impl Ours {
    fn name(self) -> String {
        let size = if self.size == LARGE { ", 64 KB" } else { "" };
        let many = if self.many { ", many" } else { "" };
        format!("{}{size}{many}", self.hook.name())
    }

    fn code(self) -> i32 {
        if self.hook == Hook::Refused { 2 } else { 0 }
    }
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::New => "edit, acquires",
            Self::Fresh => "edit, fresh",
            Self::Renews => "edit, renews",
            Self::Refused => "edit, refused",
            Self::Shell => "Bash",
            Self::AfterTool | Self::Stop | Self::Prompt | Self::SessionStart => self.event(),
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::New | Self::Fresh | Self::Renews | Self::Refused | Self::Shell => "PreToolUse",
            Self::AfterTool => "PostToolUse",
            Self::Stop => "Stop",
            Self::Prompt => "UserPromptSubmit",
            Self::SessionStart => "SessionStart",
        }
    }
}

impl Site {
    fn new(binary: &PathBuf, more: usize) -> Self {
        let site = Self { load: Load::plant(binary, more), many: more > 0 };
        fs::create_dir(site.load.root().join("src")).unwrap();
        fs::write(site.load.root().join(EDITED), "text\n").unwrap();
        let start = Ours { hook: Hook::SessionStart, size: SMALL, many: site.many };
        let began = Instant::now();
        site.run(start);
        if site.many {
            println!("SessionStart with {more} locks, once: {:.0?}", began.elapsed());
        }
        site
    }

    /// What the harness says.
    fn payload(&self, Ours { hook, size, .. }: Ours) -> String {
        let root = self.load.root();
        let mut said = json!({
            "session_id": "7f7c1d9e-4c3f-4f53-9a8e-5d2b6c1a0e42", "transcript_path": "/home/u/.claude/projects/p/t.jsonl",
            "cwd": root, "permission_mode": "default", "hook_event_name": hook.event(),
        });
        let more = match hook {
            Hook::New | Hook::Fresh | Hook::Renews | Hook::Refused | Hook::AfterTool => {
                let file = root.join(if hook == Hook::Refused { HELD } else { EDITED });
                json!({
                    "tool_name": "Edit", "tool_use_id": "toolu_01",
                    "tool_input": { "file_path": file, "old_string": "", "new_string": "let x = 1;" },
                })
            }
            Hook::Shell => json!({ "tool_name": "Bash", "tool_input": { "command": "cargo test" } }),
            Hook::Stop => json!({ "stop_hook_active": false }),
            Hook::Prompt => json!({ "prompt": "Go on." }),
            Hook::SessionStart => json!({ "source": "startup" }),
        };
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if said["tool_name"] == "Edit" {
            fill(&mut said, size);
        }
        said.to_string()
    }

    fn payload_file(&self, ours: Ours) -> PathBuf {
        self.load.root().join(format!("payload {}", ours.name()))
    }

    /// A call with these words before it.
    fn call(&self, before: &[&str], ours: Ours) -> Command {
        let mut command = self.load.call_under(before, ["hook", ours.hook.event()]);
        command.env_clear().env("PATH", turns::PATH);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The same with its payload.
    fn fed(&self, before: &[&str], ours: Ours) -> Command {
        let mut command = self.call(before, ours);
        command.stdin(fs::File::open(self.payload_file(ours)).unwrap());
        command
    }

    /// Calls a hook in between.
    fn run(&self, ours: Ours) {
        fs::write(self.payload_file(ours), self.payload(ours)).unwrap();
        assert_eq!(self.fed(&[], ours).status().unwrap().code(), Some(ours.code()), "{}", ours.name());
    }

    /// Makes what the call is to meet and the one before does not leave.
    fn prepare(&self, hook: Hook) {
        if hook == Hook::Prompt {
            self.run(Ours { hook: Hook::Stop, size: SMALL, many: self.many });
        } else if hook == Hook::Renews {
            self.age();
        }
    }

    /// Makes the lease older.
    fn age(&self) {
        let path = self.load.locks().join(LOCK_FILE);
        let mut lock: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let renewed = lock["holders"][0]["renewed_mono_ms"].as_u64();
        // Where the monotonic clock is not the machine's own, leases are measured by another, and none is older.
        let renewed = renewed.unwrap().checked_sub(AGED_MS).unwrap();
        lock["holders"][0]["renewed_mono_ms"] = renewed.into();
        fs::write(path, lock.to_string()).unwrap();
    }

    /// Makes the agent's sign of life so new that no other is due.
    fn show_life(&self) {
        for beat in fs::read_dir(self.load.root().join(".agent_locks/beats")).unwrap() {
            let beat = beat.unwrap();
            if beat.file_name().to_string_lossy().starts_with("claude-") {
                fs::remove_file(beat.path()).unwrap();
            }
        }
        self.run(Ours { hook: Hook::AfterTool, size: SMALL, many: self.many });
    }
}

/// Makes a payload this long, with text as it is in sources.
fn fill(said: &mut Value, size: usize) {
    const LINE: &str = "    let value = compute(\"input\");\n";
    let missing = |said: &Value| size.checked_sub(said.to_string().len()).unwrap();
    let line = json!(LINE).to_string().len() - 2;
    let mut text = LINE.repeat(missing(said) / line);
    said["tool_input"]["old_string"] = text.clone().into();
    text += &"x".repeat(missing(said));
    said["tool_input"]["old_string"] = text.into();
    assert_eq!(said.to_string().len(), size);
}

/// Goes through one turn more, counting system calls, and through another, counting instructions.
fn count(contenders: &[Contender], sites: [&Rc<Site>; 2]) -> Vec<Counted> {
    let mut counted: Vec<Counted> = contenders.iter().map(|_| Counted::default()).collect();
    let (strace, valgrind) = (works(&["strace", "-f", "-o", "/dev/null"]), works(&CALLGRIND));
    for (here, tool) in [(strace, "strace"), (valgrind, "valgrind")] {
        if !here {
            println!("not counted, because it does not work here: {tool}");
            continue;
        }
        for (one, counted) in contenders.iter().zip(&mut counted) {
            let Some(ours) = one.ours else { continue };
            let site = sites[usize::from(ours.many)];
            site.show_life();
            (one.prepare)();
            if tool == "strace" {
                counted.calls = Some(site.load.calls_of(ours.code(), |strace| site.fed(strace, ours)));
            } else {
                let run = site.fed(&CALLGRIND, ours).stderr(Stdio::piped()).output().unwrap();
                assert_eq!(run.status.code(), Some(ours.code()), "{}", one.name);
                counted.instructions = collected(&run.stderr);
            }
        }
    }
    counted
}

/// The table; whether every bound holds.
fn print(contenders: &[Contender], counted: &[Counted], released: bool) -> bool {
    let table = Table::begin(contenders);
    let rows: Vec<(&Contender, &Counted)> = contenders.iter().zip(counted).collect();
    for (one, counted) in &rows {
        table.row(one, counted.calls.as_ref().map(by_kind), counted.instructions);
    }
    if !released {
        println!("no bounds: this is not the static release build (scripts/release)");
        return true;
    }
    let mut missed = 0;
    let mut tell = |held: bool, what: String| {
        println!("{:6} {what}", word(held));
        missed += usize::from(!held);
    };
    for (one, counted) in &rows {
        let Some(ours) = one.ours else { continue };
        let Some((_, most, most_calls)) = BOUNDS.iter().find(|(hook, ..)| *hook == ours.hook) else { continue };
        let like = |ours: Ours| rows.iter().find(|(one, _)| one.ours == Some(ours)).unwrap();
        if ours.size == LARGE {
            let (small, _) = like(Ours { size: SMALL, ..ours });
            let ratio = one.median().as_secs_f64() / small.median().as_secs_f64();
            tell(ratio <= MOST_LARGE, format!("{}: {ratio:.2} of 2 KB (at most {MOST_LARGE})", one.name));
        } else {
            let ratio = table.of_flock(one).unwrap_or(f64::INFINITY);
            tell(ratio <= *most, format!("{}: {ratio:.3} of {FLOCK} (at most {most})", one.name));
        }
        if let (Some(calls), Some(most)) = (&counted.calls, most_calls.filter(|_| ours.size == SMALL)) {
            let (n, _) = by_kind(calls);
            tell(n <= most, format!("{}: {n} system calls (at most {most})", one.name));
        }
        if ours.many {
            let (_, without) = like(Ours { many: false, ..ours });
            if let (Some(calls), Some(without)) = (&counted.calls, &without.calls) {
                let same = but_memory(calls) == but_memory(without);
                tell(same, format!("{}: the same system calls as with one lock", one.name));
            }
            if let (Some(n), Some(without)) = (counted.instructions, without.instructions) {
                let ratio = n as f64 / without as f64;
                let held = ratio <= MOST_INSTRUCTIONS;
                tell(held, format!("{}: {ratio:.4} of the instructions (at most {MOST_INSTRUCTIONS})", one.name));
            }
        }
    }
    missed == 0
}

fn but_memory(calls: &BTreeMap<String, usize>) -> BTreeMap<&str, usize> {
    calls.iter().filter(|(call, _)| !is_for_memory(call)).map(|(call, n)| (call.as_str(), *n)).collect()
}
