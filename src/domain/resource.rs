//! What can be locked: a path, a tree or a pattern in a checkout, or a name.

use serde::{Deserialize, Serialize};

use super::{
    Files, Glob, NameKey, PathKey, TreeKey, Worktree,
    encode::{decode, file_name, hex, tree_file_name, unhex},
    key::is_key,
    overlap::overlap,
};
use crate::{
    fs::FileName,
    store::{CLAIM_ENDING, ClaimKey, Family, Place},
};

/// What names begin with where paths may stand too.
pub const NAME_PREFIX: &str = "name:";

/// What a lock is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A file of a worktree.
    Path(Worktree, PathKey),
    /// A directory of a worktree and all below it.
    Tree(Worktree, TreeKey),
    /// All files of a worktree that match.
    Glob(Worktree, Glob),
    /// Something that only has a name.
    Name(NameKey),
}

/// How a lock file names its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One file.
    Path,
    /// A directory and all below it.
    Tree,
    /// A pattern.
    Glob,
    /// A name.
    Name,
}

impl Kind {
    /// The kind in one word, as files and output name it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Tree => "tree",
            Self::Glob => "glob",
            Self::Name => "name",
        }
    }
}

impl Resource {
    /// The resource as a person writes it in the root of its worktree; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        shown(self.kind(), &self.key_text())
    }

    /// The same as lock files keep it, where the kind stands beside it: a path may be spelled as a name is.
    pub(super) fn key_text(&self) -> String {
        match self {
            Self::Tree(_, key) if key.as_bytes().is_empty() => ".".to_owned(),
            Self::Name(name) => format!("{NAME_PREFIX}{}", name.as_str()),
            Self::Path(..) | Self::Tree(..) | Self::Glob(..) => String::from_utf8_lossy(self.key()).into_owned(),
        }
    }

    /// The bytes of a path that is not UTF-8, in hexadecimal: [`Resource::text`] loses them.
    #[must_use]
    pub fn hex(&self) -> Option<String> {
        std::str::from_utf8(self.key()).is_err().then(|| hex(self.key()))
    }

    fn key(&self) -> &[u8] {
        match self {
            Self::Path(_, key) => key.as_bytes(),
            Self::Tree(_, key) => key.as_bytes(),
            Self::Glob(_, glob) => glob.as_bytes(),
            Self::Name(name) => name.as_str().as_bytes(),
        }
    }

    /// What it is, in one word.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Path(..) => Kind::Path,
            Self::Tree(..) => Kind::Tree,
            Self::Glob(..) => Kind::Glob,
            Self::Name(_) => Kind::Name,
        }
    }

    /// The worktree that its files are in; names are common to all.
    #[must_use]
    pub fn worktree(&self) -> Option<&Worktree> {
        match self {
            Self::Path(worktree, _) | Self::Tree(worktree, _) | Self::Glob(worktree, _) => Some(worktree),
            Self::Name(_) => None,
        }
    }

    /// The same files in the worktree that has this directory.
    pub(super) fn in_worktree(&self, dir: &FileName) -> Self {
        let worktree = Worktree::of_dir(dir);
        match self {
            Self::Path(_, key) => Self::Path(worktree, key.clone()),
            Self::Tree(_, key) => Self::Tree(worktree, key.clone()),
            Self::Glob(_, glob) => Self::Glob(worktree, glob.clone()),
            Self::Name(name) => Self::Name(name.clone()),
        }
    }

    /// The files it is on, whichever worktree they are in; `None` for a name.
    #[must_use]
    pub fn files(&self) -> Option<Files<'_>> {
        match self {
            Self::Path(_, key) => Some(Files::Path(key.as_bytes())),
            Self::Tree(_, key) => Some(Files::Tree(key.as_bytes())),
            Self::Glob(_, glob) => Some(Files::Glob(glob)),
            Self::Name(_) => None,
        }
    }

    /// The resource that a lock file says it is about.
    pub(super) fn from_file(kind: Kind, worktree: Option<&str>, filepath: &str, hex: Option<&str>) -> Option<Self> {
        if kind == Kind::Name {
            let plain = worktree.is_none() && hex.is_none();
            return NameKey::new(filepath.strip_prefix(NAME_PREFIX)?).ok().filter(|_| plain).map(Self::Name);
        }
        let worktree = Worktree::from_file(worktree)?;
        match hex {
            Some(digits) => Self::from_key(kind, worktree, &unhex(digits)?),
            None => Self::from_key(kind, worktree, filepath.as_bytes()),
        }
    }

    /// The resource that is shown as this text, in the worktree of the lock file `near`, which is its own or that of another
    /// resource of the same lease. What is no lock file's own and may be a pattern is taken for one.
    pub(super) fn from_text(text: &str, near: &ClaimKey) -> Option<Self> {
        if let Some(name) = text.strip_prefix(NAME_PREFIX) {
            return NameKey::new(name).ok().map(Self::Name);
        }
        let worktree = near.place().worktree().map_or(Worktree::MAIN, Worktree::of_dir);
        let key = text.strip_prefix("./").filter(|rest| rest.starts_with(NAME_PREFIX)).unwrap_or(text);
        if let Some(tree) = key.strip_suffix('/') {
            return Self::from_key(Kind::Tree, worktree, tree.as_bytes());
        }
        let path = Self::from_key(Kind::Path, worktree.clone(), key.as_bytes());
        let glob = || Self::from_key(Kind::Glob, worktree, key.as_bytes());
        if key.contains(['*', '?', '[', '{']) && path.as_ref().is_none_or(|path| path.claim() != *near) {
            return glob().or(path);
        }
        path
    }

    /// The resource with this key; `None` if it is none, or a name.
    fn from_key(kind: Kind, worktree: Worktree, key: &[u8]) -> Option<Self> {
        let components = || key.split(|b| *b == b'/');
        match kind {
            Kind::Path => PathKey::from_bytes(key).map(|key| Self::Path(worktree, key)),
            Kind::Tree if key == b"." => Some(Self::Tree(worktree, TreeKey::ROOT)),
            Kind::Tree => TreeKey::new(components()).map(|key| Self::Tree(worktree, key)),
            Kind::Glob => {
                Glob::new(key).ok().filter(|glob| glob.as_bytes() == key).map(|key| Self::Glob(worktree, key))
            }
            Kind::Name => None,
        }
    }

    /// Where its lock file stands.
    #[must_use]
    pub fn claim(&self) -> ClaimKey {
        match self {
            Self::Path(worktree, key) => worktree.place(Family::Paths).claim(file_name(key.as_bytes())),
            Self::Tree(worktree, key) => worktree.place(Family::Trees).claim(tree_file_name(key.as_bytes())),
            Self::Glob(worktree, glob) => worktree.place(Family::Globs).claim(file_name(glob.as_bytes())),
            Self::Name(name) => Place::names().claim(file_name(name.as_str().as_bytes())),
        }
    }
}

