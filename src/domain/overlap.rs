//! Whether two locks are about a file in common.

use super::glob::{Glob, covers, touch};

/// What of the files of one worktree is locked. Paths are relative to its root: components joined by `/`, none empty,
/// `.` or `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files<'a> {
    /// One file.
    Path(&'a [u8]),
    /// A directory and all below it; `""` is the root.
    Tree(&'a [u8]),
    /// What a pattern matches.
    Glob(&'a Glob),
}

/// Whether there is a path that both are about. Exact and symmetric.
#[must_use]
pub fn overlap(a: Files<'_>, b: Files<'_>) -> bool {
    match (a, b) {
        (Files::Path(a), Files::Path(b)) => a == b,
        (Files::Path(path), Files::Tree(tree)) | (Files::Tree(tree), Files::Path(path)) => covers(tree, path),
        (Files::Path(path), Files::Glob(glob)) | (Files::Glob(glob), Files::Path(path)) => glob.matches(path),
        (Files::Tree(a), Files::Tree(b)) => touch(a, b),
        (Files::Tree(tree), Files::Glob(glob)) | (Files::Glob(glob), Files::Tree(tree)) => glob.overlaps_tree(tree),
        (Files::Glob(a), Files::Glob(b)) => a.overlaps(b),
    }
}
