//! Hooks in the settings of harnesses: entered and taken out, with real files.

mod files;
mod kills;
mod plugin;
mod races;
mod settings;

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    time::SystemTime,
};

use crate::harness::{BINARY, Call, Site, scratch};

/// What is below a directory but for the state directory: permissions and bytes or link target, by name.
pub fn tree(site: &Site) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let (mut found, mut todo) = (Vec::new(), vec![site.root().to_owned()]);
    while let Some(path) = todo.pop() {
        if path == site.state("").parent().unwrap().join(".agent_locks") {
            continue;
        }
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if meta.is_file() {
            fs::read(&path).unwrap()
        } else {
            fs::read_link(&path).map(|to| to.into_os_string().into_encoded_bytes()).unwrap_or_default()
        };
        found.push((path, meta.mode(), content));
    }
    found.sort();
    found
}

/// A call as alice with a directory in `PATH` in which `swarmlock` is the built binary.
pub fn call(site: &Site) -> Call {
    let dir = scratch("bin");
    std::os::unix::fs::symlink(BINARY, dir.join("swarmlock")).unwrap_or_default();
    let call = site.agent("alice");
    let rest = call.command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    let path = std::iter::once(dir).chain(std::env::split_paths(&rest));
    call.env("PATH", std::env::join_paths(path).unwrap())
}

/// Makes a file, with the directories above it.
pub fn put(site: &Site, path: &str, text: impl AsRef<[u8]>) {
    let path = site.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub fn text(site: &Site, path: &str) -> String {
    fs::read_to_string(site.path(path)).unwrap()
}

pub fn mode(site: &Site, path: &str) -> u32 {
    fs::symlink_metadata(site.path(path)).unwrap().permissions().mode() & 0o7777
}

pub fn modified(site: &Site, path: &str) -> SystemTime {
    fs::symlink_metadata(site.path(path)).unwrap().modified().unwrap()
}
