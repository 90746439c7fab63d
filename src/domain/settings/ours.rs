//! Which commands in settings are ours: by what they call.

/// The program that hooks call, as it was started.
#[derive(Clone, Debug)]
pub struct Binary {
    /// What a shell calls it by, not quoted: `swarmlock` or an absolute path.
    pub word: String,
}

/// The name of our program.
const NAME: &str = "swarmlock";
/// Its command.
const HOOK: &str = "hook";

/// What a command is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// It has nothing to do with us.
    Foreign,
    /// It calls us in some way that a person has thought of.
    Wrapper,
    /// It is one call of ours, with these arguments behind `hook`; by `word`.
    Own { word: String, args: Vec<String> },
}

impl Binary {
    /// The hook for an event of a harness, as a shell reads it.
    #[must_use]
    pub fn command(&self, event: &str, harness: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,=:".contains(c);
        let word = if !self.word.is_empty() && self.word.chars().all(plain) {
            self.word.clone()
        } else {
            format!("'{}'", self.word.replace('\'', r"'\''"))
        };
        format!("{word} {HOOK} {event} --harness {harness}")
    }

    /// Whether this word names our program, wherever it stands.
    fn is_named(&self, word: &str) -> bool {
        let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
        let name = last(word);
        name == NAME || name == last(&self.word)
    }

    /// What a command is to us.
    pub(super) fn recognise(&self, command: &str) -> Command {
        let words = words(command);
        let called = words.windows(2).position(|pair| match pair {
            [Word::Plain(program), Word::Plain(hook)] => self.is_named(program) && hook == HOOK,
            _ => false,
        });
        match called {
            None => Command::Foreign,
            Some(0) if !words.contains(&Word::Operator) => {
                let mut plain = words.into_iter().filter_map(|word| match word {
                    Word::Plain(text) => Some(text),
                    Word::Operator => None,
                });
                let word = plain.next().unwrap_or_default();
                Command::Own { word, args: plain.skip(1).collect() }
            }
            Some(_) => Command::Wrapper,
        }
    }
}

/// A word of a shell's line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    /// Something that makes more of it than one call: `;`, `|`, `&`, `>`, `$(`.
    Operator,
}

/// The words of a line, as far as a shell's quotes go. Nothing is expanded.
fn words(line: &str) -> Vec<Word> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() && c != '\n' => found.extend(word.take().map(Word::Plain)),
            (None, ';' | '|' | '&' | '<' | '>' | '(' | ')' | '`' | '\n') => {
                found.extend(word.take().map(Word::Plain));
                found.push(Word::Operator);
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word.map(Word::Plain));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_ours_by_what_it_calls() {
        let binary = Binary { word: "/opt/x y/swarmlock-2".to_owned() };
        let own = |command: &str| matches!(binary.recognise(command), Command::Own { .. });
        assert!(
            own("swarmlock hook Stop --harness codex")
                && own("/old/swarmlock hook Stop")
                && own("'/a b/swarmlock' hook x")
        );
        assert!(own(&binary.command("Stop", "codex")) && own("  swarmlock   hook"));
        for wrapper in [
            "timeout 3 swarmlock hook Stop",
            "X=1 swarmlock hook Stop",
            "swarmlock hook Stop || true",
            "a; /b/swarmlock hook Stop",
            "swarmlock hook Stop 2>/dev/null",
        ] {
            assert_eq!(binary.recognise(wrapper), Command::Wrapper, "{wrapper}");
        }
        for foreign in [
            "",
            "swarmlock",
            "swarmlock status",
            "hook",
            "echo 'swarmlock hook'",
            "swarmlocker hook x",
            "swarmlock; hook",
            "\"",
            "\\",
        ] {
            assert_eq!(binary.recognise(foreign), Command::Foreign, "{foreign}");
        }
    }

    #[test]
    fn a_path_is_quoted_for_the_shell() {
        let command = |word: &str| Binary { word: word.to_owned() }.command("Stop", "codex");
        assert_eq!(command("swarmlock"), "swarmlock hook Stop --harness codex");
        assert_eq!(command("/it's $HOME/swarmlock"), r"'/it'\''s $HOME/swarmlock' hook Stop --harness codex");
    }
}
