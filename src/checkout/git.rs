//! What `.git` in a directory says: which worktree of which repository begins there. Read as files: starting git costs
//! more than a whole command.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    Error,
    resolve::{Resolved, resolve},
};
use crate::{
    domain::Worktree,
    fs::{self, Kind, look_at, read_foreign},
};

/// The most that a `.git` file or `commondir` holds, in bytes: the longest path and the words around it.
const LONGEST: usize = 8192;

/// A worktree of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// Its root.
    pub(super) root: PathBuf,
    /// Which of the repository's it is.
    pub(super) worktree: Worktree,
    /// The directory that the repository's state directory stands in.
    pub(super) home: PathBuf,
    /// Where git keeps what is the worktree's own.
    git_dir: PathBuf,
}

/// What a directory is to git.
#[derive(Debug)]
pub(super) enum Sign {
    /// Nothing but a directory.
    None,
    /// The root of a submodule: its files are those of this worktree around it.
    Submodule(Located),
    /// The root of a worktree.
    Worktree(Located),
}

/// The innermost worktree that `dir` (absolute, without links) is in.
pub(super) fn around(dir: &Path) -> Result<Option<Located>, Error> {
    for dir in dir.ancestors() {
        match sign(dir)? {
            Sign::None => {}
            Sign::Submodule(located) | Sign::Worktree(located) => return Ok(Some(located)),
        }
    }
    Ok(None)
}

/// What `.git` in `dir` (absolute, without links) says.
///
/// # Errors
/// If it can be followed to no repository.
pub(super) fn sign(dir: &Path) -> Result<Sign, Error> {
    let git = dir.join(".git");
    let kind = match look_at(&git) {
        Ok(found) => found.map(|(kind, _)| kind),
        // What is no directory has no root in it.
        Err(error) if error.is_no_directory() || error.is_too_long() => None,
        Err(error) => return Err(error.into()),
    };
    match kind {
        None => Ok(Sign::None),
        Some(Kind::Directory) => Ok(Sign::Worktree(main_checkout(dir, git))),
        Some(Kind::Link) => followed(dir, &git, OsStr::new(".git")),
        Some(Kind::File) => {
            let text = content(&git, &git)?.ok_or_else(|| broken(&git, "it vanished while it was read"))?;
            let Some(target) = text.strip_prefix(b"gitdir: ").filter(|target| !target.is_empty()) else {
                return Err(broken(&git, "it does not begin with 'gitdir: ' and a path"));
            };
            followed(dir, &git, OsStr::from_bytes(target))
        }
    }
}

/// What begins in `dir` if `git` in it leads to `target`.
fn followed(dir: &Path, git: &Path, target: &OsStr) -> Result<Sign, Error> {
    let git_dir = git_directory(git, dir, target)?;
    let commondir = git_dir.join("commondir");
    let Some(text) = content(git, &commondir)? else {
        let is_inside = |outer: &Located| git_dir.starts_with(outer.git_dir.join("modules"));
        // The repository around is looked for only where a submodule's directory can be.
        let may_be_submodule = git_dir.iter().any(|part| part == "modules");
        let outer = if may_be_submodule { dir.parent().map_or(Ok(None), around)? } else { None };
        return Ok(match outer.filter(is_inside) {
            Some(outer) => Sign::Submodule(outer),
            None => Sign::Worktree(main_checkout(dir, git_dir)),
        });
    };
    let common = git_directory(git, &git_dir, OsStr::from_bytes(&text))?;
    let name = git_dir.file_name().filter(|_| git_dir.parent() == Some(&common.join("worktrees")));
    let Some(worktree) = name.map(|name| Worktree::linked(name.as_bytes())) else {
        let why = format!("{} is not one of the worktrees of {}", git_dir.display(), common.display());
        return Err(broken(git, why));
    };
    Ok(Sign::Worktree(Located { root: dir.to_owned(), worktree, home: home(&common), git_dir }))
}

fn main_checkout(dir: &Path, git_dir: PathBuf) -> Located {
    Located { root: dir.to_owned(), worktree: Worktree::MAIN, home: home(&git_dir), git_dir }
}

/// Where the state directory of the repository with this common directory stands: in the main checkout, and where
/// there may be none, or nothing tells where it is, in the common directory itself.
fn home(common: &Path) -> PathBuf {
    let checkout = common.parent().filter(|_| common.file_name() == Some(OsStr::new(".git")));
    checkout.unwrap_or(common).to_owned()
}

/// The git directory that `text` names from `base`, on behalf of `git`.
fn git_directory(git: &Path, base: &Path, text: &OsStr) -> Result<PathBuf, Error> {
    let Resolved { path, kind, .. } = resolve(base, text).map_err(|error| refused(git, error))?;
    match kind {
        Some(Kind::Directory) => {}
        Some(Kind::File | Kind::Link) => return Err(broken(git, format!("{}: it is not a directory", path.display()))),
        None => return Err(broken(git, format!("{}: nothing is there", path.display()))),
    }
    match look_at(&path.join("HEAD")) {
        Ok(Some(_)) => Ok(path),
        Ok(None) => Err(broken(git, format!("{}: it is not a git directory: it has no HEAD", path.display()))),
        Err(error) => Err(refused(git, error.into())),
    }
}

/// What the file at `path` says, without the ends of its lines; `None` if it is not there.
fn content(git: &Path, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = match read_foreign(path, LONGEST) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => return Err(refused(git, error.into())),
    };
    while let Some(b'\n' | b'\r') = bytes.last() {
        bytes.pop();
    }
    if bytes.contains(&0) {
        return Err(broken(git, format!("{}: it is not text", path.display())));
    }
    Ok(Some(bytes))
}

fn broken(git: &Path, why: impl Into<String>) -> Error {
    Error::GitFile { git: git.to_owned(), why: why.into() }
}

/// A refusal that concerns the file itself; one that may pass stays what it is.
fn refused(git: &Path, error: Error) -> Error {
    if let Error::Fs(call @ fs::Error::Call { .. }) = &error
        && !(call.is_denied() || call.is_no_directory())
    {
        return error;
    }
    broken(git, error.to_string())
}
