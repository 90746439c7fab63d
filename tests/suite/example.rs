//! `.agent_locks.example/`, made by `scripts/example`: what the formats look like stays true. Its era and its guard are
//! read where their types are (`src/store`).

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use swarmlock::{
    domain::{
        AgentId, Beat, Class, LockFile, Mode, Ticket,
        agents::Registry,
        hooks::Ledger,
        mail::{Message, Pending},
        parse_lock,
        records::{Record, RecordId, State},
    },
    fs::FileName,
    store::{ClaimKey, Event, Family, MAIN_WORKTREE, Place, ticket_file},
};

use crate::harness::{Run, Site};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".agent_locks.example")
}

fn files(dir: &Path) -> Vec<(FileName, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = FileName::new(entry.file_name().into_string().unwrap()).unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn locks() -> Vec<(ClaimKey, Vec<u8>)> {
    let of = |family| Place::new(family, MAIN_WORKTREE);
    let places = [
        ("locks/names", Place::names()),
        ("locks/paths/-", of(Family::Paths)),
        ("locks/trees/-", of(Family::Trees)),
        ("locks/globs/-", of(Family::Globs)),
    ];
    let in_place = |(dir, place): (&str, Place)| {
        files(&example().join(dir)).into_iter().map(move |(name, bytes)| (place.claim(name), bytes))
    };
    places.into_iter().flat_map(in_place).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_lock_file_is_read_and_rewritten_byte_for_byte() {
    let read: Vec<LockFile> = locks()
        .iter()
        .map(|(key, bytes)| {
            let lock = parse_lock(key, bytes).unwrap();
            assert_eq!(text(&lock.to_bytes().unwrap()), text(bytes), "{}", key.file());
            lock
        })
        .collect();
    let agents = |lock: &LockFile| lock.holders().iter().map(|lease| lease.agent_id.to_string()).collect::<Vec<_>>();
    let on: Vec<_> = read.iter().map(|lock| (lock.head().text(), agents(lock).join(" "))).collect();
    let expected = [
        ("name:deploy-staging", "alice"),
        ("name:release-notes", "frank"),
        ("Cargo.lock", "erin"),
        ("Cargo.toml", "erin"),
        ("src/api/routes.rs", "dave"),
        ("src/auth.rs", "alice"),
        ("src/login.rs", "alice"),
        ("tests/login.rs", "erin"),
        ("docs/", "bob carol"),
        ("web/", "bob"),
        ("proto/**/*.proto", "dave"),
    ];
    assert_eq!(on, expected.map(|(on, agents)| (on.to_owned(), agents.to_owned())));
    let leases = || read.iter().flat_map(LockFile::holders);
    assert!(leases().all(|lease| lease.host == "workstation"), "the host of no real machine");
    let shared: Vec<_> =
        read.iter().filter(|lock| lock.head().mode == Mode::Shared).map(|lock| lock.head().text()).collect();
    assert_eq!(shared, ["docs/"]);
    let several: Vec<_> = leases().filter(|lease| !lease.files.is_empty()).map(|lease| &lease.resources).collect();
    assert_eq!(several, [&["Cargo.lock", "Cargo.toml", "tests/login.rs"]; 3]);
    let runs: Vec<_> =
        leases().filter(|lease| lease.class == Class::Run).map(|lease| lease.wrapper.is_some()).collect();
    assert_eq!(runs, [true], "one stands while its command runs");
    let automatic: Vec<_> =
        leases().filter(|lease| lease.class == Class::Automatic).map(|lease| lease.resources.concat()).collect();
    assert_eq!(automatic, ["src/login.rs"]);
}

#[test]
fn every_ticket_is_read_and_rewritten_byte_for_byte() {
    let tickets: Vec<Ticket> = files(&example().join("queue"))
        .iter()
        .map(|(name, bytes)| {
            let number = name.as_str().trim_start_matches("t-").trim_end_matches(".json").parse().unwrap();
            let ticket = Ticket::parse(number, bytes).unwrap();
            assert_eq!(text(&ticket.to_bytes().unwrap()), text(bytes), "{}", name.as_str());
            assert_eq!(ticket.host, "workstation");
            ticket
        })
        .collect();
    let [ticket] = tickets.as_slice() else { panic!("{tickets:?}") };
    assert_eq!((ticket.agent_id.as_str(), ticket.resources.concat()), ("carol", "src/api/routes.rs".to_owned()));
    let queued = |event: &Event| event.event == "queued" && event.file == Some(ticket_file(ticket.number));
    assert!(events().1.iter().any(queued), "no event of {}", ticket.ticket);
}

#[test]
fn every_record_is_read_and_rewritten_byte_for_byte_and_its_log_is_there() {
    let mut states = Vec::new();
    for (name, bytes) in files(&example().join("tasks")) {
        let Some(id) = name.as_str().strip_suffix(".json") else {
            assert!(name.as_str().ends_with(".log"), "{}", name.as_str());
            continue;
        };
        let record = Record::parse(&RecordId::try_from(id.to_owned()).unwrap(), &bytes).unwrap();
        assert_eq!(text(&record.to_bytes().unwrap()), text(&bytes), "{}", name.as_str());
        assert!(record.wrapper.is_some());
        let said = record.log.as_ref().map(|log| fs::read_to_string(example().join("tasks").join(log)).unwrap());
        assert_eq!(said.map(|said| said.len() as u64), record.bytes);
        let fence = |event: &Event| event.event == "acquired" && event.fence == record.fence;
        assert!(events().1.iter().any(fence), "no event of the lease of {id}");
        states.push((record.agent_id.to_string(), record.state));
    }
    states.sort();
    assert_eq!(states, [("bob".to_owned(), State::Failed), ("frank".to_owned(), State::Running)]);
}

#[test]
fn every_beat_is_read_and_rewritten_byte_for_byte() {
    let mut processes = 0;
    let beats = files(&example().join("beats"));
    for (name, bytes) in &beats {
        let beat = Beat::parse(&AgentId::new(name.as_str()).unwrap(), bytes).unwrap();
        let mut line = beat.to_line();
        line.resize(511, b' ');
        line.push(b'\n');
        assert_eq!(text(&line), text(bytes), "{}", name.as_str());
        assert_eq!(beat.host, "workstation");
        processes += usize::from(beat.process.is_some());
    }
    assert_eq!((beats.len(), processes), (6, 1));
}

#[test]
fn every_ledger_is_read_and_rewritten_byte_for_byte_and_says_what_the_log_says() {
    let ledgers = files(&example().join("hooks"));
    let [(name, bytes)] = ledgers.as_slice() else { panic!("{ledgers:?}") };
    let agent = AgentId::new(name.as_str()).unwrap();
    let ledger = Ledger::parse(&agent, bytes).unwrap();
    assert_eq!(text(&ledger.to_bytes(usize::MAX)), text(bytes));
    let taken: Vec<_> = ledger.automatic.iter().map(|taken| (taken.file.as_str(), taken.agent_id.as_str())).collect();
    assert_eq!(taken, [("paths/-/src%2Flogin.rs.lock", "alice")]);
    let lost: Vec<_> = ledger.lost.iter().map(|loss| (loss.resources.concat(), loss.by.as_deref())).collect();
    assert_eq!(lost, [("src/session.rs".to_owned(), Some("bob"))]);
    // It follows from the log, as far as that has been read.
    let (log, _) = events();
    let read = usize::try_from(ledger.offset.unwrap()).unwrap();
    let mut again = Ledger::new(&agent);
    log[..read].lines().for_each(|line| again.read(line.as_bytes()));
    again.offset = ledger.offset;
    assert_eq!(again, ledger);
}

#[test]
fn the_registry_is_read_and_rewritten_byte_for_byte_and_everybody_with_a_beat_is_in_it() {
    let bytes = fs::read(example().join("ACTIVE_AGENTS.json")).unwrap();
    let registry: Registry = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(text(&registry.to_bytes().unwrap()), text(&bytes));
    let mut ids: Vec<String> = registry.agents.iter().map(|agent| agent.id.to_string()).collect();
    ids.sort();
    let beats: Vec<String> = files(&example().join("beats")).iter().map(|(name, _)| name.as_str().to_owned()).collect();
    assert_eq!(ids, beats);
    assert!(registry.agents.iter().all(|agent| agent.host == "workstation"), "the host of no real machine");
    let in_panes: Vec<_> = registry.agents.iter().filter(|agent| agent.pane().is_some()).collect();
    assert_eq!(in_panes.iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>(), ["alice"]);
    assert!(in_panes.iter().all(|agent| agent.process.is_some() && agent.harness.as_deref() == Some("claude")));
}

/// Of the older log, then of the newer one.
fn messages() -> Vec<Message> {
    let read = |name: &str| {
        let log = fs::read_to_string(example().join(name)).unwrap();
        let messages: Vec<Message> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let written: String = messages.iter().map(|message| serde_json::to_string(message).unwrap() + "\n").collect();
        assert_eq!(written, log, "{name}");
        messages
    };
    ["agent_messages.log.1", "agent_messages.log"].into_iter().flat_map(read).collect()
}

#[test]
fn every_message_is_read_and_rewritten_byte_for_byte_in_the_order_of_the_numbers() {
    let messages = messages();
    let types: Vec<_> = messages.iter().map(|message| (message.sender.as_str(), message.msg_type.as_str())).collect();
    let expected = [
        ("alice", "QUESTION"),
        ("bob", "ACK"),
        ("bob", "REVIEW-FEEDBACK"),
        ("alice", "COMPLETED"),
        ("carol", "BLOCKED"),
        ("dave", "URGENT"),
    ];
    assert_eq!(types, expected);
    assert!(messages.is_sorted_by_key(|message| message.seq));
    let parents: Vec<_> = messages.iter().filter_map(|message| message.parent_msg_id.as_ref()).collect();
    assert_eq!(parents, [&messages[0].msg_id, &messages[0].msg_id, &messages[2].msg_id]);
    assert_eq!(messages[0].to.as_deref(), Some("@reviewer"));
    assert_eq!((messages[4].to.as_deref(), messages[4].recipients.len()), (Some("@all"), 4), "frank came later");
}

#[test]
fn the_acknowledgements_are_read_and_rewritten_byte_for_byte_and_are_those_that_the_log_asks_for() {
    let bytes = fs::read(example().join("PENDING_ACKS.json")).unwrap();
    let pending: Pending = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(serde_json::to_string(&pending).unwrap() + "\n", text(&bytes));
    let [entry] = pending.pending_acks.as_slice() else { panic!("{pending:?}") };
    let message = messages().pop().unwrap();
    assert_eq!((&entry.message, &entry.msg_id, entry.recipient_id.as_str()), (&message, &message.msg_id, "erin"));
}

#[test]
fn every_cursor_is_a_line_of_256_bytes_with_the_numbers_of_what_was_read() {
    let mut read = Vec::new();
    for (name, bytes) in files(&example().join("cursors")) {
        let cursor: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(text(&bytes), format!("{:255}\n", cursor.to_string()), "{}", name.as_str());
        assert_eq!(cursor["agent_id"], name.as_str());
        assert!(cursor["events"].as_u64().unwrap() > 0);
        let number = messages().iter().position(|message| cursor["messages"] == message.seq);
        read.push((name.as_str().to_owned(), number));
    }
    assert_eq!(read, [("alice".to_owned(), Some(2)), ("bob".to_owned(), Some(0))]);
}

/// The log and the events in it.
fn events() -> (String, Vec<Event>) {
    let log = fs::read_to_string(example().join("events.log")).unwrap();
    let events = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (log, events)
}

#[test]
fn every_event_is_read_and_rewritten_byte_for_byte() {
    let (log, events) = events();
    let written: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert_eq!(written, log);
    for kind in ["acquired", "renewed", "released", "taken_over", "mode_changed", "force_released", "queued"] {
        assert!(events.iter().any(|event| event.event == kind), "no event {kind}");
    }
    for (key, bytes) in locks() {
        for lease in parse_lock(&key, &bytes).unwrap().holders() {
            // Of a lease over several the event names the last.
            let file = lease.granted_by(&key).unwrap_or_else(|| key.clone()).file();
            let told = |event: &Event| event.file.as_ref() == Some(&file) && event.fence == Some(lease.fence);
            assert!(events.iter().any(told), "no event of {}", key.file());
        }
    }
}

#[test]
fn the_settings_are_those_that_the_program_prints_and_all_of_them_are_the_defaults() {
    let example = fs::read_to_string(example().join("config.toml")).unwrap();
    assert_eq!(swarmlock::config::template(), example, "run scripts/example");
    let uncommented: String = example
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.contains(" = "))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(swarmlock::config::Config::parse(&uncommented), Ok(swarmlock::config::Config::default()));
    assert_eq!(uncommented.lines().count(), swarmlock::config::KEYS.len());
}

/// Git keeps neither the modes nor the inodes, so what a clone has is a copy: its leases are of an era that is over.
#[test]
fn a_copy_can_be_looked_at_and_every_lease_in_it_is_over() {
    let site = Site::new();
    copy(&example(), &site.state(""));
    let list = site.nobody().run(["list", "--json"]).expect(0).json_lines();
    let live: Vec<_> = list.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(live, ["orphaned"; 12]);
    let states = |run: Run| run.expect(0).json_lines().iter().map(|row| row["state"].clone()).collect::<Vec<_>>();
    assert_eq!(states(site.nobody().run(["queue", "--json"])), [""; 0], "its era is over too");
    let mut runs = states(site.nobody().run(["runs", "--json"]));
    runs.sort_by_key(ToString::to_string);
    assert_eq!(runs, ["abandoned", "failed"]);
    let lines = |run: Run| run.expect(0).out.lines().count();
    assert_eq!(lines(site.nobody().run(["history"])), events().1.len());
    assert_eq!(lines(site.nobody().run(["history", "src/api/routes.rs"])), 2);
    assert_eq!(lines(site.nobody().run(["agents", "list", "--all"])), 6);
    assert_eq!(lines(site.nobody().run(["messages"])), 6);
    // Bob has read the first one, and two are to him or everybody since.
    assert_eq!(lines(site.agent("bob").run(["inbox", "--peek"])), 2 + 3, "and the frame");
    // The copy works, and counts on from where the original stopped.
    site.agent("erin").run(["acquire", "src/auth.rs"]).expect(0);
    let fence = site.lock_json("src/auth.rs")["holders"][0]["fence"].as_u64().unwrap();
    assert!(events().1.iter().all(|event| event.n < fence), "{fence}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::write(&to, fs::read(entry.path()).unwrap()).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
