//! What keys of the configuration take, and how they are read.

use std::{ops::Range, time::Duration};

use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::{Config, PatternCheck};

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
    /// `true` or `false`.
    Flag {
        /// Reads it from a configuration.
        get: fn(&Config) -> bool,
        /// Writes it into one.
        put: fn(&mut Config, bool),
    },
    /// One of these words, in quotes.
    Choice {
        /// The words.
        words: &'static [&'static str],
        /// Reads it from a configuration.
        get: fn(&Config) -> &'static str,
        /// Writes it into one.
        put: fn(&mut Config, &str),
    },
    /// A list of words in quotes.
    Words {
        /// Says what is wrong with one.
        check: fn(&str) -> Result<(), String>,
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
            Kind::Flag { .. } => "true or false".to_owned(),
            Kind::Choice { words, .. } => format!("one of \"{}\"", words.join("\", \"")),
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
            Kind::Flag { get, .. } => get(config).into(),
            Kind::Choice { get, .. } => get(config).into(),
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
            (Kind::Flag { put, .. }, DeValue::Boolean(given)) => {
                put(config, *given);
                Ok(())
            }
            (Kind::Choice { words, put, .. }, DeValue::String(text)) => {
                if !words.contains(&text.as_ref()) {
                    return Err(out_of_range(text));
                }
                put(config, text);
                Ok(())
            }
            (Kind::Words { check, most, longest, put, .. }, DeValue::Array(list)) => {
                if list.len() > *most {
                    return Err(out_of_range(&format!("{} names", list.len())));
                }
                let words = list.iter().map(|item| self.item("a name", item, *longest, check));
                put(config, words.collect::<Result<_, _>>()?);
                Ok(())
            }
            (
                Kind::Duration { .. }
                | Kind::Integer { .. }
                | Kind::Flag { .. }
                | Kind::Choice { .. }
                | Kind::Words { .. }
                | Kind::Patterns { .. },
                _,
            ) => Err(other_type()),
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
            Kind::Flag { .. } => "true or false without quotes",
            Kind::Choice { .. } => "a word in quotes",
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
