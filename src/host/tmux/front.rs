//! Which agent has the terminal of a pane, and who else could read from it.

use std::path::{Path, PathBuf};

use super::Pane;
use crate::{
    domain::Process,
    fs,
    host::{
        ancestors::cmdline,
        harness,
        process::{Stat, is_tmux_server, pid_namespace, stat},
    },
    store,
};

/// No chain of processes is looked at further up.
const LEVELS: usize = 32;
/// As much of an environment is looked at, in bytes.
const ENVIRONMENT: usize = 256 * 1024;
/// No more descriptors of a process are looked at.
const DESCRIPTORS: usize = 4096;

/// An agent that has the terminal of its pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The harness by its name in our table, or by that of its executable.
    pub harness: String,
    /// Its process.
    pub process: Process,
    /// The directory that it works in, if it is to be seen.
    pub cwd: Option<PathBuf>,
}

/// All processes, as they were at one moment: for looking at many panes.
#[derive(Clone, Debug, Default)]
pub struct Table {
    all: Vec<Stat>,
}

impl Table {
    /// Looks at all processes. None of them where processes cannot be told from those of another pid namespace.
    ///
    /// # Errors
    /// If what is there cannot be read for a reason that may pass.
    pub fn look() -> store::Result<Self> {
        if pid_namespace()?.is_none() {
            return Ok(Self::default());
        }
        let mut all = Vec::new();
        for number in fs::process_numbers().unwrap_or_default() {
            all.extend(stat(&number.to_string())?.filter(|stat| !stat.is_over()));
        }
        Ok(Self { all })
    }

    /// The agent in the foreground of a pane: a process of the foreground group of its terminal that runs a harness, by
    /// its executable, or a program that is called like one of `extra`. Of several the leader of the group, else the
    /// oldest. Never by a word among arguments.
    ///
    /// # Errors
    /// If what is there cannot be read for a reason that may pass.
    pub fn agent_in(&self, pane: &Pane, extra: &[String]) -> store::Result<Option<Found>> {
        let Some(own) = self.own_process(pane) else { return Ok(None) };
        let mut found: Option<(&Stat, String)> = None;
        for member in self.all.iter().filter(|stat| is_member(stat, own)) {
            let rank = |stat: &Stat| (stat.pid != own.front, stat.started, stat.pid);
            if found.as_ref().is_some_and(|(best, _)| rank(best) <= rank(member)) {
                continue;
            }
            if let Some(harness) = harness_of(member, extra)? {
                found = Some((member, harness));
            }
        }
        Ok(found.map(|(stat, harness)| Found {
            process: Process::new(stat.pid, stat.started, &harness),
            cwd: fs::link_target(Path::new(&format!("/proc/{}/cwd", stat.pid))).ok(),
            harness,
        }))
    }

    /// The pane's own process, if it is the one that this server has started: in another pid namespace the number would
    /// be that of any.
    fn own_process(&self, pane: &Pane) -> Option<&Stat> {
        let one = |pid: u32| self.all.iter().find(|stat| stat.pid == pid);
        one(pane.server).filter(|server| is_tmux_server(server))?;
        one(pane.pid).filter(|own| own.parent == pane.server && own.terminal != 0 && own.front != 0)
    }

    /// Another process than these in the foreground of the terminal that may read what is typed there: an editor that
    /// the agent has started, a pager beside it. A harness may.
    pub(super) fn reads_too(&self, pane: &Pane, known: &[u32], extra: &[String]) -> store::Result<Option<String>> {
        // Who else is there cannot be told then.
        let Some(own) = self.own_process(pane) else { return Ok(Some("what cannot be seen".to_owned())) };
        for member in self.all.iter().filter(|stat| is_member(stat, own) && !known.contains(&stat.pid)) {
            if harness_of(member, extra)?.is_none() && reads(member.pid, &pane.tty) {
                return Ok(Some(member.comm.clone()));
            }
        }
        Ok(None)
    }
}

/// As [`Table::agent_in`], of one pane now.
///
/// # Errors
/// If what is there cannot be read for a reason that may pass.
pub fn agent_in(pane: &Pane, extra: &[String]) -> store::Result<Option<Found>> {
    Table::look()?.agent_in(pane, extra)
}

