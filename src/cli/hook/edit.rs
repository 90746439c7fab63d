//! Before a tool: a file that another holds is not written, and what nobody holds is locked for who writes it.

use std::path::{Path, PathBuf};

use super::{
    super::{Code, Failure},
    call::{Call, Reply, Scene},
    news, trouble, words,
};
use crate::{
    checkout::{Checkout, Target, taken_literally},
    domain::{
        Acquired, Class, Grant, Granted, Locks, Mode, Party, Refusal, Request, Resource, Token, Ttl, Whose,
        hooks::{EditTool, Verdict, Writes, names_us, shell_command, with_command, writes},
    },
    host,
};

/// How long an automatic lease lasts after the last touch of its file, in seconds.
const AUTOMATIC_TTL_S: u64 = 300;

/// The longest path that a system takes, in bytes.
const LONGEST_PATH: usize = 4096;

/// A file that is about to be written.
struct Edit {
    /// As the harness names it.
    text: String,
    resource: Resource,
}

/// Files whose locks stand in one state directory.
struct Group {
    state: PathBuf,
    scene: Scene,
    edits: Vec<Edit>,
}

pub(super) fn before_tool(call: &Call<'_>, reply: &mut Reply) {
    match writes(call.harness, &call.payload, &[]) {
        Writes::Nothing => other_tool(call, reply),
        found @ (Writes::Files(_) | Writes::Unnamed | Writes::TooMany) => edit(call, &found, reply),
    }
}

/// A tool that is not known to write files: perhaps the configuration knows it.
fn other_tool(call: &Call<'_>, reply: &mut Reply) {
    let scene = match call.scene(reply) {
        Ok(Some(scene)) => scene,
        Ok(None) => return,
        Err(failure) => return reply.warn(failure.message),
    };
    let configured: Vec<EditTool> =
        scene.open.config().edit_tools.iter().filter_map(|word| EditTool::parse(word).ok()).collect();
    if !configured.is_empty() {
        match writes(call.harness, &call.payload, &configured) {
            Writes::Nothing => {}
            found @ (Writes::Files(_) | Writes::Unnamed | Writes::TooMany) => return edit(call, &found, reply),
        }
    }
    name_subagent(call, &scene, reply);
    news::check_in(call, &scene, reply);
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
    let files = match writes {
        Writes::Nothing => return,
        Writes::Files(files) => files,
        Writes::Unnamed => {
            return unnamed(call, "the tool edits files, and the call names none that can be found", reply);
        }
        Writes::TooMany => return unnamed(call, "the call names more than 1000 files", reply),
    };
    let cwd = match call.cwd() {
        Ok(cwd) => cwd,
        // Where all are named in full, it is not asked for.
        Err(_) if files.iter().all(|file| file.starts_with('/')) => PathBuf::from("/"),
        Err(failure) => return trouble::of_edit(call, None, None, &failure, reply),
    };
    let mut groups: Vec<Group> = Vec::new();
    for file in files {
        if let Err(failure) = place_both(call, &cwd, file, &mut groups, reply) {
            let open = groups.first().map(|group| &group.scene.open);
            trouble::of_edit(call, open, Some(file), &failure, reply);
        }
    }
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

fn unnamed(call: &Call<'_>, why: &str, reply: &mut Reply) {
    let failure = Failure::new(Code::Usage, why);
    match call.scene(reply) {
        Ok(Some(scene)) => trouble::of_edit(call, Some(&scene.open), None, &failure, reply),
        // No locks are near: then there is nothing to protect.
        Ok(None) => {}
        Err(other) => trouble::of_edit(call, None, None, &other, reply),
    }
}

/// The same for both files that a name may mean: where a link comes before `..` many tools open another than the system.
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
fn place(call: &Call<'_>, cwd: &Path, file: &str, groups: &mut Vec<Group>, reply: &mut Reply) -> Result<(), Failure> {
    let target = Target::new(cwd, file.as_ref())?;
    for dir in target.places() {
        let Some(checkout) = call.context.checkout_of(dir)? else { continue };
        let state = checkout.state_path();
        let at = match groups.iter().position(|group| group.state == state) {
            Some(at) => at,
            None => {
                let Some(scene) = call.scene_in(&checkout, reply)? else { continue };
                groups.push(Group { state, scene, edits: Vec::new() });
                groups.len().saturating_sub(1)
            }
        };
        if checkout.is_own(&target) {
            reply.deny(words::own_file(file));
            return Ok(());
        }
        return add(&checkout, &target, file, groups.get_mut(at));
    }
    Ok(())
}

fn add(checkout: &Checkout, target: &Target, file: &str, group: Option<&mut Group>) -> Result<(), Failure> {
    let resource = checkout.resource_of(target)?;
    if let Some(group) = group {
        group.edits.push(Edit { text: file.to_owned(), resource });
    }
    Ok(())
}

/// Locks these files for who writes them, or says why not.
fn decide(call: &Call<'_>, group: &Group, reply: &mut Reply) -> Result<(), Failure> {
    let Group { scene, edits, .. } = group;
    let (config, asking) = (scene.open.config(), call.asking(scene));
    let locks = scene.open.locks_of(Some(scene.caller(&asking)));
    let party = Party { class: Class::Automatic, ..call.context.party(&scene.identity) };
    // No tool writes a directory; what moves or removes one is only looked at.
    let (files, others): (Vec<&Edit>, Vec<&Edit>) =
        edits.iter().partition(|edit| config.auto_acquire && matches!(edit.resource, Resource::Path(..)));
    for edit in &others {
        look(&locks, scene, &party, edit, reply)?;
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
            acquire(&locks, scene, &party, some, reply)?;
        }
    }
    Ok(())
}

