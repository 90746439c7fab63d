//! What a tool is given.

use std::borrow::Cow;

use super::json::{Cursor, Fault, Raw};

/// The keys that tools that edit have names of files under.
pub(super) const FILE_KEYS: [&str; 9] = [
    "file_path",
    "filePath",
    "notebook_path",
    "absolute_path",
    "path",
    "paths",
    "target_file",
    "target_notebook",
    "filename",
];

/// The keys that the command of a shell stands under.
pub(super) const COMMAND_KEYS: [&str; 3] = ["command", "cmd", "script"];

/// The keys that a patch stands under.
pub(super) const PATCH_KEYS: [&str; 6] = ["command", "cmd", "input", "patch", "patchText", "patch_text"];

/// The keys that the directory of a shell stands under.
pub(super) const DIR_KEYS: [&str; 2] = ["workdir", "working_directory"];

/// All of these, each once.
const KEYS: [&str; 18] = [
    "file_path",
    "filePath",
    "notebook_path",
    "absolute_path",
    "path",
    "paths",
    "target_file",
    "target_notebook",
    "filename",
    "command",
    "cmd",
    "script",
    "input",
    "patch",
    "patchText",
    "patch_text",
    "workdir",
    "working_directory",
];

/// What a tool is given, and in it the values of the keys above: it may be long, so it is looked through once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Input<'a> {
    whole: Raw<'a>,
    known: [Option<Raw<'a>>; KEYS.len()],
}

impl<'a> Input<'a> {
    /// Steps over a value.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let mut known = [None; KEYS.len()];
        if cursor.peek()? != b'{' {
            return Ok(Self { whole: cursor.value()?, known });
        }
        let whole = cursor.object(|cursor, key| {
            let value = cursor.value()?;
            let at = KEYS.iter().position(|known| *known == key);
            if let Some(place) = at.and_then(|at| known.get_mut(at)) {
                *place = Some(value);
            }
            Ok(())
        })?;
        Ok(Self { whole, known })
    }

    /// The text, if it holds an object that was written as a text: one harness does so.
    pub(super) fn packed(&self) -> Option<Cow<'a, str>> {
        self.whole.text().filter(|text| text.trim_start().starts_with('{'))
    }

    /// What was packed, as far as it can be read.
    pub(super) fn unpack(text: &'a str) -> Self {
        let nothing = Self { whole: Raw::new(b"null"), known: [None; KEYS.len()] };
        Self::read(&mut Cursor::new(text.as_bytes())).unwrap_or(nothing)
    }

    /// The value as it stands.
    pub(super) const fn whole(&self) -> Raw<'a> {
        self.whole
    }

    /// The value of one of the keys above.
    pub(super) fn get(&self, key: &str) -> Option<Raw<'a>> {
        let at = KEYS.iter().position(|known| *known == key)?;
        self.known.get(at).copied().flatten()
    }

    /// What `read` makes of the first of these keys whose value it can read, and the key.
    pub(super) fn first<T>(
        &self,
        keys: &[&'static str],
        read: impl Fn(Raw<'a>) -> Option<T>,
    ) -> Option<(&'static str, T)> {
        keys.iter().find_map(|key| Some((*key, read(self.get(key)?)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMAND_KEYS, DIR_KEYS, FILE_KEYS, KEYS, PATCH_KEYS};

    #[test]
    fn every_key_that_is_asked_for_is_kept() {
        for key in FILE_KEYS.iter().chain(&COMMAND_KEYS).chain(&PATCH_KEYS).chain(&DIR_KEYS) {
            assert_eq!(KEYS.iter().filter(|known| *known == key).count(), 1, "{key}");
        }
    }
}
