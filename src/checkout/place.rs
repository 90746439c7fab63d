//! Which worktree a path is in.

use std::path::{Path, PathBuf};

use super::{
    Checkout, Error, Other, STATE_NAME,
    git::{Located, Sign, sign},
};
use crate::{domain::Worktree, fs::look_at};

/// A worktree with locks in this state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its root: keys are relative to it.
    pub(super) root: PathBuf,
    /// Which one it is.
    pub(super) worktree: Worktree,
}

/// What of the checkout a directory belongs to.
#[derive(Debug)]
pub(super) enum Placed {
    /// A worktree of ours.
    In(Place),
    /// Another checkout or none.
    Elsewhere(Option<Other>),
}

impl Checkout {
    /// The innermost worktree that `dir` (absolute, without links) is in, whether it exists or not.
    pub(super) fn place(&self, dir: &Path) -> Result<Placed, Error> {
        let mut around = None;
        for dir in dir.ancestors() {
            if dir == self.root {
                return Ok(Placed::In(self.here()));
            }
            let found = match around.take() {
                // Between a submodule and the worktree around it there is no other.
                Some(located) => Sign::Submodule(located),
                None => sign(dir)?,
            };
            match found {
                Sign::Worktree(located) => return Ok(self.judged(located)),
                Sign::Submodule(located) if located.root == dir => return Ok(self.judged(located)),
                Sign::Submodule(located) => around = Some(located),
                Sign::None => {}
            }
            if dir != self.home && has_state(dir)? {
                return Ok(Placed::Elsewhere(Some(Other { checkout: dir.to_owned(), home: dir.to_owned() })));
            }
        }
        Ok(Placed::Elsewhere(None))
    }

    fn judged(&self, Located { root, worktree, home, .. }: Located) -> Placed {
        if home == self.home {
            Placed::In(Place { root, worktree })
        } else {
            Placed::Elsewhere(Some(Other { checkout: root, home }))
        }
    }

    /// The worktree that the current directory is in.
    pub(super) fn here(&self) -> Place {
        Place { root: self.root.clone(), worktree: self.worktree.clone() }
    }
}

fn has_state(dir: &Path) -> Result<bool, Error> {
    match look_at(&dir.join(STATE_NAME.as_str())) {
        Ok(found) => Ok(found.is_some()),
        Err(error) if error.is_no_directory() || error.is_too_long() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
