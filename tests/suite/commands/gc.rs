use std::fs;

use swarmlock::domain::records::How;

use crate::{
    harness::{Run, Site},
    keeper::{Keeper, Wrapper, rewrite, whole, written},
    processes::usable,
};

fn names(run: &Run) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0].to_owned(), columns[1].trim_end_matches('0').to_owned())
    };
    run.out.lines().map(pair).collect()
}

fn pairs(word: &str, ids: &[&str]) -> Vec<(String, String)> {
    ids.iter().map(|id| (word.to_owned(), (*id).to_owned())).collect()
}

/// Makes the record seem to be of long ago.
fn long_ago(site: &Site, id: &str) {
    for key in ["created_at", "started_at", "ended_at"] {
        if !written(site, id)[key].is_null() {
            rewrite(site, id, key, "2020-01-01T00:00:00.000Z");
        }
    }
}

#[test]
fn only_what_ended_long_ago_goes_and_only_with_yes() {
    let site = Site::new();
    assert_eq!(site.nobody().run(["gc", "--older-than", "1d"]).expect(0).out, "");
    assert!(!site.state("").exists());
    let keeper = Keeper::new(&site);
    for (id, how) in [("aaaa", How::Ended), ("bbbb", How::Lost), ("cccc", How::Cancelled)] {
        keeper.begin(id, "alice", &["make"], None);
        keeper.end(id, how, Some(1), Some("said\n"));
        long_ago(&site, id);
    }
    keeper.ended("dddd", How::Ended, Some(0));
    keeper.begin("eeee", "alice", &["make"], None);
    long_ago(&site, "eeee");
    let old = ["aaaa", "bbbb", "cccc"];
    let before = site.snapshot();
    let dry = site.nobody().run(["gc", "--older-than", "1d"]).expect(0);
    assert_eq!(names(&dry), pairs("would_remove", &old), "{dry}");
    assert!(dry.err.contains("with --yes it will be"), "{dry}");
    assert_eq!(site.snapshot(), before, "it only shows");
    let none = site.nobody().run(["gc", "--older-than", "9999d"]).expect(0);
    assert!(none.out.is_empty() && none.err.contains("no record is that old"), "{none}");
    assert_eq!(names(&site.nobody().run(["gc", "--older-than", "1d", "--yes"]).expect(0)), pairs("removed", &old));
    let left: Vec<_> = fs::read_dir(site.state("tasks")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the logs went too: {left:?}");
    assert_eq!(site.nobody().run(["gc", "--older-than", "1d", "--yes"]).expect(0).out, "", "a second time");
    assert_eq!(written(&site, "eeee")["state"], "running");
}

#[test]
fn an_age_is_a_duration_of_more_than_nothing() {
    let site = Site::new();
    Keeper::new(&site).ended("aaaa", How::Ended, Some(0));
    for bad in ["0", "0s", "0d", "0ms", "-1s", "", "soon", "1", "99999999999999999999y"] {
        site.nobody().run(["gc", "--older-than", bad, "--yes"]).expect(2);
    }
    site.nobody().run(["gc"]).expect(2);
    site.nobody().run(["gc", "--yes"]).expect(2);
    assert!(site.state(format!("tasks/{}.json", whole("aaaa"))).exists());
    // A nanosecond is something, and counts as the least that is measured.
    site.nobody().run(["gc", "--older-than", "1ns"]).expect(0);
}

#[test]
fn what_is_of_the_future_or_damaged_is_reported_and_left() {
    let site = Site::new();
    let keeper = Keeper::new(&site);
    for id in ["aaaa", "bbbb", "cccc"] {
        keeper.ended(id, How::Ended, Some(0));
    }
    rewrite(&site, "aaaa", "ended_at", "2099-01-01T00:00:00.000Z");
    site.plant(format!("tasks/{}.json", whole("bbbb")), "{");
    long_ago(&site, "cccc");
    let run = site.nobody().run(["gc", "--older-than", "1h", "--yes"]).expect(65);
    assert_eq!(names(&run), pairs("removed", &["cccc"]), "{run}");
    assert!(run.err.contains("it ended at 2099-01-01T00:00:00.000Z, which is still to come"), "{run}");
    assert!(run.err.contains(&format!("tasks/{}.json: damaged: ", whole("bbbb"))), "{run}");
    for id in ["aaaa", "bbbb"] {
        assert!(site.state(format!("tasks/{}.json", whole(id))).exists(), "{id}");
    }
}

#[test]
fn what_was_abandoned_long_ago_goes_too() {
    if !usable("what_was_abandoned_long_ago_goes_too") {
        return;
    }
    let site = Site::new();
    let (keeper, wrapper) = (Keeper::new(&site), Wrapper::start());
    for id in ["aaaa", "bbbb"] {
        keeper.begin(id, "alice", &["make"], Some(&wrapper.process()));
    }
    long_ago(&site, "aaaa");
    let gc = || site.nobody().run(["gc", "--older-than", "1d", "--yes"]).expect(0);
    assert_eq!(gc().out, "", "the control: it lives");
    wrapper.kill();
    let gone = gc();
    assert_eq!(names(&gone), pairs("removed", &["aaaa"]), "{gone}");
    assert!(gone.out.contains("\tabandoned\t"), "{gone}");
    assert!(site.state(format!("tasks/{}.json", whole("bbbb"))).exists(), "it began just now");
}
