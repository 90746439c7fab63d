//! One file, one lock, in whichever worktree it is and from wherever it is named; with real repositories.

mod also_held;
mod broken;
mod hooks;
mod layouts;
mod linked;
mod submodules;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::harness::{Run, Site, skip};

/// A directory without links in its path, with repositories in it.
pub struct Repositories {
    pub site: Site,
    base: PathBuf,
}

impl Repositories {
    /// With the repository `main`, in which src/a.rs is. `None`, and the test is skipped, if there is no git.
    pub fn with_main(test: &str) -> Option<Self> {
        let git = Command::new("git").arg("--version").stdout(Stdio::null()).status();
        if !git.is_ok_and(|status| status.success()) {
            skip(test, "git is missing");
            return None;
        }
        let site = Site::outside_git();
        let base = fs::canonicalize(site.root()).unwrap();
        let repositories = Self { site, base };
        repositories.repository("main");
        Some(repositories)
    }

    /// Makes a repository in which src/a.rs is.
    pub fn repository(&self, name: &str) {
        self.git("", &["init", "-q", name]);
        self.site.file(format!("{name}/src/a.rs"));
        self.commit(name);
    }

    fn commit(&self, dir: &str) {
        self.git(dir, &["add", "-A"]);
        self.git(dir, &["commit", "-q", "-m", "all"]);
    }

    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.base.join(below)
    }

    /// Runs git, untouched by what is configured here.
    pub fn git(&self, dir: &str, args: &[&str]) {
        let mut command = Command::new("git");
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("GIT_") {
                command.env_remove(variable);
            }
        }
        command
            .current_dir(self.path(dir))
            .env("HOME", &self.base)
            .env("XDG_CONFIG_HOME", &self.base)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .args(["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always"])
            .args(["-c", "init.defaultBranch=trunk", "-c", "commit.gpgSign=false", "-c", "core.quotePath=false"])
            .args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?} in {dir:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn run(&self, agent: &str, cwd: impl AsRef<Path>, args: &[&str]) -> Run {
        self.site.agent(agent).within(self.path(cwd)).run(args)
    }

    /// Asserts that `file` has the lock file `lock` below `state`/locks, and no other, from each of these directories,
    /// and written absolutely and relatively.
    #[track_caller]
    fn meet(&self, file: &str, state: &str, lock: &str, from: &[&str]) {
        let locks = self.path(state).join("locks");
        let mut spots = Vec::new();
        for cwd in from {
            spots.push((*cwd, self.path(file).to_str().unwrap().to_owned()));
            spots.push((*cwd, relative(cwd, file)));
        }
        let before = lock_files(&locks);
        for (at, (cwd, spelling)) in spots.iter().enumerate() {
            let taken = self.run("alice", cwd, &["acquire", "--", spelling]);
            assert_eq!(taken.code, 0, "{spelling} from {cwd:?}: {taken}");
            let mut made = lock_files(&locks);
            made.retain(|name| !before.contains(name));
            assert_eq!(made, [lock], "{spelling} from {cwd:?}");
            // Once taken it is the same lock, wherever it was taken from.
            for (cwd, spelling) in spots.iter().filter(|_| at == 0) {
                let refused = self.run("bob", cwd, &["acquire", "--", spelling]);
                assert_eq!(refused.code, 10, "{spelling} from {cwd:?}: {refused}");
            }
            let (cwd, spelling) = &spots[(at + 1) % spots.len()];
            let released = self.run("alice", cwd, &["release", "--", spelling]);
            assert!(released.out.starts_with("released\t"), "{spelling} from {cwd:?}: {released}");
            assert_eq!(lock_files(&locks), before);
        }
        let states: Vec<_> = states(&self.base);
        assert!(states.contains(&self.path(state)), "{states:?}");
    }

    /// Asserts that there is no state directory but these.
    #[track_caller]
    fn only_states(&self, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|state| self.path(state)).collect();
        assert_eq!(states(&self.base), expected);
    }
}

/// `file` as it is written in `cwd`, both relative to the same directory.
fn relative(cwd: &str, file: &str) -> String {
    let up = Path::new(cwd).iter().count();
    format!("{}{file}", "../".repeat(up))
}

/// Every file below `locks`, sorted.
fn lock_files(locks: &Path) -> Vec<String> {
    let found = below(locks, |_| true);
    let mut found: Vec<_> =
        found.iter().filter(|path| path.is_file()).map(|path| path.strip_prefix(locks).unwrap()).collect();
    found.sort();
    found.into_iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// Every state directory below `base`, sorted.
fn states(base: &Path) -> Vec<PathBuf> {
    let mut found = below(base, |path| !path.ends_with(".agent_locks"));
    found.retain(|path| path.ends_with(".agent_locks"));
    found.sort();
    found
}

/// All that is below `top`, descending where it is wanted.
fn below(top: &Path, descend: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![top.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() && descend(&entry.path()) {
                todo.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}
