//! The command's process, which leads a group of its own. Signals go to the group only as long as it is not collected:
//! until then no other process can have its number.

use std::{
    ffi::OsStr,
    io::{self, PipeWriter},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid},
};

use super::{Handed, How, Program};
use crate::{fs, host::process, store};

/// Ourselves, whatever has become of the file.
const OURSELVES: &str = "/proc/self/exe";

/// A command that was started and not collected yet.
#[derive(Debug)]
pub(super) struct Leader {
    child: Child,
    /// Also the number of its group.
    pid: Pid,
    /// The kernel has collected it.
    lost: bool,
}

impl Leader {
    /// Starts it, with the terminal if it is handed over.
    pub(super) fn start(
        program: &Program,
        hand_over: bool,
        pipes: Option<(PipeWriter, PipeWriter)>,
    ) -> store::Result<Self> {
        let name = program.command.first().map(PathBuf::from).unwrap_or_default();
        let mut command = again().map_err(|error| refused("readlink", OURSELVES.into(), &error))?;
        command.args(Handed::words(std::process::id(), hand_over, program)).process_group(0);
        if program.clean {
            command.env_clear();
        }
        command.envs(program.environment.iter().map(|(name, value)| (name, value)));
        if let Some((stdout, stderr)) = pipes {
            command.stdout(stdout).stderr(stderr);
        }
        let child = command.spawn().map_err(|error| refused("posix_spawn", name, &error))?;
        let pid = Pid::from_child(&child);
        Ok(Self { child, pid, lost: false })
    }

    pub(super) fn group(&self) -> Pid {
        self.pid
    }

    /// How it ended, if it has, and calls `stopped` if it was stopped since the last look.
    pub(super) fn look(&mut self, stopped: &mut dyn FnMut(Signal, &Self)) -> store::Result<Option<How>> {
        let what = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        let Some(status) = self.wait(what)? else { return Ok(self.lost.then_some(How::Unknown)) };
        let Some(signal) = status.stopping_signal() else { return Ok(Some(how(&status))) };
        // So that a stop is told once. One that has ended since has no stop to be told of, and seems to be no child.
        let taken = waitid(WaitId::Pid(self.pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG);
        if let (Ok(Some(_)), Some(signal)) = (taken, Signal::from_named_raw(signal)) {
            stopped(signal, self);
        }
        Ok(None)
    }

    fn wait(&mut self, what: WaitIdOptions) -> store::Result<Option<WaitIdStatus>> {
        if self.lost {
            return Ok(None);
        }
        match waitid(WaitId::Pid(self.pid), what | WaitIdOptions::NOHANG) {
            Ok(status) => Ok(status),
            Err(Errno::INTR) => Ok(None),
            Err(Errno::CHILD) => {
                self.lost = true;
                Ok(None)
            }
            Err(errno) => Err(fs::Error::call("waitid", "the command's process", errno).into()),
        }
    }

    /// Sends the group a signal.
    pub(super) fn signal(&self, signal: Signal) {
        // 1 would be everybody, and no child ever has it.
        if !self.lost && !self.pid.is_init() {
            // It may be another user's by now, or have left nobody.
            kill_process_group(self.pid, signal).unwrap_or_default();
        }
    }

    /// Tells the group to end, whether it is stopped or not.
    pub(super) fn end(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Ends the group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Whether anything of the group runs beside the command itself. What cannot be told may be so.
    pub(super) fn has_others(&self) -> bool {
        !self.lost && process::is_group_alive(self.pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// Lets go of it: from now on its number may be another's.
    pub(super) fn collect(mut self) {
        // It has ended, so this does not wait; what it tells is known.
        match self.child.wait() {
            Ok(_) | Err(_) => {}
        }
    }
}

impl Drop for Leader {
    /// An error has ended the watch: nobody would end the command any more.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.end();
        }
    }
}

/// A call of this very program.
#[expect(clippy::disallowed_methods, reason = "the one place where a process is started: ourselves, for the command")]
fn again() -> io::Result<Command> {
    let there = fs::link_target(OURSELVES.as_ref()).is_ok();
    let mut command = if there { Command::new(OURSELVES) } else { Command::new(std::env::current_exe()?) };
    command.arg0(OsStr::new("swarmlock"));
    Ok(command)
}

fn how(status: &WaitIdStatus) -> How {
    // The kernel keeps eight bits of a code, and signals are fewer than 65.
    let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => How::Exited(byte(code)),
        (None, Some(signal)) => How::Killed(byte(signal)),
        (None, None) => How::Unknown,
    }
}

fn refused(call: &'static str, path: PathBuf, error: &io::Error) -> store::Error {
    fs::Error::call(call, path, Errno::from_io_error(error).unwrap_or(Errno::IO)).into()
}
