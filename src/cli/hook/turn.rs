//! The beginning and the end of a turn.

use super::{
    super::Failure,
    call::{Call, Reply, Scene},
    inbox::{Page, page},
    news,
};
use crate::{
    domain::{
        Account, Changed, Locks, Outcome,
        hooks::Verdict,
        mail::{Item, Message},
    },
    store::Error,
};

/// How many unread messages are looked at for one that is for the agent by name.
const LOOKED_AT: usize = 1000;

/// What an earlier turn has left is given up, and what came in meanwhile is told.
pub(super) fn begins(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let mut account = locks.account(scene.id())?;
        over(&locks, &account, false, reply)?;
        if !call.can_tell() || scene.id().parent().is_some() {
            return Ok(());
        }
        let page = page(call, scene);
        if account.ledger.untold().next().is_some() {
            let shown = page.as_ref().ok().and_then(Option::as_ref).map_or_else(Vec::new, notices);
            account.ledger.untold().filter(|loss| shown.contains(&loss.n)).for_each(|loss| loss.told = true);
            // Those that are on a later page, or on none.
            news::losses(call, &mut account, reply);
            locks.show_up(Some(&account.ledger))?;
        }
        if let Some(page) = page? {
            reply.told.push(page.text);
            reply.inbox = Some(page.inbox);
        }
        Ok(())
    });
}

/// The numbers of the changes that a page tells of.
fn notices(page: &Page) -> Vec<u64> {
    let number = |item: &Item| match item {
        Item::Notice(event) => Some(event.n),
        Item::Message(_) => None,
    };
    page.inbox.items.iter().filter_map(number).collect()
}

/// Holds the turn up once for messages to the agent that it has not read; else the turn ends, and with it what was
/// locked by editing.
pub(super) fn ends(call: &Call<'_>, reply: &mut Reply) {
    with_scene(call, reply, |scene, reply| {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let mut account = locks.account(scene.id())?;
        let may_block = call.harness.can_block(call.moment) && !call.payload.stop_hook_active && !was_cut_off(call);
        if may_block {
            match held_up(call, scene, &locks, &mut account, reply) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // Messages that cannot be read keep no lock.
                Err(failure) => reply.warn(format!("hook {}: {}", call.event, failure.message)),
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

/// Holds the turn up if there is a message for the agent, and not for all, for which it was not held up before; whether
/// it is.
fn held_up(
    call: &Call<'_>,
    scene: &Scene,
    locks: &Locks<'_>,
    account: &mut Account,
    reply: &mut Reply,
) -> Result<bool, Failure> {
    let unread = scene.open.mail(None).peek(scene.id(), LOOKED_AT)?;
    let stopped = account.ledger.stopped;
    if !messages(&unread.items).any(|message| !message.is_for_all() && message.seq > stopped) {
        return Ok(false);
    }
    let Some(page) = page(call, scene)? else { return Ok(false) };
    // Before the one that it is about there may be so many others that it is on a later page.
    let Some(shown) = messages(&page.inbox.items).map(|message| message.seq).max().filter(|shown| *shown > stopped)
    else {
        return Ok(false);
    };
    account.ledger.stopped = shown;
    // First that it was held up for these: or it would be again and again where nothing can be written.
    locks.show_up(Some(&account.ledger))?;
    let text = "Before you end your turn: there are messages for you that you have not read.";
    reply.verdict = Verdict::Block(format!("{text}\n{}", page.text));
    reply.inbox = Some(page.inbox);
    Ok(true)
}

fn messages(items: &[Item]) -> impl Iterator<Item = &Message> {
    items.iter().filter_map(|item| match item {
        Item::Message(message) => Some(&**message),
        Item::Notice(_) => None,
    })
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

/// Does something in the state directory of the checkout that the agent works in; what goes wrong is said. Whether there
/// is one, as far as can be told.
pub(super) fn with_scene(
    call: &Call<'_>,
    reply: &mut Reply,
    work: impl FnOnce(&Scene, &mut Reply) -> Result<(), Failure>,
) -> bool {
    let done = match call.scene(reply) {
        Ok(Some(scene)) => work(&scene, reply),
        Ok(None) => return false,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = done {
        reply.warn(format!("hook {}: {}", call.event, failure.message));
    }
    true
}
