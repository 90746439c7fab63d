//! What others leave in `queue/`, damaged or forged: it keeps nobody from anything and goes with the next cleanup.

use std::{
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    process::Command,
};

use super::*;

/// A state directory in which bob has left a ticket, which is taken out of it again: its bytes are what is forged from.
fn with_a_ticket() -> (Site, u64, String) {
    let site = held_by_alice();
    site.agent("bob").run(["acquire", "--queue", "name:x"]).expect(10);
    let number = ticket_of(&site, "bob").number;
    let text = fs::read_to_string(ticket_file(&site, number)).unwrap();
    fs::remove_file(ticket_file(&site, number)).unwrap();
    site.agent("alice").run(["release", "name:x"]).expect(0);
    (site, number, text)
}

/// Nobody is kept from anything; cleanup leaves nothing in `queue/` but what is named.
#[track_caller]
fn harmless(what: &str, site: &Site) {
    for args in [&["queue"][..], &["status"], &["check", "name:x"], &["acquire", "--wait=0s", "name:x"], &["whoami"]] {
        let run = site.agent("carol").run(args);
        assert_eq!(run.code, 0, "{what}: {args:?}: {run}");
    }
    // Another may wait, and is served.
    let dave = waits(site, "dave", &["name:x"]);
    site.agent("carol").run(["release", "name:x"]).expect(0);
    let run = crate::harness::finish(dave);
    assert_eq!(run.code, 0, "{what}: {run}");
    site.agent("dave").run(["release", "name:x"]).expect(0);
    let cleanup = site.nobody().run(["cleanup"]);
    assert_eq!(cleanup.code, 0, "{what}: {cleanup}");
    let left: Vec<_> = fs::read_dir(site.state("queue")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{what}: {left:?}");
}

#[test]
fn what_is_no_ticket_blocks_nobody_and_is_swept() {
    type Plant = fn(&PathBuf, &str);
    let plants: [(&str, Plant); 12] = [
        ("an empty file", |at, _| fs::write(at, "").unwrap()),
        ("a damaged file", |at, text| fs::write(at, &text[..text.len() / 2]).unwrap()),
        ("no text", |at, _| fs::write(at, b"\xff\xfe").unwrap()),
        ("another number inside", |at, text| fs::write(at, text.replace("\"number\": ", "\"number\": 1")).unwrap()),
        ("300 KiB", |at, text| fs::write(at, format!("{text}{}", " ".repeat(300 << 10))).unwrap()),
        ("a directory", |at, _| fs::create_dir(at).unwrap()),
        ("a FIFO", |at, _| assert!(Command::new("mkfifo").arg(at).status().unwrap().success())),
        ("a socket", |at, _| drop(UnixListener::bind(at).unwrap())),
        ("a link to nothing", |at, _| std::os::unix::fs::symlink("nowhere", at).unwrap()),
        ("a link to a ticket", |at, text| {
            let elsewhere = at.parent().unwrap().parent().unwrap().parent().unwrap().join("elsewhere");
            fs::write(&elsewhere, text).unwrap();
            std::os::unix::fs::symlink(elsewhere, at).unwrap();
        }),
        ("a deep one", |at, text| {
            fs::write(at, text.replace("\"reason\": \"\"", &format!("\"reason\": {}", "[".repeat(100_000)))).unwrap()
        }),
        ("nothing but a state", |at, text| fs::write(at, &text[..STATE_WIDTH]).unwrap()),
    ];
    for (what, plant) in plants {
        let (site, number, text) = with_a_ticket();
        let at = ticket_file(&site, number);
        plant(&at, &text);
        // Private, whatever the umask.
        let kind = at.symlink_metadata().unwrap().file_type();
        if kind.is_file() || kind.is_dir() {
            let mode = if kind.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        }
        harmless(what, &site);
        let elsewhere = site.path("elsewhere");
        assert!(!elsewhere.exists() || fs::read_to_string(elsewhere).unwrap() == text, "{what}: not touched");
    }
}

#[test]
fn control_a_ticket_whose_turn_it_is_does_block_for_its_minute() {
    let (site, number, text) = with_a_ticket();
    site.plant(format!("queue/t-{number}.json"), text);
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
}

#[test]
fn names_that_are_nearly_those_of_tickets_are_swept() {
    let (site, number, text) = with_a_ticket();
    for name in [format!("t-0{number}.json"), "t-.json".to_owned(), format!("t-{number}"), "x".to_owned()] {
        site.plant(format!("queue/{name}"), &text);
    }
    harmless("odd names", &site);
}

#[test]
fn a_file_that_others_may_write_is_no_ticket() {
    let (site, number, text) = with_a_ticket();
    site.plant(format!("queue/t-{number}.json"), &text);
    fs::set_permissions(ticket_file(&site, number), fs::Permissions::from_mode(0o666)).unwrap();
    harmless("mode 0666", &site);
    site.plant(format!("queue/t-{number}.json"), &text);
    let other = if rustix::process::geteuid().is_root() { 65534 } else { 0 };
    if std::os::unix::fs::chown(ticket_file(&site, number), Some(other), None).is_err() {
        return crate::harness::skip("a_file_that_others_may_write_is_no_ticket", "only root gives files away");
    }
    harmless("of another user", &site);
}

#[test]
fn a_ticket_of_another_era_counts_for_nothing() {
    let (site, number, text) = with_a_ticket();
    let era = text.split("\"era\": ").nth(1).unwrap().split(',').next().unwrap();
    let earlier = text.replace(&format!("\"era\": {era}"), &format!("\"era\": {}", era.parse::<u64>().unwrap() - 1));
    site.plant(format!("queue/t-{number}.json"), earlier);
    harmless("an earlier era", &site);
    let (site, number, text) = with_a_ticket();
    site.plant(format!("queue/t-{number}.json"), text);
    crate::proof::eras::restart(&site);
    harmless("after a restart", &site);
}

#[test]
fn times_in_the_future_keep_nobody_for_longer_than_times_that_are_now() {
    let far = "9999-12-31T23:59:59.999Z";
    let (site, number, text) = with_a_ticket();
    site.plant(format!("queue/t-{number}.json"), text);
    edit_state(&site, number, |state| {
        state["turn_at"] = far.into();
        state["turn_mono_ms"] = u64::MAX.into();
        state["away_at"] = far.into();
        state["away_mono_ms"] = u64::MAX.into();
    });
    site.agent("carol").run(["acquire", "name:x"]).expect(10);
    // From when it was seen.
    age(&site, number, "turn", 60);
    site.agent("carol").run(["acquire", "name:x"]).expect(0);
}

#[test]
fn where_the_line_itself_is_unsafe_nobody_is_granted_anything_and_what_is_held_can_be_released() {
    type Plant = fn(&PathBuf);
    let plants: [(&str, Plant); 4] = [
        ("a link", |at| std::os::unix::fs::symlink("/", at).unwrap()),
        ("a file", |at| fs::write(at, "").unwrap()),
        ("a FIFO", |at| assert!(Command::new("mkfifo").arg(at).status().unwrap().success())),
        ("open to others", |at| {
            fs::create_dir(at).unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(0o777)).unwrap();
        }),
    ];
    for (what, plant) in plants {
        let site = held_by_alice();
        plant(&site.state("queue"));
        let before = site.state("queue").symlink_metadata().unwrap().mode();
        for args in [&["acquire", "name:y"][..], &["acquire", "--wait=1s", "name:x"], &["queue"], &["cleanup"]] {
            let run = site.agent("bob").run(args).expect(73);
            assert!(run.err.contains(".agent_locks/queue: "), "{what}, {args:?}: {run}");
        }
        site.agent("alice").run(["release", "name:x"]).expect(0);
        assert_eq!(site.state("queue").symlink_metadata().unwrap().mode(), before, "{what}: left alone");
    }
}

#[test]
fn a_thousand_places_that_others_have_left_cost_nobody_much() {
    let (site, number, text) = with_a_ticket();
    for more in 1..=1000 {
        let other = number - more;
        let forged = text.replace(&format!("t-{number}"), &format!("t-{other}"));
        let forged = forged.replace(&format!("\"number\": {number}"), &format!("\"number\": {other}"));
        let forged = forged.replace("\"bob\"", &format!("\"bob-{more}\""));
        site.plant(format!("queue/t-{other}.json"), forged);
    }
    let listed = site.nobody().run(["queue"]).expect(0).out.lines().count();
    let began = Instant::now();
    site.agent("carol").run(["acquire", "name:y"]).expect(0);
    let took = began.elapsed();
    eprintln!("an acquire with {listed} in line: {took:?}");
    assert!(listed > 900 && took < Duration::from_secs(5), "{listed}: {took:?}");
}
