//! Hooks of harnesses: what they say, what they want to write, and how they are answered (docs/hooks.md).
//!
//! A harness starts `swarmlock hook EVENT` with a JSON object on its standard input. Here that object is read, our
//! answer is put into the harness's words, and what is remembered of an agent follows from the log. Nothing here touches
//! a file.

mod answer;
mod harness;
mod input;
mod json;
mod ledger;
mod moment;
mod patch;
mod payload;
mod shell;
mod tool;
mod unprotected;

pub use answer::{Answer, Rendered, Verdict};
pub use harness::Harness;
pub use ledger::{Ledger, Loss, Part, Taken};
pub use moment::Moment;
pub use payload::{BadPayload, Payload, is_whole};
pub use shell::{LONGEST_PATH, names_us, shell_command, with_command};
pub use tool::{BadEditTool, EditTool, MOST_FILES, Writes, writes};

#[cfg(test)]
mod tests;
pub use unprotected::Unprotected;
