//! What a command knows of the world: the only reader of environment, current directory and global flags.
#![expect(clippy::disallowed_methods, reason = "the one module that reads the environment")]

mod open;
mod who;

use std::{
    cell::{Cell, OnceCell, RefCell},
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

pub(super) use open::{Open, usable_pattern};
use open::{made, notices_in, redactor};
pub(super) use who::Asking;

use clap::{ArgMatches, FromArgMatches as _};

use super::{
    CHANGES, Code, Failure, LOOKS, Report, args,
    identity::{Environment, Identity, SESSION_VARIABLES, Told},
    report::Format,
};
use crate::{
    checkout::{self, Checkout},
    config::{Config, fail_as_written},
    domain::{AgentId, DEPTH_VARIABLE, Process, mail::is_due, redact::Redactor},
    fs::Dir,
    host::{self, Ancestors},
    store::{self, Event, StateDir},
};

/// The environment variable that names the agent.
pub(in crate::cli) const AGENT_VARIABLE: &str = "SWARMLOCK_AGENT";
/// The environment variables that name the lease that a command runs under, and those around it, separated by blanks.
pub(in crate::cli) const LEASE_VARIABLES: [&str; 2] = ["SWARMLOCK_LEASE", "SWARMLOCK_OUTER_LEASES"];
/// The environment variable that names the state directory.
const DIR_VARIABLE: &str = "SWARMLOCK_DIR";

/// How long a hook waits for the guard: its agent waits for it.
const HOOK_WAIT: Duration = Duration::from_millis(300);

/// Flags of every command.
#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct Global {
    /// Who is asking; before SWARMLOCK_AGENT
    #[arg(long, global = true, value_name = "ID", visible_aliases = ["agent-id", "sender-id"], help_heading = "Everywhere")]
    pub(in crate::cli) agent: Option<String>,
    /// The state directory; before SWARMLOCK_DIR. The checkout is the directory that it stands in
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    pub(in crate::cli) dir: Option<PathBuf>,
    /// Print JSON: data as objects on stdout, errors as objects on stderr
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// No remarks on stderr; data and errors stay
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    quiet: bool,
    /// How long to wait for another change to finish [default: 5s, or guard_wait in config.toml]
    #[arg(long, global = true, value_name = "DURATION", value_parser = args::guard_wait, help_heading = "Everywhere")]
    pub(in crate::cli) guard_wait: Option<Duration>,
}

/// The world, read once.
#[derive(Debug)]
pub(in crate::cli) struct Context {
    global: Global,
    only_looks: bool,
    changes: Cell<bool>,
    /// Whether something is due in the state directory.
    due: Cell<bool>,
    cwd: Option<PathBuf>,
    environment: Environment,
    env_dir: Option<OsString>,
    home: Option<PathBuf>,
    /// The leases that this call is made under, the innermost first.
    inside: Vec<String>,
    // Looked for when they are first needed: processes cost more to look at than variables.
    ancestors: RefCell<Ancestors>,
    checkout: OnceCell<Checkout>,
    /// The state directory, opened to find out who asks; for whoever needs it next.
    found: RefCell<Option<StateDir>>,
    /// The configuration, if it was read for that and is valid, and of which state directory it is.
    config: OnceCell<(PathBuf, Config)>,
    /// What a hook was told of who calls.
    told: OnceCell<Told>,
    identity: OnceCell<Option<Identity>>,
    process: OnceCell<Option<Process>>,
}

impl Context {
    pub(in crate::cli) fn read(matches: &ArgMatches) -> Result<Self, Failure> {
        let global = Global::from_arg_matches(matches)
            .map_err(|error| Failure::new(Code::Usage, error.to_string()).next("swarmlock --help"))?;
        Ok(Self::of(global, matches.subcommand_name().unwrap_or_default()))
    }

