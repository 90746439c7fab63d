//! The parser of the command line, built no larger than the call needs.

use std::{ffi::OsString, mem::ManuallyDrop};

use clap::{ArgMatches, Args as _, Command};

use super::{COMMANDS, Spec, context::Global};

/// The parser of the whole command line.
#[must_use]
pub fn command() -> Command {
    with(COMMANDS.iter())
}

/// Reads the command line `args`, the first of which is the program's own name.
///
/// To build the parsers of all commands takes longer than most commands do, so the one that seems to be meant is tried
/// alone. The root takes no argument but a command, so what the small parser takes the whole one takes in the same
/// way; whatever else it says, help included, is left to the whole one. A wrong guess therefore only costs time.
pub(super) fn parse(args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    if let Some(spec) = guess(args) {
        // To take a parser apart costs a good part of what it cost to build, and the process soon ends.
        let mut small = ManuallyDrop::new(with([spec]));
        if let Ok(matches) = small.try_get_matches_from_mut(args) {
            return Ok(matches);
        }
    }
    command().try_get_matches_from(args)
}

/// The command that `args` seem to name: the first word that is one.
fn guess(args: &[OsString]) -> Option<&'static Spec> {
    let words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    words.filter_map(|word| COMMANDS.iter().find(|spec| spec.name == word || spec.aliases.contains(&word))).next()
}

