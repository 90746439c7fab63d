//! Granting a new lease: its lock files, the last of which says that it is granted.

use std::{collections::BTreeMap, rc::Rc};

use super::{
    stay::{Stay, acquisition_time},
    survey::Lock,
};
use crate::{
    domain::{
        Found, Grant, Granted, Holder, LockFile, Mode, Request, Resource, Result, holder::NewLease, verdict_on_renewed,
    },
    store::{ClaimKey, Logged, Put, kind},
};

/// A resource to be granted.
pub(super) struct New {
    pub(super) resource: Resource,
    pub(super) key: ClaimKey,
    /// Its lock file, if there is one: leases of others who share it, or what counts for nothing.
    pub(super) own: Option<Lock>,
    /// The lease in it that this one replaces.
    pub(super) replaced: Option<u64>,
    pub(super) how: Grant,
    pub(super) also_held: Vec<Found>,
}

impl Stay<'_> {
    /// Grants one lease on all of these, in the order of their lock files. It is granted by writing the last one:
    /// until then what stands in the others counts for nothing.
    pub(super) fn grant(
        &mut self,
        new: Vec<New>,
        request: &Request,
        host: fn() -> String,
        logged: &mut Vec<Logged>,
    ) -> Result<BTreeMap<ClaimKey, Granted>> {
        let several = new.len() > 1;
        let number = if several { self.session.reserve()? } else { self.session.number()? };
        let resources: Vec<Resource> = new.iter().map(|one| one.resource.clone()).collect();
        let holder = Holder::grant(NewLease {
            agent: &request.party.agent,
            resources: &resources,
            class: request.party.class,
            max_hold: request.max_hold,
            wrapper: request.wrapper.clone(),
            number,
            era: self.session.era(),
            same_boot: self.session.same_boot(),
            token: request.token.clone(),
            ttl: request.ttl.unwrap_or(request.default_ttl),
            reason: request.reason.clone().unwrap_or_default(),
            host: &host(),
            now: self.now,
        });
        let stamp = acquisition_time(&holder);
        let mut granted = BTreeMap::new();
        let (mut written, mut left) = (Vec::new(), new.len());
        for one in new {
            left -= 1;
            let (file, put) = with_holder(&one, request, &holder, number)?;
            let head = Rc::new(file.head().clone());
            let verdict = verdict_on_renewed(&holder, &self.survey.facts());
            let found = Found { key: one.key.clone(), head, lease: holder.clone(), verdict };
            let done = file.to_bytes().and_then(|bytes| {
                if left > 0 {
                    return self.session.put_part(&one.key, &bytes, stamp).map(|()| None);
                }
                let how = match &one.how {
                    Grant::TookOver(_) if one.replaced.is_some() => kind::TAKEN_OVER,
                    Grant::TookOver(_)
                    | Grant::New
                    | Grant::Again
                    | Grant::Renewed
                    | Grant::Upgraded
                    | Grant::Downgraded => kind::ACQUIRED,
                };
                let mut event = self.event(how, &found, number);
                if let (Grant::TookOver(formers), Some(fence)) = (&one.how, one.replaced) {
                    event.former = formers.iter().find(|former| former.fence == fence).cloned();
                    event.to = event.former.iter().map(|former| former.agent_id.clone()).collect();
                }
                self.session.put(&one.key, &bytes, put, stamp, event).map(Some)
            });
            match done {
                Ok(done) => logged.extend(done),
                Err(error) => {
                    if left > 0 || self.is_not_in(&one.key, number) {
                        self.undo(&written, number);
                    }
                    return Err(error);
                }
            }
            written.push(one.key.clone());
            granted.insert(one.key, Granted { found, how: one.how, also_held: one.also_held });
        }
        Ok(granted)
    }

    /// Whether a lease certainly does not stand in this file: what went wrong came before it was written.
    fn is_not_in(&self, key: &ClaimKey, fence: u64) -> bool {
        match self.survey.read(key) {
            Ok(lock) => lock.is_none_or(|lock| lock.file.holder(fence).is_none()),
            Err(_) => false,
        }
    }

    /// Takes back what was written of a lease that is not granted. What cannot be is litter: it counts for nothing.
    fn undo(&mut self, written: &[ClaimKey], fence: u64) {
        for key in written {
            if let Ok(Some(part)) = self.survey.read(key) {
                match self.drop_from(&part, fence, super::stay::Announced::No) {
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }
}

/// The lock file with this lease in it too.
fn with_holder(one: &New, request: &Request, holder: &Holder, number: u64) -> Result<(LockFile, Put)> {
    let Some(own) = &one.own else {
        return Ok((LockFile::new(&one.resource, request.mode, holder.clone(), number), Put::New));
    };
    let (file, mut holders) = own.whole()?;
    holders.retain(|holder| Some(holder.fence) != one.replaced);
    if holders.is_empty() {
        return Ok((LockFile::new(&one.resource, request.mode, holder.clone(), number), Put::Replace));
    }
    holders.push(holder.clone());
    // Beside an exclusive lease only the same agent's stand.
    let mode = if file.head().mode == Mode::Exclusive { Mode::Exclusive } else { request.mode };
    Ok((file.rewritten(number, mode, holders), Put::Replace))
}
