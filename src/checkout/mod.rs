//! The checkout: where its root and its state directory are, and which resource a path names.

mod error;
mod resolve;

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

pub use error::Error;
use resolve::{Resolved, resolve};

use crate::{
    domain::{NAME_PREFIX, NameKey, PathKey, Resource, Worktree},
    fs::{FileName, Kind, look_at},
};

/// The name of the state directory.
pub const STATE_NAME: FileName = FileName::literal(".agent_locks");

/// The longest path that can be named, in bytes.
const LONGEST_PATH: usize = 4096;

/// The longest name of a state directory, in bytes: one under construction has a longer one.
const LONGEST_STATE: usize = 200;

/// A checkout and its state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    root: PathBuf,
    state: FileName,
}

/// What a path is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find a lock that may stand there, whatever the path is now.
    Find,
    /// To lock it, or to learn whether it could be locked: what is there must be lockable.
    Lock {
        /// Take characters such as `*` as they are.
        literal: bool,
    },
}

impl Checkout {
    /// Finds the checkout that `cwd` (absolute, without links) is in: the root of the innermost git checkout, or the
    /// nearest directory upwards with a state directory. `state` overrides both.
    ///
    /// # Errors
    /// If there is none, or a `.git` *file* stands in the way (linked worktrees, submodules).
    pub fn find(cwd: &Path, state: Option<&Path>) -> Result<Self, Error> {
        match Self::find_for_init(cwd, state)? {
            (checkout, true) => Ok(checkout),
            (_, false) => Err(Error::NotFound { cwd: cwd.to_owned() }),
        }
    }

    /// Where `init` makes the state directory, and whether anything speaks for that place: else it is `cwd` itself.
    ///
    /// # Errors
    /// As [`Checkout::find`].
    pub fn find_for_init(cwd: &Path, state: Option<&Path>) -> Result<(Self, bool), Error> {
        if let Some(state) = state {
            return Ok((Self::at(cwd, state)?, true));
        }
        let at = |root: &Path| Self { root: root.to_owned(), state: STATE_NAME };
        for dir in cwd.ancestors() {
            let git = dir.join(".git");
            match look_at(&git)? {
                None => {}
                Some((Kind::File, _)) => return Err(Error::GitFile { git }),
                Some((Kind::Directory | Kind::Link, _)) => return Ok((at(dir), true)),
            }
        }
        for dir in cwd.ancestors() {
            if look_at(&dir.join(STATE_NAME.as_str()))?.is_some() {
                return Ok((at(dir), true));
            }
        }
        Ok((at(cwd), false))
    }

    /// The checkout whose state directory is at `state`: the directory that it stands in.
    fn at(cwd: &Path, state: &Path) -> Result<Self, Error> {
        let bad = || Error::BadStateDir { path: state.to_owned() };
        let name = state.file_name().and_then(OsStr::to_str).ok_or_else(bad)?;
        let name =
            FileName::new(name.to_owned()).filter(|name| name.as_str().len() <= LONGEST_STATE).ok_or_else(bad)?;
        let parent = state.parent().unwrap_or_else(|| Path::new(""));
        let found = resolve(cwd, cwd, parent.as_os_str())?;
        for sign in [".git", STATE_NAME.as_str()] {
            if look_at(&found.path.join(name.as_str()).join(sign)).is_ok_and(|there| there.is_some()) {
                return Err(Error::IsCheckout { path: state.to_owned() });
            }
        }
        if found.kind == Some(Kind::Directory) { Ok(Self { root: found.path, state: name }) } else { Err(bad()) }
    }

    /// The root: resources are named relative to it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The name of the state directory in the root.
    #[must_use]
    pub fn state_name(&self) -> &FileName {
        &self.state
    }

