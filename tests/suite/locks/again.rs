//! Acquiring what is held already: the whole table.

use std::{fs, os::unix::fs::MetadataExt as _};

use serde_json::Value;

use super::{age_all, edit, events, expire_all, held, lock_path, nothing_is_locked, read, rows, written};
use crate::harness::{Run, Site, next_millisecond};

const FILE: &str = "paths/-/a.lock";

/// Acquires `a` as alice, with these flags.
fn acquire(site: &Site, flags: &[&str]) -> Run {
    site.agent("alice").run([&["acquire", "a", "--json"], flags].concat())
}

/// What stays the same as long as a lease goes on.
fn identity(lease: &Value) -> [&Value; 4] {
    let holder = &lease["holder"];
    [&lease["token"], &holder["lease"], &holder["fence"], &holder["acquired_at"]]
}

#[test]
fn the_table_of_modes() {
    let (exclusive, shared): (&[&str], &[&str]) = (&[], &["--shared"]);
    // What alice has, what others have and whether that is over, what she asks for, what she gets.
    let table = [
        (None, None, exclusive, "acquired"),
        (None, None, shared, "acquired"),
        (None, Some((exclusive, false)), exclusive, "held"),
        (None, Some((exclusive, false)), shared, "held"),
        (None, Some((exclusive, true)), exclusive, "taken_over"),
        (None, Some((exclusive, true)), shared, "taken_over"),
        (None, Some((shared, false)), exclusive, "held"),
        (None, Some((shared, false)), shared, "acquired"),
        (None, Some((shared, true)), exclusive, "taken_over"),
        (None, Some((shared, true)), shared, "taken_over"),
        (Some(exclusive), None, exclusive, "renewed"),
        (Some(exclusive), None, shared, "downgraded"),
        (Some(shared), None, exclusive, "upgraded"),
        (Some(shared), None, shared, "renewed"),
        (Some(shared), Some((shared, false)), exclusive, "held"),
        (Some(shared), Some((shared, false)), shared, "renewed"),
        (Some(shared), Some((shared, true)), exclusive, "upgraded"),
        (Some(shared), Some((shared, true)), shared, "renewed"),
    ];
    for (row, (mine, others, wanted, result)) in table.into_iter().enumerate() {
        for other in ["a", "a/", "?", "."] {
            let site = Site::new();
            let before = mine.map(|flags| acquire(&site, flags).expect(0).json());
            if let Some((flags, over)) = others {
                site.agent("bob").run([&["acquire", other], flags].concat()).expect(0);
                if over {
                    expire_all(&site, "bob");
                }
            }
            let state = site.snapshot();
            let run = acquire(&site, wanted);
            if result == "held" {
                assert_eq!(
                    (run.code, run.json_error()["holder"]["agent_id"].as_str()),
                    (10, Some("bob")),
                    "row {row}: {run}"
                );
                let unchanged = |at: &std::path::Path| at.ancestors().any(|dir| dir.ends_with("locks"));
                let now = site.snapshot();
                assert!(
                    state.iter().filter(|(at, _)| unchanged(at)).all(|(at, was)| now.get(at) == Some(was)),
                    "row {row}"
                );
                continue;
            }
            let now = run.expect(0).json();
            let mode = if wanted.is_empty() { "exclusive" } else { "shared" };
            assert_eq!((&now["result"], &now["holder"]["mode"]), (&result.into(), &mode.into()), "row {row}: {now}");
            assert_eq!(read(&site, FILE)["mode"], mode, "row {row}");
            if let Some(before) = &before {
                assert_eq!(identity(before), identity(&now), "row {row}");
            }
            // Whoever asks for an exclusive one or a new one is rid of what was over; a renewal touches nobody's.
            let bobs = others.is_some_and(|(_, over)| !over || result == "renewed");
            assert_eq!(held(&site).iter().any(|(_, agent)| agent == "bob"), bobs, "row {row}, {other}");
            let told = events(&site, "taken_over").len();
            assert_eq!(told, usize::from(others.is_some_and(|(_, over)| over) && !bobs), "row {row}, {other}");
            let changed = events(&site, "mode_changed");
            assert_eq!(changed.len(), usize::from(["upgraded", "downgraded"].contains(&result)), "row {row}");
            site.agent("carol").run(["acquire", "a"]).expect(10);
            site.agent("carol").run(["acquire", "a", "--shared"]).expect(if mode == "shared" { 0 } else { 10 });
        }
    }
}

