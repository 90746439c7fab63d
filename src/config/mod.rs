//! `config.toml` in the state directory: limits and habits that people set (docs/config.md).
//!
//! It is optional, written by people and only ever read here. [`KEYS`] is the one table of what may stand in it.

mod error;
mod keys;
mod nearest;
mod page;
mod table;

use std::time::Duration;

use memchr::memmem;
use toml::de::DeTable;

pub use error::{ConfigError, LoadError};
pub use keys::{Key, Kind};
pub use nearest::nearest;
pub use page::{page, template};
pub use table::KEYS;

use crate::{
    domain::Ttl,
    fs,
    store::{StateDir, layout},
};

/// Whether a pattern of `redact` can be used; if not, why, in words.
pub type PatternCheck<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// What is configured; what is not said has its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a new lease lasts when the call does not say.
    pub default_ttl: Ttl,
    /// How long to wait for the guard when the call does not say.
    pub guard_wait: Duration,
    /// The most resources in one acquire.
    pub max_resources: usize,
    /// The longest reason that is kept, in bytes.
    pub max_reason: usize,
    /// How many runs may be nested in each other.
    pub max_depth: usize,
    /// How many messages one sender may send in [`Config::message_window`].
    pub message_rate: usize,
    /// How many all together may.
    pub message_rate_all: usize,
    /// The time in which messages are counted.
    pub message_window: Duration,
    /// The size at which the log of messages is rotated, in bytes.
    pub message_log_size: usize,
    /// How many older logs of messages are kept.
    pub message_log_count: usize,
    /// How long older logs of messages are kept.
    pub message_log_age: Duration,
    /// Names of executables that are harnesses, in addition to those that are built in.
    pub harnesses: Vec<String>,
    /// Whether the edit hook locks what nobody holds.
    pub auto_acquire: bool,
    /// What the edit hook does when it cannot tell who holds a file.
    pub fail: Fail,
    /// Tools that edit files, in addition to those that are known, as they were written.
    pub edit_tools: Vec<String>,
    /// Patterns of secrets, in addition to those that are built in, as they were written.
    pub redact: Vec<String>,
}

/// What becomes of an edit when trouble of ours keeps us from telling who holds the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fail {
    /// It goes on, with a warning.
    Open,
    /// It is refused.
    Closed,
}

/// A configuration and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    /// Whether there is a file.
    pub present: bool,
    /// The keys that the file has, with the number of their line, from 1.
    lines: Vec<(&'static str, usize)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_ttl: Ttl::DEFAULT,
            guard_wait: Duration::from_secs(5),
            max_resources: 100,
            max_reason: 1024,
            max_depth: 3,
            message_rate: 10,
            message_rate_all: 100,
            message_window: Duration::from_secs(60),
            message_log_size: 10 * 1024 * 1024,
            message_log_count: 9,
            message_log_age: Duration::from_secs(30 * 24 * 3600),
            harnesses: Vec::new(),
            auto_acquire: true,
            fail: Fail::Open,
            edit_tools: Vec::new(),
            redact: Vec::new(),
        }
    }
}

impl Config {
    /// The configuration that a text of TOML describes. Patterns are taken as they are.
    ///
    /// # Errors
    /// The first thing that is wrong: the text is no TOML, a key is unknown, a value has the wrong type or is out of
    /// its range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Loaded::parse(text, &as_they_are).map(|loaded| loaded.config)
    }

    /// The configuration of a state directory: the defaults if it has no `config.toml`. Patterns are taken as they are.
    ///
    /// # Errors
    /// Those of [`Loaded::load`].
    pub fn load(state: &StateDir) -> Result<Self, LoadError> {
        Loaded::load(state, &as_they_are).map(|loaded| loaded.config)
    }
}

/// What a configuration that is wrong somewhere says that is to become of edits: whoever wants none without protection
/// does not want one because of a slip elsewhere in the file.
#[must_use]
pub fn fail_as_written(state: &StateDir) -> Fail {
    let Ok(Some(bytes)) = state.dir().read(&[&layout::CONFIG], layout::DOCUMENT_LIMIT) else { return Fail::Open };
    let says = |line: &[u8]| {
        let mut words = line.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        words.next() == Some(b"fail") && words.next().is_some_and(|value| memmem::find(value, b"closed").is_some())
    };
    if bytes.split(|byte| *byte == b'\n').any(says) { Fail::Closed } else { Fail::Open }
}

impl Loaded {
    /// Like [`Config::parse`], with the lines of the keys; `check` judges each pattern.
    ///
    /// # Errors
    /// Those of [`Config::parse`], and a pattern that `check` refuses.
    pub fn parse(text: &str, check: PatternCheck<'_>) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError::syntax(text, &error))?;
        let mut loaded = Self { present: true, ..Self::default() };
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        // The first that is wrong in the file is the one to tell of.
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let Some(key) = KEYS.iter().find(|key| key.name == name.get_ref().as_ref()) else {
                return Err(ConfigError::unknown(text, name, value.get_ref().is_table()));
            };
            key.take(&mut loaded.config, value, check)
                .map_err(|wrong| ConfigError::value(text, key.name, &wrong.at, wrong.why))?;
            loaded.lines.push((key.name, error::line(text, name.span().start)));
        }
        Ok(loaded)
    }

    /// The configuration of a state directory: the defaults if it has no `config.toml`.
    ///
    /// # Errors
    /// If the file cannot be read or is not ours alone to write; if what is in it is wrong.
    pub fn load(state: &StateDir, check: PatternCheck<'_>) -> Result<Self, LoadError> {
        let invalid = |error| LoadError::Invalid { path: state.path().join(layout::CONFIG.as_str()), error };
        let bytes = match state.dir().read(&[&layout::CONFIG], layout::DOCUMENT_LIMIT) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::default()),
            Err(fs::Error::TooLarge { limit, .. }) => return Err(invalid(ConfigError::too_large(limit))),
            Err(error @ (fs::Error::Call { .. } | fs::Error::Unsafe { .. })) => return Err(LoadError::Fs(error)),
        };
        let text = str::from_utf8(&bytes).map_err(|error| invalid(ConfigError::not_text(&bytes, error)))?;
        Self::parse(text, check).map_err(invalid)
    }

    /// The line of the file that sets this key; `None` if it has its default.
    #[must_use]
    pub fn line(&self, key: &Key) -> Option<usize> {
        self.lines.iter().find(|(name, _)| *name == key.name).map(|(_, line)| *line)
    }
}

fn as_they_are(_: &str) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests;
