//! Why a text is no pattern.

use std::fmt;

/// What is wrong with a pattern. Positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// There is nothing.
    Empty,
    /// More bytes than a path can have.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// It holds a NUL, which no path can.
    Nul,
    /// A `[` or `{` without its end.
    Unclosed {
        /// `[` or `{`.
        open: char,
        /// Where it stands.
        at: usize,
    },
    /// It ends with a `\` that has nothing to make literal.
    DanglingEscape,
    /// A range whose end is before its start, as `[z-a]`.
    ReversedRange {
        /// Where its bracket opens.
        at: usize,
    },
    /// `[:alpha:]` and its like, which are not supported.
    NamedClass {
        /// Where its bracket opens.
        at: usize,
    },
    /// It starts or ends with `/`, or has two in a row.
    EmptyComponent,
    /// A component that is `.` or `..`.
    DotComponent {
        /// `.` or `..`.
        component: &'static str,
    },
    /// Braces in braces in braces.
    TooDeep {
        /// How deep they may be.
        limit: usize,
    },
    /// Too many steps to compare it with another in time.
    TooLarge {
        /// How many there are, or as many as were counted.
        steps: usize,
        /// The most there may be.
        limit: usize,
    },
    /// No path matches it.
    MatchesNothing,
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the pattern is empty; '**' is every path"),
            Self::TooLong { bytes, limit } => {
                write!(f, "the pattern has {bytes} bytes, more than {limit}; take a shorter one, or lock a directory")
            }
            Self::Nul => f.write_str("the pattern holds a NUL, which no path can; leave it out"),
            Self::Unclosed { open, at } => {
                let close = if *open == '[' { ']' } else { '}' };
                write!(
                    f,
                    "the '{open}' at character {at} of the pattern has no '{close}'; close it, or write '\\{open}' for the character"
                )
            }
            Self::DanglingEscape => {
                f.write_str("the pattern ends with a '\\' that has nothing after it; write '\\\\' for the character")
            }
            Self::ReversedRange { at } => {
                write!(f, "a range in the '[' at character {at} of the pattern ends before it starts; turn it round")
            }
            Self::NamedClass { at } => {
                write!(f, "the '[' at character {at} of the pattern names a class; write the characters, as '[a-z0-9]'")
            }
            Self::EmptyComponent => {
                f.write_str("the pattern starts or ends with '/', or has two in a row; leave out the '/' too many")
            }
            Self::DotComponent { component } => {
                write!(f, "'{component}' cannot be part of a pattern; write the path without it, from the root")
            }
            Self::TooDeep { limit } => {
                write!(f, "the braces of the pattern are more than {limit} deep; take several patterns")
            }
            Self::TooLarge { steps, limit } => {
                write!(
                    f,
                    "the pattern is too large to compare: {steps} steps or more, of at most {limit}; take several smaller ones, or lock a directory"
                )
            }
            Self::MatchesNothing => f.write_str("no path can match the pattern; '?' and '[…]' do not match '/'"),
        }
    }
}

impl std::error::Error for GlobError {}