/// The value of a variable in the environment that a process was started with; `None` if it is not set or not to be seen,
/// or is no text.
///
/// # Errors
/// If it cannot be read for a reason that may pass.
pub fn started_with(process: &Process, variable: &str) -> store::Result<Option<String>> {
    let environment =
        fs::read_system_start(&format!("/proc/{}/environ", process.pid), ENVIRONMENT)?.unwrap_or_default();
    let mut set = environment.split(|byte| *byte == 0);
    let value = set.find_map(|one| one.strip_prefix(variable.as_bytes())?.strip_prefix(b"="));
    Ok(value.and_then(|value| String::from_utf8(value.to_vec()).ok()))
}

/// Whether exactly this process is in the foreground of the terminal of a pane, by the pane's own process, and runs.
/// `false` where that cannot be told.
#[must_use]
pub fn is_in_front(pane_pid: u32, agent: &Process) -> bool {
    let look = |pid: u32| stat(&pid.to_string()).ok().flatten().filter(|stat| !stat.is_over());
    if !matches!(pid_namespace(), Ok(Some(_))) {
        return false;
    }
    let (Some(own), Some(found)) = (look(pane_pid), look(agent.pid)) else { return false };
    let stopped = matches!(found.state, 'T' | 't');
    own.terminal != 0 && own.front != 0 && is_member(&found, &own) && found.started == agent.started && !stopped
}

/// The processes above the agent up to the pane's own, the nearest first; `None` if it is not below it.
pub(super) fn between(agent: &Process, pane_pid: u32) -> store::Result<Option<Vec<Stat>>> {
    let Some(mut at) = stat(&agent.pid.to_string())?.filter(|stat| stat.started == agent.started) else {
        return Ok(None);
    };
    let mut above = Vec::new();
    while at.pid != pane_pid {
        // Should the parent have ended meanwhile, another may have its number.
        let parent = stat(&at.parent.to_string())?.filter(|parent| parent.started <= at.started);
        let Some(parent) = parent.filter(|parent| above.len() < LEVELS && !is_tmux_server(parent)) else {
            return Ok(None);
        };
        above.push(parent.clone());
        at = parent;
    }
    Ok(Some(above))
}

/// Whether a process is in the foreground of the terminal that `own` is in.
fn is_member(stat: &Stat, own: &Stat) -> bool {
    stat.terminal == own.terminal && stat.group == own.front
}

/// Whether this very process is a harness, or a program that is called like one of `extra`.
pub(super) fn is_harness(process: &Process, extra: &[String]) -> store::Result<bool> {
    let found = stat(&process.pid.to_string())?.filter(|found| found.started == process.started);
    Ok(match found {
        Some(found) => harness_of(&found, extra)?.is_some(),
        None => false,
    })
}

fn harness_of(stat: &Stat, extra: &[String]) -> store::Result<Option<String>> {
    if let Some(name) = harness::recognise(&stat.comm, || cmdline(stat.pid))? {
        return Ok(Some(name.to_owned()));
    }
    Ok(called_like(stat, extra).cloned())
}

/// The first of these names that a process or its program is called by.
pub(in crate::host) fn called_like<'a>(stat: &Stat, names: &'a [String]) -> Option<&'a String> {
    if names.is_empty() {
        return None;
    }
    let program = executable(stat.pid);
    names.iter().find(|name| **name == stat.comm || program.as_ref() == Some(name))
}

/// The name of the file that a process runs; `None` if it is not to be seen.
pub(super) fn executable(pid: u32) -> Option<String> {
    let path = fs::link_target(Path::new(&format!("/proc/{pid}/exe"))).ok()?;
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
}

/// Whether a process may read from this terminal: its standard input is the terminal, or it has opened it. That it has
/// it for what it prints does not count. What cannot be seen may be so.
fn reads(pid: u32, tty: &str) -> bool {
    let Some(numbers) = fs::numbers_in(&format!("/proc/{pid}/fd")) else { return true };
    numbers.len() > DESCRIPTORS
        || numbers.into_iter().filter(|number| !matches!(number, 1 | 2)).any(|number| {
            let target = fs::link_target(Path::new(&format!("/proc/{pid}/fd/{number}")));
            target.is_ok_and(|target| target == Path::new(tty) || target == Path::new("/dev/tty"))
        })
}