#[test]
fn one_of_mine_that_is_over_is_granted_anew_in_whatever_mode() {
    for (mine, wanted) in [("", ""), ("", "--shared"), ("--shared", ""), ("--shared", "--shared")] {
        let site = Site::new();
        let flags = |text: &'static str| if text.is_empty() { vec![] } else { vec![text] };
        let before = acquire(&site, &flags(mine)).expect(0).json();
        expire_all(&site, "alice");
        let run = acquire(&site, &flags(wanted)).expect(0);
        let now = run.json();
        assert_eq!(now["result"], "acquired");
        assert!(run.err.contains("your lease was over; this is a new one"), "{run}");
        assert!(now["holder"]["fence"].as_u64() > before["holder"]["fence"].as_u64(), "{run}");
        assert_ne!(now["token"], before["token"]);
        assert_eq!((now["holder"]["ttl_s"].as_u64(), held(&site)), (Some(900), rows(&[("a", "alice")])));
    }
}

/// Alice's lease on `a` for 200 s with a reason, last renewed that long ago.
fn aged(seconds: u64) -> Site {
    let site = Site::new();
    acquire(&site, &["--ttl", "200s", "--reason", "why"]).expect(0);
    age_all(&site, "alice", seconds);
    site
}

#[test]
fn with_most_of_its_ttl_left_a_lease_is_not_written_and_the_answer_is_the_same() {
    let site = aged(20);
    let (before, events) = (written(&site, FILE), site.nobody().run(["history"]).out);
    for flags in [&[][..], &["--ttl", "200s"], &["--reason", "why"], &["--reason", "why", "--ttl", "3m 20s"]] {
        let again = acquire(&site, flags).expect(0).json();
        assert_eq!(again["result"], "renewed");
        assert_eq!(written(&site, FILE), before, "{flags:?}");
        assert_eq!((&again["holder"]["ttl_s"], &again["holder"]["reason"]), (&200.into(), &"why".into()));
    }
    assert_eq!(site.nobody().run(["history"]).out, events);
    // The control: with less left it is, and `renew` always does.
    let site = aged(20);
    site.agent("alice").run(["renew", "a"]).expect(0);
    assert_ne!(written(&site, FILE), before);
    let site = aged(60);
    let before = written(&site, FILE);
    let again = acquire(&site, &[]).expect(0).json();
    assert_eq!(again["result"], "renewed");
    assert_ne!(written(&site, FILE), before);
    assert!(again["holder"]["left_ms"].as_u64() > Some(199_000), "{again}");
}

#[test]
fn the_words_are_the_same_whether_it_was_written_or_not() {
    let shape = |run: &Run| {
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        (keys(&run.json()), keys(&run.json()["holder"]), run.err.clone())
    };
    let (kept, renewed) = (acquire(&aged(20), &[]).expect(0), acquire(&aged(60), &[]).expect(0));
    assert_eq!(shape(&kept), shape(&renewed));
}

