//! The files of a worktree that are changed: anchored at its root, no link followed.

use super::super::{Code, Failure};
use crate::{
    checkout::Checkout,
    domain::settings::LONGEST,
    fs::{Dir, Error, FileName, Kept},
    store,
};

/// The root of the worktree.
#[derive(Debug)]
pub(in crate::cli) struct Files {
    root: Dir,
    /// The linked worktree; `None` for the main checkout.
    pub(super) worktree: Option<String>,
}

/// The directories of a path and its last part.
struct Parts {
    dirs: Vec<FileName>,
    name: FileName,
}

impl Files {
    pub(in crate::cli) fn of(checkout: &Checkout) -> Result<Self, Failure> {
        let root = Dir::open(checkout.root())?;
        let root = root.ok_or_else(|| store::Error::Replaced { path: checkout.root().to_owned() })?;
        Ok(Self { root, worktree: checkout.worktree().name().map(str::to_owned) })
    }

    fn parts(path: &str) -> Result<Parts, Failure> {
        let mut names = path.split('/').map(|part| FileName::new(part.to_owned())).collect::<Option<Vec<_>>>();
        match names.as_mut().and_then(Vec::pop) {
            Some(name) => Ok(Parts { dirs: names.unwrap_or_default(), name }),
            None => Err(Failure::new(Code::Damaged, format!("{path}: it is no path below the root of a worktree"))
                .next("swarmlock status")),
        }
    }

    /// The directory of a file, opened level by level; `None` if one is missing.
    fn dir(&self, dirs: &[FileName]) -> Result<Option<Dir>, Failure> {
        let mut below: Option<Dir> = None;
        for name in dirs {
            match below.as_ref().unwrap_or(&self.root).kept_subdir(name).map_err(refused)? {
                Some(next) => below = Some(next),
                None => return Ok(None),
            }
        }
        // The root itself, opened again, is the same directory.
        match below {
            Some(below) => Ok(Some(below)),
            None => Ok(Dir::open(self.root.path())?),
        }
    }

    /// What is in a file; `None` if it is not there.
    pub(super) fn read(&self, path: &str) -> Result<Option<Text>, Failure> {
        let parts = Self::parts(path)?;
        let Some(dir) = self.dir(&parts.dirs)? else { return Ok(None) };
        let Some(kept) = dir.read_kept(&parts.name, LONGEST).map_err(refused)? else { return Ok(None) };
        match String::from_utf8(kept.bytes.clone()) {
            Ok(text) => Ok(Some(Text { text, kept })),
            Err(_) => Err(Failure::new(Code::Config, format!("{path}: it is not UTF-8"))
                .help("repair the file and ask again; nothing was written")
                .next("swarmlock init --harness none")),
        }
    }

    /// Fails if a file may not be replaced although it could be: its owner has made it read-only.
    pub(super) fn writable(path: &str, there: Option<&Text>) -> Result<(), Failure> {
        let Some(there) = there.filter(|there| there.kept.mode & 0o200 == 0) else { return Ok(()) };
        Err(Failure::new(Code::Unsafe, format!("{path}: it is read-only (mode {:04o})", there.kept.mode))
            .help("somebody wants it to stay as it is; allow it (chmod u+w) if that is you; nothing was written")
            .next("swarmlock init --harness none"))
    }

    /// The directories on the way to a file that are missing, from the outermost inwards.
    pub(super) fn missing_dirs(&self, path: &str) -> Result<Vec<String>, Failure> {
        let Parts { dirs, .. } = Self::parts(path)?;
        for known in 0..dirs.len() {
            if self.dir(dirs.get(..=known).unwrap_or_default())?.is_none() {
                let joined = |to: usize| dirs.iter().take(to + 1).map(FileName::as_str).collect::<Vec<_>>().join("/");
                return Ok((known..dirs.len()).map(joined).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Writes a file, with the directories that it needs.
    pub(super) fn write(&self, path: &str, text: &str, like: Option<&Text>) -> Result<(), Failure> {
        let parts = Self::parts(path)?;
        let mut below: Option<Dir> = None;
        for name in &parts.dirs {
            let here = below.as_ref().unwrap_or(&self.root);
            let next = match here.kept_subdir(name).map_err(refused)? {
                Some(next) => next,
                None => here.make_kept_subdir(name)?,
            };
            below = Some(next);
        }
        let dir = below.as_ref().unwrap_or(&self.root);
        let like = like.map(|like| &like.kept);
        dir.write_kept(&parts.name, &aside(&parts.name), text.as_bytes(), like)
            .map_err(|error| if error.is_locked() { in_use(path) } else { error.into() })
    }

    /// Removes a file.
    pub(super) fn remove(&self, path: &str) -> Result<(), Failure> {
        let parts = Self::parts(path)?;
        if let Some(dir) = self.dir(&parts.dirs)? {
            dir.remove(&parts.name)?;
            dir.sync()?;
        }
        Ok(())
    }

    /// Removes a directory if nothing is in it.
    pub(super) fn remove_dir(&self, path: &str) -> Result<(), Failure> {
        let parts = Self::parts(path)?;
        if let Some(dir) = self.dir(&parts.dirs)? {
            dir.remove_empty_subdir(&parts.name)?;
        }
        Ok(())
    }

    /// What a killed process left half made beside a file, and the directory that it is in.
    fn litter(&self, path: &str) -> Result<Option<(Dir, FileName)>, Failure> {
        let parts = Self::parts(path)?;
        let Some(dir) = self.dir(&parts.dirs)? else { return Ok(None) };
        let aside = aside(&parts.name);
        let there = dir.look(&aside)?.is_some_and(|found| found.regular);
        Ok(there.then_some((dir, aside)))
    }

    /// Whether a file is half made beside this one: by somebody who is at work, or was killed.
    pub(super) fn has_litter(&self, path: &str) -> Result<bool, Failure> {
        Ok(self.litter(path)?.is_some())
    }

    /// Removes it, unless its maker is at work.
    pub(super) fn sweep(&self, path: &str) -> Result<(), Failure> {
        if let Some((dir, aside)) = self.litter(path)? {
            dir.sweep_kept(&aside)?;
        }
        Ok(())
    }
}

/// A file's text, and what must stay of it when it is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Text {
    pub(super) text: String,
    kept: Kept,
}

/// The name of a file until it is whole, and locked while its maker lives: there may be several state directories one
/// after the other, or none, and so no guard that is common to all.
fn aside(name: &FileName) -> FileName {
    FileName::new(format!(".{name}.swarmlock")).unwrap_or(FileName::literal(".swarmlock"))
}

/// A file that another call is writing.
fn in_use(path: &str) -> Failure {
    Failure::new(Code::Busy, format!("{path}: another call of swarmlock is writing it; it was left as it is"))
        .help("ask again when that has ended")
        .next("swarmlock init --check")
}

/// A file that is not to be touched.
fn refused(error: Error) -> Failure {
    match error {
        Error::Unsafe { .. } => Failure::new(Code::Unsafe, error.to_string())
            .help("only a file of your own is changed, through no link; enter the hooks by hand, or make it one; nothing was written")
            .next("swarmlock init --harness none"),
        Error::TooLarge { .. } => Failure::new(Code::Limit, error.to_string())
            .help("that is no settings file; nothing was written")
            .next("swarmlock init --harness none"),
        Error::Call { .. } => error.into(),
    }
}
