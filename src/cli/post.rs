//! What the commands about messages share: reading a text, naming a message, showing one.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    time::Duration,
};

use serde_json::Value;

use super::{Code, Context, Failure, Report, context::Open, escape};
use crate::{
    config::nearest,
    domain::{
        Caller,
        mail::{Found, Mail, Message, Settings, short_id},
        messages::{Kind, Limits, PrefixError, Text, TextError, clean, prepare},
    },
    fs,
};

/// The most that is read as the text of a message, in bytes: what is taken out of it may make it short enough.
const READ_LIMIT: usize = 1024 * 1024;

/// The text of a message.
#[derive(Debug, clap::Args)]
pub(super) struct Said {
    /// What to say, at most 10 KiB; - for stdin
    #[arg(value_name = "TEXT", required_unless_present = "file", allow_hyphen_values = true)]
    text: Option<OsString>,
    /// A file that has the text
    #[arg(long, value_name = "PATH", conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl Said {
    /// The text as it may be stored.
    pub(super) fn read(&self, context: &Context, open: &Open, report: &Report) -> Result<Text, Failure> {
        let bytes = match (&self.text, &self.file) {
            (Some(text), _) => {
                return match slip(text) {
                    Some(meant) => Err(usage(format!("{}: did you mean {meant}?", text.to_string_lossy()))
                        .help("a text that begins so comes from stdin, or from a file")),
                    None => given(text, open, report),
                };
            }
            (None, Some(path)) => {
                let path = context.cwd()?.join(path);
                match fs::read_foreign(&path, READ_LIMIT) {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => return Err(usage(format!("{}: there is no such file", path.display()))),
                    Err(fs::Error::TooLarge { .. }) => return Err(too_long(None)),
                    Err(error) => return Err(usage(error.to_string())),
                }
            }
            (None, None) => Vec::new(),
        };
        text(&bytes, open, report)
    }
}

/// The flag that was meant, where a text looks like one with a slip in it. One without is a text: it stood behind `--`.
fn slip(text: &OsStr) -> Option<&'static str> {
    const FLAGS: [&str; 11] = [
        "--ack",
        "--agent",
        "--dir",
        "--file",
        "--guard-wait",
        "--id-only",
        "--include-self",
        "--json",
        "--no-pane",
        "--quiet",
        "--reply-to",
    ];
    let name = text.to_str()?.split('=').next()?;
    let word = name.strip_prefix("--").filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))?;
    nearest(name, FLAGS.into_iter()).filter(|meant| !word.is_empty() && *meant != name)
}

/// A text that was given as an argument, or comes from stdin if that is `-`.
pub(super) fn given(text: &OsStr, open: &Open, report: &Report) -> Result<Text, Failure> {
    let bytes = if text == "-" { from_stdin()? } else { text.as_bytes().to_vec() };
    self::text(&bytes, open, report)
}

/// A text as it may be stored.
fn text(bytes: &[u8], open: &Open, report: &Report) -> Result<Text, Failure> {
    let redactor = open.redactor()?;
    let text = prepare(bytes, &redactor).map_err(|error| match error {
        TextError::TooLong { .. } => too_long(Some(error)),
        TextError::NotUtf8 { .. } | TextError::Nul { .. } | TextError::Empty => usage(error.to_string()),
    })?;
    let masked = std::str::from_utf8(bytes).is_ok_and(|given| matches!(redactor.redact(&clean(given)), Cow::Owned(_)));
    if masked {
        report.note("what looked like a secret was replaced by ***");
    }
    Ok(text)
}

fn from_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().take(READ_LIMIT as u64 + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() > READ_LIMIT => Err(too_long(None)),
        Ok(_) => Ok(bytes),
        Err(error) => Err(usage(format!("read stdin: {error}"))),
    }
}

fn usage(message: String) -> Failure {
    Failure::new(Code::Usage, message).next("swarmlock send --help")
}

