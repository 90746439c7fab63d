//! What the command of a run finds in its environment. Pure: the variables come in and go out.

mod error;
mod pass;
mod secret;
mod setting;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

pub use error::EnvError;
pub use pass::Pass;
pub use secret::looks_secret;
pub use setting::{Setting, VISIBLE_TO_ALL, settings};

use super::redact::Redactor;

/// What is asked of the environment.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Begin from nothing, and let through what is on the list of harmless variables and what `pass` names.
    pub clean: bool,
    /// What else to let through.
    pub pass: &'a [Pass],
    /// What to set, over what was inherited; of one name the last.
    pub set: &'a [Setting],
    /// What the run itself tells its command, over everything else.
    pub own: &'a [(&'static str, OsString)],
}

/// The environment of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Child {
    /// All its variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The names of those that were let through but for looking like a secret, sorted.
    pub withheld: Vec<OsString>,
}

/// The environment of a command, made of the inherited variables. Of a name that is inherited twice the first counts,
/// as for `getenv`.
#[must_use]
pub fn child_environment(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
    wanted: &Wanted<'_>,
    redactor: &Redactor,
) -> Child {
    let mut child = Child::default();
    for (name, value) in inherited {
        if child.variables.contains_key(&name) || child.withheld.contains(&name) {
            continue;
        }
        if !wanted.clean || Pass::names(wanted.pass, &name) {
            child.variables.insert(name, value);
        } else if pass::is_harmless(&name) || Pass::covers(wanted.pass, &name) {
            if secret::of_variable(&name, &value, redactor) {
                child.withheld.push(name);
            } else {
                child.variables.insert(name, value);
            }
        }
    }
    for setting in wanted.set {
        child.variables.insert(setting.name().into(), setting.value().to_owned());
    }
    for (name, value) in wanted.own {
        child.variables.insert((*name).into(), value.clone());
    }
    child.withheld.retain(|name| !child.variables.contains_key(name));
    child.withheld.sort_unstable();
    child
}

/// Whether this can be the name of a variable: a letter or `_`, then letters, digits and `_`, ASCII only.
fn is_name(bytes: &[u8]) -> bool {
    let first = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    first && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// A name as an error shows it: cut, with what is no text replaced.
fn shown(name: &OsStr) -> String {
    name.to_string_lossy().chars().take(64).collect()
}

#[cfg(test)]
mod tests;
