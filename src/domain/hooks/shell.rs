//! Commands that an agent gives its shell.

use std::borrow::Cow;

use super::{harness::Harness, input::COMMAND_KEYS, json::Raw, patch, payload::Payload, tool::plain};

/// The tools that run a command, without capitals, `_` and `-`.
const SHELLS: &[&str] = &[
    "bash",
    "shell",
    "localshell",
    "shellcommand",
    "execcommand",
    "unifiedexec",
    "runshellcommand",
    "runterminalcmd",
    "runterminalcommand",
    "terminal",
];

/// The command that this tool call gives to a shell, if it does: the text, or the words of a list with blanks between.
#[must_use]
pub fn shell_command<'a>(harness: Harness, payload: &Payload<'a>) -> Option<Cow<'a, str>> {
    let Some(tool) = payload.tool_name.as_deref() else {
        // Cursor has an event of its own for shells, which names no tool.
        return payload.command.filter(|_| harness == Harness::Cursor).and_then(words);
    };
    if !is_shell(tool) {
        return None;
    }
    payload.tool_input?.first(&COMMAND_KEYS, words).map(|(_, command)| command)
}

/// Whether this tool runs commands.
pub(super) fn is_shell(tool: &str) -> bool {
    let name = plain(tool);
    SHELLS.contains(&name.as_str())
}

/// Calls `take` with each file that patches in a command name which calls `apply_patch` before them, and with where the
/// shell is by then, as seen from where the command starts; `None` if that is there, or cannot be told.
pub(super) fn patched(command: &str, mut take: impl FnMut(Option<&str>, &str)) {
    let mut way = Way::default();
    patch::files_in_command(command, |before, name| {
        way.follow(before);
        if way.calls {
            take(way.dir.as_deref().filter(|_| !way.lost), name);
        }
    });
}

/// A name as seen from this directory.
pub(super) fn below(dir: &str, name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", dir.trim_end_matches('/')) }
}

/// The longest path that a system takes, in bytes.
pub const LONGEST_PATH: usize = 4096;

/// What a shell has done on the way through the pieces of a command.
#[derive(Default)]
struct Way {
    /// How many of them it has been through.
    seen: usize,
    /// Whether it has called `apply_patch`.
    calls: bool,
    /// Where `cd DIR && apply_patch …` has led, also with lines or brackets around, and several in a row.
    dir: Option<String>,
    /// It has gone where nobody can tell.
    lost: bool,
}

impl Way {
    /// Goes through those of the pieces that are new.
    fn follow(&mut self, pieces: &[&str]) {
        for piece in pieces.get(self.seen..).unwrap_or_default() {
            self.calls |= piece.contains("apply_patch") || piece.contains("applypatch");
            piece.split(['\n', ';', '&', '|']).for_each(|step| self.step(step));
        }
        self.seen = pieces.len();
    }

    fn step(&mut self, step: &str) {
        let step = step.trim_start_matches([' ', '\t', '(', '{']);
        let entered = ["cd ", "pushd "].iter().find_map(|word| step.strip_prefix(word)).map(str::trim);
        let Some(dir) = entered.filter(|_| !self.lost) else { return };
        let quoted = |quote| dir.strip_prefix(quote).and_then(|dir: &str| dir.strip_suffix(quote));
        let dir = quoted('"').or_else(|| quoted('\'')).unwrap_or(dir);
        let at_home = dir == "~" || dir.starts_with("~/");
        self.lost = dir.is_empty() || dir.contains(['$', '`']) || (dir.contains('~') && !at_home);
        let dir = match &self.dir {
            Some(before) if !at_home => below(before, dir),
            Some(_) | None => dir.to_owned(),
        };
        self.lost |= dir.len() > LONGEST_PATH;
        self.dir = Some(dir);
    }
}

/// A text, or a list of texts with blanks between.
fn words(value: Raw<'_>) -> Option<Cow<'_, str>> {
    if !value.is_array() {
        return value.text();
    }
    let words: Vec<_> = value.elements().filter_map(Raw::text).collect();
    Some(Cow::Owned(words.join(" ")))
}

/// What the shell tool is to be given so that it runs `command` instead: an object of JSON, all other members as they
/// were. `None` if the call gives no shell a command as one text.
#[must_use]
pub fn with_command(payload: &Payload<'_>, command: &str) -> Option<String> {
    payload.tool_name.as_deref().filter(|tool| is_shell(tool))?;
    let input = payload.tool_input?;
    // Of several, the one that `shell_command` reads: another may be meant for something else.
    let (wanted, _) = input.first(&COMMAND_KEYS, words)?;
    input.get(wanted)?.text()?;
    let mut changed = String::from("{");
    for (key, value) in input.whole().members() {
        if changed.len() > 1 {
            changed.push(',');
        }
        changed.push_str(&quoted(&key));
        changed.push(':');
        if key == wanted {
            changed.push_str(&quoted(command));
        } else {
            changed.push_str(&String::from_utf8_lossy(value.bytes()));
        }
    }
    changed.push('}');
    Some(changed)
}

/// The text as JSON.
pub(super) fn quoted(text: &str) -> String {
    // A text can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// Whether the command calls `swarmlock`: by that word or by a path that ends in it.
#[must_use]
pub fn names_us(command: &str) -> bool {
    const NAME: &str = "swarmlock";
    let before = |c: u8| c.is_ascii_whitespace() || b"/;|&(){}`$\"'=!".contains(&c);
    let behind = |c: u8| c.is_ascii_whitespace() || b";|&(){}`\"'<>".contains(&c);
    memchr::memmem::find_iter(command.as_bytes(), NAME).any(|at| {
        let head = at.checked_sub(1).and_then(|before| command.as_bytes().get(before));
        let tail = command.as_bytes().get(at + NAME.len());
        head.is_none_or(|byte| before(*byte)) && tail.is_none_or(|byte| behind(*byte))
    })
}
