//! Processes as `/proc` shows them: which there are, which are gone, and whether `/proc` can tell.

use std::{path::Path, sync::OnceLock};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use crate::{
    domain::{Liveness, PidNamespace, Process, Wrapper},
    fs, store,
};

/// Longer than any `stat` is, in bytes.
const STAT_LIMIT: usize = 2048;
/// The fields behind the name that are looked at, as many as there are up to when it started.
const FIELDS: usize = 20;
/// `PROC_PID_INIT_INO`: the kernel gives the first pid namespace a fixed inode number.
const INITIAL: u64 = 4_026_531_836;

/// What a process's `stat` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    /// The name of its command, at most 15 bytes; a process may give itself any.
    pub(super) comm: String,
    pub(super) state: char,
    pub(super) parent: u32,
    /// Its process group.
    pub(super) group: u32,
    /// 0: its session was begun outside of this pid namespace.
    pub(super) session: u32,
    /// 0: it has no controlling terminal.
    pub(super) terminal: i32,
    /// The process group in the foreground of that terminal; 0: there is none to be seen from here.
    pub(super) front: u32,
    pub(super) threads: u32,
    /// In clock ticks since boot.
    pub(super) started: u64,
}

/// As much of the `stat` of this process as is needed to look at the one above it. Where `/proc` gives numbers as we do,
/// that costs no look at a `stat`.
pub(super) fn own_stat() -> store::Result<Option<Stat>> {
    let number = |pid: Pid| u32::try_from(pid.as_raw_nonzero().get()).unwrap_or(0);
    let pid = number(rustix::process::getpid());
    let Some(parent) = rustix::process::getppid().map(number) else { return stat("self") };
    match fs::link_target(Path::new("/proc/self")) {
        Ok(shown) if shown.as_os_str().as_encoded_bytes() == pid.to_string().as_bytes() => {}
        Ok(_) | Err(_) => return stat("self"),
    }
    // Not started before any other.
    let (comm, started) = (String::new(), u64::MAX);
    Ok(Some(Stat { pid, comm, state: 'R', parent, group: 0, session: 0, terminal: 0, front: 0, threads: 1, started }))
}

/// The `stat` of a process, a number or `self`; `None` if it is not to be seen.
pub(super) fn stat(process: &str) -> store::Result<Option<Stat>> {
    let bytes = fs::read_system_start(&format!("/proc/{process}/stat"), STAT_LIMIT)?;
    Ok(bytes.and_then(|bytes| parse_stat(&bytes)))
}

fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    // The name in parentheses may hold anything, parentheses, line ends and halves of characters included.
    let open = bytes.iter().position(|byte| *byte == b'(')?;
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(bytes.get(close.checked_add(1)?..)?).ok()?;
    let mut fields = [""; FIELDS];
    fields.iter_mut().zip(text.split_ascii_whitespace()).for_each(|(field, found)| *field = found);
    // As proc(5) numbers them.
    let field = |number: usize| fields.get(number.checked_sub(3)?).copied();
    Some(Stat {
        pid: std::str::from_utf8(bytes.get(..open)?).ok()?.trim().parse().ok()?,
        comm: String::from_utf8_lossy(bytes.get(open.checked_add(1)?..close)?).into_owned(),
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().unwrap_or(0),
        session: field(6)?.parse().unwrap_or(0),
        terminal: field(7)?.parse().ok()?,
        front: field(8)?.parse().unwrap_or(0),
        threads: field(20)?.parse().ok()?,
        started: field(22)?.parse().ok()?,
    })
}

impl Stat {
    /// Whether the process has ended and only waits to be collected.
    pub(super) fn is_over(&self) -> bool {
        match self.state {
            'X' | 'x' => true,
            // The first thread of a process may end before the others, and then looks like this too.
            'Z' => self.threads <= 1,
            _ => false,
        }
    }
}

/// The pid namespace of this process; `None` if `/proc` is not there, shows another one's processes, or hides what
/// tells this one from others, and in another time namespace than the machine's, where start times are other numbers:
/// then no process can be recorded or judged.
///
/// # Errors
/// If what is there cannot be read for a reason that may pass.
pub fn pid_namespace() -> store::Result<Option<PidNamespace>> {
    static FOUND: OnceLock<Option<PidNamespace>> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(*found);
    }
    let found = look_for_namespace()?;
    Ok(*FOUND.get_or_init(|| found))
}

fn look_for_namespace() -> store::Result<Option<PidNamespace>> {
    if !super::own_clock()? {
        return Ok(None);
    }
    let inode = link("/proc/self/ns/pid")?.and_then(|name| inode_in(&name));
    match inode {
        None => Ok(None),
        // Its processes are shown in no other namespace's.
        Some(INITIAL) => Ok(Some(PidNamespace { inode: INITIAL, init_started: None })),
        Some(inode) => {
            // Shown in that of another, it has a number in each. The number that `/proc/self` tells would not do: the
            // one outside may by chance be the one inside.
            let status = fs::read_system_file("/proc/self/status", 64 * 1024)?.unwrap_or_default();
            let first = if has_one_number(&status) { stat("1")? } else { None };
            Ok(first.map(|first| PidNamespace { inode, init_started: Some(first.started) }))
        }
    }
}

/// This process as the one that runs a command under a lease; `None` if it has no number that means the same to others.
///
/// # Errors
/// If what is there cannot be read for a reason that may pass.
pub fn wrapper(name: &str) -> store::Result<Option<Wrapper>> {
    let Some(pid_ns) = pid_namespace()? else { return Ok(None) };
    let Some(stat) = stat("self")? else { return Ok(None) };
    Ok(Some(Wrapper { boot_id: super::boot_id()?, process: Process::new(stat.pid, stat.started, name), pid_ns }))
}

