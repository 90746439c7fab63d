//! Commands that an agent gives its shell.

use std::borrow::Cow;

use super::{harness::Harness, input::COMMAND_KEYS, json::Raw, payload::Payload, tool::plain};

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
