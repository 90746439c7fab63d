//! Each key by a good and by every kind of bad value, and texts that are no configuration at all.

use super::*;

fn wrong(text: &str) -> ConfigError {
    Config::parse(text).expect_err(text)
}

#[test]
fn nothing_is_the_defaults_and_each_key_changes_its_own_field() {
    for empty in ["", "\n", "# guard_wait = \"1s\"\n", "\u{feff}", "\r\n#\r\n"] {
        assert_eq!(Config::parse(empty), Ok(Config::default()), "{empty:?}");
    }
    let second = Duration::from_secs(1);
    let table: [(&str, Config); 15] = [
        ("default_ttl = '1s'", Config { default_ttl: Ttl::new(second).unwrap(), ..Config::default() }),
        ("default_ttl = '1500ms'", Config { default_ttl: Ttl::new(2 * second).unwrap(), ..Config::default() }),
        ("default_ttl = '24h'", Config { default_ttl: Ttl::new(86_400 * second).unwrap(), ..Config::default() }),
        ("guard_wait = '0s'", Config { guard_wait: Duration::ZERO, ..Config::default() }),
        ("guard_wait = '1h'", Config { guard_wait: 3600 * second, ..Config::default() }),
        ("guard_wait = \"300ms\"", Config { guard_wait: 3 * second / 10, ..Config::default() }),
        ("max_resources = 1", Config { max_resources: 1, ..Config::default() }),
        ("max_resources = 2_50", Config { max_resources: 250, ..Config::default() }),
        ("max_reason = 1", Config { max_reason: 1, ..Config::default() }),
        ("max_reason = 0x2000", Config { max_reason: 8192, ..Config::default() }),
        ("max_depth = 1", Config { max_depth: 1, ..Config::default() }),
        ("max_depth = 100", Config { max_depth: 100, ..Config::default() }),
        ("redact = []", Config::default()),
        ("redact = ['a\\d', \"b\"]", Config { redact: vec!["a\\d".to_owned(), "b".to_owned()], ..Config::default() }),
        ("redact = [\n# why\n'a',\n]", Config { redact: vec!["a".to_owned()], ..Config::default() }),
    ];
    for (text, wanted) in table {
        assert_eq!(Config::parse(text).as_ref(), Ok(&wanted), "{text}");
        assert_eq!(
            Config::parse(&format!("\u{feff}{text}\r\n")),
            Ok(wanted),
            "{text}, with a mark and another line end"
        );
    }
}

