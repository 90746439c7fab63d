//! A disk without space.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
};

use super::{
    CONFIG,
    lines::{LOG, logs},
    shown,
    when::ACKS,
};
use crate::{
    harness::Site,
    hostile::{Mount, in_own_mounts, refused},
};

/// Takes all the space that is left.
fn fill(disk: &Mount) -> impl FnOnce() {
    let path = disk.path().join("filler");
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
    move || fs::remove_file(path).unwrap()
}

/// A checkout on this disk with messages of this length for bob.
fn site(disk: &Mount, texts: &[String]) -> Site {
    let site = Site::below(disk.path());
    site.nobody().run(["init"]).expect(0);
    site.plant("config.toml", CONFIG);
    for agent in ["alice", "bob", "carol"] {
        site.agent(agent).run(["agents", "register"]).expect(0);
    }
    for text in texts {
        site.agent("alice").run(["send", "bob", "INFO", text]).expect(0);
    }
    site
}

fn all_logs(site: &Site) -> Vec<u8> {
    logs(&site.state("")).iter().flat_map(|log| fs::read(log).unwrap()).collect()
}

fn read(site: &Site) -> Vec<u64> {
    shown(&site.agent("bob").run(["inbox", "--json", "--limit", "1000"]).expect(0))
}

#[test]
fn on_a_full_disk_nothing_is_sent_or_lost_and_with_space_again_the_next_message_is_whole_and_read() {
    let test = "on_a_full_disk_nothing_is_sent_or_lost_and_with_space_again_the_next_message_is_whole_and_read";
    if !in_own_mounts(&format!("mail::full::{test}")) {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let site = site(&disk, &["first".to_owned(), "second".to_owned()]);
    let long = "x y ".repeat(2500);
    let files = [LOG, "ACTIVE_AGENTS.json"].map(|name| site.state(name));
    // So that the end of a page comes in the middle of a line: what fits of it is written, and taken back.
    while fs::metadata(&files[0]).unwrap().len() % 4096 < 1024 {
        site.agent("alice").run(["send", "bob", "INFO", "some more to read"]).expect(0);
    }
    let sent = site.agent("carol").run(["messages", "--json"]).expect(0).json_lines().len();
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    let free = fill(&disk);
    for (agent, args) in [
        ("alice", &["send", "bob", "INFO", &long][..]),
        ("alice", &["send", "bob", "INFO", &long, "--ack"]),
        ("carol", &["broadcast", "INFO", &long]),
    ] {
        let run = site.agent(agent).run(args);
        refused(&run, 1, "");
        assert!(run.err.contains("No space left on device"), "{run}");
    }
    let first = site.agent("dora").run(["send", "bob", "INFO", "hello"]);
    refused(&first, 1, "");
    assert!(files.each_ref().map(|file| fs::read(file).unwrap()) == before, "half of something is left");
    assert!(!site.state(ACKS).exists());
    // bob has no cursor yet, and none can be made: nothing is read.
    let inbox = site.agent("bob").run(["inbox"]);
    refused(&inbox, 1, "");
    free();
    let id = site.agent("alice").run(["send", "bob", "INFO", &long, "--id-only", "--ack"]).expect(0).out;
    let shown = read(&site);
    assert_eq!(shown.len(), sent + 1);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), sent + 1);
    // With a cursor, a full disk keeps nobody from reading.
    site.agent("alice").run(["send", "bob", "INFO", "one more"]).expect(0);
    let free = fill(&disk);
    let read_while_full = read(&site);
    free();
    assert_eq!((read_while_full.len(), read(&site).len()), (1, 0));
    site.agent("bob").run(["ack", id.trim()]).expect(0);
    site.nobody().run(["cleanup"]).expect(0);
    assert_eq!(fs::read_dir(site.state("tmp")).unwrap().count(), 0);
}

#[test]
fn a_log_that_is_rotated_on_a_full_disk_loses_nothing() {
    if !in_own_mounts("mail::full::a_log_that_is_rotated_on_a_full_disk_loses_nothing") {
        return;
    }
    let disk = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "none"]);
    let texts: Vec<String> = (0..7).map(|at| format!("{at}{}", " nine byte".repeat(900))).collect();
    let site = site(&disk, &texts);
    let long = "x y ".repeat(2500);
    let before = all_logs(&site);
    let free = fill(&disk);
    for _ in 0..3 {
        let run = site.agent("alice").run(["send", "bob", "INFO", &long]);
        refused(&run, 1, "");
        assert!(run.err.contains("No space left on device"), "{run}");
        assert!(all_logs(&site) == before, "half of something is left");
    }
    free();
    site.agent("alice").run(["send", "bob", "INFO", &long]).expect(0);
    assert!(logs(&site.state("")).len() >= 2, "the control: it is rotated");
    let shown = read(&site);
    assert!(shown.len() == texts.len() + 1 && shown.is_sorted_by(|a, b| a < b), "{shown:?}");
}
