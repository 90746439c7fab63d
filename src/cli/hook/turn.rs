//! The beginning and the end of a turn.

use super::{
    super::Failure,
    call::{Call, Reply, Scene},
    inbox::page,
    news,
};
use crate::{
    domain::{
        Account, Changed, Locks, Outcome,
        hooks::{Ledger, Verdict},
        mail::Item,
    },
    store::Error,
};

/// How many unread messages are looked at for one that is for the agent by name.
const LOOKED_AT: usize = 100;

/// What an earlier turn has left is given up, and what came in meanwhile is told.
pub(super) fn begins(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let mut account = locks.account(scene.id())?;
        let can_tell = call.can_tell() && scene.id().parent().is_none();
        if can_tell {
            // The inbox tells of them.
            account.ledger.untold().for_each(|loss| loss.told = true);
        }
        over(&locks, &account, false, reply)?;
        if can_tell && let Some(page) = page(call, scene)? {
            reply.told.push(page.text);
            reply.inbox = Some(page.inbox);
        }
        Ok(())
    });
}

/// Holds the turn up once for messages to the agent that it has not read; else the turn ends, and with it what was
/// locked by editing.
pub(super) fn ends(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let mut account = locks.account(scene.id())?;
        if call.harness.can_block(call.moment)
            && !call.payload.stop_hook_active
            && !was_cut_off(call)
            && let Some(newest) = directed(scene, &account.ledger).unwrap_or_else(|failure| {
                // Messages that cannot be read keep no lock.
                reply.warn(format!("hook {}: {}", call.event, failure.message));
                None
            })
        {
            account.ledger.stopped = newest;
            // First that it was held up for these: or it would be again and again where nothing can be written.
            locks.show_up(Some(&account.ledger))?;
            if let Some(page) = page(call, scene)? {
                let text = "Before you end your turn: there are messages for you that you have not read.";
                reply.verdict = Verdict::Block(format!("{text}\n{}", page.text));
                reply.inbox = Some(page.inbox);
                return Ok(());
            }
        }
        news::losses(call, &mut account, reply);
        over(&locks, &account, false, reply)
    });
}

/// Whether the harness says that the turn has not ended by itself: whoever stopped it does not want it to go on.
fn was_cut_off(call: &Call<'_>) -> bool {
    call.payload.status.as_deref().is_some_and(|status| ["aborted", "error"].contains(&status))
}

/// The number of the newest unread message that is for the agent and not for all, if the turn was not held up for it.
fn directed(scene: &Scene, ledger: &Ledger) -> Result<Option<u64>, Failure> {
    let inbox = scene.open.mail(None).peek(scene.id(), LOOKED_AT)?;
    let numbers = inbox.items.iter().filter_map(|item| match item {
        Item::Message(message) if !message.is_for_all() => Some(message.seq),
        Item::Message(_) | Item::Notice(_) => None,
    });
    Ok(numbers.max().filter(|newest| *newest > ledger.stopped))
}

/// Gives up what was locked by editing, by subagents too if it is over for `all`.
pub(super) fn over(locks: &Locks<'_>, account: &Account, all: bool, reply: &mut Reply) -> Result<(), Failure> {
    let ledger = &account.ledger;
    let own = |id: &str| all || id == ledger.agent_id.as_str();
    if !ledger.automatic.iter().any(|taken| own(&taken.agent_id)) {
        return Ok(locks.show_up(Some(ledger))?);
    }
    for changed in locks.end_turn(ledger, all)? {
        warn_of(&changed, reply);
    }
    Ok(())
}

fn warn_of(changed: &Changed, reply: &mut Reply) {
    if let Outcome::Failed(error) = &changed.outcome {
        // What cannot be read does not end by itself either.
        let then = if matches!(error, Error::Damaged { .. } | Error::Newer { .. }) {
            "swarmlock history tells whose it was"
        } else {
            "it ends by itself in five minutes"
        };
        reply.warn(format!("{} could not be released: {error}; {then}", changed.resource));
    }
}

/// Does something in the state directory of the checkout that the agent works in, if there is one; what goes wrong is said.
pub(super) fn with_scene(
    call: &Call<'_>,
    reply: &mut Reply,
    work: impl FnOnce(&Scene, &mut Reply) -> Result<(), Failure>,
) {
    let done = match call.scene(reply) {
        Ok(Some(scene)) => work(&scene, reply),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = done {
        reply.warn(format!("hook {}: {}", call.event, failure.message));
    }
}
