//! Objects to plant in place of good ones.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode},
    process::{Gid, Uid},
};
use tempfile::TempDir;

use super::{is_root, private};

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Fifo,
    Directory,
    File,
    LinkToTheGood,
    DanglingLink,
    HardLink,
    Socket,
    Device,
    Foreign,
    Loose,
}

pub const FOR_FILES: &[Object] = &[
    Object::Fifo,
    Object::Directory,
    Object::LinkToTheGood,
    Object::DanglingLink,
    Object::HardLink,
    Object::Socket,
    Object::Device,
    Object::Foreign,
    Object::Loose,
];

pub const FOR_DIRECTORIES: &[Object] = &[
    Object::Fifo,
    Object::File,
    Object::LinkToTheGood,
    Object::DanglingLink,
    Object::Socket,
    Object::Device,
    Object::Foreign,
    Object::Loose,
];

/// An object in place of a good one, which is kept outside of the checkout.
pub struct Planted {
    at: PathBuf,
    object: Object,
    pub outside: TempDir,
    mode: u32,
}

impl Planted {
    /// `None` if this user cannot make such an object here.
    pub fn new(at: PathBuf, object: Object) -> Option<Self> {
        let outside = tempfile::tempdir_in(at.ancestors().find(|dir| dir.join(".git").exists()).unwrap()).unwrap();
        let good = outside.path().join("good");
        if object == Object::Foreign && !is_root() {
            return None;
        }
        let mode = fs::symlink_metadata(&at).map_or(0o600, |meta| meta.permissions().mode());
        let nobody = (Uid::from_raw(65534), Gid::from_raw(65534));
        match object {
            Object::Foreign => rustix::fs::chown(&at, Some(nobody.0), Some(nobody.1)).ok()?,
            Object::Loose => fs::set_permissions(&at, fs::Permissions::from_mode(mode | 0o020)).unwrap(),
            Object::HardLink => fs::hard_link(&at, &good).unwrap(),
            Object::Fifo
            | Object::Directory
            | Object::File
            | Object::LinkToTheGood
            | Object::DanglingLink
            | Object::Socket
            | Object::Device => fs::rename(&at, &good).unwrap(),
        }
        let planted = Self { at, object, outside, mode };
        let at = &planted.at;
        match object {
            Object::Fifo => rustix::fs::mknodat(CWD, at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
            Object::Directory => {
                fs::create_dir(at).unwrap();
                private(at);
            }
            Object::File => fs::write(at, "a file\n").unwrap(),
            Object::LinkToTheGood => std::os::unix::fs::symlink(relative(at, &good), at).unwrap(),
            Object::DanglingLink => std::os::unix::fs::symlink(planted.outside.path().join("missing"), at).unwrap(),
            Object::Socket => bind(at),
            Object::Device => {
                let null = rustix::fs::makedev(1, 3);
                let made = rustix::fs::mknodat(CWD, at, FileType::CharacterDevice, Mode::from_raw_mode(0o600), null);
                // Where devices cannot be opened at all, opening one shows nothing.
                if made.is_err() || fs::File::open(at).is_err() {
                    planted.remove();
                    return None;
                }
            }
            Object::HardLink | Object::Foreign | Object::Loose => {}
        }
        Some(planted)
    }

    /// Puts the good one back.
    pub fn remove(self) {
        match self.object {
            Object::Foreign => {
                let me = (rustix::process::geteuid(), rustix::process::getegid());
                rustix::fs::chown(&self.at, Some(me.0), Some(me.1)).unwrap();
            }
            Object::Loose => fs::set_permissions(&self.at, fs::Permissions::from_mode(self.mode)).unwrap(),
            Object::HardLink => fs::remove_file(self.good()).unwrap(),
            Object::Directory => fs::remove_dir(&self.at).unwrap(),
            Object::Fifo
            | Object::File
            | Object::LinkToTheGood
            | Object::DanglingLink
            | Object::Socket
            | Object::Device => {
                // A device that could not be made is not there.
                fs::remove_file(&self.at).ok();
            }
        }
        if self.good().exists() {
            fs::rename(self.good(), &self.at).unwrap();
        }
    }

    fn good(&self) -> PathBuf {
        self.outside.path().join("good")
    }
}

/// The way from a link at `at` to `to`, which stands in a directory of the same checkout. The kernel refuses absolute
/// links for more reasons than one.
fn relative(at: &Path, to: &Path) -> PathBuf {
    let root = to.ancestors().nth(2).unwrap();
    let up = at.parent().unwrap().strip_prefix(root).unwrap().iter().map(|_| "..");
    up.collect::<PathBuf>().join(to.strip_prefix(root).unwrap())
}

/// Makes a socket: by a short path, because the kernel takes no long one.
fn bind(at: &Path) {
    let short = tempfile::tempdir().unwrap();
    let first = short.path().join("s");
    drop(UnixListener::bind(&first).unwrap());
    if fs::rename(&first, at).is_err() {
        drop(UnixListener::bind(at).unwrap());
    }
}
