//! Typing one line to an agent.
//!
//! The text goes into the pane by a buffer and not by `send-keys`: so the server itself checks, in the same command, that
//! the pane is still the one that was looked at and in no mode. In a mode the keys of `send-keys -l` are commands of tmux.
//! For the same reason `Enter` is sent by one command that checks first. Text without `Enter` runs nothing.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    Line, Pane, Table, Tmux,
    call::Deadline,
    front::{between, is_harness, is_in_front},
    readers::{May, may},
};
use crate::{
    domain::{AgentId, Process},
    host::{
        self,
        process::{is_tmux_server, stat},
    },
    store,
};

/// What the server prints when it has done what was asked, and when it has not.
const DONE: &str = "done";
const REFUSED: &str = "refused";

/// An agent in a pane, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The socket of its tmux server.
    pub socket: PathBuf,
    /// The number of its pane, behind the `%`.
    pub pane: u32,
    /// The server: one that was started again has other panes under the same numbers.
    pub server: Process,
    /// The agent's own process, which must be a harness: the line would be a command to an editor or a shell.
    pub agent: Process,
    /// Names of executables that are harnesses too, as for [`agent_in`](super::agent_in).
    pub harnesses: Vec<String>,
}

/// What has become of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was typed, and `Enter`.
    Typed,
    /// In its place a fixed line was typed that tells of it, and `Enter`.
    Notice,
    /// The agent has not got it, because of this; in no case was `Enter` sent, unless tmux did not say whether.
    Not(String),
}

/// Why nothing is delivered; an answer of tmux may hold anything.
struct Not(String);

impl<E: fmt::Display> From<E> for Not {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn not<T>(why: impl Into<String>) -> Result<T, Not> {
    Err(Not(why.into()))
}

impl Tmux {
    /// Types a line to an agent, and nothing unless that agent, and nobody whom the line could do something to, would
    /// read it. Takes at most `limit`. `from` is named where only a notice may be typed.
    #[must_use]
    pub fn deliver(&self, to: &Target, line: &Line, from: &AgentId, limit: Duration) -> Delivery {
        self.try_to(to, line, from, Deadline::after(limit)).unwrap_or_else(|Not(why)| Delivery::Not(why))
    }

    fn try_to(&self, to: &Target, line: &Line, from: &AgentId, deadline: Deadline) -> Result<Delivery, Not> {
        check_server(to)?;
        let listing = self.panes_until(&to.socket, deadline)?;
        let Some(pane) = listing.panes.into_iter().find(|pane| pane.number == to.pane) else {
            return not("the pane is gone");
        };
        check_pane(&pane, to)?;
        let whole = look(&pane, to, line)?;
        let notice = if whole { None } else { Some(Line::notice(from)) };
        let condition = condition(&pane);
        let id = format!("%{}", pane.number);
        let buffer = format!("swarmlock-{:032x}", host::random()?);
        let text = notice.as_ref().unwrap_or(line).argument();
        let paste = format!("paste-buffer -d -r -b {buffer} -t {id} ; display-message -p {DONE}");
        let drop = format!("delete-buffer -b {buffer} ; display-message -p {REFUSED}");
        let put =
            ["set-buffer", "-b", &buffer, "--", &text, ";", "if-shell", "-F", "-t", &id, &condition, &paste, &drop];
        self.done(to, put, deadline)?;
        // From here on something stands in the pane that nobody has entered.
        let enter = || {
            check_server(to)?;
            // One that may only have a notice now has the whole line already.
            if look(&pane, to, line)? != whole {
                return not("what runs in the pane has changed");
            }
            let send = format!("send-keys -t {id} Enter ; display-message -p {DONE}");
            let drop = format!("display-message -p {REFUSED}");
            self.done(to, ["if-shell", "-F", "-t", &id, &condition, &send, &drop], deadline)
        };
        match enter() {
            Ok(()) if whole => Ok(Delivery::Typed),
            Ok(()) => Ok(Delivery::Notice),
            Err(Not(why)) => not(format!("{why}; it stands there without Enter")),
        }
    }

    /// Has the server do something on a condition.
    fn done<'a>(&self, to: &Target, args: impl IntoIterator<Item = &'a str>, deadline: Deadline) -> Result<(), Not> {
        let answer = self.call(&to.socket, args, deadline)?;
        match std::str::from_utf8(&answer).map(str::trim_end) {
            Ok(DONE) => Ok(()),
            Ok(REFUSED) => not("the pane has changed in that very moment"),
            Ok(_) | Err(_) => not("tmux answered what was not asked for"),
        }
    }
}

fn check_server(to: &Target) -> Result<(), Not> {
    let found = stat(&to.server.pid.to_string())?.filter(|found| found.started == to.server.started);
    match found {
        Some(found) if is_tmux_server(&found) => Ok(()),
        Some(_) | None => not("the tmux server of the pane has ended"),
    }
}

fn check_pane(pane: &Pane, to: &Target) -> Result<(), Not> {
    let wrong = [
        (pane.server != to.server.pid, "another tmux server answers at that socket"),
        (pane.dead || pane.pid == 0, "the pane is dead"),
        (pane.in_mode, "the pane is in a mode in which keys are commands"),
        (pane.synchronized, "what is typed into the pane goes to others too (synchronize-panes)"),
        (pane.input_off, "the input of the pane is off"),
    ];
    wrong.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, why)| not(*why))
}

/// Looks at the processes: whether the whole line may be typed, or only a notice.
fn look(pane: &Pane, to: &Target, line: &Line) -> Result<bool, Not> {
    if !is_in_front(pane.pid, &to.agent) {
        return not("the agent is not in front in its pane");
    }
    let harness: store::Result<bool> = is_harness(&to.agent, &to.harnesses);
    if !harness? {
        return not("the process in front is no harness that is known");
    }
    let above: Option<Vec<_>> = between(&to.agent, pane.pid)?;
    let Some(above) = above else { return not("the agent is not below the process of the pane") };
    let known: Vec<u32> = above.iter().map(|stat| stat.pid).chain([to.agent.pid]).collect();
    let reads: store::Result<_> = Table::look().and_then(|table| table.reads_too(pane, &known, &to.harnesses));
    if let Some(name) = reads? {
        return not(format!("{name} reads in the pane too"));
    }
    match may(&above, to.agent.pid, line.as_str().is_ascii())? {
        May::Whole => Ok(true),
        May::Notice => Ok(false),
        May::Nothing(name) => not(format!("{name}, which the agent was started from, is not known to be harmless")),
    }
}

/// A format that is true as long as the pane is the one that was looked at.
fn condition(pane: &Pane) -> String {
    let flags = "#{?pane_dead,1,0}#{?pane_in_mode,1,0}#{?pane_synchronized,1,0}#{?pane_input_off,1,0}";
    // An agent that has ended this very moment is seen by the name of who is in front then.
    let (asked, command) = match pane.command.as_str() {
        "" => ("", String::new()),
        command => ("#{pane_current_command} ", format!("{command} ")),
    };
    let (pid, server) = (pane.pid, pane.server);
    format!("#{{==:{asked}#{{pane_pid}} #{{pid}} {flags},{command}{pid} {server} 0000}}")
}