    /// The world for a call of this command with these flags.
    pub(in crate::cli) fn of(global: Global, command: &str) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            global,
            only_looks: LOOKS.contains(&command),
            changes: Cell::new(CHANGES.contains(&command)),
            due: Cell::new(false),
            cwd: std::env::current_dir().ok(),
            environment: Environment {
                agent: variable(AGENT_VARIABLE),
                sessions: SESSION_VARIABLES.iter().filter_map(|known| Some((known, variable(known.name)?))).collect(),
                tmux: variable("TMUX"),
                tmux_pane: variable("TMUX_PANE"),
            },
            env_dir: variable(DIR_VARIABLE),
            home: variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute()),
            inside: LEASE_VARIABLES
                .iter()
                .filter_map(|name| variable(name)?.into_string().ok())
                .flat_map(|value| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .collect(),
            ancestors: RefCell::default(),
            checkout: OnceCell::new(),
            found: RefCell::default(),
            config: OnceCell::new(),
            told: OnceCell::new(),
            identity: OnceCell::new(),
            process: OnceCell::new(),
        }
    }

    /// Whether the environment names a pane of tmux.
    pub(in crate::cli) fn is_in_pane(&self) -> bool {
        self.environment.tmux_pane.is_some()
    }

    /// Says whether this call is one after which something else may be done that is due.
    pub(in crate::cli) fn may_do_chores(&self, may: bool) {
        self.changes.set(may);
    }

    /// The home directory of whoever calls, as the environment names it.
    pub(in crate::cli) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    pub(in crate::cli) fn format(&self) -> Format {
        Format { json: self.global.json, quiet: self.global.quiet }
    }

    /// The flags of this call that the next one needs too, as a shell reads them.
    pub(in crate::cli) fn again(&self) -> Vec<String> {
        let agent = self.global.agent.as_ref().map(|agent| format!("--agent {}", args::shell_word(agent.as_ref())));
        let dir = self.global.dir.as_ref().map(|dir| format!("--dir {}", args::shell_word(dir.as_os_str())));
        agent.into_iter().chain(dir).collect()
    }

    pub(in crate::cli) fn cwd(&self) -> Result<&Path, Failure> {
        self.cwd.as_deref().ok_or_else(|| {
            Failure::new(Code::Failed, "getcwd: the current directory does not exist any more")
                .help("change to a directory that does")
                .next("swarmlock status")
        })
    }

    /// The leases of the runs that this call is made under, the innermost first.
    pub(in crate::cli) fn inside(&self) -> &[String] {
        &self.inside
    }

    /// How deep it is in runs, as the environment says, even if that is nothing.
    #[expect(clippy::unused_self, reason = "the world is read through the context")]
    pub(in crate::cli) fn depth(&self) -> Option<Vec<u8>> {
        std::env::var_os(DEPTH_VARIABLE).map(OsString::into_vec)
    }

    /// The sockets of the tmux servers that may be asked.
    pub(in crate::cli) fn tmux_servers(&self) -> Vec<PathBuf> {
        let tmpdir = std::env::var_os("TMUX_TMPDIR");
        host::tmux::servers(self.environment.tmux.as_deref(), tmpdir.as_deref())
    }

    /// All variables of this process.
    #[expect(clippy::unused_self, reason = "the world is read through the context")]
    pub(in crate::cli) fn inherited(&self) -> impl Iterator<Item = (OsString, OsString)> {
        std::env::vars_os()
    }

    /// What this agent should hear of, as far as a state directory can be found.
    pub(in crate::cli) fn notices(&self, agent: &AgentId) -> Result<Vec<Event>, Failure> {
        let Ok(checkout) = self.checkout() else { return Ok(Vec::new()) };
        match made(&checkout.state_path())? {
            Some(state) => notices_in(&state, agent),
            None => Ok(Vec::new()),
        }
    }

    /// What takes secrets out of free text: with the patterns of the state directory, where there is one.
    pub(in crate::cli) fn redactor(&self, report: &Report) -> Result<Redactor, Failure> {
        // Outside of any checkout the built-in rules are all that there is.
        let Ok(checkout) = self.checkout() else { return Ok(Redactor::default()) };
        match self.state(&checkout, report)? {
            Some(state) => redactor(&state, &Config::load(&state)?),
            None => Ok(Redactor::default()),
        }
    }

    /// Looks at something in the state directory; `None` if there is none, or no checkout around.
    fn in_state<T>(&self, look: impl FnOnce(&StateDir) -> T) -> Result<Option<T>, Failure> {
        let Ok(checkout) = self.checkout() else { return Ok(None) };
        let Some(state) = self.made(&checkout.state_path())? else { return Ok(None) };
        let seen = look(&state);
        self.found.replace(Some(state));
        Ok(Some(seen))
    }

    /// The state directory at this path, which may have been opened before; `None` if there is none.
    fn made(&self, path: &Path) -> Result<Option<StateDir>, Failure> {
        match self.found.take().filter(|found| found.path() == path) {
            Some(found) => Ok(Some(found)),
            None => made(path),
        }
    }

    /// The configuration of the state directory, which may have been read before.
    fn load(&self, state: &StateDir) -> Result<Config, Failure> {
        match self.config.get() {
            Some((of, known)) if of == state.path() => Ok(known.clone()),
            Some(_) | None => Ok(Config::load(state)?),
        }
    }

    fn dir(&self) -> Result<Option<&Path>, Failure> {
        if let Some(dir) = self.global.dir.as_deref() {
            return Ok(Some(dir));
        }
        match self.env_dir.as_deref().map(Path::new) {
            // It stays the same wherever agents go: relative, it would be another directory in each.
            Some(dir) if dir.is_relative() => {
                let message = format!("{DIR_VARIABLE}: {}: it is not an absolute path", dir.display());
                Err(Failure::new(Code::Usage, message).next("swarmlock --help"))
            }
            dir => Ok(dir),
        }
    }

    /// The checkout that this call is about, looked for once.
    pub(in crate::cli) fn checkout(&self) -> Result<Checkout, Failure> {
        if let Some(known) = self.checkout.get() {
            return Ok(known.clone());
        }
        let found = Checkout::find(self.cwd()?, self.dir()?)?;
        Ok(self.checkout.get_or_init(|| found).clone())
    }

    /// The checkout that a file in this directory (absolute, without links) is in, which this call is about from now on
    /// unless it is about another already; `None` if it is in none.
    pub(in crate::cli) fn checkout_of(&self, dir: &Path) -> Result<Option<Checkout>, Failure> {
        match Checkout::find(dir, self.dir()?) {
            Ok(found) => Ok(Some(found)),
            Err(checkout::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says that this call is about this checkout, unless it is about another already.
    pub(in crate::cli) fn settle_on(&self, checkout: &Checkout) {
        self.checkout.get_or_init(|| checkout.clone());
    }

    /// The checkout that `init` would give a state directory.
    pub(in crate::cli) fn checkout_for_init(&self) -> Result<Checkout, Failure> {
        Ok(Checkout::find_for_init(self.cwd()?, self.dir()?)?.0)
    }

    /// `--guard-wait`, if it was given.
    pub(in crate::cli) fn guard_wait(&self) -> Option<Duration> {
        self.global.guard_wait
    }

    /// The state directory, if there is one, and its configuration.
    pub(in crate::cli) fn open(&self, checkout: &Checkout, report: &Report) -> Result<Option<Open>, Failure> {
        let Some(state) = self.state(checkout, report)? else { return Ok(None) };
        let config = match self.load(&state) {
            // Who holds what is told whatever the settings are.
            Err(failure) if self.only_looks => {
                report.warning(&format!("{}; going on with the defaults", failure.message));
                Config::default()
            }
            loaded => loaded?,
        };
        self.opened(state, config).map(Some)
    }

    /// The state directory for a hook, if there is one, which never waits long for it; and what is wrong with its
    /// configuration, in place of which the defaults count.
    pub(in crate::cli) fn open_for_hook(
        &self,
        checkout: &Checkout,
    ) -> Result<Option<(Open, Option<Failure>)>, Failure> {
        let Some(state) = self.made(&checkout.state_path())? else { return Ok(None) };
        let (config, wrong) = match self.load(&state) {
            Ok(config) => (config, None),
            Err(failure) => (Config { fail: fail_as_written(&state), ..Config::default() }, Some(failure)),
        };
        let mut open = self.opened(state, config)?;
        open.guard_wait = open.guard_wait.min(HOOK_WAIT);
        Ok(Some((open, wrong)))
    }

    /// The state directory alone, if there is one.
    pub(in crate::cli) fn state(&self, checkout: &Checkout, report: &Report) -> Result<Option<StateDir>, Failure> {
        let state = self.made(&checkout.state_path())?;
        if state.is_none() && self.dir()?.is_some() {
            // Perhaps it is a typing error, and what is asked about stands elsewhere.
            report.note(&format!("{}: no state directory has been made there", checkout.state_path().display()));
        }
        Ok(state)
    }

    /// The state directory, made if there is none; whether it was.
    pub(in crate::cli) fn open_or_init(&self, checkout: &Checkout) -> Result<(Open, bool), Failure> {
        let path = checkout.state_path();
        if let Some(state) = self.made(&path)? {
            let config = self.load(&state)?;
            return Ok((self.opened(state, config)?, false));
        }
        let Some(parent) = Dir::open(checkout.home())? else {
            return Err(store::Error::Replaced { path }.into());
        };
        #[expect(clippy::cast_possible_truncation, reason = "any 64 of the random bits will do")]
        let nonce = || host::random().map(|bits| bits as u64);
        let created = store::init(&parent, checkout.state_name(), &host::machine()?, &nonce)?;
        if created == store::Created::New {
            // Others that were killed in the making left theirs; what cannot be removed now is for cleanup to report.
            store::sweep_dead_inits(&parent, checkout.state_name()).map(drop).unwrap_or_default();
        }
        match StateDir::open(&path)? {
            Some(state) => {
                let config = Config::load(&state)?;
                Ok((self.opened(state, config)?, created == store::Created::New))
            }
            None => Err(store::Error::Replaced { path }.into()),
        }
    }

    /// Whether this call, which changes something, has found that something else is due.
    pub(in crate::cli) fn is_something_due(&self) -> bool {
        self.due.get()
    }

    /// Says that this call changes nothing although its command does: what is due is left for another.
    pub(in crate::cli) fn only_look(&self) {
        self.due.set(false);
    }

    fn opened(&self, state: StateDir, config: Config) -> Result<Open, Failure> {
        if self.changes.get() {
            // What is wrong with it is a matter for who looks at all of it.
            self.due.set(is_due(&state, host::now().wall).unwrap_or(true));
        }
        let guard_wait = self.global.guard_wait.unwrap_or(config.guard_wait);
        Ok(Open { state, machine: host::machine()?, guard_wait, config })
    }
}
