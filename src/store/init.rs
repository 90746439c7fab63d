//! Making a state directory: built whole under another name, then renamed into place.

use super::{Error, Machine, Result, era::EraFile, guard::Line, layout};
use crate::fs::{self, Dir, Entry, FileName, Stamp, Sync};

/// Between the name of the state directory and 16 hexadecimal digits: one under construction, or being removed.
pub(super) const NEW: &str = ".new-";

/// How often construction is begun again when a sweep took it for dead in the instant before it was locked.
const RETRIES: u32 = 8;

/// Whether `init` made the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It did.
    New,
    /// Something stood there already and was left alone.
    AlreadyThere,
}

/// Makes the state directory `name` in `parent`, durably, unless it is there. `nonce` yields fresh random numbers.
///
/// # Errors
/// If it cannot be made; what was begun is removed, or swept by `cleanup`.
pub fn init(parent: &Dir, name: &FileName, machine: &Machine, nonce: &dyn Fn() -> Result<u64>) -> Result<Created> {
    let mut tries = 0;
    loop {
        match attempt(parent, name, machine, nonce()?) {
            Ok(Some(created)) => return Ok(created),
            Ok(None) if tries < RETRIES => {}
            Err(Error::Fs(error)) if error.is_absent() && tries < RETRIES => {}
            Ok(None) => return Err(Error::Replaced { path: parent.path().join(name.as_str()) }),
            Err(error) => return Err(error),
        }
        tries += 1;
    }
}

/// One try; `None` if a sweep took the directory for dead before it was locked.
fn attempt(parent: &Dir, name: &FileName, machine: &Machine, nonce: u64) -> Result<Option<Created>> {
    let Some(new) = FileName::new(format!("{name}{NEW}{nonce:016x}")) else {
        return Err(Error::Damaged { path: parent.path().join(name.as_str()), why: "its name is too long".into() });
    };
    let dir = parent.create_subdir(&new)?;
    // Held until we are done or dead: whoever can take it may remove the directory.
    let Some(alive) = dir.try_flock()? else { return Ok(None) };
    let made = build(&dir, machine).and_then(|()| publish(parent, &new, name));
    if !matches!(made, Ok(Created::New)) {
        // Left for the sweep if it cannot be removed now.
        match parent.remove_tree(&new) {
            Ok(()) | Err(_) => {}
        }
    }
    drop(alive);
    made.map(Some)
}

fn build(dir: &Dir, machine: &Machine) -> Result<()> {
    let create = |name: &FileName, bytes: &[u8]| dir.create(name, bytes, Sync::Durable, Stamp::Now);
    create(&layout::GITIGNORE, b"*\n")?;
    create(&layout::GUARD, b"")?;
    let Some(guard) = dir.look(&layout::GUARD)? else {
        return Err(Error::NoGuard { path: dir.path().to_owned() });
    };
    let Some(era) = EraFile::begin(None, &guard, machine)? else {
        return Err(Error::Exhausted { path: dir.path().join(layout::ERA.as_str()) });
    };
    create(&layout::ERA, &era.bytes(dir, &layout::ERA)?)?;
    if let Some(file) = dir.open_writable(&[&layout::GUARD])?
        && let Some(line) = Line::new(era.era, era.era + 1, None).to_bytes()
    {
        file.overwrite_start(&line)?;
    }
    let locks = dir.create_subdir(&layout::LOCKS)?;
    let paths = locks.create_subdir(&layout::PATHS)?;
    for made in [
        paths.create_subdir(&layout::MAIN)?,
        locks.create_subdir(&layout::NAMES)?,
        dir.create_subdir(&layout::QUARANTINE)?,
        dir.create_subdir(&layout::TMP)?,
    ] {
        made.sync()?;
    }
    paths.sync()?;
    locks.sync()?;
    Ok(dir.sync()?)
}

fn publish(parent: &Dir, new: &FileName, name: &FileName) -> Result<Created> {
    // A plain rename of a directory replaces an empty one and nothing else.
    match parent.rename(new, parent, name) {
        Ok(()) => {
            parent.sync()?;
            Ok(Created::New)
        }
        Err(error) if error.is_in_the_way() => Ok(Created::AlreadyThere),
        Err(error) => Err(error.into()),
    }
}

/// Removes directories that a killed `init` left under construction in `parent`: how many, and why others were left.
///
/// # Errors
/// If `parent` cannot be read.
pub fn sweep_dead_inits(parent: &Dir, name: &FileName) -> Result<(usize, Vec<Error>)> {
    let prefix = format!("{name}{NEW}");
    let (mut swept, mut left) = (0, Vec::new());
    for entry in parent.entries()? {
        let Entry::Name(found) = entry else { continue };
        let nonce = found.as_str().strip_prefix(&prefix).unwrap_or_default();
        if nonce.len() != 16 || !nonce.bytes().all(|b| b.is_ascii_hexdigit()) {
            continue;
        }
        match sweep_if_dead(parent, &found) {
            Ok(true) => swept += 1,
            // Named like one of ours, but none.
            Ok(false) | Err(fs::Error::Unsafe { .. }) => {}
            Err(error) => left.push(error.into()),
        }
    }
    Ok((swept, left))
}

fn sweep_if_dead(parent: &Dir, found: &FileName) -> fs::Result<bool> {
    let Some(dir) = parent.subdir(&[found])? else { return Ok(false) };
    let Some(dead) = dir.try_flock()? else { return Ok(false) };
    parent.remove_tree(found)?;
    drop(dead);
    Ok(true)
}
