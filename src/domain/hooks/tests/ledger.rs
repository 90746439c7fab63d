//! What the log says of an agent, read as its hooks read it.

use serde_json::{Value, json};

use super::super::Ledger;
use crate::domain::{AgentId, Glob, NameKey, PathKey, Resource, TreeKey, Worktree};

fn ledger() -> Ledger {
    Ledger::new(&AgentId::new("me").unwrap())
}

fn file(resource: &str) -> String {
    resource_of(resource).claim().file()
}

/// `dir/` is a tree, `name:x` a name, what has a `*` a pattern.
fn resource_of(text: &str) -> Resource {
    if let Some(name) = text.strip_prefix("name:") {
        Resource::Name(NameKey::new(name).unwrap())
    } else if let Some(tree) = text.strip_suffix('/') {
        Resource::Tree(Worktree::MAIN, TreeKey::new(tree.split('/').map(str::as_bytes)).unwrap())
    } else if text.contains('*') {
        Resource::Glob(Worktree::MAIN, Glob::new(text.as_bytes()).unwrap())
    } else {
        Resource::Path(Worktree::MAIN, PathKey::new(text.split('/').map(str::as_bytes)).unwrap())
    }
}

/// An event on these resources, with blanks between.
fn event(n: u64, what: &str, on: &str, more: &Value) -> String {
    let all: Vec<&str> = on.split(' ').collect();
    let last = all.last().unwrap();
    let mut event = json!({ "n": n, "at": format!("t{n}"), "event": what, "resource": last, "file": file(last) });
    if all.len() > 1 {
        event["resources"] = json!(all);
    }
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string()
}

fn grant(n: u64, who: &str, class: &str, on: &str) -> String {
    event(n, "acquired", on, &json!({ "by": who, "agent_id": who, "class": class, "fence": n }))
}

fn release(n: u64, who: &str, on: &str) -> String {
    event(n, "released", on, &json!({ "by": who, "agent_id": who, "fence": 1 }))
}

/// `who` ends what `whose` holds, and has it then if it is a takeover of that alone.
fn ends(n: u64, what: &str, who: &str, whose: &str, on: &str) -> String {
    event(n, what, on, &json!({ "by": who, "former": { "agent_id": whose, "fence": 1, "was": "expired" } }))
}

fn takes(n: u64, who: &str, whose: &str, on: &str) -> String {
    let former = json!({ "agent_id": whose, "fence": 1, "was": "expired" });
    event(n, "taken_over", on, &json!({ "by": who, "agent_id": who, "fence": n, "former": former }))
}

/// A step of a story: `+x` an automatic grant to me, `!x` an explicit one, `.x` one to my subagent, `-x` a release of mine,
/// `>x` a takeover by bob, `<x` the end by bob for something that overlaps it, `~x` swept away by bob, `*x` forced by bob,
/// `bx` a grant to bob, `ox` a release of bob's, `e` another era. Several resources have blanks between.
fn line(n: u64, step: &str) -> String {
    let (what, on) = step.split_at(1);
    match what {
        "+" => grant(n, "me", "automatic", on),
        "!" => grant(n, "me", "explicit", on),
        "." => grant(n, "me.0123abcd", "automatic", on),
        "-" => release(n, "me", on),
        ">" => takes(n, "bob", "me", on),
        "<" => ends(n, "taken_over", "bob", "me", on),
        "~" => ends(n, "cleaned_up", "bob", "me", on),
        "*" => ends(n, "force_released", "bob", "me", on),
        "b" => grant(n, "bob", "explicit", on),
        "o" => release(n, "bob", on),
        "e" => json!({ "n": 0, "at": "t", "event": "era_began" }).to_string(),
        _ => panic!("{step}"),
    }
}

fn told(story: &str) -> Ledger {
    let mut ledger = ledger();
    for (step, n) in story.split_terminator(';').zip(10..) {
        ledger.read(line(n, step.trim()).as_bytes());
    }
    ledger
}

fn automatic(ledger: &Ledger) -> Vec<&str> {
    ledger.automatic.iter().map(|taken| taken.file.as_str()).collect()
}

