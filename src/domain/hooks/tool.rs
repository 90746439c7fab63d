//! Which files a tool call is going to write.

use std::{borrow::Cow, fmt};

use super::{
    harness::Harness,
    input::{COMMAND_KEYS, DIR_KEYS, FILE_KEYS, Input, PATCH_KEYS},
    json::Raw,
    patch,
    payload::Payload,
    shell,
};

/// The most files that one call may name.
pub const MOST_FILES: usize = 1_000;

/// What a tool call is going to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes<'a> {
    /// Nothing that we know of: it is no tool that edits files.
    Nothing,
    /// These files, each once, as they are named: a relative name counts from the payload's `cwd`.
    Files(Vec<Cow<'a, str>>),
    /// It edits files, but the payload names none that we can find.
    Unnamed,
    /// More than `MOST_FILES` files: the first of them.
    TooMany(Vec<Cow<'a, str>>),
}

/// Tools that edit files, without capitals, `_` and `-`, of all harnesses: the names do not contradict each other.
const EDITORS: &[&str] = &[
    "edit",
    "write",
    "multiedit",
    "notebookedit",
    "editnotebook",
    "writefile",
    "createfile",
    "editfile",
    "deletefile",
    "delete",
    "replace",
    "strreplace",
    "strreplacefile",
    "searchreplace",
    "tabwrite",
];

/// Tools that take a patch.
const PATCHERS: &[&str] = &["applypatch", "patch"];

/// What this call is going to write, by the names of the tools of all harnesses and those of `extra`.
#[must_use]
pub fn writes<'a>(harness: Harness, payload: &Payload<'a>, extra: &[EditTool]) -> Writes<'a> {
    let mut found = Found::default();
    let Some(tool) = payload.tool_name.as_deref() else {
        // An event of Cursor for edits alone, or the generic form: the files stand beside the other fields.
        if matches!(harness, Harness::Cursor | Harness::Generic | Harness::Opencode) {
            payload.files.iter().for_each(|value| found.take_texts(*value));
        }
        if let (Harness::Generic, Some(input)) = (harness, &payload.tool_input) {
            found.take_files(input);
        }
        return found.writes(false);
    };
    let name = plain(tool);
    let mine: Vec<_> = extra.iter().filter(|extra| extra.is(tool)).collect();
    let kind = Kind::of(&name, harness);
    if mine.is_empty() && kind == Kind::Other {
        return Writes::Nothing;
    }
    let certain = matches!(kind, Kind::Editor | Kind::Patcher) || mine.iter().any(|extra| !extra.open);
    if let Some(input) = &payload.tool_input {
        match input.packed() {
            None => found.take_input(input, kind, &mine),
            Some(text) => {
                let mut inner = Found::default();
                inner.take_input(&Input::unpack(&text), kind, &mine);
                found.files = inner.files.into_iter().map(|file| Cow::Owned(file.into_owned())).collect();
                found.too_many = inner.too_many;
            }
        }
    }
    payload.files.iter().filter(|_| kind == Kind::Editor).for_each(|value| found.take_texts(*value));
    found.writes(certain)
}

/// What a tool does, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Editor,
    Patcher,
    Shell,
    /// Of the generic form: it is asked only about tools that write.
    Unknown,
    Other,
}

impl Kind {
    fn of(name: &str, harness: Harness) -> Self {
        if EDITORS.contains(&name) {
            Self::Editor
        } else if PATCHERS.contains(&name) {
            Self::Patcher
        } else if shell::is_shell(name) {
            Self::Shell
        } else if harness == Harness::Generic {
            Self::Unknown
        } else {
            Self::Other
        }
    }
}

/// A name without capitals, `_` and `-`.
pub(super) fn plain(name: &str) -> String {
    name.bytes().filter(|b| !matches!(b, b'_' | b'-')).map(|b| char::from(b.to_ascii_lowercase())).collect()
}

/// The files that were found, each once.
#[derive(Default)]
struct Found<'a> {
    files: Vec<Cow<'a, str>>,
    too_many: bool,
}

impl<'a> Found<'a> {
    fn take(&mut self, file: Cow<'a, str>) {
        // One that names too many names no end of them: to look for each among the others would take minutes.
        if self.too_many || file.is_empty() || self.files.contains(&file) {
            return;
        }
        if self.files.len() == MOST_FILES {
            self.too_many = true;
        } else {
            self.files.push(file);
        }
    }

    /// A text or a list of texts.
    fn take_texts(&mut self, value: Raw<'a>) {
        if value.is_array() {
            value.elements().filter_map(Raw::text).for_each(|text| self.take(text));
        } else if let Some(text) = value.text() {
            self.take(text);
        }
    }

