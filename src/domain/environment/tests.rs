use std::os::unix::ffi::OsStrExt as _;

use super::*;

fn os(text: &str) -> OsString {
    OsString::from(text)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    list.iter().map(|(name, value)| (os(name), os(value))).collect()
}

fn pass(list: &[&str]) -> Vec<Pass> {
    list.iter().map(|text| Pass::parse(OsStr::new(text)).unwrap()).collect()
}

/// The names that a clean environment has of these variables, and those that it withholds.
fn clean(inherited: &[(&str, &str)], list: &[&str]) -> (Vec<String>, Vec<String>) {
    let list = pass(list);
    let wanted = Wanted { clean: true, pass: &list, ..Wanted::default() };
    let child = child_environment(pairs(inherited), &wanted, &Redactor::default());
    let text = |name: &OsString| name.to_str().unwrap().to_owned();
    (child.variables.keys().map(text).collect(), child.withheld.iter().map(text).collect())
}

/// Names that say by themselves that the value is a secret.
const SECRET_NAMES: &[&str] = &[
    "TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "NPM_TOKEN",
    "TOKEN_2",
    "TOKEN2",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "AWS_SESSION_TOKEN",
    "MY_SECRET",
    "SECRET_KEY_BASE",
    "CLIENT_SECRETS",
    "PASSWORD",
    "DB_PASSWORD",
    "DB_PASSWORD_PROD",
    "PASSWORD_FOR_X",
    "db_password",
    "dbPassword",
    "RABBITMQ_DEFAULT_PASS",
    "PGPASSWORD",
    "MYSQL_PWD",
    "MYSQL_ROOT_PASSWD",
    "SSHPASS",
    "GPG_PASSPHRASE",
    "API_KEY",
    "API_KEYS",
    "ANTHROPIC_API_KEY",
    "OPENAI_APIKEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "PRIVATE_KEY",
    "DEPLOY_PRIVATE_KEY_PEM",
    "APP_KEY",
    "SIGNING_KEY",
    "CREDENTIALS",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "AWS_CREDENTIAL",
    "GITHUB_PAT",
    "AZURE_DEVOPS_EXT_PAT",
    "SENTRY_DSN",
    "NPM_CONFIG__AUTH",
    "REDISCLI_AUTH",
    "DOCKER_AUTH_CONFIG",
    "SSH_AUTH_SOCK",
    "SESSION_COOKIE",
    "COOKIE",
    "API_TOKENS",
    "A_VERY_LONG_NAME_THAT_GOES_ON_AND_ON_FOR_MORE_THAN_NINETY_SIX_BYTES_SO_THAT_NO_OTHER_RULE_READS_IT_TOKEN",
];

/// Variables that are none, with a value that they have.
const PLAIN: &[(&str, &str)] = &[
    ("GIT_AUTHOR_NAME", "Alice Author"),
    ("GIT_AUTHOR_EMAIL", "alice@example.org"),
    ("GIT_COMMITTER_NAME", "Token Smith"),
    ("SSL_CERT_FILE", "/etc/ssl/cert.pem"),
    ("SSL_CERT_DIR", "/etc/ssl/certs"),
    ("TOKENIZERS_PARALLELISM", "false"),
    ("XAUTHORITY", "/home/alice/.Xauthority"),
    ("PATH", "/usr/bin:/bin"),
    ("PWD", "/home/alice"),
    ("OLDPWD", "/home/alice"),
    ("OLD_PWD", "/home/alice"),
    ("LC_ALL", "C.UTF-8"),
    ("XDG_SESSION_ID", "3"),
    ("XDG_SESSION_TYPE", "wayland"),
    ("MAX_TOKENS", "4096"),
    ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "32000"),
    ("KEYBOARD_LAYOUT", "de"),
    ("KEYMAP", "us"),
    ("MONKEY", "see"),
    ("COMPASS_DIR", "/srv/compass"),
    ("BYPASS", "yes"),
    ("SECRETARY", "Bob"),
    ("PASSENGER_ROOT", "/srv"),
    ("PATTERN", "x"),
    ("PATCHES", "1"),
    ("AUTHOR", "alice"),
    ("HTTPS_PROXY", "http://proxy.example.org:3128"),
    ("HTTP_PROXY", "proxy.example.org:3128"),
    ("DATABASE_URL", "postgres://localhost/app"),
    ("ORIGIN_URL", "git@example.org:a/b.git"),
    ("CARGO_HOME", "/home/alice/.cargo"),
    ("EMPTY_TOKEN", ""),
    ("NO_PROXY", "localhost,127.0.0.1"),
];

