//! Messages typed into the panes of their recipients.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Report, identity::Identity};
use crate::{
    domain::{
        AgentId, Process,
        agents::{Agent, Presence},
        mail::{Message, short_id},
        messages::one_line,
    },
    host::{
        self,
        tmux::{Delivery, LINE_LIMIT, Line, Target, Tmux},
    },
};

/// How long typing into one pane may take.
const PANE_LIMIT: Duration = Duration::from_secs(2);

/// How long typing into all panes may take, in milliseconds.
const PANES_LIMIT_MS: u64 = 5000;

/// What has become of a message at one recipient.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) recipient: AgentId,
    /// Whether it was typed into its pane.
    pub(super) typed: bool,
    /// Where it is.
    pub(super) place: String,
}

impl Delivered {
    /// It as one line of data, and as JSON.
    pub(super) fn say(&self, report: &mut Report, message: &Message) {
        let word = if self.typed { "[DELIVERED]" } else { "[QUEUED]" };
        report.data(&[word, short_id(&message.msg_id), self.recipient.as_str(), &self.place], || ());
    }

    pub(super) fn json(&self) -> Value {
        json!({ "recipient": self.recipient, "delivered": self.typed, "place": self.place })
    }
}

/// Types a message into the panes of its recipients, as far as that is safe. The inbox has it anyway.
pub(super) fn deliver(
    message: &Message,
    recipients: &[(Agent, Presence)],
    sender: Option<&Identity>,
    harnesses: &[String],
) -> Vec<Delivered> {
    let began = host::now().mono_ms;
    let tmux = Tmux::default();
    let (mut delivered, mut typed_into) = (Vec::new(), Vec::new());
    for (agent, presence) in recipients {
        let seat = agent.pane();
        let late = host::now().mono_ms.saturating_sub(began) >= PANES_LIMIT_MS;
        let (typed, place) = match target(agent, *presence, harnesses) {
            _ if sender.is_some_and(|sender| sender.id == agent.id) => (false, "in your own inbox".to_owned()),
            Err(why) => (false, format!("in the inbox: {why}")),
            // The same agent under two ids would have it twice.
            Ok(_) if seat.is_some() && typed_into.contains(&seat) => {
                (false, "in the inbox: its pane has it already, for another of these".to_owned())
            }
            Ok(_) if late => (false, "in the inbox: other panes took too long".to_owned()),
            Ok(target) => type_into(&tmux, &target, message),
        };
        typed_into.extend(typed.then_some(seat));
        delivered.push(Delivered { recipient: agent.id.clone(), typed, place });
    }
    delivered
}

/// The same for who wants nothing typed.
pub(super) fn queued(recipients: &[(Agent, Presence)]) -> Vec<Delivered> {
    let place = || "in the inbox".to_owned();
    let queued =
        |(agent, _): &(Agent, Presence)| Delivered { recipient: agent.id.clone(), typed: false, place: place() };
    recipients.iter().map(queued).collect()
}

fn type_into(tmux: &Tmux, target: &Target, message: &Message) -> (bool, String) {
    let line = pane_line(message);
    let from = AgentId::new(&message.sender);
    let (Some(line), Ok(from)) = (Line::new(&line), from) else {
        return (false, "in the inbox: it holds what is not typed".to_owned());
    };
    let pane = format!("%{}", target.pane);
    match tmux.deliver(target, &line, &from, PANE_LIMIT) {
        Delivery::Typed => (true, format!("typed into pane {pane}")),
        Delivery::Notice => {
            (false, format!("in the inbox: pane {pane} has a note of it, for its shell might run what is typed"))
        }
        Delivery::Not(why) => (false, format!("in the inbox: {why}")),
    }
}

/// A message as it is typed into a pane: a shell takes it for a comment.
fn pane_line(message: &Message) -> String {
    let time = message.timestamp.to_string();
    let time = time.get(..19).unwrap_or(&time).replace('T', " ");
    let ack = match message.requires_ack {
        true => format!(" (swarmlock ack {})", short_id(message.thread_id())),
        false => String::new(),
    };
    let head = format!("# [MESSAGE] [{}][{time}][{}]: ", message.sender, message.msg_type);
    let room = LINE_LIMIT.saturating_sub(head.len()).saturating_sub(ack.len());
    format!("{head}{}{ack}", one_line(&message.content, room))
}

fn target(agent: &Agent, presence: Presence, harnesses: &[String]) -> Result<Target, &'static str> {
    if presence == Presence::Gone {
        return Err("it is gone");
    }
    let pane = agent.pane().ok_or("it has no pane")?;
    let own = agent.process.clone().ok_or("no process of it is known")?;
    if host::machine().map_or(true, |machine| machine.boot_id.is_empty() || machine.boot_id != agent.boot_id) {
        return Err("it is not certain that its pane was seen since the machine was started");
    }
    let (pid, started) = pane.server;
    let server = Process::new(pid, started, "tmux: server");
    let harnesses = harnesses.to_vec();
    Ok(Target { socket: pane.socket.into(), pane: pane.number, server, agent: own, harnesses })
}
