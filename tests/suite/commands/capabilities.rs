use std::collections::BTreeMap;

use swarmlock::cli::{Code, command};

use crate::harness::Site;

#[test]
fn what_it_lists_is_what_the_parser_and_the_exit_codes_are() {
    let site = Site::outside_git();
    let run = site.nobody().run(["capabilities", "--json"]).expect(0);
    let json = run.json();
    let parser = command();
    let commands: BTreeMap<_, Vec<_>> = parser
        .get_subcommands()
        .map(|command| (command.get_name().to_owned(), command.get_visible_aliases().collect()))
        .collect();
    let listed: BTreeMap<_, Vec<_>> = json["commands"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, about)| {
            (name.clone(), about["aliases"].as_array().unwrap().iter().map(|alias| alias.as_str().unwrap()).collect())
        })
        .collect();
    assert_eq!(listed, commands);
    let codes: BTreeMap<_, _> = Code::ALL.iter().map(|code| (code.word().to_owned(), code.number().into())).collect();
    assert_eq!(json["exit_codes"].as_object().unwrap().clone().into_iter().collect::<BTreeMap<_, _>>(), codes);
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    for kind in json["message_types"].as_array().unwrap() {
        // There is nobody to send it to; but the type is one.
        let kind = kind.as_str().unwrap();
        Site::new().agent("alice").run(["send", "bob", &kind.to_lowercase(), "x"]).expect(13);
    }
    assert!(json["message_types"].as_array().unwrap().len() >= 15);

    let text = site.nobody().run(["capabilities"]).expect(0).out;
    for (name, aliases) in commands {
        assert!(text.contains(&format!("command\t{name}\t{}\n", aliases.join(" "))), "{name}: {text}");
    }
}
