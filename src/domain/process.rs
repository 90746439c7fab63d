//! A process as evidence that an agent is alive.

use serde::{Deserialize, Serialize};

/// The longest name of a process, in bytes.
const NAME_LIMIT: usize = 32;

/// A process that can be told from every other one of this boot and pid namespace. Two of them are the same if pid and
/// start are; the name is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number in its pid namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot: field 22 of its `stat`. Another time namespace sees another number.
    pub started: u64,
    /// The harness, or the command: at most 32 bytes of printable ASCII.
    pub name: String,
}

impl Process {
    /// A process under a name that may hold anything.
    #[must_use]
    pub fn new(pid: u32, started: u64, name: &str) -> Self {
        let harmless = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        Self { pid, started, name: name.chars().take(NAME_LIMIT).map(harmless).collect() }
    }

    /// Whether this is the same process, whatever it is called.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.pid, self.started) == (other.pid, other.started)
    }
}

/// A process by its number and its start, as [`Process`] has them.
pub type Mark = (u32, u64);

/// Where a call comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The process that stands for the agent; `None` if there is none to tell.
    pub process: Option<Process>,
    /// If there is none: the nearest processes above the call, above each of which there is none either.
    pub above: Vec<Mark>,
}

/// A pid namespace that can be told from every other one of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PidNamespace {
    /// Its inode, which a later one may get again.
    pub inode: u64,
    /// When its first process started, in clock ticks since boot; `None` for the one that the machine started with,
    /// whose inode is its own.
    pub init_started: Option<u64>,
}

/// What can be told of a process that was recorded in this boot and pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It is there, or something that cannot be told from it.
    Alive,
    /// It has ended, for certain.
    Gone,
    /// Nothing can be told from here.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn a_name_is_short_and_harmless() {
        assert_eq!(Process::new(7, 1, "tmux: server").name, "tmux: server");
        assert_eq!(Process::new(7, 1, "a\n\x1b[31m\u{202e}é").name, "a??[31m??");
        assert_eq!(Process::new(7, 1, &"é".repeat(100)).name.len(), 32);
    }

    #[test]
    fn a_process_is_its_pid_and_start() {
        let process = Process::new(7, 1, "a");
        assert!(process.is(&Process::new(7, 1, "b")));
        assert!(!process.is(&Process::new(7, 2, "a")) && !process.is(&Process::new(8, 1, "a")));
    }
}
