use super::*;
use crate::domain::is_invisible;

/// Texts that must survive byte for byte.
pub(crate) const KEPT: &[&str] = &[
    "plain text, 100 % of it: a\tb",
    "two\n\nlines\n\tand a tab",
    "naïve café e\u{301} 日本語 Ελλάδα",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦",
    "👨🏽\u{200d}🦰",
    "🏳\u{fe0f}\u{200d}🌈",
    "🏳\u{fe0f}\u{200d}⚧\u{fe0f}",
    "🏴\u{200d}☠\u{fe0f}",
    "❤\u{fe0f}\u{200d}🔥",
    "👁\u{fe0f}\u{200d}🗨\u{fe0f}",
    "🏃🏿\u{200d}♀\u{fe0f}\u{200d}➡\u{fe0f}",
    "🐦\u{200d}⬛",
    "🙂\u{200d}↔\u{fe0f}",
    "☺\u{fe0e} and ☺\u{fe0f}",
    "✔\u{fe0f} done, ⚠\u{fe0f} not done",
    "©\u{fe0f} ™\u{fe0e}",
    "1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3} *\u{fe0f}\u{20e3} 2\u{20e3}",
    "👍🏿👍",
    "🇩🇪🇨🇭",
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
    "می\u{200c}خواهم کتاب\u{200c}ها را بخوانم",
    "ه\u{200d}ه",
    "क्\u{200d}ष और क्\u{200c}ष",
    "അവന്\u{200d} വന്നു",
    "ශ්\u{200d}රී ලංකා",
    "葛\u{e0100}城",
    "ᠮᠣᠩᠭᠣᠯ\u{180b}",
];

/// Each text, and what is left of it.
const CLEANED: &[(&str, &str)] = &[
    ("a\r\nb\rc\n\rd", "a\nb\nc\n\nd"),
    ("a\u{2028}b\u{2029}c", "a\nb\nc"),
    ("  a  \n b \t\n", "a\n b"),
    ("a \u{200b}\nb\u{a0}\n\u{3000}", "a\nb"),
    ("\x1b[31mred\x1b[0m\x07\x08", "[31mred[0m"),
    ("a\u{0}b\x7f\u{85}\u{9b}c", "abc"),
    ("\u{202e}txt.exe\u{202c} \u{2066}x\u{2069} \u{200e}\u{200f}\u{61c}y", "txt.exe x y"),
    ("pass\u{200b}word\u{2060}\u{feff}\u{ad}\u{180e}", "password"),
    ("a\u{200d}b \u{200d}c d\u{200d}", "ab c d"),
    ("a\u{200c}b", "ab"),
    ("AKIA1\u{fe0f}2", "AKIA12"),
    ("a\u{fe0f}\u{fe0e} \u{fe0f}b", "a b"),
    ("☺\u{fe0f}\u{fe0f}\u{fe0f}\u{fe0e}", "☺\u{fe0f}"),
    ("😀\u{e0100}\u{e0101}\u{e01ef}", "😀"),
    ("葛\u{e0100}\u{e0101}\u{e0102}", "葛\u{e0100}"),
    ("👩\u{200d}\u{200d}👩", "👩\u{200d}👩"),
    ("👩\u{200d}\u{200b}👩", "👩\u{200d}👩"),
    ("👩\u{200d}", "👩"),
    ("👩\u{200d} 👩", "👩 👩"),
    ("👩\u{200d}a", "👩a"),
    ("1\u{fe0f}", "1"),
    ("\u{e0041}\u{e0042}a\u{e0020}b", "ab"),
    ("🏴\u{e0069}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}\u{e007f}", "🏴"),
    ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}", "🏴"),
    (
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}\u{e0067}",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    ),
    ("می\u{200c}\u{200c}\u{200c}خ", "می\u{200c}خ"),
    ("می\u{200c} x", "می x"),
    ("٣\u{200c}٤", "٣٤"),
    ("\u{fff9}a\u{fffa}b\u{fffb}", "ab"),
    ("\u{2800}\u{2800}⠿\u{2800}⠿\u{2800}", "⠿ ⠿"),
    ("\u{3164}\u{ffa0}\u{115f}\u{1160}\u{34f}", ""),
    ("\u{200b}\n\u{feff} \t\r\n", ""),
];

