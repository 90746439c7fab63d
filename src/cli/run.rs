//! `run`: a command under a lease, which is renewed while it works and given back however it ends.

mod environment;
mod handed;
mod lease;
mod record;

use std::{ffi::OsString, time::Duration};

use clap::{Args as _, ValueEnum};

use super::{
    Code, Context, Failure, Outcome, Report, Spec, args, describe,
    locate::Many,
    waiting::{self, Patience},
};
use crate::{
    domain::{AgentId, Mode, Now, Ttl, records::How},
    host::{
        self,
        child::{Go, Program, Signals, Watch, supervise},
    },
};
pub(super) use handed::handed;
use lease::{Lease, Lost, State};
use record::{About, Keeper};

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
    /// How long to wait in line for it, at most 24h; then the exit code is 11 and the command was not run
    #[arg(long, value_name = "DURATION", default_value = waiting::DEFAULT, value_parser = args::waiting, allow_hyphen_values = true)]
    wait: Duration,
    /// Do not wait: the exit code is 10 when it is held
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// How long the lease may last at all, from 5s to 24h, renewed or not
    #[arg(long, value_name = "DURATION", value_parser = ttl, allow_hyphen_values = true)]
    max_hold: Option<Ttl>,
    /// Why, for those who find it held, at most 1024 bytes (max_reason in config.toml); - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Copy and count what the command prints, and keep the end of it for runs show
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
    let asked = args.environment.asked(context, &open, report)?;
    let wrapper = host::wrapper("swarmlock run")?;
    let wanted = lease::Wanted {
        mode: if args.shared { Mode::Shared } else { Mode::Exclusive },
        ttl: args.ttl,
        reason: args::reason(args.reason.as_deref(), &open, report)?,
        agent: &agent,
        wrapper: wrapper.clone(),
        max_hold: args.max_hold,
        patience: if args.no_wait { Patience::None } else { Patience::Wait(args.wait) },
    };
    let mut keeper = Keeper::new(&open)?;
    let about = About { agent: &agent, argv: &args.command, wrapper: wrapper.as_ref(), depth: asked.depth };
    let mut lease = Lease::take(&open, context, identity.as_ref(), &targets, wanted, report, |session, lease| {
        keeper.begin(session, context, lease, &about);
    })?;
    keeper.mention(report);
    // From here on until the lease is given back, whoever wants us to end is heard by the loop. A signal that came before
    // has ended this process, and with it the lease.
    let signals = Signals::hold()?;
    let program = asked.environment(context, &open, &agent, &lease, report).map(|environment| Program {
        command: args.command.clone(),
        clean: environment.clean,
        environment: environment.variables,
        log: args.log,
        json: context.format().json,
    });
    let mut end = End::default();
    let ended = program.and_then(|program| {
        Ok(supervise(&program, &signals, GRACE, |now| Watch {
            go: end.look(now, &mut lease, &keeper, args.on_lease_loss, report),
            again: LOOK,
        })?)
    });
    let (how, child) =
        (end.how(ended.as_ref().is_ok_and(|ended| ended.told)), ended.as_ref().ok().map(|ended| ended.how));
    let mut unsaid = None;
    // What of a lost lease is still ours, others are not to wait for.
    let left = lease.give_back(report, |session| {
        if !args.log || child.is_none() {
            unsaid = keeper.end(session, how, child);
        }
    });
    if let (Some(left), None) = (left, &end.lost) {
        report.warning(&left);
    }
    drop(signals);
    let mut ended = ended?;
    if let Some(output) = ended.output.take() {
        // Last: whoever reads it may take their time.
        unsaid = keeper.end_with(how, ended.how, &output.finish());
    }
    if let Some(why) = unsaid {
        report.warning(&why);
    }
    match end.lost {
        Some(lost) if ended.told && !end.cancelled => Err(failure(&lost)),
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

/// Why a command is to end.
#[derive(Debug, Default)]
struct End {
    lost: Option<Lost>,
    cancelled: bool,
}

impl End {
    /// Whether the command may go on, asked from time to time.
    fn look(&mut self, now: Now, lease: &mut Lease<'_>, keeper: &Keeper<'_>, on_loss: OnLoss, report: &Report) -> Go {
        if self.lost.is_none()
            && let State::Lost(lost) = lease.check(now)
        {
            let go = if on_loss == OnLoss::Stop { Go::End } else { Go::On };
            tell(report, &lost, go);
            self.lost = Some(lost);
            if go == Go::End {
                return go;
            }
        }
        if keeper.is_cancelled() {
            self.cancelled = true;
            report.note("somebody has asked for the end of this run; the command is told to end");
            return Go::End;
        }
        Go::On
    }

    /// How it ended, as its record says it; `told` if its wrapper ended it.
    fn how(&self, told: bool) -> How {
        match (told, self.cancelled) {
            (false, _) => How::Ended,
            (true, true) => How::Cancelled,
            (true, false) => How::Lost,
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
