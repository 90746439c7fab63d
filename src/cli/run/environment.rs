//! The variables that the command sees.

use std::ffi::OsString;

use super::Lease;
use crate::{
    cli::{
        Context, Failure, Report,
        context::{AGENT_VARIABLE, LEASE_VARIABLES, Open},
    },
    domain::{
        AgentId, DEPTH_VARIABLE, Depth,
        environment::{Child, Pass, Setting, VISIBLE_TO_ALL, Wanted, child_environment, settings},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Variables {
    /// Let the command see only harmless variables (docs/design.md lists them), and none that looks like a secret
    #[arg(long)]
    env_clean: bool,
    /// With --env-clean, let this variable through too; a name may end with * for all that begin so
    #[arg(long, value_name = "NAME", requires = "env_clean")]
    pass: Vec<OsString>,
    /// A variable for the command; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
}

/// What is asked of the environment, checked.
#[derive(Debug)]
pub(super) struct Asked {
    clean: bool,
    pass: Vec<Pass>,
    set: Vec<Setting>,
    /// How deep the command is.
    pub(super) depth: Depth,
}

/// What a command's environment is made of.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Nothing of ours.
    pub(super) clean: bool,
    /// Set, in this order.
    pub(super) variables: Vec<(OsString, OsString)>,
}

impl Variables {
    /// Checks what is asked for, before anything is locked for it.
    pub(super) fn asked(&self, context: &Context, open: &Open, report: &Report) -> Result<Asked, Failure> {
        let depth = Depth::parse(context.depth().as_deref())?.deeper(open.config().max_depth)?;
        let pass = self.pass.iter().map(|name| Pass::parse(name)).collect::<Result<Vec<_>, _>>()?;
        let set = settings(&self.env)?;
        if !set.is_empty() {
            let redactor = open.redactor()?;
            for setting in set.iter().filter(|setting| setting.looks_secret(&redactor)) {
                report.warning(&format!("--env {}: {VISIBLE_TO_ALL}", setting.name()));
            }
        }
        Ok(Asked { clean: self.env_clean, pass, set, depth })
    }
}

impl Asked {
    /// The environment of a command that runs under this lease.
    pub(super) fn environment(
        &self,
        context: &Context,
        open: &Open,
        agent: &AgentId,
        lease: &Lease<'_>,
        report: &Report,
    ) -> Result<Environment, Failure> {
        let [own_lease, outer] = LEASE_VARIABLES;
        let own: [(&'static str, OsString); 6] = [
            ("SWARMLOCK_FENCE", lease.fence().to_string().into()),
            (own_lease, lease.id().into()),
            (outer, context.inside().join(" ").into()),
            ("SWARMLOCK_RESOURCES", lease.resources().join("\n").into()),
            (AGENT_VARIABLE, agent.as_str().into()),
            (DEPTH_VARIABLE, self.depth.number().to_string().into()),
        ];
        if !self.clean {
            let set = self.set.iter().map(|setting| (setting.name().into(), setting.value().to_owned()));
            let own = own.into_iter().map(|(name, value)| (name.into(), value));
            return Ok(Environment { clean: false, variables: set.chain(own).collect() });
        }
        let wanted = Wanted { clean: true, pass: &self.pass, set: &self.set, own: &own };
        let Child { variables, withheld } = child_environment(context.inherited(), &wanted, &open.redactor()?);
        if !withheld.is_empty() {
            let names: Vec<_> = withheld.iter().map(|name| name.to_string_lossy()).collect();
            report.note(&format!(
                "kept from the command, for they look like secrets: {}; --pass lets one through by its name",
                names.join(", ")
            ));
        }
        Ok(Environment { clean: true, variables: variables.into_iter().collect() })
    }
}
