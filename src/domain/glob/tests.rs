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
