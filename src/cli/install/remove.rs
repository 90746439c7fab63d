//! What `uninstall` changes in files, computed before anything is written.

use serde_json::json;

use super::{
    super::{Context, Failure, Report, context::Open},
    Files, INSTRUCTIONS, INSTRUCTIONS_LABEL, binary,
    files::Text,
    flawed, overtaken,
    plan::is_spare,
};
use crate::{
    checkout::Checkout,
    domain::settings::{
        Binary, HARNESSES, Harness, Installation, Installed, Plugin, Shape, diff, holds_hooks, recognise_plugin,
        sha256, without_block, without_hooks,
    },
    fs::{Kind, look_at},
};

/// Everything that is to be taken out.
#[derive(Debug)]
pub(in crate::cli) struct Removal {
    files: Files,
    /// What is noted of this worktree, to be forgotten.
    noted: Vec<Installation>,
    undone: Vec<Undone>,
    /// What is left, and why.
    left: Vec<String>,
}

/// One file.
#[derive(Debug)]
struct Undone {
    label: &'static str,
    path: &'static str,
    before: Text,
    /// `None` for no file.
    after: Option<String>,
    /// Whether it is as it was before anything was entered.
    whole: bool,
}

/// What is to be taken out of the files of the worktree, by what is noted and by what is seen to be ours.
///
/// # Errors
/// If one of the files cannot be changed: then none is.
pub(in crate::cli) fn removal(
    context: &Context,
    checkout: &Checkout,
    installed: &Installed,
) -> Result<Removal, Failure> {
    let (files, binary) = (Files::of(checkout)?, binary(context)?);
    let worktree = files.worktree.clone();
    let noted = installed.files.iter().filter(|file| file.worktree == worktree).cloned().collect();
    let mut removal = Removal { files, noted, undone: Vec::new(), left: Vec::new() };
    let harnesses = HARNESSES.iter().map(|harness| (Some(harness), harness.path));
    for (harness, path) in harnesses.chain(INSTRUCTIONS.map(|path| (None, path))) {
        let note = removal.noted.iter().find(|note| note.path == path).cloned();
        removal.look_at(harness, path, note.as_ref(), &binary, checkout)?;
    }
    Ok(removal)
}

/// Every file that we may have written.
fn paths() -> impl Iterator<Item = &'static str> {
    HARNESSES.iter().map(|harness| harness.path).chain(INSTRUCTIONS)
}