#[test]
fn a_wrong_value_names_its_line_its_key_what_it_is_and_what_is_taken() {
    let long = format!("redact = ['{}']", "x".repeat(513));
    let many = format!("redact = [{}]", "'x',".repeat(65));
    let table = [
        ("default_ttl = 900", "a whole number; it takes a duration in quotes"),
        ("default_ttl = true", "true or false"),
        ("default_ttl = ['15m']", "a list"),
        ("default_ttl = 1.5", "a fraction"),
        ("default_ttl = 1979-05-27", "a date"),
        ("default_ttl = {}", "a table"),
        ("default_ttl = 'soon'", "it takes a duration in quotes"),
        ("default_ttl = ''", "it takes a duration in quotes"),
        ("default_ttl = '-1s'", "it takes a duration in quotes"),
        ("default_ttl = '99999999999999999999s'", "it takes a duration in quotes"),
        ("default_ttl = '999ms'", "999ms: it takes a duration from 1s to 24h"),
        ("default_ttl = '86400001ms'", "it takes a duration from 1s to 24h"),
        ("guard_wait = 5", "a duration in quotes"),
        ("guard_wait = '61m'", "1h1m: it takes a duration from 0s to 1h"),
        ("guard_wait.after = '1s'", "a table"),
        ("[guard_wait]\na = 1", "a table"),
        ("max_resources = '100'", "text; it takes a whole number without quotes"),
        ("max_resources = 0", "0: it takes a number of resources from 1 to 250"),
        ("max_resources = 1001", "1001: it takes"),
        ("max_resources = -1", "-1: it takes"),
        ("max_resources = 1.0", "a fraction"),
        ("max_resources = 99999999999999999999999999", "from 1 to 250"),
        ("max_reason = '1 KiB'", "text; it takes a whole number"),
        ("max_reason = 8193", "from 1 to 8192"),
        ("max_reason = 0", "from 1 to 8192"),
        ("max_depth = 0", "0: it takes a number of runs from 1 to 100"),
        ("max_depth = 101", "from 1 to 100"),
        ("max_depth = -1", "from 1 to 100"),
        ("message_rate = 0", "0: it takes a number of messages from 1 to 1000000"),
        ("message_rate = '10'", "text; it takes a whole number"),
        ("message_rate_all = 1000001", "from 1 to 1000000"),
        ("message_window = '0s'", "it takes a duration from 1s to 1h"),
        ("message_window = 60", "a duration in quotes"),
        ("message_log_size = 65535", "65535: it takes a number of bytes from 65536"),
        ("message_log_size = '10 MiB'", "text; it takes a whole number"),
        ("message_log_count = 0", "from 1 to 1000"),
        ("message_log_age = '59s'", "59s: it takes a duration from 1m"),
        ("auto_acquire = 'yes'", "text; it takes true or false without quotes"),
        ("auto_acquire = 1", "a whole number"),
        ("fail = 'shut'", "shut: it takes one of"),
        ("fail = false", "true or false; it takes a word in quotes"),
        ("edit_tools = 'x:path'", "text; it takes a list of names in quotes"),
        ("edit_tools = ['mcp__fs__write']", "mcp__fs__write: it is written NAME:KEY[,KEY]"),
        ("edit_tools = ['x:']", "x:: a key is letters, digits"),
        ("edit_tools = ['x:path, to']", "x:path, to: a key is letters, digits"),
        ("edit_tools = [':path']", ":path: the name of the tool is missing"),
        ("edit_tools = ['x*y:path']", "x*y:path: '*' may only end the name"),
        ("harnesses = 'my-agent'", "text; it takes a list of names in quotes"),
        ("harnesses = [1]", "a name is a whole number"),
        ("harnesses = ['']", "a name is empty"),
        ("harnesses = ['bin/my-agent']", "the name bin/my-agent: it is no name of an executable"),
        ("redact = 'x'", "text; it takes a list"),
        ("redact = [1]", "a pattern is a whole number"),
        ("redact = [['x']]", "a pattern is a list"),
        ("redact = ['']", "a pattern is empty"),
        (&long, "a pattern has 513 bytes"),
        (&many, "65 patterns: it takes a list of at most 64"),
    ];
    for (text, why) in table {
        let error = wrong(&format!("# one\n\n{text}\n"));
        let key = KEYS.iter().rfind(|key| text.contains(key.name)).unwrap();
        assert_eq!((error.line, error.key.as_deref()), (Some(3), Some(key.name)), "{text}");
        assert!(error.why.contains(why), "{text}: {error}");
        assert!(error.to_string().starts_with(&format!("line 3: {}: ", key.name)), "{error}");
    }
    for key in KEYS {
        assert!(
            table
                .iter()
                .any(|(text, _)| text.split([' ', '.', ']']).any(|word| word.trim_start_matches('[') == key.name)),
            "{}: no wrong value was tried",
            key.name
        );
    }
}

#[test]
fn a_list_of_the_greatest_length_and_its_longest_pattern_are_taken() {
    let text = format!("redact = [{}]", format!("'{}',", "x".repeat(512)).repeat(64));
    assert_eq!(Config::parse(&text).unwrap().redact.len(), 64);
}

#[test]
fn an_unknown_key_is_refused_with_what_was_meant() {
    for (text, key, help) in [
        ("gaurd_wait = '1s'", "gaurd_wait", "did you mean guard_wait?"),
        ("max-reason = 5", "max-reason", "did you mean max_reason?"),
        ("[redacted]", "redacted", "did you mean redact?"),
        (
            "timeout = 5",
            "timeout",
            "the keys are default_ttl, guard_wait, max_resources, max_reason, max_depth, message_rate, message_rate_all,",
        ),
        ("locks.guard_wait = '1s'", "locks", "the keys are"),
        ("[locks]\nguard_wait = '1s'", "locks", "the keys are"),
        ("[[locks]]\n", "locks", "the keys are"),
        ("'' = 1", "", "the keys are"),
    ] {
        let error = wrong(text);
        assert_eq!((error.line, error.key.as_deref()), (Some(1), Some(key)), "{text}");
        assert!(error.help.as_deref().unwrap().starts_with(help), "{text}: {error:?}");
    }
    let long = wrong(&format!("{} = 1", "k".repeat(60_000)));
    assert_eq!(long.key.unwrap().len(), 64);
}

