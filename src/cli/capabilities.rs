//! `capabilities`: what this version can do, for programs.

use clap::{ArgMatches, Args as _};
use serde_json::{Map, Value, json};

use super::{COMMANDS, Code, Context, Outcome, Report, Spec, args};
use crate::{
    domain::{Kind, Mode, messages},
    store::FORMAT,
};

pub(super) const SPEC: Spec = Spec {
    name: "capabilities",
    aliases: &[],
    about: "What this version can do: commands, kinds of locks, types of messages, exit codes",
    prints: "lines that begin with version, format, kinds, modes, message_types, command, exit",
    args: Args::augment_args,
    run: capabilities,
};

#[derive(Debug, clap::Args)]
struct Args {}

fn capabilities(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let Args {} = args::of(matches)?;
    const KINDS: [&str; 4] = [Kind::Path.word(), Kind::Tree.word(), Kind::Glob.word(), Kind::Name.word()];
    const MODES: [&str; 2] = [Mode::Exclusive.word(), Mode::Shared.word()];
    let types = messages::Kind::ALL.map(messages::Kind::word);
    if context.format().json {
        let codes: Map<String, Value> =
            Code::ALL.iter().map(|code| (code.word().to_owned(), code.number().into())).collect();
        let commands: Map<String, Value> =
            COMMANDS.iter().map(|spec| (spec.name.to_owned(), json!({ "aliases": spec.aliases }))).collect();
        report.data(&[], || {
            json!({
                "version": env!("CARGO_PKG_VERSION"), "format": FORMAT, "commands": commands,
                "kinds": KINDS, "modes": MODES, "message_types": types, "exit_codes": codes,
            })
        });
        return Ok(Code::Done);
    }
    report.data(&["version", env!("CARGO_PKG_VERSION")], || ());
    report.data(&["format", &FORMAT.to_string()], || ());
    report.data(&["kinds", &KINDS.join(" ")], || ());
    report.data(&["modes", &MODES.join(" ")], || ());
    report.data(&["message_types", &types.join(" ")], || ());
    for spec in COMMANDS {
        report.data(&["command", spec.name, &spec.aliases.join(" ")], || ());
    }
    for code in Code::ALL {
        report.data(&["exit", &code.number().to_string(), code.word()], || ());
    }
    Ok(Code::Done)
}
