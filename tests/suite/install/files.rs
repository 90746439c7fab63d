//! Files that must not be touched, and those that are made.
