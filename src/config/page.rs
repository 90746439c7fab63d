//! `docs/config.md` and an empty `config.toml`, both made from the table of keys.

use std::fmt::Write as _;

use super::{Config, KEYS};

/// The page: what stands in the file, who reads it, and every key.
#[must_use]
pub fn page() -> String {
    let defaults = Config::default();
    let mut rows = String::new();
    for key in KEYS {
        let row = format!("| `{}` | `{}` | {} | {} |\n", key.name, key.value(&defaults), key.takes(), key.about);
        rows.push_str(&row);
    }
    format!("{HEAD}{rows}{TAIL}\n```toml\n{}```\n", template())
}

/// A `config.toml` with every key, each commented out with its default.
#[must_use]
pub fn template() -> String {
    let defaults = Config::default();
    let mut text =
        String::from("# Settings of swarmlock, read by every command. A key that is not set has its default.\n");
    for key in KEYS {
        // Writing to a string cannot fail.
        match write!(text, "\n# {}: {}.\n# {} = {}\n", key.about, key.takes(), key.name, key.value(&defaults)) {
            Ok(()) | Err(_) => {}
        }
    }
    text
}

const HEAD: &str = "# Configuration

Made from the program by `scripts/docs`; a test compares the two.

`config.toml` in the state directory, in [TOML](https://toml.io), at most 64 KiB. It is optional; swarmlock reads it and never writes it.
`swarmlock init` makes the directory where there is none yet, `swarmlock config path` says where the file belongs, `swarmlock config template` prints one with every key commented out, `swarmlock config
check` says whether it is valid, and `swarmlock config show` what is in force and where each value comes from. A flag goes before the
file, the file before the default.

| key | default | takes | meaning |
|---|---|---|---|
";

const TAIL: &str = "
Durations are text: `\"90s\"`, `\"5m\"`, `\"1h30m\"`. Patterns are best written in single quotes, in which a backslash is just that.

## What is refused

| what | commands that change something | commands that only look |
|---|---|---|
| an unknown key or table, a key twice, a wrong type, a value out of its range, text that is no TOML or no UTF-8, too large | 78 | a warning, and the defaults |
| a link, a directory, a FIFO or anything else than a regular file; another owner; writable for others; a second hard link | 73 | a warning, and the defaults |
| the kernel refuses to open or read it | 1 | a warning, and the defaults |

A change by limits that nobody meant would be a guess, and a missed pattern of `redact` would store a secret; so changes wait until the
file is mended, `release` too. Looking needs no limit, and who holds what is never hidden by a slip in this file: `check`, `who`, `list`,
`status`, `history`, `wait` and `runs` answer as ever (`runs cancel` is a change). `config check`, `config show` and `config path` change nothing, and `check` and `show` end with the
code of a change. Hooks go on with the defaults and say so at each call, with `fail = \"open\"` too: an agent that cannot work would not mend the file.

## The whole file
";
