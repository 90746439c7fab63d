//! What becomes of an edit when trouble of ours keeps us from telling whether it may go on: it does, and loudly so,
//! unless the configuration says otherwise.

use serde_json::json;

use super::{
    super::{Failure, context::Open, escape},
    call::{Call, Reply},
    words,
};
use crate::{config::Fail, domain::hooks::Moment, host};

/// Says that an edit of `path` cannot be judged for this reason, and lets it through or not.
pub(super) fn of_edit(call: &Call<'_>, open: Option<&Open>, path: Option<&str>, failure: &Failure, reply: &mut Reply) {
    if let Some(open) = open {
        note(call, open, path, &failure.message, reply);
    }
    match open.map_or(Fail::Open, |open| open.config().fail) {
        Fail::Open => reply.warn(words::unprotected(path, &failure.message)),
        Fail::Closed => reply.deny(words::closed(path, failure)),
    }
}

/// The same of a payload that says nothing: then nothing is known of the file.
pub(super) fn of_payload(call: &Call<'_>, why: &str, reply: &mut Reply) {
    if call.moment != Moment::BeforeTool {
        reply.warn(words::bad_payload(call.event, why));
        return;
    }
    let open = call.context.checkout().ok().and_then(|checkout| call.context.open_for_hook(&checkout).ok()?);
    let failure = Failure::new(super::super::Code::Usage, why);
    match open {
        Some((open, _)) => of_edit(call, Some(&open), None, &failure, reply),
        None => reply.warn(words::bad_payload(call.event, why)),
    }
}

/// Writes it down where others can see it, as far as that is possible.
fn note(call: &Call<'_>, open: &Open, path: Option<&str>, why: &str, reply: &mut Reply) {
    let refused = open.config().fail == Fail::Closed;
    let line = escape::json(&json!({
        "at": host::now().wall, "event": if refused { "refused" } else { "unprotected" }, "harness": call.harness.word(),
        "hook": call.moment.word(), "session": call.payload.session.as_deref().map(words::short),
        "subagent": call.payload.agent_id.as_deref().map(words::short),
        "tool": call.payload.tool_name.as_deref().map(words::short), "path": path.map(words::short), "why": words::short(why),
    }));
    match open.state().note_unprotected(line.into_bytes()) {
        Ok(true) => {}
        Ok(false) => reply.warn("that was not written down: unprotected.log is full; read it and remove it"),
        Err(error) => reply.warn(format!("that could not be written down: {error}")),
    }
}
