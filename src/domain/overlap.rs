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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `dir/` and `""` as a tree, what has wildcards as a pattern, the rest and what follows `=` as a path.
    fn with<T>(text: &str, then: impl FnOnce(Files<'_>) -> T) -> T {
        if let Some(path) = text.strip_prefix('=') {
            then(Files::Path(path.as_bytes()))
        } else if text.is_empty() || text.ends_with('/') {
            then(Files::Tree(text.trim_end_matches('/').as_bytes()))
        } else if text.contains(['*', '?', '[', '{']) {
            then(Files::Glob(&Glob::new(text.as_bytes()).unwrap()))
        } else {
            then(Files::Path(text.as_bytes()))
        }
    }

    fn assert_answers(table: &[(&str, &str, bool)]) {
        for (a, b, expected) in table {
            with(a, |files_a| {
                with(b, |files_b| {
                    assert_eq!(overlap(files_a, files_b), *expected, "{a} and {b}");
                    assert_eq!(overlap(files_b, files_a), *expected, "{b} and {a}");
                    assert!(overlap(files_a, files_a) && overlap(files_b, files_b), "{a} and {b}, each with itself");
                });
            });
        }
    }

    #[test]
    fn paths_and_trees_overlap_by_components() {
        assert_answers(&[
            ("src/a.rs", "src/a.rs", true),
            ("src/a.rs", "src/A.rs", false),
            ("src/a.rs", "src/a", false),
            ("src/", "=src", true),
            ("src/", "src/a/b.rs", true),
            ("src/", "srcs/a.rs", false),
            ("src/a/", "=src", false),
            ("src/", "src/a/", true),
            ("src/a/", "src/b/", false),
            ("src/", "src/", true),
            ("", "a", true),
            ("", "src/", true),
            ("", "**/x", true),
            ("", "", true),
        ]);
    }

    /// Pairs that other tools for the same job answer wrongly, by what they do instead.
    #[test]
    fn the_overlap_matrix_of_other_tools() {
        assert_answers(&[
            // `**` must stand for at least one directory.
            ("src/**/*.py", "src/main.py", true),
            ("src/**/*.py", "src/auth/login.py", true),
            ("**/*.py", "a.py", true),
            ("src/**", "=src", true),
            ("src/**", "src/", true),
            ("src/**", "src/a", true),
            ("src/auth/**", "src/auth/a.py", true),
            // `*` crosses `/`.
            ("src/*.py", "src/auth/deep/x.py", false),
            ("*", "a/b", false),
            ("*", "a", true),
            // Two patterns are compared as texts, or one is matched with the other's text.
            ("src/a*.py", "src/*b.py", true),
            ("src/x?.py", "src/[xy]1.py", true),
            ("src/x?.py", "src/[yz]1.py", false),
            ("src/**/*.py", "src/auth/*.py", true),
            ("src/**", "src/a.py", true),
            ("lib/**", "lib/*.py", true),
            ("lib/**", "lib/x/y.py", true),
            ("lib/**", "lib/**", true),
            // Only what comes before the first wildcard is compared.
            ("src/*.rs", "src/*.py", false),
            ("src/**/*.test.ts", "src/**/*.snap", false),
            ("*.md", "*.rs", false),
            ("**/a/*.c", "**/b/*.c", false),
            // Directories are paths like others, and cover nothing.
            ("src/", "src/a.py", true),
            ("src/", "src/*.py", true),
            ("src/", "*/a.py", true),
            ("src/", "lib/*.py", false),
            ("src/web/", "src/*.py", false),
            ("src/web/", "src/*", true),
            // Names with brackets are read as classes; a path is taken as it is.
            ("=app/[id]/page.tsx", "app/i/page.tsx", false),
            ("=app/[id]/page.tsx", "=app/[id]/page.tsx", true),
            ("=app/[id]/page.tsx", "app/*/page.tsx", true),
            ("=app/[id]/page.tsx", "app/[[]id]/*", true),
            ("app/[id]/page.tsx", "app/i/page.tsx", true),
            // Braces are characters.
            ("src/*.{py,js}", "src/a.py", true),
            ("src/*.{py,js}", "src/a.js", true),
            ("src/*.{py,js}", "src/a.rs", false),
            // A class crosses `/`.
            ("a[!b]c", "a/c", false),
            ("a[!b]c", "a/*", false),
            ("a[+-9]c", "*/c", false),
            // `?` is one byte, `.` is no newline.
            ("?.md", "é.md", true),
            ("a*b", "a\nb", true),
            ("a?b", "a\nb", true),
        ]);
    }

    #[test]
    fn what_no_path_can_be_is_no_overlap() {
        assert_answers(&[
            ("{.,a}", "[!a]", false),
            ("{a,}/b", "?b", false),
            ("{a/,}b", "?b", false),
            (".*", "*.", true),
            ("??", ".[!a-z]", true),
            ("a/{..,b}/c", "a/?[!b]/c", false),
            ("{a*,}", "{,b}", false),
        ]);
    }
}
