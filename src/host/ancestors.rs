//! The processes above this one: the harness that an agent runs in, the pane that it runs in.

use super::{
    harness,
    process::{Stat, is_tmux_server, own_stat, pid_namespace, stat},
    tmux::called_like,
};
use crate::{
    domain::{Mark, Origin, Process},
    fs, store,
};

/// No chain of processes is looked at further up.
const LEVELS: usize = 32;
/// How many of the nearest processes are noted where there is no harness.
const MARKED: usize = 4;
/// As much of a command line as is looked at, in bytes.
const CMDLINE_LIMIT: usize = 4096;

/// The processes above this one, looked at one by one as far as is asked for.
#[derive(Debug, Default)]
pub struct Ancestors {
    /// This process first.
    chain: Vec<Stat>,
    ended: bool,
    harness: Option<Option<(usize, &'static str, String)>>,
    /// Names of programs that are harnesses too.
    others: Vec<String>,
}

/// What a harness is called that only the configuration knows.
const CONFIGURED: &str = "configured harness";

/// Where this process stands to a tmux server; when that started is in clock ticks since boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pane {
    /// In a pane of it.
    Inside {
        /// When the server started.
        server_started: u64,
        /// The pane's own process.
        process: Process,
    },
    /// No longer below it, and in no terminal of another.
    Detached {
        /// When the server started.
        server_started: u64,
    },
    /// In another terminal: what the environment tells was inherited on the way there.
    Elsewhere,
    /// There is no such server to be seen.
    NoServer,
}

impl Ancestors {
    /// That programs called so are harnesses too; to be said before anything is looked for.
    pub fn also(&mut self, names: Vec<String>) {
        self.others = names;
    }

    /// The innermost harness above this process, by its name in the table and its process, which has the name of its
    /// program if it is in no table.
    ///
    /// # Errors
    /// If what is there cannot be read for a reason that may pass.
    pub fn harness(&mut self) -> store::Result<Option<(&'static str, Process)>> {
        if self.harness.is_none() {
            self.harness = Some(self.look_for_harness()?);
        }
        let found = self.harness.as_ref().and_then(Option::as_ref);
        Ok(found.and_then(|(level, known, name)| {
            let stat = self.chain.get(*level)?;
            Some((*known, Process::new(stat.pid, stat.started, name)))
        }))
    }

    fn look_for_harness(&mut self) -> store::Result<Option<(usize, &'static str, String)>> {
        let mut level = 1;
        while let Some(stat) = self.at(level)? {
            if let Some((known, name)) = self.harness_of(&stat)? {
                return Ok(Some((level, known, name)));
            }
            level = level.saturating_add(1);
        }
        Ok(None)
    }

    fn harness_of(&self, stat: &Stat) -> store::Result<Option<(&'static str, String)>> {
        if let Some(name) = harness::recognise(&stat.comm, || cmdline(stat.pid))? {
            return Ok(Some((name, name.to_owned())));
        }
        Ok(called_like(stat, &self.others).map(|name| (CONFIGURED, name.clone())))
    }

    /// Where this process stands to the tmux server with this pid.
    ///
    /// # Errors
    /// If what is there cannot be read for a reason that may pass.
    pub fn pane(&mut self, server: u32) -> store::Result<Pane> {
        let Some(server_started) = stat(&server.to_string())?.filter(is_tmux_server).map(|stat| stat.started) else {
            return Ok(Pane::NoServer);
        };
        self.complete()?;
        let inside =
            |own: &Stat| Pane::Inside { server_started, process: Process::new(own.pid, own.started, &own.comm) };
        let found = self.below(server)?;
        if let Some(found) = found.and_then(|level| self.chain.get(level)) {
            return Ok(inside(found));
        }
        // Whatever was started in the pane's terminal and outlived what started it is still of its session.
        let (mut leaders, mut terminal) = (Vec::new(), false);
        for stat in &self.chain {
            terminal |= stat.terminal != 0;
            if stat.session != 0 && !leaders.contains(&stat.session) {
                leaders.push(stat.session);
            }
        }
        for leader in leaders {
            if let Some(leader) = stat(&leader.to_string())?.filter(|leader| leader.parent == server) {
                return Ok(inside(&leader));
            }
        }
        Ok(if terminal { Pane::Elsewhere } else { Pane::Detached { server_started } })
    }

    /// The process that stands for the agent: its harness, else the own process of its pane, where the environment
    /// names a tmux server. Never this process, nor a shell that was only started for it. `None` too where processes
    /// cannot be recorded: see [`pid_namespace`].
    ///
    /// # Errors
    /// If what is there cannot be read for a reason that may pass.
    pub fn agent(&mut self, server: Option<u32>) -> store::Result<Option<Process>> {
        let found = self.harness_or_pane(server)?;
        Ok(if found.is_some() && pid_namespace()?.is_none() { None } else { found })
    }

