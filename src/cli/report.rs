//! The only printer: data on stdout, talk on stderr.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Code, Failure, escape};
use crate::fs;

/// Written out in pieces of this size, in bytes.
const PIECE: usize = 64 * 1024;

/// How output is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Format {
    /// JSON instead of lines, for data and talk.
    pub json: bool,
    /// No talk.
    pub quiet: bool,
}

/// What a command says.
#[derive(Debug)]
pub(super) struct Report {
    format: Format,
    command: String,
    again: Vec<String>,
    pending: Vec<u8>,
    failed: Option<io::Error>,
    changed: bool,
    passed: u8,
    warned: RefCell<BTreeSet<String>>,
}

impl Report {
    /// A report in this format.
    #[must_use]
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            command: String::new(),
            again: Vec::new(),
            pending: Vec::new(),
            failed: None,
            changed: false,
            passed: 0,
            warned: RefCell::default(),
        }
    }

    /// Of this command, with these flags in the commands that it tells people to run next.
    #[must_use]
    pub(super) fn of(self, command: &str, flags: Vec<String>) -> Self {
        Self { command: command.to_owned(), again: flags, ..self }
    }

    /// Whether data is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.format.json
    }

    /// One record of data: a line of columns separated by tabs, or one JSON object.
    pub(super) fn data<T: Serialize>(&mut self, columns: &[&str], json: impl FnOnce() -> T) {
        if self.format.json {
            self.line(&escape::json(&json()));
        } else {
            let mut first = true;
            for column in columns {
                if !first {
                    self.pending.push(b'\t');
                }
                first = false;
                self.pending.extend_from_slice(escape::line(column).as_bytes());
            }
            self.pending.push(b'\n');
            self.flush_if_large();
        }
    }

    /// Bytes as they are, which the reader of this output gave us; for a filter. Written at once; whether they got out.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> bool {
        self.pending.extend_from_slice(bytes);
        self.flush();
        self.failed.is_none()
    }

    /// A line of JSON that was made elsewhere.
    pub(super) fn json_line(&mut self, line: &str) {
        self.line(&escape::json_text(line.trim_end_matches('\n').to_owned()));
    }

    /// Lines for whoever reads stderr.
    pub(super) fn tell(&self, text: &str) {
        if !text.is_empty() {
            self.talk(&Value::Null, || escape::lines(text).trim_end_matches('\n').to_owned());
        }
    }

    /// Puts out what is pending.
    pub(super) fn put_out(&mut self) {
        self.flush();
    }

    /// Puts out what is pending, and tells whether all data has got out to somebody: not if stdout failed, and not if it
    /// is `/dev/null`, as it is too when it was closed from the start.
    pub(super) fn is_out(&mut self) -> bool {
        self.flush();
        self.failed.is_none() && !fs::is_null(&io::stdout())
    }

    /// Data that is a whole text of its own: help, completions.
    pub(super) fn text(&mut self, text: &str) {
        if self.format.json {
            self.line(&escape::json(&json!({ "text": text })));
        } else {
            self.line(escape::lines(text).trim_end_matches('\n'));
        }
    }

    /// The help, for somebody who did not ask for it; programs have no use for it.
    pub(super) fn guide(&self, text: &str) {
        if !self.format.json {
            self.talk(&Value::Null, || escape::lines(text).into_owned());
        }
    }

    /// Says that the state has been changed: should the data not get out, the error will mention it.
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// Says that the exit code is to be that of a command which was run.
    pub(super) fn pass_on(&mut self, code: u8) {
        self.passed = code;
    }

    /// The exit code of a command which was run, where nothing else has gone wrong.
    #[must_use]
    pub(super) fn passed(&self) -> u8 {
        self.passed
    }

    /// A remark.
    pub(super) fn note(&self, message: &str) {
        if !self.format.quiet {
            self.talk(&json!({ "note": message }), || format!("swarmlock: {}", escape::line(message)));
        }
    }

    /// A remark that is not silenced: something went wrong that the exit code does not tell. Said once, however often a
    /// command looks.
    pub(super) fn warning(&self, message: &str) {
        if !self.warned.borrow_mut().insert(message.to_owned()) {
            return;
        }
        self.talk(&json!({ "warning": message }), || format!("swarmlock: warning: {}", escape::line(message)));
    }

    /// Why the command fails. Not silenced: scripts that want silence have the exit code and `2>/dev/null`.
    pub(super) fn failure(&self, failure: &Failure) {
        // What has just failed leads nowhere.
        let same = format!("swarmlock {}", self.command);
        let leads_nowhere = |next: &String| *next == same && failure.code != Code::Attention;
        let next = failure.next.iter().map(|next| if leads_nowhere(next) { "swarmlock --help" } else { next });
        let next: Vec<String> = next.map(|command| self.with_flags(command)).collect();
        self.talk(&json!({ "error": failure.to_json(&next) }), || {
            let mut text = format!("swarmlock: {}", escape::line(&failure.message));
            for help in &failure.help {
                text.push_str("\nhelp: ");
                text.push_str(&escape::line(help));
            }
            for next in &next {
                text.push_str("\nnext: ");
                text.push_str(&escape::line(next));
            }
            text
        });
    }

    /// Writes out what is left. A stdout that was closed from the start counts as /dev/null.
    #[must_use]
    pub(super) fn finish(mut self, code: Code) -> Code {
        self.flush();
        let Some(error) = &self.failed else { return code };
        let after = if self.changed { "; the change itself took place" } else { "" };
        self.failure(&Failure::new(Code::Failed, format!("write stdout: {error}{after}")));
        code.max(Code::Failed)
    }

    fn line(&mut self, text: &str) {
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.push(b'\n');
        self.flush_if_large();
    }

    fn flush_if_large(&mut self) {
        if self.pending.len() >= PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            let mut stdout = io::stdout().lock();
            self.failed = stdout.write_all(&self.pending).and_then(|()| stdout.flush()).err();
        }
        self.pending.clear();
    }

    /// The command with the flags that it does not have itself and needs.
    fn with_flags(&self, command: &str) -> String {
        if command == "swarmlock --help" && !self.command.is_empty() {
            return format!("swarmlock {} --help", self.command);
        }
        let Some(rest) = command.strip_prefix("swarmlock ") else { return command.to_owned() };
        let mut whole = String::from("swarmlock");
        for flag in &self.again {
            let name = flag.split(' ').next().unwrap_or_default();
            if !command.split(' ').any(|word| word == name || word == "--help" || word == "--version") {
                whole.push(' ');
                whole.push_str(flag);
            }
        }
        format!("{whole} {rest}")
    }

    fn talk(&self, json: &Value, text: impl FnOnce() -> String) {
        let mut text = if self.format.json { escape::json(json) } else { text() };
        text.push('\n');
        // At once: agents that share a terminal must not share a line. There is nowhere left to say that stderr is gone.
        match io::stderr().lock().write_all(text.as_bytes()) {
            Ok(()) | Err(_) => {}
        }
    }
}
