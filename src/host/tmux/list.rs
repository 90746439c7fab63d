//! The panes of a server.

use std::{collections::BTreeSet, fmt, path::Path, process::ExitStatus, time::Duration};

use super::{Tmux, call::Deadline};

/// What each line of the answer begins with: whatever has printed another is not tmux.
const MARK: &str = "pane";
/// What is asked of each pane. No field but the last can hold a `|`; sessions may be called anything.
const FORMAT: &str = "pane|#{pane_id}|#{pane_pid}|#{pid}|#{?pane_dead,1,0}#{?pane_in_mode,1,0}\
                      #{?pane_synchronized,1,0}#{?pane_input_off,1,0}|#{window_index}.#{pane_index}|\
                      #{s/[^A-Za-z0-9._-]/?/:pane_current_command}|#{pane_tty}|#{session_name}";

/// One pane of a tmux server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// The number behind the `%`, which no other pane of the same server ever has.
    pub number: u32,
    /// The pane's own process, which the server has started; 0 if there is none.
    pub pid: u32,
    /// The server's process.
    pub server: u32,
    /// The path of its terminal, empty if it has none.
    pub tty: String,
    /// The name of its session, which may be any text.
    pub session: String,
    /// `SESSION:WINDOW.PANE`, as people name it.
    pub place: String,
    /// Its own process has ended.
    pub dead: bool,
    /// It is in a mode, in which keys are commands of tmux.
    pub in_mode: bool,
    /// What is typed into it goes to all panes of its window.
    pub synchronized: bool,
    /// Nothing that is typed reaches it.
    pub input_off: bool,
    /// The command in its foreground, as tmux names it; empty where it has another character than letters, digits, `.`,
    /// `_` and `-`, or where tmux is too old to tell.
    pub command: String,
}

/// What a server has told of its panes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The panes, in the order of the server.
    pub panes: Vec<Pane>,
    /// How many lines were none.
    pub malformed: usize,
}

/// Why a server did not tell of its panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// There is no program of that name that we may run.
    NoProgram,
    /// Nothing answers at that socket.
    NoServer,
    /// The socket is not for us.
    Denied,
    /// It did not answer within this time.
    Hangs(Duration),
    /// It answered what is no list of panes, and this is wrong with it.
    Garbage(String),
    /// Anything else, as tmux says it: text that may hold anything.
    Failed(String),
}

impl Unreachable {
    /// One word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoProgram => "no_tmux",
            Self::NoServer => "no_server",
            Self::Denied => "denied",
            Self::Hangs(_) => "hangs",
            Self::Garbage(_) => "garbage",
            Self::Failed(_) => "failed",
        }
    }

    /// From what tmux says on stderr when it fails.
    pub(super) fn told(complaint: &[u8], status: ExitStatus) -> Self {
        let text = String::from_utf8_lossy(complaint);
        let first = text.lines().next().unwrap_or_default().trim();
        let any = |ends: &[&str]| ends.iter().any(|end| first.contains(end));
        if any(&["(Permission denied)", "(Operation not permitted)", "access not allowed"]) {
            Self::Denied
        } else if first.starts_with("no server running")
            || any(&["(No such file or directory)", "(Connection refused)", "(Not a directory)", "server exited"])
        {
            Self::NoServer
        } else if first.is_empty() {
            Self::Failed(format!("tmux failed without a word ({status})"))
        } else {
            Self::Failed(first.to_owned())
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram => f.write_str("there is no program tmux on PATH that this user may run"),
            Self::NoServer => f.write_str("no tmux server runs there"),
            Self::Denied => f.write_str("the socket of the tmux server is not open to this user"),
            Self::Hangs(limit) => write!(f, "tmux did not answer within {}", humantime::format_duration(*limit)),
            Self::Garbage(why) => write!(f, "tmux answered what is no list of panes: {why}"),
            Self::Failed(text) => write!(f, "tmux: {text}"),
        }
    }
}

impl std::error::Error for Unreachable {}

impl Tmux {
    /// The panes of the server at this socket.
    ///
    /// # Errors
    /// Why it does not tell. That takes at most `limit`; what tmux prints beyond reason is not kept.
    pub fn panes(&self, socket: &Path, limit: Duration) -> Result<Listing, Unreachable> {
        self.panes_until(socket, Deadline::after(limit))
    }

    pub(super) fn panes_until(&self, socket: &Path, deadline: Deadline) -> Result<Listing, Unreachable> {
        parse(&self.call(socket, ["list-panes", "-a", "-F", FORMAT], deadline)?)
    }
}