    /// The path of the state directory.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        self.root.join(self.state.as_str())
    }

    /// The resource that `text` names for somebody in `cwd` (absolute, without links).
    ///
    /// # Errors
    /// If it names nothing that can be locked in this checkout.
    pub fn resource(&self, cwd: &Path, text: &OsStr, purpose: Purpose) -> Result<Resource, Error> {
        let bytes = text.as_bytes();
        let text = || if bytes.is_empty() { "''".to_owned() } else { text.to_string_lossy().into_owned() };
        if let Some(name) = bytes.strip_prefix(NAME_PREFIX.as_bytes()) {
            let Ok(name) = std::str::from_utf8(name) else {
                return Err(Error::BadName { text: text(), why: "it is not UTF-8" });
            };
            return match NameKey::new(name) {
                Ok(name) => Ok(Resource::Name(name)),
                Err(error) => Err(Error::BadName { text: text(), why: error.0 }),
            };
        }
        if bytes.is_empty() || bytes.len() > LONGEST_PATH {
            return Err(Error::BadPath { text: text(), why: "a path is 1 to 4096 bytes" });
        }
        let found = resolve(cwd, &self.root, OsStr::from_bytes(bytes))?;
        let path = self.key_path(&found).ok_or_else(|| Error::Outside { text: text(), root: self.root.clone() })?;
        if let Some(nested) = self.nested(path)? {
            return Err(Error::Nested { text: text(), nested });
        }
        if let Purpose::Lock { literal } = purpose {
            if path.starts_with(self.state.as_str()) {
                return Err(Error::NotLockable { text: text(), why: "it is a file of swarmlock's own" });
            }
            lockable(bytes, &found, literal).map_err(|why| Error::NotLockable { text: text(), why })?;
        }
        let components = path.iter().map(OsStr::as_bytes);
        PathKey::new(components)
            .map(|key| Resource::Path(Worktree::MAIN, key))
            .ok_or_else(|| Error::NotLockable { text: text(), why: "it is the checkout itself" })
    }

    /// The path below the root that is the key: where the path leads, or, for a link that leads out of the checkout,
    /// the link itself.
    fn key_path<'a>(&self, found: &'a Resolved) -> Option<&'a Path> {
        let last_link = found.last_link.as_deref();
        found.path.strip_prefix(&self.root).ok().or_else(|| last_link?.strip_prefix(&self.root).ok())
    }

    /// The checkout between the root and `path` (relative), if there is one.
    fn nested(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        for dir in path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()) {
            let dir = self.root.join(dir);
            for sign in [".git", STATE_NAME.as_str()] {
                match look_at(&dir.join(sign)) {
                    Ok(Some(_)) => return Ok(Some(dir)),
                    Ok(None) => {}
                    Err(error) if error.is_no_directory() || error.is_too_long() => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(None)
    }

    /// The resource that `text` names if nothing is looked up: for what was locked when other links and directories
    /// stood there. `None` for what is no path below the root.
    #[must_use]
    pub fn as_written(&self, cwd: &Path, text: &OsStr) -> Option<Resource> {
        if text.as_bytes().starts_with(NAME_PREFIX.as_bytes()) {
            return None;
        }
        let mut at = cwd.to_owned();
        for component in Path::new(text).components() {
            match component {
                Component::Prefix(_) | Component::RootDir => at = PathBuf::from("/"),
                Component::CurDir => {}
                Component::ParentDir => drop(at.pop()),
                Component::Normal(name) => at.push(name),
            }
        }
        let below = at.strip_prefix(&self.root).ok()?;
        PathKey::new(below.iter().map(OsStr::as_bytes)).map(|key| Resource::Path(Worktree::MAIN, key))
    }
}

fn lockable(text: &[u8], found: &Resolved, literal: bool) -> Result<(), &'static str> {
    let globby = text.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'{'));
    match found.kind {
        Some(Kind::Directory) => Err("it is a directory, and this version locks single files and names"),
        Some(Kind::File | Kind::Link) => Ok(()),
        None if text.ends_with(b"/") => Err("it ends with '/', and this version locks single files and names"),
        None if globby && !literal => {
            Err("it looks like a pattern, and this version locks single files and names; --literal takes it as it is")
        }
        None => Ok(()),
    }
}
