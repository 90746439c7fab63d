//! A checkout in a temporary place, and agents that call the built binary in it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt, fs,
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::ExitStatusExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        LazyLock, Once,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use swarmlock::domain::settings::{HARNESSES, Harness};
use tempfile::TempDir;

/// What is tested: the binary that `SWARMLOCK_TEST_BINARY` names, an absolute path, or that of the tests' own profile.
pub const BINARY: &str = match option_env!("SWARMLOCK_TEST_BINARY") {
    Some(named) => named,
    None => env!("CARGO_BIN_EXE_swarmlock"),
};

/// The environment variables that tell who is asking, or where.
pub const OWN_VARIABLES: [&str; 13] = [
    "SWARMLOCK_AGENT",
    "SWARMLOCK_DEPTH",
    "SWARMLOCK_DIR",
    "SWARMLOCK_LEASE",
    "SWARMLOCK_OUTER_LEASES",
    "CLAUDE_CODE_SESSION_ID",
    "CODEX_THREAD_ID",
    "AMP_CURRENT_THREAD_ID",
    "AGENT_THREAD_ID",
    "KIMI_SESSION_ID",
    "OPENCODE_RUN_ID",
    "TMUX",
    "TMUX_PANE",
];

/// No call takes nearly as long: one that does hangs.
const HANGS: Duration = Duration::from_secs(60);

/// A checkout: a temporary directory with an empty `.git` in it.
pub struct Site {
    dir: TempDir,
}

impl Site {
    pub fn new() -> Self {
        let site = Self::outside_git();
        fs::create_dir(site.path(".git")).unwrap();
        site
    }

    /// A temporary directory that is no checkout.
    pub fn outside_git() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A checkout in this directory.
    pub fn below(dir: &Path) -> Self {
        let site = Self { dir: tempfile::tempdir_in(dir).unwrap() };
        fs::create_dir(site.path(".git")).unwrap();
        site
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root().join(below)
    }

    /// A path in the state directory.
    pub fn state(&self, below: impl AsRef<Path>) -> PathBuf {
        self.path(".agent_locks").join(below)
    }

    /// Makes a file with something in it, and the directories above it.
    pub fn file(&self, below: impl AsRef<Path>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "text\n").unwrap();
        path
    }

    /// The lock file of a path that needs no encoding but its slashes.
    pub fn lock_file(&self, path: &str) -> PathBuf {
        self.state(format!("locks/paths/-/{}.lock", path.replace('/', "%2F")))
    }

    /// The same as JSON.
    pub fn lock_json(&self, path: &str) -> Value {
        serde_json::from_slice(&fs::read(self.lock_file(path)).unwrap()).unwrap()
    }

    /// A call as this agent, in the root.
    pub fn agent(&self, id: &str) -> Call {
        let mut call = self.nobody();
        call.command.env("SWARMLOCK_AGENT", id);
        call
    }

    /// A call without an identity, in the root.
    pub fn nobody(&self) -> Call {
        own_terminal_session();
        let mut command = Command::new(BINARY);
        command.current_dir(self.root()).stdin(Stdio::null());
        without_identity(&mut command);
        Call { command }
    }
}

/// States of locks and of the directory, for tests to start from and to compare.
impl Site {
    /// Makes the lease on this path expire: as if it had been for a second and renewed when the machine started, and its
    /// agent had given no sign of life.
    pub fn expire(&self, path: &str) {
        let mut lock = self.lock_json(path);
        lock["holders"][0]["ttl_s"] = 1.into();
        lock["holders"][0]["renewed_mono_ms"] = 0.into();
        fs::write(self.lock_file(path), lock.to_string()).unwrap();
        self.forget(lock["agent_id"].as_str().unwrap());
    }

    /// Makes the lease on this path seem to have been renewed so many seconds earlier, and its agent silent since.
    pub fn age(&self, path: &str, seconds: u64) {
        let mut lock = self.lock_json(path);
        let holder = &mut lock["holders"][0];
        holder["renewed_mono_ms"] = (holder["renewed_mono_ms"].as_u64().unwrap() - seconds * 1000).into();
        fs::write(self.lock_file(path), lock.to_string()).unwrap();
        self.forget(lock["agent_id"].as_str().unwrap());
    }

    /// Removes the sign of life that an agent left.
    pub fn forget(&self, agent: &str) {
        fs::remove_file(self.state("beats").join(agent)).unwrap_or_default();
    }

    /// Writes a file in the state directory, private as ours are whatever the umask.
    pub fn plant(&self, below: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.state(below);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Everything below the root, by name: inode, permissions, size, times of change, bytes or link target.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let (mut found, mut todo) = (BTreeMap::new(), vec![self.root().to_owned()]);
        while let Some(path) = todo.pop() {
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_dir() {
                todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                String::new()
            } else if meta.is_file() {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            } else {
                fs::read_link(&path).map(|to| to.display().to_string()).unwrap_or_default()
            };
            let (mtime, ctime) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
            let line = format!("{} {:o} {} {mtime:?} {ctime:?} {content}", meta.ino(), meta.mode(), meta.len());
            found.insert(path, line);
        }
        found
    }

