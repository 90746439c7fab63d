//! `config`: the settings in force, and whether config.toml is valid.

use clap::{ArgMatches, Args as _, ValueEnum};
use serde_json::{Value, json};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, context::usable_pattern};
use crate::{
    config::{KEYS, LoadError, Loaded, template},
    fs::FileName,
    store::{StateDir, layout},
};

pub(super) const SPEC: Spec = Spec {
    name: "config",
    aliases: &[],
    about: "The settings in force, and whether config.toml is valid",
    prints: "show: key; value; where it comes from. check: valid or missing; file. path: file. template: the text",
    args: Args::augment_args,
    run: config,
};

#[derive(Debug, clap::Args)]
struct Args {
    /// What to do
    #[arg(value_name = "ACTION", value_enum, default_value_t = Action::Show)]
    action: Action,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Print every setting, and whether it comes from a flag, from config.toml or from nowhere
    Show,
    /// Say whether config.toml is valid
    Check,
    /// Print where config.toml stands or would stand
    Path,
    /// Print a config.toml with every setting, commented out
    Template,
}

static FILE: FileName = layout::CONFIG;

fn config(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let args: Args = args::of(matches)?;
    if matches!(args.action, Action::Template) {
        report.text(&template());
        return Ok(Code::Done);
    }
    let checkout = context.checkout()?;
    let path = checkout.state_path().join(FILE.as_str()).to_string_lossy().into_owned();
    let state = context.state(&checkout, report)?;
    match args.action {
        Action::Show => show(&load(state.as_ref())?, context, report),
        Action::Check => {
            let word = if load(state.as_ref())?.present { "valid" } else { "missing" };
            report.data(&[word, &path], || json!({ "result": word, "path": path }));
        }
        Action::Path => {
            let present = state.map(|state| state.dir().look(&FILE)).transpose()?.flatten().is_some();
            report.data(&[&path], || json!({ "path": path, "exists": present }));
        }
        Action::Template => {}
    }
    Ok(Code::Done)
}

fn load(state: Option<&StateDir>) -> Result<Loaded, Failure> {
    let Some(state) = state else { return Ok(Loaded::default()) };
    Loaded::load(state, &usable_pattern).map_err(|error| {
        let invalid = matches!(error, LoadError::Invalid { .. });
        let failure = Failure::from(error);
        // It is what has just failed.
        if invalid { Failure { next: vec!["swarmlock config template".to_owned()], ..failure } } else { failure }
    })
}

fn show(loaded: &Loaded, context: &Context, report: &mut Report) {
    for key in KEYS {
        let line = loaded.line(key);
        let mut in_force = loaded.config.clone();
        let flag = context.guard_wait().filter(|_| key.name == "guard_wait");
        in_force.guard_wait = flag.unwrap_or(in_force.guard_wait);
        let value = key.value(&in_force);
        let source = match (flag, line) {
            (Some(_), _) => "--guard-wait",
            (None, Some(_)) => FILE.as_str(),
            (None, None) => "default",
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        report.data(&[key.name, &text, source], || json!({ "key": key.name, "value": value, "source": source, "line": line.map_or(Value::Null, Value::from) }));
    }
}
