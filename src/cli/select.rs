//! What `release` and `renew` have in common: which leases, by which right, and what came of each.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;

use super::{
    Code, Context, Failure, Report, args,
    context::Open,
    describe,
    identity::{Identity, unknown},
    locate::held,
    refusal,
};
use crate::{
    domain::{Caller, Changed, Claimant, Class, Found, Locks, Outcome, Resource, Selector},
    host,
};

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Select {
    /// Files, directories and quoted patterns, relative to the current directory; or name:NAME
    #[arg(value_name = "RESOURCE")]
    resources: Vec<OsString>,
    /// All that is yours; with =all also what commands hold that you run
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "own", conflicts_with_all = ["resources", "token"])]
    mine: Option<Mine>,
    /// By the right of this token, whoever you are; - reads it from stdin. Alone: the lease that has it
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

/// What of one's own is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mine {
    /// What was asked for, and not what runs hold
    Own,
    /// That too
    All,
}

/// A request to change leases.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) who: Claimant,
    identity: Option<Identity>,
    pub(super) which: Selector,
    pub(super) open: Option<Open>,
}

impl Select {
    pub(super) fn choose(&self, context: &Context, report: &Report) -> Result<Chosen, Failure> {
        let token = args::token(self.token.as_deref())?;
        let identity = context.identity_if_known()?;
        if self.mine.is_some()
            && let Some(identity) = &identity
        {
            identity.require_reliable()?;
        }
        let by = identity.as_ref().map(|identity| identity.id.clone());
        let who = match (token, &by) {
            (Some(token), _) => Claimant::Bearer(token),
            (None, Some(by)) if self.mine == Some(Mine::All) => Claimant::AgentAndRuns(by.clone()),
            (None, Some(by)) => Claimant::Agent(by.clone()),
            (None, None) => return Err(unknown()),
        };
        let checkout = context.checkout()?;
        let open = context.open(&checkout, report)?;
        let locks = open.as_ref().map(Open::locks);
        let mut resources = Vec::new();
        for text in &self.resources {
            let resource = held(context, &checkout, locks.as_ref(), text, false, |lease| who.owns(lease))?;
            if let Some(locks) = &locks {
                no_lease_id(locks, text, &resource)?;
            }
            resources.push(resource);
        }
        let which = if resources.is_empty() { Selector::All } else { Selector::On(resources) };
        Ok(Chosen { who, which, open, identity })
    }
}

/// Refuses the id of a lease where a resource is meant.
fn no_lease_id(locks: &Locks<'_>, text: &OsStr, resource: &Resource) -> Result<(), Failure> {
    let digits = text.to_str().and_then(|text| text.strip_prefix("l-")).unwrap_or_default();
    if digits.len() > 9 && digits.bytes().all(|b| b.is_ascii_digit()) && locks.leases_on(resource)?.is_empty() {
        let message =
            format!("l-{digits}: that is the id of a lease; name the resource, or give its token with --token");
        return Err(Failure::new(Code::Usage, message).next("swarmlock list"));
    }
    Ok(())
}

impl Chosen {
    /// Makes the change, where there is a state directory.
    pub(super) fn change(
        &self,
        context: &Context,
        change: impl FnOnce(&Locks<'_>) -> crate::domain::Result<Vec<Changed>>,
    ) -> Result<Vec<Changed>, Failure> {
        let Some(open) = &self.open else { return Ok(self.named()) };
        let whereabouts = context.asking(self.identity.as_ref());
        // A token proves more than an id.
        let exclusive = !matches!(self.who, Claimant::Bearer(_));
        let caller =
            self.identity.as_ref().map(|identity| Caller { agent: &identity.id, whereabouts: &whereabouts, exclusive });
        Ok(change(&open.locks_of(caller))?)
    }

    /// What to say when nothing at all was found.
    pub(super) fn nothing(&self) -> &'static str {
        match self.who {
            Claimant::Bearer(_) => "no lease here has this token",
            Claimant::Agent(_) | Claimant::AgentAndRuns(_) | Claimant::Automatic(_) => "nothing of yours is locked",
        }
    }

    /// The resources of the request when there is no state directory to look in.
    fn named(&self) -> Vec<Changed> {
        match &self.which {
            Selector::All | Selector::Files(_) => Vec::new(),
            Selector::On(resources) => resources
                .iter()
                .map(|resource| Changed {
                    resource: resource.text(),
                    outcome: Outcome::Nobody(None),
                    logged: crate::store::Logged::Yes,
                })
                .collect(),
        }
    }
}

/// Says what came of each, by `one` where something did, and returns the worst code.
pub(super) fn tell(
    report: &mut Report,
    chosen: &Chosen,
    changed: Vec<Changed>,
    mut one: impl FnMut(&mut Report, &str, Outcome) -> Code,
) -> Code {
    let mut worst = Code::Done;
    for Changed { resource, outcome, logged } in changed {
        describe::mention_unlogged(report, &logged);
        let code = match outcome {
            Outcome::NotYours(found) => {
                report.failure(&not_yours(&found, chosen));
                Code::NotYours
            }
            Outcome::Behind(before) => {
                let failure = refusal::behind(Code::NotYours, &before, host::now());
                report.failure(
                    &failure.next(format!("swarmlock acquire --wait {}", args::shell_word(resource.as_ref()))),
                );
                Code::NotYours
            }
            Outcome::Failed(error) => {
                let failure = Failure::from(error);
                report.failure(&failure);
                failure.code
            }
            outcome @ (Outcome::Released(_) | Outcome::Renewed { .. }) => {
                report.changed();
                one(report, &resource, outcome)
            }
            outcome @ Outcome::Nobody(_) => one(report, &resource, outcome),
        };
        worst = worst.max(code);
    }
    worst
}

fn not_yours(found: &Found, chosen: &Chosen) -> Failure {
    let failure = describe::held_for(Code::NotYours, found, host::now(), chosen.identity.as_ref());
    let own = chosen.identity.as_ref().is_some_and(|identity| identity.id == found.lease.agent_id);
    if own && found.lease.class == Class::Run && !matches!(chosen.who, Claimant::Bearer(_)) {
        return failure
            .help("a command that you run holds it, until the command ends; swarmlock runs cancel ID ends it")
            .next("swarmlock runs --state running");
    }
    failure
        .help("only its holder or the bearer of its token releases or renews it; not renewed, it ends by itself")
        .next("swarmlock list")
}
