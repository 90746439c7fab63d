//! How hooks call this program.

use std::{ffi::OsString, path::PathBuf};

use super::super::{Code, Context, Failure};
use crate::{
    domain::settings::Binary,
    fs::{executable_at, own_program},
};

const NAME: &str = "swarmlock";

/// The word `swarmlock` if it leads to this program by `PATH`, else where this program stands.
pub(in crate::cli) fn binary(context: &Context) -> Result<Binary, Failure> {
    let paths = search_path(context);
    let mut found = None;
    for dir in &paths {
        found = executable_at(&dir.join(NAME))?;
        if found.is_some() {
            break;
        }
    }
    let Some((path, file)) = own_program()? else {
        // Replaced while it runs: what stands there now is meant.
        return match found {
            Some(_) => Ok(Binary { word: NAME.to_owned() }),
            None => Err(Failure::new(
                Code::Failed,
                "readlink /proc/self/exe: this program does not stand where it was started from",
            )
            .help("call the one that is installed")
            .next("swarmlock init")),
        };
    };
    if found == Some(file) {
        return Ok(Binary { word: NAME.to_owned() });
    }
    match path.into_os_string().into_string() {
        Ok(word) => Ok(Binary { word }),
        Err(path) => {
            let message = format!("{}: the path of this program is not UTF-8, and settings files are", path.display());
            Err(Failure::new(Code::Refused, message)
                .help("put it in a directory of PATH")
                .next("swarmlock init --harness none"))
        }
    }
}

/// The directories of `PATH`. Relative ones are another directory in each.
pub(super) fn search_path(context: &Context) -> Vec<PathBuf> {
    let path: Option<OsString> = context.inherited().find(|(name, _)| name == "PATH").map(|(_, value)| value);
    let dirs = path.map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    dirs.into_iter().filter(|dir| dir.is_absolute()).collect()
}
