//! The directories of claims, each opened once.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use super::{
    CLAIM_ENDING, ClaimKey, Family, MAIN_WORKTREE, Place, Result, StateDir,
    ahead::{read_claim, read_claims},
    layout,
};
use crate::fs::{Dir, FileName};

/// What stands in `locks/`, for one look or one stay inside the guard.
#[derive(Debug)]
pub struct Claims<'a> {
    state: &'a StateDir,
    /// Whether the kernel has passed `locks/` on the way to something, so that it is no mount, and it is ours.
    passed: Cell<bool>,
    /// How many links the directory of a kind has; `None` if it is not there.
    kinds: RefCell<BTreeMap<Family, Option<u64>>>,
    /// Those that were asked for; `None` for what is not there.
    open: RefCell<BTreeMap<Place, Option<Rc<Dir>>>>,
}

impl<'a> Claims<'a> {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, passed: Cell::new(false), kinds: RefCell::default(), open: RefCell::default() }
    }

    fn dir(&self, place: &Place) -> Result<Option<Rc<Dir>>> {
        if let Some(known) = self.open.borrow().get(place) {
            return Ok(known.clone());
        }
        let opened = self.open(place)?.map(Rc::new);
        self.open.borrow_mut().insert(place.clone(), opened.clone());
        Ok(opened)
    }

    /// Opens a directory in one call, and looks at the levels on the way by name, each once (see [`Dir::subdir`]).
    ///
    /// What a look does not find is not there only if the levels above are known to be no mounts: so the first call
    /// always goes all the way.
    fn open(&self, place: &Place) -> Result<Option<Dir>> {
        let parts: Vec<FileName> = std::iter::once(layout::LOCKS).chain(place.parts()).collect();
        let at: Vec<&FileName> = parts.iter().collect();
        let below_kind = place.worktree().is_some();
        if self.passed.get() {
            return match !below_kind || self.kind(place.family())?.is_some() {
                true => Ok(self.state.dir().subdir_beyond(&at)?),
                false => Ok(None),
            };
        }
        let opened = self.state.dir().subdir_beyond(&at)?;
        if self.state.dir().links_of(&[&layout::LOCKS])?.is_none() {
            return Ok(None);
        }
        self.passed.set(true);
        if below_kind && self.kind(place.family())?.is_none() { Ok(None) } else { Ok(opened) }
    }

    /// How many links the directory of a kind has; `None` if it is not there. Only once `locks/` has been passed.
    fn kind(&self, family: Family) -> Result<Option<u64>> {
        if let Some(known) = self.kinds.borrow().get(&family) {
            return Ok(*known);
        }
        let links = self.state.dir().links_of(&[&layout::LOCKS, &family.dir()])?;
        self.kinds.borrow_mut().insert(family, links);
        Ok(links)
    }

    /// The directory, for a change; what is missing of it is made.
    pub(super) fn ensure(&self, place: &Place) -> Result<Rc<Dir>> {
        if let Some(dir) = self.dir(place)? {
            return Ok(dir);
        }
        let mut dir = self.state.dir().ensure_subdir(&layout::LOCKS)?;
        for name in place.parts() {
            dir = dir.ensure_subdir(&name)?;
        }
        let dir = Rc::new(dir);
        self.kinds.borrow_mut().remove(&place.family());
        self.open.borrow_mut().insert(place.clone(), Some(Rc::clone(&dir)));
        Ok(dir)
    }

    /// Whether there certainly is no such claim, if `locks/` is as it should be: a first look, in one call.
    #[must_use]
    pub fn is_absent(&self, key: &ClaimKey) -> bool {
        let parts: Vec<FileName> = std::iter::once(layout::LOCKS).chain(key.place().parts()).collect();
        let at: Vec<&FileName> = parts.iter().chain([key.name()]).collect();
        self.state.dir().is_absent(&at)
    }

    /// Reads a claim into `buffer`; `false` if there is none.
    ///
    /// # Errors
    /// [`super::Error::Damaged`] if it is too large; unsafe objects and refusals as they are.
    pub fn read(&self, key: &ClaimKey, buffer: &mut Vec<u8>) -> Result<bool> {
        match self.dir(key.place())? {
            Some(dir) => read_claim(&dir, key.name(), buffer),
            None => Ok(false),
        }
    }

    /// The claims in `place` with a file name that is `wanted`, sorted by it, unread.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn keys(&self, place: &Place, wanted: impl FnMut(&str) -> bool) -> Result<Vec<ClaimKey>> {
        let Some(dir) = self.dir(place)? else { return Ok(Vec::new()) };
        Ok(names(&dir, wanted)?.into_iter().map(|name| place.claim(name)).collect())
    }

    /// Calls `each` with every claim in `place`, sorted by file name, and what came of reading it into the buffer.
    ///
    /// A claim that is removed while this runs may be left out.
    ///
    /// # Errors
    /// If the directory itself cannot be read, or `each` fails.
    pub fn for_each(&self, place: &Place, mut each: impl FnMut(ClaimKey, Result<&[u8]>) -> Result<()>) -> Result<()> {
        let Some(dir) = self.dir(place)? else { return Ok(()) };
        read_claims(&dir, &names(&dir, |_| true)?, |name, bytes| each(place.claim(name.clone()), bytes))
    }

    /// The directories of worktrees among the claims of a kind, but for the one given.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn other_worktrees(&self, family: Family, but: &FileName) -> Result<Vec<FileName>> {
        let own = u64::from(self.dir(&Place::new(family, but.clone()))?.is_some());
        let Some(links) = self.kind(family)? else { return Ok(Vec::new()) };
        // A directory counts one link for each directory in it, where the file system counts at all (btrfs says 1).
        if links == 2 + own {
            return Ok(Vec::new());
        }
        let dir = self.state.dir().subdir_beyond(&[&layout::LOCKS, &family.dir()])?;
        let Some(dir) = dir else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for name in dir.names(|name| name != but.as_str())? {
            // A file among the directories is no worktree, and no lock stands below it.
            if !dir.look(&name)?.is_some_and(|found| found.regular) {
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

fn names(dir: &Dir, mut wanted: impl FnMut(&str) -> bool) -> Result<Vec<FileName>> {
    Ok(dir.names(|name| name.ends_with(CLAIM_ENDING) && wanted(name))?)
}
