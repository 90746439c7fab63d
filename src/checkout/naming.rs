//! Which resource a text names.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    Checkout, Error, Other, Purpose, Target, pattern,
    place::{Place, Placed},
    resolve::{Resolved, resolve},
};
use crate::{
    domain::{Glob, NAME_PREFIX, NameKey, PathKey, Resource, TreeKey},
    fs::Kind,
};

/// The longest path that can be named, in bytes.
const LONGEST_PATH: usize = 4096;

/// The longest name of a file that there can be on Linux, in bytes.
const LONGEST_NAME: usize = 255;

/// Up to how many bytes a pattern is repeated as it stands from the root.
const LONGEST_SHOWN: usize = 200;

impl Checkout {
    /// The resource that `text` names for somebody in `cwd` (absolute, without links): whatever the current directory
    /// is, the worktree is the innermost one that holds the file.
    ///
    /// # Errors
    /// If it names nothing that can be locked in a worktree of this repository.
    pub fn resource(&self, cwd: &Path, text: &OsStr, purpose: Purpose) -> Result<Resource, Error> {
        let bytes = text.as_bytes();
        let shown = || if bytes.is_empty() { "''".to_owned() } else { text.to_string_lossy().into_owned() };
        if let Some(name) = bytes.strip_prefix(NAME_PREFIX.as_bytes()) {
            let Ok(name) = std::str::from_utf8(name) else {
                return Err(Error::BadName { text: shown(), why: "it is not UTF-8" });
            };
            return match NameKey::new(name) {
                Ok(name) => Ok(Resource::Name(name)),
                Err(error) => Err(Error::BadName { text: shown(), why: error.0 }),
            };
        }
        if bytes.is_empty() || bytes.len() > LONGEST_PATH {
            return Err(Error::BadPath { text: shown(), why: "a path is 1 to 4096 bytes" });
        }
        let (Purpose::Find { literal } | Purpose::Lock { literal }) = purpose;
        let (path, pattern) = if !literal && pattern::has_wildcards(bytes) {
            let spelling = pattern::split(cwd, bytes)?;
            (spelling.path, spelling.pattern)
        } else {
            (bytes.to_vec(), None)
        };
        let found = resolve(cwd, OsStr::from_bytes(&path))?;
        if matches!(purpose, Purpose::Lock { .. }) && found.path.starts_with(self.state_path()) {
            return Err(Error::NotLockable { text: shown(), why: "it is a file of swarmlock's own" });
        }
        let Some(pattern) = pattern else { return self.file_or_tree(&found, &shown) };
        let place = self.directory_place(&found, &shown)?;
        let key = below(&key_bytes(&place, &found.path, &shown)?, &pattern);
        Glob::new(&key).map(|glob| Resource::Glob(place.worktree, glob)).map_err(|error| {
            // What is wrong is told by where it stands in the whole pattern.
            let whole = if key == bytes || key.len() > LONGEST_SHOWN {
                String::new()
            } else {
                format!(" ({})", String::from_utf8_lossy(&key))
            };
            Error::BadPattern { text: shown() + &whole, why: error.to_string() }
        })
    }

    /// The resource that a file to be written is, or the directory.
    ///
    /// # Errors
    /// As [`Checkout::resource`].
    pub fn resource_of(&self, target: &Target) -> Result<Resource, Error> {
        self.file_or_tree(target.resolved(), &|| target.path().to_string_lossy().into_owned())
    }

    /// What a file below the root would be if nothing on the way to it were a checkout of its own: for one of which that
    /// cannot be told. `None` if it is not below the root.
    #[must_use]
    pub fn resource_despite(&self, target: &Target) -> Option<Resource> {
        let below = target.path().strip_prefix(self.root()).ok()?;
        let key = PathKey::new(components(below.as_os_str().as_bytes()))?;
        Some(Resource::Path(self.worktree().clone(), key))
    }

    fn file_or_tree(&self, found: &Resolved, shown: &dyn Fn() -> String) -> Result<Resource, Error> {
        let refused = || Error::NotLockable { text: shown(), why: "it names no file in the checkout" };
        let directory = found.kind == Some(Kind::Directory) || (found.kind.is_none() && found.as_directory);
        if directory {
            let place = self.directory_place(found, shown)?;
            let key = TreeKey::new(components(&key_bytes(&place, &found.path, shown)?));
            return key.map(|key| Resource::Tree(place.worktree, key)).ok_or_else(refused);
        }
        let (place, path) = self.file_place(found, shown)?;
        let key = PathKey::new(components(&key_bytes(&place, path, shown)?));
        key.map(|key| Resource::Path(place.worktree, key)).ok_or_else(refused)
    }

