//! Changing a text of JSON where it must be changed: every other byte stays what and where it is.

use std::ops::Range;

use serde_json::Value;

use super::{
    Flaw,
    scan::{Entry, Kind, Node, Tree, line_of, scan},
};

/// A text of JSON, and where its values stand.
#[derive(Debug)]
pub(super) struct Document {
    text: String,
    tree: Tree,
}

/// What is found under a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Which of the members it is.
    pub(super) nth: usize,
    /// Which node is its value.
    pub(super) value: usize,
}

impl Document {
    /// # Errors
    /// Where the text is not JSON.
    pub(super) fn new(text: String) -> Result<Self, Flaw> {
        let tree = scan(&text)?;
        Ok(Self { text, tree })
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// The value of the whole text; `None` if there are only blanks and comments.
    pub(super) fn root(&self) -> Option<usize> {
        self.tree.root
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn node(&self, at: usize) -> Option<&Node> {
        self.tree.node(at)
    }

    /// What is wrong at a node.
    pub(super) fn flaw(&self, node: usize, why: impl Into<String>) -> Flaw {
        Flaw { line: self.node(node).map(|node| line_of(&self.text, node.span.start)), why: why.into() }
    }

    pub(super) fn is_object(&self, node: usize) -> bool {
        self.node(node).is_some_and(|node| node.kind == Kind::Object)
    }

    pub(super) fn is_array(&self, node: usize) -> bool {
        self.node(node).is_some_and(|node| node.kind == Kind::Array)
    }

    /// The text of a string; `None` if it is none, or holds half a character.
    pub(super) fn string(&self, node: usize) -> Option<String> {
        let node = self.node(node).filter(|node| node.kind == Kind::String)?;
        serde_json::from_str(self.slice(node.span.clone())).ok()
    }

    /// What is in a container: each name, if it has one, and its node.
    pub(super) fn entries(&self, node: usize) -> Vec<(Option<String>, usize)> {
        let entries = self.node(node).map(|node| &node.entries[..]).unwrap_or_default();
        entries.iter().map(|entry| (self.key(entry), entry.value)).collect()
    }

    fn key(&self, entry: &Entry) -> Option<String> {
        entry.key.clone().and_then(|key| serde_json::from_str(self.slice(key)).ok())
    }

    /// Whether there is a comment in a container, outside of the values in it.
    pub(super) fn has_comments(&self, container: usize) -> bool {
        let Some(node) = self.node(container) else { return false };
        let (mut at, mut found) = (node.span.start.saturating_add(1), false);
        for (nth, entry) in node.entries.iter().enumerate() {
            found |= self.has_slash(at..entry.start) || self.has_comment_behind_name(container, nth);
            at = self.node(entry.value).map_or(at, |value| value.span.end);
        }
        found || self.has_slash(at..node.span.end)
    }

    /// Whether there is a comment between the name of a member and its value.
    pub(super) fn has_comment_behind_name(&self, container: usize, nth: usize) -> bool {
        let entry = self.node(container).and_then(|node| node.entries.get(nth));
        let gap = entry.and_then(|entry| Some(entry.key.as_ref()?.end..self.node(entry.value)?.span.start));
        gap.is_some_and(|gap| self.has_slash(gap))
    }

    /// Whether there is a comment in what stands between values.
    fn has_slash(&self, between: Range<usize>) -> bool {
        self.slice(between).contains('/')
    }

    /// The member of this name.
    ///
    /// # Errors
    /// If there are two of it: programs do not agree on which one counts.
    pub(super) fn member(&self, object: usize, name: &str) -> Result<Option<Member>, Flaw> {
        let mut found: Option<Member> = None;
        for (nth, (key, value)) in self.entries(object).into_iter().enumerate() {
            if key.as_deref() != Some(name) {
                continue;
            }
            if found.is_some() {
                return Err(self.flaw(value, format!("there is a second {name:?} in the same object")));
            }
            found = Some(Member { nth, value });
        }
        Ok(found)
    }

    /// Adds a member at the end of an object, or an element at the end of an array.
    ///
    /// # Errors
    /// If what comes of it cannot be read, which would be a fault of ours.
    pub(super) fn add(&mut self, container: usize, name: Option<&str>, value: &Value) -> Result<(), Flaw> {
        let Some(node) = self.node(container) else { return Ok(()) };
        let newline = self.newline();
        let (start, end, tail) = (node.span.start, node.span.end.saturating_sub(1), node.tail);
        let base = self.indent(start);
        let first = node.entries.first();
        let lines = match first {
            // One that is written in a line is continued in it.
            Some(first) => node.open_tail || self.slice(start + 1..first.start).contains('\n'),
            None => true,
        };
        let own_line = first.filter(|first| self.slice(start + 1..first.start).contains('\n'));
        let indent = match own_line {
            Some(first) => self.indent(first.start),
            None => format!("{base}{}", self.unit()),
        };
        let name = name.map(|name| Value::from(name).to_string());
        let spaced = self.text.contains("\": ") || !self.text.contains("\":");
        let label = name.map(|name| name + if spaced || lines { ": " } else { ":" }).unwrap_or_default();
        let item = if lines {
            format!("{newline}{indent}{label}{}", in_lines(value, &self.unit(), &indent, newline))
        } else if spaced {
            format!(" {label}{}", in_lines(value, "", "", "\n").replace('\n', " "))
        } else {
            format!("{label}{value}")
        };
        let mut edits: Vec<(usize, String)> = Vec::new();
        match node.entries.last() {
            Some(Entry { comma: Some(_), .. }) => edits.push((tail, item + ",")),
            Some(last) => {
                let after = self.node(last.value).map_or(tail, |value| value.span.end);
                edits.push((after, ",".to_owned()));
                edits.push((tail, item));
            }
            None if self.slice(tail..end).contains('\n') => edits.push((tail, item)),
            None => edits.push((tail, format!("{item}{newline}{base}"))),
        }
        let mut text = self.text.clone();
        for (at, insert) in edits.into_iter().rev() {
            text.insert_str(at, &insert);
        }
        self.set(text)
    }

    /// Puts the value of the whole text where there are only blanks and comments.
    ///
    /// # Errors
    /// As [`Document::add`].
    pub(super) fn begin(&mut self, value: &Value) -> Result<(), Flaw> {
        let newline = self.newline();
        let mut text = self.text.clone();
        if !text.trim_start_matches('\u{feff}').is_empty() && !text.ends_with('\n') {
            text.push_str(newline);
        }
        text.push_str(&in_lines(value, "  ", "", newline));
        text.push_str(newline);
        self.set(text)
    }

    /// Puts another string in place of this one.
    ///
    /// # Errors
    /// As [`Document::add`].
    pub(super) fn replace(&mut self, node: usize, with: &str) -> Result<(), Flaw> {
        let Some(span) = self.node(node).map(|node| node.span.clone()) else { return Ok(()) };
        let mut text = self.text.clone();
        text.replace_range(span, &Value::from(with).to_string());
        self.set(text)
    }

    /// Takes out what is in this place of a container, with the comma that it needed. Comments stay.
    ///
    /// # Errors
    /// As [`Document::add`].
    pub(super) fn remove(&mut self, container: usize, nth: usize) -> Result<(), Flaw> {
        let Some(node) = self.node(container) else { return Ok(()) };
        let Some(entry) = node.entries.get(nth) else { return Ok(()) };
        let end = self.node(entry.value).map_or(entry.start, |value| value.span.end);
        let mut text = self.text.clone();
        // From behind, so that positions stay true.
        if let Some(comma) = entry.comma {
            text.replace_range(comma..comma + 1, "");
        }
        // What follows in the same line would be a part of the comment.
        let rest = text.get(end..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let newline = if entry.behind_open && !rest.trim().is_empty() { self.newline() } else { "" };
        text.replace_range(entry.before..end, newline);
        let before = nth.checked_sub(1).and_then(|before| node.entries.get(before)?.comma);
        if let Some(comma) = before.filter(|_| entry.comma.is_none()) {
            text.replace_range(comma..comma + 1, "");
        }
        self.set(text)
    }

    fn set(&mut self, text: String) -> Result<(), Flaw> {
        *self = Self::new(text)?;
        Ok(())
    }

    /// How lines end here.
    fn newline(&self) -> &'static str {
        newline(&self.text)
    }

    /// The blanks that the line begins with in which this byte stands.
    fn indent(&self, at: usize) -> String {
        let line = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let line = self.text.get(line..).unwrap_or_default().trim_start_matches('\u{feff}');
        line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
    }

    /// What is indented by, a level.
    fn unit(&self) -> String {
        let root = self.root().and_then(|root| self.node(root));
        let first = root.and_then(|root| Some((root, root.entries.first()?)));
        let unit = first.filter(|(root, first)| self.slice(root.span.start..first.start).contains('\n')).and_then(
            |(root, first)| {
                let (outer, inner) = (self.indent(root.span.start), self.indent(first.start));
                inner.strip_prefix(&outer).filter(|unit| !unit.is_empty()).map(str::to_owned)
            },
        );
        unit.unwrap_or_else(|| "  ".to_owned())
    }
}

/// How lines end in a text: as the first of them does.
pub(super) fn newline(text: &str) -> &'static str {
    let first = text.find('\n').and_then(|end| text.get(..end));
    if first.is_some_and(|first| first.ends_with('\r')) { "\r\n" } else { "\n" }
}

/// A value in several lines, the first without its indentation.
fn in_lines(value: &Value, unit: &str, indent: &str, newline: &str) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(unit.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    // A value always serialises, and to UTF-8; no line end in it but the formatter's.
    match serde::Serialize::serialize(value, &mut serializer) {
        Ok(()) | Err(_) => {}
    }
    String::from_utf8(bytes).unwrap_or_default().replace('\n', &format!("{newline}{indent}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Adds `"n": [1]` to the object under `"o"`, or else to the root, and takes it out again.
    fn there_and_back(text: &str) -> String {
        let mut document = Document::new(text.to_owned()).unwrap();
        let at = |document: &Document| {
            let root = document.root().unwrap();
            document.member(root, "o").unwrap().map_or(root, |member| member.value)
        };
        document.add(at(&document), Some("n"), &json!([1])).unwrap();
        let with = document.text.clone();
        let node = at(&document);
        let member = document.member(node, "n").unwrap().unwrap();
        document.remove(node, member.nth).unwrap();
        let blank = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
        assert_eq!(blank(&document.text), blank(text), "{with}");
        if text.contains(": 1") {
            assert_eq!(document.text, text, "{with}");
        }
        with
    }

    #[test]
    fn the_style_is_continued_and_taking_out_is_the_reverse() {
        for (text, with) in [
            ("{}", "{\n  \"n\": [\n    1\n  ]\n}"),
            ("{\n}\n", "{\n  \"n\": [\n    1\n  ]\n}\n"),
            ("{\"a\":1}", "{\"a\":1,\"n\":[1]}"),
            ("{\"a\": 1}", "{\"a\": 1, \"n\": [ 1 ]}"),
            ("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"n\": [\n    1\n  ]\n}\n"),
            ("{\n\t\"a\": 1,\n}", "{\n\t\"a\": 1,\n\t\"n\": [\n\t\t1\n\t],\n}"),
            ("{\r\n    \"a\": 1 // c\r\n}", "{\r\n    \"a\": 1, // c\r\n    \"n\": [\r\n        1\r\n    ]\r\n}"),
            ("{\n   \"a\": 1, /* c */ // d\n}", "{\n   \"a\": 1, /* c */ // d\n   \"n\": [\n      1\n   ],\n}"),
            ("{\"a\": 1 // c\n}", "{\"a\": 1, // c\n  \"n\": [\n    1\n  ]\n}"),
            ("{\n  // only\n}", "{\n  // only\n  \"n\": [\n    1\n  ]\n}"),
            ("{\n  \"a\": 1}", "{\n  \"a\": 1,\n  \"n\": [\n    1\n  ]}"),
            ("{\n \"o\": {\n  \"b\": 1\n }\n}", "{\n \"o\": {\n  \"b\": 1,\n  \"n\": [\n   1\n  ]\n }\n}"),
            ("{\n \"o\": {}\n}", "{\n \"o\": {\n  \"n\": [\n   1\n  ]\n }\n}"),
        ] {
            assert_eq!(there_and_back(text), with);
        }
    }

    #[test]
    fn a_comment_swallows_nothing_when_what_stands_behind_it_is_taken_out() {
        for (text, nth, left) in [
            ("[1, // c\n2]", 1, "[1 // c\n]"),
            ("[ // c\r\n1, 2]", 0, "[ // c\r\n 2]"),
            ("[ // c\n1 /* d */]", 0, "[ // c\n /* d */]"),
            ("[ // c\n1\n]", 0, "[ // c\n]"),
        ] {
            let mut document = Document::new(text.to_owned()).unwrap();
            document.remove(0, nth).unwrap();
            assert_eq!(document.text, left);
        }
    }

    #[test]
    fn two_members_of_one_name_are_a_flaw() {
        let document = Document::new("{\n\"a\": 1,\n\"\\u0061\": 2}".to_owned()).unwrap();
        assert_eq!(document.member(0, "a").unwrap_err().line, Some(3));
        assert!(document.member(0, "b").unwrap().is_none());
    }
}
