//! One command, started in a process group of its own and watched until it ends.
//!
//! It is started by running ourselves again ([`Handed`]), which puts what only the new process can set in place and then
//! becomes the command. No signal handlers, and no threads but those that copy output: signals are read as data.

mod capture;
mod handed;
mod job;
mod leader;
mod signals;
mod terminal;

use std::{ffi::OsString, time::Duration};

use rustix::process::{Signal, kill_current_process_group};

pub use capture::{Captured, Output};
pub use handed::{Handed, Refused};
pub use signals::Signals;

use crate::{domain::Now, store};
use capture::Capture;
use job::Job;
use leader::Leader;

/// How long what is left of a group that is to end is waited for before it is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// What is to be run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The command and its arguments, as they are; without a command nothing is run.
    pub command: Vec<OsString>,
    /// Whether it sees these variables alone, and none of ours.
    pub clean: bool,
    /// Variables that it sees.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether its stdout and stderr are copied and counted on their way, see [`Output`].
    pub log: bool,
    /// Whether it is told as JSON that the command cannot be run.
    pub json: bool,
}

/// What who watches wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whether the command may go on.
    pub go: Go,
    /// When to ask again, at the latest.
    pub again: Duration,
}

/// Whether a command may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// It may.
    On,
    /// Its group is told to end, and is killed if it does not.
    End,
}

/// How a command came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(u8),
    /// The kernel does not tell: we were started with `SIGCHLD` ignored.
    Unknown,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub how: How,
    /// Whether it was told to end because who watches said so.
    pub told: bool,
    /// Whether it was ended by the terminal's Ctrl-C, see [`interrupt_ourselves`].
    pub interrupted: bool,
    /// What it printed, if that was asked for.
    pub output: Option<Output>,
}

impl How {
    /// The exit code that passes it on: its own, or 128 and the signal.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => signal.saturating_add(128),
            Self::Unknown => 1,
        }
    }
}

/// Runs a command, passes on what signals come, and calls `watch` at the times that it asks for. When that says
/// [`Go::End`], the command's group gets `SIGTERM`, and `SIGKILL` when any of it still runs `grace` later.
///
/// To be called by the first thread of the process: the command is killed when the thread that started it ends.
///
/// # Errors
/// If it cannot be started. That the command cannot be run is its exit code 126 or 127 and said by it.
pub fn supervise(
    program: &Program,
    signals: &Signals,
    grace: Duration,
    mut watch: impl FnMut(Now) -> Watch,
) -> store::Result<Ended> {
    let mut capture = program.log.then(Capture::start).transpose()?;
    let pipes = capture.as_mut().and_then(Capture::writers);
    let mut job = Job::new();
    let mut leader = Leader::start(program, job.hands_over(), pipes)?;
    let mut due_ms = 0;
    let mut ending: Option<Ending> = None;
    let how = loop {
        let over = leader.look(&mut |signal, leader| {
            if ending.is_none() {
                job.stopped(leader, signals, signal);
            }
        })?;
        if let Some(how) = over
            && ending.as_ref().is_none_or(|ending| ending.killed || !leader.has_others())
        {
            break how;
        }
        let now = super::now();
        let left = match &mut ending {
            None if now.mono_ms >= due_ms => {
                let Watch { go, again } = watch(now);
                if go == Go::End {
                    leader.end();
                    ending = Some(Ending { kill_ms: super::now().mono_ms.saturating_add(ms(grace)), killed: false });
                    continue;
                }
                due_ms = super::now().mono_ms.saturating_add(ms(again));
                again
            }
            None => Duration::from_millis(due_ms.saturating_sub(now.mono_ms)),
            Some(ending) if !ending.killed && now.mono_ms >= ending.kill_ms => {
                leader.kill();
                ending.killed = true;
                LOOK
            }
            // Only the leader's end wakes us.
            Some(_) if over.is_some() => LOOK,
            Some(ending) => Duration::from_millis(ending.kill_ms.saturating_sub(now.mono_ms)).max(LOOK),
        };
        signals.wait(left)?;
        while let Some(signal) = signals.next() {
            job.got(signal, &leader);
        }
    };
    let interrupted = job.over(&leader, how);
    leader.collect();
    Ok(Ended { how, told: ending.is_some(), interrupted, output: capture.map(Capture::over) })
}

/// Interrupts ourselves and our group, as the terminal would have done if it had not been the command's: a script or a
/// loop of a shell around us ends too. Comes back where `SIGINT` is ignored.
pub fn interrupt_ourselves() {
    kill_current_process_group(Signal::INT).unwrap_or_default();
}

/// The end that a command has been told to come to.
struct Ending {
    /// When what is left is killed.
    kill_ms: u64,
    killed: bool,
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
