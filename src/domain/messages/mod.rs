//! Messages between agents: what they may hold, how they are shown, and when something is due. Pure.

mod clean;
mod frame;
mod kind;
mod neutral;
mod rate;
mod schedule;
mod select;
mod text;

pub use clean::{clean, in_place};
pub use frame::Frame;
pub use kind::{Kind, UnknownKind};
pub use neutral::neutral;
pub use rate::{Limits, Tally, Wait, Whose};
pub use schedule::{FirstWait, FirstWaitError, Step, next_at, step};
pub use select::{Chosen, PrefixError, prefix};
pub use text::{LIMIT, Text, TextError, one_line, prepare};
