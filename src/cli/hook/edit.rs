//! Before a tool: a file that another holds is not written, and what nobody holds is locked for who writes it.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use super::{
    super::{Code, Failure, context::Open},
    call::{Call, Reply, Scene},
    news,
    place::{Edit, Group, place_all, unplaced},
    trouble, words,
};
use crate::{
    domain::{
        Account, Acquired, Grant, Granted, Locks, Mode, Party, Refusal, Request, Resource, Token, Ttl, Whose,
        hooks::{EditTool, Verdict, Writes, names_us, shell_command, with_command, writes},
    },
    host,
};

const TOO_MANY: &str = "the call names more than 1000 files";

pub(super) fn before_tool(call: &Call<'_>, reply: &mut Reply) {
    match writes(call.harness, &call.payload, &[]) {
        Writes::Nothing => other_tool(call, reply),
        found @ (Writes::Files(_) | Writes::Unnamed | Writes::TooMany(_)) => edit(call, &found, reply),
    }
}

/// A tool that is not known to write files: perhaps the configuration knows it.
fn other_tool(call: &Call<'_>, reply: &mut Reply) {
    let scene = call.scene(reply);
    let configured = match &scene {
        Ok(Some(scene)) => tools_of(&scene.open),
        Ok(None) => return,
        // Who calls cannot be told; what the tool writes can.
        Err(_) => call.open().as_ref().map(tools_of).unwrap_or_default(),
    };
    if !configured.is_empty() {
        match writes(call.harness, &call.payload, &configured) {
            Writes::Nothing => {}
            found @ (Writes::Files(_) | Writes::Unnamed | Writes::TooMany(_)) => return edit(call, &found, reply),
        }
    }
    let scene = match scene {
        Ok(Some(scene)) => scene,
        Ok(None) => return,
        Err(failure) => return reply.warn(failure.message),
    };
    name_subagent(call, &scene, reply);
    news::check_in(call, &scene, reply);
}

/// The tools that the configuration says edit files.
fn tools_of(open: &Open) -> Vec<EditTool> {
    open.config().edit_tools.iter().filter_map(|word| EditTool::parse(word).ok()).collect()
}

/// A subagent's shell has the environment of its parent: where it calls us, it is told who it is.
fn name_subagent(call: &Call<'_>, scene: &Scene, reply: &mut Reply) {
    if scene.id().parent().is_none() || call.payload.agent_id.is_none() {
        return;
    }
    let Some(command) = shell_command(call.harness, &call.payload).filter(|command| names_us(command)) else { return };
    let command = format!("export SWARMLOCK_AGENT={}; {command}", scene.id());
    if let Some(input) = with_command(&call.payload, &command) {
        reply.verdict = Verdict::Rewrite(input);
    }
}

fn edit(call: &Call<'_>, writes: &Writes<'_>, reply: &mut Reply) {
    let (files, all) = match writes {
        Writes::Nothing => return,
        Writes::Files(files) => (files, true),
        Writes::TooMany(files) => (files, false),
        Writes::Unnamed => {
            return unnamed(call, "the tool edits files, and the call names none that can be found", reply);
        }
    };
    let cwd = match call.cwd() {
        Ok(cwd) => cwd,
        // Where all are named in full, it is not asked for.
        Err(_) if files.iter().all(|file| file.starts_with('/')) => PathBuf::from("/"),
        Err(failure) => return trouble::of_edit(call, None, None, &failure, reply),
    };
    let mut groups: Vec<Group> = Vec::new();
    for file in files {
        if let Err(failure) = place_all(call, &cwd, file, &mut groups, reply) {
            unplaced(call, file, &failure, reply);
        }
    }
    if !all {
        return in_part(call, &groups, reply);
    }
    also_named(call, &cwd, files, &mut groups, reply);
    foresee(call, &groups, reply);
    for group in &groups {
        if reply.is_denied() {
            return;
        }
        if let Err(failure) = decide(call, group, reply) {
            let path = group.edits.first().map(|edit| edit.text.as_str());
            judge_by_sight(call, group, &failure, path, reply);
        }
    }
}

