//! Entering hooks in a settings file, and taking them out.

use serde_json::{Map, Value, json};

use super::{
    Event, Flaw, Harness, Shape,
    edit::Document,
    ours::{Binary, Command},
};

/// The member that hooks stand under.
const HOOKS: &str = "hooks";

/// Where a hook stands.
#[derive(Debug)]
struct Handler {
    event: String,
    /// The containers around it and its place in each, from the list of hooks outwards.
    around: Vec<(usize, usize)>,
    /// The node of its command.
    command: usize,
    is: Command,
}

/// A settings file without our hooks.
#[derive(Debug, PartialEq, Eq)]
pub struct Stripped {
    /// What is left.
    pub text: String,
    /// How many hooks were taken out.
    pub removed: usize,
    /// How many hooks of a person's making call us and were left.
    pub wrappers: usize,
}

/// The text of a settings file with a hook for every event: those that are missing are added behind the others, those
/// that call another copy of the program call this one.
///
/// # Errors
/// If the text cannot be read, or is no settings file where something must be added.
pub fn with_hooks(text: &str, harness: &Harness, binary: &Binary) -> Result<String, Flaw> {
    let mut document = Document::new(text.to_owned())?;
    let Some(root) = document.root() else {
        document.begin(&whole(harness, binary))?;
        return Ok(document.into_text());
    };
    if !document.is_object(root) {
        return Err(document.flaw(root, "the file should be an object, { … }"));
    }
    if harness.shape == Shape::Flat && document.member(root, "version")?.is_none() {
        document.add(root, Some("version"), &json!(1))?;
    }
    match document.member(root, HOOKS)? {
        None => document.add(root, Some(HOOKS), &all(harness, binary))?,
        Some(hooks) if !document.is_object(hooks.value) => {
            return Err(document.flaw(hooks.value, "\"hooks\" should be an object, { … }"));
        }
        Some(_) => {
            for event in harness.events {
                with_event(&mut document, harness, event, binary)?;
            }
        }
    }
    Ok(document.into_text())
}

/// A whole settings file with nothing but our hooks.
fn whole(harness: &Harness, binary: &Binary) -> Value {
    let hooks = all(harness, binary);
    if harness.shape == Shape::Flat { json!({ "version": 1, HOOKS: hooks }) } else { json!({ HOOKS: hooks }) }
}

fn all(harness: &Harness, binary: &Binary) -> Value {
    let of = |event: &Event| (event.name.to_owned(), json!([hook(harness, event, binary)]));
    Value::Object(harness.events.iter().map(of).collect())
}

/// An element of the list of an event.
fn hook(harness: &Harness, event: &Event, binary: &Binary) -> Value {
    let command = binary.command(event.name, harness.name);
    if harness.shape == Shape::Flat {
        return json!({ "command": command, "timeout": harness.timeout });
    }
    let mut group = Map::new();
    if event.of_tools {
        group.insert("matcher".to_owned(), json!("*"));
    }
    group.insert(HOOKS.to_owned(), json!([{ "type": "command", "command": command, "timeout": harness.timeout }]));
    Value::Object(group)
}

fn with_event(document: &mut Document, harness: &Harness, event: &Event, binary: &Binary) -> Result<(), Flaw> {
    let Some(hooks) = document.root().map(|root| document.member(root, HOOKS)).transpose()?.flatten() else {
        return Ok(());
    };
    let Some(list) = document.member(hooks.value, event.name)? else {
        return document.add(hooks.value, Some(event.name), &json!([hook(harness, event, binary)]));
    };
    if !document.is_array(list.value) {
        return Err(document.flaw(list.value, format!("{:?} should be a list, [ … ]", event.name)));
    }
    let handlers = handlers(document, binary)?;
    let mut ours = handlers.iter().filter(|found| found.event == event.name && found.is != Command::Foreign);
    let Some(found) = ours.next() else {
        return document.add(list.value, None, &hook(harness, event, binary));
    };
    let usual = [event.name, "--harness", harness.name];
    match &found.is {
        // One that a person has changed in another way is theirs.
        Command::Own { word, args } if *word != binary.word && args.iter().eq(usual) => {
            document.replace(found.command, &binary.command(event.name, harness.name))
        }
        Command::Own { .. } | Command::Wrapper | Command::Foreign => Ok(()),
    }
}

