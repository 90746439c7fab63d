//! Which files a patch of the kind that `apply_patch` takes names.

use std::borrow::Cow;

const BEGIN: &str = "*** Begin Patch";

/// Where a line stands. What a header may look like depends on it: in the hunks of an update a line that is set in is
/// a line of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first patch or between two: nothing there is a header.
    Outside,
    /// In a patch, but not in hunks of an update.
    Patch,
    /// In the hunks of an update.
    Hunks,
}

/// Calls `take` with each file that the text names to add, change or delete, and with both names of one that is moved.
///
/// The text may be a patch, several, or a command that holds them; without any beginning of a patch all of it is taken
/// for one.
pub(super) fn files<'a>(text: &'a str, mut take: impl FnMut(&'a str)) {
    let between = if begins(text) { Place::Outside } else { Place::Patch };
    let mut place = between;
    for line in text.split('\n') {
        if place == Place::Outside {
            if line.contains(BEGIN) {
                place = Place::Patch;
            }
            continue;
        }
        let header = if place == Place::Hunks { line } else { line.trim_start() };
        let Some(header) = header.strip_prefix("*** ") else { continue };
        if header.starts_with("End Patch") {
            place = between;
        } else if let Some(name) = after(header, "Add File:").or_else(|| after(header, "Delete File:")) {
            place = Place::Patch;
            take(name);
        } else if let Some(name) = after(header, "Update File:") {
            place = Place::Hunks;
            take(name);
        } else if let Some(name) = after(header, "Move to:") {
            take(name);
        }
    }
}

/// Whether there is the beginning of a patch in it.
pub(super) fn begins(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), BEGIN.as_bytes()).is_some()
}

/// The same for files as a list.
pub(super) fn files_of(text: Cow<'_, str>) -> Vec<Cow<'_, str>> {
    let mut found = Vec::new();
    match text {
        Cow::Borrowed(text) => files(text, |name| found.push(Cow::Borrowed(name))),
        Cow::Owned(text) => files(&text, |name| found.push(Cow::Owned(name.to_owned()))),
    }
    found
}

/// The name behind this word.
fn after<'a>(header: &'a str, word: &str) -> Option<&'a str> {
    header.strip_prefix(word).map(str::trim).filter(|name| !name.is_empty())
}
