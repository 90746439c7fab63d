//! Waiting for a lease: one attempt after the other, woken when the own turn has come.

use std::{ffi::OsString, mem::ManuallyDrop, time::Duration};

use super::{
    Code, Failure, Report, args, describe,
    identity::Identity,
    locate::{Standpoint, Target},
    refusal,
};
use crate::{
    domain::{Acquired, Granted, Keep, Locks, Mode, Refusal, Request, Waiter},
    fs::{FileName, Watch},
    host,
    store::{Error, Logged, Session},
};

/// How often a waiter looks by itself: what ends without a change, as a holder that is killed or a lease that expires,
/// wakes nobody.
const LOOK: Duration = Duration::from_millis(250);
/// How often it asks again although it has seen nothing new: its agent's signs of life are left by that. A look takes no
/// guard, which many who wait would keep from all others.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How long a refusal is borne.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// A ticket is left, for later.
    Ticket,
    /// For this long.
    Wait(Duration),
}

/// What was granted, and what there is to say of each change.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) granted: Vec<Granted>,
    pub(super) logged: Vec<Logged>,
    /// What woke the waiter. To take it off takes the kernel some 10 ms: nobody waits for that if it is left to the end of the
    /// process, or to a moment in which there is nothing else to do.
    pub(super) watch: Option<ManuallyDrop<Watch>>,
}

/// Acquires, with patience.
///
/// # Errors
/// 10 if it is refused, 11 if it was waited for in vain, 13 if the place in line was cancelled, 15 if it would never end;
/// and whatever keeps it from being found out.
pub(super) fn acquire(
    locks: &Locks<'_>,
    request: &Request,
    patience: Patience,
    asker: &Asker<'_>,
    report: &Report,
) -> Result<Lease, Failure> {
    acquire_then(locks, request, patience, asker, report, &mut |_, _| ())
}

