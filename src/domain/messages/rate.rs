//! How many messages may be sent in a time, counted from the log: so it holds for all processes together.

use std::{fmt, time::Duration};

use crate::domain::Timestamp;

/// How many messages may be sent in a time. A broadcast is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time, in milliseconds.
    pub window_ms: u64,
    /// How many by one sender; 0 counts as 1.
    pub per_sender: usize,
    /// How many by all together; 0 counts as 1.
    pub by_all: usize,
}

/// Whose limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The sender's own.
    Sender,
    /// The one for all together.
    All,
}

/// A message that may not be sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long until it may, if nothing else is sent: at least 1, at most the window, in milliseconds.
    pub for_ms: u64,
    /// Whose limit it is.
    pub whose: Whose,
    /// How many messages that limit allows.
    pub limit: usize,
    /// In which time, in milliseconds.
    pub window_ms: u64,
}

/// Counts messages of the log, the newest first, until one of the limits is reached.
#[derive(Debug)]
pub struct Tally<'a> {
    now: Timestamp,
    limits: &'a Limits,
    sender: &'a str,
    own: usize,
    all: usize,
}

impl<'a> Tally<'a> {
    /// Nothing counted yet, for a message that `sender` would send now.
    #[must_use]
    pub fn new(now: Timestamp, limits: &'a Limits, sender: &'a str) -> Self {
        Self { now, limits, sender, own: 0, all: 0 }
    }

    /// Whether a message of then is too old to count.
    #[must_use]
    pub fn is_old(&self, at: Timestamp) -> bool {
        at <= self.now && at.ms_before(self.now) >= self.limits.window_ms
    }

