//! Locks for coding agents that work in one checkout, as plain files in `.agent_locks/`.
//!
//! The layers, bottom up: `fs`, `store`, `domain`, `config`, `host` and `checkout`, `cli`; each uses only what
//! `tests/architecture.rs` allows. The command line is a thin reader of arguments over them; other programs may use the
//! library in the same way.

pub mod checkout;
pub mod cli;
pub mod config;
pub mod domain;
pub mod fs;
pub mod host;
pub mod store;
