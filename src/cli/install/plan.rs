//! What `init` changes in files, computed before anything is written.

use serde_json::json;

use super::{
    super::{Context, Failure, Report, context::Open},
    Files, INSTRUCTIONS, INSTRUCTIONS_LABEL, Wanted, binary,
    files::Text,
    flawed,
};
use crate::{
    checkout::Checkout,
    domain::settings::{
        Binary, Harness, Installation, Installed, Plugin, Shape, defers, diff, holds_hooks, is_bare, plugin,
        recognise_plugin, sha256, with_block, with_hooks, without_block, without_hooks,
    },
    fs::{Kind, link_target, look_at},
};

/// Everything that is to be changed.
#[derive(Debug)]
pub(in crate::cli) struct Planned {
    files: Files,
    binary: Binary,
    changes: Vec<Change>,
}

/// What came of writing it.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Applied {
    /// All is as it should be already.
    Nothing,
    /// It is written.
    Done,
    /// Somebody else has changed this file since it was read: nothing was written.
    Overtaken(&'static str),
}

/// One file.
#[derive(Debug)]
struct Change {
    /// `None` for instructions.
    harness: Option<&'static Harness>,
    path: &'static str,
    before: Option<Text>,
    after: String,
    /// Whether there is something of ours in it.
    holds: bool,
}

/// What is to be changed for these harnesses, and for instructions if they are wanted.
///
/// # Errors
/// If one of the files cannot be changed: then none is.
pub(in crate::cli) fn plan(
    context: &Context,
    checkout: &Checkout,
    wanted: &[Wanted],
    instructions: bool,
) -> Result<Planned, Failure> {
    let files = Files::of(checkout)?;
    let binary = binary(context)?;
    let mut changes = Vec::new();
    for Wanted { harness, .. } in wanted {
        let before = files.read(harness.path)?;
        let text = before.as_ref().map(|before| before.text.as_str());
        let holds = text.is_some_and(|text| holds(text, Some(harness), &binary));
        let after = match harness.shape {
            Shape::Groups | Shape::Flat => with_hooks(text.unwrap_or_default(), harness, &binary),
            Shape::Plugin => with_plugin(text, &binary),
        };
        let after = after.map_err(|flaw| flawed(harness.path, &flaw))?;
        changes.push(Change { harness: Some(harness), path: harness.path, before, after, holds });
    }
    if instructions {
        for path in told_in(&files, checkout)? {
            let before = files.read(path)?;
            let text = before.as_ref().map(|before| before.text.as_str());
            let holds = text.is_some_and(|text| holds(text, None, &binary));
            let after = with_block(text.unwrap_or_default()).map_err(|flaw| flawed(path, &flaw))?;
            changes.push(Change { harness: None, path, before, after, holds });
        }
    }
    for change in changes.iter().filter(|change| change.differs()) {
        Files::writable(change.path, change.before.as_ref())?;
    }
    Ok(Planned { files, binary, changes })
}

/// Whether there is something of ours in a text.
pub(super) fn holds(text: &str, harness: Option<&Harness>, binary: &Binary) -> bool {
    match harness.map(|harness| harness.shape) {
        Some(Shape::Groups | Shape::Flat) => holds_hooks(text, binary),
        Some(Shape::Plugin) => recognise_plugin(text) != Plugin::Foreign,
        None => !matches!(without_block(text), Ok(None)),
    }
}

fn with_plugin(text: Option<&str>, binary: &Binary) -> Result<String, crate::domain::settings::Flaw> {
    let flaw = |why: &str| crate::domain::settings::Flaw { line: Some(1), why: why.to_owned() };
    match text.map(recognise_plugin) {
        None | Some(Plugin::Ours) => Ok(plugin(binary)),
        Some(Plugin::Changed) if text == Some("") => Ok(plugin(binary)),
        Some(Plugin::Changed) => {
            Err(flaw("it was changed by hand since it was made; move it away to have it made again"))
        }
        Some(Plugin::Foreign) => Err(flaw("it was not made by swarmlock; move it away")),
    }
}

/// The files that instructions belong in: those that are there, but for one that leads to the other.
fn told_in(files: &Files, checkout: &Checkout) -> Result<Vec<&'static str>, Failure> {
    let [agents, claude] = INSTRUCTIONS;
    let leads_to = |path: &str, other: &str| -> Result<bool, Failure> {
        let path = checkout.root().join(path);
        if look_at(&path)?.is_none_or(|(kind, _)| kind != Kind::Link) {
            return Ok(false);
        }
        let target = link_target(&path)?;
        Ok(target == checkout.root().join(other)
            || target.strip_prefix(".").unwrap_or(&target) == std::path::Path::new(other))
    };
    let mut found = Vec::new();
    if !leads_to(agents, claude)? && files.read(agents)?.is_some() {
        found.push(agents);
    }
    if !leads_to(claude, agents)? && files.read(claude)?.is_some_and(|there| !defers(&there.text)) {
        found.push(claude);
    }
    if found.is_empty() {
        found.push(agents);
    }
    Ok(found)
}

impl Change {
    fn text(&self) -> Option<&str> {
        self.before.as_ref().map(|before| before.text.as_str())
    }

    fn differs(&self) -> bool {
        self.text() != Some(&self.after)
    }