fn acquire(locks: &Locks<'_>, scene: &Scene, party: &Party, edits: &[&Edit], reply: &mut Reply) -> Result<(), Failure> {
    let request = Request {
        resources: edits.iter().map(|edit| edit.resource.clone()).collect(),
        mode: Mode::Exclusive,
        party: party.clone(),
        wrapper: None,
        max_hold: None,
        ttl: None,
        default_ttl: Ttl::try_from(AUTOMATIC_TTL_S).unwrap_or(Ttl::DEFAULT),
        reason: None,
        token: Token::from_bits(host::random()?),
    };
    match locks.acquire(&request)? {
        Acquired::Granted { granted, .. } => granted_to(locks, scene, edits, &granted, reply),
        Acquired::Refused(refusal) => {
            refuse(scene, edits, &refusal, reply);
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
    let account = locks.account(scene.id())?;
    if account.behind {
        // Once in a while, or it would be read again and again.
        locks.show_up(Some(&account.ledger))?;
    }
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
            return Ok(());
        }
    }
    Ok(())
}

fn refuse(scene: &Scene, edits: &[&Edit], refusal: &Refusal, reply: &mut Reply) {
    let named = |found: &crate::domain::Found| {
        edits.iter().find(|edit| words::is_on(found, &edit.resource)).or(edits.first()).map_or("", |edit| &edit.text)
    };
    let text = refusal.held.first().map_or_else(|| edits.first().map_or("", |edit| &edit.text), named);
    reply.deny(words::refused(text, refusal, scene.id()));
}

/// Refuses what another holds; nothing is locked.
fn look(locks: &Locks<'_>, scene: &Scene, party: &Party, edit: &Edit, reply: &mut Reply) -> Result<(), Failure> {
    let mut held = locks.standing_on(&edit.resource)?;
    held.retain(|found| !found.verdict.is_over() && party.relation(&found.lease) == Whose::Other);
    let before = if held.is_empty() { locks.before(Some(party), Mode::Exclusive, &edit.resource)? } else { Vec::new() };
    if !held.is_empty() || !before.is_empty() {
        refuse(scene, &[edit], &Refusal { held, before, place: None }, reply);
    }
    Ok(())
}

/// A lease of another that can be read refuses, whatever else is wrong; what cannot be told is trouble.
fn judge_by_sight(call: &Call<'_>, group: &Group, failure: &Failure, path: Option<&str>, reply: &mut Reply) {
    let Group { scene, edits, .. } = group;
    let locks = scene.open.locks();
    let party = Party { class: Class::Automatic, ..call.context.party(&scene.identity) };
    for edit in edits {
        let Ok(found) = locks.standing_on(&edit.resource) else { continue };
        // Another living process of the same name is another.
        let elsewhere = failure.code == Code::NotYours;
        let held: Vec<_> = found
            .into_iter()
            .filter(|found| !found.verdict.is_over())
            .filter(|found| elsewhere || party.relation(&found.lease) == Whose::Other)
            .collect();
        if !held.is_empty() {
            let refusal = Refusal { held, ..Refusal::default() };
            refuse(scene, &[edit], &refusal, reply);
            return;
        }
    }
    trouble::of_edit(call, Some(&scene.open), path, failure, reply);
}