    /// The same with the nearest processes above this one if there is none, for who looks no further than the first
    /// that is `known` to have none above it.
    ///
    /// # Errors
    /// As [`Ancestors::agent`].
    pub fn origin(&mut self, server: Option<u32>, known: &[Mark]) -> store::Result<Origin> {
        // In a pane, all that there is up to its server is looked at.
        if server.is_none() && self.harness.is_none() && self.is_below(known)? {
            return Ok(Origin { process: None, above: known.to_vec() });
        }
        let process = self.agent(server)?;
        let above = self.chain.iter().skip(1).take(MARKED).map(|stat| (stat.pid, stat.started));
        Ok(Origin { above: if process.is_none() { above.collect() } else { Vec::new() }, process })
    }

    /// Whether this process is below one of these, and no harness between.
    fn is_below(&mut self, known: &[Mark]) -> store::Result<bool> {
        let mut level = 1;
        while let Some(stat) = self.at(level)?.filter(|_| !known.is_empty()) {
            if self.harness_of(&stat)?.is_some() {
                return Ok(false);
            }
            if known.contains(&(stat.pid, stat.started)) {
                return Ok(true);
            }
            level = level.saturating_add(1);
        }
        Ok(false)
    }

    fn harness_or_pane(&mut self, server: Option<u32>) -> store::Result<Option<Process>> {
        if let Some((_, process)) = self.harness()? {
            return Ok(Some(process));
        }
        let Some(server) = server else { return Ok(None) };
        let Pane::Inside { process, .. } = self.pane(server)? else { return Ok(None) };
        let level = self.chain.iter().position(|stat| stat.pid == process.pid);
        Ok(match level {
            Some(0) => None,
            Some(1) if runs_one_command(&cmdline(process.pid)?) => None,
            _ => Some(process),
        })
    }

    /// Reads what is not known yet of this process itself.
    fn complete(&mut self) -> store::Result<()> {
        self.at(0)?;
        if let (Some(own), Some(read)) = (self.chain.first_mut(), stat("self")?) {
            *own = read;
        }
        Ok(())
    }

    /// The level of the process that the server started: its own child.
    fn below(&mut self, server: u32) -> store::Result<Option<usize>> {
        let mut level = 0;
        while let Some(stat) = self.at(level)? {
            if stat.parent == server {
                return Ok(Some(level));
            }
            level = level.saturating_add(1);
        }
        Ok(None)
    }

    /// The ancestor this many levels up. A tmux server ends the chain: what is above has only started it.
    fn at(&mut self, level: usize) -> store::Result<Option<Stat>> {
        while self.chain.len() <= level && !self.ended {
            match self.next()? {
                Some(stat) => self.chain.push(stat),
                None => self.ended = true,
            }
        }
        Ok(self.chain.get(level).cloned())
    }

    fn next(&self) -> store::Result<Option<Stat>> {
        let Some(child) = self.chain.last() else { return own_stat() };
        if child.parent == 0 || self.chain.len() > LEVELS {
            return Ok(None);
        }
        // Should the parent have ended meanwhile, another may have its number.
        let parent = stat(&child.parent.to_string())?.filter(|parent| parent.started <= child.started);
        Ok(parent.filter(|parent| !is_tmux_server(parent)))
    }
}

/// Whether `pane` is the own process of a tmux pane, and no harness, and `inside` runs below it. `false` where that
/// cannot be told.
#[must_use]
pub fn is_pane_of(pane: &Process, inside: &Process) -> bool {
    look_for_pane(pane, inside).unwrap_or(false)
}

fn look_for_pane(pane: &Process, inside: &Process) -> store::Result<bool> {
    let same = |stat: &Stat, process: &Process| (stat.pid, stat.started) == (process.pid, process.started);
    let Some(found) = stat(&pane.pid.to_string())?.filter(|found| same(found, pane)) else { return Ok(false) };
    let in_tmux = stat(&found.parent.to_string())?.is_some_and(|parent| is_tmux_server(&parent));
    if !in_tmux || harness::recognise(&found.comm, || cmdline(found.pid))?.is_some() {
        return Ok(false);
    }
    let mut below = stat(&inside.pid.to_string())?.filter(|below| same(below, inside));
    for _ in 0..LEVELS {
        let Some(child) = below.filter(|child| child.started >= found.started) else { return Ok(false) };
        if child.parent == found.pid {
            return Ok(true);
        }
        below = stat(&child.parent.to_string())?;
    }
    Ok(false)
}

/// The arguments of a process, each ended by a NUL; the first 4 KiB.
pub(super) fn cmdline(pid: u32) -> store::Result<Vec<u8>> {
    Ok(fs::read_system_start(&format!("/proc/{pid}/cmdline"), CMDLINE_LIMIT)?.unwrap_or_default())
}

/// Whether a program with this command line is `sh -c COMMAND`, which ends with its command.
fn runs_one_command(cmdline: &[u8]) -> bool {
    let option = cmdline.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    option.starts_with(b"-") && !option.starts_with(b"--") && option.contains(&b'c')
}