impl Resource {
    /// Whether the lock file `key` is one of this resource, or of a directory or a pattern that it is part of; where the
    /// name of a pattern's file does not tell, it may be.
    pub(super) fn may_be_held_at(&self, key: &ClaimKey) -> bool {
        let Candidates { read, scan } = candidates(self);
        let family = key.place().family();
        let here = || self.worktree().map(|worktree| worktree.place(family));
        let scanned = || {
            scan.contains(&family)
                && here().as_ref() == Some(key.place())
                && self.files().is_some_and(|files| may_overlap(&files, family, key.name().as_str(), &mut Vec::new()))
        };
        read.contains(key) || scanned()
    }
}

/// Where locks that overlap a resource may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Lock files with these names.
    pub read: Vec<ClaimKey>,
    /// All of these kinds in its worktree that overlap.
    pub scan: Vec<Family>,
}

/// From how many components on the trees above a path are looked for among all that there are. The names of thousands of
/// directories, each as long as the path, would take seconds; no real path is so deep.
const DEEP: usize = 100;

/// Where to look for locks that overlap `resource`: its own file, that of each directory above it, and, because no
/// name of theirs follows from its own, every pattern; for a tree or a pattern also every path and tree.
#[must_use]
pub fn candidates(resource: &Resource) -> Candidates {
    match resource {
        Resource::Name(_) => Candidates { read: vec![resource.claim()], scan: Vec::new() },
        Resource::Path(_, key) if key.as_bytes().split(|b| *b == b'/').count() > DEEP => {
            Candidates { read: vec![resource.claim()], scan: vec![Family::Globs, Family::Trees] }
        }
        Resource::Path(worktree, key) => {
            let mut read = vec![resource.claim(), Resource::Tree(worktree.clone(), TreeKey::ROOT).claim()];
            let mut components: Vec<&[u8]> = Vec::new();
            for component in key.as_bytes().split(|b| *b == b'/') {
                components.push(component);
                let tree = TreeKey::new(components.iter().copied());
                read.extend(tree.map(|tree| Resource::Tree(worktree.clone(), tree).claim()));
            }
            Candidates { read, scan: vec![Family::Globs] }
        }
        Resource::Tree(..) | Resource::Glob(..) => Candidates { read: Vec::new(), scan: Family::OF_FILES.to_vec() },
    }
}

