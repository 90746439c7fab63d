use std::fs;

use serde_json::json;

use crate::harness::Site;

/// A checkout with a state directory.
fn made() -> Site {
    let site = Site::new();
    site.agent("alice").run(["acquire", "made"]).expect(0);
    site
}

#[test]
fn show_prints_every_setting_and_where_it_comes_from() {
    let site = made();
    let show = |flags: &[&str]| site.nobody().run([&["config", "show"], flags].concat()).expect(0);
    let defaults = show(&[]);
    let wanted = "default_ttl\t15m\tdefault\nguard_wait\t5s\tdefault\nmax_resources\t100\tdefault\n\
                  max_reason\t1024\tdefault\nmax_depth\t3\tdefault\nmessage_rate\t10\tdefault\n\
                  message_rate_all\t100\tdefault\nmessage_window\t1m\tdefault\n\
                  message_log_size\t10485760\tdefault\nmessage_log_count\t9\tdefault\n\
                  message_log_age\t720h\tdefault\nharnesses\t[]\tdefault\nauto_acquire\ttrue\tdefault\n\
                  fail\topen\tdefault\nedit_tools\t[]\tdefault\nredact\t[]\tdefault\n";
    assert_eq!((defaults.out.as_str(), defaults.err.as_str()), (wanted, ""));
    assert_eq!(site.nobody().run(["config"]).expect(0).out, wanted, "it is what config alone does");

    site.plant("config.toml", "# why\ndefault_ttl = '90m'\n\nredact = ['a b', \"c\\td\"]\nguard_wait = '2s'\n");
    let text = show(&["--guard-wait", "7s"]).out;
    assert!(text.contains("default_ttl\t1h30m\tconfig.toml\nguard_wait\t7s\t--guard-wait\n"), "{text}");
    assert!(text.contains("redact\t[\"a b\",\"c\\td\"]\tconfig.toml\n"), "{text}");
    let json = show(&["--json"]).json_lines();
    assert_eq!(json[0], json!({ "key": "default_ttl", "value": "1h30m", "source": "config.toml", "line": 2 }));
    assert_eq!(json[1], json!({ "key": "guard_wait", "value": "2s", "source": "config.toml", "line": 5 }));
    assert_eq!(json[2], json!({ "key": "max_resources", "value": 100, "source": "default", "line": null }));
    assert_eq!(
        json[json.len() - 1],
        json!({ "key": "redact", "value": ["a b", "c\td"], "source": "config.toml", "line": 4 })
    );
}

#[test]
fn check_says_whether_the_file_is_valid_and_what_is_wrong() {
    let site = made();
    let check = |flags: &[&str]| site.nobody().run([&["config", "check"], flags].concat());
    let file = site.state("config.toml").display().to_string();
    assert_eq!(check(&[]).expect(0).out, format!("missing\t{file}\n"));
    site.plant("config.toml", "guard_wait = '2s'\r\n");
    assert_eq!(check(&["--json"]).expect(0).json(), json!({ "result": "valid", "path": file }));
    site.plant("config.toml", "\ngaurd_wait = '2s'\n");
    let refused = check(&[]).expect(78);
    assert!(refused.err.starts_with(&format!("swarmlock: {file}: line 2: gaurd_wait: ")), "{refused}");
    assert!(refused.err.contains("\nhelp: did you mean guard_wait?\n"), "{refused}");
    assert!(refused.err.contains("\nnext: swarmlock config template\n") && refused.out.is_empty(), "{refused}");
    let error = check(&["--json"]).expect(78).json_error();
    assert_eq!((&error["name"], &error["help"][0]), (&"config".into(), &"did you mean guard_wait?".into()));
    // Of a change, the same with the way to look again.
    let refused = site.agent("alice").run(["acquire", "a"]).expect(78);
    assert!(refused.err.contains("\nnext: swarmlock config check\n"), "{refused}");
}

#[test]
fn path_says_where_the_file_belongs_and_makes_nothing() {
    let site = Site::new();
    let path = |flags: &[&str]| site.nobody().run([&["config", "path"], flags].concat()).expect(0);
    let file = site.state("config.toml").display().to_string();
    assert_eq!(path(&[]).out, format!("{file}\n"));
    assert_eq!(path(&["--json"]).json(), json!({ "path": file, "exists": false }));
    assert!(site.nobody().run(["config", "check"]).expect(0).out.starts_with("missing\t"));
    assert!(site.nobody().run(["config", "show"]).expect(0).out.contains("\tdefault\n"));
    assert!(!site.state("").exists());
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.plant("config.toml", "");
    assert_eq!(path(&["--json"]).json()["exists"], true);
    Site::outside_git().nobody().run(["config", "path"]).expect(2);
}

#[test]
fn the_template_is_a_valid_file_that_changes_nothing() {
    let site = made();
    let shown = site.nobody().run(["config", "show"]).expect(0).out;
    let template = Site::outside_git().nobody().run(["config", "template"]).expect(0).out;
    site.plant("config.toml", &template);
    assert!(site.nobody().run(["config", "check"]).expect(0).out.starts_with("valid\t"));
    assert_eq!(site.nobody().run(["config", "show"]).expect(0).out, shown);
    // Uncommented it is valid too, and says the same.
    let lines = template.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| line.contains(" = "));
    site.plant("config.toml", lines.map(|line| format!("{line}\n")).collect::<String>());
    let set = site.nobody().run(["config", "show"]).expect(0).out;
    assert_eq!(set, shown.replace("\tdefault\n", "\tconfig.toml\n"));
}

#[test]
fn the_file_goes_before_the_default_and_the_flag_before_the_file() {
    let site = made();
    let _guard = site.hold_guard();
    let busy = |flags: &[&str]| site.agent("alice").run([&["acquire", "a"], flags].concat()).expect(75).err;
    site.plant("config.toml", "guard_wait = '30ms'\n");
    for (flags, waited) in [(&[][..], "30ms"), (&["--guard-wait", "40ms"], "40ms"), (&["--guard-wait", "0s"], "0s")] {
        let err = busy(flags);
        assert!(err.contains(&format!("for more than {waited}\n")), "{flags:?}: {err}");
    }
    fs::remove_file(site.state("config.toml")).unwrap();
    let err = busy(&[]);
    assert!(err.contains("for more than 5s\n"), "the default: {err}");
}

#[test]
fn the_longest_reason_is_the_one_that_is_configured() {
    let site = made();
    let acquire = |reason: &str| site.agent("alice").run(["acquire", "a", "--reason", reason]);
    acquire("123456").expect(0);
    acquire(&"x".repeat(1025)).expect(16);
    site.plant("config.toml", "max_reason = 5\n");
    let refused = acquire("123456").expect(16);
    assert!(refused.err.contains("--reason: 6 bytes, and at most 5 are kept"), "{refused}");
    acquire("12345").expect(0);
    site.plant("config.toml", "max_reason = 8192\n");
    acquire(&"x".repeat(8192)).expect(0);
    assert_eq!(site.lock_json("a")["reason"].as_str().map(str::len), Some(8192));
    acquire(&"x".repeat(8193)).expect(16);
}
