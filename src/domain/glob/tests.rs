use super::*;

fn glob(text: &str) -> Glob {
    Glob::new(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_pattern_matches_what_its_signs_say() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("src/*.rs", &["src/a.rs", "src/.rs", "src/a\nb.rs"], &["src/a/b.rs", "src/a.rsx", "a.rs", "src", ""]),
        ("src/**", &["src", "src/a", "src/a/b", "src/.a"], &["srca", "a/src", "", "src/"]),
        ("**/x", &["x", "a/x", "a/b/x"], &["ax", "x/a", "a/x/b"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/b/b"], &["ab", "a/xb", "a", "b", "a/b/c"]),
        ("a**b", &["ab", "axb", "a/b", "ax/y/b"], &["a", "b", "abc", "a/x"]),
        ("**", &["a", "a/b", ".a", "..."], &["", ".", "..", "a/", "/a", "a//b", "a/../b"]),
        ("?", &["a", "é", "\u{1f600}", "\n"], &["", ".", "/", "ab", "aa/"]),
        ("a[!b]c", &["axc", "aéc", "a.c"], &["a/c", "abc", "ac"]),
        ("a[^b]c", &["axc", "a^c"], &["a/c", "abc"]),
        ("a[+-9]c", &["a.c", "a+c", "a0c"], &["a/c", "a:c"]),
        ("[]]", &["]"], &["[", "[]"]),
        ("[!]]x", &["ax"], &["]x"]),
        ("[a-]x", &["ax", "-x"], &["bx"]),
        ("[-a]x", &["ax", "-x"], &["bx"]),
        ("[[]x", &["[x"], &["]x"]),
        (r"[\]a]x", &["]x", "ax"], &["\\x"]),
        (r"\*\?\[\{\\", &["*?[{\\"], &["aa[{\\", "*?[{"]),
        ("{a,b}.rs", &["a.rs", "b.rs"], &["c.rs", "{a,b}.rs", ".rs"]),
        ("a{,b}c", &["ac", "abc"], &["abbc"]),
        ("{a,b/{c,d*}}/x", &["a/x", "b/c/x", "b/d/x", "b/de/x"], &["b/x", "c/x", "b/d/e/x"]),
        ("src{,/**}", &["src", "src/a/b"], &["srcx"]),
        ("src/{**,x}", &["src", "src/x", "src/a/b"], &["srcx"]),
        ("{a/,b}**/c", &["a/c", "a/x/c", "bx/c", "b/c", "b/x/c"], &["c", "ac", "bc", "x/c"]),
        ("**{/a,b}", &["a", "b", "x/a", "xb", "x/b"], &["x/c", "ab/"]),
        ("{*,a}*", &["b", "ab"], &["a/b"]),
        ("**{*,x}/b", &["b", "a/b", "ax/b", "a/c/b"], &["a"]),
        ("*{**,x}/b", &["b", "a/b", "a/c/b"], &["a"]),
        ("{,a}**/b", &["b", "a/b", "ab/c/b", "c/b"], &["ab"]),
        ("a}b,c]", &["a}b,c]"], &["a", "ab"]),
        ("*", &["a", ".git", "..."], &["a/b", ".", ".."]),
        (".*", &[".a", "..."], &[".", "..", "a"]),
        ("A*", &["Ab"], &["ab"]),
    ];
    for (text, yes, no) in table {
        let glob = glob(text);
        for path in *yes {
            assert!(glob.matches(path.as_bytes()), "{text} matches {path:?}");
        }
        for path in *no {
            assert!(!glob.matches(path.as_bytes()), "{text} does not match {path:?}");
        }
    }
}

#[test]
fn what_is_no_pattern_is_refused_with_the_reason() {
    let deep = [&b"{".repeat(33)[..], b"a", &b"}".repeat(33)].concat();
    let table: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b"a\0*", "NUL"),
        (&[b'a'; 4097], "4097 bytes, more than 4096"),
        (b"src/[ab", "'[' at character 5 of the pattern has no ']'"),
        (b"[]", "'[' at character 1"),
        (b"[!]", "'[' at character 1"),
        ("é{a,b".as_bytes(), "'{' at character 2 of the pattern has no '}'"),
        (b"{a,{b}", "'{' at character 1"),
        (b"{a,{b", "'{' at character 4"),
        (b"a\\", "ends with a '\\'"),
        (b"[z-a]", "ends before it starts"),
        (b"[[:alpha:]]*", "names a class"),
        (b"a//*", "two in a row"),
        (b"/a*", "starts or ends with '/'"),
        (b"a*/", "starts or ends with '/'"),
        (b"/", "starts or ends with '/'"),
        (b"a/../*", "'..' cannot be part"),
        (b"./*", "'.' cannot be part"),
        (b"*/.", "'.' cannot be part"),
        (b"*/\\.\\.", "'..' cannot be part"),
        (&deep, "more than 32 deep"),
        (b"a[/]b", "no path can match"),
        (b"{.,..}/a", "no path can match"),
        (b"{,a/}{,/b}/*/{.}", "no path can match"),
        (b"\xc3[\xa9]", "no path can match"),
        (&b"*a".repeat(300), "too large"),
        (&b"a".repeat(4096), "too large"),
        (&b"{".repeat(4096), "more than 32 deep"),
        (&b"[".repeat(4096), "has no ']'"),
    ];
    for (text, reason) in table {
        let shown = text.escape_ascii().to_string();
        let error = Glob::new(text).expect_err(&shown).to_string();
        assert!(error.contains(reason), "{shown}: {error}");
    }
    assert_eq!(glob(&format!("a/{}**", "**/".repeat(1000))).as_bytes(), b"a/**");
}

