//! The order in which a command makes things survive a power cut, as its system calls tell it.

use std::{fs, path::Path};

use crate::{
    harness::{BINARY, Site, skip, without_identity},
    proof::strace::{under, usable},
};

/// What a command makes durable, in order: `log` for a sync of the log of messages, `acks` for the document of
/// acknowledgements put in place.
fn order(trace: &str) -> Vec<&'static str> {
    let step = |line: &str| {
        if line.contains("fdatasync(") && line.contains("agent_messages.log>") {
            Some("log")
        } else {
            (line.contains("rename") && line.contains("\"PENDING_ACKS.json\"")).then_some("acks")
        }
    };
    trace.lines().filter_map(step).collect()
}

/// Makes a call under strace; its trace.
fn traced(site: &Site, agent: &str, args: &[&str]) -> String {
    let trace = tempfile::tempdir().unwrap();
    let path = trace.path().join("trace");
    let mut command = under(&["-y", "-e", "trace=fdatasync,fsync,renameat,renameat2"], Path::new(&path));
    without_identity(&mut command).arg(BINARY).args(args).current_dir(site.root()).env("SWARMLOCK_AGENT", agent);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::read_to_string(path).unwrap()
}

/// A message that bob is to acknowledge.
fn asked(site: &Site) -> String {
    site.agent("bob").run(["agents", "register"]).expect(0);
    let ask = ["send", "bob", "QUESTION", "ready?", "--ack=1h", "--id-only"];
    site.agent("alice").run(ask).expect(0).out.trim().to_owned()
}

fn can(test: &str) -> bool {
    usable().map_err(|why| skip(test, &why)).is_ok()
}

#[test]
fn the_log_is_durable_before_the_document_of_acknowledgements_forgets() {
    if !can("durable::the_log_is_durable_before_the_document_of_acknowledgements_forgets") {
        return;
    }
    let site = Site::new();
    let id = asked(&site);
    let ack = order(&traced(&site, "bob", &["ack", &id]));
    assert_eq!(ack.iter().position(|step| *step == "acks"), Some(1), "{ack:?}");
    assert_eq!(ack.first(), Some(&"log"), "{ack:?}");
    // Due at once: as if it had been sent hours ago.
    asked(&site);
    let log = fs::read_to_string(site.state("agent_messages.log")).unwrap();
    let (first, last) = log.trim_end().rsplit_once('\n').unwrap();
    let mut old: serde_json::Value = serde_json::from_str(last).unwrap();
    old["timestamp"] = "2026-01-01T00:00:00.000Z".into();
    site.plant("agent_messages.log", format!("{first}\n{old}\n"));
    fs::remove_file(site.state("PENDING_ACKS.json")).unwrap();
    let tick = order(&traced(&site, "carol", &["tick", "--no-pane"]));
    assert_eq!(tick, ["log", "acks"]);
    let pending: serde_json::Value =
        serde_json::from_slice(&fs::read(site.state("PENDING_ACKS.json")).unwrap()).unwrap();
    assert_eq!(pending["pending_acks"], serde_json::json!([]), "it was escalated");
}

/// A message is the other way round: what is remembered and was never sent does no harm.
#[test]
fn the_document_of_acknowledgements_remembers_before_the_message_is_in_the_log() {
    if !can("durable::the_document_of_acknowledgements_remembers_before_the_message_is_in_the_log") {
        return;
    }
    let site = Site::new();
    asked(&site);
    let again = ["send", "bob", "QUESTION", "ready?", "--ack=1h"];
    assert_eq!(order(&traced(&site, "alice", &again)), ["acks", "log"]);
}

#[test]
fn control_another_order_is_seen() {
    let log = "7 fdatasync(5</x/.agent_locks/agent_messages.log>) = 0";
    let acks = "7 renameat(4</x/tmp>, \"pending\", 3</x/.agent_locks>, \"PENDING_ACKS.json\") = 0";
    assert_eq!(order(&format!("{log}\n7 fsync(3</x>) = 0\n{acks}\n")), ["log", "acks"]);
    assert_eq!(order(&format!("{acks}\n{log}\n")), ["acks", "log"]);
}
