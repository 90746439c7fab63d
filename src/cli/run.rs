//! `run`: a command under a lease, which is renewed while it works and given back however it ends.

mod environment;
mod handed;
mod lease;

use std::{ffi::OsString, time::Duration};

use clap::{Args as _, ValueEnum};

use super::{Code, Context, Failure, Outcome, Report, Spec, args, describe, locate::Many};
use crate::{
    domain::{AgentId, Mode, Ttl},
    host::{
        self,
        child::{Go, Program, Signals, Watch, supervise},
    },
};
pub(super) use handed::handed;
use lease::{Lease, Lost, State};

/// How long a command has to end when its lease is lost.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked whether the lease still stands.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest TTL: three renewals must fit, and a busy machine may be late.
const SHORTEST: Duration = Duration::from_secs(5);

pub(super) const SPEC: Spec = Spec {
    name: "run",
    aliases: &[],
    about: "Run a command under a lease: renewed while it works, released however it ends",
    prints: "nothing but what the command prints; its exit code is passed on",
    args: Args::augment_args,
    run: |matches, context, report| run(args::of(matches)?, context, report),
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    target: Many,
    /// The command and its arguments, without a shell
    #[arg(value_name = "CMD", last = true, required = true)]
    command: Vec<OsString>,
    /// Share it with all others who do so too
    #[arg(long)]
    shared: bool,
    /// How long the lease lasts if nothing renews it any more, from 5s to 24h
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = ttl, allow_hyphen_values = true)]
    ttl: Ttl,
    /// Why, for those who find it held, at most 1024 bytes (max_reason in config.toml); - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Copy and count what the command prints, and keep the end of it
    #[arg(long)]
    log: bool,
    /// What becomes of the command when the lease is lost
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    on_lease_loss: OnLoss,
    #[command(flatten)]
    environment: environment::Variables,
}

/// What becomes of the command when its lease is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnLoss {
    /// It is told to end, and killed 10 s later; the exit code is 14
    Stop,
    /// It goes on with a warning, and its exit code is passed on
    Continue,
}

fn ttl(text: &str) -> Result<Ttl, String> {
    let ttl = args::ttl(text)?;
    if ttl.ms() < u64::try_from(SHORTEST.as_millis()).unwrap_or(u64::MAX) {
        return Err("for run it is from 5s to 24h: it has to be renewed in time".to_owned());
    }
    Ok(ttl)
}

fn run(args: Args, context: &Context, report: &mut Report) -> Outcome {
    let identity = context.identity_if_known()?;
    let agent = match &identity {
        Some(identity) => identity.id.clone(),
        None => nameless()?,
    };
    let checkout = context.checkout()?;
    let targets = args.target.targets(context, &checkout)?;
    let (open, made) = context.open_or_init(&checkout)?;
    if made {
        report.note(&format!("made {}", checkout.state_path().display()));
    }
    let wanted = lease::Wanted {
        mode: if args.shared { Mode::Shared } else { Mode::Exclusive },
        ttl: args.ttl,
        reason: args::reason(args.reason.as_deref(), &open, report)?,
        agent: &agent,
    };
    // From here on until the lease is given back, whoever wants us to end is heard by the loop.
    let signals = Signals::hold()?;
    let mut lease = Lease::take(&open, context, identity.as_ref(), &targets, wanted, report)?;
    if let Some(how) = signals.ended_by() {
        report.note("ended by a signal before the command was started");
        if let Some(left) = lease.give_back(report) {
            report.warning(&left);
        }
        report.pass_on(how.code());
        return Ok(Code::Done);
    }
    let program = environment::environment(&args.environment, context, &agent, &lease).map(|environment| Program {
        command: args.command,
        clean: environment.clean,
        environment: environment.variables,
        log: args.log,
        json: context.format().json,
    });
    let mut lost = None;
    let ended = program.and_then(|program| {
        Ok(supervise(&program, &signals, GRACE, |now| {
            let go = match (&lost, args.on_lease_loss) {
                (Some(_), _) => Go::On,
                (None, on_loss) => match lease.check(now) {
                    State::Still => Go::On,
                    State::Lost(why) => {
                        let go = if on_loss == OnLoss::Stop { Go::End } else { Go::On };
                        tell(report, &why, go);
                        lost = Some(why);
                        go
                    }
                },
            };
            Watch { go, again: LOOK }
        })?)
    });
    // What of a lost lease is still ours, others are not to wait for.
    let left = lease.give_back(report);
    if let (Some(left), None) = (left, &lost) {
        report.warning(&left);
    }
    drop(signals);
    let ended = ended?;
    if let Some(output) = ended.output {
        // Last: whoever reads it may take their time.
        drop(output.finish());
    }
    match lost {
        Some(lost) if ended.told => Err(failure(&lost)),
        _ => {
            if ended.how == host::child::How::Unknown {
                report.warning("how the command ended is not known: this call was started with SIGCHLD ignored");
            }
            if ended.interrupted {
                host::child::interrupt_ourselves();
            }
            report.pass_on(ended.how.code());
            Ok(Code::Done)
        }
    }
}

/// An agent for a call that nothing tells the agent of, as in cron: only this lease is its.
fn nameless() -> Result<AgentId, Failure> {
    let id = format!("run-{:08x}", host::random()? & u128::from(u32::MAX));
    AgentId::new(&id).map_err(|why| Failure::new(Code::Failed, why).next("swarmlock whoami"))
}

fn tell(report: &Report, lost: &Lost, go: Go) {
    match go {
        Go::On => report.warning(&format!("{}; the command goes on without it", lost.why)),
        Go::End => report.note(&format!("{}; the command is told to end", lost.why)),
    }
}

fn failure(lost: &Lost) -> Failure {
    let failure = Failure::new(Code::Lost, format!("{}; the command was ended", lost.why));
    let failure = match &lost.holder {
        Some(found) => failure.detail("holder", describe::json(found, host::now())),
        None => failure,
    };
    failure.help("what it has done by then stands: look at it before you run it again").next("swarmlock history")
}
