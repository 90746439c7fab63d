//! A state directory with many locks in it, and the system calls that a command makes there.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The lock that the binary itself takes; all others are copies of it under their own names.
const FIRST: &str = "load/000000.rs";

/// A checkout with the locks that were asked for, and one more.
pub struct Load {
    binary: PathBuf,
    dir: TempDir,
}

impl Load {
    /// Lets `binary` take one lock and plants `more` like it, each as it would stand had it been acquired.
    pub fn plant(binary: impl Into<PathBuf>, more: usize) -> Self {
        let load = Self { binary: binary.into(), dir: tempfile::tempdir().unwrap() };
        fs::create_dir(load.root().join(".git")).unwrap();
        assert!(load.call(["acquire", FIRST]).output().unwrap().status.success());
        let first = load.locks().join(file(FIRST));
        let text = fs::read_to_string(first).unwrap();
        for n in 1..=more {
            let path = format!("load/{n:06}.rs");
            let bytes = text.replace(FIRST, &path);
            assert_ne!(bytes, text);
            let options = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
            options.open(load.locks().join(file(&path))).unwrap().write_all(bytes.as_bytes()).unwrap();
        }
        load
    }

    /// Makes the agent's sign of life newer than another is due: 10 s may have passed, and it costs calls.
    pub fn show_life(&self) {
        assert!(self.call(["acquire", "name:life"]).output().unwrap().status.success());
    }

    /// Makes the agent's sign of life so old that the next change leaves another. Where the monotonic clock is not the
    /// machine's own there is nothing to age, and it is taken away.
    pub fn age_life(&self) {
        let beat = self.root().join(".agent_locks/beats/alice");
        let mut life: serde_json::Value = serde_json::from_slice(&fs::read(&beat).unwrap()).unwrap();
        let Some(ms) = life["mono_ms"].as_u64() else { return fs::remove_file(&beat).unwrap() };
        life["mono_ms"] = ms.saturating_sub(20_000).into();
        fs::write(&beat, format!("{life:511}\n")).unwrap();
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The directory of the lock files.
    pub fn locks(&self) -> PathBuf {
        self.root().join(".agent_locks/locks/paths/-")
    }

    /// A call of the binary, as the agent who holds all.
    pub fn call<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.call_under::<&str, A>([], args)
    }

    /// The same with these words before it.
    pub fn call_under<W: AsRef<OsStr>, A: AsRef<OsStr>>(
        &self,
        before: impl IntoIterator<Item = W>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut words: Vec<_> = before.into_iter().map(|word| word.as_ref().to_owned()).collect();
        words.push(self.binary.clone().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(args).current_dir(self.root()).stdin(Stdio::null());
        // Cargo sets the search path of the dynamic loader, which costs dozens of calls that no user pays.
        command.env_remove("LD_LIBRARY_PATH").env_remove("SWARMLOCK_DIR").env("SWARMLOCK_AGENT", "alice");
        command
    }

    /// How often the command makes each system call, by `strace`.
    pub fn system_calls(&self, args: &[&str]) -> BTreeMap<String, usize> {
        self.calls_of(0, |strace| self.call_under(strace, args))
    }

    /// The same of the command that `make` makes with the words for `strace` before it, and that ends with this code.
    pub fn calls_of(&self, code: i32, make: impl FnOnce(&[&str]) -> Command) -> BTreeMap<String, usize> {
        let trace = self.root().join("trace");
        let mut command = make(&["strace", "-f", "-qq", "-e", "signal=none", "-o", trace.to_str().unwrap()]);
        let run = command.output().unwrap();
        assert_eq!(run.status.code(), Some(code), "{command:?}: {}", String::from_utf8_lossy(&run.stderr));
        let mut calls = BTreeMap::new();
        for line in fs::read_to_string(&trace).unwrap().lines() {
            // "PID name(arguments) = result", or the other half of one that was begun before.
            let call = line.split_once(' ').unwrap().1.trim_start();
            if !call.starts_with("<...") && !call.starts_with("+++") {
                *calls.entry(call.split('(').next().unwrap().to_owned()).or_default() += 1;
            }
        }
        fs::remove_file(trace).unwrap();
        calls
    }
}

/// The name of the lock file of a path.
fn file(path: &str) -> String {
    format!("{}.lock", path.replace('/', "%2F"))
}

/// Whether this tool can trace or measure a process here.
pub fn works(tool: &[&str]) -> bool {
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