    /// The worktree that a directory is in, be it its root.
    fn directory_place(&self, found: &Resolved, shown: &dyn Fn() -> String) -> Result<Place, Error> {
        match self.place(&found.path)? {
            Placed::In(place) => Ok(place),
            Placed::Elsewhere(other) => Err(self.elsewhere(other, shown)),
        }
    }

    /// The worktree and the path in it: where the path leads or, for a link that leads out of all worktrees, the link
    /// itself.
    fn file_place<'a>(&self, found: &'a Resolved, shown: &dyn Fn() -> String) -> Result<(Place, &'a Path), Error> {
        let elsewhere = match self.place(above(&found.path))? {
            Placed::In(place) => return Ok((place, &found.path)),
            Placed::Elsewhere(other) => self.elsewhere(other, shown),
        };
        if matches!(elsewhere, Error::Outside { .. }) {
            for link in found.links.iter().rev() {
                if let Placed::In(place) = self.place(above(link))? {
                    return Ok((place, link));
                }
            }
        }
        Err(elsewhere)
    }

    fn elsewhere(&self, other: Option<Other>, shown: &dyn Fn() -> String) -> Error {
        let inside = |path: &Path| path.starts_with(&self.root) || path.starts_with(&self.home);
        match other {
            Some(other) if inside(&other.checkout) => Error::Nested { text: shown(), other },
            other => Error::Outside { text: shown(), root: self.root.clone(), other },
        }
    }

    /// What `text` may have named when something else stood there: the path, the tree and the pattern of that spelling,
    /// in the worktree that it is in now, in that of `cwd` (absolute, without links) and in the main checkout. No link is
    /// followed. Empty for what is no path in any of them, and for what goes up again after it went down: through a link
    /// that leads to another file.
    #[must_use]
    pub fn candidates(&self, cwd: &Path, text: &OsStr) -> Vec<Resource> {
        let bytes = text.as_bytes();
        if let Some(name) = bytes.strip_prefix(NAME_PREFIX.as_bytes()) {
            let name = std::str::from_utf8(name).ok().and_then(|name| NameKey::new(name).ok());
            return name.map(Resource::Name).into_iter().collect();
        }
        let mut found = Vec::new();
        if bytes.is_empty() || bytes.len() > LONGEST_PATH || pattern::turns_back(bytes) {
            return found;
        }
        let path = pattern::lexical(cwd, bytes);
        for place in self.possible_places(&path) {
            let Ok(below) = path.strip_prefix(&place.root) else { continue };
            if below.iter().any(|name| name.len() > LONGEST_NAME) {
                continue;
            }
            let components = || below.iter().map(OsStr::as_bytes);
            found.extend(PathKey::new(components()).map(|key| Resource::Path(place.worktree.clone(), key)));
            found.extend(TreeKey::new(components()).map(|key| Resource::Tree(place.worktree, key)));
        }
        if pattern::has_wildcards(bytes) {
            found.extend(self.candidate_globs(cwd, bytes));
        }
        found
    }

    fn candidate_globs(&self, cwd: &Path, text: &[u8]) -> Vec<Resource> {
        let spelling = pattern::split_as_written(text);
        let Some(pattern) = spelling.pattern else { return Vec::new() };
        let dir = pattern::lexical(cwd, &spelling.path);
        let globs = self.possible_places(&dir.join("x")).into_iter().filter_map(|place| {
            let dir = dir.strip_prefix(&place.root).ok()?;
            let glob = Glob::new(&below(dir.as_os_str().as_bytes(), &pattern)).ok()?;
            Some(Resource::Glob(place.worktree, glob))
        });
        globs.collect()
    }

    /// The worktrees that a path may be in or may have been in. One that cannot be found out is left out.
    fn possible_places(&self, path: &Path) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        let innermost = match self.place(path) {
            Ok(Placed::In(place)) => Some(place),
            Ok(Placed::Elsewhere(_)) | Err(_) => None,
        };
        for place in innermost.into_iter().chain([self.here(), self.main()]) {
            if path.starts_with(&place.root) && !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

/// A pattern in this directory as one from the root.
fn below(dir: &[u8], pattern: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
    [&Glob::escape(dir), slash, pattern].concat()
}

/// The directory that a file is in.
fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn key_bytes(place: &Place, path: &Path, shown: &dyn Fn() -> String) -> Result<Vec<u8>, Error> {
    match path.strip_prefix(&place.root) {
        Ok(below) => Ok(below.as_os_str().as_bytes().to_vec()),
        Err(_) => Err(Error::Outside { text: shown(), root: PathBuf::clone(&place.root), other: None }),
    }
}

fn components(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|b| *b == b'/').filter(|component| !component.is_empty())
}
