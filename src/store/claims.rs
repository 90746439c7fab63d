//! The directories of claims, each opened once.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::{CLAIM_ENDING, ClaimKey, Family, MAIN_WORKTREE, Place, Result, StateDir, layout};
use crate::fs::{Dir, Entry, FileName};

/// What stands in `locks/`, for one look or one stay inside the guard.
#[derive(Debug)]
pub struct Claims<'a> {
    state: &'a StateDir,
    /// By the names below `locks/` that lead there; `None` for what is not there.
    open: RefCell<BTreeMap<Vec<FileName>, Option<Rc<Dir>>>>,
}

impl<'a> Claims<'a> {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, open: RefCell::default() }
    }

    /// Opens level by level: whoever may write to one above could replace it.
    fn at(&self, below: &[FileName]) -> Result<Option<Rc<Dir>>> {
        if let Some(known) = self.open.borrow().get(below) {
            return Ok(known.clone());
        }
        let opened = match below.split_last() {
            None => self.state.dir().subdir(&[&layout::LOCKS])?.map(Rc::new),
            Some((name, above)) => match self.at(above)? {
                Some(above) => above.subdir(&[name])?.map(Rc::new),
                None => None,
            },
        };
        self.open.borrow_mut().insert(below.to_vec(), opened.clone());
        Ok(opened)
    }

    fn dir(&self, place: &Place) -> Result<Option<Rc<Dir>>> {
        self.at(&place.parts().collect::<Vec<_>>())
    }

    /// The directory, for a change; what is missing of it is made.
    pub(super) fn ensure(&self, place: &Place) -> Result<Rc<Dir>> {
        if let Some(dir) = self.dir(place)? {
            return Ok(dir);
        }
        let mut dir = Rc::new(self.state.dir().ensure_subdir(&layout::LOCKS)?);
        let mut below = Vec::new();
        self.open.borrow_mut().insert(below.clone(), Some(Rc::clone(&dir)));
        for name in place.parts() {
            dir = Rc::new(dir.ensure_subdir(&name)?);
            below.push(name);
            self.open.borrow_mut().insert(below.clone(), Some(Rc::clone(&dir)));
        }
        Ok(dir)
    }

    /// Reads a claim into `buffer`; `false` if there is none.
    ///
    /// # Errors
    /// [`super::Error::Damaged`] if it is too large; unsafe objects and refusals as they are.
    pub fn read(&self, key: &ClaimKey, buffer: &mut Vec<u8>) -> Result<bool> {
        match self.dir(key.place())? {
            Some(dir) => read(&dir, key.name(), buffer),
            None => Ok(false),
        }
    }

    /// The claims in `place`, sorted by file name, unread.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn keys(&self, place: &Place) -> Result<Vec<ClaimKey>> {
        let Some(dir) = self.dir(place)? else { return Ok(Vec::new()) };
        let names = dir.entries()?.into_iter().filter_map(|entry| match entry {
            Entry::Name(name) if name.as_str().ends_with(CLAIM_ENDING) => Some(place.claim(name)),
            Entry::Name(_) | Entry::Odd(_) => None,
        });
        Ok(names.collect())
    }

    /// Calls `each` with every claim in `place`, sorted by file name, and what came of reading it into the buffer.
    ///
    /// A claim that is removed while this runs may be left out.
    ///
    /// # Errors
    /// If the directory itself cannot be read, or `each` fails.
    pub fn for_each(&self, place: &Place, mut each: impl FnMut(ClaimKey, Result<&[u8]>) -> Result<()>) -> Result<()> {
        let Some(dir) = self.dir(place)? else { return Ok(()) };
        let mut buffer = Vec::new();
        for key in self.keys(place)? {
            match read(&dir, key.name(), &mut buffer) {
                Ok(true) => each(key, Ok(&buffer))?,
                Ok(false) => {}
                Err(error) => each(key, Err(error))?,
            }
        }
        Ok(())
    }

    /// The directories of worktrees among the claims of a kind, but for the one given.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn other_worktrees(&self, family: Family, but: &FileName) -> Result<Vec<FileName>> {
        let Some(dir) = self.at(&[family.dir()])? else { return Ok(Vec::new()) };
        // A directory counts one link for each directory in it, where the file system counts at all (btrfs says 1).
        let own = u64::from(self.dir(&Place::new(family, but.clone()))?.is_some());
        if dir.links() == 2 + own {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in dir.entries()? {
            // A file among the directories is no worktree, and no lock stands below it.
            if let Entry::Name(name) = entry
                && name != *but
                && !dir.look(&name)?.is_some_and(|found| found.regular)
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Every place in which claims stand: names, then paths, trees and patterns, the main checkout first.
    ///
    /// # Errors
    /// If a directory cannot be read.
    pub fn places(&self) -> Result<Vec<Place>> {
        let mut places = vec![Place::names()];
        for family in Family::OF_FILES {
            let others = self.other_worktrees(family, &MAIN_WORKTREE)?;
            places.push(Place::new(family, MAIN_WORKTREE));
            places.extend(others.into_iter().map(|worktree| Place::new(family, worktree)));
        }
        Ok(places)
    }
}

fn read(dir: &Dir, name: &FileName, buffer: &mut Vec<u8>) -> Result<bool> {
    Ok(dir.read_into(&[name], layout::CLAIM_LIMIT, buffer)?.is_some())
}