fn with<'a>(specs: impl IntoIterator<Item = &'a Spec>) -> Command {
    // Descriptions come last: a flattened group of arguments would set its own.
    let root = Global::augment_args(Command::new("swarmlock"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Locks, messages and a shared picture for coding agents that work in one checkout")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100);
    specs.into_iter().fold(root, |root, spec| {
        let sub = (spec.args)(Command::new(spec.name));
        let prints = format!("Prints, in columns separated by tabs: {}", spec.prints);
        root.subcommand(sub.about(spec.about).after_help(prints).visible_aliases(spec.aliases.iter().copied()))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_parser_is_sound() {
        command().debug_assert();
    }

    /// What a command line comes to: the command, and every argument with its values and where they come from; or what
    /// the parser says.
    #[derive(Debug, PartialEq)]
    enum Said {
        Matches { command: Option<String>, root: BTreeMap<String, String>, own: BTreeMap<String, String> },
        Error(String),
    }

    fn values(command: &Command, matches: &ArgMatches) -> BTreeMap<String, String> {
        let ids = command.get_arguments().map(|arg| arg.get_id().as_str());
        let value = |id: &str| {
            // Help and version have no value.
            let raw = matches.try_get_raw(id).ok().flatten().map(Iterator::collect::<Vec<_>>);
            let places =
                matches.try_contains_id(id).is_ok().then(|| matches.indices_of(id).map(Iterator::collect::<Vec<_>>));
            let source = matches.try_contains_id(id).is_ok().then(|| matches.value_source(id));
            format!("{raw:?} {places:?} {source:?}")
        };
        ids.map(|id| (id.to_owned(), value(id))).collect()
    }

    fn said(result: Result<ArgMatches, clap::Error>) -> Said {
        let mut whole = command();
        whole.build();
        match result {
            Err(error) => Said::Error(format!("{:?} {}", error.kind(), error.render())),
            Ok(matches) => {
                let (name, own) = matches.subcommand().unzip();
                Said::Matches {
                    command: name.map(str::to_owned),
                    root: values(&whole, &matches),
                    own: name
                        .zip(own)
                        .map(|(name, own)| values(whole.find_subcommand(name).unwrap(), own))
                        .unwrap_or_default(),
                }
            }
        }
    }

    fn line(words: &[&str]) -> Vec<OsString> {
        std::iter::once("swarmlock").chain(words.iter().copied()).map(OsString::from).collect()
    }

    #[track_caller]
    fn the_same(words: &[&str]) -> Said {
        let args = line(words);
        let short = said(parse(&args));
        assert_eq!(short, said(command().try_get_matches_from(&args)), "{words:?}");
        short
    }

    #[test]
    fn every_command_is_read_alike_by_the_small_and_the_whole_parser() {
        for spec in COMMANDS {
            for name in spec.aliases.iter().chain([&spec.name]) {
                for rest in [
                    &[][..],
                    &["a.rs"],
                    &["a.rs", "b.rs"],
                    &["--mine"],
                    &["--help"],
                    &["-h"],
                    &["a.rs", "--help"],
                    &["--version"],
                    &["-V"],
                    &["--json", "a.rs", "-q"],
                    &["a.rs", "--ttl", "5m", "--reason", "-x"],
                    &["a.rs", "--ttl=banana"],
                    &["a.rs", "--ttl"],
                    &["a.rs", "--tt", "5m"],
                    &["a.rs", "--bogus"],
                    &["--", "--json"],
                    &["--", "--", "-x"],
                    &["--agent", "me", "a.rs"],
                    &["--agent"],
                    &["--guard-wait", "2s", "a.rs"],
                    &["--guard-wait", "never"],
                    &["bash"],
                    &[""],
                ] {
                    for before in
                        [&[][..], &["--json"], &["--agent", "me"], &["--dir=x", "-q"], &["--agent", "list"], &["--"]]
                    {
                        the_same(&[before, &[name], rest].concat());
                    }
                }
            }
        }
    }

    #[test]
    fn odd_command_lines_are_read_alike_by_the_small_and_the_whole_parser() {
        for words in [
            &[][..],
            &["--help"],
            &["-h"],
            &["--version"],
            &["-V"],
            &["help"],
            &["help", "acquire"],
            &["help", "help"],
            &["help", "acquir"],
            &["help", "acquire", "release"],
            &["--help", "acquire"],
            &["--version", "check"],
            &["acq", "a.rs"],
            &["acquier", "a.rs"],
            &["chek"],
            &["ACQUIRE", "a.rs"],
            &["", "acquire", "a.rs"],
            &["a.rs", "acquire"],
            &["a.rs"],
            &["-x", "acquire", "a.rs"],
            &["--bogus", "acquire", "a.rs"],
            &["--ttl", "5m", "acquire", "a.rs"],
            &["--ttl=5m", "acquire", "a.rs"],
            &["--resaon", "release", "acquire"],
            &["--mine", "acquire", "release"],
            &["--agen", "me", "acquire", "a.rs"],
            &["--agent"],
            &["--agent", "acquire"],
            &["--agent", "acquire", "release", "--mine"],
            &["--agent", "acquire", "check", "acquire"],
            &["--dir", "list", "acquire", "list"],
            &["--agent-id", "check", "--guard-wait", "1s", "who", "check"],
            &["--agent=acquire", "list"],
            &["--agent", "a", "--agent", "b", "check", "x"],
            &["check", "acquire"],
            &["check", "check"],
            &["who", "--", "check"],
            &["--", "check", "x"],
            &["-q", "-q", "check", "x"],
            &["-qq", "check", "x"],
            &["-qx", "check", "x"],
            &["--json=yes", "check", "x"],
            &["check", "--json=yes", "x"],
            &["--guard-wait", "soon", "check", "x"],
            &["--guard-wait", "check", "check", "x"],
            &["acquire", "list"],
            &["acquire", "help"],
            &["completions", "klingon"],
            &["renew"],
            &["release", "--mine", "a.rs"],
        ] {
            the_same(words);
        }
    }

    #[test]
    fn what_is_no_text_is_read_alike_by_the_small_and_the_whole_parser() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = || OsString::from_vec(vec![b'a', 0xff]);
        for (at, words) in
            [(1, &["check"][..]), (2, &["check"]), (3, &["--agent", "me", "check"]), (1, &["--agent", "check"])]
        {
            let mut args = line(words);
            args.insert(at, odd());
            assert_eq!(said(parse(&args)), said(command().try_get_matches_from(&args)), "{args:?}");
        }
    }

    #[test]
    fn the_small_parser_is_used_where_it_can_be_and_a_wrong_guess_is_not_taken() {
        let alone = |words: &[&str]| {
            let args = line(words);
            guess(&args).map(|spec| with([spec]).try_get_matches_from(&args).is_ok())
        };
        assert_eq!(alone(&["check", "a.rs"]), Some(true));
        assert_eq!(alone(&["--json", "--agent", "me", "acquire", "a.rs", "--ttl", "5m"]), Some(true));
        assert_eq!(alone(&["--agent", "list", "check", "a.rs"]), Some(false), "the agent is called as a command is");
        assert_eq!(alone(&["chek", "a.rs"]), None);
        // The control: the comparison sees a difference.
        assert_ne!(the_same(&["check", "a.rs"]), the_same(&["check", "b.rs"]));
        assert_ne!(the_same(&["check", "a.rs"]), the_same(&["--json", "check", "a.rs"]));
    }
}
