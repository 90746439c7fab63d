//! How an agent is known again: by its session, or by its pane.

use std::borrow::Cow;

use serde::Deserialize;

use super::{PaneKey, Registry};
use crate::domain::{AgentId, PidNamespace, Process};

/// What somebody who asks is looked for by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Key<'a> {
    /// The harness that tells the session: those of two may have the same name.
    pub harness: Option<&'a str>,
    /// The session.
    pub session: Option<&'a str>,
    /// The pane.
    pub pane: Option<&'a PaneKey>,
    /// Where processes can be judged; `None` for nowhere.
    pub here: Option<Place<'a>>,
}

/// Where a process has its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The boot.
    pub boot_id: &'a str,
    /// The pid namespace.
    pub pid_ns: PidNamespace,
}

/// What an agent is known by, as little as has to be read of it.
#[derive(Deserialize)]
pub(super) struct Bound<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) harness: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) session: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) socket: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) server: Option<(u32, u64)>,
    #[serde(borrow, default)]
    pub(super) tmux_pane_id: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) process: Option<Process>,
    #[serde(borrow, default)]
    pub(super) boot_id: Cow<'a, str>,
    #[serde(default)]
    pub(super) pid_ns: Option<PidNamespace>,
    #[serde(default)]
    pub(super) only_named: bool,
}

#[derive(Deserialize)]
struct Bindings<'a> {
    #[serde(borrow)]
    agents: Vec<Bound<'a>>,
}

/// The id of the agent that a session or a pane belongs to, by the bytes of the registry; `None` if it is nobody's, or
/// they are no registry. `process` finds the process of who asks, and `gone` says of one whether it is.
#[must_use]
pub fn known_as(
    bytes: &[u8],
    key: &Key<'_>,
    process: impl FnOnce() -> Option<Process>,
    gone: impl Fn(&Process) -> bool,
) -> Option<AgentId> {
    if key.pane.is_none() && key.session.is_some_and(|session| !may_hold(bytes, session)) {
        return None;
    }
    let Bindings { agents } = serde_json::from_slice(bytes).ok()?;
    let ids: Vec<String> = agents.iter().map(|agent| agent.id.clone().into_owned()).collect();
    let at = bound_to(agents.into_iter(), key, process, gone)?;
    AgentId::new(ids.get(at)?).ok()
}

/// Whether JSON may hold this text: `false` costs much less to find out than reading it all.
fn may_hold(bytes: &[u8], text: &str) -> bool {
    // Anything else may be written in several ways.
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    !plain || std::str::from_utf8(bytes).is_ok_and(|json| json.contains(text))
}

/// The id that an agent gets by its pane and that is nobody's whom it could be, by the bytes of the registry: `wanted`, or
/// one like it if a session has had that. `None` if they are no registry.
#[must_use]
pub fn id_in_pane(bytes: &[u8], wanted: &AgentId) -> Option<AgentId> {
    let Bindings { agents } = serde_json::from_slice(bytes).ok()?;
    if !agents.iter().any(|agent| agent.id == wanted.as_str() && agent.session.is_some()) {
        return Some(wanted.clone());
    }
    serde_json::from_slice::<Registry>(bytes).ok()?.free_id(wanted)
}

/// An agent whose pane it is.
struct Candidate {
    at: usize,
    /// Whether it has told a session.
    told: bool,
    process: Option<Process>,
    /// Whether that process can be judged by who asks.
    judged: bool,
}

