//! Patterns over paths.

/// A pattern over canonical paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(Vec<u8>);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// Nothing in it.
    Empty,
}

impl std::fmt::Display for GlobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a pattern is at least one character")
    }
}

impl Glob {
    /// Checks a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &[u8]) -> Result<Self, GlobError> {
        if text.is_empty() { Err(GlobError::Empty) } else { Ok(Self(text.to_vec())) }
    }

    /// Its text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Text that matches exactly this.
    #[must_use]
    pub fn escape(literal: &[u8]) -> Vec<u8> {
        literal.to_vec()
    }
}
