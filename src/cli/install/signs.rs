//! Which harnesses are used here, and how one sees it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    super::{Code, Context, Failure, Report},
    binary::search_path,
};
use crate::{
    checkout::Checkout,
    domain::settings::{HARNESSES, Harness},
    fs::{executable_at, look_at},
};

/// A harness that hooks are entered for, and why.
#[derive(Debug)]
pub(in crate::cli) struct Wanted {
    pub(in crate::cli) harness: &'static Harness,
    /// How it was found, or that it was asked for.
    pub(in crate::cli) signs: Vec<String>,
}

/// The harnesses that these names stand for. To check, `auto` stands for all: those that are not installed are dropped
/// later.
pub(in crate::cli) fn wanted(
    names: &[String],
    check: bool,
    context: &Context,
    checkout: &Checkout,
    report: &Report,
) -> Result<Vec<Wanted>, Failure> {
    let none = names.iter().any(|name| name == "none");
    if none && names.iter().any(|name| name != "none") {
        let message = "--harness: none and something else cannot both be wanted";
        return Err(Failure::new(Code::Usage, message).next("swarmlock init --help"));
    }
    if none {
        return Ok(Vec::new());
    }
    let auto = names.is_empty() || names.iter().any(|name| name == "auto");
    let around = Around::of(context, checkout);
    let at_home = around.home.as_deref() == Some(checkout.root());
    let mut found = Vec::new();
    for harness in HARNESSES {
        let signs = around.signs(harness);
        if names.iter().any(|name| name == harness.name) {
            found.push(Wanted { harness, signs: if signs.is_empty() { vec!["asked for".to_owned()] } else { signs } });
        } else if auto && !at_home && (check || !signs.is_empty()) {
            found.push(Wanted { harness, signs });
        }
    }
    if auto && at_home && !check {
        report.warning("this is your home directory, where settings count for all projects: no hooks were entered; name harnesses with --harness if that is meant");
    }
    Ok(found)
}

/// What signs are looked for in.
struct Around {
    root: PathBuf,
    home: Option<PathBuf>,
    path: Vec<PathBuf>,
    variables: Vec<OsString>,
}

impl Around {
    fn of(context: &Context, checkout: &Checkout) -> Self {
        let set: Vec<_> = context.inherited().filter(|(_, value)| !value.is_empty()).collect();
        let home = set.iter().find(|(name, _)| name == "HOME").map(|(_, value)| PathBuf::from(value));
        Self {
            root: checkout.root().to_owned(),
            home: home.filter(|home| home.is_absolute()),
            path: search_path(context),
            variables: set.into_iter().map(|(name, _)| name).collect(),
        }
    }

    fn signs(&self, harness: &Harness) -> Vec<String> {
        let mut signs = Vec::new();
        signs.extend(
            harness.in_checkout.iter().find(|name| is_there(&self.root.join(name))).map(|name| (*name).to_owned()),
        );
        let in_home = self.home.as_ref().filter(|home| is_there(&home.join(harness.in_home)));
        signs.extend(in_home.map(|_| format!("~/{}", harness.in_home)));
        let program = |name: &&&str| self.path.iter().any(|dir| matches!(executable_at(&dir.join(name)), Ok(Some(_))));
        signs.extend(harness.programs.iter().find(program).map(|name| format!("{name} in PATH")));
        let set = self.variables.iter().find(|name| name.to_str().is_some_and(|name| harness.sets(name)));
        signs.extend(set.map(|name| format!("${}", name.to_string_lossy())));
        signs
    }
}

/// Whether something stands there; what cannot be looked at is no sign.
fn is_there(path: &Path) -> bool {
    look_at(path).is_ok_and(|found| found.is_some())
}
