//! Signs of life, and what an agent hears of without asking: the leases that it has lost.

use super::{
    super::Failure,
    call::{Call, Reply, Scene},
    words,
};
use crate::domain::{Account, hooks::Loss};

/// After a tool, and before a compaction: the agent works, and hears of what it lost.
pub(super) fn tell(call: &Call<'_>, reply: &mut Reply) {
    let done = match call.scene(reply) {
        Ok(Some(scene)) => told(call, &scene, reply),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = done {
        reply.warn(failure.message);
    }
}

fn told(call: &Call<'_>, scene: &Scene, reply: &mut Reply) -> Result<(), Failure> {
    let asking = call.asking(scene);
    let locks = scene.open.locks_of(Some(scene.caller(&asking)));
    let mut account = locks.account(scene.id())?;
    let new = losses(call, &mut account, reply);
    if new || account.behind {
        locks.show_up(Some(&account.ledger))?;
    } else if locks.is_beat_due(scene.id())? {
        locks.show_up(None)?;
    }
    Ok(())
}

/// Tells of leases that were lost, each once; whether there were any.
pub(super) fn losses(call: &Call<'_>, account: &mut Account, reply: &mut Reply) -> bool {
    if !call.can_tell() {
        return false;
    }
    let new: Vec<&mut Loss> = account.ledger.untold().collect();
    if new.is_empty() {
        return false;
    }
    reply.told.push(words::losses(&new));
    new.into_iter().for_each(|loss| loss.told = true);
    true
}

/// Leaves a sign of life if that is due.
pub(super) fn check_in(call: &Call<'_>, scene: &Scene, reply: &mut Reply) {
    let asking = call.asking(scene);
    let locks = scene.open.locks_of(Some(scene.caller(&asking)));
    let done = match locks.is_beat_due(scene.id()) {
        Ok(true) => locks.show_up(None),
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        reply.warn(Failure::from(error).message);
    }
}