/// Where a link in `/proc` points; `None` if it is not there or not to be read.
fn link(path: &str) -> store::Result<Option<String>> {
    match fs::link_target(Path::new(path)) {
        Ok(target) => Ok(target.into_os_string().into_string().ok()),
        Err(error) if error.is_absent() || error.is_denied() || error.is_no_directory() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether any process of a group still runs; one that cannot be told to be gone counts as if.
pub(super) fn is_group_alive(group: u32) -> bool {
    if !matches!(pid_namespace(), Ok(Some(_))) {
        return true;
    }
    let Some(numbers) = fs::process_numbers() else { return true };
    numbers.into_iter().any(|number| match stat(&number.to_string()) {
        Ok(Some(stat)) => stat.group == group && !stat.is_over(),
        Ok(None) => false,
        Err(_) => true,
    })
}

/// The number in `pid:[4026531836]`.
fn inode_in(name: &str) -> Option<u64> {
    name.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// Whether this `status` gives its process one number: it is shown in the process's own pid namespace.
fn has_one_number(status: &str) -> bool {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_whitespace().count() == 1)
}

/// Whether a process is still there that was recorded in this boot and in this pid namespace.
#[must_use]
pub fn liveness(process: &Process) -> Liveness {
    if !matches!(pid_namespace(), Ok(Some(_))) {
        return Liveness::Unknown;
    }
    match stat(&process.pid.to_string()) {
        Ok(Some(stat)) if stat.started != process.started || stat.is_over() => Liveness::Gone,
        Ok(Some(_)) => Liveness::Alive,
        Ok(None) => answers(process.pid),
        Err(_) => Liveness::Unknown,
    }
}

/// Whether any process has this number, asked of the kernel: `/proc` may hide those of other users.
fn answers(pid: u32) -> Liveness {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Liveness::Unknown };
    match test_kill_process(pid) {
        Err(Errno::SRCH) => Liveness::Gone,
        Ok(()) | Err(_) => Liveness::Alive,
    }
}

/// Whether a process calls itself a tmux server, as every one does, and still is one.
pub(super) fn is_tmux_server(stat: &Stat) -> bool {
    stat.comm == "tmux: server" && !stat.is_over()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(comm: &str, state: char, threads: u32) -> String {
        format!("12 ({comm}) {state} 3 12 9 34816 13 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 777 1000 2 184 0\n")
    }

    #[test]
    fn a_name_may_hold_anything() {
        for comm in ["sh", "a) R 1 2 3 (b", "a\nb", "", ")))", "x y"] {
            let stat = parse_stat(line(comm, 'S', 1).as_bytes()).unwrap();
            assert_eq!((stat.pid, stat.comm.as_str(), stat.parent, stat.session), (12, comm, 3, 9));
            assert_eq!((stat.terminal, stat.front, stat.threads, stat.started), (34816, 13, 1, 777));
        }
        let torn = line("caf\u{e9}", 'S', 1).into_bytes();
        let torn: Vec<u8> = torn.into_iter().filter(|byte| *byte != 0xa9).collect();
        assert_eq!(parse_stat(&torn).unwrap().comm, "caf\u{fffd}");
    }

    #[test]
    fn what_is_no_stat_is_none() {
        for bad in ["", "12", "12 (sh", "12 sh) S 1", "(sh) S 1 2 3", "12 (sh) S 1 2 3 4 5", ")(", "x (sh) S"] {
            assert_eq!(parse_stat(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_process_is_over_when_nothing_of_it_runs() {
        let over = |state, threads| parse_stat(line("sh", state, threads).as_bytes()).unwrap().is_over();
        assert!(over('Z', 1) && over('X', 1) && over('x', 0) && over('X', 5));
        assert!(!over('Z', 2), "its first thread has ended, another runs");
        for state in ['R', 'S', 'D', 'T', 't', 'I'] {
            assert!(!over(state, 1), "{state}");
        }
    }

    #[test]
    fn namespaces_are_read_from_what_the_kernel_shows() {
        assert_eq!(inode_in("pid:[4026531836]"), Some(INITIAL));
        for bad in ["", "pid:[]", "pid:[x]", "time:[1]", "pid:[1"] {
            assert_eq!(inode_in(bad), None, "{bad}");
        }
        assert!(has_one_number("Name:\tx\nNSpid:\t7\n"));
        assert!(!has_one_number("NSpid:\t700\t7\n") && !has_one_number("Name:\tx\n"));
    }

    #[test]
    fn what_cannot_be_a_pid_is_unknown() {
        assert_eq!(answers(0), Liveness::Unknown);
        assert_eq!(answers(u32::MAX), Liveness::Unknown);
    }

    /// Where `/proc` is somebody else's, as in some sandboxes, there is nothing to be seen.
    #[test]
    fn a_process_is_alive_until_it_is_gone_and_another_with_its_number_is_not_it() {
        let Some(own) = stat("self").unwrap().filter(|_| pid_namespace().unwrap().is_some()) else { return };
        assert_eq!(own.pid, std::process::id());
        let own = Process::new(own.pid, own.started, &own.comm);
        assert_eq!(liveness(&own), Liveness::Alive);
        assert_eq!(liveness(&Process { started: own.started + 1, ..own }), Liveness::Gone);
        assert_eq!(liveness(&Process::new(u32::MAX, 1, "")), Liveness::Unknown);
    }
}
