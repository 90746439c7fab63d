//! `cargo bench --bench overlap`: what it costs to read a pattern, to match it, and to compare two, in the worst case too.
//! Exit code 1 if a bound is missed.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark: it reads the clock, and stops at the first surprise"
)]

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use swarmlock::domain::{Glob, GlobError};

/// The longest that a comparison of two patterns may take.
const MOST_PAIR: Duration = Duration::from_millis(5);
/// The longest that matching 10,000 paths may take.
const MOST_MATCHES: Duration = Duration::from_millis(20);
/// The longest that reading a usual pattern may take.
const MOST_READ: Duration = Duration::from_micros(50);

const RUNS: usize = 101;

/// Ends that have no letter in common. They are no single letters: by these alone patterns would be told apart.
const END: &str = "[wx]";
const OTHER_END: &str = "[yz]";

const TYPICAL: &[(&str, &str)] = &[
    ("src/**/*.rs", "src/auth/*.rs"),
    ("src/a*.py", "src/*b.py"),
    ("src/x?.py", "src/[xy]1.py"),
    ("src/**/*.{ts,tsx,js,jsx}", "src/**/*.test.{ts,js}"),
    ("src/**/*.rs", "src/**/*.py"),
    ("docs/**", "src/**"),
    ("**/*.md", "docs/**/index.*"),
    ("**/*a????????????", "**/*b????????????"),
    ("{packages,apps}/*/src/**/*.{ts,tsx}", "**/{test,tests}/**/*.snap"),
];

