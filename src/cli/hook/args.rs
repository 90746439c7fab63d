//! The arguments of `hook`, read so that no mistake in them stops anybody.

use std::{ffi::OsString, path::PathBuf};

use clap::error::ErrorKind;

use super::super::{args, context::Global, parser};
use crate::domain::hooks::Harness;

#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct Args {
    /// The event, as the harness or as we call it: SessionStart, UserPromptSubmit, PreToolUse, PostToolUse, Stop,
    /// SubagentStart, SubagentStop, PreCompact, SessionEnd
    #[arg(value_name = "EVENT")]
    pub(super) event: String,
    /// The harness: claude-code, codex, gemini, cursor, opencode or generic
    #[arg(long, value_name = "NAME", default_value = "claude-code", allow_hyphen_values = true)]
    harness: String,
    /// Arguments that mean nothing.
    #[arg(skip)]
    odd: Vec<String>,
}

impl Args {
    pub(super) fn harness(&self) -> Harness {
        Harness::from_word(&self.harness).unwrap_or(Harness::ClaudeCode)
    }

    /// What to say of arguments that mean nothing.
    pub(super) fn odd(&self) -> Vec<String> {
        let mut said = Vec::new();
        if Harness::from_word(&self.harness).is_none() {
            let known: Vec<&str> = Harness::ALL.iter().map(|harness| harness.word()).collect();
            said.push(format!(
                "--harness: {}: it is none of {}; taken for claude-code",
                self.harness,
                known.join(", ")
            ));
        }
        if !self.odd.is_empty() {
            said.push(format!("hook: {}: hook does not know that; see swarmlock hook --help", self.odd.join(" ")));
        }
        said
    }
}

/// Reads `swarmlock hook EVENT …` without the parser of all commands, which takes as long as the whole call, and whose
/// refusal of a wrong flag would be one of a tool. `None` for what is another command, or asks for help.
pub(in crate::cli) fn quick(args: &[OsString]) -> Option<(Args, Global)> {
    let mut words = args.iter().skip(1);
    let (mut read, mut global) = (Args { harness: "claude-code".to_owned(), ..Args::default() }, Global::default());
    let (mut is_hook, mut event) = (false, None);
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (text.as_ref(), None),
        };
        let mut value = || value.clone().or_else(|| words.next().map(|word| word.to_string_lossy().into_owned()));
        let given = match flag {
            "--help" | "-h" | "--version" | "-V" if is_shown(args) => return None,
            "--harness" => value().map(|value| read.harness = value),
            "--agent" | "--agent-id" | "--sender-id" => value().map(|value| global.agent = Some(value)),
            "--dir" => value().map(|value| global.dir = Some(PathBuf::from(value))),
            "--guard-wait" => value().and_then(|value| args::guard_wait(&value).ok()).map(|wait| {
                global.guard_wait = Some(wait);
            }),
            "--json" | "--quiet" | "-q" => Some(()),
            _ if flag.starts_with('-') => None,
            _ if !is_hook && flag == "hook" => {
                is_hook = true;
                Some(())
            }
            _ if !is_hook => return None,
            _ if event.is_none() => {
                event = Some(text.as_ref().to_owned());
                Some(())
            }
            _ => None,
        };
        if given.is_none() {
            read.odd.push(text.into_owned());
        }
    }
    read.event = event.unwrap_or_default();
    is_hook.then_some((read, global))
}

/// Whether the parser of all commands shows help or the version for this: whatever else it says ends with the code that
/// refuses.
fn is_shown(args: &[OsString]) -> bool {
    parser::parse(args).is_err_and(|error| matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn line(words: &[&str]) -> Vec<OsString> {
        ["swarmlock"].iter().chain(words).map(OsString::from).collect()
    }

    fn shown(args: &Args, global: &Global) -> String {
        format!("{} {} {:?} {:?} {:?}", args.event, args.harness, global.agent, global.dir, global.guard_wait)
    }

    #[test]
    fn it_reads_what_the_parser_of_all_commands_reads() {
        for words in [
            &["hook", "PreToolUse"][..],
            &["hook", "PreToolUse", "--harness", "codex"],
            &["hook", "--harness=codex", "stop"],
            &["hook", "--agent", "alice", "Stop", "--dir", "/tmp/x", "--json", "-q"],
            &["hook", "Stop", "--agent=alice", "--dir=/tmp/x"],
            &["hook", "Stop", "--harness", "--odd"],
            &["--json", "--agent", "hook", "hook", "Stop"],
            &["hook", "--guard-wait", "1s", "Stop"],
            &["hook", "--guard-wait", "100ms", "Stop"],
        ] {
            let (args, global) = quick(&line(words)).unwrap();
            let matches = crate::cli::command().try_get_matches_from(line(words)).unwrap();
            let own = Args::from_arg_matches(matches.subcommand().unwrap().1).unwrap();
            let whole = Global::from_arg_matches(&matches).unwrap();
            assert_eq!(shown(&args, &global), shown(&own, &whole), "{words:?}");
            assert!(args.odd.is_empty());
        }
    }

    #[test]
    fn what_means_nothing_is_said_and_stops_nobody() {
        for words in [
            &["hook"][..],
            &["hook", "--bogus"],
            &["hook", "PreToolUse", "x", "--y", "-z"],
            &["hook", "PreToolUse", "--harness"],
            &["hook", "PreToolUse", "--harness", "klingon"],
            &["hook", "PreToolUse", "--agent"],
            &["--bogus", "hook", "PreToolUse"],
            &["hook", "PreToolUse", "--bogus", "--help"],
            &["hook", "--bogus", "-V"],
            &["hook", "x", "-V"],
            &["hook", "Stop", "--json", "--version"],
            &["hook", "PreToolUse", "--help=1"],
            &["--help=1", "hook", "PreToolUse"],
            &["hook", "--agent", "a", "--agent", "b", "Stop", "--help"],
            &["hook", "--harness", "codex", "Stop", "--harness", "codex", "-h"],
            &["hook", "--dir", "--json", "--help"],
            &["hook", "PreToolUse", "--guard-wait", "long"],
        ] {
            let (args, _) = quick(&line(words)).unwrap();
            assert!(!args.odd().is_empty() || args.event.is_empty(), "{words:?}");
        }
        for words in [
            &["acquire", "hook"][..],
            &[],
            &["--json", "list"],
            &["--agent", "hook", "Stop"],
            &["hook", "--help"],
            &["hook", "x", "--json", "-h"],
            &["--version", "hook"],
        ] {
            assert!(quick(&line(words)).is_none(), "{words:?}");
        }
    }
}
