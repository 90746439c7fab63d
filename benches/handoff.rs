//! `cargo bench --bench handoff`: how long it takes from a release until the one who waits has the lease, against bounds.
//! Exit code 1 if one is missed.
//!
//! Two agents hand a lease to each other, a few hundred times, each by calls of its own. `SWARMLOCK_BENCH_BINARY` names
//! the binary, which is the static release build if there is one, and `SWARMLOCK_BENCH_ROUNDS` the number of hand-offs.
//! Files are made in `TMPDIR`, or else on tmpfs. Bounds are for the release build on a machine that does little else.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark of the built binary: it makes its own files, and stops at the first surprise"
)]
#![allow(unreachable_pub, clippy::allow_attributes, reason = "a module shared by benchmarks")]

mod binary;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use swarmlock::fs::{Dir, FileName, Watch};
use tempfile::TempDir;

const BUILT: &str = env!("CARGO_BIN_EXE_swarmlock");

/// Hand-offs that count, unless the environment says otherwise, and those before them.
const ROUNDS: usize = 500;
const WARM_UP: usize = 20;

/// A tmpfs on nearly every Linux.
const MEMORY_DISK: &str = "/dev/shm";

/// What is handed over, and its lock file.
const RESOURCE: &str = "a.rs";
const LOCK_FILE: &str = "a.rs.lock";

/// At most, from when the release has exited.
const MEDIAN: Duration = Duration::from_millis(1);
const WORST: Duration = Duration::from_millis(5);

/// No hand-off takes nearly as long.
const NEVER: Duration = Duration::from_secs(20);

struct Site {
    dir: TempDir,
    binary: std::path::PathBuf,
}

/// A call that waits: it says when its first line came.
struct Waiting {
    child: Child,
    line: Receiver<Instant>,
}

/// When what happened in one hand-off.
struct Handoff {
    began: Instant,
    committed: Instant,
    exited: Instant,
    acquired: Instant,
    /// When the one who waited has ended.
    ended: Instant,
}

fn main() -> ExitCode {
    let (binary, released) = binary::choose(BUILT);
    if env::var_os("TMPDIR").is_none() && Path::new(MEMORY_DISK).is_dir() {
        tempfile::env::override_temp_dir(Path::new(MEMORY_DISK)).unwrap();
    }
    let rounds = env::var("SWARMLOCK_BENCH_ROUNDS").ok().map_or(ROUNDS, |text| text.parse().unwrap());
    let site = Site { dir: tempfile::tempdir().unwrap(), binary };
    fs::create_dir(site.dir.path().join(".git")).unwrap();
    println!(
        "{}, {rounds} hand-offs after {WARM_UP} to warm up, in {}",
        site.binary.display(),
        site.dir.path().display()
    );
    let agents = ["alice", "bob"];
    assert!(site.call(agents[0], &["acquire", RESOURCE]).status().unwrap().success());
    let gone = site.commits();
    let mut times = Vec::new();
    for round in 0..WARM_UP + rounds {
        let handoff = site.hand_off(agents[round % 2], agents[(round + 1) % 2], &gone);
        if round >= WARM_UP {
            times.push(handoff);
        }
    }
    if print(&times) || !released { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Site {
    fn call(&self, agent: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).current_dir(self.dir.path()).env("SWARMLOCK_AGENT", agent).env_remove("SWARMLOCK_DIR");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// When the lock file goes, each time.
    fn commits(&self) -> Receiver<Instant> {
        let locks = Dir::open(&self.dir.path().join(".agent_locks/locks/paths/-")).unwrap().unwrap();
        let watch = Watch::on(&locks).unwrap();
        let (tell, gone) = channel();
        thread::spawn(move || {
            let name = FileName::new(LOCK_FILE.to_owned()).unwrap();
            while watch.wait(&name, NEVER, || NEVER).unwrap() && tell.send(Instant::now()).is_ok() {}
        });
        gone
    }

    fn hand_off(&self, from: &str, to: &str, gone: &Receiver<Instant>) -> Handoff {
        let mut waiting = self.wait(to);
        let mut release = self.call(from, &["release", RESOURCE]);
        let began = Instant::now();
        let status = release.status().unwrap();
        let exited = Instant::now();
        assert!(status.success());
        let acquired = waiting.line.recv_timeout(NEVER).unwrap();
        assert!(waiting.child.wait().unwrap().success());
        let ended = Instant::now();
        Handoff { began, committed: gone.recv_timeout(NEVER).unwrap(), exited, acquired, ended }
    }

    /// Starts a call that waits, and returns when it sleeps.
    fn wait(&self, agent: &str) -> Waiting {
        let mut command = self.call(agent, &["acquire", "--wait=60s", RESOURCE]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (tell, line) = channel();
        thread::spawn(move || {
            let mut text = String::new();
            out.read_line(&mut text).unwrap();
            tell.send(Instant::now()).unwrap();
            assert!(text.starts_with("acquired\t"), "{text}");
        });
        let began = Instant::now();
        // It has its place, and then its watch.
        while !is_polling(child.id()) {
            assert!(began.elapsed() < NEVER);
            thread::sleep(Duration::from_micros(200));
        }
        Waiting { child, line }
    }
}

/// Whether a process waits for events on files.
fn is_polling(pid: u32) -> bool {
    let watches = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_link(entry.unwrap().path()).is_ok_and(|to| to.to_string_lossy().contains("inotify"))
    };
    let has_watch = fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|mut files| files.any(watches));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    has_watch && stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" S"))
}

/// Prints what it took; whether that is within the bounds.
fn print(times: &[Handoff]) -> bool {
    let show = |what: &str, from: fn(&Handoff) -> Instant, to: fn(&Handoff) -> Instant| {
        // Who has it before the other has exited has waited for nothing.
        let mut took: Vec<Duration> = times.iter().map(|one| to(one).saturating_duration_since(from(one))).collect();
        took.sort_unstable();
        let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{what}: p50 {:.3} ms, p90 {:.3} ms, p99 {:.3} ms, most {:.3} ms",
            ms(at(50)),
            ms(at(90)),
            ms(at(99)),
            ms(at(100))
        );
        (at(50), at(99))
    };
    show("from the start of the release to the line `acquired`", |one| one.began, |one| one.acquired);
    show("from the commit (the lock file is gone) to the line `acquired`", |one| one.committed, |one| one.acquired);
    // The kernel takes the watch off then.
    show("from the line `acquired` to the exit of the one who waited", |one| one.acquired, |one| one.ended);
    let (median, worst) =
        show("from the exit of the release to the line `acquired`", |one| one.exited, |one| one.acquired);
    let good = median <= MEDIAN && worst <= WORST;
    let verdict = if good { "within" } else { "BEYOND" };
    println!("{verdict} the bounds, from the exit: p50 {MEDIAN:?}, p99 {WORST:?}");
    good
}