/// Every hook with a command. What has another shape is none of ours, and passed over.
fn handlers(document: &Document, binary: &Binary) -> Result<Vec<Handler>, Flaw> {
    let mut found = Vec::new();
    let Some(root) = document.root().filter(|root| document.is_object(*root)) else { return Ok(found) };
    let Some(hooks) = document.member(root, HOOKS)?.filter(|hooks| document.is_object(hooks.value)) else {
        return Ok(found);
    };
    let command = |handler: usize| {
        let entries = document.entries(handler);
        entries.into_iter().find(|(key, _)| key.as_deref() == Some("command")).map(|(_, node)| node)
    };
    for (nth_event, (event, list)) in document.entries(hooks.value).into_iter().enumerate() {
        let Some(event) = event.filter(|_| document.is_array(list)) else { continue };
        let outer = [(hooks.value, nth_event), (root, hooks.nth)];
        for (nth, (_, element)) in document.entries(list).into_iter().enumerate() {
            let mut push = |inner: &[(usize, usize)], handler| {
                let Some(node) = command(handler) else { return };
                let Some(text) = document.string(node) else { return };
                let around = inner.iter().chain(&[(list, nth)]).chain(&outer).copied().collect();
                let is = binary.recognise(&text);
                found.push(Handler { event: event.clone(), around, command: node, is });
            };
            push(&[], element);
            let own = document.entries(element).into_iter().enumerate();
            let own = own.filter(|(_, (key, node))| key.as_deref() == Some(HOOKS) && document.is_array(*node));
            for (nth_list, (_, inner)) in own {
                for (nth_handler, (_, handler)) in document.entries(inner).into_iter().enumerate() {
                    push(&[(inner, nth_handler), (element, nth_list)], handler);
                }
            }
        }
    }
    Ok(found)
}

/// Whether there is a hook that calls us.
#[must_use]
pub fn holds_hooks(text: &str, binary: &Binary) -> bool {
    let found = Document::new(text.to_owned()).and_then(|document| handlers(&document, binary));
    found.is_ok_and(|found| found.iter().any(|handler| handler.is != Command::Foreign))
}

/// The text without our hooks, and without the containers that are empty for that; but for those in which somebody has
/// written a comment, and those which `before`, the text as it was before they were added, has.
///
/// # Errors
/// If the text cannot be read.
pub fn without_hooks(text: &str, binary: &Binary, before: Option<&str>) -> Result<Stripped, Flaw> {
    let mut document = Document::new(text.to_owned())?;
    let before = before.and_then(|before| Document::new(before.to_owned()).ok());
    let mut removed = 0;
    loop {
        let found = handlers(&document, binary)?;
        // From behind: so their order does not matter.
        let Some(ours) = found.iter().rev().find(|found| matches!(found.is, Command::Own { .. })) else {
            let wrappers = found.iter().filter(|found| found.is == Command::Wrapper).count();
            return Ok(Stripped { text: document.into_text(), removed, wrappers });
        };
        removed += 1;
        let mut around = ours.around.iter();
        let mut target = around.next().copied();
        // Outwards, as long as nothing else would be left.
        for (container, nth) in around {
            let Some((inner, _)) = target else { break };
            let commented = document.has_comments(inner) || document.has_comment_behind_name(*container, *nth);
            if commented || !is_spent(&document, inner) || was_there(before.as_ref(), &document, inner, &ours.event) {
                break;
            }
            target = Some((*container, *nth));
        }
        let Some((container, nth)) = target else { break };
        document.remove(container, nth)?;
    }
    Ok(Stripped { text: document.into_text(), removed, wrappers: 0 })
}

/// Whether a container holds nothing but the one thing that is to be taken out, and at most what only serves that.
fn is_spent(document: &Document, container: usize) -> bool {
    let entries = document.entries(container);
    let serves = |key: &Option<String>| key.as_deref() == Some("matcher");
    let group = document.is_object(container) && entries.iter().any(|(key, _)| key.as_deref() == Some(HOOKS));
    entries.iter().filter(|(key, _)| !(group && serves(key))).count() == 1
}

/// Whether this container, the list of an event or the object of all of them, was there before.
fn was_there(before: Option<&Document>, document: &Document, container: usize, event: &str) -> bool {
    let hooks_of = |document: &Document| {
        let root = document.root()?;
        document.member(root, HOOKS).ok().flatten().map(|found| found.value)
    };
    let (Some(before), Some(now)) = (before, hooks_of(document)) else { return false };
    let Some(then) = hooks_of(before) else { return false };
    let list = document.member(now, event).ok().flatten();
    if container == now {
        return true;
    }
    list.is_some_and(|list| list.value == container) && before.member(then, event).is_ok_and(|list| list.is_some())
}