#[test]
fn long_patterns_of_many_alternatives_stay_small() {
    assert!(glob(&"{a,b}".repeat(80)).matches("ab".repeat(40).as_bytes()));
    assert!(!glob(&"{a,b}".repeat(80)).overlaps(&glob(&"{c,d}".repeat(80))));
    assert!(glob(&"{,a,*}".repeat(12)).overlaps(&glob(&"{,b,**}".repeat(12))));
}

#[test]
fn stars_in_a_row_are_put_together_and_nothing_else_is_changed() {
    let table = [
        ("a***b", "a**b"),
        ("****", "**"),
        ("**/**", "**"),
        ("a/**/***/**/b", "a/**/b"),
        ("**/**/x", "**/x"),
        (r"a\/*", "a/*"),
        (r"\***", r"\***"),
        ("a**/**", "a**/**"),
        ("[***]", "[***]"),
        ("{**/**,***}", "{**/**,***}"),
        ("{a}", "{a}"),
        ("*/*", "*/*"),
    ];
    for (text, normal) in table {
        assert_eq!(glob(text).as_bytes().escape_ascii().to_string(), normal.as_bytes().escape_ascii().to_string());
        assert_eq!(glob(normal), glob(text));
    }
    assert!(glob("a") < glob("b"));
}

#[test]
fn escaped_text_matches_itself_only() {
    for text in ["[id].tsx", "a*b?c", "{a,b}", r"back\slash", "a/[...slug]/[[...x]].tsx", "]},!^-", "é\n"] {
        let escaped = Glob::new(&Glob::escape(text.as_bytes())).unwrap();
        assert!(escaped.matches(text.as_bytes()), "{text}");
        assert_eq!(escaped.literal_prefix(), text.as_bytes(), "nothing in it is a wildcard");
    }
    assert!(Glob::new(&[b'a'; 390]).is_ok(), "paths of usual lengths are no problem");
    let bytes = b"\xff/\xc3*";
    let escaped = Glob::new(&Glob::escape(bytes)).unwrap();
    assert!(escaped.matches(bytes) && !escaped.matches(b"\xff/\xc3a"));
}

#[test]
fn the_prefix_is_of_whole_components() {
    let table: &[(&str, &str)] = &[
        ("src/web/*.rs", "src/web"),
        ("src/a*", "src"),
        ("src/**", "src"),
        ("src**", ""),
        ("*/src", ""),
        ("{src}/a", ""),
        (r"\[id]/*", "[id]"),
        ("a/b", "a/b"),
        ("[a]/b*", "a"),
    ];
    for (text, prefix) in table {
        assert_eq!(glob(text).literal_prefix(), prefix.as_bytes(), "{text}");
    }
}