#[test]
fn of_several_errors_the_first_in_the_file_is_told() {
    let error = wrong("z = 1\nguard_wait = 5\na = 1\n");
    assert_eq!((error.line, error.key.as_deref()), (Some(1), Some("z")));
    let error = wrong("max_reason = 1\nmax_reason = 2\n");
    assert_eq!((error.line, error.key.as_deref(), error.why.as_str()), (Some(2), Some("max_reason"), "duplicate key"));
    let error = wrong("redact = [\n'a',\n1]\n");
    assert_eq!(error.line, Some(3), "the line of the pattern");
}

#[test]
fn what_is_no_toml_is_an_error_with_a_line_in_one_line() {
    for text in
        ["=", "a", "a =", "a = 'x", "[", "[a", "a = 1 b = 2", "\0", "a = \"\u{1}\"", "\u{feff}\u{feff}", "{}", "a = 08"]
    {
        let error = wrong(&format!("\n{text}"));
        assert!(error.line.is_some_and(|line| line >= 1), "{text}: {error:?}");
        assert!(!error.why.is_empty() && !error.to_string().contains('\n'), "{text}: {error}");
    }
}

#[test]
fn nesting_of_any_depth_is_an_error_and_no_overflow() {
    for open in ["[", "{a=", "[{a=", "a.", "[[", "{", "\"\"\"\"", "a={"] {
        let deep = open.repeat(64 * 1024 / open.len());
        for text in [format!("redact = {deep}"), deep.clone(), format!("[{deep}]"), format!("{deep}b = 1")] {
            // On the small stack of a test's thread.
            wrong(&text);
        }
    }
}

#[test]
fn no_text_that_is_cut_or_changed_in_a_byte_makes_it_panic() {
    let good =
        format!("\u{feff}{}\ndefault_ttl = '1h30m'\nmax_reason = 0x1F\nredact = [\"\\u00e9\", 'b']\r\n", template());
    assert!(Config::parse(&good).is_ok(), "the control");
    let (mut tried, mut refused) = (0, 0);
    for at in 0..good.len() {
        for byte in [None, Some(b'['), Some(b'"'), Some(b'\n'), Some(b'='), Some(b'\\'), Some(0), Some(0xff)] {
            let mut bytes = good.clone().into_bytes();
            match byte {
                None => bytes.truncate(at),
                Some(byte) => bytes[at] = byte,
            }
            tried += 1;
            refused += usize::from(Config::parse(&String::from_utf8_lossy(&bytes)).is_err());
        }
    }
    assert!(refused > 100 && refused < tried, "{refused} of {tried}");
}

#[test]
fn the_lines_of_the_keys_are_known_and_each_pattern_is_judged() {
    let text = "# one\nguard_wait = '1s'\n\nredact = [\n  'good',\n  'bad',\n]\n";
    let loaded = Loaded::parse(text, &|_| Ok(())).unwrap();
    let lines: Vec<_> = KEYS.iter().map(|key| loaded.line(key)).collect();
    let known: Vec<_> = KEYS.iter().zip(lines).filter_map(|(key, line)| Some((key.name, line?))).collect();
    assert_eq!(known, [("guard_wait", 2), ("redact", 4)]);
    let judge = |pattern: &str| if pattern == "bad" { Err("it is bad".to_owned()) } else { Ok(()) };
    let error = Loaded::parse(text, &judge).unwrap_err();
    assert_eq!(error.to_string(), "line 6: redact: the pattern bad: it is bad");
}

#[test]
fn each_default_is_a_value_that_its_key_takes() {
    for key in KEYS {
        let text = format!("{} = {}", key.name, key.value(&Config::default()));
        assert_eq!(Config::parse(&text), Ok(Config::default()), "{text}");
        assert!(page().contains(&format!("| `{}` | ", key.name)), "{}", key.name);
    }
}
