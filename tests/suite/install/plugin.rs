//! The plugin of OpenCode, run by node.