/// By session; else by pane. A pane in which a harness runs is that of the agent that this very process was registered
/// as, or the same harness before it that is gone: started again in its pane, without a session of its own, it goes on as
/// who it was. Any other in that pane is another agent, and so is one that was only ever named with each call.
pub(super) fn bound_to<'a>(
    agents: impl Iterator<Item = Bound<'a>>,
    key: &Key<'_>,
    process: impl FnOnce() -> Option<Process>,
    gone: impl Fn(&Process) -> bool,
) -> Option<usize> {
    let mut in_pane = Vec::new();
    for (at, agent) in agents.enumerate() {
        if key.session.is_some()
            && agent.session.as_deref() == key.session
            && may_be_one(agent.harness.as_deref(), key.harness)
        {
            return Some(at);
        }
        let number = key.pane.map(|pane| format!("%{}", pane.number));
        let here = key.pane.is_some_and(|pane| {
            !agent.only_named
                && agent.server == Some(pane.server)
                && agent.socket.as_deref() == Some(pane.socket.as_str())
                && agent.tmux_pane_id.as_deref() == number.as_deref()
        });
        if here {
            // In another place its number may be another's.
            let judged = key.here.is_some_and(|here| {
                agent.pid_ns == Some(here.pid_ns) && !here.boot_id.is_empty() && agent.boot_id == here.boot_id
            });
            in_pane.push(Candidate { at, told: agent.session.is_some(), process: agent.process, judged });
        }
    }
    if in_pane.is_empty() {
        return None;
    }
    let own = process();
    let same = |found: &Option<Process>| match (found, &own) {
        (Some(found), Some(own)) => found.is(own),
        // An agent without a process of its own is its pane.
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let before = |found: &Candidate| match (&found.process, &own) {
        (Some(process), Some(own)) => found.judged && process.name == own.name && gone(process),
        _ => false,
    };
    // One that has told another session is another agent.
    let fits = |found: &&Candidate| same(&found.process) && !(found.told && key.session.is_some());
    let again = |found: &&Candidate| before(found) && !found.told && key.session.is_none();
    let found = in_pane.iter().rev().find(fits).or_else(|| in_pane.iter().rev().find(again));
    found.map(|found| found.at)
}

/// Whether the sessions of these two harnesses, of the same name, may be one.
pub(super) fn may_be_one(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_none() || other.is_none() || one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Now, PidNamespace, Timestamp,
        agents::{Enrolment, Registry},
    };

    const NOW: Now = Now { wall: Timestamp::EXAMPLE, mono_ms: 7 };

    fn session(harness: &str, name: &str) -> Enrolment {
        Enrolment { harness: Some(harness.to_owned()), session: Some(name.to_owned()), ..Enrolment::default() }
    }

    fn pane(number: u32, server: (u32, u64), pid: Option<u32>) -> Enrolment {
        let namespace = PidNamespace { inode: 1, init_started: None };
        Enrolment {
            pane: Some(PaneKey { socket: "/tmp/s".to_owned(), server, number }),
            process: pid.map(|pid| (Process::new(pid, 1, "claude"), namespace)),
            boot_id: "this one".to_owned(),
            ..Enrolment::default()
        }
    }

    /// The same in another pid namespace.
    fn elsewhere(known: Enrolment) -> Enrolment {
        let namespace = PidNamespace { inode: 2, init_started: None };
        Enrolment { process: known.process.map(|(process, _)| (process, namespace)), ..known }
    }

    #[test]
    fn an_agent_is_known_again_by_its_session_or_by_its_pane_and_never_by_what_only_looks_alike() {
        let told = |name: &str, known: Enrolment| Enrolment { session: Some(name.to_owned()), ..known };
        let called = |name: &str, known: Enrolment| Enrolment {
            process: known
                .process
                .map(|(process, namespace)| (Process { name: name.to_owned(), ..process }, namespace)),
            ..known
        };
        let mut registry = Registry::empty(NOW.wall);
        for (name, known) in [
            ("alice", session("claude", "s1")),
            ("bob", pane(3, (10, 5), Some(77))),
            ("carol", told("s3", pane(4, (10, 5), Some(88)))),
            ("dave", pane(5, (10, 5), None)),
            ("erin", pane(6, (10, 5), Some(99))),
            ("fred", Enrolment { named: Some(true), ..pane(7, (10, 5), Some(66)) }),
        ] {
            assert_eq!(registry.enrol(&AgentId::new(name).unwrap(), &known, 1, NOW), (true, true));
        }
        let bytes = registry.to_bytes().unwrap();
        let gone = |process: &Process| process.pid == 99 || process.pid == 88;
        for (known, wanted) in [
            (session("claude", "s1"), Some("alice")),
            (session("claude", "s2"), None),
            (session("codex", "s1"), None),
            (pane(3, (10, 5), Some(77)), Some("bob")),
            // A session that begins to tell its id in the pane where it was found.
            (told("s9", pane(3, (10, 5), Some(77))), Some("bob")),
            // Another harness in the pane; another server on the same socket; another pane.
            (pane(3, (10, 5), Some(78)), None),
            (pane(3, (10, 5), None), None),
            (pane(3, (11, 5), Some(77)), None),
            (pane(3, (10, 6), Some(77)), None),
            (pane(2, (10, 5), Some(77)), None),
            (pane(4, (10, 5), Some(88)), Some("carol")),
            (told("s4", pane(4, (10, 5), Some(88))), None),
            (pane(5, (10, 5), None), Some("dave")),
            (pane(5, (10, 5), Some(1)), None),
            // The next after one that is gone: the same harness, and neither has told a session.
            (pane(6, (10, 5), Some(98)), Some("erin")),
            (told("s5", pane(6, (10, 5), Some(98))), None),
            // What is gone there may live here under another number.
            (elsewhere(pane(6, (10, 5), Some(98))), None),
            (Enrolment { boot_id: "another".to_owned(), ..pane(6, (10, 5), Some(98)) }, None),
            (called("codex", pane(6, (10, 5), Some(98))), None),
            (pane(4, (10, 5), Some(89)), None),
            // One that was only named.
            (pane(7, (10, 5), Some(66)), None),
            (Enrolment::default(), None),
        ] {
            let found = registry.owner(&known, gone).map(|agent| agent.id.as_str());
            assert_eq!(found, wanted, "{known:?}");
            let process = known.process.as_ref().map(|(process, _)| process.clone());
            let key = Key {
                harness: known.harness.as_deref(),
                session: known.session.as_deref(),
                pane: known.pane.as_ref(),
                here: known.place_of_process(),
            };
            let found = known_as(&bytes, &key, || process, gone);
            assert_eq!(found.as_ref().map(AgentId::as_str), wanted, "{known:?} by the bytes");
        }
        let in_pane = |wanted: &str| id_in_pane(&bytes, &AgentId::new(wanted).unwrap()).unwrap().to_string();
        assert_eq!((in_pane("carol"), in_pane("dave"), in_pane("x")), ("carol-2".into(), "dave".into(), "x".into()));
        let key = Key { session: Some("s1"), ..Key::default() };
        assert_eq!(known_as(b"123", &key, || None, |_| false), None);
    }
}