fn too_long(why: Option<TextError>) -> Failure {
    let message = why.map_or_else(|| format!("the text has more than {READ_LIMIT} bytes"), |why| why.to_string());
    Failure::new(Code::Limit, message)
        .help("put it into a file of the checkout, and send its path")
        .next("swarmlock send --help")
}

impl Open {
    /// The messages, to be sent and read by this caller.
    pub(super) fn mail<'a>(&'a self, caller: Option<Caller<'a>>) -> Mail<'a> {
        let config = self.config();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Mail {
            locks: self.locks_of(caller),
            settings: Settings {
                limits: Limits {
                    window_ms: ms(config.message_window),
                    per_sender: config.message_rate,
                    by_all: config.message_rate_all,
                },
                log_size: config.message_log_size as u64,
                log_count: config.message_log_count,
                log_age_ms: ms(config.message_log_age),
            },
        }
    }
}

/// The type of a message, as it is given.
pub(super) fn kind(text: &str) -> Result<Kind, String> {
    text.parse().map_err(|error| {
        let words = Kind::ALL.iter().map(|kind| kind.word());
        match nearest(&text.to_ascii_uppercase(), words) {
            Some(meant) => format!("{error}; did you mean {meant}?"),
            None => format!("{error}"),
        }
    })
}

/// The message that the beginning of an id stands for.
pub(super) fn one(found: Found, given: &str, what: &str) -> Result<Message, Failure> {
    match found {
        Found::One(message) => Ok(*message),
        Found::None => {
            let message = format!("{given}: there is no such message {what}");
            Err(Failure::new(Code::Nothing, message.trim_end()).next("swarmlock messages"))
        }
        Found::Several(ids) => {
            let failure = Failure::new(Code::Usage, format!("{given}: several messages begin with it"));
            let failure = ids.iter().take(10).fold(failure, |failure, id| failure.help(format!("one of them is {id}")));
            Err(failure.next("swarmlock messages"))
        }
        Found::NoPrefix(error) => Err(no_prefix(given, error)),
    }
}

fn no_prefix(given: &str, error: PrefixError) -> Failure {
    Failure::new(Code::Usage, format!("{given}: {error}")).next("swarmlock messages")
}

/// That there is nobody of this name, and who there is.
pub(super) fn nobody(given: &str, there: &[String]) -> Failure {
    let failure = Failure::new(Code::Nothing, format!("{given}: nobody here is registered so"));
    let failure = match nearest(given, there.iter().map(String::as_str)) {
        Some(meant) => failure.help(format!("did you mean {meant}?")),
        None if there.is_empty() => {
            failure.help("an agent is registered by its first change, or by swarmlock agents register")
        }
        None => failure.help(format!("there is {}", there.iter().take(20).cloned().collect::<Vec<_>>().join(", "))),
    };
    failure.next("swarmlock agents list")
}

/// A message as JSON output shows it: as the log has it.
pub(super) fn json(message: &Message) -> Value {
    serde_json::to_value(message).unwrap_or_default()
}

/// A message in columns: when, id, from, to, type, what is special about it, and what it says.
pub(super) fn columns(message: &Message) -> [String; 7] {
    let mut special = Vec::new();
    if message.requires_ack {
        special.push("ack".to_owned());
    }
    if let Some(retry) = message.retry {
        special.push(format!("again {retry}"));
    }
    if let Some(parent) = &message.parent_msg_id {
        special.push(format!("re {}", short_id(parent)));
    }
    let to = message.to.clone().unwrap_or_else(|| message.recipients.join(","));
    [
        message.timestamp.to_string(),
        short_id(message.thread_id()).to_owned(),
        message.sender.clone(),
        to,
        message.msg_type.clone(),
        if special.is_empty() { "-".to_owned() } else { special.join(", ") },
        message.content.clone(),
    ]
}

/// A word of an agent's that a shell reads.
pub(super) fn word(text: &str) -> String {
    escape::word(text.as_bytes())
}
