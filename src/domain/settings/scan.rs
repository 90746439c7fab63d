//! JSON with comments and trailing commas, as text: where every value of it stands.
//!
//! Nothing is built from the values, and nothing calls itself: a file may be nested as deep as it is long.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::Flaw;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    /// A number, `true`, `false` or `null`.
    Other,
}

/// A value, and for an object or an array what is in it. Positions are bytes of the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    pub(super) entries: Vec<Entry>,
    /// Where the last token or comment before the closing bracket ends.
    pub(super) tail: usize,
    /// Whether that is a comment that only the end of the line ends.
    pub(super) open_tail: bool,
}

/// A member of an object or an element of an array.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name of a member, with its quotes.
    pub(super) key: Option<Range<usize>>,
    /// Which node is its value.
    pub(super) value: usize,
    /// Where it begins: at its name, if it has one.
    pub(super) start: usize,
    /// Where the token or comment before it ends.
    pub(super) before: usize,
    /// Whether that is a comment that only the end of the line ends.
    pub(super) behind_open: bool,
    /// Where the comma behind it stands.
    pub(super) comma: Option<usize>,
}

/// A text and where its values stand.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The value of the whole text; `None` if there are only blanks and comments.
    pub(super) root: Option<usize>,
}

impl Tree {
    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }
}

/// The line, counted from 1, that a byte stands in.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Where the last token or comment ends.
    last: usize,
    /// Whether that was a comment up to the end of its line.
    open: bool,
    nodes: Vec<Node>,
    /// The containers around, the innermost last.
    around: Vec<usize>,
}

/// Finds where everything stands.
///
/// # Errors
/// Where the text is not JSON, even with comments.
pub(super) fn scan(text: &str) -> Result<Tree, Flaw> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut scanner = Scanner { text, at: start, last: start, open: false, nodes: Vec::new(), around: Vec::new() };
    scanner.blanks()?;
    if scanner.peek().is_none() {
        return Ok(Tree { nodes: Vec::new(), root: None });
    }
    scanner.value()?;
    while let Some(container) = scanner.around.last().copied() {
        scanner.step(container)?;
    }
    scanner.blanks()?;
    match scanner.peek() {
        None => Ok(Tree { nodes: scanner.nodes, root: Some(0) }),
        Some(_) => Err(scanner.flaw(scanner.at, "something follows after the end of the value")),
    }
}

