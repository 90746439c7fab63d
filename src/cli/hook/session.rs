//! The beginning and the end of a session, and of a subagent.

use super::{
    super::{Failure, describe, install},
    call::{Call, Reply, Scene},
    news,
    turn::{over, with_scene},
    words::clean,
};
use crate::{
    domain::{
        AgentId, Class, Found, Locks, Process,
        agents::{Agent, Presence, Signs},
    },
    host,
    store::{Event, kind},
};

/// How many agents and leases are named.
const NAMED: usize = 8;

/// Registers the agent, and tells it in a few lines what it has to know.
pub(super) fn starts(call: &Call<'_>, reply: &mut Reply) {
    let there = with_scene(call, reply, |scene, reply| {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let account = locks.account(scene.id())?;
        locks.show_up(Some(&account.ledger))?;
        reply.told.push(picture(call, scene, &locks)?);
        Ok(())
    });
    if !there {
        match unready(call) {
            Ok(line) => line.into_iter().for_each(|line| reply.warn(line)),
            Err(failure) => reply.warn(failure.message),
        }
    }
}

/// What is to be said where the settings of a checkout call us, as in a clone of one, and nobody has made a state directory.
fn unready(call: &Call<'_>) -> Result<Option<String>, Failure> {
    let Some(checkout) = call.context.checkout_of(&call.cwd()?)? else { return Ok(None) };
    if !install::is_entered(call.context, &checkout, call.harness.word())? {
        return Ok(None);
    }
    let root = checkout.root().display();
    Ok(Some(format!(
        "{root}: hooks are entered here, but there are no locks yet, and no edit is protected: swarmlock init"
    )))
}

/// What is locked, who else is here, what there is to read, and how to go on.
fn picture(call: &Call<'_>, scene: &Scene, locks: &Locks<'_>) -> Result<String, Failure> {
    let id = scene.id();
    let agents = locks.agents()?;
    let before = earlier(call, id, &agents)?;
    let (mut own, mut left): (Vec<Found>, Vec<Found>) = (Vec::new(), Vec::new());
    locks.for_each(|_, found| {
        let Ok(found) = found else { return };
        if found.verdict.is_over() {
        } else if found.lease.agent_id == *id {
            own.push(found);
        } else if before.contains(&found.lease.agent_id) {
            left.push(found);
        }
    })?;
    let path = scene.open.state().path().to_string_lossy().into_owned();
    let mut lines = vec![format!("swarmlock: you are {id} here; locks and messages are kept in {}.", clean(&path))];
    lines.push(match own.as_slice() {
        [] => "You hold no lock.".to_owned(),
        own => format!("You hold {}.", leases(own)),
    });
    if let Some(first) = left.first() {
        let agent = &first.lease.agent_id;
        lines.push(format!(
            "Your earlier session {agent} still holds {}: swarmlock release --mine --agent {agent}",
            leases(&left)
        ));
    }
    lines.push(others(id, &agents));
    let unread = scene.open.mail(None).unread(std::slice::from_ref(id))?.first().copied().unwrap_or(0);
    if unread > 0 {
        let messages = if unread == 1 { "message for you is" } else { "messages for you are" };
        lines.push(format!("{unread} {messages} unread: swarmlock inbox"));
    }
    lines.push(
        "An edit locks its file for you until your turn ends; what another holds cannot be edited. To keep a file longer: \
         swarmlock acquire FILE --reason WHY, in the end swarmlock release FILE; to wait for one: swarmlock acquire FILE --wait --for-edit; to \
         tell others something: \
         swarmlock send AGENT INFO 'TEXT'."
            .to_owned(),
    );
    if !call.is_known_in_shell(scene) {
        lines.push(format!("In your shell nothing tells who you are: add --agent {id} to each of these commands."));
    }
    Ok(lines.join("\n"))
}

/// The agents that were sessions of the same process.
fn earlier(call: &Call<'_>, id: &AgentId, agents: &[(Agent, Presence, Signs)]) -> Result<Vec<AgentId>, Failure> {
    let Some(own): Option<Process> = call.context.process()? else { return Ok(Vec::new()) };
    let same = |agent: &Agent| agent.id != *id && agent.process.as_ref() == Some(&own);
    Ok(agents.iter().filter(|(agent, _, _)| same(agent)).map(|(agent, _, _)| agent.id.clone()).collect())
}

fn leases(found: &[Found]) -> String {
    let now = host::now();
    let one = |found: &Found| clean(&format!("{} until {}", found.head.text(), describe::until_column(found, now)));
    let mut named: Vec<String> = found.iter().take(NAMED).map(one).collect();
    let more = found.len().saturating_sub(NAMED);
    named.extend((more > 0).then(|| format!("and {more} more (swarmlock list)")));
    named.join(", ")
}

fn others(id: &AgentId, agents: &[(Agent, Presence, Signs)]) -> String {
    let here: Vec<String> = agents
        .iter()
        .filter(|(agent, presence, _)| agent.id != *id && *presence != Presence::Gone)
        .map(|(agent, presence, _)| {
            let role = agent.role.as_deref().map_or(String::new(), |role| format!(", {}", clean(role)));
            format!("{} ({}{role})", agent.id, presence.word())
        })
        .collect();
    let more = here.len().saturating_sub(NAMED);
    let named: Vec<String> =
        here.into_iter().take(NAMED).chain((more > 0).then(|| format!("and {more} more (swarmlock agents)"))).collect();
    if named.is_empty() { "Nobody else is here.".to_owned() } else { format!("Also here: {}.", named.join(", ")) }
}

/// What was locked by editing goes; what was asked for stays, and is told.
pub(super) fn ends(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let account = locks.account(scene.id())?;
        over(&locks, &account, true, reply)?;
        let mut kept = locks.leases_of(scene.id())?;
        kept.retain(|found| found.lease.class == Class::Explicit);
        if kept.is_empty() {
            return Ok(());
        }
        let mut event = Event::new(kind::SESSION_ENDED, host::now().wall.unix_ms());
        event.by = Some(scene.id().to_string());
        event.resources = kept.iter().take(NAMED).map(|found| found.head.text()).collect();
        locks.visit_unseen(|inside| inside.session.note(&event))?;
        kept.sort_by(|one, other| one.lease.agent_id.cmp(&other.lease.agent_id));
        for theirs in kept.chunk_by(|one, other| one.lease.agent_id == other.lease.agent_id).take(NAMED) {
            let Some(agent) = theirs.first().map(|found| &found.lease.agent_id) else { continue };
            reply.warn(format!(
                "{agent} has ended and still holds {}; whoever continues releases it with: swarmlock release --mine --agent {agent}",
                leases(theirs),
            ));
        }
        Ok(())
    });
}

/// A subagent is told who it is.
pub(super) fn subagent_starts(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        let id = scene.id();
        if id.parent().is_some() && call.can_tell() {
            reply.told.push(format!(
                "swarmlock: you are {id} here. An edit locks its file for you until you are done; what another agent \
                 holds cannot be edited, nor what the agent that started you holds."
            ));
        }
        news::check_in(call, scene, reply);
        Ok(())
    });
}

/// What a subagent has locked by editing goes with it.
pub(super) fn subagent_ends(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        // Where the harness does not tell which one ends, its leases end by themselves, or with the session.
        if scene.id().parent().is_none() {
            news::check_in(call, scene, reply);
            return Ok(());
        }
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let account = locks.account(scene.id())?;
        if account.ledger.automatic.is_empty() {
            return Ok(());
        }
        over(&locks, &account, true, reply)
    });
}
