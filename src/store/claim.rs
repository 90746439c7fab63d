//! Claims: lock files, each published whole under its own name.

use super::{Result, StateDir, layout};
use crate::fs::{Dir, Entry, FileName};

/// How the names of claims end; other files beside them are not ours.
pub const CLAIM_ENDING: &str = ".lock";

/// A directory of claims below `locks/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Locks on names.
    Names,
    /// Locks on paths of the main checkout.
    Paths,
}

/// The file of one claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimKey {
    place: Place,
    name: FileName,
}

impl Place {
    /// All places in which claims may stand.
    pub const ALL: [Self; 2] = [Self::Names, Self::Paths];

    fn parts(self) -> &'static [FileName] {
        match self {
            Self::Names => const { &[layout::NAMES] },
            Self::Paths => const { &[layout::PATHS, layout::MAIN] },
        }
    }

    /// The claim with this file name in this place.
    #[must_use]
    pub fn claim(self, name: FileName) -> ClaimKey {
        ClaimKey { place: self, name }
    }

    /// Opens the directory, level by level: whoever may write to one above it could replace it.
    fn open(self, state: &Dir) -> Result<Option<Dir>> {
        let Some(mut dir) = state.subdir(&[&layout::LOCKS])? else { return Ok(None) };
        for name in self.parts() {
            match dir.subdir(&[name])? {
                Some(below) => dir = below,
                None => return Ok(None),
            }
        }
        Ok(Some(dir))
    }

    /// Opens the directory for a change, making what is missing of it.
    pub(super) fn ensure(self, state: &Dir) -> Result<Dir> {
        if let Some(dir) = self.open(state)? {
            return Ok(dir);
        }
        let mut dir = state.ensure_subdir(&layout::LOCKS)?;
        for name in self.parts() {
            dir = dir.ensure_subdir(name)?;
        }
        Ok(dir)
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
    pub fn place(&self) -> Place {
        self.place
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

    pub(super) fn from_file(file: &str) -> Option<Self> {
        let (_, name) = file.rsplit_once('/')?;
        let name = FileName::new(name.to_owned())?;
        Place::ALL.into_iter().map(|place| place.claim(name.clone())).find(|key| key.file() == file)
    }
}

impl StateDir {
    /// Reads a claim into `buffer`; `false` if there is none.
    ///
    /// # Errors
    /// [`super::Error::Damaged`] if it is too large; unsafe objects and refusals as they are.
    pub fn read_claim(&self, key: &ClaimKey, buffer: &mut Vec<u8>) -> Result<bool> {
        match key.place.open(self.dir())? {
            Some(dir) => read(&dir, &key.name, buffer),
            None => Ok(false),
        }
    }

    /// Calls `each` with every claim in `place`, sorted by file name, and what came of reading it into the buffer.
    ///
    /// A claim that is removed while this runs may be left out.
    ///
    /// # Errors
    /// If the directory itself cannot be read, or `each` fails.
    pub fn for_each_claim(
        &self,
        place: Place,
        mut each: impl FnMut(ClaimKey, Result<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let Some(dir) = place.open(self.dir())? else { return Ok(()) };
        let mut buffer = Vec::new();
        for entry in dir.entries()? {
            let Entry::Name(name) = entry else { continue };
            if !name.as_str().ends_with(CLAIM_ENDING) {
                continue;
            }
            match read(&dir, &name, &mut buffer) {
                Ok(true) => each(place.claim(name), Ok(&buffer))?,
                Ok(false) => {}
                Err(error) => each(place.claim(name), Err(error))?,
            }
        }
        Ok(())
    }
}

fn read(dir: &Dir, name: &FileName, buffer: &mut Vec<u8>) -> Result<bool> {
    Ok(dir.read_into(&[name], layout::CLAIM_LIMIT, buffer)?.is_some())
}
