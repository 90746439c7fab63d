//! Messages between agents: what they may hold, how they are shown, and when something is due. Pure.

mod kind;
mod select;

pub use kind::{Kind, UnknownKind};
pub use select::{Chosen, PrefixError, prefix};
