mod answers;
mod edit_tools;
mod fixtures;
mod json;
mod ledger;
mod patches;
mod payloads;
mod shells;
mod tools;

use super::{Harness, Payload, Writes, writes};

/// What a payload is going to write, without tools of the configuration.
fn files_of(harness: Harness, payload: &str) -> Vec<String> {
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    match writes(harness, &payload, &[]) {
        Writes::Files(files) => files.into_iter().map(String::from).collect(),
        other @ (Writes::Nothing | Writes::Unnamed | Writes::TooMany(_)) => panic!("{other:?}"),
    }
}

/// The same for one that names no files.
fn written(harness: Harness, payload: &str) -> String {
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    format!("{:?}", writes(harness, &payload, &[]))
}
