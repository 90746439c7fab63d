//! The names of frames: in small letters, without what stands between the letters.

/// More letters than any name has.
pub(super) const LONGEST: usize = 24;

/// Behind which signs a name is that of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// Behind `<`.
    Angle,
    /// Behind `[` too.
    Any,
}

/// What begins with one of these is a frame, whatever follows. None of them begins an ordinary word.
const BEGINNINGS: &[&str] = &[
    "agentsync",
    "antml",
    "beginofsentence",
    "beginoftext",
    "endofsentence",
    "endoftext",
    "endofturn",
    "endheaderid",
    "functioncalls",
    "functionresults",
    "imend",
    "imsep",
    "imstart",
    "startheaderid",
    "startofturn",
    "swarmlock",
    "systemreminder",
];

/// Names of frames that are ordinary words, or begin some.
const WORDS: &[&str] = &[
    "aimessage",
    "assistant",
    "assistantmessage",
    "bashinput",
    "bashstderr",
    "bashstdout",
    "collaborationmode",
    "commandargs",
    "commandmessage",
    "commandname",
    "crosssessionmessage",
    "developer",
    "environmentcontext",
    "environmentdetails",
    "eotid",
    "function",
    "functioncall",
    "functionresponse",
    "functionresult",
    "functions",
    "human",
    "humanmessage",
    "ideopenedfile",
    "ideselection",
    "instructions",
    "invoke",
    "localcommandcaveat",
    "localcommandstderr",
    "localcommandstdout",
    "newdiagnostics",
    "parameter",
    "permissionsinstructions",
    "persistedoutput",
    "prompt",
    "sessioncontext",
    "sessionstarthook",
    "statesnapshot",
    "subagentnotification",
    "systemwarning",
    "tasknotification",
    "teammatemessage",
    "think",
    "thinking",
    "tool",
    "toolcall",
    "tooloutput",
    "toolresponse",
    "toolresult",
    "tools",
    "tooluse",
    "tooluseerror",
    "turnaborted",
    "user",
    "userinstructions",
    "usermemoryinput",
    "usermessage",
    "userprompt",
    "userpromptsubmithook",
    "userquery",
    "usershellcommand",
];

/// Names of frames that also stand in square brackets.
const ANYWHERE: &[&str] = &[
    "availabletools",
    "inst",
    "sys",
    "system",
    "systeminstruction",
    "systeminstructions",
    "systemmessage",
    "systemprompt",
    "toolcalls",
    "toolresults",
];

/// Those who speak in a transcript.
const SPEAKERS: &[&str] = &["assistant", "developer", "human", "system", "user"];

/// Whether letters begin a name that no ordinary word begins with.
pub(super) fn begins_frame(letters: &str) -> bool {
    BEGINNINGS.iter().any(|name| letters.starts_with(name))
}

/// The frame of exactly this name.
pub(super) fn frame(letters: &str) -> Option<At> {
    if ANYWHERE.contains(&letters) { Some(At::Any) } else { WORDS.contains(&letters).then_some(At::Angle) }
}

/// Whether somebody who speaks is called so.
pub(super) fn is_speaker(letters: &str) -> bool {
    SPEAKERS.contains(&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_small_letters_and_none_is_too_long() {
        for name in BEGINNINGS.iter().chain(WORDS).chain(ANYWHERE).chain(SPEAKERS) {
            assert!(name.len() < LONGEST && name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
        }
    }
}
