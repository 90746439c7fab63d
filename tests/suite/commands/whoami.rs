use crate::harness::Site;

#[test]
fn the_flag_comes_before_the_variable_and_both_are_reliable() {
    let site = Site::new();
    let run = site.agent("alice").run(["whoami"]).expect(0);
    assert!(run.out.starts_with("alice\tSWARMLOCK_AGENT\treliable\tset in the environment\t"), "{run}");
    assert_eq!((run.out.split('\t').count(), run.err.as_str()), (5, ""));
    for flag in ["--agent", "--agent-id"] {
        let run = site.agent("alice").run(["whoami", flag, "bob"]).expect(0);
        assert!(run.out.starts_with("bob\t--agent\treliable\tgiven on the command line\t"), "{run}");
    }
    let mut json = site.agent("alice").run(["whoami", "--json"]).expect(0).json();
    // Which depends on where the tests are run.
    json["process"] = serde_json::Value::Null;
    json["evidence"] = false.into();
    let wanted = serde_json::json!({
        "id": "alice", "source": "SWARMLOCK_AGENT", "reliable": true, "harness": null, "why": "set in the environment",
        "tried": [{"source": "--agent", "ignored": false, "why": "not given"}], "process": null, "evidence": false,
        "notices": [],
    });
    assert_eq!(json, wanted);
    assert!(!site.state("").exists(), "looking makes nothing");
}

#[test]
fn without_either_the_terminal_session_answers_the_same_each_time_and_unreliably() {
    let site = Site::new();
    let first = site.nobody().run(["whoami"]).expect(0);
    assert!(first.out.starts_with("session-") && first.out.contains("\tthe terminal session\tunreliable\t"), "{first}");
    assert!(first.err.contains("set SWARMLOCK_AGENT or say --agent"), "{first}");
    assert_eq!(site.nobody().env("SWARMLOCK_AGENT", "").run(["whoami"]).expect(0).out, first.out);
    let id = site.nobody().run(["whoami", "--id-only"]).expect(0).out;
    assert_eq!(id.trim_end(), first.out.split('\t').next().unwrap());
    assert_eq!(site.nobody().run(["whoami", "--json"]).json()["reliable"], false);
}

#[test]
fn an_id_that_is_none_is_refused_and_never_read_as_another() {
    let site = Site::new();
    let long = "a".repeat(65);
    for bad in ["a b", "-a", "a/b", "../a", "a\nb", "é", ".a", &long] {
        let run = site.agent(bad).run(["whoami"]).expect(2);
        assert!(run.err.contains("SWARMLOCK_AGENT: ") && run.err.contains("an agent id is "), "{run}");
        let run = site.nobody().run(["whoami".to_owned(), format!("--agent={bad}")]).expect(2);
        assert!(run.err.contains("an agent id is "), "{run}");
    }
    for both in [&["--json", "whoami", "--id-only"], &["whoami", "--id-only", "--json"]] {
        assert_eq!(site.agent("alice").run(both).expect(2).out, "");
    }
}
