//! When a message that wants an acknowledgement is shown again, and when its sender gives up on it.
//!
//! With a first wait of D it is shown again at D, 2 D and 4 D after the sending, and escalated at 8 D: the last reminder
//! too leaves time to answer.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// How often a message is shown again.
const REMINDERS: u32 = 3;

/// How long after the sending a message is shown again for the first time: 1 second to 1 hour, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct FirstWait(u64);

/// A duration that is no first wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstWaitError;

impl FirstWait {
    /// When nothing is said: 30 seconds.
    pub const DEFAULT: Self = Self(30);

    /// A wait of this many seconds, counting a started one.
    ///
    /// # Errors
    /// If it is under a second or over an hour.
    pub fn new(duration: Duration) -> Result<Self, FirstWaitError> {
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
        if duration >= Duration::from_secs(1) { Self::try_from(seconds) } else { Err(FirstWaitError) }
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// From the sending to reminder `number`, counted from 1; to the escalation, if there is no such reminder. In
    /// milliseconds.
    fn until_ms(self, number: u32) -> u64 {
        let doublings = number.saturating_sub(1).min(REMINDERS);
        self.0.saturating_mul(1000) << doublings
    }
}

impl TryFrom<u64> for FirstWait {
    type Error = FirstWaitError;

    fn try_from(seconds: u64) -> Result<Self, FirstWaitError> {
        if (1..=60 * 60).contains(&seconds) { Ok(Self(seconds)) } else { Err(FirstWaitError) }
    }
}

impl From<FirstWait> for u64 {
    fn from(wait: FirstWait) -> Self {
        wait.0
    }
}

impl fmt::Display for FirstWaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an acknowledgement is waited for from 1s to 1h")
    }
}

impl std::error::Error for FirstWaitError {}

/// What is to be done about a message that nobody has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before then.
    Wait(Timestamp),
    /// Show it again, as reminder 1, 2 or 3. Earlier ones that were missed are not made up for.
    Remind(u32),
    /// Tell the others and the sender.
    Escalate,
}

/// What is due now for a message sent then, after the reminder of the number `done`; 0 before the first.
///
/// While the clock shows a time before the sending, nothing is due.
#[must_use]
pub fn step(sent_at: Timestamp, first: FirstWait, done: u32, now: Timestamp) -> Step {
    let elapsed = sent_at.ms_before(now);
    if elapsed >= first.until_ms(REMINDERS + 1) {
        return Step::Escalate;
    }
    match (1..=REMINDERS).rev().find(|number| elapsed >= first.until_ms(*number)) {
        Some(number) if number > done => Step::Remind(number),
        _ => Step::Wait(next_at(sent_at, first, done)),
    }
}

/// When something is due next after the reminder of the number `done`; 0 before the first.
#[must_use]
pub fn next_at(sent_at: Timestamp, first: FirstWait, done: u32) -> Timestamp {
    sent_at.plus_ms(first.until_ms(done.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: u64 = 1_795_228_279_860;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn after(seconds: u64) -> Timestamp {
        at(SENT + seconds * 1000)
    }

    #[test]
    fn the_table_of_what_is_due() {
        use Step::{Escalate, Remind, Wait};
        for (seconds, done, expected) in [
            (0, 0, Wait(after(30))),
            (29, 0, Wait(after(30))),
            (30, 0, Remind(1)),
            (59, 0, Remind(1)),
            (30, 1, Wait(after(60))),
            (59, 1, Wait(after(60))),
            (60, 1, Remind(2)),
            (60, 0, Remind(2)),
            (60, 2, Wait(after(120))),
            (119, 2, Wait(after(120))),
            (120, 2, Remind(3)),
            (120, 0, Remind(3)),
            (239, 0, Remind(3)),
            (120, 3, Wait(after(240))),
            (239, 3, Wait(after(240))),
            (239, 9, Wait(after(240))),
            (30, 3, Wait(after(240))),
            (240, 3, Escalate),
            (240, 0, Escalate),
            (1_000_000, 1, Escalate),
        ] {
            assert_eq!(step(at(SENT), FirstWait::DEFAULT, done, after(seconds)), expected, "{seconds} s, {done} done");
        }
    }

    #[test]
    fn the_moment_named_is_the_first_at_which_something_is_due() {
        for first in [1, 7, 30, 3600].map(|seconds| FirstWait::try_from(seconds).unwrap()) {
            for done in 0..6 {
                let next = next_at(at(SENT), first, done);
                let before = at(next.unix_ms() - 1);
                assert_eq!(step(at(SENT), first, done, before), Step::Wait(next), "{first:?}, {done}");
                let due = step(at(SENT), first, done, next);
                assert_eq!(
                    due,
                    if done < REMINDERS { Step::Remind(done + 1) } else { Step::Escalate },
                    "{first:?}, {done}"
                );
            }
        }
    }

    #[test]
    fn each_reminder_comes_once_and_the_escalation_last_however_often_one_looks() {
        for every in [1, 5, 29, 31, 61, 250] {
            let (mut done, mut told, mut now) = (0, Vec::new(), SENT);
            loop {
                match step(at(SENT), FirstWait::DEFAULT, done, at(now)) {
                    Step::Wait(until) => assert!(until > at(now)),
                    Step::Remind(number) => {
                        assert!(number > done);
                        told.push(number);
                        done = number;
                    }
                    Step::Escalate => break,
                }
                now += every * 1000;
            }
            assert!(now >= SENT + 240_000 && now < SENT + 240_000 + every * 1000, "{every}");
            assert!(every >= 60 || told == [1, 2, 3], "{every}: {told:?}");
        }
    }

    #[test]
    fn no_clock_makes_anything_due_early() {
        let first = FirstWait::DEFAULT;
        for done in [0, 1, 2, 3, u32::MAX] {
            assert_eq!(step(at(SENT), first, done, at(0)), Step::Wait(next_at(at(SENT), first, done)), "set back");
            let end = at(u64::MAX);
            assert_eq!(step(end, first, done, at(SENT)), Step::Wait(end), "sent in the year 9999");
            assert_eq!(step(end, first, done, end), Step::Wait(end), "the end of time");
            assert_eq!(step(at(0), first, done, end), Step::Escalate);
        }
    }

    #[test]
    fn a_first_wait_is_a_second_to_an_hour() {
        let wait = |ms| FirstWait::new(Duration::from_millis(ms)).map(FirstWait::seconds);
        assert_eq!(wait(0), Err(FirstWaitError));
        assert_eq!(wait(999), Err(FirstWaitError));
        assert_eq!(wait(1000), Ok(1));
        assert_eq!(wait(1001), Ok(2));
        assert_eq!(wait(3_600_000), Ok(3600));
        assert_eq!(wait(3_600_001), Err(FirstWaitError));
        assert_eq!(FirstWait::new(Duration::MAX), Err(FirstWaitError));
        assert_eq!(serde_json::to_string(&FirstWait::DEFAULT).unwrap(), "30");
        assert!(serde_json::from_str::<FirstWait>("0").is_err());
    }
}
