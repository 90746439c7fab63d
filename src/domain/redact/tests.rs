mod corpus;
mod pathological;

use super::{bytes::STEPS, *};
use corpus::{marked, must, must_not};
use pathological::{pathological, random};

#[test]
fn every_secret_of_the_corpus_goes_and_what_names_it_stays() {
    let cases = must();
    assert!(cases.len() >= 60);
    let mut wrong = Vec::new();
    for case in cases {
        let (plain, wanted) = marked(&case);
        // A secret without an end mark goes on to the end.
        let wanted = wanted.split_once("unclosed").map_or(wanted.clone(), |(start, _)| format!("{start}***"));
        let got = redact(&plain);
        if got != wanted {
            wrong.push(format!("{plain}\n   -> {got}\n  not {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_secret_stays() {
    let cases = must_not();
    assert!(cases.len() >= 60);
    let wrong: Vec<_> = cases.iter().filter(|case| !matches!(redact(case), Cow::Borrowed(_))).collect();
    let told: Vec<_> = wrong.iter().map(|case| format!("{case}\n   -> {}", redact(case))).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn what_is_redacted_once_stays_as_it_is() {
    let mut parts: Vec<String> = must().iter().map(|case| marked(case).0).chain(must_not()).collect();
    parts.extend(["\"", "'", "=", ": ", " ", "\n", "password", "***", "://", "@", "é", "-", "--"].map(str::to_owned));
    let mut state = 7_usize;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut wrong = Vec::new();
    for _ in 0..20_000 {
        let text: String = (0..1 + next(4)).map(|_| parts[next(parts.len())].as_str()).collect();
        let once = redact(&text).into_owned();
        let twice = redact(&once);
        if twice != once {
            wrong.push(format!("{text}\n  1 {once}\n  2 {twice}"));
        }
    }
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}

#[test]
fn work_grows_with_the_text_and_not_with_its_square() {
    let mut wrong = Vec::new();
    for ((what, small), (_, large)) in pathological(8 << 10).into_iter().zip(pathological(32 << 10)) {
        let steps = |text: &str| {
            STEPS.set(0);
            drop(redact(text).into_owned());
            STEPS.get()
        };
        let (few, many) = (steps(&small), steps(&large));
        // Four times the text; a square would be sixteen.
        if many > few * 5 + 1000 || many > large.len() * 150 {
            wrong.push(format!("{what:?}: {few} steps, {many} for four times the text of {}", large.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn patterns_of_the_user_mask_what_they_match() {
    let redactor = Redactor::new(&["PRJ-[0-9]+".to_owned(), "x{3}y".to_owned()]).unwrap();
    assert_eq!(redactor.redact("see PRJ-12 and xxxy, password=x"), "see *** and ***, password=***");
    assert!(matches!(redactor.redact("nothing of it"), Cow::Borrowed(_)));
    assert!(matches!(redact("PRJ-12"), Cow::Borrowed(_)), "the control");
}

#[test]
fn a_bad_pattern_is_an_error_that_does_not_quote_it() {
    for bad in
        ["(secretx", "x*", "", ".+", "\\*", "(a{1000}){1000}", "a{99999999}", &"a".repeat(1025), "(?<n>", "\\p{Foo}"]
    {
        let error = Redactor::new(&["fine".to_owned(), bad.to_owned()]).unwrap_err();
        assert_eq!(error.number, 2, "{bad:?}");
        assert!(!error.to_string().contains("secretx"));
    }
    assert_eq!(Redactor::new(&vec!["a".to_owned(); 65]).unwrap_err().number, 0);
}

/// All pieces of a stream that comes in chunks of this size.
fn filtered(bytes: &[u8], chunk: usize) -> Vec<u8> {
    let redactor = Redactor::default();
    let (mut filter, mut out) = (Filter::new(&redactor), Vec::new());
    let mut give = |piece: Piece<'_>| {
        out.extend_from_slice(&piece.text);
        out.extend_from_slice(piece.end);
    };
    for chunk in bytes.chunks(chunk) {
        filter.take(chunk, &mut give);
    }
    filter.finish(&mut give);
    out
}

#[test]
fn a_stream_is_redacted_as_the_text_whatever_its_chunks() {
    for case in must().iter().map(|case| marked(case).0).chain(must_not()) {
        for text in [case.clone(), format!("{case}\n"), format!("a\r\n{case}\r\nb")] {
            for chunk in [1, 3, 1000] {
                assert_eq!(String::from_utf8(filtered(text.as_bytes(), chunk)).unwrap(), redact(&text), "{text:?}");
            }
        }
    }
    assert_eq!(filtered(b"\xff\xfe password=x\xff \x80\n", 2), b"\xff\xfe password=*** \x80\n");
}

#[test]
fn a_line_of_many_mebibytes_keeps_no_secret_wherever_it_stands() {
    for at in [0, 100, (1 << 20) - 20, (1 << 20) - 5, 1 << 20, (1 << 20) + 3, 2_500_000] {
        let text = format!("{} password=hunter2hunter2 {}", "word ".repeat(at / 5), "word ".repeat(600_000));
        let out = String::from_utf8(filtered(text.as_bytes(), 65_536)).unwrap();
        assert_eq!(out, text.replace("hunter2hunter2", "***"), "at {at}");
    }
    let endless = format!("token=\"{}\nafter", random(3 << 20));
    assert_eq!(String::from_utf8(filtered(endless.as_bytes(), 1000)).unwrap(), "token=\"***\nafter");
}