/// Whether the lock file of this kind with this name may be about a file that is one of `files`: it is what its name tells,
/// and where that tells nothing, it may be. `buffer` is room for the key that the name is made of.
pub(super) fn may_overlap(files: &Files<'_>, family: Family, name: &str, buffer: &mut Vec<u8>) -> bool {
    if !name.strip_suffix(CLAIM_ENDING).is_some_and(|name| decode(name, buffer)) {
        return true;
    }
    match family {
        Family::Paths if is_key(buffer) => overlap(*files, Files::Path(buffer)),
        Family::Trees if buffer == b"." => overlap(*files, Files::Tree(b"")),
        Family::Trees if is_key(buffer) => overlap(*files, Files::Tree(buffer)),
        Family::Globs => Glob::kept(buffer).is_none_or(|glob| overlap(*files, Files::Glob(&glob))),
        Family::Names | Family::Paths | Family::Trees => true,
    }
}

/// A key as a person writes it in the root: what follows from its kind is added.
pub(super) fn shown(kind: Kind, key: &str) -> String {
    let slash = if kind == Kind::Tree { "/" } else { "" };
    let here = if kind != Kind::Name && key.starts_with(NAME_PREFIX) { "./" } else { "" };
    [here, key, slash].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(key: &[u8]) -> Resource {
        Resource::Path(Worktree::MAIN, PathKey::new(key.split(|b| *b == b'/')).unwrap())
    }

    #[test]
    fn file_names_are_readable_and_one_to_one() {
        let file = |r: &Resource| r.claim().file();
        assert_eq!(file(&path(b"src/auth.rs")), "paths/-/src%2Fauth.rs.lock");
        assert_eq!(file(&path(b"a b%\n\xff")), "paths/-/a%20b%25%0A%FF.lock");
        assert_eq!(file(&Resource::Name(NameKey::new("deploy/staging").unwrap())), "names/deploy%2Fstaging.lock");
        let (long, longer) = (path(&[b'x'; 180]), path(&[b'x'; 181]));
        assert_eq!(long.claim().name().as_str().len(), 185);
        assert_eq!(longer.claim().name().as_str().len(), 120 + 1 + 32 + 5);
        assert_ne!(file(&path(&[b'y'; 4000])), file(&path(&[b'y'; 4001])));
        assert!(file(&path(&[b'/', b'a'].repeat(2000)[1..])).len() < 255);
    }

    #[test]
    fn a_scan_sees_by_its_name_what_a_lock_is_on() {
        let mut buffer = Vec::new();
        let glob = Glob::new(b"src/*.rs").unwrap();
        let kinds = [
            Files::Path(b"src/a.rs"),
            Files::Path(b"lib/b.py"),
            Files::Tree(b"src"),
            Files::Tree(b""),
            Files::Glob(&glob),
        ];
        let others = [
            path(b"src/a.rs"),
            path(b"src/a.py"),
            path(b"\xff"),
            Resource::Tree(Worktree::MAIN, TreeKey::ROOT),
            Resource::Tree(Worktree::MAIN, TreeKey::new([&b"src"[..]]).unwrap()),
            Resource::Tree(Worktree::MAIN, TreeKey::new([&b"docs"[..]]).unwrap()),
            Resource::Glob(Worktree::MAIN, Glob::new(b"**/a.*").unwrap()),
            Resource::Glob(Worktree::MAIN, Glob::new(b"docs/**").unwrap()),
        ];
        for here in kinds {
            for other in &others {
                let claim = other.claim();
                let seen = may_overlap(&here, claim.place().family(), claim.name().as_str(), &mut buffer);
                assert_eq!(seen, overlap(here, other.files().unwrap()), "{here:?} {other:?}");
            }
            // What tells nothing may be anything: a name that was cut, and one that no key of ours has.
            let cut = path(&[b'x'; 300]).claim();
            assert!(may_overlap(&here, Family::Paths, cut.name().as_str(), &mut buffer));
            for odd in ["a%2", "a%zz.lock", "a%2F%2Fb.lock", "%2E%2E.lock", "%2Fa.lock", "a~b.lock", ".lock"] {
                assert!(may_overlap(&here, Family::Paths, odd, &mut buffer), "{odd}");
                assert!(may_overlap(&here, Family::Trees, odd, &mut buffer) || odd == ".lock", "{odd}");
            }
            assert!(may_overlap(&here, Family::Globs, "%5B.lock", &mut buffer));
        }
    }

    #[test]
    fn the_name_of_a_pattern_dismisses_it_only_if_it_is_one() {
        let mut buffer = Vec::new();
        let mut may = |name: &str, path: &[u8]| may_overlap(&Files::Path(path), Family::Globs, name, &mut buffer);
        for (name, path, expected) in [
            ("src%2F%2A%2A%2Fpart1%2A.rs.lock", &b"src/part1.rs"[..], true),
            ("src%2F%2A%2A%2Fpart1%2A.rs.lock", b"src/measured.rs", false),
            ("%2A%2A%2F%2A.%7Bts%2Ctsx%7D.lock", b"src/a.tsx", true),
            ("%2A%2A%2F%2A.%7Bts%2Ctsx%7D.lock", b"src/a.rs", false),
            ("%FF%2A.lock", b"\xffa", true),
            ("%FF%2A.lock", b"a", false),
            // Cut, encoded in another way, not as a pattern is kept, or none at all.
            ("docs~%2A.lock", b"src/a.rs", true),
            ("docs%2F%2.lock", b"src/a.rs", true),
            ("docs%2F%2A", b"src/a.rs", true),
            ("docs%2F%2A%2A%2A.lock", b"src/a.rs", true),
            ("docs%2F%2A%2A%2F%2A%2A.lock", b"src/a.rs", true),
            ("docs%2F%2F%2A.lock", b"src/a.rs", true),
            ("docs%2F%7Ba.lock", b"src/a.rs", true),
            ("docs%2F%5Bz-a%5D.lock", b"src/a.rs", true),
            ("docs%2F%00%2A.lock", b"src/a.rs", true),
            ("docs%2F..%2F%2A.lock", b"src/a.rs", true),
        ] {
            assert_eq!(may(name, path), expected, "{name}");
        }
        let deep = [&"%7B".repeat(60), ".lock"].concat();
        assert!(may(&deep, b"src/a.rs"), "braces too deep");
        let wide = ["%2Aa".repeat(1000).as_str(), ".lock"].concat();
        assert!(may(&wide, &b"a".repeat(4096)), "too large, and it matches");
    }

    #[test]
    fn what_a_file_names_is_what_was_locked() {
        for key in [&b"src/auth.rs"[..], b"\xff/\xfe", b"a\nb", "é/ü".as_bytes()] {
            let resource = path(key);
            let read = Resource::from_file(Kind::Path, None, &resource.key_text(), resource.hex().as_deref());
            assert_eq!(read, Some(resource));
        }
        let name = Resource::Name(NameKey::new("deploy").unwrap());
        assert_eq!(Resource::from_file(Kind::Name, None, &name.text(), None), Some(name));
        for (kind, text, hex) in [
            (Kind::Path, "", None),
            (Kind::Path, "/etc/passwd", None),
            (Kind::Path, "a/../b", None),
            (Kind::Path, "x", Some("2e2e")),
            (Kind::Path, "x", Some("6")),
            (Kind::Path, "x", Some("zz")),
            (Kind::Name, "deploy", None),
            (Kind::Name, "name:deploy", Some("00")),
        ] {
            assert_eq!(Resource::from_file(kind, None, text, hex), None, "{text} {hex:?}");
        }
    }
}
