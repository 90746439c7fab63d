//! Messages, attacked: by many senders and readers at once, by kills and errors at every system call, by a disk that is
//! full. Each has a control: something unsafe in the same harness that the harness catches.

mod acks;
mod flow;
mod full;
mod kills;
mod lines;
mod naive;
mod reader;
mod rotation;
mod sweep;
mod sweep_judge;
mod sweep_table;
pub mod when;

use std::process::Child;

use crate::{
    harness::{Run, Site},
    proof::soak,
};

const PROCESSES: usize = 16;

/// A rotation at every few messages, and no limits.
const CONFIG: &str = "message_rate = 1000000\nmessage_rate_all = 1000000\nmessage_window = '1s'\n\
                      message_log_size = 65536\nguard_wait = '60s'\n";

/// A checkout with these settings besides, and these agents.
fn site(settings: &str, agents: &[&str]) -> Site {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    site.plant("config.toml", format!("{CONFIG}{settings}"));
    for agent in agents {
        site.agent(agent).run(["agents", "register"]).expect(0);
    }
    site
}

/// A process that is killed with this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The numbers of the messages that a call of `inbox --json` shows; none if its output was cut short.
fn shown(run: &Run) -> Vec<u64> {
    let Some(page) = run.out.strip_suffix('\n').and_then(|line| serde_json::from_str(line).ok()) else {
        return Vec::new();
    };
    let page: serde_json::Value = page;
    let items = page["items"].as_array().unwrap().iter();
    items.filter_map(|item| item["message"]["seq"].as_u64()).collect()
}