/// Whether a directory is on the way to a file: whatever is noted, no other was made for it.
fn is_around(dir: &str, path: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

impl Removal {
    fn look_at(
        &mut self,
        harness: Option<&'static Harness>,
        path: &'static str,
        note: Option<&Installation>,
        binary: &Binary,
        checkout: &Checkout,
    ) -> Result<(), Failure> {
        // Of what we never write into, nothing can be ours.
        if note.is_none()
            && look_at(&checkout.root().join(path)).is_ok_and(|found| found.is_none_or(|(kind, _)| kind != Kind::File))
        {
            return Ok(());
        }
        let Some(before) = self.files.read(path)? else { return Ok(()) };
        let text = before.text.as_str();
        let label = harness.map_or(INSTRUCTIONS_LABEL, |harness| harness.name);
        let ours = note.filter(|note| note.sha256 == sha256(text.as_bytes()));
        let (after, whole) = match ours {
            Some(note) if note.made => (None, true),
            Some(Installation { before: Some(earlier), .. }) => (Some(earlier.clone()), true),
            _ => match self.without(harness, path, text, note, binary)? {
                None => return Ok(()),
                Some(rest) if note.is_some_and(|note| note.made) && is_spare(&rest, harness) => (None, false),
                Some(_) if harness.is_some_and(|harness| harness.shape == Shape::Plugin) => (None, false),
                Some(rest) => (Some(rest), false),
            },
        };
        Files::writable(path, Some(&before))?;
        self.undone.push(Undone { label, path, before, after, whole });
        Ok(())
    }

    /// The text without what is ours; `None` if nothing is to be taken out.
    fn without(
        &mut self,
        harness: Option<&'static Harness>,
        path: &'static str,
        text: &str,
        note: Option<&Installation>,
        binary: &Binary,
    ) -> Result<Option<String>, Failure> {
        match harness.map(|harness| harness.shape) {
            Some(Shape::Groups | Shape::Flat) => {
                if note.is_none() && !holds_hooks(text, binary) {
                    return Ok(None);
                }
                let before = note.and_then(|note| note.before.as_deref());
                let stripped = without_hooks(text, binary, before).map_err(|flaw| flawed(path, &flaw))?;
                if stripped.wrappers > 0 {
                    self.left.push(format!(
                        "{path}: commands of your own that call swarmlock hook were left: {}",
                        stripped.wrappers
                    ));
                }
                Ok((stripped.removed > 0).then_some(stripped.text))
            }
            Some(Shape::Plugin) => {
                match recognise_plugin(text) {
                    Plugin::Ours => Ok(Some(String::new())),
                    Plugin::Foreign => Ok(None),
                    Plugin::Changed => {
                        let why = "it was changed by hand since it was made, and left; remove it if you do not need it";
                        self.left.push(format!("{path}: {why}"));
                        // For when it is gone: the directories around it are ours.
                        self.noted.retain(|note| note.path != path);
                        Ok(None)
                    }
                }
            }
            None => without_block(text).map_err(|flaw| flawed(path, &flaw)),
        }
    }

    /// Whether there is nothing to be done.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.undone.is_empty() && self.noted.is_empty()
    }

    /// Whether no file is to be changed.
    pub(in crate::cli) fn changes_nothing(&self) -> bool {
        self.undone.is_empty()
    }

    /// Writes the files, and then forgets what was noted of them.
    ///
    /// # Errors
    /// If a file has changed since it was read, or cannot be written.
    pub(in crate::cli) fn apply(&self, open: Option<&Open>) -> Result<(), Failure> {
        let mut busy = !self.is_empty();
        for path in paths() {
            busy |= self.files.has_litter(path).unwrap_or(false);
        }
        let mut guarded = if busy { open.map(|open| open.locks().installing()).transpose()? } else { None };
        for undone in &self.undone {
            if self.files.read(undone.path)?.as_ref() != Some(&undone.before) {
                return Err(overtaken(undone.path, "uninstall"));
            }
        }
        for path in paths().filter(|_| busy) {
            self.files.sweep(path).unwrap_or_default();
        }
        for undone in &self.undone {
            match &undone.after {
                Some(text) => self.files.write(undone.path, text, Some(&undone.before))?,
                None => self.files.remove(undone.path)?,
            }
        }
        for note in self.noted.iter().filter(|note| paths().any(|path| path == note.path)) {
            for dir in note.made_dirs.iter().rev().filter(|dir| is_around(dir, &note.path)) {
                self.files.remove_dir(dir)?;
            }
        }
        let Some(guarded) = guarded.as_mut().filter(|_| !self.noted.is_empty()) else { return Ok(()) };
        let mut installed = guarded.installed()?;
        for note in &self.noted {
            installed.forget(note.worktree.as_deref(), &note.path);
        }
        Ok(guarded.write(&installed)?)
    }

    /// A record for each file, of what was done or would be; the differences as texts, if they are wanted.
    pub(in crate::cli) fn show(&self, done: bool, differ: bool, report: &mut Report) -> Vec<String> {
        let mut differences = Vec::new();
        for undone in &self.undone {
            let [was, would] = match (&undone.after, undone.whole) {
                (None, _) => ["removed", "would_remove"],
                (Some(_), true) => ["restored", "would_restore"],
                (Some(_), false) => ["taken_out", "would_take_out"],
            };
            let word = if done { was } else { would };
            let difference = differ.then(|| diff(undone.path, Some(&undone.before.text), undone.after.as_deref()));
            report.data(
                &[word, undone.label, undone.path],
                || json!({ "result": word, "harness": undone.label, "path": undone.path, "diff": difference }),
            );
            differences.extend(difference.filter(|text| !text.is_empty() && !report.is_json()));
        }
        for why in &self.left {
            report.warning(why);
        }
        differences
    }
}
