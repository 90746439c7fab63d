//! Whether two locks are on the same file.

use super::Glob;

/// What of the files of one worktree is locked.
#[derive(Clone, Copy, Debug)]
pub enum Files<'a> {
    /// One file.
    Path(&'a [u8]),
    /// A directory and all below it; empty for the root.
    Tree(&'a [u8]),
    /// All that match.
    Glob(&'a Glob),
}

/// Whether some file is in both.
#[must_use]
pub fn overlap(a: Files<'_>, b: Files<'_>) -> bool {
    matches!((a, b), (Files::Path(a), Files::Path(b)) if a == b)
}
