//! One call of a hook: what the harness says, and what becomes of the answer.

use std::path::{Path, PathBuf};

use super::super::{
    Context, Failure,
    context::{Asking, Open},
    identity::{Identity, SESSION_VARIABLES, Source, Told},
};
use crate::{
    checkout::{Checkout, Target},
    domain::{
        AgentId, Caller, Class, Party,
        hooks::{Answer, Harness, Moment, Payload, Verdict},
        mail::Inbox,
    },
};

/// What a harness says.
pub(super) struct Call<'a> {
    pub(super) harness: Harness,
    pub(super) moment: Moment,
    /// The event as the harness calls it.
    pub(super) event: &'a str,
    pub(super) payload: Payload<'a>,
    pub(super) context: &'a Context,
}

/// What is said to it.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) verdict: Verdict,
    /// What the agent is told, each a paragraph.
    pub(super) told: Vec<String>,
    /// What the user is told, each a line.
    pub(super) warnings: Vec<String>,
    /// What is read when the answer has got out.
    pub(super) inbox: Option<Inbox>,
}

/// The state directory that a call is about, and who calls.
pub(super) struct Scene {
    pub(super) open: Open,
    pub(super) identity: Identity,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        harness: Harness,
        moment: Moment,
        event: &'a str,
        payload: Payload<'a>,
        context: &'a Context,
    ) -> Self {
        let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        // By whichever hooks it calls, a session is one agent.
        let agent_of = if payload.of_cursor { Harness::Cursor } else { harness };
        context.tell(Told {
            harness: agent_of.name(),
            session: text(&payload.session).filter(|session| !session.is_empty()),
            subagent: text(&payload.agent_id),
        });
        // A turn is long: what is due can be done at its ends.
        context.may_do_chores(matches!(moment, Moment::Prompt | Moment::Stop | Moment::SessionStart));
        Self { harness, moment, event, payload, context }
    }

    /// Whether the agent can be told something now.
    pub(super) fn can_tell(&self) -> bool {
        self.harness.can_tell(self.moment, self.event)
    }

    /// The directory that the agent works in, absolute and without links.
    pub(super) fn cwd(&self) -> Result<PathBuf, Failure> {
        let said = self.payload.cwd.as_deref().or(self.payload.workspace_root.as_deref());
        let said = said.filter(|said| !said.is_empty());
        let here = match (self.context.cwd(), said) {
            (Ok(here), _) => here,
            // Ours is gone; what the harness says may be there all the same.
            (Err(failure), Some(said)) => {
                let target = Target::new(Path::new("/"), said.as_ref()).ok();
                let there = target.filter(|target| Path::new(said).is_absolute() && target.is_directory());
                return there.map(|target| target.path().to_owned()).ok_or(failure);
            }
            (Err(failure), None) => return Err(failure),
        };
        let Some(said) = said.filter(|said| Path::new(said) != here) else { return Ok(here.to_owned()) };
        match Target::new(here, said.as_ref()) {
            Ok(target) if target.is_directory() => Ok(target.path().to_owned()),
            // A directory that is gone by now, or one of another machine.
            Ok(_) | Err(_) => Ok(here.to_owned()),
        }
    }

    /// The state directory of the checkout that the agent works in, and who it is; `None` if there is none.
    pub(super) fn scene(&self, reply: &mut Reply) -> Result<Option<Scene>, Failure> {
        match self.context.checkout_of(&self.cwd()?)? {
            Some(checkout) => self.scene_in(&checkout, reply),
            None => Ok(None),
        }
    }

    /// The same state directory, whoever the agent is; `None` also if it cannot be opened.
    pub(super) fn open(&self) -> Option<Open> {
        let checkout = self.context.checkout_of(&self.cwd().ok()?).ok()??;
        self.context.open_for_hook(&checkout).ok()?.map(|(open, _)| open)
    }

    /// The same of this checkout.
    pub(super) fn scene_in(&self, checkout: &Checkout, reply: &mut Reply) -> Result<Option<Scene>, Failure> {
        self.context.settle_on(checkout);
        // The registry is looked at for it, in the state directory that is opened then.
        let identity = self.context.identity();
        let Some((open, wrong)) = self.context.open_for_hook(checkout)? else { return Ok(None) };
        if let Some(wrong) = wrong {
            reply.warn(format!("{}; going on with the defaults", wrong.message));
        }
        Ok(Some(Scene { open, identity: identity? }))
    }

    /// Whether commands from the agent's shell have the same identity without being told.
    pub(super) fn is_known_in_shell(&self, scene: &Scene) -> bool {
        scene.identity.source != Source::Hook
            || SESSION_VARIABLES.iter().any(|variable| Some(variable.harness) == scene.identity.harness)
            || self.context.is_in_pane()
    }

    /// Who asks for the locks of an edit.
    pub(super) fn party(&self, scene: &Scene) -> Party {
        Party { class: Class::Automatic, ..self.context.party(&scene.identity) }
    }

    pub(super) fn asking<'s>(&'s self, scene: &'s Scene) -> Asking<'s> {
        self.context.asking(Some(&scene.identity))
    }
}

impl Scene {
    pub(super) fn id(&self) -> &AgentId {
        &self.identity.id
    }

    pub(super) fn caller<'s>(&'s self, asking: &'s Asking<'s>) -> Caller<'s> {
        Caller { agent: &self.identity.id, whereabouts: asking, exclusive: true }
    }
}

impl Reply {
    /// One line for whoever watches the harness.
    pub(super) fn warn(&mut self, line: impl Into<String>) {
        let line = line.into();
        if !self.warnings.contains(&line) {
            self.warnings.push(line);
        }
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self.verdict, Verdict::Deny(_))
    }

    pub(super) fn deny(&mut self, text: String) {
        if !self.is_denied() {
            self.verdict = Verdict::Deny(text);
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        let warnings: Vec<String> = self.warnings.iter().map(|line| super::words::warning(line)).collect();
        Answer {
            verdict: self.verdict,
            context: Some(self.told.join("\n")).filter(|told| !told.is_empty()),
            warning: Some(warnings.join("\n")).filter(|warnings| !warnings.is_empty()),
        }
    }
}
