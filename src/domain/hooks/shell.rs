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

/// Calls `take` with each file that patches in a command name which calls `apply_patch` before them, as seen from where
/// the command starts.
pub(super) fn patched(command: &str, mut take: impl FnMut(String)) {
    patch::files_in_command(command, |before, name| {
        if !before.iter().any(|piece| piece.contains("apply_patch") || piece.contains("applypatch")) {
            return;
        }
        match entered(before) {
            Some(dir) => take(below(&dir, name)),
            None => take(name.to_owned()),
        }
    });
}

/// A name as seen from this directory.
pub(super) fn below(dir: &str, name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", dir.trim_end_matches('/')) }
}

/// Where a shell is after these pieces of a command: the directory of `cd DIR && apply_patch …`, also with lines or
/// brackets around, and of several the last one, as seen from the first. `None` if it goes nowhere that can be told.
fn entered(pieces: &[&str]) -> Option<String> {
    let mut entered: Option<String> = None;
    for step in pieces.iter().flat_map(|piece| piece.split(['\n', ';', '&', '|'])) {
        let step = step.trim_start_matches([' ', '\t', '(', '{']);
        let Some(dir) = ["cd ", "pushd "].iter().find_map(|word| step.strip_prefix(word)).map(str::trim) else {
            continue;
        };
        let quoted = |quote| dir.strip_prefix(quote).and_then(|dir: &str| dir.strip_suffix(quote));
        let dir = quoted('"').or_else(|| quoted('\'')).unwrap_or(dir);
        let at_home = dir == "~" || dir.starts_with("~/");
        if dir.is_empty() || dir.contains(['$', '`']) || (dir.contains('~') && !at_home) {
            return None;
        }
        entered = Some(match entered {
            Some(before) if !at_home => below(&before, dir),
            Some(_) | None => dir.to_owned(),
        });
    }
    entered
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
