use std::borrow::Cow;

use serde_json::Value;

use crate::domain::hooks::json::{Cursor, Fault, Raw, first_value};

fn text(raw: &str) -> String {
    first_value(raw.as_bytes()).unwrap().text().unwrap().into_owned()
}

#[test]
fn texts_lose_their_escapes() {
    let table = [
        (r#""""#, ""),
        (r#""plain""#, "plain"),
        (r#""a\"b\\c\/d""#, "a\"b\\c/d"),
        (r#""\n\r\t\b\f""#, "\n\r\t\u{8}\u{c}"),
        (r#""\u0041\u00e9\u20AC""#, "Aé€"),
        (r#""\ud83d\ude00!""#, "😀!"),
        (r#""é😀""#, "é😀"),
        (r#""a\u0000b""#, "a\0b"),
        // Halves of a pair, alone and in a wrong order.
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ude00x""#, "\u{fffd}x"),
        (r#""\ud83dA""#, "\u{fffd}A"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        // No escapes of JSON, but nothing to stumble over.
        (r#""\q""#, "q"),
        (r#""\u12""#, "\u{fffd}12"),
        (r#""\uzzzz""#, "\u{fffd}zzzz"),
        (r#""\u+123""#, "\u{fffd}+123"),
        ("7", "7"),
        ("-1.5e3", "-1.5e3"),
    ];
    for (raw, wanted) in table {
        assert_eq!(text(raw), wanted, "{raw}");
    }
}

#[test]
fn a_text_without_escapes_is_not_copied() {
    let raw = first_value(br#"  "src/lib.rs" "#).unwrap();
    assert!(matches!(raw.text(), Some(Cow::Borrowed("src/lib.rs"))));
}

#[test]
fn what_is_no_utf_8_harms_only_the_text_that_it_is_in() {
    let mut seen = Vec::new();
    let mut cursor = Cursor::new(b"{\"a\":\"x\xffy\",\"b\xff\":1,\"c\":\"ok\"}");
    let whole = cursor.object(|cursor, key| {
        seen.push((key.to_owned(), cursor.value()?.text().unwrap().into_owned()));
        Ok(())
    });
    assert_eq!(whole.map(|whole| whole.bytes().len()), Ok(27));
    let [(a, x), _, (c, ok)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((a.as_str(), x.as_str(), c.as_str(), ok.as_str()), ("a", "x\u{fffd}y", "c", "ok"));
}

#[test]
fn values_are_stepped_over_whole() {
    let table = [
        ("[] x", "[]"),
        ("{} x", "{}"),
        (r#"{"a":[1,{"b":[]},"]}"],"c":null}, 1"#, r#"{"a":[1,{"b":[]},"]}"],"c":null}"#),
        (" [ 1 , [ ] , { \"a\" : { } } ] ]", "[ 1 , [ ] , { \"a\" : { } } ]"),
        (r#""a\\" "b""#, r#""a\\""#),
        ("true,", "true"),
        ("-0.5}", "-0.5"),
    ];
    for (raw, wanted) in table {
        let value = first_value(raw.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(value.bytes()), wanted, "{raw}");
    }
}

#[test]
fn what_is_no_json_is_told_by_its_place() {
    let table = [
        ("", Fault::Ends),
        ("  ", Fault::Ends),
        ("\"a", Fault::Ends),
        ("\"a\\", Fault::Ends),
        ("\"a\\\"", Fault::Ends),
        ("[1,", Fault::Ends),
        ("{\"a\"", Fault::Ends),
        ("{\"a\":", Fault::Ends),
        ("[[[[", Fault::Ends),
        ("NaN", Fault::At(0)),
        ("[1, NaN]", Fault::At(4)),
        ("[-Infinity]", Fault::At(1)),
        ("[1,]", Fault::At(3)),
        ("{,}", Fault::At(1)),
        ("{a:1}", Fault::At(1)),
        ("{\"a\" 1}", Fault::At(5)),
        ("{\"a\":1]", Fault::At(6)),
        ("[1}", Fault::At(2)),
        ("[1 2]", Fault::At(3)),
        ("]", Fault::At(0)),
        ("'a'", Fault::At(0)),
        ("truefalse", Fault::At(0)),
        ("--1", Fault::At(0)),
        ("\u{e9}", Fault::At(0)),
    ];
    for (raw, wanted) in table {
        assert_eq!(first_value(raw.as_bytes()), Err(wanted), "{raw:?}");
    }
}

#[test]
fn members_and_elements_are_given_in_order() {
    let object = first_value(br#"{"a":1,"b":{"a":2},"a":[3]}"#).unwrap();
    let keys: Vec<_> = object.members().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, ["a", "b", "a"]);
    let array = first_value(br#"["x",2,[],{}]"#).unwrap();
    assert_eq!(array.elements().count(), 4);
    assert_eq!(array.members().count() + object.elements().count(), 0);
    assert_eq!(Raw::new(b"{\"a\":1,").members().count(), 1);
}

#[test]
fn depth_does_not_matter() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(first_value(deep.as_bytes()).map(|raw| raw.bytes().len()), Ok(deep.len()));
        // The control: a reader that goes down with the depth has to give up.
        assert!(serde_json::from_str::<Value>(&deep).is_err());
        let cut = open.repeat(100_000);
        assert_eq!(first_value(cut.as_bytes()), Err(Fault::Ends));
    }
}

/// Whether two readers see the same.
fn same(raw: Raw<'_>, value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().all(|(key, value)| {
            let last = raw.members().filter(|(other, _)| other == key).last();
            last.is_some_and(|(_, raw)| same(raw, value))
        }),
        Value::Array(values) => {
            raw.elements().count() == values.len() && raw.elements().zip(values).all(|(raw, value)| same(raw, value))
        }
        Value::String(text) => raw.text().is_some_and(|raw| raw == text.as_str()),
        Value::Number(_) => raw.text().is_some(),
        Value::Bool(_) | Value::Null => raw.text().is_none() && raw.bytes() == value.to_string().as_bytes(),
    }
}

#[test]
fn whatever_another_reader_takes_is_read_alike() {
    let text = br#"{"a":"x\u0041\n\"y\\","b":[1,-2.5e3,true,null,{"c":{},"d":[]}],"a":"\ud83d\ude00","e":""}"#;
    let bytes = b"\"\\{}[]:,0u\n dtrfe-.E+a\x80\xc3";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let mut changed = text.to_vec();
        for _ in 0..next(3) {
            let (at, byte) = (next(changed.len()), bytes[next(bytes.len())]);
            match next(3) {
                0 => changed[at] = byte,
                1 => changed.insert(at, byte),
                _ => drop(changed.remove(at)),
            }
        }
        let ours = first_value(&changed);
        match serde_json::from_slice::<Value>(&changed) {
            Ok(value) => {
                let shown = String::from_utf8_lossy(&changed);
                assert!(ours.is_ok_and(|raw| same(raw, &value)), "{shown}");
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 2_500 && refused > 2_500, "{taken} taken, {refused} refused");
}
