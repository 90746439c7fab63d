//! The hooks of harnesses: what their calls say, what is to be remembered of them, and what is answered. Pure.

mod ledger;

pub use ledger::{Ledger, Loss, Taken};