    /// The same without signs of life and the registry, in which whoever asks for a change leaves its traces even if it is
    /// refused, and without the times of directories.
    pub fn snapshot_but_beats(&self) -> BTreeMap<PathBuf, String> {
        let beats = self.state("beats");
        let mut found = self.snapshot();
        let registry = self.state("ACTIVE_AGENTS.json");
        found.retain(|path, _| !path.starts_with(&beats) && *path != registry);
        for (path, line) in &mut found {
            if path.is_dir() {
                line.truncate(line.find('(').unwrap());
            }
        }
        found
    }

    /// Takes the guard; it is free again when the file is dropped.
    pub fn hold_guard(&self) -> fs::File {
        let guard = fs::OpenOptions::new().read(true).write(true).open(self.state(".guard")).unwrap();
        guard.lock().unwrap();
        guard
    }
}

/// Takes out of a command's environment what would make the tests depend on where they are run.
pub fn without_identity(command: &mut Command) -> &mut Command {
    OWN_VARIABLES.iter().fold(without_harnesses(command), |command, variable| command.env_remove(variable))
}

/// Takes out of a command's environment what tells which harnesses are used: `init` would enter hooks for them.
pub fn without_harnesses(command: &mut Command) -> &mut Command {
    let set = std::env::vars_os().map(|(name, _)| name);
    let tells = |name: &OsString| {
        let known = |harness: &Harness| name.to_str().is_some_and(|name| harness.sets(name));
        HARNESSES.iter().any(known)
    };
    let command = set.filter(tells).fold(command, |command, name| command.env_remove(name));
    command.env("HOME", EMPTY_HOME.as_os_str()).env("PATH", PATH_WITHOUT_HARNESSES.as_os_str())
}

/// A home directory with nothing in it.
static EMPTY_HOME: LazyLock<PathBuf> = LazyLock::new(|| scratch("home"));

/// A directory of this name for all tests of this user, which stays: in the target directory, or where that is another's
/// with the temporary files.
pub fn scratch(name: &str) -> PathBuf {
    let name = format!("swarmlock-{}-{name}", rustix::process::geteuid().as_raw());
    let usual = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    if fs::create_dir_all(&usual).is_ok() {
        return usual;
    }
    let other = std::env::temp_dir().join(&name);
    fs::create_dir_all(&other).unwrap();
    other
}

/// `PATH`, with links to all else in place of directories that have a harness in them.
static PATH_WITHOUT_HARNESSES: LazyLock<OsString> = LazyLock::new(|| {
    let given = std::env::var_os("PATH").unwrap_or_default();
    let is_harness = |name: &OsStr| HARNESSES.iter().any(|harness| harness.programs.iter().any(|known| name == *known));
    let cleared = std::env::split_paths(&given).enumerate().map(|(nth, dir)| {
        let names = || fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
        if !names().any(|name| is_harness(&name)) {
            return dir;
        }
        let links = scratch(&format!("path-{nth}"));
        for name in names().filter(|name| !is_harness(name)) {
            std::os::unix::fs::symlink(dir.join(&name), links.join(&name)).unwrap_or_default();
        }
        links
    });
    std::env::join_paths(cleared.collect::<Vec<_>>()).unwrap()
});

/// A call of the binary, about to be made.
pub struct Call {
    pub command: Command,
}

impl Call {
    /// In this directory.
    pub fn within(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub fn run<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Run {
        self.command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(self.command.spawn().unwrap())
    }

    /// With this on stdin.
    pub fn run_with_stdin<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>, stdin: &[u8]) -> Run {
        self.command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let (mut pipe, stdin) = (child.stdin.take().unwrap(), stdin.to_owned());
        // A child that does not read all of it is the child's affair.
        let writer = thread::spawn(move || pipe.write_all(&stdin).ok());
        let run = finish(child);
        writer.join().unwrap();
        run
    }

    pub fn spawn<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Child {
        self.command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Waits for a call to end; kills it and fails if it hangs.
pub fn finish(child: Child) -> Run {
    let pid = rustix::process::Pid::from_child(&child);
    let (tell, told) = channel::<()>();
    let watch = thread::spawn(move || {
        let hangs = told.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout);
        if hangs {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
        hangs
    });
    let output = child.wait_with_output().unwrap();
    drop(tell);
    let run = Run::from(output);
    assert!(!watch.join().unwrap(), "killed after {HANGS:?}: {run}");
    run
}

/// A call that has ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; 128 and the signal if it was killed.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Each line of stdout as JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self}"))).collect()
    }

    /// Stdout as one JSON object.
    pub fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{self}");
        lines.remove(0)
    }

    /// The error on stderr, of a call with `--json`.
    pub fn json_error(&self) -> Value {
        let line = self.err.lines().find(|line| line.starts_with("{\"error\"")).unwrap_or_else(|| panic!("{self}"));
        serde_json::from_str::<Value>(line).unwrap()["error"].clone()
    }

    /// Fails unless the exit code is this.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let status = output.status;
        let run = Self {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(!run.err.contains("panicked"), "{run}");
        run
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// Waits until the clock shows another millisecond than any call before has seen.
pub fn next_millisecond() {
    let now = SystemTime::now();
    while now.elapsed().is_ok_and(|passed| passed < Duration::from_millis(2)) {
        std::hint::spin_loop();
    }
}

/// Where the tests run in a pid namespace whose terminal session was begun outside of it, begins one: without it an
/// agent with no id has no identity at all.
fn own_terminal_session() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
        if session == "0" {
            rustix::process::setsid().unwrap();
        }
    });
}

/// Notes that a test could not be made here, for `scripts/test` to count; the test then returns.
pub fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("SWARMLOCK_SKIPS") {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
