//! The variables that the command sees.

use std::ffi::OsString;

use super::Lease;
use crate::{
    cli::{
        Code, Context, Failure,
        context::{AGENT_VARIABLE, DEPTH_VARIABLE},
    },
    domain::AgentId,
};

#[derive(Debug, clap::Args)]
pub(super) struct Variables {
    /// A variable for the command; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
}

/// What a command's environment is made of.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Nothing of ours.
    pub(super) clean: bool,
    /// Set, in this order.
    pub(super) variables: Vec<(OsString, OsString)>,
}

/// The environment of a command that runs under this lease.
pub(super) fn environment(
    args: &Variables,
    context: &Context,
    agent: &AgentId,
    lease: &Lease<'_>,
) -> Result<Environment, Failure> {
    let mut variables = Vec::new();
    for given in &args.env {
        variables.push(split(given).ok_or_else(|| {
            let message = format!("--env: {}: it is written NAME=VALUE", given.to_string_lossy());
            Failure::new(Code::Usage, message).next("swarmlock run --help")
        })?);
    }
    let depth = context.env_depth.as_ref().and_then(|depth| depth.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let own = [
        ("SWARMLOCK_FENCE", lease.fence().to_string()),
        ("SWARMLOCK_LEASE", lease.id().to_owned()),
        ("SWARMLOCK_RESOURCES", lease.resources().join("\n")),
        (AGENT_VARIABLE, agent.to_string()),
        (DEPTH_VARIABLE, depth.saturating_add(1).to_string()),
    ];
    variables.extend(own.map(|(name, value)| (name.into(), value.into())));
    Ok(Environment { clean: false, variables })
}

fn split(given: &OsString) -> Option<(OsString, OsString)> {
    let (name, value) = given.to_str()?.split_once('=')?;
    (!name.is_empty()).then(|| (name.into(), value.into()))
}
