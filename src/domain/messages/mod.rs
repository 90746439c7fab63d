//! Messages between agents: what they may hold, how they are shown, and when something is due. Pure.

mod kind;

pub use kind::{Kind, UnknownKind};
