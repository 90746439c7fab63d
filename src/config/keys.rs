//! The table of keys: what each is called, what it takes, what it is for.

use std::{ops::Range, time::Duration};

use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::{Config, PatternCheck};
use crate::domain::Ttl;

/// One key of `config.toml`.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// What it takes, and where the value goes.
    pub kind: Kind,
}

/// What a key takes.
#[derive(Debug)]
pub enum Kind {
    /// A duration in quotes, as `"15m"`, from `min` to `max`.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
        /// Reads it from a configuration.
        get: fn(&Config) -> Duration,
        /// Writes it into one.
        put: fn(&mut Config, Duration) -> Result<(), String>,
    },
    /// A whole number from `min` to `max`.
    Integer {
        /// The least.
        min: usize,
        /// The most.
        max: usize,
        /// What is counted.
        unit: &'static str,
        /// Reads it from a configuration.
        get: fn(&Config) -> usize,
        /// Writes it into one.
        put: fn(&mut Config, usize),
    },
    /// A list of words in quotes.
    Words {
        /// How many at most.
        most: usize,
        /// The longest of them, in bytes.
        longest: usize,
        /// Reads them from a configuration.
        get: fn(&Config) -> &[String],
        /// Writes them into one.
        put: fn(&mut Config, Vec<String>),
    },
    /// A list of patterns in quotes.
    Patterns {
        /// How many at most.
        most: usize,
        /// The longest of them, in bytes.
        longest: usize,
        /// Reads them from a configuration.
        get: fn(&Config) -> &[String],
        /// Writes them into one.
        put: fn(&mut Config, Vec<String>),
    },
}

/// Every key, in the order of the documents. The defaults are those of [`Config::default`].
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
            most: 64,
            longest: 64,
            get: |config| &config.harnesses,
            put: |config, given| config.harnesses = given,
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

/// A value that a key does not take.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Where it stands, in bytes of the text.
    pub(super) at: Range<usize>,
    pub(super) why: String,
}

impl Key {
    /// What it takes, in words.
    #[must_use]
    pub fn takes(&self) -> String {
        match &self.kind {
            Kind::Duration { min, max, .. } => format!("a duration from {} to {}", duration(*min), duration(*max)),
            Kind::Integer { min, max, unit, .. } => format!("a number of {unit} from {min} to {max}"),
            Kind::Words { most, longest, .. } => {
                format!("a list of at most {most} names of at most {longest} bytes")
            }
            Kind::Patterns { most, longest, .. } => {
                format!("a list of at most {most} patterns of at most {longest} bytes")
            }
        }
    }

    /// Its value in this configuration: a string, a number, or a list of strings. As JSON it is written as in TOML.
    #[must_use]
    pub fn value(&self, config: &Config) -> Value {
        match &self.kind {
            Kind::Duration { get, .. } => duration(get(config)).into(),
            Kind::Integer { get, .. } => get(config).into(),
            Kind::Words { get, .. } | Kind::Patterns { get, .. } => get(config).into(),
        }
    }

    /// Sets it in `config` to what stands in the file.
    pub(super) fn take(
        &self,
        config: &mut Config,
        value: &Spanned<DeValue<'_>>,
        check: PatternCheck<'_>,
    ) -> Result<(), Wrong> {
        let wrong = |why: String| Wrong { at: value.span(), why };
        let other_type = || wrong(format!("it is {}; it takes {}", type_of(value.get_ref()), self.example()));
        let out_of_range = |given: &str| wrong(format!("{given}: it takes {}", self.takes()));
        match (&self.kind, value.get_ref()) {
            (Kind::Duration { min, max, put, .. }, DeValue::String(text)) => {
                let given = humantime::parse_duration(text)
                    .map_err(|error| wrong(format!("{error}; it takes {}", self.example())))?;
                if given < *min || given > *max {
                    return Err(out_of_range(&duration(given)));
                }
                put(config, given).map_err(wrong)
            }
            (Kind::Integer { min, max, put, .. }, DeValue::Integer(number)) => {
                let given = i64::from_str_radix(number.as_str(), number.radix()).ok();
                match given.and_then(|given| usize::try_from(given).ok()).filter(|given| (min..=max).contains(&given)) {
                    Some(given) => {
                        put(config, given);
                        Ok(())
                    }
                    None => Err(out_of_range(number.as_str())),
                }
            }
            (Kind::Patterns { most, longest, put, .. }, DeValue::Array(list)) => {
                if list.len() > *most {
                    return Err(out_of_range(&format!("{} patterns", list.len())));
                }
                let patterns = list.iter().map(|item| self.item("a pattern", item, *longest, check));
                put(config, patterns.collect::<Result<_, _>>()?);
                Ok(())
            }
            (Kind::Words { most, longest, put, .. }, DeValue::Array(list)) => {
                if list.len() > *most {
                    return Err(out_of_range(&format!("{} names", list.len())));
                }
                let name = |text: &str| match text.contains('/') || text.trim().is_empty() {
                    true => Err("it is no name of an executable".to_owned()),
                    false => Ok(()),
                };
                let words = list.iter().map(|item| self.item("a name", item, *longest, &name));
                put(config, words.collect::<Result<_, _>>()?);
                Ok(())
            }
            (Kind::Duration { .. } | Kind::Integer { .. } | Kind::Words { .. } | Kind::Patterns { .. }, _) => {
                Err(other_type())
            }
        }
    }

    fn item(
        &self,
        what: &str,
        item: &Spanned<DeValue<'_>>,
        longest: usize,
        check: PatternCheck<'_>,
    ) -> Result<String, Wrong> {
        let wrong = |why| Wrong { at: item.span(), why };
        let Some(text) = item.get_ref().as_str() else {
            return Err(wrong(format!("{what} is {}; it takes {}", type_of(item.get_ref()), self.example())));
        };
        if text.is_empty() {
            return Err(wrong(format!("{what} is empty")));
        }
        if text.len() > longest {
            return Err(wrong(format!("{what} has {} bytes; it takes {}", text.len(), self.takes())));
        }
        let kind = what.trim_start_matches("a ");
        check(text).map_err(|why| wrong(format!("the {kind} {text}: {why}")))?;
        Ok(text.to_owned())
    }

    /// How it is written.
    fn example(&self) -> &'static str {
        match self.kind {
            Kind::Duration { .. } => "a duration in quotes, as \"90s\", \"5m\", \"1h30m\"",
            Kind::Integer { .. } => "a whole number without quotes",
            Kind::Words { .. } => "a list of names in quotes, as ['my-agent']",
            Kind::Patterns { .. } => "a list of patterns in quotes, as ['internal-[0-9]+']",
        }
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A duration as people write it, without blanks: `1h30m`, `24h`.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() == 0 && seconds > 0 && seconds.is_multiple_of(3600) {
        format!("{}h", seconds / 3600)
    } else {
        humantime::format_duration(duration).to_string().replace(' ', "")
    }
}
