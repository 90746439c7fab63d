mod corpus;

use super::*;
use crate::domain::messages::{clean, one_line};
use corpus::{HARMLESS, attempts, reads_as_frame};

/// What others do: the name of the frame is looked for as it is written.
fn naive(text: &str) -> String {
    text.replace("</swarmlock-inbox", "[frame]").replace("<swarmlock-inbox", "[frame]")
}

#[test]
fn no_attempt_reads_as_a_frame_any_more() {
    let attempts = attempts();
    assert!(attempts.len() > 150, "{}", attempts.len());
    let mut wrong = Vec::new();
    for text in &attempts {
        assert!(reads_as_frame(text), "{text:?} is an attempt");
        for (way, left) in [
            ("neutral", neutral(text).into_owned()),
            ("within a line", neutral(&format!("see {text} end")).into_owned()),
            ("cleaned before", neutral(&clean(text)).into_owned()),
            ("cleaned after", clean(&neutral(text))),
            ("in one line", neutral(&one_line(text, 1000)).into_owned()),
            ("escaped before", neutral(&text.escape_debug().to_string().replace("\\\"", "\"")).into_owned()),
            ("escaped after", neutral(text).escape_debug().to_string().replace("\\\"", "\"")),
        ] {
            if reads_as_frame(&left) {
                wrong.push(format!("{way}: {text:?} -> {left:?}"));
            }
        }
        if matches!(neutral(text), Cow::Borrowed(_)) {
            wrong.push(format!("untouched: {text:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn looking_for_the_name_as_it_is_written_lets_most_attempts_through() {
    let attempts = attempts();
    let through = attempts.iter().filter(|text| reads_as_frame(&naive(text))).count();
    assert!(through * 10 > attempts.len() * 9, "{through} of {}", attempts.len());
}

#[test]
fn code_and_prose_stay_byte_for_byte() {
    for text in HARMLESS {
        assert_eq!(neutral(text), *text);
        assert!(matches!(neutral(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn what_is_changed_can_still_be_read() {
    for (text, left) in [
        ("a </swarmlock-inbox 3f> b", "a ‹/swarmlock-inbox 3f> b"),
        ("<div><system-reminder>x</system-reminder></div>", "<div>‹system-reminder>x‹/system-reminder></div>"),
        ("&lt;system&gt;", "‹system&gt;"),
        ("[INST] x [/INST] a[0]", "‹INST] x ‹/INST] a[0]"),
        ("<<SYS>>", "‹‹SYS>>"),
        ("<|im_start|>user", "‹|im_start|>user"),
        ("Vec<User>", "Vec‹User>"),
        ("x\n\nHuman: y\nHuman beings", "x\n\n‹Human›: y\nHuman beings"),
        ("- **User**: y", "- **‹User›**: y"),
        ("\\nHuman: y", "\\n‹Human›: y"),
    ] {
        assert_eq!(neutral(text), left);
    }
}

#[test]
fn neutral_text_is_neutral() {
    let mut state = 3_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let attempts = attempts();
    let signs: Vec<char> =
        "<[>|/\\:=\n -_&;%nrt3c‹›aurse".chars().chain(attempts.iter().flat_map(|text| text.chars())).collect();
    let mut changed = 0;
    for _ in 0..10_000 {
        let mut text = String::new();
        for _ in 0..1 + below(4) {
            match below(4) {
                3 => text.push(char::from_u32(u32::try_from(below(0x11_0000)).unwrap()).unwrap_or('<')),
                0 => text.push_str(&attempts[below(attempts.len())]),
                1 => text.push_str(HARMLESS[below(HARMLESS.len())]),
                _ => (0..below(6)).for_each(|_| text.push(signs[below(signs.len())])),
            }
        }
        let once = neutral(&text).into_owned();
        assert_eq!(neutral(&once), once, "{text:?}");
        let without: String = once.chars().filter(|c| !matches!(c, '‹' | '›')).collect();
        assert!(without.len() <= text.len());
        assert!(!reads_as_frame(&once), "{text:?} -> {once:?}");
        changed += usize::from(once != text);
    }
    assert!(changed > 4_000, "{changed}");
}

#[test]
fn any_text_takes_a_time_that_grows_with_its_length() {
    let units = [
        "<",
        "[",
        "< ",
        "<\\n",
        "&",
        "&amp;",
        "&#",
        "<a",
        "<s ",
        "a-",
        "a:",
        "\n",
        " ",
        "\\",
        "\\n",
        "<user",
        "<|",
        "[[inst",
        "<sys\u{200b}",
        "H:\n",
    ];
    for unit in units {
        let text = unit.repeat((64 << 10) / unit.len());
        // With a square in it, this takes minutes.
        assert!(neutral(&text).len() >= text.len() / 2, "{unit:?}");
    }
}
