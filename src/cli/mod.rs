//! The command line: reads the world once, runs one command, prints what it says.

mod ack;
mod acquire;
mod agents;
mod args;
mod broadcast;
mod capabilities;
mod check;
mod cleanup;
mod completions;
mod config;
mod context;
mod describe;
mod discover_agents;
mod docs;
mod escape;
mod exit;
mod failure;
mod force_release;
mod gc;
mod history;
mod hook;
mod identity;
mod inbox;
mod init;
mod install;
mod list;
mod locate;
mod messages;
mod panes;
mod parser;
mod post;
mod queue;
mod redact;
mod refusal;
mod release;
mod renew;
mod report;
mod run;
mod runs;
mod select;
mod send;
mod status;
mod tick;
mod uninstall;
mod wait;
mod waiting;
mod who;
mod whoami;

use std::{ffi::OsString, process::ExitCode};

use clap::{ArgMatches, Command, error::ErrorKind};

use context::Context;
pub use docs::commands_page;
pub use exit::Code;
pub use failure::Failure;
pub use parser::command;
use report::{Format, Report};

/// What a command comes to.
type Outcome = Result<Code, Failure>;

/// One command: all that the rest of the program knows of it.
struct Spec {
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
    /// The columns of its data.
    prints: &'static str,
    /// Adds its arguments.
    args: fn(Command) -> Command,
    run: fn(&ArgMatches, &Context, &mut Report) -> Outcome,
}

/// Every command, in the order of the help.
const COMMANDS: &[Spec] = &[
    acquire::SPEC,
    release::SPEC,
    renew::SPEC,
    check::SPEC,
    who::SPEC,
    list::SPEC,
    status::SPEC,
    history::SPEC,
    wait::SPEC,
    queue::SPEC,
    run::SPEC,
    runs::SPEC,
    force_release::SPEC,
    cleanup::SPEC,
    gc::SPEC,
    agents::SPEC,
    discover_agents::SPEC,
    send::SPEC,
    broadcast::SPEC,
    inbox::SPEC,
    ack::SPEC,
    messages::SPEC,
    tick::SPEC,
    whoami::SPEC,
    init::SPEC,
    hook::SPEC,
    uninstall::SPEC,
    config::SPEC,
    redact::SPEC,
    capabilities::SPEC,
    completions::SPEC,
    acquire::POSITIONAL_SPEC,
];

/// The commands that only look at the state directory: they go on with the defaults where the configuration is wrong.
const LOOKS: &[&str] = &["check", "who", "list", "status", "history", "wait", "runs", "messages"];

/// The commands after which some of what is due is done too: those that agents run again and again, and that change
/// something.
const CHANGES: &[&str] = &[
    "acquire",
    "acquire-file-lock",
    "release",
    "renew",
    "run",
    "force-release",
    "cleanup",
    "gc",
    "send",
    "broadcast",
    "inbox",
    "ack",
];

/// Runs the command line `args`, the first of which is the program's own name.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    if let Some(handed) = run::handed(&args) {
        return handed;
    }
    crate::fs::set_private_umask();
    ExitCode::from(run(args))
}

fn run(args: Vec<OsString>) -> u8 {
    if let Some((args, global)) = hook::quick(&args) {
        return answer_hook(&args, global);
    }
    // Errors of usage come before the flags are known to be what they say.
    let json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let matches = match parser::parse(&args) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error, &args, json).number(),
    };
    let context = match Context::read(&matches) {
        Ok(context) => context,
        Err(failure) => {
            Report::new(Format { json, quiet: false }).failure(&failure);
            return failure.code.number();
        }
    };
    let named = matches.subcommand_name().unwrap_or_default();
    let mut report = Report::new(context.format()).of(named, context.again());
    let code = match dispatch(&matches, &context, &mut report) {
        Ok(code) => code,
        Err(failure) => {
            report.failure(&failure);
            failure.code
        }
    };
    if context.is_something_due() {
        report.put_out();
        tick::chore(&context, &report);
    }
    let passed = report.passed();
    let code = report.finish(code);
    if code == Code::Done { passed } else { code.number() }
}