    fn label(&self) -> &'static str {
        self.harness.map_or(INSTRUCTIONS_LABEL, |harness| harness.name)
    }

    /// The words for what was done, and for what would be.
    fn words(&self) -> [&'static str; 2] {
        match (self.differs(), self.holds) {
            (false, _) => ["unchanged", "unchanged"],
            (true, true) => ["updated", "would_update"],
            (true, false) => ["installed", "would_install"],
        }
    }

    /// What is to be kept of the file as it was, given what is noted of it.
    fn noted(&self, earlier: Option<&Installation>, binary: &Binary, files: &Files) -> Result<Installation, Failure> {
        let sha256 = sha256(self.after.as_bytes());
        let mut made_dirs = earlier.map(|earlier| earlier.made_dirs.clone()).unwrap_or_default();
        made_dirs.extend(
            files.missing_dirs(self.path)?.into_iter().filter(|dir| !made_dirs.contains(dir)).collect::<Vec<_>>(),
        );
        if let Some(earlier) = earlier.filter(|earlier| self.is_as_noted(earlier)) {
            return Ok(Installation { made_dirs, sha256, ..earlier.clone() });
        }
        // It may hold something of ours that nothing is noted of, or have been edited since.
        let stripped = self.text().map(|text| stripped(text, self.harness, binary).unwrap_or_else(|| text.to_owned()));
        let bare = stripped.as_deref().is_none_or(|text| is_spare(text, self.harness));
        let made = self.before.is_none() || bare && earlier.is_some_and(|earlier| earlier.made);
        let note = Installation {
            worktree: files.worktree.clone(),
            path: self.path.to_owned(),
            made,
            made_dirs,
            before: None,
            sha256,
        };
        Ok(note.keeping(stripped.as_deref()))
    }

    /// Whether the file is as we wrote it, or as it was before.
    fn is_as_noted(&self, earlier: &Installation) -> bool {
        match self.text() {
            None => earlier.made,
            Some(text) => sha256(text.as_bytes()) == earlier.sha256 || earlier.before.as_deref() == Some(text),
        }
    }
}

/// A text without what is ours in it; `None` if that cannot be told.
pub(super) fn stripped(text: &str, harness: Option<&Harness>, binary: &Binary) -> Option<String> {
    match harness.map(|harness| harness.shape) {
        Some(Shape::Groups | Shape::Flat) => Some(without_hooks(text, binary, None).ok()?.text),
        Some(Shape::Plugin) => (recognise_plugin(text) == Plugin::Ours).then(String::new),
        None => without_block(text).ok()?,
    }
}

/// Whether nobody would miss a file with this text.
pub(super) fn is_spare(text: &str, harness: Option<&Harness>) -> bool {
    match harness.filter(|harness| harness.shape != Shape::Plugin) {
        Some(harness) => is_bare(text, harness),
        None => text.trim().is_empty(),
    }
}

impl Planned {
    /// Drops what is neither installed nor noted as installed: hooks that somebody took out are missed.
    pub(in crate::cli) fn retain_installed(&mut self, noted: &Installed) {
        let worktree = self.files.worktree.clone();
        let known = |change: &Change| noted.of(worktree.as_deref(), change.path).is_some();
        self.changes.retain(|change| change.holds || change.harness.is_none() || known(change));
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(in crate::cli) fn differs(&self) -> bool {
        self.changes.iter().any(Change::differs)
    }

    /// The harnesses whose files are changed.
    pub(in crate::cli) fn changed_harnesses(&self) -> impl Iterator<Item = &'static Harness> {
        self.changes.iter().filter(|change| change.differs()).filter_map(|change| change.harness)
    }

    /// Writes what differs, after it was noted how it was before.
    ///
    /// # Errors
    /// If a file cannot be written: those before it are.
    pub(in crate::cli) fn apply(&self, open: &Open) -> Result<Applied, Failure> {
        let differing = || self.changes.iter().filter(|change| change.differs());
        let mut litter = false;
        for change in &self.changes {
            litter |= self.files.has_litter(change.path)?;
        }
        if !litter && differing().next().is_none() {
            return Ok(Applied::Nothing);
        }
        let mut guarded = open.locks().installing()?;
        let mut installed = guarded.installed()?;
        for change in &self.changes {
            self.files.sweep(change.path)?;
        }
        for change in differing() {
            if self.files.read(change.path)? != change.before {
                return Ok(Applied::Overtaken(change.path));
            }
            let earlier = installed.of(self.files.worktree.as_deref(), change.path);
            let note = change.noted(earlier, &self.binary, &self.files)?;
            installed.note(note);
        }
        if differing().next().is_none() {
            return Ok(Applied::Nothing);
        }
        guarded.write(&installed)?;
        for change in differing() {
            self.files.write(change.path, &change.after, change.before.as_ref())?;
        }
        Ok(Applied::Done)
    }

    /// A record for each file, of what was done or would be; the differences as texts, if they are wanted.
    pub(in crate::cli) fn show(&self, wanted: &[Wanted], done: bool, differ: bool, report: &mut Report) -> Vec<String> {
        let mut differences = Vec::new();
        for change in &self.changes {
            let [was, would] = change.words();
            let word = if done { was } else { would };
            let signs =
                wanted.iter().find(|wanted| change.harness.is_some_and(|harness| harness.name == wanted.harness.name));
            let signs = signs.map(|wanted| wanted.signs.as_slice()).unwrap_or_default();
            let difference = differ.then(|| diff(change.path, change.text(), Some(&change.after)));
            report.data(&[word, change.label(), change.path, &signs.join(", ")], || {
                json!({ "result": word, "harness": change.label(), "path": change.path, "signs": signs, "diff": difference })
            });
            differences.extend(difference.filter(|text| !text.is_empty() && !report.is_json()));
        }
        differences
    }
}
