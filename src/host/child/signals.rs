//! Signals as data: blocked, and read one by one where it is safe to act on them.

use std::time::Duration;

use nix::sys::{
    signal::{SigSet, Signal as Nix},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, kill_current_process_group},
};

use crate::{fs, store};

/// What is passed on to the command.
pub(super) const PASSED: [Nix; 6] = [Nix::SIGINT, Nix::SIGQUIT, Nix::SIGTERM, Nix::SIGHUP, Nix::SIGUSR1, Nix::SIGUSR2];
/// What else is read: of children, and of job control. `SIGTTIN` and `SIGTTOU` are only kept from stopping us.
const READ: [Nix; 5] = [Nix::SIGCHLD, Nix::SIGTSTP, Nix::SIGCONT, Nix::SIGTTIN, Nix::SIGTTOU];

/// The signals to this process, held back as long as this lives; those that nobody has read by then are dropped.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Holds the signals back that would end or stop this process, from this thread and those that it starts.
    ///
    /// # Errors
    /// If the kernel has no descriptor for them.
    pub fn hold() -> store::Result<Self> {
        let mut held = SigSet::empty();
        PASSED.into_iter().chain(READ).for_each(|signal| held.add(signal));
        // The descriptor first: without it nothing is to be blocked.
        let fd = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|errno| refused("signalfd", errno))?;
        let before = SigSet::thread_get_mask().map_err(|errno| refused("sigprocmask", errno))?;
        held.thread_block().map_err(|errno| refused("sigprocmask", errno))?;
        Ok(Self { fd, before })
    }

    /// Waits for a signal, at most this long.
    pub(super) fn wait(&self, limit: Duration) -> store::Result<()> {
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(fs::Error::call("poll", OF_OURS, errno).into()),
        }
    }

    /// The next signal that has come.
    pub(super) fn next(&self) -> Option<Nix> {
        loop {
            let info = self.fd.read_signal().ok().flatten()?;
            let number = i32::try_from(info.ssi_signo).ok();
            if let Some(signal) = number.and_then(|number| Nix::try_from(number).ok()) {
                return Some(signal);
            }
        }
    }

    /// Stops this process and its group, as the terminal does. Comes back when somebody continues it; at once where
    /// nobody could.
    pub(super) fn stop_here(&self) {
        let mut stop = SigSet::empty();
        stop.add(Nix::SIGTSTP);
        // What it cannot do for us leaves us running, which harms nobody.
        kill_current_process_group(Signal::TSTP).unwrap_or_default();
        stop.thread_unblock().and_then(|()| stop.thread_block()).unwrap_or_default();
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // They were for the command, which is gone.
        while self.next().is_some() {}
        self.before.thread_set_mask().unwrap_or_default();
    }
}

/// Lets all signals through, as a command expects.
pub(super) fn let_through() {
    SigSet::empty().thread_set_mask().unwrap_or_default();
}

/// The same signal, as the calls that send it name it.
pub(super) fn to_send(signal: Nix) -> Option<Signal> {
    Signal::from_named_raw(signal as i32)
}

const OF_OURS: &str = "the signals of this process";

fn refused(call: &'static str, errno: nix::errno::Errno) -> store::Error {
    fs::Error::call(call, OF_OURS, Errno::from_raw_os_error(errno as i32)).into()
}