/// Of a call that names more files than are looked at: what is held of the first ones is refused, and nothing is locked.
fn in_part(call: &Call<'_>, groups: &[Group], reply: &mut Reply) {
    let failure = Failure::new(Code::Usage, TOO_MANY);
    for group in groups {
        if !reply.is_denied() {
            judge_by_sight(call, group, &failure, None, reply);
        }
    }
    if groups.is_empty() && !reply.is_denied() {
        unnamed(call, TOO_MANY, reply);
    }
}

/// The files of a tool that is known, but of which the configuration knows more.
fn also_named(call: &Call<'_>, cwd: &Path, known: &[Cow<'_, str>], groups: &mut Vec<Group>, reply: &mut Reply) {
    let configured: Vec<EditTool> = groups.iter().flat_map(|group| tools_of(&group.scene.open)).collect();
    if configured.is_empty() {
        return;
    }
    match writes(call.harness, &call.payload, &configured) {
        Writes::Files(all) => {
            for file in all.iter().filter(|file| !known.contains(file)) {
                if let Err(failure) = place_all(call, cwd, file, groups, reply) {
                    unplaced(call, file, &failure, reply);
                }
            }
        }
        Writes::TooMany(_) => unnamed(call, TOO_MANY, reply),
        Writes::Nothing | Writes::Unnamed => {}
    }
}

/// What takes several steps is looked at first: of one call all files are locked, or none.
fn foresee(call: &Call<'_>, groups: &[Group], reply: &mut Reply) {
    let steps = groups.iter().map(|group| group.edits.len().div_ceil(group.scene.open.config().max_resources.max(1)));
    if steps.sum::<usize>() < 2 {
        return;
    }
    for Group { scene, edits, .. } in groups {
        let asking = call.asking(scene);
        let locks = scene.open.locks_of(Some(scene.caller(&asking)));
        let party = call.party(scene);
        for edit in edits {
            if reply.is_denied() {
                return;
            }
            // What cannot be told now is told when it is to be locked.
            look(call, &locks, scene, &party, edit, reply).unwrap_or_default();
        }
    }
}

fn unnamed(call: &Call<'_>, why: &str, reply: &mut Reply) {
    let failure = Failure::new(Code::Usage, why);
    match call.scene(reply) {
        Ok(Some(scene)) => trouble::of_edit(call, Some(&scene.open), None, &failure, reply),
        // No locks are near: then there is nothing to protect.
        Ok(None) => {}
        Err(other) => trouble::of_edit(call, call.open().as_ref(), None, &other, reply),
    }
}

/// Locks these files for who writes them, or says why not.
fn decide(call: &Call<'_>, group: &Group, reply: &mut Reply) -> Result<(), Failure> {
    let Group { scene, edits, .. } = group;
    let (config, asking) = (scene.open.config(), call.asking(scene));
    let locks = scene.open.locks_of(Some(scene.caller(&asking)));
    let party = call.party(scene);
    // No tool writes a directory; what moves or removes one is only looked at.
    let (files, others): (Vec<&Edit>, Vec<&Edit>) =
        edits.iter().partition(|edit| config.auto_acquire && matches!(edit.resource, Resource::Path(..)));
    for edit in &others {
        look(call, &locks, scene, &party, edit, reply)?;
    }
    if !others.is_empty() {
        news::check_in(call, scene, reply);
    }
    let mut wanted = Vec::new();
    for edit in files {
        // What cannot be told without the guard is told inside of it.
        if !locks.is_held_well(&party, &edit.resource).unwrap_or(false) {
            wanted.push(edit);
        }
    }
    for some in wanted.chunks(config.max_resources.max(1)) {
        if !reply.is_denied() {
            acquire(call, &locks, scene, &party, some, reply)?;
        }
    }
    Ok(())
}

fn acquire(
    call: &Call<'_>,
    locks: &Locks<'_>,
    scene: &Scene,
    party: &Party,
    edits: &[&Edit],
    reply: &mut Reply,
) -> Result<(), Failure> {
    let request = Request {
        resources: edits.iter().map(|edit| edit.resource.clone()).collect(),
        mode: Mode::Exclusive,
        party: party.clone(),
        wrapper: None,
        max_hold: None,
        ttl: None,
        default_ttl: Ttl::AUTOMATIC,
        reason: None,
        token: Token::from_bits(host::random()?),
    };
    match locks.acquire(&request)? {
        Acquired::Granted { granted, .. } => granted_to(locks, scene, edits, &granted, reply),
        Acquired::Refused(refusal) => {
            refuse(call, scene, edits, &refusal, reply);
            Ok(())
        }
        // Only who waits in line comes to that.
        Acquired::Deadlock(_) | Acquired::Dropped => Ok(()),
    }
}