/// Values that are secrets whatever they are called.
const SECRET_VALUES: &[(&str, &str)] = &[
    ("HTTPS_PROXY", "http://u:p@h"),
    ("https_proxy", "http://alice:hunter2@proxy.example.org:3128"),
    ("HTTP_PROXY", "alice:hunter2@proxy.example.org:3128"),
    ("DATABASE_URL", "postgres://app:hunter2@db.example.org/app"),
    ("REDIS_URL", "redis://:hunter2@cache:6379/0"),
    ("GIT_AUTHOR_NAME", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
    ("XDG_NOTE", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ("LC_X", "password=hunter2 host=db"),
];

#[test]
fn what_looks_like_a_secret_does_and_nothing_else() {
    for name in SECRET_NAMES {
        assert!(looks_secret(OsStr::new(name), OsStr::new("x")), "{name}");
    }
    for (name, value) in PLAIN {
        assert!(!looks_secret(OsStr::new(name), OsStr::new(value)), "{name}={value}");
    }
    for (name, value) in SECRET_VALUES {
        assert!(looks_secret(OsStr::new(name), OsStr::new(value)), "{name}={value}");
    }
    let odd = OsStr::from_bytes(b"http://u:p\xff@h/");
    assert!(looks_secret(OsStr::new("MY_PROXY"), odd), "what is no text is looked at too");
}

#[test]
fn a_secret_is_removed_although_a_pattern_would_pass_it_and_passed_by_its_name() {
    for name in SECRET_NAMES {
        assert_eq!(clean(&[(name, "x")], &["*"]), (vec![], vec![(*name).to_owned()]), "{name}");
        assert_eq!(clean(&[(name, "x")], &["*", name]), (vec![(*name).to_owned()], vec![]), "{name}");
        let beginning = format!("{}*", &name[..1]);
        assert_eq!(clean(&[(name, "x")], &[&beginning]).0, [""; 0], "{name}");
        assert_eq!(clean(&[(name, "x")], &[]).0, [""; 0], "{name}");
    }
    for (name, value) in SECRET_VALUES {
        assert_eq!(clean(&[(name, value)], &["*"]).0, [""; 0], "{name}={value}");
        assert_eq!(clean(&[(name, value)], &[name]).0, [*name], "{name}={value}");
    }
    for (name, value) in PLAIN {
        assert_eq!(clean(&[(name, value)], &["*"]), (vec![(*name).to_owned()], vec![]), "{name}");
    }
}

#[test]
fn a_clean_environment_has_what_is_harmless_and_nothing_else() {
    let harmless = [
        ("CARGO_HOME", "/c"),
        ("CI", "true"),
        ("COLORTERM", "truecolor"),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_COMMITTER_EMAIL", "a@b"),
        ("GOPATH", "/go"),
        ("HOME", "/home/a"),
        ("LANG", "C"),
        ("LANGUAGE", "de"),
        ("LC_TIME", "C"),
        ("LOGNAME", "a"),
        ("NO_COLOR", "1"),
        ("PAGER", "less"),
        ("PATH", "/bin"),
        ("PWD", "/"),
        ("RUSTUP_HOME", "/r"),
        ("SHELL", "/bin/sh"),
        ("SSL_CERT_FILE", "/c"),
        ("SWARMLOCK_DIR", "/d"),
        ("TERM", "xterm"),
        ("TMPDIR", "/tmp"),
        ("TZ", "UTC"),
        ("USER", "a"),
        ("VISUAL", "vi"),
        ("XDG_RUNTIME_DIR", "/run/user/1"),
    ];
    let names: Vec<String> = harmless.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(clean(&harmless, &[]), (names, vec![]));
    let others = [
        ("LD_PRELOAD", "/x.so"),
        ("PYTHONPATH", "/x"),
        ("BASH_ENV", "/x"),
        ("BASH_FUNC_ls%%", "() { x; }"),
        ("SSH_AUTH_SOCK", "/s"),
        ("DISPLAY", ":0"),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x"),
        ("TMUX", "/tmp/t,1,0"),
        ("MINE", "1"),
        ("path", "/x"),
        ("XDG_=%", "x"),
        ("LC_A B", "x"),
    ];
    assert_eq!(clean(&others, &[]), (vec![], vec![]), "nor is anything said of what nobody asked for");
    assert_eq!(clean(&others, &["MINE", "DISPL*"]).0, ["DISPLAY", "MINE"]);
    assert_eq!(clean(&[("MINE", "1"), ("MINER", "2")], &["MINE"]).0, ["MINE"], "a name is a whole name");
}

#[test]
fn what_is_set_goes_over_what_is_inherited_and_what_the_run_tells_over_both() {
    let set = settings(&["A=1", "A=2", "B="]).unwrap();
    let own = [("SWARMLOCK_FENCE", os("7"))];
    let inherited =
        pairs(&[("A", "0"), ("SWARMLOCK_FENCE", "6"), ("API_KEY", "k"), ("A", "9"), ("C", "first"), ("C", "second")]);
    let wanted = Wanted { set: &set, own: &own, ..Wanted::default() };
    let child = child_environment(inherited, &wanted, &Redactor::default());
    let expected = pairs(&[("A", "2"), ("API_KEY", "k"), ("B", ""), ("C", "first"), ("SWARMLOCK_FENCE", "7")]);
    assert_eq!(child.variables.into_iter().collect::<Vec<_>>(), expected, "without --env-clean all of it is inherited");
    assert_eq!(child.withheld, [""; 0]);
}

#[test]
fn patterns_of_the_user_count_too() {
    let redactor = Redactor::new(&["internal-[0-9]+".to_owned()]).unwrap();
    let all = pass(&["*"]);
    let wanted = Wanted { clean: true, pass: &all, ..Wanted::default() };
    let inherited = pairs(&[("A", "internal-42"), ("B", "internal"), ("PATH", "/srv/internal-42/bin")]);
    let child = child_environment(inherited, &wanted, &redactor);
    assert_eq!(child.withheld, ["A"]);
    assert_eq!(child.variables.keys().collect::<Vec<_>>(), ["B", "PATH"]);
}

#[test]
fn a_setting_is_a_name_and_a_value_of_one_line() {
    let longest = format!("A={}", "x".repeat(4096));
    for (good, name, value) in
        [("A=1", "A", "1"), ("_a9=", "_a9", ""), ("A=b=c", "A", "b=c"), (&*longest, "A", &longest[2..])]
    {
        let setting = Setting::parse(OsStr::new(good)).unwrap();
        assert_eq!((setting.name(), setting.value()), (name, OsStr::new(value)));
    }
    let named = |text: &str| EnvError::NoName(text.to_owned());
    for bad in ["", "1A", "A B", " A", "A ", "FOO\n", "\nFOO", "A-B", "A.B", "\u{e4}", "A\0", "A\u{661}"] {
        assert_eq!(Setting::parse(OsStr::new(&format!("{bad}=x"))), Err(named(bad)), "{bad:?}");
    }
    assert_eq!(Setting::parse(OsStr::new("A")), Err(EnvError::NoValue("A".to_owned())));
    assert!(matches!(Setting::parse(OsStr::from_bytes(b"\xff=x")), Err(EnvError::NoName(_))));
    for bad in ["A=a\nb", "A=\r", "A=\0", "A=x\n"] {
        assert_eq!(Setting::parse(OsStr::new(bad)), Err(EnvError::Lines("A".to_owned())), "{bad:?}");
    }
    let long = format!("A={}", "x".repeat(4097));
    assert_eq!(Setting::parse(OsStr::new(&long)), Err(EnvError::TooLong("A".to_owned())));
    assert_eq!(settings(&vec!["A=1"; 64]).unwrap().len(), 64);
    assert_eq!(settings(&vec!["A=1"; 65]), Err(EnvError::TooMany(65)));
    assert!(settings(&["A=1", "B"]).is_err());
}

#[test]
fn what_decides_what_is_run_or_loaded_is_not_to_be_set() {
    for name in [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "DYLD_INSERT_LIBRARIES",
        "GLIBC_TUNABLES",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONHOME",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5LIB",
        "PERL5OPT",
        "RUBYOPT",
        "RUBYLIB",
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "PROMPT_COMMAND",
        "IFS",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_KEY_0",
        "GIT_CONFIG_GLOBAL",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "LUA_INIT",
        "LUA_INIT_5_4",
        "PATH",
        "HOME",
        "SWARMLOCK_FENCE",
        "SWARMLOCK_DEPTH",
        "SWARMLOCK_AGENT",
    ] {
        let refused = Setting::parse(OsStr::new(&format!("{name}=x")));
        assert_eq!(refused, Err(EnvError::Reserved(name.to_owned())), "{name}");
    }
    for name in ["GIT_AUTHOR_NAME", "ENVIRONMENT", "LDFLAGS", "RUST_LOG", "NODE_ENV", "MY_PATH", "LANG"] {
        assert!(Setting::parse(OsStr::new(&format!("{name}=x"))).is_ok(), "{name}");
    }
}

#[test]
fn a_setting_that_looks_like_a_secret_is_told_apart() {
    let secret = |text: &str| Setting::parse(OsStr::new(text)).unwrap().looks_secret(&Redactor::default());
    assert!(secret("API_KEY=x") && secret("A=ghp_0123456789abcdefghijABCDEFGHIJ012345") && secret("P=http://u:p@h"));
    assert!(!secret("RUST_LOG=debug") && !secret("API_KEY="));
}

#[test]
fn a_pass_is_a_name_or_the_beginning_of_names() {
    for good in ["A", "_a9", "A*", "*"] {
        assert!(Pass::parse(OsStr::new(good)).is_ok(), "{good}");
    }
    for bad in ["", "A B", "1", "1*", "A=", "A\n", "**", "A*B", "*A", "A?", "[A]"] {
        assert_eq!(Pass::parse(OsStr::new(bad)), Err(EnvError::NoPattern(bad.to_owned())), "{bad:?}");
    }
    assert!(Pass::parse(OsStr::from_bytes(b"\xff*")).is_err());
}
