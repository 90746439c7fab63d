//! Times and durations, as the protocol writes them.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, de};

/// Now, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock.
    pub wall: Timestamp,
    /// `CLOCK_MONOTONIC`, in milliseconds: not changed by setting the clock, not counting sleep.
    pub mono_ms: u64,
}

/// A moment by the wall clock, to the millisecond; RFC 3339 in UTC in files and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct Timestamp(u64);

/// The last millisecond that RFC 3339 can write.
const END_MS: u64 = 253_402_300_799_999;

impl Timestamp {
    #[cfg(test)]
    pub(crate) const EXAMPLE: Self = Self(1_795_228_279_860);

    /// A moment in milliseconds since 1970, no later than the end of the year 9999.
    #[must_use]
    pub fn from_unix_ms(ms: u64) -> Self {
        Self(ms.min(END_MS))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        self.0
    }

    /// The moment this much later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self::from_unix_ms(self.0.saturating_add(ms))
    }

    /// How long before `later` this was, in milliseconds; 0 if it was not.
    #[must_use]
    pub fn ms_before(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }

    /// The same moment as the system counts it.
    #[must_use]
    pub fn system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.system()).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = humantime::parse_rfc3339(text).map_err(|error| format!("not a time: {error}"))?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|error| format!("before 1970: {error}"))?;
        Ok(Self::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(END_MS)))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339 writes it")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

/// How long a lease lasts after its last renewal: 1 second to 24 hours, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Ttl(u64);

/// A duration that is no TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlError;

impl Ttl {
    /// What an explicit lease gets when nothing is said: 15 minutes.
    pub const DEFAULT: Self = Self(15 * 60);

    /// What an automatic lease gets: 5 minutes from the last edit of its file.
    pub const AUTOMATIC: Self = Self(5 * 60);

    /// A TTL of this many seconds, counting a started one.
    ///
    /// # Errors
    /// If it is under a second or over a day.
    pub fn new(duration: Duration) -> Result<Self, TtlError> {
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
        if duration >= Duration::from_secs(1) { Self::try_from(seconds) } else { Err(TtlError) }
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// In milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0.saturating_mul(1000)
    }
}

impl TryFrom<u64> for Ttl {
    type Error = TtlError;

    fn try_from(seconds: u64) -> Result<Self, TtlError> {
        if (1..=24 * 60 * 60).contains(&seconds) { Ok(Self(seconds)) } else { Err(TtlError) }
    }
}

impl From<Ttl> for u64 {
    fn from(ttl: Ttl) -> Self {
        ttl.0
    }
}

impl fmt::Display for TtlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a TTL is from 1s to 24h")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_a_second_to_a_day() {
        let ttl = |ms| Ttl::new(Duration::from_millis(ms)).map(Ttl::seconds);
        assert_eq!(ttl(0), Err(TtlError));
        assert_eq!(ttl(999), Err(TtlError));
        assert_eq!(ttl(1000), Ok(1));
        assert_eq!(ttl(1001), Ok(2));
        assert_eq!(ttl(86_400_000), Ok(86_400));
        assert_eq!(ttl(86_400_001), Err(TtlError));
        assert_eq!(Ttl::new(Duration::MAX), Err(TtlError));
    }

    #[test]
    fn times_survive_being_written() {
        for ms in [0, 1, 1_795_228_279_860, END_MS] {
            let time = Timestamp::from_unix_ms(ms);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        assert_eq!(Timestamp::from_unix_ms(1_795_228_279_860).to_string(), "2026-11-21T02:31:19.860Z");
        assert_eq!(Timestamp::from_unix_ms(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        for bad in ["", "yesterday", "2026-11-21", "1795228279"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