/// The same; what is granted is told to `then` inside the guard.
pub(super) fn acquire_then(
    locks: &Locks<'_>,
    request: &Request,
    patience: Patience,
    asker: &Asker<'_>,
    report: &Report,
    then: &mut dyn FnMut(&mut Session<'_>, &[Granted]),
) -> Result<Lease, Failure> {
    let began_ms = (locks.clock)().mono_ms;
    let waited_ms = || (locks.clock)().mono_ms.saturating_sub(began_ms);
    let limit = match patience {
        Patience::None => {
            return asker.granted(locks.acquire_then(request, then)?);
        }
        Patience::Ticket => {
            return asker.granted(locks.attempt_then(request, Keep::Queue, &mut None, then)?);
        }
        Patience::Wait(limit) => limit,
    };
    let left = || limit.saturating_sub(Duration::from_millis(waited_ms()));
    // Who has looked once only looks in passing: whoever keeps the guard longer is waited for by the next look.
    let patient = Locks { guard_wait: locks.guard_wait.min(LOOK), ..*locks };
    let (mut waiter, mut watch, mut last): (Option<Waiter>, Option<_>, Refusal) = Default::default();
    loop {
        let looking = if waiter.is_some() { &patient } else { locks };
        match looking.attempt_then(request, Keep::Wait, &mut waiter, &mut *then) {
            Ok(Acquired::Refused(refusal)) if refusal.place.is_none() => {
                return asker.granted(Acquired::Refused(refusal));
            }
            Ok(Acquired::Refused(refusal)) => {
                if last.place.is_none() {
                    report.note(&asker.waiting(&refusal, limit));
                }
                last = *refusal;
            }
            Ok(answered) => {
                let watch = watch.flatten().map(|(events, _)| events);
                return Ok(Lease { watch, ..asker.granted(answered)? });
            }
            Err(Error::Busy { .. }) if waiter.is_some() => {}
            Err(error) => return Err(error.into()),
        }
        if left().is_zero() {
            if let Some(waiter) = waiter {
                // Should the guard be busy, whoever comes next finds the place left.
                patient.leave(waiter).unwrap_or_default();
            }
            return Err(asker.timed_out(last, waited_ms()));
        }
        let Some(waiting) = &waiter else { continue };
        match &watch {
            None => {
                watch = Some(locks.watch(waiting).map(|(events, name)| (ManuallyDrop::new(events), name)));
                // What came before the watch stood is seen by one more look.
            }
            Some(watch) => {
                let until_ms = (locks.clock)().mono_ms + u64::try_from(ATTEMPT.as_millis()).unwrap_or(0);
                while !sleep(locks, watch.as_ref().map(|(events, name)| (&**events, name)), LOOK.min(left()))
                    && !left().is_zero()
                    && (locks.clock)().mono_ms < until_ms
                    && !locks.may_go(request, waiting)
                {}
            }
        }
    }
}

/// Sleeps for so long, or until the ticket is written or removed; whether it was.
fn sleep(locks: &Locks<'_>, watch: Option<(&Watch, &FileName)>, pause: Duration) -> bool {
    let began_ms = (locks.clock)().mono_ms;
    let rest = || pause.saturating_sub(Duration::from_millis((locks.clock)().mono_ms.saturating_sub(began_ms)));
    if let Some((events, name)) = watch
        && let Ok(woken) = events.wait(name, pause, rest)
    {
        return woken;
    }
    host::pause(rest());
    false
}

/// Who asks, as refusals speak to them.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) identity: Option<&'a Identity>,
    /// The arguments that name the resources again.
    pub(super) resources: String,
    pub(super) several: bool,
    pub(super) mode: Mode,
    /// The command that asks again and waits.
    pub(super) command: &'static str,
    pub(super) here: Standpoint,
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        identity: Option<&'a Identity>,
        targets: &[Target],
        mode: Mode,
        command: &'static str,
        here: Standpoint,
    ) -> Self {
        let resources = Target::all_again(targets);
        Self { identity, resources, several: targets.len() > 1, mode, command, here }
    }

    /// Of a run, whose command is not repeated.
    pub(super) fn for_run(identity: Option<&'a Identity>, targets: &[Target], mode: Mode, here: Standpoint) -> Self {
        Self::new(identity, targets, mode, "wait", here)
    }

    fn again(&self) -> String {
        // Who wants to share it need not wait for others who do.
        let shared = if self.mode == Mode::Shared { "--shared " } else { "" };
        format!("swarmlock {} {shared}{}", self.command, self.resources)
    }

    /// What was granted, or why it was not.
    fn granted(&self, acquired: Acquired) -> Result<Lease, Failure> {
        Err(match acquired {
            Acquired::Granted { granted, logged } => return Ok(Lease { granted, logged, watch: None }),
            Acquired::Refused(refusal) => {
                let failure = refusal::refused(Code::Held, &refusal, self.identity, self.several);
                match &refusal.place {
                    Some(place) => failure
                        .help(format!(
                            "{} keeps a place in line; swarmlock status tells when its turn has come",
                            place.ticket.ticket
                        ))
                        .next("swarmlock queue"),
                    None => match refusal.relative(self.identity.map(|identity| &identity.id)) {
                        Some(found) => failure
                            .help(refusal::RELATIVE)
                            .next(format!("swarmlock who {}", self.here.word(&found.head.text()))),
                        None => failure.next(self.again()),
                    },
                }
            }
            Acquired::Deadlock(links) => refusal::deadlock(&links, &self.here),
            Acquired::Dropped => {
                let message = "the place in line is gone: it was cancelled, or its turn passed unused twice";
                Failure::new(Code::Nothing, message).next(self.again())
            }
        })
    }

    fn waiting(&self, refusal: &Refusal, limit: Duration) -> String {
        let failure = refusal::refused(Code::Held, refusal, None, false);
        format!("{}; waiting up to {}", failure.message, humantime::format_duration(limit))
    }

    fn timed_out(&self, refusal: Refusal, waited_ms: u64) -> Failure {
        let waited = describe::span(waited_ms);
        let failure = refusal::refused(Code::TimedOut, &refusal, self.identity, self.several);
        let message = format!("{}; waited for {waited}", failure.message);
        let failure = Failure { message, ..failure };
        let failure = match &refusal.place {
            Some(place) => failure.help(format!(
                "the place in line ({}) is kept for 2 minutes; the same call takes it up again",
                place.ticket.ticket
            )),
            None => failure,
        };
        failure.next(self.again())
    }
}

/// `--wait`: for how long if nothing is said, below the limits that harnesses set to their tools.
pub(super) const DEFAULT: &str = "90s";

/// `--wait` and `--queue` as commands take them.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Wait in line for it, for 90s or as long as given (up to 24h); then the exit code is 11, and the place is kept for
    /// two minutes: the same call takes it up again
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT, value_parser = args::waiting)]
    wait: Option<Duration>,
    /// Leave a ticket and do not wait: the exit code is 10, and when its turn has come you are told and have a minute
    #[arg(long, conflicts_with = "wait")]
    queue: bool,
}

impl Flags {
    /// Refuses what was meant for `--wait` and would be locked instead: it takes its duration behind `=`.
    pub(super) fn no_duration_among(&self, resources: &[OsString]) -> Result<(), Failure> {
        let meant = |text: &&OsString| text.to_str().is_some_and(|text| humantime::parse_duration(text).is_ok());
        match resources.iter().find(meant).filter(|_| self.wait.is_some()) {
            Some(text) => {
                let text = text.to_string_lossy();
                Err(Failure::new(Code::Usage, format!("{text}: is it how long to wait, or a file?"))
                    .help(format!("to wait that long: --wait={text}; a file of that name is written ./{text}"))
                    .next("swarmlock acquire --help"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn patience(&self) -> Patience {
        match (self.wait, self.queue) {
            (Some(limit), _) => Patience::Wait(limit),
            (None, true) => Patience::Ticket,
            (None, false) => Patience::None,
        }
    }
}