#[test]
fn a_byte_that_is_not_utf8_is_a_character() {
    let matches = |pattern: &[u8], path: &[u8]| Glob::new(pattern).unwrap().matches(path);
    assert!(matches(b"?", b"\xff") && matches(b"??", b"\xc3\xc3") && !matches(b"??", b"\xc3\xa9"));
    assert!(matches(b"[\xf0-\xff]", b"\xff") && !matches(b"[\xf0-\xff]", b"\xe0"));
    assert!(matches(b"[!\xff]", "é".as_bytes()) && !matches(b"[!\xff]", b"\xff"));
    assert!(!matches(b"\xc3*", "é".as_bytes()), "half of a character is not that byte");
    let overlaps = |a: &[u8], b: &[u8]| Glob::new(a).unwrap().overlaps(&Glob::new(b).unwrap());
    assert!(!overlaps(b"\xc3?", b"?\xa9"), "the two bytes together are one character");
    assert!(overlaps(b"\xc3?", b"?\xc3"));
    assert!(!overlaps(b"\xe2\x82?", b"*\xac") && overlaps(b"\xe2\x82?", b"*\xff"));
    assert!(!overlaps(b"\xf0\x9f\x98?", b"*\x80") && overlaps(b"\xf0\x9f\x98?", b"*\xff"));
    assert!(overlaps(b"\xed?\x80", b"*\xa0*"), "surrogates are no characters");
    assert!(overlaps(b"\xe0?\x80", b"*\x80*") && !overlaps(b"\xe0\xa0?", b"*\x80"));
}

#[test]
fn a_pattern_meets_the_trees_it_reaches_into() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("src/**/*.rs", &["", "src", "src/a", "src/a/b.rs"], &["sr", "srcs", "lib"]),
        ("src/**", &["src", "src/a"], &["sr", "lib"]),
        ("src/*.rs", &["", "src", "src/a.rs"], &["src/a", "src/a.rs/b"]),
        ("*/x", &["a", "a/x"], &["a/y", "a/x/y"]),
        ("*", &["", "a", ".git"], &["a/b"]),
        ("{a/b,c}/d", &["a", "a/b", "c", "c/d"], &["a/d", "b", "d"]),
        ("a?", &["aé", ""], &["a", "aéb"]),
    ];
    for (text, yes, no) in table {
        for tree in *yes {
            assert!(glob(text).overlaps_tree(tree.as_bytes()), "{text} meets {tree:?}");
        }
        for tree in *no {
            assert!(!glob(text).overlaps_tree(tree.as_bytes()), "{text} misses {tree:?}");
        }
    }
}

#[test]
fn a_pattern_that_is_surely_valid_has_an_automaton() {
    let units = [
        "*",
        "**/",
        "*.",
        "*?",
        ".",
        "?",
        "[!a]",
        "[!.]",
        "[a]*",
        "[!a-cx-z]*",
        "**a",
        "**.",
        "[.a]",
        "*/",
        "**[!é]",
        "é*",
    ];
    for (first, second) in units.iter().flat_map(|first| units.iter().map(move |second| (first, second))) {
        for text in [first.repeat(40), [*first, *second].concat().repeat(20), first.repeat(9) + &second.repeat(20)] {
            let cut = (0..=SURELY_SMALL).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            for end in (1..=cut.min(text.len())).filter(|at| text.is_char_boundary(*at)) {
                if let Ok(glob) = Glob::new(&text.as_bytes()[..end]) {
                    assert!(glob.nfa().is_some(), "{glob:?}");
                }
            }
        }
    }
    let letters = glob("[acegikmoqsuwyACEGIKMOQSUWY0246]*[!aceg]");
    assert!(letters.nfa().is_some());
}

#[test]
fn a_kept_pattern_that_would_be_refused_is_never_free_where_it_may_match() {
    let too_large = format!("src/{}.rs", "*a".repeat(300));
    let refused: &[(&[u8], &[u8])] = &[
        (too_large.as_bytes(), b"src/aaa"),
        (b"a[/]b", b"a/b"),
        (b"{.,..}/a", b"./a"),
        (b"{,a/}{,/b}/*/{.}", b"a/b"),
        (b"\xc3[\xa9]", "\u{e9}".as_bytes()),
    ];
    for (text, path) in refused {
        let kept = Glob::kept(text).unwrap();
        assert!(Glob::new(text).is_err() && !kept.matches(path), "{kept:?}");
        assert!(kept.overlaps(&kept) && kept.overlaps(&glob("**")) && glob("**").overlaps(&kept), "{kept:?}");
        assert!(kept.overlaps_tree(b""), "{kept:?}");
    }
    let large = Glob::kept(too_large.as_bytes()).unwrap();
    assert!(large.matches(format!("src/{}.rs", "a".repeat(300)).as_bytes()), "it is matched as it says");
    assert!(large.overlaps_tree(b"src") && !large.overlaps_tree(b"lib"));
    assert!(large.overlaps(&glob("src/*")) && !large.overlaps(&glob("src/*.py")));
    for none in ["", "a***b", "**/**", "a//b", "a/../b", "[a", "{a", "a\\", "a\0", &"{".repeat(40)] {
        assert_eq!(Glob::kept(none.as_bytes()), None, "{none}");
    }
}
