//! Killed at any call.