#[test]
fn what_is_seen_stays_byte_for_byte() {
    for text in KEPT {
        assert_eq!(clean(text), *text, "{}", text.escape_unicode());
        assert_eq!(clean(&format!("({text})")), format!("({text})"), "{}", text.escape_unicode());
    }
}

#[test]
fn what_is_not_seen_goes() {
    for (text, left) in CLEANED {
        assert_eq!(clean(text), *left, "{text:?}");
    }
}

/// What may be left in no text, and where what shows nothing may stand: told apart from the code in other words.
fn forbidden(text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or(' ');
    for (index, c) in chars.iter().copied().enumerate() {
        let (before, after) = (if index == 0 { ' ' } else { at(index - 1) }, at(index + 1));
        let bad = match c {
            '\n' | '\t' => false,
            '\u{200d}' => before.is_ascii() || before == '\u{200d}',
            '\u{200c}' => !before.is_alphabetic() && !is_virama(before) || before.is_ascii(),
            '\u{fe0e}' => before.is_ascii() || may_stay(before),
            '\u{fe0f}' => (before.is_ascii() && after != '\u{20e3}') || may_stay(before),
            '\u{e0100}'..='\u{e01ef}' | '\u{fe00}'..='\u{fe0d}' => !before.is_alphabetic() || before.is_ascii(),
            '\u{e0020}'..='\u{e007f}' => !(before == '\u{1f3f4}' || is_tag(before)),
            c => c.is_control() || is_invisible(c),
        };
        if bad {
            return Some(format!("{:?} at {index} of {}", c, text.escape_unicode()));
        }
    }
    None
}

#[test]
fn no_character_of_unicode_that_is_not_seen_is_left_between_letters() {
    let mut gone = 0;
    for c in '\0'..=char::MAX {
        let text = format!("a{c}b");
        let left = clean(&text);
        if c.is_control() || is_invisible(c) || may_stay(c) {
            gone += 1;
            assert!(!left.contains(c) || matches!(c, '\n' | '\t'), "{c:?}");
        } else {
            assert!(left == text || matches!(c, '\u{fff0}'..='\u{fff8}') || never_stays(c), "{c:?} is seen");
        }
        assert_eq!(forbidden(&left), None);
    }
    assert!(gone > 400, "{gone}");
    assert!(forbidden("a\u{202e}b").is_some() && forbidden("a\u{200d}b").is_some(), "the test can fail");
}

#[test]
fn random_text_is_clean_after_one_cleaning_and_never_longer() {
    let mut state = 5_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let pieces: Vec<char> = KEPT
        .iter()
        .copied()
        .chain(CLEANED.iter().map(|(text, _)| *text))
        .flat_map(str::chars)
        .chain(" \n\r\t1#*<>".chars())
        .collect();
    let (mut changed, mut escaped) = (0, 0);
    for _ in 0..20_000 {
        let text: String = (0..below(24))
            .map(|_| match below(12) {
                0 => char::from_u32(u32::try_from(below(0x11_0000)).unwrap()).unwrap_or('x'),
                1 => char::from_u32(u32::try_from(0x2000 + below(0x100)).unwrap()).unwrap_or('x'),
                _ => pieces[below(pieces.len())],
            })
            .collect();
        let once = clean(&text);
        assert!(once.len() <= text.len(), "{text:?}");
        assert_eq!(clean(&once), once, "{}", text.escape_unicode());
        assert_eq!(forbidden(&once), None, "of {}", text.escape_unicode());
        assert!(!once.contains('\r') && once.trim() == once && !once.contains(" \n") && !once.contains("\t\n"));
        assert!(in_place(&once).all(|(c, stays)| stays == may_stay(c)), "{}", text.escape_unicode());
        changed += usize::from(once != text);
        escaped += usize::from(once.chars().any(may_stay));
    }
    assert!(changed > 10_000 && escaped > 1_000, "{changed} {escaped}");
}