    /// What a tool of the configuration names, in the order of its keys.
    fn take_named(&mut self, input: &Input<'a>, tool: &EditTool) {
        let mut values = vec![None; tool.keys.len()];
        for (key, value) in input.whole().members() {
            let at = tool.keys.iter().position(|wanted| *wanted == key);
            if let Some(place) = at.and_then(|at| values.get_mut(at)) {
                *place = Some(value);
            }
        }
        values.into_iter().flatten().for_each(|value| self.take_texts(value));
    }

    fn take_files(&mut self, input: &Input<'a>) {
        FILE_KEYS.iter().filter_map(|key| input.get(key)).for_each(|value| self.take_texts(value));
    }

    fn take_input(&mut self, input: &Input<'a>, kind: Kind, mine: &[&EditTool]) {
        mine.iter().for_each(|tool| self.take_named(input, tool));
        match kind {
            Kind::Editor | Kind::Unknown => self.take_files(input),
            Kind::Patcher => self.take_patch(input),
            Kind::Shell => self.take_command(input),
            Kind::Other => {}
        }
    }

    fn take_patch(&mut self, input: &Input<'a>) {
        // Which of several the tool goes by is not known here.
        let keyed = PATCH_KEYS.iter().filter_map(|key| input.get(key).and_then(lines));
        for text in input.whole().text().into_iter().chain(keyed) {
            match text {
                Cow::Borrowed(text) => patch::files(text, |name| self.take(Cow::Borrowed(name))),
                Cow::Owned(text) => patch::files(&text, |name| self.take(Cow::Owned(name.to_owned()))),
            }
        }
        self.take_files(input);
    }

    /// Patches inside the command of a shell.
    fn take_command(&mut self, input: &Input<'a>) {
        let commands = COMMAND_KEYS.iter().filter_map(|key| input.get(key).and_then(lines));
        for command in commands.filter(|command| patch::begins(command)) {
            let dirs: Vec<_> = DIR_KEYS.iter().filter_map(|key| input.get(key).and_then(Raw::text)).collect();
            shell::patched(&command, |dir, name| {
                if self.too_many {
                    return;
                }
                let name = dir.map_or_else(|| name.to_owned(), |dir| shell::below(dir, name));
                if dirs.is_empty() || name.starts_with('/') {
                    self.take(Cow::Owned(name.clone()));
                }
                for dir in &dirs {
                    self.take(Cow::Owned(shell::below(dir, &name)));
                }
            });
        }
    }

    fn writes(self, certain: bool) -> Writes<'a> {
        if self.too_many {
            Writes::TooMany(self.files)
        } else if !self.files.is_empty() {
            Writes::Files(self.files)
        } else if certain {
            Writes::Unnamed
        } else {
            Writes::Nothing
        }
    }
}

/// A text, or the texts of a list, each on a line of its own.
fn lines(value: Raw<'_>) -> Option<Cow<'_, str>> {
    if !value.is_array() {
        return value.text();
    }
    let lines: Vec<_> = value.elements().filter_map(Raw::text).collect();
    Some(Cow::Owned(lines.join("\n")))
}

/// A tool that edits files, from the configuration: its name, which may end with `*`, and the keys of what it is given
/// that hold names of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditTool {
    name: String,
    /// Whether the name is only the beginning of one.
    open: bool,
    keys: Vec<String>,
}

impl EditTool {
    /// Reads `NAME:KEY[,KEY]`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(word: &str) -> Result<Self, BadEditTool> {
        let (name, keys) = word.rsplit_once(':').ok_or(BadEditTool::NoKeys)?;
        let (name, open) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        if name.is_empty() && !open {
            return Err(BadEditTool::NoName);
        }
        if name.contains('*') {
            return Err(BadEditTool::Star);
        }
        if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadEditTool::Blank);
        }
        let keys: Vec<String> = keys.split(',').map(str::to_owned).collect();
        let legal = |key: &String| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        if !keys.iter().all(legal) {
            return Err(BadEditTool::Key);
        }
        Ok(Self { name: name.to_owned(), open, keys })
    }

    fn is(&self, tool: &str) -> bool {
        if self.open { tool.starts_with(&self.name) } else { tool == self.name }
    }
}

/// A word that names no tool that edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadEditTool {
    /// There is no `:`.
    NoKeys,
    /// Nothing stands before the `:`.
    NoName,
    /// A `*` stands elsewhere than at the end of the name.
    Star,
    /// The name holds a blank or a control character.
    Blank,
    /// A key is empty or holds other characters than letters, digits, `_`, `-` and `.`.
    Key,
}

impl fmt::Display for BadEditTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKeys => "it is written NAME:KEY[,KEY], such as mcp__files__write_file:path",
            Self::NoName => "the name of the tool is missing before ':'",
            Self::Star => "'*' may only end the name of the tool",
            Self::Blank => "the name of a tool holds no blanks",
            Self::Key => "a key is letters, digits, '_', '-' and '.', and several have ',' between them",
        })
    }
}

impl std::error::Error for BadEditTool {}
