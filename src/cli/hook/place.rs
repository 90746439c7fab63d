//! Where a file that is about to be written belongs: to the checkout that it is in, whoever writes it from wherever.

use std::path::{Path, PathBuf};

use super::{
    super::{Failure, context::Open},
    call::{Call, Reply, Scene},
    trouble, words,
};
use crate::{
    checkout::{self, Checkout, ReadAs, Target, also_read_as, taken_literally},
    domain::{Holder, Refusal, Resource, Whose, hooks::LONGEST_PATH},
};

/// A file that is about to be written.
pub(super) struct Edit {
    /// As the harness names it.
    pub(super) text: String,
    pub(super) resource: Resource,
}

/// Files whose locks stand in one state directory.
pub(super) struct Group {
    state: PathBuf,
    pub(super) scene: Scene,
    pub(super) edits: Vec<Edit>,
}

/// A file of which it cannot be told where it is: what is to become of it is for the checkout that the agent works in to say.
pub(super) fn unplaced(call: &Call<'_>, file: &str, failure: &Failure, reply: &mut Reply) {
    trouble::of_edit(call, call.open().as_ref(), Some(file), failure, reply);
}

/// Puts a file to those of its state directory, for each file that a name may mean.
pub(super) fn place_all(
    call: &Call<'_>,
    cwd: &Path,
    file: &str,
    groups: &mut Vec<Group>,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let is_directory = |name: &str| Target::new(cwd, name.as_ref()).is_ok_and(|target| target.is_directory());
    let other = match also_read_as(file, call.context.home()) {
        None => return place_both(call, cwd, file, groups, reply),
        // A directory of that name is for tools that take it as it is.
        Some(ReadAs::AtHome(other)) if !is_directory("~") => return place_both(call, cwd, &other, groups, reply),
        Some(ReadAs::AtHome(other) | ReadAs::Trimmed(other)) => other,
    };
    let placed = place_both(call, cwd, file, groups, reply);
    // What nothing leads to in another way cannot be opened that way either.
    place_both(call, cwd, &other, groups, reply).unwrap_or_default();
    placed
}

/// Puts a file to those of its state directory, for both files that a name may mean: where a link comes before `..` many
/// tools open another than the system.
fn place_both(
    call: &Call<'_>,
    cwd: &Path,
    file: &str,
    groups: &mut Vec<Group>,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let said = call.payload.cwd.as_deref().filter(|said| said.starts_with('/'));
    let Some(literal) = taken_literally(said.unwrap_or(&cwd.to_string_lossy()), file) else {
        return place(call, cwd, file, groups, reply);
    };
    if file.len() > LONGEST_PATH {
        // No system opens it as it is, and to follow each of a million parts would take as long as a harness waits.
        return place(call, cwd, &literal, groups, reply);
    }
    let by_links = place(call, cwd, file, groups, reply);
    let target = |text: &str| Target::new(cwd, text.as_ref()).ok().map(|target| target.path().to_owned());
    let Some(other) = target(&literal).filter(|other| target(file).as_ref() != Some(other)) else { return by_links };
    // What nothing leads to cannot be opened that way either.
    match place(call, cwd, &other.to_string_lossy(), groups, reply) {
        Ok(()) => Ok(()),
        Err(_) => by_links,
    }
}

/// Puts a file to those of its state directory; nowhere if it is in no checkout with locks.
pub(super) fn place(
    call: &Call<'_>,
    cwd: &Path,
    file: &str,
    groups: &mut Vec<Group>,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let target = Target::new(cwd, file.as_ref())?;
    for dir in target.places() {
        let checkout = match call.context.checkout_of(dir) {
            Ok(Some(checkout)) => checkout,
            Ok(None) => continue,
            Err(failure) => return in_doubt(call, dir, &target, file, failure, reply),
        };
        let state = checkout.state_path();
        let at = match groups.iter().position(|group| group.state == state) {
            Some(at) => at,
            None => {
                let scene = match call.scene_in(&checkout, reply) {
                    Ok(Some(scene)) => scene,
                    Ok(None) => continue,
                    Err(failure) => return nameless(call, &checkout, &target, file, failure, reply),
                };
                groups.push(Group { state, scene, edits: Vec::new() });
                groups.len().saturating_sub(1)
            }
        };
        if checkout.is_own(&target) {
            reply.deny(words::own_file(file));
            return Ok(());
        }
        let Some(group) = groups.get_mut(at) else { return Ok(()) };
        match checkout.resource_of(&target) {
            Ok(resource) => group.edits.push(Edit { text: file.to_owned(), resource }),
            // Locks that were named by hand are asked about every file, also about those that are not theirs.
            Err(checkout::Error::Outside { other: None, .. }) => {}
            Err(error) => trouble::of_edit(call, Some(&group.scene.open), Some(file), &error.into(), reply),
        }
        return Ok(());
    }
    Ok(())
}

/// Whether a directory on the way is a checkout of its own cannot be told, because its `.git` is broken. What stands in the
/// locks of the checkout around it refuses all the same.
fn in_doubt(
    call: &Call<'_>,
    dir: &Path,
    target: &Target,
    file: &str,
    failure: Failure,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let around = dir.ancestors().find_map(|above| call.context.checkout_of(above).ok()).flatten();
    let Some(checkout) = around else { return Err(failure) };
    let Some(resource) = checkout.resource_despite(target) else { return Err(failure) };
    call.context.settle_on(&checkout);
    let Ok(Some((open, _))) = call.context.open_for_hook(&checkout) else { return Err(failure) };
    match refuse_by_sight(call, &open, &resource, file, reply) {
        true => {
            reply.warn(failure.message);
            Ok(())
        }
        false => Err(failure),
    }
}

/// Who edits cannot be told, or the state directory cannot be opened. In the first case whatever is held is another's.
fn nameless(
    call: &Call<'_>,
    checkout: &Checkout,
    target: &Target,
    file: &str,
    failure: Failure,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let Ok(Some((open, _))) = call.context.open_for_hook(checkout) else { return Err(failure) };
    if checkout.is_own(target) {
        reply.deny(words::own_file(file));
        return Ok(());
    }
    let resource = match checkout.resource_of(target) {
        Ok(resource) => resource,
        Err(checkout::Error::Outside { other: None, .. }) => return Ok(()),
        Err(_) => {
            trouble::of_edit(call, Some(&open), Some(file), &failure, reply);
            return Ok(());
        }
    };
    if refuse_by_sight(call, &open, &resource, file, reply) {
        reply.warn(failure.message);
    } else {
        trouble::of_edit(call, Some(&open), Some(file), &failure, reply);
    }
    Ok(())
}

/// Refuses what another can be seen to hold; whether one does.
fn refuse_by_sight(call: &Call<'_>, open: &Open, resource: &Resource, file: &str, reply: &mut Reply) -> bool {
    // It may have been the state directory that could not be opened a moment ago.
    let identity = call.context.identity().ok();
    let party = identity.as_ref().map(|identity| call.context.party(identity));
    let own = |lease: &Holder| party.as_ref().is_some_and(|party| party.relation(lease) != Whose::Other);
    let mut held = open.locks().in_sight(resource);
    held.retain(|found| !found.verdict.is_over() && !own(&found.lease));
    if held.is_empty() {
        return false;
    }
    let agent = identity.as_ref().map(|identity| &identity.id);
    reply.deny(words::refused(file, &Refusal { held, ..Refusal::default() }, agent, true));
    true
}
