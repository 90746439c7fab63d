//! What can be read of a registry that cannot be read as a whole. Pure.

use serde_json::Value;

use super::Agent;
use crate::domain::AgentId;

/// The agents that can be read, each once, and the ids that were given up. Nothing if the bytes are no JSON.
pub(super) fn salvage(bytes: &[u8]) -> (Vec<Agent>, Vec<AgentId>) {
    let Ok(mut document) = serde_json::from_slice::<Value>(bytes) else { return Default::default() };
    let mut list = |key: &str| match document.get_mut(key).map(Value::take) {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    let mut agents: Vec<Agent> = Vec::new();
    for agent in list("agents").into_iter().filter_map(|agent| serde_json::from_value::<Agent>(agent).ok()) {
        if !agents.iter().any(|known| known.id == agent.id) {
            agents.push(agent);
        }
    }
    let former = list("former").into_iter().filter_map(|id| AgentId::new(id.as_str()?).ok()).collect();
    (agents, former)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sound_is_kept_once_and_the_rest_is_not() {
        let agent = |id: &str, since: &str| {
            format!(
                r#"{{"id":"{id}","last_seen":"2026-11-21T02:38:22Z","registered_at":"2026-11-21T02:38:22Z","session":"s-{id}","since":{since}}}"#
            )
        };
        let all =
            [agent("a", "1"), agent("b", "-1"), agent("a", "2"), "7".to_owned(), agent("../c", "3"), agent("d", "4")];
        let text = format!(r#"{{"agents":[{}],"former":["e","",5,"f/g"]}}"#, all.join(","));
        let (agents, former) = salvage(text.as_bytes());
        let kept: Vec<_> = agents.iter().map(|agent| (agent.id.as_str(), agent.since)).collect();
        assert_eq!(kept, [("a", 1), ("d", 4)]);
        assert_eq!(agents[1].session.as_deref(), Some("s-d"));
        assert_eq!(former, [AgentId::new("e").unwrap()]);
        for none in [&b"garbage"[..], b"", b"[]", b"{}", br#"{"agents":{},"former":7}"#, b"\xff"] {
            assert_eq!(salvage(none), (Vec::new(), Vec::new()));
        }
    }
}