impl Scanner<'_> {
    fn flaw(&self, at: usize, why: impl Into<String>) -> Flaw {
        Flaw { line: Some(line_of(self.text, at)), why: why.into() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes so many bytes as a token.
    fn take(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
        self.last = self.at;
        self.open = false;
    }

    /// Passes over blanks and comments.
    fn blanks(&mut self) -> Result<(), Flaw> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') if self.rest().starts_with("//") => {
                    let rest = self.rest();
                    let length = rest.find('\n').unwrap_or(rest.len());
                    let length = rest.get(..length).unwrap_or_default().trim_end_matches('\r').len();
                    self.take(length);
                    self.open = true;
                }
                Some(b'/') if self.rest().starts_with("/*") => match self.rest().find("*/") {
                    Some(length) if length >= 2 => self.take(length + 2),
                    // `/*/` does not end itself.
                    Some(_) => match self.rest().get(3..).and_then(|rest| rest.find("*/")) {
                        Some(length) => self.take(length + 5),
                        None => return Err(self.flaw(self.at, "the comment that begins here has no end")),
                    },
                    None => return Err(self.flaw(self.at, "the comment that begins here has no end")),
                },
                _ => return Ok(()),
            }
        }
    }

    /// Takes a value; of a container only its opening bracket.
    fn value(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(_) => Kind::Other,
            None => return Err(self.flaw(start, "it ends where a value should be")),
        };
        match kind {
            Kind::Object | Kind::Array => {
                self.take(1);
                self.around.push(self.nodes.len());
            }
            Kind::String => {
                self.string()?;
            }
            Kind::Other => {
                let ends = |c: char| c.is_whitespace() || ",:]}[{\"/".contains(c);
                let length = self.rest().find(ends).unwrap_or(self.rest().len());
                let word = self.rest().get(..length).unwrap_or_default();
                if serde_json::from_str::<IgnoredAny>(word).is_err() {
                    return Err(self.flaw(
                        start,
                        "a value should be here: a string in double quotes, a number, true, false, null, [ or {",
                    ));
                }
                self.take(length);
            }
        }
        let node = Node { kind, span: start..self.at, entries: Vec::new(), tail: self.at, open_tail: false };
        self.nodes.push(node);
        Ok(())
    }

    fn string(&mut self) -> Result<Range<usize>, Flaw> {
        let start = self.at;
        let mut escaped = false;
        let length = self.rest().bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(length) = length.map(|length| length + 2) else {
            return Err(self.flaw(start, "the string that begins here has no end"));
        };
        let string = self.rest().get(..length).unwrap_or_default();
        if let Err(error) = serde_json::from_str::<IgnoredAny>(string) {
            let why = error.to_string();
            let why = why.split(" at line").next().unwrap_or_default();
            return Err(self.flaw(start, format!("this is not a string of JSON: {why}")));
        }
        self.take(length);
        Ok(start..self.at)
    }

    /// One step in a container: its end, a comma, or what is next in it.
    fn step(&mut self, container: usize) -> Result<(), Flaw> {
        self.blanks()?;
        let Some((kind, start, waits)) = self.nodes.get(container).map(|node| {
            let waits = node.entries.last().is_some_and(|entry| entry.comma.is_none());
            (node.kind, node.span.start, waits)
        }) else {
            return Err(self.flaw(self.at, "it cannot be read"));
        };
        let close = if kind == Kind::Object { b'}' } else { b']' };
        let (tail, open_tail, at) = (self.last, self.open, self.at);
        match self.peek() {
            None => {
                let line = line_of(self.text, start);
                let bracket = if kind == Kind::Object { '{' } else { '[' };
                Err(self.flaw(at, format!("it ends inside the '{bracket}' of line {line}")))
            }
            Some(byte) if byte == close => {
                self.take(1);
                self.around.pop();
                let end = self.at;
                if let Some(node) = self.nodes.get_mut(container) {
                    (node.span.end, node.tail, node.open_tail) = (end, tail, open_tail);
                }
                Ok(())
            }
            Some(b',') if waits => {
                self.take(1);
                if let Some(entry) = self.nodes.get_mut(container).and_then(|node| node.entries.last_mut()) {
                    entry.comma = Some(at);
                }
                Ok(())
            }
            Some(_) if waits => Err(self.flaw(at, format!("a ',' or '{}' is missing here", char::from(close)))),
            Some(_) => {
                let key = if kind == Kind::Object { Some(self.key()?) } else { None };
                let value = self.nodes.len();
                if let Some(node) = self.nodes.get_mut(container) {
                    node.entries.push(Entry {
                        key,
                        value,
                        start: at,
                        before: tail,
                        behind_open: open_tail,
                        comma: None,
                    });
                }
                self.value()
            }
        }
    }

    /// Takes the name of a member and what stands between it and its value.
    fn key(&mut self) -> Result<Range<usize>, Flaw> {
        if self.peek() != Some(b'"') {
            return Err(self.flaw(self.at, "a name in double quotes or '}' is missing here"));
        }
        let key = self.string()?;
        self.blanks()?;
        if self.peek() != Some(b':') {
            return Err(self.flaw(self.at, "a ':' is missing here"));
        }
        self.take(1);
        self.blanks()?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_with_comments_is_read_and_nothing_else() {
        for good in [
            "",
            " \n",
            "// c",
            "/* c */",
            "/**/",
            "/*/ */ {}",
            "{}",
            "\u{feff}{}",
            "[1, -2.5e3, true, null, \"\\u00e9\"]",
            "{\"a\": [1, 2,], // c\n \"b\": {}, }",
            "{\"a\"/*1*/:/*2*/1/*3*/}",
            "{\"a\":1}//",
            "\"\\\\\"",
        ] {
            assert!(scan(good).is_ok(), "{good:?}: {:?}", scan(good));
        }
        for (bad, line) in [
            ("{", 1),
            ("{\n", 2),
            ("{,}", 1),
            ("[1,,2]", 1),
            ("{\"a\" 1}", 1),
            ("{\"a\":}", 1),
            ("{'a':1}", 1),
            ("{a:1}", 1),
            ("{}\n{}", 2),
            ("{\"a\":1\n\"b\":2}", 2),
            ("[1 2]", 1),
            ("/* c", 1),
            ("/*/", 1),
            ("\"a", 1),
            ("\"\n\"", 1),
            ("01", 1),
            ("NaN", 1),
            ("{}\n# c", 2),
            ("]", 1),
            ("[}", 1),
            ("{\"a\":1]", 1),
            ("\"\\x\"", 1),
            ("/", 1),
        ] {
            assert_eq!(scan(bad).unwrap_err().line, Some(line), "{bad:?}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let depth = 100_000;
        let text = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(scan(&text).unwrap().nodes.len(), depth);
        assert!(scan(&"{\"a\":".repeat(depth)).is_err());
    }

    #[test]
    fn positions_are_those_of_the_text() {
        let text = "{ \"a\": 1, // c\n \"b\": [] // d\n}";
        let tree = scan(text).unwrap();
        let root = tree.node(tree.root.unwrap()).unwrap();
        assert_eq!(root.span, 0..text.len());
        assert!(root.open_tail && text[..root.tail].ends_with("// d"));
        let [a, b] = &root.entries[..] else { panic!() };
        assert_eq!((&text[a.key.clone().unwrap()], a.comma), ("\"a\"", text.find(',')));
        assert!(text[..b.before].ends_with("// c") && text[b.start..].starts_with("\"b\""));
    }
}
