//! One call of tmux, bounded in time and in what it prints.

use std::{
    ffi::OsStr,
    io::{self, Read},
    os::{fd::AsFd, unix::process::CommandExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};

use super::{Tmux, Unreachable};
use crate::host;

/// More than any server has to tell, in bytes.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// As much of what it complains as is kept, in bytes.
const COMPLAINT_LIMIT: usize = 4096;
/// Read in pieces of this size, in bytes.
const PIECE: usize = 16 * 1024;
/// How long an end is waited for that nothing tells of.
const LOOK: Duration = Duration::from_millis(1);
/// How long more output is waited for before it is looked whether the program has ended: others may hold its pipes.
const AGAIN: Duration = Duration::from_millis(20);

/// A moment after which nothing is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    due_ms: u64,
    limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Self { due_ms: host::now().mono_ms.saturating_add(ms), limit }
    }

    /// What is left until then; `None` if it has passed.
    fn left(self) -> Option<Duration> {
        let left = self.due_ms.saturating_sub(host::now().mono_ms);
        (left > 0).then(|| Duration::from_millis(left))
    }
}

impl Tmux {
    /// What the server at this socket answers to these arguments.
    pub(super) fn call<'a>(
        &self,
        socket: &Path,
        args: impl IntoIterator<Item = &'a str>,
        deadline: Deadline,
    ) -> Result<Vec<u8>, Unreachable> {
        let hangs = || Unreachable::Hangs(deadline.limit);
        deadline.left().ok_or_else(hangs)?;
        let mut running = Running::start(&self.program, socket, args)?;
        let (mut out, mut complaint) = (Vec::new(), Vec::new());
        let status = loop {
            let left = deadline.left().ok_or_else(hangs)?;
            running.read(left.min(AGAIN), &mut out, &mut complaint)?;
            if out.len() > OUTPUT_LIMIT {
                return Err(Unreachable::Garbage(format!("it answered more than {OUTPUT_LIMIT} bytes")));
            }
            if let Some(status) = running.ended()? {
                // What is in the pipes by now; whoever else holds them is not waited for.
                while out.len() <= OUTPUT_LIMIT
                    && deadline.left().is_some()
                    && running.read(Duration::ZERO, &mut out, &mut complaint)?
                {}
                break status;
            }
        };
        match status {
            End::Known(status) if !status.success() => Err(Unreachable::told(&complaint, status)),
            // An end that is not told happens only where the answer must tell all by itself.
            End::Known(_) | End::Unknown if out.len() <= OUTPUT_LIMIT => Ok(out),
            End::Known(_) | End::Unknown => {
                Err(Unreachable::Garbage(format!("it answered more than {OUTPUT_LIMIT} bytes")))
            }
        }
    }
}

/// How a call has ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Known(ExitStatus),
    /// We were started with `SIGCHLD` ignored: the kernel does not tell.
    Unknown,
}

/// A call that was started. It is killed with its group when it is dropped before it has ended.
struct Running {
    child: Child,
    pid: Pid,
    end: Option<End>,
    /// Whether there may be more on stdout, and on stderr.
    open: (bool, bool),
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the one place where tmux is started")]
    fn start<'a>(program: &OsStr, socket: &Path, args: impl IntoIterator<Item = &'a str>) -> Result<Self, Unreachable> {
        let mut command = Command::new(program);
        // -u and the locale: names come as they are. Without -N it might become a server itself, but for no call of ours.
        command.arg("-u").arg("-S").arg(socket).args(args);
        command.env_remove("TMUX").env_remove("TMUX_PANE").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().map_err(|error| {
            // Denied: also where a directory of PATH may not be looked into.
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) {
                Unreachable::NoProgram
            } else {
                Unreachable::Failed(format!("tmux cannot be started: {error}"))
            }
        })?;
        let pid = Pid::from_child(&child);
        Ok(Self { child, pid, end: None, open: (true, true) })
    }

    /// Reads what comes first within this time; whether anything came.
    fn read(&mut self, wait: Duration, out: &mut Vec<u8>, complaint: &mut Vec<u8>) -> Result<bool, Unreachable> {
        let (Some(stdout), Some(stderr)) = (&mut self.child.stdout, &mut self.child.stderr) else { return Ok(false) };
        if self.open == (false, false) {
            if !wait.is_zero() {
                host::pause(LOOK);
            }
            return Ok(false);
        }
        let ready = {
            let flags = |open| if open { PollFlags::IN } else { PollFlags::empty() };
            let mut fds = Vec::with_capacity(2);
            if self.open.0 {
                fds.push(PollFd::from_borrowed_fd(stdout.as_fd(), flags(true)));
            }
            if self.open.1 {
                fds.push(PollFd::from_borrowed_fd(stderr.as_fd(), flags(true)));
            }
            let wait = Timespec::try_from(wait).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            match poll(&mut fds, Some(&wait)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("poll", &errno)),
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            (self.open.0 && ready.next().unwrap_or(false), self.open.1 && ready.next().unwrap_or(false))
        };
        if ready.0 {
            self.open.0 = piece(stdout, out, usize::MAX)?;
        }
        if ready.1 {
            self.open.1 = piece(stderr, complaint, COMPLAINT_LIMIT)?;
        }
        Ok((ready.0 && self.open.0) || (ready.1 && self.open.1))
    }

    fn ended(&mut self) -> Result<Option<End>, Unreachable> {
        self.end = match self.child.try_wait() {
            Ok(status) => status.map(End::Known),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CHILD) => Some(End::Unknown),
            Err(error) => return Err(failed("waitpid", &error)),
        };
        Ok(self.end)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Until it is collected no other process can have its number.
        if self.end.is_none() && matches!(self.child.try_wait(), Ok(None)) && !self.pid.is_init() {
            kill_process_group(self.pid, Signal::KILL).unwrap_or_default();
            match self.child.wait() {
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// Reads one piece and keeps it up to `most` bytes; whether there may be more.
fn piece(from: &mut impl Read, to: &mut Vec<u8>, most: usize) -> Result<bool, Unreachable> {
    let mut bytes = [0; PIECE];
    match from.read(&mut bytes) {
        Ok(0) => Ok(false),
        Ok(read) => {
            let kept = read.min(most.saturating_sub(to.len()));
            to.extend_from_slice(bytes.get(..kept).unwrap_or_default());
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(failed("read", &error)),
    }
}

fn failed(call: &str, error: &dyn std::fmt::Display) -> Unreachable {
    Unreachable::Failed(format!("{call}: tmux's answer: {error}"))
}