#[test]
fn another_ttl_or_reason_is_written_at_once_and_what_is_not_given_stays() {
    for (flags, ttl, reason) in [
        (&["--ttl", "5m"][..], 300, "why"),
        (&["--ttl", "1s"], 1, "why"),
        (&["--reason", "other"], 200, "other"),
        (&["--reason", ""], 200, ""),
        (&["--reason", "other", "--ttl", "5m"], 300, "other"),
        (&["--shared", "--ttl", "5m"], 300, "why"),
    ] {
        let site = aged(20);
        let before = read(&site, FILE);
        next_millisecond();
        let now = acquire(&site, flags).expect(0).json();
        assert_eq!((&now["holder"]["ttl_s"], &now["holder"]["reason"]), (&ttl.into(), &reason.into()), "{flags:?}");
        let lock = read(&site, FILE);
        assert_eq!((&lock["reason"], &lock["holders"][0]["ttl_s"]), (&reason.into(), &ttl.into()));
        for same in ["fence", "lease", "token", "acquired_at", "era", "class", "resources"] {
            assert_eq!(lock["holders"][0][same], before["holders"][0][same], "{flags:?}: {same}");
        }
        let ms = fs::metadata(lock_path(&site, FILE)).unwrap().mtime_nsec() / 1_000_000;
        let acquired = before["holders"][0]["acquired_at"].as_str().unwrap().to_owned();
        assert!(acquired.ends_with(&format!(".{ms:03}Z")), "people search by its age: {acquired}, {ms}");
        let renewed: Vec<_> = events(&site, "renewed").iter().map(|event| event["ttl_s"].clone()).collect();
        assert_eq!(renewed, [ttl], "{flags:?}");
    }
}

#[test]
fn a_beat_is_a_sign_of_life_like_a_renewal() {
    let site = Site::new();
    acquire(&site, &["--ttl", "200s"]).expect(0);
    let beat = fs::read(site.state("beats/alice")).unwrap();
    age_all(&site, "alice", 60);
    let before = written(&site, FILE);
    site.plant("beats/alice", beat);
    acquire(&site, &[]).expect(0);
    assert_eq!(written(&site, FILE), before, "the agent worked in between, so the lease has its time");
}