/// Whether there is nothing in a settings file that anybody would miss.
#[must_use]
pub fn is_bare(text: &str, harness: &Harness) -> bool {
    let Ok(document) = Document::new(text.to_owned()) else { return false };
    let text = text.trim_start_matches('\u{feff}');
    let Some(root) = document.root() else { return text.trim().is_empty() };
    let bare = |key: &Option<String>| harness.shape == Shape::Flat && key.as_deref() == Some("version");
    let comment = text.contains("//") || text.contains("/*");
    document.is_object(root) && !comment && document.entries(root).iter().all(|(key, _)| bare(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary() -> Binary {
        Binary { word: "swarmlock".to_owned() }
    }

    fn claude() -> &'static Harness {
        Harness::named("claude-code").unwrap()
    }

    #[test]
    fn what_is_entered_is_what_the_harness_reads() {
        let text = with_hooks("", claude(), &binary()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let group = &value["hooks"]["PreToolUse"][0];
        assert_eq!(group["matcher"], "*");
        assert_eq!(group["hooks"][0]["command"], "swarmlock hook PreToolUse --harness claude-code");
        assert_eq!((&group["hooks"][0]["timeout"], &group["hooks"][0]["type"]), (&json!(5), &json!("command")));
        assert!(value["hooks"]["Stop"][0].get("matcher").is_none());
        assert_eq!(value["hooks"].as_object().unwrap().len(), 9);
        let cursor = with_hooks("{}", Harness::named("cursor").unwrap(), &binary()).unwrap();
        let value: Value = serde_json::from_str(&cursor).unwrap();
        assert_eq!((&value["version"], &value["hooks"]["stop"][0]["timeout"]), (&json!(1), &json!(5)));
    }

    #[test]
    fn again_it_changes_nothing_and_taken_out_nothing_of_it_is_left() {
        for harness in crate::domain::settings::HARNESSES.iter().filter(|harness| harness.shape != Shape::Plugin) {
            for text in [
                "{\n  \"a\": 1\n}\n",
                "{\"a\":1,\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"x\"}]}]}}",
                "{\n\t// c\n\t\"hooks\": {\n\t\t\"PreToolUse\": [\n\t\t\t{ \"matcher\": \"Edit\", \"hooks\": [] },\n\t\t],\n\t},\n}",
            ] {
                let with = with_hooks(text, harness, &binary()).unwrap();
                assert_ne!(with, text);
                assert_eq!(with_hooks(&with, harness, &binary()).unwrap(), with);
                let version = text.contains("version") || harness.shape != Shape::Flat;
                let stripped = without_hooks(&with, &binary(), Some(text)).unwrap();
                assert_eq!(stripped.removed, harness.events.len());
                assert!(stripped.text == text || !version, "{}: {}", harness.name, stripped.text);
            }
        }
    }

    #[test]
    fn no_comment_is_taken_out_with_what_is_around_our_hooks() {
        for text in [
            "{\"hooks\": {\"Stop\": [ // mine\n]}}",
            "{\"hooks\": {\"Stop\": /* mine */ []}}",
            "{\"hooks\": { /* mine */ }}",
            "{\"hooks\": // mine\n{}}",
            "{\"hooks\": {\"Stop\": [{\"hooks\": [/* mine */]}]}}",
        ] {
            let with = with_hooks(text, claude(), &binary()).unwrap();
            // Nobody remembers how it was.
            let stripped = without_hooks(&with, &binary(), None).unwrap();
            assert!(stripped.removed == 9 && stripped.text.contains("mine"), "{text}: {}", stripped.text);
        }
        let text = with_hooks("{}", claude(), &binary()).unwrap();
        for at in ["\"Stop\": [", "\"Stop\":", "\"matcher\": \"*\",", "{\n  \"hooks\":", "\"hooks\": {"] {
            let commented = text.replacen(at, &format!("{at} // mine\n"), 1);
            let stripped = without_hooks(&commented, &binary(), Some("{}")).unwrap();
            assert!(stripped.text.contains("mine"), "{at}: {}", stripped.text);
        }
    }

    #[test]
    fn a_moved_program_is_called_where_it_is_and_wrappers_are_left() {
        let old = Binary { word: "/old/place/swarmlock".to_owned() };
        let with = with_hooks("{}", claude(), &old).unwrap();
        let moved = with_hooks(&with, claude(), &binary()).unwrap();
        assert_eq!(moved, with.replace("/old/place/", ""));
        let wrapped = with.replacen("/old/place/swarmlock hook Stop", "timeout 9 /old/place/swarmlock hook Stop", 1);
        let kept = with_hooks(&wrapped, claude(), &binary()).unwrap();
        assert!(kept.contains("timeout 9 /old/place/swarmlock hook Stop"));
        assert_eq!(kept.matches("swarmlock hook Stop").count(), 1, "{kept}");
        let stripped = without_hooks(&kept, &binary(), None).unwrap();
        assert_eq!((stripped.removed, stripped.wrappers), (8, 1));
    }

    #[test]
    fn a_wrong_shape_is_a_flaw_with_its_line() {
        for (text, line) in [
            ("[]", 1),
            ("\n3", 2),
            ("{\n\"hooks\": []}", 2),
            ("{\"hooks\": null}", 1),
            ("{\"hooks\":\n{\n\"PreToolUse\": {}}}", 3),
            ("{\"hooks\": {}, \"hooks\": {}}", 1),
            ("{\"hooks\": {\"Stop\": \"x\"}}", 1),
            ("{", 1),
        ] {
            assert_eq!(with_hooks(text, claude(), &binary()).unwrap_err().line, Some(line), "{text}");
        }
    }

    #[test]
    fn a_bare_file_is_one_that_nobody_misses() {
        let cursor = Harness::named("cursor").unwrap();
        assert!(is_bare("{}", claude()) && is_bare(" \n", claude()) && is_bare("{\"version\": 1}", cursor));
        assert!(!is_bare("{\"version\": 1}", claude()) && !is_bare("// x\n{}", claude()) && !is_bare("[", claude()));
    }
}
