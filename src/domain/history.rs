//! Which events of the log somebody asked for. Pure.

use super::{Resource, Timestamp};
use crate::store::Event;

/// What to show of the log.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only events about leases on one of these, alone or with others.
    pub about: Option<Vec<Resource>>,
    /// Only events that this agent caused or that are about a lease of its.
    pub by: Option<String>,
    /// Only events from this moment on.
    pub since: Option<Timestamp>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
}

/// The events that pass the filter, oldest first.
#[must_use]
pub fn history<T>(events: Vec<(Event, T)>, filter: &Filter) -> Vec<(Event, T)> {
    let about: Option<Vec<(String, String)>> =
        filter.about.as_ref().map(|about| about.iter().map(|one| (one.claim().file(), one.text())).collect());
    let is_about = |event: &Event, file: &String, text: &String| match &event.file {
        // It is the file of the last; of the others only the text is known, which may be of another worktree.
        Some(found) => found == file || event.resources.contains(text),
        None => event.resource.as_ref() == Some(text),
    };
    let wanted = |event: &Event| {
        let about = about.as_ref().is_none_or(|about| about.iter().any(|(file, text)| is_about(event, file, text)));
        let by = filter.by.as_ref().is_none_or(|agent| {
            let former = event.former.as_ref().map(|former| &former.agent_id);
            [event.by.as_ref(), event.agent_id.as_ref(), former].contains(&Some(agent))
        });
        // An event whose time cannot be read is shown rather than hidden.
        let since = filter.since.is_none_or(|since| event.at.parse::<Timestamp>().map_or(true, |at| at >= since));
        about && by && since
    };
    let mut found: Vec<_> = events.into_iter().filter(|(event, _)| wanted(event)).collect();
    if let Some(limit) = filter.limit {
        found.drain(..found.len().saturating_sub(limit));
    }
    found
}
