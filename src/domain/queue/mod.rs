//! Waiting in line (docs/protocol.md 5): tickets, who may go, and who would wait for ever. Pure.

mod cycle;
mod line;
mod ticket;

pub use cycle::cycle;
pub use line::{Entry, Fate, Presence, Turn, fates, keeps_back};
pub use ticket::{Keep, Stand, Ticket, TicketState, stand};
pub(super) use ticket::{NewTicket, TURN_AWAY_MS};
