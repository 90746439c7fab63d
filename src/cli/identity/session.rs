//! The session of a harness, as its environment variables tell it.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use sha2::{Digest as _, Sha256};

/// Longer than any session's id, in bytes.
const LIMIT: usize = 256;

/// A variable that a harness sets for the commands of one session.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Variable {
    pub(in crate::cli) name: &'static str,
    /// The harness, by the name that its processes are known by too.
    pub(in crate::cli) harness: &'static str,
}

/// Every one that is known, the first before the others where nothing else tells which is meant. Only those that all
/// commands of a session see: what only its hooks see would make two agents of one.
pub(in crate::cli) const VARIABLES: &[Variable] = &[
    Variable { name: "CLAUDE_CODE_SESSION_ID", harness: "claude" },
    Variable { name: "CODEX_THREAD_ID", harness: "codex" },
    Variable { name: "AMP_CURRENT_THREAD_ID", harness: "amp" },
    Variable { name: "AGENT_THREAD_ID", harness: "amp" },
    Variable { name: "KIMI_SESSION_ID", harness: "kimi" },
    Variable { name: "OPENCODE_RUN_ID", harness: "opencode" },
];

/// Whose session a call belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one's: it is the only one, or its harness is the innermost around the call.
    Told(&'static Variable),
    /// Perhaps this one's: several are set, and no harness is to be seen around the call.
    Guessed(&'static Variable),
    /// None's: the innermost harness is this one, and it has set none of them.
    Inherited(&'static str),
}

/// Chooses among variables that are set, in the order of the table; a harness that is started inside another
/// inherits what that has set. `None` if none is set.
pub(super) fn choose(set: &[&'static Variable], innermost: Option<&'static str>) -> Option<Choice> {
    let first = *set.first()?;
    Some(match innermost {
        Some(inner) => match set.iter().find(|variable| variable.harness == inner) {
            Some(variable) => Choice::Told(variable),
            None => Choice::Inherited(inner),
        },
        None if set.iter().any(|variable| variable.harness != first.harness) => Choice::Guessed(first),
        None => Choice::Told(first),
    })
}

/// The id of an agent in this session, `claude-3f9a2c1b`: a session's own id is long, and may hold anything.
///
/// # Errors
/// Why the value is no session's id.
pub(super) fn agent_id(variable: &Variable, value: &OsStr) -> Result<String, &'static str> {
    id_of(variable.harness, value)
}

/// The same of a session of this harness, however it is told.
///
/// # Errors
/// Why the value is no session's id.
pub(super) fn id_of(harness: &str, value: &OsStr) -> Result<String, &'static str> {
    check(value)?;
    Ok(format!("{harness}-{}", digits(value)))
}

/// Eight digits that stand for an id of a harness's own.
pub(super) fn digits(value: &OsStr) -> String {
    let digest = Sha256::digest(value.as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// # Errors
/// Why the value is no session's id.
pub(super) fn check(value: &OsStr) -> Result<(), &'static str> {
    let bytes = value.as_bytes();
    if bytes.len() > LIMIT {
        Err("it is longer than 256 bytes")
    } else if bytes.iter().all(u8::is_ascii_whitespace) {
        Err("it is empty")
    } else if bytes.iter().any(u8::is_ascii_control) {
        Err("it holds control characters")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(names: &[&str]) -> Vec<&'static Variable> {
        VARIABLES.iter().filter(|variable| names.contains(&variable.name)).collect()
    }

    #[test]
    fn the_innermost_harness_decides_whose_session_it_is() {
        let (claude, codex) = ("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID");
        let told = |name: &str| Some(Choice::Told(by_name(&[name])[0]));
        for (set, innermost, wanted) in [
            (&[][..], None, None),
            (&[], Some("claude"), None),
            (&[codex], None, told(codex)),
            (&[codex], Some("codex"), told(codex)),
            (&[codex], Some("gemini"), Some(Choice::Inherited("gemini"))),
            (&[claude, codex], Some("codex"), told(codex)),
            (&[claude, codex], Some("claude"), told(claude)),
            (&[claude, codex], Some("gemini"), Some(Choice::Inherited("gemini"))),
            (&[claude, codex], None, Some(Choice::Guessed(by_name(&[claude])[0]))),
            (&["AMP_CURRENT_THREAD_ID", "AGENT_THREAD_ID"], None, told("AMP_CURRENT_THREAD_ID")),
            (&["AMP_CURRENT_THREAD_ID", "AGENT_THREAD_ID"], Some("amp"), told("AMP_CURRENT_THREAD_ID")),
            (&[codex, "AGENT_THREAD_ID"], Some("amp"), told("AGENT_THREAD_ID")),
        ] {
            assert_eq!(choose(&by_name(set), innermost), wanted, "{set:?} {innermost:?}");
        }
    }

    #[test]
    fn an_id_is_the_harness_and_eight_digits_of_the_session() {
        let id = |value: &str| agent_id(&VARIABLES[0], value.as_ref());
        // As `printf %s VALUE | sha256sum` prints it.
        assert_eq!(id("abc").unwrap(), "claude-ba7816bf");
        assert_eq!(agent_id(&VARIABLES[1], "abc".as_ref()).unwrap(), "codex-ba7816bf");
        assert_eq!(agent_id(&VARIABLES[0], OsStr::from_bytes(b"\xff\xfe")).unwrap().len(), "claude-".len() + 8);
        for (bad, why) in
            [("", "empty"), ("  ", "empty"), ("a\nb", "control"), ("\x1b[2J", "control"), ("a\x7f", "control")]
        {
            assert!(id(bad).unwrap_err().contains(why), "{bad:?}");
        }
        assert!(id(&"a".repeat(257)).unwrap_err().contains("longer") && id(&"a".repeat(256)).is_ok());
    }

    #[test]
    fn every_harness_makes_an_id_that_is_one() {
        for variable in VARIABLES {
            let id = agent_id(variable, "x".as_ref()).unwrap();
            assert!(crate::domain::AgentId::new(&id).is_ok(), "{id}");
        }
    }
}
