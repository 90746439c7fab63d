//! Whose locks decide about a file that somebody is about to write: those of the checkout that the file is in, wherever
//! the writer is.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use super::{
    Checkout, Error,
    resolve::{Resolved, resolve},
};
use crate::fs::Kind;

/// A file to be written.
#[derive(Debug)]
pub struct Target {
    resolved: Resolved,
}

impl Target {
    /// Where `text` leads from `cwd` (absolute, without links).
    ///
    /// # Errors
    /// If it is no path, or cannot be followed.
    pub fn new(cwd: &Path, text: &OsStr) -> Result<Self, Error> {
        // What is below the current directory is looked at from there: it has no links in it.
        let below = text.as_bytes().strip_prefix(cwd.as_os_str().as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
        let below = below.filter(|rest| !rest.starts_with(b"/") && cwd != Path::new("/"));
        Ok(Self { resolved: resolve(cwd, below.map_or(text, OsStr::from_bytes))? })
    }

    /// The directories in which the file stands: where it leads, and then each link that it was on the way there, the
    /// last first. The first of them in a checkout with locks decides.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.resolved.path)
            .chain(self.resolved.links.iter().rev())
            .map(|path| path.parent().unwrap_or(path))
    }

    /// Whether it is a directory, which no edit writes.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.resolved.kind == Some(Kind::Directory) || self.resolved.as_directory
    }

    /// Where it leads.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.resolved.path
    }

    pub(super) fn resolved(&self) -> &Resolved {
        &self.resolved
    }
}

/// The path that `text` is from `cwd` (absolute) for tools that take `.` and `..` out of a name before they open it: where
/// a link comes before `..` that is another file than the one that the system opens. `None` if there is nothing in the
/// name that they would take out.
#[must_use]
pub fn taken_literally(cwd: &str, text: &str) -> Option<String> {
    let odd = text.split('/').any(|part| part == "..") || matches!(text.rsplit('/').next(), Some("" | "."));
    if !odd || text.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    let base = if text.starts_with('/') { "" } else { cwd };
    for part in base.split('/').chain(text.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

/// What tools make of a name before they open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// With the home directory in place of the `~` that it begins with.
    AtHome(String),
    /// Without the blanks around it.
    Trimmed(String),
}

/// What else than the name itself tools may make of it: blanks around it are left out, and `~` is the home directory.
#[must_use]
pub fn also_read_as(text: &str, home: Option<&Path>) -> Option<ReadAs> {
    let trimmed = text.trim();
    let at_home = trimmed.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (at_home, home) {
        (Some(rest), Some(home)) => Some(ReadAs::AtHome(format!("{}{rest}", home.to_str()?))),
        _ => Some(ReadAs::Trimmed(trimmed.to_owned())).filter(|_| trimmed != text && !trimmed.is_empty()),
    }
}

impl Checkout {
    /// Whether a file is one of the state directory's own, but for its settings, which people write.
    #[must_use]
    pub fn is_own(&self, target: &Target) -> bool {
        let state = self.state_path();
        target.path().starts_with(&state) && target.path() != state.join("config.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_literally_only_where_that_could_be_another_file() {
        for (text, wanted) in [
            ("a", None),
            ("./a", None),
            ("/a..b/c", None),
            ("", None),
            ("../a", Some("/x/a")),
            ("l/../a", Some("/x/y/a")),
            ("../../../../a", Some("/a")),
            ("/r/l/../a", Some("/r/a")),
            ("a/", Some("/x/y/a")),
            ("/r/a/.", Some("/r/a")),
            ("..", Some("/x")),
            ("/", Some("/")),
        ] {
            assert_eq!(taken_literally("/x/y", text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn blanks_around_a_name_and_the_sign_for_home_are_read_by_some_tools() {
        let home = Path::new("/home/x");
        let at_home = |text: &str| Some(ReadAs::AtHome(text.to_owned()));
        let trimmed = |text: &str| Some(ReadAs::Trimmed(text.to_owned()));
        for (text, wanted) in [
            ("a", None),
            ("a b", None),
            (" a", trimmed("a")),
            ("/r/a\n", trimmed("/r/a")),
            (" ", None),
            ("", None),
            ("~", at_home("/home/x")),
            ("~/a", at_home("/home/x/a")),
            (" ~/../a ", at_home("/home/x/../a")),
            ("~a", None),
            ("a/~/b", None),
        ] {
            assert_eq!(also_read_as(text, Some(home)), wanted, "{text:?}");
        }
        assert_eq!(also_read_as("~/a", None), None);
        assert_eq!(also_read_as(" ~/a", None), trimmed("~/a"));
    }

    #[test]
    fn what_is_below_the_current_directory_is_followed_from_there() {
        let cwd = Path::new("/");
        for text in ["/no/such", "no/such", "//no/such"] {
            assert_eq!(Target::new(cwd, text.as_ref()).unwrap().path(), Path::new("/no/such"), "{text}");
        }
        let cwd = Path::new("/proc/1");
        for (text, wanted) in [
            ("/proc/1/x", "/proc/1/x"),
            ("/proc/1//x", "/proc/1/x"),
            ("/proc/12", "/proc/12"),
            ("/proc/1", "/proc/1"),
            ("../2/../1/x", "/proc/1/x"),
        ] {
            assert_eq!(Target::new(cwd, text.as_ref()).unwrap().path(), Path::new(wanted), "{text}");
        }
        let target = Target::new(cwd, "/proc/1/x/".as_ref()).unwrap();
        assert!(target.is_directory());
    }
}
