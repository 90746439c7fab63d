//! Why a command fails, with its exit code and what to do next.

use serde_json::{Value, json};

use super::Code;
use crate::{
    checkout, config,
    domain::{DEPTH_VARIABLE, DepthError, environment::EnvError},
    fs, store,
};

/// A command that did not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What happened: one sentence that names the object and, for refusals of the kernel, the call.
    pub message: String,
    /// What a person may do about it outside swarmlock.
    pub help: Vec<String>,
    /// Commands of swarmlock that lead on, as a shell reads them.
    pub next: Vec<String>,
    /// More about it for programs.
    pub detail: Vec<(&'static str, Value)>,
}

impl Failure {
    /// A failure with nothing more to say.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: Vec::new(), next: Vec::new(), detail: Vec::new() }
    }

    /// With a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// With a command that leads on.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }

    /// With a fact for programs.
    #[must_use]
    pub fn detail(mut self, key: &'static str, value: Value) -> Self {
        self.detail.push((key, value));
        self
    }

    /// The failure for programs, with these commands as `next`.
    pub(super) fn to_json(&self, next: &[String]) -> Value {
        let mut json = json!({
            "code": self.code.number(), "name": self.code.word(), "message": self.message, "help": self.help,
            "next": next,
        });
        if let Value::Object(map) = &mut json {
            map.extend(self.detail.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        }
        json
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let message = error.to_string();
        match error {
            store::Error::Fs(error) => error.into(),
            store::Error::Damaged { path, .. } if path.ends_with(store::layout::ERA.as_str()) => {
                Self::new(Code::Damaged, message).help(ASIDE).next("swarmlock init")
            }
            store::Error::Damaged { path, .. } if path.ends_with(store::layout::EVENTS.as_str()) => {
                Self::new(Code::Damaged, message)
                    .help("no lock depends on it; move it aside by hand, and the next change begins another")
                    .next("swarmlock list")
            }
            store::Error::Damaged { path, .. } if path.ends_with(store::layout::AGENTS.as_str()) => {
                Self::new(Code::Damaged, message)
                    .help("no lock depends on it; the next change sets it aside, and begins another with who is known")
                    .next("swarmlock agents register")
            }
            store::Error::Damaged { path, .. } if path.ends_with(store::layout::ACKS.as_str()) => {
                Self::new(Code::Damaged, message)
                    .help("no message depends on it; the next tick sets it aside, and builds another from the log")
                    .next("swarmlock tick")
            }
            store::Error::Damaged { path, .. } if path.ends_with(store::layout::INSTALLED.as_str()) => {
                Self::new(Code::Damaged, message)
                    .help("it tells how settings files were before; without it uninstall takes out what it sees to be ours: move it aside by hand")
                    .next("swarmlock uninstall --dry-run")
            }
            store::Error::Damaged { path, .. } if path.starts_with(store::layout::TASKS.as_str()) => {
                Self::new(Code::Damaged, message)
                    .help("the record was left alone, and no lock depends on it; move it to quarantine/ by hand")
                    .next("swarmlock runs")
            }
            store::Error::Damaged { .. } => Self::new(Code::Damaged, message)
                .help("the file was left alone, and what it locks is not free; see who had it in the history, and when nobody has, move it to quarantine/ by hand")
                .next("swarmlock history"),
            store::Error::Newer { .. } => Self::new(Code::Damaged, message)
                .help("use the newer swarmlock; this one leaves the file alone")
                .next("swarmlock --version"),
            store::Error::NoGuard { .. } => {
                Self::new(Code::Unsafe, message).help(ASIDE).next("swarmlock init")
            }
            store::Error::Busy { .. } => Self::new(Code::Busy, message)
                .help("nothing was changed; try again, or look at that process: nothing in swarmlock keeps the guard for long")
                .next("swarmlock status"),
            store::Error::Replaced { .. } => Self::new(Code::Busy, message)
                .help("do not rely on what was asked for; look at what stands there now, and ask again")
                .next("swarmlock status"),
            store::Error::TooLarge { path, .. }
                if [store::layout::AGENTS, store::layout::ACKS].iter().any(|name| path.ends_with(name.as_str())) =>
            {
                Self::new(Code::Limit, message)
                    .help("nothing was changed; cleanup takes out agents that are gone, and what is acknowledged is waited for no more")
                    .next("swarmlock tick")
            }
            store::Error::TooLarge { .. } => Self::new(Code::Limit, message)
                .help("nothing was changed; too much is in one lease, or too many share it: acquire fewer resources at once, or wait until fewer share it")
                .next("swarmlock list"),
            store::Error::Elsewhere { .. } => Self::new(Code::NotYours, message)
                .help("two agents with one id would exclude nobody: take another one with --agent ID or SWARMLOCK_AGENT=ID")
                .help("or end that process; its leases are free then")
                .next("swarmlock whoami"),
            store::Error::Taken { .. } => Self::new(Code::NotYours, message)
                .help("if that is you, write the id as it is registered; else take another one with --agent ID or SWARMLOCK_AGENT=ID")
                .next("swarmlock agents list --all"),
            store::Error::Exhausted { .. } => Self::new(Code::Limit, message).help(ASIDE).next("swarmlock init"),
        }
    }
}

