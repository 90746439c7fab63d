//! The end of what a command said.

use crate::{domain::redact::Redactor, store::RECORD_LOG_LIMIT};

/// Keeps the last bytes of what passes through, and counts all of it.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    kept: Vec<u8>,
    total: u64,
}

/// The end of what a command said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    /// The last of it.
    pub bytes: Vec<u8>,
    /// Whether there was more before: then the first line is not whole, and is left out.
    pub cut: bool,
}

impl Tail {
    /// Takes in what was said next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let last = bytes.get(bytes.len().saturating_sub(RECORD_LOG_LIMIT)..).unwrap_or_default();
        self.kept.extend_from_slice(last);
        // Twice as much is kept before it is cut, so that the rest is rarely moved.
        if self.kept.len() > 2 * RECORD_LOG_LIMIT {
            self.kept.drain(..self.kept.len() - RECORD_LOG_LIMIT);
        }
    }

    /// How much was said in all, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What is kept.
    #[must_use]
    pub fn finish(mut self) -> LogTail {
        self.kept.drain(..self.kept.len().saturating_sub(RECORD_LOG_LIMIT));
        LogTail { cut: self.kept.len() as u64 != self.total, bytes: self.kept }
    }
}

impl LogTail {
    /// As it is stored: without secrets, at most [`RECORD_LOG_LIMIT`] bytes, from the beginning of a line.
    ///
    /// A secret whose name or beginning was cut off could not be told from text; so what is left of a first line goes.
    /// Of a block of lines that only together are one, as a private key, whose first line was cut off, each line is
    /// judged by itself.
    #[must_use]
    pub fn stored(&self, redactor: &Redactor) -> Vec<u8> {
        let whole = if self.cut { from_next_line(&self.bytes) } else { &self.bytes };
        let redacted = redactor.redact_bytes(whole);
        let over = redacted.len().saturating_sub(RECORD_LOG_LIMIT);
        // A mask may be longer than what it masks.
        let end = redacted.get(over..).unwrap_or_default();
        if over > 0 { from_next_line(end).to_vec() } else { end.to_vec() }
    }
}

fn from_next_line(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|b| *b == b'\n').and_then(|end| bytes.get(end + 1..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_all_is_counted() {
        for piece in [1, 7, 4096, RECORD_LOG_LIMIT, 3 * RECORD_LOG_LIMIT] {
            let mut tail = Tail::default();
            let all: Vec<u8> = (0..400_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
            all.chunks(piece).for_each(|bytes| tail.push(bytes));
            assert_eq!(tail.total(), 400_000);
            let end = tail.finish();
            assert!(end.cut && end.bytes == all[400_000 - RECORD_LOG_LIMIT..], "in pieces of {piece}");
        }
        let mut tail = Tail::default();
        tail.push(b"short");
        assert_eq!(tail.finish(), LogTail { bytes: b"short".to_vec(), cut: false });
    }

    #[test]
    fn what_is_stored_has_no_secret_no_half_line_and_a_limit() {
        let stored = |bytes: &[u8], cut| LogTail { bytes: bytes.to_vec(), cut }.stored(&Redactor::default());
        assert_eq!(stored(b"a\xff\npassword=hunter22\n", false), b"a\xff\npassword=***\n");
        assert_eq!(stored(b"unter22\nb\n", true), b"b\n", "the rest of a line whose beginning was cut off");
        assert_eq!(stored(b"unter22", true), b"");
        let masked = "a=1 pwd=xy\n".repeat(RECORD_LOG_LIMIT / 11);
        let stored = stored(masked.as_bytes(), false);
        assert!(stored.len() <= RECORD_LOG_LIMIT && stored.starts_with(b"a=1"), "{}", stored.len());
    }
}