#[test]
fn what_was_taken_by_editing_and_not_given_up_is_known() {
    for (story, left) in [
        ("", &[][..]),
        ("+a", &["a"]),
        ("+a; +b; -a", &["b"]),
        ("+a; +a", &["a"]),
        ("!a", &[]),
        // Asked for, it is no automatic one any more; and the other way round.
        ("+a; !a", &[]),
        ("!a; +a", &["a"]),
        ("ba; ob", &[]),
        ("+a; >a", &[]),
        ("+a; ~a", &[]),
        ("+a; *a; +a", &["a"]),
        ("+a b c", &["c"]),
        ("+a; e; +b", &["b"]),
        (".a; +b", &["a", "b"]),
        (".a; -a", &["a"]),
    ] {
        let ledger = told(story);
        let wanted: Vec<String> = left.iter().map(|one| file(one)).collect();
        assert_eq!(automatic(&ledger), wanted, "{story}");
    }
    assert_eq!(told(".a").automatic[0].agent_id, "me.0123abcd");
}

#[test]
fn an_agent_whose_name_is_the_beginning_of_anothers_is_another() {
    let mut ledger = ledger();
    for who in ["me2", "me-x", "not-me", "m"] {
        ledger.read(grant(1, who, "automatic", "a").as_bytes());
        ledger.read(ends(2, "taken_over", "bob", who, "a").as_bytes());
    }
    assert_eq!((ledger.automatic.len(), ledger.lost.len()), (0, 0));
    // What is mine in a text of another is not mine either.
    ledger.read(event(3, "acquired", "a", &json!({ "agent_id": "bob", "fence": 3, "reason": "me" })).as_bytes());
    assert_eq!(ledger.automatic.len(), 0);
}

/// Whether the edit of a file is refused once if it were granted now.
fn refused(ledger: &Ledger, file: &str) -> bool {
    ledger.lost_before(&resource_of(file), u64::MAX).is_some()
}

#[test]
fn what_was_lost_and_others_had_meanwhile_is_refused_once() {
    for (story, file, wanted) in [
        ("!a", "a", false),
        ("!a; -a; ba", "a", false),
        ("!a; >a", "a", true),
        ("!a; >a", "b", false),
        ("!a; *a", "a", true),
        ("!a; >a; oa; +a", "a", false),
        ("!a; >a; +a; >a", "a", true),
        // Swept away, nobody has had it.
        ("!a; ~a", "a", false),
        ("!a; ~a; ba", "a", true),
        ("!a; ~a; ba; oa; +a", "a", false),
        ("!a; ~a; bx", "a", false),
        ("!a; ~a; bx a y", "a", true),
        // More than a file.
        ("!s/; <s/; bs/a", "s/a", true),
        ("!s/; <s/; bs/a", "t", false),
        ("!s/; ~s/", "s/a", false),
        ("!s/; ~s/; bs/a", "s/a", true),
        ("!s/a; ~s/a; bs/", "s/a", true),
        ("!s/*.rs; ~s/*.rs; bs/a.rs", "s/a.rs", true),
        ("!s/*.rs; ~s/*.rs; bs/a.md", "s/a.rs", false),
        // Again by itself, a part is its own; the others are not.
        ("!s/; <s/; bs/a; +s/a", "s/a", false),
        ("!s/; <s/; bs/a; +s/a; -s/a", "s/a", false),
        ("!s/; <s/; bs/a; +s/a", "s/b", true),
        ("!s/; <s/; bs/a; !s/", "s/b", false),
        ("!s/; <s/; bs/a; +s/a; !s/; <s/", "s/a", true),
        // Several in one lease.
        ("!a b; >a b", "a", true),
        ("!a b; >a b; +a", "a", false),
        ("!a b; >a b; +a", "b", true),
        ("!a b; >a b; +b", "a", true),
        ("!a b; >a b; +b; +a", "a", false),
        ("!a b; >a b; +c b a", "a", false),
        ("!a b; ~a b", "a", false),
        ("!a b; ~a b; ba", "a", true),
        ("!a b; ~a b; bb", "b", true),
        ("!a b; ~a b; bc", "a", false),
        ("!name:x; >name:x", "a", false),
    ] {
        assert_eq!(refused(&told(story), file), wanted, "{story} and then {file}");
    }
}

