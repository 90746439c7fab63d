//! Claims: lock files, each published whole under its own name.

use std::path::PathBuf;

use super::layout;
use crate::fs::FileName;

/// How the names of claims end; other files beside them are not ours.
pub const CLAIM_ENDING: &str = ".lock";

/// The directory of the main checkout among those of the worktrees.
pub const MAIN_WORKTREE: FileName = layout::MAIN;

/// The kinds of claims, each with a directory of its own below `locks/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Locks on names.
    Names,
    /// Locks on paths.
    Paths,
    /// Locks on directories and all below them.
    Trees,
    /// Locks on patterns.
    Globs,
}

impl Family {
    /// Those that have a directory for each worktree.
    pub const OF_FILES: [Self; 3] = [Self::Paths, Self::Trees, Self::Globs];

    pub(super) fn dir(self) -> FileName {
        match self {
            Self::Names => layout::NAMES,
            Self::Paths => layout::PATHS,
            Self::Trees => layout::TREES,
            Self::Globs => layout::GLOBS,
        }
    }
}

/// A directory of claims below `locks/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    family: Family,
    worktree: Option<FileName>,
}

/// The file of one claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimKey {
    place: Place,
    name: FileName,
}

impl Place {
    /// Where locks on names stand.
    #[must_use]
    pub fn names() -> Self {
        Self { family: Family::Names, worktree: None }
    }

    /// Where locks of a kind on files of a worktree stand, which has this directory.
    #[must_use]
    pub fn new(family: Family, worktree: FileName) -> Self {
        Self { family, worktree: Some(worktree).filter(|_| family != Family::Names) }
    }

    /// The kind of its locks.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The directory of the worktree; `None` for names.
    #[must_use]
    pub fn worktree(&self) -> Option<&FileName> {
        self.worktree.as_ref()
    }

    /// The directories below `locks/` that lead to it.
    pub(super) fn parts(&self) -> impl Iterator<Item = FileName> {
        std::iter::once(self.family.dir()).chain(self.worktree.clone())
    }

    /// The claim with this file name in this place.
    #[must_use]
    pub fn claim(&self, name: FileName) -> ClaimKey {
        ClaimKey { place: self.clone(), name }
    }
}

impl ClaimKey {
    /// The name of the file in its directory.
    #[must_use]
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// The directory that the file stands in.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The file below `locks/`, as events name it.
    #[must_use]
    pub fn file(&self) -> String {
        let mut text = String::new();
        for name in self.place.parts() {
            text.push_str(name.as_str());
            text.push('/');
        }
        text.push_str(self.name.as_str());
        text
    }

    /// The file below the state directory, as errors name it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(layout::LOCKS.as_str()).join(self.file())
    }

    /// The claim with this file below `locks/`; `None` if no claim stands there.
    #[must_use]
    pub fn from_file(file: &str) -> Option<Self> {
        let mut parts = file.split('/').map(|part| FileName::new(part.to_owned()));
        let family = parts.next()??;
        let place = if family == layout::NAMES {
            Place::names()
        } else {
            let family = Family::OF_FILES.into_iter().find(|one| one.dir() == family)?;
            Place::new(family, parts.next()??)
        };
        let name = parts.next()??;
        (parts.next().is_none() && name.as_str().ends_with(CLAIM_ENDING)).then(|| place.claim(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_claim_leads_back_to_it() {
        for file in ["names/deploy.lock", "paths/-/src%2Fa.lock", "trees/feature/%2E.lock", "globs/-/%2A.lock"] {
            assert_eq!(ClaimKey::from_file(file).map(|key| key.file()).as_deref(), Some(file));
        }
        for file in ["", "names", "names/-/a.lock", "paths/a.lock", "other/-/a.lock", "paths/-/a", "paths/../a.lock"] {
            assert_eq!(ClaimKey::from_file(file), None, "{file}");
        }
    }
}
