//! The terminal that a command may be given: which group is in front of it.

use std::{
    io::{self, IsTerminal as _},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    process::{Pid, getpgrp, test_kill_process_group},
    termios::{tcgetpgrp, tcsetpgrp},
};

use crate::fs;

/// The terminal that controls this process.
#[derive(Debug)]
pub(super) struct Terminal {
    fd: OwnedFd,
}

impl Terminal {
    /// `None` if there is none.
    pub(super) fn find() -> Option<Self> {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let given = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()].into_iter();
        let given = given.filter(|fd| tcgetpgrp(fd).is_ok()).find_map(|fd| fd.try_clone_to_owned().ok());
        given.or_else(fs::open_terminal).map(|fd| Self { fd })
    }

    /// Whether this process's group is in front.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.fd) == Ok(getpgrp())
    }

    /// Puts another group in front.
    pub(super) fn give(&self, group: Pid) {
        // Who does not get it is in the background, and is stopped when it asks for more.
        tcsetpgrp(&self.fd, group).unwrap_or_default();
    }

    /// Puts our own group in front again, unless somebody else has put another there since.
    pub(super) fn take_back(&self, group: Pid) {
        let front = tcgetpgrp(&self.fd);
        if front.is_ok_and(|front| front == group || test_kill_process_group(front).is_err()) {
            self.give(getpgrp());
        }
    }
}

/// Whether a person sits there: stdin and stdout are a terminal, so that it is not shared with who else is in our pipe.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Whether stdin is the controlling terminal and we are in front of it.
pub(super) fn is_in_front() -> bool {
    tcgetpgrp(io::stdin()) == Ok(getpgrp())
}
