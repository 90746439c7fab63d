//! The table of keys: what each is called, what it takes, what it is for.

use std::time::Duration;

use super::{Fail, Key, Kind};
use crate::domain::{Ttl, hooks::EditTool};

/// Every key, in the order of the documents. The defaults are those of [`Config::default`](super::Config).
pub const KEYS: &[Key] = &[
    Key {
        name: "default_ttl",
        about: "How long a lease lasts without a sign of life of its agent, for an acquire without --ttl; whole seconds, rounded up",
        kind: Kind::Duration {
            min: Duration::from_secs(1),
            max: Duration::from_secs(24 * 3600),
            get: |config| Duration::from_secs(config.default_ttl.seconds()),
            put: |config, given| {
                config.default_ttl = Ttl::new(given).map_err(|error| error.to_string())?;
                Ok(())
            },
        },
    },
    Key {
        name: "guard_wait",
        about: "How long a change waits for another change to finish, without --guard-wait",
        kind: Kind::Duration {
            min: Duration::ZERO,
            max: Duration::from_secs(3600),
            get: |config| config.guard_wait,
            put: |config, given| {
                config.guard_wait = given;
                Ok(())
            },
        },
    },
    Key {
        name: "max_resources",
        about: "The most resources in one acquire",
        kind: Kind::Integer {
            min: 1,
            max: 250,
            unit: "resources",
            get: |config| config.max_resources,
            put: |config, given| config.max_resources = given,
        },
    },
    Key {
        name: "max_reason",
        about: "The longest reason; a longer one is refused",
        kind: Kind::Integer {
            min: 1,
            max: 8192,
            unit: "bytes",
            get: |config| config.max_reason,
            put: |config, given| config.max_reason = given,
        },
    },
    Key {
        name: "max_depth",
        about: "How many runs may be nested in each other",
        kind: Kind::Integer {
            min: 1,
            max: 100,
            unit: "runs",
            get: |config| config.max_depth,
            put: |config, given| config.max_depth = given,
        },
    },
    Key {
        name: "message_rate",
        about: "How many messages one agent may send in message_window; a broadcast is one",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
            unit: "messages",
            get: |config| config.message_rate,
            put: |config, given| config.message_rate = given,
        },
    },
    Key {
        name: "message_rate_all",
        about: "How many messages all agents together may send in message_window",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
            unit: "messages",
            get: |config| config.message_rate_all,
            put: |config, given| config.message_rate_all = given,
        },
    },
    Key {
        name: "message_window",
        about: "The time in which messages are counted",
        kind: Kind::Duration {
            min: Duration::from_secs(1),
            max: Duration::from_secs(3600),
            get: |config| config.message_window,
            put: |config, given| {
                config.message_window = given;
                Ok(())
            },
        },
    },
    Key {
        name: "message_log_size",
        about: "The size at which agent_messages.log is rotated",
        kind: Kind::Integer {
            min: 64 * 1024,
            max: 1 << 30,
            unit: "bytes",
            get: |config| config.message_log_size,
            put: |config, given| config.message_log_size = given,
        },
    },
    Key {
        name: "message_log_count",
        about: "How many rotated logs of messages are kept; one that is still to be read or acknowledged is kept all the same",
        kind: Kind::Integer {
            min: 1,
            max: 1000,
            unit: "files",
            get: |config| config.message_log_count,
            put: |config, given| config.message_log_count = given,
        },
    },
    Key {
        name: "message_log_age",
        about: "How long rotated logs of messages are kept; one that is still to be read or acknowledged is kept all the same",
        kind: Kind::Duration {
            min: Duration::from_secs(60),
            max: Duration::from_secs(10 * 365 * 24 * 3600),
            get: |config| config.message_log_age,
            put: |config, given| {
                config.message_log_age = given;
                Ok(())
            },
        },
    },
    Key {
        name: "harnesses",
        about: "Names of executables that agents run in, in addition to those that are known",
        kind: Kind::Words {
            check: executable,
            most: 64,
            longest: 64,
            get: |config| &config.harnesses,
            put: |config, given| config.harnesses = given,
        },
    },
    Key {
        name: "auto_acquire",
        about: "Whether the edit hook locks a file that nobody holds for the agent that edits it; else it only looks",
        kind: Kind::Flag { get: |config| config.auto_acquire, put: |config, given| config.auto_acquire = given },
    },
    Key {
        name: "fail",
        about: "Whether the edit hook lets an edit through (open) or refuses it (closed) when it cannot tell who holds the file",
        kind: Kind::Choice {
            words: &["open", "closed"],
            get: |config| match config.fail {
                Fail::Open => "open",
                Fail::Closed => "closed",
            },
            put: |config, given| config.fail = if given == "closed" { Fail::Closed } else { Fail::Open },
        },
    },
    Key {
        name: "edit_tools",
        about: "Tools that edit files, as MCP servers have them, with the keys of their input that name the files, as mcp__fs__write_file:path; a * ends a name that others begin with",
        kind: Kind::Words {
            check: edit_tool,
            most: 64,
            longest: 256,
            get: |config| &config.edit_tools,
            put: |config, given| config.edit_tools = given,
        },
    },
    Key {
        name: "redact",
        about: "Patterns of secrets that must not be stored, in addition to those that are built in",
        kind: Kind::Patterns {
            most: 64,
            longest: 512,
            get: |config| &config.redact,
            put: |config, given| config.redact = given,
        },
    },
];

fn executable(text: &str) -> Result<(), String> {
    match text.contains('/') || text.trim().is_empty() {
        true => Err("it is no name of an executable".to_owned()),
        false => Ok(()),
    }
}

fn edit_tool(text: &str) -> Result<(), String> {
    EditTool::parse(text).map(drop).map_err(|why| why.to_string())
}
