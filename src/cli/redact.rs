//! `redact`: a filter that takes secrets out of text.

use std::io::{ErrorKind, Read as _};

use clap::{ArgMatches, Args as _};
use serde_json::json;

use super::{Code, Context, Failure, Outcome, Report, Spec, args};
use crate::domain::redact::{Filter, Piece};

pub(super) const SPEC: Spec = Spec {
    name: "redact",
    aliases: &[],
    about: "Copy stdin to stdout with *** in place of secrets",
    prints: "the text, line by line; with --check, the number of each line with a secret",
    args: Args::augment_args,
    run: redact,
};

/// Read at a time, in bytes.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, clap::Args)]
struct Args {
    /// Print no text, only the numbers of lines with a secret; exit with 20 if there is one
    #[arg(long)]
    check: bool,
}

fn redact(matches: &ArgMatches, context: &Context, report: &mut Report) -> Outcome {
    let Args { check } = args::of(matches)?;
    let redactor = context.redactor(report)?;
    let mut filter = Filter::new(&redactor);
    let mut sink = Sink { check, json: context.format().json, line: 1, told: 0, found: false, raw: Vec::new() };
    let mut chunk = vec![0; CHUNK];
    let mut stdin = std::io::stdin().lock();
    loop {
        let read = match stdin.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failure::new(Code::Failed, format!("read stdin: {error}")).next("swarmlock redact --help"));
            }
        };
        filter.take(chunk.get(..read).unwrap_or_default(), &mut |piece| sink.put(&piece, report));
        // Nobody reads any more: the end of the stream may never come.
        if !sink.write(report) {
            return Ok(Code::Done);
        }
    }
    filter.finish(&mut |piece| sink.put(&piece, report));
    sink.write(report);
    Ok(if check && sink.found { Code::Attention } else { Code::Done })
}

/// Where the lines go.
struct Sink {
    check: bool,
    json: bool,
    /// The number of the line that comes next.
    line: u64,
    /// The last line that was told to have a secret.
    told: u64,
    found: bool,
    raw: Vec<u8>,
}

impl Sink {
    fn put(&mut self, piece: &Piece<'_>, report: &mut Report) {
        self.found |= piece.redacted;
        if self.check {
            if piece.redacted && self.told != self.line {
                self.told = self.line;
                report.data(&[&self.line.to_string()], || json!({ "line": self.line, "redacted": true }));
            }
        } else if self.json {
            let text = String::from_utf8_lossy(&piece.text);
            report.data(&[], || json!({ "line": self.line, "redacted": piece.redacted, "text": text }));
        } else {
            self.raw.extend_from_slice(&piece.text);
            self.raw.extend_from_slice(piece.end);
        }
        self.line += u64::from(piece.end.ends_with(b"\n"));
    }

    /// Whether stdout still takes what is said.
    fn write(&mut self, report: &mut Report) -> bool {
        let out = report.raw(&self.raw);
        self.raw.clear();
        out
    }
}