/// A hook's own way through: nothing that goes wrong may look like a refusal to a harness.
fn answer_hook(args: &hook::Args, global: context::Global) -> u8 {
    let context = Context::of(global, "hook");
    let mut report = Report::new(Format::default()).of("hook", context.again());
    if let Err(failure) = hook::hook(args, &context, &mut report) {
        report.warning(&failure.message);
    }
    let passed = report.passed();
    match report.finish(Code::Done) {
        // Also where the words do not get out, the code refuses.
        code if passed == 0 => code.number(),
        _ => passed,
    }
}

fn dispatch(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let named = matches.subcommand();
    match named.and_then(|(name, matches)| Some((COMMANDS.iter().find(|spec| spec.name == name)?, matches))) {
        Some((spec, matches)) => (spec.run)(matches, context, report),
        None => Err(Failure::new(Code::Usage, "no command was given").next("swarmlock --help")),
    }
}

/// Help and version are data; everything else that the parser says is a usage error.
fn refuse(error: &clap::Error, args: &[OsString], json: bool) -> Code {
    let mut report = Report::new(Format { json, quiet: false });
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        report.text(&text);
        return report.finish(Code::Done);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        report.guide(&text);
        report.failure(&Failure::new(Code::Usage, "no command was given").next("swarmlock --help"));
    } else {
        report.failure(&usage(&text, args));
    }
    Code::Usage
}

/// What the parser says, its first paragraph as message and the rest as hints. None of it begins a line: it may
/// quote what others wrote.
fn usage(text: &str, args: &[OsString]) -> Failure {
    let given = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let named = given.filter_map(|arg| COMMANDS.iter().find(|spec| spec.name == arg || spec.aliases.contains(&arg)));
    let named = named.map(|spec| spec.name).next();
    let help = named.map(|name| format!("swarmlock {name} --help"));
    let mut paragraphs = text.strip_prefix("error: ").unwrap_or(text).trim_end().split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let failure = Failure::new(Code::Usage, message).next(help.unwrap_or_else(|| "swarmlock --help".to_owned()));
    // The parser's own advice, `-- -name`, would end the flags too.
    let dashed = first.starts_with("unexpected argument '-") && !first.starts_with("unexpected argument '--");
    let failure = if dashed { failure.help("a file of that name is written ./-name") } else { failure };
    let failure = named.and_then(|name| in_words(name, first)).into_iter().fold(failure, Failure::help);
    let hints = paragraphs.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
    let hints = hints.filter(|line| !line.starts_with("For more information"));
    hints.map(|line| best_first(line.strip_prefix("tip: ").unwrap_or(line))).fold(failure, Failure::help)
}

/// What is similar, the most similar first: the parser has it last.
fn best_first(hint: &str) -> String {
    let Some((similar, list)) = hint.split_once(" exist: ") else { return hint.to_owned() };
    format!("{similar} exist: {}", list.rsplit(", ").collect::<Vec<_>>().join(", "))
}

/// How a message is written, where the parser only says what is wrong with a word of it.
fn in_words(command: &str, wrong: &str) -> Option<&'static str> {
    let surplus = wrong.starts_with("unexpected argument '") && !wrong.starts_with("unexpected argument '-");
    let no_type = wrong.contains("' for '<TYPE>'") && !wrong.contains("did you mean");
    match command {
        "send" | "broadcast" if surplus => {
            Some("a text of several words is quoted, and --ack takes its time with =: --ack=2m")
        }
        "send" if no_type => Some("a message is written: swarmlock send bob INFO 'all of the text'"),
        "broadcast" if no_type => Some("a message is written: swarmlock broadcast INFO 'all of the text'"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_only_looks_and_what_changes_something_are_commands() {
        for name in super::LOOKS.iter().chain(super::CHANGES) {
            assert!(!super::LOOKS.contains(name) || !super::CHANGES.contains(name), "{name}");
            assert!(super::COMMANDS.iter().any(|spec| spec.name == *name), "{name}");
        }
    }
}
