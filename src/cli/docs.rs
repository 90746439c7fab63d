//! `docs/commands.md`, made from the parser itself.

use clap::Command;

use super::{COMMANDS, Code, command};

/// The page: every command with its help, and the exit codes.
#[must_use]
pub fn commands_page() -> String {
    let mut page = String::from(
        "# Commands\n\nMade from the program by `scripts/docs`; a test compares the two.\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n",
    );
    for code in Code::ALL {
        page.push_str(&format!("| {} | {} |\n", code.number(), code.meaning()));
    }
    let mut root = command().term_width(100);
    root.build();
    page.push_str(&section("swarmlock", &mut root));
    for spec in COMMANDS {
        if let Some(sub) = root.find_subcommand_mut(spec.name) {
            page.push_str(&section(&format!("swarmlock {}", spec.name), sub));
        }
    }
    page
}

fn section(title: &str, command: &mut Command) -> String {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("\n## {title}\n\n```text\n{}\n```\n", lines.join("\n").trim_end())
}
