//! What cannot be asked of an environment.

use std::fmt;

use super::setting::{LONGEST, MOST};

/// A `--env` or `--pass` that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvError {
    /// `--env` without `=`.
    NoValue(String),
    /// What stands before `=` can be no name of a variable.
    NoName(String),
    /// The value holds NUL, a carriage return or a line feed.
    Lines(String),
    /// The value is too long.
    TooLong(String),
    /// The variable decides what programs are run or loaded, or is the run's own.
    Reserved(String),
    /// More `--env` than may be given.
    TooMany(usize),
    /// `--pass` with neither a name nor the beginning of one and `*`.
    NoPattern(String),
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue(name) => write!(f, "--env {name}: it is written NAME=VALUE"),
            Self::NoName(name) => {
                write!(f, "--env {name}: a name is a letter or _, then letters, digits and _")
            }
            Self::Lines(name) => write!(f, "--env {name}: its value must not hold a line end or NUL"),
            Self::TooLong(name) => write!(f, "--env {name}: its value is longer than {LONGEST} bytes"),
            Self::Reserved(name) => {
                write!(f, "--env {name}: it decides what is run or loaded; let the command set it itself")
            }
            Self::TooMany(count) => write!(f, "--env: given {count} times, and at most {MOST} are taken"),
            Self::NoPattern(name) => {
                write!(f, "--pass {name}: it takes the name of a variable, or the beginning of one and *")
            }
        }
    }
}

impl std::error::Error for EnvError {}