/// What to do with a state directory that cannot be trusted any more.
const ASIDE: &str =
    "when no agent works here, move the state directory aside by hand; the next acquire makes a new one";

impl From<fs::Error> for Failure {
    fn from(error: fs::Error) -> Self {
        let message = error.to_string();
        match error {
            fs::Error::Unsafe { hazard: fs::Hazard::ForeignOwner(_), .. } => {
                Self::new(Code::Unsafe, message).help("only the user who owns the state directory can use it")
            }
            fs::Error::Unsafe { hazard: fs::Hazard::LoosePermissions(_), path } => Self::new(Code::Unsafe, message)
                .help(format!(
                    "if it came with the repository or is not yours, remove it; else take the permission away: chmod go= {}",
                    super::escape::word(path.as_os_str().as_encoded_bytes())
                )),
            fs::Error::Unsafe { .. } => Self::new(Code::Unsafe, message)
                .help("swarmlock did not make this; it was left alone, look at it before you remove it"),
            fs::Error::TooLarge { .. } => Self::new(Code::Damaged, message),
            fs::Error::Call { .. } => Self::new(Code::Failed, message),
        }
        .next("swarmlock status")
    }
}

impl From<DepthError> for Failure {
    fn from(error: DepthError) -> Self {
        let message = error.to_string();
        match error {
            DepthError::Garbage { .. } => Self::new(Code::Usage, message)
                .help(format!("unset {DEPTH_VARIABLE} if this is not inside a run"))
                .next("swarmlock --help"),
            DepthError::TooDeep { .. } => Self::new(Code::Limit, message)
                .help(
                    "a run that starts runs without end would do so too; if it is meant, set max_depth in config.toml",
                )
                .next("swarmlock config show"),
        }
    }
}

impl From<EnvError> for Failure {
    fn from(error: EnvError) -> Self {
        Self::new(Code::Usage, error.to_string()).next("swarmlock --help")
    }
}

impl From<config::LoadError> for Failure {
    fn from(error: config::LoadError) -> Self {
        let message = error.to_string();
        match error {
            config::LoadError::Fs(error) => error.into(),
            config::LoadError::Invalid { error, .. } => {
                let failure = Self::new(Code::Config, message);
                let failure = error.help.into_iter().fold(failure, Self::help);
                failure.help("edit the file, or remove it to have the defaults").next("swarmlock config check")
            }
        }
    }
}

impl From<checkout::Error> for Failure {
    fn from(error: checkout::Error) -> Self {
        let message = error.to_string();
        let usage = |help: &str| Self::new(Code::Usage, message.clone()).help(help);
        match error {
            checkout::Error::Fs(error) => error.into(),
            checkout::Error::NotFound { .. } => {
                usage("go to a checkout; or make one in the current directory, or name one with --dir").next("swarmlock init")
            }
            checkout::Error::GitFile { .. } => {
                usage("repair it (git worktree repair, git submodule update --init) or move it away; a state directory of its own binds only those who work with it: --dir .agent_locks")
                    .next("swarmlock --dir .agent_locks status")
            }
            checkout::Error::BadStateDir { .. } => {
                usage("give --dir or SWARMLOCK_DIR the path of a directory to be used as state directory")
                    .next("swarmlock --help")
            }
            checkout::Error::IsCheckout { path } => {
                let state = path.join(checkout::STATE_NAME.as_str());
                let word = super::escape::word(state.as_os_str().as_encoded_bytes());
                usage("name the state directory itself").next(format!("swarmlock --dir {word} status"))
            }
            checkout::Error::BadName { .. } => {
                usage("a name is written name:deploy-staging").next("swarmlock --help")
            }
            checkout::Error::BadPath { .. } => usage("give the path of a file").next("swarmlock --help"),
            checkout::Error::BadPattern { .. } => {
                usage("a file that is called so is named with --literal").next("swarmlock --help")
            }
            checkout::Error::Outside { other: None, .. } => {
                usage("for something outside the checkout, agree on a name").next("swarmlock --help")
            }
            checkout::Error::Outside { other: Some(other), .. } | checkout::Error::Nested { other, .. } => {
                let state = other.home.join(checkout::STATE_NAME.as_str());
                let state = super::escape::word(state.as_os_str().as_encoded_bytes());
                let root = super::escape::word(other.checkout.as_os_str().as_encoded_bytes());
                usage(&format!("lock it from there: cd {root}")).next(format!("swarmlock --dir {state} status"))
            }
            checkout::Error::NotLockable { .. } => {
                usage("for what is no file of the checkout, agree on a name: name:docs").next("swarmlock --help")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Depth, environment::Setting};

    #[test]
    fn a_depth_that_is_none_is_usage_and_one_that_is_too_much_a_limit() {
        let garbage = Failure::from(Depth::parse(Some(b"-1")).unwrap_err());
        let deep = Failure::from(Depth::parse(Some(b"3")).unwrap().deeper(3).unwrap_err());
        let setting = Failure::from(Setting::parse(std::ffi::OsStr::new("LD_PRELOAD=x")).unwrap_err());
        assert_eq!([garbage.code, deep.code, setting.code], [Code::Usage, Code::Limit, Code::Usage]);
        assert!([garbage, deep, setting].iter().all(|failure| failure.next.len() == 1));
    }
}