/// What others have had since the agent lost it is not what the agent knows: its first edit is refused once. By now the
/// file is its own again, so that the second goes through.
fn granted_to(
    locks: &Locks<'_>,
    scene: &Scene,
    edits: &[&Edit],
    granted: &[Granted],
    reply: &mut Reply,
) -> Result<(), Failure> {
    let now = host::now();
    for other in granted.iter().flat_map(|one| &one.also_held) {
        reply.told.push(words::also_held(other, now));
    }
    let anew = |one: &&Granted| matches!(one.how, Grant::New | Grant::TookOver(_));
    let Some(fence) = granted.iter().find(anew).map(|one| one.found.lease.fence) else { return Ok(()) };
    // The file is locked: what cannot be told now is no reason to speak of an edit without protection.
    let account = match locks.account(scene.id()) {
        Ok(account) => account,
        Err(error) => {
            reply.warn(format!("whether you had lost it cannot be told: {error}"));
            return Ok(());
        }
    };
    refuse_once(&account, edits, fence, reply);
    // Once in a while, or it would be read again and again. If not now, the next call does it.
    if account.behind
        && let Err(error) = locks.show_up(Some(&account.ledger))
    {
        reply.warn(Failure::from(error).message);
    }
    Ok(())
}

fn refuse_once(account: &Account, edits: &[&Edit], fence: u64, reply: &mut Reply) {
    for edit in edits {
        if let Some(loss) = account.ledger.lost_before(&edit.resource, fence) {
            // The others are its own again too, and no later edit would be refused for them.
            let mut losses = vec![loss];
            for other in edits.iter().filter_map(|edit| account.ledger.lost_before(&edit.resource, fence)) {
                if !losses.iter().any(|loss| loss.n == other.n) {
                    losses.push(other);
                }
            }
            reply.deny(words::lost_before(&edit.text, &losses));
            return;
        }
    }
}

fn refuse(call: &Call<'_>, scene: &Scene, edits: &[&Edit], refusal: &Refusal, reply: &mut Reply) {
    let named = |found: &crate::domain::Found| {
        edits.iter().find(|edit| words::is_on(found, &edit.resource)).or(edits.first()).map_or("", |edit| &edit.text)
    };
    let text = refusal.held.first().map_or_else(|| edits.first().map_or("", |edit| &edit.text), named);
    reply.deny(words::refused(text, refusal, Some(scene.id()), call.is_known_in_shell(scene)));
}

/// Refuses what another holds; nothing is locked.
fn look(
    call: &Call<'_>,
    locks: &Locks<'_>,
    scene: &Scene,
    party: &Party,
    edit: &Edit,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let mut held = locks.standing_on(&edit.resource)?;
    held.retain(|found| !found.verdict.is_over() && party.relation(&found.lease) == Whose::Other);
    let before = if held.is_empty() { locks.before(Some(party), Mode::Exclusive, &edit.resource)? } else { Vec::new() };
    if !held.is_empty() || !before.is_empty() {
        refuse(call, scene, &[edit], &Refusal { held, before, place: None }, reply);
    }
    Ok(())
}

/// A lease of another that can be read refuses, whatever else is wrong; what cannot be told is trouble.
fn judge_by_sight(call: &Call<'_>, group: &Group, failure: &Failure, path: Option<&str>, reply: &mut Reply) {
    let Group { scene, edits, .. } = group;
    let locks = scene.open.locks();
    let party = call.party(scene);
    for edit in edits {
        // Another living process of the same name is another.
        let elsewhere = failure.code == Code::NotYours;
        let held: Vec<_> = locks
            .in_sight(&edit.resource)
            .into_iter()
            .filter(|found| !found.verdict.is_over())
            .filter(|found| elsewhere || party.relation(&found.lease) == Whose::Other)
            .collect();
        if !held.is_empty() {
            let refusal = Refusal { held, ..Refusal::default() };
            refuse(call, scene, &[edit], &refusal, reply);
            return;
        }
    }
    trouble::of_edit(call, Some(&scene.open), path, failure, reply);
}