#[test]
fn the_same_path_in_another_worktree_is_another() {
    let mut ledger = told("!a b; >a b");
    let other = Worktree::of_dir(&crate::fs::FileName::new("tree".to_owned()).unwrap());
    let there = Resource::Path(other, PathKey::new([b"a".as_slice()]).unwrap());
    assert!(ledger.lost_before(&there, 1_000).is_none());
    let mut line: Value = serde_json::from_str(&grant(50, "me", "automatic", "a")).unwrap();
    line["file"] = json!(there.claim().file());
    ledger.read(line.to_string().as_bytes());
    assert!(refused(&ledger, "a"), "what was had there was not had here");
}

#[test]
fn the_grant_that_is_being_made_is_no_earlier_one() {
    let mut ledger = told("!a; >a");
    ledger.read(grant(500, "me", "automatic", "a").as_bytes());
    let lost = |grant| ledger.lost_before(&resource_of("a"), grant).is_some();
    assert!(lost(500) && lost(11 + 1) && !lost(501) && !lost(11));
    let mut ledger = told("!s/; <s/; bs/a");
    ledger.read(grant(500, "me", "automatic", "s/a").as_bytes());
    let lost = |grant| ledger.lost_before(&resource_of("s/a"), grant).is_some();
    assert!(lost(500) && !lost(501));
    ledger.read(release(501, "me", "s/a").as_bytes());
    ledger.read(grant(502, "me", "automatic", "s/a").as_bytes());
    assert!(ledger.lost_before(&resource_of("s/a"), 502).is_none(), "in the next turn");
}

#[test]
fn a_loss_is_told_once_and_not_when_it_is_over() {
    let mut ledger = told("!a; >a; !b; ~b; !c; >c; +c");
    let names = |ledger: &mut Ledger| ledger.untold().map(|loss| loss.resources.join(" ")).collect::<Vec<_>>();
    assert_eq!(names(&mut ledger), ["a", "b"]);
    ledger.untold().for_each(|loss| loss.told = true);
    assert_eq!(names(&mut ledger), [""; 0]);
    // By itself is not by others.
    let mut own = self::ledger();
    own.read(ends(1, "force_released", "me", "me", "a").as_bytes());
    assert_eq!(own.lost, []);
    // The same line again is the same loss.
    let line = takes(2, "bob", "me", "a");
    own.read(line.as_bytes());
    own.read(line.as_bytes());
    assert_eq!(own.lost.len(), 1);
    assert_eq!((own.lost[0].by.as_deref(), own.lost[0].since.as_slice()), (Some("bob"), &["bob".to_owned()][..]));
}

#[test]
fn what_is_remembered_has_an_end() {
    let mut ledger = ledger();
    for n in 0..2_000 {
        ledger.read(grant(2 * n + 1, "me", "automatic", &format!("f{n}")).as_bytes());
        ledger.read(takes(2 * n + 2, "bob", "me", &format!("g{n}")).as_bytes());
    }
    ledger.read(takes(9_000, "bob", "me", "s/").as_bytes());
    for n in 0..2_000 {
        ledger.read(grant(9_001 + n, &format!("agent-{n}"), "explicit", "s/x").as_bytes());
        ledger.read(grant(19_001 + n, "me", "automatic", &format!("s/f{n}")).as_bytes());
    }
    assert!(ledger.to_bytes(1 << 20).len() < 256 * 1024, "{}", ledger.to_bytes(1 << 20).len());
    assert!(refused(&ledger, "s/x") && refused(&ledger, "g1999") && !refused(&ledger, "s/f1999"));
}

#[test]
fn lines_that_are_no_events_say_nothing() {
    for bad in
        ["", "me", "{", "{\"me\":1}", "[\"me\"]", "{\"n\":1,\"at\":2,\"event\":\"acquired\",\"agent_id\":\"me\"}"]
    {
        let mut ledger = ledger();
        ledger.read(bad.as_bytes());
        assert_eq!(ledger, self::ledger(), "{bad}");
    }
    let mut odd = ledger();
    for file in ["", "..", "paths/-/a", "names/x.lock", "paths/-/%00.lock"] {
        let more = json!({ "file": file, "agent_id": "me", "class": "automatic", "fence": 1,
            "former": { "agent_id": "me", "fence": 1, "was": "expired" }, "resources": ["", "/", "name:", "./", "*"] });
        odd.read(event(1, "acquired", "a", &more).as_bytes());
        odd.read(event(2, "acquired", "a", &json!({ "file": file, "agent_id": "bob", "fence": 2 })).as_bytes());
    }
    assert!(!refused(&odd, "elsewhere"));
}

