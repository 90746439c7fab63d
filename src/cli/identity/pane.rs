//! The tmux pane, as the environment names it.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use sha2::{Digest as _, Sha256};

use crate::domain::agents::PaneKey;

/// Longer than any value that tmux makes, in bytes.
const LIMIT: usize = 4096;

/// A pane: its number is unique as long as its server lives, and means nothing without the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Tmux<'a> {
    /// The server's socket.
    socket: &'a [u8],
    /// The server's pid.
    pub(in crate::cli) server: u32,
    /// The number behind the `%`.
    number: u32,
}

/// Reads `TMUX` (`SOCKET,SERVER PID,SESSION`) and `TMUX_PANE` (`%NUMBER`); `None` if no pane is named.
///
/// # Errors
/// What is wrong with them.
pub(in crate::cli) fn parse<'a>(
    tmux: Option<&'a OsStr>,
    pane: Option<&OsStr>,
) -> Result<Option<Tmux<'a>>, &'static str> {
    let (tmux, pane) = match (tmux, pane) {
        (_, None) => return Ok(None),
        (None, Some(_)) => return Err("TMUX_PANE is set and TMUX is not"),
        (Some(tmux), Some(pane)) => (tmux.as_bytes(), pane.as_bytes()),
    };
    let number = pane.strip_prefix(b"%").and_then(number).ok_or("TMUX_PANE is not % and a number")?;
    if tmux.len() > LIMIT || tmux.iter().any(u8::is_ascii_control) {
        return Err("TMUX is longer than 4096 bytes or holds control characters");
    }
    // From the end: the path of the socket may hold commas too.
    let mut parts = tmux.rsplitn(3, |byte| *byte == b',').skip(1);
    let server = parts.next().and_then(self::number).filter(|server| *server > 0);
    match (server, parts.next()) {
        (Some(server), Some(socket)) if socket.starts_with(b"/") => Ok(Some(Tmux { socket, server, number })),
        _ => Err("TMUX is not the path of a socket, a process and a session with commas between them"),
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    // A sign would be read as part of a number.
    if digits.iter().all(u8::is_ascii_digit) { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

/// The id of an agent in a pane, `pane-3-9c41`: the pane's number, and four digits of its server. Not of the pane's
/// process: who has detached from the pane could not find it any more and would be another agent.
pub(in crate::cli) fn agent_id(pane: &PaneKey) -> String {
    let mut digest = Sha256::new();
    digest.update(&pane.socket);
    let (server, started) = pane.server;
    digest.update(format!("\0{server} {started}"));
    let hex: String = digest.finalize().iter().take(2).map(|byte| format!("{byte:02x}")).collect();
    format!("pane-{}-{hex}", pane.number)
}

impl Tmux<'_> {
    /// The id of an agent in this pane.
    pub(super) fn agent_id(&self, server_started: u64) -> String {
        agent_id(&self.key(server_started))
    }

    /// The pane as the registry knows it.
    pub(in crate::cli) fn key(&self, server_started: u64) -> PaneKey {
        let socket = String::from_utf8_lossy(self.socket).into_owned();
        PaneKey { socket, server: (self.server, server_started), number: self.number }
    }

    /// The pane as tmux writes it.
    pub(super) fn name(&self) -> String {
        format!("%{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(tmux: &'a str, pane: &str) -> Result<Option<Tmux<'a>>, &'static str> {
        parse(Some(tmux.as_ref()), Some(pane.as_ref()))
    }

    #[test]
    fn a_pane_is_a_socket_a_server_and_a_number() {
        let plain = read("/tmp/tmux-0/default,1234,0", "%3").unwrap().unwrap();
        assert_eq!((plain.socket, plain.server, plain.number), (&b"/tmp/tmux-0/default"[..], 1234, 3));
        let commas = read("/tmp/a,b,12,34,$0", "%0").unwrap().unwrap();
        assert_eq!((commas.socket, commas.server), (&b"/tmp/a,b,12"[..], 34));
        assert_eq!(parse(Some("/tmp/a,1,0".as_ref()), None), Ok(None));
        assert_eq!(parse(None, None), Ok(None));
    }

    #[test]
    fn what_tmux_does_not_write_is_refused_with_the_reason() {
        let tmux = "/tmp/a,1,0";
        for pane in ["3", "%", "%-1", "%+1", "%1 ", " %1", "%1;x", "%99999999999", "%%1", "%1\n", "%\u{661}"] {
            assert!(read(tmux, pane).unwrap_err().contains("TMUX_PANE is not"), "{pane:?}");
        }
        let long = format!("/{},1,0", "a".repeat(5000));
        for bad in
            ["", ",", ",,", "/tmp/a", "/tmp/a,1", "/tmp/a,x,0", "/tmp/a,0,0", "/tmp/a,-1,0", "a,1,0", "/a\n,1,0", &long]
        {
            assert!(read(bad, "%1").unwrap_err().starts_with("TMUX is "), "{bad:?}");
        }
        assert!(parse(None, Some("%1".as_ref())).unwrap_err().contains("TMUX is not"));
    }

    #[test]
    fn panes_of_other_servers_have_other_ids() {
        let id = |tmux: &str, started| read(tmux, "%3").unwrap().unwrap().agent_id(started);
        let first = id("/tmp/a,12,0", 500);
        assert!(first.starts_with("pane-3-") && first.len() == "pane-3-9c41".len(), "{first}");
        assert_eq!(id("/tmp/a,12,7", 500), first, "of the same server in another session");
        for other in [id("/tmp/b,12,0", 500), id("/tmp/a,13,0", 500), id("/tmp/a,12,0", 501), id("/tmp/a1,2,0", 500)] {
            assert_ne!(other, first);
        }
    }
}
