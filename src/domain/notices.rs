//! What an agent should hear of: leases that it lost. Pure.

use super::{AgentId, Timestamp, queue::TURN_AWAY_MS};
use crate::store::{Event, kind};

/// How long a lost lease is news, in milliseconds.
const NEWS_MS: u64 = 24 * 3600 * 1000;

/// The events addressed to an agent that are still news at `now`, oldest first: not a day old, and the agent has not had
/// the same thing again since.
#[must_use]
pub fn notices(events: Vec<Event>, agent: &AgentId, now: Timestamp) -> Vec<Event> {
    let agent = agent.as_str();
    let mut news: Vec<Event> = Vec::new();
    for event in events {
        let told = event.to.iter().any(|to| to == agent);
        // Whoever waited has gone on.
        news.retain(|old| old.event != kind::QUEUED || !goes_on(old, &event));
        if event.agent_id.as_deref() == Some(agent) && !told {
            // By renewing it, the holder lets nobody in.
            let let_in = |old: &Event| old.event != kind::QUEUED || event.event == kind::RELEASED;
            news.retain(|old| !(let_in(old) && same_lock(old, &event)));
        } else if told && event.by.as_deref() != Some(agent) {
            // A time that cannot be read is news rather than nothing.
            // Others stand back for no longer.
            let kept_ms = if event.event == kind::TURN { TURN_AWAY_MS } else { NEWS_MS };
            let fresh = event.at.parse::<Timestamp>().map_or(true, |at| at.ms_before(now) < kept_ms);
            news.extend(fresh.then_some(event));
        }
    }
    news
}

/// Whether somebody who waited has what it waited for, or waits no more.
fn goes_on(queued: &Event, event: &Event) -> bool {
    let ended = [kind::CANCELLED, kind::DROPPED].contains(&event.event.as_ref()) && event.file == queued.file;
    let granted = event.fence.is_some() && event.agent_id == queued.by && event.resource == queued.resource;
    ended || granted
}

fn same_lock(old: &Event, new: &Event) -> bool {
    let again = |resource: &String| new.resource.as_ref() == Some(resource) || new.resources.contains(resource);
    old.file == new.file || old.resource.as_ref().is_some_and(again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Former;

    const NOW_MS: u64 = 1_795_228_279_860;

    fn lost(to: &str, by: &str, file: &str, ago_ms: u64) -> Event {
        Event {
            file: Some(file.to_owned()),
            resource: Some(file.to_owned()),
            by: Some(by.to_owned()),
            to: vec![to.to_owned()],
            former: Some(Former { agent_id: to.to_owned(), fence: 1, was: "expired".into() }),
            ..Event::new(kind::TAKEN_OVER, NOW_MS - ago_ms)
        }
    }

    fn had(agent: &str, file: &str) -> Event {
        let agent_id = Some(agent.to_owned());
        Event { file: Some(file.to_owned()), agent_id, ..Event::new(kind::ACQUIRED, NOW_MS) }
    }

    #[test]
    fn news_are_what_others_did_to_my_leases_until_i_have_them_again_or_a_day_is_over() {
        let heard = |events: Vec<Event>| {
            let alice = AgentId::new("alice").unwrap();
            let news = notices(events, &alice, Timestamp::from_unix_ms(NOW_MS));
            news.into_iter().map(|event| event.file.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(heard(vec![lost("alice", "bob", "a", 0), lost("bob", "alice", "b", 0)]), ["a"]);
        assert_eq!(heard(vec![lost("alice", "alice", "a", 0)]), [""; 0], "what I did I know");
        assert_eq!(heard(vec![lost("alice", "bob", "a", 0), had("alice", "a")]), [""; 0]);
        assert_eq!(heard(vec![lost("alice", "bob", "a", 0), had("alice", "b"), had("bob", "a")]), ["a"]);
        assert_eq!(heard(vec![had("alice", "a"), lost("alice", "bob", "a", 0)]), ["a"]);
        assert_eq!(heard(vec![lost("alice", "bob", "a", NEWS_MS - 1), lost("alice", "bob", "b", NEWS_MS)]), ["a"]);
        let turn = |ago| Event { event: kind::TURN.into(), former: None, ..lost("alice", "bob", "d", ago) };
        assert_eq!(heard(vec![turn(TURN_AWAY_MS - 1)]), ["d"]);
        assert_eq!(heard(vec![turn(TURN_AWAY_MS)]), [""; 0], "a turn that is over is none");
        let odd = Event { at: "soon".to_owned(), ..lost("alice", "bob", "c", 0) };
        assert_eq!(heard(vec![odd]), ["c"]);
    }
}