#[test]
fn a_document_that_is_not_this_agents_is_none() {
    let me = AgentId::new("me").unwrap();
    let ledger = told("+a; !b; >b; !s/; <s/; +s/a");
    assert_eq!(Ledger::parse(&me, &ledger.to_bytes(1 << 20)), Some(ledger.clone()));
    assert_eq!(Ledger::parse(&AgentId::new("you").unwrap(), &ledger.to_bytes(1 << 20)), None);
    let bytes = ledger.to_bytes(1 << 20);
    for cut in 0..bytes.len() - 1 {
        assert_eq!(Ledger::parse(&me, &bytes[..cut]), None, "{cut}");
    }
    let newer = String::from_utf8(bytes).unwrap().replace("\"v\":1", "\"v\":2");
    assert_eq!(Ledger::parse(&me, newer.as_bytes()), None);
}

/// The next of numbers that are the same in each run.
fn next(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % bound
}

#[test]
fn a_log_read_in_two_pieces_says_the_same_as_in_one() {
    let me = AgentId::new("me").unwrap();
    let (mut state, mut losses) = (7, 0);
    for round in 0..10 {
        let on = ["a", "b", "a b", "b c", "s/", "s/a", "s/*", "name:x"];
        let steps = ["+", "!", ".", "-", ">", "<", "~", "*", "b", "o", "e"];
        let lines: Vec<String> = (1..40)
            .map(|n| line(n, &format!("{}{}", steps[next(&mut state, steps.len())], on[next(&mut state, on.len())])))
            .collect();
        let read = |ledger: &mut Ledger, some: &[String]| some.iter().for_each(|line| ledger.read(line.as_bytes()));
        let mut whole = ledger();
        read(&mut whole, &lines);
        losses += whole.lost.len();
        for cut in 0..lines.len() {
            let mut first = ledger();
            read(&mut first, &lines[..cut]);
            let mut second = Ledger::parse(&me, &first.to_bytes(1 << 20)).unwrap();
            read(&mut second, &lines[cut..]);
            assert_eq!(second, whole, "round {round}, cut at {cut}: {lines:#?}");
        }
    }
    assert!(losses > 50, "{losses}");
}

/// The simple model of one file: what I know of it is old if others had it since I last had it, and I did not give it up.
#[derive(Clone, Copy, Default)]
struct Model {
    mine: bool,
    lost: bool,
    touched: bool,
}

#[test]
fn a_random_walk_says_what_a_simple_model_says() {
    let (mut state, mut refusals) = (11, 0);
    for _ in 0..30 {
        let (mut ledger, mut models) = (ledger(), [Model::default(); 3]);
        for n in 1..60 {
            let at = next(&mut state, 3);
            let (file, model) = (["a", "d/b", "d/c"][at], &mut models[at]);
            let step = match (model.mine, next(&mut state, 4)) {
                (true, 0) => "-",
                (true, 1) => ">",
                (true, 2) => "*",
                (true, _) => "~",
                (false, 0) => "b",
                (false, 1) => "o",
                (false, _) => "+",
            };
            ledger.read(line(n, &format!("{step}{file}")).as_bytes());
            *model = match step {
                "+" => Model { mine: true, ..Model::default() },
                "-" => Model::default(),
                ">" | "*" => Model { mine: false, lost: true, touched: true },
                "~" => Model { mine: false, lost: true, touched: false },
                "b" => Model { touched: true, ..*model },
                _ => *model,
            };
            for (file, model) in ["a", "d/b", "d/c"].iter().zip(&models) {
                let wanted = model.lost && model.touched;
                assert_eq!(refused(&ledger, file), wanted, "{file} after {n}: {:?}", ledger.lost);
                assert_eq!(ledger.automatic.iter().any(|taken| taken.file == self::file(file)), model.mine, "{file}");
                refusals += usize::from(wanted);
            }
        }
    }
    assert!(refusals > 200, "{refusals}");
}
