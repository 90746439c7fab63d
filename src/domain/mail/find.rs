//! Looking for messages in the logs, without the guard.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use super::{Mail, Message};
use crate::{
    domain::{
        Result,
        messages::{Chosen, PrefixError, prefix},
    },
    store::messages_backwards,
};

/// The message that the beginning of an id stands for.
#[derive(Clone, Debug)]
pub enum Found {
    /// This one.
    One(Box<Message>),
    /// None.
    None,
    /// One of these.
    Several(Vec<String>),
    /// It is no beginning of an id.
    NoPrefix(PrefixError),
}

/// The messages of one thread.
#[derive(Clone, Debug)]
pub struct Thread {
    ids: BTreeSet<String>,
}

impl Mail<'_> {
    /// Calls `each` with every message in the logs, the newest first, until it breaks; how many lines are none.
    ///
    /// # Errors
    /// If a log is unsafe or cannot be read.
    pub fn backwards(&self, mut each: impl FnMut(Message) -> ControlFlow<()>) -> Result<usize> {
        let mut odd = 0;
        messages_backwards(self.locks.state, |line| match Message::parse(line) {
            Some(message) => each(message),
            None => {
                odd += 1;
                ControlFlow::Continue(())
            }
        })?;
        Ok(odd)
    }

    /// The message whose id begins so, among those that are `wanted`. One that was shown again is the first one.
    ///
    /// # Errors
    /// If a log is unsafe or cannot be read.
    pub fn find(&self, given: &str, wanted: impl Fn(&Message) -> bool) -> Result<Found> {
        if let Err(error) = prefix(std::iter::empty(), given) {
            return Ok(Found::NoPrefix(error));
        }
        let mut found: Vec<Message> = Vec::new();
        self.backwards(|message| {
            let ids = [Some(message.msg_id.as_str()), message.retry.and(message.original_msg_id.as_deref())];
            let fits = matches!(prefix(ids.into_iter().flatten(), given), Ok(Chosen::One(_) | Chosen::Several(_)));
            if fits && wanted(&message) {
                // The first one is the last that is come across.
                found.retain(|known| known.thread_id() != message.thread_id());
                found.push(message);
            }
            ControlFlow::Continue(())
        })?;
        Ok(match (found.len(), found.pop()) {
            (_, None) => Found::None,
            (1, Some(one)) => Found::One(Box::new(one)),
            (_, Some(one)) => {
                found.push(one);
                Found::Several(found.iter().rev().map(|message| message.thread_id().to_owned()).collect())
            }
        })
    }

    /// The thread that a message is in: what it answers, what answers it, and so on.
    ///
    /// # Errors
    /// If a log is unsafe or cannot be read.
    pub fn thread(&self, message: &Message) -> Result<Thread> {
        let mut links: BTreeMap<String, Vec<String>> = BTreeMap::new();
        self.backwards(|message| {
            for other in [message.parent_msg_id, message.original_msg_id].into_iter().flatten() {
                links.entry(message.msg_id.clone()).or_default().push(other.clone());
                links.entry(other).or_default().push(message.msg_id.clone());
            }
            ControlFlow::Continue(())
        })?;
        let (mut ids, mut next) = (BTreeSet::new(), vec![message.msg_id.clone(), message.thread_id().to_owned()]);
        while let Some(id) = next.pop() {
            next.extend(links.remove(&id).unwrap_or_default());
            ids.insert(id);
        }
        Ok(Thread { ids })
    }
}

impl Thread {
    /// Whether a message is in it.
    #[must_use]
    pub fn has(&self, message: &Message) -> bool {
        self.ids.contains(&message.msg_id)
    }
}