    /// Counts a message, unless its time is in the future (the clock was set back) or it is too old.
    ///
    /// # Errors
    /// If one of the limits is reached by it: the message must wait.
    pub fn count(&mut self, from: &str, at: Timestamp) -> Result<(), Wait> {
        if at > self.now || self.is_old(at) {
            return Ok(());
        }
        let Limits { window_ms, per_sender, by_all } = *self.limits;
        self.all += 1;
        self.own += usize::from(from == self.sender);
        // Of two limits the one that is reached by the newer line has the longer wait.
        let reached = [(Whose::Sender, self.own, per_sender.max(1)), (Whose::All, self.all, by_all.max(1))];
        match reached.into_iter().find(|(_, count, limit)| count >= limit) {
            Some((whose, _, limit)) => {
                Err(Wait { for_ms: window_ms - at.ms_before(self.now), whose, limit, window_ms })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.whose {
            Whose::Sender => "a sender",
            Whose::All => "all senders together",
        };
        let (limit, window) = (self.limit, humantime::format_duration(Duration::from_millis(self.window_ms)));
        let messages = if limit == 1 { "message" } else { "messages" };
        let wait = humantime::format_duration(Duration::from_secs(self.for_ms.div_ceil(1000)));
        write!(f, "{limit} {messages} in {window} is the limit for {who}, and it is reached: send it again in {wait}")
    }
}

impl std::error::Error for Wait {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of counting these, as far as is needed.
    fn allow<'a>(
        now: Timestamp,
        limits: &Limits,
        sender: &str,
        recent: impl IntoIterator<Item = (&'a str, Timestamp)>,
    ) -> Result<(), Wait> {
        let mut tally = Tally::new(now, limits, sender);
        recent
            .into_iter()
            .take_while(|(_, at)| !tally_old(now, limits, *at))
            .try_for_each(|(from, at)| tally.count(from, at))
    }

    fn tally_old(now: Timestamp, limits: &Limits, at: Timestamp) -> bool {
        Tally::new(now, limits, "").is_old(at)
    }

    const NOW: u64 = 1_795_228_279_860;
    const LIMITS: Limits = Limits { window_ms: 60_000, per_sender: 3, by_all: 5 };

    fn at(ago_ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(NOW.saturating_add_signed(-ago_ms))
    }

    /// `a` asks after these lines, newest first.
    fn asked(lines: &[(&str, i64)]) -> Result<(), Wait> {
        allow(at(0), &LIMITS, "a", lines.iter().map(|(from, ago)| (*from, at(*ago))))
    }

    fn wait(for_ms: u64, whose: Whose) -> Result<(), Wait> {
        let limit = if whose == Whose::Sender { 3 } else { 5 };
        Err(Wait { for_ms, whose, limit, window_ms: 60_000 })
    }

    #[test]
    fn the_table_of_who_may_send() {
        assert_eq!(asked(&[]), Ok(()));
        assert_eq!(asked(&[("a", 0), ("a", 0)]), Ok(()));
        assert_eq!(asked(&[("a", 0), ("a", 0), ("a", 0)]), wait(60_000, Whose::Sender));
        assert_eq!(asked(&[("a", 1), ("a", 2), ("a", 59_999)]), wait(1, Whose::Sender));
        assert_eq!(asked(&[("a", 1), ("a", 2), ("a", 60_000)]), Ok(()));
        assert_eq!(asked(&[("b", 1), ("b", 2), ("b", 3), ("b", 4)]), Ok(()), "another's messages");
        assert_eq!(asked(&[("b", 1), ("c", 2), ("d", 3), ("e", 4), ("f", 5)]), wait(59_995, Whose::All));
        assert_eq!(asked(&[("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5)]), wait(59_995, Whose::Sender));
        assert_eq!(asked(&[("a", -1), ("a", 1), ("a", 2)]), Ok(()), "the future does not count");
        assert_eq!(asked(&[("a", -9_000_000), ("a", 1), ("a", 2), ("a", 3)]), wait(59_997, Whose::Sender));
        assert_eq!(asked(&[("a", 1), ("a", 2), ("a", 3), ("a", 4)]), wait(59_997, Whose::Sender), "more than allowed");
        assert_eq!(asked(&[("A", 1), ("a ", 2), ("a", 3), ("a", 4)]), Ok(()), "other ids");
    }

    #[test]
    fn the_log_is_read_no_further_than_needed() {
        let read = |lines: &[(&'static str, i64)]| {
            let mut read = 0;
            let lines = lines.iter().inspect(|_| read += 1).map(|(from, ago)| (*from, at(*ago)));
            assert_ne!(allow(at(0), &LIMITS, "a", lines).map_err(|wait| wait.for_ms), Err(0));
            read
        };
        assert_eq!(read(&[("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5)]), 3);
        assert_eq!(read(&[("b", 1); 9]), 5);
        assert_eq!(read(&[("a", 1), ("b", 60_000), ("a", 70_000)]), 2);
        assert_eq!(read(&[("a", -1), ("a", -2), ("a", -3), ("a", -4), ("a", 99_000), ("a", 99_001)]), 5);
    }

    #[test]
    fn odd_limits_and_times_are_no_panic() {
        let ask = |limits: Limits, now: u64, time: u64| {
            allow(Timestamp::from_unix_ms(now), &limits, "a", [("a", Timestamp::from_unix_ms(time))])
        };
        let none = Limits { window_ms: 1000, per_sender: 0, by_all: 0 };
        assert_eq!(allow(at(0), &none, "a", []), Ok(()));
        assert_eq!(ask(none, NOW, NOW).unwrap_err().limit, 1);
        assert_eq!(ask(Limits { window_ms: 0, ..LIMITS }, NOW, NOW), Ok(()));
        let long = Limits { window_ms: u64::MAX, per_sender: 1, by_all: 1 };
        assert_eq!(ask(long, u64::MAX, 0).unwrap_err().whose, Whose::Sender);
        assert_eq!(ask(long, 0, u64::MAX), Ok(()));
        assert!(!ask(long, 0, 0).unwrap_err().to_string().is_empty());
    }

    #[test]
    fn the_words_say_how_long_to_wait() {
        let told = |for_ms, whose, limit| Wait { for_ms, whose, limit, window_ms: 60_000 }.to_string();
        assert_eq!(
            told(11_001, Whose::Sender, 10),
            "10 messages in 1m is the limit for a sender, and it is reached: send it again in 12s"
        );
        assert_eq!(
            told(1, Whose::All, 1),
            "1 message in 1m is the limit for all senders together, and it is reached: send it again in 1s"
        );
    }

    #[test]
    fn it_is_what_counting_finds() {
        let mut state = 11_u64;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let mut refused = 0;
        for _ in 0..20_000 {
            let limits = Limits {
                window_ms: 1 + below(40),
                per_sender: 1 + usize::try_from(below(4)).unwrap(),
                by_all: 1 + usize::try_from(below(6)).unwrap(),
            };
            let mut lines: Vec<(&str, u64)> = (0..below(12))
                .map(|_| (["a", "b", "c"][usize::try_from(below(3)).unwrap()], NOW - below(60)))
                .collect();
            lines.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
            // Lines of a clock that went wrong stand anywhere.
            for _ in 0..below(3) {
                lines.insert(usize::try_from(below(lines.len() as u64 + 1)).unwrap(), ("a", NOW + 200 + below(60)));
            }
            let answer = |now: u64| {
                allow(
                    Timestamp::from_unix_ms(now),
                    &limits,
                    "a",
                    lines.iter().map(|(from, time)| (*from, Timestamp::from_unix_ms(*time))),
                )
            };
            let counted = |now: u64| {
                let in_window = lines.iter().filter(|(_, time)| *time <= now && now - time < limits.window_ms);
                let (own, all) = (in_window.clone().filter(|(from, _)| *from == "a").count(), in_window.count());
                own < limits.per_sender && all < limits.by_all
            };
            assert_eq!(answer(NOW).is_ok(), counted(NOW), "{limits:?} {lines:?}");
            if let Err(wait) = answer(NOW) {
                refused += 1;
                assert!((1..=limits.window_ms).contains(&wait.for_ms));
                assert!(!counted(NOW + wait.for_ms - 1) && counted(NOW + wait.for_ms), "{wait:?} {limits:?} {lines:?}");
            }
        }
        assert!((2_000..18_000).contains(&refused), "{refused}");
    }
}
