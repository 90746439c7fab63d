//! Which tmux servers there may be.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use crate::{
    fs,
    host::process::{is_tmux_server, stat},
    store,
};

/// No more servers than this are asked.
const MOST: usize = 64;
/// No more names than this are looked at in the directory of sockets.
const LOOKED_AT: usize = 1024;
/// Longer than any value that tmux makes, in bytes.
const LIMIT: usize = 4096;

/// The sockets of the servers to ask, at most 64: that of `TMUX` first, then those in the directory that tmux makes for
/// its user in `TMUX_TMPDIR`, or in `/tmp`, sorted. What is empty is not set. A directory that is not ours, or that
/// others may write to, is passed over.
#[must_use]
pub fn servers(tmux: Option<&OsStr>, tmpdir: Option<&OsStr>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = tmux.and_then(socket_in).into_iter().collect();
    let tmpdir = tmpdir.filter(|dir| !dir.is_empty()).unwrap_or(OsStr::new("/tmp"));
    let dir = Path::new(tmpdir).join(format!("tmux-{}", rustix::process::getuid().as_raw()));
    let first = found.first().and_then(|path| fs::look_at(path).ok().flatten());
    for name in fs::own_sockets(&dir, MOST, LOOKED_AT) {
        let path = dir.join(name);
        let again = found.contains(&path) || (first.is_some() && fs::look_at(&path).ok().flatten() == first);
        if !again && found.len() < MOST {
            found.push(path);
        }
    }
    found
}

/// When the tmux server with this pid started, in clock ticks since boot; `None` if it is not to be seen.
///
/// # Errors
/// If what is there cannot be read for a reason that may pass.
pub fn server_started(pid: u32) -> store::Result<Option<u64>> {
    Ok(stat(&pid.to_string())?.filter(is_tmux_server).map(|stat| stat.started))
}

/// The socket in `SOCKET,SERVER PID,SESSION`.
fn socket_in(tmux: &OsStr) -> Option<PathBuf> {
    let tmux = tmux.as_bytes();
    if tmux.len() > LIMIT || tmux.iter().any(u8::is_ascii_control) {
        return None;
    }
    // From the end: the path may hold commas too.
    let socket = tmux.rsplitn(3, |byte| *byte == b',').nth(2)?;
    socket.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(socket.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_the_variable_is_read_from_its_end() {
        let read = |text: &str| socket_in(OsStr::new(text));
        assert_eq!(read("/tmp/tmux-0/default,77,0"), Some("/tmp/tmux-0/default".into()));
        assert_eq!(read("/tmp/a,b/s,77,0"), Some("/tmp/a,b/s".into()));
        for bad in ["", ",", ",,", "s,1,0", "/tmp/s", "/tmp/s,1", "/tmp/\n,1,0"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(read(&format!("/{},1,0", "x".repeat(LIMIT))), None);
    }
}