fn main() -> ExitCode {
    let mut missed = false;
    let mut bound = |name: &str, times: &[Duration], most: Duration| {
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        let verdict = if median <= most { "ok" } else { "MISSED" };
        missed |= median > most;
        println!("{name:58} median {median:>10.1?}  worst {worst:>10.1?}  at most {most:>6.1?}  {verdict}");
    };
    for (a, b) in TYPICAL {
        bound(&format!("read {a}"), &time(|| Glob::new(black_box(a.as_bytes()))), MOST_READ);
        let (a_glob, b_glob) = (Glob::new(a.as_bytes()).unwrap(), Glob::new(b.as_bytes()).unwrap());
        let verb = if a_glob.overlaps(&b_glob) { "meets" } else { "misses" };
        bound(&format!("{a} {verb} {b}"), &time(|| black_box(&a_glob).overlaps(&b_glob)), MOST_READ);
    }
    for (name, a, b) in worst_pairs() {
        bound(&format!("read the worst: {name}"), &time(|| Glob::new(black_box(a.as_bytes()))), MOST_PAIR);
        assert!(!a.overlaps(&b), "{name}: all pairs are searched");
        bound(&format!("the worst: {name}"), &time(|| black_box(&a).overlaps(&b)), MOST_PAIR);
    }
    for (name, pattern, path) in longest_paths() {
        assert!(!pattern.matches(&path), "{name}: all of it is looked at");
        bound(&format!("the longest path: {name}"), &time(|| black_box(&pattern).matches(&path)), MOST_PAIR);
        let text = pattern.as_bytes();
        bound(
            &format!("read and {name}"),
            &time(|| Glob::kept(black_box(text)).is_some_and(|kept| kept.matches(&path))),
            MOST_PAIR,
        );
    }
    let paths: Vec<String> = (0..10_000).map(|n| format!("src/module{}/part{}/file{n}.rs", n % 50, n % 7)).collect();
    for text in ["src/**/*.rs", "src/module7/**", "**/part3/*[0-4].rs", "{src,tests}/**/file1*.{rs,toml}", "docs/**"] {
        let glob = Glob::new(text.as_bytes()).unwrap();
        let count = || paths.iter().filter(|path| glob.matches(path.as_bytes())).count();
        bound(&format!("10,000 paths, {} match {text}", count()), &time(count), MOST_MATCHES);
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Pairs of patterns as large as they may be that have nothing in common, so that every pair of states is searched.
fn worst_pairs() -> Vec<(&'static str, Glob, Glob)> {
    let pair = |name, unit_a: &str, unit_b: &str| (name, largest(unit_a, END), largest(unit_b, OTHER_END));
    vec![
        pair("stars", "*a", "*b"),
        pair("stars, same letter", "*a", "*a"),
        pair("stars across components", "**a", "**b"),
        pair("any components, named", "**/a/", "**/b/"),
        pair("dots", "*.", "*."),
        pair("optional letters", "{a,}", "{a,}"),
        pair("optional stars", "{*,a,}", "{*,b,}"),
        pair("nothing or all", "{**,}", "{**,}"),
        pair("many ways", "{**,?,**/a,b,}", "{*/,?,**a,b,}"),
        pair("classes", "*[acegikmoqsuwy]", "*[bdfhjlnprtvxz]"),
        pair("classes that meet", "**[!a-cx-z]", "**[!a-cx-z]"),
        pair("letters against stars", "?", "**?"),
        (
            "bytes that are not UTF-8",
            sized(&|n| [&b"*a".repeat(n)[..], b"\xc3", END.as_bytes()].concat()),
            sized(&|n| [&b"*b".repeat(n)[..], b"\xc3", OTHER_END.as_bytes()].concat()),
        ),
        pair("alternatives that are the same", "{,,,,,,,,,,,,,,,,,,,,,,,,}", "{,,,,,,,,,,,,,,,,,,,,,,,,}"),
        (
            "many letters",
            sized(&|n| format!("**{}{END}", letters(n, 0)).into()),
            sized(&|n| format!("**{}{OTHER_END}", letters(n, 300)).into()),
        ),
        (
            "many classes",
            sized(&|n| format!("**{}{END}", classes(n)).into()),
            sized(&|n| format!("**{}{OTHER_END}", classes(n)).into()),
        ),
    ]
}

/// Patterns as large as they may be, and paths of 4,096 bytes whose every letter they can read in many ways.
fn longest_paths() -> Vec<(&'static str, Glob, Vec<u8>)> {
    let (one, many) = (b"a".repeat(4096), [&b"a/".repeat(2047)[..], b"aa"].concat());
    let pattern = |first: &str, unit: &str| sized(&|n| format!("{first}{}{END}", unit.repeat(n)).into());
    vec![
        ("stars", pattern("", "*a"), one.clone()),
        ("stars across components", pattern("**/", "**a"), many.clone()),
        ("any components", pattern("**/", "*/**/"), many.clone()),
        ("any components, named", pattern("**/", "a/**/"), many),
        ("any letters", pattern("**", "?"), one.clone()),
        ("letters", pattern("**", "a"), one.clone()),
        ("classes", pattern("**", "[!x]"), one.clone()),
        ("different classes", pattern("**", "[!x][!y][a-df-h]"), one.clone()),
        ("letters that are not ASCII", pattern("**", "[!x][é-ü]"), "é".repeat(2048).into()),
        ("optional letters", pattern("**", "{a,}"), one.clone()),
        ("many ways", pattern("", "{**,?,**/a,a,}"), one.clone()),
        ("empty alternatives", pattern("**", "{,,,,,,,,,,,,,,,,,,,,,,,,}"), one),
    ]
}

/// A pattern of as many of these units as there may be.
fn largest(unit: &str, end: &str) -> Glob {
    sized(&|n| format!("{}{end}", unit.repeat(n)).into())
}

/// The largest pattern of a family that is not refused.
fn sized(family: &dyn Fn(usize) -> Vec<u8>) -> Glob {
    let (mut fits, mut refused) = (1_usize, 5000);
    while refused - fits > 1 {
        let middle = fits.midpoint(refused);
        match Glob::new(&family(middle)) {
            Err(GlobError::TooLarge { .. } | GlobError::TooLong { .. }) => refused = middle,
            _ => fits = middle,
        }
    }
    Glob::new(&family(fits)).unwrap()
}

/// Letters that are all different.
fn letters(count: usize, from: usize) -> String {
    (0..count).filter_map(|n| char::from_u32(0x4e00 + u32::try_from(from + n).unwrap())).collect()
}

/// Sets of letters that are all different, with a star before each.
fn classes(count: usize) -> String {
    (0..count)
        .map(|n| {
            let at = |k: usize| char::from_u32(0x4e00 + u32::try_from(2 * n + 10 * k).unwrap()).unwrap();
            format!("*[{}{}{}]", at(0), at(1), at(2))
        })
        .collect()
}

fn time<T>(mut run: impl FnMut() -> T) -> Vec<Duration> {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}