fn parse(bytes: &[u8]) -> Result<Listing, Unreachable> {
    let mut listing = Listing::default();
    let mut known = BTreeSet::new();
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
    for line in lines.filter(|_| !bytes.is_empty()) {
        match parse_line(&String::from_utf8_lossy(line)) {
            // A window may be linked into several sessions: its panes are told once for each.
            Some(pane) if known.insert(pane.number) => listing.panes.push(pane),
            Some(_) => {}
            None => listing.malformed = listing.malformed.saturating_add(1),
        }
    }
    if listing.panes.is_empty() && listing.malformed > 0 {
        return Err(Unreachable::Garbage(format!("none of its {} lines names a pane", listing.malformed)));
    }
    Ok(listing)
}

fn parse_line(line: &str) -> Option<Pane> {
    let mut fields = line.splitn(9, '|');
    let mut field = || fields.next();
    if field()? != MARK {
        return None;
    }
    let number = digits(field()?.strip_prefix('%')?)?;
    // A pane without a process tells none, or a number below 0.
    let pid = digits(field()?).unwrap_or(0);
    let server = digits(field()?).filter(|server| *server > 0)?;
    let flags: Vec<bool> =
        field()?.chars().map(|c| Some(c == '1').filter(|_| matches!(c, '0' | '1'))).collect::<Option<_>>()?;
    let [dead, in_mode, synchronized, input_off] = *flags.as_slice() else { return None };
    let at = field()?;
    let (window, pane) = at.split_once('.')?;
    digits(window).and(digits(pane))?;
    let named = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let command = Some(field()?).filter(|name| named(name)).unwrap_or_default().to_owned();
    let (tty, session) = (field()?.to_owned(), field()?.to_owned());
    let place = format!("{session}:{at}");
    Some(Pane { number, pid, server, tty, session, place, dead, in_mode, synchronized, input_off, command })
}

/// A number of digits only.
fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "pane|%7|4242|4200|0100|2.1|claude|/dev/pts/5|my: \"session\"|x";

    #[test]
    fn a_line_tells_all_of_a_pane_whatever_its_session_is_called() {
        let pane = parse_line(LINE).unwrap();
        assert_eq!((pane.number, pane.pid, pane.server, pane.tty.as_str()), (7, 4242, 4200, "/dev/pts/5"));
        assert_eq!((pane.dead, pane.in_mode, pane.synchronized, pane.input_off), (false, true, false, false));
        assert_eq!((pane.session.as_str(), pane.place.as_str()), ("my: \"session\"|x", "my: \"session\"|x:2.1"));
        assert_eq!(parse_line("pane|%0||1|1000|0.0|sh||").unwrap().pid, 0, "a dead one");
        assert_eq!(
            (pane.command.as_str(), parse_line(&LINE.replace("claude", "a?b")).unwrap().command),
            ("claude", String::new())
        );
        assert_eq!(parse_line("pane|%0|-1|1|1000|0.0|sh||s").unwrap().pid, 0);
    }

    #[test]
    fn what_is_no_line_is_counted_and_the_others_are_kept() {
        let bad = [
            "",
            "pane",
            "x|%7|1|1|0000|0.0|sh||s",
            "pane|7|1|1|0000|0.0|sh||s",
            "pane|%|1|1|0000|0.0|sh||s",
            "pane|%-1|1|1|0000|0.0|sh||s",
            "pane|%7|1||0000|0.0|sh||s",
            "pane|%7|1|0|0000|0.0|sh||s",
            "pane|%7|1|1|000|0.0|sh||s",
            "pane|%7|1|1|00000|0.0|sh||s",
            "pane|%7|1|1|000x|0.0|sh||s",
            "pane|%7|1|1|0000|0|sh||s",
            "pane|%7|1|1|0000|0.x|sh||s",
            "pane|%7|1|1|0000|0.0|sh|/dev/pts/1",
            "pane|%99999999999|1|1|0000|0.0|sh||s",
            "\u{fffd}",
        ];
        for line in bad {
            assert_eq!(parse_line(line), None, "{line:?}");
        }
        let text = format!("{}\n{LINE}\n{LINE}\n", bad.join("\n"));
        let listing = parse(text.as_bytes()).unwrap();
        assert_eq!((listing.panes.len(), listing.malformed), (1, bad.len()));
        assert_eq!(parse(b"").unwrap(), Listing::default());
        assert!(parse(b"\xff\xfe|\0\n").is_err() && parse(b"\n").is_err() && parse(b"hello").is_err());
    }

    #[test]
    fn what_tmux_complains_of_is_told_apart() {
        let told = |text: &str| Unreachable::told(text.as_bytes(), ExitStatus::default());
        assert_eq!(told("no server running on /tmp/x\n"), Unreachable::NoServer);
        assert_eq!(told("error connecting to /tmp/x (No such file or directory)"), Unreachable::NoServer);
        assert_eq!(told("error connecting to /tmp/x (Permission denied)"), Unreachable::Denied);
        assert_eq!(told("can't find pane: %9\nmore"), Unreachable::Failed("can't find pane: %9".to_owned()));
        assert!(told("").to_string().starts_with("tmux: tmux failed without a word"));
    }
}
