//! Removing a state directory: renamed away in one call, then taken apart.

use super::{Error, Result, Session, init::NEW};
use crate::fs::{Dir, FileName};

impl Session<'_> {
    /// Removes the state directory, which stands in `parent` under `name`. Whoever waits for its guard finds that it was
    /// replaced. Killed in between, it stands under a name that [`super::sweep_dead_inits`] knows. `nonce` is a fresh
    /// random number.
    ///
    /// # Errors
    /// If it cannot be renamed: then it stands. If something in it cannot be removed, the rest stands under the other name.
    pub fn remove_state(self, parent: &Dir, name: &FileName, nonce: u64) -> Result<()> {
        let Some(aside) = FileName::new(format!("{name}{NEW}{nonce:016x}")) else {
            return Err(Error::Damaged { path: parent.path().join(name.as_str()), why: "its name is too long".into() });
        };
        self.check()?;
        // Held until it is gone: what is under this name and not locked is dead, and swept.
        let alive = self.state.dir().try_flock()?;
        parent.rename(name, parent, &aside)?;
        let removed = parent.remove_tree(&aside).and_then(|()| parent.sync());
        drop(alive);
        Ok(removed?)
    }
}
