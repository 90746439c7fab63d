//! Arguments that several commands take, parsed into types that cannot be wrong.

use std::{borrow::Cow, ffi::OsStr, io::Read as _, os::unix::ffi::OsStrExt as _, time::Duration};

use clap::{ArgMatches, FromArgMatches};

use super::{Code, Context, Failure, Report, context::Open, escape};
use crate::domain::{AgentId, Token, Ttl};

/// The most that is read from stdin for an argument, in bytes.
const STDIN_LIMIT: u64 = 64 * 1024;

/// Takes a command's own arguments out of what was parsed.
pub(super) fn of<T: FromArgMatches>(matches: &ArgMatches) -> Result<T, Failure> {
    T::from_arg_matches(matches).map_err(|error| Failure::new(Code::Usage, error.to_string()).next("swarmlock --help"))
}

/// A resource as one shell word that no command takes for a flag.
pub(super) fn shell_word(given: &OsStr) -> String {
    let bytes = given.as_bytes();
    if bytes.starts_with(b"-") { escape::word(&[b"./", bytes].concat()) } else { escape::word(bytes) }
}

/// Refuses `--id-only` together with `--json`, wherever they stand.
pub(super) fn only_one_format(id_only: bool, context: &Context) -> Result<(), Failure> {
    if id_only && context.format().json {
        let message = "the argument '--id-only' cannot be used with '--json'";
        return Err(Failure::new(Code::Usage, message).next("swarmlock --help"));
    }
    Ok(())
}

/// `--mine` of commands that list: the agent whose things alone are wanted. It must be certain who that is.
pub(super) fn only_mine(mine: bool, context: &Context) -> Result<Option<AgentId>, Failure> {
    if !mine {
        return Ok(None);
    }
    let identity = context.identity()?;
    identity.require_reliable()?;
    Ok(Some(identity.id))
}

/// `--ttl`.
pub(super) fn ttl(text: &str) -> Result<Ttl, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (as 90s, 5m, 1h30m)"))?;
    Ttl::new(duration).map_err(|error| error.to_string())
}

/// `--guard-wait`: up to an hour.
pub(super) fn guard_wait(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (as 300ms, 5s)"))?;
    if duration <= Duration::from_secs(3600) { Ok(duration) } else { Err("at most 1h".to_owned()) }
}

/// `--timeout`: up to a day.
pub(super) fn waiting(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (as 90s, 5m)"))?;
    if duration <= Duration::from_secs(24 * 3600) { Ok(duration) } else { Err("at most 24h".to_owned()) }
}

/// `--reason`: the text itself, or `-` for stdin; without the secrets in it, before anything else sees it.
pub(super) fn reason(given: Option<&str>, open: &Open, report: &Report) -> Result<Option<String>, Failure> {
    let text = match given {
        None => return Ok(None),
        Some("-") => from_stdin("--reason")?,
        Some(text) => text.to_owned(),
    };
    // What was cut when it was read must not become short enough by what is taken out.
    let cut = text.len() as u64 + 4 > STDIN_LIMIT;
    let text = if cut || text.is_empty() { text } else { without_secrets(text, open, report)? };
    let limit = open.config().max_reason;
    if text.len() > limit {
        let message = format!("--reason: {} bytes, and at most {limit} are kept", text.len());
        return Err(Failure::new(Code::Limit, message).help("say it shorter").next("swarmlock --help"));
    }
    Ok(Some(text))
}

/// The text as it may be stored: with `***` where there was a secret, and a remark if there was one.
fn without_secrets(text: String, open: &Open, report: &Report) -> Result<String, Failure> {
    match open.redactor()?.redact(&text) {
        Cow::Borrowed(_) => Ok(text),
        Cow::Owned(redacted) => {
            report.note("--reason: what looked like a secret was replaced by ***");
            Ok(redacted)
        }
    }
}

/// `--token`: the token itself, or `-` for stdin.
pub(super) fn token(given: Option<&str>) -> Result<Option<Token>, Failure> {
    let text = match given {
        None => return Ok(None),
        Some("-") => from_stdin("--token")?,
        Some(text) => text.to_owned(),
    };
    Token::try_from(text)
        .map(Some)
        .map_err(|why| Failure::new(Code::Usage, format!("--token: {why}")).next("swarmlock --help"))
}

fn from_stdin(flag: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(STDIN_LIMIT).read_to_end(&mut bytes).and_then(|read| {
        let cut = read as u64 == STDIN_LIMIT;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            // Far too long for anything; the end may be half a character.
            Err(error) if cut => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            Err(error) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, error.utf8_error())),
        }
    });
    match read {
        Ok(text) => Ok(text.trim_end_matches('\n').to_owned()),
        Err(error) => Err(Failure::new(Code::Usage, format!("{flag}: read stdin: {error}")).next("swarmlock --help")),
    }
}
