//! What a command prints, copied on its way.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, ioctl_fionread},
};

use crate::{
    domain::records::{LogTail, Tail},
    fs, store,
};

/// Copied in pieces of this size, in bytes.
const PIECE: usize = 64 * 1024;

/// What a command printed, on stdout and stderr together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// How much, in bytes.
    pub bytes: u64,
    /// The end of it, in the order in which it came.
    pub tail: LogTail,
}

/// The output of a command that has ended, on its way out.
#[derive(Debug)]
pub struct Output {
    tail: Arc<Mutex<Tail>>,
    threads: [JoinHandle<()>; 2],
}

/// The output of a command that runs.
#[derive(Debug)]
pub(super) struct Capture {
    output: Output,
    writers: Option<(PipeWriter, PipeWriter)>,
    /// Closed when the command has ended.
    running: PipeWriter,
}

impl Capture {
    /// Begins to copy.
    pub(super) fn start() -> store::Result<Self> {
        let (over, running) = io::pipe().map_err(refused)?;
        let tail = Arc::default();
        let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from).map_err(refused);
        let (stdout, out) = copy(&over, own(io::stdout().as_fd())?, &tail).map_err(refused)?;
        let (stderr, err) = copy(&over, own(io::stderr().as_fd())?, &tail).map_err(refused)?;
        Ok(Self { output: Output { tail, threads: [out, err] }, writers: Some((stdout, stderr)), running })
    }

    /// What the command is to write to, once.
    pub(super) fn writers(&mut self) -> Option<(PipeWriter, PipeWriter)> {
        self.writers.take()
    }

    /// The command has ended: what it has printed by now still goes out, what others may print to the same later does not.
    pub(super) fn over(self) -> Output {
        let Self { output, running, .. } = self;
        drop(running);
        output
    }
}

impl Output {
    /// Waits until it is out.
    #[must_use]
    pub fn finish(self) -> Captured {
        // One that has panicked has kept what it had read.
        for thread in self.threads {
            thread.join().unwrap_or_default();
        }
        let tail = std::mem::take(&mut *self.tail.lock().unwrap_or_else(PoisonError::into_inner));
        Captured { bytes: tail.total(), tail: tail.finish() }
    }
}

fn refused(error: io::Error) -> store::Error {
    let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
    fs::Error::call("pipe", "the command's output", errno).into()
}

fn copy(over: &PipeReader, to: File, tail: &Arc<Mutex<Tail>>) -> io::Result<(PipeWriter, JoinHandle<()>)> {
    let (from, writer) = io::pipe()?;
    let copier = Copier { from, over: over.try_clone()?, to: Some(to), tail: Arc::clone(tail) };
    Ok((writer, std::thread::Builder::new().stack_size(PIECE * 4).spawn(|| copier.run())?))
}

struct Copier {
    from: PipeReader,
    over: PipeReader,
    /// `None` once nobody takes it any more.
    to: Option<File>,
    tail: Arc<Mutex<Tail>>,
}

impl Copier {
    fn run(mut self) {
        let mut piece = vec![0; PIECE];
        loop {
            let mut ready = [PollFd::new(&self.from, PollFlags::IN), PollFd::new(&self.over, PollFlags::IN)];
            match poll(&mut ready, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => break,
            }
            let [_, over] = &ready;
            let over = !over.revents().is_empty();
            if over {
                // Others may hold the pipe and go on: no more than there is now.
                let left = ioctl_fionread(&self.from).unwrap_or(0);
                self.pass_all(left, &mut piece);
                break;
            }
            if self.pass(&mut piece) == 0 {
                break;
            }
        }
    }

    fn pass_all(&mut self, mut left: u64, piece: &mut [u8]) {
        while left > 0 {
            let limit = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let passed = self.pass(piece.get_mut(..limit).unwrap_or_default());
            if passed == 0 {
                break;
            }
            left = left.saturating_sub(passed as u64);
        }
    }

    /// Copies one piece; how much that was, 0 at the end.
    fn pass(&mut self, piece: &mut [u8]) -> usize {
        let read = loop {
            match self.from.read(piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.unwrap_or(0),
            }
        };
        let got = piece.get(..read).unwrap_or_default();
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).push(got);
        // The command goes on whoever listens: its exit code counts.
        self.to = self.to.take().filter(|to| write_out(to, got).is_ok());
        read
    }
}

/// Writes all of it, also where others have made the output one that does not wait.
fn write_out(mut to: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(to, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader gets, and what is kept, when `write` has written into the two pipes.
    fn captured(write: impl FnOnce(&mut PipeWriter, &mut PipeWriter)) -> (Vec<u8>, Captured) {
        let (over, running) = io::pipe().unwrap();
        let (mut got, to) = io::pipe().unwrap();
        let tail = Arc::default();
        let file = |to: &PipeWriter| File::from(to.as_fd().try_clone_to_owned().unwrap());
        let (mut stdout, out) = copy(&over, file(&to), &tail).unwrap();
        let (mut stderr, err) = copy(&over, file(&to), &tail).unwrap();
        drop(to);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            got.read_to_end(&mut bytes).unwrap();
            bytes
        });
        write(&mut stdout, &mut stderr);
        let capture = Capture { output: Output { tail, threads: [out, err] }, writers: None, running };
        // The pipes are still open, as a grandchild keeps them.
        let captured = capture.over().finish();
        drop((stdout, stderr));
        (reader.join().unwrap(), captured)
    }

    #[test]
    fn what_both_print_is_passed_on_counted_and_kept() {
        let (mut got, captured) = captured(|stdout, stderr| {
            stdout.write_all(b"out\n").unwrap();
            stderr.write_all(b"error\n").unwrap();
        });
        got.sort_unstable();
        let mut wanted = b"out\nerror\n".to_vec();
        wanted.sort_unstable();
        assert_eq!(got, wanted);
        assert_eq!((captured.bytes, captured.tail.bytes.len(), captured.tail.cut), (10, 10, false));
    }

    #[test]
    fn of_much_only_the_end_is_kept() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| [n as u8, (n >> 8) as u8, b'\n']).collect();
        let (got, captured) = captured(|stdout, _| stdout.write_all(&text).unwrap());
        assert!(got == text);
        assert_eq!((captured.bytes, captured.tail.cut), (text.len() as u64, true));
        assert!(text.ends_with(&captured.tail.bytes) && captured.tail.bytes.len() == store::RECORD_LOG_LIMIT);
    }
}
