//! What we do in the command's own process before we become the command: the few things that nobody can do for it from
//! outside.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    process::Command,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, getpgrp, getppid, set_parent_process_death_signal},
    termios::tcsetpgrp,
};

use super::{Program, signals};
use crate::fs;

/// The first argument of such a call, which is no command of ours.
const WORD: &str = "--exec-child";

/// A command that was handed to this process by the one that watches it.
#[derive(Debug)]
pub struct Handed {
    parent: Option<Pid>,
    /// As it was before we set our own.
    umask: Option<u32>,
    take_terminal: bool,
    /// Whether errors are told as JSON.
    pub json: bool,
    command: OsString,
    args: Vec<OsString>,
}

/// Why a command was not run.
#[derive(Debug)]
pub enum Refused {
    /// Who handed it to us has ended.
    Alone,
    /// The kernel refuses.
    Exec {
        /// What was to be run.
        command: OsString,
        /// Why not.
        error: io::Error,
    },
}

impl Refused {
    /// The exit code, as shells have it: 127 where there is no such command, else 126.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Exec { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
            Self::Exec { .. } => 126,
            Self::Alone => 128 + 9,
        }
    }

    /// Whether it may be run, and the kernel does not know what it is: a script without a first line that says so.
    #[must_use]
    pub fn is_no_program(&self) -> bool {
        matches!(self, Self::Exec { error, .. } if Errno::from_io_error(error) == Some(Errno::NOEXEC))
    }
}

impl Handed {
    /// The arguments of the call that hands a command over: who watches, the umask, and what else is wanted.
    pub(super) fn words(parent: u32, take_terminal: bool, program: &Program) -> Vec<OsString> {
        let terminal = if take_terminal { "t" } else { "-" };
        let json = if program.json { "j" } else { "-" };
        let umask = fs::given_umask().map_or_else(|| "-".to_owned(), |umask| format!("{umask:o}"));
        let own = [WORD.to_owned(), parent.to_string(), umask, format!("{terminal}{json}"), "--".to_owned()];
        own.into_iter().map(OsString::from).chain(program.command.iter().cloned()).collect()
    }

    /// Reads the arguments of such a call, the first of which is the program's own name; `None` if it is none.
    #[must_use]
    pub fn read(args: &[OsString]) -> Option<Self> {
        let (word, rest) = args.get(1..)?.split_first()?;
        if word != WORD {
            return None;
        }
        let [parent, umask, wanted, dashes, command, rest @ ..] = rest else { return None };
        let (parent, wanted) = (parent.to_str()?.parse().ok()?, wanted.to_str()?);
        let umask = umask.to_str()?;
        (dashes == OsStr::new("--")).then(|| Self {
            parent: Pid::from_raw(parent),
            umask: u32::from_str_radix(umask, 8).ok(),
            take_terminal: wanted.contains('t'),
            json: wanted.contains('j'),
            command: command.clone(),
            args: rest.to_vec(),
        })
    }

    /// Becomes the command; comes back only if that cannot be.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "starts no process: this one becomes the command")]
    pub fn become_it(self) -> Refused {
        // Before the look at who it is: whoever ends in between sends it too late, or is seen to be gone.
        let dies_with = set_parent_process_death_signal(Some(Signal::KILL));
        if dies_with.is_err() || getppid() != self.parent {
            return Refused::Alone;
        }
        if self.take_terminal {
            // SIGTTOU is still held back, as who started us does. Without the terminal the command is in the background,
            // which is seen when it asks for more.
            tcsetpgrp(io::stdin(), getpgrp()).unwrap_or_default();
        }
        if let Some(umask) = self.umask {
            fs::set_umask(umask);
        }
        signals::let_through();
        let error = Command::new(&self.command).args(self.args).exec();
        Refused::Exec { command: self.command, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Option<Handed> {
        Handed::read(&std::iter::once("swarmlock").chain(words.iter().copied()).map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_handed_over_is_read_as_it_was_written() {
        let command = vec!["make".into(), "--".into(), "-j".into()];
        let program = Program { command, json: true, ..Program::default() };
        let words = Handed::words(77, true, &program);
        let args: Vec<OsString> = std::iter::once("swarmlock".into()).chain(words).collect();
        let handed = Handed::read(&args).unwrap();
        assert_eq!(handed.parent, Pid::from_raw(77));
        assert!(handed.take_terminal && handed.json);
        assert_eq!((handed.command, handed.args), ("make".into(), vec!["--".into(), "-j".into()]));
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        for words in [
            &[][..],
            &["run"],
            &["--exec-child"],
            &["--exec-child", "7", "22", "--", "--"],
            &["--exec-child", "x", "22", "--", "--", "true"],
            &["--exec-child", "7", "22", "--", "true", "x"],
            &["run", "--exec-child", "7", "22", "--", "--", "true"],
        ] {
            assert!(read(words).is_none(), "{words:?}");
        }
        assert!(read(&["--exec-child", "7", "22", "--", "--", "true"]).is_some(), "the control");
    }
}
