//! The command as a job of the shell that we were started from: it stops and goes on with us, and has the terminal when
//! we would have it.

use nix::sys::signal::Signal as Nix;
use rustix::process::Signal;

use super::{
    How, Leader, Signals,
    signals::{PASSED, to_send},
    terminal::{Terminal, is_in_front, is_interactive},
};
use crate::host;

/// Who stops for less than this was not stopped: nobody continues anybody so fast.
const NOT_STOPPED_MS: u64 = 20;

/// How the command and the terminal stand.
#[derive(Debug)]
pub(super) struct Job {
    /// The command has the terminal whenever we would have it.
    interactive: bool,
    /// We gave it away.
    given: bool,
    terminal: Option<Terminal>,
    /// Somebody has interrupted us, and not the terminal the command.
    interrupted: bool,
}

impl Job {
    pub(super) fn new() -> Self {
        let interactive = is_interactive();
        Self { interactive, given: interactive && is_in_front(), terminal: None, interrupted: false }
    }

    /// Whether the command gets the terminal from the start.
    pub(super) fn hands_over(&self) -> bool {
        self.given
    }

    /// A signal has come to us.
    pub(super) fn got(&mut self, signal: Nix, leader: &Leader) {
        if signal == Nix::SIGCONT {
            self.go_on(leader);
        } else if (PASSED.contains(&signal) || signal == Nix::SIGTSTP)
            && let Some(signal) = to_send(signal)
        {
            self.interrupted |= signal == Signal::INT;
            leader.signal(signal);
        }
    }

    /// The command was stopped.
    pub(super) fn stopped(&mut self, leader: &Leader, signals: &Signals, signal: Signal) {
        // No key does that: a shell that suspends itself, or somebody who means this one process.
        if signal == Signal::STOP && !self.interactive {
            return;
        }
        self.terminal = self.terminal.take().or_else(Terminal::find);
        // Without a terminal whoever has stopped it continues it, and not by us.
        let Some(terminal) = &self.terminal else { return };
        if self.given {
            terminal.take_back(leader.group());
        }
        let asks = signal == Signal::TTIN || signal == Signal::TTOU;
        if asks && !self.given && terminal.is_ours() {
            terminal.give(leader.group());
            (self.given, self.interactive) = (true, true);
            return leader.signal(Signal::CONT);
        }
        self.given = false;
        let before_ms = host::now().mono_ms;
        signals.stop_here();
        let back_at_once = host::now().mono_ms.saturating_sub(before_ms) < NOT_STOPPED_MS;
        let in_front = self.terminal.as_ref().is_some_and(Terminal::is_ours);
        if asks && back_at_once && !in_front {
            // There is no shell that could put us in front: continued, it would only ask again.
            return;
        }
        self.go_on(leader);
    }

    /// We go on, and so does the command.
    fn go_on(&mut self, leader: &Leader) {
        self.terminal = self.terminal.take().or_else(Terminal::find);
        if let Some(terminal) = &self.terminal
            && self.interactive
            && terminal.is_ours()
        {
            terminal.give(leader.group());
            self.given = true;
        }
        leader.signal(Signal::CONT);
    }

    /// The command has ended. Whether the terminal's Ctrl-C has ended it, of which only its group knows.
    pub(super) fn over(&mut self, leader: &Leader, how: How) -> bool {
        if self.given
            && let Some(terminal) = self.terminal.take().or_else(Terminal::find)
        {
            terminal.take_back(leader.group());
        }
        self.given
            && !self.interrupted
            && how == How::Killed(Signal::INT.as_raw().unsigned_abs().try_into().unwrap_or(0))
    }
}