#[test]
fn of_several_what_is_mine_stays_under_its_lease_and_the_rest_gets_another() {
    let site = Site::new();
    let agent = || site.agent("alice");
    let first =
        agent().run(["acquire", "--json", "b", "d", "--ttl", "10m", "--reason", "first"]).expect(0).json_lines();
    let before = [written(&site, "paths/-/b.lock"), written(&site, "paths/-/d.lock")];
    let now = agent().run(["acquire", "--json", "a", "b", "c", "d", "e"]).expect(0).json_lines();
    let results: Vec<_> = now.iter().map(|one| one["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["acquired", "renewed", "acquired", "renewed", "acquired"]);
    assert_eq!([identity(&now[1]), identity(&now[3])], [identity(&first[0]), identity(&first[1])]);
    assert_eq!((&now[1]["holder"]["reason"], &now[1]["holder"]["ttl_s"]), (&"first".into(), &600.into()));
    assert_eq!([written(&site, "paths/-/b.lock"), written(&site, "paths/-/d.lock")], before, "not rewritten");
    let new: Vec<_> = [0, 2, 4].map(|at| identity(&now[at])).into();
    assert!(new[0] == new[1] && new[1] == new[2] && new[0] != identity(&first[0]), "{now:?}");
    assert!(now[0]["holder"]["fence"].as_u64() > now[1]["holder"]["fence"].as_u64());
    assert_eq!(now[0]["holder"]["resources"], serde_json::json!(["a", "c", "e"]));
    assert_eq!(now[0]["holder"]["ttl_s"], 900);

    // A TTL is for all of them; a lease that is named by one of its resources gets it as a whole.
    let now = agent().run(["acquire", "--json", "a", "b", "f", "--ttl", "5m"]).expect(0).json_lines();
    assert!(now.iter().all(|one| one["holder"]["ttl_s"] == 300), "{now:?}");
    let all = agent().run(["list", "--json"]).expect(0).json_lines();
    assert!(all.iter().all(|one| one["ttl_s"] == 300) && all.len() == 6, "{all:?}");

    // One that another holds, and nothing happens to any.
    site.agent("bob").run(["acquire", "z"]).expect(0);
    let files = ["paths/-/a.lock", "paths/-/b.lock", "paths/-/e.lock"];
    let before = files.map(|file| written(&site, file));
    agent().run(["acquire", "a", "b", "y", "z", "--ttl", "1h", "--shared"]).expect(10);
    assert_eq!(files.map(|file| written(&site, file)), before);
    assert_eq!(held(&site).len(), 7);
}

#[test]
fn one_of_several_is_upgraded_and_downgraded_by_itself() {
    let site = Site::new();
    let agent = || site.agent("alice");
    agent().run(["acquire", "a", "b"]).expect(0);
    let down = agent().run(["acquire", "a", "--shared"]).expect(0);
    assert!(down.out.starts_with("downgraded\ta\t"), "{down}");
    site.agent("bob").run(["acquire", "a", "--shared"]).expect(0);
    site.agent("bob").run(["acquire", "b", "--shared"]).expect(10);
    agent().run(["acquire", "a", "b"]).expect(10);
    site.agent("bob").run(["release", "a"]).expect(0);
    let up = agent().run(["acquire", "a", "b"]).expect(0);
    assert_eq!(
        up.out.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>(),
        ["upgraded", "renewed"]
    );
    let changed = events(&site, "mode_changed");
    assert!(changed.iter().all(|event| event["resource"] == "a" && event["resources"].is_null()), "{changed:?}");
    // Over and renewed, what was exclusive on one of them is so again.
    agent().run(["acquire", "a", "--shared"]).expect(0);
    expire_all(&site, "alice");
    agent().run(["renew", "--mine", "--ttl", "5m"]).expect(0);
    site.agent("bob").run(["acquire", "b", "--shared"]).expect(10);
    agent().run(["release", "b"]).expect(0);
    assert_eq!(held(&site), rows(&[("a", "alice")]));
    agent().run(["release", "a"]).expect(0);
    nothing_is_locked(&site);
}

#[test]
fn what_was_released_of_several_is_acquired_again_under_a_new_lease() {
    for gone in ["a", "b", "c"] {
        let site = Site::new();
        let agent = || site.agent("alice");
        let old = agent().run(["acquire", "--json", "a", "b", "c"]).expect(0).json_lines();
        agent().run(["release", gone]).expect(0);
        let now = agent().run(["acquire", "--json", "a", "b", "c"]).expect(0).json_lines();
        for (old, now) in old.iter().zip(&now) {
            let again = now["holder"]["resource"] == gone;
            assert_eq!(now["result"], if again { "acquired" } else { "renewed" }, "{gone}");
            assert_eq!(identity(old) == identity(now), !again, "{gone}");
        }
        // Each lease ends by itself, by its own token too.
        let token = old[0]["token"].as_str().unwrap();
        let run = site.nobody().run(["release", "--token", token]).expect(0);
        assert_eq!(run.out.lines().count(), 2, "{run}");
        assert_eq!(held(&site), rows(&[(gone, "alice")]));
        agent().run(["release", "--mine"]).expect(0);
        nothing_is_locked(&site);
    }
}

#[test]
fn a_mode_changed_by_hand_to_one_that_cannot_be_is_damage() {
    let site = Site::new();
    for agent in ["alice", "bob"] {
        site.agent(agent).run(["acquire", "a", "--shared"]).expect(0);
    }
    edit(&site, FILE, |lock| lock["mode"] = "exclusive".into());
    let before = written(&site, FILE);
    for agent in ["alice", "bob", "carol"] {
        acquire(&site, &[]).expect(65);
        site.agent(agent).run(["acquire", "a", "--shared"]).expect(65);
        site.agent(agent).run(["release", "a"]).expect(65);
    }
    assert_eq!(written(&site, FILE), before);
}
