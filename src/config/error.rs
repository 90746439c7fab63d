//! What can be wrong with a configuration: the line, the key, and why.

use std::{borrow::Cow, fmt, ops::Range, path::PathBuf, str::Utf8Error};

use toml::Spanned;

use super::{KEYS, nearest::nearest};
use crate::fs;

/// The most of a key that is quoted, in characters.
const QUOTED: usize = 64;

/// What is wrong in a text of configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The number of the line, from 1; `None` if it is about the whole file.
    pub line: Option<usize>,
    /// The key that it is about, as it stands there, cut if it is long.
    pub key: Option<String>,
    /// What is wrong, in words.
    pub why: String,
    /// What may have been meant.
    pub help: Option<String>,
}

/// Why there is no configuration to work with.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read, or is not ours alone to write.
    Fs(fs::Error),
    /// What is in it is wrong.
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ConfigError,
    },
}

impl ConfigError {
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let why = error.message().lines().map(str::trim).collect::<Vec<_>>().join(", ");
        let twice = error.span().filter(|_| why == "duplicate key").and_then(|at| text.get(at));
        let key = twice.map(|key| key.chars().take(QUOTED).collect());
        Self { line: error.span().map(|at| line(text, at.start)), key, why, help: None }
    }

    pub(super) fn unknown(text: &str, name: &Spanned<Cow<'_, str>>, table: bool) -> Self {
        let names = KEYS.iter().map(|key| key.name);
        let help = match nearest(name.get_ref(), names.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the keys are {}", names.collect::<Vec<_>>().join(", ")),
        };
        let why = if table { "there is no such table or key" } else { "there is no such key" };
        let key = name.get_ref().chars().take(QUOTED).collect();
        Self { line: Some(line(text, name.span().start)), key: Some(key), why: why.to_owned(), help: Some(help) }
    }

    pub(super) fn value(text: &str, key: &str, at: &Range<usize>, why: String) -> Self {
        Self { line: Some(line(text, at.start)), key: Some(key.to_owned()), why, help: None }
    }

    pub(super) fn not_text(bytes: &[u8], error: Utf8Error) -> Self {
        let line = line_of_bytes(bytes, error.valid_up_to());
        Self { line: Some(line), key: None, why: "it is not UTF-8".to_owned(), help: None }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self { line: None, key: None, why: format!("it is larger than {limit} bytes"), help: None }
    }
}

/// The number of the line, from 1, that the byte `at` stands in.
pub(super) fn line(text: &str, at: usize) -> usize {
    line_of_bytes(text.as_bytes(), at)
}

fn line_of_bytes(bytes: &[u8], at: usize) -> usize {
    bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.why)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fs(error) => error.fmt(f),
            Self::Invalid { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fs(error) => Some(error),
            Self::Invalid { error, .. } => Some(error),
        }
    }
}
