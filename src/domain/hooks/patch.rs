//! Which files a patch of the kind that `apply_patch` takes names.

use memchr::{memmem, memrchr};

const BEGIN: &str = "*** Begin Patch";

/// How every header begins.
const MARK: &[u8] = b"*** ";

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
/// All of the text is taken for a patch: there are tools that do not look for its beginning and its end.
pub(super) fn files<'a>(text: &'a str, mut take: impl FnMut(&'a str)) {
    walk(text, Place::Patch, |_, name| take(name));
}

/// The same of a command that holds patches: what is around them names nothing. `take` is given the pieces of the command
/// before the patch, too.
pub(super) fn files_in_command<'a>(command: &'a str, take: impl FnMut(&[&'a str], &'a str)) {
    walk(command, Place::Outside, take);
}

fn walk<'a>(text: &'a str, between: Place, mut take: impl FnMut(&[&'a str], &'a str)) {
    let (mut place, mut line_end, mut outside_from) = (between, 0, 0);
    let mut outside = Vec::new();
    for at in memmem::find_iter(text.as_bytes(), MARK) {
        let rest = text.get(at + MARK.len()..).unwrap_or_default();
        if place == Place::Outside {
            if rest.starts_with("Begin Patch") {
                place = Place::Patch;
                outside.extend(text.get(outside_from..at));
            }
            continue;
        }
        // Of a line only the first mark may be that of a header.
        if at < line_end {
            continue;
        }
        let before = text.get(..at).unwrap_or_default();
        let before = before.get(memrchr(b'\n', before.as_bytes()).map_or(0, |end| end + 1)..).unwrap_or_default();
        let header = rest.split('\n').next().unwrap_or_default();
        line_end = at + MARK.len() + header.len();
        if !before.trim_start().is_empty() || (place == Place::Hunks && !before.is_empty()) {
            continue;
        }
        if header.starts_with("End Patch") {
            place = between;
            outside_from = line_end;
        } else if let Some(name) = after(header, "Add File:").or_else(|| after(header, "Delete File:")) {
            place = Place::Patch;
            take(&outside, name);
        } else if let Some(name) = after(header, "Update File:") {
            place = Place::Hunks;
            take(&outside, name);
        } else if let Some(name) = after(header, "Move to:") {
            take(&outside, name);
        }
    }
}

/// Whether there is the beginning of a patch in it.
pub(super) fn begins(text: &str) -> bool {
    memmem::find(text.as_bytes(), BEGIN.as_bytes()).is_some()
}

/// The name behind this word.
fn after<'a>(header: &'a str, word: &str) -> Option<&'a str> {
    header.strip_prefix(word).map(str::trim).filter(|name| !name.is_empty())
}
